"""What each kind costs: Graph requests and storage requests per item, in a full, an incremental and an unchanged run.

In this process, over the stores' memory twins and the simulated tenant's own code without sockets: only counts are
meant. Times tell how much work our own code is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from bench.counted import CountedBlobs, CountedQueue, CountedRows, Spent
from bench.figures import Chapter, Tell
from sandbox.tenant import site_list_mutations as lists
from sandbox.tenant.happenings import mutate
from sandbox.tenant.seed_contacts import seed_contacts
from sandbox.tenant.seed_drives import give_drive, seed_everyday
from sandbox.tenant.seed_mail import seed_everyday_mail
from sandbox.tenant.state import Options, Tenant, User
from shared.catalog.catalog import Catalog
from shared.catalog.nouns import RunRow
from shared.flows import plan, restore
from shared.flows.house import House, Limits, Policy
from shared.kinds import KINDS
from shared.kinds.lossless import EXPORTED_TOGETHER, lossless
from shared.model import Owner, Place, Selection
from tests.rig import Probe, Worlds, drain, process, worlds

UPN, SITE = "busy@contoso.example", "busy"
CHANGED = 0.01
AIM_STORAGE = 0.03  # requests to storage per small item of a full run
OPTIONS = Options(latency_s=0, throttling=False, delta_replays=False, delta_empty_pages=False)


@dataclass(frozen=True, slots=True)
class Case:
    """So many items of a kind, and what happens to one in a hundred of them."""

    kind: str
    items: int
    fill: Callable[[Tenant, User, int], object]
    change: Callable[[int], dict[str, object]]
    aim: float | None = AIM_STORAGE  # None: too few items for what a run costs by itself
    lossless: bool = False


def _mail(tenant: Tenant, user: User, items: int) -> None:
    seed_everyday_mail(tenant, tenant.mailboxes[user.id], mails=items - 1)  # and a draft


def _new_mail(n: int) -> dict[str, object]:
    return {"do": "add_mail", "user": UPN, "subject": f"New today {n}"}


def _new_contact(n: int) -> dict[str, object]:
    return {"do": "edit_contact", "user": UPN, "name": f"Person {n:03d}", "jobTitle": "Changed"}


def _new_file(n: int) -> dict[str, object]:
    return {"do": "add_file", "user": UPN, "path": f"Projects/2024/new {n}.txt", "text": f"new today {n}\n" * 50}


def _made(what: Callable[[int], dict[str, object]]) -> Callable[[Tenant, User, int], object]:
    return lambda tenant, _user, items: mutate(tenant, [what(number) for number in range(items)])


def _new_event(n: int) -> dict[str, object]:
    day = f"2026-{1 + n // 28 % 12:02}-{1 + n % 28:02}"
    times = {"start": f"{day}T10:00:00", "end": f"{day}T11:00:00"}
    return {"do": "add_event", "user": UPN, "subject": f"Appointment {n}", **times}


def _new_task(n: int) -> dict[str, object]:
    return {"do": "add_task", "user": UPN, "title": f"Task {n}", "checklist": ["one step"]}


def _new_rule(n: int) -> dict[str, object]:
    return {"do": "add_rule", "user": UPN, "name": f"Rule {n}", "actions": {"markAsRead": True}}


def _new_category(n: int) -> dict[str, object]:
    return {"do": "add_category", "user": UPN, "name": f"Category {n}"}


def _new_title(n: int) -> dict[str, object]:
    return {"do": "edit_user", "user": UPN, "job_title": f"Title {n}"}


ROWS = [
    {"name": "Amount", "kind": "number"},
    {"name": "State", "kind": "choice", "facet": {"choices": ["Open", "Closed"], "displayAs": "dropDownMenu"}},
    {"name": "Boss", "kind": "personOrGroup"},
]


def _list(tenant: Tenant, user: User, items: int) -> None:
    """A list of so many rows, each with a person in it."""
    lists.add_list(tenant, SITE, "Rows", columns=ROWS)
    for n in range(items - 1):  # and the list
        lists.add_list_item(tenant, SITE, "Rows", f"Row {n:05d}", Amount=float(n), State="Open", Boss=user.upn)


def _new_row(n: int) -> dict[str, object]:
    return {"do": "edit_list_item", "site": SITE, "list_name": "Rows", "item": f"Row {n:05d}", "State": "Closed"}


CASES = (
    Case("mail", 2000, _mail, _new_mail),
    Case("mail", 2000, _mail, _new_mail, None, lossless=True),
    Case("contacts", 2000, lambda t, u, n: seed_contacts(t.contacts[u.id], count=n - 1), _new_contact),
    Case("files", 2000, lambda t, u, n: seed_everyday(t, u, files=n), _new_file),
    Case("events", 2000, _made(_new_event), lambda n: _new_event(5000 + n)),
    Case("tasks", 2000, _made(_new_task), lambda n: _new_task(5000 + n)),
    Case("lists", 2000, _list, _new_row),
    Case("rules", 100, _made(_new_rule), lambda n: _new_rule(5000 + n), None),
    Case("settings", 100, _made(_new_category), lambda n: _new_category(5000 + n), None),  # one item, all in it
    Case("profile", 100, _made(_new_title), lambda n: _new_title(5000 + n), None),
)


def run(tell: Tell) -> list[Chapter]:
    return [asyncio.run(_case(case, tell)) for case in CASES]


async def _case(case: Case, tell: Tell) -> Chapter:
    mode = ", lossless" if case.lossless else ""
    tell(f"{case.kind}{mode}: {case.items:,} items")
    chapter = Chapter(f"{KINDS[case.kind].title}{mode}: {case.items:,} small items of one owner")
    async with _staged(case, case.items // 2) as half:
        _, fewer, _ = await half.spent_on(half.back_up)
        given_back = Chapter("")
        await half.measured(given_back, "restore of half of them", half.give_back, case.items // 2)
    async with _staged(case, case.items) as stage:
        more = await stage.measured(chapter, "full", stage.back_up, case.items, aim=case.aim)
        further = (more.total - fewer.total) / (case.items - case.items // 2)
        chapter.add("full: storage requests per further item", further, "/item", most=case.aim)
        changed = int(case.items * CHANGED)
        mutate(stage.there.tenant, [case.change(n) for n in range(changed)])
        await stage.measured(chapter, "1 % changed", stage.back_up, changed)
        await stage.measured(chapter, "unchanged", stage.back_up, 0)
        chapter.figures += given_back.figures
    return chapter


@asynccontextmanager
async def _staged(case: Case, items: int) -> AsyncIterator[_Stage]:
    async with worlds("empty", OPTIONS) as there:
        user = there.tenant.add_user(UPN, "Busy Person")
        there.tenant.add_mailbox(user)
        there.tenant.add_group(SITE, "Busy site")
        case.fill(there.tenant, user, items)
        yield _Stage(there, case, _owner(there.tenant, case.kind, user, SITE))


def _owner(tenant: Tenant, kind: str, user: User, site: str) -> Owner:
    if "user" in KINDS[kind].owner_types:
        return Owner(tenant.id, "user", user.id, user.upn)
    found = tenant.find_site(site)
    assert found is not None
    return Owner(tenant.id, "site", found.id, found.web_url.partition("://")[2])


class _Stage:
    def __init__(self, there: Worlds, case: Case, owner: Owner) -> None:
        self.there, self._kind, self._owner, self._lossless = there, case.kind, owner, case.lossless
        self.probe = Probe()
        self._rows, self._blobs, self._queues = there.rows, there.blobs, there.queues

    def _house(self) -> House:
        policy = Policy(kinds=(self._kind,))
        if not self._lossless:
            return process(self.there, self.probe, limits=Limits(), policy=policy)
        house = process(self.there, self.probe, limits=Limits(at_once=EXPORTED_TOGETHER), policy=policy)
        return replace(house, kinds={**house.kinds, **lossless()})

    async def back_up(self) -> tuple[str, int]:
        self.there.clock.advance(3600)
        house = self._house()
        [planned] = await plan.now(house, [self._owner.id])
        await drain(self.there, house)
        run = await Catalog(self._rows).run(house.tenant, planned.run)  # our own look is not counted
        assert isinstance(run, RunRow)
        return f"{run.state}, {run.account.lost} lost", run.account.bytes

    async def give_back(self) -> tuple[str, int]:
        """Into an empty mailbox, an empty drive, an empty site."""
        tenant = self.there.tenant
        user = tenant.add_user("other", "Other Person")
        tenant.add_mailbox(user)
        give_drive(tenant, user)
        tenant.add_group("other", "Other site")
        place = Place(_owner(tenant, self._kind, user, "other"), "original")
        house = self._house()
        selection = Selection(self._owner, (self._kind,), self.there.clock.now() + timedelta(seconds=1))
        await restore.order(house, selection, place, "create", restore="bench", preview=False, by="bench")
        await drain(self.there, house)
        row = await house.catalog.restore(house.tenant, "bench")
        assert row is not None
        counts = ", ".join(f"{n} {name}" for name, n in sorted(row.counts.items()))
        return f"{row.state}, {counts}", 0

    async def spent_on(self, act: Callable[[], Awaitable[tuple[str, int]]]) -> tuple[str, Spent, int]:
        spent = Spent()
        self.there.running.traffic.shapes.clear()
        self.probe = Probe()
        self.there.rows = CountedRows(self._rows, spent)  # type: ignore[assignment]
        self.there.blobs = CountedBlobs(self._blobs, spent)  # type: ignore[assignment]
        self.there.queues = CountedQueue(self._queues, spent)  # type: ignore[assignment]
        said, size = await act()
        return said, spent, size

    async def measured(
        self,
        chapter: Chapter,
        name: str,
        act: Callable[[], Awaitable[tuple[str, int]]],
        items: int,
        aim: float | None = None,
    ) -> Spent:
        began = time.perf_counter()
        said, spent, size = await self.spent_on(act)
        took = time.perf_counter() - began
        self._requests(chapter, name, said, items)
        for port in ("blob", "table", "queue"):
            chapter.add(f"{name}: {port} requests", spent.of(port), note=_by_sort(spent, port))
        if items:
            chapter.add(f"{name}: storage requests per item", spent.total / items, "/item", most=aim)
            chapter.add(f"{name}: items/s, product and tenant in one process", items / took, "/s", timed=True)
        if size:
            chapter.add(f"{name}: bytes kept", size, "bytes", note=f"{spent.bytes_in / size:.2f} of them go into blobs")
        return spent

    def _requests(self, chapter: Chapter, name: str, said: str, items: int) -> None:
        """A request that rides in a $batch is one, and costs what it costs alone; a download counts at its own host."""
        shapes = self.there.running.traffic.shapes
        envelopes = sum(n for shape, n in shapes.items() if shape.endswith("/$batch"))
        downloads = shapes["download GET"]
        asked = sum(shapes.values()) - envelopes
        note = f"{envelopes} envelopes carry some of them; {downloads} went to the host of the bytes; {said}"
        chapter.add(f"{name}: Graph requests", asked, note=note)
        if items:
            chapter.add(f"{name}: Graph requests per item", asked / items, "/item")


def _by_sort(spent: Spent, port: str) -> str:
    told = ((name.removeprefix(port).strip(), n) for name, n in spent.requests.most_common() if name.startswith(port))
    return ", ".join(f"{n} {name}" for name, n in told)
