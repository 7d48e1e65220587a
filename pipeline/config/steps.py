"""The steps of chains: names and options are those of the operators' catalogue, whose signatures are the schema."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, get_args

from pipeline.config.models import POSITIONS, ChainConfig, StepConfig
from pipeline.config.notyet import STEPS as NOT_YET
from pipeline.config.problems import Path, nearest
from pipeline.config.tree import Tree
from pipeline.config.units import parse_size, parse_time


def chains(tree: Tree) -> Mapping[str, ChainConfig]:
    """The chains of the file; faults go to ``tree.problems``, and what is faulty is left out."""
    section = tree.value.get("chains")
    found: dict[str, ChainConfig] = {}
    for name, chain in (section if isinstance(section, dict) else {}).items():
        positions = {
            position: _position(tree, ("chains", name, position), chain[position])
            for position in POSITIONS
            if isinstance(chain, dict) and isinstance(chain.get(position), list)
        }
        found[name] = ChainConfig(positions)
    return found


def _position(tree: Tree, path: Path, items: list[Any]) -> tuple[StepConfig, ...]:
    steps = (_step(tree, (*path, index), item) for index, item in enumerate(items))
    return tuple(step for step in steps if step is not None)


def _step(tree: Tree, path: Path, item: Any) -> StepConfig | None:
    """``name``, ``{name: {options}}`` or ``{name: }``."""
    if isinstance(item, str):
        item = {item: None}
    if not isinstance(item, dict) or len(item) != 1:
        tree.fault(path, "expected one step: a name with its options. Example: `idle_timeout: {seconds: 60}`.")
        return None
    name, options = next(iter(item.items()))
    where = (*path, name) if (*path, name) in tree.values else path
    if options is None:
        options = {}
    if not isinstance(options, dict):
        tree.fault(where, f"expected the options of {name} as a mapping. Example: `idle_timeout: {{seconds: 60}}`.")
        return None
    if _unbuilt(tree, where, name, options):
        return None
    converted = _converted(tree, where, name, options)
    return None if converted is None else StepConfig(name, converted, tree.place(where, key=True))


def _unbuilt(tree: Tree, path: Path, name: str, options: Mapping[str, Any]) -> bool:
    from operators import catalog

    if name in catalog.names() or ":" in name:
        return False
    if name in NOT_YET:
        tree.fault(path, f'not yet: the step "{name}" is not built yet; leave it out.', key=True)
    else:
        known = sorted(catalog.names())
        guess = nearest(name, known) or f" There are {', '.join(known)}."
        tree.fault(path, f'there is no step "{name}".{guess}', key=True)
    return True


def _converted(tree: Tree, path: Path, name: str, options: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The options with times and sizes as numbers; None when something was wrong with them."""
    from operators import catalog

    before = len(tree.problems)
    known = _kinds(catalog.resolve(name))
    result = dict(options)
    for key, value in options.items():
        where = (*path, key)
        if known and key not in known:
            tree.fault(where, f"the step {name} has no such option.{nearest(key, known) or _options(known)}", key=True)
        elif isinstance(value, str) and (parse := _parser(known.get(key))):
            try:
                result[key] = parse(value)
            except ValueError as error:
                tree.fault(where, f'"{tree.written.get(where, "")}" {error}')
    return result if len(tree.problems) == before else None


def _kinds(factory: Any) -> dict[str, Any]:
    """What each option is, by the factory's signature."""
    parameters = inspect.signature(factory, eval_str=True).parameters.values()
    return {parameter.name: parameter.annotation for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD}


def _parser(annotation: Any) -> Any:
    """Times for float, sizes for int, also where None is allowed."""
    kinds = (annotation, *get_args(annotation))
    return parse_time if float in kinds else parse_size if int in kinds else None


def _options(known: Mapping[str, Any]) -> str:
    return f" It has {', '.join(known)}."
