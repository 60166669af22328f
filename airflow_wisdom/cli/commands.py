"""Which commands there are, and what each of them takes: plain data, from which every parser is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_wisdom.cli.values import (
    at_least,
    delimiter,
    duration,
    encoding,
    function,
    job_id,
    mapping,
    share,
    tolerated,
)
from airflow_wisdom.model.limits import MAX_ACTIVE_JOBS, SAMPLE_SIZE
from airflow_wisdom.settings import SERVICE_NAMES
from airflow_wisdom.values import ONE_DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

KNOWLEDGE_BASE = "AIRFLOW_WISDOM_KNOWLEDGE_BASE_ID"
"""The environment variable that names the knowledge base where no option and no connection does."""


@dataclass(frozen=True)
class Option:
    """One argument of a command.

    :param flags: Its name or names, as argparse takes them.
    :param how: What else argparse takes.
    """

    flags: tuple[str, ...]
    how: Mapping[str, Any]


def option(*flags: str, **how: Any) -> Option:
    """Return an argument of a command; parameters as for :class:`Option`."""
    return Option(flags, how)


@dataclass(frozen=True)
class Command:
    """One command.

    :param name: What it is called.
    :param help: What it does, in a line.
    :param description: What it does, in full.
    :param examples: Command lines, without the name of the program and of the command; each with what it does.
    :param options: Its arguments by the heading under which its help shows them.
    :param action: The function that does it, as ``module:function``, imported when the command runs.
    """

    name: str
    help: str
    description: str
    examples: tuple[tuple[str, str], ...]
    options: Mapping[str, tuple[Option, ...]]
    action: str

    @property
    def arguments(self) -> list[str]:
        """What has to be given, as its help shows it."""
        given = [option for options in self.options.values() for option in options]
        return [option.how["metavar"] for option in given if not option.flags[0].startswith("-")]

    @property
    def epilog(self) -> str:
        """The examples, as argparse takes them."""
        lines = (f"  # {what}\n  %(prog)s {line}".rstrip() for line, what in self.examples)
        return "examples:\n" + "\n".join(lines)


TARGET = option("file", metavar="FILE", help="path or URI: JSON Lines if it ends in .jsonl, else CSV")
FILES = option(
    "files",
    nargs="+",
    metavar="FILE",
    help="path or URI of a file of rows, such as s3://bucket/key; a folder, a prefix that ends in /, or a "
    "pattern in quotes; several are read as one",
)
JOB = option("job_id", metavar="ID", type=job_id, help="id of the import job")

CONNECTION_ID = option(
    "--conn-id", metavar="ID", help="Airflow connection that AWS is reached with (default: boto3's own credentials)"
)
INSTANCE = option(
    "--instance-id",
    metavar="ID",
    help="id or ARN of the Amazon Connect instance, whose knowledge base is looked up if no --knowledge-base-id is "
    "given; the routing profiles that files name are then checked against it, before anything is sent",
)
OWNER_TAG = option("--owner-tag", metavar="NAME", help="name of this table: a tag of the quick responses that it owns")
INVALID_ROWS = option(
    "--on-invalid-rows",
    choices=("fail", "skip"),
    default="fail",
    help="what to do if rows are invalid: fail before anything is sent, or skip them (default: fail)",
)
TIMEOUT = option(
    "--timeout",
    type=duration,
    default=ONE_DAY,
    metavar="TIME",
    help="how long to wait: seconds, or a number with s, m, h or d, such as 90m (default: 1d)",
)
SAMPLE = option(
    "--sample-size",
    type=at_least(0),
    default=SAMPLE_SIZE,
    metavar="N",
    help=f"invalid rows and refused records to show, at most (default: {SAMPLE_SIZE})",
)
ON_FAILED_RECORDS = option(
    "--on-failed-records",
    type=tolerated,
    default="fail",
    metavar="WHAT",
    help="what to do if AWS refuses records: fail, warn, ignore, or the number that is tolerated (default: fail)",
)
FAILED_RECORDS = option(
    "--failed-records-path", metavar="PATH", help="write all records that AWS refused to this CSV: a path or URI"
)

ROWS = (
    option(
        "--format",
        choices=("csv", "json_lines", "json", "xlsx", "parquet"),
        help="format of FILE (default: what its name or content says)",
    ),
    option(
        "--delimiter",
        type=delimiter,
        metavar="CHAR",
        help="what separates the cells of a CSV: a character, or tab (default: the one by which its header fits best)",
    ),
    option(
        "--encoding",
        type=encoding,
        metavar="NAME",
        help="encoding of FILE, such as cp1252 (default: UTF-8, or what its byte-order mark says)",
    ),
    option("--sheet", metavar="NAME", help="sheet of an Excel workbook (default: the only one that has rows)"),
    option(
        "--template",
        metavar="PATH",
        help="template file downloaded from Amazon Connect, whose header the columns have to fit: a path or URI "
        "(default: an assumed header)",
    ),
    option(
        "--map",
        type=mapping,
        action="append",
        default=[],
        metavar="COLUMN=LABEL",
        help="column of FILE that has another name than its label in the template; may be repeated",
    ),
    option(
        "--extra-columns",
        choices=("fail", "ignore"),
        default="fail",
        help="what to do about columns that the template does not have (default: fail)",
    ),
    option(
        "--spaces",
        choices=("trim", "invalid"),
        default="trim",
        help="what to do about spaces at the ends of a cell: trim them, or call the row invalid (default: trim)",
    ),
    option("--strict", action="store_true", help="call rows invalid, too, that may be meant: short ones, for example"),
    option("--invalid-rows-path", metavar="PATH", help="write all invalid rows to this CSV, ready to be fixed"),
    option(
        "--null-values",
        action="append",
        metavar="TEXT",
        help="a cell that means nothing, such as NULL; may be repeated, and '' alone is for none (default: what "
        "databases, pandas and spreadsheets write)",
    ),
    option(
        "--on-placeholders",
        choices=("warn", "invalid", "ignore"),
        default="warn",
        help="what to do about placeholders that Amazon Connect would not fill in: warn, call the row invalid, or "
        "ignore them (default: warn)",
    ),
    option(
        "--extra-checks",
        type=function,
        action="append",
        metavar="MODULE:FUNCTION",
        help="a function of your own that gets each row and returns what is wrong with it, or None; may be repeated",
    ),
)

AWS = (
    option(
        "--knowledge-base-id",
        metavar="ID",
        help="id or ARN of the knowledge base (default: knowledge_base_id in the extra of the Airflow connection, or "
        f"the environment variable {KNOWLEDGE_BASE})",
    ),
    INSTANCE,
    CONNECTION_ID,
    option("--region", metavar="NAME", help="AWS region (default: that of the connection, or of boto3)"),
    option(
        "--service-name",
        choices=SERVICE_NAMES,
        help="boto3 client, two names of one service (default: as Airflow is configured)",
    ),
    option("--endpoint-url", metavar="URL", help="where the service is, if not at AWS; not together with --conn-id"),
)

OUTPUT = (
    option(
        "-o",
        "--output",
        choices=("table", "json"),
        default="table",
        help="what is printed on stdout: tables, or one JSON document (default: table)",
    ),
    option("-q", "--quiet", action="store_true", help="show no progress"),
    option("--debug", action="store_true", help="show the traceback of an error, and Airflow's log"),
)

CHECK = Command(
    name="check",
    help="Judge the rows of a file, without AWS",
    description="Judge every row of a file as an import would, and show what is wrong with it. Nothing is sent, and "
    "neither AWS nor Airflow's database is needed. Exits with 1 if rows are invalid.",
    examples=(
        ("faq.csv", "are all rows valid?"),
        ('faq.csv --template "Responses Import Template.csv" --map Title=Name', "with your own header"),
        ("faq.csv --invalid-rows-path to-fix.csv --output json", "for a script"),
    ),
    options={
        "arguments": (FILES,),
        "rows": (*ROWS, SAMPLE, CONNECTION_ID),
        "output": OUTPUT,
    },
    action="airflow_wisdom.cli.importing:check",
)

IMPORT = Command(
    name="import",
    help="Import the quick responses of a file",
    description="Judge every row of a file, send the valid ones to import jobs, wait for the jobs, and say what became "
    "of each row. A file that was imported before, or in part, is not imported twice: the jobs of the earlier run are "
    "found, and only what has no job, or whose job failed, is started.",
    examples=(
        ("faq.csv --knowledge-base-id 6ea7414c-318d-492d-9c5b-57e2fae1ba9c", "with boto3's own credentials"),
        ("s3://bucket/faq.csv --conn-id aws_default", "with an Airflow connection, whose extra names the rest"),
        ("faq.csv --on-invalid-rows skip --invalid-rows-path to-fix.csv", "what is valid, now"),
        ("faq.csv --again", "once more, although it was imported before"),
    ),
    options={
        "arguments": (FILES,),
        "rows": (*ROWS, SAMPLE),
        "import": (
            INVALID_ROWS,
            ON_FAILED_RECORDS,
            FAILED_RECORDS,
            option(
                "--max-active-jobs",
                type=at_least(1),
                default=MAX_ACTIVE_JOBS,
                metavar="N",
                help=f"import jobs that run at the same time, at most (default: {MAX_ACTIVE_JOBS})",
            ),
            TIMEOUT,
            option("--again", action="store_true", help="import the file once more, whatever was imported before"),
            option("--run-id", metavar="ID", help="go on with the run that was begun with --again"),
        ),
        "AWS": AWS,
        "output": OUTPUT,
    },
    action="airflow_wisdom.cli.importing:import_file",
)

PLANNING = (
    option(
        "--key",
        choices=("name", "shortcut_key"),
        default="name",
        help="what rows and quick responses are matched by (default: name)",
    ),
    OWNER_TAG,
    option("--adopt", action="store_true", help="make quick responses that rows name, and nobody owns, this table's"),
    option(
        "--on-missing",
        choices=("keep", "deactivate", "delete"),
        default="keep",
        help="what happens to this table's quick responses that no row names (default: keep)",
    ),
    option(
        "--max-removal-share",
        type=share,
        default=0.3,
        metavar="SHARE",
        help="removals that are allowed, as a share of this table's quick responses (default: 0.3)",
    ),
    option(
        "--min-removals",
        type=at_least(0),
        default=10,
        metavar="N",
        help="removals that are allowed whatever their share (default: 10)",
    ),
    option(
        "--no-protection",
        dest="protection",
        action="store_false",
        help="allow any number of removals, also those of an empty file",
    ),
    option(
        "--content-format",
        choices=("markdown", "plain"),
        default="markdown",
        help="format of what is created where the file has no column for it (default: markdown)",
    ),
    option(
        "--on-unremovable",
        choices=("warn", "fail"),
        default="warn",
        help="what to do about empty cells of fields that AWS cannot empty (default: warn)",
    ),
    INVALID_ROWS,
    option("--plan-path", metavar="PATH", help="write the whole plan to this file, CSV or JSON Lines: a path or URI"),
)

PLAN = Command(
    name="plan",
    help="Show what a sync would change",
    description="Compare the rows of a file with the quick responses that there are, and show what a sync would "
    "create, update and remove, and why. Nothing is written. Exits with 1 if a sync would refuse the plan.",
    examples=(
        ("faq.csv --knowledge-base-id 6ea7414c-318d-492d-9c5b-57e2fae1ba9c", "what differs?"),
        ("faq.csv --owner-tag faq --on-missing delete --plan-path plan.csv", "with removals, all of it in a file"),
    ),
    options={
        "arguments": (FILES,),
        "rows": (*ROWS, SAMPLE),
        "plan": (*PLANNING, TIMEOUT),
        "AWS": AWS,
        "output": OUTPUT,
    },
    action="airflow_wisdom.cli.syncing:plan",
)

SYNC = Command(
    name="sync",
    help="Make the quick responses say what a file says",
    description="Compare the rows of a file with the quick responses that there are, show the plan, ask, and apply it. "
    "What was changed is read again. After an interruption the same command does the rest.",
    examples=(
        ("faq.csv --knowledge-base-id 6ea7414c-318d-492d-9c5b-57e2fae1ba9c", "shows the plan and asks"),
        ("faq.csv --owner-tag faq --on-missing deactivate --yes", "for a script: asks nothing"),
        ("faq.csv --yes --expected-plan 5d41402abc4b2a76b9719d911017c592", "only the plan that was seen"),
    ),
    options={
        "arguments": (FILES,),
        "rows": (*ROWS, SAMPLE),
        "plan": PLANNING,
        "sync": (
            option("-y", "--yes", action="store_true", help="apply the plan without a question"),
            option(
                "--expected-plan",
                metavar="FINGERPRINT",
                help="apply only the plan with this fingerprint, which `plan` has shown; that of `plan -o json` also "
                "finishes what was interrupted",
            ),
            option(
                "--on-failed-items",
                type=tolerated,
                default="fail",
                metavar="WHAT",
                help="what to do if changes fail: fail, warn, ignore, or the number that is tolerated (default: fail)",
            ),
            TIMEOUT,
        ),
        "AWS": AWS,
        "output": OUTPUT,
    },
    action="airflow_wisdom.cli.syncing:sync",
)

EXPORT = Command(
    name="export",
    help="Save all quick responses to a file that a sync reads",
    description="Save all quick responses of a knowledge base to a file in the form that `plan`, `sync` and `import` "
    "read: a backup, or a copy for another instance.",
    examples=(
        ("backup.csv --knowledge-base-id 6ea7414c-318d-492d-9c5b-57e2fae1ba9c", ""),
        ("s3://bucket/faq.jsonl --owner-tag faq", "only those of one table, as JSON Lines"),
    ),
    options={
        "arguments": (TARGET,),
        "export": (OWNER_TAG, SAMPLE, TIMEOUT),
        "AWS": AWS,
        "output": OUTPUT,
    },
    action="airflow_wisdom.cli.syncing:export",
)

JOBS = Command(
    name="jobs",
    help="List the import jobs of a knowledge base",
    description="List the import jobs of a knowledge base, the newest first.",
    examples=(
        ("--knowledge-base-id 6ea7414c-318d-492d-9c5b-57e2fae1ba9c", ""),
        ("--conn-id aws_default --output json", "for a script"),
    ),
    options={"AWS": AWS, "output": OUTPUT},
    action="airflow_wisdom.cli.jobs:list_jobs",
)

SHOW_JOB = Command(
    name="job",
    help="Show an import job, with the records that AWS refused",
    description="Show an import job whatever its status, with the first of the records that AWS refused.",
    examples=(
        ("cd856dd2-4736-453b-a1d2-8f051e14c120", ""),
        ("cd856dd2-4736-453b-a1d2-8f051e14c120 --failed-records-path refused.csv", "keep all refused records"),
    ),
    options={"arguments": (JOB,), "records": (FAILED_RECORDS, SAMPLE), "AWS": AWS, "output": OUTPUT},
    action="airflow_wisdom.cli.jobs:show",
)

WAIT = Command(
    name="wait",
    help="Wait until an import job is COMPLETE, and read which records AWS refused",
    description="Wait until an import job is COMPLETE, and read which records AWS refused. Exits with 1 if it fails, "
    "if it is deleted or if AWS refused more than is tolerated, and with 4 if it does not end in time.",
    examples=(
        ("cd856dd2-4736-453b-a1d2-8f051e14c120 --timeout 30m", ""),
        ("cd856dd2-4736-453b-a1d2-8f051e14c120 --on-failed-records warn", "whatever AWS refused"),
    ),
    options={
        "arguments": (JOB,),
        "waiting": (TIMEOUT,),
        "records": (ON_FAILED_RECORDS, FAILED_RECORDS, SAMPLE),
        "AWS": AWS,
        "output": OUTPUT,
    },
    action="airflow_wisdom.cli.jobs:wait",
)

DELETE = Command(
    name="delete",
    help="Delete an import job",
    description="Delete an import job. The quick responses that it imported stay. A deleted job is no longer found by "
    "a later run of the same file, which then imports its rows again.",
    examples=(("cd856dd2-4736-453b-a1d2-8f051e14c120 --wait", "until it is gone"),),
    options={
        "arguments": (JOB,),
        "waiting": (option("--wait", action="store_true", help="wait until the job is gone"), TIMEOUT),
        "AWS": AWS,
        "output": OUTPUT,
    },
    action="airflow_wisdom.cli.jobs:delete",
)

PROBE = Command(
    name="probe",
    help="Find out how AWS behaves where its documents say nothing",
    description="Make a small knowledge base, try out in it what AWS does not document, remove it, and print a report "
    "to send in: it has no account id, no ARN and no signature in it. What is asked, what it takes and which "
    "permissions it needs, --dry-run says without AWS. Nothing else in the account is changed.",
    examples=(
        ("--dry-run", "what would it do?"),
        ("--yes --output json", "all questions, in a knowledge base of its own; a report for scripts"),
        ('--template "Responses Import Template.csv" --only header --only words', "two questions, with your header"),
        ("--clean-up 5d41402a", "remove what a probe that was killed has left"),
    ),
    options={
        "probe": (
            option("--dry-run", action="store_true", help="say what would be asked and made, and call nothing"),
            option("-y", "--yes", action="store_true", help="begin without a question"),
            option(
                "--only", action="append", default=[], metavar="ID", help="ask this question alone; may be repeated"
            ),
            option(
                "--template",
                metavar="PATH",
                help="template file downloaded from Amazon Connect, whose header is tried: a path or URI (default: an "
                "assumed header)",
            ),
            option(
                "--label",
                type=mapping,
                action="append",
                default=[],
                metavar="LABEL=FIELD",
                help="label of the template whose meaning its name does not say, such as Title=name; may be repeated",
            ),
            option(
                "--timeout",
                type=duration,
                default=1800.0,
                metavar="TIME",
                help="how long to ask: seconds, or a number with s, m, h or d (default: 30m); cleaning up comes on top",
            ),
            option("--clean-up", metavar="PROBE", help="ask nothing: remove what the probe with this id has left"),
        ),
        "AWS": (
            option(
                "--knowledge-base-id",
                metavar="ID",
                help="id or ARN of a knowledge base to work in, of which only what the probe has made is removed "
                "(default: one of its own; neither a connection nor the environment names one here)",
            ),
            option(
                "--instance-id",
                metavar="ID",
                help="id or ARN of an Amazon Connect instance, to work in the knowledge base of its quick responses",
            ),
            *(each for each in AWS if each.flags[0] not in ("--knowledge-base-id", "--instance-id")),
        ),
        "output": OUTPUT,
    },
    action="airflow_wisdom.cli.probing:probe",
)

COMMANDS = (CHECK, PLAN, SYNC, EXPORT, IMPORT, JOBS, SHOW_JOB, WAIT, DELETE, PROBE)
"""All commands. A new one is an entry here, and the function that it names."""
