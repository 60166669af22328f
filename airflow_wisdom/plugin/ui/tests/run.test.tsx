import { act, cleanup, fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { addressOf } from "../src/RunView";
import { consoleHost, consoleOf } from "../src/runs";
import { asCsv } from "../src/RowsTable";
import { readSummary } from "../src/summary";
import { IMPORT, INSTANCE, JOB, SYNC, WHICH, instance, oneRun, show } from "./helpers";

beforeEach(() => localStorage.clear());
afterEach(cleanup);

function tile(label: string) {
  return screen.getByText(label, { selector: "dt" }).parentElement?.querySelector("dd")?.textContent;
}

it("the tab of a sync shows its numbers, its plan and its rows", async () => {
  oneRun(SYNC);
  show(WHICH);
  expect(await screen.findByText("Sync with 1 row left out")).toBeTruthy();
  expect(["Rows read", "Created", "Updated", "Removed", "Unchanged", "Invalid"].map(tile)).toEqual(["78", "6", "9", "4", "62", "1"]);
  expect(screen.getByText("+ 6 to create")).toBeTruthy();
  expect(screen.getByText('+ create "A" (line 2): there is none')).toBeTruthy();
  expect(screen.getByText("2026-11-25 10:00:00")).toBeTruthy();
});

it("a text is shown and never run", async () => {
  oneRun(SYNC);
  const { container } = show(WHICH);
  expect(await screen.findByText("<img src=x onerror=alert(1)>")).toBeTruthy();
  expect(container.querySelector("img")).toBeNull();
});

it("an import shows its jobs, and where refused rows are", async () => {
  oneRun(IMPORT);
  show(WHICH);
  expect(await screen.findByText("Article 90")).toBeTruthy();
  expect(screen.getByText("job-1")).toBeTruthy();
  const row = screen.getByText("Article 90").closest("tr")!;
  expect(within(row).getByText("2 to 101")).toBeTruthy();
  expect(screen.getByText(/Of 20 rows refused by AWS, 1 is in the summary\. The file below has all of them\./)).toBeTruthy();
});

it("times are in the time zone that the user has chosen in Airflow", async () => {
  localStorage.setItem("timezone", '"America/New_York"');
  oneRun(SYNC);
  show(WHICH);
  expect(await screen.findByText("2026-11-25 05:00:00")).toBeTruthy();
});

it("while it runs, it shows how far it has got, and keeps that while it asks again", async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  let ended = 2;
  const progress = () => ({ value: { knowledgeBaseId: "kb", unit: "jobs", total: 5, ended, rowsTotal: 500, rowsEnded: 100 * ended, failed: 0 } });
  let state = "deferred";
  const { fetched } = oneRun(undefined, {}, { [INSTANCE]: () => instance({ state, end_date: null }), [`${INSTANCE}/xcomEntries/wisdom_progress`]: progress });
  show(WHICH);
  const bar = await screen.findByRole("progressbar");
  expect(bar.getAttribute("aria-valuetext")).toBe("2 of 5 import jobs ended, 200 of 500 rows");
  ended = 4;
  const before = fetched.mock.calls.length;
  await act(() => vi.advanceTimersByTimeAsync(3_100));
  expect(fetched.mock.calls.length).toBeGreaterThan(before);
  await waitFor(() => expect(screen.getByText("4 of 5 import jobs ended, 400 of 500 rows")).toBeTruthy());
  // The same element: nothing flickers.
  expect(screen.getByRole("progressbar")).toBe(bar);
  state = "failed";
  await act(() => vi.advanceTimersByTimeAsync(3_100));
  await waitFor(() => expect(screen.queryByRole("progressbar")).toBeNull());
  const after = fetched.mock.calls.length;
  await act(() => vi.advanceTimersByTimeAsync(60_000));
  expect(fetched.mock.calls.length).toBe(after);
  vi.useRealTimers();
});

