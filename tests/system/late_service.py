"""The fake service with a clock that is ten minutes ahead."""

from __future__ import annotations

import runpy
from datetime import datetime, timedelta, timezone

from airflow_wisdom.testing.wisdom import resources

AHEAD = timedelta(minutes=10)


class LateDatetime(datetime):
    """Tells the time of a clock that is off."""

    @classmethod
    def now(cls, tz=timezone.utc) -> datetime:
        return datetime.now(tz) + AHEAD


resources.datetime = LateDatetime
runpy.run_module("airflow_wisdom.testing.server", run_name="__main__")
