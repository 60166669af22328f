"""Work grows with the text that was sent, and not with its square."""

import sys
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import quote

import pytest

from airflow_wisdom.testing import register

register()

from moto.wisdom import imports  # noqa: E402 - after register
from moto.wisdom.exceptions import RawError  # noqa: E402
from moto.wisdom.markdown import plain_text  # noqa: E402
from moto.wisdom.presign import presign, verify  # noqa: E402
from moto.wisdom.search import search  # noqa: E402

MINUTE = timedelta(minutes=1)


def steps(function, *args):
    """How many lines of Python it runs, in whatever file."""
    count = 0

    def tracer(frame, event, arg):
        nonlocal count
        count += 1
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        function(*args)
    finally:
        sys.settrace(before)
    return count


def signed_headers(count):
    """Check a URL that says that so many headers were signed."""
    url = presign("PUT", "http://h/wisdom_us-east-1/a/b", "us-east-1", MINUTE)
    names = quote(";".join(f"h{number}" for number in range(count)))
    url = url.replace("X-Amz-SignedHeaders=host", f"X-Amz-SignedHeaders={names}")
    with pytest.raises(RawError, match="Access Denied"):
        verify("PUT", url, Headers())


class Headers(Mapping):
    """Any header that is asked for is there."""

    def __getitem__(self, name):
        return "x"

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0


def odd_parameters(count):
    """Check a URL of so many parameters that nobody signed."""
    url = presign("PUT", "http://h/wisdom_us-east-1/a/b", "us-east-1", MINUTE)
    with pytest.raises(RawError, match="signature"):
        verify("PUT", url + "".join(f"&p{number}=x" for number in range(count)), Headers())


def columns(count):
    """Read a file of so many columns that nobody knows."""
    with pytest.raises(imports.BadFileError):
        imports.read(",".join(f"c{number}" for number in range(count)).encode() + b"\na\n", imports.HEADER, 100)


def profiles(count):
    """Read a cell of so many routing profiles."""
    imports.to_params(["Name", "Routing Profile"], ["n", ";".join(["p"] * count)], imports.HEADER)


def markdown(count):
    """Strip marks that are never closed."""
    plain_text("[*_" * count + "\n" * count)


def found(count):
    """Search for words in a text of so many beginnings of them."""
    shown = {"contents": {"plainText": {"content": "ab" * count}}}
    search([shown], {"queries": [{"name": "content", "values": ["ab" * 500 + "c"], "operator": "CONTAINS"}]})


@pytest.mark.parametrize("work", [signed_headers, odd_parameters, columns, profiles, markdown, found])
def test_twice_the_text_is_at_most_twice_the_work(work):
    """But for what it costs to begin."""
    work(10)
    small, large = steps(work, 1000), steps(work, 2000)
    assert large <= 2.2 * small
