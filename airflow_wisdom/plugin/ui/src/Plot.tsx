/** What became of the rows, run by run: one bar a run, the oldest first. */
import { type KeyboardEvent, type UIEvent, useId, useLayoutEffect, useRef, useState } from "react";

import { Button } from "./host";
import { useWidth } from "./hooks";
import { taskName } from "./parts";
import { keyOf, type Run, timeOf } from "./runs";
import type { Outcome } from "./summary";
import { OUTCOMES, PLOTTED, type Plotted, count, day, inWords, moment } from "./words";

const HEIGHT = 220;
const TOP = 12;
const BOTTOM = 24;
const LEFT = 56;
const NARROWEST = 14;
const WIDEST = 48;
/** Pixels that even one row of a million has: what needs somebody must not vanish. */
const LEAST = 3;

type Props = { readonly runs: readonly Run[]; readonly onOpen: (run: Run) => void };

export function Plot({ runs, onOpen }: Props) {
  const [hidden, setHidden] = useState<ReadonlySet<Plotted>>(new Set());
  const [pointed, setPointed] = useState<number>();
  const [stop, setStop] = useState(Infinity);
  const frame = useRef<HTMLDivElement>(null);
  const isShownByTouch = useRef(true);
  const id = useId().replace(/[^\w-]/g, "");
  const width = useWidth(frame, 640);
  const bars = [...runs].reverse();
  const there = PLOTTED.filter((outcome) => bars.some((run) => (run.summary?.numbers[outcome] ?? 0) > 0));
  const shown = there.filter((outcome) => !hidden.has(outcome));
  const most = niceTop(Math.max(1, ...bars.map((run) => sum(run, shown))));
  const step = Math.min(WIDEST, Math.max(NARROWEST, (width - LEFT) / Math.max(1, bars.length)));
  const whole = Math.max(width - LEFT, step * bars.length);
  const days = daysOf(bars, step, whole);
  const focus = Math.min(stop, bars.length - 1);
  const { scroller, scrolled, onScroll } = useNewestInView(whole, width);

  const toggle = (outcome: Plotted) =>
    setHidden((before) => {
      const after = new Set(before);
      if (!after.delete(outcome)) after.add(outcome);
      return after;
    });

  const move = (event: KeyboardEvent<SVGGElement>, place: number) => {
    const next = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: bars.length - 1 }[event.key];
    if (event.key === "Enter" || event.key === " ") onOpen(bars[place]!);
    else if (next === undefined) return;
    else if (next >= 0 && next < bars.length) {
      setStop(next);
      (event.currentTarget.parentNode?.children[next] as SVGGElement | undefined)?.focus();
    }
    event.preventDefault();
  };

  const at = pointed === undefined ? undefined : bars[pointed];
  return (
    <figure className="acw-plot">
      <div className="acw-legend" role="group" aria-label="What the plot shows">
        {there.map((outcome) => (
          <Button aria-pressed={!hidden.has(outcome)} key={outcome} onClick={() => toggle(outcome)}>
            <Swatch id={id} outcome={outcome} />
            {OUTCOMES[outcome]}
          </Button>
        ))}
      </div>
      <div className="acw-frame" ref={frame}>
        <Axis most={most} width={width} />
        <div className="acw-scroll acw-bars" onScroll={onScroll} ref={scroller}>
          <svg aria-label={`Rows by what became of them in ${bars.length} runs, the oldest first`} height={HEIGHT} role="group" width={whole}>
            <Patterns id={id} outcomes={there} />
            <g>
              {bars.map((run, place) => (
                <g
                  aria-label={`${moment(timeOf(run.instance))}, ${run.instance.dagName}: ${words(run)}`}
                  className="acw-column"
                  key={keyOf(run.instance)}
                  onBlur={() => setPointed(undefined)}
                  onClick={() => {
                    // A finger points with the first tap, and opens with the next.
                    if (isShownByTouch.current) onOpen(run);
                    isShownByTouch.current = true;
                  }}
                  onFocus={() => {
                    setStop(place);
                    setPointed(place);
                  }}
                  onKeyDown={(event) => move(event, place)}
                  onMouseEnter={() => setPointed(place)}
                  onMouseLeave={() => setPointed(undefined)}
                  onPointerDown={({ pointerType }) => {
                    isShownByTouch.current = pointerType !== "touch" || pointed === place;
                  }}
                  role="link"
                  tabIndex={place === focus ? 0 : -1}
                >
                  <rect className="acw-hover" height={HEIGHT - TOP - BOTTOM} width={step} x={step * place} y={TOP} />
                  <Bar id={id} most={most} outcomes={shown} run={run} width={step} x={step * place} />
                  {days.has(place) && (
                    <text aria-hidden="true" className="acw-day" x={step * place + 3} y={HEIGHT - 6}>
                      {days.get(place)}
                    </text>
                  )}
                </g>
              ))}
            </g>
          </svg>
        </div>
        {at && pointed !== undefined && (
          <Tip run={at} whole={width} x={LEFT + step * (pointed + 0.5) - scrolled} />
        )}
      </div>
    </figure>
  );
}

