/** A long list a page at a time: thousands of rows in the document would freeze it. */
import { useState } from "react";

import { Button } from "./host";
import { count } from "./words";

type Paged<T> = {
  readonly items: readonly T[];
  /** Where the first of the items stands in the whole list, from 0. */
  readonly first: number;
  readonly page: number;
  readonly last: number;
  readonly show: (page: number) => void;
};

export function usePages<T>(list: readonly T[], size: number): Paged<T> {
  const [wanted, show] = useState(0);
  const last = Math.max(0, Math.ceil(list.length / size) - 1);
  // The list may have become shorter.
  const page = Math.min(wanted, last);
  return { items: list.slice(page * size, (page + 1) * size), first: page * size, page, last, show };
}

export function Pages({ of, what }: { readonly of: Paged<unknown>; readonly what: string }) {
  const { page, last, show } = of;
  if (last === 0) return null;
  const step = (label: string, to: number) => {
    const isThere = to === page || to < 0 || to > last;
    // A button that is disabled while it has the focus loses it.
    return (
      <Button aria-disabled={isThere} onClick={() => !isThere && show(to)}>
        {label}
      </Button>
    );
  };
  return (
    <nav aria-label={`Pages of ${what}`} className="acw-tools">
      {step("First", 0)}
      {step("Previous", page - 1)}
      <span className="acw-muted">
        Page {count(page + 1)} of {count(last + 1)}
      </span>
      {step("Next", page + 1)}
      {step("Last", last)}
    </nav>
  );
}
