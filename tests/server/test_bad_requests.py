"""Bad requests to the real gateway over real sockets: each gets its status, its dialect's shape, and a message that teaches.

Never a 500, never a traceback. The same faults are shown to a provider of the same dialect too, where only what every provider
needs is checked: those that must not leave the gateway do not.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import orjson
import pytest

from tests.server.bad_requests import BODY_LIMIT, PATHS, Bad, bodies, changed, common, with_keys, without_keys
from tests.support.gateway import Gateway

Answer = tuple[int, dict[str, str], bytes]


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def open_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    nobody = f"http://127.0.0.1:{closed_port()}"
    config = {
        "server": {"body_limit": BODY_LIMIT, "cors": ["https://app.example.com"]},
        "providers": {
            dialect: {"dialect": dialect, "base_url": nobody if dialect == "messages" else f"{nobody}/v1"} for dialect in PATHS
        },
        "models": [
            {"name": "demo", "candidates": ["demo/fast"]},
            *({"name": f"same-{dialect}", "candidates": [f"{dialect}/x"]} for dialect in PATHS),
        ],
    }
    with Gateway(config, tmp_path_factory.mktemp("bad")) as gateway:
        yield gateway
        assert "Traceback" not in gateway.stderr


@pytest.fixture(scope="module")
def keyed_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = {
        "server": {"keys": [{"name": "alice", "key": "sk-alice", "models": ["demo", "gpt-*"]}]},
        "models": [{"name": "demo", "candidates": ["demo/fast"]}],
    }
    with Gateway(config, tmp_path_factory.mktemp("keyed")) as gateway:
        yield gateway
        assert "Traceback" not in gateway.stderr


def send(gateway: Gateway, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=10)
    try:
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def refused(gateway: Gateway, row: Bad) -> tuple[str, Answer]:
    """Send it; the message of the refusal, whose shape was checked."""
    sent = {"Content-Type": "application/json", "Content-Length": str(len(row.wire)), **row.headers}
    answer = send(gateway, row.method, row.path or PATHS[row.dialect], row.wire, sent)
    status, headers, body = answer
    assert status == row.status, body
    assert headers["content-type"] == "application/json"
    return message_of(row.dialect, headers, body), answer


def message_of(dialect: str, headers: dict[str, str], body: bytes) -> str:
    """The message of an error body in this dialect's shape, and nothing but that shape (DI-112, DI-113)."""
    error = orjson.loads(body)
    assert headers["x-request-id"] == headers["request-id"]
    if dialect == "messages":
        assert (set(error), error["type"]) == ({"type", "error", "request_id"}, "error")
        assert error["request_id"] == headers["request-id"]
        assert {"type", "message"} <= set(error["error"]) <= {"type", "message", "details"}
    else:
        assert set(error) == {"error"}
        assert set(error["error"]) == {"message", "type", "param", "code"}
    message: str = error["error"]["message"]
    return message


def check(gateway: Gateway, row: Bad) -> None:
    message, (_, headers, body) = refused(gateway, row)
    expected = [*row.words, row.param or ""]
    if row.dialect != "messages" and row.param is not None:
        assert orjson.loads(body)["error"]["param"] == row.param
    missing = [word for word in expected if word not in message]
    assert not missing, f"{message!r} does not say {missing}"
    assert len(message) < 1000
    assert {name: headers.get(name) for name in row.answer} == dict(row.answer)


def named(row: Bad) -> str:
    return f"{row.path.strip('/') or row.dialect}: {row.name}"


@pytest.mark.parametrize("row", without_keys(), ids=named)
def test_it_is_refused_in_its_dialects_shape_by_a_message_that_teaches(open_gateway: Gateway, row: Bad) -> None:
    check(open_gateway, row)


@pytest.mark.parametrize("row", with_keys(), ids=named)
def test_who_may_not_ask_is_told_so_in_the_dialects_shape(keyed_gateway: Gateway, row: Bad) -> None:
    check(keyed_gateway, row)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", PATHS)
