/** Reading JSON of which nothing is certain: what is not as expected is as if it were not there. */

export type Members = Readonly<Record<string, unknown>>;

export function members(value: unknown): Members {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : {};
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function text(value: unknown): string | null {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}

/** A number, or null where nobody knows it: never 0 in its place. */
export function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function time(value: unknown): Date | null {
  const found = typeof value === "string" ? new Date(value) : null;
  return found && !Number.isNaN(found.getTime()) ? found : null;
}
