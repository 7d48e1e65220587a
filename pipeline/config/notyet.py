"""What the contract names and this version does not build: a clear answer instead of a key that does nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pipeline.config.problems import Path
from pipeline.config.tree import Tree

Test = Callable[[Any], bool]


def _always(value: Any) -> bool:
    return True


def _is(*words: str) -> Test:
    return lambda value: isinstance(value, str) and value.partition(":")[0] in words


def _several(value: Any) -> bool:
    return str(value).isdecimal() and int(value) > 1


# Pattern of a path ("*" is any key or index), which of its values are meant, what is missing.
_TABLE: tuple[tuple[Path, Test, str], ...] = (
    (("cluster",), _always, "a cluster is not built yet; leave `cluster` out"),
    (("state", "store"), _is("sqlite", "nats"), "this store is not built yet; use `store: memory`"),
    (("server", "workers"), _several, "several workers are not built yet; use `workers: 1`"),
    (("providers", "*", "kind"), _is("peer"), "peers are not built yet; use `kind: http`"),
    (("providers", "*", "kind"), _is("agent"), "agents as models are not built yet; use `kind: http`"),
    (("providers", "*", "transport"), _is("websocket"), "this transport is not built yet; use `transport: auto` or `sse`"),
)


def check(tree: Tree) -> None:
    """Add a problem for each use of what is not built, and mark the place as judged."""
    for pattern, meant, message in _TABLE:
        for path, value in list(_matches(tree.value, pattern, ())):
            if path not in tree.broken and meant(value):
                tree.fault(path, f"not yet: {message}.", key=True)
                # The other keys of a provider of an unbuilt kind (node, engine) mean nothing here: one message is enough.
                tree.broken.add(path[:-1] if path[-1] == "kind" else path)


def _matches(value: Any, pattern: Path, path: Path) -> Iterator[tuple[Path, Any]]:
    if len(path) == len(pattern):
        yield path, value
        return
    part = pattern[len(path)]
    if isinstance(value, dict):
        for key in list(value) if part == "*" else [part] if part in value else []:
            yield from _matches(value[key], pattern, (*path, key))
    elif isinstance(value, list) and part == "*":
        for index, item in enumerate(value):
            yield from _matches(item, pattern, (*path, index))
