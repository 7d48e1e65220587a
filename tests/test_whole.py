"""A whole answer leaves as the server's own response would, in one write."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

import pytest
from aiohttp import web

from pipeline.whole import whole_answer
from pipeline.wire.head import TOGETHER

FIELDS = {"Content-Type": "application/json", "x-request-id": "req_1", "x-name": "gr\u00fc\u00dfe"}


async def exchanged(
    asked: bytes, body: bytes, status: int = 200, fields: Mapping[str, str] = FIELDS, *, ours: bool = True, answers: int = 1
) -> bytes:
    """What comes back on one connection: so many answers, and after the last one its end, where there is one at once."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        return whole_answer(request, body, status, fields) if ours else web.Response(body=body, status=status, headers=fields)

    server = await asyncio.get_running_loop().create_server(web.Server(handle), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(asked)
        data = b""
        for _ in range(answers):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            assert length is not None
            data += head + await reader.readexactly(int(length[1]))
        writer.close()
        return data


def asked(version: str = "HTTP/1.1", *fields: str) -> bytes:
    return "\r\n".join([f"POST / {version}", "Host: a", "Content-Length: 2", *fields, "", "{}"]).encode()


def parted(answer: bytes) -> tuple[bytes, set[bytes], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    return start, {line for line in lines if not line.lower().startswith(b"date:")}, body


@pytest.mark.parametrize("body", [b"", b"{}", b"x" * (TOGETHER + 1)], ids=["nothing", "little", "much"])
@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("connection", [(), ("Connection: close",), ("Connection: keep-alive",)], ids=["", "close", "keep"])
def test_a_client_sees_what_the_servers_own_response_would_be(
    body: bytes, status: int, version: str, connection: tuple[str, ...]
) -> None:
    async def both() -> list[bytes]:
        request = asked(version, *connection)
        return [await exchanged(request, body, status, ours=ours) for ours in (True, False)]

    own, theirs = map(parted, asyncio.run(both()))
    assert own == theirs
    assert own[2] == body


def test_the_next_answer_follows_on_the_same_connection_in_order() -> None:
    data = asyncio.run(exchanged(asked() + asked(), b'{"a": 1}', answers=2))
    assert data.count(b'\r\n\r\n{"a": 1}') == 2
    assert data.count(b"HTTP/1.1 200 OK\r\n") == 2


def test_a_field_with_a_line_end_is_no_answer() -> None:
    data = asyncio.run(exchanged(asked(), b"{}", fields={"x-name": "a\r\nset-cookie: b"}))
    assert data.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in data


def test_who_does_not_read_gets_no_further_answers() -> None:
    """A client that sends request after request and reads nothing holds one answer, and what its socket takes."""
    handled = 0

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal handled
        handled += 1
        await request.read()
        return whole_answer(request, b"x" * 1_000_000, 200, FIELDS)

    async def play() -> int:
        server = await asyncio.get_running_loop().create_server(web.Server(handle), "127.0.0.1", 0)
        async with server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=1)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(asked() * 40)
            seen = -1
            while seen != handled or not handled:
                seen = handled
                # As long as something moves, some turn of the loop hands on another one.
                for _ in range(200):
                    await asyncio.sleep(0)
            writer.transport.abort()
            return handled

    assert asyncio.run(play()) < 40
