"""Start the simulated tenant: python -m sandbox.tenant --seed small --port-file ports.json --ca-out ca.pem"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path

from sandbox.tenant.certificates import made_certificate
from sandbox.tenant.load import load_mail, load_tree
from sandbox.tenant.seed import make_tenant
from sandbox.tenant.server import Running, running_tenant
from sandbox.tenant.state import Options, Tenant, User


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.tenant", description=__doc__)
    parser.add_argument(
        "--port-file", type=Path, help="where to write the doors' addresses, as JSON, once they are open"
    )
    parser.add_argument("--traffic", type=Path, help="folder for the exchanges, as JSON lines")
    parser.add_argument("--ca-out", type=Path, help="where to write the certificate authority to trust")
    parser.add_argument("--cert-dir", type=Path, help="where to write the apps' certificates with their keys, as PEM")
    parser.add_argument("--seed", choices=("small", "demo", "awkward", "empty"), default="small")
    parser.add_argument("--users", type=int, help="demo: so many users, two or more")
    parser.add_argument("--mails", type=int, help="demo: so many messages each")
    parser.add_argument("--files", type=int, help="demo: so many files each")
    parser.add_argument("--load-drive", action="append", default=[], metavar="UPN=DIR")
    parser.add_argument("--load-mail", action="append", default=[], metavar="UPN=DIR")
    parser.add_argument("--limit", type=int, help="load at most so many files or messages")
    parser.add_argument("--faults", type=Path, help="a fault plan, JSON")
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="an option of the tenant, JSON value"
    )
    parser.add_argument("--granted-out", type=Path, help="where to write each app's permissions, as JSON")
    parser.add_argument("--port", type=int, default=0, help="of the Graph and login door; default: a free one")
    return parser.parse_args()


def main() -> None:
    told = arguments()
    counts = {n: getattr(told, n) for n in ("users", "mails", "files") if getattr(told, n) is not None}
    options = Options(**{n: json.loads(v) for n, _, v in (o.partition("=") for o in told.option)})
    tenant = make_tenant(told.seed, options, **counts)
    for pair in told.load_drive:
        load_tree(tenant, *_loading(tenant, pair), told.limit)
    for pair in told.load_mail:
        load_mail(tenant, *_loading(tenant, pair), told.limit)
    if told.faults:
        tenant.faults.plan(json.loads(told.faults.read_text()))
    if told.granted_out:
        granted = {a.name: {"application": sorted(a.roles)} for a in tenant.apps.values() if a.roles}
        told.granted_out.write_text(json.dumps(granted, indent=1))
    if told.cert_dir:
        write_certificates(tenant, told.cert_dir)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(tenant, told))


def write_certificates(tenant: Tenant, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for app in tenant.apps.values():
        certificate, key = made_certificate(app.name)
        (folder / f"{app.name}.pem").write_bytes(key + certificate)


def _loading(tenant: Tenant, pair: str) -> tuple[User, Path]:
    name, _, folder = pair.partition("=")
    user = tenant.find_user(name if "@" in name else f"{name}@{tenant.domain}")
    if user is None or not Path(folder).exists():
        raise SystemExit(f"{pair}: no such user, or no such folder")
    return user, Path(folder)


async def _serve(tenant: Tenant, told: argparse.Namespace) -> None:
    async with running_tenant(tenant, traffic=told.traffic, ca_out=told.ca_out, port=told.port) as running:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, running.stop.set)
        _announce(running, told.port_file)
        await running.stop.wait()


def _announce(running: Running, port_file: Path | None) -> None:
    text = json.dumps({**running.info(), "pid": os.getpid()}, indent=1)
    if port_file is None:
        print(text, flush=True)
        return
    fresh = port_file.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(port_file)  # a reader sees all of it or nothing


if __name__ == "__main__":
    main()
