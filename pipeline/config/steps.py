"""The steps of chains: names and options are those of the operators' catalogue, whose signatures are the schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

from pipeline.config.composed import composed
from pipeline.config.models import POSITIONS, ChainConfig, StepConfig
from pipeline.config.places import FACTORIES, NO_ANSWER, PLACES, no_step
from pipeline.config.problems import Path, Problem, listed, nearest
from pipeline.config.tree import Tree
from pipeline.config.units import parse_flag, parse_number, parse_size, parse_time

if TYPE_CHECKING:
    from operators.signature import Option

AS = "as"
"""The option of every step that gives it another name in its chain."""

_NAME = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_EXAMPLE = "Example: `idle_timeout: {seconds: 60}`."


def chains(tree: Tree) -> Mapping[str, ChainConfig]:
    """The chains of the file; faults go to ``tree.problems``, and what is faulty is left out."""
    section = tree.value.get("chains")
    found: dict[str, ChainConfig] = {}
    for name, chain in (section if isinstance(section, dict) else {}).items():
        path: Path = ("chains", name)
        if isinstance(chain, str):
            found[name] = composed(tree, path, chain)
        elif isinstance(chain, dict):
            written = {position: chain[position] for position in POSITIONS if isinstance(chain.get(position), list)}
            found[name] = ChainConfig({key: _position(tree, (*path, key), items) for key, items in written.items()})
            _unique(tree, found[name])
    return found


def _position(tree: Tree, path: Path, items: list[Any]) -> tuple[StepConfig, ...]:
    if path[-1] == "answer" and not items:
        tree.fault(path, NO_ANSWER)
    steps = (_step(tree, (*path, index), item) for index, item in enumerate(items))
    return tuple(step for step in steps if step is not None)


def _unique(tree: Tree, chain: ChainConfig) -> None:
    """A name stands once in a chain: guards are told apart by it."""
    seen: dict[str, StepConfig] = {}
    for steps in chain.positions.values():
        for step in steps:
            first = seen.setdefault(step.label, step)
            if first is not step:
                message = (
                    f"the step {step.label} stands already in line {first.where.line}; "
                    f"a second one needs a name of its own. Example: `as: second-{step.name.rpartition(':')[2]}`."
                )
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
    known = _known(tree, where, name, str(path[-2]))
    if known is None:
        return None
    label = _label(tree, where, name, options)
    given = {key: value for key, value in options.items() if key != AS}
    return StepConfig(FACTORIES.get(name, name), _converted(tree, where, name, given, known), tree.place(where, key=True), label)


def _label(tree: Tree, path: Path, name: str, options: Mapping[str, Any]) -> str:
    """What the step is called where one operator stands twice in a chain."""
    label = options.get(AS, name)
    if not isinstance(label, str) or (not _NAME.fullmatch(label) and label != name):
        tree.fault((*path, AS), 'the name of a step holds letters, digits, "_" and "-" only.')
        return name
    return label


def _known(tree: Tree, path: Path, name: str, position: str) -> Mapping[str, Option] | None:
    """The options of the step ``name``; None, and a problem, where it cannot stand here."""
    from operators import catalog
    from operators.errors import ChainError

    if name not in PLACES and ":" not in name:
        tree.fault(path, no_step(name), key=True)
        return None
    places = PLACES.get(name)
    if places is not None and position not in places.positions:
        tree.fault(path, places.refusal(name, position), key=True)
        return None
    try:
        return catalog.options(catalog.resolve(FACTORIES.get(name, name)))
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
        parse = _parser(option) if isinstance(value, str) else None
        try:
            result[key] = parse(value) if parse else value
        except ValueError as error:
            tree.fault(where, f"{_shown(tree, where)} {error}")
            continue
        if not option.takes(result[key]):
            tree.fault(where, f"{_shown(tree, where)} is not {option.expected}.")
    missing = [option for option in known.values() if option.required and option.name not in given]
    # A misspelt option is one fault, not two.
    for option in missing if known.keys() >= given.keys() else ():
        tree.fault(path, f"the step {name} needs the option {option.name} ({option.expected}).", key=True)
    return result


def _shown(tree: Tree, path: Path) -> str:
    """The value of an option as the file has it, "the value" where it may not be shown."""
    from operators.options import HIDDEN

    written = tree.written.get(path)
    return "the value" if written is None or path[-1] in HIDDEN else f'"{written}"'


def _parser(option: Option) -> Any:
    """What reads a text for this option; None where a text is what it takes."""
    kinds = (option.annotation, *get_args(option.annotation))
    if str in kinds:
        return None
    # Of a step of your own a plain float may be a time.
    if option.is_time or (float in kinds and not option.bounds):
        return parse_time
    if float in kinds:
        return parse_number
    return parse_size if int in kinds else parse_flag if bool in kinds else None
