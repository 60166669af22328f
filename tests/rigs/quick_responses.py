"""What the tests of the quick-response room share: rules as AWS's own model has them, and a source as one call."""

from __future__ import annotations

import csv
import io
import tempfile
from contextlib import contextmanager
from pathlib import Path

from airflow_wisdom.hooks.models import quick_response_lengths
from airflow_wisdom.rows import DEFAULT_TEMPLATE, Rules, Validator, field_limits, prepare
from airflow_wisdom.rows.reading import read_csv


def limits():
    return field_limits(quick_response_lengths())


def validator(template=DEFAULT_TEMPLATE, mapping=None, **rules):
    return Validator(template, Rules(**{"limits": limits(), **rules}), mapping)


def table(text, **how):
    return read_csv(io.BytesIO(text.encode() if isinstance(text, str) else text), **how)


@contextmanager
def prepared(source, *, template=DEFAULT_TEMPLATE, mapping=None, rules=None, **how):
    """What `prepare` makes of a source, while its files exist."""
    with tempfile.TemporaryDirectory() as folder, validator(template, mapping, **(rules or {})) as judge:
        yield prepare(source, judge, Path(folder), **how)


def written(made):
    """The rows of all import files, in order, by the csv module itself."""
    files = [csv.reader(io.StringIO(file.path.read_bytes().decode(), newline=""), strict=True) for file in made.files]
    return [row for file in files for row in list(file)[1:]]


def mistakes(source, **how):
    """The mistakes of a source as a person reads them."""
    with prepared(source, sample=100, **how) as made:
        return [str(mistake) for mistake in made.mistakes]
