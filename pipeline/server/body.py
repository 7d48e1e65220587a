"""Reads a request's body, never more of it than the limit: on the wire, and again after each decompression.

The server hands bodies on as they were sent (``auto_decompress=False``), so that every coding that clients use is taken
(Codex sends zstd) and a small body that unpacks into a huge one is stopped while it unpacks.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Mapping
from typing import Final

import aiohttp.web
import brotli  # type: ignore[import-untyped]
import zstandard

from pipeline.errors import GatewayError, Kind

ON_THE_LOOP: Final = 64 * 1024
"""Compressed bytes that are unpacked at once; more of them are unpacked beside the event loop."""

# A zstd frame names the memory that it wants; HTTP allows 8 MiB (RFC 9659).
ZSTD_WINDOW: Final = 8 * 1024 * 1024

_BROTLI_STEP: Final = 1024 * 1024
# zstd has no bound for its output; four bytes can become 128 KiB, so that one slice becomes at most 2 MiB.
_ZSTD_SLICE: Final = 64

MEMBERS: Final = 1024
"""Compressed parts that one body may consist of: each costs, however little is in it."""
_GZIP_SLICE: Final = 1024


class _Broken(Exception):
    """The data is not what its coding promises."""


async def read_body(request: aiohttp.web.BaseRequest, limit: int) -> bytes:
    """The body, unpacked.

    Args:
        request: of a server that does not decompress.
        limit: bytes, on the wire as well as unpacked (TR-M17).

    Raises:
        GatewayError: TOO_LARGE (413) naming the limit; BAD_REQUEST with 415 for an unknown coding, 400 for broken data.
    """
    declared = request.content_length
    if declared is not None and declared > limit:
        raise _too_large(limit)
    content = request.content
    try:
        if content.is_eof() and content.total_bytes <= limit:
            body = content.read_nowait()
        else:
            await _ask_for(request)
            body = await _gather(content, limit)
    except (aiohttp.web.RequestPayloadError, aiohttp.ClientPayloadError) as error:
        raise GatewayError(
            Kind.BAD_REQUEST, "The body is not what its headers announce: it ended early, or its framing is broken."
        ) from error
    coding = request.headers.get("Content-Encoding")
    if coding is None or not body:
        return body
    decoders = _decoders(coding)
    if len(body) <= ON_THE_LOOP:
        return _unpack(body, decoders, limit)
    return await asyncio.to_thread(_unpack, body, decoders, limit)


async def _ask_for(request: aiohttp.web.BaseRequest) -> None:
    """A client that waits to be asked (``Expect: 100-continue``) is asked, now that its headers were found good."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version == aiohttp.HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # It is not part of the answer that follows.
        request.writer.output_size = 0


async def _gather(content: aiohttp.StreamReader, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := await content.readany():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> GatewayError:
    # TR-E16: 413, never 400.
    text = f"The body is larger than the limit of {limit} bytes (`server.body_limit`)."
    return GatewayError(Kind.TOO_LARGE, text, limit="body_limit")


def _too_many() -> GatewayError:
    return GatewayError(Kind.BAD_REQUEST, f"The body consists of more than {MEMBERS} compressed parts.")


def _decoders(header: str) -> list[tuple[str, Callable[[bytes, int], bytes]]]:
    """What undoes the codings of a Content-Encoding header, in the order of undoing: the last applied first."""
    found = []
    for name in reversed([part.strip().lower() for part in header.split(",")]):
        if name in ("", "identity"):
            continue
        decode = _CODINGS.get(name)
        if decode is None:
            accepted = ", ".join(_CODINGS)
            text = f"The content encoding {name!r:.40} is not known here; accepted are {accepted}, or none."
            raise GatewayError(Kind.BAD_REQUEST, text, status=415, headers={"accept-encoding": accepted})
        found.append((name, decode))
    if len(found) > 4:
        raise GatewayError(Kind.BAD_REQUEST, f"{len(found)} content encodings on top of each other; 4 are enough.", status=415)
    return found


def _unpack(body: bytes, decoders: list[tuple[str, Callable[[bytes, int], bytes]]], limit: int) -> bytes:
    for name, decode in decoders:
        try:
            body = decode(body, limit)
        except (_Broken, zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise GatewayError(
                Kind.BAD_REQUEST, f"The body is announced as {name!r}, but it is not, or it is incomplete."
            ) from error
        if len(body) > limit:
            raise _too_large(limit)
    return body


# Each of these stops as soon as it has more than ``limit`` bytes, and raises when the data is broken or incomplete.


def _gzip(data: bytes, limit: int) -> bytes:
    out = bytearray()
    at = 0
    for _ in range(MEMBERS):
        # One gzip body may hold several members. What is behind one is looked at again, so it must not be all of the rest.
        member = zlib.decompressobj(wbits=31)
        size = _GZIP_SLICE
        while at < len(data) and not member.eof and len(out) <= limit:
            out += member.decompress(data[at : at + size], limit + 1 - len(out))
            at += size
            size *= 2
        if len(out) > limit:
            return bytes(out)
        if not member.eof:
            raise _Broken
        at = min(at, len(data)) - len(member.unused_data)
        if at == len(data):
            return bytes(out)
    raise _too_many()


def _deflate(data: bytes, limit: int) -> bytes:
    try:
        return _inflate(data, limit, zlib.MAX_WBITS)
    except zlib.error:
        # Some clients take the name at its word and leave the zlib frame out.
        return _inflate(data, limit, -zlib.MAX_WBITS)


def _inflate(data: bytes, limit: int, wbits: int) -> bytes:
    stream = zlib.decompressobj(wbits=wbits)
    out = stream.decompress(data, limit + 1)
    if len(out) <= limit and (not stream.eof or stream.unused_data):
        raise _Broken
    return out


def _brotli(data: bytes, limit: int) -> bytes:
    stream = brotli.Decompressor()
    out = bytearray(stream.process(data, output_buffer_limit=_BROTLI_STEP))
    while not stream.is_finished() and len(out) <= limit:
        more = stream.process(b"", output_buffer_limit=_BROTLI_STEP)
        if not more:
            raise _Broken
        out += more
    return bytes(out)


def _zstd(data: bytes, limit: int) -> bytes:
    out = bytearray()
    at = 0
    for _ in range(MEMBERS):
        # One body may hold several frames.
        frame = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()
        while at < len(data) and not frame.eof and len(out) <= limit:
            out += frame.decompress(data[at : at + _ZSTD_SLICE])
            at += _ZSTD_SLICE
        if len(out) > limit:
            return bytes(out)
        if not frame.eof:
            raise _Broken
        at = min(at, len(data)) - len(frame.unused_data)
        if at == len(data):
            return bytes(out)
    raise _too_many()


_CODINGS: Final[Mapping[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
