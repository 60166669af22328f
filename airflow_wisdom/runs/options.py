"""How a run is done: what the options of all runs have in common, and those of all runs that read rows."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_wisdom.exceptions import SourceError
from airflow_wisdom.model.limits import MAX_REPORT_BYTES, SAMPLE_SIZE
from airflow_wisdom.places import check_places, output, shown
from airflow_wisdom.rows import DEFAULT_TEMPLATE, ImportTemplate, Rules, field_limits
from airflow_wisdom.rows.nothing import NULL_VALUES
from airflow_wisdom.rows.template import FIELDS, unmarked
from airflow_wisdom.rows.validation import meaningful
from airflow_wisdom.values import (
    Problems,
    Readers,
    mapping,
    one_of,
    optional,
    readers_of,
    switch,
    texts_by_text,
    tolerated,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Self

    from airflow_wisdom.rows.validation import ExtraCheck
    from airflow_wisdom.sources import Source
    from airflow_wisdom.storage import Storage


@dataclass(frozen=True)
class Options:
    """How a run is done. The options are parameters of a task, by the same names; its docstring says what they mean."""

    readers: ClassVar[Readers] = {}
    """Option -> what reads it, for those that this class adds."""

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
        """Return the options as what they mean, such as numbers as numbers.

        :raises ParameterError: Options make no sense, or do not go together: it names all of them.
        """
        problems = Problems()
        read = replace(self, **problems.read(readers_of(type(self)), self))
        problems.found += read.contradictions()
        problems.check()
        return read

    def contradictions(self) -> Iterator[str]:
        """Yield what is wrong with options that make sense each for itself."""
        yield from ()


@dataclass(frozen=True)
class SampleOptions(Options):
    """How much of a run is shown; what the option means says :class:`~airflow_wisdom.tasks.WisdomStorageTask`."""

    readers: ClassVar[Readers] = {"sample_size": partial(whole_number, least=0)}

    sample_size: int = SAMPLE_SIZE


@dataclass(frozen=True)
class ReportOptions(SampleOptions):
    """What is done about records that AWS refuses; what each option means says
    :class:`~airflow_wisdom.tasks.WisdomReportTask`, whose parameters they are.
    """  # noqa: D205 - one sentence

    readers: ClassVar[Readers] = {
        "on_failed_records": tolerated,
        "failed_records_path": output,
        "max_report_bytes": partial(whole_number, least=1),
    }

    on_failed_records: Literal["fail", "warn", "ignore"] | int = "fail"
    failed_records_path: str | None = None
    max_report_bytes: int = MAX_REPORT_BYTES


def _null_values(name: str, value: Any) -> Collection[str] | None:
    texts = (value,) if isinstance(value, str) else value
    if texts is None or (isinstance(texts, Collection) and all(isinstance(text, str) for text in texts)):
        return texts
    raise ValueError(f"{name} must be a list of texts, not {value!r:.100}")


def _extra_checks(name: str, value: Any) -> Any:
    if value is None or (isinstance(value, Collection) and all(map(callable, value))):
        return value
    raise ValueError(f"{name} must be a list of functions, not {value!r:.100}")


def _import_template(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        labels, meanings = value, [meaning for meaning in value.values() if meaning is not None]
        is_one = all(isinstance(each, str) for each in [*labels, *meanings])
    elif isinstance(value, (str, os.PathLike)):
        is_one = bool(os.fspath(value))
    else:
        is_one = isinstance(value, Collection) and all(isinstance(label, str) for label in value)
    if not is_one:
        raise ValueError(f"{name} must be a path, a URI, a list of labels or a dict of them, not {value!r:.100}")
    return value


@dataclass(frozen=True)
class RowOptions(SampleOptions):
    """How rows are judged; what each option means says
    :class:`~airflow_wisdom.operators.rows.WisdomRowsTask`, whose parameters they are.
    """  # noqa: D205 - one sentence

    words: ClassVar[Mapping[str, Collection[str]]] = {}
    """As for :class:`~airflow_wisdom.rows.validation.Rules`."""

    readers: ClassVar[Readers] = {
        "import_template": optional(_import_template),
        "column_mapping": optional(texts_by_text),
        "extra_columns": partial(one_of, words=("fail", "ignore")),
        "spaces": partial(one_of, words=("trim", "invalid")),
        "allowed_values": optional(mapping),
        "on_invalid_rows": partial(one_of, words=("fail", "skip")),
        "strict": switch,
        "invalid_rows_path": output,
        "null_values": _null_values,
        "on_placeholders": partial(one_of, words=("warn", "invalid", "ignore")),
        "extra_checks": _extra_checks,
    }

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

    def contradictions(self) -> Iterator[str]:
        """Yield what is wrong with options that make sense each for itself."""
        yield from super().contradictions()
        if isinstance(self.allowed_values, Mapping):
            yield from _wrong_allowed_values(self.allowed_values, self.words)

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


def _wrong_allowed_values(
    allowed: Mapping[str, Collection[str] | None], words: Mapping[str, Collection[str]]
) -> Iterator[str]:
    for name, values in allowed.items():
        if name not in FIELDS:
            yield f"Each field of allowed_values must be one of {', '.join(sorted(FIELDS))}, not {name!r:.100}"
        elif values is not None and (isinstance(values, str) or not isinstance(values, Collection)):
            yield f"allowed_values must have a list for {name}, or None, not {values!r:.100}"
        elif name in words and not meaningful(values, words[name]):
            known = ", ".join(sorted(words[name]))
            yield f"allowed_values has no value for {name} that Amazon Connect can be given: {known}"


def _template_file(name: str, storage: Storage) -> ImportTemplate:
    try:
        with storage.open(name) as file:
            return ImportTemplate.from_csv(file.read())
    except SourceError as exc:
        # The source is a file with a header, too.
        told = copy(exc)
        told.message = f"The import template cannot be used: {exc.message}"
        told.where = {**exc.where, "import_template": shown(name)}
        told.where.pop("path", None)
        raise told from (exc.__cause__ or exc)
