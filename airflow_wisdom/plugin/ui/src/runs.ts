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
export const ERROR_KEY = "wisdom_error";
export const CONSOLE_KEY = "amazon_connect_console";

const PAGE = 100;
/** Runs that one page shows at most. */
export const MOST_RUNS = 500;
/** Task instances that are looked at for them, so that many runs of one task do not hide the few of another. */
const MOST_LOOKED_AT = 1_000;
/** Those that have not started, such as thousands of a catch-up, do not count, but even they are not all gone past. */
const MOST_PASSED = 5_000;
const MOST_ASSETS = 500;
/** Tasks of which the last run is looked for by itself. */
const MOST_QUIET = 50;
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

export type Failure = { readonly type: string; readonly message: string | null };

export type Run = {
  readonly instance: Instance;
  readonly summary: Summary | undefined;
  readonly progress: Progress | undefined;
  /** Why what it says of itself could not be read. */
  readonly unread?: ApiError;
  /** Why it failed, as far as it says so. */
  readonly failure?: Failure;
  /** Whether this is only what an asset event says, because the task's XCom is gone, or not to be read. */
  readonly isEvent: boolean;
};

export type Base = {
  /** Null where it is not known yet. */
  readonly id: string | null;
  readonly asset: Asset | undefined;
  readonly runs: readonly Run[];
  /** The last run, also where it is none of those. */
  readonly latest: Run | undefined;
};

type Task = { readonly dagId: string; readonly taskId: string };

export type Asset = {
  readonly id: number;
  readonly name: string;
  readonly uri: string;
  readonly knowledgeBaseId: string;
  /** The tasks that have it as an outlet. */
  readonly tasks: readonly Task[];
};

export type Range = { readonly runs: number } | { readonly days: number };

export type Overview = {
  readonly bases: readonly Base[];
  readonly isCut: boolean;
  /** What could not be read, in words. */
  readonly gaps: readonly string[];
  /** How many answers the list of runs took: one of many is not to be asked for as often. */
  readonly pages: number;
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
  const [instances, assets] = await settled([listInstances(since, signal), listAssets(signal)]);
  // Who may see neither has no use for an empty page.
  if (instances.error && (assets.error || assets.value?.found.length === 0)) throw instances.error;
  const known = assets.value?.found ?? [];
  const chosen = newestOfEach(instances.value?.found ?? [], most);
  const [read, quiet, events] = await settled([
    eachInShort(chosen.found, signal),
    // Where all were listed, none is missing.
    since || instances.value?.isCut ? latestOf(quietTasks(known, chosen.found), signal) : Promise.resolve([]),
    listEvents(known, since, Math.min(most, MOST_RUNS), signal),
  ]);
  if (read.error) throw read.error;
  const { runs = [], unread } = read.value ?? {};
  const gaps = [
    ...(instances.error ? [`Task instances: ${instances.error.message}`] : []),
    ...(unread ? [`Summaries of ${counted(unread.runs, "run")}: ${unread.error.message}`] : []),
    ...(assets.error && assets.error.status !== 403 ? [`Assets: ${assets.error.message}`] : []),
    ...(assets.value?.isCut ? [`Assets: only ${count(known.length)} of them are known`] : []),
    ...(events.error && events.error.status !== 403 ? [`Asset events: ${events.error.message}`] : []),
  ];
  const listed = instances.value && { ...instances.value, isCut: instances.value.isCut || chosen.isCut };
  const all = basesOf(merged(runs, events.value ?? []), known, quiet.value ?? []);
  const bases = all.map((base) => ({ ...base, runs: withoutTail(base.runs, listed?.isCut ?? false).slice(0, most) }));
  return { bases, isCut: listed?.isCut ?? false, gaps, pages: instances.value?.pages ?? 1 };
}

/** Return the newest runs of each task, the newest of all first; if there are too many, of each task fewer. */
function newestOfEach(instances: readonly Instance[], most: number): Found<Instance> {
  const tasks = new Set(instances.map(taskOf)).size;
  const share = Math.min(most, Math.max(1, Math.floor(MOST_RUNS / Math.max(1, tasks))));
  const seen = new Map<string, number>();
  const found = instances.filter((instance) => {
    const place = seen.get(taskOf(instance)) ?? 0;
    seen.set(taskOf(instance), place + 1);
    return place < share;
  });
  const isShort = share < most && found.length < instances.length;
  return { found: found.slice(0, MOST_RUNS), isCut: isShort || found.length > MOST_RUNS };
}

