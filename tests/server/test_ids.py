"""Requests without a name get one that no other request has."""

from __future__ import annotations

import re

from pipeline.server.ids import RequestIds


def test_each_id_is_another_one_however_many_are_drawn() -> None:
    first, second = RequestIds(), RequestIds()
    ids = [each.new() for _ in range(1000) for each in (first, second)]
    assert len(set(ids)) == 2000
    assert all(re.fullmatch(r"req_[0-9a-f]{24}", id) for id in ids)
