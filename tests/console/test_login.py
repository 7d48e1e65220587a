"""With keys the page asks for an admin key, keeps it in its tab, and takes the feed up again when it broke."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.console.browsing import Console
from tests.console.conftest import House

Look = Callable[..., Console]
KEYS: Final = {
    "server": {"keys": [{"name": "alice", "key": "test-key"}, {"name": "root", "key": "root-key-of-this-test", "admin": True}]}
}


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path, **KEYS) as house:
        yield house


def give(console: Console, key: str) -> None:
    console.page.get_by_label("Key", exact=True).fill(key)
    console.page.get_by_role("button", name="Open").click()


def refused(console: Console, status: int) -> None:
    """The browser notes each refusal among its errors; there must be no other."""
    assert console.faults
    assert [fault for fault in console.faults if f"status of {status}" not in fault] == []
    console.faults.clear()


def test_an_admin_key_opens_the_console_and_stays_in_its_tab(closed: House, look: Look) -> None:
    console = look(closed).open()
    why = console.page.locator("#login-why")
    expect(why).to_contain_text("admin: true")
    expect(console.page.locator("#requests")).to_be_hidden()
    assert console.grave() == []
    refused(console, 401)
    give(console, "wrong")
    expect(why).to_contain_text("not one of this gateway's keys")
    refused(console, 401)
    give(console, "test-key")
    expect(why).to_contain_text("'alice' is not an admin key")
    refused(console, 403)
    assert console.page.evaluate("sessionStorage.length") == 0
    give(console, "root-key-of-this-test")
    expect(console.page.locator("#feed")).to_have_text("● live")
    expect(console.page.locator("#login")).to_be_hidden()
    closed.ask("live")
    console.row("live").first.click()
    expect(console.detail).to_contain_text("alice")
    console.live()
    assert "root-key" not in console.page.content()
    assert console.page.evaluate("Object.keys(localStorage)") == []


def test_other_keys_end_the_feed_and_it_is_taken_up_again(closed: House, look: Look) -> None:
    console = look(closed).open()
    give(console, "root-key-of-this-test")
    expect(console.page.locator("#feed")).to_have_text("● live")
    console.faults.clear()
    path = closed.gateway.config_path
    path.write_text(path.read_text().replace("name: alice", "name: bob"))
    # It is away for a second only: all that is said meanwhile is written down.
    console.page.evaluate(
        """() => {
            const feed = document.getElementById("feed");
            const note = () => { document.body.dataset.said += feed.textContent; };
            new MutationObserver(note).observe(feed, { childList: true, characterData: true, subtree: true });
        }"""
    )
    closed.gateway.reload()
    away = re.compile(r"reconnecting in 1 s \(try 1\)")
    expect(console.page.locator("body")).to_have_attribute("data-said", away)
    expect(console.page.locator("#feed")).to_have_text("● live")
    closed.ask("live")
    console.row("live").first.click()
    expect(console.detail).to_contain_text("bob")


def test_a_gateway_that_is_gone_is_asked_again_ever_more_slowly(closed: House, look: Look) -> None:
    console = look(closed).open()
    give(console, "root-key-of-this-test")
    expect(console.page.locator("#feed")).to_have_text("● live")
    closed.gateway.stop()
    expect(console.page.locator("#feed")).to_have_text(re.compile(r"\(try 1\)"))
    expect(console.page.locator("#feed")).to_have_text(re.compile(r"\(try 3\)"))
    console.page.get_by_role("button", name="Now").click()
    expect(console.page.locator("#feed")).to_have_text(re.compile(r"\(try 4\)"))
    assert [fault for fault in console.faults if "ERR_" not in fault and "401" not in fault] == []
    console.faults.clear()
