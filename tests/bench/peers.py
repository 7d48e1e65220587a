"""Other gateways of the field, for comparison: measured where they are installed beside us, without a budget."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, Final

import yaml

from tests.bench.cases import CASES, Pair, wanted
from tests.bench.figures import US, Figure, Plan, Say
from tests.bench.load import Order
from tests.bench.processes import BenchError, Process, Stand

START: Final = 60.0
"""Seconds until a peer must take connections."""
KEY: Final = "sk-bench"
"""The key that the clients of this benchmark send."""
PAIR: Final = Pair("chat", "chat")
ANSWERS: Final = {"json": 200, "burst-100": 40, "burst-1000": 8}
"""Cases that are measured, and answers of a round: peers take their time."""


@dataclass(frozen=True)
class Peer:
    """How another gateway is started in front of a Chat provider."""

    name: str
    module: str
    """What must be importable."""
    code: str
    """Starts it, given its arguments."""

    @property
    def installed(self) -> bool:
        return find_spec(self.module) is not None

    def arguments(self, config: Path, port: int) -> Sequence[str]:
        return ["--config", str(config), "--port", str(port), "--host", "127.0.0.1"]

    def config(self, base_url: str) -> Mapping[str, Any]:
        """One model for each case."""
        models = [
            {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_base": f"{base_url}/v1", "api_key": KEY}}
            for name in ANSWERS
        ]
        return {"model_list": models, "general_settings": {"master_key": KEY}}


_LITELLM: Final = "import os; os.environ['LITELLM_LOCAL_MODEL_COST_MAP'] = 'True'; from litellm import run_server; run_server()"
PEERS: Final = (Peer("litellm", "litellm", _LITELLM),)


@contextlib.contextmanager
def serving(peer: Peer, stand: Stand) -> Iterator[Process]:
    """The peer as a process, once it takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(yaml.safe_dump(dict(peer.config(stand.provider.url))))
        with Process(peer.name, ["-c", peer.code, *peer.arguments(config, port)], stdout="words") as process:
            process.url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + START
            while True:
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                    break
                if time.monotonic() > deadline:
                    raise BenchError(f"{peer.name} did not start:\n{process.log()}")
                time.sleep(0.2)
            yield process


def measure_peers(stand: Stand, plan: Plan, say: Say) -> list[Figure]:
    """A line a case for each peer that is installed; the floor beside it is the one of the same minute."""
    figures: list[Figure] = []
    for peer in PEERS:
        if not peer.installed:
            say(f"{peer.name} is not installed: left out")
            continue
        try:
            figures += _measure(stand, peer, plan)
        except BenchError as error:
            # What another program does wrong is no fault of this one.
            say(f"{peer.name} is left out: {error}")
    return figures


def _measure(stand: Stand, peer: Peer, plan: Plan) -> list[Figure]:
    chosen = [case for case in CASES if case.name in ANSWERS and wanted(case.name, PAIR, plan.only)]
    if not chosen:
        return []
    figures: list[Figure] = []
    with stand.floor() as floor, serving(peer, stand) as process:
        for case in chosen:
            base, cost = (_cost(stand, target, case.scenario, plan.rounds) for target in (floor, process))
            name, unit = f"{case.title}, {peer.name}", f"us CPU / {case.unit}"
            figures.append(Figure(name, str(PAIR), unit, base, cost, cost / base, None))
    return figures


def _cost(stand: Stand, target: Process, scenario: str, rounds: int) -> float:
    """The median of rounds after one that warms up."""
    order = Order(target.url, PAIR.client, PAIR.provider, scenario, ANSWERS[scenario], clients=4)
    stand.share_a_core(target)
    costs: list[float] = []
    for _ in range(rounds + 1):
        before = target.cpu()
        stand.order("run", target, order)
        costs.append((target.cpu() - before) * US / order.count / (order.number or 1))
    return median(costs[1:])
