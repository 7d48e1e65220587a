// Keys and signs, and the colours' switch.

import { h } from "./dom.js";
import { forgetColours, KINDS, sign } from "./marbles.js";

const KEYS = [
  ["↑ ↓, k j", "another request"], ["Page ↑ ↓, Home, End", "further ones"], ["Enter", "show it"], ["Esc", "back"], ["/", "filter"], ["e", "only errors"],
  ["s", "one scale of time, or each row its own"], ["p", "pause the feed"], ["1 2 3 4", "requests, models, candidates, chains"], ["t", "colours"], ["?", "this page"],
];
/** Kinds of the legend: those that say the same share a sign. */
const SHOWN = ["text", "reasoning", "tool", "refusal", "usage", "bytes", "head", "beat", "error", "end", "dispose"];

export function fillHelp(dialog) {
  dialog.replaceChildren(
    h("h2", { id: "keys-title" }, "Keys and signs"),
    h("div", { class: "halves" },
      h("dl", {}, KEYS.map(([key, what]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)))),
      h("ul", { class: "legend" }, SHOWN.map((kind) => h("li", {}, sign(kind), KINDS[kind][2])),
        h("li", {}, h("span", { class: "sign trip", "aria-hidden": "true" }, "▼"), "a guard stopped something"))),
    h("form", { method: "dialog" }, h("button", { class: "main", autofocus: true }, "Close")),
  );
}

const THEMES = ["auto", "light", "dark"];

/** As the system wants it, light, dark. `changed()`: what is drawn must be drawn anew. */
export class Theme {
  constructor(button, changed) {
    this.button = button;
    this.changed = changed;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.use(this.name));
    this.use(localStorage.getItem("penstock-theme") ?? "auto");
    button.addEventListener("click", () => this.next());
  }

  next() {
    const name = THEMES[(THEMES.indexOf(this.name) + 1) % THEMES.length];
    localStorage.setItem("penstock-theme", name);
    this.use(name);
  }

  use(name) {
    this.name = THEMES.includes(name) ? name : "auto";
    if (this.name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.name;
    this.button.textContent = { auto: "◐ Auto", light: "○ Light", dark: "● Dark" }[this.name];
    this.button.setAttribute("aria-label", `Colours: ${this.name}`);
    forgetColours();
    this.changed();
  }
}
