"""The envelope of opaque reasoning (DI-161)."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from pipeline.seal import MARK, MARK_BYTES, Seal, key_for

SEAL = Seal(key_for("claude", "secret", ""))
TEXTS = st.text(max_size=60)


@given(provider=TEXTS, model=TEXTS, kind=TEXTS, value=st.text())
def test_what_was_wrapped_comes_back_for_its_own_provider_and_model(provider: str, model: str, kind: str, value: str) -> None:
    text = SEAL.wrap(provider, model, kind, value)
    assert re.fullmatch(r"penstock\.1\.[A-Za-z0-9_.-]+", text)
    assert SEAL.unwrap(text, provider, model) == (kind, value)


@given(st.text())
def test_garbage_is_not_sealed_and_never_raises(text: str) -> None:
    assert SEAL.unwrap(text, "claude", "m") is None
    assert SEAL.unwrap(MARK + text, "claude", "m") is None


@given(st.data())
def test_a_changed_character_makes_it_worthless(data: st.DataObject) -> None:
    text = SEAL.wrap("claude", "m", "signature", "abc")
    place = data.draw(st.integers(len(MARK), len(text) - 3))
    other = data.draw(st.sampled_from([c for c in "abcXYZ019_-" if c != text[place]]))
    assert SEAL.unwrap(text[:place] + other + text[place + 1 :], "claude", "m") is None


def test_another_provider_model_or_key_cannot_open_it() -> None:
    text = SEAL.wrap("claude", "m", "signature", "abc")
    assert SEAL.unwrap(text, "other", "m") is None
    assert SEAL.unwrap(text, "claude", "n") is None
    assert Seal(key_for("claude", "another", "")).unwrap(text, "claude", "m") is None


def test_the_key_is_stable_and_differs_by_secret_name_and_address() -> None:
    assert key_for("a", "k", "u") == key_for("b", "k", "v")
    assert len({key_for("a", None, "u"), key_for("b", None, "u"), key_for("a", None, "v"), key_for("a", "k", "u")}) == 4


def test_the_mark_and_the_secret_are_where_they_belong() -> None:
    assert SEAL.wrap("claude", "m", "signature", "abc").encode().startswith(MARK_BYTES)
    assert "secret" not in repr(SEAL)
