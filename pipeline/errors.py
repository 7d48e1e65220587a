"""What can go wrong, typed once: whose fault it is, which status, whether another try can help.

Guards, codecs and providers raise; ``classify`` is the only place that turns a foreign exception into a
:class:`GatewayError`; each dialect's ``errors.py`` is the only place that gives it a shape. The table is DI-114.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from operators.errors import Elapsed, GuardError, Injected, Overloaded, RateLimited, StepError, TooLarge, TooSlow


class Kind(Enum):
    """Classes of errors: (status, OpenAI type, OpenAI code, Anthropic type, retryable elsewhere, public text)."""

    BAD_REQUEST = (400, "invalid_request_error", None, "invalid_request_error", False, "The request is not valid.")
    CONTEXT_LENGTH = (
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "invalid_request_error",
        False,
        "The request is longer than the model's context.",
    )
    UNAUTHENTICATED = (401, "invalid_request_error", "invalid_api_key", "authentication_error", False, "The key is not valid.")
    BILLING = (402, "insufficient_quota", "insufficient_quota", "billing_error", False, "The account has no quota left.")
    FORBIDDEN = (403, "invalid_request_error", None, "permission_error", False, "This is not allowed.")
    NOT_FOUND = (404, "invalid_request_error", "not_found", "not_found_error", False, "There is nothing here.")
    MODEL_NOT_FOUND = (404, "invalid_request_error", "model_not_found", "not_found_error", False, "The model does not exist.")
    METHOD = (405, "invalid_request_error", None, "invalid_request_error", False, "This method is not offered here.")
    CLIENT_TIMEOUT = (408, "invalid_request_error", None, "timeout_error", True, "The request did not arrive in time.")
    CONFLICT = (409, "invalid_request_error", None, "conflict_error", True, "The request conflicts with another one.")
    TOO_LARGE = (413, "invalid_request_error", None, "request_too_large", False, "The request is too large.")
    UNPROCESSABLE = (422, "invalid_request_error", None, "invalid_request_error", False, "The request cannot be processed.")
    UPGRADE = (
        426,
        "invalid_request_error",
        "upgrade_required",
        "invalid_request_error",
        False,
        "A protocol upgrade is required.",
    )
    RATE_LIMIT = (429, "rate_limit_error", "rate_limit_exceeded", "rate_limit_error", True, "Too many requests.")
    CLIENT_LEFT = (499, "invalid_request_error", None, "api_error", False, "The client left.")
    PROVIDER = (500, "server_error", None, "api_error", True, "The provider failed.")
    UNSUPPORTED = (501, "invalid_request_error", "unsupported", "api_error", False, "This is not offered.")
    BAD_REPLY = (502, "server_error", "bad_gateway", "api_error", True, "The provider sent an answer that cannot be used.")
    CUT = (502, "server_error", "stream_ended_early", "api_error", True, "The provider ended the stream early.")
    UNREACHABLE = (502, "server_error", "provider_unreachable", "api_error", True, "The provider cannot be reached.")
    OVERLOADED = (
        503,
        "service_unavailable_error",
        "server_is_overloaded",
        "overloaded_error",
        True,
        "The service is overloaded.",
    )
    TIMEOUT = (504, "server_error", "timeout", "timeout_error", True, "The provider did not answer in time.")
    INTERNAL = (500, "server_error", "internal_error", "api_error", False, "The gateway failed.")

    def __init__(
        self, status: int, openai_type: str, openai_code: str | None, anthropic_type: str, retryable: bool, text: str
    ) -> None:
        self.status = status
        self.openai_type = openai_type
        self.openai_code = openai_code
        self.anthropic_type = anthropic_type
        self.retryable = retryable
        self.text = text

    @property
    def reason(self) -> str:
        """The name for metrics and logs."""
        return self.name.lower()


# Which class a provider's status means, where its body says nothing better (DI-114, DI-115).
KIND_BY_STATUS: Mapping[int, Kind] = {
    400: Kind.BAD_REQUEST,
    401: Kind.UNAUTHENTICATED,
    402: Kind.BILLING,
    403: Kind.FORBIDDEN,
    404: Kind.NOT_FOUND,
    405: Kind.METHOD,
    408: Kind.CLIENT_TIMEOUT,
    409: Kind.CONFLICT,
    413: Kind.TOO_LARGE,
    422: Kind.UNPROCESSABLE,
    429: Kind.RATE_LIMIT,
    500: Kind.PROVIDER,
    501: Kind.UNSUPPORTED,
    502: Kind.BAD_REPLY,
    503: Kind.OVERLOADED,
    504: Kind.TIMEOUT,
    529: Kind.OVERLOADED,
}


def kind_of_status(status: int) -> Kind:
    """The class of an HTTP status; unknown 4xx count as a bad request, everything else as the provider's failure."""
    kind = KIND_BY_STATUS.get(status)
    if kind is None:
        kind = Kind.BAD_REQUEST if 400 <= status < 500 else Kind.PROVIDER
    return kind


# How long a candidate is left alone after a 429 that names no time, in seconds.
RATE_LIMIT_PAUSE: Final = 5.0
# And at most: a date in a far year, by mistake or not, must not take a candidate out of service for good.
LONGEST_PAUSE: Final = 600.0


