"""The account of an import: each row ends in exactly one column, and the numbers add up. Pure: no Airflow, no boto3."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_wisdom.exceptions import (
    FailedRecordReportError,
    FailedRecordsError,
    ImportIncompleteError,
    ImportJobFailedError,
    ResourceNotFoundError,
    UnknownImportJobStatusError,
)
from airflow_wisdom.model.import_job import ImportJobStatus, iso
from airflow_wisdom.redaction import redact
from airflow_wisdom.runs.manifest import differing
from airflow_wisdom.runs.remedies import brief, first_steps, in_short, several
from airflow_wisdom.runs.reports import RefusedRecords, merged
from airflow_wisdom.runs.summary import summary_of
from airflow_wisdom.values import counted, most_tolerated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_wisdom.model.import_job import ImportJob, JobEnd
    from airflow_wisdom.runs.manifest import Manifest, Part


class Columns(NamedTuple):
    """What became of the rows that are in import files: every row is in one of these.

    :param imported: Rows that are imported.
    :param refused: Rows that AWS refused.
    :param not_started: Rows whose import job was not started.
    :param unknown: Rows of which nobody can say what became.
    """

    imported: int
    refused: int
    not_started: int
    unknown: int


@dataclass(frozen=True)
class PartAccount:
    """What became of one file.

    :param place: Which part of the source it is, in words.
    :param part: The part.
    :param end: How its import job ended.
    :param refused: Records in AWS's report of those that it refused; None if that is not known.
    :param report_error: Why AWS's report could not be read, if it could not.
    :param reasons: Why AWS refused them: reason -> number of records, as far as that is to be shown.
    """

    place: str
    part: Part
    end: JobEnd
    refused: int | None = None
    report_error: str | None = None
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def columns(self) -> Columns:
        """What became of its rows, as far as is known."""
        rows = self.part.rows
        if self.end.import_job_id is None:
            return Columns(0, 0, 0, rows) if self.end.may_have_started else Columns(0, 0, rows, 0)
        if self.refused is None or self.has_more_records_than_rows:
            return Columns(0, 0, 0, rows)
        rest = rows - self.refused
        # Whether a job that is not COMPLETE has imported the rest is not documented.
        return Columns(rest, self.refused, 0, 0) if self.end.is_complete else Columns(0, self.refused, 0, rest)

    @property
    def has_more_records_than_rows(self) -> bool:
        """Whether AWS reports more refused records than the file has rows, so that nobody knows of how many rows."""
        return self.refused is not None and self.refused > self.part.rows

    @property
    def imported(self) -> int | None:
        """Rows that are imported; None if that is not known."""
        return None if self.columns.unknown else self.columns.imported

    @property
    def rows_refused(self) -> int | None:
        """Rows that AWS refused; None if that is not known."""
        if self.end.import_job_id is None:
            return None if self.end.may_have_started else 0
        return None if self.has_more_records_than_rows else self.refused

    @property
    def is_done(self) -> bool:
        """Whether the job is COMPLETE, or FAILED only because what was left of a file are rows that AWS refuses.

        With the rows that are there, it would have been a job of which some were refused.
        """
        is_rest_refused = self.part.left is not None and self.is_data_at_fault and self.refused == self.part.rows
        return self.end.is_complete or is_rest_refused

    @property
    def is_data_at_fault(self) -> bool:
        """Whether the job is FAILED because AWS refused its records, so that another one would fail as well."""
        return self.end.status == ImportJobStatus.FAILED.value and bool(self.refused)

    def __str__(self) -> str:
        """Say why its job is not COMPLETE."""
        why = f": {RefusedRecords(self.refused, self.reasons).why}" if self.is_data_at_fault and self.refused else ""
        return f"{self.place}: {self.end.error}{why}"

    def to_dict(self) -> dict[str, Any]:
        """Return the account as JSON primitives, for XCom."""
        error = self.end.error or self.report_error
        if not error and self.has_more_records_than_rows:
            error = f"AWS's report has {self.refused:,} refused records for {self.part.rows:,} rows"
        return {
            "importJobId": self.end.import_job_id,
            "status": self.end.status,
            "createdTime": iso(self.end.created_time),
            "lastModifiedTime": iso(self.end.last_modified_time),
            "durationSeconds": self.end.duration,
            "firstRow": self.part.first,
            "lastRow": self.part.last,
            **({"firstPart": self.part.first_in, "lastPart": self.part.last_in} if self.part.first_in else {}),
            "rowsPresent": self.part.present,
            "rowsDiffering": self.part.differing,
            "rowsSent": self.part.rows,
            "rowsImported": self.imported,
            "rowsRefused": self.rows_refused,
            "error": str(error) if error else None,
        }


@dataclass
class Account:
    """What became of every row of an import.

    :param manifest: What was to be imported.
    :param parts: What became of each file.
    :param refused: The records that AWS refused, as far as they are known of.
    :param jobs: The jobs that have ended, as far as they could be read; without URL, upload and metadata.
    :param is_given_up: Whether it ended before any job was started.
    :param was_sent: Whether anything was to be sent; if not, the rows were only judged.
    :param known_arn: ARN of the knowledge base, where it is known although there may be no job.
    """

    manifest: Manifest
    parts: list[PartAccount]
    refused: RefusedRecords = field(default_factory=RefusedRecords)
    jobs: list[ImportJob] = field(default_factory=list)
    is_given_up: bool = False
    was_sent: bool = True
    known_arn: str | None = None

    def __str__(self) -> str:
        """Say in one line what became of the rows."""
        manifest, columns = self.manifest, self.columns
        if not self.was_sent:
            invalid = _share(manifest.rows_invalid, "invalid", manifest.invalid_rows_path)
            valid = f"{manifest.rows_valid:,} of {manifest.rows_read:,} rows are valid"
            return "; ".join(filter(None, (valid, invalid, "nothing was sent")))
        jobs = counted(sum(each.end.import_job_id is not None for each in self.parts), "job")
        seconds = self._duration()
        others = (
            _share(self.rows_present, "already there"),
            _share(self.rows_differing, "there with other values"),
            _share(manifest.rows_invalid, "invalid", manifest.invalid_rows_path),
            _share(columns.refused, "refused", self.refused.path),
            _share(columns.not_started, "not started"),
            _share(columns.unknown, "unknown"),
        )
        done = f"Imported {columns.imported:,} of {manifest.rows_read:,} rows in {jobs}"
        done += f", {seconds:,.1f} s" if seconds is not None else ""
        return "; ".join(filter(None, (done, ", ".join(filter(None, others)))))

    def summary(self) -> dict[str, Any]:
        """Return what the import did, as JSON primitives for XCom.

        ``rowsRead`` is ``rowsInvalid`` + ``rowsOnlyChecked`` + ``rowsPresent`` + ``rowsDiffering`` + ``rowsSent``;
        ``rowsSent`` is ``rowsImported`` + ``rowsRefused`` + ``rowsNotStarted`` + ``rowsUnknown``. Where rows are
        unknown, the numbers that they may belong to are None and no guess. ``durationSeconds`` is from the start of the
        first job to the end of the last.
        """
        manifest = self.manifest
        members = {
            "knowledgeBaseId": manifest.knowledge_base_id,
            "status": self._status(),
            "rowsRead": manifest.rows_read,
            "rowsInvalid": manifest.rows_invalid,
            "rowsOnlyChecked": 0 if self.was_sent else manifest.rows_valid,
            "rowsPresent": self.rows_present,
            "rowsDiffering": self.rows_differing,
            **self._rows(),
            "durationSeconds": self._duration(),
            "rowsBlank": manifest.rows_blank,
            "cellsTrimmed": manifest.cells_trimmed,
            "cellsNull": manifest.cells_null,
            **manifest.doubts.summary(),
            "invalidRows": [mistake.to_dict() for mistake in manifest.mistakes],
            "invalidRowsPath": manifest.invalid_rows_path,
            "importJobs": [each.to_dict() for each in self.parts],
            "failedRecords": self.refused.sample,
            "failedRecordsPath": self.refused.path,
        }
        return summary_of("import", members)

    @property
    def columns(self) -> Columns:
        """What became of all rows that are in files."""
        return Columns(*map(sum, zip(*(each.columns for each in self.parts), strict=True))) if self.parts else _NO_ROWS

    @property
    def rows_present(self) -> int:
        """Rows that were already there and were not sent."""
        return sum(part.present for part in self._all_parts)

    @property
    def rows_differing(self) -> int:
        """Rows that were not sent, because quick responses with other values have their names."""
        return sum(part.differing for part in self._all_parts)

    @property
    def _all_parts(self) -> list[Part]:
        """The parts of which nothing was left to send, and the others as their jobs had them."""
        return [part for part in self.manifest.parts if not part.rows] + [each.part for each in self.parts]

    @property
    def arn(self) -> str | None:
        """ARN of the knowledge base, as far as it is known."""
        return next((job.knowledge_base_arn for job in self.jobs if job.knowledge_base_arn), self.known_arn)

    def numbers(self) -> dict[str, int]:
        """Return the numbers of records by what became of them, as far as they are known.

        The names are those of :func:`~airflow_wisdom.assets.record_import`.
        """
        names = {"sent": "rowsSent", "imported": "rowsImported", "refused": "rowsRefused"}
        rows = self._rows()
        known = {name: number for name, member in names.items() if (number := rows[member]) is not None}
        known["invalid"] = self.manifest.rows_invalid
        others = {"present": self.rows_present, "differing": self.rows_differing}
        return {**known, **{name: number for name, number in others.items() if number}}

    def _rows(self) -> dict[str, int | None]:
        columns = self.columns
        return {
            "rowsSent": sum(columns),
            "rowsImported": None if columns.unknown else columns.imported,
            "rowsRefused": None if None in [each.rows_refused for each in self.parts] else columns.refused,
            "rowsNotStarted": columns.not_started,
            "rowsUnknown": columns.unknown,
        }

    def judge(self, tolerated: str | int) -> None:
        """Accept the import, or raise why it is not acceptable.

        :param tolerated: ``fail``, ``warn``, ``ignore``, or a number of refused records.
        :raises ImportIncompleteError: Not every job is COMPLETE.
        :raises FailedRecordReportError: A report could not be read, and it matters.
        :raises FailedRecordsError: More records were refused than are tolerated.
        :raises StorageError: The refused records could not be written where they should be.
        """
        wrong = [each for each in self.parts if not each.is_done]
        if wrong:
            # Also where they would be ignored: they are why the import failed.
            self.refused.log()
            raise self._incomplete(wrong)
        unread = next((each for each in self.parts if each.report_error), None)
        if unread and most_tolerated(tolerated) is not None:
            raise self._unread(unread)
        what, rest = self._refusals()
        self.refused.judge(tolerated, what, rest, self._where())
        self._judge_differing(tolerated)

    def _judge_differing(self, tolerated: str | int) -> None:
        most, rows = most_tolerated(tolerated), self.rows_differing
        if rows and most is not None and rows + self.refused.count > most:
            raise FailedRecordsError(
                f"{differing(rows)}. All other rows are there{', or were refused' if self.refused.count else ''}",
                records_refused=self.refused.count,
                failed_records=self.refused.sample,
                failed_records_path=self.refused.path,
                where=self._where(),
            )

    def _status(self) -> str:
        if not self.was_sent:
            return "CHECKED"
        is_complete = not self.is_given_up and all(each.is_done for each in self.parts)
        return "COMPLETE" if is_complete else "FAILED"

    def _incomplete(self, wrong: Sequence[PartAccount]) -> ImportIncompleteError:
        done = f"{len(self.parts) - len(wrong)} of {len(self.parts)} import jobs are COMPLETE"
        # The cause first: a list of failed tasks has room for no more. Names of files may be long.
        return ImportIncompleteError(
            f"{done}{_cause(wrong)}. {'; '.join(map(str, wrong))}. {how_to_go_on(wrong)}{self._differing}",
            jobs=[each.to_dict() for each in self.parts],
            retryable=not all(each.is_data_at_fault for each in wrong),
            where=self._where(),
        )

    def _where(self, import_job_id: str | None = None) -> dict[str, str | None]:
        return {"knowledge_base_id": self.manifest.knowledge_base_id, "import_job_id": import_job_id}

    def _duration(self) -> float | None:
        began = [each.end.created_time for each in self.parts if each.end.created_time]
        ended = [each.end.last_modified_time for each in self.parts if each.end.last_modified_time]
        return round((max(ended) - min(began)).total_seconds(), 3) if began and ended else None

    def _unread(self, part: PartAccount) -> FailedRecordReportError:
        return FailedRecordReportError(
            f"Every import job is COMPLETE, but: {part.report_error}. It is the report of {part.place}",
            where=self._where(part.end.import_job_id),
        )

    def _refusals(self) -> tuple[str, str]:
        """Say what AWS refused, and what that means for the rest, as far as that is known."""
        number, rows = self.refused.count, sum(self.columns)
        if any(each.has_more_records_than_rows for each in self.parts):
            what = f"AWS reports {number:,} refused records for {rows:,} rows, for a file more than it has rows"
            return what, "how many are imported is not known"
        return f"AWS refused {number:,} of {rows:,} rows", f"the others are imported{self._differing}"

    @property
    def _differing(self) -> str:
        return f". {differing(self.rows_differing)}" if self.rows_differing else ""


_NO_ROWS = Columns(0, 0, 0, 0)


def _share(rows: int, what: str, path: str | None = None) -> str:
    if not rows:
        return ""
    return f"{rows:,} {what} -> {redact(path)}" if path else f"{rows:,} {what}"


def accounts_of(manifest: Manifest, ends: Sequence[JobEnd]) -> list[PartAccount]:
    """Return what became of each file that had rows to send, before any report is read.

    :param manifest: What was to be imported.
    :param ends: How the job of each of these files ended, in order.
    """
    pairs = zip(manifest.to_send, ends, strict=True)
    return [PartAccount(manifest.place(number), manifest.parts[number], end) for number, end in pairs]


def _cause(wrong: Sequence[PartAccount]) -> str:
    """Say what was in the way, each kind of cause once."""
    at_fault = [each for each in wrong if each.is_data_at_fault]
    refused = RefusedRecords(sum(each.refused or 0 for each in at_fault), merged(each.reasons for each in at_fault))
    kinds, causes = [], dict[str, str]()
    for each in wrong:
        kinds.append("with refused rows" if each.is_data_at_fault else brief(each.end.error))
        causes.setdefault(kinds[-1], refused.why if each.is_data_at_fault else in_short(each.end.error))
    return f"{several(kinds)}: {'; '.join(causes.values())}"


def how_to_go_on(wrong: Sequence[PartAccount], again: str = "Another try of the task") -> str:
    """Return what to do about files whose jobs are not COMPLETE.

    :param wrong: What became of them.
    :param again: What is done again, as the beginning of a sentence about it.
    """
    others = [each.end for each in wrong if not each.is_data_at_fault]
    fix = "Fix the rows that AWS refused and import them separately: the same rows would be refused again"
    if not others:
        return fix
    first = first_steps(end.error for end in others)
    does = ", and ".join(dict.fromkeys(sorted(map(_what_another_try_does, others), key=_DOINGS.index)))
    return f"{first}{again} {does}{f'. {fix}' if len(others) < len(wrong) else ''}"


_WAITS = "goes on waiting for the jobs that still run"
_LOOKS = "looks again at the jobs whose status this version does not know"
_STARTS = "starts only the files that have no job or whose job failed"
_DOINGS = (_WAITS, _LOOKS, _STARTS)
"""What another try does, in the order in which it is said."""


def _what_another_try_does(end: JobEnd) -> str:
    if end.import_job_id is None or isinstance(end.error, (ImportJobFailedError, ResourceNotFoundError)):
        return _STARTS
    return _LOOKS if isinstance(end.error, UnknownImportJobStatusError) else _WAITS
