// What happened to a request, in words: for the list in short, for the detail line by line.

import { seconds } from "./dom.js";

/** An attempt that failed is followed by another candidate (failover), by the same one (retry), or by nothing. */
export function afterwards(request, index) {
  const attempt = request.attempts[index];
  const next = request.attempts[index + 1];
  if (!next || attempt.outcome !== "error") return null;
  return { what: next.candidate === attempt.candidate ? "retry" : "failover", to: next.candidate, at: next.began };
}

/** In a few words what was out of the ordinary; each {what: "failover" | "retry" | "trip" | "error", words}. */
export function notes(request) {
  const found = [];
  request.attempts.forEach((attempt, index) => {
    const then = afterwards(request, index);
    if (then) found.push({ what: then.what, words: `${then.what}: ${attempt.reason ?? "error"}` });
  });
  for (const trip of request.trips) found.push({ what: "trip", words: trip.operator });
  for (const note of request.notes ?? []) found.push({ what: "note", words: note.operator });
  return found;
}

const quoted = (message) => (message ? `: ${message}` : "");

/** Every turn of the request, in the order of time: [seconds, words, what]. */
export function story(request) {
  const lines = [[0, `taken in ${request.dialect}${request.stream ? ", streamed" : ""}`, ""]];
  if (request.queued) lines.push([null, `waited ${seconds(request.queued)} for a place`, ""]);
  request.attempts.forEach((attempt, index) => {
    lines.push([attempt.began, `attempt ${attempt.number}: ${attempt.candidate} is asked`, ""]);
    if (attempt.opened !== undefined) lines.push([attempt.opened, `attempt ${attempt.number} is accepted`, ""]);
    if (attempt.outcome === "error") {
      const status = attempt.status ? ` (${attempt.status})` : "";
      lines.push([attempt.ended, `attempt ${attempt.number} fails, ${attempt.reason}${status}${quoted(attempt.message)}`, "error"]);
      const then = afterwards(request, index);
      if (then) lines.push([then.at, then.what === "retry" ? "retry of the same candidate" : `failover to ${then.to}`, then.what]);
    } else if (attempt.outcome === "let_go") {
      lines.push([attempt.ended, `attempt ${attempt.number} is let go`, ""]);
    }
  });
  for (const trip of request.trips) {
    const where = trip.attempt ? `attempt ${trip.attempt}` : trip.stage;
    lines.push([trip.at, `${trip.operator} stops the ${where}${quoted(trip.message)}`, "trip"]);
  }
  for (const note of request.notes ?? []) lines.push([note.at, `${note.operator}${quoted(note.message)}`, ""]);
  if (request.first_event !== undefined) lines.push([request.first_event, "first word of the answer", ""]);
  if (request.first_write !== undefined) lines.push([request.first_write, "first byte to the client", ""]);
  if (request.outcome) lines.push([request.seconds, ended(request), request.outcome === "ok" ? "" : "error"]);
  // A stable sort: what happened at one time stays in the order of cause and effect.
  return lines.map((line, index) => [line, index])
    .sort(([a, i], [b, j]) => (a[0] ?? 0) - (b[0] ?? 0) || i - j)
    .map(([line]) => line);
}

function ended(request) {
  if (request.outcome === "ok") return "complete";
  if (request.outcome === "client_left") return "the client left";
  return `ended by ${request.outcome}${quoted(request.error?.message)}`;
}

/** Where the time went: [what, from, to] in seconds, only what is known. */
export function timings(request) {
  const answered = request.attempts.find((each) => each.outcome !== "error" && each.candidate === request.candidate)
    ?? request.attempts.at(-1);
  const first = request.attempts[0];
  const before = answered && first && answered !== first ? ["attempts before it", first.began, answered.began] : null;
  const spans = [
    ["parse", 0, request.parsed],
    ["queue", request.parsed, request.queued ? request.parsed + request.queued : undefined],
    before,
    ["provider accepts", answered?.began, answered?.opened],
    ["to the first word", answered?.opened, request.first_event],
    ["to the first byte out", request.first_event, request.first_write],
    ["answer", request.first_write ?? request.first_event, request.seconds],
  ];
  return spans.filter((span) => span && span[1] !== undefined && span[2] !== undefined && span[2] >= span[1]);
}
