"""``python -m tests.bench.unseen``: the gateway with its taps taken out, so that it can be measured what they cost.

A gateway always counts. Here no tap hangs in its chains, and nobody counts what ended; nor does anybody learn usage, times or
errors, so that traces and log are to be switched off.
"""

from __future__ import annotations

import runpy
from typing import Any

from reactivex import Observable, abc

from operators.stream import Link, Operator, Stream
from pipeline import chain
from pipeline.encode import Encode, Encoding, SealFor
from pipeline.events import Batch
from pipeline.exchange import Exchange
from pipeline.metrics import Metrics
from pipeline.server.answer import Answerer


def take_out() -> None:
    """Take the taps out of every chain that this process builds from now on."""
    # By their names: who builds a chain asks for them there.
    vars(chain).update(probed=lambda *_: _as_it_is, observed=_encoded)
    Answerer._ended = _nobody  # type: ignore[assignment,method-assign]


def _nobody(*_: object) -> None:
    pass


def _as_it_is(source: Stream[Any]) -> Stream[Any]:
    return source


def _encoded(name: str, metrics: Metrics, seal_for: SealFor) -> Operator[Batch, bytes]:
    """The encode station by itself."""

    def operator(source: Observable[Batch]) -> Stream[bytes]:
        def subscribe(observer: abc.ObserverBase[bytes], scheduler: abc.SchedulerBase | None) -> Link[Batch, bytes]:
            assert isinstance(scheduler, Exchange)
            encoding = Encoding(Encode(seal_for, scheduler))
            scheduler.abort = encoding.on_error
            return encoding.connect(source, observer, scheduler)

        return Stream(subscribe)

    return operator


if __name__ == "__main__":
    take_out()
    runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
