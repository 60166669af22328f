"""Files that a run keeps on this machine while it lasts. Pure: no Airflow, no boto3."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_wisdom.exceptions import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def keeping() -> Iterator[None]:
    """Let a disk of this machine that is full or read-only be an error of this package, for a block.

    :raises StorageError: The block raised an `OSError`.
    """
    try:
        yield
    except OSError as exc:
        raise StorageError(f"This machine cannot keep the files of the run: {exc}") from exc
