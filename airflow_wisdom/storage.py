"""Where rows come from and where reports go: a path, Amazon S3, or whatever Airflow's object storage reaches."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

from airflow_wisdom import streams
from airflow_wisdom.exceptions import SourceError, StorageError, WisdomError
from airflow_wisdom.listing import files_of_system, local_files, s3_files, split, stands_for_several
from airflow_wisdom.places import LONGEST_SHOWN, beside, briefly
from airflow_wisdom.redaction import cut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from airflow.sdk import ObjectStoragePath

__all__ = [
    "Storage",
]


@dataclass(frozen=True)
class Storage:
    """Reads and writes files by path or URI.

    ``s3://bucket/key`` goes through :class:`~airflow.providers.amazon.aws.hooks.s3.S3Hook`, any other URI through
    ``ObjectStoragePath``, and what is no URI is a path on the worker.

    :param conn_id: Airflow connection for URIs. For Amazon S3 the default, None, stands for `aws_conn_id`; for others,
        for the one that the URI names, or none.
    :param aws_conn_id: Airflow connection for Amazon S3 where `conn_id` names none; None for boto3's own credentials.
    :param verify: As for :class:`~airflow_wisdom.hooks.WisdomHook`.
    """

    conn_id: str | None = None
    aws_conn_id: str | None = "aws_default"
    verify: bool | str | None = None

    @contextmanager
    def open(self, uri: str, what: str = "") -> Iterator[BinaryIO]:
        """Open a file to be read as it comes, without having all of it anywhere.

        :param uri: Path or URI.
        :param what: What the file is to the user, for messages, such as ``The template``. Default: its name alone.
        :raises SourceError: It does not exist, cannot be read, is not a regular file, or changes while it is read.
        """
        name = f"{what} {briefly(uri)}".strip()
        with ExitStack() as stack:
            try:
                file = stack.enter_context(self._opened(uri))
            except WisdomError:
                raise
            except Exception as exc:
                raise SourceError(f"{name} cannot be read: {_cause(exc, uri)}", where=_where(uri)) from exc
            yield file

    def files(self, place: str) -> list[str]:
        """Return the files that a place stands for, sorted by name: those in a folder, or what fits a pattern.

        A file is itself, whether it is there or not.

        :param place: Path or URI. It stands for several files if it ends in ``/``, or has a ``*``; a path also if it
            is a folder. They are those of that folder alone, without what is in folders below, unless a pattern says
            so. Hidden and empty files are left out: ``airflow_wisdom.listing``.
        :raises SourceError: There are none, too many, or they cannot be listed.
        """
        try:
            if not self._stands_for_several(place):
                return [place]
            folder, pattern = split(place if stands_for_several(place) else f"{place}/")
            found = [folder + name for name in self._names(folder, pattern)]
        except SourceError as exc:
            raise SourceError(f"{briefly(place)} {exc.message}", where=_where(place)) from exc
        except WisdomError:
            raise
        except Exception as exc:
            cause = _cause(exc, place)
            raise SourceError(f"{briefly(place)} cannot be listed: {cause}", where=_where(place)) from exc
        if not found:
            raise SourceError(
                f"{briefly(place)} has no files with rows: empty and hidden ones do not count, nor do those in folders "
                "below; for those use a pattern such as folder/**/*.csv",
                where=_where(place),
            )
        return found

    def save(self, path: Path, uri: str) -> None:
        """Copy a local file to where a URI leads; what is there is replaced, as a whole or not at all.

        A local file is written beside its place and renamed; Amazon S3 shows an object once all of it is there. Other
        file systems get the file in one call, which most object stores do as a whole, too.

        :param path: The file.
        :param uri: Path or URI; folders on the way are made.
        :raises StorageError: It cannot be written.
        """
        try:
            self._save(path, uri)
        except Exception as exc:
            # A file system may raise what it likes, and whatever a run has done is told all the same.
            cause = _cause(exc, uri)
            raise StorageError(f"{briefly(uri)} cannot be written: {cause}", where=_where(uri)) from exc

    def try_to_save(self, path: Path, uri: str | None) -> tuple[str | None, str | None]:
        """Copy a report to where a user asked for it; return where, and what went wrong, as there is more to say.

        :param path: The file.
        :param uri: As for :meth:`save`; None if it was not asked for.
        """
        if not uri:
            return None, None
        try:
            self.save(path, uri)
        except StorageError as exc:
            return None, exc.message
        return uri, None

    @contextmanager
    def _opened(self, uri: str) -> Iterator[BinaryIO]:
        if uri.startswith("s3://"):
            bucket, key = _bucket_and_key(uri)
            with streams.of_s3(self._s3(uri).get_conn(), bucket, key) as file:
                yield file
        elif "://" in uri:
            with streams.of_object_storage(self._object_path(uri)) as file:
                yield file
        else:
            with streams.of_path(Path(uri)) as file:
                yield file

    def _stands_for_several(self, place: str) -> bool:
        if "://" in place:
            return stands_for_several(place)
        return Path(place).is_dir() or (stands_for_several(place) and not Path(place).exists())

    def _names(self, folder: str, pattern: str) -> list[str]:
        if folder.startswith("s3://"):
            bucket, _, prefix = _without_connection(folder).partition("/")
            return s3_files(self._s3(folder).get_conn(), bucket, prefix, pattern)
        if "://" in folder:
            path = self._object_path(folder)
            return files_of_system(path.fs, path.path, pattern)
        return local_files(folder, pattern)

    def _object_path(self, uri: str) -> ObjectStoragePath:
        from airflow.sdk import ObjectStoragePath

        # What the URI names is nearer than what all files of a task have in common. It need not be a connection of
        # Airflow's: a file system that was attached has an id, too.
        return ObjectStoragePath(uri, conn_id=None if _connection_in(uri) else self.conn_id)

    def _save(self, path: Path, uri: str) -> None:
        if uri.startswith("s3://"):
            bucket, key = _bucket_and_key(uri)
            self._s3(uri).get_conn().upload_file(str(path), bucket, key)
        elif "://" in uri and not uri.startswith("file://"):
            target = self._object_path(uri)
            target.parent.mkdir(parents=True, exist_ok=True)
            # In one call, which most stores do as a whole: of a stream that breaks off, its beginning may stay.
            target.fs.put_file(str(path), target.path)
        else:
            _replace(path, Path(uri.removeprefix("file://")))

    def _s3(self, uri: str) -> S3Hook:
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook

        from airflow_wisdom.hooks.lookup import find_connection

        named = (_connection_in(uri), self.conn_id, self.aws_conn_id)
        conn_id = next((each for each in named if each is not None), None)
        if conn_id is not None:
            # Other AWS hooks take boto3's own credentials where the connection does not exist.
            advice = f"{briefly(uri)} is reached by it: create it, or name another as storage_conn_id"
            find_connection(conn_id, advice)
        return S3Hook(aws_conn_id=conn_id, verify=self.verify)


def _cause(error: Exception, uri: str) -> str:
    """Return why it could not be done, without the path, which is said already."""
    named = (f": {uri!r}", f": '{uri}'") if isinstance(error, OSError) else ()
    text = str(error)
    for each in named:
        text = text.removesuffix(each)
    return cut(text.replace(uri, briefly(uri)), 2 * LONGEST_SHOWN)


def _where(uri: str) -> dict[str, str | None]:
    return {"path": beside(uri)}


def _replace(path: Path, target: Path) -> None:
    """Copy a file so that under its name there is always a whole one, the old or the new, whatever goes wrong."""
    if target.exists() and not target.is_file():
        # A terminal or a pipe cannot be replaced, and a folder is not to be.
        shutil.copyfile(path, target)
        return
    # What a link leads to is replaced, and the link stays.
    target = Path(os.path.realpath(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{uuid4().hex}.part")
    try:
        shutil.copyfile(path, beside)
        if target.exists():
            shutil.copymode(target, beside)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _connection_in(uri: str) -> str | None:
    """Return the Airflow connection that a URI names before its bucket, as in ``s3://conn_id@bucket/key``."""
    scheme, _, rest = uri.partition("://")
    name = rest.partition("/")[0].rpartition("@")[0]
    # In those of Azure, it is the container that stands there.
    return name if name and not scheme.startswith(("abfs", "wasb")) else None


def _without_connection(uri: str) -> str:
    """Return bucket and key of an ``s3://`` URI."""
    host, slash, key = uri.removeprefix("s3://").partition("/")
    return host.rpartition("@")[2] + slash + key


def _bucket_and_key(uri: str) -> tuple[str, str]:
    """Split an ``s3://`` URI. To Airflow's hook, what follows a question mark, which a key may hold, is a query."""
    bucket, _, key = _without_connection(uri).partition("/")
    if not (bucket and key):
        raise ValueError("it must be s3://bucket/key")
    return bucket, key
