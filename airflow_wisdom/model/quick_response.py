"""A quick response: a row of yours and an item of AWS's in one shape, so that they can be compared. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_wisdom.model.knowledge_base import Arn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = [
    "QuickResponse",
    "QuickResponseStatus",
]

PLAIN = "application/x.quickresponse;format=plain"
MARKDOWN = "application/x.quickresponse;format=markdown"

CONTENT_TYPES: Mapping[str, str] = {"plain": PLAIN, "markdown": MARKDOWN, PLAIN: PLAIN, MARKDOWN: MARKDOWN}
"""Short and long names of the content types -> AWS's own."""

FIELDS = (
    "name",
    "shortcutKey",
    "description",
    "content",
    "contentType",
    "channels",
    "language",
    "isActive",
    "routingProfiles",
)
"""What a quick response has, under the names of ``CreateQuickResponse``; routing profiles are ARNs."""

LISTS = frozenset({"channels", "routingProfiles"})
"""Fields that hold several items; their order means nothing."""

UNIQUE = ("name", "shortcutKey")
"""Fields of which no two quick responses of a knowledge base have the same value."""

REMOVABLE: Mapping[str, str] = {
    "description": "removeDescription",
    "shortcutKey": "removeShortcutKey",
    "routingProfiles": "removeGroupingConfiguration",
}
"""Field -> the switch of ``UpdateQuickResponse`` that takes it away."""

UNREMOVABLE = frozenset({"channels", "language"})
"""Fields that nothing takes away once they are set."""

Value: TypeAlias = "str | bool | tuple[str, ...] | None"
"""A value of a field; None, or no items, where there is none."""

Values: TypeAlias = "Mapping[str, Value]"
"""Field -> value. A field that is missing is left as it is."""


class QuickResponseStatus(str, Enum):
    """Status of a quick response; AWS type ``QuickResponseStatus``."""

    CREATE_IN_PROGRESS = "CREATE_IN_PROGRESS"
    CREATE_FAILED = "CREATE_FAILED"
    CREATED = "CREATED"
    UPDATE_IN_PROGRESS = "UPDATE_IN_PROGRESS"
    UPDATE_FAILED = "UPDATE_FAILED"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
    DELETE_FAILED = "DELETE_FAILED"
    DELETED = "DELETED"


_IN_PROGRESS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"})


@dataclass(frozen=True, slots=True)
class QuickResponse:
    """A quick response as AWS has it; AWS type ``QuickResponseData``, or ``QuickResponseSummary`` from a list.

    :param quick_response_id: Its id.
    :param arn: Its ARN, by which it is tagged.
    :param knowledge_base_arn: ARN of its knowledge base.
    :param status: AWS's word as it came.
    :param values: Field -> value, as far as they are known: a list lacks content, shortcut key, language and routing
        profiles.
    :param tags: Its tags.
    :param created_time: When it was created.
    :param last_modified_time: When it was last changed; the same in a list and in a search if both show the same.
    :param last_modified_by: ARN of who changed it last.
    """

    quick_response_id: str
    arn: str
    knowledge_base_arn: str
    status: str
    values: Mapping[str, Value]
    tags: Mapping[str, str] = field(default_factory=dict)
    created_time: datetime | None = None
    last_modified_time: datetime | None = None
    last_modified_by: str | None = None

    @classmethod
    def from_response(cls, response: Mapping[str, Any]) -> QuickResponse:
        """Make a quick response from AWS's answer.

        :param response: The member ``quickResponse`` of an answer, or one of ``results`` or of
            ``quickResponseSummaries``.
        """
        values: dict[str, Value] = {
            "name": response["name"],
            "description": response.get("description"),
            "contentType": response.get("contentType"),
            "channels": _items(response.get("channels")),
            "isActive": bool(response.get("isActive")),
        }
        if "contents" in response:
            values |= {
                "content": _content(response["contents"], response.get("contentType")),
                "shortcutKey": response.get("shortcutKey"),
                "language": response.get("language"),
                "routingProfiles": _items((response.get("groupingConfiguration") or {}).get("values")),
            }
        return cls(
            response["quickResponseId"],
            response["quickResponseArn"],
            response["knowledgeBaseArn"],
            str(response["status"]),
            values,
            dict(response.get("tags") or {}),
            response.get("createdTime"),
            response.get("lastModifiedTime"),
            response.get("lastModifiedBy"),
        )

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.values["name"])

    @property
    def is_whole(self) -> bool:
        """Whether every field is known."""
        return "content" in self.values

    @property
    def is_in_progress(self) -> bool:
        """Whether it is being created, updated or deleted, so that waiting makes sense."""
        return self.status in _IN_PROGRESS

    @property
    def is_settled(self) -> bool:
        """Whether it is there as it should be: the last change of it has succeeded."""
        return self.status == QuickResponseStatus.CREATED.value

    @property
    def is_gone(self) -> bool:
        """Whether nobody can see it: it is deleted, or was never made."""
        return self.status in {QuickResponseStatus.DELETED.value, QuickResponseStatus.CREATE_FAILED.value}

    @property
    def was_edited_by_hand(self) -> bool:
        """Whether a user of Amazon Connect changed it last, rather than a program through the API."""
        try:
            return Arn.parse(self.last_modified_by or "").service == "connect"
        except ValueError:
            return False


def differences(old: Values, new: Values) -> dict[str, Value]:
    """Return the values that differ, as they are to be.

    :param old: What AWS has.
    :param new: What is wanted; fields that are missing are left as they are.
    """
    return {name: value for name, value in new.items() if (value or None) != (old.get(name) or None)}


def create_request(values: Values) -> dict[str, Any]:
    """Return the members of ``CreateQuickResponse`` for these values.

    :param values: Field -> value; what is None or empty is left out.
    """
    return _members({name: value for name, value in values.items() if value not in (None, ())})


def update_request(changes: Values) -> dict[str, Any]:
    """Return the members of ``UpdateQuickResponse`` for these changes.

    :param changes: Field -> new value; None or empty takes the field away, where AWS can.
    """
    gone = [name for name, value in changes.items() if value in (None, (), "")]
    kept = {name: value for name, value in changes.items() if name not in gone}
    return {**_members(kept), **{REMOVABLE[name]: True for name in gone if name in REMOVABLE}}


def _members(values: Values) -> dict[str, Any]:
    members: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }
    if "content" in members:
        members["content"] = {"content": members["content"]}
    if "routingProfiles" in members:
        profiles = members.pop("routingProfiles")
        members["groupingConfiguration"] = {"criteria": "RoutingProfileArn", "values": profiles}
    return members


def _content(contents: Mapping[str, Any], content_type: str | None) -> str | None:
    """Return the text that the content type names: of a markdown response AWS shows the plain text as well."""
    member = "markdown" if content_type == MARKDOWN else "plainText"
    return (contents.get(member) or {}).get("content")


def _items(items: Any) -> tuple[str, ...]:
    return tuple(sorted(items or ()))
