// One request as a marble diagram: an axis of time, a lane of words for each attempt, a row of marks for each stage.

import { bytes, coalesced, h, niceStep, seconds, step as told } from "./dom.js";
import { colour, drawRow, KINDS, prepare } from "./marbles.js";
import { afterwards } from "./story.js";

const MARGIN = 10;
const NAMES = {
  wire: ["wire", "Bytes as the provider sent them"],
  decoded: ["events", "What they mean"],
  attempt: ["guarded", "After the guards of the attempt"],
  answer: ["answer", "What the chain lets through, whoever answered"],
  client: ["client", "Bytes written to the client"],
};

/** How a row begins and ends where nothing goes wrong. */
const QUIET = new Set(["subscribe", "end", "completed"]);
/** Whether a row says what no other does. What passes the guards of an attempt is seen as the answer: their own row tells only
 * what they stopped. */
const tells = (row) => row.stage !== "attempt" || row.marks.some(([, kind]) => !QUIET.has(kind));

/** What stands in the diagram, from the top: lanes with words and rows with marks. */
export function layout(request) {
  const parts = [];
  const rows = [...request.rows.values()];
  request.attempts.forEach((attempt, index) => {
    parts.push({ lane: attempt, then: afterwards(request, index), trips: request.trips.filter((each) => each.attempt === attempt.number) });
    for (const stage of ["wire", "decoded", "attempt"]) {
      const row = rows.find((each) => each.stage === stage && each.attempt === attempt.number);
      if (row && tells(row)) parts.push({ row, from: attempt.began, to: attempt.ended });
    }
  });
  const trips = request.trips.filter((each) => !each.attempt);
  parts.push({ lane: null, trips });
  for (const stage of ["answer", "client"]) {
    const row = rows.find((each) => each.stage === stage);
    if (row) parts.push({ row, from: 0, to: request.outcome ? request.seconds : undefined });
  }
  return parts;
}

/** How a row is told to those who do not see it. */
function inWords(row) {
  const kinds = new Map();
  for (const [, kind, , events] of row.marks) kinds.set(kind, (kinds.get(kind) ?? 0) + Math.max(1, events ?? 1));
  const told = [...kinds].map(([kind, times]) => `${times} ${kind}`);
  return `${NAMES[row.stage]?.[0] ?? row.stage}${row.attempt ? ` of attempt ${row.attempt}` : ""}: ${told.join(", ") || "nothing yet"}`;
}

