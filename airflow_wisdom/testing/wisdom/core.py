"""What the operations share: state, locks, tokens, quotas, the bucket of the uploads, knowledge bases and tags."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from threading import RLock
from typing import Any, TypeVar

from moto.core.base_backend import BaseBackend
from moto.moto_api._internal import mock_random

from .calls import Calls
from .exceptions import (
    ConflictException,
    ResourceNotFoundException,
    ServiceQuotaExceededException,
    TooManyTagsException,
    ValidationException,
)
from .pages import page
from .presign import presign
from .resources import KnowledgeBase, Params, Resource, StoredObject, Upload
from .switches import Switches

URL_LIFETIME = timedelta(minutes=60)
T = TypeVar("T")
R = TypeVar("R", bound=Resource)
Page = tuple[list[T], str | None]


class Core(BaseBackend):
    """One account and region of the service. Callers hold `lock`."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.lock = RLock()
        self.switches = Switches()
        self.book = Calls()
        self.positions: Iterator[int] = count(1)
        self.knowledge_bases: dict[str, KnowledgeBase] = {}
        self.upload_keys: set[str] = set()
        self.objects: dict[str, StoredObject] = {}
        self.caller = f"arn:{self.partition}:sts::{account_id}:user/moto"
        self.had_effect = False
        self._tokens: dict[tuple[str, str, str], tuple[Params, Any]] = {}

    def arn(self, kind: str, *ids: str) -> str:
        return f"arn:{self.partition}:wisdom:{self.region_name}:{self.account_id}:{kind}/{'/'.join(ids)}"

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
            return self._tokens[key][1]  # type: ignore[no-any-return]  # it came out of `make`
        self.had_effect = False
        first_meaning, first = self._tokens[key]
        if first_meaning != meaning and not self._first_one_wins(operation):
            raise ConflictException("The clientToken was already used with different parameters.")
        return first  # type: ignore[no-any-return]  # it came out of `make` for the same operation

    def _first_one_wins(self, operation: str) -> bool:
        return operation == "StartImportJob" and self.switches.reused_token == "first"

    def _forget_token(self, operation: str, scope: str, params: Params) -> None:
        self._tokens.pop((operation, scope, params["clientToken"]), None)

    def _check_quota(self, name: str, used: int) -> None:
        if used >= self.switches.limits[name]:
            raise ServiceQuotaExceededException(f"The quota of {name.replace('_', ' ')} is exceeded.")

    # The bucket the service owns

    def object_url(self, method: str, key: str, endpoint: str | None, **how: Any) -> str:
        """Presign under `endpoint`, where the client reached the service; None: moto runs in its process."""
        host = endpoint or f"https://wisdom-content.{self.region_name}.amazonaws.com"
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
            self._check_tags(params)
            kb = KnowledgeBase(self, params)
            self.knowledge_bases[kb.id] = kb
            return kb

        return self._once("CreateKnowledgeBase", "", params, make)

    def get_knowledge_base(self, id_or_arn: str, *types: str) -> KnowledgeBase:
        """Every operation passes here, so here whatever is due gets its next status."""
        kb = find(self.knowledge_bases, id_or_arn, "knowledge base")
        if types and kb.type not in types:
            raise ValidationException(f"The knowledge base is of type {kb.type}, not {' or '.join(types)}.")
        for resource in list(kb.changing.values()):
            resource.settle()
        return kb

    def list_knowledge_bases(self, **which: Any) -> Page[KnowledgeBase]:
        return page(in_order(self.knowledge_bases), **which)

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
        upload = find(kb.uploads, upload_id, "upload")
        stored = self.objects.get(upload.key)
        if stored is None:
            raise ValidationException("Nothing was uploaded for this uploadId.")
        if len(stored.body) > self.switches.limits["document_bytes"]:
            raise ValidationException("The uploaded document is too large.")
        return upload

    # Tags

    def tag_resource(self, arn: str, tags: dict[str, str]) -> None:
        resource = self._resource(arn)
        if len({*resource.tags, *tags}) > self.switches.limits["tags"]:
            raise TooManyTagsException("The resource would have too many tags.")
        resource.tags.update(tags)
        self._tagged(resource)

    def untag_resource(self, arn: str, keys: list[str]) -> None:
        resource = self._resource(arn)
        for key in keys:
            resource.tags.pop(key, None)
        self._tagged(resource)

    def list_tags_for_resource(self, arn: str) -> dict[str, str]:
        return self._resource(arn).tags

    def _tagged(self, resource: Resource) -> None:
        """Search shows tags, too."""

    def _check_tags(self, params: Params) -> None:
        if len(params.get("tags") or {}) > self.switches.limits["tags"]:
            raise ValidationException("The resource would have too many tags.")

    def _resource(self, arn: str) -> Resource:
        for kb in self.knowledge_bases.values():
            for resource in (kb, *kb.contents.values(), *kb.quick_responses.values()):
                if resource.arn == arn:
                    return resource
        raise ResourceNotFoundException("No such resource.")


def find(resources: dict[str, T], id_or_arn: str, what: str) -> T:
    found = resources.get(id_or_arn.rsplit("/", maxsplit=1)[-1])
    if found is None:
        raise ResourceNotFoundException(f"No such {what}.")
    return found


def in_order(resources: dict[str, R]) -> list[tuple[int, R]]:
    return [(resource.position, resource) for resource in resources.values()]
