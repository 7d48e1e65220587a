"""Bad configurations: each is refused with the right line, in words that say what to write instead."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from pipeline.config import ConfigError, parse

ENV = {"SECRET": "sk-from-the-environment", "PORT": "many", "EMPTY": "", "NAME": "opnai"}


class Bad(NamedTuple):
    """A configuration, and every line at fault with words that its message must hold."""

    text: str
    faults: dict[int, tuple[str, ...]]


OPENAI = "providers: {openai: {dialect: chat, base_url: https://api.openai.com/v1}}\n"

CASES: dict[str, Bad] = {
    # Not YAML, or not our shape.
    "tab": Bad("server:\n\tport: 1\n", {2: ("not valid YAML", "indent with spaces")}),
    "bare star": Bad("models:\n  - {name: *, candidates: [demo/demo]}\n", {2: ("not valid YAML", "quotes")}),
    "unknown alias": Bad("server:\n  host: *host\n", {2: ("alias", "quotes")}),
    "unclosed quote": Bad('server:\n  host: "127.0.0.1\n', {3: ("not valid YAML", "never closed")}),
    "unclosed list": Bad("server:\n  cors: [a\nmodels: []\n", {3: ("not valid YAML", "missing")}),
    "key without colon": Bad("server:\n  port\n  host: a\n", {3: ("not valid YAML", '":"')}),
    "two documents": Bad("server: {}\n---\nmodels: []\n", {2: ("one document",)}),
    "control character": Bad("server:\n  host: \x07\n", {2: ("does not allow",)}),
    "a list at the top": Bad("- server\n", {1: ("expected a mapping at the top",)}),
    "a text at the top": Bad("server\n", {1: ("expected a mapping at the top",)}),
    "duplicate key": Bad("server:\n  port: 1\n  host: a\n  port: 2\n", {4: ("server.port", "duplicate", "line 2")}),
    "duplicate section": Bad("server: {}\nserver: {}\n", {2: ("duplicate", "line 1")}),
    "duplicate provider": Bad("providers:\n  demo: {kind: demo}\n  demo: {kind: demo}\n", {3: ("providers.demo", "duplicate")}),
    "foreign tag": Bad("server:\n  host: !!python/name:os.system x\n", {2: ("tag", "plain value")}),
    "key that is a list": Bad("server:\n  ? [a, b]\n  : 1\n", {2: ("key must be a plain text",)}),
    "value that holds itself": Bad("server: &s\n  keys: [*s]\n", {1: ("server.keys[0]", "alias to a value that it is part of")}),
    # Unknown keys, with the nearest right one.
    "unknown section": Bad("sever: {}\n", {1: ("sever: unknown key", '"server"')}),
    "unknown key": Bad("server:\n  prot: 8787\n", {2: ("server.prot", "unknown key", '"port"')}),
    "unknown key far from all": Bad("state:\n  xyzzy: 1\n", {2: ("unknown key", "Known here: store")}),
    "unknown key of a key": Bad("server:\n  keys:\n    - {name: a, kye: b, key: c}\n", {3: ("server.keys[0].kye", '"key"')}),
    "unknown key of a provider": Bad(OPENAI.replace("dialect", "api_kye: x, dialect"), {1: ("openai.api_kye", '"api_key"')}),
    "unknown key of a candidate": Bad(
        "models:\n  - name: a\n    candidates:\n      - {use: demo/demo, wieght: 3}\n",
        {4: ("models[0].candidates[0].wieght", '"weight"')},
    ),
    "unknown position": Bad("chains:\n  default:\n    requests: []\n", {3: ("unknown key", '"request"')}),
    # Wrong types and values: the value, what was expected, an example.
    "port that is a word": Bad("server:\n  port: http\n", {2: ('"http" is not a whole number', "`port: 8787`")}),
    "port too large": Bad("server:\n  port: 99999\n", {2: ('"99999"', "at most 65535")}),
    "port below 0": Bad("server:\n  port: -1\n", {2: ('"-1"', "at least 0")}),
    "port from the environment": Bad("server:\n  port: ${PORT}\n", {2: ('"${PORT}" is not a whole number',)}),
    "time without meaning": Bad("server:\n  drain: 3 parsecs\n", {2: ('"3 parsecs" is not a time', "500ms")}),
    "time below 0": Bad("server:\n  drain: -3\n", {2: ('"-3" is not a time',)}),
    "size without meaning": Bad("server:\n  body_limit: 3 stone\n", {2: ('"3 stone" is not a size', "1MiB")}),
    "header that frames": Bad(
        OPENAI.replace("}}", ", headers: {Content-Length: '3'}}}"),
        {1: ("openai.headers", '"Content-Length"', "the gateway's own")},
    ),
    "connect_timeout of 0": Bad(OPENAI.replace("}}", ", connect_timeout: 0}}"), {1: ("connect_timeout", "more than 0")}),
    "flag that is a number": Bad(
        "server:\n  keys: [{name: a, key: b, admin: 3}]\n", {2: ("keys[0].admin", '"3" is not true or false')}
    ),
    "list expected": Bad("server:\n  cors: https://a.example\n", {2: ("server.cors", "expected a list", "Example")}),
    "mapping expected": Bad("server: 8787\n", {1: ("server", "expected a mapping")}),
    "mapping of providers expected": Bad("providers:\n  - openai\n", {1: ("providers", "expected a mapping", "openai")}),
    "text expected": Bad("models: [{name: 5, candidates: [demo/demo]}]\n", {1: ("models[0].name", '"5"', "quotes")}),
    "origin with a path": Bad("server: {cors: ['https://a.example/x']}\n", {1: ("server.cors[0]", "not an origin")}),
    "unknown dialect": Bad(OPENAI.replace("chat", "chatt"), {1: ('"chatt"', "chat, responses or messages", 'mean "chat"')}),
    "unknown kind": Bad("providers:\n  a: {kind: htp}\n", {2: ('"htp"', "http or demo", 'mean "http"')}),
    "unknown auth": Bad(OPENAI.replace("}}", ", auth: basic}}"), {1: ("openai.auth", '"basic"', "bearer or x-api-key")}),
    "unknown thinking": Bad(
        "models:\n  - name: a\n    candidates: [{use: demo/demo, thinking: hard}]\n", {3: ('"hard"', "adaptive or budget")}
    ),
    "no URL": Bad(OPENAI.replace("https://api.openai.com/v1", "api.openai.com"), {1: ("base_url", "not an http or https URL")}),
    "URL with a query": Bad(OPENAI.replace("https://api.openai.com/v1", "'https://a/v1?a=b'"), {1: ("base_url", "query")}),
    "URL with the dialect's path": Bad(
        OPENAI.replace("/v1", "/v1/chat/completions"), {1: ("base_url", '"/chat/completions"', "leave it out")}
    ),
    "URL with a port that is a word": Bad(OPENAI.replace(".com", ".com:http"), {1: ("base_url", "no port", "1 to 65535")}),
    "URL with a port out of range": Bad(OPENAI.replace(".com", ".com:65536"), {1: ("base_url", "no port", "1 to 65535")}),
    "URL with port 0": Bad(OPENAI.replace(".com", ".com:0"), {1: ("base_url", "no port", "1 to 65535")}),
    "URL with an empty port": Bad(OPENAI.replace(".com", ".com:"), {1: ("base_url", "no port", "1 to 65535")}),
    "URL with a space": Bad(OPENAI.replace("/v1", "/v 1"), {1: ("base_url", "a space", "%20")}),
    "URL with a space in its host": Bad(OPENAI.replace("api.", "api ."), {1: ("base_url", "a space")}),
    "URL with a line feed": Bad(OPENAI.replace("https://api.openai.com/v1", r'"http://a/\nv1"'), {1: ("base_url", "a space or")}),
    "URL with a foreign letter": Bad(OPENAI.replace("openai.com", "öpenai.com"), {1: ("base_url", "xn--...")}),
    "URL with a backslash": Bad(OPENAI.replace("/v1", "\\\\v1"), {1: ("base_url", "another letter")}),
    "URL with half an address": Bad(
        OPENAI.replace("https://api.openai.com/v1", "'http://[::1/v1'"), {1: ("base_url", "not a URL")}
    ),
    "header name with a blank": Bad(OPENAI.replace("}}", ", headers: {a b: c}}}"), {1: ("openai.headers", "header name")}),
    "empty key": Bad('server:\n  keys:\n    - {name: a, key: ""}\n', {3: ("server.keys[0].key", "must not be empty")}),
    "empty candidates": Bad("models:\n  - name: a\n    candidates: []\n", {3: ("models[0].candidates", "not be empty")}),
    # What is missing.
    "no dialect": Bad(
        "providers:\n  a:\n    base_url: http://a/v1\n", {2: ("providers.a.dialect", "missing", "chat, responses")}
    ),
    "no base_url": Bad("providers:\n  a: {dialect: chat}\n", {2: ("providers.a.base_url", "missing", "https://")}),
    "no name": Bad("models:\n  - candidates: [demo/demo]\n", {2: ("models[0].name", "missing", "`name: gpt-5`")}),
    "no candidates": Bad("models:\n  - name: a\n", {2: ("models[0].candidates", "missing", "openai/gpt-5.1")}),
    "no key": Bad("server:\n  keys:\n    - name: a\n", {3: ("server.keys[0].key", "missing", "${ALICE_KEY}")}),
    "no use": Bad("models:\n  - name: a\n    candidates: [{weight: 1}]\n", {3: ("candidates[0].use", "missing")}),
    "variable that is not set": Bad("server:\n  host: ${HOTS}\n", {2: ("variable HOTS is not set", "${HOTS:-default}")}),
    "variable that is empty": Bad("server:\n  host: ${EMPTY}\n", {2: ("variable EMPTY is empty",)}),
    "variable without an end": Bad("server:\n  host: ${HOST\n", {2: ('"${" without a name',)}),
    # Names that refer to nothing, or stand twice.
    "unknown provider": Bad(
        OPENAI + "models:\n  - name: a\n    candidates: [opnai/x]\n",
        {4: ("models[0].candidates[0]", '"opnai/x"', 'mean "openai"')},
    ),
    "unknown provider in the long form": Bad(
        "models:\n  - name: a\n    candidates: [{use: dmo/x}]\n", {3: ("[0].use", 'mean "demo"')}
    ),
    "unknown provider from the environment": Bad(
        OPENAI + "models:\n  - name: a\n    candidates: ['${NAME}/x']\n", {4: ('"${NAME}/x"', 'mean "openai"')}
    ),
    "candidate without a provider": Bad("models:\n  - {name: a, candidates: [gpt-5]}\n", {2: ('"gpt-5" is not provider/model',)}),
    "candidate that is a pattern": Bad("models:\n  - {name: a, candidates: ['demo/d*']}\n", {2: ("is a pattern", '"demo/*"')}),
    "unknown chain": Bad(
        "models:\n  - name: a\n    candidates: [demo/demo]\n    chain: defualt\n", {4: ('"defualt"', 'mean "default"')}
    ),
    "model twice": Bad(
        "models:\n  - {name: a, candidates: [demo/demo]}\n  - {name: a, candidates: [demo/slow]}\n",
        {3: ("models[1].name", "already in line 2")},
    ),
    "name of a key twice": Bad(
        "server:\n  keys:\n    - {name: a, key: b}\n    - {name: a, key: c}\n", {4: ("already in line 3",)}
    ),
    "same key twice": Bad("server:\n  keys:\n    - {name: a, key: b}\n    - {name: c, key: b}\n", {4: ("keys[1].key", "line 3")}),
    "provider's name with a slash": Bad("providers:\n  a/b: {kind: demo}\n", {2: ("letters, digits",)}),
    "demo with a URL": Bad(
        "providers:\n  demo:\n    kind: demo\n    base_url: http://a/v1\n", {4: ("means nothing for the demo",)}
    ),
    "unknown key of the traces": Bad("traces:\n  kep: 3\n", {2: ("traces.kep", "unknown key", '"keep"')}),
    "traces out of their range": Bad(
        "traces:\n  keep: -1\n  files: 0\n  file_size: 1kB\n  file: ''\n",
        {
            2: ("traces.keep", "at least 0"),
            3: ("traces.files", "at least 1"),
            4: ("file_size", "4096"),
            5: ("traces.file", "empty"),
        },
    ),
    "log level": Bad("logs:\n  level: verbose\n  format: yaml\n", {2: ("logs.level", "warning"), 3: ("auto, json",)}),
    # What later versions build.
    "cluster": Bad("cluster: {node: hub}\n", {1: ("cluster", "not yet")}),
    "store": Bad("state:\n  store: sqlite:/var/p.db\n", {2: ("state.store", "not yet", "memory")}),
    "workers": Bad("server:\n  workers: 4\n", {2: ("server.workers", "not yet", "workers: 1")}),
    "limits of a key": Bad(
        "server:\n  keys:\n    - name: a\n      key: b\n      requests_per_minute: 0\n      tokens_per_minute: many\n",
        {5: ("requests_per_minute",), 6: ("tokens_per_minute",)},
    ),
    "peer": Bad("providers:\n  home: {kind: peer, node: gpu}\n", {2: ("providers.home.kind", "not yet", "peers")}),
    "agent": Bad("providers:\n  coder: {kind: agent, engine: x}\n", {2: ("providers.coder.kind", "not yet", "agents")}),
    "websocket": Bad(OPENAI.replace("}}", ", transport: websocket}}"), {1: ("openai.transport", "not yet", "auto")}),
    "balance": Bad(
        "models:\n  - {name: a, candidates: [demo/demo], balance: fastest}\n",
        {2: ("balance", "is not order, round_robin, weighted or ewma")},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_configuration_is_refused_with_line_path_and_a_way_out(name: str) -> None:
    text, faults = CASES[name]
    with pytest.raises(ConfigError) as caught:
        parse(text, "penstock.yaml", ENV)
    problems = caught.value.problems
    assert [problem.line for problem in problems] == list(faults), str(caught.value)
    for problem, words in zip(problems, faults.values(), strict=True):
        for word in words:
            assert word in str(problem)


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    text = (
        "server:\n  prot: 1\n  drain: long\n  host: ${MISSING}\n"
        "providers:\n  a: {dialect: chat}\n  b: {kind: peer}\n"
        "models:\n  - {name: m, candidates: [c/d], chain: none}\n"
        "cluster: {}\n"
    )
    with pytest.raises(ConfigError) as caught:
        parse(text, "my.yaml", {})
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4, 6, 7, 9, 9, 10]
    lines = str(caught.value).splitlines()
    assert lines[0] == 'my.yaml:2:3: server.prot: unknown key. Did you mean "port"?'
    assert len(lines) == 8


def test_aliases_that_multiply_are_refused_before_they_fill_the_memory() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ConfigError, match="aliases multiply"):
        parse("\n".join(rows), "penstock.yaml", {})


def test_a_text_nested_without_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        parse("a: " + "[" * 20_000, "penstock.yaml", {})


@pytest.mark.parametrize("text", ["", "# nothing\n", "server:\n", "---\n", "server: {}\nmodels: []\n"])
def test_an_empty_configuration_is_a_good_one(text: str) -> None:
    assert list(parse(text, "penstock.yaml", {}).providers) == ["demo"]
