"""Everybody can use it: by keyboard, on a phone, without seeing colours, in the dark."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.console.browsing import Console
from tests.console.conftest import House, events
from tests.support.scripted import Hang, body, sse

Look = Callable[..., Console]
TABS = ("models", "candidates", "chains")


def busy(house: House) -> None:
    """One request of each fate."""
    house.scripts["broken"] = body({"error": {"message": "out of order", "type": "server_error"}}, status=500)
    house.scripts["stall"] = sse(events(end=5), Hang())
    house.scripts.pop("live", None)
    for model in ("live", "pair", "stall", "a-name-that-is-long-enough-to-be-cut-off-wherever-it-is-shown-" * 2):
        house.ask(model)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(house: House, look: Look, scheme: str) -> None:
    busy(house)
    console = look(house, color_scheme=scheme, reduced_motion="reduce").live()
    expect(console.row("timeout").first).to_be_visible()
    assert console.grave() == []
    console.row("pair").first.click()
    expect(console.detail.locator("ol.story")).to_be_visible()
    assert console.grave() == []
    console.row("timeout").first.click()
    expect(console.detail.locator(".fault")).to_be_visible()
    assert console.grave() == []
    console.page.keyboard.press("?")
    expect(console.page.locator("dialog")).to_be_visible()
    assert console.grave() == []
    console.page.keyboard.press("Escape")
    for tab in TABS:
        console.page.goto(f"{console.url}/#/{tab}")
        expect(console.page.locator(f"#{tab} h2").first).to_be_visible()
        assert console.grave() == []


def test_the_keyboard_does_all(house: House, look: Look) -> None:
    busy(house)
    house.ask("the-last-one")
    console = look(house).live()
    keys = console.page.keyboard
    # No row comes any more that would move the others.
    expect(console.row("the-last-one")).to_be_visible()
    expect(console.row("timeout").first).to_be_visible()
    keys.press("/")
    expect(console.page.locator("#text")).to_be_focused()
    keys.type("pair failover")
    expect(console.row("stall")).to_have_count(0)
    keys.press("Enter")
    expect(console.page.get_by_role("grid")).to_be_focused()
    expect(console.page.locator(".row[aria-selected=true]")).to_contain_text("pair")
    keys.press("Enter")
    expect(console.detail).to_contain_text("failover to")
    keys.press("Escape")
    expect(console.detail).to_be_hidden()
    keys.press("Escape")
    expect(console.page.locator("#text")).to_have_value("")
    first = console.page.locator(".row[aria-rowindex='2']")
    keys.press("Home")
    expect(first).to_have_attribute("aria-selected", "true")
    keys.press("j")
    expect(console.page.locator(".row[aria-rowindex='3']")).to_have_attribute("aria-selected", "true")
    keys.press("ArrowUp")
    expect(first).to_have_attribute("aria-selected", "true")
    keys.press("e")
    expect(console.page.locator("#errors")).to_be_checked()
    expect(console.page.locator(".rows .mark.ok:visible")).to_have_count(0)
    keys.press("?")
    expect(console.page.get_by_role("dialog")).to_contain_text("another request")
    keys.press("Escape")
    expect(console.page.get_by_role("dialog")).to_be_hidden()
    for digit, tab in enumerate(TABS, 2):
        keys.press(str(digit))
        expect(console.page.locator(f"#{tab}")).to_be_visible()


def test_keys_faster_than_frames_mean_the_rows_of_the_filter_just_set(house: House, look: Look) -> None:
    busy(house)
    console = look(house).live()
    expect(console.row("timeout").first).to_be_visible()
    typed_at_once = """(text, { words, keys }) => {
        // All in one turn of the page: no frame is drawn between them.
        const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
        if (words) {
            text.focus();
            text.value = words;
            text.dispatchEvent(new Event("input"));
        }
        keys.forEach(press);
    }"""
    console.page.locator("#text").evaluate(typed_at_once, {"words": "pair failover", "keys": ["Enter"]})
    expect(console.page.locator(".row[aria-selected=true]")).to_contain_text("pair")
    console.page.locator("#text").evaluate(typed_at_once, {"words": "", "keys": ["Escape", "Home", "j"]})
    second = console.page.locator(".row[aria-rowindex='3']")
    expect(second).to_have_attribute("aria-selected", "true")
    expect(second).to_contain_text("stall")


def test_the_colours_can_be_chosen_and_stay(house: House, look: Look) -> None:
    console = look(house, color_scheme="light").live()
    shade = "getComputedStyle(document.body).backgroundColor"
    light = console.page.evaluate(shade)
    console.page.keyboard.press("t")
    expect(console.page.locator("#theme")).to_have_text("○ Light")
    assert console.page.evaluate(shade) == light
    console.page.keyboard.press("t")
    expect(console.page.locator("#theme")).to_have_text("● Dark")
    assert console.page.evaluate(shade) != light
    console.live()
    expect(console.page.locator("#theme")).to_have_text("● Dark")


@pytest.mark.parametrize("width", [360, 768])
def test_nothing_scrolls_sideways_on_a_phone(house: House, look: Look, width: int) -> None:
    busy(house)
    console = look(house, viewport={"width": width, "height": 740}, has_touch=True).live()
    expect(console.row("timeout").first).to_be_visible()
    assert console.too_wide == 0
    if width < 460:
        # However much there is to tell of the candidates, the model's name is not squeezed.
        name = console.row("pair").first.locator(".model").bounding_box()
        assert name is not None
        assert name["width"] > width / 2
    console.row("pair").first.click()
    expect(console.detail.locator("ol.story")).to_be_visible()
    assert console.too_wide == 0
    box = console.detail.bounding_box()
    assert box is not None
    assert box["width"] == width
    for tab in TABS:
        console.page.goto(f"{console.url}/#/{tab}")
        expect(console.page.locator(f"#{tab} h2").first).to_be_visible()
        assert console.too_wide == 0


def test_models_candidates_and_chains_are_those_of_the_configuration(house: House, look: Look) -> None:
    house.scripts["broken"] = body({"error": {"message": "out of order", "type": "server_error"}}, status=500)
    console = look(house).live("/models")
    expect(console.page.locator("#models tbody tr")).to_have_count(5)
    expect(console.page.locator("#models tbody tr").nth(1)).to_contain_text(house.lanes["good"].model)
    for _ in range(6):
        house.ask("alone")
    console.page.keyboard.press("3")
    broken = console.page.locator("#candidates tr").filter(has_text=house.lanes["broken"].model)
    expect(broken).to_contain_text(re.compile("○ open, tried again in"))
    console.page.keyboard.press("4")
    expect(console.page.locator("#chains")).to_contain_text("impatient")
    expect(console.page.locator("#chains")).to_contain_text("seconds: 300ms")
    expect(console.page.locator("#chains")).to_contain_text("Only while nothing of an answer was shown")


def test_the_page_keeps_a_bounded_number_of_requests(house: House, look: Look) -> None:
    console = look(house).live()
    kept = console.page.evaluate(
        """async () => {
            const { Store, KEEP } = await import("/console/store.js");
            const store = new Store();
            const told = (id, more) => ({ id: `req_${id}`, at: id, attempts: [], trips: [], stages: [], ...more });
            store.take({ now: 1, first: true, requests: [told(0), told(1)] });
            for (let id = 2; id < 3 * KEEP; id += 100) {
                const requests = Array.from({ length: 100 }, (_, index) => told(id + index, { outcome: "ok" }));
                store.take({ now: id, requests });
            }
            store.take({ now: 1e6, gone: ["req_1"] });
            const known = store.list(() => true);
            const flying = known.filter((each) => !each.outcome).map((each) => each.id);
            return { most: KEEP, kept: known.length, newest: known[0].id, flying };
        }"""
    )
    assert kept["kept"] == kept["most"] + 1
    assert kept["flying"] == ["req_0"]
    assert kept["newest"] == f"req_{3 * kept['most'] + 1}"
