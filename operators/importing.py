"""Functions by their names: ``module:function``, as a configuration writes them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from operators.errors import ChainError


def imported(what: str, name: str) -> Callable[..., Any]:
    """The function called ``name``; ``what`` it is begins each message.

    >>> imported("function", "math:sqrt")(9)
    3.0

    Raises:
        ChainError: there is none; the message says which part of the name leads nowhere.
    """
    module, _, function = name.partition(":")
    if not module or not function or module.startswith("."):
        raise ChainError(f'{what} {name!r} is not of the form "module:function"')
    try:
        home = importlib.import_module(module)
    except ImportError as error:
        raise ChainError(f"{what} {name!r}: module {module!r} cannot be imported ({error})") from error
    except Exception as error:
        # A person's own module may raise anything; what it says may hold anything too.
        raise ChainError(f"{what} {name} cannot be used ({type(error).__name__} while it was imported)") from error
    found = getattr(home, function, None)
    if found is None:
        raise ChainError(f"{what} {name!r}: module {module!r} has no {function!r}")
    if not callable(found):
        raise ChainError(f"{what} {name!r} is not a function")
    return found  # type: ignore[no-any-return]
