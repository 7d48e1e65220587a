"""A gateway whose candidates do what a test tells them, and a browser that looks at its console."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.console.browsing import CHROMIUM, Console, launch
from tests.support.clients import Outcome, ask, hello
from tests.support.gateway import Gateway
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import PATIENCE, Received, Script, ScriptedProvider, sse
from tests.support.wire import EVENTS

SAID: Final = Answer(
    [Block("reasoning", "Let me think about it."), Block("text", "One, two, three, four.")],
    "stop",
    Usage(input=3, output=9, total=12),
)
NAMES: Final = ("live", "broken", "good", "stall")


def events(answer: Answer = SAID, start: int = 0, end: int | None = None) -> bytes:
    """Some events of a streamed answer in Chat Completions."""
    return b"".join(list(EVENTS["chat"](answer))[start:end])


class House:
    """The gateway and its candidates. ``scripts`` says by the candidate's name what it does from now on."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.provider = ScriptedProvider(answer=lambda received: sse(events()))
        self.scripts: dict[str, Script] = {}
        self._folder = folder
        self._config = config
        self._asking: list[threading.Thread] = []

    def __enter__(self) -> House:
        self.provider.start()
        self.lanes = {name: self.provider.lane(answer=self._answer(name), name=name) for name in NAMES}
        at = {name: f"p/{lane.model}" for name, lane in self.lanes.items()}
        calm: dict[str, Any] = {"candidates": []}
        config = {
            "providers": {"p": {"dialect": "chat", "base_url": self.provider.base_url("chat")}},
            "models": [
                {"name": "live", "candidates": [at["live"]]},
                {"name": "pair", "chain": "calm", "candidates": [at["broken"], at["good"]]},
                {"name": "stall", "chain": "impatient", "candidates": [at["stall"]]},
                {"name": "alone", "candidates": [at["broken"]]},
                {"name": "*", "chain": "calm", "candidates": ["p/*"]},
            ],
            "chains": {"calm": calm, "impatient": {**calm, "attempt": [{"idle_timeout": {"seconds": "300ms"}}]}},
            **self._config,
        }
        self.gateway = Gateway(config, self._folder).start()
        return self

    def _answer(self, name: str) -> Callable[[Received], Script]:
        return lambda received: self.scripts.get(name) or sse(events())

    def __exit__(self, *exc: object) -> None:
        for thread in self._asking:
            thread.join(PATIENCE)
        self.gateway.stop()
        self.provider.stop()

    def ask(self, model: str, *, key: str = "test-key") -> Outcome:
        """What a program gets for an answer, streamed."""
        return ask("chat", self.gateway.base_url("chat"), hello("chat", model), stream=True, key=key)

    def begin(self, model: str) -> None:
        """Ask, and do not wait for the answer."""
        thread = threading.Thread(target=self.ask, args=(model,))
        thread.start()
        self._asking.append(thread)


# Not for the whole session: while it lives, an event loop runs in this thread, and no other test could run one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium), so nobody looks at the console")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def look(browser: Browser) -> Iterator[Callable[..., Console]]:
    """Open the console of a gateway; at the test's end it must have had no fault and asked nobody else."""
    opened: list[Console] = []

    def look(house: House, **context: Any) -> Console:
        opened.append(Console(browser, house.gateway.url, **context))
        return opened[-1]

    yield look
    for console in opened:
        console.close()
