"""Everything on one machine: Azurite, the simulated tenant, the local functions host. Nothing outlives the block.

    with stack.running(Plan(Path(".local/demo"), tenant=("--seed", "demo"))) as up:
        up.api("POST", "backups", {}); up.wait_idle()

The three are processes of their own, so that each can be killed as in real life; their logs lie in the plan's folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from sandbox import azurite, meter, process
from sandbox.azurite import Ports
from sandbox.meter import Metered
from sandbox.process import CannotStart
from sandbox.talk import Refused, Silent, ask
from shared.knobs import KNOBS

ROOT = Path(__file__).resolve().parent.parent
LOCAL_SETTINGS = ROOT / "local.settings.json"
DEMO_HOME = ROOT / ".local" / "demo"
RUN_HOME = ROOT / ".local" / "run"
AUDIENCE = "api://holdfast"
READY_WITHIN_S = 300.0
IDLE_WITHIN_S = 1800.0
STEP_S = 0.1
NEVER = "0 0 0 29 2 *"  # a schedule that leaves the timer to us

STORAGE_SETTINGS = ("VAULT_STORAGE", "AzureWebJobsStorage")

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start. `tenant`: arguments of the simulated tenant, None for a real one, which environment or
    local.settings.json name. `stored_here`: the settings that point at our Azurite; none of them: it is not started."""

    home: Path
    tenant: tuple[str, ...] | None = ("--seed", "small")
    settings: Mapping[str, str] = field(default_factory=dict)
    traffic: Path | None = None
    in_memory: bool = False
    metered: bool = False
    storage_ports: Ports | None = None
    host_port: int = 0
    lease_s: int = 600
    storage: str = ""  # a connection string of an Azurite that runs already
    stored_here: tuple[str, ...] = STORAGE_SETTINGS


@dataclass(slots=True)
class Stack:
    plan: Plan
    storage: str  # what the product connects to
    azurite: str
    tenant: dict[str, Any]
    metered: Metered | None
    _host: subprocess.Popen[bytes] | None = None
    _port: int = 0
    _tokens: dict[str, str] = field(default_factory=dict)

    # -- settings

    def settings(self) -> dict[str, str]:
        """The settings that the host is given. On the simulated tenant these are all: what the machine's environment
        says of others is blanked."""
        given = dict.fromkeys(self.plan.stored_here, self.storage)
        if self.tenant:
            blank = {knob.name: "" for knob in KNOBS}
            given = blank | {"BACKUP_SCHEDULE": NEVER, "CARE_SCHEDULE": NEVER} | given | _tenant_settings(self.tenant)
        return given | self.plan.settings

    def environment(self) -> dict[str, str]:
        local = {"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1,localhost", "PYTHONUNBUFFERED": "1"}
        return {**os.environ, **local, **self.settings()}

    # -- the host

    def start_host(self) -> None:
        """Returns when the functions are served. A host that can't start tells why."""
        port_file = self.plan.home / "host.port"
        port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "sandbox.host", "--app-dir", str(ROOT), "--port", str(self.plan.host_port)]
        command += ["--port-file", str(port_file), "--lease-s", str(self.plan.lease_s), "--grace-s", "20"]
        log = self.plan.home / "host.log"
        with log.open("ab") as output:
            self._host = process.start(command, cwd=self.plan.home, env=self.environment(), output=output)
        self._port = int(_await_file(port_file, self._host, "the functions host", log))

    def stop_host(self) -> None:
        """As a deployment does: what is in flight gets its time."""
        if self._host is not None:
            process.end(self._host, grace_s=25)
            self._host = None

    def kill_host(self) -> None:
        """As a crash does it."""
        if self._host is not None:
            process.kill(self._host)
            self._host = None

    @property
    def host_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def api(self, method: str, path: str, body: Any = None, *, app: str = "operator", raw: bool = False) -> Any:
        """A call of the product's API with a token of one of the tenant's apps."""
        url = path if path.startswith("/") else f"/api/{path}"
        return ask(method, self.host_url + url, body, token=self.token(app), raw=raw)

    def everything(self, path: str) -> list[Any]:
        """All pages of a listing."""
        found: list[Any] = []
        joined, after = "&" if "?" in path else "?", ""
        while True:
            answer = self.api("GET", path + (f"{joined}after={after}" if after else ""))
            found += answer["value"]
            after = answer.get("next") or ""
            if not after:
                return found

    def fire(self, function: str) -> None:
        """Run a timer or queue function now, through the host's admin door."""
        ask("POST", f"{self.host_url}/admin/functions/{function}", {})

    def wait_idle(self, within_s: float = IDLE_WITHIN_S, tick: Callable[[], None] = lambda: None) -> None:
        """Until no ticket is queued, delayed or being served."""
        deadline = time.monotonic() + within_s
        while not self.idle():
            if time.monotonic() > deadline:
                about = ask("GET", f"{self.host_url}/admin/host/idle")
                waiting = {queue: n for queue, n in about["queues"].items() if n}
                what = f"{about['in_flight']} functions run, tickets wait: {waiting}"
                log = _tail(self.plan.home / "host.log")
                raise CannotStart(f"still at work after {within_s:.0f} s ({what}); the host's log ends:\n{log}")
            tick()
            time.sleep(STEP_S)

    def require_alive(self) -> None:
        if self._host is None or self._host.poll() is not None:
            raise CannotStart(f"the functions host has ended; its log ends:\n{_tail(self.plan.home / 'host.log')}")

    def idle(self) -> bool:
        self.require_alive()
        return bool(ask("GET", f"{self.host_url}/admin/host/idle")["idle"])

    # -- the tenant

    def token(self, app: str = "operator", audience: str = AUDIENCE) -> str:
        if not self.tenant:
            return ""
        if app not in self._tokens:
            self._tokens[app] = get_token(self.tenant, app, audience)
        return self._tokens[app]

    def control(self, method: str, path: str, body: Any = None) -> Any:
        return ask(method, f"{self.tenant['control']}/{path}", body)

    def mutate(self, *changes: Mapping[str, Any]) -> Any:
        return self.control("POST", "mutate", list(changes))

    def dump(self) -> dict[str, Any]:
        found: dict[str, Any] = self.control("GET", "dump")
        return found

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self.control("GET", "stats")
        return found


