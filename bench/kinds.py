"""What each kind costs: Graph requests and storage requests per item, in a full, an incremental and an unchanged run.

In this process, over the stores' memory twins and the simulated tenant's own code without sockets: only counts are
meant. Times tell how much work our own code is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from bench.counted import CountedBlobs, CountedQueue, CountedRows, Spent
from bench.figures import Chapter, Tell
from sandbox.tenant.happenings import mutate
from sandbox.tenant.seed_contacts import seed_contacts
from sandbox.tenant.seed_drives import give_drive, seed_everyday
from sandbox.tenant.seed_mail import seed_everyday_mail
from sandbox.tenant.state import Options, Tenant, User
from shared.catalog.nouns import RunRow
from shared.flows import plan, restore
from shared.flows.house import House, Limits, Policy
from shared.kinds import KINDS
from shared.model import Owner, Place, Selection
from tests.rig import Worlds, drain, process, worlds

ONLY: tuple[str, ...] = ()
UPN = "busy@contoso.example"
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


def _mail(tenant: Tenant, user: User, items: int) -> None:
    seed_everyday_mail(tenant, tenant.mailboxes[user.id], mails=items - 1)  # and a draft


def _new_mail(n: int) -> dict[str, object]:
    return {"do": "add_mail", "user": UPN, "subject": f"New today {n}"}


def _new_contact(n: int) -> dict[str, object]:
    return {"do": "edit_contact", "user": UPN, "name": f"Person {n:03d}", "jobTitle": "Changed"}


def _new_file(n: int) -> dict[str, object]:
    return {"do": "add_file", "user": UPN, "path": f"Projects/2024/new {n}.txt", "text": f"new today {n}\n" * 50}


CASES = (
    Case("mail", 2000, _mail, _new_mail),
    Case("contacts", 1000, lambda t, u, n: seed_contacts(t.contacts[u.id], count=n - 1), _new_contact),
    Case("files", 2000, lambda t, u, n: seed_everyday(t, u, files=n), _new_file),
)


def run(tell: Tell, scale: float = 1.0) -> list[Chapter]:
    return [asyncio.run(_case(case, max(100, int(case.items * scale)), tell)) for case in CASES if not ONLY or case.kind in ONLY]


async def _case(case: Case, items: int, tell: Tell) -> Chapter:
    tell(f"{case.kind}: {items} items")
    chapter = Chapter(f"{KINDS[case.kind].title}: {items:,} small items of one owner")
    async with worlds("empty", OPTIONS) as there:
        user = there.tenant.add_user(UPN, "Busy Person")
        there.tenant.add_mailbox(user)
        case.fill(there.tenant, user, items)
        stage = _Stage(there, case.kind, Owner(there.tenant.id, "user", user.id, UPN))
        await stage.measured(chapter, "full", stage.back_up, items, aim=AIM_STORAGE)
        mutate(there.tenant, [case.change(n) for n in range(int(items * CHANGED))])
        await stage.measured(chapter, "1 % changed", stage.back_up, int(items * CHANGED))
        await stage.measured(chapter, "unchanged", stage.back_up, 0)
        other = there.tenant.add_user("other", "Other Person")
        there.tenant.add_mailbox(other)
        give_drive(there.tenant, other)
        there.tenant.mailboxes[other.id].tenant.options.throttling = False
        target = Owner(there.tenant.id, "user", other.id, other.upn)
        kept = items + (int(items * CHANGED) if case.kind != "contacts" else 0)
        await stage.measured(chapter, "restore", lambda: stage.give_back(target), kept)
    return chapter


class _Stage:
    def __init__(self, there: Worlds, kind: str, owner: Owner) -> None:
        self._there, self._kind, self._owner = there, kind, owner
        self._rows, self._blobs, self._queues = there.rows, there.blobs, there.queues

    def _house(self) -> House:
        return process(self._there, limits=Limits(), policy=Policy(kinds=(self._kind,)))

    async def back_up(self) -> tuple[str, int]:
        self._there.clock.advance(3600)
        house = self._house()
        [planned] = await plan.now(house, [self._owner.id])
        await drain(self._there, house)
        run = await house.catalog.run(house.tenant, planned.run)
        assert isinstance(run, RunRow)
        return f"{run.state}, {run.account.lost} lost", run.account.bytes

    async def give_back(self, target: Owner) -> tuple[str, int]:
        house = self._house()
        at = self._there.clock.now() + timedelta(seconds=1)
        selection = Selection(self._owner, (self._kind,), at)
        await restore.order(
            house, selection, Place(target, "original"), "create", restore="bench", preview=False, by="bench"
        )
        await drain(self._there, house)
        row = await house.catalog.restore(house.tenant, "bench")
        assert row is not None
        counts = ", ".join(f"{n} {name}" for name, n in sorted(row.counts.items()))
        return f"{row.state}, {counts}", 0

    async def measured(
        self, chapter: Chapter, name: str, act: Callable[[], Awaitable[tuple[str, int]]], items: int,
        aim: float | None = None,
    ) -> None:  # fmt: skip
        traffic, spent = self._there.running.traffic, Spent()
        traffic.shapes.clear()
        self._there.rows = CountedRows(self._rows, spent)  # type: ignore[assignment]
        self._there.blobs = CountedBlobs(self._blobs, spent)  # type: ignore[assignment]
        self._there.queues = CountedQueue(self._queues, spent)  # type: ignore[assignment]
        began = time.perf_counter()
        said, size = await act()
        took = time.perf_counter() - began
        asked = sum(n for shape, n in traffic.shapes.items() if not shape.endswith("/$batch"))
        sent = asked - _parts(traffic.shapes)
        chapter.add(f"{name}: Graph requests", asked, "", note=f"{sent} with those of a $batch counted as one; {said}")
        if items:
            chapter.add(f"{name}: Graph requests per item", asked / items, "/item")
        for port in ("blob", "table", "queue"):
            chapter.add(f"{name}: {port} requests", spent.of(port), "", note=_by_sort(spent, port))
        if items:
            chapter.add(f"{name}: storage requests per item", spent.total / items, "/item", most=aim)
            chapter.add(f"{name}: items/s, our own code", items / took, "/s", timed=True)
        if size:
            packed = f"{spent.bytes_in / size:.2f} of them go into blobs"
            chapter.add(f"{name}: bytes kept", size, "bytes", note=packed)


def _parts(shapes: dict[str, int]) -> int:
    """Requests that rode in an envelope: all envelopes' parts, without the envelopes themselves."""
    return shapes.get("parts of envelopes", 0)


def _by_sort(spent: Spent, port: str) -> str:
    return ", ".join(f"{n} {name.removeprefix(port).strip()}" for name, n in spent.requests.most_common() if name.startswith(port))
