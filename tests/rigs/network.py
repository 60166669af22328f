"""The network between the code under test and the fake service: what is sent over it, and what happens to it there.

Every boto3 client that is made inside one of these blocks passes by; clients of the fake's own handle do not.
"""

from __future__ import annotations

from contextlib import contextmanager

import botocore.handlers


@contextmanager
def listening(event, handler):
    """Let every client made inside call a handler at one of botocore's events, before anybody else is called."""
    entry = (event, handler)
    botocore.handlers.BUILTIN_HANDLERS.insert(0, entry)
    try:
        yield
    finally:
        botocore.handlers.BUILTIN_HANDLERS.remove(entry)


@contextmanager
def clients_counted():
    """Yield a list that gets an entry for each client that is made."""
    made = []
    with listening("creating-client-class", lambda **_: made.append(1)):
        yield made


@contextmanager
def before_call(operation, then):
    """Call a function before each request of an operation is sent; what it raises is raised in place of an answer."""
    with listening(f"before-send.*.{operation}", lambda **_: then()):
        yield


@contextmanager
def after_call(operation, number, then):
    """Call a function once the request of this number of an operation is answered, before anybody reads the answer."""
    answered = []

    def count(**_):
        answered.append(1)
        if len(answered) == number:
            then()

    with listening(f"after-call.*.{operation}", count):
        yield


class Killed(BaseException):
    """What a worker's death looks like from inside: nothing more happens."""


@contextmanager
def killed(starts):
    """Let the process die after so many jobs were started, as soon as another is to be started or is looked at."""
    sent, answered = [], []

    def start(**_):
        if len(sent) == starts:
            raise Killed
        sent.append(1)

    def look(**_):
        if len(answered) == starts:
            raise Killed

    with (
        listening("before-send.*.StartImportJob", start),
        listening("after-call.*.StartImportJob", lambda **_: answered.append(1)),
        listening("before-send.*.GetImportJob", look),
        listening("before-send.*.ListImportJobs", look),
    ):
        yield
