"""A fake Amazon Connect Wisdom: a moto backend for boto3's `wisdom` and `qconnect` clients.

`register` teaches moto the service, `FakeWisdom` steers it, `python -m airflow_wisdom.testing.server` serves
it over HTTP, and `airflow_wisdom.testing.fixtures` has pytest fixtures for the tests of your own DAGs.
"""

from airflow_wisdom.testing._register import is_registered, register
from airflow_wisdom.testing.control import FakeWisdom

__all__ = ["FakeWisdom", "is_registered", "register"]
