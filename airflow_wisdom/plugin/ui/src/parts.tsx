/** Small parts that page and tab have in common. */
import { useState } from "react";
import { Link } from "react-router-dom";

import { Button } from "./host";
import { isUnderWay, type Instance, type Progress as Under, type Run, type Which } from "./runs";
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
  const state = instance.state ?? "none";
  const known = /^[a-z_]+$/.test(state) ? state : "none";
  return (
    <span className="acw-state" style={{ "--acw-state": `var(--chakra-colors-${known}-solid, #6b7280)` } as object}>
      {state.replaceAll("_", " ")}
    </span>
  );
}

/** What became of a run in a word or two, by the task's state and its summary. */
export function outcomeOf(run: Run): string {
  const { instance, summary } = run;
  const what = summary ? KINDS[summary.kind] : "Run";
  if (isUnderWay(instance)) return `${what} under way`;
  if (summary?.status === "PLANNED") return "Only planned";
  if (summary?.status === "CHECKED") return "Only checked";
  if (instance.state === "success") {
    const wrong = needsSomebody(run);
    return wrong ? `${what} with ${counted(wrong, "row")} left out` : `${what} complete`;
  }
  return `${what} ${instance.state?.replaceAll("_", " ") ?? "without a state"}`;
}

function needsSomebody({ summary }: Run): number {
  const { refused, invalid, failed } = summary?.numbers ?? {};
  return (refused ?? 0) + (invalid ?? 0) + (failed ?? 0);
}

/** How far a run has got. */
export function Progress({ progress }: { readonly progress: Under }) {
  const { total, ended, rowsTotal, rowsEnded, failed, unit } = progress;
  const things = unit === "jobs" ? counted(total, "import job") : counted(total, "change");
  const rows = rowsTotal === null ? "" : `, ${count(rowsEnded ?? 0)} of ${counted(rowsTotal, "row")}`;
  const wrong = failed ? `; ${count(failed)} failed` : "";
  const words = `${count(ended)} of ${things} ${unit === "jobs" ? "ended" : "made"}${rows}${wrong}`;
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
