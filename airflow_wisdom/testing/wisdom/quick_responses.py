"""Quick responses: their life, what writes do to them, and what lists and searches show."""

from collections.abc import Callable
from functools import partial
from typing import Any

from moto.moto_api._internal import mock_random

from .arguments import Word
from .core import Page, find, in_order
from .exceptions import ConflictException, ValidationException
from .instances import Instances
from .model import operation_model
from .pace import Change
from .pages import page
from .parsing import read
from .resources import NOT_THERE, KnowledgeBase, Params, QuickResponse, Resource, changed, removed_member
from .search import search
from .validation import first_violation

CHANNELS = ("Chat", "Email")
ENDS = {"CREATE": "CREATED", "UPDATE": "CREATED", "DELETE": "DELETED"}
SAMPLES = ({"name": "Sample greeting", "text": "Hello!"}, {"name": "Sample farewell", "text": "Goodbye!"})


class QuickResponses(Instances):
    """The part of the backend that keeps quick responses."""

    def create_quick_response(self, params: Params) -> Params:
        kb = self.get_knowledge_base(params["knowledgeBaseId"], "QUICK_RESPONSES")

        def make() -> QuickResponse:
            self._check_profile_arns(kb, params)
            return self._add_quick_response(kb, params, self.caller)

        made = self._once("CreateQuickResponse", kb.id, params, make)
        if made.id in kb.quick_responses:
            return made.to_dict()
        if self.switches.reused_create == "conflict":
            raise ConflictException("The clientToken was already used.")
        if self.switches.reused_create == "new":
            self._forget_token("CreateQuickResponse", kb.id, params)
            self.had_effect = True
            return self._once("CreateQuickResponse", kb.id, params, make).to_dict()
        return made.first_answer

    def _add_quick_response(self, kb: KnowledgeBase, params: Params, by: str) -> QuickResponse:
        there = [one for one in kb.quick_responses.values() if one.status not in NOT_THERE]
        self._check_quota("quick_responses", len(there))
        _check_channels(params)
        self._check_tags(params)
        _check_unique(kb, params)
        made = QuickResponse(self, kb, params, by)
        kb.quick_responses[made.id] = made
        # One that is there at once was not modified since.
        is_slow = self.switches.response_pace is not None
        self._change(made, "CREATE", made.enter if is_slow else partial(setattr, made, "status"))
        made.first_answer = made.to_dict()
        return made

    def get_quick_response(self, kb_id: str, quick_response_id: str) -> QuickResponse:
        found = self._quick_response(kb_id, quick_response_id)
        found.count_look()
        return found

    def _quick_response(self, kb_id: str, quick_response_id: str) -> QuickResponse:
        kb = self.get_knowledge_base(kb_id, "QUICK_RESPONSES")
        return find(kb.quick_responses, quick_response_id, "quick response")

    def update_quick_response(self, params: Params) -> QuickResponse:
        found = self._quick_response(params["knowledgeBaseId"], params["quickResponseId"])
        self._check_profile_arns(found.kb, params)
        self._update(found, params, self.caller)
        return found

    def _update(self, found: QuickResponse, params: Params, by: str, *, at_once: bool = False) -> None:
        _check_not_both(params)
        _check_channels(params)
        _check_settled(found)
        after = changed(found.params, params, "knowledgeBaseId", "quickResponseId")
        _check_unique(found.kb, after, but=found)
        found.coming = after
        found.modified_by = by

        def finish(status: str) -> None:
            if status == "CREATED":
                found.params = after
            found.coming = None
            found.enter(status)

        self._change(found, "UPDATE", finish, at_once=at_once)

    def delete_quick_response(self, kb_id: str, quick_response_id: str) -> None:
        found = self._quick_response(kb_id, quick_response_id)
        if found.status not in NOT_THERE:
            _check_settled(found)

        def finish(status: str) -> None:
            found.enter(status)
            if status == "DELETED":
                del found.kb.quick_responses[found.id]

        self._change(found, "DELETE", finish)

    def _change(self, item: QuickResponse, verb: str, finish: Callable[[str], None], *, at_once: bool = False) -> None:
        """Let a write take its time, or fail, as the test chose."""
        failed = not at_once and self.switches.take_failure(verb)
        pace = None if at_once else self.switches.response_pace
        end = f"{verb}_FAILED" if failed else ENDS[verb]
        item.kb.touch()

        def end_it(_: str | None = None) -> None:
            finish(end)
            self._note(item)

        if pace is None:
            end_it()
            return
        item.begin(Change(pace, end_it))
        if verb != "CREATE":
            item.enter(f"{verb}_IN_PROGRESS")
        self._note(item)

    def _note(self, item: QuickResponse) -> None:
        """Let search know, sooner or later."""
        shown = item.to_dict() if item.id in item.kb.quick_responses else None
        item.kb.index.write(item.id, shown, self.switches.search_lag)

    def _tagged(self, resource: Resource) -> None:
        if isinstance(resource, QuickResponse):
            self._note(resource)

    def list_quick_responses(self, kb_id: str, **which: Any) -> Page[QuickResponse]:
        kb = self.get_knowledge_base(kb_id, "QUICK_RESPONSES")
        shown, token = page(in_order(kb.quick_responses), **which)
        for item in shown:
            item.count_look()
        return shown, token

    def search_quick_responses(self, kb_id: str, expression: Params, **which: Any) -> Page[Params]:
        kb = self.get_knowledge_base(kb_id, "QUICK_RESPONSES")
        known = kb.index.known(self.switches.search_lag, self.switches.search_misses)
        if self.switches.hides_inactive:
            known = [shown for shown in known if shown["isActive"]]
        return page(enumerate(search(known, expression)), **which)

    # What a test does by hand

    def quick_responses(self, knowledge_base_id: str) -> list[Params]:
        """Everything there is, as GetQuickResponse shows it, without a look being counted."""
        kb = self.get_knowledge_base(knowledge_base_id, "QUICK_RESPONSES")
        return [one.to_dict() for one in kb.quick_responses.values()]

    def set_quick_response_status(self, quick_response_id: str, status: Word) -> None:
        found = self._anywhere(quick_response_id)
        if found.coming is not None and status == "CREATED":
            found.params = found.coming
        found.coming = None
        found.stop()
        found.enter(status)
        self._note(found)

    def edit_by_hand(self, knowledge_base_id: str, quick_response_id: str, changes: Params) -> None:
        """Change an item as a person does in the admin site: at once, and in that person's name."""
        found = self._quick_response(knowledge_base_id, quick_response_id)
        operation = operation_model("UpdateQuickResponse")
        unknown = set(changes) - set(operation.input_shape.members)
        if unknown:
            raise ValueError(f"no such member: {', '.join(sorted(unknown))}")
        which = {"knowledgeBaseId": knowledge_base_id, "quickResponseId": quick_response_id}
        params = read(operation.input_shape, {**changes, **which})
        broken = first_violation(operation, params)
        if broken:
            raise ValueError(" must ".join(broken))
        self._update(found, params, self._person(), at_once=True)

    def add_samples(self, knowledge_base_id: str) -> None:
        """Make the two inactive sample responses that the admin site begins with (their text is made up)."""
        kb = self.get_knowledge_base(knowledge_base_id, "QUICK_RESPONSES")
        for sample in SAMPLES:
            params = {"name": sample["name"], "content": {"content": sample["text"]}}
            self._add_quick_response(kb, params, self._person())

    def _person(self) -> str:
        """The ARN of a user of the admin site."""
        where = f"arn:{self.partition}:connect:{self.region_name}:{self.account_id}"
        return f"{where}:instance/{mock_random.uuid4()}/agent/{mock_random.uuid4()}"

    def _anywhere(self, quick_response_id: str) -> QuickResponse:
        for kb in self.knowledge_bases.values():
            if quick_response_id in kb.quick_responses:
                return kb.quick_responses[quick_response_id]
        raise ValueError(f"no such quick response: {quick_response_id}")


def _check_unique(kb: KnowledgeBase, params: Params, but: QuickResponse | None = None) -> None:
    for other in kb.quick_responses.values():
        if other is but:
            continue
        if other.takes("name", params["name"]):
            raise ConflictException("A quick response with this name already exists.")
        if params.get("shortcutKey") and other.takes("shortcutKey", params["shortcutKey"]):
            raise ConflictException("A quick response with this shortcut key already exists.")


def _check_channels(params: Params) -> None:
    """botocore's model has no list of them; CloudFormation's has."""
    for channel in params.get("channels") or []:
        if channel not in CHANNELS:
            raise ValidationException(f"{channel!r} is not a channel: it must be one of {', '.join(CHANNELS)}.")


def _check_not_both(params: Params) -> None:
    for name, value in params.items():
        if name.startswith("remove") and value and removed_member(name) in params:
            raise ValidationException(f"{removed_member(name)} cannot be set and removed in one call.")


def _check_settled(item: QuickResponse) -> None:
    if item.status.endswith("_IN_PROGRESS") or item.status in NOT_THERE:
        raise ConflictException(f"The quick response is in status {item.status}.")
