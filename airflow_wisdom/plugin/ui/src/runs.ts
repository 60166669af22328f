/** The task instances of this package, what they did, and the knowledge bases that they feed. */
import { ApiError, each, find, get, type Query } from "./api";
import { list, type Members, members, number, text, time } from "./reading";
import { type Numbers, readSummary, shortId, type Summary } from "./summary";
import { PLOTTED, count, counted } from "./words";

/** Operators that bring quick responses into a knowledge base, by the names that Airflow knows them by. */
export const FEEDING = [
  "WisdomImportQuickResponsesOperator",
  "WisdomSyncQuickResponsesOperator",
  "SqlToWisdomOperator",
  "WisdomStartImportJobOperator",
] as const;

export const RESULT_KEY = "return_value";
export const PROGRESS_KEY = "wisdom_progress";
export const CONSOLE_KEY = "amazon_connect_console";

const PAGE = 100;
/** Runs that one page shows at most. */
export const MOST_RUNS = 500;
/** Task instances that are looked at for them: thousands of a catch-up may not have started. */
const MOST_LOOKED_AT = 5_000;
const AT_ONCE = 6;
const UNDER_WAY = new Set([null, "queued", "running", "deferred", "up_for_retry", "up_for_reschedule", "scheduled", "restarting"]);

/** Which task instance a run is. */
export type Which = {
  readonly dagId: string;
  readonly runId: string;
  readonly taskId: string;
  /** -1 where the task is not mapped. */
  readonly mapIndex: number;
};

export type Instance = Which & {
  readonly dagName: string;
  readonly operator: string | null;
  readonly state: string | null;
  readonly tries: number;
  readonly started: Date | null;
  readonly ended: Date | null;
  readonly seconds: number | null;
};

export type Progress = {
  readonly knowledgeBaseId: string | null;
  /** What is counted: import jobs, or changes. */
  readonly unit: "jobs" | "changes";
  readonly total: number;
  readonly ended: number;
  readonly rowsTotal: number | null;
  readonly rowsEnded: number | null;
  readonly failed: number;
};

export type Run = {
  readonly instance: Instance;
  readonly summary: Summary | undefined;
  readonly progress: Progress | undefined;
  /** Whether this is only what an asset event says, because the task's XCom is gone, or not to be read. */
  readonly isEvent: boolean;
};

export type Base = {
  /** Null where it is not known yet. */
  readonly id: string | null;
  readonly asset: Asset | undefined;
  readonly runs: readonly Run[];
};

export type Asset = { readonly id: number; readonly name: string; readonly uri: string; readonly knowledgeBaseId: string };

export type Range = { readonly runs: number } | { readonly days: number };

export type Overview = {
  readonly bases: readonly Base[];
  readonly isCut: boolean;
  /** What could not be read, in words. */
  readonly gaps: readonly string[];
};

/** Whether there is more to come; one without a state was not scheduled yet. */
export function isUnderWay({ state }: Instance): boolean {
  return UNDER_WAY.has(state);
}

/** Whether it has not begun: one that was deferred is queued again, too, but has begun. */
export function isWaiting(instance: Instance): boolean {
  return instance.state === null || (instance.started === null && isUnderWay(instance));
}

/** Whether it does something just now, or is about to go on: what it has said of itself is of this try. */
export function isActive(instance: Instance): boolean {
  return isUnderWay(instance) && !isWaiting(instance) && instance.state !== "up_for_retry";
}

export function keyOf({ dagId, runId, taskId, mapIndex }: Which): string {
  return JSON.stringify([dagId, runId, taskId, mapIndex]);
}

/** Return the knowledge bases that this Airflow feeds, with their runs, the newest first. */
export async function overview(range: Range, signal?: AbortSignal): Promise<Overview> {
  const since = "days" in range ? new Date(Date.now() - range.days * 86_400_000) : undefined;
  const most = "runs" in range ? range.runs : MOST_RUNS;
  const [instances, assets] = await settled([listInstances(most, since, signal), listAssets(signal)]);
  // Who may see neither has no use for an empty page.
  if (instances.error && (assets.error || assets.value?.found.length === 0)) throw instances.error;
  const [read, events] = await settled([
    eachInShort(instances.value?.found ?? [], signal),
    listEvents(assets.value?.found ?? [], since, signal),
  ]);
  if (read.error) throw read.error;
  const { runs = [], unread } = read.value ?? {};
  const gaps = [
    ...(instances.error ? [`Task instances: ${instances.error.message}`] : []),
    ...(unread ? [`Summaries of ${counted(unread.runs, "run")}: ${unread.error.message}`] : []),
    ...(assets.error && assets.error.status !== 403 ? [`Assets: ${assets.error.message}`] : []),
    ...(assets.value?.isCut ? [`Assets: only the first ${count(PAGE)} are known`] : []),
    ...(events.error && events.error.status !== 403 ? [`Asset events: ${events.error.message}`] : []),
  ];
  const all = merged(runs, events.value ?? []);
  return { bases: basesOf(all, assets.value?.found ?? []), isCut: instances.value?.isCut ?? false, gaps };
}

