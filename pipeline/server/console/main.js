// The console: joins the feed, what is known, and what is seen. It starts at the end of this file.

import { byId, coalesced, h } from "./dom.js";
import { Detail } from "./detail.js";
import { ask, Feed, key } from "./feed.js";
import { Filters } from "./filters.js";
import { fillHelp, Theme } from "./help.js";
import { List } from "./list.js";
import { Glance } from "./rates.js";
import { Store } from "./store.js";
import { Tables } from "./tables.js";

const VIEWS = { requests: "Requests", models: "Models", candidates: "Candidates", chains: "Chains" };
/** The list shows the answer's row only: the others are read for one request, when it is looked at. */
const FEED = "/debug/live?stages=answer";
// What else stands in a link is no id that a request can have; the gateway refuses it.
const ID = /^[\w.:-]{1,128}$/;

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

class Console {
  constructor() {
    this.store = new Store();
    this.render = coalesced(() => this.#render());
    this.glance = new Glance(byId("glance"), this.store);
    this.filters = new Filters(byId("filters"), this.render);
    this.list = new List(byId("list"), this.store, this.filters.scale, (request) => this.#visit(request), this.render.flush);
    this.tables = new Tables({ models: byId("models"), candidates: byId("candidates"), chains: byId("chains") }, this.store);
    this.detail = new Detail(byId("detail"), {
      closed: () => (location.hash = "#/requests"),
      advice: (reason) => this.tables.chains?.advice?.[reason],
      say: (words) => this.#say(words),
    });
    /** The one request that is looked at, from a feed of its own. */
    this.single = null;
    this.feed = new Feed(FEED, (message) => this.#take(message), (state) => this.#state(state));
    this.theme = new Theme(byId("theme"), this.render);
    this.#buttons();
    this.#tabs();
    addEventListener("hashchange", () => this.#route());
    addEventListener("keydown", (event) => this.#key(event));
    // Nobody looks: the gateway need not tell.
    document.addEventListener("visibilitychange", () => this.#seen());
    this.#route();
    this.feed.start();
  }

  // --- what comes in

  #take(message) {
    this.store.take(message);
    this.filters.learn((message.requests ?? []).filter((facts) => facts.model).map((facts) => ({ attempts: [], ...facts })));
    this.render();
  }

  #state(state) {
    this.state = state;
    const words = {
      live: "● live",
      connecting: "connecting …",
      paused: "paused",
      refused: "locked",
      waiting: `reconnecting in ${Math.max(1, Math.round(state.wait))} s (try ${state.tries})`,
    }[state.name];
    const feed = byId("feed");
    feed.textContent = words;
    feed.className = `feed ${state.name}`;
    feed.title = state.why ?? "";
    byId("again").hidden = state.name !== "waiting";
    byId("pause").setAttribute("aria-pressed", state.name === "paused");
    byId("pause").textContent = state.name === "paused" ? "Go on" : "Pause";
    if (state.name === "refused") this.#lock(state.why);
    if (state.name === "live") this.#open();
  }

  /** The feed runs: whoever looks may look. */
  async #open() {
    if (byId("login").hidden === false) byId("content").focus();
    byId("login").hidden = true;
    this.#showView();
    if (this.tables.chains) return;
    try {
      this.tables.chains = await ask("/debug/chains");
      this.render();
    } catch (error) {
      this.#say(error.message);
    }
  }

  #lock(why) {
    byId("login").hidden = false;
    byId("login-why").textContent = key.get() ? why : "This gateway has keys. One with `admin: true` shows what passes through it.";
    key.forget();
    for (const name of Object.keys(VIEWS)) byId(name).hidden = true;
    byId("key").focus();
  }

  // --- where we are

  #route() {
    const [, view, id = ""] = location.hash.split("/");
    // A link may be mistyped: what it does not name is not looked for.
    this.view = Object.hasOwn(VIEWS, view) ? view : "requests";
    this.id = view === "request" ? decoded(id) : "";
    for (const link of byId("tabs").children) {
      if (link.dataset.view === this.view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (this.state?.name !== "refused") this.#showView();
    this.#look();
  }

  #showView() {
    for (const name of Object.keys(VIEWS)) byId(name).hidden = name !== this.view;
    this.render();
  }

  #visit(request) {
    this.list.select(request.key);
    location.hash = `#/request/${encodeURIComponent(request.id)}`;
  }

  /** Look at one request: all its rows, until it ended. */
  #look() {
    this.single?.stop();
    this.single = null;
    byId("detail").hidden = !this.id;
    byId("requests").classList.toggle("looking", Boolean(this.id));
    this.detail.open(null);
    if (!this.id) return;
    const id = this.id;
    byId("detail").scrollTop = 0;
    const missing = () => this.detail.missing(id, "This request is not kept any more, or never was.");
    if (!ID.test(id)) return missing();
    const known = this.store.find(id);
    if (known) this.list.select(known.key, { reveal: true });
    const one = new Store();
    const feed = new Feed(`/debug/live?id=${encodeURIComponent(id)}`, (message) => {
      one.take(message);
      const request = one.find(id);
      if (request) this.#showDetail(request, one.lasted(request));
      else missing();
      if (!request || request.outcome) feed.stop();
    }, () => {});
    this.single = feed;
    feed.start();
  }

