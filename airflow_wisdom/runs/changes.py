"""The changes that a sync makes: what each is, and how it ended. Pure: no Airflow, no boto3."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from airflow_wisdom.exceptions import ValidationError
from airflow_wisdom.redaction import redact
from airflow_wisdom.rows.mistake import place
from airflow_wisdom.runs.limit import may_be_done
from airflow_wisdom.runs.remedies import brief

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_wisdom.exceptions import AwsError, WisdomError
    from airflow_wisdom.model.quick_response import Value, Values
    from airflow_wisdom.rows.mistake import Unit

Kind = Literal["create", "update", "deactivate", "remove"]

SIGNS = {"create": "+", "update": "~", "deactivate": "-", "remove": "-"}

LONGEST_SHOWN = 60
"""Characters of a value that a line of a diff shows."""


@dataclass(frozen=True)
class Change:
    """One quick response that is not as the table wants it.

    :param kind: What is to be done.
    :param key: The value that row and quick response are matched by.
    :param why: Why, in words.
    :param line: Where the row stands in its source; None where there is no row.
    :param unit: What `line` counts; None where there is no row.
    :param part: The file that the row is in, where its source has several.
    :param quick_response_id: Id of the quick response; None where it is created.
    :param arn: Its ARN; None where it is created.
    :param old: Field -> value as AWS has it, of the fields that change.
    :param new: Field -> value as it is to be, of the fields that change.
    :param tags: Tags that are set: at creation, or by a call of their own.
    :param untag: Keys of tags that are taken away.
    :param replaces: Id of a quick response whose creation failed, which is deleted first.
    :param last_modified_by: ARN of who changed the quick response last.
    :param last_modified_time: When, as ISO 8601.
    :param by_hand: Whether that was a person in Amazon Connect.
    :param held_by: Name of a quick response that has the wanted name or shortcut key, and keeps it.
    """

    kind: Kind
    key: str
    why: str
    line: int | None = None
    unit: Unit | None = None
    part: str | None = None
    quick_response_id: str | None = None
    arn: str | None = None
    old: Values = field(default_factory=dict)
    new: Values = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    untag: tuple[str, ...] = ()
    replaces: str | None = None
    last_modified_by: str | None = None
    last_modified_time: str | None = None
    by_hand: bool = False
    held_by: str | None = None

    @property
    def name(self) -> str:
        """The name that a person knows it by."""
        return str(self.new.get("name") or self.old.get("name") or self.key)

    def to_dict(self) -> dict[str, Any]:
        """Return the change as JSON primitives."""
        members = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: _plain(value) for name, value in members.items()}

    def lines(self) -> Iterator[str]:
        """Yield what changes, for people: a line with sign and name, then one for each field."""
        where = f" ({place(self.line, self.unit, self.part)})" if self.line and self.unit else ""
        edited = f"; edited by hand: {self.last_modified_by}, {self.last_modified_time}" if self.by_hand else ""
        held = f"; the name or shortcut key is taken by {shown(self.held_by)}" if self.held_by else ""
        yield f"{SIGNS[self.kind]} {self.kind} {shown(self.name)}{where}: {self.why}{edited}{held}"
        if self.kind == "update":
            for name, value in self.new.items():
                yield f"    {name}: {shown(self.old.get(name))} -> {shown(value)}"


@dataclass
class ChangeEnd:
    """How a change ended.

    :param change: The change.
    :param quick_response_id: Id of the quick response; None where it could not be created.
    :param error: Why it is not as wanted; None if it is.
    :param knowledge_base_arn: ARN of the knowledge base, where an answer to this had it.
    :param is_consequence: Whether it was not tried because another change of the plan had failed.
    :param asked: How often AWS was asked to change something for it.
    :param is_unknown: Whether nobody knows what became of it, as after an answer that was lost; it has an error, too.
    """

    change: Change
    quick_response_id: str | None = None
    error: WisdomError | None = None
    knowledge_base_arn: str | None = None
    is_consequence: bool = False
    asked: int = 0
    is_unknown: bool = False

    @property
    def is_data_at_fault(self) -> bool:
        """Whether the same row would fail again: AWS does not accept it, or what it wants to have is taken."""
        return self.change.held_by is not None or isinstance(self.error, ValidationError)

    @property
    def kind_of_failure(self) -> str:
        """Why it failed, in a few words."""
        if self.change.held_by is not None:
            return "name or key taken"
        return "not tried" if self.is_consequence else brief(self.error)

    def refused(self, error: AwsError) -> None:
        """Note that AWS has answered what it was asked last, and did not do it.

        :param error: What it answered.
        """
        if not error.sent_before:
            self.asked -= 1

    def fail(self, error: WisdomError) -> None:
        """Note why it is not as wanted, unless that is noted already, and whether it may be so all the same.

        :param error: What was raised last.
        """
        if self.error is None:
            self.error = error
            self.is_unknown = may_be_done(self.asked, error)

    def lose(self, error: WisdomError) -> None:
        """Note that it was made, as far as AWS says, but that what has become of it is not known.

        :param error: Why it is not.
        """
        self.error, self.is_unknown = error, True


def _plain(value: Any) -> Any:
    """Return a value as JSON primitives."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if hasattr(value, "items") else value


def shown(value: Value) -> str:
    """Return a value fit for one line of a diff.

    :param value: The value of a field.
    """
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(value) if isinstance(value, tuple) else value
    # Texts are shown as they are, but for what would break the line.
    visible = "".join(map(_visible, redact(text[: 10 * LONGEST_SHOWN])[:LONGEST_SHOWN]))
    return f'"{visible}..."' if len(text) > LONGEST_SHOWN else f'"{visible}"'


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
