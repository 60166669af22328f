"""The page *Amazon Connect* of Airflow's UI, from Airflow 3.1 on: where its one file is, and what serves it.

Airflow loads this module in the API server, the scheduler, the DAG processor and the triggerer, so it imports nothing
that they do not have already. All data comes from Airflow's own REST API, with the login of whoever looks: this
module has no access to any.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]

NAME = "Amazon Connect"
PREFIX = "/amazon-connect-ui"
FILE = Path(__file__).parent / "static" / "amazon-connect.js"

_HEADERS = {
    "content-type": "text/javascript; charset=utf-8",
    # Asked for again each time, so that an upgrade is seen at once; it is sent again only if it has changed.
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
}


class OneFile:
    """An ASGI application that serves one file, whose content is no secret, and nothing else.

    :param file: The file.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],  # noqa: ARG002 - ASGI's signature
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        status, headers, body = self._answer(scope)
        await send({"type": "http.response.start", "status": status, "headers": _encoded(headers)})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _answer(self, scope: Message) -> tuple[int, dict[str, str], bytes]:
        # A proxy may have taken the beginning of the path away, or not.
        if not scope["path"].endswith(f"{PREFIX}/{self._file.name}"):
            return 404, {"content-length": "0"}, b""
        if scope["method"] not in ("GET", "HEAD"):
            return 405, {"allow": "GET, HEAD", "content-length": "0"}, b""
        found = self._file.stat()
        tag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
        if _tags(scope) & {tag, "*"}:
            return 304, {**_HEADERS, "etag": tag}, b""
        body = self._file.read_bytes()
        return 200, {**_HEADERS, "etag": tag, "content-length": str(len(body))}, body


def _tags(scope: Message) -> set[str]:
    """Return the tags of what the browser has; a proxy that compresses makes them weak ones."""
    named = (value.decode("latin-1") for name, value in scope["headers"] if name == b"if-none-match")
    return {each.strip().removeprefix("W/") for each in ",".join(named).split(",")}


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _url() -> str:
    """Return the path of the file: absolute, because Airflow 3.1 takes others relative to a script of its own."""
    root = urlsplit(conf.get("api", "base_url", fallback="") or "").path
    return f"{root.rstrip('/')}{PREFIX}/{FILE.name}"


def _app(route: str, destination: str, **more: str) -> dict[str, str]:
    # One name for both, because the UI keeps what it has loaded under it.
    return {"name": NAME, "bundle_url": _url(), "url_route": route, "destination": destination, **more}


class AmazonConnectPlugin(AirflowPlugin):
    """The page under *Browse*, and the tab of a task instance. On Airflow 3.0, whose UI has no such pages, nothing."""

    name = "amazon_connect"
    fastapi_apps: list[Any] = []  # noqa: RUF012 - Airflow's own annotation
    react_apps: list[Any] = []  # noqa: RUF012 - as above

    if hasattr(AirflowPlugin, "react_apps"):
        fastapi_apps = [{"app": OneFile(FILE), "url_prefix": PREFIX, "name": NAME}]
        react_apps = [
            _app("amazon-connect", "nav", category="browse"),
            _app("amazon-connect-run", "task_instance"),
        ]
