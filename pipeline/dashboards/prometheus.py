"""What Prometheus and Grafana read at start: who is scraped, which rules there are, where the dashboards lie."""

from __future__ import annotations

from typing import Any, Final

import yaml

from pipeline.dashboards.rules import rule_files

HEAD: Final = "# Written by `penstock dashboards`; what you change here is gone when it is written anew.\n"

PROMETHEUS: Final = {
    "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
    "rule_files": ["rules/*.yml"],
    "scrape_configs": [
        {
            "job_name": "penstock",
            # The name in docker-compose.yml; elsewhere the gateway's own address.
            "static_configs": [{"targets": ["gateway:8787"]}],
        }
    ],
}

SOURCE: Final = {
    "name": "Prometheus",
    "uid": "prometheus",
    "type": "prometheus",
    "access": "proxy",
    "url": "http://prometheus:9090",
    "isDefault": True,
    "editable": False,
}

PROVIDERS: Final = {
    "apiVersion": 1,
    "providers": [
        {
            "name": "Penstock",
            "folder": "Penstock",
            "type": "file",
            "disableDeletion": True,
            "allowUiUpdates": False,
            "options": {"path": "/etc/grafana/dashboards"},
        }
    ],
}


def prometheus_files() -> dict[str, str]:
    """Texts by their paths."""
    found = {"prometheus/prometheus.yml": _text(PROMETHEUS)}
    for name, rules in rule_files().items():
        found[f"prometheus/rules/{name}"] = _text(rules)
    return found


def provisioning_files(console: str) -> dict[str, str]:
    """Texts by their paths. ``console``: the address of the gateway's own page, to which the dots of single requests lead."""
    # Grafana takes $ for the environment, and $$ for itself.
    request = {"name": "request_id", "url": f"{console}#/request/$${{__value.raw}}", "urlDisplayLabel": "Show this request"}
    # Grafana's shortest rate window follows the interval.
    data = {"timeInterval": "15s", "httpMethod": "POST", "exemplarTraceIdDestinations": [request]}
    return {
        "grafana/provisioning/datasources/prometheus.yml": _text(
            {"apiVersion": 1, "datasources": [{**SOURCE, "jsonData": data}]}
        ),
        "grafana/provisioning/dashboards/penstock.yml": _text(PROVIDERS),
    }


def _text(value: dict[str, Any]) -> str:
    return HEAD + yaml.safe_dump(value, sort_keys=False, width=10_000, allow_unicode=True)
