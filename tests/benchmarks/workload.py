"""The import jobs of one measurement. Both processes make the same ones from the same few numbers."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass
from functools import cached_property
from uuid import UUID


@dataclass(frozen=True)
class Job:
    """An import job.

    :param number: Its place in the order of creation, which tells it from all others.
    :param duration: Seconds that it runs.
    """

    number: int
    knowledge_base_id: str
    duration: float

    @property
    def id(self) -> str:
        return _uuid("job", self.number)


@dataclass(frozen=True)
class Workload:
    """What is waited for, and how the service behaves meanwhile.

    :param jobs: Number of jobs that all start as the measurement does.
    :param knowledge_bases: Number of knowledge bases over which they are spread evenly.
    :param shortest: Duration of the shortest job, in seconds.
    :param longest: Duration of the longest.
    :param history: Number of jobs in each knowledge base that ended long ago.
    :param oldest_first: Whether lists begin with the history rather than with the newest job.
    :param throttle: Calls a second above which the service throttles; None for never.
    """

    jobs: int
    knowledge_bases: int = 5
    shortest: float = 10.0
    longest: float = 20.0
    history: int = 0
    oldest_first: bool = False
    throttle: float | None = None

    @classmethod
    def from_json(cls, text: str) -> Workload:
        return cls(**json.loads(text))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @cached_property
    def running(self) -> list[Job]:
        """The jobs that are waited for: evenly spread durations, in an order that is random but always the same."""
        step = (self.longest - self.shortest) / max(1, self.jobs - 1)
        durations = [self.shortest + step * number for number in range(self.jobs)]
        random.Random(self.jobs).shuffle(durations)
        return [Job(number, self._knowledge_base(number), duration) for number, duration in enumerate(durations)]

    @cached_property
    def finished(self) -> list[Job]:
        """The history; its jobs are numbered on from where the running ones end."""
        numbers = range(self.jobs, self.jobs + self.history * self.knowledge_bases)
        return [Job(number, self._knowledge_base(number), self.shortest) for number in numbers]

    def _knowledge_base(self, number: int) -> str:
        return _uuid("knowledge base", number % self.knowledge_bases)


def _uuid(kind: str, number: int) -> str:
    return str(UUID(int=random.Random(f"{kind} {number}").getrandbits(128), version=4))
