"""The members of a request, of the types that botocore's model declares.

moto's own parser takes whatever comes for what is declared, and lets the body overrule the path.
"""

import json
from collections.abc import Mapping
from typing import Any

from .exceptions import SerializationError

TYPES = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
}
Params = dict[str, Any]


def read_request(shape: Any, request: Any, path: Mapping[str, str]) -> Params:
    """Collect the members from path, query and body; `path` has those of the path."""
    members = {name: member for name, member in shape.members.items() if not member.serialization.get("location")}
    params = _read_members(members, _body(request), "")
    for name, member in shape.members.items():
        wire_name = member.serialization.get("name", name)
        location = member.serialization.get("location")
        if location == "uri" and wire_name in path:
            params[name] = path[wire_name]
        elif location == "querystring" and wire_name in request.args:
            params[name] = _from_query(member, request.args.getlist(wire_name), wire_name)
    return params


def read(shape: Any, value: Any, path: str = "") -> Any:
    """Keep what the shape declares, refuse what is of another type; a null in a structure is an absent member."""
    kind = shape.type_name
    if not _is_of(kind, value):
        raise SerializationError(f"{path or 'the body'} must be of type {kind}")
    if kind == "structure":
        return _read_members(shape.members, value, path)
    if kind == "map":
        return {key: read(shape.value, item, f"{path}.{key}") for key, item in value.items()}
    if kind == "list":
        return [read(shape.member, item, f"{path}.{index}.member") for index, item in enumerate(value, 1)]
    return value


def _is_of(kind: str, value: Any) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _read_members(members: Mapping[str, Any], value: Params, path: str) -> Params:
    prefix = f"{path}." if path else ""
    return {
        name: read(member, value[name], f"{prefix}{name}")
        for name, member in members.items()
        if value.get(name) is not None
    }


def _body(request: Any) -> Params:
    if not request.data:
        return {}
    try:
        body = json.loads(request.data)
    except (ValueError, RecursionError):
        raise SerializationError("The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise SerializationError("The body is not a JSON object.")
    return body


def _from_query(shape: Any, values: list[str], name: str) -> Any:
    if shape.type_name == "list":
        return values
    if shape.type_name != "integer":
        return values[0]
    try:
        return int(values[0])
    except ValueError:
        raise SerializationError(f"{name} must be of type integer") from None
