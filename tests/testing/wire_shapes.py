"""Check bodies on the wire against botocore's output shapes, of which its own parser forgives every breach."""

import json
import re
from datetime import datetime, timezone

import botocore.session

SERVICES = ("wisdom", "qconnect")
_session = botocore.session.get_session()
_models = {service: _session.get_service_model(service) for service in (*SERVICES, "connect")}


def problems(service, operation, body):
    """Everything in which a 2xx body is not what this client's model says."""
    shape = _models[service].operation_model(operation).output_shape
    if shape is None or not shape.members:
        return [] if body in (b"", b"{}") else [f"{operation}: {body!r} where nothing is expected"]
    return list(_problems(shape, json.loads(body), operation))


def check(client):
    """Let every 2xx answer to this client be checked against the models of both clients, or of its own service."""
    name = client.meta.service_model.service_name
    services = SERVICES if name in SERVICES else (name,)

    def before_parse(operation_model, response_dict, **_):
        if response_dict["status_code"] < 300:
            for service in services:
                found = problems(service, operation_model.name, response_dict["body"])
                assert not found, (service, found)

    client.meta.events.register("before-parse", before_parse)
    return client


def _problems(shape, value, path):
    kind = shape.type_name
    check_one = _CHECKS[kind]
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{path}: {value!r} is no {kind}"
    else:
        yield from check_one(shape, value, path)


def _structure(shape, value, path):
    members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
    for name in shape.required_members:
        if name not in value:
            yield f"{path}.{name}: required, absent"
    for name, item in value.items():
        if name in members:
            yield from _problems(members[name], item, f"{path}.{name}")
        else:
            yield f"{path}.{name}: not in the model"
    if shape.metadata.get("union") and len(value) != 1:
        yield f"{path}: a union of {len(value)} members"


def _list(shape, value, path):
    for index, item in enumerate(value):
        yield from _problems(shape.member, item, f"{path}[{index}]")


def _map(shape, value, path):
    for key, item in value.items():
        yield from _problems(shape.key, key, f"{path}.{key}")
        yield from _problems(shape.value, item, f"{path}.{key}")


def _string(shape, value, path):
    meta = shape.metadata
    if shape.enum and value not in shape.enum:
        yield f"{path}: must be one of {shape.enum}, not {value!r}"
    if not meta.get("min", 0) <= len(value) <= meta.get("max", len(value)):
        yield f"{path}: {len(value)} characters"
    if meta.get("pattern") and not re.fullmatch(f"(?:{meta['pattern']})", value):
        yield f"{path}: {value!r} does not match {meta['pattern']}"


def _timestamp(shape, value, path):
    year = datetime.fromtimestamp(min(value, 4e9), timezone.utc).year
    if not 2024 <= year < 2090:
        yield f"{path}: {value!r} are no epoch seconds of our days"


def _nothing_more(shape, value, path):
    return ()


_CHECKS = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "timestamp": _timestamp,
    "boolean": _nothing_more,
    "integer": _nothing_more,
    "long": _nothing_more,
}
_TYPES = {
    "structure": dict,
    "list": list,
    "map": dict,
    "string": str,
    "timestamp": (int, float),
    "boolean": bool,
    "integer": int,
    "long": int,
}
