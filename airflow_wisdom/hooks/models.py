"""What botocore's service models say, loaded once in a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore import xform_name
from botocore.loaders import Loader, create_loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from airflow_wisdom.exceptions import ParameterError
from airflow_wisdom.settings import SERVICE_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import OperationModel, Shape

_TEXTS = ("name", "description", "shortcutKey", "language")


@cache
def loader(data_path: str | None = None) -> Loader:
    """Return one loader of service models for all sessions.

    Each would load the model and the endpoints again: tens of thousands of objects, over which the garbage collector
    then holds up the whole process, the triggerer's event loop included.

    :param data_path: Where botocore looks for models besides. Default: nowhere else.
    """
    made = create_loader(data_path)
    # As boto3 does for the loader of a session of its own.
    made.search_paths.append(str(Path(boto3.__file__).parent / "data"))
    return made


def check_path(params: Mapping[str, Any], model: OperationModel, **_: Any) -> None:
    """Refuse a request whose URL would be that of another operation; botocore calls this before it makes the request.

    What names a resource is a part of the URL. Where the part is empty, or dots, the URL is that of what the resource
    is in: ``DeleteImportJob`` without an import job would delete the knowledge base.

    :param params: Parameters of the operation.
    :param model: The operation.
    :raises ParameterError: A part is empty, or nothing but dots.
    """
    members = model.input_shape.members if model.input_shape else {}
    parts = [name for name, shape in members.items() if shape.serialization.get("location") == "uri"]
    wrong = [name for name in parts if isinstance(params.get(name), str) and not params[name].strip(" .")]
    problems = [f"{xform_name(name)} must name what {model.name} is about, not {params[name]!r}" for name in wrong]
    if problems:
        raise ParameterError("; ".join(problems), problems=problems)


@cache
def quick_response_lengths() -> dict[str, tuple[int, int | None]]:
    """Return the fewest and most characters of each field of a quick response; AWS operation ``CreateQuickResponse``.

    The models of the two clients differ, and both reach one service: the wider limit holds, whichever client is used.

    :returns: Field -> characters; of each item where the field is a list. For routing profiles it is the length of
        their ARNs, which no name reaches.
    """
    models = [_members(name) for name in SERVICE_NAMES]
    return {field: _wider([members[field] for members in models]) for field in models[0]}


def wrong_external_source(value: Mapping[str, Any]) -> str:
    """Return what is wrong with a value of AWS's type ``ExternalSourceConfiguration``; empty if nothing is.

    :param value: The value.
    """
    shape = _model(SERVICE_NAMES[0]).shape_for("ExternalSourceConfiguration")
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        return "; ".join(report.generate_report().splitlines())
    sources = shape.members["source"].enum
    return (
        ""
        if value["source"] in sources
        else f"source must be one of {', '.join(sources)}, not {value['source']!r:.100}"
    )


def _model(service_name: str) -> ServiceModel:
    return ServiceModel(loader().load_service_model(service_name, "service-2"), service_name)


def _members(service_name: str) -> dict[str, Shape]:
    asked = _model(service_name).operation_model("CreateQuickResponse").input_shape.members
    return {
        **{name: asked[name] for name in _TEXTS},
        "content": asked["content"].members["content"],
        "channels": asked["channels"].member,
        "routingProfiles": asked["groupingConfiguration"].members["values"].member,
    }


def _wider(shapes: list[Shape]) -> tuple[int, int | None]:
    most = [shape.metadata.get("max") for shape in shapes]
    return min(shape.metadata.get("min", 0) for shape in shapes), None if None in most else max(most)
