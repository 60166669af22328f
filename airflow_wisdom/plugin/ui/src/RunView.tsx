/** One run: on the page as well as on the tab of its task instance. */
import { useId } from "react";
import { Link } from "react-router-dom";

import type { ApiError } from "./api";
import { Button } from "./host";
import { useLoaded, usePlace, useScrollable } from "./hooks";
import { Pages, usePages } from "./Pages";
import { Copy, DagLink, Progress, State, farOf, isWithoutEffect, outcomeOf, taskName, taskPath } from "./parts";
import { RowsTable } from "./RowsTable";
import { consoleHost, type Failure, type Instance, isActive, isUnderWay, keyOf, oneRun, type Which } from "./runs";
import { Freshness, Loading, Notice, Problem } from "./states";
import { type Job, type Outcome, type Plan, type Report, type Summary, VERSION } from "./summary";
import { OUTCOMES, count, duration, moment } from "./words";

const WHILE_IT_RUNS = 3_000;
const JOBS = 20;
const CHANGES = 100;

type Props = { readonly which: Which; readonly isTab?: boolean };

export function RunView({ which, isTab = false }: Props) {
  const loaded = useLoaded(
    (signal) => oneRun(which, signal),
    keyOf(which),
    (run) => (!run || isUnderWay(run.instance) ? WHILE_IT_RUNS : 0),
  );
  const { data: run, error } = loaded;
  const title = useId();
  const heading = usePlace(`${taskName(which)} - Amazon Connect`, !isTab);
  return (
    <article aria-labelledby={title}>
      {!isTab && (
        <nav aria-label="Breadcrumb">
          <Link to="?">← All knowledge bases</Link>
        </nav>
      )}
      <header className="acw-head">
        <h2 id={title} ref={heading} tabIndex={-1}>
          {isTab ? "Amazon Connect" : taskName(which)}
        </h2>
        {run && <Freshness loaded={loaded} />}
      </header>
      {!run && (error ? <Problem error={error} retry={loaded.reload} /> : <Loading what="The run is loading" />)}
      {run && (
        <>
          <p aria-live="polite" className="acw-line">
            <State instance={run.instance} /> <strong>{outcomeOf(run)}</strong>
          </p>
          {isActive(run.instance) && run.progress && !run.summary && <Progress progress={run.progress} />}
          <dl className="acw-facts">
            <Fact label="DAG">
              <DagLink instance={run.instance} />
            </Fact>
            <Fact label="Run">{run.instance.runId}</Fact>
            <Fact label="Started">{moment(run.instance.started)}</Fact>
            <Fact label="Took">{duration(run.instance.seconds)}</Fact>
            <Fact label="Knowledge base">{run.summary?.knowledgeBaseId ?? run.progress?.knowledgeBaseId ?? "not known"}</Fact>
            <Fact label="Elsewhere">
              <span className="acw-links">
                {!isTab && <Link to={taskPath(which, "details")}>Task</Link>}
                <Link to={taskPath(which)}>Log</Link>
                <Link to={taskPath(which, "xcom")}>XCom</Link>
                {run.console && (
                  <a href={run.console} rel="noopener noreferrer" target="_blank">
                    Amazon Connect console
                  </a>
                )}
              </span>
            </Fact>
          </dl>
          {run.summary && !isActive(run.instance) && isUnderWay(run.instance) && <Notice title="This is what the last try said" />}
          {run.failure && !isActive(run.instance) && <Why failure={run.failure} />}
          {run.progress && !run.summary && !isActive(run.instance) && (
            <p>It got as far as {farOf(run.progress)}.</p>
          )}
          {run.unread && <Unread error={run.unread} retry={loaded.reload} />}
          {run.summary ? <Whole host={consoleHost(run.console)} summary={run.summary} which={which} /> : !run.unread && <Nothing instance={run.instance} />}
        </>
      )}
    </article>
  );
}

/** Why a run failed, for those who read no log. */
function Why({ failure: { type, message } }: { readonly failure: Failure }) {
  return (
    <Notice kind="warning" title="Why it failed">
      <p>{message ?? type}</p>
      {message !== null && <p className="acw-muted">{type}. Its log says more.</p>}
    </Notice>
  );
}

