/** The page: the knowledge bases that this Airflow feeds, and what happened to their rows. */
import { useId, useState } from "react";
import { Link, useNavigate } from "react-router-dom";

import { Button } from "./host";
import { type Loaded, useLoaded, usePlace, useScrollable } from "./hooks";
import { DagLink, Progress, State, outcomeOf, runSearch, taskName } from "./parts";
import { Plot } from "./Plot";
import { type Base, isActive, isUnderWay, keyOf, MOST_RUNS, overview, type Overview as Everything, type Range, type Run, timeOf } from "./runs";
import { Freshness, Loading, Notice, Problem } from "./states";
import { ago, count, counted, inWords, moment } from "./words";

const WHILE_ONE_RUNS = 5_000;
const OTHERWISE = 60_000;
const FEW = 10;

const RANGES: readonly (readonly [string, Range])[] = [
  ["Last 20 runs", { runs: 20 }],
  ["Last 50 runs", { runs: 50 }],
  ["Last 200 runs", { runs: 200 }],
  ["Last 24 hours", { days: 1 }],
  ["Last 7 days", { days: 7 }],
  ["Last 30 days", { days: 30 }],
];
const USUAL = 1;

export function Overview() {
  const [range, setRange] = useState(USUAL);
  const [, chosen] = RANGES[range]!;
  const heading = usePlace("Amazon Connect");
  const loaded = useLoaded(
    (signal) => overview(chosen, signal),
    String(range),
    (found) => (found && isAnyUnderWay(found) ? Math.min(OTHERWISE, WHILE_ONE_RUNS * found.pages) : OTHERWISE),
  );
  return (
    <main>
      <header className="acw-head">
        <h1 ref={heading} tabIndex={-1}>
          Amazon Connect
        </h1>
        <span className="acw-tools">
          <select aria-label="Which runs" className="acw-select" onChange={(event) => setRange(Number(event.target.value))} value={range}>
            {RANGES.map(([label], place) => (
              <option key={label} value={place}>
                {label}
              </option>
            ))}
          </select>
          {loaded.data && <Freshness loaded={loaded} />}
        </span>
      </header>
      <Found loaded={loaded} />
    </main>
  );
}

function isAnyUnderWay({ bases }: Everything): boolean {
  return bases.some(({ runs, latest }) => [...runs, ...(latest ? [latest] : [])].some(({ instance }) => isUnderWay(instance)));
}

function Found({ loaded }: { readonly loaded: Loaded<Everything> }) {
  const { data: found, error } = loaded;
  if (!found) return error ? <Problem error={error} retry={loaded.reload} /> : <Loading what="The runs are loading" />;
  return (
    <>
      {found.gaps.length > 0 && (
        <Notice kind="warning" title="Not all could be read">
          <p>{found.gaps.join("; ")}.</p>
        </Notice>
      )}
      {found.isCut && (
        <Notice title="There are more runs than this page looks at">
          <p>Of each task, the newest of them are shown, {count(MOST_RUNS)} in all at most.</p>
        </Notice>
      )}
      {found.bases.length === 0 && <Empty />}
      {found.bases.map((base) => (
        <BaseView base={base} key={String(base.id)} />
      ))}
    </>
  );
}

function Empty() {
  return (
    <Notice title="There is nothing to show">
      <p>
        No DAG that you may read has imported or synced quick responses in this time. As soon as a task of airflow_wisdom has run,
        its knowledge base is here.
      </p>
    </Notice>
  );
}

