"""Good configurations: what the file says, what it means, and where it comes from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import Config, ConfigError, UnreadableError, default_config, load, parse
from pipeline.config.models import CandidateConfig, KeyConfig, ModelConfig, ProviderConfig, ServerConfig, StateConfig
from pipeline.config.sections import (
    CandidateSection,
    KeySection,
    ModelSection,
    ProviderSection,
    Record,
    ServerSection,
    StateSection,
)

EXAMPLE = Path(__file__).resolve().parents[2] / "penstock.example.yaml"

WHOLE = """\
server:
  host: 0.0.0.0
  port: 80
  body_limit: 1MiB
  drain: 500ms
  cors: [https://a.example, "*"]
  keys:
    - {name: alice, key: a-key, models: ["gpt-*"]}
    - {name: root, key: r-key, admin: true}
providers:
  openai: {dialect: chat, base_url: "https://api.openai.com/v1/", api_key: secret}
  claude: {dialect: messages, base_url: https://api.anthropic.com, transport: sse}
  odd: {dialect: messages, base_url: http://127.0.0.1:9, auth: bearer, headers: {x-a: b}, max_in_flight: 8, queue: 0}
models:
  - name: fast
    candidates:
      - openai/meta/llama-3
      - {use: openai/x, weight: 3, description: d, continues: true, max_tokens: 7, thinking: budget, sampling: true,
         system_turns: true, max_tokens_field: max_tokens, reasoning_field: reasoning, allow: [logprobs]}
  - {name: "*", candidates: ["openai/*"]}
"""


def good(text: str, env: dict[str, str] | None = None) -> Config:
    return parse(text, "penstock.yaml", env or {})


def test_the_whole_of_a_file_is_there() -> None:
    config = good(WHOLE)
    server = config.server
    assert (server.host, server.port, server.workers, server.body_limit, server.drain) == ("0.0.0.0", 80, 1, 1048576, 0.5)
    assert server.cors == ("https://a.example", "*")
    assert [(key.name, key.key.get_secret_value(), key.models, key.admin) for key in server.keys] == [
        ("alice", "a-key", ("gpt-*",), False),
        ("root", "r-key", (), True),
    ]
    assert config.source == "penstock.yaml"


def test_a_base_url_has_no_slash_at_its_end() -> None:
    assert good(WHOLE).providers["openai"].base_url == "https://api.openai.com/v1"


def test_a_provider_knows_its_name_its_limits_and_how_its_key_is_sent() -> None:
    providers = good(WHOLE).providers
    assert [(provider.name, provider.auth) for provider in providers.values()] == [
        ("demo", "bearer"),
        ("openai", "bearer"),
        ("claude", "x-api-key"),
        ("odd", "bearer"),
    ]
    odd = providers["odd"]
    assert (odd.max_in_flight, odd.queue, odd.queue_timeout, odd.connect_timeout) == (8, 0, 30, 5)
    assert dict(odd.headers) == {"x-a": "b"}


def test_a_candidate_is_split_at_the_slash_behind_its_provider() -> None:
    fast, rest = good(WHOLE).models
    assert [(candidate.provider, candidate.model) for candidate in fast.candidates] == [
        ("openai", "meta/llama-3"),
        ("openai", "x"),
    ]
    assert [(candidate.provider, candidate.model) for candidate in rest.candidates] == [("openai", "*")]


def test_a_candidate_in_its_long_form_keeps_every_fact() -> None:
    candidate = good(WHOLE).models[0].candidates[1]
    assert (candidate.weight, candidate.description, candidate.continues, candidate.max_tokens) == (3, "d", True, 7)
    assert (candidate.thinking, candidate.sampling, candidate.system_turns) == ("budget", True, True)
    assert (candidate.max_tokens_field, candidate.reasoning_field, candidate.allow) == ("max_tokens", "reasoning", ("logprobs",))


def test_nothing_of_a_configuration_can_be_changed() -> None:
    config = good(WHOLE)
    for target in (config.server, config.models[0], config.models[0].candidates[0], config.providers["demo"]):
        with pytest.raises(AttributeError):
            setattr(target, dataclasses.fields(target)[0].name, None)
    with pytest.raises(AttributeError):
        config.digest = ""  # type: ignore[misc]
    for mapping in (config.providers, config.chains, config.providers["odd"].headers):
        with pytest.raises(TypeError):
            mapping["new"] = None  # type: ignore[index]


def test_the_demo_is_in_every_configuration_unless_the_name_is_taken() -> None:
    assert good("models: []").providers["demo"].kind == "demo"
    taken = good("providers: {demo: {dialect: chat, base_url: http://127.0.0.1:1/v1}}")
    assert [(name, provider.kind) for name, provider in taken.providers.items()] == [("demo", "http")]


@pytest.mark.parametrize(
    ("env", "providers", "models"),
    [
        ({}, ["demo"], ["demo"]),
        ({"OPENAI_API_KEY": ""}, ["demo"], ["demo"]),
        ({"OPENAI_API_KEY": "a"}, ["demo", "openai", "openai-r"], ["demo", "gpt-*", "o*"]),
        ({"ANTHROPIC_API_KEY": "b"}, ["demo", "claude"], ["demo", "claude-*"]),
        (
            {"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b"},
            ["demo", "openai", "openai-r", "claude"],
            ["demo", "gpt-*", "o*", "claude-*"],
        ),
    ],
)
def test_without_a_file_there_is_the_demo_and_whoever_has_a_key(
    env: dict[str, str], providers: list[str], models: list[str]
) -> None:
    config = default_config(env)
    assert list(config.providers) == providers
    assert [model.name for model in config.models] == models
    assert (config.source, config.server.host, config.server.port) == ("embedded default", "127.0.0.1", 8787)


def test_the_default_goes_where_the_official_sdks_would_go() -> None:
    env = {"OPENAI_API_KEY": "a", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "ANTHROPIC_API_KEY": "b"}
    providers = default_config(env).providers
    assert providers["openai"].base_url == providers["openai-r"].base_url == "http://127.0.0.1:1/v1"
    assert providers["claude"].base_url == "https://api.anthropic.com"


def test_no_path_takes_the_file_of_this_folder_then_the_embedded_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {}).source == "embedded default"
    tmp_path.joinpath("penstock.yaml").write_text("server: {port: 1}")
    assert (load(None, {}).source, load(None, {}).server.port) == ("penstock.yaml", 1)


def test_a_file_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"nowhere\.yaml: cannot be read: no such file or directory"):
        load(tmp_path / "nowhere.yaml", {})
    with pytest.raises(UnreadableError, match="is a directory"):
        load(tmp_path, {})


def test_a_file_that_is_no_utf8_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "penstock.yaml"
    path.write_bytes(b"server: {host: \xff}")
    with pytest.raises(UnreadableError, match="UTF-8"):
        load(path, {})


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "penstock.yaml"
    path.write_bytes(b"\xef\xbb\xbfserver: {port: 1}\r\n")
    assert load(path, {}).server.port == 1


def test_the_example_is_a_good_configuration_without_any_key() -> None:
    config = load(EXAMPLE, {})
    assert [model.name for model in config.models] == ["gpt-5", "fast", "sonnet", "cheap", "drill", "demo", "*"]
    assert load(EXAMPLE, {"PORT": "9"}).server.port == 9


def test_the_digest_is_short_stable_and_follows_every_change() -> None:
    assert good(WHOLE).digest == good(WHOLE).digest
    assert len(good(WHOLE).digest) == 12
    changed = {
        good(WHOLE.replace(old, new)).digest for old, new in (("80", "81"), ("gpt-*", "*"), ("x-a: b", "x-c: b"), ("llama", "l"))
    }
    chains = {good(WHOLE + f"chains: {{a: {{request: [{{total_timeout: {{seconds: {n}}}}}]}}}}").digest for n in (1, 2)}
    assert len(changed | chains | {good(WHOLE).digest}) == 7


@pytest.mark.parametrize(
    ("section", "model", "more"),
    [
        (KeySection, KeyConfig, set()),
        (ServerSection, ServerConfig, set()),
        (ProviderSection, ProviderConfig, {"name"}),
        (CandidateSection, CandidateConfig, {"provider", "model"}),
        (ModelSection, ModelConfig, set()),
        (StateSection, StateConfig, set()),
    ],
)
def test_a_model_has_the_fields_and_defaults_of_its_section(section: type[Record], model: type[Any], more: set[str]) -> None:
    """Two forms of one thing: what the file may say, and what the gateway runs with."""
    own = {field.name: field for field in dataclasses.fields(model)}
    assert set(own) - set(section.model_fields) == more
    for name, field in section.model_fields.items():
        if name in ("auth", "headers", "candidates") or field.is_required():
            continue
        assert own[name].default == field.default, name


# The environment.


@pytest.mark.parametrize(
    ("written", "env", "value"),
    [
        ("${HOST}", {"HOST": "a"}, "a"),
        ("x-${HOST}-${HOST}", {"HOST": "a"}, "x-a-a"),
        ("${HOST:-b}", {}, "b"),
        ("${HOST:-b}", {"HOST": ""}, "b"),
        ("${HOST:-b}", {"HOST": "a"}, "a"),
        ("${HOST:-a:-b}", {}, "a:-b"),
        ("'${HOST}'", {"HOST": "a"}, "a"),
        ("$HOST", {"HOST": "a"}, "$HOST"),
        ("${HOST}", {"HOST": "${OTHER}"}, "${OTHER}"),
        ("${HOST}", {"HOST": "b: c # d"}, "b: c # d"),
    ],
)
def test_variables_are_filled_in_once_and_as_text(written: str, env: dict[str, str], value: str) -> None:
    assert good(f"server:\n  host: {written}\n", env).server.host == value


def test_a_variable_can_be_a_number_a_time_a_size_and_a_truth() -> None:
    text = "server: {port: '${P}', drain: '${D}', body_limit: '${B}', keys: [{name: a, key: '${K}', admin: '${A}'}]}"
    server = good(text, {"P": "99", "D": "2m", "B": "1MiB", "K": "0123", "A": "true"}).server
    assert (server.port, server.drain, server.body_limit, server.keys[0].admin) == (99, 120, 1048576, True)
    assert server.keys[0].key.get_secret_value() == "0123"


def test_an_empty_default_means_no_key() -> None:
    config = good("providers: {a: {dialect: chat, base_url: http://a/v1, api_key: '${KEY:-}'}}")
    assert config.providers["a"].api_key is None


def test_blanks_around_a_secret_are_not_part_of_it() -> None:
    config = good("providers: {a: {dialect: chat, base_url: http://a/v1, api_key: '${KEY}'}}", {"KEY": "sk-1\n"})
    secret = config.providers["a"].api_key
    assert secret is not None
    assert secret.get_secret_value() == "sk-1"


# YAML.


@pytest.mark.parametrize("word", ["no", "on", "yes", "off", "12:30", "2024-01-01", "1_000", "0x1F", ".inf", "=", "~a"])
def test_words_that_old_yaml_reads_as_something_else_stay_texts(word: str) -> None:
    assert good(f"models: [{{name: {word}, candidates: [demo/demo]}}]").models[0].name == word


def test_anchors_and_merge_keys_work_and_own_keys_win() -> None:
    config = good(
        "providers:\n"
        "  a: &a {dialect: chat, base_url: http://a/v1, queue: 3}\n"
        "  b: {<<: *a, base_url: http://b/v1}\n"
        "  c: {queue: 5, <<: [{queue: 4}, *a]}\n"
    )
    assert [(p.base_url, p.queue) for p in config.providers.values()][1:] == [
        ("http://a/v1", 3),
        ("http://b/v1", 3),
        ("http://a/v1", 5),
    ]


def test_a_merge_of_itself_is_no_endless_loop() -> None:
    with pytest.raises(ConfigError):
        good("providers:\n  a: &a {dialect: chat, <<: *a}\n")


def test_keys_with_nothing_behind_them_are_as_good_as_absent() -> None:
    config = good("server:\n  keys:\n  drain:\nmodels:\n  - name: a\n    chain:\n    candidates: [demo/demo]\n")
    assert (config.server.keys, config.server.drain, config.models[0].chain) == ((), 30.0, "default")
