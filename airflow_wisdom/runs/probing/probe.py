"""The run of a probe: plan, check, apply, account."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from airflow_wisdom import __version__
from airflow_wisdom.exceptions import AwsError, RunTimeoutError, WisdomError
from airflow_wisdom.model.knowledge_base import QUICK_RESPONSES, short_id
from airflow_wisdom.redaction import redact
from airflow_wisdom.rows import DEFAULT_TEMPLATE
from airflow_wisdom.runs.probing import cleaning
from airflow_wisdom.runs.probing.cleaning import Cleaner, Place
from airflow_wisdom.runs.probing.lab import TAG, Bounds, Caller, CannotTell, Lab, prefix_of
from airflow_wisdom.runs.probing.questions import NOT_ASKED, QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.model.knowledge_base import KnowledgeBaseData
    from airflow_wisdom.rows import ImportTemplate
    from airflow_wisdom.runs.probing.answers import Answer, Question

_ARN = re.compile(r"arn:aws[a-z-]*:[^\s\"',;)]*")
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_RUN = re.compile(r"[0-9a-f]{8}")

_READY = 120.0
"""Seconds within which a new knowledge base has to be ready."""


@dataclass(frozen=True)
class ProbeOptions:
    """How a probe is done.

    :param knowledge_base_id: Id or ARN of the knowledge base to work in. Default: one of its own, which it removes.
    :param only: Ids of the questions to ask. Default: all.
    :param template: The header of import files. Default: the assumed one.
    :param bounds: What it may take.
    :param has_instance: Whether the knowledge base is that of an Amazon Connect instance. Default: not known.
    """

    knowledge_base_id: str | None = None
    only: tuple[str, ...] = ()
    template: ImportTemplate = field(default_factory=lambda: DEFAULT_TEMPLATE)
    bounds: Bounds = field(default_factory=Bounds)
    has_instance: bool = False

    def checked(self) -> ProbeOptions:
        """Return the options if they make sense.

        :raises ValueError: They do not.
        """
        known = [question.id for question in QUESTIONS]
        unknown = [each for each in self.only if each not in known]
        if unknown:
            why = "; ".join(f"{each}: {NOT_ASKED[each]}" for each in unknown if each in NOT_ASKED)
            raise ValueError(f"no such question: {', '.join(unknown)}. {why or 'A dry run lists them'}")
        missing = {"name", "content"} - set(self.template.fields.values())
        if missing:
            raise ValueError(f"the template has no label that means {' or '.join(sorted(missing))}: see --label")
        return self

    def planned(self) -> tuple[Question, ...]:
        """Return what is going to be asked, in the order of the docs."""
        return tuple(each for each in QUESTIONS if not self.only or each.id in self.only)


@dataclass(frozen=True)
class Finding:
    """What became of a question.

    :param question: The question.
    :param answer: The answer; None if it is not known.
    :param because: Why it is not known.
    """

    question: Question
    answer: Answer | None
    because: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON primitives, without anything that names the account."""
        found = self.answer
        return {
            "id": self.question.id,
            "question": self.question.text,
            "answer": scrubbed(found.text) if found else None,
            "unknownBecause": scrubbed(self.because) if not found else None,
            "set": (found.setting or None) if found else None,
            "fake": (found.switch or None) if found else None,
        }


