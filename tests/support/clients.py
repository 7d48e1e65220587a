"""The official SDKs as clients: one question, streamed or not, and what a program would have afterwards, answer or error.

An error keeps what the SDK's exception tells. What an SDK only hands over as an event (``response.failed``) counts as an error
too, and an accumulator that breaks on the stream is an error of its own kind: no test may take it for the provider's.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import anthropic
import openai
from anthropic.lib.streaming._messages import accumulate_event
from openai.lib.streaming.chat import ChatCompletionStreamState

from tests.support.chat import ChatFold, from_chat
from tests.support.neutral import Answer, arguments_of, from_messages, from_responses, get

DIALECTS: Final = ("chat", "responses", "messages")
TIMEOUT: Final = 20.0
KEY: Final = "test-key"


@dataclass
class Failure:
    """``kind``: the SDK's exception class, ``event`` for one that was handed over, ``broken`` when the SDK itself broke."""

    kind: str
    message: str
    status: int | None = None
    code: str | None = None
    type: str | None = None
    param: str | None = None
    body: Any = None


@dataclass
class Outcome:
    """Exactly one of ``answer`` and ``failure``; ``said`` is the text that had arrived in either case."""

    answer: Answer | None = None
    failure: Failure | None = None
    said: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Response headers, names in lower case."""
    native: Any = None
    """The SDK's own final object."""
    partial: Answer | None = None
    """Chat streams: what had come before a failure."""

    @property
    def ok(self) -> Answer:
        """The answer. Raises AssertionError with the failure when there is none."""
        assert self.answer is not None, f"no answer but {self.failure}"
        return self.answer

    @property
    def failed(self) -> Failure:
        """The failure. Raises AssertionError with the answer when there is none."""
        assert self.failure is not None, f"no error but {self.answer}"
        return self.failure


class FailureEvent(Exception):
    """An error that the SDK delivers as an event."""

    def __init__(self, error: Any) -> None:
        super().__init__(get(error, "message"))
        self.error = error


def ask_through(dialect: str, transport: Any, request: Mapping[str, Any], *, stream: bool) -> Outcome:
    """As ``ask``, by an HTTP client of the caller's, which need not lead to any network."""
    options: dict[str, Any] = {"base_url": "http://gateway.invalid", "api_key": KEY, "max_retries": 0, "http_client": transport}
    sdk: Any = anthropic.Anthropic(**options) if dialect == "messages" else openai.OpenAI(**options)
    return Ask(dialect, sdk, request, "stream" if stream else "body").run()


_CLIENTS: Final[OrderedDict[tuple[Any, str, str], Any]] = OrderedDict()
_MOST_CLIENTS: Final = 64
_MAKING: Final = threading.Lock()
"""Threads that ask at the same time share one client: a second one would be dropped with its connections open."""


def client(dialect: str, base_url: str, key: str = KEY) -> Any:
    """The SDK's client for this base URL, without retries; kept with its connections until 64 others were asked for."""
    make = anthropic.Anthropic if dialect == "messages" else openai.OpenAI
    which = (make, base_url, key)
    with _MAKING:
        known = _CLIENTS.get(which)
        if known is None:
            known = _CLIENTS[which] = make(base_url=base_url, api_key=key, max_retries=0, timeout=TIMEOUT)
        _CLIENTS.move_to_end(which)
        if len(_CLIENTS) > _MOST_CLIENTS:
            _CLIENTS.popitem(last=False)[1].close()
    return known


