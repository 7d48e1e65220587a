"""What passes between client and provider: known names only, whole and harmless."""

from __future__ import annotations

from multidict import CIMultiDict

from pipeline.providers.headers import to_client, to_provider


def test_a_header_that_a_client_repeats_reaches_the_provider_as_one_list_DI_262() -> None:
    sent = CIMultiDict([("Anthropic-Beta", "one"), ("x-api-key", "secret"), ("anthropic-beta", "two")])
    assert to_provider("messages", sent) == {"anthropic-beta": "one, two"}


def test_only_known_headers_with_harmless_values_reach_a_client_TR_X24() -> None:
    sent = [("Retry-After", "3"), ("X-RateLimit-Left", "1"), ("Set-Cookie", "a=b"), ("openai-model", "a\r\nb: c")]
    assert to_client(sent) == {"retry-after": "3", "x-ratelimit-left": "1"}
