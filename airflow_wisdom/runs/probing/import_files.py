"""What a probe asks about the import file, and about uploads and reports."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from airflow_wisdom.exceptions import AwsError, UploadError
from airflow_wisdom.model.failed_records import reason_of
from airflow_wisdom.model.limits import MAX_FILE_BYTES
from airflow_wisdom.model.quick_response import CONTENT_TYPES
from airflow_wisdom.redaction import redact
from airflow_wisdom.rows import DEFAULT_TEMPLATE
from airflow_wisdom.rows.validation import LANGUAGES
from airflow_wisdom.runs.probing.answers import Answer, listing
from airflow_wisdom.runs.probing.items import TEXTS
from airflow_wisdom.runs.probing.lab import CannotTell, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_wisdom.model.quick_response import QuickResponse
    from airflow_wisdom.runs.probing.lab import Lab

Row = Mapping[str, str]
"""Field -> cell."""

CONTENT = "Made by a probe."

FULL: Row = {
    "description": "Made by a probe.",
    "content": CONTENT,
    "contentType": "markdown",
    "channels": "Chat",
    "language": "en_US",
    "isActive": "No",
}
"""A row with a cell for each field but the name and the shortcut key, which are the run's, and the routing profiles."""

_YES = ("Yes", "yes", "TRUE", "true", "y", "1")
_NO = ("No", "no", "FALSE", "false", "n", "0")
_FILLER = 100_000
"""Characters of a content that is too long to be imported: rows that have it make a file large."""

FIVE_MB = 5 * 1024 * 1024


