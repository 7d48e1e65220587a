"""The list of models, read by both official SDKs from one answer over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import anthropic
import anthropic.types
import openai
import openai.types
import orjson
import pytest

from pipeline.errors import GatewayError, Kind
from pipeline.server.auth import Caller
from pipeline.server.models import get_model, list_models

CREATED = 1_790_000_000
MODELS = [
    ("gpt-5", ""),
    ("fast", "Qwen 3, local"),
    ("*", "anything else"),
    ("claude-sonnet-5", ""),
    ("fast", "again"),
    ("demo/slow", "slow"),
    ("gpt-*", ""),
    ("team/a/model", ""),
]
NAMES = ["gpt-5", "fast", "claude-sonnet-5", "demo/slow", "team/a/model"]
ANYBODY = Caller("")


def listed(query: dict[str, str] | None = None, caller: Caller = ANYBODY) -> dict[str, Any]:
    answer: dict[str, Any] = orjson.loads(list_models(MODELS, caller, CREATED, query or {}))
    return answer


def ids(answer: dict[str, Any]) -> list[str]:
    return [entry["id"] for entry in answer["data"]]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path = parts.path.removeprefix("/v1")
        if path == "/models":
            body = list_models(MODELS, ANYBODY, CREATED, dict(parse_qsl(parts.query)))
        else:
            body = get_model(MODELS, unquote(path.removeprefix("/models/")), ANYBODY, CREATED)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test's output is its own."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_di_40_the_openai_sdk_reads_every_field_as_its_type_says(address: str) -> None:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="k") as client:
        found = list(client.models.list())
        one = client.models.retrieve("team/a/model")
    assert [model.id for model in found] == NAMES
    for model in [*found, one]:
        openai.types.Model.model_validate(model.model_dump(), strict=True)
        assert (model.object, model.created, model.owned_by) == ("model", CREATED, "penstock")


def test_di_110_the_anthropic_sdk_pages_through_the_same_answer(address: str) -> None:
    with anthropic.Anthropic(base_url=address, api_key="k") as client:
        found = list(client.models.list(limit=2))
        one = client.models.retrieve("fast")
    assert [model.id for model in found] == NAMES
    for model in [*found, one]:
        anthropic.types.ModelInfo.model_validate(model.model_dump(), strict=True)
        assert model.created_at == datetime.fromtimestamp(CREATED, UTC)
    assert one.display_name == "Qwen 3, local"
    assert found[0].display_name == "gpt-5"


def test_tr_m2_names_are_unique_and_patterns_are_not_listed() -> None:
    answer = listed()
    assert ids(answer) == NAMES
    assert (answer["object"], answer["has_more"], answer["first_id"], answer["last_id"]) == ("list", False, NAMES[0], NAMES[-1])


def test_an_empty_list_has_no_first_and_no_last() -> None:
    answer = listed(caller=Caller("x", models=("nothing",)))
    assert (answer["data"], answer["has_more"], answer["first_id"], answer["last_id"]) == ([], False, None, None)


def test_a_key_sees_only_what_it_may_use() -> None:
    caller = Caller("alice", models=("gpt-*",))
    assert ids(listed(caller=caller)) == ["gpt-5"]
    with pytest.raises(GatewayError) as caught:
        get_model(MODELS, "fast", caller, CREATED)
    assert caught.value.kind is Kind.MODEL_NOT_FOUND


@pytest.mark.parametrize(
    ("query", "names", "more"),
    [
        ({"limit": "2"}, NAMES[:2], True),
        ({"limit": "5"}, NAMES, False),
        ({"limit": "1000"}, NAMES, False),
        ({"limit": "999999999999"}, NAMES, False),
        ({"limit": "2", "after_id": "fast"}, NAMES[2:4], True),
        ({"after_id": "demo/slow"}, NAMES[4:], False),
        ({"after_id": "team/a/model"}, [], False),
        ({"limit": "2", "before_id": "demo/slow"}, NAMES[1:3], True),
        ({"limit": "3", "before_id": "demo/slow"}, NAMES[:3], False),
        ({"client_version": "0.169.0"}, NAMES, False),
    ],
)
def test_paging_goes_both_ways_and_other_parameters_are_ignored(query: dict[str, str], names: list[str], more: bool) -> None:
    answer = listed(query)
    assert (ids(answer), answer["has_more"]) == (names, more)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "all"}, "limit"),
        ({"limit": "²"}, "limit"),
        ({"limit": ""}, "limit"),
        ({"after_id": "nobody"}, "after_id"),
        ({"before_id": "nobody"}, "before_id"),
        ({"after_id": "fast", "before_id": "fast"}, "before_id"),
    ],
)
def test_tr_x15_a_wrong_query_is_400_and_named(query: dict[str, str], param: str) -> None:
    with pytest.raises(GatewayError) as caught:
        listed(query)
    assert (caught.value.status, caught.value.param) == (400, param)
    assert param in caught.value.message


def test_di_111_an_unknown_model_is_404_with_the_nearest_name() -> None:
    with pytest.raises(GatewayError, match="'claude-sonnet-5'") as caught:
        get_model(MODELS, "claude-sonet-5", ANYBODY, CREATED)
    assert caught.value.status == 404
