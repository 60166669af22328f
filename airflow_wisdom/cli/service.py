"""How a command reaches AWS, and which knowledge base and which file it is about."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from airflow_wisdom.cli.commands import KNOWLEDGE_BASE
from airflow_wisdom.cli.exits import UsageError
from airflow_wisdom.hooks.connection import AwsConnection
from airflow_wisdom.model.knowledge_base import check_id
from airflow_wisdom.sources import FileSource, SourceOptions

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.storage import Storage


def reach(args: Namespace) -> tuple[WisdomHook, str]:
    """Return what AWS is reached with, and the id or ARN of the knowledge base.

    :param args: What the command was given.
    :raises UsageError: No knowledge base is named, or two places say where the service is.
    """
    if args.conn_id and args.endpoint_url:
        raise UsageError("--endpoint-url does not go with --conn-id: put endpoint_url into the connection's extra")
    if not args.conn_id and not _names_base(args):
        raise _no_knowledge_base()
    _check_ids(args)
    hook = AwsConnection(args.conn_id, args.region, service_name=args.service_name).hook()
    return hook, args.knowledge_base_id or _of_instance(args.instance_id, hook) or _of_connection(
        args.conn_id, hook
    ) or _of_environment()


def routing_profiles(args: Namespace, hook: WisdomHook) -> Mapping[str, str] | None:
    """Return the routing profiles of the Amazon Connect instance, name -> ARN; None if no instance is named.

    :param args: What the command was given.
    :param hook: What AWS is reached with.
    """
    return hook.routing_profiles(args.instance_id) if args.instance_id else None


def file_source(args: Namespace, storage: Storage) -> FileSource:
    """Return the files whose rows a command reads.

    :param args: What the command was given.
    :param storage: What reads them.
    """
    options = SourceOptions(args.format, args.delimiter, args.encoding, args.sheet)
    return FileSource(args.files[0], storage, options, tuple(args.files[1:]))


def _check_ids(args: Namespace) -> None:
    try:
        if args.knowledge_base_id:
            check_id("--knowledge-base-id", args.knowledge_base_id, "knowledge-base")
        if args.instance_id:
            check_id("--instance-id", args.instance_id, "instance")
    except ValueError as exc:
        raise UsageError(str(exc)) from None


def _names_base(args: Namespace) -> bool:
    return bool(args.knowledge_base_id or args.instance_id or os.environ.get(KNOWLEDGE_BASE))


def _of_instance(instance_id: str | None, hook: WisdomHook) -> str:
    return hook.find_knowledge_base(instance_id) if instance_id else ""


def _of_connection(conn_id: str | None, hook: WisdomHook) -> str:
    knowledge_base_id, instance_id = hook.named_in_connection() if conn_id else (None, None)
    return knowledge_base_id or _of_instance(instance_id, hook)


def _of_environment() -> str:
    named = os.environ.get(KNOWLEDGE_BASE)
    if not named:
        raise _no_knowledge_base()
    return named


def _no_knowledge_base() -> UsageError:
    return UsageError(
        f"no knowledge base is named: pass --knowledge-base-id or --instance-id, set {KNOWLEDGE_BASE}, "
        "or put knowledge_base_id or instance_id into the extra of the Airflow connection that --conn-id names"
    )