type Unread = { readonly runs: number; readonly error: ApiError };

/** Return all runs in short; a summary that cannot be read leaves the others as they are, unless nobody is logged in. */
async function eachInShort(
  instances: readonly Instance[],
  signal?: AbortSignal,
): Promise<{ readonly runs: readonly Run[]; readonly unread: Unread | undefined }> {
  const errors: ApiError[] = [];
  const runs = await each(instances, AT_ONCE, async (instance) => {
    try {
      return await inShort(instance, signal);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 401) throw error;
      errors.push(error);
      return { instance, summary: undefined, progress: undefined, isEvent: false };
    }
  });
  const [first] = errors;
  return { runs, unread: first && { runs: errors.length, error: first } };
}

/** Return one run, whole. */
export async function oneRun(which: Which, signal?: AbortSignal): Promise<Run & { readonly console: string | null }> {
  const instance = await getInstance(which, signal);
  const [run, xcoms] = await Promise.all([whole(instance, signal), xcomsOf(instance, [CONSOLE_KEY], signal)]);
  return { ...run, console: consoleOf(text(xcoms.get(CONSOLE_KEY))) };
}

async function getInstance(which: Which, signal?: AbortSignal): Promise<Instance> {
  const path = which.mapIndex < 0 ? pathOf(which) : [...pathOf(which), which.mapIndex];
  return instanceOf(members(await get(path, {}, signal)));
}

function pathOf({ dagId, runId, taskId }: Which): string[] {
  return ["dags", dagId, "dagRuns", runId, "taskInstances", taskId];
}

function mapped({ mapIndex }: Which): Query {
  return { map_index: mapIndex };
}

type Found<T> = { readonly found: readonly T[]; readonly isCut: boolean };

async function listInstances(most: number, since: Date | undefined, signal?: AbortSignal): Promise<Found<Instance>> {
  const query = {
    operator: FEEDING,
    order_by: "-start_date",
    ...(since ? { start_date_gte: since.toISOString() } : {}),
    limit: PAGE,
  };
  const found: Instance[] = [];
  let [offset, isAll] = [0, false];
  while (!isAll && found.length < most && offset < MOST_LOOKED_AT) {
    const page = members(await get(["dags", "~", "dagRuns", "~", "taskInstances"], { ...query, offset }, signal));
    const instances = list(page.task_instances).map((each) => instanceOf(members(each)));
    // One that has never started did nothing yet. PostgreSQL lists those first, SQLite last.
    found.push(...instances.filter((each) => each.started));
    // A deployment may allow fewer a page than were asked for.
    offset += instances.length;
    isAll = !instances.length || offset >= (number(page.total_entries) ?? Infinity);
  }
  return { found: found.slice(0, most), isCut: !isAll || found.length > most };
}

function instanceOf(found: Members): Instance {
  const [started, ended] = [time(found.start_date), time(found.end_date)];
  const seconds = number(found.duration);
  return {
    dagId: text(found.dag_id) ?? "",
    runId: text(found.dag_run_id) ?? "",
    taskId: text(found.task_id) ?? "",
    mapIndex: number(found.map_index) ?? -1,
    dagName: text(found.dag_display_name) ?? text(found.dag_id) ?? "",
    operator: text(found.operator),
    state: text(found.state),
    tries: number(found.try_number) ?? 0,
    started,
    ended,
    // Seen on Airflow 3.1.8: a duration below 0, of a task whose times are right.
    seconds: seconds === null || seconds >= 0 ? seconds : started && ended && (ended.getTime() - started.getTime()) / 1000,
  };
}

