"""Which orders of steps make no sense, and why: read before a chain is used, so that nobody finds out in production."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from operators.chain import Chain, Step

Contradiction = tuple[Step, Step, str]
"""The step at fault, the step that it is at fault with (itself, where it is alone), and a sentence."""

CHOOSERS: Final = ("failover", "hedge")
_NEED_AN_ANSWER: Final = {
    "resume": "resume goes on with an answer that failover or hedge chose",
    "trace": "trace writes down one stream, and failover or hedge makes it of the candidates",
}
_WAITS_FOR_SILENCE: Final = ("idle_timeout", "pace")
_KEEPS: Final = ("share", "cache")

# Where a second one works against the first; {0} is the first, {1} the second.
_ONCE: Final[Mapping[str, str]] = {
    "admit": "a request would hold a slot of {0} while it waits for one of {1}, perhaps for ever",
    "balance": "{1} undoes the order that {0} gave",
    "breaker": "all breakers look at the same circuits, and {1} would set up anew what {0} has set up",
    "heartbeat": "one of the two never speaks, for the other fills every silence",
}


def contradictions(chain: Chain) -> Iterator[Contradiction]:
    """What is wrong with the order of a chain's steps, one sentence a fault."""
    for rule in _RULES:
        yield from rule(chain)


def _one_chooser(chain: Chain) -> Iterator[Contradiction]:
    """Attempts go in, one stream comes out: the first step of answer does that, and only the first."""
    steps = chain.positions.get("answer", ())
    if not steps:
        return
    first = steps[0]
    if first.name in _NEED_AN_ANSWER:
        yield first, first, f"{_NEED_AN_ANSWER[first.name]}; put one of them before it"
        return
    for step in steps[1:]:
        if step.name in CHOOSERS:
            yield step, first, f"{step.label} takes candidates, but {first.label} below it has made one stream of them already"


def _once(chain: Chain) -> Iterator[Contradiction]:
    """Some steps are there for the whole chain, wherever they stand."""
    seen: dict[str, Step] = {}
    for step in chain.steps:
        first = seen.setdefault(step.name, step)
        if first is not step and step.name in _ONCE:
            yield step, first, f"{_ONCE[step.name].format(first.label, step.label)}; keep one {step.name}"


def _above_heartbeat(chain: Chain) -> Iterator[Contradiction]:
    """Above the heartbeat there is no silence, and there are items that no provider sent."""
    beat: Step | None = None
    for step in chain.positions.get("request", ()):
        if beat is not None and step.name in _WAITS_FOR_SILENCE:
            yield step, beat, f"{step.label} waits for a silence, but {beat.label} below it fills every one; put it before that"
        elif beat is not None and step.name in _KEEPS:
            yield step, beat, f"{step.label} would hand one client's heartbeats to another; put it before {beat.label}"
        beat = step if step.name == "heartbeat" else beat


def _before_the_joint(chain: Chain) -> Iterator[Contradiction]:
    """What looks at the text of one attempt does not see a word that another one completes."""
    resume = next((step for step in chain.positions.get("answer", ()) if step.name == "resume"), None)
    for step in chain.positions.get("attempt", ()):
        if resume is not None and step.name == "redact":
            yield (
                step,
                resume,
                f"{step.label} misses a word that another candidate ends (see {resume.label}); put it in request",
            )


def _tokens_of_bytes(chain: Chain) -> Iterator[Contradiction]:
    """Nobody has read the bytes yet."""
    for step in chain.positions.get("wire", ()):
        if step.name == "output_limit" and step.options.get("tokens") is not None:
            yield step, step, f"{step.label} counts tokens, which only events tell; put it in attempt or request"


_RULES: Sequence[Callable[[Chain], Iterator[Contradiction]]] = (
    _one_chooser,
    _once,
    _above_heartbeat,
    _before_the_joint,
    _tokens_of_bytes,
)
