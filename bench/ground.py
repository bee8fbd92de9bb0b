"""What the benchmarks with real processes stand on: Azurite, a simulated tenant and workers, all ended with us."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.worker import Config
from sandbox import azurite, process
from sandbox.process import CannotStart
from sandbox.talk import ask

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".local" / "bench"
QUIET = ("throttling=false", "latency_s=0", "delta_replays=false", "delta_empty_pages=false")
READY_WITHIN_S = 120.0
WORK_WITHIN_S = 900.0


@dataclass(frozen=True, slots=True)
class Ground:
    home: Path
    storage: str
    tenant: dict[str, Any]

    def mutate(self, *changes: dict[str, Any]) -> None:
        ask("POST", f"{self.tenant['control']}/mutate", list(changes))

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = ask("GET", f"{self.tenant['control']}/stats")
        return found

    def forget(self) -> None:
        ask("POST", f"{self.tenant['control']}/stats/reset", {})

    def config(self, owner: str, container: str) -> Path:
        (self.home / container).mkdir(exist_ok=True)
        told = Config(self.tenant, self.storage, container, str(self.home / container), ("files",), owner)
        path = self.home / f"{container}.json"
        path.write_text(json.dumps(asdict(told)))
        return path

    def start(self, config: Path) -> subprocess.Popen[bytes]:
        with config.with_suffix(".out").open("wb") as output, config.with_suffix(".err").open("wb") as errors:
            return subprocess.Popen(
                [sys.executable, "-m", "bench.worker", str(config)], cwd=ROOT, stdin=subprocess.DEVNULL,
                stdout=output, stderr=errors, env=environment(),
            )  # fmt: skip

    def back_up(self, config: Path) -> tuple[dict[str, Any], float]:
        """A worker's whole life: what it says, and how long the process took."""
        began = time.perf_counter()
        child = self.start(config)
        try:
            child.wait(WORK_WITHIN_S)
        finally:
            child.kill()
        took = time.perf_counter() - began
        text = config.with_suffix(".out").read_text()
        if child.returncode or not text:
            raise CannotStart(f"the worker failed:\n{config.with_suffix('.err').read_text()[-2000:]}")
        return json.loads(text), took


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1,localhost", **more}


@contextlib.contextmanager
def ground(*tenant: str, options: Sequence[str] = QUIET, on_disk: bool = False) -> Iterator[Ground]:
    HOME.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as exits:
        home = Path(exits.enter_context(tempfile.TemporaryDirectory(dir=HOME)))
        storage = exits.enter_context(azurite.running(home / "storage" if on_disk else None, tell=lambda _text: None))
        told = [word for option in options for word in ("--option", option)]
        command = [sys.executable, "-m", "sandbox.tenant", *tenant, *told, "--port-file", str(home / "tenant.json")]
        with (home / "tenant.log").open("wb") as output:
            child = process.start([*command, "--ca-out", str(home / "ca.pem")], cwd=ROOT, output=output)
        exits.callback(process.end, child)
        deadline = time.monotonic() + READY_WITHIN_S
        while not (home / "tenant.json").exists():
            if child.poll() is not None or time.monotonic() > deadline:
                raise CannotStart(f"the simulated tenant did not start:\n{(home / 'tenant.log').read_text()[-2000:]}")
            time.sleep(0.05)
        yield Ground(home, storage, json.loads((home / "tenant.json").read_text()))
