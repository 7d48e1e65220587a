"""Read in a process of its own: the same configuration, the same problems, nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.config import ConfigError, load
from pipeline.config.apart import Loader

EXAMPLE = Path(__file__).resolve().parents[2] / "penstock.example.yaml"


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_what_is_read_apart_equals_what_is_read_here() -> None:
    before = open_files()
    assert Loader(EXAMPLE)() == load(EXAMPLE, os.environ)
    assert open_files() == before


def test_each_call_reads_anew_and_problems_come_back_whole(tmp_path: Path) -> None:
    before = open_files()
    path = tmp_path / "penstock.yaml"
    path.write_text("server: {drain: 1, keys: [{name: a, key: b}]}")
    reader = Loader(path)
    assert reader().server.drain == 1
    path.write_text("server: {drain: 2, prot: 1}")
    with pytest.raises(ConfigError) as caught:
        reader()
    assert str(caught.value) == f'{path}:1:20: server.prot: unknown key. Did you mean "port"?'
    path.write_text("server: {drain: 3, keys: [{name: a, key: b}]}")
    again = reader()
    assert again.server.keys[0].key.get_secret_value() == "b"
    assert "'b'" not in repr(again)
    with pytest.raises(TypeError):
        again.providers["new"] = again.providers["demo"]  # type: ignore[index]
    assert open_files() == before


def test_a_file_that_is_not_there_is_told_as_here(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read: no such file or directory"):
        Loader(tmp_path / "nowhere.yaml")()


def test_what_a_step_of_your_own_prints_or_does_at_import_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    tmp_path.joinpath("loud_steps.py").write_text("print('hello')\ndef guard():\n    return lambda source: source\n")
    path = tmp_path / "penstock.yaml"
    path.write_text("chains: {own: {wire: ['loud_steps:guard']}}")
    assert [step.name for step in Loader(path)().chains["own"].positions["wire"]] == ["loud_steps:guard"]
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "hello\n")


def test_a_process_that_ends_without_an_answer_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    tmp_path.joinpath("fatal_steps.py").write_text("import os\nos._exit(7)\n")
    path = tmp_path / "penstock.yaml"
    path.write_text("chains: {own: {wire: ['fatal_steps:guard']}}")
    with pytest.raises(RuntimeError, match="ended with 7"):
        Loader(path)()