/** Let a scroller show its end, where the newest run is, until somebody scrolls it elsewhere. */
function useNewestInView(whole: number, width: number) {
  const scroller = useRef<HTMLDivElement>(null);
  const [scrolled, setScrolled] = useState(0);
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element && isAtEnd.current) element.scrollLeft = element.scrollWidth;
  }, [whole, width]);
  const onScroll = ({ currentTarget: { clientWidth, scrollLeft, scrollWidth } }: UIEvent<HTMLDivElement>) => {
    isAtEnd.current = scrollLeft + clientWidth > scrollWidth - NARROWEST;
    setScrolled(scrollLeft);
  };
  return { scroller, scrolled, onScroll };
}

function sum(run: Run, outcomes: readonly Plotted[]): number {
  return outcomes.reduce((total, outcome) => total + (run.summary?.numbers[outcome] ?? 0), 0);
}

function words({ summary }: Run): string {
  return summary ? inWords(summary.numbers) : "no summary";
}

/** Return the least round number that is not less, half of which is whole, so that an axis has three marks. */
export function niceTop(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most));
  const tops = [1, 1.2, 1.4, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10, 20].map((digit) => Math.round(digit * power * 10) / 10);
  return tops.find((top) => top >= most && (top % 2 === 0 || top === 1)) ?? most;
}

function y(rows: number, most: number): number {
  return HEIGHT - BOTTOM - (rows / most) * (HEIGHT - TOP - BOTTOM);
}

/** Lines and numbers behind the bars, which stay where they are when the bars are scrolled. */
function Axis({ most, width }: { readonly most: number; readonly width: number }) {
  const ticks = most < 2 ? [0, most] : [0, most / 2, most];
  return (
    <svg aria-hidden="true" className="acw-axis" height={HEIGHT} width={width}>
      {ticks.map((rows) => (
        <g key={rows}>
          <line x1={LEFT} x2={width} y1={y(rows, most)} y2={y(rows, most)} />
          <text textAnchor="end" x={LEFT - 8} y={y(rows, most) + 4}>
            {count(rows)}
          </text>
        </g>
      ))}
    </svg>
  );
}

type BarProps = {
  readonly id: string;
  readonly run: Run;
  readonly outcomes: readonly Plotted[];
  readonly most: number;
  readonly x: number;
  readonly width: number;
};

function Bar({ id, run, outcomes, most, x, width }: BarProps) {
  const bar = Math.max(6, width - 6);
  let bottom = HEIGHT - BOTTOM;
  if (!run.summary) {
    return <circle className="acw-empty" cx={x + width / 2} cy={bottom - 6} r={3} />;
  }
  // It has something to say, but nothing that is plotted.
  if (!sum(run, PLOTTED)) return <rect className="acw-empty acw-dash" height={3} width={bar} x={x + (width - bar) / 2} y={bottom - 5} />;
  return outcomes.map((outcome) => {
    const rows = run.summary?.numbers[outcome] ?? 0;
    if (!rows) return null;
    const height = Math.max(LEAST, (rows / most) * (HEIGHT - TOP - BOTTOM));
    bottom = Math.max(0, bottom - height);
    return (
      <rect
        className={`acw-segment acw-${outcome}`}
        fill={`url(#${id}-${outcome})`}
        height={height}
        key={outcome}
        width={bar}
        x={x + (width - bar) / 2}
        y={bottom}
      />
    );
  });
}

