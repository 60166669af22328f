"""The command ``probe``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_wisdom.cli.exits import AWS, INTERRUPTED, Failed, Failure, UsageError
from airflow_wisdom.cli.outcome import Column, Outcome, Sheet, facts
from airflow_wisdom.hooks.connection import AwsConnection
from airflow_wisdom.rows import DEFAULT_TEMPLATE, ImportTemplate
from airflow_wisdom.runs.probing.lab import Bounds, prefix_of
from airflow_wisdom.runs.probing.probe import Probe, ProbeOptions, clean_up, scrubbed
from airflow_wisdom.runs.probing.questions import (
    NOT_ASKED,
    OPERATIONS,
    OPERATIONS_FOR_PROFILES,
    OPERATIONS_OF_INSTANCE,
    OPERATIONS_OF_OWN_BASE,
)
from airflow_wisdom.storage import Storage

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_wisdom.cli.screen import Screen
    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.runs.probing.answers import Question
    from airflow_wisdom.runs.probing.probe import ProbeAccount

_REPORTED = (Column("Question", "id"), Column("Answer"), Column("Set", optional=True), Column("Fake", optional=True))
_ASKED = (Column("Question", "id"), Column("What"), Column("Experiment", optional=True))
_UNANSWERED = (Column("Question", "id"), Column("Unknown, because"))
_LEFT = (Column("Left behind"),)


def probe(args: Namespace, screen: Screen) -> Outcome:
    """Find out how AWS behaves where its documents say nothing.

    :param args: What the command was given.
    :param screen: Where progress and the question go.
    :raises UsageError: Options make no sense, or there is nobody to ask, and ``--yes`` was not given.
    """
    if args.conn_id and args.endpoint_url:
        raise UsageError("--endpoint-url does not go with --conn-id: put endpoint_url into the connection's extra")
    if args.knowledge_base_id and args.instance_id:
        raise UsageError("--knowledge-base-id does not go with --instance-id: either names the knowledge base")
    if args.clean_up and args.dry_run:
        raise UsageError("--dry-run does not go with --clean-up, which asks nothing and removes at once")
    if args.clean_up:
        return _cleaned(args, screen)
    if args.dry_run:
        planned = _options(args, args.knowledge_base_id).planned()
        return Outcome(_plan(args, planned), _plan_sheets(args, planned))
    if not (args.yes or screen.can_ask):
        raise UsageError("there is no terminal to ask whether the probe may begin: pass --yes, or see --dry-run first")
    return _probed(args, screen)


def _probed(args: Namespace, screen: Screen) -> Outcome:
    hook = _hook(args)
    options = _options(args, args.knowledge_base_id)
    base = hook.find_knowledge_base(args.instance_id) if args.instance_id else args.knowledge_base_id
    with screen.progress("Probing") as progress:
        probing = Probe(hook, _options(args, base), progress.say)
        planned = probing.plan()
        try:
            probing.check()
        except ValueError as exc:
            raise UsageError(str(exc)) from exc
        if not args.yes:
            with progress.paused():
                _ask(args, planned, screen)
        account = probing.apply(planned)
    return _outcome(account, hook, options, args)


def _ask(args: Namespace, planned: Sequence[Question], screen: Screen) -> None:
    screen.preview(_plan_sheets(args, planned))
    if not screen.ask("Begin?"):
        raise Failed(Failure("not begun, as you said; nothing was made", INTERRUPTED))


def _hook(args: Namespace) -> WisdomHook:
    """Return a hook that sends each request once: what is sent again is counted, too."""
    return AwsConnection(args.conn_id, args.region, service_name=args.service_name).hook(attempts=1)


def _options(args: Namespace, knowledge_base_id: str | None) -> ProbeOptions:
    template, bounds = _template(args), Bounds(seconds=args.timeout)
    options = ProbeOptions(knowledge_base_id, tuple(args.only), template, bounds, bool(args.instance_id))
    try:
        return options.checked()
    except ValueError as exc:
        raise UsageError(str(exc)) from exc


def _template(args: Namespace) -> ImportTemplate:
    if not args.template:
        return DEFAULT_TEMPLATE
    with Storage(aws_conn_id=args.conn_id).open(args.template, "The template") as file:
        return ImportTemplate.from_csv(file.read(), fields=dict(args.label))


# What a dry run says


def _permissions(args: Namespace, planned: Iterable[Question]) -> list[str]:
    own = () if _names_base(args) else OPERATIONS_OF_OWN_BASE
    instance = OPERATIONS_OF_INSTANCE if args.instance_id else ()
    profiles = OPERATIONS_FOR_PROFILES if any(each.id == "routing-profile" for each in planned) else ()
    connect = (f"connect:{name}" for name in (*instance, *profiles))
    return [*(f"wisdom:{name}" for name in (*OPERATIONS, *own)), *connect]


def _plan(args: Namespace, planned: Sequence[Question]) -> dict[str, Any]:
    bounds = Bounds(seconds=args.timeout)
    return {
        "questions": [{"id": each.id, "question": each.text, "experiment": each.does} for each in planned],
        "notAsked": dict(NOT_ASKED),
        "knowledgeBase": "named" if _names_base(args) else "own",
        "permissions": _permissions(args, planned),
        "atMost": {
            "calls": bounds.calls,
            "quickResponses": bounds.quick_responses,
            "importJobs": bounds.import_jobs,
            "seconds": bounds.seconds,
        },
    }


def _plan_sheets(args: Namespace, planned: Sequence[Question]) -> list[Sheet]:
    bounds = Bounds(seconds=args.timeout)
    where = "the one that is named; only what is named wisdom-probe-* is removed again"
    sheet = facts(
        knowledge_base=where
        if _names_base(args)
        else "one of its own, of the 10 that an account has by default; removed again",
        calls=f"at most {bounds.calls:,}, at most 5 a second; removing what was made comes on top",
        quick_responses=f"at most {bounds.quick_responses}, until they are removed",
        import_jobs=f"at most {bounds.import_jobs}",
        time=f"at most {bounds.seconds:,.0f} s, and removing",
        cost="what AWS charges your account for these: see AWS's price list",
        permissions=", ".join(_permissions(args, planned)),
    )
    asked = [(each.id, each.text, each.does) for each in planned]
    return [sheet, Sheet("Would ask", _ASKED, asked), Sheet("Cannot ask", _UNANSWERED, list(NOT_ASKED.items()))]


def _names_base(args: Namespace) -> bool:
    return bool(args.knowledge_base_id or args.instance_id)


# What a probe has found


def _outcome(account: ProbeAccount, hook: WisdomHook, options: ProbeOptions, args: Namespace) -> Outcome:
    named = "named" if options.knowledge_base_id or args.instance_id else "own"
    report = account.report(region=hook.conn.meta.region_name, client=hook.client_type, knowledgeBase=named)
    return Outcome(report, _sheets(report), _failure(account))


def _sheets(report: Mapping[str, Any]) -> list[Sheet]:
    answers = report["answers"]
    sheet = facts(
        airflow_wisdom=report["airflowWisdom"],
        date=report["date"],
        region=report["region"],
        client=report["client"],
        knowledge_base=report["knowledgeBase"],
        calls=report["calls"],
        seconds=report["seconds"],
    )
    found = [(each["id"], each["answer"], each["set"] or "", each["fake"] or "") for each in answers if each["answer"]]
    unknown = [(each["id"], each["unknownBecause"]) for each in answers if not each["answer"]]
    return [
        sheet,
        Sheet("Answers", _REPORTED, found),
        Sheet("No answers", _UNANSWERED, [*unknown, *report["notAsked"].items()]),
        Sheet("Left behind", _LEFT, [(each,) for each in report["left"]]),
    ]


def _failure(account: ProbeAccount) -> Failure | None:
    left = _to_remove(account) if account.left else ""
    if account.interrupted:
        return Failure(f"interrupted: {left or 'nothing is left behind'}", INTERRUPTED)
    if account.error:
        failure = Failure.of(account.error)
        return Failure(f"{failure.message}. {left}".rstrip(". "), failure.code)
    return Failure(left, AWS) if left else None


def _to_remove(account: ProbeAccount) -> str:
    """Say what is left, and how to remove it."""
    named = f" --knowledge-base-id {account.knowledge_base_id}" if account.knowledge_base_id else ""
    by_hand = f", or aws wisdom delete-knowledge-base --knowledge-base-id {account.own_id}" if account.own_id else ""
    return (
        f"left behind is {'; '.join(map(scrubbed, account.left[:3]))}{' ...' if account.left[3:] else ''}. To remove "
        f"all that is named {prefix_of(account.run)}*: airflow-wisdom probe --clean-up {account.run}{named}{by_hand}"
    )


def _cleaned(args: Namespace, screen: Screen) -> Outcome:
    hook = _hook(args)
    base = hook.find_knowledge_base(args.instance_id) if args.instance_id else args.knowledge_base_id
    with screen.waiting(f"Removing what probe {args.clean_up} has left"):
        try:
            has_found, left = clean_up(hook, args.clean_up, base)
        except ValueError as exc:
            raise UsageError(str(exc)) from exc
    shown = [scrubbed(each) for each in left]
    sheets = [
        facts(probe=args.clean_up, region=hook.region_name, removed=_removed(left, has_found=has_found)),
        Sheet("Left", _LEFT, [(each,) for each in shown]),
    ]
    failure = Failure(f"left behind is {'; '.join(shown[:3])}", AWS) if left else None
    return Outcome({"probe": args.clean_up, "found": has_found, "left": shown}, sheets, failure)


def _removed(left: list[str], *, has_found: bool) -> str:
    if left:
        return "no"
    return "yes" if has_found else "nothing was found: are id and region right?"
