import { cleanup, fireEvent, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { niceTop } from "../src/Plot";
import { FEEDING } from "../src/runs";
import { ALL, IMPORT, SYNC, airflow, instance, show } from "./helpers";

beforeEach(() => localStorage.clear());
afterEach(cleanup);

let run = 0;

/** Runs of their own, because the page remembers what those that have ended said. */
function runs(...summaries: unknown[]) {
  const answers: Record<string, unknown> = {};
  const instances = summaries.map((summary, place) => {
    run += 1;
    answers[`dags/d/dagRuns/r${run}/taskInstances/t/xcomEntries/return_value`] = summary === undefined ? 404 : { value: summary };
    return instance({ dag_id: "d", dag_display_name: "d", dag_run_id: `r${run}`, task_id: "t", start_date: new Date(Date.UTC(2026, 10, 25 - place, 10)).toISOString() });
  });
  return { [ALL]: { task_instances: instances, total_entries: instances.length }, assets: { assets: [] }, ...answers };
}

it("each knowledge base has its last run, a plot and its runs", async () => {
  const { asked } = airflow(runs(SYNC, { ...SYNC, rowsCreated: 1 }, IMPORT));
  show();
  const one = await screen.findByRole("region", { name: "kb-1" });
  expect(within(one).getAllByText("Sync with 1 row left out")).toHaveLength(3);
  expect(within(one).getByText("created 6, updated 9, removed 4, unchanged 62, invalid 1")).toBeTruthy();
  expect(within(one).getAllByRole("link", { name: /^2026-11-2. 10:00:00, d: / })).toHaveLength(2);
  expect(within(await screen.findByRole("region", { name: "kb-2" })).getByText("imported 90, refused by AWS 20, invalid 2")).toBeTruthy();
  const [list] = asked;
  expect(list!.searchParams.getAll("operator")).toEqual([...FEEDING]);
  expect(list!.searchParams.get("order_by")).toBe("-start_date");
});

it("a plot is read with the keyboard, and its parts are chosen", async () => {
  airflow(runs(SYNC, SYNC, SYNC));
  const { container } = show();
  const bars = await screen.findAllByRole("link", { name: /^2026-11-2. 10:00:00, d: created 6/ });
  expect(bars.map((bar) => bar.getAttribute("tabindex"))).toEqual(["-1", "-1", "0"]);
  fireEvent.focus(bars[2]!);
  fireEvent.keyDown(bars[2]!, { key: "Home" });
  expect(document.activeElement).toBe(bars[0]);
  expect(container.querySelector(".acw-tip")?.textContent).toContain("Created6");
  const before = container.querySelectorAll(".acw-column .acw-created").length;
  const button = screen.getByRole("button", { name: "Created" });
  await userEvent.click(button);
  expect(button.getAttribute("aria-pressed")).toBe("false");
  expect([before, container.querySelectorAll(".acw-column .acw-created").length]).toEqual([3, 0]);
});

it("of what is done by a check, a plan or nobody, each run has its mark and its words", async () => {
  const checked = { ...IMPORT, status: "CHECKED", rowsOnlyChecked: 100, rowsInvalid: 0, rowsImported: 0, rowsRefused: 0 };
  const lost = { ...checked, status: "FAILED", rowsOnlyChecked: 0, rowsNotStarted: 5, rowsUnknown: 110, rowsImported: null, rowsRefused: null };
  airflow(runs(checked, lost));
  const { container } = show();
  expect(await screen.findByRole("link", { name: /: valid, not sent 100$/ })).toBeTruthy();
  expect(container.querySelectorAll(".acw-column .acw-dash")).toHaveLength(1);
  expect(screen.getByRole("link", { name: /not started 5, not known 110/ })).toBeTruthy();
  expect(container.querySelectorAll(".acw-column .acw-notStarted, .acw-column .acw-unknown")).toHaveLength(2);
  fireEvent.focus(screen.getByRole("link", { name: /: valid, not sent 100$/ }));
  expect(container.querySelector(".acw-tip")?.textContent).toContain("Valid, not sent100");
  // Outside of what is scrolled, which would cut it.
  expect(container.querySelector(".acw-scroll .acw-tip, .acw-scroll .acw-axis")).toBeNull();
});

it("with a finger, the first tap shows the numbers and the next opens the run", async () => {
  airflow(runs(SYNC, SYNC));
  const { container } = show();
  const bar = (await screen.findAllByRole("link", { name: /d: created 6/ }))[0]!;
  const user = userEvent.setup();
  const tap = () => user.pointer([{ keys: "[TouchA]", target: bar }]);
  await tap();
  fireEvent.mouseEnter(bar);
  expect(container.querySelector(".acw-tip")?.textContent).toContain("Created6");
  expect(screen.queryByRole("link", { name: "← All knowledge bases" })).toBeNull();
  await tap();
  expect(await screen.findByRole("link", { name: "← All knowledge bases" })).toBeTruthy();
});

it("dates below a plot do not touch", async () => {
  airflow(runs(...Array.from({ length: 30 }, () => SYNC)));
  const { container } = show();
  await screen.findByRole("region", { name: "kb-1" });
  const places = [...container.querySelectorAll(".acw-day")].map((text) => Number(text.getAttribute("x")));
  expect(places.length).toBeGreaterThan(5);
  for (const [place, x] of places.entries()) if (place) expect(x - places[place - 1]!).toBeGreaterThanOrEqual(44);
});

it("a bar leads to its run, and back", async () => {
  airflow({ ...runs(SYNC), [`dags/d/dagRuns/r${run}/taskInstances/t`]: instance({ dag_id: "d", dag_run_id: `r${run}`, task_id: "t" }) });
  show();
  const [bar] = await screen.findAllByRole("link", { name: /^2026-11-25 10:00:00, d: created 6/ });
  fireEvent.keyDown(bar!, { key: "Enter" });
  expect(await screen.findByRole("link", { name: "← All knowledge bases" })).toBeTruthy();
  expect(document.activeElement).toBe(screen.getByRole("heading", { name: "t" }));
  expect(document.title).toBe("t - Amazon Connect");
  await userEvent.click(screen.getByRole("link", { name: "← All knowledge bases" }));
  expect(await screen.findByRole("region", { name: "kb-1" })).toBeTruthy();
  expect(document.activeElement).toBe(screen.getByRole("heading", { name: "Amazon Connect" }));
  expect(document.title).toBe("Amazon Connect");
});

it("a range of days asks for what has begun since", async () => {
  const { asked } = airflow(runs(SYNC));
  show();
  await screen.findByRole("region", { name: "kb-1" });
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Which runs" }), "Last 7 days");
  await screen.findByRole("region", { name: "kb-1" });
  const since = asked.map((url) => url.searchParams.get("start_date_gte")).find(Boolean)!;
  expect(Math.round((Date.now() - new Date(since).getTime()) / 3_600_000)).toBe(7 * 24);
});

it("what only an asset event knows is shown as such, and no run twice", async () => {
  const known = runs(SYNC);
  const event = { asset_id: 5, source_dag_id: "d", source_task_id: "t", source_map_index: -1, timestamp: "2026-11-20T10:00:00Z", extra: { knowledgeBaseId: "kb-1", status: "COMPLETE", importJobs: [], records: { created: 41 } } };
  airflow({
    ...known,
    assets: { assets: [{ id: 5, name: "answers", uri: "wisdom://123456789012/us-east-1/kb-1" }, { id: 6, name: "x", uri: "wisdom://a/b/kb-9" }] },
    "assets/events": { asset_events: [{ ...event, source_run_id: `r${run}` }, { ...event, source_run_id: "gone" }, { ...event, source_dag_id: null }] },
  });
  show();
  const base = await screen.findByRole("region", { name: "answers" });
  expect(within(base).getByText(/created 41/)).toBeTruthy();
  expect(within(base).getByText("Sync complete")).toBeTruthy();
  expect(within(base).getAllByText(/by its asset event/)).toHaveLength(1);
  expect(within(base).getByText(/kb-1 · us-east-1, 123456789012/)).toBeTruthy();
  expect(within(base).getAllByRole("row")).toHaveLength(3);
});

it("an event stands in for a summary that is gone", async () => {
  const known = runs(undefined);
  const event = { asset_id: 5, source_dag_id: "d", source_run_id: `r${run}`, source_task_id: "t", source_map_index: -1, timestamp: "2026-11-25T10:00:09Z" };
  airflow({
    ...known,
    assets: { assets: [{ id: 5, name: "answers", uri: "wisdom://123456789012/us-east-1/kb-1" }] },
    "assets/events": { asset_events: [{ ...event, extra: { status: "COMPLETE", importJobs: [], records: { created: 4 } } }] },
  });
  show();
  const base = await screen.findByRole("region", { name: "answers" });
  expect(await within(base).findByText(/created 4/)).toBeTruthy();
  expect(within(base).getAllByText(/by its asset event/)).toHaveLength(1);
  expect(screen.getAllByRole("region")).toHaveLength(1);
});

const ANSWERS = { id: 5, name: "answers", uri: "wisdom://123456789012/us-east-1/kb-1" };

/** An event of a sync, an hour apart from the next. */
function event(run_id: string, hours: number, extra: object = { knowledgeBaseId: "kb-1", status: "COMPLETE", importJobs: [], records: { created: 41 } }) {
  const timestamp = new Date(Date.UTC(2026, 10, 25, 10, 0, 30) - hours * 3_600_000).toISOString();
  return { asset_id: 5, source_dag_id: "d", source_task_id: "t", source_map_index: -1, source_run_id: run_id, timestamp, extra };
}

function told(...events: object[]) {
  return { assets: { assets: [ANSWERS] }, "assets/events": { asset_events: events } };
}

it("what an earlier try said is not told of one that failed since, nor of one that began since", async () => {
  for (const more of [{ state: "failed" }, { state: "success", start_date: "2026-11-25T12:00:00Z" }]) {
    const known = runs(undefined);
    Object.assign((known[ALL] as { task_instances: object[] }).task_instances[0]!, more);
    airflow({ ...known, ...told(event(`r${run}`, 0)) });
    show();
    const base = await screen.findByRole("region", { name: "Knowledge base not known yet" });
    expect(within(base).getByText("no summary")).toBeTruthy();
    expect(screen.queryByText(/created 41/)).toBeNull();
    cleanup();
  }
});

it("a knowledge base has no more runs than were asked for, whether events or tasks tell of them", async () => {
  airflow({ ...runs(SYNC), ...told(...Array.from({ length: 30 }, (_, place) => event(`gone${place}`, place + 1))) });
  show();
  await userEvent.selectOptions(await screen.findByRole("combobox", { name: "Which runs" }), "Last 20 runs");
  const base = await screen.findByRole("region", { name: "answers" });
  expect(await within(base).findByRole("button", { name: "Show all 20 runs" })).toBeTruthy();
});

it("events of before the oldest run that is listed are no runs where more are not listed", async () => {
  const known = runs(SYNC);
  const [one] = (known[ALL] as { task_instances: object[] }).task_instances;
  const page = Array.from({ length: 1_000 }, (_, place) => (place ? { ...one, dag_run_id: `of before ${place}` } : one));
  airflow({ ...known, [ALL]: { task_instances: page, total_entries: 5_000 }, ...told(event("gone", 400)) });
  show();
  const base = await screen.findByRole("region", { name: "answers" });
  expect(screen.getByText("There are more runs than this page looks at")).toBeTruthy();
  expect(within(base).queryByText(/created 41/)).toBeNull();
});

it("the last run of a quiet knowledge base is shown, however long ago it was", async () => {
  const busy = runs(SYNC);
  const quiet = { dag_id: "q", task_id: "quiet" };
  const answers = { ...ANSWERS, uri: "wisdom://123456789012/us-east-1/kb-9", producing_tasks: [quiet] };
  airflow({
    ...busy,
    assets: { assets: [answers] },
    "assets/events": { asset_events: [] },
    "dags/q/dagRuns/~/taskInstances": { task_instances: [instance({ ...quiet, dag_display_name: "q", dag_run_id: "monthly" })], total_entries: 1 },
    "dags/q/dagRuns/monthly/taskInstances/quiet/xcomEntries/return_value": { value: { ...SYNC, knowledgeBaseId: "kb-9" } },
  });
  show();
  const base = await screen.findByRole("region", { name: "answers" });
  expect(within(base).getByText("Nothing was imported or synced in this time.")).toBeTruthy();
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Which runs" }), "Last 7 days");
  expect(await screen.findByRole("link", { name: "Details of the run of q, 2026-11-25 10:00:00" })).toBeTruthy();
  const again = screen.getByRole("region", { name: "answers" });
  expect(within(again).getByText("Sync with 1 row left out")).toBeTruthy();
});

it("a task that runs seldom has its runs beside one that runs often", async () => {
  const often = runs(...Array.from({ length: 120 }, () => SYNC));
  const seldom = runs({ ...SYNC, knowledgeBaseId: "kb-9" });
  Object.assign((seldom[ALL] as { task_instances: object[] }).task_instances[0]!, { dag_id: "d", task_id: "t2" });
  const all = [often, seldom].flatMap((each) => (each[ALL] as { task_instances: object[] }).task_instances);
  const value = { value: { ...SYNC, knowledgeBaseId: "kb-9" } };
  const pages = [all.slice(0, 100), all.slice(100)];
  airflow({ ...often, [`dags/d/dagRuns/r${run}/taskInstances/t2/xcomEntries/return_value`]: value, [ALL]: () => ({ task_instances: pages.shift(), total_entries: 121 }) });
  show();
  expect(await screen.findByRole("region", { name: "kb-9" })).toBeTruthy();
  expect(within(screen.getByRole("region", { name: "kb-1" })).getByRole("button", { name: "Show all 50 runs" })).toBeTruthy();
});

it("an event that says nothing is none of ours, and one without numbers does not say that there was nothing to do", async () => {
  const plan = { knowledgeBaseId: "kb-1", status: "PLANNED", importJobs: [], records: {} };
  airflow({ ...runs(SYNC), ...told(event("bash", 1, {}), event("plan", 2, plan)) });
  show();
  const base = await screen.findByRole("region", { name: "answers" });
  expect(within(base).getAllByRole("row")).toHaveLength(3);
  expect(within(base).getByText(/numbers not known/)).toBeTruthy();
  expect(within(base).queryByText(/nothing to do/)).toBeNull();
  // All that an event knows of the time is the end.
  expect(within(base).getByText(/\(its end\)/)).toBeTruthy();
});

it("two events of one run are one run", async () => {
  const complaint = vi.spyOn(console, "error");
  airflow({ ...runs(SYNC), ...told(event("twice", 1, { records: { created: 2 } }), event("twice", 2)) });
  show();
  const base = await screen.findByRole("region", { name: "answers" });
  expect(within(base).getAllByRole("row")).toHaveLength(3);
  expect(within(base).getByText(/^created 2$/)).toBeTruthy();
  expect(complaint).not.toHaveBeenCalled();
});

it("more assets than one answer has are asked for", async () => {
  const pages = [Array.from({ length: 100 }, (_, place) => ({ id: place + 100, name: `x${place}`, uri: `wisdom://a/b/kb-x${place}` })), [ANSWERS]];
  airflow({ ...runs(SYNC), assets: () => ({ assets: pages.shift(), total_entries: 101 }), "assets/events": { asset_events: [] } });
  show();
  expect(await screen.findByRole("region", { name: "answers" })).toBeTruthy();
});

it("those that have never started are gone past, wherever a database lists them", async () => {
  const known = runs(SYNC);
  const waiting = Array.from({ length: 60 }, () => instance({ state: "scheduled", start_date: null, end_date: null }));
  const pages = [waiting, known[ALL].task_instances];
  const { asked } = airflow({ ...known, [ALL]: () => ({ task_instances: pages.shift(), total_entries: 61 }) });
  show();
  expect(await screen.findByRole("region", { name: "kb-1" })).toBeTruthy();
  const offsets = asked.filter((url) => url.pathname.endsWith("taskInstances")).map((url) => url.searchParams.get("offset"));
  expect(offsets).toEqual(["0", "60"]);
});

it("a summary that cannot be read hides no other", async () => {
  const known = runs(SYNC, SYNC);
  airflow({ ...known, [`dags/d/dagRuns/r${run}/taskInstances/t/xcomEntries/return_value`]: 500 });
  show();
  const base = await screen.findByRole("region", { name: "kb-1" });
  expect(within(base).getByText(/created 6/)).toBeTruthy();
  expect(screen.getByText(/Summaries of 1 run: /)).toBeTruthy();
});

it("a run without a summary belongs to what the task fed before", async () => {
  airflow(runs(undefined, SYNC));
  show();
  const base = await screen.findByRole("region", { name: "kb-1" });
  expect(within(base).getByText("no summary")).toBeTruthy();
});

it("nothing at all, no permission and an error have their own words", async () => {
  airflow({ [ALL]: { task_instances: [] }, assets: { assets: [] } });
  show();
  expect(await screen.findByText("There is nothing to show")).toBeTruthy();
  cleanup();
  airflow({ [ALL]: 403, assets: 403 });
  show();
  expect(await screen.findByText("You may not see this")).toBeTruthy();
  cleanup();
  airflow({ [ALL]: 500, assets: { assets: [] } });
  show();
  expect(await screen.findByText("This could not be loaded")).toBeTruthy();
  cleanup();
  airflow({ ...runs(SYNC), assets: 403 });
  show();
  expect(await screen.findByRole("region", { name: "kb-1" })).toBeTruthy();
  expect(screen.queryByText("Not all could be read")).toBeNull();
});

it("what was shown stays when it cannot be brought up to date", async () => {
  const answers: Record<string, unknown> = runs(SYNC);
  airflow(answers);
  show();
  await screen.findByRole("region", { name: "kb-1" });
  answers[ALL] = 500;
  answers.assets = 500;
  await userEvent.click(screen.getByRole("button", { name: "Refresh" }));
  expect(await screen.findByText(/Not up to date/)).toBeTruthy();
  expect(screen.getByRole("region", { name: "kb-1" })).toBeTruthy();
});

it("an axis ends at a round number", () => {
  expect([1, 2, 3, 7, 11, 79, 113, 1_001, 98_000].map(niceTop)).toEqual([1, 2, 4, 8, 12, 80, 120, 1_200, 100_000]);
});
