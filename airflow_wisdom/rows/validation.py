"""Which rows an import would accept: every mistake of a row, with its place, before anything is sent."""

from __future__ import annotations

import difflib
import re
import sqlite3
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from airflow_wisdom.exceptions import ExtraCheckError, StorageError, TemplateMismatchError
from airflow_wisdom.model.limits import MAX_ROUTING_PROFILES
from airflow_wisdom.redaction import cut, redact
from airflow_wisdom.rows import garbled, placeholders
from airflow_wisdom.rows.mistake import Doubt, Mistake, listing, shorten
from airflow_wisdom.rows.nothing import NULL_VALUES, is_error
from airflow_wisdom.rows.reading.dialect import DELIMITERS
from airflow_wisdom.rows.template import LABELS, fold, unmarked
from airflow_wisdom.values import one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from typing_extensions import Self

    from airflow_wisdom.rows.mistake import DoubtKind
    from airflow_wisdom.rows.reading.table import Row
    from airflow_wisdom.rows.template import ImportTemplate

    Check = Callable[[str], "str | None"]
    ExtraCheck = Callable[[Mapping[str, str]], "str | None"]

LANGUAGES = frozenset(
    ["de_DE", "en_US", "es_ES", "fr_FR", "id_ID", "it_IT", "ja_JP", "ko_KR", "pt_BR", "zh_CN", "zh_TW"]
)
"""The codes that AWS's documentation of ``language`` in ``CreateQuickResponse`` says are among the supported ones.

Whether the import takes others, too, is unverified.
"""

CONTENT_TYPES = frozenset(
    {
        "plain",
        "markdown",
        "application/x.quickresponse;format=plain",
        "application/x.quickresponse;format=markdown",
    }
)
"""The values of ``contentType`` in ``CreateQuickResponse``, and their short forms.

Which form the import file takes, and whether case matters, is unverified.
"""

YES_AND_NO = frozenset({"true", "yes", "y", "1", "false", "no", "n", "0"})
"""Words for ``isActive``, in any case. Which of them the import file takes is unverified."""

CHANNELS = ("Chat", "Email")
"""The channels that there are, as AWS's CloudFormation schema and its guide have them."""

ALLOWED: Mapping[str, Collection[str] | None] = MappingProxyType(
    {"language": LANGUAGES, "contentType": CONTENT_TYPES, "isActive": YES_AND_NO, "channels": CHANNELS}
)
"""Field -> its allowed values; of lists, those of each item."""

MOST_ITEMS: Mapping[str, int] = MappingProxyType({"routingProfiles": MAX_ROUTING_PROFILES})
"""Field -> the greatest number of its items."""

LISTS = frozenset({"channels", "routingProfiles"})
"""Fields whose cell holds several items."""

_UNIQUE = frozenset({"name", "shortcutKey"})
# Here spaces at the ends, and line breaks, may be meant.
_TEXTS = frozenset({"content", "description"})
_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]")
# White space, and what takes no space at all: zero-width spaces and joiners, soft hyphens, byte-order marks.
_INVISIBLE = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\xad\u200b\u200c\u200d\u2060\ufeff"
_REPEATING = frozenset({"contentType", "channels", "language", "isActive", "routingProfiles"})
_MOST_ACCEPTED = 1000
_LONGEST_REASON = 200
_ANY_CASE = frozenset({"contentType", "isActive"})


@dataclass(frozen=True, slots=True)
class FieldLimits:
    """How long a value may be; for a list, how long each of its items may be.

    :param min: Fewest characters of a value that is not empty.
    :param max: Most characters. Default: any number.
    :param most_items: Most items of a list. Default: any number.
    """

    min: int = 1
    max: int | None = None
    most_items: int | None = None


def field_limits(
    lengths: Mapping[str, tuple[int, int | None]], most_items: Mapping[str, int] = MOST_ITEMS
) -> dict[str, FieldLimits]:
    """Make the limits from plain numbers, as AWS's service model has them.

    :param lengths: Field -> fewest and most characters; of each item, where the field is a list.
    :param most_items: Field -> most items; also for fields that are not in `lengths`.
    :returns: Field -> limits.
    """
    any_length: Mapping[str, tuple[int, int | None]] = dict.fromkeys(most_items, (1, None))
    return {
        name: FieldLimits(least, most, most_items.get(name))
        for name, (least, most) in {**any_length, **lengths}.items()
    }


