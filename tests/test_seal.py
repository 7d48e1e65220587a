"""DI-161: a sealed proof comes back whole to its maker, and to nobody else."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from pipeline.seal import MARK, MARK_BYTES, Seal, family, key_for

KEY = key_for("claude", "sk-secret", "https://api.anthropic.com")
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT, TEXT)
def test_what_was_sealed_comes_back_unchanged_even_in_another_process(kind: str, value: str) -> None:
    sealed = Seal(KEY).wrap("claude", "claude-opus-4-5", kind, value)
    assert Seal(key_for("claude", "sk-secret", None)).unwrap(sealed, "claude", "claude-opus-4-5") == (kind, value)


@given(TEXT)
def test_a_sealed_value_is_url_safe_text_with_the_mark_in_front(value: str) -> None:
    sealed = Seal(KEY).wrap("claude", "m", "signature", value)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", sealed)
    assert sealed.startswith(MARK)
    assert MARK_BYTES in sealed.encode()


def test_only_the_same_provider_and_model_family_get_it() -> None:
    sealed = Seal(KEY).wrap("claude", "claude-opus-4-5-20251101", "signature", "abc")
    assert Seal(KEY).unwrap(sealed, "claude", "claude-opus-4-5") == ("signature", "abc")
    assert Seal(KEY).unwrap(sealed, "claude", "claude-opus-4-6") is None
    assert Seal(KEY).unwrap(sealed, "other", "claude-opus-4-5") is None
    assert Seal(key_for("claude", "sk-other", None)).unwrap(sealed, "claude", "claude-opus-4-5") is None


@given(st.one_of(st.text(), st.text(alphabet="ABCabc019-_=").map(MARK.__add__)))
def test_anything_else_is_not_sealed_and_never_raises(text: str) -> None:
    assert Seal(KEY).unwrap(text, "claude", "m") is None


@given(st.data())
def test_one_changed_character_breaks_the_seal(data: st.DataObject) -> None:
    sealed = Seal(KEY).wrap("claude", "m", "signature", "a proof of some length")
    # The last character may hold bits that mean nothing.
    place = data.draw(st.integers(0, len(sealed) - 2))
    other = "A" if sealed[place] != "A" else "B"
    assert Seal(KEY).unwrap(sealed[:place] + other + sealed[place + 1 :], "claude", "m") is None


def test_a_provider_without_a_key_is_known_by_its_name_and_place() -> None:
    here = key_for("local", None, "http://127.0.0.1:8000/v1")
    assert here == key_for("local", "", "http://127.0.0.1:8000/v1")
    assert here != key_for("local", None, "http://127.0.0.1:8001/v1")
    assert here != key_for("other", None, "http://127.0.0.1:8000/v1")


def test_the_key_never_shows() -> None:
    assert "secret" not in repr(Seal(b"secret"))


def test_a_family_is_the_name_without_its_date() -> None:
    assert [family(name) for name in ("gpt-5.1-2025-11-13", "claude-sonnet-4@20250514", "claude-haiku-latest", "o3")] == [
        "gpt-5.1",
        "claude-sonnet-4",
        "claude-haiku",
        "o3",
    ]
