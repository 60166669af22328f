"""How a run is done: what the options of all runs have in common, and those of all runs that read rows."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_wisdom.exceptions import SourceError
from airflow_wisdom.model.limits import MAX_REPORT_BYTES, SAMPLE_SIZE
from airflow_wisdom.places import check_places, shown
from airflow_wisdom.rows import DEFAULT_TEMPLATE, ImportTemplate, Rules, field_limits
from airflow_wisdom.rows.nothing import NULL_VALUES
from airflow_wisdom.rows.template import FIELDS, unmarked
from airflow_wisdom.rows.validation import meaningful
from airflow_wisdom.values import must_be_one_of, tolerated, whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from airflow_wisdom.rows.validation import ExtraCheck
    from airflow_wisdom.sources import Source
    from airflow_wisdom.storage import Storage


@dataclass(frozen=True)
class Options:
    """How a run is done. The options are parameters of a task, by the same names; its docstring says what they mean."""

    @classmethod
    def of(cls, task: Any, **defaults: Any) -> Self:
        """Return the options of a task, which has them as attributes of the same names.

        :param task: The task, or anything else with these attributes.
        :param defaults: Values for attributes that are None.
        """
        given: dict[str, Any] = {each.name: getattr(task, each.name) for each in fields(cls)}
        given.update({name: value for name, value in defaults.items() if given[name] is None})
        return cls(**given).checked()

    def checked(self) -> Self:
        """Return the options with numbers as numbers.

        :raises ValueError: An option makes no sense.
        """
        return self


@dataclass(frozen=True)
class SampleOptions(Options):
    """How much of a run is shown; what the option means says :class:`~airflow_wisdom.tasks.WisdomStorageTask`."""

    sample_size: int = SAMPLE_SIZE

    def checked(self) -> Self:
        """Return the options with numbers as numbers.

        :raises ValueError: An option makes no sense.
        """
        return replace(super().checked(), sample_size=whole_number("sample_size", self.sample_size, 0))


@dataclass(frozen=True)
class ReportOptions(SampleOptions):
    """What is done about records that AWS refuses; what each option means says
    :class:`~airflow_wisdom.tasks.WisdomReportTask`, whose parameters they are.
    """  # noqa: D205 - one sentence

    on_failed_records: Literal["fail", "warn", "ignore"] | int = "fail"
    failed_records_path: str | None = None
    max_report_bytes: int = MAX_REPORT_BYTES

    def checked(self) -> Self:
        """Return the options with numbers as numbers.

        :raises ValueError: An option makes no sense.
        """
        most = tolerated("on_failed_records", self.on_failed_records)
        return replace(super().checked(), on_failed_records=most)


@dataclass(frozen=True)
class RowOptions(SampleOptions):
    """How rows are judged; what each option means says
    :class:`~airflow_wisdom.operators.rows.WisdomRowsTask`, whose parameters they are.
    """  # noqa: D205 - one sentence

    words: ClassVar[Mapping[str, Collection[str]]] = {}
    """As for :class:`~airflow_wisdom.rows.validation.Rules`."""

    import_template: str | os.PathLike[str] | Sequence[str] | Mapping[str, str | None] | None = None
    column_mapping: Mapping[str, str] | None = None
    extra_columns: Literal["fail", "ignore"] = "fail"
    spaces: Literal["trim", "invalid"] = "trim"
    allowed_values: Mapping[str, Collection[str] | None] | None = None
    on_invalid_rows: Literal["fail", "skip"] = "fail"
    strict: bool = False
    invalid_rows_path: str | None = None
    null_values: Collection[str] | None = None
    on_placeholders: Literal["warn", "invalid", "ignore"] = "warn"
    extra_checks: Sequence[ExtraCheck] | None = None

    @property
    def outputs(self) -> dict[str, str | None]:
        """The parameters that name a file which is written, and what they name."""
        return {"invalid_rows_path": self.invalid_rows_path}

    def checked(self) -> Self:
        """Return the options with numbers as numbers, and a single null value as a list of it.

        :raises ValueError: An option makes no sense.
        """
        must_be_one_of("on_invalid_rows", self.on_invalid_rows, ("fail", "skip"))
        _check_allowed_values(self.allowed_values or {}, self.words)
        nulls = (self.null_values,) if isinstance(self.null_values, str) else self.null_values
        return replace(super().checked(), null_values=nulls)

    def check_places(self, source: Source) -> None:
        """Refuse outputs that would replace what is read, or one another.

        :param source: Where the rows are.
        :raises ValueError: Two parameters name the same file.
        """
        given = self.import_template
        template = [given] if isinstance(given, (str, os.PathLike)) else []
        check_places({"source": source.places, "import_template": template}, self.outputs)

    def rules(self, routing_profiles: Mapping[str, str] | None) -> Rules:
        """Return what rows are judged by.

        :param routing_profiles: As for :class:`~airflow_wisdom.rows.validation.Rules`.
        """
        # Imported here because botocore's models take a while to load.
        from airflow_wisdom.hooks.models import quick_response_lengths

        return Rules(
            limits=field_limits(quick_response_lengths()),
            spaces=self.spaces,
            extra_columns=self.extra_columns,
            allowed=self.allowed_values or {},
            words=self.words,
            routing_profiles=routing_profiles,
            strict=self.strict,
            null_values=NULL_VALUES if self.null_values is None else self.null_values,
            on_placeholders=self.on_placeholders,
            extra_checks=self.extra_checks or (),
        )

    def template(self, storage: Storage) -> ImportTemplate:
        """Return the header that AWS expects.

        :param storage: What reads the template file, where there is one.
        :raises SourceError: The file cannot be read.
        :raises TemplateMismatchError: It is not a template.
        """
        given = self.import_template
        if given is None:
            return DEFAULT_TEMPLATE
        if isinstance(given, (str, os.PathLike)):
            return _template_file(os.fspath(given), storage)
        if not isinstance(given, Mapping):
            return ImportTemplate.of(given)
        return ImportTemplate.of(given, fields={unmarked(label): name for label, name in given.items() if name})


def _check_allowed_values(allowed: Mapping[str, Collection[str] | None], words: Mapping[str, Collection[str]]) -> None:
    for name, values in allowed.items():
        must_be_one_of("Each field of allowed_values", name, tuple(sorted(FIELDS)))
        if isinstance(values, str):
            raise ValueError(f"allowed_values must have a list for {name}, or None, not {values!r:.100}")  # noqa: TRY004 - as for all parameters
        if name in words and not meaningful(values, words[name]):
            known = ", ".join(sorted(words[name]))
            raise ValueError(f"allowed_values has no value for {name} that Amazon Connect can be given: {known}")


def _template_file(name: str, storage: Storage) -> ImportTemplate:
    try:
        with storage.open(name) as file:
            return ImportTemplate.from_csv(file.read())
    except SourceError as exc:
        # The source is a file with a header, too.
        told = copy(exc)
        told.message = f"The import template cannot be used: {exc.message}"
        told.where = {**exc.where, "import_template": shown(name)}
        raise told from (exc.__cause__ or exc)
