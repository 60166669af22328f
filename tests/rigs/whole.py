"""Runs of DAGs in a whole Airflow, each with a part of the fake service of its own, and a search of all that is left.

The Airflow is the fixture `whole_airflow`: processes of their own, on SQLite.
"""

from __future__ import annotations

import base64
import gzip
import re
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import boto3
from cryptography.fernet import Fernet, InvalidToken
from rigs.stack import until

from airflow_wisdom.testing import FakeWisdom

if TYPE_CHECKING:
    from pathlib import Path

FOR_AN_HOUR = 3600
PATIENCE = 150
"""Seconds, on a machine that has much else to do."""
_regions = iter(boto3.Session().get_available_regions("ec2"))


class Service:
    """A region of the fake service, whose switches and calls are its own, with a knowledge base.

    :param airflow: The Airflow that is led there.
    """

    def __init__(self, airflow) -> None:
        self.fake = FakeWisdom(airflow.endpoint, region_name=next(_regions))
        self.knowledge_base = self.fake.create_knowledge_base()
        self._own_lists = 0
        self.conf = {"region": self.fake.region_name, "knowledge_base": self.knowledge_base}

    def calls(self, operation: str) -> int:
        return self.fake.calls().get(operation, 0)

    def jobs(self, number: int = 1) -> list[str]:
        """Wait until so many import jobs have been started, and return their ids."""
        until(lambda: self.calls("StartImportJob") >= number, PATIENCE, f"{number} import jobs to be started")
        self._own_lists += 1
        pages = self.fake.client().list_import_jobs(knowledgeBaseId=self.knowledge_base)
        return [job["importJobId"] for job in pages["importJobSummaries"]]

    def lists(self) -> int:
        """Return how often the jobs were listed, other than by :meth:`jobs`."""
        return self.calls("ListImportJobs") - self._own_lists

    def looks(self) -> int:
        return self.calls("GetImportJob") + self.lists()

    def until_waited_for(self) -> list[str]:
        """Wait until the jobs are being waited for, and return their ids."""
        jobs = self.jobs()
        before = self.looks()
        until(lambda: self.looks() > before, PATIENCE, "the import jobs to be waited for")
        return jobs

    def complete(self) -> None:
        for job in self.jobs():
            self.fake.set_status(job, "COMPLETE")


class Run:
    """A run of a DAG."""

    def __init__(self, airflow, dag_id: str, conf: dict, run_id: str | None = None) -> None:
        self.airflow, self.dag_id = airflow, dag_id
        self.run_id = airflow.trigger(dag_id, conf, run_id)

    def ti(self, column: str, task_id: str = "import", map_index: int = -1):
        rows = self.airflow.query(
            f"select {column} from task_instance where dag_id = %s and run_id = %s and task_id = %s and map_index = %s",
            self.dag_id,
            self.run_id,
            task_id,
            map_index,
        )
        return rows[0][0] if rows else None

    def until(self, *states: str, task_id: str = "import", map_index: int = -1, tried: int = 1) -> str:
        """Wait until a try of a task is in one of these states, and return which."""

        def state():
            is_state = self.ti("state", task_id, map_index)
            return is_state in states and self.ti("try_number", task_id, map_index) >= tried and is_state

        return until(state, PATIENCE, f"{self.dag_id}.{task_id}, try {tried}, to be {' or '.join(states)}")

    def until_settled(self, task_id: str) -> None:
        """Wait until the scheduler knows that a worker process has ended which left a task waiting.

        Airflow fails a task that goes on before that (apache/airflow #71580), as no person is fast enough to have it.
        """

        def is_known():
            lines = iter((self.airflow.home / "scheduler.log").read_text().splitlines())
            told = ("Received executor event with state success", self.run_id, f"task_id='{task_id}'")
            # In this order: the second `any` looks at the lines after the one that the first has found.
            return any(all(each in line for each in told) for line in lines) and any(
                "Ran scheduling loop" in line for line in lines
            )

        until(is_known, PATIENCE, f"the scheduler to know that the process of {task_id} has ended")

    def until_over(self) -> str:
        """Wait until the run is over, and return its state."""
        sql = "select state from dag_run where dag_id = %s and run_id = %s and state in ('success', 'failed')"
        ((state,),) = until(
            lambda: self.airflow.query(sql, self.dag_id, self.run_id), PATIENCE, f"the run of {self.dag_id} to end"
        )
        return state

    def states(self) -> dict[str, str]:
        """Return the state of each task."""
        sql = "select task_id, state from task_instance where dag_id = %s and run_id = %s"
        return dict(self.airflow.query(sql, self.dag_id, self.run_id))

    def log(self, task_id: str = "import", pattern: str = "attempt=*.log") -> str:
        """Return what workers logged for a task, or what else has a name of this pattern."""
        folder = self.airflow.home / "logs" / f"dag_id={self.dag_id}" / f"run_id={self.run_id}" / f"task_id={task_id}"
        return "".join(path.read_text() for path in sorted(folder.rglob(pattern)))

    def set_state(self, state: str, map_index: int | None = None) -> None:
        self.airflow.set_state(self.dag_id, self.run_id, "import", state, map_index)


