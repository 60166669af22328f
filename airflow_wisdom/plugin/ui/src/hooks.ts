import { type RefObject, useCallback, useEffect, useRef, useState } from "react";
import { useLocation } from "react-router-dom";

import { ApiError } from "./api";

export type Loaded<T> = {
  /** What was loaded last: it stays while it is loaded again, and if that fails. */
  readonly data: T | undefined;
  readonly error: ApiError | undefined;
  readonly isLoading: boolean;
  readonly at: Date | undefined;
  readonly reload: () => void;
};

/**
 * Load something, and again after a pause, for as long as the page is looked at.
 *
 * @param key Changes where something else is to be loaded.
 * @param pause Milliseconds until it is loaded again, from what was loaded; 0 for never.
 */
export function useLoaded<T>(
  load: (signal: AbortSignal) => Promise<T>,
  key: string,
  pause: (data: T | undefined) => number,
): Loaded<T> {
  type State = { key: string; data?: T; error?: ApiError; at?: Date };
  const [state, setState] = useState<State>({ key });
  const [isLoading, setLoading] = useState(true);
  const [turn, setTurn] = useState(0);
  const latest = useRef({ load, pause });
  latest.current = { load, pause };

  useEffect(() => {
    const control = new AbortController();
    setLoading(true);
    latest.current
      .load(control.signal)
      .then((data): State => ({ key, data, at: new Date() }))
      .catch((error: unknown) => (before: State): State => ({ ...(before.key === key ? before : { key }), error: asError(error) }))
      .then((next) => {
        if (control.signal.aborted) return;
        setState(next);
        setLoading(false);
      });
    return () => control.abort();
  }, [key, turn]);

  const own: State = state.key === key ? state : { key };
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  const wait = isLoading || own.error?.status === 403 ? 0 : latest.current.pause(own.data);
  useEffect(() => (wait ? whileVisible(reload, wait) : undefined), [wait, reload, own.at, own.error]);
  return { data: own.data, error: own.error, isLoading, at: own.at, reload };
}

function asError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(0, error instanceof Error ? error.message : String(error));
}

/** Call something after a pause, but not while nobody sees the page: then as soon as somebody does. */
function whileVisible(call: () => void, pause: number): () => void {
  const look = () => {
    if (!document.hidden) call();
  };
  const wake = () => document.addEventListener("visibilitychange", look);
  const timer = setTimeout(() => (document.hidden ? wake() : call()), pause);
  return () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", look);
  };
}

/** The width of an element in pixels, as it changes. */
export function useWidth(element: RefObject<HTMLElement | null>, otherwise: number): number {
  const [width, setWidth] = useState(otherwise);
  useEffect(() => {
    if (!element.current || typeof ResizeObserver === "undefined") return undefined;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.round(entry.contentRect.width)));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return width;
}

/** Attributes for what scrolls: whoever has no mouse reaches it only if it can have the focus, as long as it scrolls. */
export function useScrollable(label: string) {
  const [element, ref] = useState<HTMLElement | null>(null);
  const [isScrollable, setScrollable] = useState(false);
  useEffect(() => {
    if (!element || typeof ResizeObserver === "undefined") return undefined;
    const look = () =>
      setScrollable(element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight);
    const observer = new ResizeObserver(look);
    for (const each of [element, ...element.children]) observer.observe(each);
    return () => observer.disconnect();
  }, [element]);
  return isScrollable ? { ref, tabIndex: 0, role: "region", "aria-label": label } : { ref };
}

/** Say in the browser's title what the page shows, and lead keyboard and screen reader to its heading after a link. */
export function usePlace(title: string, isPage = true): RefObject<HTMLHeadingElement | null> {
  const heading = useRef<HTMLHeadingElement>(null);
  const { key } = useLocation();
  useEffect(() => {
    if (!isPage) return undefined;
    const before = document.title;
    document.title = title;
    // The first page of a visit is read from its beginning.
    if (key !== "default") heading.current?.focus({ preventScroll: true });
    return () => {
      document.title = before;
    };
  }, [title, isPage, key]);
  return heading;
}
