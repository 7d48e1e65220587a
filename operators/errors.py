"""What guards fail with. Each error says which guard spoke, and carries its numbers."""

from __future__ import annotations


class GuardError(Exception):
    """A guard stopped a stream. ``operator`` is the guard's name as it stands in a chain."""

    retryable: bool = True
    """Whether another attempt may do better."""
    again: bool = True
    """Whether the same source may do better when it is tried once more."""

    def __init__(self, operator: str, message: str) -> None:
        super().__init__(message)
        self.operator = operator


class Elapsed(GuardError):
    """Time ran out."""

    again = False

    def __init__(self, operator: str, seconds: float) -> None:
        super().__init__(operator, f"{operator}: {seconds:g} s are over")
        self.seconds = seconds


class TooLarge(GuardError):
    """More came than allowed."""

    def __init__(self, operator: str, limit: int, unit: str = "bytes") -> None:
        super().__init__(operator, f"{operator}: more than {limit} {unit}")
        self.limit = limit
        self.unit = unit


class TooCostly(GuardError):
    """Something that a person configured takes too long. ``seconds`` is what it was allowed."""

    retryable = False

    def __init__(self, operator: str, what: str, seconds: float) -> None:
        super().__init__(operator, f"{operator}: {what} takes more than {seconds:g} s")
        self.seconds = seconds


class Overloaded(GuardError):
    """No slot, and the queue is full or too slow. ``limit`` is the option that allows no more; ``retry_after`` is in seconds."""

    def __init__(self, operator: str, message: str, retry_after: float = 1.0, limit: str = "") -> None:
        super().__init__(operator, f"{operator}: {message}")
        self.retry_after = retry_after
        self.limit = limit


class TooSlow(GuardError):
    """Less came than ``least`` units a second over ``window`` seconds: ``rate`` units a second."""

    again = False

    def __init__(self, operator: str, rate: float, least: float, window: float) -> None:
        super().__init__(operator, f"{operator}: {rate:g} a second over {window:g} s, less than {least:g}")
        self.rate = rate
        self.least = least
        self.window = window


class RateLimited(GuardError):
    """``limit`` of ``unit`` (requests, tokens) in ``per`` seconds are used up; ``retry_after`` is in seconds."""

    def __init__(self, operator: str, limit: int, unit: str, per: float, retry_after: float) -> None:
        super().__init__(operator, f"{operator}: {limit} {unit} in {per:g} s are used up; again in {retry_after:.3g} s")
        self.limit = limit
        self.unit = unit
        self.per = per
        self.retry_after = retry_after


class Exhausted(GuardError):
    """There was nothing to try at all."""


class StepError(GuardError):
    """A person's own function inside a step raised; the original is the cause."""

    retryable = False

    def __init__(self, operator: str, cause: BaseException) -> None:
        super().__init__(operator, f"{operator}: {type(cause).__name__} in its function")
        self.__cause__ = cause


class Injected(GuardError):
    """A drill failed the stream on purpose. ``status`` is the number that the drill asked for."""

    def __init__(self, operator: str, status: int | None = None) -> None:
        told = "" if status is None else f" with status {status}"
        super().__init__(operator, f"{operator}: failed on purpose{told}; this is a drill")
        self.status = status


class NoScheduler(GuardError):
    """A guard that needs time was subscribed to without a scheduler."""

    retryable = False

    def __init__(self, operator: str) -> None:
        super().__init__(operator, f"{operator}: needs time; subscribe with scheduler=Clock() (in tests: a TestScheduler)")


class Interrupted(GuardError):
    """Somebody other than the stream cancelled the task that produces its items."""

    retryable = False

    def __init__(self, operator: str) -> None:
        super().__init__(operator, f"{operator}: the task was cancelled from outside")


class ChainError(ValueError):
    """A chain cannot be built as it is written; the message says why, with the nearest right name."""
