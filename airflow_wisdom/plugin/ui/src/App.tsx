import { Component, type ReactNode } from "react";
import { useSearchParams } from "react-router-dom";

import { Overview } from "./Overview";
import { RunView } from "./RunView";
import type { Which } from "./runs";
import { Notice } from "./states";
import css from "./style.css?inline";

/** What Airflow says of where it shows this: nothing on the page under Browse, a task instance on its tab. */
export type Props = {
  readonly dagId?: string;
  readonly runId?: string;
  readonly taskId?: string;
  readonly mapIndex?: string;
};

export function App({ dagId, runId, taskId, mapIndex }: Props) {
  const isTab = dagId !== undefined && runId !== undefined && taskId !== undefined;
  return (
    <div className="acw">
      <style>{css}</style>
      <Boundary>
        {isTab ? <RunView isTab which={{ dagId, runId, taskId, mapIndex: indexOf(mapIndex) }} /> : <Page />}
      </Boundary>
    </div>
  );
}

/** The page under Browse: all knowledge bases, or the run that its address names. */
function Page() {
  const [parameters] = useSearchParams();
  const which = whichOf(parameters);
  return which ? <RunView which={which} /> : <Overview />;
}

export function whichOf(parameters: URLSearchParams): Which | undefined {
  const [dagId, runId, taskId] = ["dag_id", "run_id", "task_id"].map((name) => parameters.get(name));
  return dagId && runId && taskId ? { dagId, runId, taskId, mapIndex: indexOf(parameters.get("map_index")) } : undefined;
}

function indexOf(text: string | null | undefined): number {
  return /^\d+$/.test(text ?? "") ? Number(text) : -1;
}

/** Shows that the page is broken in its own place, and leaves the rest of Airflow alone. */
class Boundary extends Component<{ readonly children: ReactNode }, { readonly error?: Error }> {
  override state: { readonly error?: Error } = {};

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <Notice kind="error" title="This page is broken">
        <p>{error.message}</p>
        <p>Reload it. If that does not help, the raw summary of a task is in its XCom.</p>
      </Notice>
    );
  }
}