@dataclass(frozen=True)
class Rules:
    """What a row has to keep to, besides the template.

    :param limits: Field -> :class:`FieldLimits`. Fields that are not in it may have any length.
    :param spaces: What to do about spaces at the ends of a cell, other than of content and description: ``trim``
        (default) them, or make the row ``invalid``.
    :param extra_columns: What to do about columns that the template does not have: ``fail`` (default), or ``ignore``
        them.
    :param allowed: Field -> allowed values, or None for any; takes precedence over
        :data:`ALLOWED`. Of lists, each item is looked up.
    :param words: Field -> the words that mean something, in any case; of those that are allowed, others are mistakes
        all the same. Default: any word does, as it goes to AWS as it is.
    :param separators: The characters that separate the items of a list. Which of them AWS takes is unverified.
    :param routing_profiles: Name -> ARN of the routing profiles that there are; other names and ARNs are mistakes.
        Empty: none of them is known, so that only ARNs will do. Default: not known, so that any name will do.
    :param strict: Whether what may be meant is a mistake, too: :data:`~airflow_wisdom.rows.mistake.DOUBTS`, but for
        placeholders. Default: no.
    :param null_values: Cells that mean nothing, as exporters write it. Default:
        :data:`~airflow_wisdom.rows.nothing.NULL_VALUES`; empty for none.
    :param on_placeholders: What to do about placeholders in a content that Amazon Connect would not fill in: ``warn``
        (default), make the row ``invalid``, or ``ignore`` them.
    :param extra_checks: Functions that get each row, label of the template -> cell, and return what is wrong with it,
        or None.
    :raises ValueError: An option is not one of its words, or a check is not a function.
    """

    limits: Mapping[str, FieldLimits]
    spaces: Literal["trim", "invalid"] = "trim"
    extra_columns: Literal["fail", "ignore"] = "fail"
    allowed: Mapping[str, Collection[str] | None] = field(default_factory=dict)
    words: Mapping[str, Collection[str]] = field(default_factory=dict)
    separators: str = ";,|"
    routing_profiles: Mapping[str, str] | None = None
    strict: bool = False
    null_values: Collection[str] = NULL_VALUES
    on_placeholders: Literal["warn", "invalid", "ignore"] = "warn"
    extra_checks: Sequence[Callable[[Mapping[str, str]], str | None]] = ()

    def __post_init__(self) -> None:
        one_of("spaces", self.spaces, ("trim", "invalid"))
        one_of("extra_columns", self.extra_columns, ("fail", "ignore"))
        one_of("on_placeholders", self.on_placeholders, ("warn", "invalid", "ignore"))
        given: Any = self.null_values
        if isinstance(given, str) or not all(isinstance(text, str) for text in given):
            raise ValueError(f"null_values must be a list of texts, not {given!r:.100}")
        checks: Iterable[Any] = self.extra_checks
        wrong = [type(check).__name__ for check in checks if not callable(check)]
        if wrong:
            raise ValueError(f"extra_checks must be a list of functions, not of {wrong[0]}")


