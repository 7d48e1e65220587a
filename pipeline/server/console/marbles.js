// Marble diagrams: a line of time, a sign for each mark. A kind has a shape as well as a colour, so that neither is needed alone.

/** kind -> [colour (a custom property), shape, what it is]. The order is that of the legend. */
export const KINDS = {
  text: ["--text", "disc", "text"],
  reasoning: ["--reasoning", "ring", "reasoning"],
  tool: ["--tool", "square", "a tool call"],
  refusal: ["--refusal", "triangle", "a refusal"],
  usage: ["--usage", "diamond", "usage"],
  beat: ["--faint", "tick", "a heartbeat"],
  head: ["--usage", "caret", "the response's head"],
  opened: ["--usage", "caret", "the answer opened"],
  bytes: ["--usage", "dot", "bytes"],
  other: ["--usage", "dot", "another event"],
  error: ["--error", "cross", "an error"],
  end: ["--fg", "bar", "complete"],
  completed: ["--fg", "bar", "the stream ended"],
  dispose: ["--usage", "gate", "let go"],
  subscribe: ["--faint", "tick", "asked"],
};
const PLAIN = KINDS.other;
/** Kinds that say where a row ends; nothing is joined with them. */
const SINGLE = new Set(["error", "end", "completed", "dispose", "subscribe", "head", "opened"]);
/** Marks of a kind that are closer than this (pixels) become one run. */
const CLOSE = 7;

let colours = new Map();
/** Custom properties are read once a theme, not once a dot. */
export function forgetColours() {
  colours = new Map();
}
export function colour(name) {
  let value = colours.get(name);
  if (!value) colours.set(name, (value = getComputedStyle(document.documentElement).getPropertyValue(name).trim()));
  return value;
}

/**
 * Marks as they are drawn: neighbours of one kind that would touch are one run.
 *
 * `x(t)` turns seconds into pixels. Each run: {kind, from, to (pixels), began, ended (seconds), bytes, events, inner (pixels of
 * its marks)}.
 */
export function runs(marks, x) {
  const found = [];
  let last;
  for (const [t, kind, size, events] of marks) {
    const at = x(t);
    if (last && last.kind === kind && !SINGLE.has(kind) && at - last.to < CLOSE) {
      last.to = at;
      last.ended = t;
      last.bytes += size ?? 0;
      last.events += events ?? 1;
      last.inner.push(at);
    } else {
      last = { kind, from: at, to: at, began: t, ended: t, bytes: size ?? 0, events: events ?? 1, inner: [at] };
      found.push(last);
    }
  }
  return found;
}

/** A canvas fit for the screen's pixels, cleared; null while it has no size. */
export function prepare(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !height) return null;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

/** One run at height `y`, `r` pixels around its line. */
export function drawRun(pen, run, y, r) {
  const [name, shape] = KINDS[run.kind] ?? PLAIN;
  const { from, to } = run;
  pen.fillStyle = pen.strokeStyle = colour(name);
  pen.lineWidth = 1.5;
  pen.beginPath();
  switch (shape) {
    case "disc":
      pen.roundRect(from - r, y - r, to - from + 2 * r, 2 * r, r);
      pen.fill();
      break;
    case "ring":
      pen.roundRect(from - r + 0.75, y - r + 0.75, to - from + 2 * r - 1.5, 2 * r - 1.5, r);
      pen.fillStyle = colour("--bg");
      pen.fill();
      pen.stroke();
      break;
    case "square":
      pen.rect(from - r + 0.5, y - r + 0.5, to - from + 2 * r - 1, 2 * r - 1);
      pen.fill();
      break;
    case "triangle":
      pen.moveTo(from - r - 0.5, y + r);
      pen.lineTo(from, y - r - 0.5);
      pen.lineTo(to, y - r - 0.5);
      pen.lineTo(to + r + 0.5, y + r);
      pen.closePath();
      pen.fill();
      break;
    case "diamond":
      pen.moveTo(from - r, y);
      pen.lineTo(from, y - r);
      pen.lineTo(to, y - r);
      pen.lineTo(to + r, y);
      pen.lineTo(to, y + r);
      pen.lineTo(from, y + r);
      pen.closePath();
      pen.fill();
      break;
    case "dot":
      pen.roundRect(from - r / 2, y - r / 2, to - from + r, r, r / 2);
      pen.fill();
      break;
    case "tick":
      pen.moveTo(from, y - r + 1);
      pen.lineTo(from, y + r - 1);
      pen.stroke();
      break;
    case "caret":
      pen.moveTo(from - r / 2, y - r + 1);
      pen.lineTo(from + r / 2, y);
      pen.lineTo(from - r / 2, y + r - 1);
      pen.stroke();
      break;
    case "gate":
      pen.setLineDash([2, 2]);
      pen.moveTo(from, y - r - 2);
      pen.lineTo(from, y + r + 2);
      pen.stroke();
      pen.setLineDash([]);
      break;
    case "bar":
      pen.lineWidth = 2;
      pen.moveTo(from, y - r - 2);
      pen.lineTo(from, y + r + 2);
      pen.stroke();
      break;
    case "cross":
      pen.lineWidth = 2;
      pen.moveTo(from - r, y - r);
      pen.lineTo(from + r, y + r);
      pen.moveTo(from + r, y - r);
      pen.lineTo(from - r, y + r);
      pen.stroke();
      break;
  }
}

/** Where one mark of a run ends and the next begins, as far as the eye can tell them apart: a run still shows its pace. */
function drawJoints(pen, run, y, r) {
  if (run.inner.length < 2 || run.kind === "bytes") return;
  pen.strokeStyle = colour(run.kind === "reasoning" ? "--reasoning" : "--bg");
  pen.globalAlpha = 0.55;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let index = 1; index < run.inner.length; index++) {
    if (run.inner[index] - run.inner[index - 1] < 3) continue;
    const x = Math.round((run.inner[index] + run.inner[index - 1]) / 2) + 0.5;
    pen.moveTo(x, y - r + 1.5);
    pen.lineTo(x, y + r - 1.5);
  }
  pen.stroke();
  pen.globalAlpha = 1;
}

/** A row: its line from `from` to `to` (pixels; open where it still goes on), then its marks, the semantic ones on top. */
export function drawRow(pen, marks, { x, y, r, from, to, open, faint }) {
  pen.strokeStyle = colour(faint ? "--rule" : "--wire");
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(from, y + 0.5);
  pen.lineTo(to, y + 0.5);
  pen.stroke();
  const found = runs(marks, x);
  for (const run of found) {
    drawRun(pen, run, y, r);
    drawJoints(pen, run, y, r);
  }
  if (open) {
    pen.strokeStyle = colour("--accent");
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.moveTo(to - 3, y - 3);
    pen.lineTo(to + 1, y + 0.5);
    pen.lineTo(to - 3, y + 4);
    pen.stroke();
  }
  return found;
}

/** A sign of its own for the legend. */
export function sign(kind) {
  const canvas = document.createElement("canvas");
  canvas.className = "sign";
  canvas.setAttribute("aria-hidden", "true");
  requestAnimationFrame(() => {
    const drawn = prepare(canvas);
    if (drawn) drawRun(drawn.pen, { kind, from: drawn.width / 2, to: drawn.width / 2 }, drawn.height / 2, 4);
  });
  return canvas;
}
