"""Which orders of steps make no sense, and why: read before a chain is used, so that nobody finds out in production."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from operators.chain import Chain, Step

Contradiction = tuple[Step, str]
"""The step at fault, and a sentence."""

CHOOSERS = ("failover", "hedge")
_WAITS_FOR_SILENCE = ("idle_timeout", "pace")
_KEEPS = ("share", "cache")


def contradictions(chain: Chain) -> Iterator[Contradiction]:
    """What is wrong with the order of a chain's steps, one sentence a fault."""
    for rule in _RULES:
        yield from rule(chain)


def _one_chooser(chain: Chain) -> Iterator[Contradiction]:
    """Attempts go in, one stream comes out: the first step of answer does that, and only the first."""
    steps = chain.positions.get("answer", ())
    for step in steps[1:]:
        if step.name in CHOOSERS:
            yield step, f"{step.label} takes candidates, but {steps[0].label} below it has made one stream of them already"
    if steps and steps[0].name == "resume":
        yield steps[0], "resume goes on with an answer that failover or hedge chose; put one of them before it"


def _one_admit(chain: Chain) -> Iterator[Contradiction]:
    """Who holds a slot and waits for another can wait for ever."""
    admits = [step for _, step in chain if step.name == "admit"]
    for step in admits[1:]:
        yield step, f"a request would hold a slot of {admits[0].label} while it waits for one of {step.label}; keep one admit"


def _above_heartbeat(chain: Chain) -> Iterator[Contradiction]:
    """Above the heartbeat there is no silence, and there are items that no provider sent."""
    beating = False
    for step in chain.positions.get("request", ()):
        if beating and step.name in _WAITS_FOR_SILENCE:
            yield step, f"{step.label} waits for a silence, but heartbeat below it fills every one; put it before heartbeat"
        elif beating and step.name in _KEEPS:
            yield step, f"{step.label} would hand one client's heartbeats to another; put it before heartbeat"
        beating = beating or step.name == "heartbeat"


_RULES: Sequence[Callable[[Chain], Iterator[Contradiction]]] = (_one_chooser, _one_admit, _above_heartbeat)