class Validator:
    """Judges the rows of one source, one after the other.

    It remembers all names and shortcut keys of the source, in a temporary file that goes away when it is closed: use it
    as a context manager. Values of invalid rows count, too: once fixed, they would clash.

    :param template: What the import file looks like.
    :param rules: What rows have to keep to.
    :param mapping: Own column -> label of the template, for columns that have another name. Other columns find their
        label themselves; case, spaces, hyphens and underscores do not matter.
    """

    def __init__(self, template: ImportTemplate, rules: Rules, mapping: Mapping[str, str] | None = None) -> None:
        self.template = template
        self.rules = rules
        self.trimmed = 0
        """Cells of rows without mistakes whose spaces were trimmed."""
        self.nulls = 0
        """Cells of rows without mistakes that mean nothing, and are empty therefore."""
        self.doubts: list[Doubt] = []
        """What of the row that was judged last may be meant, or a mistake; nothing where it has mistakes."""
        self._mapping = {column.strip(): label for column, label in (mapping or {}).items()}
        # By label, by the field that it means, or by what the default template calls that, as an export does.
        own = {name: label for label, name in template.fields.items()}
        self._labels = {fold(usual): own[name] for usual, name in LABELS.items() if name in own}
        self._labels |= {fold(name): label for name, label in own.items()}
        self._labels |= {fold(label): label for label in template.columns} | {name: name for name in template.columns}
        self._cells = [_Cell(label, template, rules) for label in template.columns]
        self._nulls = frozenset(map(str.strip, rules.null_values))
        self._seen = _Seen()
        self._columns: tuple[str, ...] | None = None
        self._binding = _Binding((), (), ())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget what was seen, and remove its file."""
        self._seen.close()

    def knows(self, column: str) -> bool:
        """Return whether a column of the source stands for a label of the template.

        :param column: Its name.
        """
        return bool(self._mapping.get(column) or self._label(column))

    def check_columns(self, columns: tuple[str, ...] | None, delimiter: str | None = None) -> None:
        """Check what concerns all rows together.

        :param columns: The columns of the source; None if each row names its own, and is judged for itself.
        :param delimiter: What separates the cells of a CSV. Default: it is none.
        :raises TemplateMismatchError: A required label has no column, a column has no label, two columns have the same
            one, or the mapping names what neither the source nor the template has. The message names all of these.
        """
        problems, missing, unknown = self._mapping_problems(columns), [], []
        if columns is not None:
            binding = self._bind(columns)
            missing = self._missing(binding)
            unknown = [] if self.rules.extra_columns == "ignore" else list(binding.unknown)
            clashing = binding.clashing
            problems += [f"columns for a label that another column has: {listing(clashing)}"] * bool(clashing)
        problems += [f"missing columns: {listing(missing)}"] * bool(missing)
        problems += [f"columns that the template does not have: {listing(unknown)}"] * bool(unknown)
        if problems:
            raise TemplateMismatchError(
                f"The columns do not fit the template: {'; '.join(problems)}{_header(columns, delimiter)}",
                missing=missing,
                # Of a file without a header, these are texts.
                unknown=[cut(column, _LONGEST_REASON) for column in unknown],
            )

    def check(self, row: Row) -> tuple[tuple[str, ...] | None, list[Mistake]]:
        """Judge a row.

        :param row: The row, as a reader gave it.
        :returns: Its cells in the order of the template, and no mistake; or None, and all its mistakes.
        :raises ExtraCheckError: A check of `extra_checks` failed itself.
        """
        columns = tuple(row.values)
        if columns != self._columns:
            self._columns, self._binding = columns, self._bind(columns)
        self.doubts = []
        found = _Found(self._row_mistakes(row))
        if row.mistakes and any(mistake.column is None for mistake in row.mistakes):
            # It is no row at all.
            return None, found.mistakes
        # What was not read is not worth judging.
        unreadable = {mistake.column for mistake in row.mistakes} if row.mistakes else ()
        cells = []
        for cell, column in zip(self._cells, self._binding.sources, strict=True):
            original = row.values[column] if column is not None else ""
            if (original in cell.accepted and original not in self._nulls) or column in unreadable:
                cells.append(original)
            else:
                cells.append(self._cell(cell, original, row, column or cell.label, found))
        if self.rules.extra_checks:
            found.mistakes += self._extra_mistakes(row, cells)
        if found.mistakes:
            return None, found.mistakes
        self._remember(found)
        return tuple(cells), []

    def is_blank(self, row: Row) -> bool:
        """Return whether a row has nothing in it: no value, and no text that means something.

        :param row: The row, as a reader gave it.
        """
        if row.mistakes:
            return False
        for text in map(str.strip, chain(row.values.values(), row.surplus)):
            # Almost every row ends here, at its first cell.
            if text and (row.is_exact or text not in self._nulls):
                return False
        return True

    def named(self, row: Row, mistakes: Sequence[Mistake]) -> list[Mistake]:
        """Return mistakes with the name of their row, by which people know it.

        :param row: The row that was judged last.
        :param mistakes: Its mistakes.
        """
        pairs = zip(self.template.columns, self._binding.sources, strict=True)
        column = next((column for label, column in pairs if self.template.fields.get(label) == "name"), None)
        name = row.values.get(column, "").strip() if column is not None else ""
        return [replace(mistake, name=shorten(name)) for mistake in mistakes] if name else list(mistakes)

    def fields(self, cells: tuple[str, ...]) -> dict[str, str]:
        """Return the cells of the row that was judged last by field, as far as the row has a column for it.

        :param cells: What :meth:`check` returned.
        """
        pairs = zip(self.template.columns, cells, self._binding.sources, strict=True)
        meanings = self.template.fields
        return {meanings[label]: cell for label, cell, column in pairs if column is not None and label in meanings}

    def _cell(self, cell: _Cell, original: str, row: Row, column: str, found: _Found) -> str:
        """Judge one cell of a row, and return what is sent of it."""
        stripped = original.strip()
        if stripped in self._nulls and stripped and not row.is_exact:
            found.nulls += 1
            if cell.required:
                found.add(row, column, original, ["is required, but means nothing: it is one of null_values"])
            return ""
        value = original if cell.verbatim else stripped
        found.trimmed += value != original
        problems = self._problems(cell, original, value, row)
        if problems:
            found.add(row, column, original, problems)
        self._judge_text(cell, value, partial(row.mistake, column=column, value=value), found)
        return value

    def _judge_text(self, cell: _Cell, value: str, mistake: Callable[[str], Mistake], found: _Found) -> None:
        """Judge what may be meant."""
        if cell.has_placeholders:
            doubts = map(mistake, placeholders.problems(value))
            found.doubt("doubtful_placeholders", doubts, is_mistake=self.rules.on_placeholders == "invalid")
        if cell.is_free and (problem := garbled.problem(value)):
            found.doubt("garbled_texts", [mistake(problem)], is_mistake=self.rules.strict)

    def _problems(self, cell: _Cell, original: str, value: str, row: Row) -> list[str]:
        if cell.required and not value.strip(_INVISIBLE):
            return ["is required, but empty"]
        if not row.is_exact and is_error(value.strip()):
            return ["is an error value of a spreadsheet"]
        problems = cell.problems(value) if value else []
        if value != original and self.rules.spaces == "invalid":
            problems.append("has spaces at its ends")
        if cell.unique and value and not problems:
            first = self._seen.first(cell.label, value, row.place)
            if first is not None:
                problems.append(f"occurs already {'in' if row.part or row.unit == 'row' else 'on'} {first}")
        return problems

    def _extra_mistakes(self, row: Row, cells: list[str]) -> list[Mistake]:
        values = MappingProxyType(dict(zip(self.template.columns, cells, strict=True)))
        found = [_reason(check, values, row) for check in self.rules.extra_checks]
        reasons = [cut(redact(reason), _LONGEST_REASON) for reason in found if reason]
        return [row.mistake(reason) for reason in reasons]

    def _remember(self, found: _Found) -> None:
        self.trimmed += found.trimmed
        self.nulls += found.nulls
        self.doubts = found.doubts

    def _row_mistakes(self, row: Row) -> list[Mistake]:
        if self._binding.is_clean and not (row.surplus or row.mistakes or row.doubts):
            # As almost every row.
            return []
        found = []
        if row.surplus:
            found.append(
                f"has cells that belong to no column: {listing([cell for cell in row.surplus if cell.strip()])}"
            )
        if self._binding.clashing:
            found.append(f"has columns for a label that another column has: {listing(self._binding.clashing)}")
        if self._binding.unknown and self.rules.extra_columns == "fail":
            found.append(f"has columns that the template does not have: {listing(self._binding.unknown)}")
        ignored = self._binding.unknown if self.rules.extra_columns == "ignore" else ()
        read = [mistake for mistake in row.mistakes if mistake.column not in ignored]
        if self.rules.strict:
            read += [doubt.mistake for doubt in row.doubts]
        return read + [row.mistake(reason) for reason in found]

    def _bind(self, columns: Iterable[str]) -> _Binding:
        own: dict[str, str] = {}
        unknown, clashing = [], []
        for column in columns:
            label = self._mapping.get(column) or self._label(column)
            if label is None:
                unknown.append(column)
            elif label in own:
                clashing.append(column)
            else:
                own[label] = column
        return _Binding(tuple(own.get(label) for label in self.template.columns), tuple(unknown), tuple(clashing))

    def _label(self, column: str) -> str | None:
        return self._labels.get(column) or self._labels.get(fold(unmarked(column)))

    def _missing(self, binding: _Binding) -> list[str]:
        pairs = zip(self.template.columns, binding.sources, strict=True)
        return [label for label, column in pairs if column is None and label in self.template.required]

    def _mapping_problems(self, columns: tuple[str, ...] | None) -> list[str]:
        labels = [label for label in self._mapping.values() if label not in self.template.columns]
        own = [] if columns is None else [column for column in self._mapping if column not in columns]
        problems = [f"mapped to labels that the template does not have: {listing(labels)}"] * bool(labels)
        return problems + [f"mapped, but not in the source: {listing(own)}"] * bool(own)


def _header(columns: tuple[str, ...] | None, delimiter: str | None) -> str:
    """Return what a header was read as, for whoever knows that it says something else."""
    if columns is None or delimiter is None:
        return ""
    return f". The header has, separated by {DELIMITERS.get(delimiter, delimiter)}: {listing(columns)}"


@dataclass(frozen=True, slots=True)
class _Binding:
    """Which column of the source stands for each label, and which ones stand for none."""

    sources: tuple[str | None, ...]
    unknown: tuple[str, ...]
    clashing: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether each column stands for a label of its own."""
        return not (self.unknown or self.clashing)


