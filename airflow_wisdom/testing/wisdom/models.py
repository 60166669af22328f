"""WisdomBackend class with methods for supported APIs (boto3 "wisdom" and "qconnect").

Assumed, because AWS does not document it: a knowledge base's name is unique, an unknown uploadId is not found
while an unused one is invalid, an upload can be used twice, a job in progress cannot be deleted, URLs of files
live for an hour, and Name and Shortcut key are unique per knowledge base (AWS says per Connect instance).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import count
from threading import RLock
from typing import Any, TypeVar

from botocore.loaders import create_loader
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import ServiceException
from moto.core.utils import get_service_model
from moto.moto_api._internal import mock_random

from . import imports
from .exceptions import (
    ConflictException,
    PreconditionFailedException,
    ResourceNotFoundException,
    ServiceQuotaExceededException,
    TooManyTagsException,
    ValidationException,
)
from .pace import Change
from .pages import page
from .presign import presign
from .search import search
from .switches import Switches
from .validation import first_violation

# qconnect's model holds every operation of wisdom's, on the same paths, with the wider limits.
MODEL = "qconnect"
URL_LIFETIME = timedelta(minutes=60)
IN_PROGRESS = ("START_IN_PROGRESS", "DELETE_IN_PROGRESS")
T = TypeVar("T")
R = TypeVar("R", bound="Resource")
Params = dict[str, Any]
Page = tuple[list[T], str | None]


def now() -> datetime:
    # Aware: moto would take a naive datetime for UTC.
    return datetime.now(timezone.utc)


class Resource:
    """What every resource has: id, ARN, its place among the others, tags and the members it was made with."""

    kind: str

    def __init__(self, backend: "WisdomBackend", params: Params, *parents: str) -> None:
        self.id = str(mock_random.uuid4())
        self.arn = backend.arn(self.kind, *parents, self.id)
        self.position = next(backend.positions)
        self.params = {k: v for k, v in params.items() if k not in ("clientToken", "knowledgeBaseId", "tags")}
        self.tags: dict[str, str] = dict(params.get("tags") or {})
        self.created = self.modified = now()

    @property
    def name(self) -> str:
        return str(self.params["name"])


class KnowledgeBase(Resource):
    kind = "knowledge-base"

    def __init__(self, backend: "WisdomBackend", params: Params) -> None:
        super().__init__(backend, params)
        self.type = params["knowledgeBaseType"]
        self.uploads: dict[str, Upload] = {}
        self.import_jobs: dict[str, ImportJob] = {}
        self.contents: dict[str, Content] = {}
        self.quick_responses: dict[str, QuickResponse] = {}

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


class QuickResponse(Resource):
    kind = "quick-response"

    def __init__(self, backend: "WisdomBackend", kb: KnowledgeBase, params: Params) -> None:
        super().__init__(backend, {"contentType": imports.PLAIN, "isActive": False, **params}, kb.id)
        self.kb = kb

    def to_dict(self) -> Params:
        text = "markdown" if self.params["contentType"] == imports.MARKDOWN else "plainText"
        return {
            **self.params,
            **self.kb.ids,
            "quickResponseArn": self.arn,
            "quickResponseId": self.id,
            "contents": {text: self.params["content"]},
            "status": "CREATED",
            "createdTime": self.created,
            "lastModifiedTime": self.modified,
            "tags": self.tags,
        }


class Content(Resource):
    kind = "content"

    def __init__(self, backend: "WisdomBackend", kb: KnowledgeBase, params: Params, upload: Upload) -> None:
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


class ImportJob(Resource):
    """START_IN_PROGRESS -> COMPLETE | FAILED, then DELETE_IN_PROGRESS -> gone, at the pace of the test.

    moto's own `ManagedState` is not used: its transitions are global to the process, survive a reset, know
    neither a second way out of a status nor an end that only the uploaded file decides.
    """

    kind = "import-job"

    def __init__(self, backend: "WisdomBackend", kb: KnowledgeBase, params: Params, upload: Upload) -> None:
        super().__init__(backend, params, kb.id)
        self.kb = kb
        self.upload = upload
        self.status = "START_IN_PROGRESS"
        self.change: Change | None = None
        self.report_key: str | None = None

    def settle(self) -> None:
        """Take the next status if its time has come."""
        change = self.change
        if change is not None and change.is_due():
            self.change = None
            change.finish(change.pace.status)

    def count_look(self) -> None:
        if self.change is not None:
            self.change.calls += 1

    def enter(self, status: str) -> None:
        self.status = status
        self.modified = now()

    def to_dict(self) -> Params:
        return {
            **self.params,
            **self.kb.ids,
            "importJobId": self.id,
            "status": self.status,
            "createdTime": self.created,
            "lastModifiedTime": self.modified,
        }


class WisdomBackend(BaseBackend):
    """One account and region of the service. Callers hold `lock`."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.lock = RLock()
        self.switches = Switches()
        self.positions = count(1)
        self.knowledge_bases: dict[str, KnowledgeBase] = {}
        self.upload_keys: set[str] = set()
        self.objects: dict[str, StoredObject] = {}
        self._tokens: dict[tuple[str, str, str], tuple[Params, Any]] = {}

    # What the operations share

    def arn(self, kind: str, *ids: str) -> str:
        return f"arn:{self.partition}:wisdom:{self.region_name}:{self.account_id}:{kind}/{'/'.join(ids)}"

    def control(self, switch: str, arguments: Params) -> Any:
        """Turn a switch or answer a question of the test that steers the service; none of it is AWS's."""
        verbs: dict[str, Callable[..., Any]] = {
            name: getattr(self.switches, name)
            for name in (
                "calls",
                "deletions",
                "expire_uploads",
                "fault",
                "header",
                "import_jobs",
                "list_order",
                "mark_signatures",
                "partly_failed",
                "quotas",
                "reused_client_token",
                "routing_profiles",
                "throttle",
            )
        }
        verbs["set_status"] = self.set_status
        if switch not in verbs:
            raise ValueError(f"no such switch: {switch}")
        with self.lock:
            return verbs[switch](**arguments)

    def _once(self, operation: str, scope: str, params: Params, make: Callable[[], T]) -> T:
        """Call `make` unless this clientToken was used before."""
        token = params.get("clientToken")
        if not token:
            return make()
        # A knowledge base has two names, its id and its ARN; `scope` stands for both.
        meaning = {name: value for name, value in params.items() if name != "knowledgeBaseId"}
        key = (operation, scope, token)
        if key not in self._tokens:
            self._tokens[key] = (meaning, make())
        first_meaning, first = self._tokens[key]
        if first_meaning != meaning and not self._first_one_wins(operation):
            raise ConflictException("The clientToken was already used with different parameters.")
        return first  # type: ignore[no-any-return]  # it came out of `make` for the same operation

    def _first_one_wins(self, operation: str) -> bool:
        return operation == "StartImportJob" and self.switches.reused_token == "first"

    def _check_quota(self, name: str, used: int) -> None:
        if used >= self.switches.limits[name]:
            raise ServiceQuotaExceededException(f"The quota of {name.replace('_', ' ')} is exceeded.")

    # The bucket the service owns

    def object_url(self, method: str, key: str, endpoint: str | None, **how: Any) -> str:
        """Presign under `endpoint`, where the client reached the service; None: moto runs in its process."""
        bucket = f"wisdom-content-{self.region_name}"
        host = endpoint or f"https://{bucket}.s3.{self.region_name}.amazonaws.com"
        how = {"lifetime": URL_LIFETIME, "mark": self.switches.signature_mark, **how}
        return presign(method, f"{host}/{key}", self.region_name, **how)

    def _key(self, *names: str) -> str:
        return "/".join((f"wisdom_{self.region_name}", self.account_id, *names))

    # Knowledge bases

    def create_knowledge_base(self, params: Params) -> KnowledgeBase:
        def make() -> KnowledgeBase:
            self._check_quota("knowledge_bases", len(self.knowledge_bases))
            if any(kb.name == params["name"] for kb in self.knowledge_bases.values()):
                raise ConflictException("A knowledge base with this name already exists.")
            kb = KnowledgeBase(self, params)
            self.knowledge_bases[kb.id] = kb
            return kb

        return self._once("CreateKnowledgeBase", "", params, make)

    def get_knowledge_base(self, id_or_arn: str, *types: str) -> KnowledgeBase:
        """Every operation passes here, so here the import jobs that are due get their next status."""
        kb = _find(self.knowledge_bases, id_or_arn, "knowledge base")
        if types and kb.type not in types:
            raise ValidationException(f"The knowledge base is of type {kb.type}, not {' or '.join(types)}.")
        for job in list(kb.import_jobs.values()):
            job.settle()
        return kb

    def list_knowledge_bases(self, **which: Any) -> Page[KnowledgeBase]:
        return page(_in_order(self.knowledge_bases), **which)

    def delete_knowledge_base(self, id_or_arn: str) -> None:
        del self.knowledge_bases[self.get_knowledge_base(id_or_arn).id]

    # Uploads

    def start_content_upload(self, kb_id: str, content_type: str) -> Upload:
        kb = self.get_knowledge_base(kb_id)
        if kb.type == "QUICK_RESPONSES" and content_type != "text/csv":
            raise ValidationException("A knowledge base of type QUICK_RESPONSES takes text/csv only.")
        upload_id = str(mock_random.uuid4())
        upload = Upload(upload_id, self._key(kb.id, upload_id), content_type)
        kb.uploads[upload_id] = upload
        self.upload_keys.add(upload.key)
        return upload

    def _uploaded(self, kb: KnowledgeBase, upload_id: str) -> Upload:
        upload = _find(kb.uploads, upload_id, "upload")
        stored = self.objects.get(upload.key)
        if stored is None:
            raise ValidationException("Nothing was uploaded for this uploadId.")
        if len(stored.body) > self.switches.limits["document_bytes"]:
            raise ValidationException("The uploaded document is too large.")
        return upload

    # Import jobs

    def start_import_job(self, params: Params) -> ImportJob:
        kb = self.get_knowledge_base(params["knowledgeBaseId"], "QUICK_RESPONSES")

        def make() -> ImportJob:
            job = ImportJob(self, kb, params, self._uploaded(kb, params["uploadId"]))
            job.change = Change(self.switches.import_pace, partial(self._finish_import, job))
            kb.import_jobs[job.id] = job
            return job

        return self._once("StartImportJob", kb.id, params, make)

    def get_import_job(self, kb_id: str, job_id: str) -> ImportJob:
        job = _find(self.get_knowledge_base(kb_id).import_jobs, job_id, "import job")
        job.count_look()
        return job

    def list_import_jobs(self, kb_id: str, **which: Any) -> Page[ImportJob]:
        jobs = _in_order(self.get_knowledge_base(kb_id).import_jobs)
        if self.switches.newest_first:
            jobs = [(-position, job) for position, job in reversed(jobs)]
        shown, token = page(jobs, **which)
        for job in shown:
            job.count_look()
        return shown, token

    def delete_import_job(self, kb_id: str, job_id: str) -> None:
        job = _find(self.get_knowledge_base(kb_id).import_jobs, job_id, "import job")
        if job.status in IN_PROGRESS:
            raise ConflictException(f"The import job is in status {job.status}.")
        job.enter("DELETE_IN_PROGRESS")
        job.change = Change(self.switches.delete_pace, partial(self._finish_deletion, job))
        job.settle()

    def set_status(self, import_job_id: str, status: str) -> None:
        for kb in self.knowledge_bases.values():
            job = kb.import_jobs.get(import_job_id)
            if job is not None:
                break
        else:
            raise ValueError(f"no such import job: {import_job_id}")
        has_run = job.change is None
        job.change = None
        if has_run:
            job.enter(status)
        else:
            self._finish_import(job, status)

    def _finish_import(self, job: ImportJob, status: str | None) -> None:
        """Only a job that may succeed reads its file."""
        deserved = self._import(job) if status in (None, "COMPLETE") else None
        job.enter(status or str(deserved))

    @staticmethod
    def _finish_deletion(job: ImportJob, status: str | None) -> None:
        if status is None:
            del job.kb.import_jobs[job.id]
        else:
            job.enter(status)

    def _import(self, job: ImportJob) -> str:
        """Create what the file holds, write the report of what failed, and say which status that deserves."""
        switches = self.switches
        body = self.objects[job.upload.key].body
        try:
            file = imports.read(body, switches.columns, switches.limits["import_rows"])
        except imports.BadFileError as error:
            self._write_report(job, [], [([], str(error))])
            return "FAILED"
        failed = [(row, reason) for row in file.rows if (reason := self._import_row(job.kb, file.header, row))]
        if not failed:
            return "COMPLETE"
        self._write_report(job, file.header, failed)
        return "FAILED" if len(failed) == len(file.rows) else switches.partial_status

    def _import_row(self, kb: KnowledgeBase, header: list[str], row: list[str]) -> str | None:
        """Why the row failed, if it did."""
        try:
            params = imports.to_params(header, row, self.switches.columns)
            operation = get_service_model(MODEL).operation_model("CreateQuickResponse")
            broken = first_violation(operation, {"knowledgeBaseId": kb.id, **params})
            if broken:
                return imports.explain(*broken, self.switches.columns)
            self._check_routing_profiles(params)
            self._add_quick_response(kb, params)
        except ServiceException as error:
            return error.message
        return None

    def _check_routing_profiles(self, params: Params) -> None:
        known = self.switches.known_routing_profiles
        wanted = params.get("groupingConfiguration", {}).get("values", [])
        unknown = [] if known is None else [name for name in wanted if name not in known]
        if unknown:
            raise ValidationException(f"No such routing profile: {', '.join(unknown)}.")

    def _write_report(self, job: ImportJob, header: list[str], failed: list[tuple[list[str], str]]) -> None:
        job.report_key = self._key(job.kb.id, f"{job.id}-failed-records.csv")
        self.objects[job.report_key] = StoredObject(imports.report(header, failed), "text/csv")

    # Quick responses

    def create_quick_response(self, params: Params) -> QuickResponse:
        kb = self.get_knowledge_base(params["knowledgeBaseId"], "QUICK_RESPONSES")
        return self._once("CreateQuickResponse", kb.id, params, lambda: self._add_quick_response(kb, params))

    def _add_quick_response(self, kb: KnowledgeBase, params: Params) -> QuickResponse:
        self._check_quota("quick_responses", len(kb.quick_responses))
        _check_unique(kb, params)
        made = QuickResponse(self, kb, params)
        kb.quick_responses[made.id] = made
        kb.modified = now()
        return made

    def get_quick_response(self, kb_id: str, quick_response_id: str) -> QuickResponse:
        kb = self.get_knowledge_base(kb_id, "QUICK_RESPONSES")
        return _find(kb.quick_responses, quick_response_id, "quick response")

    def update_quick_response(self, params: Params) -> QuickResponse:
        found = self.get_quick_response(params["knowledgeBaseId"], params["quickResponseId"])
        changed = _changed(found.params, params, "knowledgeBaseId", "quickResponseId")
        _check_unique(found.kb, changed, but=found)
        found.params = changed
        found.modified = found.kb.modified = now()
        return found

    def delete_quick_response(self, kb_id: str, quick_response_id: str) -> None:
        found = self.get_quick_response(kb_id, quick_response_id)
        del found.kb.quick_responses[found.id]

    def list_quick_responses(self, kb_id: str, **which: Any) -> Page[QuickResponse]:
        return page(_in_order(self.get_knowledge_base(kb_id, "QUICK_RESPONSES").quick_responses), **which)

    def search_quick_responses(self, kb_id: str, expression: Params, **which: Any) -> Page[Params]:
        kb = self.get_knowledge_base(kb_id, "QUICK_RESPONSES")
        found = search((response.to_dict() for response in kb.quick_responses.values()), expression)
        return page(enumerate(found), **which)

    # Contents

    def create_content(self, params: Params) -> Content:
        kb = self.get_knowledge_base(params["knowledgeBaseId"], "CUSTOM", "EXTERNAL", "MANAGED")

        def make() -> Content:
            self._check_quota("contents", len(kb.contents))
            if any(content.name == params["name"] for content in kb.contents.values()):
                raise ConflictException("A content with this name already exists.")
            made = Content(self, kb, params, self._uploaded(kb, params["uploadId"]))
            kb.contents[made.id] = made
            kb.modified = now()
            return made

        return self._once("CreateContent", kb.id, params, make)

    def get_content(self, kb_id: str, content_id: str) -> Content:
        return _find(self.get_knowledge_base(kb_id).contents, content_id, "content")

    def list_contents(self, kb_id: str, **which: Any) -> Page[Content]:
        return page(_in_order(self.get_knowledge_base(kb_id).contents), **which)

    def update_content(self, params: Params) -> Content:
        found = self.get_content(params["knowledgeBaseId"], params["contentId"])
        if params.get("revisionId") not in (None, found.revision):
            raise PreconditionFailedException("The revisionId is not the one of the content's latest revision.")
        if params.get("uploadId"):
            found.upload = self._uploaded(found.kb, params["uploadId"])
        found.params = _changed(found.params, params, "knowledgeBaseId", "contentId", "revisionId")
        found.revision = str(mock_random.uuid4())
        found.kb.modified = now()
        return found

    def delete_content(self, kb_id: str, content_id: str) -> None:
        found = self.get_content(kb_id, content_id)
        del found.kb.contents[found.id]
        found.kb.modified = now()

    # Tags

    def tag_resource(self, arn: str, tags: dict[str, str]) -> None:
        resource = self._resource(arn)
        if len({*resource.tags, *tags}) > self.switches.limits["tags"]:
            raise TooManyTagsException("The resource would have too many tags.")
        resource.tags.update(tags)

    def untag_resource(self, arn: str, keys: list[str]) -> None:
        tags = self._resource(arn).tags
        for key in keys:
            tags.pop(key, None)

    def list_tags_for_resource(self, arn: str) -> dict[str, str]:
        return self._resource(arn).tags

    def _resource(self, arn: str) -> Resource:
        for kb in self.knowledge_bases.values():
            for resource in (kb, *kb.contents.values(), *kb.quick_responses.values()):
                if resource.arn == arn:
                    return resource
        raise ResourceNotFoundException("No such resource.")


