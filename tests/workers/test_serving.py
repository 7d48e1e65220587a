"""Several workers as users meet them: one port, one /metrics, nothing lost when one dies, nobody left at the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.support.clients import ask, hello
from tests.support.gateway import ROOT, Gateway
from tests.workers.load import Load, many, one, requests_total, scrape

CONFIG: dict[str, Any] = {"server": {"drain": "20s"}, "models": [{"name": "known", "candidates": ["demo/fast"]}]}


def workers_of(gateway: Gateway) -> list[psutil.Process]:
    """The processes below the supervisor that serve; the one that reads a configuration is another program."""
    own = psutil.Process(gateway.pid)
    return [child for child in own.children() if child.cmdline() == own.cmdline()]


def until(right: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until it is so."""
    end = time.monotonic() + seconds
    while not right():
        assert time.monotonic() < end, "it never came to be so"
        threading.Event().wait(0.02)


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def answers(url: str) -> bytes:
    """What is there; nothing, where nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


def test_the_sum_of_requests_is_what_was_sent_to_the_one_through_scrapes_and_a_reload(tmp_path: Path) -> None:
    async def run(gateway: Gateway) -> tuple[Load, list[int]]:
        load, seen = Load(), [0]
        busy = asyncio.create_task(many(gateway.url, "known", 200, 8, load))
        while not busy.done():
            seen.append(requests_total(await scrape(gateway.url)))
            if seen[-1] > 40 and "later" not in gateway.config_path.read_text():
                later = [*CONFIG["models"], {"name": "later", "candidates": ["demo/fast"]}]
                gateway.config_path.write_text(yaml.safe_dump({**CONFIG, "models": later}))
                gateway.reload()
        await busy
        return load, seen

    with Gateway(CONFIG, tmp_path, workers=2) as gateway:
        assert len(workers_of(gateway)) == 2
        load, seen = asyncio.run(run(gateway))
        assert load.ended == {"ok": 200}
        assert seen == sorted(seen)
        gateway.wait_for_log("the configuration is reloaded")
        name = 'penstock_requests_total{dialect="chat",model="known",outcome="ok"}'
        gateway.wait_for_metric(name, lambda value: value == 200)
        served = [requests_total(asyncio.run(scrape(gateway.url))) for _ in range(6)]
        assert served == [200] * 6
        assert ask("chat", gateway.base_url("chat"), hello("chat", "later"), stream=False).ok.said()
        metrics = gateway.metrics()
        assert metrics["penstock_workers"] == 2
        assert [value for name, value in metrics.items() if name.startswith("penstock_build_info")] == [1]
        assert gateway.stop() == 0
        assert gateway.stderr.count("the configuration is reloaded") == 1


def test_a_bad_file_is_told_once_and_no_worker_uses_it(tmp_path: Path) -> None:
    with Gateway(CONFIG, tmp_path, workers=2) as gateway:
        for bad in ("models: [{name: broken", "chains: {default: {answer: [resume]}}"):
            gateway.config_path.write_text(bad)
            seen = gateway.stderr.count("stays in force")
            gateway.reload()
            until(lambda seen=seen: gateway.stderr.count("stays in force") > seen)  # type: ignore[misc]
            assert gateway.stderr.count("stays in force") == seen + 1
        metrics = gateway.metrics()
        # Counted once for all, and every worker says so.
        assert metrics['penstock_config_reloads_total{result="failure"}'] == 2
        assert metrics["penstock_config_last_reload_successful"] == 0
        for _ in range(4):
            assert ask("chat", gateway.base_url("chat"), hello("chat", "known"), stream=False).ok.said()


def test_a_killed_worker_is_replaced_while_the_streams_of_the_other_go_on(tmp_path: Path) -> None:
    async def run(gateway: Gateway) -> tuple[Load, list[int]]:
        load, seen = Load(), [0]
        victim = workers_of(gateway)[0]
        busy = asyncio.create_task(many(gateway.url, "known", 150, 8, load))
        killed = False
        while not busy.done():
            seen.append(requests_total(await scrape_unless_cut(gateway.url, seen[-1])))
            if not killed and load.ended.total() > 30:
                killed = True
                os.kill(victim.pid, signal.SIGKILL)
        return load, seen

    async def scrape_unless_cut(url: str, before: int) -> str:
        try:
            return await scrape(url)
        except OSError:
            # Asked the one that was killed.
            return f"penstock_requests_total{{}} {before}"

    with Gateway(CONFIG, tmp_path, workers=2) as gateway:
        before = {child.pid for child in workers_of(gateway)}
        load, seen = asyncio.run(run(gateway))
        until(lambda: len(workers_of(gateway)) == 2 and gateway.metrics()["penstock_workers"] == 2)
        assert len(before & {child.pid for child in workers_of(gateway)}) == 1
        # What the killed one had in hand is cut, and nothing else: no connection that waited is lost.
        assert load.ended["ok"] >= 150 - 8
        assert load.ended["error"] == 0
        seen.append(requests_total(asyncio.run(scrape(gateway.url))))
        assert seen == sorted(seen)
        assert gateway.metrics()["penstock_worker_restarts_total"] == 1
        gateway.wait_for_log("was ended by SIGKILL; another one is started")
        again = Load()
        asyncio.run(many(gateway.url, "known", 20, 4, again))
        assert again.ended == {"ok": 20}


def test_a_worker_that_hangs_keeps_nobody_waiting_and_its_counts_are_known(tmp_path: Path) -> None:
    async def run(gateway: Gateway) -> Load:
        load = Load()
        await many(gateway.url, "known", 12, 4, load)
        return load

    with Gateway(CONFIG, tmp_path, workers=2) as gateway:
        asyncio.run(run(gateway))
        assert requests_total(asyncio.run(scrape(gateway.url))) == 12
        [hanging, _] = workers_of(gateway)
        hanging.suspend()
        # Connections wait in one queue: whoever is free takes them.
        assert asyncio.run(run(gateway)).ended == {"ok": 12}
        assert requests_total(asyncio.run(scrape(gateway.url))) == 24
        hanging.resume()
        until(lambda: gateway.metrics()["penstock_workers"] == 2)
        assert gateway.stop() == 0


def test_a_stop_under_load_lets_the_streams_end_and_leaves_nobody(tmp_path: Path) -> None:
    async def run(gateway: Gateway) -> Load:
        load = Load()
        streams = [asyncio.create_task(one(gateway.url, "demo/demo", load)) for _ in range(8)]
        while sum(value for name, value in gateway.metrics().items() if name.startswith("penstock_in_flight")) < 8:
            await asyncio.sleep(0)
        gateway.terminate()
        await asyncio.gather(*streams)
        return load

    with Gateway(CONFIG, tmp_path, workers=2) as gateway:
        processes = workers_of(gateway)
        load = asyncio.run(run(gateway))
        assert load.ended == {"ok": 8}
        assert gateway.stop() == 0
        assert not any(process.is_running() for process in processes)
        gateway.wait_until_refused()


def test_a_worker_that_cannot_be_started_for_want_of_descriptors_is_started_later(tmp_path: Path) -> None:
    with Gateway(CONFIG, tmp_path, workers=2) as gateway:
        supervisor = psutil.Process(gateway.pid)
        most = supervisor.rlimit(psutil.RLIMIT_NOFILE)
        supervisor.rlimit(psutil.RLIMIT_NOFILE, (3, most[1]))
        workers_of(gateway)[0].kill()
        gateway.wait_for_log("cannot be started (Too many open files)")
        gateway.reload()
        gateway.wait_for_log("stays in force")
        supervisor.rlimit(psutil.RLIMIT_NOFILE, most)
        until(lambda: len(workers_of(gateway)) == 2)
        gateway.wait_for_metric("penstock_workers", lambda value: value == 2)
        assert ask("chat", gateway.base_url("chat"), hello("chat", "known"), stream=False).ok.said()
        assert gateway.stop() == 0


def test_a_greeting_that_nobody_can_read_costs_no_worker_its_line(tmp_path: Path) -> None:
    port = unused_port()
    command = [sys.executable, "-m", "pipeline", "serve", "--port", str(port), "--workers", "2"]
    with open("/dev/full", "w") as full:
        process = subprocess.Popen(command, cwd=ROOT, stdout=full, stderr=subprocess.DEVNULL)
    try:
        until(lambda: bool(answers(f"http://127.0.0.1:{port}/healthz")))
        until(lambda: len(json.loads(answers(f"http://127.0.0.1:{port}/debug/health"))["workers"]) == 2)
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()


def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    with Gateway(CONFIG, tmp_path, workers=2) as gateway:
        processes = workers_of(gateway)
        os.kill(gateway.pid, signal.SIGKILL)
        until(lambda: not any(process.is_running() for process in processes))


def test_a_worker_that_is_asked_to_end_drains_and_is_replaced_and_no_count_is_lost(tmp_path: Path) -> None:
    with Gateway(CONFIG, tmp_path, workers=2) as gateway:
        load = Load()
        asyncio.run(many(gateway.url, "known", 30, 4, load))
        for process in workers_of(gateway):
            process.terminate()
            until(lambda process=process: not process.is_running())  # type: ignore[misc]
        until(lambda: gateway.metrics().get("penstock_workers") == 2)
        assert requests_total(asyncio.run(scrape(gateway.url))) == 30
        assert load.ended == {"ok": 30}


# Replaces what makes a process: the third time, which is the first replacement, there is no room for one.
NO_ROOM = """
import errno, itertools, os
calls, make = itertools.count(1), os.fork
def fork():
    if next(calls) == 3:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
    return make()
