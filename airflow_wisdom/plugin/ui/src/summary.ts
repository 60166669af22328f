/**
 * What a task of airflow_wisdom says of its run, as the page knows it; docs/summary.md lists the members.
 *
 * Written by any version of the package: members that this page does not know are ignored, those that an old summary
 * does not have are not known.
 */
import { list, type Members, members, number, text, time } from "./reading";

/** The newest version that this page knows all of. */
export const VERSION = 1;

export type Kind = "import" | "sync" | "export" | "job";

/** What may have become of rows and quick responses. */
export type Outcome =
  | "created"
  | "updated"
  | "imported"
  | "removed"
  | "deactivated"
  | "unchanged"
  | "present"
  | "differing"
  | "refused"
  | "invalid"
  | "failed"
  | "notStarted"
  | "unknown"
  | "planned"
  | "onlyChecked"
  | "exported"
  | "unrestorable";

/** Numbers by outcome; null is a number that nobody knows, and one that is missing was not asked for. */
export type Numbers = Readonly<Partial<Record<Outcome, number | null>>>;

export type ProblemKind = "invalid" | "refused" | "failed" | "doubtful" | "unrestorable";

/** A row, or a quick response, about which there is something to say. */
export type Problem = {
  readonly kind: ProblemKind;
  readonly line: number | null;
  readonly unit: string | null;
  readonly part: string | null;
  /** Between which lines it is, where only that is known. */
  readonly within: string | null;
  readonly name: string | null;
  readonly column: string | null;
  readonly value: string | null;
  readonly reason: string;
};

export type Job = {
  readonly id: string | null;
  readonly status: string | null;
  readonly created: Date | null;
  readonly seconds: number | null;
  readonly rows: string | null;
  readonly sent: number | null;
  readonly imported: number | null;
  readonly refused: number | null;
  readonly error: string | null;
};

export type Plan = {
  readonly create: number | null;
  readonly update: number | null;
  readonly deactivate: number | null;
  readonly remove: number | null;
  readonly unchanged: number | null;
  readonly kept: number | null;
  readonly fingerprint: string | null;
  readonly changes: readonly string[];
};

export type Report = {
  readonly label: string;
  readonly path: string;
  /** Of which problems it has all. */
  readonly of: ProblemKind | null;
};

export type Summary = {
  readonly version: number;
  readonly kind: Kind;
  readonly knowledgeBaseId: string | null;
  readonly status: string | null;
  /** Whether a sync's plan was applied, even in part. */
  readonly isApplied: boolean | null;
  readonly rowsRead: number | null;
  readonly seconds: number | null;
  readonly numbers: Numbers;
  readonly jobs: readonly Job[];
  readonly plan: Plan | null;
  readonly problems: readonly Problem[];
  /** How many problems of a kind there are in all, as far as that is known: the summary has a sample. */
  readonly totals: Readonly<Partial<Record<ProblemKind, number | null>>>;
  readonly reports: readonly Report[];
};

const NUMBERS: readonly (readonly [Outcome, string])[] = [
  ["created", "rowsCreated"],
  ["updated", "rowsUpdated"],
  ["imported", "rowsImported"],
  ["removed", "itemsRemoved"],
  ["deactivated", "itemsDeactivated"],
  ["unchanged", "rowsUnchanged"],
  ["present", "rowsPresent"],
  ["differing", "rowsDiffering"],
  ["refused", "rowsRefused"],
  ["invalid", "rowsInvalid"],
  ["notStarted", "rowsNotStarted"],
  ["unknown", "rowsUnknown"],
  ["planned", "rowsPlanned"],
  ["onlyChecked", "rowsOnlyChecked"],
  ["exported", "itemsExported"],
  ["unrestorable", "itemsUnrestorable"],
];

const REPORTS: readonly (readonly [string, string, ProblemKind | null])[] = [
  ["invalidRowsPath", "Invalid rows", "invalid"],
  ["failedRecordsPath", "Refused rows", "refused"],
  ["planPath", "Plan", null],
  ["path", "Exported file", null],
];

/** Read a summary; undefined where the value is none. */
export function readSummary(value: unknown): Summary | undefined {
  const found = members(parsed(value));
  const kind = kindOf(found);
  if (!kind) return undefined;
  const jobs = kind === "job" ? [jobOf(found)] : list(found.importJobs).map((job) => jobOf(members(job)));
  return {
    version: number(found.summaryVersion) ?? 0,
    kind,
    knowledgeBaseId: shortId(text(found.knowledgeBaseId)),
    status: text(found.status),
    isApplied: typeof found.isApplied === "boolean" ? found.isApplied : null,
    rowsRead: number(found.rowsRead),
    seconds: number(found.durationSeconds) ?? secondsBetween(found.createdTime, found.lastModifiedTime),
    numbers: numbersOf(found),
    jobs,
    plan: planOf(found.plan),
    problems: problemsOf(found, jobs),
    totals: totalsOf(found),
    reports: REPORTS.flatMap(([member, label, of]) => {
      const path = text(found[member]);
      return path ? [{ label, path, of }] : [];
    }),
  };
}

/** Return the id in which an ARN of a knowledge base ends, or the id as it is. */
export function shortId(id: string | null): string | null {
  return id ? (id.split("/").at(-1) ?? id) : null;
}

