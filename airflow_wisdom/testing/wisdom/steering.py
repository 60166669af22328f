"""The route by which a test steers the service over HTTP, beside those of moto's own control API."""

import json
from typing import Any

from moto.core.common_types import TYPE_RESPONSE

from .models import steer

PATH = "/moto-api/wisdom/control"


def control(request: Any, full_url: str, headers: Any) -> TYPE_RESPONSE:  # noqa: ARG001  # moto's signature
    """POST what `steer` is asked for; not AWS's, the test's."""
    json_type = {"Content-Type": "application/json"}
    try:
        return 200, json_type, json.dumps(steer(json.loads(request.data)), default=as_text)
    except (ValueError, RecursionError) as error:
        return 400, json_type, json.dumps({"message": str(error)})


def as_text(moment: Any) -> str:
    """Times travel as ISO 8601."""
    return str(moment.isoformat())
