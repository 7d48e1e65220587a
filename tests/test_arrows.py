"""Who may import whom: read from the sources, so that an arrow that points the wrong way fails before anybody meets it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    path for top in ("operators", "pipeline") for path in (ROOT / top).rglob("*.py") if not path.name.startswith("test_")
)
STDLIB = sys.stdlib_module_names
HOUSE = ("operators", "pipeline")

VOCABULARY = ("pipeline.events", "pipeline.request", "pipeline.errors", "pipeline.seal")
AIOHTTP = ("pipeline.providers", "pipeline.server", "pipeline.cluster", "pipeline.emit", "pipeline.whole", "pipeline.app")
PROMETHEUS = ("pipeline.metrics", "pipeline.gauges", "pipeline.snapshot", "pipeline.exposition", "pipeline.server")
GRAFANA = ("pipeline.dashboards.grafana",)
SANS_IO = (*VOCABULARY, "pipeline.wire", "pipeline.dialects", "pipeline.config", "pipeline.traces")


@dataclass(frozen=True)
class House:
    """Of the house's own modules, those of ``who`` may import only ``may`` (and each other)."""

    who: tuple[str, ...]
    may: tuple[str, ...]


HOUSE_RULES = (
    House(("operators",), ()),
    House(VOCABULARY, ("operators.errors",)),
    House(("pipeline.wire",), VOCABULARY),
    House(("pipeline.dialects",), (*VOCABULARY, "pipeline.wire")),
    House(("pipeline.advice",), VOCABULARY),
    House(("pipeline.config",), (*VOCABULARY, "operators")),
    House(("pipeline.telemetry.context",), ()),
    House(("pipeline.summary",), (*VOCABULARY, "pipeline.exchange", "pipeline.endings", "pipeline.wording")),
    House(("pipeline.traces",), (*VOCABULARY, "pipeline.summary")),
    House(("pipeline.redaction",), ()),
    House(("pipeline.logs",), ("pipeline.config", "pipeline.redaction")),
    House(("pipeline.snapshot", "pipeline.exposition", "pipeline.series"), ()),
    House(
        ("pipeline.workers",),
        (
            *("operators.errors", "operators.gcra", "pipeline.config"),
            *("pipeline.metrics", "pipeline.snapshot", "pipeline.greeting"),
        ),
    ),
)


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def imports(path: Path, *, at_run_time_only: bool = False) -> Iterator[tuple[str, int]]:
    """Every absolute name that a module imports, wherever in the file, with its line."""
    tree = ast.parse(path.read_text(), str(path))
    skipped: set[ast.AST] = set()
    if at_run_time_only:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                skipped.update(inner for each in node.body for inner in ast.walk(each))
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            origin = ".".join(part for part in (base, node.module) if part)
            # `from package import module` names the module, so the package's own file is not the target.
            for alias in node.names:
                whole = f"{origin}.{alias.name}"
                yield (whole if _is_module(whole) else origin), node.lineno


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return name.split(".")[0] in HOUSE and (path.with_suffix(".py").is_file() or path.is_dir())


def top(name: str) -> str:
    return name.split(".")[0]


def broken(rule: str, path: Path, line: int, target: str) -> str:
    return f"{path.relative_to(ROOT)}:{line} imports {target}: {rule}"


def test_there_are_sources_to_look_at() -> None:
    assert {"operators.errors", "pipeline.events", "pipeline.dialects.codec"} <= {name_of(path) for path in SOURCES}


@pytest.mark.parametrize("rule", HOUSE_RULES, ids=lambda rule: rule.who[0])
def test_inner_layers_do_not_know_the_outer_ones(rule: House) -> None:
    wrong = [
        broken(f"{', '.join(rule.who)} may import only {', '.join(rule.may) or 'itself'} of the house", path, line, target)
        for path in SOURCES
        if within(name_of(path), rule.who)
        for target, line in imports(path)
        if top(target) in HOUSE and not within(target, rule.who) and not within(target, rule.may)
    ]
    assert not wrong, "\n".join(wrong)


def test_operators_know_reactivex_and_the_standard_library_only() -> None:
    wrong = [
        broken("the library knows no HTTP and no LLM", path, line, target)
        for path in SOURCES
        if within(name_of(path), ("operators",))
        for target, line in imports(path)
        if top(target) not in STDLIB and top(target) not in ("reactivex", "operators")
    ]
    assert not wrong, "\n".join(wrong)


def test_meaning_never_awaits() -> None:
    wrong = [
        broken("codecs, vocabulary and configuration are sans-IO", path, line, target)
        for path in SOURCES
        if within(name_of(path), SANS_IO)
        for target, line in imports(path)
        # errors.py maps asyncio.TimeoutError and awaits nothing.
        if top(target) in ("asyncio", "reactivex", "aiohttp", "uvloop", "threading", "socket")
        and not (name_of(path) == "pipeline.errors" and target == "asyncio")
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("library", "where"),
    [
        ("aiohttp", AIOHTTP),
        ("prometheus_client", PROMETHEUS),
        ("grafana_foundation_sdk", GRAFANA),
        ("opentelemetry", ("pipeline.telemetry.otel",)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_libraries_of_the_outside_stay_at_the_outside(library: str, where: tuple[str, ...]) -> None:
    wrong = [
        broken(f"{library} belongs to {', '.join(where)}", path, line, target)
        for path in SOURCES
        if not within(name_of(path), where)
        for target, line in imports(path)
        if top(target) == library
    ]
    assert not wrong, "\n".join(wrong)


def test_only_the_composition_root_sees_all() -> None:
    """Providers, cluster and state do not know the server; no station knows the composition root or the commands."""
    wrong = []
    for path in SOURCES:
        name = name_of(path)
        if within(name, ("pipeline.app", "pipeline.cli", "pipeline.__main__")):
            continue
        for target, line in imports(path, at_run_time_only=True):
            if within(target, ("pipeline.app", "pipeline.cli")):
                wrong.append(broken("only the commands know the composition root", path, line, target))
            elif within(target, ("pipeline.server",)) and not within(name, ("pipeline.server",)):
                wrong.append(broken("only app knows the server", path, line, target))
    assert not wrong, "\n".join(wrong)


def test_every_module_can_be_imported_alone() -> None:
    """Each in a fresh set of the house's modules, so that no module leans on another having been imported before it."""
    names = [name_of(path) for path in SOURCES if path.name != "__main__.py"]
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    for known in [m for m in sys.modules if m.split('.')[0] in ('operators', 'pipeline')]:\n"
        "        del sys.modules[known]\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except Exception as error:\n"
        "        print(f'{name}: {type(error).__name__}: {error}')\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
