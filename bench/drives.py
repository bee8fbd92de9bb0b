"""What a drive and a site's libraries cost in SharePoint's resource units: full with sharing, unchanged, 1 %, a move.

Units are the tenant's own price list (SharePoint throttling guide), each request at its price, each download at one. In
this process, over the stores' memory twins: only counts are meant.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.figures import Chapter, Tell
from sandbox.tenant.calls import Charge
from sandbox.tenant.drive_mutations import folder_at, item_at
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.happenings import mutate
from sandbox.tenant.seed_drives import give_drive, put
from sandbox.tenant.sharing import grant_to
from sandbox.tenant.state import Options, Tenant, User
from shared.catalog.catalog import Catalog
from shared.flows import plan
from shared.flows.house import Limits, Policy
from shared.model import Account, Owner, OwnerType
from tests.rig import Worlds, drain, process, worlds

FILES = 5_000
SHARED = 0.015  # files with sharing of their own: five units more each
CHANGED = 0.01
AIM_FULL, AIM_CHANGED = 1.10, 1.20
PAGE = 200  # items to an answer of delta, whatever was asked for: what clients have seen
OPTIONS = Options(latency_s=0, throttling=False, delta_replays=False, delta_empty_pages=False, drive_page_max=PAGE)
UPN = "busy@contoso.example"


@dataclass(slots=True)
class Ground:
    there: Worlds
    owner: Owner
    name: str  # as mutations call it
    units: list[int] = field(default_factory=list)

    async def back_up(self) -> tuple[Account, int, int]:
        """What became of it, the units it took, and how often content was read."""
        self.there.clock.advance(3600)
        self.units.clear()
        self.there.running.traffic.shapes.clear()
        types: tuple[OwnerType, ...] = ("user", "group", "site")
        house = process(self.there, limits=Limits(), policy=Policy(types, ("files",)))
        [planned] = await plan.now(house, [self.owner.id])
        await drain(self.there, house)
        run = await Catalog(self.there.rows).run(house.tenant, planned.run)
        assert run is not None and run.state == "done", run
        read = self.there.running.traffic.shapes["download GET"]
        return run.account, sum(self.units) + read, read


def run(tell: Tell) -> list[Chapter]:
    return [asyncio.run(_case("a OneDrive", "user", tell)), asyncio.run(_case("a site's library", "site", tell))]


async def _case(title: str, owner_type: OwnerType, tell: Tell) -> Chapter:
    tell(f"{title}: {FILES:,} files")
    chapter = Chapter(f"Resource units of {title}: {FILES:,} files, {SHARED:.1%} of them shared by themselves")
    async with _ground(owner_type) as ground:
        account, units, _ = await ground.back_up()
        chapter.add("full: units per file", units / FILES, "/file", most=AIM_FULL, note=f"{account.kept:,} items kept")
        chapter.add("full: 1,000,000 such files at 1.2 million units a day", units / FILES * 1e6 / 1.2e6, "days")
        await ground.back_up()  # the census of a first run is over
        _, units, _ = await ground.back_up()
        asked = sum(n for name, n in ground.there.running.traffic.shapes.items() if not name.endswith("/$batch"))
        fewest = 1 if owner_type == "user" else 2
        chapter.add("unchanged: requests", asked, most=fewest, note=f"{units} units; a site's libraries are named anew")
        changed = int(FILES * CHANGED)
        edit = {"do": "edit_file", "user": ground.name}
        mutate(ground.there.tenant, [{**edit, "path": _path(n), "text": f"new {n}"} for n in range(changed)])
        _, units, read = await ground.back_up()
        told = f"{read} contents read"
        chapter.add("1 % changed: units per changed file", units / changed, "/file", most=AIM_CHANGED, note=told)
        move = {"do": "move_item", "user": ground.name, "path": "Work", "to": "Elsewhere"}
        mutate(ground.there.tenant, [move])
        account, units, read = await ground.back_up()
        chapter.add(f"a moved folder with {FILES:,} files: contents read", read, most=0, note=f"{units} units, "
                    f"{account.kept} item kept")  # fmt: skip
        mutate(ground.there.tenant, [{"do": "expire_delta", "user": ground.name}])
        _, units, read = await ground.back_up()
        chapter.add("after a resync (410): contents read", read, most=0, note=f"{units} units: the listing alone")
    return chapter


@asynccontextmanager
async def _ground(owner_type: OwnerType) -> AsyncIterator[Ground]:
    async with worlds("empty", OPTIONS) as there:
        tenant = there.tenant
        users = [tenant.add_user(UPN, "Busy Person"), tenant.add_user("other", "Other Person")]
        if owner_type == "user":
            owner, name, drive = Owner(tenant.id, "user", users[0].id, UPN), UPN, give_drive(tenant, users[0])
        else:
            site = tenant.add_site("busy", "Busy Site")
            owner, name, drive = Owner(tenant.id, "site", site.id, site.web_url), "busy", tenant.drives[site.drives[0]]
        _fill(tenant, drive, users[1])
        there.clock.advance(60 * 86_400)  # nothing is new: all but the first answers are listed twice
        ground = Ground(there, owner, name)
        charge = tenant.throttle.enter

        def enter(app: str, price: Charge, what: str, sent_bytes: int, sent_at: float) -> None:
            if price.pool == "sharepoint":
                ground.units.append(price.cost)
            charge(app, price, what, sent_bytes, sent_at)

        tenant.throttle.enter = enter  # type: ignore[method-assign]  # the bench's own count
        yield ground


def _fill(tenant: Tenant, drive: Drive, other: User) -> None:
    for n in range(FILES):
        put(tenant, drive, _path(n), f"file {n}\n".encode() * 20, aged_days=n % 900)
    folder_at(drive, "Elsewhere", tenant.clock())
    for n in range(0, FILES, int(1 / SHARED)):
        item = item_at(drive, _path(n))
        grant_to(item, other, other.upn, ["read"])
        drive.record(item, tenant.clock(), sharing=True)


def _path(n: int) -> str:
    return f"Work/{n % 40:02}/file {n}.txt"