os.fork = fork
"""


def test_where_there_is_no_room_for_a_process_it_is_tried_again_and_the_others_serve(tmp_path: Path) -> None:
    tmp_path.joinpath("sitecustomize.py").write_text(NO_ROOM)
    with Gateway(CONFIG, tmp_path, env={"PYTHONPATH": str(tmp_path)}, workers=2) as gateway:
        os.kill(workers_of(gateway)[0].pid, signal.SIGKILL)
        gateway.wait_for_log("cannot be started (Resource temporarily unavailable)")
        until(lambda: len(workers_of(gateway)) == 2 and gateway.metrics()["penstock_workers"] == 2)
        assert ask("chat", gateway.base_url("chat"), hello("chat", "known"), stream=False).ok.said()
        assert gateway.stop() == 0


def test_a_worker_in_the_place_of_another_is_no_reload(tmp_path: Path) -> None:
    name = "penstock_config_last_reload_success_timestamp_seconds"
    with Gateway(CONFIG, tmp_path, workers=2) as gateway:
        before = gateway.metrics()[name]
        until(lambda: time.time() > before + 2)
        os.kill(workers_of(gateway)[0].pid, signal.SIGKILL)
        gateway.wait_for_log("another one is started")
        until(lambda: len(workers_of(gateway)) == 2 and gateway.metrics()["penstock_workers"] == 2)
        assert gateway.metrics()[name] - before < 1
        gateway.config_path.write_text(yaml.safe_dump({**CONFIG, "server": {"drain": "19s"}}))
        gateway.reload()
        gateway.wait_for_log("the configuration is reloaded")
        gateway.wait_for_metric(name, lambda value: value > before + 1)


def test_what_cannot_be_served_is_told_once_and_nobody_is_left(tmp_path: Path) -> None:
    tmp_path.joinpath("penstock.yaml").write_text("server: {workers: 3}\nchains: {default: {answer: [resume]}}\n")
    command = [sys.executable, "-m", "pipeline", "serve", "--port", "0"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert len(ran.stderr.splitlines()) == 1


def test_each_worker_takes_less_memory_than_the_budget(tmp_path: Path) -> None:
    with Gateway(CONFIG, tmp_path, workers=2) as gateway:
        assert max(process.memory_info().rss for process in workers_of(gateway)) < 60 * 1024 * 1024


def test_one_worker_is_one_process_without_a_socket_of_its_own(tmp_path: Path) -> None:
    with Gateway(CONFIG, tmp_path) as gateway:
        until(lambda: not psutil.Process(gateway.pid).children())
        # One that listens; what is left of reading the configuration is gone.
        assert [each.status for each in psutil.Process(gateway.pid).net_connections("all") if each.laddr] == ["LISTEN"]