/** The state of a run is known, but not what it says of itself. */
function Unread({ error, retry }: { readonly error: ApiError; readonly retry: () => void }) {
  return (
    <Notice kind="warning" title={error.status === 403 ? "You may not see what it says of itself" : "What it says of itself could not be read"}>
      <p>{error.status === 403 ? "Your role in Airflow does not include XComs." : `${error.message}.`}</p>
      {error.status !== 403 && <Button onClick={retry}>Try again</Button>}
    </Notice>
  );
}

/** Operators of the package that have nothing to sum up. */
const SILENT: ReadonlySet<string | null> = new Set(["WisdomDeleteImportJobOperator"]);

function Nothing({ instance }: { readonly instance: Instance }) {
  if (SILENT.has(instance.operator)) return <Notice title="A task that deletes an import job has no summary" />;
  if (isUnderWay(instance)) return <Notice title="The summary comes when the task ends" />;
  return (
    <Notice title="This task has pushed no summary">
      <p>
        It ended before there was anything to sum up, it has do_xcom_push=False, its XCom is kept elsewhere by an XCom
        backend, or it is no task of this package. Its log says more.
      </p>
    </Notice>
  );
}

type WholeProps = { readonly summary: Summary; readonly which: Which; readonly host: string };

function Whole({ summary, which, host }: WholeProps) {
  const rows = Object.keys(summary.totals).length > 0 || summary.problems.length > 0;
  const file = `${[which.dagId, which.runId, which.taskId].join("-").replace(/[^\w.-]+/g, "_")}.csv`;
  return (
    <>
      {summary.version > VERSION && (
        <Notice title="A newer version of airflow_wisdom wrote this summary">
          <p>This page shows what it knows of it. The task's XCom has the rest.</p>
        </Notice>
      )}
      <Numbers summary={summary} />
      {summary.plan && <PlanView isApplied={!isWithoutEffect(summary)} plan={summary.plan} />}
      {summary.jobs.length > 0 && <Jobs jobs={summary.jobs} />}
      {rows && <RowsTable fileName={file} summary={summary} />}
      {summary.reports.length > 0 && <Reports host={host} reports={summary.reports} />}
    </>
  );
}

