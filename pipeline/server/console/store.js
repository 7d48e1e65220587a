// What is known of requests, from the feed: bounded, whatever the gateway serves.

import { notes } from "./story.js";

/** Ended requests kept; those in flight come on top, as many as the gateway tells. */
export const KEEP = 1000;

/** The rows of a request's diagram are found by stage and attempt. */
const rowName = (row) => `${row.stage}/${row.attempt ?? ""}`;
/** A client may give several requests one id; no two of them began at the same microsecond. */
const keyOf = (facts) => `${facts.id} ${facts.at}`;

export class Store {
  constructor() {
    this.clear();
  }

  clear() {
    this.byKey = new Map();
    this.now = Date.now() / 1000;
    this.stats = null;
    this.candidates = null;
    this.leftOut = 0;
  }

  /** Take one message of the feed. The first one after a (re)connection tells everything that is in flight anew. */
  take(message) {
    this.now = message.now;
    this.stats = message.stats ?? this.stats;
    this.candidates = message.candidates ?? this.candidates;
    this.leftOut = message.left_out ?? 0;
    const told = new Set();
    for (const facts of message.requests ?? []) {
      told.add(keyOf(facts));
      this.#learn(facts);
    }
    const gone = new Set(message.gone);
    for (const [key, request] of gone.size || message.first ? this.byKey : []) {
      // What was in flight when the line broke and is not told of now ended unseen.
      if (!request.outcome && (gone.has(request.id) || (message.first && !told.has(key)))) this.byKey.delete(key);
    }
    this.#bound();
  }

  #learn(facts) {
    const key = keyOf(facts);
    let request = this.byKey.get(key);
    if (!request) {
      request = { key, attempts: [], trips: [], notes: [], rows: new Map() };
      this.byKey.set(key, request);
    }
    const { stages, ...rest } = facts;
    Object.assign(request, rest);
    request.text = null;
    for (const row of stages ?? []) this.#extend(request.rows, row);
  }

  #extend(rows, told) {
    const name = rowName(told);
    const row = rows.get(name);
    if (!row || row.epoch !== told.epoch || !told.from) {
      rows.set(name, { stage: told.stage, attempt: told.attempt, epoch: told.epoch, marks: told.marks });
      return;
    }
    // What was told twice is written over, what was missed leaves a gap.
    row.marks.length = Math.min(row.marks.length, told.from);
    row.marks.push(...told.marks);
  }

  /** A map keeps the order in which requests were first told: the oldest ended ones go. */
  #bound() {
    let surplus = -KEEP;
    for (const request of this.byKey.values()) if (request.outcome) surplus += 1;
    if (surplus <= 0) return;
    for (const [key, request] of this.byKey) {
      if (!request.outcome) continue;
      this.byKey.delete(key);
      surplus -= 1;
      if (!surplus) return;
    }
  }

  /** Those that pass the filter, newest first. */
  list(passes) {
    const found = [];
    for (const request of this.byKey.values()) if (passes(request)) found.push(request);
    return found.sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
  }

  /** The newest request with this id. */
  find(id) {
    let found = null;
    for (const request of this.byKey.values()) if (request.id === id && (!found || request.at > found.at)) found = request;
    return found;
  }

  /** How long a request lasted, or lasts so far, in seconds. */
  lasted(request) {
    // While it is under way, what the gateway last told of its time is out of date.
    return request.outcome && request.seconds !== undefined ? request.seconds : Math.max(0, this.now - request.at);
  }
}

export const FLYING = "in flight";
export const failed = (request) => Boolean(request.outcome) && request.outcome !== "ok" && request.outcome !== "client_left";
export const outcomeOf = (request) => request.outcome ?? FLYING;

/** Every word by which the free text finds a request. */
function words(request) {
  request.text ??= [
    request.id, request.asked, request.model, request.candidate, request.caller, request.dialect, request.chain,
    outcomeOf(request), request.error?.message,
    ...(request.attempts ?? []).flatMap((each) => [each.candidate, each.reason, each.message]),
    ...notes(request).map((note) => note.words),
  ].filter(Boolean).join("\n").toLowerCase();
  return request.text;
}

/** The filter as a function. Empty fields let everything pass; all words of `text` must be found. */
export function filter({ text = "", model = "", candidate = "", dialect = "", outcome = "", errors = false }) {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (request) =>
    (!model || request.model === model) &&
    (!candidate || request.candidate === candidate || (request.attempts ?? []).some((each) => each.candidate === candidate)) &&
    (!dialect || request.dialect === dialect) &&
    (!outcome || outcomeOf(request) === outcome) &&
    (!errors || failed(request)) &&
    wanted.every((word) => words(request).includes(word));
}
