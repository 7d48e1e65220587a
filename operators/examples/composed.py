"""A chain composed in Python from the gateway's own; ``composed.yaml`` uses it as ``module:NAME``."""

from __future__ import annotations

from operators import Chain, Step

FAST = Chain(
    {
        "candidates": [Step("breaker", {"failures": 3, "cool_down": 10.0}, "Soon given up, soon asked again.")],
        "attempt": [
            Step("first_event_timeout", {"seconds": 5.0}, "Who waits for autocompletion has typed on by then."),
            Step("idle_timeout", {"seconds": 5.0}, "As long between two words."),
        ],
        "answer": [Step("failover", {"most": 2}, "A third candidate would be too late.")],
        "request": [
            Step("total_timeout", {"seconds": 20.0}, "All of it."),
            Step("output_limit", {"tokens": 400}, "Nobody reads more."),
        ],
    }
)
"""For autocompletion."""

# A chain does not change; what is edited is another one.
PATIENT = FAST.replace("first_event_timeout", Step("first_event_timeout", {"seconds": 60.0}, "A model that thinks first."))
PATIENT = PATIENT.replace("total_timeout", Step("total_timeout", {"seconds": 300.0}, "All of it, thinking included."))


if __name__ == "__main__":
    print(FAST.describe())
    print()
    print(PATIENT.without("output_limit").at("candidates", ()).describe())
