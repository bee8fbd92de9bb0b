"""The storage account on one machine: installs Azurite at a pinned version once, starts it, ends it.

    with azurite.running() as connection_string:                   # in memory, for tests
    with azurite.running(Path(".local/storage")) as connection_string:   # on disk, for the demo and `make run`

Facts measured with 3.35.0: the current blob and queue SDKs are refused without --skipApiVersionCheck; in-memory and
--location exclude each other; a disk instance that is SIGKILLed within about 6 s of a write loses it.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox import node, process
from sandbox.process import CannotStart

VERSION = "3.35.0"  # 3.36 and later want a newer node than long-term distributions carry
# all that it needs, by version and digest, from whatever registry npm is set to (the file names none):
# `npm install --package-lock-only --omit-lockfile-registry-resolved` makes it anew
LOCK = Path(__file__).resolve().parent / "azurite_lock"
READY_WITHIN_S = 180.0  # it takes 1-2 s; a loaded machine gets room
ATTEMPTS = 3  # a free port can be taken by another program before Azurite binds it

ACCOUNT = "devstoreaccount1"
# The development account's key is public and the same on every machine (Azurite README).
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ports:
    blob: int
    queue: int
    table: int

    @property
    def connection_string(self) -> str:
        endpoints = (("Blob", self.blob), ("Queue", self.queue), ("Table", self.table))
        doors = ";".join(f"{name}Endpoint=http://127.0.0.1:{port}/{ACCOUNT}" for name, port in endpoints)
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};{doors};"


@contextlib.contextmanager
def running(location: Path | None = None, *, ports: Ports | None = None, tell: Tell = print) -> Iterator[str]:
    """A storage account for the length of the block; yields its connection string.

    Without `location` everything is in memory and gone afterwards. Without `ports` free ones are found.
    """
    process.require_python()
    program = install(tell)
    child, used = _start(program, location, ports)
    try:
        yield used.connection_string
    finally:
        process.end(child)


def install(tell: Tell = print) -> list[str]:
    """The command that starts the pinned Azurite, installed under .local/ if it is not there yet."""
    tools = node.find(tell)
    home = node.install_package("azurite", VERSION, LOCK, tools, tell)
    return [str(tools.node), str(home / "dist" / "src" / "azurite.js")]


def _start(program: list[str], location: Path | None, ports: Ports | None) -> tuple[subprocess.Popen[bytes], Ports]:
    if ports is not None:
        for port in (ports.blob, ports.queue, ports.table):
            _require_free(port)
        return _launch(program, location, ports), ports
    for attempt in range(ATTEMPTS):
        found = Ports(*_free_ports(3))
        try:
            return _launch(program, location, found), found
        except _PortTaken:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


class _PortTaken(CannotStart):
    """Another program was faster; worth another try with other ports."""


def _launch(program: list[str], location: Path | None, ports: Ports) -> subprocess.Popen[bytes]:
    command = [*program, "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    for name, port in (("blob", ports.blob), ("queue", ports.queue), ("table", ports.table)):
        command += [f"--{name}Host", "127.0.0.1", f"--{name}Port", str(port)]
    if location is None:
        command.append("--inMemoryPersistence")
    else:
        location.mkdir(parents=True, exist_ok=True)
        command += ["--location", str(location)]
    with tempfile.TemporaryFile() as output:
        # its working folder is a scratch one: Azurite writes debug files where it stands
        child = process.start(command, cwd=location or Path(tempfile.gettempdir()), output=output)
        try:
            _wait_until_ready(child, ports)
        except BaseException as stopped:
            process.end(child)
            if isinstance(stopped, CannotStart):
                output.seek(0)
                raise _explain(stopped, output.read().decode(errors="replace")) from None
            raise
        return child


def _wait_until_ready(child: subprocess.Popen[bytes], ports: Ports) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    waiting = [ports.blob, ports.queue, ports.table]
    while waiting:
        if child.poll() is not None:
            raise CannotStart(f"Azurite ended at once with exit status {child.returncode}")
        if time.monotonic() > deadline:
            raise CannotStart(f"Azurite did not open port {waiting[0]} within {READY_WITHIN_S:.0f} s")
        if _listens(waiting[0]):
            waiting.pop(0)
        else:
            time.sleep(0.05)


def _explain(why: CannotStart, output: str) -> CannotStart:
    last_lines = "\n".join(output.strip().splitlines()[-5:])
    text = f"{why}\n{last_lines}".strip()
    return _PortTaken(text) if "EADDRINUSE" in output else CannotStart(text)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as why:
            raise CannotStart(f"port {port} is busy ({why.strerror}); stop what uses it or choose another") from None


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
