"""What a probe asks, in the order of ``docs/unverified.md``, and what it cannot ask."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from airflow_wisdom.runs.probing import import_files, import_jobs, items
from airflow_wisdom.runs.probing.answers import Question

if TYPE_CHECKING:
    from collections.abc import Mapping

QUESTIONS = (
    Question(
        "list-order",
        "Order of ListImportJobs",
        "lists the jobs that the other questions have started",
        import_jobs.list_order,
        last=True,
    ),
    Question(
        "list-lag", "When does the list show a job", "starts a job, and lists until it is there", import_jobs.list_lag
    ),
    Question(
        "last-modified",
        "Is lastModifiedTime the time of the end",
        "compares it while a job runs, at its end, and later",
        import_jobs.last_modified,
    ),
    Question(
        "unknown-knowledge-base",
        "Error of ListImportJobs for an unknown knowledge base",
        "asks for an id that nobody has",
        import_jobs.unknown_knowledge_base,
    ),
    Question(
        "start-answer",
        "Does StartImportJob answer with a job that has ended",
        "looks at all its answers, one of them for a file that cannot be imported",
        import_jobs.start_answers,
        last=True,
    ),
    Question(
        "token-reuse",
        "A used clientToken with another upload",
        "starts a job with the token of another one",
        import_jobs.reused_token,
    ),
    Question(
        "token-lifetime",
        "A used clientToken whose job was deleted",
        "deletes the job, and starts it again with its token",
        import_jobs.token_of_deleted_job,
    ),
    Question(
        "delete-running",
        "DeleteImportJob of a running job",
        "deletes a job of 30 rows as soon as it runs",
        import_jobs.delete_running,
    ),
    Question(
        "deleted-jobs", "Does a deleted job vanish", "deletes a job that has ended, and reads it", import_jobs.deletions
    ),
    Question(
        "header",
        "Header row of the import file",
        "imports rows under the assumed header, or that of --template, and reads them",
        import_files.header,
    ),
    Question("words", "Words for Is active and Content type", "imports a row for each spelling", import_files.words),
    Question("languages", "Languages", "imports a row for each of the 11 codes", import_files.languages),
    Question(
        "channels",
        "Spelling of channels",
        "imports a row for each spelling, and for channels of calls",
        import_files.channels,
    ),
    Question("separators", "Separators of the items of a cell", "imports a row for each", import_files.separators),
    Question(
        "characters",
        "What counts as a character",
        "creates quick responses with descriptions of emoji and accents",
        items.characters,
    ),
    Question("name-case", "Are names unique regardless of case", "creates two such names", items.name_case),
    Question(
        "import-texts",
        "Does an import store texts as they are",
        "imports rows with line breaks, spaces and forms of Unicode, and reads them",
        import_files.stored_texts,
    ),
    Question(
        "file-size",
        "How large may the file be",
        "imports a row in files of 1.2 and 5.4 MB, whose other rows have too much content to be imported",
        import_files.file_size,
    ),
    Question("spaces", "Spaces at the ends of a value", "imports a row for each field", import_files.spaces),
    Question(
        "partly-failed",
        "Status of a job of which some rows were refused",
        "imports a good row and one without content",
        import_files.partly_failed,
    ),
    Question(
        "report-records",
        "One record for each refused row",
        "counts those of a job with many refused rows",
        import_files.report_records,
    ),
    Question(
        "report-columns", "Columns of the failed-record report", "reads such a report", import_files.report_columns
    ),
    Question(
        "upload-reuse", "Two import jobs of one upload", "starts a second job of an upload", import_files.upload_reuse
    ),
    Question(
        "url-lifetime",
        "How long do presigned URLs live",
        "reads the time in the URLs of a job",
        import_files.url_lifetime,
    ),
    Question(
        "url-form",
        "Form of presigned URLs",
        "reads the names of the parameters, without their values",
        import_files.url_form,
    ),
    Question(
        "search",
        "Does an empty search find everything",
        "creates active and inactive quick responses, and searches",
        items.search_finds_all,
    ),
    Question(
        "search-lag",
        "When does a search show a change",
        "changes a quick response, and searches until it shows",
        items.search_lag,
    ),
    Question(
        "list-freshness",
        "When does the list show a change",
        "changes a quick response, and lists until it shows",
        items.list_shows,
    ),
    Question("time-stamps", "Same time stamps in list and search", "compares them", items.time_stamps),
    Question("tag-time", "Does TagResource change lastModifiedTime", "tags a quick response", items.tag_time),
    Question(
        "change-time",
        "How long do changes take",
        "creates, updates and deletes a quick response, and looks until it is done",
        items.change_time,
    ),
    Question(
        "statuses",
        "Statuses of quick responses",
        "collects what the other questions have seen",
        items.statuses,
        last=True,
    ),
    Question(
        "create-token",
        "A used clientToken whose quick response was deleted",
        "creates, deletes and creates again with the same token",
        items.reused_create_token,
    ),
    Question(
        "name-in-use",
        "Is a name free at once",
        "renames one quick response, deletes another, and takes their names",
        items.names_in_use,
    ),
    Question(
        "stored-texts",
        "Are texts stored as they are sent",
        "creates quick responses with line breaks, spaces and forms of Unicode, and reads them",
        items.stored_texts,
    ),
    Question(
        "routing-profile",
        "Does a routing profile have to exist",
        "creates a quick response for one that does not",
        items.routing_profiles,
    ),
    Question(
        "throttling",
        "What throttling looks like",
        "notes whether AWS throttles the probe by the way",
        items.throttling,
        last=True,
    ),
)
"""Every question that a probe can ask."""

_ON_DEMAND = "AWS fails no change of a quick response on demand"
_IN_BROWSER = "it takes a browser, and a person who is signed in"

NOT_ASKED: Mapping[str, str] = MappingProxyType(
    {
        "max-jobs": "starting jobs until AWS refuses would get in the way of other imports of the account",
        "placeholders": "they are filled in in the agent's workspace, with the data of a contact",
        "import-routing-profiles": "it takes credentials without these permissions, and an instance",
        "upload-lifetime": "it takes hours, perhaps days",
        "update-failed": _ON_DEMAND,
        "create-failed": _ON_DEMAND,
        "edited-by-hand": "it takes a person who changes a quick response in the admin site",
        "plain-in-email": "it shows in the agent's workspace alone",
        "tag-permission": "it takes credentials without this permission",
        "console-page": _IN_BROWSER,
        "console-object": _IN_BROWSER,
    }
)
"""Id of a row that no probe can answer -> the reason."""

OPERATIONS = (
    "CreateQuickResponse",
    "DeleteImportJob",
    "DeleteQuickResponse",
    "GetImportJob",
    "GetKnowledgeBase",
    "GetQuickResponse",
    "ListImportJobs",
    "ListQuickResponses",
    "SearchQuickResponses",
    "StartContentUpload",
    "StartImportJob",
    "TagResource",
    "UpdateQuickResponse",
)
"""The operations of AWS that every probe calls."""

OPERATIONS_OF_OWN_BASE = ("CreateKnowledgeBase", "DeleteKnowledgeBase", "ListKnowledgeBases")
"""Those that a probe calls that makes its own knowledge base."""

OPERATIONS_OF_INSTANCE = ("ListIntegrationAssociations",)
"""Those of Amazon Connect that it calls where an instance is named."""

OPERATIONS_FOR_PROFILES = ("SearchRoutingProfiles", "DescribeRoutingProfile")
"""Those of Amazon Connect that AWS calls in the caller's name, for the question ``routing-profile``."""
