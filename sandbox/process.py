"""Child processes that never outlive us: started in a group of their own, ended politely, then firmly.

A child gets its own session, so that Ctrl-C in the terminal reaches only the parent, which then ends its children in
order. Should the parent itself be killed, Linux ends the child (PR_SET_PDEATHSIG); elsewhere only an orderly exit does.
The kernel watches the *thread* that started the child: start children from the main thread.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

GRACE_S = 10.0
OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)

# Runs in a bare interpreter that becomes the program: no code of ours runs between fork and exec in a threaded parent.
_TETHER = """
import ctypes, os, signal, sys
parent, own_signal, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
ctypes.CDLL(None, use_errno=True).prctl(1, own_signal, 0, 0, 0)
if os.getppid() != parent:
    sys.exit("the parent ended first")
os.execvp(program[0], program)
"""


class CannotStart(Exception):
    """Something this machine lacks; the message is for the user and names the remedy."""


def require_python() -> None:
    version = sys.version_info[:2]
    if not OLDEST_PYTHON <= version <= NEWEST_PYTHON:
        raise CannotStart(f"Python {version[0]}.{version[1]} is not supported; use Python 3.11, 3.12 or 3.13")


def start(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    output: IO[bytes] | int | None = None,
    on_parent_death: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a child that ends with us; its output and errors go to `output` (None: to ours)."""
    words = [str(word) for word in command]
    if sys.platform == "linux":
        words = [sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid()), str(int(on_parent_death)), *words]
    return subprocess.Popen(
        words,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=True,
    )


def end(child: subprocess.Popen[bytes], grace_s: float = GRACE_S) -> int:
    """End the child and its whole group: SIGTERM, a bounded wait, then SIGKILL. Harmless when it has ended already."""
    _signal_group(child, signal.SIGTERM)
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):  # the firm way below takes the rest
            child.wait(grace_s)
    finally:
        kill(child)
    return child.returncode


def kill(child: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the whole group, as a crash does it; also takes what an ended leader left behind."""
    _signal_group(child, signal.SIGKILL)
    child.wait()


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # the group outlives its leader while any member lives; its id is not given to others until then
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)
