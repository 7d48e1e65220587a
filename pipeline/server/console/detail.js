// One request: what happened, drawn and told; attempts, timings, usage, the error with advice.

import { bytes, count, h, marked, moment, renderer, seconds, step, UNKNOWN } from "./dom.js";
import { Diagram } from "./diagram.js";
import { outcomeClass, outcomeSign } from "./list.js";
import { outcomeOf } from "./store.js";
import { story, timings } from "./story.js";

const number = (content) => h("td", { class: "number" }, content);
const section = (title, ...content) => h("section", {}, h("h3", {}, title), content);
const scrolling = (label, table) => h("div", { class: "scrolling", tabindex: "0", role: "region", "aria-label": label }, table);

export class Detail {
  /** `closed()`: it wants to be closed. `advice(reason)`: what to do about an error. `say(words)`: a short notice. */
  constructor(host, { closed, advice, say }) {
    this.host = host;
    this.closed = closed;
    this.advice = advice;
    this.say = say;
    this.request = null;
  }

  /** Show another request, or none. */
  open(request, lasted) {
    this.request = null;
    this.host.replaceChildren();
    if (!request) return;
    const places = ["head", "error", "diagram", "attempts", "timings", "usage", "story", "bodies"];
    const hosts = Object.fromEntries(places.map((name) => [name, h("div", { class: `place ${name}` })]));
    this.host.append(...Object.values(hosts));
    this.diagram = new Diagram(hosts.diagram);
    this.render = Object.fromEntries(Object.entries(hosts).map(([name, place]) => [name, renderer(place)]));
    this.update(request, lasted);
  }

  /** The same request, of which more is known. */
  update(request, lasted) {
    this.request = request;
    const { rows, text, ...facts } = request;
    const took = seconds(lasted);
    const { render } = this;
    render.head([request.id, request.outcome, request.model, request.asked, request.candidate, took], () => this.#head(request, took));
    render.error([request.error, request.outcome], () => this.#error(request));
    this.diagram.show(request, lasted);
    render.attempts(facts.attempts, () => section("Attempts", attempts(request)));
    render.timings(timings(request), (spans) => section("Timings", bars(spans, lasted)));
    render.usage([facts.usage, facts.bytes_in, facts.bytes_out, facts.outcome], () => section("Usage", usage(request)));
    render.story([story(request)], ([lines]) => section("What happened", told(lines)));
    render.bodies([facts.request, facts.answer], () => bodies(request));
  }

  /** There is no such request any more. */
  missing(id, why) {
    this.open(null);
    this.host.append(h("div", { class: "place head" }, h("div", { class: "actions" }, this.#close()), h("h2", {}, id), h("p", {}, why)));
  }

  #close() {
    return h("button", { type: "button", onclick: this.closed, title: "Back to the list (Esc)" }, "Close");
  }

  #head(request, took) {
    const facts = [
      ["id", request.id], ["taken", moment(request.at)], ["dialect", request.dialect + (request.stream ? ", streamed" : ", whole")],
      ["chain", request.chain], ["caller", request.caller], ["worker", request.worker], ["configuration", request.config],
      ["status", request.status],
    ].filter(([, value]) => value !== undefined && value !== "");
    const link = `${location.origin}${location.pathname}#/request/${encodeURIComponent(request.id)}`;
    return [
      h("div", { class: "actions" }, this.#copy("Copy id", request.id), this.#copy("Copy link", link), this.#close()),
      h("h2", {}, h("span", { class: `mark ${outcomeClass(request)}` }, `${outcomeSign(request)} ${outcomeOf(request).replaceAll("_", " ")}`),
        ` ${request.asked || request.model}`),
      h("p", { class: "who" }, request.candidate ? `answered by ${request.candidate}, ` : "", took),
      h("dl", { class: "facts" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value))))),
    ];
  }

  #copy(label, value) {
    const copied = () => this.say(`Copied: ${value}`);
    const refused = () => this.say("The browser does not allow it.");
    return h("button", { type: "button", onclick: () => navigator.clipboard?.writeText(value).then(copied, refused) ?? refused() }, label);
  }

  #error(request) {
    if (!request.error) return null;
    const { reason, message } = request.error;
    const advice = this.advice(reason);
    return h("section", { class: "fault" },
      h("h3", {}, `✕ ${reason}`), message && h("p", {}, message), advice && h("p", { class: "advice" }, marked(advice)));
  }
}

function attempts(request) {
  const heads = ["#", "Candidate", "Asked", "Accepted", "Ended", "Outcome", "Status", "Said"];
  const rows = request.attempts.map((each) => {
    const outcome = each.outcome === "error" ? `✕ ${each.reason ?? "error"}` : (each.outcome ?? "in flight").replaceAll("_", " ");
    const phase = each.outcome === "error" && each.phase ? ` (${each.phase === "setup" ? "before the first word" : "after the first word"})` : "";
    const again = each.retry_after ? ` Again in ${step(each.retry_after)}.` : "";
    return h("tr", {}, number(each.number), h("th", { scope: "row" }, each.candidate), number(seconds(each.began)), number(seconds(each.opened)),
      number(seconds(each.ended)), h("td", { class: each.outcome === "error" ? "outcome failed" : "outcome" }, outcome + phase),
      number(each.status ?? UNKNOWN), h("td", { class: "said" }, (each.message ?? "") + again));
  });
  if (!rows.length) return h("p", { class: "fine" }, "No candidate was asked.");
  return scrolling("Attempts", h("table", {}, h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows)));
}

function bars(spans, lasted) {
  if (!spans.length) return h("p", { class: "fine" }, "Nothing is known yet.");
  const whole = Math.max(lasted, spans.at(-1)[2], 1e-9);
  return h("table", { class: "timings" }, h("tbody", {}, spans.map(([name, from, to]) => {
    const bar = h("span", { class: "bar" });
    bar.style.marginLeft = `${(from / whole) * 100}%`;
    bar.style.width = `${Math.max(((to - from) / whole) * 100, 0.5)}%`;
    return h("tr", {}, h("th", { scope: "row" }, name), number(seconds(to - from)), h("td", { class: "track" }, bar));
  })));
}

function usage(request) {
  const known = request.usage ?? {};
  const writing = request.seconds - request.first_event;
  const facts = [
    ["input", count(known.input)], ["from cache", count(known.cache_read)], ["to cache", count(known.cache_write)],
    ["output", count(known.output)], ["of it reasoning", count(known.reasoning)],
    ["tokens a second", known.output > 1 && writing > 0 ? count(known.output / writing) : UNKNOWN],
    ["bytes in", bytes(request.bytes_in)], ["bytes out", bytes(request.bytes_out)],
  ];
  return h("dl", { class: "facts numbers" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function told(lines) {
  return h("ol", { class: "story" }, lines.map(([at, words, what]) =>
    h("li", { class: what }, h("span", { class: "number" }, at === null ? "" : seconds(at)), h("span", {}, words))));
}

function bodies(request) {
  const parts = [];
  const open = (title, text) => h("details", {}, h("summary", {}, title), h("pre", { tabindex: "0" }, text));
  if (request.request !== undefined) parts.push(open("Request", JSON.stringify(request.request, null, 2)));
  if (request.answer !== undefined) parts.push(open("Answer", request.answer));
  return parts.length ? section("Bodies", parts) : null;
}
