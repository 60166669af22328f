"""Requests to presigned URLs: what is uploaded to them and downloaded, and how they are kept out of logs and errors."""

from __future__ import annotations

import io
import logging
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, Union
from xml.etree import ElementTree as ET

import requests
from requests.adapters import HTTPAdapter

from airflow_wisdom import settings
from airflow_wisdom.exceptions import ClientConfigurationError, EndpointError, UploadError, UploadUrlExpiredError
from airflow_wisdom.hooks.errors import kind_of
from airflow_wisdom.redaction import redact, redact_also

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from botocore.config import Config

UploadSource = Union[str, "os.PathLike[str]", bytes, BinaryIO]

PIECE = 64 * 1024
"""Bytes of an answer that are taken at once."""

SENT_AT_ONCE = 256 * 1024
"""Bytes of a file that are sent at once: with urllib3's own 16 KiB, uploads took 1.2 to 1.3 times as long as curl's."""


_PASSING = (
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
)
"""What requests raises that may be over in a minute."""


class _RedactPresignedUrls(logging.Filter):
    """Keeps presigned URLs out of the debug logs of the libraries that see them."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        redacted = redact(message)
        if redacted != message:
            record.msg, record.args = redacted, ()
        return True


for _name in ("botocore.parsers", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_RedactPresignedUrls())
# Whoever sees a presigned URL, in a worker or a triggerer, has imported this module.
redact_also(settings.redacted_parameters())


class _LargePieces(HTTPAdapter):
    """Sends files in large pieces; nothing else about a request is changed."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, blocksize=SENT_AT_ONCE)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return super().proxy_manager_for(*args, **kwargs, blocksize=SENT_AT_ONCE)


def send(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: BinaryIO | None,
    *,
    config: Config,
    verify: bool | str | None,
    where: Mapping[str, str | None],
    take: Callable[[bytes], None] | None = None,
) -> requests.Response:
    """Send a request to a presigned URL with the network settings of an AWS connection.

    :param method: ``GET`` or ``PUT``.
    :param url: The presigned URL.
    :param headers: The headers that its signature covers; no others are sent, but for what HTTP itself needs.
    :param body: What is sent, from where it stands. None: nothing.
    :param config: Time-outs and proxies.
    :param verify: As for :class:`~airflow_wisdom.hooks.WisdomHook`.
    :param where: What the request is about, as the exceptions have it.
    :param take: Gets the body of a good answer piece by piece, as it comes. Default: the answer holds it.
    :raises EndpointError: There was no answer, which may be over in a minute.
    :raises ClientConfigurationError: No answer is possible, as where a certificate is not trusted.
    """
    failure: requests.RequestException
    with requests.Session() as session:
        # The signature covers headers: none but the given ones may go out.
        session.headers.clear()
        for scheme in ("https://", "http://"):
            session.mount(scheme, _LargePieces())
        try:
            answer = session.request(
                method,
                url,
                headers=headers,
                data=body,
                # Stands in the way of ~/.netrc, whose Authorization header Amazon S3 would refuse.
                auth=lambda request: request,
                timeout=(config.connect_timeout, config.read_timeout),
                proxies=config.proxies,
                verify=True if verify is None else verify,
                allow_redirects=False,
                stream=take is not None,
            )
            if take is not None:
                # What is streamed is closed by who streams it, also where it is not read to its end.
                with answer:
                    for chunk in answer.iter_content(PIECE) if is_good(answer) else ():
                        take(chunk)
            return answer  # noqa: TRY300 - what is raised above is what is caught here
        except requests.RequestException as exc:
            failure = exc
    # Outside of the handler, so that the exception, whose text holds the URL, is no context of ours.
    passing = isinstance(failure, _PASSING) and not isinstance(failure, requests.exceptions.SSLError)
    kind = EndpointError if passing else ClientConfigurationError
    raise kind(f"{method} failed: {redact(str(failure))}", where=where)


def is_good(answer: requests.Response) -> bool:
    """Return whether a request was carried out; a redirect, which is not followed, was not.

    :param answer: The answer of :func:`send`.
    """
    return answer.ok and answer.status_code < requests.codes.multiple_choices


def raise_if_passing(
    operation: str, answer: requests.Response, where: Mapping[str, str | None], code: str | None = None, why: str = ""
) -> None:
    """Raise what Amazon S3 answers in bad weather: throttling, or an error of its own.

    :param operation: ``PutObject`` or ``GetObject``.
    :param answer: Its answer.
    :param where: As for :func:`send`.
    :param code: Its error code. Default: only the HTTP status is known.
    :param why: Its message.
    :raises ServiceUnavailableError: Trying again later helps.
    """
    kind = kind_of(code, answer.status_code)
    if kind.transient:
        status = answer.status_code
        raise kind(why or "no message", code=code or "Unknown", operation=operation, http_status=status, where=where)


def raise_upload_error(answer: requests.Response, where: Mapping[str, str | None]) -> NoReturn:
    """Raise why Amazon S3 did not take a file.

    :param answer: Its answer.
    :param where: As for :func:`send`.
    :raises ServiceUnavailableError: As for :func:`raise_if_passing`.
    :raises UploadError: In all other cases.
    """
    code, message = _s3_error(answer.text)
    raise_if_passing("PutObject", answer, where, code, message)
    kind = UploadUrlExpiredError if "expired" in message.lower() else UploadError
    raise kind(
        f"Amazon S3 did not take the file: {code or 'no error code'}: {message or 'no message'}",
        http_status=answer.status_code,
        code=code,
        where=where,
    )


def _s3_error(xml: str) -> tuple[str | None, str]:
    """Return code and message of an error document of Amazon S3, as far as it is one."""
    # Amazon S3 declares nothing, and what somebody else declares could make little text a lot.
    if "<!DOCTYPE" in xml:
        return None, ""
    try:
        error = ET.fromstring(xml)  # noqa: S314 - without declarations it holds no bomb
    except (ET.ParseError, ValueError):
        return None, ""
    return error.findtext("Code"), error.findtext("Message") or ""


@contextmanager
def opened(source: UploadSource) -> Iterator[tuple[BinaryIO, int]]:
    """Open what is to be uploaded; yield a seekable file and how many bytes of it are to be sent."""
    if isinstance(source, bytes):
        yield io.BytesIO(source), len(source)
    elif isinstance(source, (str, os.PathLike)):
        with Path(source).open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    elif source.seekable():
        start = source.tell()
        end = source.seek(0, os.SEEK_END)
        source.seek(start)
        yield source, end - start
    else:
        # A length has to be sent first, and a pipe does not know its own.
        content = source.read()
        yield io.BytesIO(content), len(content)