@dataclass
class _Found:
    """What was found in the cells of one row."""

    mistakes: list[Mistake]
    doubts: list[Doubt] = field(default_factory=list)
    trimmed: int = 0
    nulls: int = 0

    def add(self, row: Row, column: str, value: str, problems: Iterable[str]) -> None:
        """Add what is wrong with a cell."""
        self.mistakes += [row.mistake(problem, column, value) for problem in problems]

    def doubt(self, kind: DoubtKind, mistakes: Iterable[Mistake], *, is_mistake: bool) -> None:
        """Add what may be meant, or a mistake, and is one where a user says so."""
        if is_mistake:
            self.mistakes += mistakes
        else:
            self.doubts += [Doubt(kind, mistake) for mistake in mistakes]


class _Cell:
    """What the cells under one label have to keep to."""

    def __init__(self, label: str, template: ImportTemplate, rules: Rules) -> None:
        meaning = template.fields.get(label)
        self.label = label
        self.required = label in template.required
        self.unique = meaning in _UNIQUE
        self.verbatim = meaning is None or meaning in _TEXTS
        self.accepted = set() if self.required else {""}
        """Values that are right, as they are: most columns have few, so looking up is faster than checking again."""
        self._repeats = meaning in _REPEATING
        self.is_free = not self._repeats
        self.has_placeholders = meaning == "content" and rules.on_placeholders != "ignore"
        self._checks = list(_checks(meaning, rules)) if meaning else []

    def problems(self, value: str) -> list[str]:
        """Return what is wrong with a value that is not empty."""
        found = []
        for check in self._checks:
            problem = check(value)
            if problem:
                found.append(problem)
        if self._repeats and not found and len(self.accepted) < _MOST_ACCEPTED:
            self.accepted.add(value)
        return found


