"""Whether two paths or URIs lead to the same place, however each of them is written."""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import combinations, product
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_wisdom.redaction import cut, redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LOCAL = frozenset({"file", "local"})
_SAME = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfss": "abfs", "az": "abfs", "wasbs": "wasb"}
"""Scheme -> another one for the same store."""

_AZURE = frozenset({"abfs", "wasb"})

_NOT_WRITTEN = (".xlsx", ".xlsm", ".xls", ".ods", ".parquet", ".gz", ".zip")
"""Endings of files that are read, or that others write, and that nothing here is written as."""

LONGEST_SHOWN = 200
"""Characters of a path that an error shows beside its message."""

LONGEST_IN_SENTENCE = 60
"""Characters of a path within a message, of which a list of failed tasks shows 200."""


@dataclass(frozen=True)
class Place:
    """Where a path or a URI leads.

    :param store: Scheme and bucket; empty for the file system of this machine.
    :param path: The path in it, without links, ``.``, ``..`` and doubled slashes.
    :param is_folder: Whether it is a folder, or written like one.
    :param is_device: Whether it is a terminal, a pipe or the like, which keeps nothing.
    :param inode: Which file of this machine it is, if it is there: hard links share it.
    """

    store: str
    path: str
    is_folder: bool = False
    is_device: bool = False
    inode: tuple[int, int] | None = None

    @classmethod
    def of(cls, given: object) -> Place:
        """Return where a path or a URI leads; nothing is asked but the file system of this machine.

        :param given: Path, URI, or what has one as its text, such as Airflow's ``ObjectStoragePath``.
        """
        text = str(given)
        scheme, separator, rest = text.partition("://")
        if not separator:
            return cls._local(Path(text))
        if scheme.lower() in _LOCAL:
            return cls._local(Path(rest).expanduser())
        scheme = _SAME.get(scheme.lower(), scheme.lower())
        # A key may hold what other URIs have a meaning for.
        host, _, key = rest.partition("/")
        return cls(f"{scheme}://{_bucket(scheme, host)}", posixpath.normpath(f"/{key}"), key[-1:] in ("", "/"))

    @classmethod
    def _local(cls, path: Path) -> Place:
        try:
            real = Path(os.path.realpath(path))
            found = real.stat()
        except OSError:
            return cls("", str(real))
        except ValueError:
            # A NUL, which no file has in its name.
            return cls("", str(path))
        is_folder, is_file = stat.S_ISDIR(found.st_mode), stat.S_ISREG(found.st_mode)
        return cls("", str(real), is_folder, not (is_folder or is_file), (found.st_dev, found.st_ino))

    def is_same_as(self, other: Place) -> bool:
        """Return whether both are one place.

        :param other: The other one.
        """
        is_one_file = self.inode is not None and self.inode == other.inode
        return is_one_file or (self.store, self.path) == (other.store, other.path)

    def contains(self, other: Place) -> bool:
        """Return whether another place lies in this very folder, or is one that this pattern stands for.

        :param other: The other one.
        """
        if self.store != other.store:
            return False
        if self.is_folder:
            return posixpath.dirname(other.path) == self.path
        return "*" in self.path and _fits(other.path, self.path)


def output(name: str, value: Any) -> Any:
    """Return the path or URI of a file that is to be written.

    :param name: Name of the parameter, for the error.
    :param value: The path or URI; None, or an empty text, for no file.
    :raises ValueError: It is something else, or its ending says that the file is none that is written here.
    """
    is_airflows = type(value).__module__.startswith("airflow.sdk.io")
    if not (value is None or is_airflows or isinstance(value, (str, os.PathLike))):
        raise ValueError(f"{name} must be a path or a URI, not {value!r:.100}")
    text = "" if value is None else str(value)
    ending = PurePosixPath(text.lower()).suffix
    if ending in _NOT_WRITTEN:
        raise ValueError(f"{name} must not end in {ending}, as CSV or JSON Lines are written there: {text!r:.200}")
    bucket, _, key = text.removeprefix("s3://").partition("/")
    if text.startswith("s3://") and not (bucket and key):
        raise ValueError(f"{name} must be s3://bucket/key, not {text!r:.200}")
    return value


def shown(place: str) -> str:
    """Return a path or URI for a message: what was given in its place may be a text of any length.

    :param place: The path or URI.
    """
    return cut(redact(place), LONGEST_SHOWN)


def briefly(place: str) -> str:
    """Return the end of a path or URI, for a sentence that goes on with what is wrong: folders may be many.

    :param place: The path or URI.
    """
    text = redact(place)
    if len(text) <= LONGEST_IN_SENTENCE:
        return text
    end = text[-LONGEST_IN_SENTENCE:]
    return f"...{end[max(0, end.find('/')) :]}"


def beside(place: str) -> str | None:
    """Return a path or URI, to be shown beside a message; None if :func:`briefly` shows it already.

    :param place: The path or URI.
    """
    return None if len(redact(place)) <= LONGEST_IN_SENTENCE else shown(place)


def check_places(inputs: Mapping[str, Iterable[object]], outputs: Mapping[str, str | None]) -> None:
    """Refuse outputs that would replace what is read, or one another.

    :param inputs: Parameter -> the paths and URIs that it names.
    :param outputs: Parameter -> its path or URI; None where it is not given.
    :raises ValueError: Two parameters name one place; the message names both.
    """
    read = [(name, Place.of(given)) for name, several in inputs.items() for given in several]
    written = [(name, Place.of(given)) for name, given in outputs.items() if given]
    written = [(name, place) for name, place in written if not place.is_device]
    for (name, place), (other, target) in [*product(read, written), *combinations(written, 2)]:
        where = shown(str(outputs[other]))
        if place.is_same_as(target):
            raise ValueError(f"{other} is the same file as {name}, which it would replace: {where}. Name another one")
        if name in inputs and place.contains(target):
            raise ValueError(f"{other} is among the files that {name} stands for: {where}. Write it to another folder")


def _bucket(scheme: str, host: str) -> str:
    """Return which bucket it is: which Airflow connection leads there, makes it no other."""
    before, _, bucket = host.rpartition("@")
    # Azure's accounts have dots and its containers have none: with a dot, what stands before it is the container.
    return host if before and scheme in _AZURE and "." in bucket else bucket


def _fits(path: str, pattern: str) -> bool:
    if "**" in pattern:
        return fnmatchcase(path, pattern)
    parts, patterns = path.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))
