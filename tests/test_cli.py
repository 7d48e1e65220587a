"""The commands: what they print, where, and with which exit status; a traceback never reaches a person."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from pipeline import cli

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "penstock.example.yaml"


class Ran:
    """What a command did."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = err


class Command:
    """``penstock`` in this process, in an empty folder, without keys in the environment."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.chdir(folder)
        for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "PENSTOCK_TRACEBACK"):
            monkeypatch.delenv(name, raising=False)
        # `main` adds the folder where it runs; that ends with the test.
        monkeypatch.setattr(sys, "path", list(sys.path))

    def __call__(self, *arguments: str) -> Ran:
        self._monkeypatch.setattr(sys, "argv", ["penstock", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = self._capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return Ran(ended.value.code if isinstance(ended.value.code, int) else 0, said.out, said.err)

    def file(self, text: str, name: str = "penstock.yaml") -> str:
        self.folder.joinpath(name).write_text(text)
        return name


@pytest.fixture
def penstock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, monkeypatch, capsys)


# check


def test_check_says_in_one_line_what_is_there(penstock: Command) -> None:
    ran = penstock("check")
    assert (ran.status, ran.err) == (0, "")
    assert re.fullmatch(r"embedded default: good\. 1 model, 1 candidate, 1 provider, 1 chain \([0-9a-f]{12}\)\n", ran.out)


def test_check_takes_the_file_of_this_folder(penstock: Command) -> None:
    penstock.file("server: {prot: 1}\n")
    ran = penstock("check")
    assert ran.status == 1
    assert ran.err == 'penstock.yaml:1:10: server.prot: unknown key. Did you mean "port"?\n'
    assert ran.out == ""


def test_check_takes_the_example(penstock: Command) -> None:
    ran = penstock("check", str(EXAMPLE))
    assert (ran.status, ran.err) == (0, "")
    assert "7 models, 10 candidates, 5 providers, 4 chains" in ran.out


def test_check_tells_every_fault(penstock: Command) -> None:
    ran = penstock("check", penstock.file("server: {prot: 1}\nmodels: [{name: a}]\ncluster: {}\n", "other.yaml"))
    assert ran.status == 1
    assert [line.partition(" ")[0] for line in ran.err.splitlines()] == [
        "other.yaml:1:10:",
        "other.yaml:2:10:",
        "other.yaml:3:1:",
    ]


def test_check_finds_a_step_that_the_default_has_elsewhere(penstock: Command) -> None:
    ran = penstock("check", penstock.file("chains:\n  default:\n    request:\n      - idle_timeout: {seconds: 3}\n"))
    assert ran.status == 1
    assert ran.err.startswith("penstock.yaml:4:9: chains.default.request[0].idle_timeout: ")
    assert "default of attempt" in ran.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("server: {host: 0.0.0.0}", "server.host: listens on 0.0.0.0, but without server.keys only loopback clients"),
        ("server: {host: '::'}", "server.host"),
        ("server: {host: gateway.example}", "server.host"),
        ("providers: {a: {dialect: messages, base_url: http://a/v1}}", "providers.a.base_url: ends in /v1"),
        ("providers: {a: {dialect: chat, base_url: http://a}}", "providers.a.base_url: has no path"),
        (
            "models: [{name: '*', candidates: [demo/demo]}, {name: 'a*', candidates: [demo/demo]}]",
            'models[1].name: "a*" is never reached',
        ),
        (
            "chains: {default: {request: [{total_timeout: {seconds: 90}}]}}",
            "chains.default.request[0].total_timeout: first_event_timeout (2m) never trips; "
            "total_timeout above it ends the stream after 90s.",
        ),
        (
            "chains: {own: {attempt: [{idle_timeout: {seconds: 20m}}]}}",
            "chains.own.attempt[0].idle_timeout: idle_timeout (20m) never trips; total_timeout above it ends",
        ),
        (
            "chains: {own: {answer: [failover, resume]}}\nmodels: [{name: a, candidates: [demo/demo], chain: own}]",
            "chains.own.answer[1]: does nothing; no candidate of a model with this chain says `continues: true`",
        ),
        (
            "chains: {own: {candidates: [balance]}}\nmodels: [{name: a, candidates: [demo/a], chain: own, balance: ewma}]",
            "models[0].balance: does nothing; the chain own has a step balance of its own.",
        ),
    ],
)
def test_check_warns_of_what_is_valid_but_hardly_meant(penstock: Command, text: str, words: str) -> None:
    ran = penstock("check", penstock.file(text))
    assert ran.status == 0
    assert ran.err.startswith(f"penstock.yaml: warning: {words}")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_check_does_not_warn_of_loopback(penstock: Command, host: str) -> None:
    assert penstock("check", penstock.file(f"server: {{host: '{host}'}}")).err == ""


def test_check_does_not_warn_of_an_open_host_with_keys(penstock: Command) -> None:
    assert penstock("check", penstock.file("server: {host: 0.0.0.0, keys: [{name: a, key: b}]}")).err == ""


# show


def test_show_prints_models_candidates_and_every_step_with_options_and_reason(penstock: Command) -> None:
    ran = penstock("show", str(EXAMPLE))
    assert ran.status == 0
    lines = ran.out.splitlines()
    assert any(re.match(r"gpt-5 +openai/gpt-5\.1 +default", line) for line in lines)
    assert any(re.match(r" +claude/claude-sonnet-5$", line) for line in lines)
    assert any("local/qwen3" in line and "continues: true" in line and "Qwen 3, local" in line for line in lines)
    assert any(re.match(r"local +chat +http://127\.0\.0\.1:8000/v1 +none +max_in_flight: 8, queue: 64$", line) for line in lines)
    assert any(re.match(r"candidates +breaker failures: 5, cool_down: 30s  +\w+", line) for line in lines)
    assert any(re.match(r"wire +buffer_limit bytes: 1MiB  +\w+", line) for line in lines)
    assert sum(line.lstrip().startswith("first_event_timeout seconds: 2m ") for line in lines) == 2
    assert sum(bool(re.match(r"(attempt)? +first_event_timeout seconds: 5s  +\w+", line)) for line in lines) == 1


def test_show_in_a_pipe_is_plain_and_never_wrapped(penstock: Command) -> None:
    ran = penstock("show", str(EXAMPLE))
    assert "\x1b" not in ran.out
    assert not any(line.endswith(" ") for line in ran.out.splitlines())
    assert max(map(len, ran.out.splitlines())) > 120


def test_show_tells_what_a_step_of_your_own_does(penstock: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    penstock.file(
        "def guard(limit: int):\n    '''Lets nothing bad pass.\n\n    More.\n    '''\n    return lambda source: source\n",
        "mine.py",
    )
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    ran = penstock("show", penstock.file("chains: {own: {wire: [{'mine:guard': {limit: 3}}], candidates: []}}"))
    assert re.search(r"^wire +mine:guard limit: 3 +Lets nothing bad pass\.$", ran.out, re.MULTILINE)
    assert re.search(r"^candidates +none$", ran.out, re.MULTILINE)


def test_show_prints_names_reasons_for_each_place_and_the_count_of_cases(penstock: Command) -> None:
    ran = penstock(
        "show",
        penstock.file(
            "chains:\n  default:\n    attempt:\n      - idle_timeout: {seconds: 3, as: strict}\n"
            "      - inject: {headers: {x-a: b}}\n      - retry: {times: 1}\n"
            "    tests: [{source: '-x|', expect: '-x|'}]\n"
        ),
    )
    rows = [re.split(" {2,}", line.strip()) for line in ran.out.splitlines()]
    assert [
        "attempt",
        "idle_timeout as strict seconds: 3s",
        "One candidate's silence between its events, wherever they go.",
    ] in rows
    assert [row[0] for row in rows if "Each attempt asks with it" in row[-1]] == ["inject headers: {x-a}"]

    # The default's reason speaks of neighbours that are not here.
    assert ["retry times: 1", "Below failover: the same candidate gets another try before the next one is asked."] in rows
    assert any("; 1 marble case for `penstock check`" in line for line in ran.out.splitlines())


def test_show_prints_nothing_that_may_be_secret(penstock: Command) -> None:
    penstock.file(
        "chains:\n  own:\n    request:\n"
        "      - inject: {headers: {x-key: sk-hidden}}\n      - redact: {words: [nightingale], patterns: ['sk-[a-z]+']}\n"
    )
    out = penstock("show").out
    assert "inject headers: {x-key}" in out
    assert "words: 1 hidden, patterns: 1 hidden" in out
    assert not any(secret in out for secret in ("sk-hidden", "nightingale", "sk-["))


def test_check_does_not_warn_of_limits_and_resumes_that_work(penstock: Command) -> None:
    text = (
        "chains: {own: {answer: [failover, resume], attempt: [{idle_timeout: {seconds: 5}}]}}\n"
        "models: [{name: a, candidates: [{use: demo/demo, continues: true}], chain: own, balance: ewma}]\n"
    )
    assert penstock("check", penstock.file(text)).err == ""


def test_show_prints_no_secret(penstock: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-do-not-print")
    ran = penstock("show")
    assert "sk-do-not-print" not in ran.out + ran.err
    assert re.search(r"openai +chat +https://api\.openai\.com/v1 +set \(bearer\)", ran.out)


def test_show_of_a_bad_file_tells_its_faults(penstock: Command) -> None:
    ran = penstock("show", penstock.file("server: {port: x}"))
    assert (ran.status, ran.out) == (1, "")
    assert '"x" is not a whole number' in ran.err


# schema, version, help, not yet


def test_schema_prints_json(penstock: Command) -> None:
    ran = penstock("schema")
    assert ran.status == 0
    assert json.loads(ran.out)["title"] == "penstock.yaml"


def test_version_and_help(penstock: Command) -> None:
    assert re.fullmatch(r"penstock \d+\.\d+\.\d+\n", penstock("--version").out)
    shown = penstock("--help").out
    assert [name for name in ("serve", "check", "show", "replay", "dashboards", "schema") if name not in shown] == []
    assert "--port" in penstock("serve", "--help").out


# What people get wrong.


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["srve"], "'srve'"),
        (["serve", "--prot", "1"], "--port"),
        (["serve", "--port", "http"], "--port"),
        (["serve", "--port", "70000"], "65535"),
        (["serve", "--workers", "0"], "--workers"),
        (["check", "a.yaml", "b.yaml"], "b.yaml"),
        (["replay"], "TRACE"),
    ],
)
def test_wrong_usage_is_told_with_status_2(penstock: Command, arguments: list[str], words: str) -> None:
    ran = penstock(*arguments)
    assert ran.status == 2
    assert words in ran.err


@pytest.mark.parametrize("command", ["serve", "check", "show"])
def test_a_file_that_is_not_there_is_told_with_status_1(penstock: Command, command: str) -> None:
    ran = penstock(command, "nowhere.yaml")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "nowhere.yaml: cannot be read: no such file or directory.\n"


def test_a_bad_file_is_not_served(penstock: Command) -> None:
    ran = penstock("serve", penstock.file("server: {port: 99999}"))
    assert (ran.status, ran.out) == (1, "")
    assert "at most 65535" in ran.err


def test_a_fault_of_ours_is_a_sentence_unless_the_traceback_is_asked_for(
    penstock: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(prog_name: str) -> None:
        raise RuntimeError("sk-secret")

    monkeypatch.setattr(cli, "penstock", broken)
    ran = penstock("check")
    assert ran.status == 1
    assert "RuntimeError" in ran.err
    assert "sk-secret" not in ran.err
    monkeypatch.setenv("PENSTOCK_TRACEBACK", "1")
    with pytest.raises(RuntimeError):
        cli.main()


# The real command.


def real(*arguments: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if key not in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")}
    command = [sys.executable, "-m", "pipeline", *arguments]
    path = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
    return subprocess.run(
        command, cwd=folder, env={**plain, "PYTHONPATH": path, **env}, capture_output=True, text=True, timeout=30, check=False
    )


def test_the_real_command_checks_shows_and_fails(tmp_path: Path) -> None:
    good = real("check", str(EXAMPLE), folder=tmp_path)
    assert (good.returncode, good.stderr) == (0, "")
    shown = real("show", folder=tmp_path, ANTHROPIC_API_KEY="sk-do-not-print")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "claude-*" in shown.stdout
    assert "sk-do-not-print" not in shown.stdout
    tmp_path.joinpath("penstock.yaml").write_text("sever: {}")
    bad = real("check", folder=tmp_path)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr == 'penstock.yaml:1:1: sever: unknown key. Did you mean "server"?\n'


def test_a_reader_that_leaves_early_is_no_fault(tmp_path: Path) -> None:
    command = f"{sys.executable} -m pipeline schema | head -1"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert (ran.stdout, ran.stderr) == ("{\n", "")


@pytest.mark.parametrize("closed", ["<&- >&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("workers", [1, 2])
def test_who_starts_a_service_may_close_its_standard_streams(closed: str, workers: int, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    serve = f"exec {sys.executable} -m pipeline serve --port {port} --workers {workers} {closed}"
    process = subprocess.Popen(["sh", "-c", serve], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        end = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                assert answer.read() == b"ready\n"
                break
            assert process.poll() is None
            assert time.monotonic() < end
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()


def test_a_serving_process_holds_no_schema_library_and_no_tables(tmp_path: Path) -> None:
    """What the commands need for people stays out of the process that serves: 60 MB at start (see config/apart.py)."""
    program = """
import sys
import pipeline.app
from pipeline import cli

def serve(load, **given):
    assert load().providers["demo"].kind == "demo"
    print("LOADED", *sorted(set(sys.modules) & {"pydantic", "pydantic_core", "yaml", "rich", "typer"}))
    return 0

pipeline.app.serve = serve
sys.argv = ["penstock", "serve"]
cli.main()
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "LOADED\n", "")


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        ("--help", ("pydantic", "yaml", "rich", "aiohttp", "reactivex")),
        ("--version", ("pydantic", "yaml", "rich", "aiohttp", "reactivex")),
        ("check", ("rich.progress", "aiohttp.web")),
    ],
)
def test_a_command_imports_only_what_it_needs(arguments: str, unused: tuple[str, ...], tmp_path: Path) -> None:
    program = f"""
import sys
sys.argv = ["penstock", {arguments!r}]
from pipeline.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print("LOADED", *sorted(set(sys.modules) & set({unused!r})))
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.stderr == ""
    assert ran.stdout.splitlines()[-1] == "LOADED"