export class Diagram {
  constructor(host) {
    this.axis = h("canvas", { class: "axis", "aria-hidden": "true" });
    this.tip = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
    this.body = h("div", { class: "stages" });
    host.append(h("div", { class: "diagram" }, h("div", { class: "part heads" }, h("span", {}), this.axis), this.body, this.tip));
    this.rows = [];
    this.shape = "";
    this.paint = coalesced(() => this.#paint());
    new ResizeObserver(this.paint).observe(this.body);
  }

  /** `lasted`: seconds so far. */
  show(request, lasted) {
    this.request = request;
    this.lasted = lasted;
    const parts = layout(request);
    // While only marks come, the elements stay: a lane is made anew when its words change.
    const shape = JSON.stringify(parts.map((part) => (part.row ? [part.row.stage, part.row.attempt] : [part.lane, part.then, part.trips])));
    if (shape !== this.shape) {
      this.shape = shape;
      this.rows = [];
      this.body.replaceChildren(...parts.map((part) => (part.row ? this.#row(part) : this.#lane(part))));
    }
    parts.filter((part) => part.row).forEach((part, index) => Object.assign(this.rows[index], part));
    this.paint();
  }

  #row({ row }) {
    const [name, title] = NAMES[row.stage] ?? [row.stage, ""];
    const canvas = h("canvas", { role: "img", "aria-label": inWords(row) });
    const drawn = { canvas, runs: [] };
    canvas.addEventListener("pointermove", (event) => this.#point(event, drawn));
    canvas.addEventListener("pointerleave", () => (this.tip.hidden = true));
    this.rows.push(drawn);
    return h("div", { class: "part" }, h("span", { class: "stage", title }, name), canvas);
  }

  /** Words that have a place in time: they are set from the left by `#paint`. */
  #lane({ lane, then, trips }) {
    const words = [];
    if (lane) {
      words.push(h("b", { class: "span", "data-from": lane.began, "data-to": lane.ended ?? "" }));
      words.push(h("span", { class: "word", "data-at": lane.began }, lane.candidate));
      if (lane.outcome === "error") {
        const turn = `✕ ${lane.reason}${then ? ` → ${then.what}` : ""}`;
        words.push(h("span", { class: `word ${then ? "failover" : "failed"}`, "data-at": lane.ended }, turn));
      } else if (lane.outcome === "let_go") {
        words.push(h("span", { class: "word", "data-at": lane.ended }, "let go"));
      }
    }
    for (const trip of trips) words.push(h("span", { class: "word trip", "data-at": trip.at, title: trip.message ?? "" }, `▼ ${trip.operator}`));
    const name = lane ? `attempt ${lane.number}` : "request";
    return h("div", { class: "part lane" }, h("span", { class: "stage" }, name), h("div", { class: "words" }, words));
  }

  #paint() {
    const width = this.axis.clientWidth;
    if (!width || !this.request) return;
    const span = Math.max(this.lasted, 0.001);
    const room = width - 2 * MARGIN;
    const x = (t) => MARGIN + (Math.min(t, span) / span) * room;
    const ticks = this.#drawAxis(span, room);
    for (const drawn of this.rows) {
      const { canvas, row, from, to } = drawn;
      const surface = prepare(canvas);
      if (!surface) continue;
      const { pen, height } = surface;
      pen.strokeStyle = colour("--rule");
      pen.lineWidth = 1;
      for (const tick of ticks) {
        pen.beginPath();
        pen.moveTo(Math.round(x(tick)) + 0.5, 0);
        pen.lineTo(Math.round(x(tick)) + 0.5, height);
        pen.stroke();
      }
      drawn.runs = drawRow(pen, row.marks, { x, y: Math.round(height / 2), r: 5, from: x(from ?? 0), to: x(to ?? span), open: to === undefined });
      const told = inWords(row);
      if (canvas.getAttribute("aria-label") !== told) canvas.setAttribute("aria-label", told);
    }
    this.#placeWords(x, span, width);
  }

  #drawAxis(span, room) {
    const drawn = prepare(this.axis);
    const step = niceStep(span, Math.max(2, Math.floor(room / 72)));
    const ticks = [];
    for (let at = 0; at <= span * 1.000_001; at += step) ticks.push(at);
    if (!drawn) return ticks;
    const { pen, width, height } = drawn;
    pen.font = `11px ${getComputedStyle(this.axis).fontFamily}`;
    pen.textBaseline = "middle";
    pen.fillStyle = colour("--dim");
    for (const at of ticks) {
      const words = at === 0 ? "0" : told(at);
      const half = pen.measureText(words).width / 2;
      pen.textAlign = "center";
      pen.fillText(words, Math.min(Math.max(MARGIN + (at / span) * room, half), width - half), height / 2);
    }
    return ticks;
  }

  /** Words stand at their time, none over another: they give way to the right first, and at the lane's end to the left. */
  #placeWords(x, span, width) {
    for (const lane of this.body.querySelectorAll(".words")) {
      const words = [];
      let free = 0;
      for (const word of lane.children) {
        if (word.dataset.from !== undefined) {
          const from = x(Number(word.dataset.from));
          const to = x(word.dataset.to === "" ? span : Number(word.dataset.to));
          word.style.left = `${from}px`;
          word.style.width = `${Math.max(1, to - from)}px`;
          continue;
        }
        const left = Math.max(free, x(Number(word.dataset.at)) - 4);
        free = left + word.offsetWidth + 8;
        words.push([word, left, word.offsetWidth]);
      }
      let end = width;
      for (const [word, left, wide] of words.reverse()) {
        const moved = Math.max(0, Math.min(left, end - wide));
        word.style.left = `${moved}px`;
        end = moved - 8;
      }
    }
  }

  #point(event, drawn) {
    const at = event.offsetX;
    const nearest = drawn.runs.reduce((best, run) => {
      const away = Math.max(run.from - at, at - run.to, 0);
      return away < 9 && (!best || away <= best.away) ? { away, run } : best;
    }, null);
    this.tip.hidden = !nearest;
    if (!nearest) return;
    const { run } = nearest;
    const when = run.ended > run.began ? `${seconds(run.began)} to ${seconds(run.ended)}` : seconds(run.began);
    const size = run.bytes ? `, ${bytes(run.bytes)}` : "";
    const events = run.events > 1 ? `, ${run.events} events` : "";
    this.tip.textContent = `${(KINDS[run.kind] ?? KINDS.other)[2]} at ${when}${size}${events}`;
    const box = this.tip.parentElement.getBoundingClientRect();
    const canvas = event.target.getBoundingClientRect();
    this.tip.style.top = `${canvas.top - box.top - 24}px`;
    this.tip.style.left = `${Math.max(0, Math.min(canvas.left - box.left + at - 40, box.width - this.tip.offsetWidth))}px`;
  }
}
