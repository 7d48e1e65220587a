"""Sizes and times, as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.units import parse_size, parse_time, show_size, show_time


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (0, 0),
        (65536, 65536),
        ("65536", 65536),
        ("1B", 1),
        ("512kB", 512_000),
        ("512 kB", 512_000),
        ("1KiB", 1024),
        ("1MiB", 1_048_576),
        ("1mib", 1_048_576),
        ("1MB", 1_000_000),
        ("1.5MiB", 1_572_864),
        ("2GiB", 2 * 1024**3),
        ("1GB", 10**9),
    ],
)
def test_a_size_is_in_bytes(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (0, 0),
        (30, 30),
        (0.5, 0.5),
        ("30", 30),
        ("30s", 30),
        ("500ms", 0.5),
        ("2m", 120),
        ("1h", 3600),
        ("1.5h", 5400),
        ("2 s", 2),
    ],
)
def test_a_time_is_in_seconds(written: object, seconds: float) -> None:
    assert parse_time(written) == seconds


@pytest.mark.parametrize("written", ["", "MiB", "1TiBs", "-1", "1 2", "1,5MiB", "0x10", "1e3", None, True, -1, 1.5, [], "١kB"])
def test_what_is_no_size_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(written)


@pytest.mark.parametrize(
    "written", ["", "s", "1d", "1M", "-1s", "1m30s", None, False, -0.1, float("nan"), float("inf"), [], "1S"]
)
def test_what_is_no_time_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="not a time"):
        parse_time(written)


@given(st.integers(min_value=0, max_value=2**50))
def test_a_size_that_is_shown_reads_as_the_same_size(size: int) -> None:
    assert parse_size(show_size(size)) == size


@given(st.integers(min_value=0, max_value=10**7))
def test_a_time_that_is_shown_reads_as_the_same_time(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_time(show_time(seconds)) == pytest.approx(seconds, rel=1e-5)