/** Pixels of a date, with a space behind it. */
const DATE = 44;

/** The dates, each below the first run of a day, by the place of that run, as far as there is room. */
function daysOf(bars: readonly Run[], step: number, whole: number): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  let [before, free] = ["", 0];
  bars.forEach(({ instance }, place) => {
    const time = timeOf(instance);
    const here = time ? day(time) : before;
    if (here !== before && step * place >= free && step * place + DATE <= whole) {
      found.set(place, here);
      free = step * place + DATE;
    }
    before = here;
  });
  return found;
}

type TipProps = { readonly run: Run; readonly x: number; readonly whole: number };

/** The numbers of a run: beside its bar or, where the style sheet finds no room there, below the plot. */
function Tip({ run: { instance, summary }, x, whole }: TipProps) {
  const place = x < whole / 2 ? { left: x + 12 } : { right: whole - x + 12 };
  const numbers = summary?.numbers ?? {};
  const there = (Object.keys(OUTCOMES) as Outcome[]).filter((outcome) => numbers[outcome] !== undefined && numbers[outcome] !== 0);
  return (
    <div aria-hidden="true" className="acw-tip" style={place}>
      <strong>{moment(timeOf(instance))}</strong>
      <span>
        {instance.dagName} · {taskName(instance)}
      </span>
      {there.length > 0 && (
        <dl>
          {there.map((outcome) => (
            <div key={outcome}>
              <dt>{OUTCOMES[outcome]}</dt>
              <dd>{count(numbers[outcome])}</dd>
            </div>
          ))}
        </dl>
      )}
      {summary && there.length === 0 && <span>{inWords(summary.numbers)}</span>}
      {!summary && <span>It has pushed no summary.</span>}
    </div>
  );
}

/** Outcomes differ in pattern as well as in colour, for those who cannot tell colours apart. */
const LINES: Readonly<Record<Plotted, string>> = {
  created: "",
  updated: "M0 4 H8",
  imported: "M0 2 L2 5 L4 2 M4 6 L6 9 L8 6",
  removed: "M4 0 V8",
  deactivated: "M0 2 H8 M0 6 H8",
  unchanged: "",
  present: "M3 3 h2 v2 h-2 z",
  differing: "M0 4 H8 M4 0 V8",
  refused: "M-2 2 L2 -2 M0 8 L8 0 M6 10 L10 6",
  invalid: "M1 1 h2 v2 h-2 z M5 5 h2 v2 h-2 z",
  failed: "M0 0 L8 8 M0 8 L8 0",
  notStarted: "M3.5 4 h1",
  unknown: "M0 8 L8 0 M0 4 H8",
};

function Patterns({ id, outcomes }: { readonly id: string; readonly outcomes: readonly Plotted[] }) {
  return (
    <defs>
      {outcomes.map((outcome) => (
        <pattern className={`acw-${outcome}`} height={8} id={`${id}-${outcome}`} key={outcome} patternUnits="userSpaceOnUse" width={8}>
          <rect height={8} width={8} />
          <path d={LINES[outcome]} />
        </pattern>
      ))}
    </defs>
  );
}

function Swatch({ id, outcome }: { readonly id: string; readonly outcome: Plotted }) {
  return (
    <svg aria-hidden="true" className={`acw-swatch acw-${outcome}`} height={14} width={14}>
      <rect className="acw-segment" fill={`url(#${id}-${outcome})`} height={13} width={13} x={0.5} y={0.5} />
    </svg>
  );
}
