"""Bodies on their way, over real sockets: handed on as they come, slowed down, cut, and never mixed up with the next answer's."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable

import aiohttp
import pytest
from yarl import URL

from operators.source import FlowGate
from pipeline.providers.answer import Answer
from pipeline.providers.pool import Destination, Pool, request_head
from tests.providers.test_pool import answer, one_request, with_server

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def followed(found: Answer, push: Callable[[bytes], None], gate: FlowGate) -> None:
    """Return at the end of the body, or raise what broke it off."""
    ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
    body = found.forward(push, gate, ended.set_result)
    body.begin()
    try:
        error = await ended
    finally:
        body.leave()
    if error is not None:
        raise error


async def opened(pool: Pool, to: Destination, url: URL) -> Answer:
    return await pool.post(to, request_head(url, {}), b"{}")


def test_each_piece_is_handed_on_by_the_read_that_brought_it_without_a_task() -> None:
    taken = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one_request(reader)
        writer.write(CHUNKED)
        for number in range(5):
            writer.write(chunk(b"%d" % number))
            await taken.wait()
            taken.clear()
        writer.write(chunk(b""))
        await writer.drain()

    async def play(pool: Pool, to: Destination, url: URL) -> list[tuple[bytes, bool]]:
        pieces: list[tuple[bytes, bool]] = []

        def push(data: bytes) -> None:
            pieces.append((data, asyncio.current_task() is None))
            taken.set()

        await followed(await opened(pool, to, url), push, FlowGate())
        return pieces

    pieces = with_server(serve, play)
    assert isinstance(pieces, list)
    assert [data for data, _ in pieces] == [b"0", b"1", b"2", b"3", b"4"]
    # The first one may have come with the head, which a task reads.
    assert all(by_itself for _, by_itself in pieces[1:])


def test_while_the_gate_is_shut_the_provider_is_stopped_and_nothing_is_lost() -> None:
    body = bytes(range(256)) * 4096 * 32
    stopped = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one_request(reader)
        writer.transport.set_write_buffer_limits(high=1)
        writer.write(answer(body))
        writing = asyncio.ensure_future(writer.drain())
        while writer.transport.get_write_buffer_size() == 0:
            await asyncio.sleep(0)
        stopped.set()
        await writing

    async def play(pool: Pool, to: Destination, url: URL) -> tuple[int, bytes]:
        gate, pieces = FlowGate(), []

        def push(data: bytes) -> None:
            pieces.append(data)
            gate.shut()

        reading = asyncio.ensure_future(followed(await opened(pool, to, url), push, gate))
        await stopped.wait()
        while not pieces:
            await asyncio.sleep(0)
        at_first = len(pieces)
        while not reading.done():
            gate.reopen()
            await asyncio.sleep(0)
        return at_first, b"".join(pieces)

    assert with_server(serve, play) == (1, body)


def test_a_body_that_waits_for_its_client_has_nothing_to_do_with_the_next_answer_on_its_connection() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await one_request(reader)
        writer.write(CHUNKED + chunk(b"of the first"))
        writer.write(chunk(b", late") + chunk(b""))
        await one_request(reader)
        writer.write(answer(b"of the second"))

    async def play(pool: Pool, to: Destination, url: URL) -> tuple[bytes, bytes]:
        first: list[bytes] = []
        second: list[bytes] = []
        shut = FlowGate()
        shut.shut()
        found = await opened(pool, to, url)
        reading = asyncio.ensure_future(followed(found, first.append, shut))
        while not found.content.is_eof():
            await asyncio.sleep(0)
        await followed(await opened(pool, to, url), second.append, FlowGate())
        assert not first
        shut.reopen()
        await reading
        return b"".join(first), b"".join(second)

    assert with_server(serve, play) == (b"of the first, late", b"of the second")
    assert connections == 1


def broken_after(wire: bytes, fault: bytes, *, closes: bool) -> object:
    """What is handed on of an answer before its fault is told; the fault comes by itself."""
    came, told = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one_request(reader)
        writer.write(wire)
        await came.wait()
        writer.write(fault)
        if not closes:
            await told.wait()

    async def play(pool: Pool, to: Destination, url: URL) -> bytes:
        pieces: list[bytes] = []

        def push(data: bytes) -> None:
            pieces.append(data)
            came.set()

        found = await opened(pool, to, url)
        try:
            with pytest.raises(aiohttp.ClientPayloadError):
                await followed(found, push, FlowGate())
        finally:
            told.set()
            found.close()
        return b"".join(pieces)

    return with_server(serve, play)


@pytest.mark.parametrize("head", [CHUNKED, STREAM])
def test_what_came_before_a_cut_is_handed_on_and_then_the_cut(head: bytes) -> None:
    assert broken_after(head + chunk(b"half of"), b"", closes=True) == b"half of"


@pytest.mark.parametrize("head", [CHUNKED, STREAM])
def test_chunks_that_cannot_be_read_end_the_body_also_where_the_connection_stays(head: bytes) -> None:
    assert broken_after(head + chunk(b"half of"), b"zz\r\nfoo", closes=False) == b"half of"


def along_with_the_head(wire: bytes, *, leaves: bool = False) -> object:
    """Of an answer that comes in one read: whether it was over when its head was answered, its pieces, and how it ended.

    ``leaves``: who is answered closes the connection at once.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one_request(reader)
        writer.write(wire)
        await writer.drain()

    async def play(pool: Pool, to: Destination, url: URL) -> tuple[bool, list[bytes], BaseException | None]:
        ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        pieces: list[bytes] = []
        answers: list[tuple[Answer, bool]] = []

        def answered(found: Answer) -> None:
            answers.append((found, found.content.is_eof()))
            if leaves:
                found.close()
                ended.set_result(None)
            else:
                found.forward(pieces.append, FlowGate(), ended.set_result).begin()

        pool.ask(to, request_head(url, {}), b"{}", answered, ended.set_exception).begin()
        error = await ended
        [(found, over)] = answers
        found.close()
        return over, pieces, error

    return with_server(serve, play)


