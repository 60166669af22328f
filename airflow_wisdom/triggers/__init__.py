"""What a deferred task leaves behind, and what an asset watcher runs."""

from airflow_wisdom.triggers.endings import WisdomEndingsTrigger
from airflow_wisdom.triggers.import_jobs import (
    WisdomJobsCompleteTrigger,
    WisdomJobSensorTrigger,
    WisdomRunImportTrigger,
)

__all__ = [
    "WisdomEndingsTrigger",
    "WisdomJobSensorTrigger",
    "WisdomJobsCompleteTrigger",
    "WisdomRunImportTrigger",
]
