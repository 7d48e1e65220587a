// What the gateway is made of: models, candidates with their breakers, chains as `penstock show` prints them.

import { count, h, renderer, seconds, step, UNKNOWN } from "./dom.js";
import { failed } from "./store.js";
import { percentile } from "./rates.js";

/** Seconds that the figures of models and candidates look back. */
const WINDOW = 300;

const number = (content, what = "") => h("td", { class: `number ${what}` }, content);
const table = (label, heads, rows) => h("div", { class: "scrolling", tabindex: "0", role: "region", "aria-label": label },
  h("table", {}, h("thead", {}, h("tr", {}, heads.map(([name, what]) => h("th", { scope: "col", class: what ?? "" }, name)))), h("tbody", {}, rows)));
const share = (part, whole) => (whole ? `${Math.round((part / whole) * 100)} %` : UNKNOWN);

/** By model: requests, failures, the median to the first word, of what the page saw in the last minutes. */
function byModel(store) {
  const found = new Map();
  for (const request of recent(store)) {
    const of = entry(found, request.model, () => ({ requests: 0, flying: 0, failed: 0, firsts: [] }));
    of.requests += 1;
    of.flying += request.outcome ? 0 : 1;
    of.failed += failed(request) ? 1 : 0;
    if (request.first_event !== undefined) of.firsts.push(request.first_event);
  }
  return found;
}

/** By candidate: attempts, their failures by reason, the median until it accepts. */
function byCandidate(store) {
  const found = new Map();
  for (const request of recent(store)) {
    for (const attempt of request.attempts) {
      const of = entry(found, attempt.candidate, () => ({ attempts: 0, flying: 0, failed: 0, reasons: new Map(), opened: [] }));
      of.attempts += 1;
      if (!attempt.outcome) of.flying += 1;
      if (attempt.outcome === "error") {
        of.failed += 1;
        of.reasons.set(attempt.reason, (of.reasons.get(attempt.reason) ?? 0) + 1);
      }
      if (attempt.opened !== undefined) of.opened.push(attempt.opened - attempt.began);
    }
  }
  return found;
}

function* recent(store) {
  for (const request of store.byKey.values()) if (request.at >= store.now - WINDOW) yield request;
}
function entry(map, name, make) {
  let found = map.get(name);
  if (!found) map.set(name, (found = make()));
  return found;
}
const median = (values) => seconds(percentile(values.sort((a, b) => a - b), 0.5));

const SIGNS = { closed: "● closed", half_open: "◐ half open", open: "○ open" };

/** A candidate's breaker in words: with several workers each has its own. */
function breaker(states) {
  if (!states) return [h("span", { class: "breaker closed" }, "● closed"), h("span", { class: "fine" }, ", not asked yet")];
  const parts = ["open", "half_open", "closed"].filter((name) => states.states[name]);
  const workers = Object.values(states.states).reduce((a, b) => a + b, 0);
  return parts.map((name) => {
    const some = workers > 1 && states.states[name] < workers ? ` in ${states.states[name]} of ${workers} workers` : "";
    const rest = name === "open" && states.remaining ? `, tried again in ${step(states.remaining)}` : "";
    return h("span", { class: `breaker ${name}` }, `${SIGNS[name]}${some}${rest} `);
  });
}

export class Tables {
  constructor(hosts, store) {
    this.store = store;
    this.chains = null;
    this.render = Object.fromEntries(Object.entries(hosts).map(([name, host]) => [name, renderer(host)]));
  }

  /** Render the one that is shown; each only when its facts changed. */
  update(name) {
    if (!this.chains) return;
    const { models, providers, chains } = this.chains;
    if (name === "models") {
      const figures = byModel(this.store);
      this.render.models([models, [...figures]], () => [
        h("h2", {}, "Models"), h("p", { class: "fine" }, "What clients say, and who answers, in the order in which they are tried. Figures of the last five minutes, as this page saw them."),
        table("Models", [["Model"], ["Candidates, in order"], ["Chain"], ["Facts"], ["Requests", "number"], ["In flight", "number"], ["Failed", "number"], ["First word p50", "number"]],
          models.map((model) => modelRow(model, figures.get(model.model))))]);
    } else if (name === "candidates") {
      const figures = byCandidate(this.store);
      const states = this.store.candidates ?? {};
      const names = [...new Set([...models.flatMap((model) => model.candidates.map((each) => each.candidate)), ...Object.keys(states), ...figures.keys()])];
      this.render.candidates([names, states, [...figures].map(([key, of]) => [key, of, [...of.reasons]]), providers], () => [
        h("h2", {}, "Candidates"), h("p", { class: "fine" }, "A breaker opens when a candidate fails again and again, or asks to be left alone; then it is not tried. Figures of the last five minutes."),
        table("Candidates", [["Candidate"], ["Breaker"], ["Attempts", "number"], ["In flight", "number"], ["Failed", "number"], ["Reasons"], ["Accepts p50", "number"]],
          names.map((each) => candidateRow(each, states[each], figures.get(each)))),
        h("h2", {}, "Providers"),
        table("Providers", [["Provider"], ["Dialect"], ["Address"], ["Key"], ["Limits"]], providers.map((each) =>
          h("tr", {}, h("th", { scope: "row" }, each.provider), h("td", {}, each.dialect), h("td", {}, each.base_url), h("td", {}, each.key), h("td", {}, each.limits))))]);
    } else if (name === "chains") {
      this.render.chains(chains, () => [h("h2", {}, "Chains"),
        h("p", { class: "fine" }, "From the choice of candidates to the client's stream, with the reason for each place."), chains.map(chain)]);
    }
  }
}

function modelRow({ model, candidates, chain, facts }, of) {
  const each = candidates.map((candidate) => h("li", {}, candidate.candidate, candidate.facts && h("span", { class: "fine" }, ` ${candidate.facts}`)));
  return h("tr", {}, h("th", { scope: "row" }, model), h("td", {}, h("ol", {}, each)), h("td", {}, h("a", { href: "#/chains" }, chain)), h("td", {}, facts),
    number(count(of?.requests)), number(count(of?.flying)), number(share(of?.failed, of?.requests), of?.failed ? "failed" : ""), number(of ? median(of.firsts) : UNKNOWN));
}

function candidateRow(name, states, of) {
  const reasons = [...(of?.reasons ?? [])].map(([reason, times]) => `${reason} ${times}`).join(", ");
  return h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, breaker(states)), number(count(of?.attempts)), number(count(of?.flying)),
    number(share(of?.failed, of?.attempts), of?.failed ? "failed" : ""), h("td", {}, reasons), number(of ? median(of.opened) : UNKNOWN));
}

function chain({ chain, cases, positions }) {
  const rows = positions.flatMap(({ position, steps }) => (steps.length ? steps : [null]).map((step, index) =>
    h("tr", {}, index === 0 && h("th", { scope: "rowgroup", rowspan: Math.max(1, steps.length) }, position),
      h("td", {}, step ? [h("b", {}, step.as ? `${step.step} as ${step.as}` : step.step), " ", h("span", { class: "options" }, step.options)] : "none"),
      h("td", { class: "reason" }, step?.reason ?? ""))));
  return h("section", {}, h("h3", {}, chain, cases ? h("span", { class: "fine" }, `  ${cases} marble case${cases === 1 ? "" : "s"}`) : null),
    table(`Chain ${chain}`, [["Position"], ["Step"], ["Reason for its place"]], rows));
}
