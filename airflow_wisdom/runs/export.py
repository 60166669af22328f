"""An export of quick responses: what Amazon Connect has, as a file that a sync reads, and an account of it."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_wisdom.exceptions import RunTimeoutError
from airflow_wisdom.hooks.connection import ReadyConnection
from airflow_wisdom.model.knowledge_base import arn_of, short_id
from airflow_wisdom.model.limits import MAX_TAG_VALUE, SAMPLE_SIZE
from airflow_wisdom.model.quick_response import differences
from airflow_wisdom.places import output
from airflow_wisdom.redaction import redact
from airflow_wisdom.rows import DEFAULT_TEMPLATE, Mistake, Validator, read
from airflow_wisdom.rows.mistake import shorten
from airflow_wisdom.rows.quick_responses import wanted
from airflow_wisdom.rows.reading.formats import format_of
from airflow_wisdom.rows.template import LABELS
from airflow_wisdom.rows.writing import cell_of, readable_names, row_of, write_rows
from airflow_wisdom.runs.folder import HasFolder
from airflow_wisdom.runs.inventory import everything
from airflow_wisdom.runs.limit import Contact, Limit
from airflow_wisdom.runs.options import Options, RowOptions
from airflow_wisdom.runs.plan import OWNER
from airflow_wisdom.runs.summary import summary_of
from airflow_wisdom.values import Readers, optional, text, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.model.quick_response import QuickResponse, Value
    from airflow_wisdom.rows.reading.formats import Format
    from airflow_wisdom.rows.reading.table import Row
    from airflow_wisdom.storage import Storage

log = logging.getLogger(__name__)

_LABEL_OF = {name: label for label, name in LABELS.items()}


def _path(name: str, value: Any) -> str:
    if not (value and isinstance(value, (str, os.PathLike))):
        raise ValueError(f"{name} must be a path or a URI, not {value!r:.100}")
    output(name, value)
    return os.fspath(value)


@dataclass(frozen=True)
class ExportOptions(Options):
    """How an export is done; what each option means says
    :class:`~airflow_wisdom.operators.WisdomExportQuickResponsesOperator`, whose parameters they are.
    """  # noqa: D205 - one sentence

    readers: ClassVar[Readers] = {
        "path": _path,
        "owner_tag": optional(partial(text, most=MAX_TAG_VALUE)),
        "sample_size": partial(whole_number, least=0),
    }

    path: str
    owner_tag: str | None = None
    sample_size: int = SAMPLE_SIZE

    @property
    def format(self) -> Format:
        """What the path says is in the file: JSON Lines where its ending does, else CSV."""
        return format_of(self.path) or "csv"


@dataclass(frozen=True)
class ExportPlan:
    """A file that is ready to be saved, and what it was made from.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param items: The quick responses in the file, in its order.
    :param file: The file, on this machine.
    :param mistakes: What a sync would not read as Amazon Connect has it.
    """

    knowledge_base_id: str
    items: tuple[QuickResponse, ...]
    file: Path
    mistakes: tuple[Mistake, ...]

    @property
    def unrestorable(self) -> int:
        """How many quick responses a sync would not read as Amazon Connect has them."""
        return len({mistake.line for mistake in self.mistakes})


@dataclass(frozen=True)
class ExportAccount:
    """What was exported, and where to.

    :param plan: What was saved.
    :param path: Path or URI that it was saved to.
    :param sample: How many mistakes are shown.
    """

    plan: ExportPlan
    path: str
    sample: int

    @property
    def arn(self) -> str | None:
        """ARN of the knowledge base, as far as it is known."""
        return arn_of(self.plan.knowledge_base_id, (item.knowledge_base_arn for item in self.plan.items))

    @property
    def exported(self) -> int:
        """How many quick responses are in the file."""
        return len(self.plan.items)

    def summary(self) -> dict[str, Any]:
        """Return what was exported, as JSON primitives for XCom."""
        members = {
            "knowledgeBaseId": short_id(self.plan.knowledge_base_id),
            "status": "COMPLETE",
            "itemsExported": self.exported,
            "itemsUnrestorable": self.plan.unrestorable,
            "path": self.path,
            "unrestorable": [mistake.to_dict() for mistake in self.plan.mistakes[: self.sample]],
        }
        return summary_of("export", members)


class Export(HasFolder):
    """An export of quick responses, from a knowledge base to an account of the file; use it as a context manager.

    :param hook: What AWS is reached with.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param options: How the export is done.
    :param storage: What writes the file.
    :param deadline: POSIX time at which it ends.
    :param ended: Set from another thread or a signal handler when the task is ended: from then on, no file is replaced.
        Default: it never is.
    """

    def __init__(
        self,
        hook: WisdomHook,
        knowledge_base_id: str,
        options: ExportOptions,
        storage: Storage,
        deadline: float,
        *,
        ended: Event | None = None,
    ) -> None:
        self.options = options
        self._connection = ReadyConnection(hook)
        self._knowledge_base_id = knowledge_base_id
        self._storage = storage
        self._limit = Limit(
            deadline,
            (ended or Event()).is_set,
            Contact(),
            what="The knowledge base was not exported",
            error=RunTimeoutError,
        )

    @classmethod
    def of_task(cls, task: Any, options: ExportOptions, storage: Storage, deadline: float) -> Export:
        """Return the export of a task.

        :param task: The task, which has a hook, a knowledge base and perhaps an instance.
        :param options: How the export is done.
        :param storage: What writes the file.
        :param deadline: POSIX time at which it ends.
        """
        return cls(task.hook, task.find_knowledge_base(), options, storage, deadline, ended=task.ended)

    def plan(self, routing_profiles: Mapping[str, str] | None = None) -> ExportPlan:
        """Read the knowledge base into a file of this machine, and the file as a sync would.

        :param routing_profiles: Name -> ARN of the routing profiles that there are. Default: not known, so that they
            are written as ARNs.
        :raises RunTimeoutError: The time was over, or the task was ended, before all was read.
        """
        there = everything(self._connection, self._knowledge_base_id, self._limit)
        items = tuple(sorted(filter(self._is_wanted, there), key=lambda item: (item.name, item.quick_response_id)))
        names = readable_names(routing_profiles or {})
        file = self.folder / "quick-responses"
        write_rows((row_of(item.values, names) for item in items), file, self.options.format)
        return ExportPlan(self._knowledge_base_id, items, file, tuple(self._read_again(file, items, routing_profiles)))

    def check(self, plan: ExportPlan) -> None:
        """Warn of quick responses that a sync would not read as Amazon Connect has them; nothing is refused for them.

        :param plan: What :meth:`plan` returned.
        """
        if plan.mistakes:
            shown = "; ".join(map(str, plan.mistakes[: self.options.sample_size]))
            log.warning(
                "%s of %s quick responses are in the file as they are, but a sync would not read them so: %s",
                f"{plan.unrestorable:,}",
                f"{len(plan.items):,}",
                shown or "they are not shown",
            )

    def apply(self, plan: ExportPlan) -> None:
        """Save the file to where the user wants it.

        :param plan: What :meth:`plan` returned.
        :raises StorageError: It cannot be written there.
        :raises RunTimeoutError: As for :meth:`plan`.
        """
        self._limit.check(None)
        self._storage.save(plan.file, self.options.path)
        log.info("%s quick responses are exported to %s", f"{len(plan.items):,}", redact(self.options.path))

    def account(self, plan: ExportPlan) -> ExportAccount:
        """Account for what was exported.

        :param plan: What :meth:`plan` returned.
        """
        return ExportAccount(plan, self.options.path, self.options.sample_size)

    def _is_wanted(self, item: QuickResponse) -> bool:
        owner = self.options.owner_tag
        return not item.is_gone and (not owner or item.tags.get(OWNER) == owner)

    def _read_again(
        self, file: Path, items: Sequence[QuickResponse], routing_profiles: Mapping[str, str] | None
    ) -> list[Mistake]:
        """Return what a sync with nothing but defaults would not read as it is in Amazon Connect."""
        rules = RowOptions().rules(routing_profiles)
        with file.open("rb") as opened, Validator(DEFAULT_TEMPLATE, rules) as validator:
            table = read(opened, format=self.options.format)
            rows = zip(table.rows, items, strict=True)
            return [mistake for row, item in rows for mistake in _named(item, _mistakes(row, item, validator))]


def _named(item: QuickResponse, mistakes: Sequence[Mistake]) -> list[Mistake]:
    return [replace(mistake, name=shorten(cell_of(item.values["name"]))) for mistake in mistakes]


def _mistakes(row: Row, item: QuickResponse, validator: Validator) -> list[Mistake]:
    cells, mistakes = validator.check(row)
    if cells is None:
        return mistakes
    read = wanted(row, validator.fields(cells), validator.rules.routing_profiles or {}).values
    return [
        _misread(row.line, name, item.values[name], value) for name, value in differences(item.values, read).items()
    ]


def _misread(line: int, name: str, there: Value, read: Value) -> Mistake:
    shown, reason = shorten(cell_of(there)), f'would be read as "{shorten(cell_of(read))}"'
    return Mistake(line, _LABEL_OF[name], shown, reason)
