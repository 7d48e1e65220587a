"""Errors of both OpenAI dialects: any body gives a typed error, and the shape that goes out is always the same."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dialects.openai_errors import error_object, read_error, read_in_band, retry_after, write_error
from pipeline.errors import LONGEST_PAUSE, GatewayError, Kind

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"


def body(**fields: object) -> bytes:
    return orjson.dumps({"error": fields})


@pytest.mark.parametrize(
    ("status", "wire", "kind", "message", "code"),
    [
        (400, body(message="No.", type="invalid_request_error", param="n", code=None), Kind.BAD_REQUEST, "No.", None),
        (400, body(message="Long.", code="context_length_exceeded"), Kind.CONTEXT_LENGTH, "Long.", "context_length_exceeded"),
        (400, body(message="Too long.", type="too_many_prompt_tokens", code=400), Kind.CONTEXT_LENGTH, "Too long.", None),
        (
            400,
            b"This model's maximum context length is 9.",
            Kind.CONTEXT_LENGTH,
            "This model's maximum context length is 9.",
            None,
        ),
        (429, body(message="Pay.", type="insufficient_quota", code="insufficient_quota"), Kind.BILLING, "Pay.", None),
        (429, body(message="Slow.", code="RateLimitReached"), Kind.RATE_LIMIT, "Slow.", "RateLimitReached"),
        (429, body(message="Slow.", code="slow_down", type="rate_limit_error"), Kind.RATE_LIMIT, "Slow.", "slow_down"),
        (404, body(message="No such model.", code="model_not_found"), Kind.MODEL_NOT_FOUND, "No such model.", None),
        (
            404,
            b'{"code":"Some entity","error":"The model x was deprecated"}',
            Kind.MODEL_NOT_FOUND,
            "The model x was deprecated",
            None,
        ),
        (422, b'{"detail":[{"loc":["body","n"],"msg":"too small"}]}', Kind.UNPROCESSABLE, "too small", None),
        (400, b'{"detail":"Bad thing"}', Kind.BAD_REQUEST, "Bad thing", None),
        (400, b'{"code":"3051","message":"Not here","object":"error","type":"bad_args"}', Kind.BAD_REQUEST, "Not here", "3051"),
        (400, b'{"type":"error","error":{"type":"invalid_request_error","message":"Hm"}}', Kind.BAD_REQUEST, "Hm", None),
        (529, b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', Kind.OVERLOADED, Kind.OVERLOADED.text, None),
        (500, body(message="Traceback in /srv/secret.py", type="server_error"), Kind.PROVIDER, Kind.PROVIDER.text, None),
        (503, b"<html><body>nginx</body></html>", Kind.OVERLOADED, Kind.OVERLOADED.text, None),
        (404, b"", Kind.NOT_FOUND, Kind.NOT_FOUND.text, None),
        (400, b"[]", Kind.BAD_REQUEST, Kind.BAD_REQUEST.text, None),
        (418, b'"teapot"', Kind.BAD_REQUEST, "teapot", None),
    ],
)
def test_status_code_type_and_words_tell_the_class_and_a_5xx_keeps_its_words_to_itself_DI_114_DI_119(
    status: int, wire: bytes, kind: Kind, message: str, code: str | None
) -> None:
    error = read_error(status, {}, wire)
    assert (error.kind, error.message, error.status) == (kind, message, status)
    assert error.code == (code or kind.openai_code)
    assert error.from_provider


def test_a_router_s_error_tells_the_words_of_the_provider_behind_it() -> None:
    inner = json.dumps({"error": {"message": "below minimum", "param": "max_output_tokens", "code": "integer_below_min_value"}})
    error = read_error(400, {}, body(message="Provider returned error", code=400, metadata={"raw": inner}))
    assert (error.message, error.param, error.code) == ("below minimum", "max_output_tokens", "integer_below_min_value")
    assert error.status == 400


def test_a_401_of_the_provider_never_quotes_the_gateway_s_key_TR_E17() -> None:
    error = read_error(401, {}, body(message="Incorrect API key provided: sk-live-abcdef.", code="invalid_api_key"))
    assert error.kind is Kind.UNAUTHENTICATED
    told = write_error(error, "req_1") + str(error).encode() + repr(error.__notes__).encode()
    assert b"sk-live" not in told


def test_the_provider_s_retry_after_and_limits_stay_with_the_error_TR_E13() -> None:
    headers = {
        "retry-after": "7",
        "x-ratelimit-remaining-tokens": "0",
        "x-should-retry": "true",
        "set-cookie": "a",
        "x-ratelimit-x": "a\r\nb",
    }
    error = read_error(429, headers, b"{}")
    assert error.retry_after == 7
    assert dict(error.headers) == {"retry-after": "7", "x-ratelimit-remaining-tokens": "0", "x-should-retry": "true"}


def test_a_pause_of_a_thousand_years_does_not_take_a_candidate_out_of_service_F15() -> None:
    far = {"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}
    assert read_error(429, far, b"{}").cool_down == LONGEST_PAUSE
    assert read_error(429, {"retry-after": "90"}, b"{}").cool_down == 90


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "0", "retry-after": "1"}, 1.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 +99999999999999999999"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("payload", "kind", "status"),
    [
        ({"error": {"message": "x", "code": 502}}, Kind.BAD_REPLY, 502),
        (
            {"error": {"message": "x", "type": "invalid_request_error", "code": "tool_use_failed", "status_code": 400}},
            Kind.BAD_REQUEST,
            400,
        ),
        ({"error": {"message": "x", "type": "invalid_request_error"}}, Kind.BAD_REQUEST, 400),
        ({"error": {"message": "x", "code": "rate_limit_exceeded"}}, Kind.RATE_LIMIT, 429),
        ({"error": {"message": "x"}}, Kind.PROVIDER, 500),
        ({"error": "boom"}, Kind.PROVIDER, 500),
    ],
)
def test_an_error_inside_a_stream_is_typed_by_what_it_says_DI_126(payload: object, kind: Kind, status: int) -> None:
    error = read_in_band(payload, b"data: x\n\n", "chat")
    assert (error.kind, error.status, error.raw, error.dialect) == (kind, status, b"data: x\n\n", "chat")


def test_the_shape_that_goes_out_has_all_four_fields_DI_112() -> None:
    error = GatewayError(Kind.BAD_REQUEST, "No.", param="n")
    assert orjson.loads(write_error(error, "req_1")) == {
        "error": {"message": "No.", "type": "invalid_request_error", "param": "n", "code": None}
    }
    assert error_object(GatewayError(Kind.OVERLOADED, "words", from_provider=True))["message"] == Kind.OVERLOADED.text


@given(
    st.integers(400, 599),
    st.binary(max_size=80)
    | st.recursive(
        st.none() | st.booleans() | st.integers(-9, 999) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["error", "message", "type", "code", "detail", "metadata", "raw", "errors", "status"]),
                inner,
                max_size=4,
            )
        ),
    ).map(lambda value: orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)),
)
def test_no_body_makes_the_reader_fail(status: int, wire: bytes) -> None:
    error = read_error(status, {}, wire)
    assert error.status == status
    assert orjson.loads(write_error(error, "req_1"))["error"]["message"]


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the recorded traffic is not beside this checkout")
def test_every_recorded_error_keeps_its_status_and_tells_something() -> None:
    kinds = {}
    for dialect in ("openai_chat", "openai_responses"):
        for path in sorted((CORPUS / dialect).glob("*__err[0-9]*.response.*")):
            meta = json.loads(path.with_name(path.name.split(".response.")[0] + ".meta.json").read_bytes())
            headers = {name.lower(): value for name, value in meta["response_headers"].items()}
            error = read_error(meta["status"], headers, path.read_bytes())
            assert error.status == meta["status"]
            assert error.message != error.kind.text or error.status >= 500
            kinds[path.name] = error.kind
    assert len(kinds) > 40
    for part, kind in {
        "groq__non-existent": Kind.MODEL_NOT_FOUND,
        "xai__grok-beta": Kind.MODEL_NOT_FOUND,
        "venice__venice-nonexistent": Kind.MODEL_NOT_FOUND,
        "xai__grok-3-mini": Kind.UNAUTHENTICATED,
        "perplexity__sonar__err400": Kind.CONTEXT_LENGTH,
        "openai__gpt-5-nano__err400": Kind.CONTEXT_LENGTH,
        "azure__grok-4-1": Kind.RATE_LIMIT,
        "deepseek__deepseek-chat__err401": Kind.UNAUTHENTICATED,
    }.items():
        assert {found for name, found in kinds.items() if name.startswith(part)} == {kind}, part
