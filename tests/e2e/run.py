"""Proves this package in a real Airflow: scheduler, API server, DAG processor and triggerer on PostgreSQL.

`make e2e` runs it. The service that the jobs run in is the fake one.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from load import run_load, say
from rigs.stack import airflow
from scenarios import ALONE, SCENARIOS, run_scenarios

from airflow_wisdom.testing import FakeWisdom


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with airflow(keep=options.keep) as real:
            say(f"Airflow runs; its logs are in {real.home}")
            good = [part(real, options) for part in options.parts]
    except KeyboardInterrupt:
        say("Interrupted; everything that was started has been stopped")
        return 130
    say("All is well" if all(good) else "Something is wrong, see above")
    return 0 if all(good) else 1


def _load(real, options) -> bool:
    return run_load(real, FakeWisdom(real.endpoint), options.tasks, options.pace)


def _scenarios(real, options) -> bool:
    return run_scenarios(real, FakeWisdom(real.endpoint), None if options.only in PARTS else options.only)


def _events(real, _options) -> bool:
    from events import run_events

    return run_events(real, FakeWisdom(real.endpoint))


PARTS = {"load": _load, "scenarios": _scenarios, "events": _events}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=500, help="how many are deferred at once (default: 500)")
    parser.add_argument("--pace", type=float, default=1.5, help="jobs that end in a second (default: 1.5)")
    names = [*PARTS, *SCENARIOS, *ALONE]
    parser.add_argument("--only", choices=names, metavar="NAME", help=f"one part, or one scenario: {'; '.join(names)}")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and database")
    options = parser.parse_args()
    chosen = PARTS.get(options.only, _scenarios)
    options.parts = [chosen] if options.only else list(PARTS.values())
    return options


if __name__ == "__main__":
    sys.exit(main())