/** A trigger's XCom may have arrived as JSON in a text. */
function parsed(value: unknown): unknown {
  if (typeof value !== "string" || !value.startsWith("{")) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function kindOf(found: Members): Kind | undefined {
  const named = text(found.summaryKind);
  if (named === "import" || named === "sync" || named === "export" || named === "job") return named;
  // Summaries had no version at first.
  if ("rowsUnchanged" in found) return "sync";
  if ("rowsSent" in found) return "import";
  if ("itemsExported" in found) return "export";
  return "importJobId" in found && "knowledgeBaseId" in found ? "job" : undefined;
}

function numbersOf(found: Members): Numbers {
  const numbers: Partial<Record<Outcome, number | null>> = {};
  for (const [outcome, member] of NUMBERS) {
    if (member in found) numbers[outcome] = number(found[member]);
  }
  if ("rowsFailed" in found || "itemsFailed" in found) {
    const [rows, items] = [number(found.rowsFailed ?? 0), number(found.itemsFailed ?? 0)];
    numbers.failed = rows === null || items === null ? null : rows + items;
  }
  return numbers;
}

function totalsOf(found: Members): Summary["totals"] {
  const { invalid, refused, failed, unrestorable } = numbersOf(found);
  const doubts = ["shortRows", "cellsOfManyLines", "byteOrderMarks", "garbledTexts", "doubtfulPlaceholders"];
  const doubtful = doubts.reduce((sum, member) => sum + (number(found[member]) ?? 0), 0);
  return defined({ invalid, refused, failed, unrestorable, doubtful: "doubtfulRows" in found ? doubtful : undefined });
}

function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

function jobOf(found: Members): Job {
  const [first, last] = [number(found.firstRow), number(found.lastRow)];
  const [firstPart, lastPart] = [text(found.firstPart), text(found.lastPart)];
  const from = first === null ? null : firstPart ? `${firstPart}:${first}` : `${first}`;
  const to = last === null ? null : lastPart ? `${lastPart}:${last}` : `${last}`;
  return {
    id: text(found.importJobId),
    status: text(found.status),
    created: time(found.createdTime),
    seconds: number(found.durationSeconds) ?? secondsBetween(found.createdTime, found.lastModifiedTime),
    rows: from && to ? `${from} to ${to}` : from,
    sent: number(found.rowsSent),
    imported: number(found.rowsImported),
    refused: number(found.rowsRefused),
    error: text(found.error),
  };
}

function secondsBetween(from: unknown, to: unknown): number | null {
  const [began, ended] = [time(from), time(to)];
  return began && ended ? (ended.getTime() - began.getTime()) / 1000 : null;
}

function planOf(value: unknown): Plan | null {
  if (typeof value !== "object" || value === null) return null;
  const found = members(value);
  return {
    create: number(found.create),
    update: number(found.update),
    deactivate: number(found.deactivate),
    remove: number(found.remove),
    unchanged: number(found.unchanged),
    kept: number(found.kept),
    fingerprint: text(found.fingerprint),
    changes: list(found.changes).flatMap((change) => text(change) ?? []),
  };
}

function problemsOf(found: Members, jobs: readonly Job[]): Problem[] {
  const rows = new Map(jobs.map((job) => [job.id, job.rows]));
  return [
    ...list(found.invalidRows).map((row) => mistake("invalid", members(row))),
    ...list(found.failedRecords).map((record) => refused(members(record), rows)),
    ...list(found.failures).map((failure) => failed(members(failure))),
    ...list(found.unrestorable).map((row) => mistake("unrestorable", members(row))),
    ...list(found.doubtfulRows).map((row) => mistake("doubtful", members(row))),
  ];
}

function place(found: Members) {
  return { line: number(found.line), unit: text(found.unit), part: text(found.part), within: null };
}

function mistake(kind: ProblemKind, found: Members): Problem {
  const [column, value] = [text(found.column), text(found.value)];
  const name = text(found.name) ?? (column?.trim().toLowerCase() === "name" ? value : null);
  return { kind, ...place(found), name, column, value: value || null, reason: text(found.reason) ?? "" };
}

function failed(found: Members): Problem {
  const reason = [text(found.kind), text(found.error)].filter(Boolean).join(": ");
  return { kind: "failed", ...place(found), name: text(found.key), column: null, value: null, reason };
}

/** A record of AWS's report, whose columns AWS does not document: the page knows them as the package does. */
function refused(found: Members, rows: ReadonlyMap<string | null, string | null>): Problem {
  const columns = Object.keys(found).filter((column) => column !== "_import_job_id");
  const called = columns.find((column) => column.trim().toLowerCase() === "name");
  const why = reasonColumn(columns);
  const cell = (column: string | undefined) => (column === undefined ? null : text(found[column]));
  const rest = columns.map((column) => `${column || "further cells"}: ${text(found[column]) ?? ""}`).join(", ");
  const within = rows.get(text(found._import_job_id)) ?? null;
  const nowhere = { line: null, unit: null, part: null, within, column: null, value: null };
  return { kind: "refused", ...nowhere, name: cell(called), reason: cell(why) || rest };
}

function reasonColumn(columns: readonly string[]): string | undefined {
  const words = (column: string) =>
    ["error", "reason", "message"].filter((word) => column.toLowerCase().includes(word)).length;
  const most = Math.max(0, ...columns.map(words));
  return most ? columns.filter((column) => words(column) === most).at(-1) : undefined;
}
