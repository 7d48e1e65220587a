"""What of a configuration its dashboards have to show."""

from __future__ import annotations

from collections.abc import Iterator

from operators.slots import QUEUE
from pipeline.config import Config
from pipeline.config.places import written
from pipeline.dashboards.model import Scope
from pipeline.effective import chains


def scope_of(config: Config) -> Scope:
    """From the chains that some model uses; ``provider/model`` uses the default one.

    Raises:
        ConfigError: a chain makes no sense.
    """
    bound = chains(config)
    steps = [step for name in {"default", *(model.chain for model in config.models)} for step in bound[name].steps]
    queues = [provider.queue for provider in config.providers.values() if provider.max_in_flight is not None]
    queues += [int(step.options.get("queue", QUEUE)) for step in steps if step.name == "admit"]
    host = "127.0.0.1" if config.server.host in ("0.0.0.0", "::") else config.server.host
    uses = {written(step.name) for step in steps} | set(_beside_steps(config))
    if queues:
        uses.add("queue")
    if "rate_limit" in uses:
        uses.add("limit")
    console = f"http://{host}:{config.server.port}/"
    return Scope(frozenset(uses), config.server.buffered_limit, sum(queues), config.server.workers, console)


def _beside_steps(config: Config) -> Iterator[str]:
    if any(key.requests_per_minute or key.tokens_per_minute for key in config.server.keys):
        yield "limit"
    if any(candidate.price is not None for model in config.models for candidate in model.candidates):
        yield "price"
