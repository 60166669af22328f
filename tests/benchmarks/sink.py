"""A small Amazon Connect Wisdom, and a small Amazon S3, for large files: takes uploads as fast as a socket gives them.

What is uploaded is counted and thrown away, and every import job is COMPLETE at once. A process of its own, so that its
work is in nobody's measurement: a thread for each connection, which receives into one large buffer. It prints its port,
and ends when its standard input does.

Usage: ``python sink.py [FILE]``; any GET outside of the service's own paths is answered with the file.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any

LARGEST_HEAD = 64 * 1024
RECEIVED_AT_ONCE = 1024 * 1024
PAGE_SIZE = 100


class Service:
    """The jobs, and what is told about them."""

    def __init__(self, port: int, file: Path | None) -> None:
        self.file = file
        self._port = port
        self._numbers = count(1)
        self._jobs: dict[str, dict[str, Any]] = {}

    def answer(self, method: str, path: str, body: bytes) -> dict[str, Any] | None:
        """Answer a call of the service; None for what is Amazon S3's."""
        match [method, *path.partition("?")[0].strip("/").split("/")]:
            case ["POST", "knowledgeBases", _, "upload"]:
                return self._upload()
            case ["POST", "knowledgeBases", knowledge_base_id, "importJobs"]:
                return {"importJob": self._start(knowledge_base_id, json.loads(body))}
            case ["GET", "knowledgeBases", _, "importJobs"]:
                # Newest first, and as much of the list as one page has.
                return {"importJobSummaries": list(reversed(self._jobs.values()))[:PAGE_SIZE]}
            case ["GET", "knowledgeBases", _, "importJobs", import_job_id]:
                return {"importJob": self._jobs[import_job_id]}
        return None

    def _upload(self) -> dict[str, Any]:
        number = next(self._numbers)
        return {
            "uploadId": f"upload-{number}",
            "url": f"http://127.0.0.1:{self._port}/uploads/{number}?X-Amz-Signature=none",
            "urlExpiry": time.time() + 3600,
            "headersToInclude": {"Content-Type": "text/csv"},
        }

    def _start(self, knowledge_base_id: str, request: dict[str, Any]) -> dict[str, Any]:
        now = time.time()
        job = {
            "importJobId": f"00000000-0000-4000-8000-{next(self._numbers):012}",
            "knowledgeBaseId": knowledge_base_id,
            "knowledgeBaseArn": f"arn:aws:wisdom:us-east-1:123456789012:knowledge-base/{knowledge_base_id}",
            "importJobType": "QUICK_RESPONSES",
            "status": "COMPLETE",
            "uploadId": request["uploadId"],
            "metadata": request.get("metadata", {}),
            "createdTime": now,
            "lastModifiedTime": now,
            "url": "https://uploads.invalid/",
            "urlExpiry": now + 3600,
        }
        return self._jobs.setdefault(job["importJobId"], job)


class Connection:
    """As much of HTTP/1.1 as botocore, requests and curl use."""

    def __init__(self, connection: socket.socket, service: Service) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._service = service
        self._buffer = memoryview(bytearray(RECEIVED_AT_ONCE))
        self._rest = b""

    def serve(self) -> None:
        """Answer requests until the other side hangs up."""
        with self._socket:
            while head := self._head():
                method, target, headers = head
                length = int(headers.get("content-length", 0))
                if method == "PUT":
                    self._throw_away(length)
                    self._send(b"")
                    continue
                answer = self._service.answer(method, target, self._body(length))
                if answer is not None:
                    self._send(json.dumps(answer).encode())
                elif self._service.file:
                    self._send_file(self._service.file)

    def _head(self) -> tuple[str, str, dict[str, str]] | None:
        while b"\r\n\r\n" not in self._rest:
            received = self._socket.recv(LARGEST_HEAD)
            if not received:
                return None
            self._rest += received
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, target, _version = first.split(" ")
        return method, target, {name.lower(): value.strip() for name, _, value in (it.partition(":") for it in lines)}

    def _body(self, length: int) -> bytes:
        while len(self._rest) < length:
            self._rest += self._socket.recv(LARGEST_HEAD)
        body, self._rest = self._rest[:length], self._rest[length:]
        return body

    def _throw_away(self, length: int) -> None:
        missing = length - len(self._rest)
        self._rest = b""
        while missing > 0:
            received = self._socket.recv_into(self._buffer[: min(missing, RECEIVED_AT_ONCE)])
            if not received:
                raise ConnectionError("The upload ended early")
            missing -= received

    def _send(self, body: bytes, length: int | None = None) -> None:
        size = len(body) if length is None else length
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
        self._socket.sendall(head.encode() + body)

    def _send_file(self, path: Path) -> None:
        with path.open("rb") as file:
            self._send(b"", path.stat().st_size)
            self._socket.sendfile(file)


def accept(listener: socket.socket, service: Service) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=Connection(connection, service).serve, daemon=True).start()


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    service = Service(port, Path(sys.argv[1]) if sys.argv[1:] else None)
    threading.Thread(target=accept, args=(listener, service), daemon=True).start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
