"""`make run`: the same stack kept running, on the sandbox tenant or, with credentials, on a real one.

Credentials in local.settings.json or the environment (M365_TENANT_ID and so on) mean a real tenant, or any other server
that they name; then no simulated tenant is started. Storage that the settings do not name is an Azurite on this
machine, kept under .local/run. Ctrl-C ends all.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping

from sandbox import stack
from sandbox.host.settings import read_local_settings
from sandbox.process import CannotStart
from sandbox.stack import LOCAL_SETTINGS, RUN_HOME, STORAGE_SETTINGS, Plan, Stack, require_free
from shared.errors import Misconfigured
from shared.kinds import KINDS
from shared.settings import read

HOST_PORT = 7071  # as `func start`
TENANT_PORT = 18443  # the same each time: cursors name it
EVERY_HOUR = "0 0 * * * *"
EVERY_NIGHT = "0 0 2 * * *"
DEVELOPMENT = "usedevelopmentstorage=true"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.run", description=__doc__)
    parser.add_argument("--port", type=int, default=HOST_PORT, help=f"of the product's API (default {HOST_PORT})")
    parser.add_argument("--sandbox", action="store_true", help="the sandbox tenant even where credentials are set")
    told = parser.parse_args()
    try:
        environ = {**read_local_settings(LOCAL_SETTINGS), **os.environ}
        real = is_real(environ) and not told.sandbox
        require_free(told.port, "the API")
        if not real:
            require_free(TENANT_PORT, "the sandbox tenant")
        plan = real_plan(environ, told.port) if real else sandbox_plan(told.port)
        if real:
            check(environ, plan)
        serve(plan)
    except (CannotStart, Misconfigured) as why:
        print(f"run: {why}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nended; what is kept is in .local/run and is there next time")
    return 0


def is_real(environ: Mapping[str, str]) -> bool:
    """Whether the settings name a tenant; the sample's zeros do not."""
    return bool(set(environ.get("M365_TENANT_ID", "").strip()) - set("0-"))


def is_here(storage: str) -> bool:
    """Whether a storage setting leaves it to us: not set, or the development account."""
    return storage.strip().lower().rstrip(";") in ("", DEVELOPMENT)


def sandbox_plan(port: int) -> Plan:
    return Plan(
        RUN_HOME,
        tenant=("--seed", "demo", "--users", "8", "--port", str(TENANT_PORT)),
        settings={"BACKUP_SCHEDULE": EVERY_HOUR, "CARE_SCHEDULE": EVERY_NIGHT},
        host_port=port,
    )


def real_plan(environ: Mapping[str, str], port: int) -> Plan:
    """What the settings leave open gets a value that is good on one machine."""
    here = tuple(name for name in STORAGE_SETTINGS if is_here(environ.get(name, "")))
    if any(environ.get(f"AzureWebJobsStorage__{part}") for part in ("accountName", "queueServiceUri")):
        here = tuple(name for name in here if name != "AzureWebJobsStorage")
    usual = {"BACKUP_SCHEDULE": EVERY_HOUR, "CARE_SCHEDULE": EVERY_NIGHT}
    open_ = {name: when for name, when in usual.items() if not environ.get(name)}
    if not environ.get("API_AUDIENCE") and not environ.get("API_AUTH"):
        open_["API_AUTH"] = "off"
    return Plan(RUN_HOME, tenant=None, settings=open_, host_port=port, stored_here=here)


def check(environ: Mapping[str, str], plan: Plan) -> None:
    """Everything that is wrong with the settings, told before anything is started."""
    read({**environ, **dict.fromkeys(plan.stored_here, DEVELOPMENT), **plan.settings}, kinds=tuple(KINDS))


def serve(plan: Plan) -> None:
    print("starting ...", flush=True)
    with stack.running(plan) as up:
        keep(up)
        print(welcome(up), flush=True)
        while True:
            up.require_alive()
            time.sleep(0.5)


def keep(up: Stack) -> None:
    """What `make rebuild` needs to find the storage; of a real tenant no secret is written."""
    names = None if up.tenant else STORAGE_SETTINGS
    kept = {k: v for k, v in up.settings().items() if v and (names is None or k in names)}
    file = RUN_HOME / "settings.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(kept, indent=1))


def welcome(up: Stack) -> str:
    where = "the sandbox tenant: made-up people, nothing leaves this machine" if up.tenant else "your tenant"
    here = ", ".join(up.plan.stored_here)
    lines = [
        "",
        f"Holdfast is up, on {where}.",
        "",
        f"  API      {up.host_url}/api   (its description: {up.host_url}/api/openapi.json)",
        f"  storage  {f'Azurite in .local/run/storage ({here})' if here else 'as your settings say'}",
        "  logs     .local/run/*.log",
        "",
        "Try, in another terminal:",
        "",
    ]
    if up.tenant:
        token = "$(.venv/bin/python -m sandbox.token)"
    elif up.settings().get("API_AUTH") != "off":
        token = "...   # an Entra token for API_AUDIENCE with the role Holdfast.Admin"
    else:
        token = "none"
    who, tool = "adele@contoso.example" if up.tenant else "SOMEBODY", ".venv/bin/python -m tools.holdfast"
    lines += [
        f"  export HOLDFAST_URL={up.host_url} HOLDFAST_TOKEN={token}",
        f"  {tool} backup                      # back up everyone now",
        f"  {tool} runs                        # what the runs kept",
        f"  {tool} owners                      # whose data is kept",
        f"  {tool} ls {who} mail Inbox",
        f'  curl -H "Authorization: Bearer $HOLDFAST_TOKEN" -o coverage.html {up.host_url}/api/coverage.html',
    ]
    if up.tenant:
        change = '[{"do": "empty_mailbox", "user": "adele@contoso.example"}]'
        lines.append(f"  curl -d '{change}' {up.tenant['control']}/mutate     # a disaster")
    lines += ["  make rebuild                                        # the catalog anew from the vault", ""]
    return "\n".join([*lines, "Ctrl-C ends all."])


if __name__ == "__main__":
    sys.exit(main())
