"""``classify``: what the guards raise, as clients, guards and metrics understand it."""

from __future__ import annotations

import pytest

from operators.errors import Exhausted, NoScheduler, Overloaded, RateLimited, StepError, TooCostly, TooSlow
from pipeline.errors import GatewayError, Kind, classify
from pipeline.policies import blamed, elsewhere

LIMITED = RateLimited("rate_limit", 600, "requests", 60.0, 1.25)


@pytest.mark.parametrize(
    ("error", "kind", "other"),
    [
        (LIMITED, Kind.RATE_LIMIT, True),
        (TooSlow("pace", 0.5, 2.0, 10.0), Kind.TIMEOUT, True),
        (Overloaded("admit", "full"), Kind.OVERLOADED, True),
        (Exhausted("failover", "nobody"), Kind.OVERLOADED, True),
        (StepError("edit", RuntimeError("secret")), Kind.INTERNAL, False),
        (TooCostly("redact", "a pattern", 0.1), Kind.INTERNAL, False),
        (NoScheduler("pace"), Kind.INTERNAL, False),
    ],
)
def test_each_error_of_a_guard_has_its_kind(error: Exception, kind: Kind, other: bool) -> None:
    known = classify(error)
    assert known.kind is kind
    assert elsewhere(error) is other
    assert "secret" not in known.message
    assert known.__cause__ is error


def test_a_rate_limit_tells_when_and_how_much() -> None:
    known = classify(LIMITED)
    assert known.retry_after == 1.25
    assert known.headers == {
        "x-ratelimit-limit-requests": "600",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1.250s",
    }


def test_a_step_of_your_own_may_fail_with_an_error_of_ours() -> None:
    meant = GatewayError(Kind.FORBIDDEN, "Not here.")
    assert classify(StepError("edit", meant)) is meant


def test_what_the_gateway_refuses_by_itself_is_not_held_against_a_candidate() -> None:
    assert not blamed(LIMITED)
    assert not blamed(Overloaded("admit", "full"))
    assert blamed(TooSlow("pace", 0.5, 2.0, 10.0))
    assert blamed(GatewayError(Kind.OVERLOADED))
    assert not blamed(GatewayError(Kind.BAD_REQUEST))
