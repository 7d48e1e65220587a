"""Who may ask: keys in either header, loopback without keys, no stranger's page, and no guessing without end."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from multidict import CIMultiDict
from pydantic import SecretStr

from pipeline.errors import GatewayError
from pipeline.server.auth import Caller, Keyring
from pipeline.server.login_limit import FAILURES, WINDOW, LoginLimit

HERE = "127.0.0.1"
THERE = "203.0.113.9"


@dataclass(frozen=True)
class Key:
    name: str
    key: SecretStr
    models: tuple[str, ...] = ()
    admin: bool = False


KEYS = (Key("alice", SecretStr("sk-alice"), ("gpt-*", "demo")), Key("root", SecretStr("sk-root"), admin=True))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def headers(**fields: str) -> CIMultiDict[str]:
    return CIMultiDict({name.replace("_", "-"): value for name, value in fields.items()})


def refused(keyring: Keyring, remote: str | None = THERE, **fields: str) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        keyring.authenticate(headers(**fields), remote)
    return caught.value


@pytest.mark.parametrize(
    "fields",
    [
        {"Authorization": "Bearer sk-alice"},
        {"authorization": "bearer  sk-alice "},
        {"x_api_key": "sk-alice"},
        {"X_Api_Key": "sk-alice"},
        {"Authorization": "Bearer other", "x_api_key": "sk-alice"},
        {"Authorization": "Bearer sk-alice", "x_api_key": "other"},
    ],
)
def test_di_263_a_key_is_found_in_either_header(fields: dict[str, str]) -> None:
    assert Keyring(KEYS).authenticate(headers(**fields), THERE).name == "alice"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Authorization": "sk-alice"},  # TR-X18
        {"Authorization": "Basic sk-alice"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer sk-alic"},
        {"Authorization": "Bearer sk-alicee"},
        {"Authorization": "Bearer sk-älice\udce4"},
        {"x_api_key": ""},
        {"x_api_key": "Bearer sk-alice"},
    ],
)
def test_no_key_or_a_wrong_one_is_401_and_not_worth_a_retry(fields: dict[str, str]) -> None:
    error = refused(Keyring(KEYS), **fields)
    assert error.status == 401
    assert error.headers["x-should-retry"] == "false"
    assert error.headers["www-authenticate"] == "Bearer"
    assert "sk-" not in error.message


def test_a_missing_key_is_told_how_to_send_one() -> None:
    assert "`Authorization: Bearer <key>` or `x-api-key: <key>`" in refused(Keyring(KEYS)).message
    assert "does not begin with the word Bearer" in refused(Keyring(KEYS), Authorization="sk-alice").message


def test_loopback_needs_a_key_too_once_there_are_any() -> None:
    assert refused(Keyring(KEYS), HERE).status == 401


def test_a_key_opens_the_models_of_its_patterns() -> None:
    alice = Keyring(KEYS).authenticate(headers(x_api_key="sk-alice"), THERE)
    assert [alice.allows(name) for name in ("gpt-5", "demo", "demo/slow", "GPT-5", "claude")] == [True, True, False, False, False]
    root = Keyring(KEYS).authenticate(headers(x_api_key="sk-root"), THERE)
    assert root.allows("anything/at/all")


def test_a_denied_model_is_403_and_400_where_clients_take_that_as_final() -> None:
    alice = Caller("alice", models=("gpt-*",))
    assert alice.refuse("claude", "chat").status == 403
    assert alice.refuse("claude", "messages").status == 400
    assert "'claude'" in alice.refuse("claude").message
    assert "gpt-*" in alice.refuse("claude").message


def test_tr_x4_only_an_admin_key_administrates() -> None:
    keyring = Keyring(KEYS)
    assert keyring.administrate(headers(x_api_key="sk-root"), THERE).name == "root"
    with pytest.raises(GatewayError) as caught:
        keyring.administrate(headers(x_api_key="sk-alice"), THERE)
    assert caught.value.status == 403
    assert Keyring(()).administrate(headers(), HERE).admin


def test_nothing_prints_a_secret() -> None:
    keyring = Keyring(KEYS)
    caller = keyring.authenticate(headers(x_api_key="sk-alice"), THERE)
    assert "sk-alice" not in f"{keyring!r} {vars(keyring)!r} {caller!r}"


# Without keys.


@pytest.mark.parametrize("remote", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_without_keys_programs_on_this_machine_are_served(remote: str) -> None:
    assert Keyring(()).authenticate(headers(Host="localhost:8787"), remote).allows("demo")


@pytest.mark.parametrize("remote", ["192.168.1.4", "::ffff:192.0.2.1", "2001:db8::1", "fe80::1%eth0", "", None, "nonsense"])
def test_without_keys_nobody_else_is_served_and_the_message_says_how_to_open(remote: str | None) -> None:
    error = refused(Keyring(()), remote, X_Forwarded_For="127.0.0.1")
    assert error.status == 403
    assert "server.keys" in error.message


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:8787", "[::1]:8787", "app.localhost", "localhost."])
def test_without_keys_loopback_names_are_answered(host: str) -> None:
    assert Keyring(()).authenticate(headers(Host=host), HERE)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[2001:db8::1]", ""])
def test_without_keys_a_name_made_to_point_here_is_refused(host: str) -> None:
    assert refused(Keyring(()), HERE, Host=host).status == 403


def test_a_further_name_can_be_made_known() -> None:
    assert Keyring((), hosts=["Box.lan"]).authenticate(headers(Host="box.lan:8787"), HERE)


def test_without_keys_a_page_of_another_origin_gets_nothing_unless_configured() -> None:
    page = "https://app.example.com"
    assert refused(Keyring(()), HERE, Host="127.0.0.1:8787", Origin=page).status == 403
    assert Keyring((), origins=[page]).authenticate(headers(Host="127.0.0.1:8787", Origin=page), HERE)


@pytest.mark.parametrize("origin", ["null", "http://127.0.0.1:3000", "https://127.0.0.1:8787.evil.example", "http://[", ""])
def test_without_keys_only_the_same_origin_is_our_own(origin: str) -> None:
    assert refused(Keyring(()), HERE, Host="127.0.0.1:8787", Origin=origin).status == 403


def test_the_gateways_own_page_may_call() -> None:
    assert Keyring(()).authenticate(headers(Host="127.0.0.1:8787", Origin="http://127.0.0.1:8787"), HERE)


def test_tr_x2_a_wildcard_opens_no_gateway_without_keys() -> None:
    assert refused(Keyring((), origins=["*"]), HERE, Host="127.0.0.1", Origin="https://evil.example").status == 403


# TR-X23.


def guarded() -> tuple[Keyring, Clock]:
    clock = Clock()
    return Keyring(KEYS, limit=LoginLimit(now=clock)), clock


def test_tr_x23_too_many_wrong_keys_are_429_with_retry_after() -> None:
    keyring, clock = guarded()
    for _ in range(FAILURES):
        assert refused(keyring, x_api_key="guess").status == 401
        clock.now += 1
    error = refused(keyring, x_api_key="guess")
    assert error.status == 429
    assert error.retry_after == WINDOW - FAILURES


def test_a_guess_within_the_limit_is_refused_even_when_it_is_right() -> None:
    keyring, _ = guarded()
    for _ in range(FAILURES):
        refused(keyring, x_api_key="guess")
    assert refused(keyring, x_api_key="sk-alice").status == 429


def test_an_honest_neighbour_behind_the_same_address_is_not_locked_out() -> None:
    keyring, _ = guarded()
    keyring.authenticate(headers(x_api_key="sk-alice"), THERE)
    for _ in range(FAILURES):
        refused(keyring, x_api_key="guess")
    assert keyring.authenticate(headers(x_api_key="sk-alice"), THERE).name == "alice"
    assert refused(keyring, x_api_key="sk-root").status == 429
    assert keyring.authenticate(headers(x_api_key="sk-root"), "203.0.113.10").name == "root"


def test_the_limit_ends_with_its_window() -> None:
    keyring, clock = guarded()
    for _ in range(FAILURES):
        refused(keyring, x_api_key="guess")
    clock.now += WINDOW
    assert keyring.authenticate(headers(x_api_key="sk-alice"), THERE).name == "alice"


def test_a_missing_key_is_no_guess() -> None:
    keyring, _ = guarded()
    for _ in range(FAILURES + 1):
        assert refused(keyring).status == 401


def test_a_whole_ipv6_network_is_one_guesser() -> None:
    keyring, _ = guarded()
    for number in range(FAILURES):
        refused(keyring, f"2001:db8::{number:x}", x_api_key="guess")
    assert refused(keyring, "2001:db8::ffff", x_api_key="guess").status == 429
    assert refused(keyring, "2001:db8:0:1::1", x_api_key="guess").status == 401


def test_nothing_grows_with_the_number_of_addresses() -> None:
    limit = LoginLimit(remembered=8, now=Clock())
    for number in range(100):
        limit.fail(f"10.0.0.{number}")
        limit.succeed(f"10.0.0.{number}", "alice")
    assert len(limit._failed) == len(limit._trusted) == 8
    for _ in range(100):
        limit.fail("10.0.0.1")
    assert len(limit._failed["10.0.0.1"]) == FAILURES
