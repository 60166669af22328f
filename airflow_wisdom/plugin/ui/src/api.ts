/** Airflow's REST API, asked with the login of whoever looks at the page. */

/** An answer that is not the one that was asked for. */
export class ApiError extends Error {
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

export type Query = Record<string, string | number | readonly string[]>;

/** Return what a resource below `/api/v2/` says. Each part of its path is one name, whatever is in it. */
export async function get(path: readonly (string | number)[], query: Query = {}, signal?: AbortSignal): Promise<unknown> {
  const url = new URL(["api/v2", ...path.map(encode)].join("/"), document.baseURI);
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(each));
  }
  const request: RequestInit = { credentials: "same-origin", headers: { Accept: "application/json" } };
  return answer(await ask(url, signal ? { ...request, signal } : request));
}

/** Return the answer, or undefined where Airflow says that there is no such thing. */
export async function find(path: readonly (string | number)[], query?: Query, signal?: AbortSignal): Promise<unknown> {
  try {
    return await get(path, query, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** Return the results of a function for all items, in order, with only so many of them under way at a time. */
export async function each<T, R>(items: readonly T[], most: number, one: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const left = items.entries();
  const work = async () => {
    for (const [place, item] of left) results[place] = await one(item);
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, work));
  return results;
}

/** `~` stands for all, and a name cannot be one or two dots, which would be another path. */
function encode(part: string | number): string {
  const text = encodeURIComponent(part);
  if (text === "." || text === "..") throw new ApiError(404, `Airflow's API has no path for the name ${part}`);
  return text;
}

async function ask(url: URL, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "Airflow does not answer");
  }
}

async function answer(response: Response): Promise<unknown> {
  const body: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw new ApiError(response.status, detail(body) ?? `Airflow answered ${response.status}`);
  if (body === undefined) throw new ApiError(response.status, "Airflow's answer is not JSON");
  return body;
}

function detail(body: unknown): string | undefined {
  const found = (body as { detail?: unknown } | null | undefined)?.detail;
  return typeof found === "string" ? found : undefined;
}