def file_of(labels: Mapping[str, str], rows: Iterable[Row]) -> bytes:
    """Return an import file.

    :param labels: Field -> label, in the order of the columns.
    :param rows: The rows; a field without a label is left out.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(labels.values())
    writer.writerows([row.get(field, "") for field in labels] for row in rows)
    return text.getvalue().encode()


def imported(lab: Lab, labels: Mapping[str, str], rows: Mapping[str, Row]) -> Trial:
    """Import rows, and see what became of them.

    :param lab: Where.
    :param labels: Field -> label.
    :param rows: Key -> row, whose name is that of the key unless it has one.
    """
    named = [{"name": lab.name(key), **row} for key, row in rows.items()]
    upload_id = lab.upload(file_of(labels, named))
    lab.may_make(len(named))
    return lab.tried(lab.start(upload_id), rows)


# The header


@dataclass(frozen=True)
class Header:
    """What AWS says to a header.

    :param labels: Field -> label, of the header that it takes; None if it takes none that was tried.
    :param is_whole: Whether that is the header of the template, rather than name and content alone.
    :param reason: Why it refused the header of the template; empty if it took it.
    :param unknown: Fields whose labels had no effect; None if the row with all of them was refused.
    """

    labels: Mapping[str, str] | None
    is_whole: bool
    reason: str
    unknown: tuple[str, ...] | None


def _header(lab: Lab) -> Header:
    labels = {field: label for label, field in lab.template.fields.items()}
    rows = {"plain": {"content": CONTENT}, "full": {**FULL, "shortcutKey": f"p{lab.run}"}}
    trial = imported(lab, labels, rows)
    if "plain" in trial.imported:
        return Header(labels, True, "", _without_effect(lab, labels, trial))
    few = {field: labels[field] for field in ("name", "content")}
    alone = imported(lab, few, {"few": {"content": CONTENT}})
    reason = " / ".join(dict.fromkeys(reason_of(record) for record in trial.records))
    return Header(few if "few" in alone.imported else None, False, reason, None)


def _without_effect(lab: Lab, labels: Mapping[str, str], trial: Trial) -> tuple[str, ...] | None:
    if "full" not in trial.imported:
        return None
    values = lab.read(trial.imported["full"]).values
    expected = {**FULL, "shortcutKey": f"p{lab.run}", "contentType": CONTENT_TYPES["markdown"], "channels": ("Chat",)}
    expected["isActive"] = ""
    return tuple(field for field in labels if field in expected and (values.get(field) or "") != expected[field])


def accepted_header(lab: Lab) -> Mapping[str, str]:
    """Return the header that AWS takes, field -> label.

    :param lab: Where.
    :raises CannotTell: None of those that were tried.
    """
    labels = lab.once(_header).labels
    if labels is None:
        raise CannotTell("no header is known that AWS takes: give the template of Amazon Connect with --template")
    return labels


def header(lab: Lab) -> Answer:
    """Find out whether AWS takes the header row of the template."""
    found = lab.once(_header)
    tried = listing([f'"{label}"' for label in lab.template.fields])
    if found.is_whole and found.labels:
        effect = "each of them had its effect, as far as it was tried"
        if found.unknown is None:
            effect = "a row with a cell for each of them was refused"
        elif found.unknown:
            effect = f"without effect: {listing([found.labels[field] for field in found.unknown])}"
        known = ", ".join(f'"{label}": "{field}"' for label, field in lab.template.fields.items())
        text = f"accepted: {tried}; {effect}"
        setting = "" if lab.template == DEFAULT_TEMPLATE else "import_template"
        return Answer(text, setting, f"header({{{known}}})")
    if found.labels:
        return Answer(f"refused: {tried}; name and content alone are accepted. AWS: {found.reason}", "import_template")
    if not found.reason:
        raise CannotTell(f"AWS imported no row of a file with the header {tried}, and gave no reason")
    return Answer(f"refused: {tried}. AWS: {found.reason}", "import_template")


# A job of which a row is refused


def _partial(lab: Lab) -> Trial:
    labels = lab.once(accepted_header)
    trial = imported(lab, labels, {"good": {"content": CONTENT}, "bad": {"content": ""}})
    if "bad" in trial.imported:
        raise CannotTell("AWS imported a row without content, which was to be refused")
    return trial


def _partly(lab: Lab) -> Trial:
    """Return a job of which one row was imported and one was not."""
    trial = lab.once(_partial)
    if "good" not in trial.imported:
        raise CannotTell("where one row is refused, AWS imports none of the file")
    return trial


def partly_failed(lab: Lab) -> Answer:
    """Find out how a job ends of which some rows were refused."""
    trial = lab.once(_partial)
    if "good" not in trial.imported:
        return Answer(f"{trial.job.status}, and the other rows are not imported either")
    return Answer(trial.job.status, switch=f'partly_failed("{trial.job.status}")')


def report_records(lab: Lab) -> Answer:
    """Find out whether the failed-record report has one record for each refused row."""
    trial = lab.once(_rows)
    refused = len(_all_rows(lab)) - len(trial.imported)
    if not refused:
        raise CannotTell("no row was refused")
    verdict = "yes" if refused == len(trial.records) else "no"
    return Answer(f"{verdict}: {len(trial.records)} records for {refused} rows")


def report_columns(lab: Lab) -> Answer:
    """Find out which columns the failed-record report has."""
    trial = lab.once(_partial)
    if not trial.columns:
        raise CannotTell("AWS wrote no report of a job of which a row was refused")
    return Answer(listing([f'"{column}"' for column in trial.columns]))


def upload_reuse(lab: Lab) -> Answer:
    """Find out whether an upload can be used for a second import job."""
    labels = lab.once(accepted_header)
    upload_id = lab.upload(file_of(labels, [{"name": lab.name("twice"), "content": CONTENT}]))
    lab.may_make(2)
    lab.ended(lab.start(upload_id))
    try:
        job = lab.ended(lab.start(upload_id))
    except AwsError as exc:
        return Answer(f"no: {exc.code}")
    return Answer(f"yes: the second job ends as {job.status}", "upload_id")


def url_lifetime(lab: Lab) -> Answer:
    """Find out how long the URLs of the file and the report live."""
    lives = {what: query.get("X-Amz-Expires") for what, query in _urls(lab).items()}
    if not any(lives.values()):
        raise CannotTell("the URLs say nothing about it")
    return Answer(listing([f"{what} {lifetime} s" for what, lifetime in lives.items() if lifetime]))


def url_form(lab: Lab) -> Answer:
    """Find out what presigned URLs look like, and whether they are redacted."""
    job = lab.job(lab.once(_partial).job)
    urls = [url for url in (job.url, job.failed_record_report) if url]
    names = list(dict.fromkeys(name for query in _urls(lab).values() for name in query))
    if all(redact(url) != url for url in urls):
        return Answer(f"parameters {listing(names)}; redacted")
    return Answer(f"parameters {listing(names)}; NOT redacted", "[wisdom] redacted_parameters")


def _urls(lab: Lab) -> dict[str, dict[str, str]]:
    """Return the parameters of the presigned URLs of a job. Their values are secrets."""
    job = lab.job(lab.once(_partial).job)
    urls = {"the file": job.url, "the report": job.failed_record_report}
    return {what: dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)) for what, url in urls.items() if url}


# Rows that AWS may take or refuse


def _words() -> dict[str, Row]:
    answers: dict[str, Row] = {f"active-{number}": {"isActive": word} for number, word in enumerate((*_YES, *_NO))}
    kinds = ("plain", "Plain", "PLAIN", "markdown", "Markdown", *dict.fromkeys(CONTENT_TYPES.values()))
    return answers | {f"type-{number}": {"contentType": word} for number, word in enumerate(kinds)}


def _languages() -> dict[str, Row]:
    return {f"lang-{code}": {"language": code} for code in sorted(LANGUAGES)}


def _separators() -> dict[str, Row]:
    return {f"sep-{number}": {"channels": f"Chat{mark}Email"} for number, mark in enumerate(";,|")}


def _channels() -> dict[str, Row]:
    words = ("Chat", "Email", "chat", "EMAIL", "Voice", "SMS")
    return {f"channel-{number}": {"channels": word} for number, word in enumerate(words)}


def _spaces(lab: Lab) -> dict[str, Row]:
    return {
        "sp-name": {"name": f"{lab.name('sp-name')} "},
        "sp-content": {"content": f"{CONTENT} "},
        "sp-description": {"description": "Made by a probe. "},
        "sp-shortcutKey": {"shortcutKey": f"s{lab.run} "},
        "sp-channels": {"channels": "Chat "},
        "sp-language": {"language": "en_US "},
        "sp-isActive": {"isActive": "No "},
    }


def _all_rows(lab: Lab) -> dict[str, Row]:
    rows = {**_words(), **_languages(), **_separators(), **_channels(), **_spaces(lab)}
    return {key: {"content": CONTENT, **row} for key, row in rows.items()}


def _rows(lab: Lab) -> Trial:
    """Import all rows in one job."""
    lab.once(_partly)
    return imported(lab, _whole_header(lab), _all_rows(lab))


def _whole_header(lab: Lab) -> Mapping[str, str]:
    if not lab.once(_header).is_whole:
        raise CannotTell("only the labels of name and content are known: give the template with --template")
    return lab.once(accepted_header)


def _sorted(
    lab: Lab, rows: Mapping[str, Row], field: str, is_meant: Callable[[str, QuickResponse], bool]
) -> tuple[list[str], list[str], list[str]]:
    """Return the cells that AWS takes as they are meant, those that it takes for something else, and those refused."""
    labels, found = _whole_header(lab), lab.once(_rows).imported
    if field not in labels:
        raise CannotTell(f"the template has no label for {field}")
    taken = {key: row[field] for key, row in rows.items() if key in found}
    meant = {key for key, cell in taken.items() if is_meant(cell, found[key])}
    shown = {key: _cell(row[field]) for key, row in rows.items()}
    return (
        [shown[key] for key in rows if key in meant],
        [shown[key] for key in rows if key in taken.keys() - meant],
        [shown[key] for key in rows if key not in taken],
    )


def _cell(cell: str) -> str:
    return repr(cell) if cell != cell.strip() else cell


def _in_words(right: list[str], wrong: list[str], refused: list[str]) -> str:
    parts = {"accepted": right, "taken for something else": wrong, "refused": refused}
    return "; ".join(f"{what}: {listing(cells)}" for what, cells in parts.items() if cells)


def words(lab: Lab) -> Answer:
    """Find out which words the file accepts for Is active and Content type, and in which case."""
    meant: dict[str, Callable[[str, QuickResponse], bool]] = {
        "isActive": lambda cell, item: item.values["isActive"] == (cell in _YES),
        "contentType": lambda cell, item: item.values["contentType"] == CONTENT_TYPES[cell.lower()],
    }
    labels = _whole_header(lab)
    fields = [field for field in meant if field in labels]
    if not fields:
        raise CannotTell("the template has no label for isActive and contentType")
    rows = {field: {key: row for key, row in _words().items() if field in row} for field in fields}
    found = {field: _sorted(lab, rows[field], field, meant[field]) for field in fields}
    setting = "allowed_values" if any(any(cells[1:]) for cells in found.values()) else ""
    return Answer(". ".join(f"{labels[field]}: {_in_words(*found[field])}" for field in fields), setting)


def languages(lab: Lab) -> Answer:
    """Find out which languages the file accepts."""
    found = _sorted(lab, _languages(), "language", lambda _cell, _item: True)
    return Answer(_in_words(*found), "allowed_values" if found[2] else "")


def channels(lab: Lab) -> Answer:
    """Find out which channels the file accepts, and in which case."""
    found = _sorted(lab, _channels(), "channels", lambda cell, item: item.values["channels"] == (cell,))
    return Answer(_in_words(*found), "" if found[0] == ["Chat", "Email"] else "allowed_values")


def separators(lab: Lab) -> Answer:
    """Find out what separates the items of a cell."""
    found = _sorted(lab, _separators(), "channels", lambda _, item: item.values["channels"] == ("Chat", "Email"))
    return Answer(f"{_in_words(*found)} (Channels alone)", "Rules(separators=)" if found[1] or found[2] else "")


def spaces(lab: Lab) -> Answer:
    """Find out which values with a space at the end AWS refuses."""
    labels, found = _whole_header(lab), lab.once(_rows).imported
    fields = [field for key in _spaces(lab) if (field := key.removeprefix("sp-")) in labels]
    taken = [field for field in fields if f"sp-{field}" in found]
    refused = [field for field in fields if f"sp-{field}" not in found]
    return Answer(f"accepted at the end of: {listing(taken)}; refused: {listing(refused)}")


def stored_texts(lab: Lab) -> Answer:
    """Find out whether an import stores texts as they are in the file."""
    labels, rows = lab.once(accepted_header), {f"st-{what}": {"content": text} for what, text in TEXTS.items()}
    found = imported(lab, labels, rows).imported
    stored = {what: lab.read(found[f"st-{what}"]).values["content"] for what in TEXTS if f"st-{what}" in found}
    changed = [f"{what}: {TEXTS[what]!a} becomes {text!a}" for what, text in stored.items() if text != TEXTS[what]]
    changed += [f"{what}: refused" for what in TEXTS if what not in stored]
    return Answer(f"no: {listing(changed)}" if changed else "yes: line breaks, spaces, and forms of Unicode")


def file_size(lab: Lab) -> Answer:
    """Find out how large the file may be."""
    labels = lab.once(accepted_header)
    lab.once(_partly)
    setting = "max_bytes, [wisdom] upload_max_bytes"
    refusal = _size_refused(lab, labels, "large", int(1.2 * MAX_FILE_BYTES))
    if refusal:
        return Answer(
            f"not {1.2 * MAX_FILE_BYTES:,.0f} bytes: {refusal}", "", f"quotas(document_bytes={MAX_FILE_BYTES})"
        )
    more = _size_refused(lab, labels, "larger", FIVE_MB + 200_000)
    if more:
        return Answer(
            f"{1.2 * MAX_FILE_BYTES:,.0f} bytes are accepted, {FIVE_MB + 200_000:,} are not: {more}",
            setting,
            f"quotas(document_bytes={FIVE_MB})",
        )
    return Answer(f"{FIVE_MB + 200_000:,} bytes are accepted", setting)


def _size_refused(lab: Lab, labels: Mapping[str, str], key: str, size: int) -> str:
    """Import a row in a file of at least so many bytes, whose other rows are invalid; return why it was refused."""
    filler = {"content": "x" * _FILLER}
    rows: dict[str, Row] = {key: {"content": CONTENT}}
    rows |= {f"{key}-{number}": filler for number in range(size // _FILLER + 1)}
    try:
        trial = imported(lab, labels, rows)
    except (AwsError, UploadError) as exc:
        return exc.code or str(exc)
    if key in trial.imported:
        return ""
    reasons = dict.fromkeys(reason_of(record)[:200] for record in trial.records)
    return f"{trial.job.status}, {' / '.join(list(reasons)[:3]) or 'without a reason'}"
