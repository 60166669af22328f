"""A folder on this machine for the files of a run, which lasts as long as the run does."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from airflow_wisdom.rows.keeping import keeping

if TYPE_CHECKING:
    from typing_extensions import Self


class HasFolder:
    """What has a folder on this machine while it lasts, for its files; use it as a context manager."""

    _temporary: TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._temporary:
            self._temporary.cleanup()
            self._temporary = None

    @property
    def folder(self) -> Path:
        """The folder, made where it is needed first.

        :raises StorageError: It cannot be made.
        """
        if self._temporary is None:
            with keeping():
                # What a run did is worth more than what cannot be removed after it.
                self._temporary = TemporaryDirectory(prefix="airflow-wisdom-", ignore_cleanup_errors=True)
        return Path(self._temporary.name)
