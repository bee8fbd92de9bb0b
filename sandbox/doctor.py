"""`make doctor`: look at the set-up that the settings describe, and tell what is wrong and what to do about it.

Settings come from local.settings.json and the environment. Ends with 1 when errors were found, with 2 when it could not
look at all. It only reads.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from sandbox.host.settings import read_local_settings
from sandbox.process import CannotStart
from sandbox.stack import LOCAL_SETTINGS
from shared import wiring
from shared.api import checkup_shapes
from shared.checkup.nouns import Checkup
from shared.errors import Misconfigured, Verdict
from shared.flows import doctor
from shared.kinds import KINDS
from shared.setting_nouns import Settings
from shared.settings import in_cloud
from shared.tenants import read_all

Tell = Callable[[str], None]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="for scripts")
    told = parser.parse_args()
    logging.getLogger("azure").setLevel(logging.ERROR)
    try:
        environ = {**read_local_settings(LOCAL_SETTINGS), **os.environ}
    except CannotStart as why:
        print(f"doctor: {why}", file=sys.stderr)
        return 2
    return run(environ, print, as_json=told.json)


def run(environ: Mapping[str, str], tell: Tell, *, as_json: bool = False) -> int:
    try:
        tenants = read_all(environ, kinds=tuple(KINDS))
    except Misconfigured as why:
        tell(f"ERROR    {why}")
        return 1
    return max(_one(settings, environ, tell, as_json) for settings in tenants.values())


def _one(settings: Settings, environ: Mapping[str, str], tell: Tell, as_json: bool) -> int:
    try:
        made = asyncio.run(look(settings, in_cloud(environ)))
    except Verdict as why:
        tell(f"doctor: tenant {settings.tenant_id}: {type(why).__name__}: {why}")
        return 2
    if as_json:
        tell(json.dumps({"tenant": settings.tenant_id, **checkup_shapes.whole(made, [])}, indent=1))
    else:
        tell(f"tenant {settings.tenant_id}")
        report(made, tell)
    return 1 if made.count("error") else 0


async def look(settings: Settings, where: str = "") -> Checkup:
    from shared.wiring_checkup import make_instruments

    clock = wiring.UtcClock()
    async with AsyncExitStack() as exits:
        house = await wiring.furnish(settings, clock, exits)
        return await doctor.examine(house, await make_instruments(settings, clock, exits, in_cloud=where))


def report(made: Checkup, tell: Tell) -> None:
    for check in made.checks:
        tell(f"{check.state:8} {check.name}{': ' + check.text if check.text else ''}")
    for finding in made.findings:
        tell(f"\n{finding.severity.upper():8} {finding.subject}: {finding.text}\n         {finding.remedy}")
    tell(f"\n{made.count('error')} errors, {made.count('warning')} warnings")


if __name__ == "__main__":
    sys.exit(main())