def test_what_came_along_with_the_head_of_a_stream_is_read_by_whoever_has_taken_it_over() -> None:
    chunks = b"".join(map(chunk, (b"a", b"b", b"c", b"")))
    assert along_with_the_head(STREAM + chunks) == (False, [b"abc"], None)
    assert along_with_the_head(CHUNKED + chunks) == (True, [b"abc"], None)


def test_a_hint_before_the_head_changes_nothing_of_what_comes() -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nlink: </text/event-stream>\r\n\r\n"
    assert along_with_the_head(hint + STREAM + chunk(b"a") + chunk(b"")) == (True, [b"a"], None)


def test_who_closes_at_the_head_hears_nothing_of_what_came_along(caplog: pytest.LogCaptureFixture) -> None:
    assert along_with_the_head(STREAM + chunk(b"a") + b"zz\r\n", leaves=True) == (False, [], None)
    assert not caplog.records


def test_what_follows_an_answer_unasked_is_not_the_answer_to_who_asks_again_from_inside_it() -> None:
    served: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one_request(reader)
        over = b"HTTP/1.1 503 No\r\ncontent-type: text/event-stream\r\ncontent-length: 0\r\n\r\n"
        served.append(over)
        writer.write(over + answer(b"bad") if len(served) == 1 else answer(b"good"))
        await writer.drain()

    async def play(pool: Pool, to: Destination, url: URL) -> bytes:
        said: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def ask(answered: Callable[[Answer], None]) -> None:
            pool.ask(to, request_head(url, {}), b"{}", answered, said.set_exception).begin()

        def again(found: Answer) -> None:
            assert found.status == 503
            ask(lambda second: second.gather(100, lambda data, error: said.set_result(data)).begin())

        ask(again)
        return await said

    assert with_server(serve, play) == b"good"
    assert len(served) == 2


def test_a_fault_that_comes_along_with_the_head_of_a_stream_ends_its_body() -> None:
    found = along_with_the_head(STREAM + chunk(b"half of") + b"zz\r\nfoo")
    assert isinstance(found, tuple)
    assert found[:2] == (False, [b"half of"])
    assert isinstance(found[2], aiohttp.ClientPayloadError)


def test_a_fault_in_what_is_compressed_is_told_also_where_its_parser_had_paused() -> None:
    packed = bytearray(gzip.compress(b"data: {}\n\n" * 400_000))
    packed[-300:-296] = b"\xff\xff\xff\xff"
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % (len(packed) + 5)
    assert broken_after(head + packed[:-400], bytes(packed[-400:]), closes=False)


def test_who_stops_following_hears_nothing_any_more() -> None:
    stopped = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one_request(reader)
        writer.write(CHUNKED + chunk(b"heard"))
        await stopped.wait()
        writer.write(chunk(b"unheard") + chunk(b""))
        await writer.drain()

    async def play(pool: Pool, to: Destination, url: URL) -> bytes:
        pieces: list[bytes] = []
        found = await opened(pool, to, url)
        reading = asyncio.ensure_future(followed(found, pieces.append, FlowGate()))
        while not pieces:
            await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        stopped.set()
        assert await found.content.read() == b"unheard"
        return b"".join(pieces)

    assert with_server(serve, play) == b"heard"


def test_what_is_compressed_comes_whole_although_its_parser_has_to_pause() -> None:
    body = b"data: {}\n\n" * 400_000
    packed = gzip.compress(body)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one_request(reader)
        writer.write(head + packed)

    async def play(pool: Pool, to: Destination, url: URL) -> bytes:
        pieces: list[bytes] = []
        await followed(await opened(pool, to, url), pieces.append, FlowGate())
        return b"".join(pieces)

    assert with_server(serve, play) == body
