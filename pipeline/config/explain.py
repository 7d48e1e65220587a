"""Pydantic's errors as sentences for people: what stands there, what was expected, an example, the nearest right name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipeline.config.problems import Path, listed, nearest
from pipeline.config.schema import example, is_secret, schema_at
from pipeline.config.tree import Tree


def explain(tree: Tree, error: ValidationError) -> None:
    """Add a problem to ``tree`` for each of pydantic's errors."""
    for detail in error.errors(include_url=False, include_context=True, include_input=False):
        path: Path = tuple(detail["loc"])
        if path[-1:] == (0,) and path[:-1] in tree.written:
            # One value that stands for a list of one: the file knows no item of it.
            path = path[:-1]
        _TYPES.get(detail["type"], _other)(tree, path, detail)


def shown(tree: Tree, path: Path) -> str:
    """The value at ``path`` as the file has it (never from the environment), "the value" where it may not be shown."""
    if is_secret(path) or path not in tree.written:
        return "the value"
    text = tree.written[path]
    if "://" in text and ("@" in text or "?" in text):
        return "the value"
    return f'"{text[:57]}..."' if len(text) > 60 else f'"{text}"'


def _unknown(tree: Tree, path: Path, detail: ErrorDetails) -> None:
    known = schema_at(path[:-1]).get("properties", {})
    guess = nearest(str(path[-1]), known) or f" Known here: {', '.join(known)}."
    tree.fault(path, f"unknown key.{guess}", key=True)


def _missing(tree: Tree, path: Path, detail: ErrorDetails) -> None:
    tree.fault(path, f"is missing.{example(path)}")


def _expected(what: str) -> Callable[[Tree, Path, ErrorDetails], None]:
    def report(tree: Tree, path: Path, detail: ErrorDetails) -> None:
        tree.fault(path, f"expected {what}.{example(path)}")

    return report


def _text(tree: Tree, path: Path, detail: ErrorDetails) -> None:
    if path not in tree.written:
        tree.fault(path, f"expected a text.{example(path)}")
    elif not tree.written[path].strip("~"):
        tree.fault(path, f"is empty; expected a text.{example(path)}")
    else:
        tree.fault(path, f"{shown(tree, path)} is read as a number or a truth value; put the text in quotes.")


def _choice(tree: Tree, path: Path, detail: ErrorDetails) -> None:
    schema = schema_at(path)
    choices = schema.get("enum") or [schema.get("const", "")]
    tree.fault(path, f"{shown(tree, path)} is not {listed(choices)}.{nearest(tree.written.get(path, ''), choices)}")


def _bound(word: str, key: str) -> Callable[[Tree, Path, ErrorDetails], None]:
    def report(tree: Tree, path: Path, detail: ErrorDetails) -> None:
        tree.fault(path, f"{shown(tree, path)} must be {word} {detail['ctx'][key]:g}.{example(path)}")

    return report


def _empty(tree: Tree, path: Path, detail: ErrorDetails) -> None:
    """Pydantic does not count items that are wrong themselves; such a list is not empty."""
    if path not in tree.written and (*path, 0) in tree.values:
        return
    tree.fault(path, f"must not be empty.{example(path)}")


def _own(tree: Tree, path: Path, detail: ErrorDetails) -> None:
    sentence = detail["msg"]
    if path in tree.written:
        extra = "" if any(mark in sentence for mark in (". ", "; ")) else example(path)
        tree.fault(path, f"{shown(tree, path)} {sentence}{extra}")
    else:
        tree.fault(path, f"{sentence}{example(path)}")


def _other(tree: Tree, path: Path, detail: ErrorDetails) -> None:
    tree.fault(path, f"{shown(tree, path)} is not right here.{example(path)}")


_TYPES: Mapping[str, Callable[[Tree, Path, ErrorDetails], None]] = {
    "penstock": _own,
    "extra_forbidden": _unknown,
    "missing": _missing,
    "literal_error": _choice,
    "string_type": _text,
    "tuple_type": _expected("a list"),
    "model_type": _expected("a mapping (keys and values)"),
    "mapping_type": _expected("a mapping (keys and values)"),
    "dict_type": _expected("a mapping (keys and values)"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than_equal": _bound("at most", "le"),
    "greater_than": _bound("more than", "gt"),
    "too_short": _empty,
    "string_too_short": _empty,
}