/** What runs that have ended said, in short, which does not change until they are tried again. */
const said = new Map<string, Summary | undefined>();

/** Return a run without the rows, jobs and changes of its summary: of hundreds of runs, they would fill the memory. */
async function inShort(instance: Instance, signal?: AbortSignal): Promise<Run> {
  const underWay = isUnderWay(instance);
  const key = keyOf(instance) + instance.tries + instance.state + instance.ended?.toISOString();
  if (!underWay && said.has(key)) return { instance, summary: said.get(key), progress: undefined, isEvent: false };
  const run = await whole(instance, signal);
  const summary = run.summary && { ...run.summary, problems: [], jobs: [], plan: null };
  if (!underWay) said.set(key, summary);
  return { ...run, summary };
}

async function whole(instance: Instance, signal?: AbortSignal): Promise<Run> {
  const keys = isUnderWay(instance) ? [RESULT_KEY, PROGRESS_KEY] : [RESULT_KEY];
  const xcoms = await xcomsOf(instance, keys, signal);
  return {
    instance,
    summary: readSummary(xcoms.get(RESULT_KEY)),
    progress: progressOf(members(xcoms.get(PROGRESS_KEY))),
    isEvent: false,
  };
}

/** Return the XComs of a task instance that there are, of some keys. */
async function xcomsOf(instance: Instance, keys: readonly string[], signal?: AbortSignal): Promise<Map<string, unknown>> {
  const path = [...pathOf(instance), "xcomEntries"];
  // One that has ended has most likely all of them; of one that has not, a browser would log each that is missing.
  const there = isUnderWay(instance) ? await get(path, { ...mapped(instance), limit: PAGE }, signal) : undefined;
  const known = list(members(there).xcom_entries).map((entry) => text(members(entry).key));
  const asked = there === undefined ? keys : keys.filter((key) => known.includes(key));
  const answers = await Promise.all(asked.map((key) => find([...path, key], mapped(instance), signal)));
  return new Map(asked.map((key, place) => [key, members(answers[place]).value]));
}

export function progressOf(found: Members): Progress | undefined {
  const [total, ended] = [number(found.total), number(found.ended)];
  if (total === null || ended === null) return undefined;
  return {
    knowledgeBaseId: shortId(text(found.knowledgeBaseId)),
    unit: found.unit === "changes" ? "changes" : "jobs",
    total,
    ended,
    rowsTotal: number(found.rowsTotal),
    rowsEnded: number(found.rowsEnded),
    failed: number(found.failed) ?? 0,
  };
}

async function listAssets(signal?: AbortSignal): Promise<Found<Asset>> {
  const page = members(await get(["assets"], { uri_pattern: "wisdom://", limit: PAGE }, signal));
  const listed = list(page.assets);
  const found = listed.flatMap((each) => {
    const found = members(each);
    const [id, uri] = [number(found.id), text(found.uri)];
    const knowledgeBaseId = uri?.match(/^wisdom:\/\/[^/]+\/[^/]+\/([^/]+)$/)?.[1];
    return id !== null && uri && knowledgeBaseId ? [{ id, uri, name: text(found.name) ?? uri, knowledgeBaseId }] : [];
  });
  return { found, isCut: (number(page.total_entries) ?? 0) > listed.length };
}

async function listEvents(assets: readonly Asset[], since: Date | undefined, signal?: AbortSignal): Promise<Run[]> {
  const query = { order_by: "-timestamp", limit: PAGE, ...(since ? { timestamp_gte: since.toISOString() } : {}) };
  const pages = await each(assets, AT_ONCE, async (asset) => {
    const page = members(await get(["assets", "events"], { ...query, asset_id: asset.id }, signal));
    return list(page.asset_events).flatMap((event) => eventOf(members(event), asset) ?? []);
  });
  return pages.flat();
}

function eventOf(found: Members, asset: Asset): Run | undefined {
  const extra = members(found.extra);
  const [dagId, runId, taskId] = [text(found.source_dag_id), text(found.source_run_id), text(found.source_task_id)];
  // A watcher's event, or one that somebody made by hand, is no run of a task.
  if (!dagId || !runId || !taskId) return undefined;
  const at = time(found.timestamp);
  const mapIndex = number(found.source_map_index) ?? -1;
  const about = { dagName: dagId, operator: null, state: "success", tries: 0, started: at, ended: at, seconds: null };
  return {
    instance: { dagId, runId, taskId, mapIndex, ...about },
    summary: summaryOf(extra, asset),
    progress: undefined,
    isEvent: true,
  };
}

