"""The fake service over HTTP, for several processes, beside S3, STS and the rest of moto.

`python -m airflow_wisdom.testing.server --port 0` picks a free port and prints where it listens.
"""

from __future__ import annotations

import argparse
import signal
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

from airflow_wisdom.testing._register import installed, register

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.serving import BaseWSGIServer


def make_server(host: str = "127.0.0.1", port: int = 0, *, verbose: bool = False) -> BaseWSGIServer:
    """Bind the port; `serve_forever` then answers in as many threads as there are requests."""
    with installed():
        from moto.moto_server import werkzeug_app
        from werkzeug import serving

    class Handler(werkzeug_app.MotoRequestHandler):
        def log_request(self, *args: Any) -> None:
            if verbose:
                super().log_request(*args)

    register()
    app = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
    return serving.make_server(host, port, app, threaded=True, request_handler=Handler)


def url_of(server: BaseWSGIServer) -> str:
    return f"http://{server.host}:{server.port}"


@contextmanager
def running(host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread of this process, and give the URL.

    :param host: the address to bind
    :param port: 0 picks a free one
    """
    server = make_server(host, port)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield url_of(server)
    finally:
        server.shutdown()
        thread.join()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m airflow_wisdom.testing.server", description=__doc__)
    parser.add_argument("-p", "--port", type=int, default=5000, help="0 picks a free one (default: 5000)")
    parser.add_argument("-H", "--host", default="127.0.0.1", help="the address to bind (default: 127.0.0.1)")
    parser.add_argument("-v", "--verbose", action="store_true", help="log every request")
    args = parser.parse_args(argv)
    try:
        server = make_server(args.host, args.port, verbose=args.verbose)
    except ModuleNotFoundError as exc:
        parser.exit(1, f"{exc}\n")
    print(f"Listening on {url_of(server)}", flush=True)  # noqa: T201  # what a parent process waits for
    server.serve_forever()


def _interruptible() -> None:
    """End by SIGTERM as by SIGINT, and by SIGINT even if a shell started us in the background."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)


if __name__ == "__main__":
    _interruptible()
    with suppress(KeyboardInterrupt):
        main()
