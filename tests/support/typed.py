"""What a provider would refuse: request bodies against the typed parameters of the official SDKs, unknown keys included.

The SDKs' ``TypedDict`` classes are rebuilt so that pydantic reads them strictly: no further keys, and lists instead of the
lazily checked ``Iterable``. Recursive places (filters inside filters) stay as the SDK has them.
"""

from __future__ import annotations

import collections.abc
import types
from functools import cache
from typing import Annotated, Any, Final, Literal, NotRequired, Required, Union, get_args, get_origin

import openai.types.chat.completion_create_params as chat_params
import openai.types.responses.response_create_params as responses_params
from anthropic.types import message_create_params as messages_params
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict, get_type_hints, is_typeddict

_LISTS: Final = (collections.abc.Iterable, collections.abc.Sequence, list)
_MARKS: Final[tuple[Any, ...]] = (Required, NotRequired)


def _strict(kind: Any, building: tuple[Any, ...] = ()) -> Any:
    origin: Any = get_origin(kind)
    inner = get_args(kind)
    if is_typeddict(kind):
        return kind if kind in building else _strict_dict(kind, (*building, kind))
    if origin in (Union, types.UnionType):
        return Union[tuple(_strict(each, building) for each in inner)]  # noqa: UP007 - built from a tuple
    if origin is Annotated:
        return _strict(inner[0], building)
    if origin in _MARKS:
        return origin[_strict(inner[0], building)]
    if origin in _LISTS or getattr(origin, "__name__", "") == "SequenceNotStr":
        return list[_strict(inner[0], building)]  # type: ignore[misc]
    if origin is dict:
        return dict[inner[0], _strict(inner[1], building)]  # type: ignore[misc,valid-type]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return dict[str, Any]
    return Any if kind is object or origin not in (None, Literal) else kind


def _totals(kind: Any) -> dict[str, bool]:
    """Whether a field without a mark is required. ``__required_keys__`` knows nothing where annotations are postponed."""
    found: dict[str, bool] = {}
    for base in getattr(kind, "__orig_bases__", ()):
        if is_typeddict(base):
            found |= _totals(base)
    return dict.fromkeys(kind.__annotations__, kind.__total__) | found


@cache
def _strict_dict(kind: Any, building: tuple[Any, ...]) -> Any:
    hints = get_type_hints(kind, include_extras=True)
    totals = _totals(kind)
    fields = {}
    for name, hint in hints.items():
        mark: Any = get_origin(hint)
        bare = get_args(hint)[0] if mark in _MARKS else hint
        required = mark is Required or (totals[name] and mark is not NotRequired)
        fields[name] = (Required if required else NotRequired)[_strict(bare, building)]
    make: Any = TypedDict
    made = make(kind.__name__, fields)
    made.__pydantic_config__ = ConfigDict(extra="forbid")
    return made


_PARAMS: Final[dict[str, Any]] = {
    "chat": (chat_params.CompletionCreateParamsNonStreaming, chat_params.CompletionCreateParamsStreaming),
    "responses": (responses_params.ResponseCreateParamsNonStreaming, responses_params.ResponseCreateParamsStreaming),
    "messages": (messages_params.MessageCreateParamsNonStreaming, messages_params.MessageCreateParamsStreaming),
}


@cache
def _adapter(dialect: str, streaming: bool) -> TypeAdapter[Any]:
    return TypeAdapter(_strict(_PARAMS[dialect][streaming]), config=None)


def faults(dialect: str, body: dict[str, Any]) -> list[str]:
    """What the dialect's typed parameters do not accept, a line each; empty when the body is well typed."""
    if dialect == "responses" and isinstance(body.get("input"), list):
        body = body | {"input": [_with_id(item) for item in body["input"]]}
    try:
        _adapter(dialect, body.get("stream") is True).validate_python(body, strict=True)
    except ValidationError as error:
        return [
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_url=False, include_input=False)
        ]
    return []


def _with_id(item: dict[str, Any]) -> dict[str, Any]:
    """The type asks for an id of a reasoning item; the vendor's own agent hands encrypted reasoning back without one."""
    return {"id": "rs_0"} | item if item.get("type") == "reasoning" and "encrypted_content" in item else item
