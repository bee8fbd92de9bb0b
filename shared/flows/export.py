"""The way out: an order becomes ZIPs in a container of their own, volume by volume, and at its end one that seals them.

Each volume is decided first (its plan is written down once), then written and sealed, then noted: a ticket that dies
anywhere is taken up by the next one, which comes to the same bytes. docs/export.md describes what is in them.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared import usage
from shared.catalog.nouns import AuditRow, ExportRow, ExportState, MailFormat, VolumeRow
from shared.errors import Archived, Damaged, Misconfigured, NeedsPerson, PartMissing, TryLater
from shared.export import plan as plans
from shared.export.plan import Plan
from shared.flows import export_volume, thaw
from shared.flows.export_binding import Binding
from shared.flows.export_volume import volume_name
from shared.flows.export_walk import next_plan
from shared.flows.house import House
from shared.flows.told import add
from shared.model import Json, Selection
from shared.ports import Parcels
from shared.telemetry import tell
from shared.work import tickets
from shared.work.tickets import ExportTicket

OVER = ("done", "partial", "failed")
STRETCH = 1 << 20  # of an index that is read back
FORMAT = 1
LINK_LIVES = timedelta(hours=1)
CLOCKS_DIFFER = timedelta(minutes=5)  # the service's may be behind ours (Storage docs: best practices for SAS)
ENDED = "end"  # progress of a walk that is over

README = """What this is
  manifest.json   who asked for this export, when, for what, and every volume with its SHA-256
  VOLUMES.sha256  the volumes:          sha256sum -c VOLUMES.sha256    beside the ZIPs
  SHA256SUMS      every file in them:   sha256sum -c SHA256SUMS        where all volumes were unpacked
