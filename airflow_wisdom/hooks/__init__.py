"""The one way to AWS: the hook, the connection that it is made from, and the calls that everybody shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_wisdom.hooks.wisdom import WisdomHook

__all__ = ["WisdomHook"]


def __getattr__(name: str) -> Any:
    """Load the hook when it is asked for: with Airflow and boto3 it takes most of a second, and a run needs neither."""
    if name != "WisdomHook":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from airflow_wisdom.hooks.wisdom import WisdomHook

    return WisdomHook
