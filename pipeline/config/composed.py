"""Chains that were composed in Python: ``chains: {mine: "module:NAME"}``. They are checked as if the file had written them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipeline.config.models import POSITIONS, ChainConfig, StepConfig
from pipeline.config.places import FACTORIES, NO_ANSWER, PLACES, no_step
from pipeline.config.problems import Path, listed, nearest
from pipeline.config.tree import Tree

if TYPE_CHECKING:
    from operators.chain import Chain, Step


def composed(tree: Tree, path: Path, reference: str) -> ChainConfig:
    """The chain that ``reference`` names; faults, all of them at the place of the reference, go to ``tree.problems``."""
    chain = _imported(tree, path, reference)
    if chain is None:
        return ChainConfig({})
    place = tree.place(path)
    positions: dict[str, tuple[StepConfig, ...]] = {}
    for position, steps in chain.positions.items():
        if position not in POSITIONS:
            tree.fault(path, f"{reference} has a position {position}; there are {listed(POSITIONS, 'and')}.")
            continue
        if position == "answer" and not steps:
            tree.fault(path, f"{reference}: answer {NO_ANSWER}")
        for fault in (fault for step in steps for fault in _faults(step, position)):
            tree.fault(path, f"{reference}: {fault}")
        positions[position] = tuple(
            StepConfig(FACTORIES.get(step.name, step.name), _plain(step.options), place, step.label, step.reason)
            for step in steps
        )
    return ChainConfig(positions)


def _imported(tree: Tree, path: Path, reference: str) -> Chain | None:
    """What ``module:NAME`` refers to; None, and a problem, where that is no chain."""
    from operators.chain import Chain

    if reference != tree.written.get(path):
        tree.fault(path, "the place of a chain cannot come from the environment.")
        return None
    module, _, name = reference.partition(":")
    if not module or not name or module.startswith("."):
        tree.fault(path, "expected a mapping of positions, or `module:NAME` of a Chain that was composed in Python.")
        return None
    try:
        home = importlib.import_module(module)
    except ImportError as error:
        tree.fault(path, f'{reference}: the module "{module}" cannot be imported ({error}).')
        return None
    except Exception as error:
        # What a person's own module raises when it is imported may say anything.
        tree.fault(path, f"{reference} cannot be used ({type(error).__name__} while it was imported).")
        return None
    found = getattr(home, name, None)
    if isinstance(found, Chain):
        return found
    there = [key for key, value in vars(home).items() if isinstance(value, Chain)]
    guess = nearest(name, there) or (f" It has {listed(there, 'and')}." if there else " It has none.")
    what = f"is a {type(found).__name__}, not a Chain" if hasattr(home, name) else "is not there"
    tree.fault(path, f'{reference}: in the module "{module}" {name} {what}; expected a Chain of operators.chain.{guess}')
    return None


def _faults(step: Step, position: str) -> Iterator[str]:
    """What is wrong with a step that stands in ``position``, a sentence a fault."""
    from operators import catalog

    places = PLACES.get(step.name)
    if places is None and ":" not in step.name:
        yield no_step(step.name)
        return
    if places is not None and position not in places.positions:
        yield places.refusal(step.name, position)
    factory = FACTORIES.get(step.name, step.name)
    yield from (f"{fault.replace(f'{factory}: ', f'{step.name}: ', 1)}." for fault in catalog.validate(factory, step.options))
    for name, value in step.options.items():
        if callable(value) and _name_of(value) is None:
            yield f'{step.name}: {name} is a function without a name that can be imported; write it as "module:function".'


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Functions by their names: a configuration travels from the process that reads it, and has a digest that stays."""
    return {name: (_name_of(value) or value) if callable(value) else value for name, value in options.items()}


def _name_of(function: Any) -> str | None:
    """``module:function`` where that leads back to ``function``."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    try:
        return f"{module}:{name}" if module and getattr(importlib.import_module(module), name, None) is function else None
    except ImportError:
        return None