it("ten thousand rows are searched, sorted and shown a page at a time", async () => {
  const invalidRows = Array.from({ length: 10_000 }, (_, place) => ({ line: 10_001 - place, column: "Name", value: `Row ${place}`, reason: `reason ${place % 7}`, unit: "line", part: null }));
  oneRun({ ...SYNC, rowsInvalid: 10_000, invalidRows });
  const { container } = show(WHICH);
  expect(await screen.findByText("Entries 1 to 50 of 10,000")).toBeTruthy();
  expect(container.querySelectorAll(".acw-rows tbody tr")).toHaveLength(50);
  const user = userEvent.setup();
  await user.click(screen.getByRole("button", { name: "Last" }));
  expect(screen.getByText("Entries 9,951 to 10,000 of 10,000")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Line" }));
  expect(screen.getByRole("columnheader", { name: /Line/ }).getAttribute("aria-sort")).toBe("ascending");
  expect(screen.getByText("Row 9999")).toBeTruthy();
  fireEvent.change(screen.getByRole("searchbox"), { target: { value: "row 1234" } });
  await screen.findByText("Entries 1 to 1 of 1");
  fireEvent.change(screen.getByRole("searchbox"), { target: { value: "nowhere" } });
  await screen.findByText("No row has that in it.");
});

it("a button keeps the focus when there is nothing further, and while the page refreshes", async () => {
  const invalidRows = Array.from({ length: 120 }, (_, line) => ({ line, column: "Name", value: "x", reason: "y", unit: "line", part: null }));
  const { fetched } = oneRun({ ...SYNC, invalidRows });
  show(WHICH);
  const last = await screen.findByRole("button", { name: "Last" });
  const user = userEvent.setup();
  await user.click(last);
  expect(await screen.findByText("Entries 101 to 120 of 120")).toBeTruthy();
  expect(document.activeElement).toBe(last);
  expect(last.getAttribute("aria-disabled")).toBe("true");
  await user.click(last);
  expect(screen.getByText("Entries 101 to 120 of 120")).toBeTruthy();
  const refresh = screen.getByRole("button", { name: "Refresh" });
  const before = fetched.mock.calls.length;
  await user.click(refresh);
  expect(fetched.mock.calls.length).toBeGreaterThan(before);
  expect(document.activeElement).toBe(refresh);
  expect(refresh.matches(":disabled")).toBe(false);
});

it("rows are sorted by a list, too, where the headings have no room", async () => {
  const invalidRows = [2, 10, 9].map((line) => ({ line, column: "Name", value: `at ${line}`, reason: "x", unit: "line", part: null }));
  oneRun({ ...SYNC, invalidRows });
  const { container } = show(WHICH);
  await userEvent.selectOptions(await screen.findByLabelText("Sort by"), "Line, downwards");
  const lines = [...container.querySelectorAll(".acw-rows tbody td:nth-child(2)")].map((cell) => cell.textContent);
  expect(lines).toEqual(["10", "9", "2"]);
});

it("lines are sorted as numbers", async () => {
  const invalidRows = [2, 10, 9].map((line) => ({ line, column: "Name", value: `at ${line}`, reason: "x", unit: "line", part: null }));
  oneRun({ ...SYNC, invalidRows });
  const { container } = show(WHICH);
  await userEvent.click(await screen.findByRole("button", { name: "Line" }));
  const lines = [...container.querySelectorAll(".acw-rows tbody td:nth-child(2)")].map((cell) => cell.textContent);
  expect(lines).toEqual(["2", "9", "10"]);
});

it("what is downloaded is safe in a spreadsheet", () => {
  const summary = readSummary({ ...SYNC, invalidRows: [{ line: 3, column: "Name", value: "=1+1", reason: "@x", unit: "line", part: "a.csv" }] })!;
  expect(asCsv(summary.problems)).toBe("What,File,Line,Name,Column,Value,Reason\r\nInvalid,a.csv,3,'=1+1,Name,'=1+1,'@x\r\n");
});

it("a task of another package, or without a summary, is no error", async () => {
  oneRun("anything");
  show(WHICH);
  expect(await screen.findByText("This task has pushed no summary")).toBeTruthy();
});

it.each([
  ["success", { ...IMPORT, rowsImported: null, rowsRefused: null, rowsUnknown: 110 }, "Import with 2 rows left out and 110 rows not known"],
  ["success", { ...IMPORT, rowsRefused: 0, rowsInvalid: 0, rowsNotStarted: 10 }, "Import with 10 rows left out"],
  ["success", { ...JOB, status: "FAILED" }, "Import job FAILED"],
  ["success", { ...JOB, status: "START_IN_PROGRESS" }, "Import job not ended"],
  ["success", { ...JOB, status: null }, "Import job of which the status is not known"],
  ["success", JOB, "Import job complete"],
  ["success", { ...IMPORT, status: "CHECKED" }, "Only checked"],
  ["failed", { ...IMPORT, status: "CHECKED" }, "Check failed"],
  ["failed", { ...SYNC, status: "FAILED", rowsFailed: 2 }, "Sync failed"],
  ["failed", { ...SYNC, status: "FAILED", isApplied: true, rowsCreated: 0, rowsUpdated: 0, itemsRemoved: 0 }, "Sync failed"],
  ["failed", { ...SYNC, status: "FAILED", isApplied: false }, "Sync failed, nothing was changed"],
  ["up_for_retry", SYNC, "Sync failed, will be tried again"],
  ["up_for_retry", undefined, "Run failed, will be tried again"],
  ["upstream_failed", undefined, "Run upstream failed"],
])("a task that is %s says what became of the run", async (state, summary, words) => {
  oneRun(summary, { state });
  show(WHICH);
  expect(await screen.findByText(words)).toBeTruthy();
});

it("a plan that was refused is not one that was applied", async () => {
  const none = { rowsCreated: 0, rowsUpdated: 0, rowsFailed: 0, itemsRemoved: 0, itemsDeactivated: 0, itemsFailed: 0 };
  for (const summary of [{ ...SYNC, ...none, status: "FAILED" }, { ...SYNC, ...none, status: "FAILED", isApplied: false }]) {
    oneRun(summary, { state: "failed" });
    const { container } = show(WHICH);
    expect(await screen.findByRole("heading", { name: "Plan, not applied" })).toBeTruthy();
    expect(container.querySelector("details")?.open).toBe(true);
    cleanup();
  }
});

it("a task that was not scheduled yet is asked for again", async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  let state: string | null = null;
  oneRun(undefined, {}, { [INSTANCE]: () => instance({ state, start_date: state && "2026-11-25T10:00:00Z", end_date: null }) });
  show(WHICH);
  expect(await screen.findByText("Not started yet")).toBeTruthy();
  expect(screen.getByText("no status")).toBeTruthy();
  expect(screen.queryByText("This task has pushed no summary")).toBeNull();
  state = "running";
  await act(() => vi.advanceTimersByTimeAsync(3_100));
  await waitFor(() => expect(screen.getByText("Run under way")).toBeTruthy());
  vi.useRealTimers();
});

