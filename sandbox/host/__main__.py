"""`python -m sandbox.host --app-dir . --port 7071`: the functions of one folder, served until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from sandbox.host.host import Plan, described, load_functions, serving
from sandbox.host.queues import LEASE_S, Pace
from sandbox.host.settings import merged_environment, read_host_json, read_local_settings
from sandbox.process import CannotStart, require_python

log = logging.getLogger("host")

_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}


def main() -> int:
    arguments = _arguments()
    try:
        require_python()
        plan = _read_plan(arguments)
        return asyncio.run(_serve(plan, arguments))
    except CannotStart as why:
        print(f"host: {why}", file=sys.stderr)
        return 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.host", description=__doc__)
    parser.add_argument("--app-dir", type=Path, default=Path("."), help="folder with function_app.py and host.json")
    parser.add_argument("--port", type=int, default=7071, help="0: a free one (default 7071)")
    parser.add_argument("--port-file", type=Path, help="written with the port once the host is ready")
    parser.add_argument("--grace-s", type=float, default=30.0, help="how long SIGTERM waits for work in flight")
    parser.add_argument(
        "--lease-s", type=int, default=LEASE_S, help=f"how long a taken message stays hidden (Azure: {LEASE_S})"
    )
    parser.add_argument(
        "--slowest-poll-s", type=float, default=Pace().slowest_poll_s, help="below host.json's maxPollingInterval"
    )
    return parser.parse_args()


def _read_plan(arguments: argparse.Namespace) -> Plan:
    app_dir = arguments.app_dir.resolve()
    values = read_local_settings(app_dir / "local.settings.json")
    os.environ.update(merged_environment(values, os.environ, arguments.port))
    host_json = app_dir / "host.json"
    if not host_json.exists():
        raise CannotStart(f"there is no host.json in {app_dir}")
    settings = read_host_json(host_json.read_text(encoding="utf-8"), os.environ)
    _set_up_logging(settings.log_level)
    return Plan(
        functions=load_functions(app_dir, os.environ),
        settings=settings,
        environment=dict(os.environ),
        app_dir=str(app_dir),
        pace=Pace(lease_s=arguments.lease_s, slowest_poll_s=arguments.slowest_poll_s),
        grace_s=arguments.grace_s,
    )


def _set_up_logging(level: str) -> None:
    logging.basicConfig(
        level=_LEVELS.get(level.lower(), logging.INFO), format="%(asctime)s %(message)s", datefmt="%H:%M:%S"
    )
    # the storage SDK logs every request with its URL: noise, and a place for secrets
    logging.getLogger("azure").setLevel(logging.WARNING)


async def _serve(plan: Plan, arguments: argparse.Namespace) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stopping)
    async with serving(plan, arguments.port) as port:
        for line in described(plan, port):
            log.info("%s", line)
        log.info("host ready on http://localhost:%d", port)
        if arguments.port_file:
            _write_whole(arguments.port_file, str(port))
        await stopping.wait()
        log.info("host stops: no new work, waiting up to %g s for %s", plan.grace_s, "what is in flight")
    log.info("host stopped")
    logging.shutdown()
    # As in Azure the worker ends without ceremony: a function in a thread, or a client that the app keeps open for
    # its whole life, must neither hold up the exit nor complain about it.
    sys.stdout.flush()
    os._exit(0)


def _stop(stopping: asyncio.Event) -> None:
    if stopping.is_set():  # asked twice: at once
        os._exit(130)
    stopping.set()


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
