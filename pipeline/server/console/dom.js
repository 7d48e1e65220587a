// Elements and words. Every text that comes from outside becomes a text node: nothing in this page parses HTML.

/** An element with attributes, listeners (`onclick`) and children; null, undefined and false children are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Run at most once a frame, however often it is asked for. `flush()`: run now what was asked for and waits for its frame. */
export function coalesced(work) {
  let asked = false;
  const run = () => {
    if (!asked) return;
    asked = false;
    work();
  };
  const ask = () => {
    if (!asked) requestAnimationFrame(run);
    asked = true;
  };
  return Object.assign(ask, { flush: run });
}

/** Render into `host` only when what is rendered changed: what a person selected or focused stays. */
export function renderer(host) {
  let shown;
  return (facts, render) => {
    const now = JSON.stringify(facts);
    if (now === shown) return;
    shown = now;
    host.replaceChildren(...[render(facts)].flat(Infinity).filter(Boolean));
  };
}

const known = (value) => typeof value === "number" && Number.isFinite(value);
export const UNKNOWN = "–";

/** Seconds in the unit that reads best. */
export function seconds(value) {
  if (!known(value)) return UNKNOWN;
  if (value < 0.000_95) return `${Math.round(value * 1e6)} µs`;
  if (value < 0.009_95) return `${(value * 1e3).toFixed(1)} ms`;
  if (value < 0.999_5) return `${Math.round(value * 1e3)} ms`;
  if (value < 9.995) return `${value.toFixed(2)} s`;
  if (value < 99.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  return whole < 3600 ? `${Math.floor(whole / 60)}m ${String(whole % 60).padStart(2, "0")}s` : `${(whole / 3600).toFixed(1)} h`;
}

/** Seconds of an axis or a countdown, which are whole steps: without zeros that would feign precision. */
export const step = (value) => seconds(value).replace(/(\.\d*?)0+(?= )/, (_, kept) => (kept === "." ? "" : kept));

/** A text of ours, in which backquotes stand around what is code. */
export const marked = (text) => text.split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));

/** A count: exact up to five digits, then in thousands and millions. */
export function count(value) {
  if (!known(value)) return UNKNOWN;
  if (value < 100_000) return Math.round(value).toLocaleString("en");
  return value < 1e6 ? `${(value / 1e3).toFixed(0)}k` : `${(value / 1e6).toFixed(2)}M`;
}

/** A rate: a decimal where it matters. */
export const rate = (value) => (known(value) ? (value < 9.95 ? value.toFixed(1) : count(value)) : UNKNOWN);

export function bytes(value) {
  if (!known(value)) return UNKNOWN;
  if (value < 1024) return `${value} B`;
  return value < 1024 * 1024 ? `${(value / 1024).toFixed(1)} KiB` : `${(value / 1024 / 1024).toFixed(1)} MiB`;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-CA", { dateStyle: "short" });

/** The time of day of Unix seconds. */
export const timeOfDay = (at) => (known(at) ? clock.format(at * 1000) : UNKNOWN);

/** Date and time with milliseconds. */
export function moment(at) {
  if (!known(at)) return UNKNOWN;
  const fraction = String(Math.floor((at % 1) * 1000)).padStart(3, "0");
  return `${day.format(at * 1000)} ${clock.format(at * 1000)}.${fraction}`;
}

/** One, two or five times a power of ten (whole minutes above a minute): the step of an axis of at most `most` steps. */
export function niceStep(span, most) {
  const wanted = span / Math.max(1, most);
  const above = [60, 120, 300, 600, 1200, 1800, 3600].find((step) => step >= wanted);
  if (wanted > 30) return above ?? Math.ceil(wanted / 3600) * 3600;
  const power = 10 ** Math.floor(Math.log10(Math.max(wanted, 1e-6)));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= wanted * 0.999);
}
