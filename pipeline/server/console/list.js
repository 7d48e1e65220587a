// The requests, newest first: only the rows that can be seen exist, and each is drawn at most once a frame.

import { coalesced, count, h, niceStep, seconds, step as told, timeOfDay, UNKNOWN } from "./dom.js";
import { colour, drawRow, drawRun, prepare } from "./marbles.js";
import { notes } from "./story.js";
import { failed, FLYING, outcomeOf } from "./store.js";

/** Rows drawn above and below what is seen, so that scrolling shows no gap. */
const SPARE = 4;
/** Pixels left free at both ends of a strip, for the half of a sign. */
const MARGIN = 8;
const COLUMNS = ["Time", "Outcome", "Model", "Candidate", "Dialect", "Answer", "First", "Total", "Tokens"];
const CLASSES = ["time", "outcome", "model", "candidate", "dialect", "strip", "first", "total", "tokens"];

/** The sign before an outcome: it is told by more than its colour. */
export function outcomeSign(request) {
  if (!request.outcome) return "▸";
  if (request.outcome === "ok") return "✓";
  return request.outcome === "client_left" ? "↩" : "✕";
}
export function outcomeClass(request) {
  if (!request.outcome) return "flying";
  return failed(request) ? "failed" : request.outcome === "ok" ? "ok" : "left";
}

/** The marks of what the client got: the answer's, or where only other rows are known, the nearest. */
function answerMarks(request) {
  const rows = request.rows;
  return (rows.get("answer/") ?? rows.get("client/"))?.marks ?? [];
}

export class List {
  /**
   * `scale`: the box that says whether all rows share one scale of time. `chosen(request)`: a row was taken. `fresh()`: show what
   * waits for its frame. Whoever types faster than frames are drawn means the rows of the filter just set, not those still seen.
   */
  constructor(host, store, scale, chosen, fresh) {
    this.store = store;
    this.scale = scale;
    this.chosen = chosen;
    this.fresh = fresh;
    this.shown = [];
    this.selected = null;
    this.axis = h("canvas", { class: "axis", "aria-hidden": "true" });
    const heads = COLUMNS.map((name, index) =>
      h("span", { role: "columnheader", class: CLASSES[index] }, name === "Answer" ? [h("span", { class: "unseen" }, name), this.axis] : name));
    this.body = h("div", { class: "rows", role: "rowgroup" });
    this.empty = h("p", { class: "empty" });
    this.newest = h("button", { type: "button", class: "newest", hidden: true, onclick: () => (this.grid.scrollTop = 0) }, "↑ To the newest");
    /** Whether the mouse is over the rows. */
    this.pointed = false;
    this.grid = h("div", { class: "grid", role: "grid", tabindex: "0", "aria-label": "Requests, newest first", "aria-colcount": COLUMNS.length },
      h("div", { class: "row heads", role: "row" }, heads), this.body);
    host.append(this.grid, this.newest, this.empty);
    this.pool = [];
    this.draw = coalesced(() => this.#draw());
    this.grid.addEventListener("scroll", this.draw, { passive: true });
    // By keyboard only: a pointer focuses, too, and the row under it must stay there until it is released.
    this.grid.addEventListener("focus", () => !this.selected && this.grid.matches(":focus-visible") && this.move(0));
    this.body.addEventListener("pointerenter", (event) => (this.pointed = event.pointerType === "mouse"));
    this.body.addEventListener("pointerleave", () => (this.pointed = false));
    new ResizeObserver(this.draw).observe(this.grid);
    scale.addEventListener("change", this.draw);
  }

  toggleScale() {
    this.scale.checked = !this.scale.checked;
    this.draw();
  }

  /** Show these requests. At the top the newest come in; whoever scrolled down, or points at a row, keeps it under the eyes. */
  show(requests, emptyText) {
    const height = this.#rowHeight();
    const top = Math.floor(this.grid.scrollTop / height);
    const anchor = top > 0 || this.pointed ? this.shown[top]?.key : null;
    this.shown = requests;
    this.empty.textContent = requests.length ? "" : emptyText;
    this.empty.hidden = requests.length > 0;
    const moved = anchor ? requests.findIndex((each) => each.key === anchor) - top : 0;
    if (moved && moved + top >= 0) {
      // The rows below must be there before one can scroll to them.
      this.body.style.height = `${requests.length * height}px`;
      this.grid.scrollTop += moved * height;
    }
    this.draw();
  }

  select(key, { reveal = false } = {}) {
    this.selected = key;
    if (reveal && key) this.#reveal(this.shown.findIndex((each) => each.key === key));
    this.draw();
  }

  /** Move the selection by so many rows; Infinity and -Infinity go to the ends. */
  move(by) {
    this.fresh();
    if (!this.shown.length) return;
    const at = this.shown.findIndex((each) => each.key === this.selected);
    const to = at < 0 ? 0 : Math.max(0, Math.min(this.shown.length - 1, at + by));
    this.select(this.shown[to].key, { reveal: true });
  }

  get current() {
    this.fresh();
    return this.shown.find((each) => each.key === this.selected) ?? null;
  }

  get page() {
    return Math.max(1, Math.floor(this.grid.clientHeight / this.#rowHeight()) - 2);
  }

  #rowHeight() {
    return parseFloat(getComputedStyle(this.grid).getPropertyValue("--row")) || 34;
  }

  #reveal(index) {
    if (index < 0) return;
    const height = this.#rowHeight();
    const room = this.grid.clientHeight - height;
    const top = index * height;
    if (top < this.grid.scrollTop) this.grid.scrollTop = top;
    else if (top + height > this.grid.scrollTop + room) this.grid.scrollTop = top + height - room;
  }

  #draw() {
    if (!this.grid.clientHeight) return;
    const height = this.#rowHeight();
    this.body.style.height = `${this.shown.length * height}px`;
    this.newest.hidden = this.grid.scrollTop < height;
    const first = Math.max(0, Math.floor(this.grid.scrollTop / height) - SPARE);
    const last = Math.min(this.shown.length, Math.ceil((this.grid.scrollTop + this.grid.clientHeight) / height) + SPARE);
    while (this.pool.length < last - first) this.pool.push(this.#newRow());
    this.grid.setAttribute("aria-rowcount", this.shown.length + 1);
    let longest = 0;
    for (let index = first; index < last; index++) longest = Math.max(longest, this.store.lasted(this.shown[index]));
    // Whole steps, so that the scale does not change with every message.
    const step = niceStep(longest || 1, 6);
    const span = Math.ceil((longest || 1) / step) * step;
    this.#drawAxis(span);
    let active = "";
    this.pool.forEach((row, place) => {
      const request = first + place < last ? this.shown[first + place] : null;
      row.element.hidden = !request;
      if (!request) return;
      this.#fill(row, request, first + place, height);
      drawStrip(row.canvas, request, this.store, this.scale.checked ? span : null);
      if (request.key === this.selected) active = row.element.id;
    });
    if (active) this.grid.setAttribute("aria-activedescendant", active);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  #newRow() {
    const cells = Object.fromEntries(CLASSES.map((name) => [name, h("span", { role: "gridcell", class: name })]));
    const canvas = h("canvas", { "aria-hidden": "true" });
    cells.strip.append(canvas);
    const row = { cells, canvas, told: {} };
    row.element = h("div", { class: "row", role: "row", id: `row-${this.pool.length}`, hidden: true }, Object.values(cells));
    row.element.addEventListener("click", () => this.chosen(row.request));
    this.body.append(row.element);
    return row;
  }

  #fill(row, request, index, height) {
    row.request = request;
    const { element, told } = row;
    element.style.transform = `translateY(${index * height}px)`;
    element.setAttribute("aria-rowindex", index + 2);
    element.setAttribute("aria-selected", request.key === this.selected);
    element.classList.toggle("odd", index % 2 === 1);
    const say = (name, key, ...content) => {
      // Writing what stands there already would cost a layout.
      if (told[name] === String(key)) return;
      told[name] = String(key);
      row.cells[name].replaceChildren(...content.filter(Boolean));
    };
    const outcome = outcomeOf(request);
    say("time", request.at, timeOfDay(request.at));
    say("outcome", outcome, h("span", { class: `mark ${outcomeClass(request)}` }, `${outcomeSign(request)} ${outcome.replaceAll("_", " ")}`));
    say("model", request.model + request.asked, h("span", { title: request.asked ?? "" }, request.asked || request.model || UNKNOWN));
    const unusual = notes(request);
    const who = request.candidate ?? request.attempts.at(-1)?.candidate ?? UNKNOWN;
    say("candidate", `${who} ${JSON.stringify(unusual)}`, h("span", { class: "who" }, who),
      unusual.length > 0 && h("span", { class: "notes" }, unusual.map((note) => h("span", { class: `note ${note.what}` }, note.words))));
    say("dialect", request.dialect, request.dialect ?? UNKNOWN);
    say("first", request.first_event, seconds(request.first_event));
    say("total", seconds(this.store.lasted(request)), seconds(this.store.lasted(request)));
    say("tokens", request.usage?.output, count(request.usage?.output));
    element.classList.toggle("flying", outcome === FLYING);
  }

