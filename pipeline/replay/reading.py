"""Where a trace comes from: a file (one object, or JSON lines), standard input, or a running gateway."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final, TextIO

from pipeline.config.problems import nearest
from pipeline.replay.recording import Recording, ReplayError, recording

PATIENCE: Final = 10.0
"""Seconds that a gateway may take to hand a trace out."""

LARGEST: Final = 256 * 1024 * 1024
"""Bytes that are read at most."""


def read(source: str, id: str | None, stdin: TextIO, env: Mapping[str, str]) -> Recording:
    """The recording that ``source`` names: a path, "-" for ``stdin``, or an http address of /debug/traces/{id}.

    Args:
        source: where it is.
        id: which one where there are several; None takes the last.
        stdin: for "-".
        env: ``PENSTOCK_KEY`` is sent to a gateway as its admin key.

    Raises:
        ReplayError: it cannot be read, or is no trace.
    """
    try:
        return recording(_chosen(_text(source, stdin, env), id))
    except RecursionError:
        raise ReplayError(f"{source}: is nested deeper than any trace.") from None
    except ReplayError as error:
        raise ReplayError(f"{'standard input' if source == '-' else source}: {error}.") from None


def _text(source: str, stdin: TextIO, env: Mapping[str, str]) -> str:
    if source.startswith(("http://", "https://")):
        return _fetched(source, env.get("PENSTOCK_KEY", ""))
    try:
        if source == "-":
            return stdin.read(LARGEST)
        with Path(source).open(encoding="utf-8-sig") as file:
            return file.read(LARGEST)
    except UnicodeDecodeError:
        raise ReplayError("is not a text in UTF-8") from None
    except OSError as error:
        raise ReplayError(f"cannot be read: {(error.strerror or 'unknown').lower()}") from None


class _Stay(urllib.request.HTTPRedirectHandler):
    """The key is for this gateway: a redirect is not followed."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _fetched(url: str, key: str) -> str:
    # Straight to the gateway: what a proxy of the environment would see is nobody's business.
    opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))
    headers = {"accept": "application/json", **({"x-api-key": key} if key else {})}
    try:
        request = urllib.request.Request(url, headers=headers)
        with opener.open(request, timeout=PATIENCE) as response:
            return str(response.read(LARGEST).decode())
    except urllib.error.HTTPError as error:
        error.close()
        hints = {401: "; set PENSTOCK_KEY to an admin key", 403: "; PENSTOCK_KEY has to be an admin key"}
        hints[404] = "; only the last requests are kept (`traces.keep`)"
        raise ReplayError(f"the gateway answered {error.code}{hints.get(error.code, '')}") from None
    except UnicodeDecodeError:
        raise ReplayError("is not a text in UTF-8") from None
    except (OSError, HTTPException) as error:
        raise ReplayError(f"cannot be fetched: {getattr(error, 'reason', None) or type(error).__name__}") from None
    except ValueError:
        raise ReplayError("is no address; expected such as http://127.0.0.1:8787/debug/traces/req_7") from None


def _chosen(text: str, id: str | None) -> Any:
    """The value of the trace that is meant."""
    if not text.strip():
        raise ReplayError("is empty; expected a trace in JSON")
    try:
        whole = json.loads(text)
    except ValueError as error:
        values = list(_lines(text, error))
    else:
        values = whole if isinstance(whole, list) else [whole]
    if not values:
        raise ReplayError("holds no trace")
    if id is None:
        return values[-1]
    ids = {str(value.get("id")): value for value in values if isinstance(value, dict)}
    if id not in ids:
        raise ReplayError(f'has no trace "{id}".{nearest(id, ids)}'.rstrip("."))
    return ids[id]


def _lines(text: str, fault: ValueError) -> Iterator[Any]:
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except ValueError:
            # A file that is being written ends in the middle of a line, and only there.
            if number == len(lines) > 1:
                return
            where = f"line {number} is" if number > 1 else "is"
            raise ReplayError(f"{where} no JSON ({fault})") from None
