"""What names a knowledge base: its id, its ARN, the URI of its asset. Parsed here and nowhere else. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from urllib.parse import SplitResult

__all__ = [
    "KnowledgeBase",
]

QUICK_RESPONSES = "QUICK_RESPONSES"
"""The type of a knowledge base that holds quick responses; AWS type ``KnowledgeBaseType``."""

ACTIVE = "ACTIVE"
"""The status of a knowledge base that can be worked with; AWS type ``KnowledgeBaseStatus``."""

CONNECT_TAG = ("AmazonConnectEnabled", "True")
"""Key and value of the tag without which Amazon Connect's service-linked role does not act on a knowledge base."""

SCHEME = "wisdom"
"""The scheme of the URIs of assets."""

FORM = f"{SCHEME}://<AWS account id or Airflow connection id>/<region>/<knowledge base id>"
"""The form of the URIs of assets."""

_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(?P<resource>.+)"
)
_RESOURCE = re.compile(r"knowledge-base/(?P<id>[\w-]+)")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ACCOUNT = re.compile(r"\d{12}")
_OWNER = re.compile(r"[\w.-]+")
_PATH = re.compile(r"/(?P<region>[a-z0-9-]+)/(?P<id>[\w-]+|arn:.*)")


class Arn(NamedTuple):
    """The parts of the ARN of a regional resource.

    :param partition: Such as ``aws`` or ``aws-cn``.
    :param service: Such as ``wisdom`` or ``connect``.
    :param region: AWS region.
    :param account: AWS account id.
    :param resource: The rest, such as ``knowledge-base/<id>``.
    """

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Arn:
        """Make one from its text.

        :param text: The ARN.
        :raises ValueError: It is not an ARN of a regional resource.
        """
        found = _ARN.fullmatch(text)
        if not found:
            raise ValueError(f"{text[:200]!r} is not an ARN")
        return cls(**found.groupdict())

    def __str__(self) -> str:
        return f"arn:{':'.join(self)}"


class KnowledgeBase(NamedTuple):
    """Where a knowledge base is.

    :param owner: AWS account id, or id of the Airflow connection that leads to the account.
    :param region_name: AWS region.
    :param knowledge_base_id: Its id, not its ARN.
    """

    owner: str
    region_name: str
    knowledge_base_id: str

    @classmethod
    def from_arn(cls, arn: str) -> KnowledgeBase:
        """Make one from an ARN, which holds account, region and id.

        :param arn: The ARN.
        :raises ValueError: It is not the ARN of a knowledge base.
        """
        try:
            parts = Arn.parse(arn)
        except ValueError:
            parts = None
        found = _RESOURCE.fullmatch(parts.resource) if parts and parts.service == "wisdom" else None
        if not (parts and found):
            raise ValueError(f"{arn[:200]!r} is not the ARN of a knowledge base")
        return cls(parts.account, parts.region, found["id"])

    @classmethod
    def from_uri(cls, uri: str | SplitResult) -> KnowledgeBase:
        """Make one from the URI of an asset; in it, an ARN in place of the id counts as the id.

        :param uri: The URI.
        :raises ValueError: It is not of the form :data:`FORM`.
        """
        parts = urlsplit(uri) if isinstance(uri, str) else uri
        path = _PATH.fullmatch(parts.path)
        if parts.scheme != SCHEME or not _OWNER.fullmatch(parts.netloc) or parts.query or not path:
            raise ValueError(f"The URI of a knowledge base has the form {FORM}, unlike {parts.geturl()[:200]!r}")
        region, name = path["region"], path["id"]
        if not name.startswith("arn:"):
            return cls(parts.netloc, region, name)
        named = cls.from_arn(name)
        if named.region_name != region:
            raise ValueError(f"{parts.geturl()!r} names two regions")
        return named._replace(owner=parts.netloc)

    @property
    def uri(self) -> str:
        """The URI of its asset."""
        return f"{SCHEME}://{self.owner}/{self.region_name}/{self.knowledge_base_id}"

    def is_same_as(self, other: KnowledgeBase) -> bool:
        """Return whether both are one knowledge base, as far as can be known: a connection may lead to any account.

        :param other: The other one.
        """
        owners = {self.owner, other.owner}
        same_owner = len(owners) == 1 or not all(map(_ACCOUNT.fullmatch, owners))
        return same_owner and self[1:] == other[1:]