/** Return the tasks that have a knowledge base as an outlet, and are not among the runs. */
function quietTasks(assets: readonly Asset[], instances: readonly Instance[]): readonly Task[] {
  const name = ({ dagId, taskId }: Task) => JSON.stringify([dagId, taskId]);
  const listed = new Set(instances.map(name));
  const every = new Map(assets.flatMap(({ tasks }) => tasks).map((task) => [name(task), task]));
  return [...every].flatMap(([key, task]) => (listed.has(key) ? [] : [task])).slice(0, MOST_QUIET);
}

/** Return the last run of each task; one that cannot be had is none. */
async function latestOf(tasks: readonly Task[], signal?: AbortSignal): Promise<readonly Run[]> {
  const found = await each(tasks, AT_ONCE, async ({ dagId, taskId }) => {
    const query = { operator: FEEDING, task_id: taskId, order_by: "-start_date", limit: PAGE };
    const page = members(await find(["dags", dagId, "dagRuns", "~", "taskInstances"], query, signal).catch(unlessAborted));
    const instances = list(page.task_instances).map((each) => instanceOf(members(each)));
    return instances.find((each) => each.taskId === taskId && each.started);
  });
  const { runs } = await eachInShort(found.filter((each) => each !== undefined), signal);
  return runs;
}

function unlessAborted(error: unknown): undefined {
  if (!(error instanceof ApiError) || error.status === 401) throw error;
}

/**
 * Return the runs without what is older than the oldest that Airflow lists, if it was not asked for all.
 *
 * Beyond it there are events alone, which only runs that succeeded have.
 */
function withoutTail(runs: readonly Run[], isCut: boolean): readonly Run[] {
  const last = runs.findLastIndex((run) => !run.isEvent || run.instance.started);
  return isCut && last >= 0 ? runs.slice(0, last + 1) : runs;
}

type Unread = { readonly runs: number; readonly error: ApiError };

/** Return all runs in short; a summary that cannot be read leaves the others as they are, unless nobody is logged in. */
async function eachInShort(
  instances: readonly Instance[],
  signal?: AbortSignal,
): Promise<{ readonly runs: readonly Run[]; readonly unread: Unread | undefined }> {
  const runs = await each(instances, AT_ONCE, (instance) => inShort(instance, signal));
  const errors = runs.flatMap(({ unread }) => unread ?? []);
  const [first] = errors;
  return { runs, unread: first && { runs: errors.length, error: first } };
}