@dataclass(frozen=True)
class ProbeAccount:
    """What a probe has found, and what it has left behind.

    :param findings: One for each question, in the order of the docs.
    :param calls: Calls that were made.
    :param seconds: How long it took.
    :param left: What could not be removed, in words; empty if nothing is left.
    :param run: Id of the probe.
    :param knowledge_base_id: Id of the knowledge base that was named for it; None if it had one of its own.
    :param own_id: Id of its own knowledge base, as far as it is known.
    :param interrupted: Whether somebody has interrupted it.
    :param error: Why it could not begin; None if it could.
    """

    findings: tuple[Finding, ...]
    calls: int
    seconds: float
    left: tuple[str, ...]
    run: str
    knowledge_base_id: str | None = None
    own_id: str | None = None
    interrupted: bool = False
    error: WisdomError | None = None

    def report(self, **where: str | None) -> dict[str, Any]:
        """Return the report to send in, as JSON primitives: no account id, no ARN and no signature is in it.

        :param where: What else to say about the place, such as ``region``.
        """
        answered = {finding.question.id for finding in self.findings}
        return {
            "airflowWisdom": __version__,
            "date": datetime.fromtimestamp(time.time(), timezone.utc).date().isoformat(),
            **where,
            "calls": self.calls,
            "seconds": round(self.seconds, 1),
            "answers": [finding.to_dict() for finding in self.findings],
            "notAsked": {name: why for name, why in NOT_ASKED.items() if name not in answered},
            "left": [scrubbed(each) for each in self.left],
        }


class Probe:
    """Asks AWS how it behaves where its documents say nothing.

    :param hook: What AWS is reached with. It sends each request once, so that calls can be counted.
    :param options: How it is done.
    :param tell: Called with a line about what goes on. Default: nobody is told.
    :param run: Id of the probe, 8 hexadecimal digits. Default: a new one.
    """

    def __init__(
        self,
        hook: WisdomHook,
        options: ProbeOptions,
        tell: Callable[[str], None] = lambda _line: None,
        run: str | None = None,
    ) -> None:
        self.hook = hook
        self.options = options
        self.run = run or uuid4().hex[:8]
        self._tell = tell

    def plan(self) -> tuple[Question, ...]:
        """Return what is going to be asked, in the order of the docs; nothing is sent."""
        return self.options.planned()

    def check(self) -> None:
        """Refuse a knowledge base that quick responses cannot be in; one of its own needs no check.

        :raises ValueError: The named one is of another type.
        :raises WisdomError: It cannot be read.
        """
        if self.options.knowledge_base_id:
            known = self.hook.get_knowledge_base(self.options.knowledge_base_id)
            if known.knowledge_base_type != QUICK_RESPONSES or not known.is_ready:
                raise ValueError(f"knowledge base {known.knowledge_base_id} {known.problem}")

    def apply(self, planned: Sequence[Question]) -> ProbeAccount:
        """Ask, and remove what was made, whatever happens.

        :param planned: What :meth:`plan` returned.
        """
        call = Caller(self.hook, self.options.bounds.calls, time.time() + self.options.bounds.seconds)
        desk = _Desk(self, call)
        try:
            desk.ask(planned)
        except KeyboardInterrupt:
            desk.interrupted = True
        finally:
            desk.clean_up()
        return desk.account(planned)

    def tell(self, line: str) -> None:
        """Say what goes on.

        :param line: A line.
        """
        self._tell(line)


