"""Names in a configuration that must fit each other: providers, chains, unique models and keys.

It reads the raw values, so that these faults are told together with those of the schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pipeline.config.problems import Path, listed, nearest
from pipeline.config.tree import Tree

DEMO = "demo"
"""The embedded provider, always there."""

# Part of metric labels and of the header x-penstock-candidate; the first slash of provider/model ends it.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_HTTP_ONLY = ("dialect", "base_url", "api_key", "auth", "headers", "transport", "connect_timeout", "body_limit")


def check(tree: Tree) -> None:
    """Add a problem for each name that refers to nothing, or stands twice."""
    _providers(tree)
    _models(tree)
    _unique(tree, ("models",), "name", "this model")
    _unique(tree, ("server", "keys"), "name", "this name")
    _unique(tree, ("server", "keys"), "key", "this key")


def _section(tree: Tree, *path: str) -> dict[str, Any]:
    value: Any = tree.value
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _records(tree: Tree, path: tuple[str, ...]) -> Iterator[tuple[Path, dict[str, Any]]]:
    items = _section(tree, *path[:-1]).get(path[-1])
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield (*path, index), item


def _providers(tree: Tree) -> None:
    for name, provider in _section(tree, "providers").items():
        path: Path = ("providers", name)
        if not _NAME.fullmatch(name):
            tree.fault(path, 'a provider\'s name may hold letters, digits, ".", "_" and "-" only.', key=True)
        if not isinstance(provider, dict):
            continue
        kind = provider.get("kind", "http")
        if kind == "http":
            for key, hint in (("dialect", "chat, responses or messages"), ("base_url", "such as https://api.openai.com/v1")):
                if key not in provider:
                    tree.fault((*path, key), f"is missing; an HTTP provider needs it ({hint}).")
        elif kind == DEMO:
            for key in filter(provider.__contains__, _HTTP_ONLY):
                tree.fault((*path, key), "means nothing for the demo provider; leave it out.", key=True)


def _models(tree: Tree) -> None:
    providers = {DEMO, *_section(tree, "providers")}
    chains = {"default", *_section(tree, "chains")}
    for path, model in _records(tree, ("models",)):
        chain = model.get("chain")
        if isinstance(chain, str) and chain not in chains:
            shown = tree.written.get((*path, "chain"), chain)
            tree.fault((*path, "chain"), f'there is no chain "{shown}".{nearest(chain, chains)}')
        candidates = model.get("candidates")
        for index, candidate in enumerate(candidates if isinstance(candidates, list) else ()):
            where: Path = (*path, "candidates", index)
            if isinstance(candidate, dict):
                where, candidate = (*where, "use"), candidate.get("use")
            if isinstance(candidate, str):
                _candidate(tree, where, candidate, providers)


def _candidate(tree: Tree, path: Path, use: str, providers: set[str]) -> None:
    provider, slash, model = use.partition("/")
    if path in tree.written and "${" in tree.written[path]:
        use = tree.written[path]
    if not slash or not model:
        tree.fault(path, f'"{use}" is not provider/model. Example: `openai/gpt-5.1`.')
    elif provider not in providers:
        names = listed(sorted(providers))
        tree.fault(path, f'"{use}" names a provider that is not there.{nearest(provider, providers) or f" There is {names}."}')
    elif "*" in model and model != "*":
        tree.fault(path, f'"{use}" is a pattern; a candidate is one model, or "{provider}/*" for the name that the client said.')


def _unique(tree: Tree, path: tuple[str, ...], key: str, what: str) -> None:
    seen: dict[str, Path] = {}
    for where, record in _records(tree, path):
        value = record.get(key)
        if not isinstance(value, str) or (*where, key) in tree.broken:
            continue
        first = seen.setdefault(value, (*where, key))
        if first != (*where, key):
            tree.fault((*where, key), f"{what} stands already in line {tree.place(first).line}.")
