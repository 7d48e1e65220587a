// The filter above the list: its choices are what was seen, so that none of them finds nothing.

import { h } from "./dom.js";
import { filter, outcomeOf } from "./store.js";

const FIELDS = [["model", "Model"], ["candidate", "Candidate"], ["dialect", "Dialect"], ["outcome", "Outcome"]];
/** Choices of one field at most; the free text finds the rest. */
const MOST = 200;

export class Filters {
  /** `changed()`: another filter holds. */
  constructor(host, changed) {
    this.text = h("input", { type: "search", id: "text", placeholder: "Filter: model, id, candidate, reason …", "aria-label": "Filter by text", autocomplete: "off", spellcheck: "false", oninput: changed });
    this.selects = Object.fromEntries(FIELDS.map(([field, name]) =>
      [field, h("select", { "aria-label": name, onchange: changed }, h("option", { value: "" }, `${name}: all`))]));
    this.errors = h("input", { type: "checkbox", id: "errors", onchange: changed });
    this.scale = h("input", { type: "checkbox", id: "scale", checked: true });
    this.told = h("output", { class: "told", for: "text" });
    const more = h("button", { type: "button", class: "more", "aria-expanded": "false", onclick: () => more.setAttribute("aria-expanded", host.classList.toggle("open")) }, "Filters");
    host.append(this.text, more, ...Object.values(this.selects), h("label", { for: "errors" }, this.errors, "Only errors"),
      h("label", { for: "scale", title: "Draw all rows on one scale of time, or each as wide as it can be (s)" }, this.scale, "One time scale"), this.told);
    host.addEventListener("submit", (event) => event.preventDefault());
    this.choices = Object.fromEntries(FIELDS.map(([field]) => [field, new Set()]));
    this.changed = changed;
  }

  get passes() {
    const chosen = Object.fromEntries(Object.entries(this.selects).map(([field, select]) => [field, select.value]));
    return filter({ ...chosen, text: this.text.value, errors: this.errors.checked });
  }

  get active() {
    return Boolean(this.text.value || this.errors.checked || Object.values(this.selects).some((select) => select.value));
  }

  clear() {
    this.text.value = "";
    this.errors.checked = false;
    for (const select of Object.values(this.selects)) select.value = "";
    this.changed();
  }

  toggleErrors() {
    this.errors.checked = !this.errors.checked;
    this.changed();
  }

  /** Learn what can be chosen from the requests seen. */
  learn(requests) {
    for (const request of requests) {
      this.#offer("model", request.model);
      this.#offer("candidate", request.candidate);
      for (const attempt of request.attempts) this.#offer("candidate", attempt.candidate);
      this.#offer("dialect", request.dialect);
      this.#offer("outcome", outcomeOf(request));
    }
  }

  #offer(field, value) {
    const known = this.choices[field];
    if (!value || known.has(value) || known.size >= MOST) return;
    known.add(value);
    const select = this.selects[field];
    const option = h("option", { value }, value.replaceAll("_", " "));
    const next = [...select.options].slice(1).find((other) => other.value > value);
    select.insertBefore(option, next ?? null);
  }

  /** How many of how many are shown. */
  tell(shown, all, leftOut) {
    const rest = leftOut ? `; ${leftOut} more in flight are not told` : "";
    const text = (shown === all ? `${all} requests` : `${shown} of ${all}`) + rest;
    if (this.told.textContent !== text) this.told.textContent = text;
  }
}