class _Desk:
    """What one probe keeps while it asks: its lab, the answers, what is left."""

    def __init__(self, probe: Probe, call: Caller) -> None:
        self._probe = probe
        self._call = call
        self._began = time.time()
        self._lab: Lab | None = None
        self._may_have_made = False
        self._found: dict[str, Finding] = {}
        self._left: list[str] = []
        self._calls_of_clean_up = 0
        self._error: WisdomError | None = None
        self.interrupted = False

    def ask(self, planned: Sequence[Question]) -> None:
        """Ask all questions, those that look at what others have left at the end."""
        try:
            lab = self._lab = self._made_lab()
        except WisdomError as exc:
            self._error = exc
            return
        except CannotTell as exc:
            self._error = RunTimeoutError(f"No knowledge base was made: {exc}")
            return
        in_turn = sorted(planned, key=lambda question: question.last)
        for number, question in enumerate(in_turn, 1):
            self._probe.tell(f"{number} of {len(planned)}: {question.id}")
            self._found[question.id] = _finding(question, lab)

    def account(self, planned: Sequence[Question]) -> ProbeAccount:
        """Return what was found, with one finding for each question, and what is left."""
        why = f"the probe could not begin: {self._error}" if self._error else "the probe was interrupted"
        findings = tuple(self._found.get(each.id, Finding(each, None, why)) for each in planned)
        named = self._probe.options.knowledge_base_id
        return ProbeAccount(
            findings,
            self._call.made + self._calls_of_clean_up,
            time.time() - self._began,
            tuple(self._left),
            self._probe.run,
            short_id(named) if named else None,
            self._lab.kb if self._lab and not named else None,
            self.interrupted,
            self._error,
        )

    def clean_up(self) -> None:
        """Remove what was made; whoever interrupts this as well is told what is left."""
        if not self._may_have_made:
            return
        self._probe.tell("removing what was made")
        call = Caller(self._probe.hook, cleaning.CALLS, time.time() + cleaning.SECONDS)
        cleaner = self._cleaner(call)
        self._left = cleaner.left
        try:
            self._left = cleaner.clean()
        except KeyboardInterrupt:
            self.interrupted = True
            self._left = cleaner.left
        finally:
            self._calls_of_clean_up = call.made

    def _cleaner(self, call: Caller) -> Cleaner:
        lab, is_own = self._lab, self._probe.options.knowledge_base_id is None
        place = Place(self._probe.run, lab.kb if lab else None, is_own)
        jobs = [job.import_job_id for job in lab.seen.jobs] if lab else []
        return Cleaner(call, place, lab.made_items if lab else (), jobs)

    def _made_lab(self) -> Lab:
        options = self._probe.options
        base = short_id(options.knowledge_base_id) if options.knowledge_base_id else self._own_base().knowledge_base_id
        self._may_have_made = True
        return Lab(
            self._call, base, self._probe.run, options.bounds, options.template, has_instance=options.has_instance
        )

    def _own_base(self) -> KnowledgeBaseData:
        run = self._probe.run
        tags, token = {TAG: run}, f"{TAG}-{run}"
        name = f"{prefix_of(run)}base"
        self._probe.tell(f"making knowledge base {name}")
        # An answer may be lost, and Ctrl-C may come in between.
        self._may_have_made = True
        try:
            made = self._call(lambda hook: hook.create_knowledge_base(name, tags=tags, client_token=token))
        except AwsError as exc:
            self._may_have_made = exc.transient
            raise
        base, until = made.knowledge_base_id, time.time() + _READY
        while not made.is_ready and time.time() < until:
            time.sleep(2)
            made = self._call(lambda hook: hook.get_knowledge_base(base))
        return made


def _finding(question: Question, lab: Lab) -> Finding:
    try:
        return Finding(question, lab.once(question.ask))
    except (CannotTell, WisdomError) as exc:
        return Finding(question, None, str(exc))
    except Exception as exc:  # noqa: BLE001 - what nobody thought of must not keep the other answers back
        return Finding(question, None, f"unexpected: {exc!r}")


def scrubbed(text: str) -> str:
    """Return a text without account ids, ARNs and signatures.

    :param text: The text.
    """
    return _ACCOUNT.sub("<account>", _ARN.sub("<arn>", redact(text)))


class CleanUp(NamedTuple):
    """What became of what an earlier probe had left.

    :param has_found: Whether there was anything.
    :param left: What is left even so, in words.
    """

    has_found: bool
    left: list[str]


def clean_up(hook: WisdomHook, run: str, knowledge_base_id: str | None) -> CleanUp:
    """Remove what an earlier probe has left, and return what became of it.

    :param hook: What AWS is reached with.
    :param run: Id of that probe.
    :param knowledge_base_id: Id or ARN of the knowledge base that was named for it. Default: it had one of its own.
    :raises ValueError: The id is not that of a probe.
    """
    if not _RUN.fullmatch(run):
        raise ValueError(f"the id of a probe has 8 hexadecimal digits, unlike {run!r:.50}")
    call = Caller(hook, cleaning.CALLS, time.time() + cleaning.SECONDS)
    base = short_id(knowledge_base_id) if knowledge_base_id else None
    cleaner = Cleaner(call, Place(run, base, is_own=base is None))
    left = cleaner.clean()
    return CleanUp(cleaner.has_found, left)
