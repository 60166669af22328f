"""From any source of rows to the files that an import of quick responses takes. Pure: no Airflow, no boto3.

Three steps, each of them streaming: a reader (`read`, `read_csv`, `read_json_lines`, `read_rows`) turns the source into
a `Table`; a `Validator` judges each row of it by an `ImportTemplate` and `Rules`; `prepare` writes what is valid into
files of at most 100 rows, and what is not into a file that says why.
"""

from __future__ import annotations

from airflow_wisdom.rows.mistake import Mistake
from airflow_wisdom.rows.preparing import prepare
from airflow_wisdom.rows.reading import read
from airflow_wisdom.rows.template import DEFAULT_TEMPLATE, ImportTemplate
from airflow_wisdom.rows.validation import Rules, Validator, field_limits

__all__ = ["DEFAULT_TEMPLATE", "ImportTemplate", "Mistake", "Rules", "Validator", "field_limits", "prepare", "read"]
