"""Which files a folder, a prefix or a pattern stands for, wherever they are.

What writes a table in parts leaves files beside them that are none, such as ``_SUCCESS``, and hidden ones: those whose
names, or whose folders' names, begin with ``_`` or ``.``; a pattern that itself begins a name so takes them.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_wisdom.exceptions import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_FILES = 10_000
"""Most files that one place may stand for."""

MAX_LISTED = 100_000
"""Most files that are looked at to find those that fit a pattern."""

_SPECIAL = "*?["
_HIDDEN = ("_", ".")
_ANY_FOLDERS = "**"


def stands_for_several(place: str) -> bool:
    """Return whether a place, as it is written, stands for the files in it: it ends in ``/``, or has a ``*``.

    :param place: Path or URI.
    """
    return place.endswith("/") or "*" in place


def chosen(found: Iterable[tuple[str, int]], pattern: str) -> list[str]:
    """Return the names of those files that a pattern stands for, sorted; empty files are no parts.

    :param found: Names below a folder, and sizes, of the files that are there.
    :param pattern: The pattern of what is in the folder.
    :raises SourceError: There are too many.
    """
    names = (name for name, size in _bounded(found, MAX_LISTED) if size and fits(name, pattern))
    return sorted(_bounded(names, MAX_FILES))


def split(place: str) -> tuple[str, str]:
    """Return the folder in which all files of a place are, with its ``/``, and the pattern of what is in it.

    :param place: Path or URI.
    """
    parts = place.split("/")
    fixed = list(takewhile(lambda part: not any(char in part for char in _SPECIAL), parts[:-1]))
    return "".join(f"{part}/" for part in fixed), "/".join(parts[len(fixed) :]) or "*"


def fits(name: str, pattern: str) -> bool:
    """Return whether a name is one that a pattern stands for.

    :param name: The name, with ``/`` between folders.
    :param pattern: The same, with ``*``, ``?`` and ``[...]`` for what is within one name, and ``**`` for any folders.
    """
    return _fit(name.split("/"), pattern.split("/"))


def _fit(names: list[str], patterns: list[str]) -> bool:
    if not (names and patterns):
        return not names and not patterns
    if patterns[0] == _ANY_FOLDERS:
        is_hidden = names[0].startswith(_HIDDEN)
        return _fit(names, patterns[1:]) or (not is_hidden and _fit(names[1:], patterns))
    is_hidden = names[0].startswith(_HIDDEN) and not patterns[0].startswith(_HIDDEN)
    return not is_hidden and fnmatchcase(names[0], patterns[0]) and _fit(names[1:], patterns[1:])


def local_files(folder: str, pattern: str) -> list[str]:
    """Return the names of the files in a folder on this machine.

    :param folder: The folder.
    :param pattern: The pattern of what is in it.
    :raises SourceError: There are too many.
    """
    base = Path(folder)
    found = (path for path in base.glob(pattern) if path.is_file())
    return chosen(((path.relative_to(base).as_posix(), path.stat().st_size) for path in found), pattern)


def s3_files(client: Any, bucket: str, prefix: str, pattern: str) -> list[str]:
    """Return what follows a prefix in the keys of the objects in a bucket; AWS operation ``ListObjectsV2``.

    :param client: boto3's client of Amazon S3.
    :param bucket: Name of the bucket.
    :param prefix: The prefix, with a ``/`` at its end, or none.
    :param pattern: The pattern of what follows it.
    :raises SourceError: There are too many.
    """
    plain = "".join(takewhile(lambda char: char not in _SPECIAL, pattern))
    # What is in a folder below need not be looked at for a pattern without folders.
    where = {"Bucket": bucket, "Prefix": prefix + plain, **({} if "/" in pattern else {"Delimiter": "/"})}
    pages = client.get_paginator("list_objects_v2").paginate(**where)
    found = ((each["Key"], each["Size"]) for page in pages for each in page.get("Contents", ()))
    return chosen(((key[len(prefix) :], size) for key, size in found), pattern)


def files_of_system(system: Any, folder: str, pattern: str) -> list[str]:
    """Return the names of the files in a folder of a file system of fsspec.

    :param system: The file system.
    :param folder: The folder, as the file system names it.
    :param pattern: The pattern of what is in it.
    :raises SourceError: There are too many.
    """
    folder = folder.rstrip("/") + "/"
    depth = None if _ANY_FOLDERS in pattern else pattern.count("/") + 1
    found = system.find(folder, maxdepth=depth, detail=True)
    return chosen(((name.removeprefix(folder), each["size"]) for name, each in found.items()), pattern)


def _bounded(items: Iterable[Any], most: int) -> Iterator[Any]:
    for number, item in enumerate(items):
        if number == most:
            raise SourceError(f"has more than {most:,} files: name a folder with fewer, or a narrower pattern")
        yield item
