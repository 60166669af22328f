"""The plan of an import: how many rows there are, which are invalid, and which part of the source is in which file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from airflow_wisdom.exceptions import InvalidRowsError, StorageError
from airflow_wisdom.places import briefly, shown
from airflow_wisdom.redaction import redact
from airflow_wisdom.rows.mistake import Doubts, Mistake, place
from airflow_wisdom.values import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_wisdom.rows.mistake import Unit


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a source that is in one import file.

    :param rows: How many rows the file has; with none, there is nothing to send.
    :param first: Where its first row stands in the source.
    :param last: Where its last row stands in the source.
    :param mark: What marks its import job.
    :param first_in: The file that its first row is in, where the source has several.
    :param last_in: The file that its last row is in, where the source has several.
    :param present: How many more rows it had, which are already there and are not sent.
    :param differing: How many more it had that are not sent, as quick responses with other values have their names.
    """

    rows: int
    first: int
    last: int
    mark: str
    first_in: str | None = None
    last_in: str | None = None
    present: int = 0
    differing: int = 0

    @property
    def left(self) -> tuple[int, int] | None:
        """How many rows are sent, and how many of the others differ; None where all are sent."""
        return (self.rows, self.differing) if self.present or self.differing else None

    def leaving(self, left: Sequence[int] | None) -> Part:
        """Return the part with other rows left to send.

        :param left: As for :attr:`left`.
        """
        whole = self.rows + self.present + self.differing
        rows, differing = left or (whole, 0)
        rows = min(rows, whole)
        differing = min(differing, whole - rows)
        return replace(self, rows=rows, present=whole - rows - differing, differing=differing)

    def place(self, unit: str) -> str:
        """Return where its rows stand in the source, in words.

        :param unit: What places are counted in.
        """
        if self.first_in != self.last_in:
            return f"{place(self.first, unit, self.first_in)}, to {place(self.last, unit, self.last_in)}"
        within = f"{briefly(self.first_in)}, " if self.first_in else ""
        return f"{within}{unit}s {self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is to be imported: found out before anything is sent, and kept while the jobs run.

    A deferred task takes it along as JSON: :meth:`to_dict`, and :meth:`from_dict` back.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param source: What the source is called in messages.
    :param unit: What places in the source are counted in, ``line`` or ``row``.
    :param rows_read: Rows of the source.
    :param rows_invalid: Rows that have mistakes, and are not sent.
    :param cells_trimmed: Cells whose spaces were trimmed.
    :param mistakes_total: Mistakes of all rows.
    :param mistakes: The first of them.
    :param invalid_rows_path: Where all invalid rows were written to; None if nobody asked.
    :param not_saved: Why they could not be written there; None if they could.
    :param parts: What is in each import file.
    :param doubts: What of the rows that are sent may be meant, or a mistake.
    :param rows_blank: Rows that have nothing in them, and are not among those that were read.
    :param cells_null: Cells that mean nothing, as exporters write it, and are empty therefore.
    """

    knowledge_base_id: str
    source: str
    unit: Unit
    rows_read: int
    rows_invalid: int
    cells_trimmed: int
    mistakes_total: int
    mistakes: tuple[Mistake, ...]
    invalid_rows_path: str | None = None
    not_saved: str | None = None
    parts: tuple[Part, ...] = ()
    doubts: Doubts = field(default_factory=Doubts)
    rows_blank: int = 0
    cells_null: int = 0

    @classmethod
    def from_dict(cls, members: Mapping[str, Any]) -> Manifest:
        """Make one from what :meth:`to_dict` returned.

        :param members: The JSON primitives.
        """
        mistakes = tuple(Mistake(**mistake) for mistake in members["mistakes"])
        parts = tuple(Part(**part) for part in members["parts"])
        doubts = Doubts.from_dict(members["doubts"])
        return cls(**{**members, "mistakes": mistakes, "parts": parts, "doubts": doubts})

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest as JSON primitives."""
        members = {name: getattr(self, name) for name in self.__slots__}
        parts = [{name: getattr(part, name) for name in Part.__slots__} for part in self.parts]
        mistakes = [mistake.to_dict() for mistake in self.mistakes]
        return {**members, "mistakes": mistakes, "parts": parts, "doubts": self.doubts.to_dict()}

    @property
    def rows_valid(self) -> int:
        """Rows that have no mistakes."""
        return self.rows_read - self.rows_invalid

    def __str__(self) -> str:
        """Say how much there is to import."""
        rows = sum(part.rows for part in self.parts)
        return f"{redact(self.source)}, {rows:,} of {self.rows_read:,} rows in {counted(len(self.to_send), 'file')}"

    @property
    def to_send(self) -> list[int]:
        """Places of the files that have rows to send, among all, from 0."""
        return [number for number, part in enumerate(self.parts) if part.rows]

    @property
    def rows_present(self) -> int:
        """Rows that are already there and are not sent."""
        return sum(part.present for part in self.parts)

    @property
    def rows_differing(self) -> int:
        """Rows that are not sent, because quick responses with other values have their names."""
        return sum(part.differing for part in self.parts)

    def rows_by_mark(self) -> dict[str, int]:
        """Return how many rows each file has, by the mark of its import job."""
        return {part.mark: part.rows for part in self.parts if part.rows}

    def place(self, number: int) -> str:
        """Return which part of the source is in a file, in words.

        :param number: Place of the file among all, from 0.
        """
        part = self.parts[number]
        whole = part.rows + part.present + part.differing
        without = f", of which {part.rows:,} of {whole:,} rows are not there" if part.left else ""
        return f"file {number + 1} of {len(self.parts)} ({part.place(self.unit)}{without})"

    def check(self, on_invalid_rows: str = "fail") -> None:
        """Refuse to import a source with invalid rows, unless they may be skipped and there are others.

        :param on_invalid_rows: ``fail`` (default) or ``skip``.
        :raises InvalidRowsError: There are invalid rows, or no others.
        :raises StorageError: Their file could not be written where it should be.
        """
        if self.rows_invalid and (on_invalid_rows != "skip" or not self.parts):
            raise invalid_rows(self, self.source, self.invalid_rows_path, self.not_saved, self.knowledge_base_id)
        if self.not_saved:
            # Nothing was sent yet: what is skipped is not to be lost, and of an earlier run nothing is to stay.
            raise StorageError(self.not_saved)


