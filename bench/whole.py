"""A OneDrive and a site given back into empty ones: how much of thousands of items comes back equal.

Compared is what a backup keeps of the original and of what came back, member by member and byte by byte, as the
contract suite does; older versions are kept and never given back, so they are counted and left out. In this process,
over the stores' memory twins.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator

from bench.figures import Chapter, Tell
from sandbox.tenant import site_list_mutations as lists
from sandbox.tenant.drive_mutations import item_at
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.happenings import mutate
from sandbox.tenant.seed_drives import give_drive, put
from sandbox.tenant.sharing import grant_to
from sandbox.tenant.state import Options, Tenant, User
from shared.flows.house import Limits
from shared.flows.likeness import Found, Shown, compared, shown
from shared.kinds import KINDS
from shared.kinds.files import Files
from shared.kinds.kind import Kind
from shared.kinds.lists import Lists
from shared.model import Owner, OwnerType, Place, Restored
from tests.contract.kinds_stage import PAGES, Stage
from tests.rig import Worlds, worlds

FILES = int(os.environ.get("HOLDFAST_BENCH_FILES", "2000"))  # of the OneDrive
ITEMS = int(os.environ.get("HOLDFAST_BENCH_ITEMS", "1000"))  # in one folder of the library, and in one list
OPTIONS = Options(latency_s=0, throttling=False)
VERSIONS = 2
SHARED_EVERY = 50
BOTH_APPS = frozenset({"backup", "restore"})
OLDER, OF_OLDER = "o365:Versions", "version-"


def run(tell: Tell) -> Iterator[Chapter]:
    yield asyncio.run(a_drive(tell, FILES))
    yield asyncio.run(a_site(tell, ITEMS))


async def a_drive(tell: Tell, files: int) -> Chapter:
    chapter = Chapter(f"A OneDrive of {files:,} files given back into an empty one")
    async with worlds("empty", OPTIONS) as there:
        tenant = there.tenant
        users = [tenant.add_user(name, name.capitalize()) for name in ("busy", "new", "friend")]
        drives = [give_drive(tenant, user) for user in users]
        _fill(tenant, drives[0], users[2], files, width=40)
        _edit(tenant, "busy@contoso.example", files)
        source, target = (Owner(tenant.id, "user", user.id, user.upn) for user in users[:2])
        await _there_and_back(there, Files(VERSIONS), "user", source, target, chapter, tell)
    return chapter


async def a_site(tell: Tell, items: int) -> Chapter:
    chapter = Chapter(
        f"A site with {items:,} files in a folder, {items:,} rows in a list, every type of column and pages given back"
    )
    async with worlds("awkward", OPTIONS, huge=9 << 20, attachment=4 << 20) as there:
        tenant, there.certified = there.tenant, BOTH_APPS
        crew, friend = tenant.find_site("crew"), next(iter(tenant.users.values()))
        assert crew is not None
        _fill(tenant, tenant.drives[crew.drives[0]], friend, items, width=1)
        _edit(tenant, "crew", items)
        columns = [{"name": "Amount", "kind": "number"}, {"name": "Boss", "kind": "personOrGroup"}]
        lists.add_list(tenant, "crew", "Rows", columns=columns)
        for n in range(items):
            lists.add_list_item(tenant, "crew", "Rows", f"Row {n:05d}", Amount=float(n), Boss=friend.upn)
        tenant.add_group("new", "New")
        new = tenant.find_site("new")
        assert new is not None
        lists.store_of(tenant, "new").meet(friend)  # a site's list of people can't be written: who is unknown is a loss
        source, target = (Owner(tenant.id, "site", s.id, s.web_url.partition("://")[2]) for s in (crew, new))
        for kind in (Files(VERSIONS), Lists(VERSIONS, attachments=True), KINDS["pages"]):
            await _there_and_back(there, kind, "site", source, target, chapter, tell)
    return chapter


def _path(n: int, width: int) -> str:
    return f"Work/{n % width:02}/file {n}.txt"


def _fill(tenant: Tenant, drive: Drive, friend: User, files: int, *, width: int) -> None:
    """`width`: folders that they lie in. Some are shared by themselves."""
    for n in range(files):
        put(tenant, drive, _path(n, width), f"file {n}\n".encode() * (1 + n % 20), aged_days=n % 900)
    for n in range(0, files, SHARED_EVERY):
        item = item_at(drive, _path(n, width))
        grant_to(item, friend, friend.upn, ["read"])
        drive.record(item, tenant.clock(), sharing=True)


def _edit(tenant: Tenant, user: str, files: int) -> None:
    """Some get older versions."""
    width = 40 if "@" in user else 1
    edit = {"do": "edit_file", "user": user}
    mutate(tenant, [{**edit, "path": _path(n, width), "text": f"new {n}"} for n in range(0, files, 100)])


async def _there_and_back(
    there: Worlds, kind: Kind, owner_type: OwnerType, source: Owner, target: Owner, chapter: Chapter, tell: Tell
) -> None:
    stage, began = Stage(there, kind, Limits(), owner_type), time.perf_counter()
    tell(f"{source.name}: {kind.name} kept")
    run = await stage.back_up(source)
    at = there.clock.now()
    chapter.add(f"{kind.name}: items kept", run.account.kept, note=f"{run.state}, {run.account.skipped} skipped")
    chapter.add(f"{kind.name}: items lost", run.account.lost, most=0)
    tell(f"{source.name}: {kind.name} given back")
    row = await stage.give_back(source, Place(target, "original"), order=kind.name, at=at)
    done = ", ".join(f"{n:,} {name}" for name, n in sorted(row.counts.items()))
    chapter.add(f"{kind.name}: restores that are not done", int(row.state != "done"), most=0, note=done)
    await stage.back_up(target)
    tell(f"{source.name}: {kind.name} compared")
    outcomes = {one.item_id: one.outcome for one in await stage.outcomes(row.restore)}
    first, older = await _kept(stage, source, at)
    second, _ = await _kept(stage, target)
    found = _unexplained(kind, first, second, outcomes)
    chapter.add(f"{kind.name}: items compared", sum(map(len, first.values())), note=f"{older:,} older versions besides")
    declared = sum(bool(one.losses) for one in outcomes.values())
    chapter.add(f"{kind.name}: items that told a declared loss", declared)
    told = "; ".join(found[:2])[:300]
    chapter.add(f"{kind.name}: differences that nothing declares", len(found), most=0, note=told)
    chapter.add(f"{kind.name}: there, back and compared", time.perf_counter() - began, "s", timed=True)


async def _kept(stage: Stage, owner: Owner, at: object = None) -> tuple[dict[str, Found], int]:
    """What is kept, by folder, and how many older versions."""
    house, found, older = stage.house(), defaultdict[str, Found](list), 0
    for path, version in await stage.kept(owner, at):  # type: ignore[arg-type]
        whole = await shown(house, stage.kind, version)
        older += sum(name.startswith(OF_OLDER) for name in whole.parts) or len(whole.record.get(OLDER, ()))
        parts = {name: part for name, part in whole.parts.items() if not name.startswith(OF_OLDER)}
        record = {name: value for name, value in whole.record.items() if name != OLDER}
        found[path].append((path, version, Shown(record, parts)))
    return found, older


def _unexplained(
    kind: Kind, first: dict[str, Found], second: dict[str, Found], outcomes: dict[str, Restored]
) -> list[str]:
    told = json.loads((PAGES / kind.name / "story.json").read_text("utf-8"))["excuses"] | dict(kind.excuses)
    lines = [line for path in {**first, **second} for line in compared(first[path], second[path], outcomes)]
    return [line for line in lines if not any(re.search(pattern, line) for pattern in told)]
