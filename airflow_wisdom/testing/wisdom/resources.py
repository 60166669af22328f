"""What the service keeps: knowledge bases, uploads, and what all resources have in common."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from moto.moto_api._internal import mock_random

from .pace import Change
from .search import Index

if TYPE_CHECKING:
    from .contents import Content
    from .core import Core
    from .import_jobs import ImportJob
    from .quick_responses import QuickResponse

Params = dict[str, Any]
TICK = timedelta(milliseconds=1)


def now() -> datetime:
    """To the millisecond, as times travel; aware, because moto would take a naive datetime for UTC."""
    moment = datetime.now(timezone.utc)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class Resource:
    """What every resource has: id, ARN, its place among the others, tags and the members it was made with."""

    kind: str

    def __init__(self, backend: "Core", params: Params, *parents: str) -> None:
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


class KnowledgeBase(Resource):
    kind = "knowledge-base"

    def __init__(self, backend: "Core", params: Params) -> None:
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
