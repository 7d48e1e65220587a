"""What Prometheus reads: judged by the parsers of its client library."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from pipeline.exposition import AT_ONCE, END, blocks
from pipeline.series import Count, Marked, Series, Spread
from pipeline.snapshot import Family, of_counts, of_spreads, read, total, written

AWKWARD = 'a "quoted" \\ name\nin two lines, 100%s {}'


def text(*families: Family, openmetrics: bool) -> str:
    told = [block for family in families for block in blocks(family, openmetrics=openmetrics)]
    return b"".join([*told, END[openmetrics]]).decode()


def samples(*families: Family, openmetrics: bool) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    parse = read_openmetrics if openmetrics else read_text
    found = parse(text(*families, openmetrics=openmetrics))
    return {(each.name, tuple(each.labels.items())): each.value for family in found for each in family.samples}


def slow() -> Family:
    series = Series("slow_seconds", "How slow.", ("model",), lambda: Marked((0.5, 1)))
    for value, whose in ((0.1, "req_a"), (0.2, "req_b"), (7, "req_c")):
        series.labels(AWKWARD).mark_all([value], [whose], [1e9])
    return of_spreads(series, (0.5, 1))


@pytest.mark.parametrize("openmetrics", [False, True])
def test_a_counter_and_a_histogram_are_read_as_they_were_counted(openmetrics: bool) -> None:
    hits = Series("hits", 'Hits with "quotes" and \\ that.', ("model", "outcome"), Count)
    hits.labels(AWKWARD, "").inc()
    model = ("model", AWKWARD)
    assert samples(of_counts(hits), slow(), openmetrics=openmetrics) == {
        ("hits_total", (model, ("outcome", ""))): 1,
        ("slow_seconds_bucket", (model, ("le", "0.5"))): 2,
        ("slow_seconds_bucket", (model, ("le", "1.0"))): 2,
        ("slow_seconds_bucket", (model, ("le", "+Inf"))): 3,
        ("slow_seconds_count", (model,)): 3,
        ("slow_seconds_sum", (model,)): pytest.approx(7.3),
    }


def test_the_last_request_of_each_bucket_is_its_exemplar_in_openmetrics_only() -> None:
    assert "req_" not in text(slow(), openmetrics=False)
    [family] = read_openmetrics(text(slow(), openmetrics=True))  # type: ignore[no-untyped-call]
    marks = [each.exemplar and (each.exemplar.labels, each.exemplar.value) for each in family.samples[:3]]
    assert marks == [({"request_id": "req_b"}, 0.2), None, ({"request_id": "req_c"}, 7.0)]


def test_an_id_that_is_too_long_for_an_exemplar_is_left_out() -> None:
    series = Series("slow", "How slow.", (), lambda: Marked((1,)))
    series.labels().mark_all([0.5], ["x" * 119], [1e9])
    series.labels().mark_all([5], ["x" * 118], [1e9])
    [family] = read_openmetrics(text(of_spreads(series, (1,)), openmetrics=True))  # type: ignore[no-untyped-call]
    assert [each.exemplar is not None for each in family.samples[:2]] == [False, True]


def test_many_members_come_in_several_blocks_and_none_is_lost() -> None:
    hits = Series("hits", "Hits.", ("model",), Count)
    for number in range(3 * AT_ONCE + 1):
        hits.labels(str(number)).inc()
    assert len(list(blocks(of_counts(hits), openmetrics=False))) == 5
    assert len(samples(of_counts(hits), openmetrics=False)) == 3 * AT_ONCE + 1


def test_histograms_of_two_processes_add_up_by_bucket_and_the_later_mark_stays() -> None:
    def one(at: float, *values: float) -> Series[Marked]:
        series = Series("slow", "How slow.", (), lambda: Marked((1,)))
        series.labels().mark_all(values, [f"req_{value}" for value in values], [at] * len(values))
        return series

    first, second = one(1e9, 0.5, 5), one(1e9 + 1, 0.25)
    snapshots = [list(read(written([of_spreads(each, (1,))]))) for each in (first, second)]
    [(_, [counts, sum_, marks])] = total(snapshots)[0]["members"]
    assert (counts, sum_, [mark[0] for mark in marks]) == ([2, 1], 5.75, ["req_0.25", "req_5"])
    [(_, [counts, sum_, _])] = total([snapshots[1]], [snapshots[0]])[0]["members"]
    assert (counts, sum_) == ([2, 1], 5.75)


def test_what_was_told_does_not_change_with_what_is_counted_later() -> None:
    series = Series("size", "How big.", (), lambda: Spread((1,)))
    told = of_spreads(series, (1,))
    series.labels().observe(0.5)
    assert told["members"] == [((), ([0, 0], 0.0, []))]
