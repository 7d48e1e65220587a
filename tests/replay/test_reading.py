"""Where a trace may come from, and what is said of what is none."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.replay.reading import read
from pipeline.replay.recording import ReplayError, recording
from tests.replay.test_replay import told

NOBODY = io.StringIO()


def file(folder: Path, text: str) -> str:
    path = folder / "trace.json"
    path.write_text(text)
    return str(path)


def test_one_object_pretty_or_not(tmp_path: Path) -> None:
    for text in (json.dumps(told()), json.dumps(told(), indent=2)):
        assert read(file(tmp_path, text), None, NOBODY, {}).id == "req_1"


def test_of_several_lines_the_last_one_or_the_one_that_is_named(tmp_path: Path) -> None:
    lines = "".join(json.dumps(told(id=f"req_{number}")) + "\n" for number in range(3))
    # A file that is being written may end in the middle of a line.
    path = file(tmp_path, lines + '{"version": 1, "id')
    assert read(path, None, NOBODY, {}).id == "req_2"
    assert read(path, "req_0", NOBODY, {}).id == "req_0"
    with pytest.raises(ReplayError, match=r'has no trace "req_1x"\. Did you mean "req_1"\?'):
        read(path, "req_1x", NOBODY, {})


def test_standard_input() -> None:
    assert read("-", None, io.StringIO(json.dumps(told())), {}).id == "req_1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; expected a trace in JSON"),
        ("not json", "is no JSON"),
        ('{"id": "a"}\nnonsense\n{"id": "b"}\n', "line 2 is no JSON"),
        ("[]", "holds no trace"),
        ("3", "a trace is a JSON object, and this is a number"),
        ('{"models": []}', "this is no trace"),
        (json.dumps({**told(), "version": 2}), "this trace has version 2; what can be read is version 1"),
        (json.dumps({key: value for key, value in told().items() if key != "stages"}), "this trace has no `stages`"),
        (json.dumps(told(dialect="gemini")), "dialect is 'gemini'; expected chat, responses or messages"),
        (json.dumps(told(attempts=[{"number": "1"}])), "attempts[0].number is a text; expected a whole number"),
        (json.dumps(told(attempts=["a"])), "attempts[0] is a text; expected an object"),
        (json.dumps(told(seconds="long")), "seconds is a text; expected a number"),
        (json.dumps(told(seconds=float("nan"))), "seconds is nan; expected at most 2592000 (seconds)"),
        (json.dumps(told(at=1e18)), "at is 1e+18; expected at most 253402300799 (seconds)"),
        (json.dumps(told(attempts=[{"began": 1e9}])), "attempts[0].began is 1000000000.0; expected at most 2592000"),
        (json.dumps(told(usage=[1])), "usage is a list; expected an object"),
        (json.dumps(told(model="\ud800")), r"model holds half a character, '\ud800'; expected a text"),
        (json.dumps({**told(), "version": True}), "this trace has version True; what can be read is version 1"),
        ("[" * 100_000, "is nested deeper than any trace"),
        (
            json.dumps(told(stages=[{"stage": "wire", "attempt": 1, "marks": [[0.0, "head", float("inf"), 0]]}])),
            "stages[0].marks[0] is [0.0, 'head', inf, 0]; expected [seconds, kind, bytes, count]",
        ),
        (
            json.dumps(told(stages=[{"stage": "wire", "attempt": 1, "marks": [[0.0, "head", 0, 0], [1, 2]]}])),
            "stages[0].marks[1] is [1, 2]; expected [seconds, kind, bytes, count]",
        ),
    ],
)
def test_what_is_no_trace_is_told_with_its_place(text: str, words: str, tmp_path: Path) -> None:
    path = file(tmp_path, text)
    with pytest.raises(ReplayError) as wrong:
        read(path, None, NOBODY, {})
    assert str(wrong.value).startswith(f"{path}: ")
    assert words in str(wrong.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ReplayError, match=r"nowhere\.json: cannot be read: no such file or directory\."):
        read("nowhere.json", None, NOBODY, {})


def test_unknown_kinds_and_fields_of_a_later_gateway_are_read() -> None:
    said = told(stages=[{"stage": "decoded", "attempt": 1, "marks": [[0.0, "hologram", 3, 1]], "more": 1}], more={})
    assert recording(said).rows[0].marks[0].kind == "hologram"


# ------------------------------------------------------------------------------------------------------ from a gateway


class _Gateway(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("location", "/debug/traces/req_1")
            self.end_headers()
            return
        status = 200 if self.headers.get("x-api-key") == "the key" else 401
        body = json.dumps(told() if status == 200 else {}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def gateway() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Gateway) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_from_a_gateway_with_the_key_of_the_environment(gateway: str) -> None:
    url = f"{gateway}/debug/traces/req_1"
    assert read(url, None, NOBODY, {"PENSTOCK_KEY": "the key"}).id == "req_1"
    with pytest.raises(ReplayError, match="the gateway answered 401; set PENSTOCK_KEY to an admin key") as wrong:
        read(url, None, NOBODY, {"PENSTOCK_KEY": "another"})
    assert "another" not in str(wrong.value)


def test_a_redirect_does_not_get_the_key(gateway: str) -> None:
    with pytest.raises(ReplayError, match="the gateway answered 302"):
        read(f"{gateway}/moved", None, NOBODY, {"PENSTOCK_KEY": "the key"})


def test_what_is_no_address() -> None:
    with pytest.raises(ReplayError, match="is no address; expected such as http://"):
        read("http://[::1", None, NOBODY, {})


def test_a_gateway_that_is_not_there() -> None:
    with pytest.raises(ReplayError, match="cannot be fetched"):
        read("http://127.0.0.1:9/debug/traces/x", None, NOBODY, {})