def _find(resources: dict[str, T], id_or_arn: str, what: str) -> T:
    found = resources.get(id_or_arn.rsplit("/", maxsplit=1)[-1])
    if found is None:
        raise ResourceNotFoundException(f"No such {what}.")
    return found


def _in_order(resources: dict[str, R]) -> list[tuple[int, R]]:
    return [(resource.position, resource) for resource in resources.values()]


def _check_unique(kb: KnowledgeBase, params: Params, but: QuickResponse | None = None) -> None:
    for other in kb.quick_responses.values():
        if other is but:
            continue
        if other.name == params["name"]:
            raise ConflictException("A quick response with this name already exists.")
        if params.get("shortcutKey") and other.params.get("shortcutKey") == params["shortcutKey"]:
            raise ConflictException("A quick response with this shortcut key already exists.")


def _changed(before: Params, changes: Params, *not_members: str) -> Params:
    """Apply an update; `removeDescription` and its like take a member away."""
    after = dict(before)
    for name, value in changes.items():
        if name.startswith("remove"):
            removed = name.removeprefix("remove")
            if value:
                after.pop(removed[0].lower() + removed[1:], None)
        elif name not in not_members:
            after[name] = value
    return after


def _regions() -> list[str]:
    """Every region of AWS: botocore's list of the service's own, by which moto would go, lags behind."""
    partitions = create_loader().load_data("endpoints")["partitions"]
    return [region for partition in partitions for region in partition["regions"]]


wisdom_backends = BackendDict(WisdomBackend, "wisdom", use_boto3_regions=False, additional_regions=_regions())
