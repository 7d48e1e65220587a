"""YAML text as plain values in which every value knows its line and column, with the environment filled in.

Nothing here knows what the keys mean. All faults are gathered; only a text that is no YAML at all ends the reading at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from pipeline.config.problems import ConfigError, Path, Place, Problem, dotted

_MAX_NODES = 50_000
_VARIABLE = re.compile(r"\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?", re.ASCII)
_TAG = "tag:yaml.org,2002:"

# What PyYAML says -> what a person should do. Its own snippets are never shown: they may hold a secret.
_SYNTAX: tuple[tuple[str, str], ...] = (
    ("expected alphabetic or numeric character", 'a text that begins with * or & needs quotes, such as "*".'),
    (
        "found undefined alias",
        'an alias without its anchor; a text that begins with * needs quotes, such as "*".',
    ),
    ("found character '\\t'", "a tab; indent with spaces."),
    (
        "mapping values are not allowed here",
        'a ":" where none can stand; check the indentation, and quote texts that hold ": ".',
    ),
    ("could not find expected ':'", 'a key without ":" behind it; check the indentation.'),
    ("found unexpected end of stream", "a quote, bracket or brace is never closed."),
    ("but found another document", 'a second document ("---"); a configuration is one document.'),
    ("expected ',' or '}'", 'a "," or "}" is missing.'),
    ("expected ',' or ']'", 'a "," or "]" is missing.'),
    ("expected <block end>", "the indentation does not fit the lines above."),
    ("cannot start any token", "a text that begins with @, `, % or another special character needs quotes."),
)


class _Loader(yaml.SafeLoader):
    """YAML 1.2 scalars only: ``no``, ``on``, ``12:30`` and dates stay texts."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (the base class's own form)