  #showDetail(request, lasted) {
    if (this.detail.request) this.detail.update(request, lasted);
    else this.detail.open(request, lasted);
  }

  // --- what is seen

  #render() {
    this.glance.update();
    if (this.view === "requests") {
      const shown = this.store.list(this.filters.passes);
      this.filters.tell(shown.length, this.store.byKey.size, this.store.leftOut);
      const none = this.filters.active ? "No request passes this filter. Esc clears it." : "No request yet. The first one shows up here by itself.";
      this.list.show(shown, none);
      if (this.detail.request) this.detail.diagram.paint();
    } else {
      this.tables.update(this.view);
    }
  }

  #say(words) {
    const feed = byId("feed");
    feed.textContent = words;
    clearTimeout(this.saying);
    this.saying = setTimeout(() => this.#state(this.state), 2500);
  }

  // --- what people do

  #tabs() {
    byId("tabs").append(...Object.entries(VIEWS).map(([view, name]) => h("a", { href: `#/${view}`, "data-view": view }, name)));
  }

  #buttons() {
    byId("pause").addEventListener("click", () => this.#pause());
    byId("again").addEventListener("click", () => this.feed.start());
    fillHelp(byId("keys"));
    byId("help").addEventListener("click", () => this.#help());
    byId("login").addEventListener("submit", (event) => {
      event.preventDefault();
      key.set(byId("key").value.trim());
      byId("key").value = "";
      this.feed.start();
    });
  }

  #pause() {
    if (this.state.name === "paused") this.feed.start();
    else if (this.state.name !== "refused") this.feed.stop();
  }

  #seen() {
    if (document.hidden && ["live", "connecting", "waiting"].includes(this.state.name)) {
      this.resting = true;
      this.feed.stop();
      this.single?.stop();
    } else if (!document.hidden && this.resting) {
      this.resting = false;
      this.feed.start();
      if (this.id) this.#look();
    }
  }

  #help() {
    fillHelp(byId("keys"));
    byId("keys").showModal();
  }

  #key(event) {
    const typing = event.target.matches("input, select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
    if (typing && event.key !== "Escape") {
      if (event.key === "Enter" && event.target === this.filters.text) this.list.grid.focus();
      return;
    }
    const done = this.#shortcut(event.key, event.target);
    if (done) event.preventDefault();
  }

  /** Whether the key means something here. */
  #shortcut(name, target) {
    const digit = Object.keys(VIEWS)[Number(name) - 1];
    if (digit) location.hash = `#/${digit}`;
    else if (name === "?") this.#help();
    else if (name === "p") this.#pause();
    else if (name === "t") this.theme.next();
    else if (name === "Escape") this.#back(target);
    else if (this.view === "requests") return this.#inList(name, target);
    else return false;
    return true;
  }

  #inList(name, target) {
    const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: this.list.page, PageUp: -this.list.page, Home: -Infinity, End: Infinity }[name];
    // In the detail the arrows scroll.
    if (by && !(name.length > 1 && byId("detail").contains(target))) this.list.move(by);
    else if (name === "Enter" && !target.matches("button, a, summary") && this.list.current) this.#visit(this.list.current);
    else if (name === "/") this.filters.text.focus();
    else if (name === "e") this.filters.toggleErrors();
    else if (name === "s") this.list.toggleScale();
    else return false;
    if (by && this.id && this.list.current) this.#visit(this.list.current);
    return true;
  }

  #back(target) {
    if (target.matches("input, select")) target.blur();
    if (this.id) {
      location.hash = "#/requests";
      this.list.grid.focus();
    } else if (this.filters.active) {
      this.filters.clear();
    }
  }
}

new Console();
