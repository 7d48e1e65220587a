"""Which recorded requests may be refused by name when the provider speaks another dialect, and under which rule.

Each row: the client's dialect, the provider's, what the error's ``param`` looks like, the rule of the public contract.
A refusal that no row names is a failure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.corpus.recordings import Recording


@dataclass(frozen=True)
class Rule:
    client: str
    provider: str
    param: str
    """A regular expression for the whole of it."""
    why: str


RULES: Final[tuple[Rule, ...]] = ()


def allowed(client: str, provider: str, recording: Recording, error: Mapping[str, Any]) -> str | None:
    """The rule that allows this refusal, or None. The error must name the field at fault."""
    param = error.get("param")
    if not isinstance(param, str):
        return None
    for rule in RULES:
        if re.fullmatch(rule.client, client) and re.fullmatch(rule.provider, provider) and re.fullmatch(rule.param, param):
            return f"{rule.why} ({re.sub(r'[0-9]+', 'N', param)})"
    return None
