// Rates and latencies at a glance: from the totals of the feed's stats, and from the requests that the page has seen.

import { coalesced, count, h, rate, seconds, UNKNOWN } from "./dom.js";
import { colour, prepare } from "./marbles.js";
import { failed } from "./store.js";

/** Seconds that a figure looks back. */
const WINDOW = 60;
/** Seconds over which a rate is taken at least. */
const SHORTEST = 5;
/** A sample a second; the line under a figure shows these. */
const SAMPLES = 120;

/** The value below which `share` of the sorted values lie. */
export function percentile(sorted, share) {
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] : undefined;
}

/** How many requests ended since the gateway's start, those refused at once included. */
const ended = (stats) => (stats?.requests ? stats.requests.total + (stats.requests.refused ?? 0) : undefined);

/** What the last minute says. `samples`: earlier {at, total} of the same gateway, oldest first. */
export function glance(store, samples) {
  const since = store.now - WINDOW;
  const firsts = [];
  let flying = 0;
  let done = 0;
  let errors = 0;
  let tokens = 0;
  /** Of what is known, when the first one ended: of a busy gateway, or of one just opened, less than the window is known. */
  let known = store.now;
  for (const request of store.byKey.values()) {
    if (!request.outcome) flying += 1;
    if (request.first_event !== undefined && request.at + request.first_event >= since) firsts.push(request.first_event);
    if (!request.outcome) continue;
    const at = request.at + (request.seconds ?? 0);
    known = Math.min(known, at);
    if (at < since) continue;
    done += 1;
    errors += failed(request) ? 1 : 0;
    tokens += request.usage?.output ?? 0;
  }
  firsts.sort((a, b) => a - b);
  const total = ended(store.stats);
  const earlier = samples.find((sample) => sample.at >= since);
  const span = earlier ? store.now - earlier.at : 0;
  return {
    flying: store.stats?.requests?.active ?? flying,
    perSecond: total !== undefined && span >= 1 ? Math.max(0, total - earlier.total) / span : undefined,
    errorShare: done ? errors / done : undefined,
    p50: percentile(firsts, 0.5),
    p95: percentile(firsts, 0.95),
    tokens: done ? tokens / Math.min(WINDOW, Math.max(SHORTEST, store.now - known)) : undefined,
  };
}

const percent = (share) => (share === undefined ? UNKNOWN : `${share && share < 0.0995 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`);

const FIGURES = [
  { name: "In flight", of: "flying", show: count, title: "Requests whose answer is under way" },
  { name: "Requests/s", of: "perSecond", show: rate, title: "Requests that ended, a second, in the last minute" },
  { name: "Errors", of: "errorShare", show: percent, title: "Share of the requests ended in the last minute that failed", alarm: (v) => v >= 0.05 },
  { name: "First word p50", of: "p50", show: seconds, title: "Median time to the first word, last minute" },
  { name: "First word p95", of: "p95", show: seconds, title: "One in twenty waits longer than this for the first word" },
  { name: "Tokens/s", of: "tokens", show: rate, title: "Output tokens of the requests ended in the last minute, a second" },
];

export class Glance {
  constructor(host, store) {
    this.store = store;
    this.samples = [];
    this.cells = FIGURES.map((figure) => {
      const value = h("dd", {}, UNKNOWN);
      const line = h("canvas", { class: "spark", "aria-hidden": "true" });
      host.append(h("div", { title: figure.title }, h("dt", {}, figure.name), value, line));
      return { figure, value, line, past: [] };
    });
    this.paint = coalesced(() => this.cells.forEach(drawLine));
  }

  /** After a message, and after a change of colours. */
  update() {
    const now = glance(this.store, this.samples);
    const last = this.samples.at(-1);
    const sampled = this.store.stats !== null && (!last || this.store.now - last.at >= 1);
    if (sampled) {
      this.samples.push({ at: this.store.now, total: ended(this.store.stats) });
      if (this.samples.length > SAMPLES) this.samples.shift();
    }
    for (const cell of this.cells) {
      const value = now[cell.figure.of];
      const text = cell.figure.show(value);
      if (cell.value.textContent !== text) cell.value.textContent = text;
      cell.value.classList.toggle("alarm", Boolean(cell.figure.alarm?.(value)));
      if (!sampled) continue;
      cell.past.push(value ?? null);
      if (cell.past.length > SAMPLES) cell.past.shift();
    }
    if (sampled) this.paint();
  }
}

function drawLine({ line, past }) {
  const drawn = prepare(line);
  if (!drawn || past.length < 2) return;
  const { pen, width, height } = drawn;
  const most = Math.max(...past, 0) || 1;
  pen.strokeStyle = colour("--spark");
  pen.lineWidth = 1.25;
  pen.beginPath();
  past.forEach((value, index) => {
    if (value === null) return;
    const x = width - ((past.length - 1 - index) * width) / (SAMPLES - 1);
    pen.lineTo(x, height - 1 - (value / most) * (height - 2));
  });
  pen.stroke();
}
