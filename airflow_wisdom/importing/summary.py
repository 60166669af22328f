"""What an import did, in numbers and in words. Pure: no Airflow, no boto3."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_wisdom.exceptions import ImportIncompleteError, ImportJobTimeoutError, WisdomError, from_dict
from airflow_wisdom.import_job import ImportJobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_wisdom.rows import ImportFile, Prepared


@dataclass(frozen=True)
class Plan:
    """What is to be imported: found out before anything is sent, and kept while the jobs run.

    A deferred task takes it along: JSON primitives only.

    :param unit: What places in the source are counted in, ``line`` or ``row``.
    :param rows_read: Rows of the source.
    :param rows_invalid: Rows that were refused before anything was sent.
    :param cells_trimmed: Cells whose spaces were trimmed.
    :param invalid_rows: The first mistakes, as dicts.
    :param invalid_rows_path: Where all refused rows were written to, if anywhere.
    :param files: For each import file ``rows``, ``first``, ``last`` and ``mark``.
    """

    unit: str
    rows_read: int
    rows_invalid: int
    cells_trimmed: int
    invalid_rows: list[dict[str, Any]]
    invalid_rows_path: str | None
    files: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, prepared: Prepared, marks: Sequence[str], unit: str, invalid_rows_path: str | None) -> Plan:
        """Return the plan for prepared files, each with its mark."""
        return cls(
            unit=unit,
            rows_read=prepared.rows_read,
            rows_invalid=prepared.rows_invalid,
            cells_trimmed=prepared.trimmed,
            invalid_rows=[mistake.to_dict() for mistake in prepared.mistakes],
            invalid_rows_path=invalid_rows_path if prepared.rows_invalid else None,
            files=[_file(file, mark) for file, mark in zip(prepared.files, marks, strict=True)],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON primitives."""
        return asdict(self)

    def place(self, number: int) -> str:
        """Say which part of the source is in a file.

        :param number: Place of the file among all, from 0.
        """
        file = self.files[number]
        return f"file {number + 1} of {len(self.files)} ({self.unit}s {file['first']} to {file['last']})"


def _file(file: ImportFile, mark: str) -> dict[str, Any]:
    return {"rows": file.rows, "first": file.first_line, "last": file.last_line, "mark": mark}


@dataclass
class FileResult:
    """What became of one file.

    :param place: Which part of the source it is, see :meth:`Plan.place`.
    :param rows: Rows in it.
    :param first: Where its first row stands in the source.
    :param last: Where its last row stands in the source.
    :param ended: What the event says of its job, see :class:`~airflow_wisdom.triggers.WisdomRunImportTrigger`.
    :param failed: Records that AWS refused; None if that is not known.
    :param report_error: Why AWS's report could not be read, if it could not.
    """

    place: str
    rows: int
    first: int
    last: int
    ended: Mapping[str, Any]
    failed: int | None = None
    report_error: str | None = None

    @property
    def import_job_id(self) -> str | None:
        """Id of the import job; None if it was not started."""
        return self.ended["importJobId"]  # type: ignore[no-any-return] # JSON

    @property
    def error(self) -> WisdomError | None:
        """Why the job is not COMPLETE; None if it is."""
        return from_dict(self.ended["error"]) if self.ended["error"] else None

    @property
    def has_ended(self) -> bool:
        """Whether the job is known to have ended, well or not, so that there may be a report."""
        return self.ended["status"] in {ImportJobStatus.COMPLETE, ImportJobStatus.FAILED}

    @property
    def imported(self) -> int | None:
        """Rows that are imported: none unless the job is COMPLETE, as far as is known; None if it is not known."""
        if self.error is not None:
            return 0 if self.import_job_id is None else None
        return None if self.failed is None else max(0, self.rows - self.failed)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON primitives, for XCom."""
        return {
            "importJobId": self.import_job_id,
            "status": self.ended["status"],
            "createdTime": self.ended["createdTime"],
            "lastModifiedTime": self.ended["lastModifiedTime"],
            "durationSeconds": _seconds_between(self.ended["createdTime"], self.ended["lastModifiedTime"]),
            "firstRow": self.first,
            "lastRow": self.last,
            "rowsSent": self.rows,
            "rowsImported": self.imported,
            "rowsRefused": self.failed,
            "error": str(self.error) if self.error else self.report_error,
        }


def _seconds_between(start: str | None, end: str | None) -> float | None:
    if start is None or end is None:
        return None
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 3)


def results_of(plan: Plan, ended: Sequence[Mapping[str, Any]]) -> list[FileResult]:
    """Return what became of each file of a plan.

    :param plan: The plan.
    :param ended: What the event says of each file's job, in order.
    """
    return [
        FileResult(plan.place(number), file["rows"], file["first"], file["last"], job)
        for number, (file, job) in enumerate(zip(plan.files, ended, strict=True))
    ]


def summarize(knowledge_base_id: str, plan: Plan, results: Sequence[FileResult]) -> dict[str, Any]:
    """Return what an import did, as JSON primitives for XCom.

    ``rowsRead`` is ``rowsInvalid`` + ``rowsSent``; ``rowsSent`` is ``rowsImported`` + ``rowsRefused``, where AWS's
    reports are known. ``durationSeconds`` is from the start of the first job to the end of the last. What is not known
    is None and no guess.
    """
    imported = [result.imported for result in results]
    failed = [result.failed for result in results]
    return {
        "knowledgeBaseId": knowledge_base_id,
        "status": "COMPLETE" if all(result.error is None for result in results) else "FAILED",
        "rowsRead": plan.rows_read,
        "rowsInvalid": plan.rows_invalid,
        "rowsSent": sum(result.rows for result in results),
        "rowsImported": _sum(imported),
        "rowsRefused": _sum(failed),
        "durationSeconds": _seconds_between(
            min((created for result in results if (created := result.ended["createdTime"])), default=None),
            max((changed for result in results if (changed := result.ended["lastModifiedTime"])), default=None),
        ),
        "cellsTrimmed": plan.cells_trimmed,
        "invalidRows": plan.invalid_rows,
        "invalidRowsPath": plan.invalid_rows_path,
        "importJobs": [result.to_dict() for result in results],
    }


def records_of(summary: Mapping[str, Any]) -> dict[str, int]:
    """Return the numbers of a summary by what became of the rows, as far as they are known.

    The names are those of :func:`~airflow_wisdom.assets.record_import`.
    """
    names = {"sent": "rowsSent", "imported": "rowsImported", "refused": "rowsRefused"}
    return {name: summary[member] for name, member in names.items() if summary[member] is not None}


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def incomplete(knowledge_base_id: str, results: Sequence[FileResult]) -> ImportIncompleteError | None:
    """Return the error for an import of which not every job is COMPLETE; None if every one is."""
    wrong = [result for result in results if result.error is not None]
    if not wrong:
        return None
    done = f"{len(results) - len(wrong)} of {len(results)} import jobs are COMPLETE"
    what = "; ".join(f"{result.place}: {result.error}" for result in wrong)
    return ImportIncompleteError(
        f"{done}. {what}. {_how_to_go_on(wrong)}",
        jobs=[result.to_dict() for result in results],
        knowledge_base_id=knowledge_base_id,
    )


def _how_to_go_on(wrong: Sequence[FileResult]) -> str:
    running = any(result.import_job_id and isinstance(result.error, ImportJobTimeoutError) for result in wrong)
    waits = "goes on waiting for the jobs that still run, and " if running else ""
    return f"Another try of the task {waits}starts only the files that have no job or whose job failed"
