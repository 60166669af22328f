"""Section ``[wisdom]`` of Airflow's configuration: what a deployment decides once, so that no DAG has to repeat it.

One function for each option, read when it is called, by Airflow's own getters; the limits are ours. Where the section
is missing, the defaults are those that `provider_info` describes. What a task's constructor is given wins over all of
them.

A value that makes no sense is an :class:`~airflow_wisdom.exceptions.OptionError` that names section and option. The
options of shared calls, :func:`calls_per_second` and :func:`gc_freeze`, are not worth failing every wait and sync for:
there the error is logged, and the default is taken.
"""

from __future__ import annotations

import csv
import logging
import math
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_wisdom.exceptions import OptionError
from airflow_wisdom.provider_info import get_provider_info
from airflow_wisdom.values import one_of, switch, whole_number

if TYPE_CHECKING:
    from airflow_wisdom.values import Reader

SECTION = "wisdom"

SERVICE_NAMES = ("wisdom", "qconnect")
"""Names of the boto3 clients that reach the service."""

log = logging.getLogger(__name__)


def service_name() -> str:
    """Return the name of the boto3 client where a task names none: ``wisdom`` or ``qconnect``."""
    return str(_read("service_name", "get", lambda name, text: one_of(name, text.strip(), SERVICE_NAMES)))


def upload_max_bytes() -> int:
    """Return the size of the largest file that is uploaded where a task names none, in bytes."""
    return int(_read("upload_max_bytes", "getint", partial(whole_number, least=1)))


def max_active_import_jobs() -> int:
    """Return how many import jobs one task keeps running at a time where it names no number."""
    return int(_read("max_active_import_jobs", "getint", partial(whole_number, least=1)))


def sample_size() -> int:
    """Return how many invalid and refused rows go to log and XCom where a task names no number; 0 stands for none."""
    return int(_read("sample_size", "getint", partial(whole_number, least=0)))


def import_template() -> str | tuple[str, ...] | None:
    """Return the header of import files where a task names none.

    :returns: The labels, where the option holds a comma; else the path or URI of a template file, as text; None
        where the option is empty.
    """
    template: str | tuple[str, ...] | None = _read("import_template", "get", _template)
    return template


def redacted_parameters() -> tuple[str, ...]:
    """Return the query parameters by which a presigned URL is recognised beside Amazon S3's own."""
    return tuple(filter(None, _read("redacted_parameters", "getlist")))


def calls_per_second() -> float:
    """Return how many calls a second a process makes at most through one AWS connection."""
    return float(_read_or_default("calls_per_second", "getfloat", _rate))


def gc_freeze() -> bool:
    """Return whether a process that calls AWS again and again hides what it has loaded from the garbage collector."""
    return bool(_read_or_default("gc_freeze", "getboolean", switch))


def _read(option: str, getter: str, check: Reader | None = None) -> Any:
    # Imported here so that a run, which knows nothing of Airflow, can ask for what it shares with others.
    from airflow.providers.common.compat.sdk import AirflowConfigException, conf

    try:
        value = getattr(conf, getter)(SECTION, option, fallback=_default(option))
        return check(option, value) if check else value
    except AirflowConfigException as exc:
        # It names section and option itself.
        raise OptionError(str(exc), option=option) from None
    except ValueError as exc:
        raise OptionError(f"[{SECTION}] {exc}", option=option) from None


def _read_or_default(option: str, getter: str, check: Reader) -> Any:
    try:
        return _read(option, getter, check)
    except Exception as exc:  # noqa: BLE001 - Airflow has errors of its own, such as for a secret that is not there
        log.error("%s; using the default, %s", exc, _default(option))  # noqa: TRY400 - the text says it all
        return check(option, _default(option))


def _default(option: str) -> str:
    return str(get_provider_info()["config"][SECTION]["options"][option]["default"])


def _rate(name: str, value: float | str) -> float:
    rate = float(value)
    if not 0 < rate < math.inf:
        raise ValueError(f"{name} must be more than 0, not {value!r}")
    return rate


def _template(name: str, text: str) -> str | tuple[str, ...] | None:
    if "," not in text:
        return text.strip() or None
    (row,) = csv.reader([text], skipinitialspace=True)
    labels = tuple(map(str.strip, row))
    if "" in labels or len(set(labels)) < len(labels):
        raise ValueError(f"{name} must be labels that are not empty and differ, not {text!r}")
    return labels