/** Return one run, whole. */
export async function oneRun(which: Which, signal?: AbortSignal): Promise<Run & { readonly console: string | null }> {
  const instance = await getInstance(which, signal);
  const link = async () => text((await xcomsOf(instance, [CONSOLE_KEY], signal)).get(CONSOLE_KEY));
  const [run, address] = await Promise.all([whole(instance, signal), link().catch(unlessAborted)]);
  return { ...run, console: consoleOf(address ?? null) };
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

async function listInstances(since: Date | undefined, signal?: AbortSignal): Promise<Found<Instance> & { pages: number }> {
  const query = {
    operator: FEEDING,
    order_by: "-start_date",
    ...(since ? { start_date_gte: since.toISOString() } : {}),
  };
  // What begins meanwhile moves the last of a page to the next.
  const started = new Map<string, Instance>();
  const { isCut, pages } = await listPages(
    ["dags", "~", "dagRuns", "~", "taskInstances"],
    query,
    (page) => {
      const instances = list(page.task_instances).map((each) => instanceOf(members(each)));
      // One that has never started did nothing yet. PostgreSQL lists those first, SQLite last.
      for (const each of instances) if (each.started) started.set(keyOf(each), each);
      return instances.length;
    },
    (offset) => started.size < MOST_LOOKED_AT && offset < MOST_PASSED,
    signal,
  );
  return { found: [...started.values()], isCut, pages };
}

/**
 * Ask for a list, a page at a time.
 *
 * @param take Takes what is in a page, and returns how much that was.
 * @param isWanted Whether there is need for more, after so many.
 */
async function listPages(
  path: readonly string[],
  query: Query,
  take: (page: Members) => number,
  isWanted: (offset: number) => boolean,
  signal?: AbortSignal,
): Promise<{ isCut: boolean; pages: number }> {
  let [offset, pages, isAll] = [0, 0, false];
  while (!isAll && isWanted(offset)) {
    const page = members(await get(path, { ...query, limit: PAGE, offset }, signal));
    // A deployment may allow fewer a page than were asked for.
    const taken = take(page);
    offset += taken;
    pages += 1;
    isAll = offset >= (number(page.total_entries) ?? (taken < PAGE ? 0 : Infinity)) || !taken;
  }
  return { isCut: !isAll, pages };
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
const said = new Map<string, Run>();

/** Return a run without the rows, jobs and changes of its summary: of hundreds of runs, they would fill the memory. */
async function inShort(instance: Instance, signal?: AbortSignal): Promise<Run> {
  const key = keyOf(instance) + instance.tries + instance.state + instance.ended?.toISOString();
  const before = said.get(key);
  if (before && !isUnderWay(instance)) return { ...before, instance };
  const run = await whole(instance, signal);
  const short = { ...run, summary: run.summary && { ...run.summary, problems: [], jobs: [], plan: null } };
  if (!isUnderWay(instance) && !run.unread) said.set(key, short);
  return short;
}

/** Return a run with what it says of itself; if that cannot be read, Airflow still knows its state and times. */
async function whole(instance: Instance, signal?: AbortSignal): Promise<Run> {
  try {
    const xcoms = await xcomsOf(instance, [RESULT_KEY, PROGRESS_KEY, ERROR_KEY], signal);
    const progress = progressOf(members(xcoms.get(PROGRESS_KEY)));
    const failure = failureOf(members(xcoms.get(ERROR_KEY)));
    const run = { instance, summary: readSummary(xcoms.get(RESULT_KEY)), progress, isEvent: false };
    return failure ? { ...run, failure } : run;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 401) throw error;
    return { instance, summary: undefined, progress: undefined, unread: error, isEvent: false };
  }
}

/** Return the XComs of a task instance that there are, of some keys. */
async function xcomsOf(instance: Instance, keys: readonly string[], signal?: AbortSignal): Promise<Map<string, unknown>> {
  const path = [...pathOf(instance), "xcomEntries"];
  const [first] = keys;
  const ask = async (key: string) => members(await find([...path, key], mapped(instance), signal)).value;
  // One that has succeeded has most likely the first, and needs no other.
  if (instance.state === "success" && first) {
    const value = await ask(first);
    if (value !== undefined || keys.length === 1) return new Map([[first, value]]);
  }
  // Of others, a browser would log each that is missing.
  const there = members(await find(path, { ...mapped(instance), limit: PAGE }, signal));
  const known = list(there.xcom_entries).map((entry) => text(members(entry).key));
  const asked = keys.filter((key) => known.includes(key));
  const answers = await Promise.all(asked.map(ask));
  return new Map(asked.map((key, place) => [key, answers[place]]));
}

function failureOf(found: Members): Failure | undefined {
  const type = text(found.type);
  return type === null ? undefined : { type, message: text(found.message) };
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
  const found: Asset[] = [];
  const take = (page: Members) => {
    const listed = list(page.assets);
    found.push(...listed.flatMap((each) => assetOf(members(each)) ?? []));
    return listed.length;
  };
  const { isCut } = await listPages(["assets"], { uri_pattern: "wisdom://" }, take, (offset) => offset < MOST_ASSETS, signal);
  return { found, isCut };
}

function assetOf(found: Members): Asset | undefined {
  const [id, uri] = [number(found.id), text(found.uri)];
  const knowledgeBaseId = uri?.match(/^wisdom:\/\/[^/]+\/[^/]+\/([^/]+)$/)?.[1];
  if (id === null || !uri || !knowledgeBaseId) return undefined;
  const tasks = list(found.producing_tasks).flatMap((each) => {
    const [dagId, taskId] = [text(members(each).dag_id), text(members(each).task_id)];
    return dagId && taskId ? [{ dagId, taskId }] : [];
  });
  return { id, uri, name: text(found.name) ?? uri, knowledgeBaseId, tasks };
}

async function listEvents(
  assets: readonly Asset[],
  since: Date | undefined,
  most: number,
  signal?: AbortSignal,
): Promise<Run[]> {
  const query = { order_by: "-timestamp", ...(since ? { timestamp_gte: since.toISOString() } : {}) };
  const found = await each(assets, AT_ONCE, async (asset) => {
    const runs = new Map<string, Run>();
    const take = (page: Members) => {
      const events = list(page.asset_events);
      for (const event of events) {
        const run = eventOf(members(event), asset);
        // The newest of each run comes first.
        if (run && !runs.has(keyOf(run.instance))) runs.set(keyOf(run.instance), run);
      }
      return events.length;
    };
    await listPages(["assets", "events"], { ...query, asset_id: asset.id }, take, (offset) => offset < most, signal);
    return [...runs.values()];
  });
  return found.flat();
}

function eventOf(found: Members, asset: Asset): Run | undefined {
  const extra = members(found.extra);
  const [dagId, runId, taskId] = [text(found.source_dag_id), text(found.source_run_id), text(found.source_task_id)];
  // A watcher's event, or one that somebody made by hand, is no run of a task.
  if (!dagId || !runId || !taskId) return undefined;
  // Airflow makes one of each outlet of any task; ours say something in it.
  if (!("records" in extra)) return undefined;
  const mapIndex = number(found.source_map_index) ?? -1;
  // That it began, and when, an event does not say.
  const times = { started: null, ended: time(found.timestamp), seconds: null };
  return {
    instance: { dagId, runId, taskId, mapIndex, dagName: dagId, operator: null, state: "success", tries: 0, ...times },
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
    const event = run.summary || run.instance.state !== "success" ? undefined : told.get(keyOf(run.instance));
    // An event of before is that of an earlier try, which somebody has cleared.
    const isOfThisTry = event && at(event) >= at(run);
    return isOfThisTry ? { ...event, instance: run.instance } : run;
  });
  return [...own, ...events.filter((event) => !known.has(keyOf(event.instance)))];
}

