"""What names a knowledge base: its id, its ARN, the URI of its asset. Parsed here and nowhere else. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from urllib.parse import SplitResult

__all__ = [
    "KnowledgeBase",
]

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


def check_id(name: str, value: str, resource: str) -> None:
    """Refuse what is neither an id nor an ARN, such as the name of what is meant.

    :param name: Name of the parameter, for the error.
    :param value: What was given.
    :param resource: What it is the id of, as in its ARN: ``knowledge-base`` or ``instance``.
    :raises ValueError: It is neither.
    """
    if not _ID.fullmatch(short_id(value) if is_arn(value) and f":{resource}/" in value else value):
        what = resource.replace("-", " ")
        raise ValueError(
            f"{name} must be the id of the {what} (01234567-89ab-cdef-0123-456789abcdef) or its ARN, not its name or "
            f"anything else: {value!r:.200}"
        )


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