_Loader.add_implicit_resolver(f"{_TAG}bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(f"{_TAG}int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    f"{_TAG}float", re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?$"), list("-+.0123456789")
)
_Loader.add_implicit_resolver(f"{_TAG}null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(f"{_TAG}merge", re.compile(r"^<<$"), ["<"])

_SCALARS: Mapping[str, Callable[[str], Any]] = {
    f"{_TAG}str": str,
    f"{_TAG}bool": lambda text: text.lower() == "true",
    f"{_TAG}int": int,
    f"{_TAG}float": float,
    f"{_TAG}null": lambda text: None,
}


class Tree:
    """A configuration file as values.

    ``value`` is the root, always a mapping; ``problems`` what was wrong so far; ``broken`` the paths that were judged.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.value: dict[str, Any] = {}
        self.problems: list[Problem] = []
        self.broken: set[Path] = set()
        self.written: dict[Path, str] = {}
        """Each scalar exactly as the file has it, before the environment is filled in: this, not the value, may be shown."""
        self.keys: dict[Path, tuple[int, int]] = {}
        self.values: dict[Path, tuple[int, int]] = {}

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where ``path`` stands; for a path that the file does not have, its nearest ancestor. ``key``: the key itself."""
        known = path
        while known and known not in self.values:
            known = known[:-1]
        container = known not in self.written
        spots = self.keys if (key or container) and known in self.keys else self.values
        line, column = spots.get(known, (1, 1))
        return Place(self.source, line, column, dotted(path))

    def fault(self, path: Path, message: str, *, key: bool = False) -> None:
        """Note a problem at ``path``, unless the value there, or one above it, was already judged: one fault, one message."""
        if any(path[:length] in self.broken for length in range(1, len(path) + 1)):
            return
        self.problems.append(Problem(self.place(path, key=key), message))


def read(text: str, source: str, env: Mapping[str, str]) -> Tree:
    """The tree of ``text``. Raises ConfigError only where the text is no YAML; other faults are in ``Tree.problems``."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax(error, source)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"a character that YAML does not allow (code {error.character})."
        raise ConfigError([Problem(Place(source, line, 1), message)]) from None
    except RecursionError:
        raise ConfigError([Problem(Place(source, 1, 1), "nested too deeply.")]) from None
    builder = _Builder(Tree(source), env)
    if node is not None:
        root = builder.build(node, (), frozenset())
        if isinstance(root, dict):
            builder.tree.value = root
        elif root is not None:
            builder.tree.fault((), "expected a mapping at the top, such as `server:` with its keys below it.")
    return builder.tree


def _syntax(error: yaml.MarkedYAMLError, source: str) -> Problem:
    said = f"{error.context or ''} {error.problem or ''}"
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    for fragment, sentence in _SYNTAX:
        if fragment in said:
            return Problem(Place(source, line, column), f"not valid YAML: {sentence}")
    return Problem(Place(source, line, column), "not valid YAML here; check quotes, brackets and indentation.")


class _Builder:
    """Walks the nodes once. ``above`` holds the nodes on the way down, so that an alias to an ancestor is seen."""

    def __init__(self, tree: Tree, env: Mapping[str, str]) -> None:
        self.tree = tree
        self.env = env
        self.count = 0

    def build(self, node: yaml.Node, path: Path, above: frozenset[int]) -> Any:
        self.tree.values[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        self.count += 1
        if self.count > _MAX_NODES:
            raise ConfigError([Problem(self.tree.place(path), f"more than {_MAX_NODES} values; aliases multiply them.")])
        if id(node) in above:
            return self._broken(path, "an alias to a value that it is part of.")
        inside = above | {id(node)}
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, inside)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*path, index), inside) for index, child in enumerate(node.value)]
        return self._scalar(node, path)

    def _broken(self, path: Path, message: str) -> None:
        self.tree.fault(path, message)
        self.tree.broken.add(path)

    def _mapping(self, node: yaml.MappingNode, path: Path, inside: frozenset[int]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        own: set[str] = set()
        for key_node, value_node, merged in _entries(node, inside):
            if not isinstance(key_node, yaml.ScalarNode):
                place = Place(self.tree.source, key_node.start_mark.line + 1, key_node.start_mark.column + 1, dotted(path))
                self.tree.problems.append(Problem(place, "a key must be a plain text."))
                continue
            key = str(key_node.value)
            where = (*path, key)
            if key in own:
                if not merged:
                    first = self.tree.keys[where][0]
                    line, column = key_node.start_mark.line + 1, key_node.start_mark.column + 1
                    place = Place(self.tree.source, line, column, dotted(where))
                    self.tree.problems.append(Problem(place, f"duplicate key; it stands already in line {first}."))
                continue
            own.add(key)
            self.tree.keys[where] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            result[key] = self.build(value_node, where, inside)
        return result

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        text = str(node.value)
        self.tree.written[path] = text
        make = _SCALARS.get(node.tag)
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            return self._broken(path, "holds half a character (a surrogate without its other half); nobody could read it.")
        if make is None:
            return self._broken(path, f"the tag {node.tag.removeprefix(_TAG)} is not used here; write a plain value.")
        if "${" in text and make is str:
            return self._substitute(text, path)
        try:
            return make(text)
        except ValueError:
            return self._broken(path, f"is not a {node.tag.removeprefix(_TAG)}.")

    def _substitute(self, text: str, path: Path) -> str | None:
        missing: list[str] = []

        def replace(found: re.Match[str]) -> str:
            name, default = found[1], found[2]
            if name is None:
                missing.append('"${" without a name and "}"; write ${NAME} or ${NAME:-default}.')
                return ""
            value = self.env.get(name)
            if value or default is not None:
                return value or default
            state = "is not set" if value is None else "is empty"
            missing.append(f"the environment variable {name} {state}; set it, or write ${{{name}:-default}}.")
            return ""

        result = _VARIABLE.sub(replace, text)
        for message in missing:
            self._broken(path, message)
        return None if missing else result


def _entries(node: yaml.MappingNode, inside: frozenset[int]) -> Iterator[tuple[yaml.Node, yaml.Node, bool]]:
    """Key, value and whether it came by a merge key (``<<``); own keys first, so that they win."""
    merges: list[yaml.Node] = []
    for key, value in node.value:
        if key.tag == f"{_TAG}merge":
            merges.extend(value.value if isinstance(value, yaml.SequenceNode) else [value])
        else:
            yield key, value, False
    for merged in merges:
        if isinstance(merged, yaml.MappingNode) and id(merged) not in inside:
            for key, value, _ in _entries(merged, inside | {id(merged)}):
                yield key, value, True
