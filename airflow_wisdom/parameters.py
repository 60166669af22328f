"""The parameters of the operators and sensors, for editors and type checkers: each public class unpacks one of these.

What a parameter means stands in the docstring of the class that has it. Annotations alone import this module, and no
task that runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import Required, TypedDict

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping, Sequence
    from datetime import datetime, timedelta

    from airflow.sdk import DAG, ObjectStoragePath, TaskGroup, XComArg

    from airflow_wisdom.rows.reading.formats import Format
    from airflow_wisdom.rows.template import Field
    from airflow_wisdom.sources import SqlSource


class TaskParameters(TypedDict, total=False):
    """Those of any operator, as the newest Airflow has them; what they mean, ``BaseOperator`` says."""

    task_id: Required[str]
    owner: str
    email: str | Sequence[str] | None
    email_on_retry: bool
    email_on_failure: bool
    retries: int | None
    retry_delay: timedelta | float
    retry_exponential_backoff: float
    max_retry_delay: timedelta | float | None
    retry_policy: Any
    start_date: datetime | None
    end_date: datetime | None
    depends_on_past: bool
    ignore_first_depends_on_past: bool
    wait_for_past_depends_before_skipping: bool
    wait_for_downstream: bool
    dag: DAG | None
    params: MutableMapping[str, Any] | None
    default_args: dict[str, Any] | None
    priority_weight: int
    weight_rule: Any
    queue: str
    pool: str | None
    pool_slots: int
    execution_timeout: timedelta | None
    on_execute_callback: Any
    on_failure_callback: Any
    on_success_callback: Any
    on_retry_callback: Any
    on_skipped_callback: Any
    pre_execute: Callable[[Any], None] | None
    post_execute: Callable[[Any, Any], None] | None
    trigger_rule: str
    resources: dict[str, Any] | None
    run_as_user: str | None
    map_index_template: str | None
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    executor: str | None
    executor_config: dict[str, Any] | None
    do_xcom_push: bool
    multiple_outputs: bool
    inlets: Any
    outlets: Any
    task_group: TaskGroup | None
    doc: str | None
    doc_md: str | None
    doc_json: str | None
    doc_yaml: str | None
    doc_rst: str | None
    task_display_name: str | None
    logger_name: str | None
    allow_nested_operators: bool
    render_template_as_native_obj: bool | None


class AwsParameters(TaskParameters, total=False):
    """Those of :class:`~airflow_wisdom.tasks.WisdomTask`."""

    aws_conn_id: str | XComArg | None
    region_name: str | XComArg | None
    verify: bool | str | XComArg | None
    botocore_config: dict[str, Any] | XComArg | None
    service_name: Literal["wisdom", "qconnect"] | XComArg | None


class KnowledgeBaseParameters(AwsParameters, total=False):
    """Those of :class:`~airflow_wisdom.tasks.WisdomKnowledgeBaseTask`."""

    knowledge_base_id: str | XComArg | None
    instance_id: str | XComArg | None


class ExistingJobParameters(KnowledgeBaseParameters, total=False):
    """Those of :class:`~airflow_wisdom.tasks.WisdomExistingJobTask`."""

    import_job_id: Required[str | XComArg]


class StorageParameters(KnowledgeBaseParameters, total=False):
    """Those of :class:`~airflow_wisdom.tasks.WisdomStorageTask`."""

    storage_conn_id: str | XComArg | None
    sample_size: int | str | None
    retry_data_errors: bool | str


class ReportParameters(StorageParameters, total=False):
    """Those of :class:`~airflow_wisdom.tasks.WisdomReportTask`."""

    on_failed_records: Literal["fail", "warn", "ignore"] | int | XComArg
    failed_records_path: str | XComArg | None
    max_report_bytes: int | str


class SingleJobParameters(ReportParameters, total=False):
    """Those of :class:`~airflow_wisdom.tasks.WisdomSingleJobTask`."""

    include_urls: bool | str


class ExistingSingleJobParameters(ExistingJobParameters, SingleJobParameters, total=False):
    """Those of a task that sees a job to its end which is already there."""


class SensorParameters(ExistingSingleJobParameters, total=False):
    """The same for a sensor, with what ``BaseSensorOperator`` has."""

    soft_fail: bool
    mode: Literal["poke", "reschedule"]
    exponential_backoff: bool
    max_wait: timedelta | float | None
    silent_fail: bool
    never_fail: bool


class RowsParameters(StorageParameters, total=False):
    """Those of :class:`~airflow_wisdom.operators.rows.WisdomRowsTask`."""

    import_template: str | os.PathLike[str] | Sequence[str] | Mapping[str, str | None] | XComArg | None
    column_mapping: Mapping[str, str] | XComArg | None
    extra_columns: Literal["fail", "ignore"] | XComArg
    spaces: Literal["trim", "invalid"] | XComArg
    allowed_values: Mapping[Field, Collection[str] | None] | XComArg | None
    null_values: Collection[str] | XComArg | None
    on_placeholders: Literal["warn", "invalid", "ignore"] | XComArg
    extra_checks: Sequence[Callable[[Mapping[str, str]], str | None]] | None
    on_invalid_rows: Literal["fail", "skip"] | XComArg
    strict: bool | str
    invalid_rows_path: str | XComArg | None
    timeout: timedelta | float | str | None


class SourceParameters(RowsParameters, total=False):
    """Those of :class:`~airflow_wisdom.operators.rows.WisdomSourceTask`."""

    source: Required[str | os.PathLike[str] | ObjectStoragePath | SqlSource | Iterable[Any] | XComArg]
    source_format: Format | XComArg | None
    delimiter: str | XComArg | None
    encoding: str | XComArg | None
    sheet: str | XComArg | None


class ImportParameters(RowsParameters, ReportParameters, total=False):
    """Those of :class:`~airflow_wisdom.operators.quick_responses.WisdomImportTask`."""

    mode: Literal["import", "check"] | XComArg
    max_rows_per_file: int | str | XComArg
    max_active_jobs: int | str | XComArg | None
    max_bytes: int | str | None
    metadata: Mapping[str, str] | XComArg | None
    external_source_configuration: Mapping[str, Any] | XComArg | None
    deferrable: bool | str
    poll_interval: timedelta | float | str | None
    delete_jobs_on_kill: bool | str


class ImportSourceParameters(SourceParameters, ImportParameters, total=False):
    """Those of an import from any source."""
