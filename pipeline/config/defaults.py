"""The embedded default: what is served without a file. It is a configuration like any other, so it is written as one."""

from __future__ import annotations

from collections.abc import Mapping

SOURCE = "embedded default"

_OPENAI = """\
  openai:
    dialect: chat
    base_url: ${OPENAI_BASE_URL:-https://api.openai.com/v1}
    api_key: ${OPENAI_API_KEY}
  openai-r:
    dialect: responses
    base_url: ${OPENAI_BASE_URL:-https://api.openai.com/v1}
    api_key: ${OPENAI_API_KEY}
"""
_ANTHROPIC = """\
  claude:
    dialect: messages
    base_url: ${ANTHROPIC_BASE_URL:-https://api.anthropic.com}
    api_key: ${ANTHROPIC_API_KEY}
"""

# Which key brings which providers and models.
_BY_KEY: tuple[tuple[str, str, str], ...] = (
    (
        "OPENAI_API_KEY",
        _OPENAI,
        '  - {name: "gpt-*", candidates: [openai/*]}\n  - {name: "o*", candidates: [openai/*]}\n',
    ),
    ("ANTHROPIC_API_KEY", _ANTHROPIC, '  - {name: "claude-*", candidates: [claude/*]}\n'),
)


def text(env: Mapping[str, str]) -> str:
    """The default as YAML: the demo always, and the providers whose key is in the environment."""
    present = [row for row in _BY_KEY if env.get(row[0])]
    providers = "".join(row[1] for row in present)
    models = "".join(row[2] for row in present)
    return f"providers:\n  demo: {{kind: demo}}\n{providers}models:\n  - {{name: demo, candidates: [demo/demo]}}\n{models}"
