"""What to do about an error, a sentence for each class of errors: for the people who run the gateway, never for its clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline.errors import Kind

ADVICE: Final[Mapping[Kind, str]] = {
    Kind.BAD_REQUEST: "The request itself is at fault, so nobody else was asked. The message names what its client must change.",
    Kind.CONTEXT_LENGTH: (
        "The request is longer than this model's context. Give the model a candidate with a longer one, and let failover go "
        "there: `failover: {also: [context_length]}`."
    ),
    Kind.UNAUTHENTICATED: (
        "With an attempt beside it: the provider does not take its `api_key`. Without one: the client sent no key of "
        "`server.keys`."
    ),
    Kind.BILLING: "The provider's account has no quota left. Fill it up, or put a candidate of another account behind it.",
    Kind.FORBIDDEN: "The provider's key, or the client's (`models` of its entry in `server.keys`), may not use this model.",
    Kind.NOT_FOUND: "There is nothing at this path. Does `base_url` end as the provider's SDK wants it (`/v1` in OpenAI's)?",
    Kind.MODEL_NOT_FOUND: "Nobody serves a model of this name: see `models`, or the candidate's own name at its provider.",
    Kind.METHOD: "The path is right, the method is not.",
    Kind.CLIENT_TIMEOUT: "The request did not arrive in time: the client, or what stands between, is slow.",
    Kind.CONFLICT: "The provider is busy with another request of the same kind; it may be sent again.",
    Kind.TOO_LARGE: "The body is over a limit: ours is `server.body_limit`, the provider may have a lower one.",
    Kind.UNPROCESSABLE: "The provider understands the request and cannot do it. Its message says which field.",
    Kind.UPGRADE: "The client asked for a WebSocket where none is offered; it falls back to HTTP by itself.",
    Kind.RATE_LIMIT: (
        "The candidate asked for a pause, or the client's key is over its limit. More candidates, `balance: weighted` or a lower "
        "`max_in_flight` spread the load."
    ),
    Kind.CLIENT_LEFT: "The client hung up. Many of these: its own timeout may be shorter than the answers are long.",
    Kind.PROVIDER: "The provider failed. If it goes on, its breaker opens; a second candidate keeps the model alive meanwhile.",
    Kind.UNSUPPORTED: "This is not offered here, or the provider's dialect cannot carry it; the message names what.",
    Kind.BAD_REPLY: "The provider sent what its dialect does not allow, or more than a guard lets through. Is `dialect` right?",
    Kind.CUT: (
        "The provider ended its stream early. Before the first word the next candidate was asked; afterwards only `resume` in "
        "the chain's `answer` could go on."
    ),
    Kind.UNREACHABLE: "No connection. Is `base_url` right, does the provider run, does its name resolve from this machine?",
    Kind.OVERLOADED: "Too much at once: the provider's limit, its queue here (`max_in_flight`), an open breaker, or a drain.",
    Kind.TIMEOUT: (
        "Silent or slow for longer than a guard allows. The trip names the guard: raise its limit in the chain, or put a quicker "
        "candidate first."
    ),
    Kind.INTERNAL: "A fault of the gateway, or of a step of your own. The log has its traceback under the request's id.",
}
