"""Input validation by botocore's model.

A client itself checks types, required members and minimum lengths, but no maximum, pattern or enum; and not
everybody who asks is a client.
"""

import re
from collections.abc import Iterator
from typing import Any

from botocore.model import OperationModel, Shape

from .exceptions import RawError


def validate_input(operation: OperationModel, params: dict[str, Any], code: str = "ValidationException") -> None:
    """Raise AWS's error for the first member of `params` that breaks a rule of the input shape."""
    broken = first_violation(operation, params)
    if broken:
        path, rule = broken
        raise RawError(
            code,
            f"1 validation error detected: Value at '{path}' failed to satisfy constraint: Member must {rule}",
            400,
        )


def first_violation(operation: OperationModel, params: dict[str, Any]) -> tuple[str, str] | None:
    """The path of the first member that breaks a rule, and the rule; None if all is well."""
    return next(_violations(operation.input_shape, params, ""), None)


def _violations(shape: Shape | None, value: Any, path: str) -> Iterator[tuple[str, str]]:
    if shape is None:
        return
    kind = shape.type_name
    if kind == "structure":
        yield from _structure(shape, value, path)
    if kind in ("list", "map", "string"):
        yield from _bounds(shape, len(value), path, "length")
    if kind in ("integer", "long"):
        yield from _bounds(shape, value, path, "value")
    if kind == "string":
        yield from _string(shape, value, path)
    if kind == "list":
        for index, item in enumerate(value, 1):
            yield from _violations(shape.member, item, f"{path}.{index}.member")
    if kind == "map":
        for key, item in value.items():
            yield from _violations(shape.key, key, f"{path}.{key}")
            yield from _violations(shape.value, item, f"{path}.{key}")


def _structure(shape: Any, value: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    prefix = f"{path}." if path else ""
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"{prefix}{name}", "not be null"
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _violations(member, value[name], f"{prefix}{name}")


def _bounds(shape: Shape, size: int, path: str, what: str) -> Iterator[tuple[str, str]]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield path, f"have {what} greater than or equal to {least}"
    if most is not None and size > most:
        yield path, f"have {what} less than or equal to {most}"


def _string(shape: Any, value: str, path: str) -> Iterator[tuple[str, str]]:
    # Matched from the beginning alone, and none of the model's can match a part of a text in two ways: the work grows
    # with the text, not with its square.
    pattern = shape.metadata.get("pattern")
    if shape.enum and value not in shape.enum:
        yield path, f"satisfy enum value set: {list(shape.enum)}"
    if pattern and not re.fullmatch(f"(?:{pattern})", value):
        yield path, f"satisfy regular expression pattern: {pattern}"