  #drawAxis(span) {
    const drawn = prepare(this.axis);
    if (!drawn || !this.scale.checked) return;
    const { pen, width, height } = drawn;
    const room = width - 2 * MARGIN;
    const step = niceStep(span, Math.max(1, Math.floor(room / 64)));
    pen.font = `11px ${getComputedStyle(this.axis).fontFamily}`;
    pen.textBaseline = "middle";
    for (let at = 0; at <= span * 1.001; at += step) {
      const x = MARGIN + (at / span) * room;
      pen.fillStyle = colour("--dim");
      pen.textAlign = at === 0 ? "left" : at >= span * 0.999 ? "right" : "center";
      pen.fillText(at === 0 ? "0" : told(at), at === 0 ? x - 4 : at >= span * 0.999 ? x + 6 : x, height / 2);
    }
  }
}

/** The strip of a request: its answer's marks, and over them where attempts failed and guards stopped something. */
function drawStrip(canvas, request, store, span) {
  const drawn = prepare(canvas);
  if (!drawn) return;
  const { pen, width, height } = drawn;
  const lasted = store.lasted(request);
  const room = width - 2 * MARGIN;
  const x = (t) => MARGIN + (Math.min(t, span ?? lasted) / (span ?? (lasted || 1))) * room;
  const y = Math.round(height / 2);
  drawRow(pen, answerMarks(request), { x, y, r: 4, from: x(0), to: x(lasted), open: !request.outcome });
  for (const attempt of request.attempts) {
    if (attempt.outcome === "error" && attempt.ended !== undefined) {
      drawRun(pen, { kind: "error", from: x(attempt.ended), to: x(attempt.ended) }, y, 3.5);
    }
  }
  pen.fillStyle = colour("--warn");
  for (const trip of request.trips) {
    const at = x(trip.at);
    pen.beginPath();
    pen.moveTo(at, y - 5);
    pen.lineTo(at - 4, y - 12);
    pen.lineTo(at + 4, y - 12);
    pen.fill();
  }
}
