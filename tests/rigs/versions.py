"""Which Airflow runs the tests."""

from __future__ import annotations

from importlib.metadata import version

AIRFLOW = version("apache-airflow-core")


def is_at_least(minor):
    """Whether the Airflow that runs the tests is of that minor version, as in "3.3", or newer."""
    return numbers(AIRFLOW) >= numbers(minor)


def numbers(text):
    return tuple(map(int, text.split(".")[:2]))
