"""Import jobs: START_IN_PROGRESS -> COMPLETE | FAILED, then DELETE_IN_PROGRESS -> gone, at the pace of the test."""

from datetime import timedelta
from functools import partial
from typing import Any

from moto.core.exceptions import ServiceException

from . import exceptions, imports
from .arguments import Seconds, Word
from .core import Page, find, in_order
from .exceptions import ConflictException, ResourceNotFoundException, ValidationException
from .instances import refuse_unknown
from .model import operation_model
from .pace import Change, seconds_since
from .pages import page
from .quick_responses import QuickResponses
from .resources import ImportJob, KnowledgeBase, Params, StoredObject
from .validation import first_violation

IN_PROGRESS = ("START_IN_PROGRESS", "DELETE_IN_PROGRESS")


class ImportJobs(QuickResponses):
    """The part of the backend that runs import jobs."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._most_running = 0

    def start_import_job(self, params: Params) -> ImportJob:
        kb = self.get_knowledge_base(params["knowledgeBaseId"], "QUICK_RESPONSES")

        def make() -> ImportJob:
            job = ImportJob(self, kb, params, self._uploaded(kb, params["uploadId"]))
            kb.import_jobs[job.id] = job
            if self.switches.answered is None:
                job.begin(Change(self.switches.import_pace, partial(self._finish_import, job)))
            else:
                self._finish_import(job, self.switches.answered)
            running = [one for one in kb.changing.values() if one.status == "START_IN_PROGRESS"]
            self._most_running = max(self._most_running, len(running))
            return job

        return self._once("StartImportJob", kb.id, params, make)

    def get_import_job(self, kb_id: str, job_id: str) -> ImportJob:
        job = find(self.get_knowledge_base(kb_id).import_jobs, job_id, "import job")
        job.count_look()
        return job

    def list_import_jobs(self, kb_id: str, **which: Any) -> Page[ImportJob]:
        jobs = [(position, job) for position, job in in_order(self._listed(kb_id).import_jobs) if self._is_listed(job)]
        if self.switches.newest_first:
            jobs = [(-position, job) for position, job in reversed(jobs)]
        shown, token = page(jobs, **which)
        for job in shown:
            job.count_look()
        return shown, token

    def _listed(self, kb_id: str) -> KnowledgeBase:
        """The model declares neither of the errors that other operations answer to an unknown id."""
        try:
            return self.get_knowledge_base(kb_id)
        except ResourceNotFoundException as error:
            raise getattr(exceptions, self.switches.unknown_in_list)(error.message) from None

    def _is_listed(self, job: ImportJob) -> bool:
        lag = self.switches.list_lag
        job.lists += 1
        return job.lists > lag.after_calls and seconds_since(job.since) >= lag.after_seconds

    def delete_import_job(self, kb_id: str, job_id: str) -> None:
        job = find(self.get_knowledge_base(kb_id).import_jobs, job_id, "import job")
        if job.status in IN_PROGRESS:
            raise ConflictException(f"The import job is in status {job.status}.")
        job.enter("DELETE_IN_PROGRESS")
        job.begin(Change(self.switches.delete_pace, partial(self._finish_deletion, job)))
        job.settle()

    def set_status(self, import_job_id: str, status: Word) -> None:
        job = self._job_anywhere(import_job_id)
        has_run = job.change is None
        job.stop()
        if has_run:
            job.enter(status)
        else:
            self._finish_import(job, status)

    def age_import_job(self, import_job_id: str, seconds: Seconds) -> None:
        """Let a job have been created, and changed, so much earlier."""
        job = self._job_anywhere(import_job_id)
        try:
            job.created -= timedelta(seconds=seconds)
            job.modified -= timedelta(seconds=seconds)
        except OverflowError:
            raise ValueError(f"no job can be {seconds} seconds old") from None

    def most_running(self) -> int:
        """How many jobs of one knowledge base were in progress at once, at most."""
        return self._most_running

    def _job_anywhere(self, import_job_id: str) -> ImportJob:
        for kb in self.knowledge_bases.values():
            if import_job_id in kb.import_jobs:
                return kb.import_jobs[import_job_id]
        raise ValueError(f"no such import job: {import_job_id}")

    def _finish_import(self, job: ImportJob, status: str | None) -> None:
        """Only a job that may succeed reads its file."""
        deserved = self._import(job) if status in (None, "COMPLETE") else None
        job.enter(status or str(deserved))

    @staticmethod
    def _finish_deletion(job: ImportJob, status: str | None) -> None:
        if status is None:
            del job.kb.import_jobs[job.id]
        else:
            job.enter(status)

    def _import(self, job: ImportJob) -> str:
        """Create what the file holds, write the report of what failed, and say which status that deserves."""
        switches = self.switches
        body = self.objects[job.upload.key].body
        try:
            file = imports.read(body, switches.columns, switches.limits["import_rows"])
        except imports.BadFileError as error:
            self._write_report(job, [], [([], str(error))])
            return "FAILED"
        failed = [(row, reason) for row in file.rows if (reason := self._import_row(job, file.header, row))]
        if not failed:
            return "COMPLETE"
        self._write_report(job, file.header, failed)
        return "FAILED" if len(failed) == len(file.rows) else switches.partial_status

    def _import_row(self, job: ImportJob, header: list[str], row: list[str]) -> str | None:
        """Why the row failed, if it did."""
        try:
            params = imports.to_params(header, row, self.switches.columns)
            operation = operation_model("CreateQuickResponse")
            broken = first_violation(operation, {"knowledgeBaseId": job.kb.id, **params})
            if broken:
                return imports.explain(*broken, self.switches.columns)
            self._name_routing_profiles(job.kb, params)
            self._add_quick_response(job.kb, params, job.caller)
        except ServiceException as error:
            return error.message
        return None

    def _name_routing_profiles(self, kb: KnowledgeBase, params: Params) -> None:
        """Check the names that the file has, and turn them into ARNs where the instance is known."""
        group = params.get("groupingConfiguration")
        if not group:
            return
        if len(group["values"]) > self.switches.limits["routing_profiles"]:
            raise ValidationException(
                f"A quick response has at most {self.switches.limits['routing_profiles']} routing profiles."
            )
        instance = self._instance_of(kb)
        if instance is not None:
            arns = {name: instance.arn_of_profile(name) for name in group["values"]}
            refuse_unknown([name for name, arn in arns.items() if arn is None])
            params["groupingConfiguration"] = {**group, "values": [arns[name] for name in group["values"]]}
        elif self.switches.known_routing_profiles is not None:
            refuse_unknown([name for name in group["values"] if name not in self.switches.known_routing_profiles])

    def _write_report(self, job: ImportJob, header: list[str], failed: list[tuple[list[str], str]]) -> None:
        job.report_key = self._key(job.kb.id, f"{job.id}-failed-records.csv")
        self.objects[job.report_key] = StoredObject(imports.report(header, failed), "text/csv")
