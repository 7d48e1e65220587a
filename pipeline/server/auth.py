"""Decides who may ask: by key where keys are configured, else only programs on this machine, and never a page of a stranger.

A key comes as ``Authorization: Bearer`` or as ``x-api-key``, on every path: clients of one dialect send either (DI-263).
Secrets are kept and compared as hashes, so that nothing here can print one.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final, Protocol

from pipeline.errors import GatewayError, Kind
from pipeline.server.login_limit import LoginLimit

# clients.md 0.13: without it Claude Code tries a bad key for minutes.
_NO_RETRY: Final = {"x-should-retry": "false"}
_CHALLENGE: Final = {**_NO_RETRY, "www-authenticate": "Bearer"}
_HOW: Final = "send it as `Authorization: Bearer <key>` or `x-api-key: <key>`"


class Secret(Protocol):
    """What keeps a secret out of every ``repr``."""

    def get_secret_value(self) -> str: ...


class Key(Protocol):
    """A client's key as configured."""

    @property
    def name(self) -> str: ...
    @property
    def key(self) -> Secret: ...
    @property
    def models(self) -> Sequence[str]: ...
    @property
    def admin(self) -> bool: ...


class Caller:
    """Who asks.

    Args:
        name: of the key; "" for a program on this machine when there are no keys.
        admin: whether the administration is open to it.
        models: patterns of the models it may use; none means all.
    """

    __slots__ = ("_models", "admin", "name")

    def __init__(self, name: str, *, admin: bool = False, models: Sequence[str] = ()) -> None:
        self.name = name
        self.admin = admin
        self._models = tuple(models)

    def allows(self, model: str) -> bool:
        """Whether it may use the model of this name, as the client writes it."""
        return not self._models or any(fnmatchcase(model, pattern) for pattern in self._models)

    def refuse(self, model: str, dialect: str = "") -> GatewayError:
        """The error for a model that it may not use: 403, for Messages 400 (its clients take that as final, clients.md 6)."""
        text = f"The key {self.name!r} may not use the model {model!r:.80}. It may use: {', '.join(self._models)}."
        kind = Kind.BAD_REQUEST if dialect == "messages" else Kind.FORBIDDEN
        return GatewayError(kind, text, param="model", headers=_NO_RETRY)

    def __repr__(self) -> str:
        return f"Caller({self.name!r}, admin={self.admin}, models={self._models})"


_LOCAL: Final = Caller("", admin=True)


