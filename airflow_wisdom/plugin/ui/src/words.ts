/** Numbers, times and outcomes as a person reads them. */
import type { Kind, Numbers, Outcome, ProblemKind } from "./summary";

export const OUTCOMES: Readonly<Record<Outcome, string>> = {
  created: "Created",
  updated: "Updated",
  imported: "Imported",
  removed: "Removed",
  deactivated: "Deactivated",
  unchanged: "Unchanged",
  present: "Already there",
  differing: "There with other values",
  refused: "Refused by AWS",
  invalid: "Invalid",
  failed: "Failed",
  notStarted: "Not started",
  unknown: "Not known",
  planned: "Planned, not applied",
  onlyChecked: "Valid, not sent",
  exported: "Exported",
  unrestorable: "A sync would read it differently",
};

/** What the plot shows, from the bottom of a bar to its top: what was done, what stayed, what needs somebody. */
export const PLOTTED = [
  "created",
  "updated",
  "imported",
  "removed",
  "deactivated",
  "unchanged",
  "present",
  "differing",
  "refused",
  "invalid",
  "failed",
  "notStarted",
  "unknown",
] as const satisfies readonly Outcome[];

export type Plotted = (typeof PLOTTED)[number];

export const KINDS: Readonly<Record<Kind, string>> = {
  import: "Import",
  sync: "Sync",
  export: "Export",
  job: "Import job",
};

export const PROBLEMS: Readonly<Record<ProblemKind, string>> = {
  invalid: "Invalid",
  refused: "Refused by AWS",
  failed: "Failed",
  doubtful: "Doubtful",
  unrestorable: "Read differently",
};

/** Numbers by outcome in one line, without those that are 0; where there are none at all, nobody knows them. */
export function inWords(numbers: Numbers, outcomes = Object.keys(OUTCOMES) as readonly Outcome[]): string {
  const said = outcomes.flatMap((outcome) => {
    const number = numbers[outcome];
    return number === undefined || number === 0 ? [] : [`${lowered(OUTCOMES[outcome])} ${count(number)}`];
  });
  if (said.length) return said.join(", ");
  return outcomes.some((outcome) => numbers[outcome] !== undefined) ? "nothing to do" : "numbers not known";
}

export function lowered(label: string): string {
  return label.charAt(0).toLowerCase() + label.slice(1);
}

const ENGLISH = new Intl.NumberFormat("en");

export function count(number: number | null | undefined): string {
  return number === null || number === undefined ? "not known" : ENGLISH.format(number);
}

export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

export function duration(seconds: number | null): string {
  // Clocks that are not set alike make times that cannot be.
  if (seconds === null || seconds < 0) return "not known";
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min ${Math.floor(seconds % 60)} s`;
}

/** A time as Airflow's UI shows it, in the time zone that its user chose there. */
export function moment(time: Date | null): string {
  if (!time) return "not known";
  const parts = format(time, { second: "2-digit" });
  return `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute}:${parts.second}`;
}

/** Month and day alone, for an axis. */
export function day(time: Date): string {
  const parts = format(time, {});
  return `${parts.month}-${parts.day}`;
}

export function ago(time: Date | null, now: number): string {
  if (!time) return "";
  const seconds = Math.max(0, (now - time.getTime()) / 1000);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${counted(Math.floor(seconds / 60), "minute")} ago`;
  if (seconds < 48 * 3600) return `${counted(Math.floor(seconds / 3600), "hour")} ago`;
  return `${counted(Math.floor(seconds / 86400), "day")} ago`;
}

/** The user's time zone, where Airflow's UI keeps it. */
export function timeZone(): string {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem("timezone") ?? '"UTC"');
    new Intl.DateTimeFormat("en", { timeZone: String(kept) });
    return String(kept);
  } catch {
    return "UTC";
  }
}

function format(time: Date, more: Intl.DateTimeFormatOptions): Partial<Record<string, string>> {
  const parts = new Intl.DateTimeFormat("en-CA", {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZone: timeZone(),
    ...more,
  }).formatToParts(time);
  return Object.fromEntries(parts.map(({ type, value }) => [type, value]));
}
