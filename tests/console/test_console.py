"""What people see of requests: while they run, when a candidate fails, when a guard stops one, whatever clients call things."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from pipeline.advice import ADVICE
from pipeline.errors import Kind
from tests.console.browsing import Console
from tests.console.conftest import House, events
from tests.support.scripted import Gate, Hang, Send, Wait, body, sse

Look = Callable[..., Console]
HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>'


def test_a_stream_is_seen_while_it_runs_and_when_it_is_complete(house: House, look: Look) -> None:
    gate = Gate()
    house.scripts["live"] = sse(events(end=6), Wait(gate), Send(events(start=6)))
    console = look(house).live()
    house.begin("live")
    row = console.row("live").first
    expect(row).to_contain_text("▸ in flight")
    row.click()
    expect(console.stage("wire", 1)).to_be_visible()
    expect(console.stage("events", 1)).to_have_attribute("aria-label", re.compile("reasoning"))
    expect(console.stage("answer")).to_be_visible()
    expect(console.stage("client")).to_have_attribute("aria-label", re.compile("bytes"))
    expect(console.detail.locator("h2")).to_contain_text("in flight")
    gate.open()
    expect(console.detail.locator("h2")).to_contain_text("✓ ok")
    expect(console.stage("answer")).to_have_attribute("aria-label", re.compile("text.*1 end"))
    expect(row).to_contain_text("✓ ok")
    # What passed the guards is the answer: a row of theirs without a mark would look as if they had stopped it.
    expect(console.stage("guarded", 1)).to_have_count(0)
    expect(console.detail.locator(".numbers div").filter(has_text=re.compile("^output9$"))).to_be_visible()
    expect(console.page.locator("#glance")).to_contain_text("In flight0")


def test_a_failover_is_told_in_words_and_in_the_diagram(house: House, look: Look) -> None:
    house.scripts["broken"] = body({"error": {"message": "out of order", "type": "server_error"}}, status=500)
    console = look(house).live()
    house.ask("pair")
    row = console.row("pair").first
    expect(row).to_contain_text("failover: provider")
    row.click()
    detail = console.detail
    expect(detail.locator(".word.failover").last).to_have_text("✕ provider → failover")
    expect(detail.locator("ol.story")).to_contain_text(f"failover to p/{house.lanes['good'].model}")
    expect(detail.locator(".attempts tbody tr")).to_have_count(3)
    expect(detail.locator(".attempts tbody tr").first).to_contain_text("✕ provider (before the first word)")
    expect(detail.locator(".attempts tbody tr").last).to_contain_text("ok")
    expect(console.stage("events", 3)).to_have_attribute("aria-label", re.compile("reasoning.*1 end"))


def test_a_guard_that_stops_a_stream_is_named_with_its_error_and_advice(house: House, look: Look) -> None:
    house.scripts["stall"] = sse(events(end=5), Hang())
    console = look(house).live()
    house.ask("stall")
    row = console.row("stall").first
    expect(row).to_contain_text("✕ timeout")
    expect(row).to_contain_text("idle_timeout")
    row.click()
    fault = console.detail.locator(".fault")
    expect(fault).to_contain_text("✕ timeout")
    expect(fault).to_contain_text(ADVICE[Kind.TIMEOUT])
    expect(console.stage("guarded", 1)).to_have_attribute("aria-label", re.compile("1 error"))
    expect(console.detail.locator(".word.trip")).to_have_text("▼ idle_timeout")
    expect(console.detail.locator("ol.story .trip")).to_contain_text("idle_timeout stops the attempt 1")
    expect(console.page.locator("#glance .alarm")).to_be_visible()


def test_what_clients_write_stays_text(house: House, look: Look) -> None:
    console = look(house).live()
    house.ask(HOSTILE)
    row = console.row(HOSTILE).first
    expect(row).to_be_visible()
    row.click()
    expect(console.detail.locator("h2")).to_contain_text(HOSTILE)
    console.page.locator("#text").fill(HOSTILE)
    expect(row).to_be_visible()
    console.page.keyboard.press("Escape")
    assert console.page.evaluate("[window.hit ?? null, document.querySelectorAll('img, main script').length]") == [None, 0]


def test_a_link_leads_to_one_request_and_a_wrong_one_says_so(house: House, look: Look) -> None:
    house.scripts.clear()
    console = look(house).live()
    house.ask("one-of-a-kind")
    console.row("one-of-a-kind").click()
    expect(console.page).to_have_url(re.compile("#/request/req_"))
    id = console.page.url.rpartition("/")[2]
    other = look(house).live(f"/request/{id}")
    expect(other.detail).to_contain_text(id)
    expect(other.detail.locator("h2")).to_contain_text("ok one-of-a-kind")
    for unknown in ("req_unknown", "%"):
        other.open(f"/request/{unknown}")
        expect(other.detail).to_contain_text(unknown)
        expect(other.detail).to_contain_text("is not kept any more")
    other.open("/toString")
    expect(other.row("one-of-a-kind").first).to_be_visible()


def test_the_first_click_opens_the_row_under_it_wherever_the_list_was_scrolled_to(house: House, look: Look) -> None:
    house.scripts.clear()
    for number in range(30):
        house.ask(f"many-{number:02}")
    console = look(house).live()
    expect(console.row("many-29")).to_be_visible()
    console.page.get_by_role("grid").evaluate("grid => (grid.scrollTop = 400)")
    # Rows are used again: which one stands where is settled once the list was redrawn at its new place.
    expect(console.row("many-29")).to_have_count(0)
    row = console.row("many-1").nth(3)
    name = row.locator(".model").inner_text()
    row.click(delay=100)
    expect(console.detail.locator("h2")).to_contain_text(name)


@pytest.mark.parametrize(("field", "value"), [("Model", "pair"), ("Outcome", "timeout"), ("Dialect", "chat")])
def test_the_filters_choose_among_what_was_seen(house: House, look: Look, field: str, value: str) -> None:
    house.scripts["stall"] = sse(events(end=5), Hang())
    house.scripts["broken"] = sse(events())
    console = look(house).live()
    house.ask("pair")
    house.ask("stall")
    expect(console.row("pair").first).to_be_visible()
    expect(console.row("timeout").first).to_be_visible()
    console.page.get_by_label(field, exact=True).select_option(value)
    expect(console.row(value).first).to_be_visible()
    if field != "Dialect":
        other = {"Model": "stall", "Outcome": "pair"}[field]
        expect(console.row(other)).to_have_count(0)
    expect(console.page.locator(".told")).to_contain_text(re.compile(r"\d"))


def test_a_pause_lets_go_of_the_feed_and_what_came_meanwhile_is_there_afterwards(house: House, look: Look) -> None:
    console = look(house).live()
    console.page.keyboard.press("p")
    expect(console.page.locator("#feed")).to_have_text("paused")
    house.ask("meanwhile")
    expect(console.row("meanwhile")).to_have_count(0)
    console.page.get_by_role("button", name="Go on").click()
    expect(console.row("meanwhile").first).to_contain_text("ok")