Each volume has a list of its files in holdfast/NNNN.jsonl: which item of Microsoft 365 each one is, and the digests of
what was kept of it. Contents that were cut (name.001, name.002 ...) are joined by: cat name.0* > name
"""


async def order(
    house: House, selection: Selection, mail: MailFormat, *, records: bool, export: str, by: str, reason: str = ""
) -> ExportRow:
    """Accept an order: written down, and under way."""
    _place(house)
    for name in selection.kinds:
        if name not in house.kinds:
            raise Misconfigured(f"kind {name!r} is not known; known are {', '.join(house.kinds)}")
    now = house.clock.now()
    row = ExportRow(export, selection, mail, records, "queued", by, now, reason=reason, touched_at=now)
    row = await house.catalog.put_export(row)
    await house.queue.send(tickets.EXPORT, tickets.write(ExportTicket(house.tenant, export)))
    return row


async def wake(house: House) -> None:
    """Send the tickets of exports that fell silent: a queue was cleared, or a crash lay between row and message."""
    now = house.clock.now()
    for row in await house.catalog.exports(house.tenant):
        silent = row.touched_at is None or now - row.touched_at > timedelta(seconds=house.limits.lane_lease_s)
        if row.state not in OVER and silent:
            await house.catalog.put_export(replace(row, touched_at=now))
            await house.queue.send(tickets.EXPORT, tickets.write(ExportTicket(house.tenant, row.export, row.hop)))


async def serve(ticket: ExportTicket, house: House) -> None:
    """Go on with an export. Contended when another delivery of the same ticket is ahead: it is read again later."""
    row = await house.catalog.export(house.tenant, ticket.export)
    if row is None or row.state in OVER or row.hop > ticket.hop:
        return
    usage.belongs_to(row.selection.owner.key)
    now = house.clock.now()
    begun = replace(row, state="running", hop=ticket.hop, started_at=row.started_at or now, touched_at=now)
    solved = thaw.without_waits(row.problems)
    if solved != row.problems and await thaw.on_its_way(house, "export", row):
        await _wait(house, replace(begun, problems=solved), "it lies in the archive tier")
    row = await house.catalog.put_export(replace(begun, problems=solved))
    if not row.progress:
        await thaw.ask_early(house, "export", row)
    work = Work(house, _place(house), row, now + timedelta(seconds=house.limits.lane_budget_s))
    try:
        ended = await work.volumes()
    except Archived as why:
        await _wait(house, work.row, str(why))
    except NeedsPerson as why:
        await _end(house, work.row, "failed", problem=str(why))
    except Damaged as why:
        await _end(house, work.row, "failed", problem=f"the vault is damaged: {why}")
    else:
        if not ended:
            await house.queue.send(tickets.EXPORT, tickets.write(replace(ticket, hop=ticket.hop + 1)))


async def _wait(house: House, row: ExportRow, met: str) -> None:
    """Tell people; until the time has come the export does not count as silent."""
    wait_s, said = await thaw.wait(house, "export", row, met)
    problems, due = (*row.problems, thaw.told(said)), house.clock.now() + timedelta(seconds=wait_s)
    await house.catalog.put_export(replace(row, problems=problems, touched_at=due))
    raise TryLater(f"{row.export}: {said}", after_s=wait_s)


@dataclass(slots=True)
class Work:
    """One delivery of an export's ticket."""

    house: House
    parcels: Parcels
    row: ExportRow
    deadline: datetime

    async def volumes(self) -> bool:
        """True when the export is over; False when the time is up before."""
        while True:
            number = self.row.volumes + 1
            plan = await self._plan(number)
            if plan.empty:
                break
            volume, failed = await export_volume.make(self.house, self.parcels, self.row, number, plan)
            await self.house.catalog.put_volume(volume)
            counts = {"items": volume.items, "files": volume.files, "bytes": volume.size, "failed": failed}
            await self._save(plan.after, number, {key: n for key, n in counts.items() if n})
            if plan.last:
                break
            if self.house.clock.now() > self.deadline:
                return False
        await self._seal(self.row.volumes + 1)
        return True

    async def _plan(self, number: int) -> Plan:
        """The plan of that volume: as it was written down, by whomever; else decided now."""
        name = f"{self.row.export}/plan/{number:04d}.json"
        try:
            return plans.read(await self.parcels.read(name))
        except PartMissing:
            made = await self._next()
        if not made.empty and not await self.parcels.create(name, plans.write(made)):
            return plans.read(await self.parcels.read(name))
        return made

    async def _next(self) -> Plan:
        if self.row.progress == ENDED:
            return Plan((), (), ENDED, last=True)
        plan = await next_plan(self.house, self.row, self.row.progress)
        return replace(plan, after=ENDED) if plan.last else plan

    async def _save(self, progress: str, volumes: int, counts: Mapping[str, int]) -> None:
        """Progress and counts in one write: a rerun counts nothing twice."""
        changed = replace(
            self.row,
            progress=progress,
            volumes=volumes,
            counts=add(self.row.counts, counts),
            touched_at=self.house.clock.now(),
        )
        self.row = await self.house.catalog.put_export(changed)

    # -- the last volume

    async def _seal(self, number: int) -> None:
        name = volume_name(self.row.export, number)
        facts = await self.parcels.facts(name)
        if facts is None:
            facts = await self._manifest(name)
        volume = export_volume.told(self.row.export, number, name, facts, last=True)
        await self.house.catalog.put_volume(volume)
        row, at = self.row, datetime.fromisoformat(facts["at"])
        state: ExportState = "partial" if row.counts.get("failed") else "done"
        # before the end, and the same each time: whoever asks who took something out finds it
        said = f"{state}; {number} volumes, the last one's SHA-256 is {volume.sha256}"
        await self.house.catalog.put_audit(AuditRow(at, row.ordered_by, "export", row.export, said))
        await _end(self.house, replace(row, seal=volume.sha256, volumes=number), state)

    async def _manifest(self, name: str) -> Mapping[str, str]:
        out, at, now = Binding(self.parcels, name), self.row.ordered_at, self.house.clock.now()
        volumes = [volume async for volume in self._made()]
        text = json.dumps(self._told(volumes, now), indent=1).encode("ascii") + b"\n"
        await out.text("manifest.json", at, text)
        sums = "".join(f"{v.sha256}  {_base(v.name)}\n" for v in volumes)
        await out.text("VOLUMES.sha256", at, sums.encode())
        await out.file("SHA256SUMS", at, self._sums(volumes), 0)
        await out.text("README.txt", at, README.encode())
        return await out.seal({"files": "4", "items": "0", "failed": "0", "at": now.isoformat()})

    async def _made(self) -> AsyncIterator[VolumeRow]:
        after: int | None = 0
        while after is not None:
            found, after = await self.house.catalog.volumes(self.row.export, after)
            for volume in found:
                if not volume.last:
                    yield volume

    def _told(self, volumes: list[VolumeRow], now: datetime) -> Json:
        row, chosen = self.row, self.row.selection
        return {
            "format": FORMAT,
            "export": row.export,
            "tenant": self.house.tenant,
            "owner": {"type": chosen.owner.type, "id": chosen.owner.id, "name": chosen.owner.name},
            "kinds": list(chosen.kinds),
            "as_of": _time(chosen.at),
            "folder": chosen.folder,
            "items": list(chosen.items),
            "changed_since": _time(chosen.changed_since),
            "mail_format": row.mail,
            "records": row.records,
            "ordered_by": row.ordered_by,
            "ordered_at": _time(row.ordered_at),
            "reason": row.reason,
            "completed_at": _time(now),
            "counts": dict(row.counts),
            "volumes": [
                {"name": _base(v.name), "sha256": v.sha256, "size": v.size, "files": v.files, "items": v.items}
                for v in volumes
            ],
        }

    async def _sums(self, volumes: list[VolumeRow]) -> AsyncIterator[bytes]:
        """The digests of all files, as sha256sum reads them, from the lists that the volumes hold."""
        for volume in volumes:
            facts = await self.parcels.facts(volume.name)
            if facts is None:
                raise PartMissing(f"{volume.name}: a volume of this export is no longer there")
            begins, size = int(facts["index_at"]), int(facts["index_size"])
            rest = b""
            for offset in range(0, size, STRETCH):
                data = await self.parcels.read(volume.name, begins + offset, min(STRETCH, size - offset))
                *lines, rest = (rest + data).split(b"\n")
                yield "".join(_sum(json.loads(line)) for line in lines).encode()


async def read(house: House, volume: VolumeRow, offset: int, length: int) -> bytes:
    """Bytes of a volume. Raises PartMissing when it has ended."""
    return await _place(house).read(volume.name, offset, length)


async def link(house: House, volume: VolumeRow) -> tuple[str, datetime]:
    """A URL of the volume that ends soon, and when. It is a secret and is kept nowhere."""
    now = house.clock.now()
    ends = now + LINK_LIVES
    return await _place(house).link(volume.name, now - CLOCKS_DIFFER, ends), ends


def _sum(line: Json) -> str:
    return f"{line['sha256']}  {line['path']}\n" if "path" in line else ""


async def _end(house: House, row: ExportRow, state: ExportState, *, problem: str = "") -> None:
    problems = (*row.problems, problem) if problem else row.problems
    await house.catalog.put_export(replace(row, state=state, ended_at=house.clock.now(), problems=problems))
    counts = {name: row.counts.get(name, 0) for name in ("items", "files", "bytes", "failed")}
    tell("export", export=row.export, state=state, volumes=row.volumes, **counts)


def _place(house: House) -> Parcels:
    if house.parcels is None:
        raise Misconfigured("exports are not set up here: the app that takes orders writes them (EXPORT_CONTAINER)")
    return house.parcels


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