def _reason(check: ExtraCheck, values: Mapping[str, str], row: Row) -> str | None:
    """Return what a check of the user's has to say about a row."""
    try:
        reason = check(values)
    except Exception as exc:
        # Its text may have something of the row's.
        raise _extra_check_error(check, row, f"it raised {type(exc).__name__}") from exc
    if reason is not None and not isinstance(reason, str):
        raise _extra_check_error(check, row, f"it returned {type(reason).__name__}, but must return a text or None")
    return reason


def _extra_check_error(check: ExtraCheck, row: Row, problem: str) -> ExtraCheckError:
    name = getattr(check, "__name__", None) or type(check).__name__
    place = f"{row.unit} {row.line}"
    return ExtraCheckError(f"The check {name} of extra_checks failed for {place}: {problem}", check=name, line=row.line)


def _checks(meaning: str, rules: Rules) -> Iterable[Check]:
    limits = rules.limits.get(meaning, FieldLimits(min=0))
    allowed = {**ALLOWED, **rules.allowed}.get(meaning)
    if meaning in rules.words:
        allowed = meaningful(allowed, rules.words[meaning])
    checks: list[Check] = [partial(_length, limits)]
    if allowed is not None:
        checks.append(_choice(allowed, any_case=meaning in _ANY_CASE))
    if meaning == "routingProfiles" and rules.routing_profiles is not None:
        checks.append(partial(_known, rules.routing_profiles))
    if meaning in LISTS:
        return [partial(_items, checks, limits.most_items, rules.separators)]
    if meaning in _UNIQUE:
        checks.append(_one_line)
    return checks