class Search:
    """Looks for texts in every log file and in every value of the metadata database.

    :param airflow: The Airflow.
    """

    def __init__(self, airflow) -> None:
        self._home = airflow.home
        self._database = airflow.database
        self._fernet = Fernet(airflow.fernet_key)

    def find(self, *texts: str) -> set[str]:
        """Return where any of these is: paths of log files, and columns of tables."""
        return self.find_in_logs(*texts) | self.find_in_database(*texts)

    def find_each(self, texts: list[str], files: list[Path]) -> dict[str, set[str]]:
        """Return where each of many texts is, of those that are anywhere.

        :param files: Which files to search beside the logs.
        """
        found: dict[str, set[str]] = {}
        any_of_them = re.compile(b"|".join(text.encode() for text in texts))
        for where, plain in self._everything(files):
            for text in any_of_them.findall(plain):
                found.setdefault(text.decode(), set()).add(where)
        return found

    def _everything(self, files: list[Path]):
        for path in [*self._files(), *files]:
            yield path.name, path.read_bytes()
        for where, value in self._database.values():
            for plain in self.plain(value):
                yield where, plain

    def _files(self) -> list[Path]:
        return [path for path in self._home.rglob("*") if path.is_file() and path.suffix != ".cfg"]

    def find_in_logs(self, *texts: str) -> set[str]:
        return {str(path.relative_to(self._home)) for path in self._files() if _holds(path.read_bytes(), texts)}

    def find_in_database(self, *texts: str) -> set[str]:
        return {
            where for where, value in self._database.values() for plain in self.plain(value) if _holds(plain, texts)
        }

    def plain(self, value: bytes):
        """Yield a value as it is stored, and as whoever knows Airflow and its key can read it."""
        yield value
        if not value:
            # Nothing, unpacked by gzip, is nothing again, and so on for ever.
            return
        for decode in (self._fernet.decrypt, zlib.decompress, gzip.decompress, _base64):
            with suppress(InvalidToken, ValueError, OSError, EOFError, zlib.error):
                yield from self.plain(decode(value))

    def triggers(self) -> list[str]:
        """Return the parameters of each trigger there is, which Airflow encrypts or not."""
        rows = [value for where, value in self._database.values() if where == "trigger.kwargs"]
        return [next(text.decode() for text in self.plain(row) if text.startswith(b"{")) for row in rows]


def _holds(plain: bytes, texts) -> bool:
    return any(text.encode() in plain for text in texts)


def _base64(value: bytes) -> bytes:
    if len(value) < 8:
        raise ValueError("too short to hide anything")
    return base64.b64decode(value, validate=True)
