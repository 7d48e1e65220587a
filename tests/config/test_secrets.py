"""A secret is never printed: not in a repr, an error, the digest, nor in what the commands say."""

from __future__ import annotations

import io

import pytest

from pipeline.config import Config, ConfigError, parse
from pipeline.config.advice import summary
from pipeline.report import show

SECRET = "sk-do-not-print-me"

GOOD = """\
server: {keys: [{name: alice, key: "${KEY}"}, {name: root, key: SECRET-2, admin: true}]}
providers:
  a: {dialect: chat, base_url: https://a.example/v1, api_key: "${KEY}", headers: {authorization: "Basic ${KEY}"}}
  b: {dialect: messages, base_url: https://b.example, api_key: SECRET, headers: {x-token: SECRET}}
models: [{name: m, candidates: [a/m, b/m]}]
"""


def good(secret: str = SECRET) -> Config:
    return parse(GOOD.replace("SECRET", secret), "penstock.yaml", {"KEY": secret})


def test_no_repr_holds_a_secret() -> None:
    config = good()
    parts = (config, config.server, *config.server.keys, *config.providers.values())
    for part in parts:
        assert SECRET not in f"{part!r} {part!s}"


def test_the_digest_does_not_depend_on_a_secret() -> None:
    assert good().digest == good("sk-another").digest


def test_the_commands_show_that_there_is_a_key_and_never_which() -> None:
    out = io.StringIO()
    show(good(), out)
    text = out.getvalue() + summary(good())
    assert SECRET not in text
    assert "set (x-api-key)" in text


@pytest.mark.parametrize(
    "text",
    [
        f"server: {{keys: [{{name: a, key: {SECRET}, kye: {SECRET}}}]}}",
        f"server: {{keys: [{{name: a, key: [{SECRET}]}}]}}",
        f"server: {{keys: [{{name: a, key: {{is: {SECRET}}}}}]}}",
        f"server: {{keys: [{SECRET}]}}",
        f"server: {{keys: {SECRET}}}",
        f"server: {{keys: [{{name: a, key: {SECRET}}}, {{name: b, key: {SECRET}}}]}}",
        f'server: {{keys: [{{name: a, key: "{SECRET}\\u00e9"}}]}}',
        f"providers: {{a: {SECRET}}}",
        f"providers: {{a: {{dialect: chat, base_url: http://a/v1, api_key: [{SECRET}]}}}}",
        f'providers: {{a: {{dialect: chat, base_url: http://a/v1, api_key: "x\\u0007{SECRET}"}}}}',
        f"providers: {{a: {{dialect: chat, base_url: http://a/v1, headers: {SECRET}}}}}",
        f"providers: {{a: {{dialect: chat, base_url: http://a/v1, headers: {{x: [{SECRET}]}}}}}}",
        f'providers: {{a: {{dialect: chat, base_url: http://a/v1, headers: {{x: "{SECRET}\\n"}}}}}}',
        f"providers: {{a: {{dialect: chat, base_url: 'https://user:{SECRET}@a/v1'}}}}",
        f"providers: {{a: {{dialect: chat, base_url: 'https://user:{SECRET}@a:b/v1'}}}}",
        f"providers: {{a: {{dialect: chat, base_url: 'htps://user:{SECRET}@a/v1'}}}}",
        f"providers: {{a: {{dialect: chat, base_url: 'https://a/v1?key={SECRET}'}}}}",
        f"server:\n  keys:\n    - name: a\n      key: '{SECRET}\n",
        f"server:\n  keys:\n    - name: a\n      key: *{SECRET}\n",
        f"server:\n  keys:\n    - name: a\n      key: {SECRET}: x\n",
        f"server:\n  keys:\n    - name: a\n      key: {SECRET}\n     nme: x\n",
        f"server:\n  keys:\n    - name: a\n      key: !!int {SECRET}\n",
        f"server:\n  keys:\n    - {{name: a, key: {SECRET} # }}\n",
        "server: {port: '${KEY}'}",
        "server: {host: ['${KEY}']}",
        "models: [{name: a, candidates: ['${KEY}/x']}]",
        "models: [{name: a, candidates: ['${KEY}']}]",
        "models: [{name: a, candidates: [demo/demo], chain: '${KEY}'}]",
        "providers: {a: {dialect: '${KEY}', base_url: '${KEY}'}}",
        "chains: {default: {request: ['${KEY}']}}",
        "chains: {default: {request: [{total_timeout: {seconds: '${KEY}'}}]}}",
        "chains: {default: {request: [{total_timeout: '${KEY}'}]}}",
        "state: {store: '${KEY}'}",
    ],
)
def test_no_error_holds_a_secret(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "penstock.yaml", {"KEY": SECRET})
    assert SECRET not in f"{caught.value!s} {caught.value!r} {caught.value.problems!r}"
    assert caught.value.__cause__ is None


def test_an_error_has_no_context_that_a_traceback_would_print() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"server: {{keys: [{{name: 5, key: {SECRET}}}]}}", "penstock.yaml", {})
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