it("the rows of a try that failed are shown before the next one", async () => {
  oneRun(SYNC, { state: "up_for_retry" });
  show(WHICH);
  expect(await screen.findByText("Rows to look at")).toBeTruthy();
  expect(screen.getByText("This is what the last try said")).toBeTruthy();
});

it("the progress of a try that failed does not stand as if it went on", async () => {
  const value = { knowledgeBaseId: "kb", unit: "jobs", total: 5, ended: 2, failed: 0 };
  oneRun(undefined, { state: "up_for_retry" }, { [`${INSTANCE}/xcomEntries/wisdom_progress`]: { value } });
  show(WHICH);
  expect(await screen.findByText("Run failed, will be tried again")).toBeTruthy();
  expect(screen.queryByRole("progressbar")).toBeNull();
});

it("a task that failed without a summary says how far it got", async () => {
  const value = { knowledgeBaseId: "kb", unit: "jobs", total: 5, ended: 2, rowsTotal: 500, rowsEnded: 200, failed: 0 };
  oneRun(undefined, { state: "failed" }, { [`${INSTANCE}/xcomEntries/wisdom_progress`]: { value } });
  show(WHICH);
  expect(await screen.findByText("It got as far as 2 of 5 import jobs ended, 200 of 500 rows.")).toBeTruthy();
  expect(screen.queryByRole("progressbar")).toBeNull();
});

it.each([
  [403, "You may not see what it says of itself"],
  [500, "What it says of itself could not be read"],
])("where XComs answer with %i, the state of the task is still there", async (status, words) => {
  oneRun(status, { state: "success" }, { [`${INSTANCE}/xcomEntries`]: status, [`${INSTANCE}/xcomEntries/return_value`]: status });
  show(WHICH);
  expect(await screen.findByText(words)).toBeTruthy();
  expect(screen.getByText("2026-11-25 10:00:00")).toBeTruthy();
  expect(screen.getByRole("link", { name: "Log" })).toBeTruthy();
});

it("a mapped task as a whole is not said to be deleted", async () => {
  const detail = "Task instance is mapped, add the map_index value to the URL";
  oneRun(SYNC);
  vi.stubGlobal("fetch", async () => Response.json({ detail }, { status: 404 }));
  show(WHICH);
  expect(await screen.findByText("This task is mapped")).toBeTruthy();
});

it("a task that failed says why, with its summary and without one, as a text", async () => {
  const message = "AWS refused it: <img src=x onerror=alert(1)>";
  for (const [summary, value, words] of [
    [undefined, { summaryVersion: 1, type: "AccessDeniedError", message }, message],
    [SYNC, { summaryVersion: 1, type: "UnsafePlanError", message: null }, "UnsafePlanError"],
  ] as const) {
    oneRun(summary, { state: "failed" }, {
      [`${INSTANCE}/xcomEntries`]: { xcom_entries: [{ key: "return_value" }, { key: "wisdom_error" }] },
      [`${INSTANCE}/xcomEntries/wisdom_error`]: { value },
    });
    show(WHICH);
    const why = (await screen.findByText("Why it failed")).closest("div")!;
    expect(within(why).getByText(words)).toBeTruthy();
    cleanup();
  }
});

it("a task that has nothing to sum up says so", async () => {
  oneRun(undefined, { operator: "WisdomDeleteImportJobOperator" });
  show(WHICH);
  expect(await screen.findByText("A task that deletes an import job has no summary")).toBeTruthy();
});