class GatewayError(Exception):
    """An error that a client, a guard and a metric all understand.

    Args:
        kind: the class.
        message: the public text; None takes the class's own. Never an exception's text, never a secret (TR-E17).
        status: the provider's own status where it has one (529, 418); None takes the class's.
        code, type: the provider's own words, where it gave some in the OpenAI shape.
        param: the field at fault, as a path in the client's body.
        details: Anthropic ``error.details`` (``error_code`` ...).
        retry_after: seconds to wait, from the provider's ``Retry-After``.
        headers: response headers that go to the client with it (rate limits, ``x-should-retry``).
        raw: the provider's own wire event (in-band) or body, and ``dialect`` the dialect it is in: the same dialect hands it on.
        from_provider: whether a provider said it (as opposed to the gateway itself).
        limit: which limit of the server's it is about, for metrics; "" for none.
    """

    def __init__(
        self,
        kind: Kind,
        message: str | None = None,
        *,
        status: int | None = None,
        code: str | None = None,
        type: str | None = None,
        param: str | None = None,
        details: dict[str, Any] | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        dialect: str | None = None,
        from_provider: bool = False,
        limit: str = "",
    ) -> None:
        super().__init__(message or kind.text)
        self.kind = kind
        self.message = message or kind.text
        self.status = status or kind.status
        self.code = code if code is not None else kind.openai_code
        self.type = type
        self.param = param
        self.details = details
        self.retry_after = retry_after
        self.headers: Mapping[str, str] = headers or {}
        self.raw = raw
        self.dialect = dialect
        self.from_provider = from_provider
        self.limit = limit

    @property
    def retryable(self) -> bool:
        """Whether another candidate, or the same one later, may do better."""
        return self.kind.retryable

    @property
    def cool_down(self) -> float | None:
        """Seconds for which the provider asked to be left alone: a breaker opens at once for as long, within reason (F02)."""
        if self.kind is not Kind.RATE_LIMIT:
            return None
        return RATE_LIMIT_PAUSE if self.retry_after is None else min(self.retry_after, LONGEST_PAUSE)

    @property
    def reason(self) -> str:
        """A bounded word for metrics."""
        return self.kind.reason

    def for_others(self) -> GatewayError:
        """The same error without the provider's own words and headers: they were meant for one client, by name perhaps."""
        return GatewayError(self.kind, status=self.status, retry_after=self.retry_after, from_provider=self.from_provider)


def classify(error: BaseException) -> GatewayError:
    """The only mapping from foreign exceptions to ours. A GatewayError stays itself; the original becomes its cause."""
    if isinstance(error, GatewayError):
        return error
    mapped: GatewayError
    if isinstance(error, Elapsed):
        mapped = GatewayError(Kind.TIMEOUT, f"The provider did not answer in time ({error.operator}: {error.seconds:g} s).")
    elif isinstance(error, TooLarge):
        mapped = GatewayError(
            Kind.BAD_REPLY, f"The provider's answer is too large ({error.operator}: {error.limit} {error.unit})."
        )
    elif isinstance(error, TooSlow):
        mapped = GatewayError(Kind.TIMEOUT, f"The provider is too slow ({error}).")
    elif isinstance(error, RateLimited):
        # From the gateway, not from a provider: the client has used up what it may use.
        mapped = GatewayError(
            Kind.RATE_LIMIT, f"Too many {error.unit}: {error}.", retry_after=error.retry_after, headers=_rate_limit_headers(error)
        )
    elif isinstance(error, Overloaded):
        mapped = GatewayError(Kind.OVERLOADED, f"There is no room ({error}).", retry_after=error.retry_after)
    elif isinstance(error, StepError):
        # A person's own function may fail with an error of ours, and then means it.
        if isinstance(error.__cause__, GatewayError):
            return error.__cause__
        mapped = GatewayError(Kind.INTERNAL)
    elif isinstance(error, Injected):
        mapped = GatewayError(Kind.PROVIDER, str(error))
    elif isinstance(error, GuardError):
        mapped = GatewayError(Kind.OVERLOADED if error.retryable else Kind.INTERNAL, str(error))
    elif isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        mapped = GatewayError(Kind.TIMEOUT)
    elif isinstance(error, (ConnectionError, OSError)):
        mapped = GatewayError(Kind.UNREACHABLE)
    else:
        mapped = GatewayError(Kind.INTERNAL)
    mapped.__cause__ = error
    return mapped


def _rate_limit_headers(error: RateLimited) -> Mapping[str, str]:
    """What a client paces itself by, in OpenAI's words: it has used up all of the limit."""
    unit = error.unit
    return {
        f"x-ratelimit-limit-{unit}": str(error.limit),
        f"x-ratelimit-remaining-{unit}": "0",
        f"x-ratelimit-reset-{unit}": f"{error.retry_after:.3f}s",
    }


def forget_frames(error: BaseException | None) -> None:
    """Let go of where an error was raised, and of what caused it, when all was said of it.

    Its frames know the answer that failed, and the answer knows its error: both, with a body of any size, would wait for the
    collector of cycles.
    """
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            each.__traceback__ = None
            waiting += (each.__cause__, each.__context__, *getattr(each, "exceptions", ()))
