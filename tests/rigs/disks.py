"""A disk that is full, or a quota that is used up: files of this process cannot grow any further."""

from __future__ import annotations

import resource
from contextlib import contextmanager


@contextmanager
def full_at(size):
    """Let no file grow beyond so many bytes, for a block: writing more is an OSError."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
