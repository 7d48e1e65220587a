"""No bytes look so much like a known event that skimming takes them for one when the decoder does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from tests.dialects import chat_kit
from tests.dialects.skim_kit import (
    MAKERS,
    STARTS,
    chat_padded,
    responses_event,
    same,
)

# What stands where the text of an event should: ``%`` is what stands between the texts of two events.
DISGUISES: Final = (
    b'"a","b"',
    b'"a" ',
    b' "a"',
    b'\t"a"',
    b'"a"\n',
    b'\n"a"',
    b'"a"\r',
    b'"a"\r\n',
    b"null",
    b"7",
    b"true",
    b"[]",
    b'["a"]',
    b"{}",
    b"",
    b'"',
    b'"a',
    b'a"',
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b'"\\ud800"',
    b'"\\ud83d\\ude00"',
    b'"\\q"',
    b'"a\nb"',
    b'"a\tb"',
    b'"a%b","c"',
    b'"a","b%c"',
    b'"a%","b"',
    b'["a"%"b"]',
    b'"a"%',
    b'%"a"',
    b'"a"%"b","c"%',
    b'"a",\t"b"%',
    b'"a"],["b"',
    b'"a","content":"b"',
    b'"a","error":{"message":"boom"}',
    b'"a"}}',
    b"%",
)


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("make", [make for makers in MAKERS.values() for make in makers])
def test_what_stands_in_the_place_of_a_text_is_read_as_the_decoder_reads_it(
    make: Callable[[str, int], bytes], disguise: bytes
) -> None:
    dialect = next(name for name, makers in MAKERS.items() if make in makers)
    known = [make(text, 1) for text in ("w", "x", "y", "z")]
    hole = make("HOLE", 1)
    head, tail = hole.split(b'"HOLE"')
    odd = hole.replace(b'"HOLE"', disguise.replace(b"%", tail + head))
    for reads in (
        [STARTS[dialect], *known, odd, *known],
        [STARTS[dialect], *known, odd + b"".join(known)],
        [STARTS[dialect], *known, b"".join([*known, odd, *known])],
        [STARTS[dialect] + b"".join([*known, odd])],
        [STARTS[dialect], *known, odd[:-9], odd[-9:]],
    ):
        same(dialect, reads)


def test_values_in_another_order_are_not_taken_for_each_other() -> None:
    know = [responses_event(text, number) for number, text in enumerate(("a", "b", "c"), 1)]
    begin, end = b'"content_index": 0, "delta": ', b', "logprobs": [], "obfuscation": '
    gap = know[0][know[0].find(b', "item_id"') : know[0].find(begin) + len(begin)]
    assert gap in know[0]
    assert end in know[0]
    swapped = know[0].replace(gap, b"GAP").replace(end, gap).replace(b"GAP", end)
    for odd in ([know[0], swapped], [swapped, know[0]], [know[0], swapped, know[1]]):
        same("responses", [STARTS["responses"], *know, b"".join(odd)])
    # A gap that one event has twice and the next one lacks.
    twice, without = know[0].replace(end, end + b'"x"' + end), know[0].replace(end, b",")
    same("responses", [STARTS["responses"], *know, twice + without])


def test_what_stands_between_two_values_does_not_hide_in_a_text() -> None:
    known = chat_padded("HOLE", 1)
    gap = known[known.find(b'"HOLE"') + 6 : known.rfind(b'"ab"')]
    odd = known.replace(b'"HOLE"' + gap + b'"ab"', b'"x' + gap + b'y",null,"z"')
    assert odd != known
    for reads in ([odd], [odd + odd], [known + odd + known]):
        same("chat", [STARTS["chat"], *[known] * 3, *reads])


def test_an_event_of_the_known_bytes_means_something_else_behind_another_block() -> None:
    """The shape is the same, the block is not."""
    first, call = chat_kit.chunk({"content": "a"}), chat_kit.chunk(chat_kit.call(0, "i", "f", "{}"))
    run = [first] * 3
    for reads in (
        [STARTS["chat"], *run, first + call, *run],
        [STARTS["chat"], *run, call, *run, b"".join(run)],
        [b"".join([STARTS["chat"], *run, call, *run])],
    ):
        same("chat", reads)


PADDED: Final = chat_kit.chunk({"content": "x"}, obfuscation="a")


@pytest.mark.parametrize(
    "odd",
    [
        PADDED.replace(b'"x"', b'"x","role":"y"'),
        PADDED.replace(b'"a"', b"7"),
        PADDED.replace(b'"a"', b'"a","error":{"message":"boom"},"p":"a"'),
        PADDED.replace(b"null", b'"stop"'),
        PADDED.replace(b'"x"', b'"x\xff"'),
        chat_kit.chunk({"content": "x"}, obfuscation="a", error={"message": "boom"}),
    ],
)
def test_a_chunk_that_only_looks_like_the_one_before_is_read_in_full(odd: bytes) -> None:
    run = [chat_padded(text, 1) for text in "abc"]
    same("chat", [STARTS["chat"], *run, odd, *run])
    same("chat", [STARTS["chat"], *run, b"".join([*run, odd, *run])])
    same("chat", [STARTS["chat"], *run, b"".join([*run, odd])])


@pytest.mark.parametrize("other", [b"x", b"1", b'"', b"\n"])
@pytest.mark.parametrize("make", [make for makers in MAKERS.values() for make in makers])
def test_an_event_of_the_same_length_with_one_other_byte_is_read_as_the_decoder_reads_it(
    make: Callable[[str, int], bytes], other: bytes
) -> None:
    dialect = next(name for name, makers in MAKERS.items() if make in makers)
    known = [make(text, number) for number, text in enumerate("wxyz", 1)]
    for place in range(len(known[0])):
        odd = known[0][:place] + other + known[0][place + 1 :]
        same(dialect, [STARTS[dialect], *known[:3], odd, known[3]])
        same(dialect, [STARTS[dialect] + b"".join([*known[:3], known[1], odd, known[3]])])


# What stands where the number or the padding of an event should.
@pytest.mark.parametrize(
    ("place", "odd"),
    [
        *(
            (b'"sequence_number": 7', odd)
            for odd in (b"07", b"-7", b"7.0", b"7e1", b"1234567890123456", b"null", b'"7"', b"", b"7 ")
        ),
        *(
            (b'"obfuscation": "xxxxxxx"', odd)
            for odd in (b'"\\n"', b'"\\q"', b'"\xff"', b'"\xc3\xbc"', b'"\t"', b'"x', b"7", b'"x","y"')
        ),
    ],
)
def test_what_stands_in_the_place_of_another_value_is_read_as_the_decoder_reads_it(place: bytes, odd: bytes) -> None:
    known = [responses_event(text, number) for number, text in enumerate("wxyz", 1)]
    like = responses_event("a", 7)
    assert place in like
    changed = like.replace(place, place[: place.index(b":") + 2] + odd)
    for reads in ([changed], [known[0] + changed], [known[0] + changed + known[1]]):
        same("responses", [STARTS["responses"], *known, *reads, known[2]])
