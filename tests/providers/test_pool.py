"""The pool of connections over real sockets: what comes on one at the wrong time is nobody's answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from yarl import URL

from pipeline.providers import asking
from pipeline.providers import pool as pool_of_connections
from pipeline.providers.answer import Answer
from pipeline.providers.asking import Unreadable
from pipeline.providers.pool import Destination, Pool, request_head

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer(text: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(text), text) + more


async def ask(pool: Pool, to: Destination, url: URL, body: bytes = b"{}") -> bytes:
    found = await pool.post(to, request_head(url, {}), body)
    try:
        return await found.content.read()
    finally:
        found.close()


def with_server(serve: Serve, play: Callable[[Pool, Destination, URL], Awaitable[object]]) -> object:
    async def run() -> object:
        # Who waits for ever is known to nobody else: the collector would take it in the middle of the play.
        serving: list[object] = []

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            serving.append(asyncio.current_task())
            try:
                await serve(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        url = URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        async with server, Pool() as pool:
            return await play(pool, pool.destination(url, 5.0), url)

    return asyncio.run(run())


async def one_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head + await reader.readexactly(length)


def test_an_answer_that_nobody_asked_for_is_not_the_answer_of_the_next_request_TR_X24() -> None:
    connections = 0
    surplus = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        number = connections
        while True:
            await one_request(reader)
            writer.write(answer(b"mine %d" % number))
            await surplus.wait()
            writer.write(answer(b"smuggled"))
            await writer.drain()

    async def play(pool: Pool, to: Destination, url: URL) -> list[bytes]:
        first = await ask(pool, to, url)
        [(connection, _)] = to.idle
        protocol: Any = connection.protocol
        surplus.set()
        while not protocol.should_close:
            await asyncio.sleep(0)
        return [first, await ask(pool, to, url)]

    assert with_server(serve, play) == [b"mine 1", b"mine 2"]


class Yes:
    """A service that says yes to everything, and counts its connections."""

    connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            await one_request(reader)
            writer.write(answer(b"yes"))


def test_a_connection_serves_one_request_after_another() -> None:
    service = Yes()

    async def play(pool: Pool, to: Destination, url: URL) -> list[bytes]:
        return [await ask(pool, to, url) for _ in range(5)]

    assert with_server(service, play) == [b"yes"] * 5
    assert service.connections == 1


def test_those_who_ask_the_same_service_share_its_connections() -> None:
    service = Yes()

    async def play(pool: Pool, to: Destination, url: URL) -> list[bytes]:
        return [await ask(pool, each, url) for each in (to, pool.destination(url / "other", 5.0), to)]

    assert with_server(service, play) == [b"yes"] * 3
    assert service.connections == 1


def test_a_connection_that_nobody_uses_for_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_of_connections, "IDLE", 0.01)
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one_request(reader)
        writer.write(answer(b"yes"))
        assert await reader.read() == b""
        closed.set()

    async def play(pool: Pool, to: Destination, url: URL) -> bytes:
        said = await ask(pool, to, url)
        await asyncio.wait_for(closed.wait(), 5)
        assert pool.idle(to) is None
        return said

    assert with_server(serve, play) == b"yes"


def test_at_its_end_the_pool_closes_what_nobody_uses() -> None:
    ended: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one_request(reader)
        writer.write(answer(b"yes"))
        ended.put_nowait(await reader.read())

    async def play(pool: Pool, to: Destination, url: URL) -> bytes:
        async with Pool() as own:
            await ask(own, own.destination(url, 5.0), url)
        return await asyncio.wait_for(ended.get(), 5)

    assert with_server(serve, play) == b""


def test_an_answer_before_the_request_was_read_ends_its_connection() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await asyncio.Event().wait()

    async def play(pool: Pool, to: Destination, url: URL) -> list[int]:
        statuses = []
        for _ in range(2):
            found = await pool.post(to, request_head(url, {}), b"x" * (32 << 20))
            statuses.append(found.status)
            found.close()
        return statuses

    assert with_server(serve, play) == [413, 413]
    assert connections == 2


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(b"then"), b"then"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"until the end"),
    ],
    ids=["a hint before the answer", "no length"],
)
def test_every_legal_answer_is_read(said: bytes, body: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one_request(reader)
        writer.write(said)

    assert with_server(serve, ask) == body


@pytest.mark.parametrize("said", [b"SSH-2.0-dropbear\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"])
def test_what_is_no_answer_in_http_says_so(said: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one_request(reader)
        writer.write(said)
        await asyncio.Event().wait()

    with pytest.raises(Unreadable):
        with_server(serve, ask)


def test_a_host_of_the_operators_stands_in_place_of_the_urls() -> None:
    head = request_head(URL("http://a.example/v1"), {"host": "b.example"})
    assert head.count(b"host:") == 1
    assert b"host: b.example\r\n" in head


def test_no_header_can_smuggle_another() -> None:
    with pytest.raises(ValueError, match="line end"):
        request_head(URL("http://a.example/v1"), {"x-a": "b\r\nx-c: d"})


def test_however_many_idle_connections_went_stale_the_request_goes_out_on_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # On a loaded machine even what fails at once takes its time.
    monkeypatch.setattr(asking, "STALE_WITHIN", 60.0)
    connections = 0
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await one_request(reader)
        writer.write(answer(b"yes"))
        if connections <= 4:
            # Whatever comes next is not read: it closes on it, as a service does whose machine forgot the connection.
            await reader.read(1)
            gone.set()

    async def play(pool: Pool, to: Destination, url: URL) -> list[bytes]:
        await asyncio.gather(*(ask(pool, to, url) for _ in range(4)))
        return [await ask(pool, to, url)]

    assert with_server(serve, play) == [b"yes"]
    assert gone.is_set()
    assert connections == 5


def test_who_speaks_before_being_asked_is_asked_once_and_not_for_ever() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(b"220 mail.example ESMTP\r\n")
        await reader.read()

    async def play(pool: Pool, to: Destination, url: URL) -> object:
        connection = await pool.connect(to)
        protocol: Any = connection.protocol
        while not protocol.should_close:
            await asyncio.sleep(0)
        # It spoke between the connecting and the asking, which is a matter of luck without this.
        connect, pool.connect = pool.connect, lambda _: given(connection)  # type: ignore[method-assign,assignment]
        try:
            with pytest.raises(Unreadable):
                await ask(pool, to, url)
        finally:
            pool.connect = connect  # type: ignore[method-assign]
        return connection.closed

    async def given(connection: Any) -> Any:
        return connection

    assert with_server(serve, play) is True
    assert connections == 1


def test_on_a_connection_that_is_free_a_request_is_sent_and_answered_without_a_task() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await one_request(reader)
            writer.write(answer(b"yes"))

    async def play(pool: Pool, to: Destination, url: URL) -> list[bool]:
        await ask(pool, to, url)
        told, by_itself = asyncio.Event(), []

        def ended(how: Answer | Exception) -> None:
            by_itself.append(isinstance(how, Answer) and asyncio.current_task() is None)
            told.set()

        before = asyncio.all_tasks()
        pool.ask(to, request_head(url, {}), b"{}", ended, ended).begin()
        by_itself.append(asyncio.all_tasks() == before and pool.idle(to) is None)
        await told.wait()
        return by_itself

    assert with_server(serve, play) == [True, True]


def test_who_left_before_the_answer_hears_of_none_and_its_connection_is_closed() -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one_request(reader)
        asked.set()
        assert await reader.read() == b""
        left.set()

    async def play(pool: Pool, to: Destination, url: URL) -> list[Answer | Exception]:
        heard: list[Answer | Exception] = []
        asking = pool.ask(to, request_head(url, {}), b"{}", heard.append, heard.append)
        asking.begin()
        await asked.wait()
        asking.close()
        asking.close()
        await left.wait()
        return heard

    assert with_server(serve, play) == []