it("import jobs of the same id are two rows", async () => {
  const complaint = vi.spyOn(console, "error");
  oneRun({ ...IMPORT, importJobs: [IMPORT.importJobs[0], IMPORT.importJobs[0]] });
  show(WHICH);
  expect(await screen.findAllByText("job-1")).toHaveLength(2);
  expect(complaint).not.toHaveBeenCalled();
});

it("a summary of a newer version says so", async () => {
  oneRun({ ...SYNC, summaryVersion: 99 });
  show(WHICH);
  expect(await screen.findByText("A newer version of airflow_wisdom wrote this summary")).toBeTruthy();
});

it("who may not see it, who is signed out, and a run that is gone, each have their own words", async () => {
  for (const [status, words] of [[403, "You may not see this"], [401, "You are signed out"], [404, "There is no such run"]] as const) {
    oneRun(SYNC, {}, { [INSTANCE]: status });
    show(WHICH);
    expect(await screen.findByText(words)).toBeTruthy();
    cleanup();
  }
});

it("a row is known by its name, and its cell beside it", async () => {
  const row = { line: 3, unit: "line", part: null, name: "Hello", reason: "is wrong" };
  const invalidRows = [{ ...row, column: "Content", value: "" }, { ...row, column: "Name", value: "Hello" }, { ...row, column: null, value: "" }];
  oneRun({ ...SYNC, rowsInvalid: 1, invalidRows });
  show(WHICH);
  expect(await screen.findByText("Hello · Content: empty")).toBeTruthy();
  expect(screen.getAllByText("Hello")).toHaveLength(2);
});

it("a cleared import says what it found", async () => {
  oneRun({ ...IMPORT, rowsSent: 0, rowsImported: 0, rowsRefused: 0, rowsPresent: 100, rowsDiffering: 10, importJobs: [], failedRecords: [] });
  show(WHICH);
  expect(await screen.findByText("Already there")).toBeTruthy();
  expect(screen.getByText("There with other values")).toBeTruthy();
  // Two are invalid.
  expect(screen.getByText("Import with 12 rows left out")).toBeTruthy();
});

it("what failed can be tried again", async () => {
  let works = false;
  oneRun(SYNC, {}, { [INSTANCE]: () => (works ? instance() : new TypeError("no network")) });
  show(WHICH);
  expect(await screen.findByText("Airflow does not answer.")).toBeTruthy();
  works = true;
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByText("Sync with 1 row left out")).toBeTruthy();
});

it("times that contradict each other make no duration", async () => {
  oneRun(JOB, { duration: null });
  show(WHICH);
  const job = (await screen.findByText("job-1")).closest("tr")!;
  expect(within(job).getByText("not known")).toBeTruthy();
});

it("a duration that cannot be is not shown", async () => {
  oneRun(SYNC, { duration: -16.1, start_date: "2026-11-25T10:00:00Z", end_date: "2026-11-25T10:00:22Z" });
  show(WHICH);
  expect(await screen.findByText("22 s")).toBeTruthy();
});

it("a mapped task is asked for by its index", async () => {
  const { asked } = oneRun(SYNC, { map_index: 3 }, { [`${INSTANCE}/3`]: instance({ map_index: 3 }) });
  show({ ...WHICH, mapIndex: "3" });
  expect(await screen.findByText("Sync with 1 row left out")).toBeTruthy();
  const xcom = asked.find((url) => url.pathname.endsWith("return_value"))!;
  expect(xcom.searchParams.get("map_index")).toBe("3");
  expect(screen.getByRole("link", { name: "Log" }).getAttribute("href")).toBe("/dags/sync_answers/runs/manual__1/tasks/sync/mapped/3");
});

it("only the AWS console is linked to as such, and only addresses that a browser finds", () => {
  expect(consoleOf("https://us-east-1.console.aws.amazon.com/connect/v2/app/instances?region=us-east-1")).not.toBeNull();
  for (const address of ["javascript:alert(1)", "https://evil.example/console.aws.amazon.com", "https://xconsole.aws.amazon.com.evil.example", "http://console.aws.amazon.com/", "https://evilconsole.aws.amazon.com/", null]) {
    expect(consoleOf(address)).toBeNull();
  }
  const host = consoleHost("https://us-gov-west-1.console.amazonaws-us-gov.com/connect");
  expect(addressOf("s3://bucket/a b/&x.csv", host)).toBe("https://console.amazonaws-us-gov.com/s3/object/bucket?prefix=a%20b%2F%26x.csv");
  expect(consoleHost(null)).toBe("console.aws.amazon.com");
  expect(addressOf("https://host/x.csv", host)).toBe("https://host/x.csv");
  for (const path of ["/reports/x.csv", "javascript:alert(1)", "s3://bad bucket/x", "gs://bucket/x"]) expect(addressOf(path, host)).toBeUndefined();
});
