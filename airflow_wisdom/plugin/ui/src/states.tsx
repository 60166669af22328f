/** What is shown where there is nothing to show, or not yet. */
import type { ReactNode } from "react";

import type { ApiError } from "./api";
import { Button, Spinner } from "./host";
import type { Loaded } from "./hooks";
import { moment } from "./words";

type NoticeProps = {
  readonly kind?: "info" | "warning" | "error";
  readonly title: string;
  readonly children?: ReactNode;
};

export function Notice({ kind = "info", title, children }: NoticeProps) {
  return (
    <div className={`acw-notice acw-notice-${kind}`} role={kind === "error" ? "alert" : "note"}>
      <strong>{title}</strong>
      {children}
    </div>
  );
}

export function Loading({ what }: { readonly what: string }) {
  return (
    <p className="acw-loading" role="status">
      <Spinner /> {what}
    </p>
  );
}

/** Why something could not be loaded, and what helps. */
export function Problem({ error, retry }: { readonly error: ApiError; readonly retry: () => void }) {
  if (error.status === 403) {
    return (
      <Notice kind="warning" title="You may not see this">
        <p>
          Your role in Airflow does not include it: this page shows task instances, XComs and assets of the DAGs that you
          may read. An administrator of this Airflow can change that.
        </p>
      </Notice>
    );
  }
  if (error.status === 401) {
    return (
      <Notice kind="warning" title="You are signed out">
        <p>Reload the page to sign in again.</p>
        <Button onClick={() => location.reload()}>Reload</Button>
      </Notice>
    );
  }
  if (error.status === 404 && /is mapped/.test(error.message)) {
    return (
      <Notice title="This task is mapped">
        <p>It has a run for each of its map indexes: open one of them.</p>
      </Notice>
    );
  }
  if (error.status === 404) {
    return (
      <Notice kind="warning" title="There is no such run">
        <p>{error.message}. It may have been deleted.</p>
      </Notice>
    );
  }
  return (
    <Notice kind="error" title="This could not be loaded">
      <p>{error.message}.</p>
      <Button onClick={retry}>Try again</Button>
    </Notice>
  );
}

/** How fresh it is, in place of a page that flickers. */
export function Freshness({ loaded }: { readonly loaded: Loaded<unknown> }) {
  return (
    <span className="acw-freshness">
      {loaded.error ? (
        <span role="alert">Not up to date: {loaded.error.message}. </span>
      ) : (
        loaded.at && <span>Updated {moment(loaded.at).slice(11)} </span>
      )}
      {/* Never disabled: each refresh by itself would take the focus away. One that is asked for begins again. */}
      <Button onClick={loaded.reload}>Refresh</Button>
    </span>
  );
}
