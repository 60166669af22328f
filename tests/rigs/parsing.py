"""Airflow's DAG processor, once for each line that it is given: the name of the bundle whose files it reads, each once.

A script, and one process for all rounds, because it takes seconds to start.
"""

from __future__ import annotations

import sys

PARSED = "PARSED"


def main() -> None:
    from airflow.dag_processing.manager import DagFileProcessorManager

    # Who parses is forked from here, and need not import it again.
    import airflow_wisdom.assets
    import airflow_wisdom.operators
    import airflow_wisdom.triggers  # noqa: F401

    for bundle in sys.stdin:
        DagFileProcessorManager(max_runs=1, bundle_names_to_parse=[bundle.strip()]).run()
        print(PARSED, flush=True)  # noqa: T201 - to whoever asked


if __name__ == "__main__":
    main()