@dataclass(frozen=True, slots=True)
class KnowledgeBaseData:
    """A knowledge base as AWS has it; AWS type ``KnowledgeBaseData``, or ``KnowledgeBaseSummary`` from a list.

    :param knowledge_base_id: Its id.
    :param arn: Its ARN.
    :param name: Its name.
    :param knowledge_base_type: AWS's word as it came, such as ``QUICK_RESPONSES``.
    :param status: AWS's word as it came, such as ``ACTIVE``.
    :param tags: Its tags.
    """

    knowledge_base_id: str
    arn: str
    name: str
    knowledge_base_type: str
    status: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_response(cls, response: Mapping[str, Any]) -> KnowledgeBaseData:
        """Make one from AWS's answer.

        :param response: The member ``knowledgeBase`` of an answer, or one of ``knowledgeBaseSummaries``.
        """
        return cls(
            response["knowledgeBaseId"],
            response["knowledgeBaseArn"],
            str(response["name"]),
            str(response["knowledgeBaseType"]),
            str(response["status"]),
            dict(response.get("tags") or {}),
        )

    @property
    def is_ready(self) -> bool:
        """Whether it can be worked with."""
        return self.status == ACTIVE

    @property
    def problem(self) -> str | None:
        """What keeps agents from its quick responses, with what to do about it, in a sentence; None if nothing does."""
        key, value = CONNECT_TAG
        if self.knowledge_base_type != QUICK_RESPONSES:
            return (
                f"is of type {self.knowledge_base_type}, not {QUICK_RESPONSES}: it cannot hold quick responses. Name "
                "the knowledge base of your quick responses"
            )
        if not self.is_ready:
            return f"is {self.status}, not {ACTIVE}. Wait until it is, or name another one"
        if self.tags.get(key) != value:
            found = f"has the tag {key}={self.tags[key]}, not" if key in self.tags else "lacks the tag"
            return (
                f"{found} {key}={value}: imports may succeed, but Amazon Connect does not use it, and agents see "
                "nothing of it. Set the tag"
            )
        return None


def check_id(name: str, value: str, resource: str) -> None:
    """Refuse what is neither an id nor an ARN, such as the name of what is meant.

    :param name: Name of the parameter, for the error.
    :param value: What was given.
    :param resource: What it is the id of, as in its ARN: ``knowledge-base`` or ``instance``.
    :raises ValueError: It is neither.
    """
    if not is_id(short_id(value) if is_arn(value) and f":{resource}/" in value else value):
        what = resource.replace("-", " ")
        raise ValueError(
            f"{name} must be the id of the {what} (01234567-89ab-cdef-0123-456789abcdef) or its ARN, not its name or "
            f"anything else: {value!r:.200}"
        )


def is_id(text: str) -> bool:
    """Return whether a text has the form of the ids of AWS's resources.

    :param text: The text.
    """
    return bool(_ID.fullmatch(text))


def is_arn(text: str) -> bool:
    """Return whether a text is meant as an ARN rather than an id.

    :param text: Id or ARN.
    """
    return text.startswith("arn:")


def arn_of(id_or_arn: str, arns: Iterable[str | None]) -> str | None:
    """Return the ARN of a knowledge base; None if nobody has named it.

    :param id_or_arn: Id or ARN of the knowledge base.
    :param arns: Its ARN, as answers of AWS's had it, and None of those that did not.
    """
    return id_or_arn if is_arn(id_or_arn) else next(filter(None, arns), None)


def short_id(id_or_arn: str) -> str:
    """Return the id of what is named by its id or its ARN, which ends in the id.

    :param id_or_arn: Id or ARN.
    """
    return id_or_arn.rpartition("/")[2]
