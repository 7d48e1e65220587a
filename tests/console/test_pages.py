"""The page's files: who gets them, what a browser is told about them, and that they lean on nothing else."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import Any

import pytest

from pipeline.advice import ADVICE
from pipeline.errors import Kind
from pipeline.server.pages import POLICY, pages
from tests.console.conftest import House

SOURCES = {name: page.body.decode() for name, page in pages().items()}
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def get(url: str, headers: Mapping[str, str] = {}, method: str = "GET") -> tuple[int, Message, bytes]:
    request = urllib.request.Request(url, headers=dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_a_browser_gets_the_page_and_a_program_the_summary(house: House) -> None:
    status, headers, page = get(house.gateway.url, BROWSER)
    assert (status, headers["content-type"], page) == (200, "text/html; charset=utf-8", pages()["index.html"].body)
    assert headers["content-security-policy"] == POLICY
    assert "Accept" in headers["vary"]
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        status, headers, summary = get(house.gateway.url, accept)
        assert (status, headers["content-type"], summary) == (200, "application/json", b'{"name":"penstock","status":"ok"}')
        assert "Accept" in headers["vary"]


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_file_is_served_and_not_sent_twice(house: House, name: str) -> None:
    url = f"{house.gateway.url}/console/{name}"
    status, headers, data = get(url)
    assert (status, data) == (200, pages()[name].body)
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-cache", "nosniff")
    status, again, data = get(url, {"If-None-Match": headers["etag"]})
    assert (status, again["etag"], data) == (304, headers["etag"], b"")
    assert get(url, method="HEAD")[2] == b""


@pytest.mark.parametrize("name", ["missing.js", "../pages.py", "%2e%2e/pages.py", "", "index.html/"])
def test_nothing_else_is(house: House, name: str) -> None:
    status, _, data = get(f"{house.gateway.url}/console/{name}")
    assert status == 404
    assert b"import" not in data


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_files_name_no_other_host_and_make_no_html_of_text(name: str) -> None:
    source = SOURCES[name].replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"(?:https?:)?//[\w-]+\.\w+", source) == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|style=", source) == []


def test_files_name_only_files_that_are_there() -> None:
    named = {name for source in SOURCES.values() for name in re.findall(r'(?:"/console/|from "\./)([\w.]+)"', source)}
    assert named == set(SOURCES) - {"index.html"}


def test_the_debug_paths_need_the_rules_of_the_keyring(house: House) -> None:
    for path in ("/debug/live", "/debug/chains"):
        for foreign in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
            assert get(house.gateway.url + path, foreign)[0] == 403
    assert get(house.gateway.url, {**BROWSER, "Host": "evil.example"})[0] == 403


def test_every_class_of_errors_has_advice(house: House) -> None:
    import json

    told: Any = json.loads(get(f"{house.gateway.url}/debug/chains")[2])
    assert told["advice"] == {kind.reason: ADVICE[kind] for kind in Kind}
    assert {chain["chain"] for chain in told["chains"]} == {"default", "calm", "impatient"}
    steps = next(each["steps"] for each in told["chains"][0]["positions"] if each["position"] == "answer")
    assert [(step["step"], step["as"], step["options"]) for step in steps] == [("failover", "", "")]
    assert steps[0]["reason"].startswith("Only while nothing of an answer was shown")
