"""The operators."""

from airflow_wisdom.operators.export import WisdomExportQuickResponsesOperator
from airflow_wisdom.operators.import_job import (
    WisdomDeleteImportJobOperator,
    WisdomGetImportJobOperator,
    WisdomStartImportJobOperator,
)
from airflow_wisdom.operators.quick_responses import WisdomImportQuickResponsesOperator
from airflow_wisdom.operators.sync import WisdomSyncQuickResponsesOperator

__all__ = [
    "WisdomDeleteImportJobOperator",
    "WisdomExportQuickResponsesOperator",
    "WisdomGetImportJobOperator",
    "WisdomImportQuickResponsesOperator",
    "WisdomStartImportJobOperator",
    "WisdomSyncQuickResponsesOperator",
]
