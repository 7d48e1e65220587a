"""docker-compose.yml starts nothing that could do harm, and Docker's own reader finds it valid."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from pipeline.config import load

ROOT: Final = Path(__file__).resolve().parents[2]
FILE: Final = ROOT / "docker-compose.yml"
SERVICES: Final = ("gateway", "prometheus", "grafana", "nats")
SECRET: Final = re.compile(r"KEY|SECRET|TOKEN|PASSWORD")


def reader() -> list[str] | None:
    """Docker's own: its plugin, or the binary of the tests' extra."""
    if (
        shutil.which("docker")
        and not subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
    ):
        return ["docker", "compose"]
    beside = shutil.which("docker-compose", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    return [beside] if beside else None


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
    return found


def test_docker_finds_it_valid(services: dict[str, Any]) -> None:
    command = reader()
    assert command is not None, "no `docker compose`, and no docker-compose beside this Python: the extra `dev` brings one"
    command = [*command, "--file", str(FILE), "--profile", "cluster", "config"]
    env = {**os.environ, "PENSTOCK_KEY": "a-key"}
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert sorted(yaml.safe_load(ran.stdout)["services"]) == sorted(SERVICES) == sorted(services)
    env.pop("PENSTOCK_KEY")
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "a key for your clients" in ran.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_may_not_do(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert int(service["user"].partition(":")[0]) > 0
    for port in service.get("ports", ()):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_tells_its_health(services: dict[str, Any], name: str) -> None:
    assert services[name]["healthcheck"]["test"][0] == "CMD"


def test_images_are_pinned(services: dict[str, Any]) -> None:
    images = [service["image"] for service in services.values() if "build" not in service]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(images) == 5
    for image in images:
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?", image), image


def test_no_secret_is_inside(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            assert not SECRET.search(variable) or value.startswith(f"${{{variable}:?"), f"{name}: {variable}"


def test_grafana_asks_nobody_outside(services: dict[str, Any]) -> None:
    environment = services["grafana"]["environment"]
    for asked in ("REPORTING_ENABLED", "CHECK_FOR_UPDATES", "CHECK_FOR_PLUGIN_UPDATES"):
        assert environment[f"GF_ANALYTICS_{asked}"] == "false"
    assert environment["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"


def test_whoever_reads_grafana_needs_no_login_and_nobody_can_write(services: dict[str, Any]) -> None:
    environment = services["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"


def test_what_is_mounted_is_there_and_cannot_be_changed(services: dict[str, Any]) -> None:
    volumes = yaml.safe_load(FILE.read_text())["volumes"]
    for service in services.values():
        for source, _, inside in (volume.partition(":") for volume in service.get("volumes", ())):
            if source.startswith("."):
                assert (ROOT / source).is_dir()
                assert inside.endswith(":ro")
            else:
                assert source in volumes


def test_the_gateways_configuration_is_a_good_one() -> None:
    # By a file: what stands in docker-compose.yml itself is copied, which a read-only file system does not take.
    path = ROOT / yaml.safe_load(FILE.read_text())["configs"]["penstock"]["file"]
    config = load(path, {"PENSTOCK_KEY": "a-key"})
    assert [model.name for model in config.models] == ["demo", "shaky"]


def test_the_image_runs_as_nobody_and_tells_its_health() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER (?!root|0)\w+$", text, re.MULTILINE)
    assert "HEALTHCHECK" in text
    assert "--uid 10001" in text