def differing(rows: int) -> str:
    """Say that rows are not sent because quick responses with other values have their names, and what to do.

    :param rows: How many rows.
    """
    named = f"the names of {counted(rows, 'row')}"
    return f"Quick responses with other values have {named}, which AWS would refuse: a sync changes what is there"


class Judged(Protocol):
    """The numbers of rows that were judged."""

    @property
    def rows_read(self) -> int:
        """Rows of the source."""
        ...

    @property
    def rows_invalid(self) -> int:
        """Rows that have mistakes."""
        ...

    @property
    def mistakes_total(self) -> int:
        """Mistakes of all rows."""
        ...

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """The first of them."""
        ...


def invalid_rows(
    judged: Judged, source: str, path: str | None, not_saved: str | None, knowledge_base_id: str
) -> InvalidRowsError:
    """Return the error that rows are invalid, with all that is known of them.

    :param judged: The numbers, and the first mistakes.
    :param source: What the source is called.
    :param path: Where all invalid rows were written to, if anywhere.
    :param not_saved: Why they could not be written there, if so.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    """
    told = "; ".join(map(str, judged.mistakes)) or "their mistakes are not shown"
    more = judged.mistakes_total - len(judged.mistakes)
    rest = f"; and {more:,} more mistakes" if more else ""
    where = f". {not_saved}" if not_saved else f". All of them are in {path}" if path else ""
    return InvalidRowsError(
        f"{judged.rows_invalid:,} of {judged.rows_read:,} rows are invalid; nothing was sent: {told}{rest}{where}",
        rows_read=judged.rows_read,
        rows_invalid=judged.rows_invalid,
        mistakes=[mistake.to_dict() for mistake in judged.mistakes],
        invalid_rows_path=path,
        where={"knowledge_base_id": knowledge_base_id, "source": shown(source)},
    )
