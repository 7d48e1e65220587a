"""What has the shape of a secret is hidden, whatever stands around it, and in time that grows with the text."""

from __future__ import annotations

import time

import pytest

from pipeline.bodies import LONGEST_BODY
from pipeline.redaction import HIDDEN, Redactor, hidden

PATIENCE = 5.0
"""Seconds for a text as long as a body may be: linear work takes a twentieth of that, and quadratic work minutes at least."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:hunter22@cache/0", "redis://[redacted]@cache/0"),
        ("1http://me:hunter22@db", "1http://[redacted]@db"),
        ("see https://example.com:8080/a@b", "see https://example.com:8080/a@b"),
        ("jwt-eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "jwt-[redacted]"),
    ],
)
def test_a_secret_is_hidden_and_nothing_else(text: str, shown: str) -> None:
    assert hidden(text) == shown


@pytest.mark.parametrize(
    "piece",
    ["a.", "a" * 511 + ".", "eyJ-", "eyJ-.", "://a:", "token ", "bearer ", "sk-", "AIza-", "data:a/a;", "-----BEGIN PRIVATE KEY"],
)
def test_no_text_takes_more_than_its_share_of_time(piece: str) -> None:
    text = piece * (LONGEST_BODY // len(piece))
    began = time.process_time()
    Redactor(["a secret"]).text(text)
    hidden(text)
    assert time.process_time() - began < PATIENCE


def test_what_a_name_says_is_secret_is_hidden_whatever_it_is() -> None:
    said = {"password": ["x"], "api_key": 1234, "secret": None, "cookie": True, "token_count": 7}
    assert Redactor().value(said) == {"password": HIDDEN, "api_key": HIDDEN, "secret": None, "cookie": True, "token_count": 7}
    # A tool's schema of a parameter of that name.
    assert Redactor().value({"password": {"type": "string"}}) == {"password": {"type": "string"}}
