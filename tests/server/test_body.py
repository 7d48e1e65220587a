"""Bodies over real sockets: every coding, every limit, every way to be broken."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import brotli  # type: ignore[import-untyped]
import orjson
import pytest
import zstandard
from aiohttp import web

from pipeline.errors import GatewayError
from pipeline.server.body import MEMBERS, ZSTD_WINDOW, read_body
from pipeline.wire.jsontext import DEEPEST, bounded, parse_json, write_json

LIMIT = 100_000
TEXT = orjson.dumps({"text": "word " * 2000})


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    try:
        return web.Response(body=await read_body(request, LIMIT))
    except GatewayError as error:
        return web.Response(status=error.status, text=error.message, headers=error.headers)


async def exchange(wire: bytes, *, more: Iterator[bytes] = iter(())) -> tuple[int, bytes]:
    """Send these bytes to a server as ours is, and read its answer."""
    server = await asyncio.get_running_loop().create_server(web.Server(echo, auto_decompress=False, access_log=None), "127.0.0.1")
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        writer.write(wire)
        for chunk in more:
            writer.write(chunk)
            await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        return int(head.split()[1]), await reader.readexactly(length)
    finally:
        writer.close()
        server.close()


def post(body: bytes, *headers: str) -> tuple[int, bytes]:
    lines = ["POST / HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return asyncio.run(exchange("\r\n".join(lines).encode() + b"\r\n\r\n" + body))


def test_a_plain_body_comes_as_it_is() -> None:
    assert post(TEXT) == (200, TEXT)
    assert post(b"") == (200, b"")


def test_a_body_at_the_limit_passes_and_one_byte_more_is_413_with_the_limit_in_its_message() -> None:
    assert post(b"x" * LIMIT)[0] == 200
    status, text = post(b"x" * (LIMIT + 1))
    assert status == 413
    assert b"100000 bytes" in text


def test_a_declared_length_over_the_limit_is_refused_before_the_body_is_read() -> None:
    wire = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n"
    assert asyncio.run(exchange(wire))[0] == 413


def test_a_chunked_body_is_stopped_at_the_limit() -> None:
    wire = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    small = [b"5\r\nhello\r\n", b"0\r\n\r\n"]
    assert asyncio.run(exchange(wire, more=iter(small))) == (200, b"hello")
    large = [b"4000\r\n" + b"x" * 0x4000 + b"\r\n"] * 8
    assert asyncio.run(exchange(wire, more=iter(large)))[0] == 413


def test_a_client_that_waits_to_be_asked_is_asked_unless_its_body_would_be_refused() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: "

    async def run() -> tuple[bytes, bytes]:
        server = await asyncio.get_running_loop().create_server(web.Server(echo, auto_decompress=False), "127.0.0.1")
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(head + b"5\r\n\r\n")
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hello")
        answer = await reader.readuntil(b"hello")
        writer.close()
        server.close()
        return asked, answer

    asked, answer = asyncio.run(run())
    assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 200")
    assert asyncio.run(exchange(head + b"999999999\r\n\r\n"))[0] == 413


def test_broken_framing_is_the_clients_mistake() -> None:
    wire = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n0\r\n\r\n"
    assert asyncio.run(exchange(wire))[0] == 400


@pytest.mark.parametrize("name", CODINGS)
def test_each_coding_is_undone(name: str) -> None:
    assert post(CODINGS[name](TEXT), f"Content-Encoding: {name}") == (200, TEXT)
    assert post(CODINGS[name](TEXT), f"content-encoding: {name.upper()}") == (200, TEXT)


def test_deflate_without_its_frame_is_undone_too() -> None:
    assert post(raw_deflate(TEXT), "Content-Encoding: deflate") == (200, TEXT)


def test_several_members_and_frames_are_one_body() -> None:
    half = len(TEXT) // 2
    for name in ("gzip", "zstd"):
        pack = CODINGS[name]
        assert post(pack(TEXT[:half]) + pack(TEXT[half:]), f"Content-Encoding: {name}") == (200, TEXT)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_body_of_very_many_parts_is_refused_before_they_cost_more_than_their_bytes(name: str) -> None:
    part = CODINGS[name](b"")
    assert post(part * MEMBERS, f"Content-Encoding: {name}") == (200, b"")
    status, text = post(part * (MEMBERS + 1), f"Content-Encoding: {name}")
    assert (status, str(MEMBERS).encode() in text) == (400, True)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_parts_of_any_size_are_one_body(name: str) -> None:
    noise = bytes(range(256)) * 30
    cuts = [0, 0, 1, 900, 1024, 1025, 3000, len(noise)]
    pieces = [noise[start:end] for start, end in itertools.pairwise(cuts)]
    body = b"".join(CODINGS[name](piece) for piece in pieces)
    assert post(body, f"Content-Encoding: {name}") == (200, noise)
    assert post(body + b"x", f"Content-Encoding: {name}")[0] == 400


def test_a_chain_of_codings_is_undone_from_its_end() -> None:
    body = brotli.compress(gzip.compress(TEXT))
    assert post(body, "Content-Encoding: gzip, identity, br") == (200, TEXT)
    assert post(body, "Content-Encoding: br, gzip")[0] == 400


def test_a_body_too_large_for_the_loop_is_unpacked_beside_it() -> None:
    noise = bytes(range(256)) * 300
    stored = gzip.compress(noise, compresslevel=0)
    assert post(stored, "Content-Encoding: gzip") == (200, noise)


@pytest.mark.parametrize("name", CODINGS)
def test_a_bomb_is_stopped_while_it_unpacks(name: str) -> None:
    bomb = CODINGS[name](bytes(24 * 1024 * 1024))
    assert len(bomb) <= LIMIT
    tracemalloc.start()
    status, text = post(bomb, f"Content-Encoding: {name}")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert status == 413
    assert b"100000 bytes" in text
    assert peak < 12 * 1024 * 1024


def test_a_bomb_in_a_bomb_is_stopped_at_its_first_layer() -> None:
    bomb = gzip.compress(gzip.compress(bytes(64 * 1024 * 1024), 1), 9)
    assert post(bomb, "Content-Encoding: gzip, gzip")[0] == 413


@pytest.mark.parametrize("name", CODINGS)
def test_broken_and_incomplete_data_is_400_and_names_the_coding(name: str) -> None:
    packed = CODINGS[name](TEXT)
    for broken in (TEXT, packed[:-3], packed[: len(packed) // 2], packed + b"more"):
        status, text = post(broken, f"Content-Encoding: {name}")
        assert status == 400
        assert repr(name).encode() in text


def test_a_zstd_frame_that_wants_more_memory_than_http_allows_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=25, write_content_size=False)
    greedy = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = greedy.compress(TEXT) + greedy.flush()
    assert ZSTD_WINDOW < 2**25
    assert post(body, "Content-Encoding: zstd")[0] == 400


@pytest.mark.parametrize("header", ["snappy", "gzip, snappy", "zstandard", "gzip;q=1"])
def test_an_unknown_coding_is_415_and_tells_what_is_accepted(header: str) -> None:
    status, text = post(TEXT, f"Content-Encoding: {header}")
    assert status == 415
    assert b"gzip, x-gzip, deflate, br, zstd" in text


def test_more_layers_than_anybody_needs_are_refused() -> None:
    assert post(TEXT, "Content-Encoding: " + ", ".join(["gzip"] * 5))[0] == 415


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ["empty", "object"]),
        (b"  \n", ["empty"]),
        (b"null", ["object", "null"]),
        (b"[]", ["object", "array"]),
        (b'"x"', ["object", "string"]),
        (b"3", ["object", "number"]),
        (b"false", ["object", "boolean"]),
        (b'{"a": 1,\n "b": 2,}', ["line 2", "column 8"]),
        (b'{"a": NaN}', ["line 1", "column 7", "'N'"]),
        (b'{"a": ', ["line 1", "column 7", "ends there"]),
        (b"{'a': 1}", ["column 2", '"\'"']),
        (b'{"a": 1} {"b": 2}', ["column 10"]),
        (b'{"a":\n "\xff"}', ["UTF-8", "line 2", "byte 3"]),
        (b"\xef\xbb\xbf{}", ["byte order mark"]),
        (b"model=demo", ["line 1", "column 1", "'m'"]),
    ],
)
def test_what_is_no_json_object_is_400_and_says_where(body: bytes, words: list[str]) -> None:
    with pytest.raises(GatewayError) as caught:
        parse_json(body)
    assert caught.value.status == 400
    assert [word for word in words if word not in caught.value.message] == []


def test_tr_m18_what_is_translated_has_a_limit_of_nesting_and_many_brackets_side_by_side_have_none() -> None:
    def nested(levels: int) -> bytes:
        return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"

    def read(body: bytes) -> dict[str, list[object]]:
        return bounded(parse_json(body), body)

    assert read(nested(DEEPEST))
    assert len(read(b'{"a":[' + b",".join([b"[]"] * 5000) + b"]}")["a"]) == 5000
    for levels in (DEEPEST + 1, 300, 3000, 300_000):
        with pytest.raises(GatewayError, match=f"{DEEPEST} levels"):
            read(nested(levels))
    with pytest.raises(GatewayError, match=f"{DEEPEST} levels"):
        read(b'{"a":' + b"[" * 100_000)


def test_tr_m18_what_passes_in_its_own_dialect_is_bounded_only_where_it_must_be_written_anew() -> None:
    value = parse_json(b'{"a":' + b"[" * 900 + b"]" * 900 + b"}")
    with pytest.raises(GatewayError, match=f"{DEEPEST} levels"):
        write_json(value)
