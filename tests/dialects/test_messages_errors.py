"""Errors of Messages providers, in every shape that they and the proxies before them send, and the one shape for clients."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
import pytest

from pipeline.dialects.messages import MESSAGES
from pipeline.errors import GatewayError, Kind


def own(type: str, message: str, **more: Any) -> bytes:
    return json.dumps({"type": "error", "error": {"type": type, "message": message, **more}, "request_id": "req_p"}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, own("invalid_request_error", "max_tokens: Field required"), Kind.BAD_REQUEST),
        (400, own("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), Kind.CONTEXT_LENGTH),
        (
            400,
            own("invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
            Kind.CONTEXT_LENGTH,
        ),
        (400, own("invalid_request_error", "Your credit balance is too low to access the Anthropic API."), Kind.BILLING),
        (401, own("authentication_error", "invalid x-api-key"), Kind.UNAUTHENTICATED),
        (402, own("billing_error", "No."), Kind.BILLING),
        (403, own("permission_error", "No."), Kind.FORBIDDEN),
        (404, own("not_found_error", "model: claude-9"), Kind.MODEL_NOT_FOUND),
        (404, own("not_found_error", "Not found"), Kind.NOT_FOUND),
        (409, own("conflict_error", "No."), Kind.CONFLICT),
        (413, own("request_too_large", "Request exceeds the maximum size"), Kind.TOO_LARGE),
        (429, own("rate_limit_error", "Slow."), Kind.RATE_LIMIT),
        (500, own("api_error", "Internal server error"), Kind.PROVIDER),
        (504, own("timeout_error", "Late."), Kind.TIMEOUT),
        (529, own("overloaded_error", "Overloaded"), Kind.OVERLOADED),
        (529, b"", Kind.OVERLOADED),
        (400, b'{"error":{"message":"long","type":"x","code":"context_length_exceeded"}}', Kind.CONTEXT_LENGTH),
        (429, b'{"message":"Too many"}', Kind.RATE_LIMIT),
        (502, b"<html>Bad Gateway</html>", Kind.BAD_REPLY),
        (503, b"no healthy upstream", Kind.OVERLOADED),
        (400, b'[{"error": "odd"}]', Kind.BAD_REQUEST),
        (400, b"\xff{", Kind.BAD_REQUEST),
    ],
)
def test_every_error_has_its_class_and_keeps_its_status(status: int, body: bytes, kind: Kind) -> None:
    error = MESSAGES.read_error(status, {}, body)
    assert (error.kind, error.status, error.from_provider) == (kind, status, True)


def test_what_a_client_needs_to_back_off_is_kept_TR_E13_DI_105() -> None:
    headers = {
        "retry-after": "7",
        "x-should-retry": "true",
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-evil": "a\nb",
        "set-cookie": "a=b",
        "request-id": "req_p",
    }
    error = MESSAGES.read_error(429, headers, own("rate_limit_error", "Slow."))
    assert error.retry_after == 7.0
    assert error.headers == {"retry-after": "7", "x-should-retry": "true", "anthropic-ratelimit-requests-remaining": "0"}
    assert MESSAGES.read_error(429, {"retry-after-ms": "1500"}, b"").retry_after == 1.5


def test_details_are_kept_and_told_DI_113() -> None:
    error = MESSAGES.read_error(429, {}, own("rate_limit_error", "Slow.", details={"error_code": "weekly_limit"}))
    assert error.details == {"error_code": "weekly_limit"}
    assert json.loads(MESSAGES.write_error(error, "req_1"))["error"]["details"] == {"error_code": "weekly_limit"}


def test_another_dialect_tells_the_class_in_its_own_words_DI_126() -> None:
    assert MESSAGES.read_error(529, {}, own("overloaded_error", "Overloaded")).type is None


def test_a_client_gets_the_one_shape_with_the_request_s_id_DI_113_TR_E26() -> None:
    error = GatewayError(Kind.BAD_REQUEST, "max_tokens: required", param="max_tokens")
    assert json.loads(MESSAGES.write_error(error, "req_1")) == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "max_tokens: required"},
        "request_id": "req_1",
    }


def test_words_of_a_4xx_are_handed_on_and_those_of_a_5xx_are_not_DI_119() -> None:
    def words(status: int, type: str) -> str:
        written = MESSAGES.write_error(MESSAGES.read_error(status, {}, own(type, "of node 7")), "req_1")
        return str(json.loads(written)["error"]["message"])

    assert words(400, "invalid_request_error") == "of node 7"
    assert words(500, "api_error") == Kind.PROVIDER.text
    assert words(529, "overloaded_error") == Kind.OVERLOADED.text


def test_a_credential_is_never_repeated_TR_E17() -> None:
    for status, type in ((401, "authentication_error"), (400, "invalid_request_error")):
        error = MESSAGES.read_error(status, {}, own(type, "bad key sk-ant-api03-abcdefgh"))
        assert b"abcdefgh" not in MESSAGES.write_error(error, "req_1")


@pytest.mark.parametrize("kind", list(Kind))
def test_the_official_sdk_raises_its_own_class_for_every_kind(kind: Kind) -> None:
    body = MESSAGES.write_error(GatewayError(kind), "req_1")
    transport = httpx2.MockTransport(lambda request: httpx2.Response(kind.status, content=body))
    client = httpx2.Client(transport=transport)
    with (
        anthropic.Anthropic(api_key="test-key", base_url="http://gateway.test", http_client=client, max_retries=0) as sdk,
        pytest.raises(anthropic.APIStatusError) as raised,
    ):
        sdk.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    assert raised.value.status_code == kind.status
    assert raised.value.body == json.loads(body)
    assert kind.text in str(raised.value)
