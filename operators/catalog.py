"""Name -> factory; ``module:function`` is yours. A factory's signature is its schema (see ``signature``)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from reactivex import Observable

from operators.admit import admit
from operators.balance import balance
from operators.breaker import breaker, watch
from operators.buffer_limit import buffer_limit
from operators.cache import cache
from operators.edit import edit
from operators.errors import ChainError
from operators.failover import failover
from operators.fault import fault
from operators.heartbeat import heartbeat
from operators.hedge import hedge
from operators.importing import imported
from operators.inject import inject
from operators.measure import measure
from operators.mirror import mirror
from operators.options import nearest, shown
from operators.output_limit import output_limit
from operators.pace import pace
from operators.rate_limit import rate_limit
from operators.redact import redact
from operators.resume import resume
from operators.retry import retry
from operators.share import share
from operators.signature import Factory, Option, function_of, signature
from operators.tap import tap
from operators.through import through
from operators.timeout import first_event_timeout, idle_timeout, total_timeout
from operators.trace import trace

CATALOG: Final[Mapping[str, Factory]] = {
    "admit": admit,
    "balance": balance,
    "breaker": breaker,
    "buffer_limit": buffer_limit,
    "cache": cache,
    "edit": edit,
    "failover": failover,
    "fault": fault,
    "first_event_timeout": first_event_timeout,
    "heartbeat": heartbeat,
    "hedge": hedge,
    "idle_timeout": idle_timeout,
    "inject": inject,
    "measure": measure,
    "mirror": mirror,
    "output_limit": output_limit,
    "pace": pace,
    "rate_limit": rate_limit,
    "redact": redact,
    "resume": resume,
    "retry": retry,
    "share": share,
    "tap": tap,
    "through": through,
    "total_timeout": total_timeout,
    "trace": trace,
    "watch": watch,
}

QUESTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "Who answers": ("retry", "failover", "hedge", "resume", "breaker", "balance", "watch", "measure"),
    "How long, how much, how fast": (
        "first_event_timeout",
        "idle_timeout",
        "total_timeout",
        "pace",
        "buffer_limit",
        "output_limit",
        "rate_limit",
        "admit",
    ),
    "Many for one": ("share", "cache"),
    "What is said": ("redact", "edit", "inject", "through", "heartbeat"),
    "What is seen, and what if": ("tap", "trace", "mirror", "fault"),
}
"""The catalogue by the question that an operator answers, for people: :func:`table`."""


def resolve(name: str) -> Factory:
    """The factory called ``name``: of the catalogue, or "module:function".

    Raises:
        ChainError: there is none; the message has the nearest right name.
    """
    factory = CATALOG.get(name)
    if factory is not None:
        return factory
    if ":" not in name:
        raise ChainError(f"unknown operator {name!r}{nearest(name, CATALOG)}")
    return imported("operator", name)


def options(factory: Factory) -> Mapping[str, Option]:
    """The options of a factory, by name, in the order of its signature."""
    return signature(factory).options


def validate(name: str, given: Mapping[str, Any]) -> list[str]:
    """What is wrong with a step, a sentence a fault; an empty list: nothing. Nothing is built."""
    try:
        takes = options(resolve(name))
    except ChainError as error:
        return [str(error)]
    faults: list[str] = []
    for key, value in given.items():
        option = takes.get(key)
        if option is None:
            known = nearest(key, takes) if takes else "; it takes none"
            faults.append(f"{name}: unknown option {key!r}{known}")
        elif not option.takes(value):
            faults.append(f"{name}: {key} is {shown(key, value)}; expected {option.expected}")
    faults.extend(
        f"{name}: {option.name} is missing; expected {option.expected}"
        for option in takes.values()
        if option.required and option.name not in given
    )
    return faults


def build(name: str, given: Mapping[str, Any], resources: Mapping[str, Any]) -> Callable[[Observable[Any]], Observable[Any]]:
    """The operator of a step.

    Args:
        name: of the operator.
        given: its options.
        resources: by parameter name; those that the operator does not ask for are not used.

    Raises:
        ChainError: :func:`validate` finds a fault, a resource without a default is missing, or the factory refuses.
    """
    faults = validate(name, given)
    if faults:
        raise ChainError("\n".join(faults))
    factory = resolve(name)
    needed = signature(factory).resources
    missing = [resource for resource, required in needed.items() if required and resource not in resources]
    if missing:
        raise ChainError(f"{name}: nobody supplied the resource {', '.join(missing)}")
    supplied = {resource: resources[resource] for resource in needed if resource in resources}
    try:
        return factory(**given, **supplied)
    except ValueError as error:
        raise ChainError(str(error)) from error


def promise(factory: Factory) -> str:
    """The first line of what a factory says of itself; "" where it says nothing."""
    return (inspect.getdoc(function_of(factory)) or "").partition("\n")[0]


def table() -> str:
    """The catalogue as Markdown, a table a question: each operator's promise, its options with their defaults, its resources."""
    return "\n\n".join(f"### {question}\n\n{_table(names)}" for question, names in QUESTIONS.items())


def _table(names: tuple[str, ...]) -> str:
    rows = ["| operator | what it does | options | resources |", "| --- | --- | --- | --- |"]
    for name in names:
        takes = signature(CATALOG[name])
        said = promise(CATALOG[name])
        written = ", ".join(f"`{option.name}`" if option.required else _default(option) for option in takes.options.values())
        needed = ", ".join(f"`{resource}`" + ("" if must else "?") for resource, must in takes.resources.items())
        rows.append(f"| `{name}` | {said} | {written} | {needed} |")
    return "\n".join(rows)


def _default(option: Option) -> str:
    return f"`{option.name}={option.default!r}`"
