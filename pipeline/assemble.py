"""A configuration becomes what serves requests: providers, guards bound to their shared state, routes.

Nothing here runs: a reload assembles the new state beside the old one, and requests in flight keep what they began with.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from reactivex import Observable

from operators.admit import Slots, admit
from operators.breaker import watch
from operators.chain import Chain, Step
from operators.circuit import OPEN, Circuits
from operators.limits import Limits, Quota
from operators.load import Loads
from operators.measure import measure
from operators.rate_limit import rate_limit
from pipeline import chain as sentence
from pipeline.config import CandidateConfig, Config, KeyConfig, ModelConfig, ProviderConfig
from pipeline.effective import chains, parted
from pipeline.guards import AttemptGuards, Guard, for_answers, for_attempts, for_bodies
from pipeline.policies import all_tokens, blamed, caller_of, slowed
from pipeline.providers import Provider
from pipeline.providers.demo import MODELS
from pipeline.providers.embedded import DemoProvider
from pipeline.providers.http import HttpProvider
from pipeline.request import Target
from pipeline.resolve import Candidate, Resolver, Route
from pipeline.seal import Seal, key_for
from pipeline.shared import Shared
from pipeline.supply import Supplier


@dataclass(frozen=True, slots=True)
class Assembly:
    """One configuration, ready to serve."""

    config: Config
    resolver: Resolver
    circuits: Circuits

    @property
    def reachable(self) -> bool:
        """Whether any candidate of any model may be tried now. Without models there are only those that clients name directly."""
        labels = {candidate.label for route in self.resolver.routes for candidate in route.candidates}
        return not labels or any(self.circuits.of(label).state != OPEN for label in labels)


def _seal_for(seals: Mapping[str, Seal], candidate: str) -> Callable[[str, str], str | None]:
    """How the candidate that answers seals its opaque reasoning for a client of another dialect (DI-161)."""
    provider, _, model = candidate.partition("/")
    seal = seals.get(provider)
    if seal is None:
        return _no_seal
    return partial(seal.wrap, provider, model)


def _no_seal(kind: str, value: str) -> None:
    return None


def assemble(config: Config, shared: Shared) -> Assembly:
    """Bind everything that ``config`` names.

    Raises:
        ConfigError: a chain makes no sense, or a step of it cannot be built; nothing was bound then.
    """
    return _Assembler(config, shared).run()


class _Assembler:
    def __init__(self, config: Config, shared: Shared) -> None:
        self._config = config
        self._shared = shared
        self._providers = {name: self._provider(provider) for name, provider in config.providers.items()}
        self._seals = {
            name: Seal(key_for(name, _secret(provider), provider.base_url)) for name, provider in config.providers.items()
        }
        self._directs: dict[str, Route] = {}
        self._chains = chains(config)
        self._quotas = _quotas(config.server.keys)
        self._limits = shared.state("keys", partial(Limits, self._quotas)) if self._quotas else None

    def run(self) -> Assembly:
        routes = [self._route(model) for model in self._config.models]
        if self._limits is not None:
            # At last, when nothing can fail any more: the configuration in force uses the same account of what was used.
            self._limits.own = self._quotas
        return Assembly(self._config, Resolver(routes, self._direct), self._shared.circuits)

    def _provider(self, provider: ProviderConfig) -> Provider:
        if provider.kind == "demo":
            return DemoProvider(provider.name)
        key = _secret(provider)
        credential = None
        if key is not None:
            credential = ("authorization", f"Bearer {key}") if provider.auth == "bearer" else ("x-api-key", key)
        return HttpProvider(
            provider.name,
            provider.dialect,
            provider.base_url,
            credential=credential,
            headers=provider.headers,
            connect_timeout=provider.connect_timeout,
            pool=self._shared.pool,
            gauge=self._shared.metrics.open_upstream,
        )

    def _route(self, model: ModelConfig) -> Route:
        candidates = tuple(self._candidate(candidate) for candidate in model.candidates)
        described = next((c.description for c in model.candidates if c.description), "")
        return self._joined(model.name, model.chain, candidates, described, model.balance)

    def _direct(self, provider: str, model: str) -> Route | None:
        """``provider/model`` without an entry of its own."""
        if provider not in self._providers:
            return None
        # The embedded models are known and few: a drill that fails must not open the circuit of its siblings.
        own = model if self._config.providers[provider].kind == "demo" and model in MODELS else "*"
        use = f"{provider}/{own}"
        route = self._directs.get(use)
        if route is None:
            config = CandidateConfig(use=use, provider=provider, model=own)
            route = self._directs[use] = self._joined(use, "default", (self._candidate(config),), "")
        return route.named(model)

    def _joined(self, name: str, chain: str, candidates: tuple[Candidate, ...], description: str, by: str = "order") -> Route:
        steps = _balanced(self._chains[chain], by)
        bound = {True: steps, False: for_bodies(steps)}
        # Secrets are not part of the digest: a header that a step adds is, with the step.
        version = (self._config.digest, steps.describe())
        supply = Supplier(self._shared, chain, candidate=self._alone, version=version)
        around = {streamed: for_answers(chain, steps, supply, *self._outermost()) for streamed, steps in bound.items()}
        resumed = _resumed(steps, candidates)
        guards = {
            streamed: {each.label: self._guards(chain, steps, each, rewritten=resumed and streamed) for each in candidates}
            for streamed, steps in bound.items()
        }
        metrics = self._shared.metrics
        seal_for = partial(_seal_for, self._seals)

        def join(candidates: tuple[Candidate, ...], streamed: bool) -> Observable[bytes]:
            attempts = [sentence.attempt(each, guards[streamed][each.label], metrics) for each in candidates]
            return sentence.answer(attempts, around[streamed], metrics, seal_for)

        return Route(name, candidates, join, join(candidates, True), join(candidates, False), description, chain)

    def _outermost(self) -> tuple[Guard, ...]:
        """Around every chain: what a client's key may use, whichever model it asks (``server.keys``)."""
        return () if self._limits is None else (rate_limit(limits=self._limits, key=caller_of, cost=all_tokens),)

    def _candidate(self, config: CandidateConfig) -> Candidate:
        provider = self._config.providers[config.provider]
        seal = self._seals[provider.name]

        def unseal(text: str, model: str) -> tuple[str, str] | None:
            return seal.unwrap(text, provider.name, model)

        target = Target(
            dialect=provider.dialect or "",
            model=config.model,
            provider=provider.name,
            options={"max_tokens_field": config.max_tokens_field} if config.max_tokens_field else {},
            allow=frozenset(config.allow),
            unseal=lambda text: unseal(text, config.model),
            **_given(
                max_tokens=config.max_tokens,
                thinking=config.thinking,
                sampling=config.sampling,
                system_turns=config.system_turns,
                reasoning_field=config.reasoning_field,
            ),
        )
        label = f"{config.provider}/{config.model}"
        return Candidate(self._providers[provider.name], config.model, target, label, unseal, config.weight, config.continues)

    def _guards(self, name: str, chain: Chain, candidate: Candidate, *, rewritten: bool, served: bool = True) -> AttemptGuards:
        """The guards of a candidate's attempts, and what stands around them although no chain names it.

        ``served``: clients get the answers, so that how the attempts end counts for and against the candidate.
        """
        around: list[Guard] = []
        if served and any(step.name == "breaker" for step in chain.steps):
            around.append(watch(self._shared.circuits.of(candidate.label), when=blamed))
        if served and any(step.name == "balance" and step.options.get("by") == "ewma" for step in chain.steps):
            around.append(measure(self._shared.state("loads", Loads).of(candidate.label), when=slowed))
        slots = self._slots(self._config.providers[candidate.provider.name])
        if slots is not None:
            # Outside the time limits: waiting for a slot does not count into them (RELIABILITY). A mirror waits before no client.
            waits = None if served else 0
            around.append(admit(slots, queue=waits, key=caller_of, on_wait=self._shared.metrics.queue_wait.observe))
        return for_attempts(name, chain, Supplier(self._shared, name, candidate.label), *around, rewritten=rewritten)

    def _alone(self, use: str) -> sentence.Attempt:
        """An attempt at ``provider/model`` outside every route, for a mirror. Raises ValueError where there is none."""
        provider, model = parted(use, self._providers)
        candidate = self._candidate(CandidateConfig(use=use, provider=provider, model=model))
        guards = self._guards("default", self._chains["default"], candidate, rewritten=True, served=False)
        return sentence.attempt(candidate, guards, self._shared.metrics)

    def _slots(self, provider: ProviderConfig) -> Slots | None:
        if provider.max_in_flight is None:
            return None
        limits = (provider.max_in_flight, provider.queue, provider.queue_timeout)
        return self._shared.state(("slots", provider.name, *limits), lambda: Slots(*limits))


def _quotas(keys: Sequence[KeyConfig]) -> Mapping[Hashable, Quota]:
    """What clients may use, by the names of their keys; who is not there is not limited."""
    quotas = {key.name: Quota(key.requests_per_minute, key.tokens_per_minute) for key in keys}
    return {name: quota for name, quota in quotas.items() if quota != Quota()}


def _balanced(chain: Chain, by: str) -> Chain:
    """The chain of a model that says how its candidates are balanced; a chain that says so itself goes before it."""
    steps = chain.positions["candidates"]
    if by == "order" or any(step.name == "balance" for step in steps):
        return chain
    return chain.at("candidates", (*steps, Step("balance", {"by": by}, "The model's own `balance`.")))


def _resumed(chain: Chain, candidates: tuple[Candidate, ...]) -> bool:
    """Whether one candidate may go on with another's stream, which then is written by us from its first event on."""
    return (
        any(step.name == "resume" for step in chain.steps) and len(candidates) > 1 and any(each.continues for each in candidates)
    )


def _secret(provider: ProviderConfig) -> str | None:
    return provider.api_key.get_secret_value() if provider.api_key is not None else None


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