function basesOf(runs: readonly Run[], assets: readonly Asset[], quiet: readonly Run[]): Base[] {
  const places = new Map([...outletsOf(assets), ...placesOf([...runs, ...quiet])]);
  const grouped = new Map<string | null, Run[]>();
  for (const asset of assets) grouped.set(asset.knowledgeBaseId, []);
  const baseOf = (run: Run) =>
    run.summary?.knowledgeBaseId ??
    run.progress?.knowledgeBaseId ??
    places.get(taskOf(run.instance)) ??
    places.get(taskOf({ ...run.instance, mapIndex: -1 })) ??
    null;
  for (const run of runs) grouped.set(baseOf(run), [...(grouped.get(baseOf(run)) ?? []), run]);
  const latest = [...quiet].sort(newestFirst);
  const bases = [...grouped].map(([id, own]) => {
    const sorted = own.sort(newestFirst);
    return {
      id,
      asset: assets.find((asset) => asset.knowledgeBaseId === id),
      runs: sorted,
      latest: [...sorted.slice(0, 1), ...latest.filter((run) => baseOf(run) === id)].sort(newestFirst)[0],
    };
  });
  return bases.sort((one, other) => at(other.latest) - at(one.latest) || String(one.id).localeCompare(String(other.id)));
}

function newestFirst(one: Run, other: Run): number {
  return at(other) - at(one);
}

/** A run that has said nothing yet most likely feeds what the same task fed before. */
function placesOf(runs: readonly Run[]): Map<string, string> {
  const places = new Map<string, string>();
  for (const { instance, summary } of runs) {
    const id = summary?.knowledgeBaseId;
    if (id && !places.has(taskOf(instance))) places.set(taskOf(instance), id);
  }
  return places;
}

/** The knowledge base that a task has as its outlet, if that is one. */
function outletsOf(assets: readonly Asset[]): Map<string, string> {
  const places = new Map<string, string>();
  const named = assets.flatMap(({ knowledgeBaseId, tasks }) => tasks.map((task) => [task, knowledgeBaseId] as const));
  const keys = named.map(([task]) => taskOf({ ...task, runId: "", mapIndex: -1 }));
  named.forEach(([, id], place) => {
    if (keys.filter((key) => key === keys[place]).length === 1) places.set(keys[place]!, id);
  });
  return places;
}

function taskOf({ dagId, taskId, mapIndex }: Which): string {
  return JSON.stringify([dagId, taskId, mapIndex]);
}

function at(run: Run | undefined): number {
  return (run && timeOf(run.instance)?.getTime()) ?? 0;
}

/** When a run began or, where only that is known, ended. */
export function timeOf({ started, ended }: Instance): Date | null {
  return started ?? ended;
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
