"""The operators."""

from airflow_wisdom.operators.import_job import (
    WisdomDeleteImportJobOperator,
    WisdomGetImportJobOperator,
    WisdomStartImportJobOperator,
)

__all__ = [
    "WisdomDeleteImportJobOperator",
    "WisdomGetImportJobOperator",
    "WisdomStartImportJobOperator",
]
