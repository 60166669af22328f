"""A clock that jumps: what a day of waiting does, in milliseconds, and the same on a busy machine.

Time passes only where somebody waits. In a `world`, the network is a dict as well: a request is answered by `Service`
where botocore would send it. The code under test and boto3 are the real ones.
"""

from __future__ import annotations

import asyncio
import json
import time
from bisect import bisect_left
from collections import Counter
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.handlers
from botocore.awsrequest import AWSResponse

EPOCH = 1_800_000_000.0


class Clock:
    """A time, and what moves it.

    :param draw: A source of chance: each call in a worker thread begins after a while, so that those in flight have
        their effect in any order. Default: at once, one after the other.
    """

    def __init__(self, now, draw=None):
        self.now = now
        self.draw = draw

    def latency(self):
        return self.draw.random() if self.draw else 0.0

    def sleep(self, seconds):
        self.now += seconds


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer, and whose worker threads are an illusion."""

    service = None

    def __init__(self, clock=None):
        super().__init__()
        self.clock = clock or Clock(EPOCH)
        # What is less does not change a number as large as a POSIX time.
        self._clock_resolution = 1e-6
        select = self._selector.select

        def jump(timeout):
            if timeout:
                self.clock.sleep(timeout)
            elif self._scheduled and 0 < self._scheduled[0]._when - self.now <= self._clock_resolution:
                # It fires now, a little early: whoever waits for the rest would wait for ever.
                self.clock.now = self._scheduled[0]._when
            if timeout is None:
                raise AssertionError("everything waits for nothing")
            return select(0)

        self._selector.select = jump

    @property
    def now(self):
        return self.clock.now

    def time(self):
        return self.now

    def run_in_executor(self, executor, function, *arguments):
        """Call at once, or as the clock draws it; the answer arrives when the service says."""
        if executor is not None and executor._shutdown:
            raise RuntimeError("cannot schedule new futures after shutdown")
        done = Future()
        if latency := self.clock.latency():
            self.call_later(latency, self._call, done, function, arguments)
        else:
            self._call(done, function, arguments)
        return asyncio.wrap_future(done, loop=self)

    def _call(self, done, function, arguments):
        if self.service:
            self.service.latency = 0.0
        try:
            result = function(*arguments)
        except BaseException as exc:  # noqa: BLE001 - what a worker thread would hand over
            deliver, result = done.set_exception, exc
        else:
            deliver = done.set_result
        latency = self.service.latency if self.service else 0.0
        self.call_later(latency, lambda: done.cancelled() or deliver(result))


class Service:
    """GetImportJob and ListImportJobs on virtual time."""

    def __init__(self, loop, *, newest_first=False, page_size=100, tps=None, latency=0.05):
        self.loop = loop
        self.jobs = {}
        self.newest_first = newest_first
        self.page_size = page_size
        self.tps = tps
        self.usual_latency = self.latency = latency
        self.log = []
        self.answers = []
        self.credentials = set()
        self.roles = 0

    def add(self, knowledge_base, job, duration, *, status="COMPLETE", created=None):
        """Add a job that is in progress for `duration` seconds."""
        created = self.loop.now if created is None else created
        self.jobs.setdefault(knowledge_base, {})[job] = (created, created + duration, status)

    def next(self, *answers):
        """Script the answers to the next calls: (code, http_status), raw bytes, or a function of the request."""
        self.answers += answers

    @property
    def calls(self):
        return Counter(operation for _, operation, _ in self.log)

    def peak(self, seconds=1.0):
        """Most calls within any so many seconds."""
        times = sorted(when for when, _, _ in self.log)
        return max((bisect_left(times, start + seconds) - n for n, start in enumerate(times)), default=0)

    def send(self, request, **_):
        if "//sts." in request.url:
            return self._assume_role(request)
        path = urlsplit(request.url).path.strip("/").split("/")
        knowledge_base = unquote(path[1])
        operation = "GetImportJob" if len(path) == 4 else "ListImportJobs"
        self.log.append((self.loop.now, operation, knowledge_base))
        self.credentials.add(request.headers.get("Authorization", b"").decode().split("/")[0])
        self.latency += self.usual_latency
        if self.answers:
            answer = self.answers.pop(0)
            if callable(answer):
                answer = answer(request)
            if answer is not None:
                return self._scripted(request, answer)
        if self.tps and sum(self.loop.now - 1 < when for when, _, _ in self.log) > self.tps:
            return self._error(request, "ThrottlingException", 429)
        if operation == "GetImportJob":
            return self._get(request, knowledge_base, unquote(path[3]))
        return self._list(request, knowledge_base, parse_qs(urlsplit(request.url).query))

    def _assume_role(self, request):
        """Hand out credentials that hold for five minutes, which is when botocore thinks it has to have new ones."""
        self.roles += 1
        expires = datetime.now(timezone.utc) + timedelta(minutes=5)
        key = f"<AccessKeyId>ASIA{self.roles:016}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        rest = f"<SessionToken>t</SessionToken><Expiration>{expires.isoformat()}</Expiration>"
        result = f"<AssumeRoleResult><Credentials>{key}{rest}</Credentials></AssumeRoleResult>"
        xmlns = "https://sts.amazonaws.com/doc/2011-06-15/"
        answer = f'<AssumeRoleResponse xmlns="{xmlns}">{result}</AssumeRoleResponse>'
        return response(request, 200, answer.encode(), {"Content-Type": "text/xml"})

    def _scripted(self, request, answer):
        if isinstance(answer, bytes):
            return response(request, 200, answer)
        return self._error(request, *answer)

    def _get(self, request, knowledge_base, job):
        if job not in self.jobs.get(knowledge_base, {}):
            return self._error(request, "ResourceNotFoundException", 404)
        signed = {"url": "https://b/k?X-Amz-Signature=s", "urlExpiry": self.loop.now + 3600}
        return ok(request, {"importJob": {**self._summary(knowledge_base, job), **signed}})

    def _list(self, request, knowledge_base, query):
        jobs = list(self.jobs.get(knowledge_base, {}))
        if self.newest_first:
            jobs.reverse()
        start = int(query.get("nextToken", ["0"])[0])
        end = start + self.page_size
        answer = {"importJobSummaries": [self._summary(knowledge_base, job) for job in jobs[start:end]]}
        if self.page_size and end < len(jobs):
            answer["nextToken"] = str(end)
        return ok(request, answer)

    def _summary(self, knowledge_base, job):
        created, ends, status = self.jobs[knowledge_base][job]
        return {
            "importJobId": job,
            "knowledgeBaseId": knowledge_base,
            "knowledgeBaseArn": "arn:aws:wisdom:us-east-1:123456789012:knowledge-base/kb",
            "uploadId": "u",
            "importJobType": "QUICK_RESPONSES",
            "status": status if self.loop.now >= ends else "START_IN_PROGRESS",
            "createdTime": created,
            "lastModifiedTime": min(self.loop.now, ends),
        }

    @staticmethod
    def _error(request, code, http_status):
        headers = {"x-amzn-ErrorType": code}
        return response(request, http_status, json.dumps({"message": "Scripted."}).encode(), headers)


def ok(request, answer):
    return response(request, 200, json.dumps(answer).encode())


class Raw:
    """As much of urllib3's answer as botocore reads."""

    def __init__(self, body):
        self.body = body

    def stream(self, **_):
        yield self.body


def response(request, http_status, body, headers=None):
    headers = {"Content-Type": "application/json", **(headers or {})}
    return AWSResponse(request.url, http_status, headers, Raw(body))


@contextmanager
def jumping_clock(monkeypatch, draw=None):
    """Yield the clock of this process, which only moves where something waits, in this thread or an event loop.

    :param draw: As for :class:`Clock`.
    """
    clock = Clock(time.time(), draw)
    monkeypatch.setattr(time, "time", lambda: clock.now)
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(time, "sleep", clock.sleep)
    monkeypatch.setattr("asyncio.events.new_event_loop", lambda: Loop(clock))
    yield clock


@contextmanager
def world(monkeypatch, **options):
    """Yield a loop and the service in it; every boto3 client made inside talks to that service."""
    loop = Loop()
    loop.service = service = Service(loop, **options)
    monkeypatch.setattr(time, "time", lambda: loop.now)
    handler = ("before-send", service.send)
    botocore.handlers.BUILTIN_HANDLERS.append(handler)
    try:
        yield loop, service
    finally:
        botocore.handlers.BUILTIN_HANDLERS.remove(handler)
        loop.close()
