"""How the rows of a source are judged before anything is sent: what an import and a sync have in common."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_wisdom.exceptions import SourceFormatError, TemplateMismatchError
from airflow_wisdom.places import shown
from airflow_wisdom.rows import Validator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_wisdom.rows import ImportTemplate
    from airflow_wisdom.rows.reading.table import Table
    from airflow_wisdom.runs.options import RowOptions
    from airflow_wisdom.sources import Source


@contextmanager
def judging(
    source: Source, template: ImportTemplate, options: RowOptions, routing_profiles: Mapping[str, str] | None
) -> Iterator[tuple[Table, Validator]]:
    """Open a source, with what judges its rows, for a block.

    :param source: Where the rows are.
    :param template: The header that AWS expects.
    :param options: How the rows are judged.
    :param routing_profiles: As for :class:`~airflow_wisdom.rows.validation.Rules`.
    :raises SourceError: The source cannot be read, or does not fit the template; also from the block.
    """
    rules = options.rules(routing_profiles)
    try:
        with Validator(template, rules, options.column_mapping) as validator, source.open(validator.knows) as table:
            yield table, validator
    except (SourceFormatError, TemplateMismatchError) as exc:
        # The template is a file with a header, too.
        exc.where.setdefault("source", shown(source.name))
        raise
