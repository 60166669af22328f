/** What the tests share: an Airflow that answers from a table, and summaries as the package writes them. */
import { configure, render } from "@testing-library/react";
import { MemoryRouter } from "react-router-dom";
import { vi } from "vitest";

import { App, type Props } from "../src/App";

// A machine may be busy with other things.
configure({ asyncUtilTimeout: 20_000 });

type Answer = unknown | (() => unknown);

/** Answers of the REST API by the beginning of the path below `/api/v2/`; a number is a status without more. */
export function airflow(answers: Record<string, Answer>) {
  const asked: URL[] = [];
  const fetched = vi.fn(async (input: URL | string) => {
    const url = new URL(input);
    asked.push(url);
    const path = decodeURIComponent(url.pathname.replace(/^.*\/api\/v2\//, ""));
    const name = Object.keys(answers)
      .filter((each) => path.startsWith(each))
      .sort((one, other) => other.length - one.length)[0];
    let answer: unknown = name === undefined ? 404 : answers[name];
    if (typeof answer === "function") answer = answer();
    if (answer instanceof Error) throw answer;
    return typeof answer === "number"
      ? Response.json({ detail: answer === 403 ? "Forbidden" : "Not found" }, { status: answer })
      : Response.json(answer);
  });
  vi.stubGlobal("fetch", fetched);
  return { asked, fetched };
}

export const WHICH = { dagId: "sync_answers", runId: "manual__1", taskId: "sync" };
export const INSTANCE = "dags/sync_answers/dagRuns/manual__1/taskInstances/sync";
export const ALL = "dags/~/dagRuns/~/taskInstances";

let made = 0;

/** A task instance, each with another end: the page remembers what those that have ended said. */
export function instance(more: object = {}) {
  made += 1;
  return {
    dag_id: "sync_answers",
    dag_display_name: "sync_answers",
    dag_run_id: "manual__1",
    task_id: "sync",
    map_index: -1,
    operator: "WisdomSyncQuickResponsesOperator",
    state: "success",
    try_number: 1,
    start_date: "2026-11-25T10:00:00Z",
    end_date: new Date(Date.UTC(2026, 10, 25, 10, 0, 7, made)).toISOString(),
    duration: 7.2,
    ...more,
  };
}

export const SYNC = {
  summaryVersion: 1,
  summaryKind: "sync",
  knowledgeBaseId: "kb-1",
  status: "COMPLETE",
  rowsRead: 78,
  rowsInvalid: 1,
  rowsUnchanged: 62,
  rowsCreated: 6,
  rowsUpdated: 9,
  rowsFailed: 0,
  rowsPlanned: 0,
  itemsDeactivated: 0,
  itemsRemoved: 4,
  itemsFailed: 0,
  plan: { fingerprint: "f", create: 6, update: 9, deactivate: 0, remove: 4, unchanged: 62, kept: 3, changes: ['+ create "A" (line 2): there is none'] },
  planPath: "s3://bucket/plan.csv",
  failures: [],
  invalidRows: [{ line: 79, column: "Name", value: "<img src=x onerror=alert(1)>", reason: "occurs already on line 78", unit: "line", part: null }],
  invalidRowsPath: "/reports/invalid.csv",
};

export const IMPORT = {
  summaryVersion: 1,
  summaryKind: "import",
  knowledgeBaseId: "kb-2",
  status: "COMPLETE",
  rowsRead: 112,
  rowsInvalid: 2,
  rowsOnlyChecked: 0,
  rowsSent: 110,
  rowsImported: 90,
  rowsRefused: 20,
  rowsNotStarted: 0,
  rowsUnknown: 0,
  durationSeconds: 1.5,
  invalidRows: [],
  importJobs: [
    { importJobId: "job-1", status: "COMPLETE", firstRow: 2, lastRow: 101, rowsSent: 100, rowsImported: 80, rowsRefused: 20, error: null },
    { importJobId: "job-2", status: "COMPLETE", firstRow: 102, lastRow: 111, rowsSent: 10, rowsImported: 10, rowsRefused: 0, error: null },
  ],
  failedRecords: [{ Name: "Article 90", "Error message": "A quick response with this name already exists.", Content: "x", _import_job_id: "job-1" }],
  failedRecordsPath: "s3://bucket/refused.csv",
};

/** What a task says of a single import job; its times are those of a clock that was set back. */
export const JOB = {
  summaryVersion: 1,
  summaryKind: "job",
  knowledgeBaseId: "kb-2",
  importJobId: "job-1",
  status: "COMPLETE",
  createdTime: "2026-11-25T10:00:05Z",
  lastModifiedTime: "2026-11-25T10:00:00Z",
  rowsRefused: 0,
};

/** Airflow with one run, of which the summary is given. */
export function oneRun(summary: unknown, more: object = {}, others: Record<string, Answer> = {}) {
  return airflow({
    [INSTANCE]: instance(more),
    [`${INSTANCE}/xcomEntries`]: { xcom_entries: [{ key: "return_value" }, { key: "wisdom_progress" }] },
    [`${INSTANCE}/xcomEntries/return_value`]: summary === undefined ? 404 : { value: summary },
    [`${INSTANCE}/xcomEntries/amazon_connect_console`]: 404,
    [`${INSTANCE}/xcomEntries/wisdom_progress`]: 404,
    ...others,
  });
}

export function show(props: Props = {}, address = "/plugin/amazon-connect") {
  return render(
    <MemoryRouter initialEntries={[address]}>
      <App {...props} />
    </MemoryRouter>,
  );
}
