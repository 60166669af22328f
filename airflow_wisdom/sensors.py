"""The sensor that waits for an import job."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_wisdom.exceptions import ImportJobTimeoutError, ParameterError, RunTimeoutError, WisdomError
from airflow_wisdom.tasks import WisdomExistingJobTask, WisdomSingleJobTask, guarded
from airflow_wisdom.templates import templates_of
from airflow_wisdom.values import Readers, duration, switch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.sdk import Context
    from airflow.triggers.base import StartTriggerArgs
    from typing_extensions import Unpack

    from airflow_wisdom.cadence import Patience
    from airflow_wisdom.model.import_job import ImportJob
    from airflow_wisdom.parameters import SensorParameters
    from airflow_wisdom.runs.limit import Limit


__all__ = [
    "WisdomImportJobSensor",
]

SHARE_OF_GRACE = 0.1
"""The share of an `execution_timeout` by which a trigger ends earlier, at most."""


class WisdomImportJobSensor(WisdomExistingJobTask, WisdomSingleJobTask, BaseSensorOperator):
    """Waits until an import job is COMPLETE, and pushes what it did to XCom; AWS operation ``GetImportJob``.

    Waits in any of Airflow's ways: ``mode="poke"`` (default), ``mode="reschedule"`` or ``deferrable=True``.
    Throttling, 5xx, connection errors and time-outs are waited out. A job that can no longer succeed, an unknown
    status, a missing job and refused records fail the task in every way of waiting; ``soft_fail`` skips on time-out
    only, and ``silent_fail`` and ``never_fail``, which would hide a failure, are refused.

    The XCom is as for :class:`~airflow_wisdom.operators.WisdomGetImportJobOperator`.

    :param deferrable: Whether to wait in the triggerer rather than in a worker. Default: Airflow's option
        ``[operators] default_deferrable``.
    :param poke_interval: Seconds, or a timedelta, between two looks. Default: Airflow's 60 in a worker; in the
        triggerer, intervals that grow with the job's age, see :class:`~airflow_wisdom.cadence.Cadence`.
    :param timeout: Seconds, or a timedelta, after which the task stops waiting and fails. Default: Airflow's option
        ``[sensors] default_timeout``, by itself seven days.
    :param start_from_trigger: Whether the task begins in the triggerer, without a worker (Airflow 3.3; before, it
        defers as usual). Default: no. Its drawbacks are Airflow's: an XComArg arrives as text, and a template that
        pulls an XCom needs ``map_indexes=-1``; a mapped task begins in a worker all the same.
    :param end_from_trigger: Whether a deferred task whose job is complete, and refused nothing, ends in the triggerer,
        without a worker. Default: no. Its drawbacks are Airflow's: no asset events and no ``on_success_callback``.

    Which job, and how AWS is reached: as for :class:`~airflow_wisdom.tasks.WisdomExistingJobTask`. What is done about
    refused records: as for :class:`~airflow_wisdom.tasks.WisdomSingleJobTask`. The rest: as for ``BaseSensorOperator``.

    :raises ImportJobError: The job can no longer succeed.
    :raises FailedRecordsError: AWS refused more records than are tolerated.
    :raises FailedRecordReportError: How many AWS refused is not known.
    :raises StorageError: The refused records cannot be written to where they should be.
    :raises ParameterError: Parameters make no sense; nothing was sent.
    """

    template_fields: Sequence[str] = templates_of(WisdomExistingJobTask, WisdomSingleJobTask)

    readers: ClassVar[Readers] = {"deferrable": switch, "end_from_trigger": switch}

    def __init__(
        self,
        *,
        deferrable: bool | str = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float | str | None = None,
        timeout: timedelta | float | str | None = None,
        start_from_trigger: bool | str = False,
        end_from_trigger: bool | str = False,
        **kwargs: Unpack[SensorParameters],
    ) -> None:
        # Here, unlike in operators, as Airflow's own sensors do: neither is a template.
        self.poll_interval = None if poke_interval is None else duration("poke_interval", poke_interval)
        given: dict[str, Any] = {**kwargs}
        if poke_interval is not None:
            given["poke_interval"] = self.poll_interval
        if timeout is not None:
            # With 0, Airflow's sensors look once.
            given["timeout"] = duration("timeout", timeout) if timeout else 0
        super().__init__(**given)
        self.deferrable: Any = deferrable
        self.end_from_trigger: Any = end_from_trigger
        self.start_from_trigger = switch("start_from_trigger", start_from_trigger)
        if self.start_from_trigger:
            self.start_trigger_args = self._start_trigger_args()
        self._seen: ImportJob | None = None

    def checks(self) -> Sequence[Callable[[], object]]:
        """Return what else may raise a ``ValueError`` about parameters, before anything is sent."""
        return [*super().checks(), self._check_hiding]

    @guarded
    def execute(self, context: Context) -> dict[str, Any] | None:
        """Wait for the job, read its report, and return what they say."""
        if self.deferrable or self.start_from_trigger:
            return self._look_then_defer(context)
        began = self._began(context)
        try:
            super().execute(context)
        except AirflowSensorTimeout:
            from airflow_wisdom.model.import_job import timed_out

            waited = time.time() - began
            error = timed_out(self.find_knowledge_base(), self.import_job_id, self._seen, waited=waited)
            # Airflow's own says nothing that this one does not.
            raise AirflowSensorTimeout(str(error)) from error
        return self._conclude(context)

    def _began(self, context: Context) -> float:
        first = context["ti"].get_first_reschedule_date(context) if self.reschedule else None
        return first.timestamp() if first else time.time()

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """Look once at the job."""
        try:
            self._seen = job = self.hook.get_import_job(self.find_knowledge_base(), self.import_job_id)
        except WisdomError as exc:
            # The pause is Airflow's: that between two looks.
            self._patience.endure(exc)
            self._limit.note(exc)
            self._limit.check(exc)
            return PokeReturnValue(is_done=False)
        self._patience.succeeded()
        self._limit.note()
        self.link_to_instance(self.hook, job)
        self.log.info("Import job %s is %s", job.import_job_id, job.status)
        return PokeReturnValue(is_done=not job.is_running)

    @cached_property
    def _patience(self) -> Patience:
        from airflow_wisdom.cadence import Patience

        return Patience(self.log, f"Still waiting for import job {self.import_job_id}")

    @cached_property
    def _limit(self) -> Limit:
        """Until when a worker looks, should AWS never answer; where it is free between two looks, each is the first."""
        from airflow_wisdom.runs.limit import Contact, Limit

        what = f"Import job {self.import_job_id} was not looked at"
        return Limit(contact=Contact(), what=what, error=RunTimeoutError)

    def _look_then_defer(self, context: Context) -> dict[str, Any] | None:
        deadline = self.ends_at(self.timeout)
        if not self.poke(context).is_done:
            from airflow_wisdom.triggers import WisdomJobSensorTrigger

            self.say_deferred(self.import_job_id, deadline)
            self.defer_to(WisdomJobSensorTrigger(**self._trigger_kwargs(), deadline=deadline), deadline)
        return self._conclude(context)

    def _conclude(self, context: Context) -> dict[str, Any] | None:
        return self.conclude(context, self._seen) if self._seen else None

    def _start_trigger_args(self) -> StartTriggerArgs | None:
        from airflow.triggers.base import BaseTrigger, StartTriggerArgs

        from airflow_wisdom.triggers import WisdomJobSensorTrigger

        if not hasattr(BaseTrigger, "render_template_fields") or not self.knowledge_base_id:
            # Airflow 3.0 would start the trigger, but hand it the bare text of the templates; and only a worker finds
            # the knowledge base of an instance.
            return None
        # The deadline is not known when the DAG is parsed: the trigger takes it from the deferral's time-out.
        return StartTriggerArgs(
            trigger_cls=WisdomJobSensorTrigger.path(),
            trigger_kwargs={**self._trigger_kwargs(), "grace": self._grace()},
            next_method="execute_complete",
            timeout=self._airflow_timeout(),
        )

    def _airflow_timeout(self) -> timedelta:
        from airflow_wisdom.triggers.base import AIRFLOW_GRACE

        return timedelta(seconds=self.timeout) + AIRFLOW_GRACE

    def _grace(self) -> float:
        """Return how much earlier than Airflow the trigger ends, in seconds.

        A shorter `execution_timeout` is Airflow's time-out as well, and has no room for five minutes.
        """
        later = self._airflow_timeout().total_seconds()
        whole = later - self.timeout
        if self.execution_timeout is None or (airflows := self.execution_timeout.total_seconds()) >= later:
            return float(whole)
        return float(airflows - min(self.timeout, airflows - min(whole, SHARE_OF_GRACE * airflows)))

    def _trigger_kwargs(self) -> dict[str, Any]:
        return {
            "knowledge_base_id": self.knowledge_base_id,
            "import_job_id": self.import_job_id,
            "include_urls": self.include_urls,
            "end_from_trigger": self.end_from_trigger,
            "poll_interval": self.poll_interval,
            **self.aws.to_dict(),
        }

    def execute_complete(self, context: Context, event: dict[str, Any] | str) -> dict[str, Any]:
        """Take over from the trigger: read the report, and return the summary or raise what went wrong."""
        from airflow_wisdom.runs.single import ended_job, job_of

        # `dag.test()` does not know events that end a task: it comes here with a text in place of the payload.
        payload = None if isinstance(event, str) else event
        if payload:
            # Looking it up once more could fail, though the job has ended.
            self.knowledge_base_id = job_of(payload).knowledge_base_id
        try:
            job = ended_job(self.hook, self.find_knowledge_base(), self.import_job_id, payload)
        except ImportJobTimeoutError as exc:
            raise AirflowSensorTimeout(str(exc)) from exc
        return self.conclude(context, job)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Come back from the deferral; where Airflow would skip on any failure of a trigger, skip on time-out only."""
        soft_fail, self.soft_fail = self.soft_fail, False
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSensorTimeout as exc:
            if soft_fail:
                raise AirflowSkipException(str(exc)) from exc
            raise
        finally:
            self.soft_fail = soft_fail

    def on_kill(self) -> None:
        """Say where things stand; Airflow calls this where a worker has the task, also after a deferral."""
        super().on_kill()
        seen = f", which is {self._seen.status}" if self._seen else ""
        self.log.warning(
            "The task is ended. Import job %s%s, is left alone; another try of the task looks at it again",
            self.import_job_id,
            seen,
        )

    def _check_hiding(self) -> None:
        hiding = [name for name in ("silent_fail", "never_fail") if getattr(self, name)]
        problems = [
            f"{name} must be False: it would hide an import job that failed; soft_fail does not" for name in hiding
        ]
        if problems:
            raise ParameterError("; ".join(problems), problems=problems)