function Fact({ label, children }: { readonly label: string; readonly children: React.ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Numbers({ summary }: { readonly summary: Summary }) {
  const numbers = (Object.keys(OUTCOMES) as Outcome[]).filter((outcome) => {
    const number = summary.numbers[outcome];
    // That nobody knows is worth a word; that there were none is so only of what people look for.
    return number !== undefined && (number !== 0 || ALWAYS.has(outcome));
  });
  if (!numbers.length && summary.rowsRead === null) return null;
  return (
    <dl className="acw-tiles">
      {summary.rowsRead !== null && <Tile className="" label="Rows read" number={summary.rowsRead} />}
      {numbers.map((outcome) => (
        <Tile className={`acw-${outcome}`} key={outcome} label={OUTCOMES[outcome]} number={summary.numbers[outcome]} />
      ))}
    </dl>
  );
}

const ALWAYS: ReadonlySet<Outcome> = new Set(["created", "updated", "imported", "removed", "unchanged", "refused", "invalid"]);

type TileProps = { readonly label: string; readonly number: number | null | undefined; readonly className: string };

function Tile({ label, number, className }: TileProps) {
  return (
    <div className={`acw-tile ${className}`}>
      <dt>{label}</dt>
      <dd className={number === null ? "acw-muted" : ""}>{count(number)}</dd>
    </div>
  );
}

function PlanView({ plan, isApplied }: { readonly plan: Plan; readonly isApplied: boolean }) {
  const removals = (plan.remove ?? 0) + (plan.deactivate ?? 0);
  const all = (plan.create ?? 0) + (plan.update ?? 0) + removals;
  const id = useId();
  const pages = usePages(plan.changes, CHANGES);
  const scrollable = useScrollable("Changes");
  return (
    <section aria-labelledby={id} className="acw-section">
      <h3 id={id}>{isApplied ? "Plan" : "Plan, not applied"}</h3>
      <p className="acw-line acw-signs">
        <span className="acw-plus">+ {count(plan.create)} to create</span>
        <span className="acw-tilde">~ {count(plan.update)} to update</span>
        <span className="acw-minus">
          − {count(plan.remove)} to remove, {count(plan.deactivate)} to deactivate
        </span>
        <span className="acw-muted">{count(plan.unchanged)} unchanged</span>
        {plan.kept !== null && plan.kept > 0 && <span className="acw-muted">{count(plan.kept)} kept</span>}
      </p>
      {plan.changes.length > 0 && (
        <details open={!isApplied}>
          <summary>
            {plan.changes.length < all ? `The first ${count(plan.changes.length)} of ${count(all)} changes` : `All ${count(all)} changes`}
          </summary>
          <div className="acw-changes" {...scrollable}>
            <ol>
              {pages.items.map((change, place) => (
                <li className={`acw-change ${signOf(change)}`} key={pages.first + place}>
                  {change}
                </li>
              ))}
            </ol>
          </div>
          <Pages of={pages} what="changes" />
        </details>
      )}
    </section>
  );
}

function signOf(change: string): string {
  return { "+": "acw-plus", "~": "acw-tilde", "-": "acw-minus" }[change[0] ?? ""] ?? "";
}

function Jobs({ jobs }: { readonly jobs: readonly Job[] }) {
  const id = useId();
  const pages = usePages(jobs, JOBS);
  const hasRows = jobs.some((job) => job.sent !== null);
  const scrollable = useScrollable("Import jobs");
  return (
    <section aria-labelledby={id} className="acw-section">
      <h3 id={id}>{jobs.length === 1 ? "Import job" : "Import jobs"}</h3>
      <div className="acw-scroll" {...scrollable}>
        <table className="acw-table">
          <thead>
            <tr>
              <th scope="col">Import job</th>
              <th scope="col">Status</th>
              <th scope="col">Started</th>
              <th scope="col">Took</th>
              {hasRows && <th scope="col">Rows</th>}
              {hasRows && <th scope="col">Imported</th>}
              <th scope="col">Refused</th>
            </tr>
          </thead>
          <tbody>
            {pages.items.map((job, place) => (
              <tr key={pages.first + place}>
                <td data-label="Import job">
                  <code>{job.id ?? "not started"}</code>
                  {job.error && <div className="acw-error">{job.error}</div>}
                </td>
                <td data-label="Status">{job.status ?? "not known"}</td>
                <td data-label="Started">{moment(job.created)}</td>
                <td data-label="Took">{duration(job.seconds)}</td>
                {hasRows && (
                  <td data-label="Rows">
                    {count(job.sent)}
                    {job.rows && <span className="acw-muted"> ({job.rows})</span>}
                  </td>
                )}
                {hasRows && <td data-label="Imported">{count(job.imported)}</td>}
                <td data-label="Refused">{count(job.refused)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Pages of={pages} what="import jobs" />
    </section>
  );
}

function Reports({ reports, host }: { readonly reports: readonly Report[]; readonly host: string }) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="acw-section">
      <h3 id={id}>Files</h3>
      <dl className="acw-facts">
        {reports.map(({ label, path }) => (
          <Fact key={label} label={label}>
            <span className="acw-links">
              {addressOf(path, host) ? (
                <a href={addressOf(path, host)} rel="noopener noreferrer" target="_blank">
                  {path}
                </a>
              ) : (
                <code>{path}</code>
              )}
              <Copy text={path} />
            </span>
          </Fact>
        ))}
      </dl>
    </section>
  );
}

/** Where a browser finds a file: only at an address of the web, or in the console of Amazon S3 on a host. */
export function addressOf(path: string, host: string): string | undefined {
  const [, bucket, key] = path.match(/^s3:\/\/([a-z0-9][a-z0-9.-]+)\/(.+)$/) ?? [];
  if (bucket && key) return `https://${host}/s3/object/${bucket}?prefix=${encodeURIComponent(key)}`;
  return path.startsWith("https://") && URL.canParse(path) ? path : undefined;
}