@contextlib.contextmanager
def running(plan: Plan, tell: Tell = print) -> Iterator[Stack]:
    """The stack for the length of the block."""
    process.require_python()
    plan.home.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as exits:
        exits.enter_context(_orderly_end())
        direct = plan.storage
        if not direct and plan.stored_here:
            location = None if plan.in_memory else plan.home / "storage"
            direct = exits.enter_context(azurite.running(location, ports=plan.storage_ports, tell=tell))
        tenant = exits.enter_context(_tenant(plan)) if plan.tenant is not None else {}
        metered = exits.enter_context(meter.running(direct)) if plan.metered else None
        up = Stack(plan, metered.connection_string if metered else direct, direct, tenant, metered)
        exits.callback(up.stop_host)
        up.start_host()
        yield up


@contextlib.contextmanager
def _orderly_end() -> Iterator[None]:
    """SIGTERM ends us as Ctrl-C does: the children first. Also where a shell starts us with Ctrl-C switched off."""

    def ended(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {}
    with contextlib.suppress(ValueError):  # not the main thread: whoever runs us sees to it
        before = {number: signal.signal(number, ended) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _tenant(plan: Plan) -> Iterator[dict[str, Any]]:
    port_file, log = plan.home / "tenant.json", plan.home / "tenant.log"
    port_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "sandbox.tenant", *(plan.tenant or ()), "--port-file", str(port_file)]
    command += ["--ca-out", str(plan.home / "ca.pem")]
    if plan.traffic:
        plan.traffic.mkdir(parents=True, exist_ok=True)
        command += ["--traffic", str(plan.traffic), "--granted-out", str(plan.traffic / "granted.json")]
    with log.open("ab") as output:
        child = process.start(command, cwd=ROOT, output=output)
    try:
        yield json.loads(_await_file(port_file, child, "the simulated tenant", log))
    finally:
        process.end(child)


def _tenant_settings(tenant: Mapping[str, Any]) -> dict[str, str]:
    apps = tenant["apps"]
    hosts = [tenant[door].partition("://")[2] for door in ("graph", "download", "upload")]
    return {
        "M365_TENANT_ID": tenant["tenant_id"],
        "M365_LOGIN_BASE_URL": tenant["login"],
        "M365_GRAPH_BASE_URL": tenant["graph"],
        "M365_CA_FILE": tenant["ca_file"],
        "M365_EXTRA_HOSTS": ",".join(dict.fromkeys(hosts)),
        "M365_BACKUP_CLIENT_ID": apps["backup"]["client_id"],
        "M365_BACKUP_CLIENT_SECRET": apps["backup"]["secret"],
        "M365_RESTORE_CLIENT_ID": apps["restore"]["client_id"],
        "M365_RESTORE_CLIENT_SECRET": apps["restore"]["secret"],
        "API_AUDIENCE": AUDIENCE,
    }


def get_token(tenant: Mapping[str, Any], app: str, audience: str = AUDIENCE) -> str:
    """An app-only token of one of the tenant's made-up apps, from its token endpoint."""
    about = tenant["apps"][app]
    form = {
        "grant_type": "client_credentials",
        "client_id": about["client_id"],
        "client_secret": about["secret"],
        "scope": f"{audience}/.default",
    }
    url = f"{tenant['login']}/{tenant['tenant_id']}/oauth2/v2.0/token"
    return str(ask("POST", url, form=form, ca_file=tenant["ca_file"])["access_token"])


def _await_file(path: Path, child: subprocess.Popen[bytes], who: str, log: Path) -> str:
    deadline = time.monotonic() + READY_WITHIN_S
    while not path.exists():
        if child.poll() is not None:
            raise CannotStart(f"{who} did not start:\n{_tail(log)}")
        if time.monotonic() > deadline:
            raise CannotStart(f"{who} was not ready within {READY_WITHIN_S:.0f} s:\n{_tail(log)}")
        time.sleep(STEP_S / 2)
    return path.read_text()


def require_free(port: int, what: str) -> None:
    """Told before anything is started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            why = "stop what uses it (another `make run`?) or choose another one"
            raise CannotStart(f"port {port}, for {what}, is busy; {why}") from None


def _tail(log: Path, lines: int = 12) -> str:
    with contextlib.suppress(OSError):
        return "\n".join(f"  {line}" for line in log.read_text(errors="replace").splitlines()[-lines:])
    return f"  (no log at {log})"


def fresh(folder: Path) -> Path:
    """The folder, emptied."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


__all__ = ["CannotStart", "Plan", "Refused", "Silent", "Stack", "fresh", "get_token", "require_free", "running"]
