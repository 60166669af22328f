/** Small parts that page and tab have in common. */
import { useState } from "react";
import { Link } from "react-router-dom";

import { Button } from "./host";
import { isUnderWay, isWaiting, type Instance, type Progress as Under, type Run, type Which } from "./runs";
import type { Summary } from "./summary";
import { KINDS, count, counted } from "./words";

/** Where Airflow's UI shows a task instance; its first tab is the log. */
export function taskPath({ dagId, runId, taskId, mapIndex }: Which, tab = ""): string {
  const [dag, run, task] = [dagId, runId, taskId].map(encodeURIComponent);
  const map = mapIndex < 0 ? "" : `/mapped/${mapIndex}`;
  return `/dags/${dag}/runs/${run}/tasks/${task}${map}${tab && `/${tab}`}`;
}

/** Where this page shows a run. */
export function runSearch({ dagId, runId, taskId, mapIndex }: Which): string {
  const parameters = new URLSearchParams({ dag_id: dagId, run_id: runId, task_id: taskId });
  if (mapIndex >= 0) parameters.set("map_index", String(mapIndex));
  return `?${parameters}`;
}

export function taskName({ taskId, mapIndex }: Which): string {
  return mapIndex < 0 ? taskId : `${taskId} [${mapIndex}]`;
}

export function DagLink({ instance }: { readonly instance: Instance }) {
  return <Link to={`/dags/${encodeURIComponent(instance.dagId)}`}>{instance.dagName}</Link>;
}

/** The state of a task instance, in Airflow's words and colours. */
export function State({ instance }: { readonly instance: Instance }) {
  const state = instance.state ?? "no_status";
  const known = instance.state !== null && /^[a-z_]+$/.test(state) ? state : "none";
  return (
    <span className="acw-state" style={{ "--acw-state": `var(--chakra-colors-${known}-solid, #6b7280)` } as object}>
      {state.replaceAll("_", " ")}
    </span>
  );
}

/** What became of a run in a word or two, by the task's state and, if that leaves it open, by its summary. */
export function outcomeOf({ instance, summary }: Run): string {
  const what = summary ? (DRY[summary.status ?? ""]?.noun ?? KINDS[summary.kind]) : "Run";
  if (isWaiting(instance)) return "Not started yet";
  if (instance.state === "up_for_retry") return `${what} failed, will be tried again`;
  if (isUnderWay(instance)) return `${what} under way`;
  if (instance.state === "success") return summary ? successOf(summary, what) : `${what} complete`;
  if (instance.state === "failed" && summary && isWithoutEffect(summary)) return `${what} failed, nothing was changed`;
  return `${what} ${instance.state?.replaceAll("_", " ")}`;
}

/** Runs that change nothing because they are told so, by their status. */
const DRY: Readonly<Record<string, { readonly noun: string; readonly outcome: string }>> = {
  CHECKED: { noun: "Check", outcome: "Only checked" },
  PLANNED: { noun: "Plan", outcome: "Only planned" },
};

/** A task may succeed although its import job, or some of its rows, did not: that may have been tolerated. */
function successOf(summary: Summary, what: string): string {
  const { status } = summary;
  const dry = DRY[status ?? ""];
  if (dry) return dry.outcome;
  if (summary.kind === "job" && status === null) return `${what} of which the status is not known`;
  if (status === "START_IN_PROGRESS") return `${what} not ended`;
  const wrong = needsSomebody(summary);
  if (status !== null && status !== "COMPLETE" && (summary.kind === "job" || !wrong)) return `${what} ${status}`;
  return wrong ? `${what} with ${wrong}` : `${what} complete`;
}

/** The rows that somebody has to look at, in words; none if there are none. */
function needsSomebody({ numbers }: Summary): string {
  const { differing, refused, invalid, failed, notStarted, unknown } = numbers;
  const out = [differing, refused, invalid, failed, notStarted].reduce<number>((sum, each) => sum + (each ?? 0), 0);
  const words = [out && `${counted(out, "row")} left out`, unknown && `${counted(unknown, "row")} not known`];
  return words.filter(Boolean).join(" and ");
}

/** Whether a sync stopped before it changed anything: because of its rows, or because its plan would remove too much. */
export function isWithoutEffect({ kind, status, isApplied, numbers, plan }: Summary): boolean {
  if (kind !== "sync") return false;
  if (isApplied !== null) return !isApplied;
  // Summaries did not say so at first.
  const { created, updated, removed, deactivated, failed } = numbers;
  const done = [created, updated, removed, deactivated, failed].some((number) => number !== 0 && number !== undefined);
  const planned = [plan?.create, plan?.update, plan?.remove, plan?.deactivate].some(Boolean);
  return status === "PLANNED" || (status === "FAILED" && !done && (planned || !plan));
}

/** How far a run has got, in words. */
export function farOf({ total, ended, rowsTotal, rowsEnded, failed, unit }: Under): string {
  const things = unit === "jobs" ? counted(total, "import job") : counted(total, "change");
  const rows = rowsTotal === null ? "" : `, ${count(rowsEnded ?? 0)} of ${counted(rowsTotal, "row")}`;
  const wrong = failed ? `; ${count(failed)} failed` : "";
  return `${count(ended)} of ${things} ${unit === "jobs" ? "ended" : "made"}${rows}${wrong}`;
}

/** How far a run has got. */
export function Progress({ progress }: { readonly progress: Under }) {
  const { total, ended } = progress;
  const words = farOf(progress);
  const share = total ? Math.min(1, ended / total) : 0;
  return (
    <div className="acw-progress">
      <div
        aria-label="Progress"
        aria-valuemax={total}
        aria-valuemin={0}
        aria-valuenow={ended}
        aria-valuetext={words}
        className="acw-bar"
        role="progressbar"
      >
        <span style={{ width: `${share * 100}%` }} />
      </div>
      <span>{words}</span>
    </div>
  );
}

/** A text that people take elsewhere, such as the path of a report. */
export function Copy({ text }: { readonly text: string }) {
  const [isCopied, setCopied] = useState(false);
  // Browsers let a page do so only over HTTPS, or on the same machine.
  if (!navigator.clipboard) return null;
  return (
    <Button
      aria-label={`Copy ${text}`}
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true), () => setCopied(false))}
    >
      {isCopied ? "Copied" : "Copy"}
    </Button>
  );
}
