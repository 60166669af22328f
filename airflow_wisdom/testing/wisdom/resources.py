"""What the service keeps: knowledge bases, uploads, import jobs, quick responses, contents."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol

from moto.moto_api._internal import mock_random

from .imports import MARKDOWN, PLAIN
from .markdown import plain_text
from .pace import Change, moment
from .search import Index

NOT_THERE = ("CREATE_FAILED", "DELETED")
Params = dict[str, Any]
TICK = timedelta(milliseconds=1)


def now() -> datetime:
    """To the millisecond, as times travel; aware, because moto would take a naive datetime for UTC."""
    instant = datetime.now(timezone.utc)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


class Backend(Protocol):
    """As much of the backend as a new resource needs."""

    positions: Iterator[int]
    caller: str

    def arn(self, kind: str, *ids: str) -> str: ...


class Resource:
    """What every resource has: id, ARN, its place among the others, tags and the members it was made with."""

    kind: str

    def __init__(self, backend: Backend, params: Params, *parents: str) -> None:
        self.id = str(mock_random.uuid4())
        self.arn = backend.arn(self.kind, *parents, self.id)
        self.position = next(backend.positions)
        self.params = {k: v for k, v in params.items() if k not in ("clientToken", "knowledgeBaseId", "tags")}
        self.tags: dict[str, str] = dict(params.get("tags") or {})
        self.created = self.modified = now()

    @property
    def name(self) -> str:
        return str(self.params["name"])

    def touch(self) -> None:
        """Give it a time of modification that is later than the one before, however fast writes follow."""
        self.modified = max(now(), self.modified + TICK)


class Changing(Resource):
    """A resource whose status may be one that will not last.

    moto's own `ManagedState` is not used: its transitions are global to the process, survive a reset, know
    neither a second way out of a status nor an end that only the uploaded file decides.
    """

    kb: "KnowledgeBase"
    status: str
    change: Change | None = None

    def begin(self, change: Change) -> None:
        self.change = change
        self.kb.changing[self.id] = self

    def settle(self) -> None:
        """Take the next status if its time has come."""
        change = self.change
        if change is not None and change.is_due():
            self.stop()
            change.finish(change.pace.status)

    def stop(self) -> None:
        """Stay in the status that it has."""
        self.change = None
        self.kb.changing.pop(self.id, None)

    def count_look(self) -> None:
        if self.change is not None:
            self.change.calls += 1

    def enter(self, status: str) -> None:
        self.status = status
        self.touch()


@dataclass(frozen=True)
class Upload:
    id: str
    key: str
    content_type: str


@dataclass(frozen=True)
class StoredObject:
    body: bytes
    content_type: str

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


class Content(Resource):
    kind = "content"

    def __init__(self, backend: Backend, kb: "KnowledgeBase", params: Params, upload: Upload) -> None:
        super().__init__(backend, params, kb.id)
        self.kb = kb
        self.upload = upload
        self.revision = str(mock_random.uuid4())

    def to_dict(self) -> Params:
        return {
            **self.kb.ids,
            "contentArn": self.arn,
            "contentId": self.id,
            "name": self.name,
            "revisionId": self.revision,
            "title": self.params.get("title") or self.name,
            "contentType": self.upload.content_type,
            "status": "ACTIVE",
            "metadata": self.params.get("metadata") or {},
            "linkOutUri": self.params.get("overrideLinkOutUri"),
            "tags": self.tags,
        }


class ImportJob(Changing):
    kind = "import-job"

    def __init__(self, backend: Backend, kb: "KnowledgeBase", params: Params, upload: Upload) -> None:
        super().__init__(backend, params, kb.id)
        self.kb = kb
        self.upload = upload
        self.status = "START_IN_PROGRESS"
        self.report_key: str | None = None
        self.caller = backend.caller
        self.since = moment()
        self.lists = 0

    def to_dict(self) -> Params:
        return {
            **self.params,
            **self.kb.ids,
            "importJobId": self.id,
            "status": self.status,
            "createdTime": self.created,
            "lastModifiedTime": self.modified,
        }


class QuickResponse(Changing):
    """CREATE_IN_PROGRESS -> CREATED | CREATE_FAILED, and so on, at the pace of the test.

    `coming` is what an update under way will make of it; until then it shows what it was.
    """

    kind = "quick-response"

    def __init__(self, backend: Backend, kb: "KnowledgeBase", params: Params, by: str) -> None:
        super().__init__(backend, {"contentType": PLAIN, "isActive": False, **params}, kb.id)
        self.kb = kb
        self.status = "CREATE_IN_PROGRESS"
        self.coming: Params | None = None
        self.modified_by = by
        self.first_answer: Params = {}

    def takes(self, member: str, value: Any) -> bool:
        """Whether nobody else can have this name or shortcut key; an update under way holds two."""
        if self.status in NOT_THERE:
            return False
        return self.params.get(member) == value or (self.coming is not None and self.coming.get(member) == value)

    def to_dict(self) -> Params:
        return {
            **{name: value for name, value in self.params.items() if name != "content"},
            **self.kb.ids,
            "quickResponseArn": self.arn,
            "quickResponseId": self.id,
            "contents": self._contents(),
            "status": self.status,
            "createdTime": self.created,
            "lastModifiedTime": self.modified,
            "lastModifiedBy": self.modified_by,
            "tags": dict(self.tags),
        }

    def _contents(self) -> Params:
        content = self.params["content"]
        if self.params["contentType"] != MARKDOWN:
            return {"plainText": content}
        return {"markdown": content, "plainText": {"content": plain_text(content["content"])}}


class KnowledgeBase(Resource):
    kind = "knowledge-base"

    def __init__(self, backend: Backend, params: Params) -> None:
        super().__init__(backend, params)
        self.type = params["knowledgeBaseType"]
        self.uploads: dict[str, Upload] = {}
        self.import_jobs: dict[str, ImportJob] = {}
        self.contents: dict[str, Content] = {}
        self.quick_responses: dict[str, QuickResponse] = {}
        self.changing: dict[str, Changing] = {}
        self.index = Index()

    @property
    def ids(self) -> dict[str, str]:
        return {"knowledgeBaseId": self.id, "knowledgeBaseArn": self.arn}

    def to_dict(self) -> Params:
        return {
            **self.params,
            **self.ids,
            "status": "ACTIVE",
            "lastContentModificationTime": self.modified,
            "tags": self.tags,
        }


def changed(before: Params, changes: Params, *not_members: str) -> Params:
    """Apply an update; `removeDescription` and its like take a member away."""
    after = dict(before)
    for name, value in changes.items():
        if name.startswith("remove"):
            if value:
                after.pop(removed_member(name), None)
        elif name not in not_members:
            after[name] = value
    return after


def removed_member(name: str) -> str:
    """The member that `removeDescription` and its like take away."""
    member = name.removeprefix("remove")
    return member[0].lower() + member[1:]
