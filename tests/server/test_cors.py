"""Pages of configured origins may call from a browser; a stranger's page learns nothing."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from pipeline.server.cors import Cors

APP = "https://app.example.com"


def headers(**fields: str) -> CIMultiDict[str]:
    return CIMultiDict({name.replace("_", "-"): value for name, value in fields.items()})


def ask(cors: Cors, origin: str = APP, **fields: str) -> dict[str, str]:
    wanted = headers(Origin=origin, Access_Control_Request_Method="POST", **fields)
    response = cors.preflight(wanted, "POST, OPTIONS")
    assert response.status == 204
    return {name.lower(): value for name, value in response.headers.items()}


def test_off_by_default() -> None:
    assert Cors(()).headers(headers(Origin=APP)) == {}
    assert "access-control-allow-origin" not in ask(Cors(()))


def test_a_configured_origin_may_read_the_answer_and_the_headers_that_it_needs() -> None:
    allowed = Cors([APP]).headers(headers(origin=APP))
    assert allowed["Access-Control-Allow-Origin"] == APP
    exposed = allowed["Access-Control-Expose-Headers"].split(", ")
    assert {"x-request-id", "request-id", "x-penstock-candidate", "x-penstock-attempts", "retry-after"} <= set(exposed)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://app.example.com", "https://app.example.com:444", ""])
def test_another_origin_gets_nothing(origin: str) -> None:
    assert Cors([APP]).headers(headers(Origin=origin)) == {"Vary": "Origin"}
    assert not [name for name in ask(Cors([APP]), origin) if name.startswith("access-control")]


def test_a_cache_never_mixes_origins() -> None:
    assert Cors([APP]).headers(headers())["Vary"] == "Origin"
    assert Cors([APP]).headers(headers(Origin=APP))["Vary"] == "Origin"


def test_a_preflight_allows_the_paths_methods_and_the_headers_that_sdks_send() -> None:
    answer = ask(Cors([APP]), Access_Control_Request_Headers="authorization,content-type,x-stainless-os")
    assert answer["access-control-allow-methods"] == "POST, OPTIONS"
    assert answer["access-control-allow-headers"] == "authorization,content-type,x-stainless-os"
    assert answer["access-control-max-age"] == "600"


def test_what_is_no_list_of_header_names_is_not_echoed() -> None:
    assert "access-control-allow-headers" not in ask(Cors([APP]), Access_Control_Request_Headers='x"; y')


def test_a_page_may_reach_a_private_network_only_where_its_origin_is_configured() -> None:
    asked = {"Access_Control_Request_Private_Network": "true"}
    assert ask(Cors([APP]), **asked)["access-control-allow-private-network"] == "true"
    assert "access-control-allow-private-network" not in ask(Cors([APP]), "https://evil.example", **asked)


def test_tr_x2_the_wildcard_never_comes_with_credentials() -> None:
    for cors in (Cors(["*"]), Cors([APP])):
        assert "access-control-allow-credentials" not in ask(cors)
    assert ask(Cors(["*"]), "https://anybody.example")["access-control-allow-origin"] == "*"


def test_options_by_hand_tells_the_methods() -> None:
    assert Cors(()).preflight(headers(), "GET, HEAD, OPTIONS").headers["Allow"] == "GET, HEAD, OPTIONS"
