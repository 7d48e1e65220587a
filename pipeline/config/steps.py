"""The steps of chains: names and options are those of the operators' catalogue, whose signatures are the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

from pipeline.config.models import POSITIONS, ChainConfig, StepConfig
from pipeline.config.notyet import BALANCES
from pipeline.config.notyet import STEPS as NOT_YET
from pipeline.config.problems import Path, Problem, listed, nearest
from pipeline.config.tree import Tree
from pipeline.config.units import parse_size, parse_time

if TYPE_CHECKING:
    from operators.catalog import Option

_STREAM = ("wire", "attempt", "request")

# Where a step of the catalogue makes sense; anywhere else every request would fail. Your own steps stand where you say.
PLACES: Mapping[str, tuple[str, ...]] = {
    "breaker": ("candidates",),
    "buffer_limit": ("wire",),
    "retry": ("attempt",),
    "first_event_timeout": _STREAM,
    "idle_timeout": _STREAM,
    "total_timeout": _STREAM,
    "failover": ("answer",),
    "output_limit": _STREAM,
    "heartbeat": ("request",),
}

_EXAMPLE = "Example: `idle_timeout: {seconds: 60}`."


def chains(tree: Tree) -> Mapping[str, ChainConfig]:
    """The chains of the file; faults go to ``tree.problems``, and what is faulty is left out."""
    section = tree.value.get("chains")
    found: dict[str, ChainConfig] = {}
    for name, chain in (section if isinstance(section, dict) else {}).items():
        if isinstance(chain, dict):
            path: Path = ("chains", name)
            written = {position: chain[position] for position in POSITIONS if isinstance(chain.get(position), list)}
            found[name] = ChainConfig({key: _position(tree, (*path, key), items) for key, items in written.items()})
            _unique(tree, found[name])
    return found


def _position(tree: Tree, path: Path, items: list[Any]) -> tuple[StepConfig, ...]:
    if path[-1] == "answer" and not items:
        tree.fault(path, "needs a step that makes one stream of the candidates. Example: `answer: [failover]`.")
    steps = (_step(tree, (*path, index), item) for index, item in enumerate(items))
    return tuple(step for step in steps if step is not None)


def _unique(tree: Tree, chain: ChainConfig) -> None:
    """A name stands once in a chain: guards are told apart by it."""
    seen: dict[str, StepConfig] = {}
    for steps in chain.positions.values():
        for step in steps:
            first = seen.setdefault(step.name, step)
            if first is not step:
                message = f"the step {step.name} stands already in line {first.where.line}; it can stand once in a chain."
                tree.problems.append(Problem(step.where, message))


def _step(tree: Tree, path: Path, item: Any) -> StepConfig | None:
    """``name``, ``{name: {options}}`` or ``{name: }``."""
    if isinstance(item, str):
        if item != tree.written.get(path):
            tree.fault(path, "the name of a step cannot come from the environment.")
            return None
        item = {item: None}
    if not isinstance(item, dict) or len(item) != 1:
        tree.fault(path, f"expected one step: a name with its options. {_EXAMPLE}")
        return None
    name, options = next(iter(item.items()))
    where = (*path, name) if (*path, name) in tree.values else path
    options = {} if options is None else options
    if not isinstance(options, dict):
        tree.fault(where, f"expected the options of {name} as a mapping. {_EXAMPLE}")
        return None
    if name == "balance":
        _balance(tree, where, options, str(path[-2]))
        return None
    known = _known(tree, where, name, str(path[-2]))
    if known is None:
        return None
    converted = _converted(tree, where, name, options, known)
    return StepConfig(name, converted, tree.place(where, key=True))


def _balance(tree: Tree, path: Path, options: Mapping[str, Any], position: str) -> None:
    """Candidates come in the order of the file: to say so is right and adds nothing to the chain."""
    if position != "candidates":
        tree.fault(path, f"the step balance cannot stand in {position}; it belongs to candidates.", key=True)
    for key, value in options.items():
        where = (*path, key)
        if key != "by":
            tree.fault(where, f"the step balance has no such option.{nearest(key, ['by']) or ' It has by.'}", key=True)
        elif value in BALANCES:
            tree.fault(where, "not yet: this balance is not built yet; use `by: order`.")
        elif value != "order":
            guess = nearest(str(value), ["order"])
            tree.fault(where, f'"{tree.written.get(where, "the value")}" is no balance; use `by: order`.{guess}')


def _known(tree: Tree, path: Path, name: str, position: str) -> Mapping[str, Option] | None:
    """The options of the step ``name``; None, and a problem, where it cannot stand here."""
    from operators import catalog
    from operators.errors import ChainError

    if name not in PLACES and ":" not in name:
        if name in NOT_YET:
            tree.fault(path, f'not yet: the step "{name}" is not built yet; leave it out.', key=True)
        else:
            guess = nearest(name, PLACES) or f" There are {listed(list(PLACES), 'and')}; your own: `module:function`."
            tree.fault(path, f'there is no step "{name}".{guess}', key=True)
        return None
    if position not in PLACES.get(name, POSITIONS):
        tree.fault(path, f"the step {name} cannot stand in {position}; it belongs to {listed(PLACES[name])}.", key=True)
        return None
    try:
        return catalog.options(catalog.resolve(name))
    except ChainError as error:
        tree.fault(path, f"{error}.", key=True)
    except Exception as error:
        # A person's own module may raise anything when it is imported; what it says may hold anything too.
        tree.fault(path, f"{name} cannot be used ({type(error).__name__} while it was imported).", key=True)
    return None


def _converted(tree: Tree, path: Path, name: str, given: Mapping[str, Any], known: Mapping[str, Option]) -> dict[str, Any]:
    """The options with times and sizes as numbers; what is wrong with them goes to ``tree.problems``."""
    result: dict[str, Any] = {}
    for key, value in given.items():
        where = (*path, key)
        option = known.get(key)
        if option is None:
            guess = nearest(key, known) or (f" It has {listed(list(known), 'and')}." if known else " It has none.")
            tree.fault(where, f"the step {name} has no such option.{guess}", key=True)
            continue
        parse = _parser(option.annotation) if isinstance(value, str) else None
        try:
            result[key] = parse(value) if parse else value
        except ValueError as error:
            tree.fault(where, f'"{tree.written.get(where, "")}" {error}')
            continue
        if not option.takes(result[key]):
            tree.fault(where, f'"{tree.written.get(where, "the value")}" is not {option.expected}.')
    missing = [option for option in known.values() if option.required and option.name not in given]
    # A misspelt option is one fault, not two.
    for option in missing if known.keys() >= given.keys() else ():
        tree.fault(path, f"the step {name} needs the option {option.name} ({option.expected}).", key=True)
    return result


def _parser(annotation: Any) -> Any:
    """What reads a text for this type: a time for float, a size for int, also where None is allowed."""
    kinds = (annotation, *get_args(annotation))
    if str in kinds:
        return None
    return parse_time if float in kinds else parse_size if int in kinds else None
