"""Check what a test hands over to a switch, so that a mistake is told at once and not by a later answer of 500.

The annotations of a switch's method are the rules.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

LONGEST_PAUSE = 3600.0


@dataclass(frozen=True)
class Rule:
    what: str
    holds: Callable[[Any], bool]


Count = Annotated[int, Rule("a whole number from 0", lambda value: value >= 0)]
Times = Annotated[int, Rule("a whole number from 1", lambda value: value >= 1)]
Seconds = Annotated[float, Rule("a number of seconds from 0", lambda value: value >= 0)]
Pause = Annotated[float, Rule("a number of seconds from 0 to 3600", lambda value: 0 <= value <= LONGEST_PAUSE)]
Rate = Annotated[float, Rule("a number above 0", lambda value: value > 0)]
ErrorStatus = Annotated[int, Rule("an HTTP status from 400 to 599", lambda value: 400 <= value <= 599)]  # noqa: PLR2004
Word = Annotated[str, Rule("text that is not empty", bool)]
# It travels in a header.
Code = Annotated[
    str,
    Rule("printable ASCII that is not empty", lambda value: bool(value) and value.isascii() and value.isprintable()),
]
_NAMES = {
    Any: "anything",
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    type(None): "None",
}


def check(function: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """Raise a ValueError unless `function` can be called with these `arguments`."""
    signature = inspect.signature(function)
    try:
        bound = signature.bind(**arguments)
    except TypeError as error:
        raise ValueError(str(error)) from None
    hints = get_type_hints(function, include_extras=True)
    for name, value in bound.arguments.items():
        if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            for other, its_value in value.items():
                _check_one(other, its_value, hints[name])
        else:
            _check_one(name, value, hints[name])


def _check_one(name: str, value: Any, hint: Any) -> None:
    if not _fits(value, hint):
        raise ValueError(f"{name} must be {_describe(hint)}, not {value!r:.100}")


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is not None:
        return _FITS[origin](value, inner)
    if hint is Any:
        return True
    if isinstance(value, bool) and hint is not bool:
        return False
    return isinstance(value, (int, float) if hint is float else hint)


def _fits_any(value: Any, inner: tuple[Any, ...]) -> bool:
    return any(_fits(value, one) for one in inner)


_FITS: dict[Any, Callable[[Any, Any], bool]] = {
    Annotated: lambda value, inner: _fits(value, inner[0]) and all(rule.holds(value) for rule in inner[1:]),
    Union: _fits_any,
    UnionType: _fits_any,
    Literal: lambda value, inner: value in inner,
    list: lambda value, inner: isinstance(value, list) and all(_fits(item, inner[0]) for item in value),
    dict: lambda value, inner: isinstance(value, dict) and all(_fits(item, inner[1]) for item in value.values()),
}


def _describe(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return str(inner[1].what)
    if origin in (Union, UnionType):
        return " or ".join(_describe(one) for one in inner)
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}"
    if origin is list:
        return f"a list of {_describe(inner[0])}"
    if origin is dict:
        return f"a map to {_describe(inner[1])}"
    return _NAMES[hint]
