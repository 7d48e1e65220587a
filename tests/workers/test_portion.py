"""What N workers may use together is what the file says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.config import Config, load
from pipeline.workers.portion import portion, too_few

FILE = """
server:
  workers: 3
  buffered_limit: 100MB
  keys: [{name: alice, key: k, requests_per_minute: 7, tokens_per_minute: 100}]
providers:
  gpu: {dialect: chat, base_url: "http://127.0.0.1:1/v1", max_in_flight: 8, queue: 2}
  one: {dialect: chat, base_url: "http://127.0.0.1:1/v1", max_in_flight: 1}
  any: {dialect: chat, base_url: "http://127.0.0.1:1/v1"}
chains:
  default:
    request: [{admit: {limit: 10, per_key: 4, queue: 20}}, {rate_limit: {requests: 5}}]
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "penstock.yaml"
    path.write_text(FILE)
    return load(path, os.environ)


def test_places_and_queues_are_divided_to_the_one(config: Config) -> None:
    parts = [portion(config, number, 3) for number in range(3)]
    assert [each.providers["gpu"].max_in_flight for each in parts] == [2, 3, 3]
    assert sum(each.providers["gpu"].queue for each in parts) == 2
    assert sum(each.server.buffered_limit for each in parts) == 100_000_000
    steps = [each.chains["default"].positions["request"][0].options for each in parts]
    assert [sum(options[name] for options in steps) for name in ("limit", "per_key", "queue")] == [10, 4, 20]


def test_rates_are_not_divided_and_what_is_not_limited_stays_so(config: Config) -> None:
    for number in range(3):
        each = portion(config, number, 3)
        assert each.server.keys == config.server.keys
        assert each.chains["default"].positions["request"][1] == config.chains["default"].positions["request"][1]
        assert each.providers["any"] == config.providers["any"]
        assert each.digest == config.digest


def test_each_worker_has_one_place_at_least_and_that_is_told(config: Config) -> None:
    assert [portion(config, number, 3).providers["one"].max_in_flight for number in range(3)] == [1, 1, 1]
    assert list(too_few(config, 3)) == [
        "providers.one.max_in_flight is 1, and each of 3 workers sends one at a time all the same"
    ]
    assert list(too_few(config, 1)) == []


def test_one_worker_has_all(config: Config) -> None:
    assert portion(config, 0, 1) is config
