"""What a question is, and what an answer to it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_wisdom.runs.probing.lab import Lab


@dataclass(frozen=True)
class Answer:
    """What a probe has found.

    :param text: What AWS does, in words.
    :param setting: What to set because of it: parameters and options, as ``docs/unverified.md`` names them. Default:
        nothing has to be set.
    :param switch: The call of :class:`~airflow_wisdom.testing.FakeWisdom` by which the fake does the same. Default:
        it has none for this, or does so by itself.
    """

    text: str
    setting: str = ""
    switch: str = ""


@dataclass(frozen=True)
class Question:
    """One question, with the experiment that answers it.

    :param id: The id of its row in ``docs/unverified.md``.
    :param text: What is asked, in a few words.
    :param does: What the experiment does.
    :param ask: The experiment. It raises :class:`~airflow_wisdom.runs.probing.lab.CannotTell` where it says nothing.
    :param last: Whether it looks at what others have left, and so comes after them. Default: no.
    """

    id: str
    text: str
    does: str
    ask: Callable[[Lab], Answer]
    last: bool = False


def listing(words: list[str]) -> str:
    """Return words as a part of an answer; ``none`` where there are none.

    :param words: The words.
    """
    return ", ".join(words) or "none"
