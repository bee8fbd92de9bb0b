"""How much memory this process holds, as the kernel counts it."""

from __future__ import annotations

import resource
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_mb() -> float:
    """The most so far, of this program alone: what getrusage tells begins with the process that started us."""
    return _told("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident_mb() -> float:
    """Now; where the kernel does not tell, the most so far."""
    return _told("VmRSS") or peak_mb()


def _told(name: str) -> float:
    lines = STATUS.read_text().splitlines() if STATUS.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), 0.0)
