"""A small Amazon Connect Wisdom: answers GetImportJob and ListImportJobs over HTTP, and counts the calls.

A process of its own, so that its work is in nobody's measurement. It prints its port, and ends when its standard input
does. Its clock starts with the path ``/bench/start``; ``/bench/metrics`` tells what it counted.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter, defaultdict, deque
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from workload import Job, Workload

DAY = 86_400.0
PAGE_SIZE = 100


class Metrics:
    """Counts calls."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.throttled = 0
        self.peak = 0
        self._last_second: deque[float] = deque()

    def count(self, operation: str, now: float) -> None:
        self.calls[operation] += 1
        self._last_second.append(now)
        while self._last_second[0] <= now - 1.0:
            self._last_second.popleft()
        self.peak = max(self.peak, len(self._last_second))

    def to_dict(self) -> dict[str, Any]:
        return {
            "calls": sum(self.calls.values()),
            "calls_by_operation": dict(self.calls),
            "throttled": self.throttled,
            "peak_calls_per_second": self.peak,
        }


class TokenBucket:
    """AWS's way to throttle: `rate` tokens a second, of which a second's worth can be saved up."""

    def __init__(self, rate: float) -> None:
        self._rate = self._tokens = rate
        self._at = time.monotonic()

    def take(self) -> bool:
        """Tell whether a call is allowed now."""
        now = time.monotonic()
        self._tokens = min(self._rate, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Service:
    """The jobs and what is told about them."""

    def __init__(self, workload: Workload) -> None:
        self.metrics = Metrics()
        self._bucket = TokenBucket(workload.throttle) if workload.throttle else None
        self._running = set(workload.running)
        self._by_id = {job.id: job for job in (*workload.running, *workload.finished)}
        self._lists: dict[str, list[str]] = defaultdict(list)
        newest_first = [*reversed(workload.running), *workload.finished]
        for job in reversed(newest_first) if workload.oldest_first else newest_first:
            self._lists[job.knowledge_base_id].append(job.id)
        self._started = time.time()

    def answer(self, target: str) -> tuple[HTTPStatus, dict[str, Any]]:
        """Answer a GET request."""
        url = urlsplit(target)
        match url.path.strip("/").split("/"):
            case ["bench", "start"]:
                self._started = time.time()
                return HTTPStatus.OK, {"started": self._started}
            case ["bench", "metrics"]:
                return HTTPStatus.OK, self.metrics.to_dict()
            case ["knowledgeBases", knowledge_base_id, "importJobs"]:
                return self._call("ListImportJobs", self._list, knowledge_base_id, parse_qs(url.query))
            case ["knowledgeBases", _, "importJobs", import_job_id]:
                return self._call("GetImportJob", self._get, import_job_id)
        return HTTPStatus.NOT_FOUND, {"__type": "ResourceNotFoundException", "message": target}

    def _call(self, operation: str, function: Any, *args: Any) -> tuple[HTTPStatus, dict[str, Any]]:
        self.metrics.count(operation, time.monotonic())
        if self._bucket and not self._bucket.take():
            self.metrics.throttled += 1
            return HTTPStatus.TOO_MANY_REQUESTS, {"__type": "ThrottlingException", "message": "Rate exceeded"}
        return HTTPStatus.OK, function(*args)

    def _get(self, import_job_id: str) -> dict[str, Any]:
        urls = {"url": f"https://uploads.invalid/{import_job_id}", "urlExpiry": self._started + DAY}
        return {"importJob": self._describe(self._by_id[import_job_id]) | urls}

    def _list(self, knowledge_base_id: str, query: dict[str, list[str]]) -> dict[str, Any]:
        (size,), (start,) = query.get("maxResults", [PAGE_SIZE]), query.get("nextToken", [0])
        jobs, end = self._lists[knowledge_base_id], int(start) + int(size)
        page = {"importJobSummaries": [self._describe(self._by_id[job]) for job in jobs[int(start) : end]]}
        return page | ({"nextToken": str(end)} if end < len(jobs) else {})

    def _describe(self, job: Job) -> dict[str, Any]:
        created = self._started if job in self._running else self._started - DAY
        ended = created + job.duration
        is_running = time.time() < ended
        return {
            "importJobId": job.id,
            "knowledgeBaseId": job.knowledge_base_id,
            "knowledgeBaseArn": f"arn:aws:wisdom:us-east-1:123456789012:knowledge-base/{job.knowledge_base_id}",
            "importJobType": "QUICK_RESPONSES",
            "uploadId": f"upload-{job.number}",
            "status": "START_IN_PROGRESS" if is_running else "COMPLETE",
            "createdTime": created,
            "lastModifiedTime": created if is_running else ended,
        }


class Connection(asyncio.Protocol):
    """As much of HTTP/1.1 as botocore and aiohttp use for a GET: keep-alive, no bodies."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self._received = (self._received + data).split(b"\r\n\r\n")
        for request in requests:
            _method, target, _version = request.split(b"\r\n", 1)[0].decode().split(" ")
            self._send(*self._service.answer(target))

    def _send(self, status: HTTPStatus, members: dict[str, Any]) -> None:
        body = json.dumps(members).encode()
        headers = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        if error := members.get("__type"):
            headers.append(f"x-amzn-ErrorType: {error}")
        self._transport.write("\r\n".join([*headers, "", ""]).encode() + body)


async def serve(workload: Workload) -> None:
    service, loop = Service(workload), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(Workload.from_json(sys.argv[1])))
