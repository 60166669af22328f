"""Processes that end with whoever started them, and that can be killed, paused and started again meanwhile."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from rigs.guard import members

BETWEEN_ROUNDS = 0.5
"""Seconds between two looks of the supervisor."""

ORDERLY = 20.0
"""Seconds in which a process may end by itself once it is asked to."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a rig early: Ctrl-C, `kill`, and the terminal being closed."""


class Component:
    """A process with all that it starts.

    :param name: What it is called.
    :param command: What starts it.
    :param log: The file that it writes to.
    :param stop: The signal that ends it in order.
    :param how: As for :class:`subprocess.Popen`.
    """

    def __init__(self, name: str, command: list, log: Path, *, stop: signal.Signals = signal.SIGTERM, **how) -> None:
        self.name = name
        self.environment = how.pop("env", None)
        self._command, self._log, self._stop, self._how = command, log, stop, how
        self._stack = ExitStack()
        self._lock = threading.RLock()
        self._started: subprocess.Popen | None = None
        self._wanted = False

    def start(self) -> None:
        with self._lock:
            self._wanted = True
            started = process(self._command, self._log, stop=self._stop, env=self.environment, **self._how)
            self._started = self._stack.enter_context(started)

    def stop(self) -> None:
        """End it in order, and whatever it has left behind by force."""
        with self._lock:
            self._wanted = False
            self._stack.close()

    def restart(self) -> None:
        with self._lock:
            self.stop()
            self.start()

    def kill(self) -> None:
        """End it and all that it has started at once, as if the machine had gone down."""
        self._signal(signal.SIGKILL)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def pids(self) -> list[int]:
        """Return it and all that it has started."""
        return members(self._started.pid) if self._started else []

    def has_died(self) -> bool:
        """Return whether it has ended though nobody stopped it."""
        return self._wanted and self._started is not None and self._started.poll() is not None

    def start_again_if_it_has_died(self) -> None:
        if self.has_died():
            with self._lock:
                if self.has_died():
                    self.restart()

    def _signal(self, number: signal.Signals) -> None:
        # The first one first, lest it starts others again.
        for pid in sorted(self.pids(), key=lambda pid: pid != self._started.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@contextmanager
def supervised(components: list[Component]):
    """Start again whatever ends by itself, as a deployment's supervisor does, as long as the block lasts."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(BETWEEN_ROUNDS):
            for component in components:
                component.start_again_if_it_has_died()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def process(command: list, log: Path, *, stop: signal.Signals = signal.SIGTERM, **how):
    """Run a process, and end it with all that it has started, whatever happens in the block."""
    with ExitStack() as stack:
        with _undisturbed(), log.open("a") as output:
            # A group of its own: Ctrl-C reaches this process alone, which then stops the others in order.
            started = subprocess.Popen(
                [str(part) for part in command],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                **how,
            )
            stack.callback(started.wait)
            stack.enter_context(_guard(started.pid))
            stack.callback(_end, started, stop)
        yield started


@contextmanager
def _guard(session: int):
    """Kill what is left of a session after the block, also should this process die in it."""
    command = [sys.executable, "-I", "-S", Path(__file__).with_name("guard.py"), str(session)]
    # Of its own, so that Ctrl-C does not reach it.
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):
        yield


def _end(started: subprocess.Popen, stop: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(started.pid, stop)
    with suppress(subprocess.TimeoutExpired):
        started.wait(timeout=ORDERLY)


class _Interruption:
    """What a signal does that ends this process: nothing at once while another process is being started."""

    delayed = False
    pending = False

    def __call__(self, *_: object) -> None:
        # An impatient second Ctrl-C must not interrupt the cleaning up.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if not self.delayed:
            raise KeyboardInterrupt
        self.pending = True


_interruption = _Interruption()


@contextmanager
def _undisturbed():
    """Heed a signal that comes in this block only at its end: what was started is then known, and ends, too."""
    if threading.current_thread() is not threading.main_thread():
        # Signals are heeded in the main thread alone.
        yield
        return
    _interruption.delayed = True
    try:
        yield
    finally:
        _interruption.delayed = False
    if _interruption.pending:
        _interruption.pending = False
        raise KeyboardInterrupt


def interruptible() -> None:
    """Let SIGTERM and a closed terminal end this process as Ctrl-C does: with everything that it has started."""
    for number in SIGNALS:
        # What nohup has it ignore stays ignored.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interruption)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(condition, seconds: float, what: str, every: float = 0.25):
    """Wait until the condition holds, and return what it says."""
    ends = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > ends:
            raise TimeoutError(f"Waited {seconds:.0f} s for {what}, in vain")
        time.sleep(every)
    return answer
