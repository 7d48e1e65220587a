"""The resolve station: the name that a client says becomes a route, the candidates that can serve it in their order."""

from __future__ import annotations

import difflib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING

from reactivex import Observable

from pipeline.errors import GatewayError, Kind
from pipeline.request import Target

if TYPE_CHECKING:
    from pipeline.providers import Provider

# Routes made for names that only a pattern or `provider/model` matches; more than this and the oldest are forgotten.
REMEMBERED = 1024
# Characters of a name that is looked for: found, it is remembered and sent in headers; not found, it is compared with all others.
LONGEST = 256


def _sealed_for_ever(text: str, model: str) -> None:
    """A provider without a seal: nothing of its own ever comes back."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider and its own model name: one way to serve a model."""

    provider: Provider
    model: str
    target: Target
    label: str
    """``provider/model`` as configured (``openai/*``): bounded, for metrics and breakers."""
    unseal: Callable[[str, str], tuple[str, str] | None] = _sealed_for_ever
    """(text, model) -> what this provider's own sealed reasoning holds (DI-161)."""
    weight: int = 1
    """Its share where candidates are chosen by weight."""
    continues: bool = False
    """Whether it goes on from an assistant's turn that it is given."""
    name: str = field(init=False)
    """``provider/model`` as it is asked, for people and response headers."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.provider.name}/{self.model}")


@dataclass(frozen=True, slots=True)
class Route:
    """How a model is served: its candidates in their order, and the chain that answers its requests."""

    model: str
    """The configured name; may be a pattern."""
    candidates: tuple[Candidate, ...]
    join: Callable[[tuple[Candidate, ...], bool], Observable[bytes]]
    """Builds the chain around these candidates, for streams (True) or for whole answers."""
    stream: Observable[bytes]
    """The chain of streamed answers, built once; a subscription with an exchange as its scope answers one request."""
    body: Observable[bytes]
    """The chain of whole answers."""
    description: str = ""
    chain: str = "default"
    """The name of its chain."""

    def named(self, model: str) -> Route:
        """The route for one name that the pattern matched: candidates that pass the name through get it."""
        candidates = tuple(_named(candidate, model) for candidate in self.candidates)
        return replace(self, candidates=candidates, stream=self.join(candidates, True), body=self.join(candidates, False))


def _named(candidate: Candidate, model: str) -> Candidate:
    if candidate.model != "*":
        return candidate
    target = replace(candidate.target, model=model, unseal=partial(_unseal, candidate.unseal, model))
    return replace(candidate, model=model, target=target)


def _unseal(unseal: Callable[[str, str], tuple[str, str] | None], model: str, text: str) -> tuple[str, str] | None:
    return unseal(text, model)


@dataclass(slots=True)
class Resolver:
    """Finds the route of a name: the whole name first (TR-M1), then ``provider/model``, then patterns in their order."""

    routes: Sequence[Route]
    direct: Callable[[str, str], Route | None]
    """(provider, model) -> a route of its own, or None when there is no such provider."""
    _exact: Mapping[str, Route] = field(init=False)
    _patterns: tuple[Route, ...] = field(init=False)
    _remembered: OrderedDict[str, Route] = field(init=False, default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self._exact = {route.model: route for route in self.routes if "*" not in route.model}
        self._patterns = tuple(route for route in self.routes if "*" in route.model)

    def resolve(self, model: str) -> Route:
        """The route of ``model``.

        Raises:
            GatewayError: MODEL_NOT_FOUND, with the nearest configured name (TR-P9: a typo never runs as another model).
        """
        route = self._exact.get(model) or self._remembered.get(model)
        if route is None:
            route = self._find(model)
            if len(self._remembered) >= REMEMBERED:
                self._remembered.popitem(last=False)
            self._remembered[model] = route
        return route

    def _find(self, model: str) -> Route:
        if len(model) > LONGEST:
            text = (
                f"The model {_shown(model)!r} does not exist here: its name has {len(model)} characters, {LONGEST} are allowed."
            )
            raise GatewayError(Kind.MODEL_NOT_FOUND, text, param="model")
        provider, slash, rest = model.partition("/")
        if slash and rest:
            route = self.direct(provider, rest)
            if route is not None:
                return route
        for route in self._patterns:
            if fnmatchcase(model, route.model):
                return route.named(model)
        raise GatewayError(Kind.MODEL_NOT_FOUND, self._unknown(model), param="model")

    def _unknown(self, model: str) -> str:
        near = difflib.get_close_matches(model, list(self._exact), n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else " GET /v1/models lists what there is."
        return f"The model {_shown(model)!r} does not exist here.{hint}"


def _shown(model: str) -> str:
    return model if len(model) <= 80 else model[:77] + "..."