class Ask:
    """One question through one SDK's client."""

    def __init__(self, dialect: str, client: Any, request: Mapping[str, Any], how: str) -> None:
        self.outcome = Outcome()
        self._client = client
        self._request = dict(request)
        self._run: Callable[[], Answer] = getattr(self, f"_{dialect}_{how}")

    def run(self) -> Outcome:
        """Never raises for what came over the wire."""
        outcome = self.outcome
        try:
            outcome.answer = self._run()
        except (openai.APIError, anthropic.APIError) as error:
            outcome.failure = _failure(error)
            if isinstance(error, openai.APIStatusError | anthropic.APIStatusError):
                self._headers(error.response)
        except FailureEvent as event:
            outcome.failure = Failure(
                "event", str(event), code=get(event.error, "code"), type=get(event.error, "type"), body=event.error
            )
        except Exception as error:
            outcome.failure = Failure("broken", f"{type(error).__name__}: {error}")
        return outcome

    def _headers(self, response: Any) -> None:
        self.outcome.headers = {name.lower(): value for name, value in response.headers.items()}

    def _chat_body(self) -> Answer:
        raw = self._client.chat.completions.with_raw_response.create(**self._request)
        self._headers(raw)
        completion = self.outcome.native = raw.parse()
        if not get(completion, "choices"):
            raise FailureEvent(get(completion, "error") or {"message": "a completion without choices"})
        answer = from_chat(completion)
        self.outcome.said = answer.said()
        return answer

    def _chat_stream(self) -> Answer:
        request = {"stream_options": {"include_usage": True}, **self._request}
        fold, state = ChatFold(), ChatCompletionStreamState()
        with self._client.chat.completions.create(**request, stream=True) as stream:
            self._headers(stream.response)
            self.outcome.partial = fold.answer
            for chunk in stream:
                fold.feed(chunk)
                self.outcome.said = fold.answer.said()
                state.handle_chunk(chunk)
        final = self.outcome.native = state.current_completion_snapshot
        assert from_chat(final).said() == fold.answer.said(), "the SDK's accumulator and its chunks disagree"
        return fold.answer

    def _responses_body(self) -> Answer:
        raw = self._client.responses.with_raw_response.create(**self._request)
        self._headers(raw)
        response = self.outcome.native = raw.parse()
        if response.status == "failed":
            raise FailureEvent(response.error)
        answer = from_responses(response)
        self.outcome.said = answer.said()
        return answer

    def _responses_stream(self) -> Answer:
        done: dict[int, Any] = {}
        with self._client.responses.stream(**self._request) as stream:
            self._headers(stream._response)
            for event in stream:
                kind = event.type
                if kind == "response.output_text.delta":
                    self.outcome.said += event.delta
                elif kind == "response.output_item.done":
                    done[event.output_index] = event.item
                elif kind == "error":
                    raise FailureEvent(event)
                elif kind == "response.failed":
                    raise FailureEvent(event.response.error)
                elif kind == "response.incomplete":
                    self.outcome.native = event.response
            if self.outcome.native is None:
                self.outcome.native = stream.get_final_response()
        return from_responses(self.outcome.native, [done[index] for index in sorted(done)])

    def _chat_events(self) -> Answer:
        fold = ChatFold()
        with self._client.chat.completions.create(**self._request, stream=True) as stream:
            for chunk in stream:
                fold.feed(chunk)
        return fold.answer

    def _responses_events(self) -> Answer:
        done: dict[int, Any] = {}
        told: dict[tuple[int, int], list[str]] = {}
        with self._client.responses.create(**self._request, stream=True) as stream:
            for event in stream:
                if event.type in ("response.output_text.delta", "response.function_call_arguments.delta"):
                    told.setdefault((event.output_index, get(event, "content_index") or 0), []).append(event.delta)
                elif event.type == "response.output_item.done":
                    done[event.output_index] = event.item
                elif event.type in ("response.completed", "response.incomplete"):
                    items = [as_told(done[index], index, told) for index in sorted(done)]
                    return from_responses(event.response, items)
        raise FailureEvent({"message": "no terminal event"})

    def _messages_events(self) -> Answer:
        message = None
        buffers: dict[int, bytes] = {}
        with self._client.messages.create(**{"max_tokens": 1024, **self._request}, stream=True) as stream:
            for event in stream:
                message = accumulate_event(event=event, current_snapshot=message, json_bufs=buffers)
                if event.type == "message_stop":
                    break
        return from_messages(message)

    def _messages_body(self) -> Answer:
        raw = self._client.messages.with_raw_response.create(**{"max_tokens": 1024, **self._request})
        self._headers(raw)
        answer = from_messages(raw.parse())
        self.outcome.native, self.outcome.said = raw.parse(), answer.said()
        return answer

    def _messages_stream(self) -> Answer:
        told: dict[int, str] = {}
        with self._client.messages.stream(**{"max_tokens": 1024, **self._request}) as stream:
            self._headers(stream.response)
            for event in stream:
                if event.type == "text":
                    self.outcome.said += event.text
                elif event.type == "content_block_delta" and event.delta.type == "input_json_delta":
                    told[event.index] = told.get(event.index, "") + event.delta.partial_json
            message = self.outcome.native = stream.get_final_message()
        answer = from_messages(message)
        for index, text in told.items():
            # The accumulator makes an object even of arguments that were cut.
            if answer.blocks[index].kind == "tool":
                answer.blocks[index].arguments = arguments_of(text)
        return answer


def as_told(item: Any, index: int, told: Mapping[tuple[int, int], list[str]]) -> Any:
    """DI-253: a finished item; where it contradicts its deltas they count, for a program has shown them already."""

    def of(whole: str, place: int = 0) -> str:
        deltas = "".join(told.get((index, place), ()))
        return whole if whole.startswith(deltas) else deltas

    if get(item, "type") == "function_call":
        item.arguments = of(item.arguments)
    for place, part in enumerate(get(item, "content") or ()):
        if get(part, "type") == "output_text":
            part.text = of(part.text, place)
    return item


def ask(dialect: str, base_url: str, request: Mapping[str, Any], *, stream: bool, key: str = KEY) -> Outcome:
    """Ask as a program would, with the official SDK of the dialect; ``request`` holds the SDK's own keyword arguments."""
    return Ask(dialect, client(dialect, base_url, key), request, "stream" if stream else "body").run()


def overhear(dialect: str, base_url: str, request: Mapping[str, Any]) -> Outcome:
    """A stream read event by event with the SDK's typed models, up to its terminal event, without the SDK's accumulator.

    For what real providers once sent: the accumulators of today break on some of it, and none shows that deltas and finished
    items disagree. Never for what the gateway sends.
    """
    return Ask(dialect, client(dialect, base_url), request, "events").run()


def hello(dialect: str, model: str, text: str = "Hello") -> dict[str, Any]:
    """The least that a dialect asks for."""
    if dialect == "responses":
        return {"model": model, "input": text}
    return {"model": model, "messages": [{"role": "user", "content": text}]}


def _failure(error: openai.APIError | anthropic.APIError) -> Failure:
    body = error.body
    inner = get(body, "error") if isinstance(get(body, "error"), Mapping) else body
    code = get(inner, "code")
    return Failure(
        type(error).__name__,
        str(get(inner, "message") or error.message),
        status=getattr(error, "status_code", None),
        code=None if code is None else str(code),
        type=get(inner, "type"),
        param=get(inner, "param"),
        body=body,
    )