class Keyring:
    """The configured keys.

    Args:
        keys: none: only loopback clients are served, and they may do everything.
        origins: whose pages may call from a browser (``server.cors``).
        hosts: names, beside those of loopback, under which this gateway may be called while it has no keys.
        limit: of failed logins.
    """

    def __init__(
        self, keys: Sequence[Key], *, origins: Iterable[str] = (), hosts: Iterable[str] = (), limit: LoginLimit | None = None
    ) -> None:
        self._entries = [
            (_hash(key.key.get_secret_value()), Caller(key.name, admin=key.admin, models=key.models)) for key in keys
        ]
        self._origins = frozenset(origins)
        self._hosts = frozenset(host.lower() for host in hosts)
        self._limit = limit or LoginLimit()
        self._own: str | None = None
        """The last Host header that named this gateway: nearly all requests say the same."""

    def authenticate(self, headers: Mapping[str, str], remote: str | None) -> Caller:
        """Who sends these headers.

        Args:
            headers: of the request, found whatever their case.
            remote: the peer's address as the socket has it; forwarding headers are not believed (TR-X6).

        Raises:
            GatewayError: UNAUTHENTICATED (401), FORBIDDEN (403, no keys and not local), RATE_LIMIT (429, too many wrong keys).
        """
        if not self._entries:
            return self._local(headers, remote)
        return self._by_key(headers, remote or "")

    def administrate(self, headers: Mapping[str, str], remote: str | None) -> Caller:
        """As ``authenticate``, for what only an admin key opens (TR-X4, TR-X21).

        Raises:
            GatewayError: as ``authenticate``; FORBIDDEN (403) for a key without that right.
        """
        caller = self.authenticate(headers, remote)
        if not caller.admin:
            raise GatewayError(Kind.FORBIDDEN, f"The key {caller.name!r} is not an admin key (`admin: true`).", headers=_NO_RETRY)
        return caller

    def greet(self, headers: Mapping[str, str], remote: str | None) -> None:
        """Let through whoever may load the console's page, which holds no data: with keys everybody, so that it can ask for one.

        Raises:
            GatewayError: FORBIDDEN (403), no keys and not local.
        """
        if not self._entries:
            self._local(headers, remote)

    def _by_key(self, headers: Mapping[str, str], remote: str) -> Caller:
        given = _given(headers)
        caller = None
        for token in given:
            caller = caller or self._owner(token)
        wait = math.ceil(self._limit.wait(remote))
        if wait and not (caller is not None and self._limit.trusts(remote, caller.name)):
            text = f"Too many wrong keys came from your address (`server.wrong_keys`). Try again in {wait} s."
            raise GatewayError(Kind.RATE_LIMIT, text, retry_after=wait, headers=_NO_RETRY, limit="wrong_keys")
        if caller is not None:
            self._limit.succeed(remote, caller.name)
            return caller
        if not given:
            raise GatewayError(Kind.UNAUTHENTICATED, f"A key is needed: {_HOW}.{_scheme(headers)}", headers=_CHALLENGE)
        self._limit.fail(remote)
        raise GatewayError(Kind.UNAUTHENTICATED, "The key is not one of this gateway's keys (`server.keys`).", headers=_CHALLENGE)

    def _owner(self, token: str) -> Caller | None:
        # TR-X1: equal lengths, constant time, and no early end that would tell which key was near.
        digest = _hash(token)
        owner = None
        for known, caller in self._entries:
            if hmac.compare_digest(known, digest):
                owner = caller
        return owner

    def _local(self, headers: Mapping[str, str], remote: str | None) -> Caller:
        if not _is_loopback(remote or ""):
            text = (
                "This gateway has no keys, so it serves only programs on its own machine. "
                "To open it, write at least one under `server.keys` in penstock.yaml: - {name: me, key: ${MY_KEY}}."
            )
            raise GatewayError(Kind.FORBIDDEN, text, headers=_NO_RETRY)
        host = headers.get("Host")
        # A page whose own name was made to point at this machine calls under that name (DNS rebinding).
        if host is not None and host != self._own:
            if not self._is_own(host):
                raise _not_ours(host)
            self._own = host
        origin = headers.get("Origin")
        if origin is not None and origin not in self._origins and origin.partition("://")[2] != host:
            text = f"Pages of {origin!r:.80} may not call this gateway. If they should, add the origin to `server.cors`."
            raise GatewayError(Kind.FORBIDDEN, text, headers=_NO_RETRY)
        return _LOCAL

    def _is_own(self, host: str) -> bool:
        name = _name_of(host)
        return name == "localhost" or name.endswith(".localhost") or name in self._hosts or _is_loopback(name)


def _not_ours(host: str) -> GatewayError:
    text = f"This gateway has no keys, so it answers only to loopback names, not to {host!r:.80}. Use http://127.0.0.1."
    return GatewayError(Kind.FORBIDDEN, text, headers=_NO_RETRY)


def _given(headers: Mapping[str, str]) -> list[str]:
    """The keys that came along. DI-104: both headers may be there, and either may hold it."""
    found = []
    # TR-X18: a key without its scheme is not a key.
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        found.append(token.strip())
    other = headers.get("x-api-key", "").strip()
    if other:
        found.append(other)
    return found


def _scheme(headers: Mapping[str, str]) -> str:
    given = headers.get("Authorization")
    return " The Authorization header that came does not begin with the word Bearer." if given is not None else ""


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


@lru_cache(maxsize=1024)
def _is_loopback(remote: str) -> bool:
    try:
        address = ip_address(remote.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