function BaseView({ base }: { readonly base: Base }) {
  const title = useId();
  const navigate = useNavigate();
  const [isWhole, setWhole] = useState(false);
  const { latest } = base;
  const shown = isWhole ? base.runs : base.runs.slice(0, FEW);
  return (
    <section aria-labelledby={title} className="acw-card">
      <header className="acw-head">
        <div>
          <h2 id={title}>{nameOf(base) ?? base.id ?? "Knowledge base not known yet"}</h2>
          <Place base={base} />
        </div>
      </header>
      {latest ? <Latest run={latest} /> : <p className="acw-muted">Nothing was imported or synced in this time.</p>}
      {base.runs.some((run) => run.summary) && <Plot onOpen={(run) => navigate(runSearch(run.instance))} runs={base.runs} />}
      {base.runs.length > 0 && <Runs runs={shown} />}
      {base.runs.length > FEW && (
        <Button aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? `Show only the last ${FEW} runs` : `Show all ${count(base.runs.length)} runs`}
        </Button>
      )}
    </section>
  );
}

/** The name that a DAG has given to the asset of a knowledge base; its URI is none. */
function nameOf({ asset }: Base): string | undefined {
  return asset && asset.name !== asset.uri ? asset.name : undefined;
}

/** The id where there is a name, the account or connection, and the region, as the URI of the asset has them. */
function Place({ base }: { readonly base: Base }) {
  const { asset } = base;
  const [, owner, region] = asset?.uri.match(/^wisdom:\/\/([^/]+)\/([^/]+)\//) ?? [];
  if (!asset) return null;
  return (
    <p className="acw-muted">
      {nameOf(base) && `${base.id} · `}
      {region && `${region}, ${owner} · `}
      <Link aria-label={`Asset of ${nameOf(base) ?? base.id}`} to={`/assets/${asset.id}`}>
        Asset
      </Link>
    </p>
  );
}

function Latest({ run }: { readonly run: Run }) {
  const { instance, progress, summary } = run;
  return (
    <div className="acw-latest">
      <p className="acw-line">
        <span className="acw-muted">Last run</span>
        <State instance={instance} />
        <strong>{outcomeOf(run)}</strong>
        <span>
          <When instance={instance} /> <span className="acw-muted">({ago(timeOf(instance), Date.now())})</span>
        </span>
        <span>
          by <DagLink instance={instance} />
        </span>
        <Link aria-label={`Details of the run of ${instance.dagName}, ${moment(timeOf(instance))}`} to={runSearch(instance)}>
          Details
        </Link>
      </p>
      {progress && !summary && isActive(instance) && <Progress progress={progress} />}
    </div>
  );
}

/** When a run began; of an event only its time is known, which is the end. */
function When({ instance }: { readonly instance: Run["instance"] }) {
  return (
    <>
      {moment(timeOf(instance))}
      {!instance.started && instance.ended && <span className="acw-muted"> (its end)</span>}
    </>
  );
}

function Runs({ runs }: { readonly runs: readonly Run[] }) {
  return (
    <div className="acw-scroll" {...useScrollable("Runs")}>
      <table className="acw-table">
        <caption className="acw-hidden">{counted(runs.length, "run")}, the newest first</caption>
        <thead>
          <tr>
            <th scope="col">Started</th>
            <th scope="col">DAG and task</th>
            <th scope="col">Outcome</th>
            <th scope="col">Rows</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={keyOf(run.instance)}>
              <td data-label="Started">
                <Link to={runSearch(run.instance)}>
                  <When instance={run.instance} />
                </Link>
              </td>
              <td data-label="DAG and task">
                <DagLink instance={run.instance} /> · {taskName(run.instance)}
              </td>
              <td data-label="Outcome">
                <State instance={run.instance} /> {outcomeOf(run)}
              </td>
              <td data-label="Rows">
                <Rows run={run} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Rows({ run: { summary, progress, unread, isEvent } }: { readonly run: Run }) {
  if (!summary) {
    if (unread) return <span className="acw-muted">could not be read</span>;
    if (!progress) return <span className="acw-muted">no summary</span>;
    return `${count(progress.ended)} of ${count(progress.total)} ${progress.unit === "jobs" ? "jobs" : "changes"}`;
  }
  return (
    <>
      {inWords(summary.numbers)}
      {isEvent && <span className="acw-muted"> (by its asset event)</span>}
    </>
  );
}
