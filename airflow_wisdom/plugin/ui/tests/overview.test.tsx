import { cleanup, fireEvent, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it } from "vitest";

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
    return instance({ dag_id: "d", dag_display_name: "d", dag_run_id: `r${run}`, task_id: "t", start_date: `2026-11-${25 - place}T10:00:00Z` });
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
  expect(bars.map((bar) => bar.getAttribute("tabindex"))).toEqual(["0", "-1", "-1"]);
  fireEvent.focus(bars[0]!);
  fireEvent.keyDown(bars[0]!, { key: "End" });
  expect(document.activeElement).toBe(bars[2]);
  expect(container.querySelector(".acw-tip")?.textContent).toContain("Created6");
  const before = container.querySelectorAll(".acw-column .acw-created").length;
  const button = screen.getByRole("button", { name: "Created" });
  await userEvent.click(button);
  expect(button.getAttribute("aria-pressed")).toBe("false");
  expect([before, container.querySelectorAll(".acw-column .acw-created").length]).toEqual([3, 0]);
});

it("a bar leads to its run, and back", async () => {
  airflow({ ...runs(SYNC), [`dags/d/dagRuns/r${run}/taskInstances/t`]: instance({ dag_id: "d", dag_run_id: `r${run}`, task_id: "t" }) });
  show();
  const [bar] = await screen.findAllByRole("link", { name: /^2026-11-25 10:00:00, d: created 6/ });
  fireEvent.keyDown(bar!, { key: "Enter" });
  expect(await screen.findByRole("link", { name: "← All knowledge bases" })).toBeTruthy();
  await userEvent.click(screen.getByRole("link", { name: "← All knowledge bases" }));
  expect(await screen.findByRole("region", { name: "kb-1" })).toBeTruthy();
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
  const event = { asset_id: 5, source_dag_id: "d", source_run_id: `r${run}`, source_task_id: "t", source_map_index: -1, timestamp: "2026-11-20T10:00:00Z" };
  airflow({
    ...known,
    assets: { assets: [{ id: 5, name: "answers", uri: "wisdom://123456789012/us-east-1/kb-1" }] },
    "assets/events": { asset_events: [{ ...event, extra: { status: "COMPLETE", importJobs: [], records: { created: 4 } } }] },
  });
  show();
  const base = await screen.findByRole("region", { name: "answers" });
  expect(within(base).getByText(/created 4/)).toBeTruthy();
  expect(within(base).getAllByText(/by its asset event/)).toHaveLength(1);
  expect(screen.getAllByRole("region")).toHaveLength(1);
});

it("those that have never started are gone past, wherever a database lists them", async () => {
  const known = runs(SYNC);
  const waiting = Array.from({ length: 60 }, () => instance({ state: "scheduled", start_date: null, end_date: null }));
  const pages = [waiting, known[ALL].task_instances];
  const { asked } = airflow({ ...known, [ALL]: () => ({ task_instances: pages.shift(), total_entries: 61 }) });
  show();
  expect(await screen.findByRole("region", { name: "kb-1" })).toBeTruthy();
  const offsets = asked.map((url) => url.searchParams.get("offset")).filter(Boolean);
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