function summaryOf(extra: Members, asset: Asset): Summary {
  const records = members(extra.records);
  const numbers: Record<string, number | null> = {};
  for (const outcome of PLOTTED) {
    if (outcome in records) numbers[outcome] = number(records[outcome]);
  }
  return {
    version: number(extra.summaryVersion) ?? 0,
    // Every event lists import jobs: none in a sync, nor in an import that found every row already there.
    kind: list(extra.importJobs).length || "imported" in records ? "import" : "sync",
    knowledgeBaseId: asset.knowledgeBaseId,
    status: text(extra.status),
    isApplied: null,
    rowsRead: null,
    seconds: null,
    numbers: numbers as Numbers,
    jobs: [],
    plan: null,
    problems: [],
    totals: {},
    reports: [],
  };
}

/** Runs, with events where nothing better is known: of runs that are not listed, and of those whose summary is gone. */
function merged(runs: readonly Run[], events: readonly Run[]): Run[] {
  const told = new Map(events.map((event) => [keyOf(event.instance), event]));
  const known = new Set(runs.map((run) => keyOf(run.instance)));
  const own = runs.map((run) => {
    const event = run.summary || isUnderWay(run.instance) ? undefined : told.get(keyOf(run.instance));
    return event ? { ...event, instance: run.instance } : run;
  });
  return [...own, ...events.filter((event) => !known.has(keyOf(event.instance)))];
}

function basesOf(runs: readonly Run[], assets: readonly Asset[]): Base[] {
  const places = placesOf(runs);
  const grouped = new Map<string | null, Run[]>();
  for (const asset of assets) grouped.set(asset.knowledgeBaseId, []);
  for (const run of runs) {
    const id = run.summary?.knowledgeBaseId ?? run.progress?.knowledgeBaseId ?? places.get(taskOf(run)) ?? null;
    grouped.set(id, [...(grouped.get(id) ?? []), run]);
  }
  const bases = [...grouped].map(([id, own]) => ({
    id,
    asset: assets.find((asset) => asset.knowledgeBaseId === id),
    runs: own.sort((one, other) => at(other) - at(one)),
  }));
  return bases.sort((one, other) => at(other.runs[0]) - at(one.runs[0]) || String(one.id).localeCompare(String(other.id)));
}

/** A run that has said nothing yet most likely feeds what the same task fed before. */
function placesOf(runs: readonly Run[]): Map<string, string> {
  const places = new Map<string, string>();
  for (const run of runs) {
    const id = run.summary?.knowledgeBaseId;
    if (id && !places.has(taskOf(run))) places.set(taskOf(run), id);
  }
  return places;
}

function taskOf({ instance }: Run): string {
  return JSON.stringify([instance.dagId, instance.taskId, instance.mapIndex]);
}

function at(run: Run | undefined): number {
  return run?.instance.started?.getTime() ?? 0;
}

const CONSOLES = ["console.aws.amazon.com", "console.amazonaws.cn", "console.amazonaws-us-gov.com"] as const;

/** Return an address if it leads to the AWS console: nobody else's link belongs under that name. */
export function consoleOf(address: string | null): string | null {
  if (!address || !URL.canParse(address)) return null;
  return new URL(address).protocol === "https:" && hostIn(address) ? address : null;
}

/** The host of the AWS console in the partition of an address there. */
export function consoleHost(address: string | null): string {
  return (address && hostIn(address)) || CONSOLES[0];
}

function hostIn(address: string): string | undefined {
  const { hostname } = new URL(address);
  return CONSOLES.find((host) => hostname === host || hostname.endsWith(`.${host}`));
}

type Settled<T> = { value?: T; error?: ApiError };

/** Wait for all, whatever becomes of each; what was called off is called off. */
async function settled<T extends readonly unknown[]>(promises: {
  [K in keyof T]: Promise<T[K]>;
}): Promise<{ [K in keyof T]: Settled<T[K]> }> {
  const results = await Promise.allSettled(promises as readonly Promise<unknown>[]);
  return results.map((result) => {
    if (result.status === "fulfilled") return { value: result.value };
    if (result.reason instanceof ApiError) return { error: result.reason };
    throw result.reason;
  }) as never;
}
