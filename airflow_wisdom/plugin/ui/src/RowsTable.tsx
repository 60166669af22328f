/** The rows, and quick responses, about which there is something to say: searched, sorted, and a page at a time. */
import { useDeferredValue, useId, useMemo, useState } from "react";

import { csv, download } from "./csv";
import { useScrollable } from "./hooks";
import { Button, Input } from "./host";
import { Pages, usePages } from "./Pages";
import type { Problem, ProblemKind, Summary } from "./summary";
import { PROBLEMS, count, counted, lowered } from "./words";

const PAGE = 50;

type Column = "kind" | "line" | "name" | "reason";
type Order = { readonly by: Column; readonly isDown: boolean };

const COLUMNS: readonly (readonly [Column, string])[] = [
  ["kind", "What"],
  ["line", "Line"],
  ["name", "Name or value"],
  ["reason", "Reason"],
];

const COLLATOR = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

type Props = { readonly summary: Summary; readonly fileName: string };

export function RowsTable({ summary, fileName }: Props) {
  const { problems } = summary;
  const [search, setSearch] = useState("");
  const [kind, setKind] = useState<ProblemKind | "">("");
  const [order, setOrder] = useState<Order>();
  const sought = useDeferredValue(search.trim().toLowerCase());
  const id = useId();
  const kinds = useMemo(() => [...new Set(problems.map((problem) => problem.kind))], [problems]);
  const found = useMemo(() => sorted(sifted(problems, sought, kind), order), [problems, sought, kind, order]);
  const pages = usePages(found, PAGE);
  const scrollable = useScrollable("Rows to look at");

  const sortBy = (by: Column) => {
    pages.show(0);
    setOrder((before) => (before?.by === by ? (before.isDown ? undefined : { by, isDown: true }) : { by, isDown: false }));
  };

  return (
    <section aria-labelledby={`${id}-title`} className="acw-section">
      <h3 id={`${id}-title`}>Rows to look at</h3>
      <Sample summary={summary} />
      {problems.length > 0 && (
        <>
          <div className="acw-tools">
            <Input
              aria-label="Search these rows"
              onChange={(event) => {
                setSearch(event.target.value);
                pages.show(0);
              }}
              placeholder="Search"
              type="search"
              value={search}
            />
            {kinds.length > 1 && (
              <select
                aria-label="Which rows"
                className="acw-select"
                onChange={(event) => {
                  setKind(event.target.value as ProblemKind | "");
                  pages.show(0);
                }}
                value={kind}
              >
                <option value="">All of them</option>
                {kinds.map((each) => (
                  <option key={each} value={each}>
                    {PROBLEMS[each]}
                  </option>
                ))}
              </select>
            )}
            <SortBy
              onChange={(chosen) => {
                pages.show(0);
                setOrder(chosen);
              }}
              order={order}
            />
            <Button onClick={() => download(fileName, asCsv(found))}>Download as CSV</Button>
          </div>
          <div className="acw-scroll" {...scrollable}>
            <table className="acw-table acw-rows">
              <thead>
                <tr>
                  {COLUMNS.map(([column, label]) => (
                    <th aria-sort={sortOf(order, column)} key={column} scope="col">
                      <button className="acw-sort" onClick={() => sortBy(column)} type="button">
                        {label}
                        <span aria-hidden="true">{order?.by === column ? (order.isDown ? " ↓" : " ↑") : ""}</span>
                      </button>
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {pages.items.map((problem, place) => (
                  <Row key={pages.first + place} problem={problem} />
                ))}
              </tbody>
            </table>
          </div>
          <p aria-live="polite" className="acw-muted">
            {found.length
              ? `Entries ${count(pages.first + 1)} to ${count(pages.first + pages.items.length)} of ${count(found.length)}`
              : "No row has that in it."}
          </p>
          <Pages of={pages} what="rows" />
        </>
      )}
    </section>
  );
}

type SortByProps = { readonly order: Order | undefined; readonly onChange: (order: Order | undefined) => void };

/** Where there is no room for headings that sort. */
function SortBy({ order, onChange }: SortByProps) {
  const orders = COLUMNS.flatMap(([by, label]) => [
    { order: { by, isDown: false }, label },
    { order: { by, isDown: true }, label: `${label}, downwards` },
  ]);
  const place = orders.findIndex(({ order: each }) => each.by === order?.by && each.isDown === order.isDown);
  return (
    <label className="acw-narrow">
      Sort by
      <select className="acw-select" onChange={(event) => onChange(orders[Number(event.target.value)]?.order)} value={place}>
        <option value={-1}>as they are</option>
        {orders.map(({ label }, place) => (
          <option key={label} value={place}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The summary has a sample of them; how many more there are must not be hidden. */
function Sample({ summary: { problems, totals, reports } }: { readonly summary: Summary }) {
  const written = new Set(reports.map((report) => report.of));
  const words = (Object.keys(PROBLEMS) as ProblemKind[]).flatMap((kind) => {
    const shown = new Set(problems.filter((each) => each.kind === kind).map(placeOf)).size;
    const total = totals[kind];
    if (total === undefined || total === 0) return [];
    const what = lowered(PROBLEMS[kind]);
    if (total === null) return [`How many rows are ${what} is not known.`];
    if (shown >= total) return [];
    const all = written.has(kind) ? " The file below has all of them." : "";
    const here = shown ? `${count(shown)} ${shown === 1 ? "is" : "are"}` : "none is";
    return [`Of ${counted(total, "row")} ${what}, ${here} in the summary.${all}`];
  });
  if (!words.length) return problems.length ? null : <p className="acw-muted">None.</p>;
  return <p className="acw-muted">{words.join(" ")}</p>;
}

/** One row may have several mistakes. */
function placeOf(problem: Problem): unknown {
  return problem.line === null ? problem : `${problem.part}:${problem.line}`;
}

export function where({ line, unit, part, within }: Problem): string {
  if (line === null) return within ?? "";
  const place = unit === "row" ? `row ${count(line)}` : count(line);
  return part ? `${part}, ${place}` : place;
}

function called({ name, column, value }: Problem): string {
  const cell = column && (value === null || value !== name) ? `${column}: ${value ?? "empty"}` : "";
  return [name, cell].filter(Boolean).join(" · ");
}

function Row({ problem }: { readonly problem: Problem }) {
  return (
    <tr>
      <td data-label="What">
        <span className={`acw-kind acw-kind-${problem.kind}`}>{PROBLEMS[problem.kind]}</span>
      </td>
      <td data-label="Line">{where(problem) || <span className="acw-muted">not known</span>}</td>
      <td data-label="Name or value">{called(problem)}</td>
      <td data-label="Reason">{problem.reason}</td>
    </tr>
  );
}

function sifted(problems: readonly Problem[], sought: string, kind: ProblemKind | ""): readonly Problem[] {
  if (!sought && !kind) return problems;
  return problems.filter(
    (problem) =>
      (!kind || problem.kind === kind) &&
      (!sought || [PROBLEMS[problem.kind], where(problem), called(problem), problem.reason].join("\n").toLowerCase().includes(sought)),
  );
}

function sorted(problems: readonly Problem[], order: Order | undefined): readonly Problem[] {
  if (!order) return problems;
  const { by, isDown } = order;
  const key = { kind: ({ kind }: Problem) => PROBLEMS[kind], line: where, name: called, reason: ({ reason }: Problem) => reason }[by];
  const byLine = (one: Problem, other: Problem) => (one.line ?? Infinity) - (other.line ?? Infinity) || 0;
  const byText = (one: Problem, other: Problem) => COLLATOR.compare(key(one), key(other));
  const compare = by === "line" ? (one: Problem, other: Problem) => byLine(one, other) || byText(one, other) : byText;
  return [...problems].sort((one, other) => (isDown ? compare(other, one) : compare(one, other)));
}

function sortOf(order: Order | undefined, column: Column): "ascending" | "descending" | "none" {
  if (order?.by !== column) return "none";
  return order.isDown ? "descending" : "ascending";
}

export function asCsv(problems: readonly Problem[]): string {
  return csv(
    ["What", "File", "Line", "Name", "Column", "Value", "Reason"],
    problems.map(({ kind, part, line, within, name, column, value, reason }) => [
      PROBLEMS[kind],
      part,
      line ?? within,
      name,
      column,
      value,
      reason,
    ]),
  );
}