def test_a_refusal_comes_before_the_stream_is_opened(open_gateway: Gateway, dialect: str, stream: bool) -> None:
    row = Bad("", dialect, changed(dialect, model="demo/fail-400", stream=stream), 400, ())
    assert "fail-400" in refused(open_gateway, row)[0]


@pytest.mark.parametrize("dialect", PATHS)
def test_what_no_provider_can_use_never_leaves_for_a_provider_of_the_same_dialect(open_gateway: Gateway, dialect: str) -> None:
    history = "input" if dialect == "responses" else "messages"
    rows = [row for row in common(dialect) if row.param == "stream"]
    rows.append(Bad("no history", dialect, changed(dialect, **{history: None}), 400, (), history))
    rows.append(Bad("a history of a wrong type", dialect, changed(dialect, **{history: 3}), 400, (), history))
    for row in rows:
        assert isinstance(row.body, dict)
        row.body["model"] = f"same-{dialect}"
        check(open_gateway, row)


def test_a_good_request_still_passes_after_all_of_them(open_gateway: Gateway) -> None:
    for dialect, path in PATHS.items():
        for row in bodies(dialect):
            refused(open_gateway, row)
        assert send(open_gateway, "POST", path, orjson.dumps(changed(dialect)), {})[0] == 200


@pytest.mark.parametrize(
    "wire",
    [
        b"HELLO\r\n\r\n",
        b"BREW /v1/messages HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["no HTTP", "no method", "no version", "no length", "two lengths", "no colon", "TLS"],
)
def test_what_is_no_http_is_refused_with_400_and_closed(open_gateway: Gateway, wire: bytes) -> None:
    assert heard_of(open_gateway, wire).split(b" ", 2)[1] == b"400"


@pytest.mark.parametrize("wire", [b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", b"GET /"], ids=["a header", "the path"])
def test_a_huge_head_is_refused_with_431_that_names_the_limit_and_repeats_nothing(open_gateway: Gateway, wire: bytes) -> None:
    heard = heard_of(open_gateway, wire + b"x" * 200_000 + b"\r\n\r\n")
    assert heard.split(b" ", 2)[1] == b"431"
    assert b"`server.header_limit`" in heard
    assert b"xxx" not in heard


def test_who_is_refused_hears_why_although_it_goes_on_to_send(open_gateway: Gateway) -> None:
    # What was not read when a connection is closed makes it a reset, which takes back what was on its way.
    assert heard_of(open_gateway, b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 8_000_000).startswith(b"HTTP/1.0 431")


def heard_of(open_gateway: Gateway, wire: bytes) -> bytes:
    """What a peer hears that sends these bytes, until it is closed."""
    host, _, port = urlsplit(open_gateway.url).netloc.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as peer:
        peer.sendall(wire)
        heard = b""
        while chunk := peer.recv(65536):
            heard += chunk
    return heard


def test_who_speaks_no_http_leaves_one_short_line_in_the_log(open_gateway: Gateway) -> None:
    host, _, port = urlsplit(open_gateway.url).netloc.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nEvil\x1b[31m words\r\n\r\n")
        peer.recv(65536)
    open_gateway.wait_for_log("Error handling request from 127.0.0.1: BadHttpMessage")
    assert "Evil" not in open_gateway.stderr


def test_a_key_is_guessed_ten_times_and_then_not_at_all(tmp_path_factory: pytest.TempPathFactory) -> None:
    config = {
        "server": {"keys": [{"name": "alice", "key": "sk-alice"}]},
        "models": [{"name": "demo", "candidates": ["demo/fast"]}],
    }
    with Gateway(config, tmp_path_factory.mktemp("guessed")) as gateway:
        answers = [send(gateway, "GET", "/v1/models", b"", {"x-api-key": f"sk-{number}"}) for number in range(11)]
    assert [status for status, _, _ in answers] == [401] * 10 + [429]
    assert 50 <= int(answers[-1][1]["retry-after"]) <= 60