def meaningful(allowed: Collection[str] | None, words: Collection[str]) -> Collection[str]:
    """Return the allowed words that mean something.

    :param allowed: The allowed words; None for any.
    :param words: The words that mean something, in any case.
    """
    return words if allowed is None else [word for word in map(str, allowed) if word.lower() in words]


def _choice(allowed: Collection[str], *, any_case: bool) -> Check:
    """Return the check for values of a list, which a message shows in an order that does not change."""
    texts = [str(value) for value in allowed]
    ordered = sorted(texts) if isinstance(allowed, (set, frozenset)) else texts
    known = {value.lower() if any_case else value for value in ordered}
    problem = f"must be one of: {listing(ordered, quote='')}"
    return lambda value: None if (value.lower() if any_case else value) in known else problem


def _known(profiles: Mapping[str, str], value: str) -> str | None:
    """Return what is wrong with the name or the ARN of a routing profile."""
    if not profiles:
        return None if value.startswith("arn:") else "must be an ARN: names are looked up only if instance_id is given"
    if value in profiles or value in profiles.values():
        return None
    # A long text is like no name, and takes long to compare.
    near = difflib.get_close_matches(value[:200], profiles, n=3) or sorted(profiles)[:3]
    return f"is not a routing profile of the instance; the nearest are: {listing(near, quote='')}"


def _length(limits: FieldLimits, value: str) -> str | None:
    # In code points. Whether AWS counts these, or UTF-16 units, or bytes is unverified.
    length = len(value)
    if limits.max is not None and length > limits.max:
        return f"has {length:,} characters, at most {limits.max:,} are allowed"
    if length < limits.min:
        return f"has {length:,} characters, at least {limits.min:,} are needed"
    return None


def _one_line(value: str) -> str | None:
    return "has line breaks or control characters" if _CONTROL.search(value) else None


def _items(checks: list[Check], most: int | None, separators: str, value: str) -> str | None:
    """Return the first thing that is wrong with a list."""
    items = split_items(value, separators)
    if most is not None and len(items) > most:
        return f"has {len(items):,} items, at most {most:,} are allowed"
    for item in items:
        if not item:
            return "has an empty item"
        for check in checks:
            problem = check(item)
            if problem:
                return f'has the item "{shorten(item)}", which {problem}'
    return None


def split_items(value: str, separators: str = ";,|") -> list[str]:
    """Return the items of a cell that holds several.

    :param value: The cell.
    :param separators: As for :class:`Rules`.
    """
    for separator in separators[1:]:
        value = value.replace(separator, separators[0])
    return [item.strip() for item in (value.split(separators[0]) if separators else [value])]


class _Seen:
    """Where each value occurred first; on disk, because a source may have millions of them."""

    def __init__(self) -> None:
        # The empty name: a private temporary file, which SQLite removes with the connection.
        self._database = sqlite3.connect("")
        self._cursor = self._database.cursor()
        for pragma in ("temp_store = FILE", "journal_mode = OFF", "synchronous = OFF"):
            self._cursor.execute(f"PRAGMA {pragma}")
        self._cursor.execute("CREATE TABLE seen (value, label, place, PRIMARY KEY (value, label)) WITHOUT ROWID")

    def first(self, label: str, value: str, place: str) -> str | None:
        """Remember a value; return the place of its first occurrence if it is not the first."""
        try:
            added = self._cursor.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", (value, label, place)).rowcount
        except sqlite3.Error as exc:
            raise StorageError(f"This machine cannot keep the files of the run: {exc}") from exc
        if added:
            return None
        row = self._cursor.execute("SELECT place FROM seen WHERE value = ? AND label = ?", (value, label)).fetchone()
        return str(row[0])

    def close(self) -> None:
        self._database.close()
