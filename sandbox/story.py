"""The demo's story: full backup, a day's changes, incremental, quiet day, disaster, rebuild, restore, comparison."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox import rebuild
from sandbox.compare import Comparison, compare_contacts, compare_files, compare_mail
from sandbox.compare_more import compare_events, compare_profile, compare_rules, compare_settings, compare_tasks
from sandbox.compare_shared import compare_shared
from sandbox.day import ADELE, AWKWARD, BERND, CHLOE, CREW, CREW_SITE, DOMAIN, ERIKA, a_day, the_disaster
from sandbox.measure import Measure, Phase
from sandbox.stack import Stack
from shared.kinds import KINDS
from shared.settings import read

DAY_S = 86_400
MOST_PER_FEED = 2
TELL_EVERY_S = 10.0
OVER = ("done", "partial", "failed", "cancelled")
COMPARERS = {"mail": ("mail", compare_mail), "contacts": ("contacts", compare_contacts)}
IN_PLACE = {
    "events": ("calendars", compare_events),
    "tasks": ("todo", compare_tasks),
    "rules": ("configuration", compare_rules),
    "settings": ("configuration", compare_settings),
}


@dataclass(frozen=True, slots=True)
class Check:
    """A promise, and whether it was kept."""

    name: str
    kept: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Order:
    """One restore of the story."""

    owner: str
    kinds: tuple[str, ...]
    mode: str
    to: str = ""  # "" = to its owner, in its original place
    previewed: bool = False

    @property
    def title(self) -> str:
        where = f'into {_short(self.to)}\'s "Restored"' if self.to else "in place"
        return f"{_short(self.owner)}'s {', '.join(self.kinds)} {where}"


THE_REST = ("events", "tasks", "rules", "settings", "profile")
ORDERS = (
    Order(ADELE, ("mail", "contacts"), "skip", previewed=True),
    Order(AWKWARD, ("mail", "contacts"), "skip"),
    Order(ADELE, THE_REST, "replace"),  # after the mail: rules name its folders
    Order(AWKWARD, THE_REST[:-1], "replace"),
    Order(CHLOE, ("contacts",), "skip"),
    Order(BERND, ("files",), "replace"),
    Order(AWKWARD, ("mail", "contacts", "files"), "skip", to=ERIKA),
    Order(CREW, ("groups", "teams", "planner"), "replace"),
    Order(CREW, ("channels",), "create", to=CREW),  # messages come back into channels beside the others
    Order(CREW_SITE, ("files", "lists", "pages"), "replace"),
)


@dataclass(slots=True)
class Story:
    up: Stack
    tell: Callable[[str], None]
    tree: Path
    traffic: Path
    phases: list[Phase] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    restores: list[dict[str, Any]] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)  # of owners, by their names
    feeds: int = 0
    outcome: dict[str, Any] = field(default_factory=dict)
    _told_at: float = 0.0

    def play(self) -> None:
        """All acts in order."""
        owners = self.full()
        self.up.control("POST", "clock", {"forward_s": DAY_S})
        self.up.mutate(*a_day(self.tree))
        owners.append(f"nina@{DOMAIN}")
        self.backup("A day's changes", "incremental", owners)
        self.quiet("A quiet day", owners)
        truth, moment = self.up.dump(), datetime.now(UTC)
        self.disaster(truth, owners)
        self.rebuild(owners)
        self.restore(moment)
        self.compare(truth)
        self.closing()

    # -- backups

    def full(self) -> list[str]:
        self.tell("# Full backup, started by the timer")
        measure = self._measure()
        self.up.fire("timer_plan")
        self._wait()
        self._phase(measure.end("full backup"))
        owners = self.up.everything("owners")
        self.keys = {owner["name"]: owner["owner"] for owner in owners}
        return list(self.keys)

    def backup(self, heading: str, title: str, owners: list[str]) -> Phase:
        self.tell(f"# {heading}: backup ordered by POST /api/backups")
        measure = self._measure()
        self.up.api("POST", "backups", {"owners": owners})
        self._wait()
        return self._phase(measure.end(title))

    def quiet(self, heading: str, owners: list[str], title: str = "incremental, nothing changed") -> None:
        """An incremental without changes costs next to nothing: that is checked."""
        phase = self.backup(heading, title, owners)
        self.feeds = self._count_feeds(phase)
        times = phase.busiest[1]
        self._check(
            f"{title}: at most {MOST_PER_FEED} Graph requests per feed",
            phase.graph <= MOST_PER_FEED * self.feeds and times <= MOST_PER_FEED,
            f"{phase.graph} requests for {self.feeds} feeds, at most {times} to one",
        )
        self._check(f"{title}: no content read", phase.contents == 0, f"{phase.contents} reads")
        writes = phase.storage.blob_writes
        self._check(f"{title}: no blob written", writes == 0, f"{writes} blob writes")

    def _count_feeds(self, phase: Phase) -> int:
        """Those of the owners, and one for each kind that an owner turned out not to have."""
        keys = {run["owner"]["owner"] for run in phase.runs}
        feeds = sum(len(self.up.api("GET", f"owners/{key}/feeds")["value"]) for key in keys)
        return feeds + sum(1 for run in phase.runs for _ in run["problems"])

    # -- disaster and restore

    def disaster(self, truth: dict[str, Any], owners: list[str]) -> None:
        self.tell("# Disaster")
        contacts = [c["displayName"] for c in _all_contacts(truth[CHLOE]["contacts"])]
        self.up.mutate(*the_disaster(contacts))
        locked = self.up.mutate({"do": "encrypt_drive", "user": BERND})["done"][0]["encrypted"]
        mails = sum(_count_mail(f) for user in (ADELE, AWKWARD) for f in truth[user]["mail"]["folders"])
        self.tell(f"two mailboxes emptied ({mails:,} messages, calendars, tasks, rules, settings)")
        self.tell(f"{len(contacts)} contacts deleted, a profile changed")
        self.tell("a team's channel, a plan's task, rows of a list, pages and files of a site deleted")
        self.tell(f"one OneDrive encrypted as by ransomware: {locked:,} files rewritten and renamed")
        self.backup("The night after: the damage is backed up too, as in real life", "after the disaster", owners)

    def restore(self, moment: datetime) -> None:
        self.tell(f"# Restore as of {moment:%Y-%m-%d %H:%M:%S} UTC, before the disaster")
        for order in ORDERS:
            if order.previewed:
                row = self._ordered(order, moment, preview=True)
                self.tell(f"preview of {order.title}: {_counts(row)}; about {_estimate(row)}")
            measure, before = self._measure(), time.monotonic()
            row = self._ordered(order, moment, preview=False)
            phase = measure.end(f"restore {order.title}")
            self.phases.append(phase)
            self.restores.append({**row, "title": order.title, "seconds": round(time.monotonic() - before, 1)})
            self.tell(f"{order.title}: {_counts(row)} in {phase.seconds:.0f} s")
            failed = row["counts"].get("failed", 0)
            self._check(f"restore {order.title}", row["state"] == "done" and not failed, row["state"])

    def _ordered(self, order: Order, moment: datetime, *, preview: bool) -> dict[str, Any]:
        place = {"owner": self.keys[order.to or order.owner], "folder": "Restored" if order.to else "original"}
        body = {
            "owner": self.keys[order.owner],
            "kinds": list(order.kinds),
            "at": moment.isoformat().replace("+00:00", "Z"),
            "place": place,
            "mode": order.mode,
            "preview": preview,
        }
        asked = self.up.api("POST", "restores", body)

        def progress() -> None:
            done = sum(self.up.api("GET", asked["status"])["counts"].values())
            self.tell(f"… {done:,} items so far")

        self._wait(progress)
        row: dict[str, Any] = self.up.api("GET", asked["status"])
        return row

    def compare(self, truth: dict[str, Any]) -> None:
        self.tell("# Comparing what came back with the truth, field by field")
        now = self.up.dump()
        for name, picture in (("truth", truth), ("restored", now)):
            (self.up.plan.home / f"{name}.json").write_text(json.dumps(picture, indent=1))
        for order in ORDERS:
            for kind in order.kinds:
                title = f"{_short(order.owner)}'s {kind} {'elsewhere' if order.to else 'in place'}"
                done = _compared(kind, title, truth, now, order)
                self.comparisons.append(done)
                self.tell(f"{title}: {done.items:,} items, {len(done.unexplained)} unexplained differences")
        count = sum(len(c.unexplained) for c in self.comparisons)
        self._check("what came back equals the truth, but for what is listed", count == 0, f"{count} unexplained")

    # -- rebuild

    def rebuild(self, owners: list[str]) -> None:
        """All tables and queues gone: the catalog comes back from blobs alone, and everything after works from it."""
        self.tell("# And worse: all tables and queues are dropped. The catalog is rebuilt from the vault alone")
        self.up.stop_host()
        settings = read({k: v for k, v in self.up.settings().items() if v}, kinds=tuple(KINDS))

        async def anew() -> tuple[rebuild.Snapshot, rebuild.Snapshot, rebuild.Rebuilt, float]:
            before = await rebuild.snapshot(settings)
            done, seconds = await rebuild.drop_and_rebuild(settings, everything=True, tell=self.tell)
            return before, await rebuild.snapshot(settings), done, seconds

        before, after, done, seconds = asyncio.run(anew())
        self.tell(
            f"{done.pages} pages of {done.feeds} feeds read, {done.versions:,} versions written in {seconds:.1f} s"
        )
        odd = rebuild.differing(before, after)
        self.outcome["rebuild"] = {
            "pages": done.pages, "feeds": done.feeds, "versions": done.versions, "seconds": round(seconds, 1),
            "rows": len(after), "differing rows": len(odd), "damage": done.damage,
        }  # fmt: skip
        same = not odd and not done.damage
        self._check("rebuild: the same catalog", same, f"{len(after):,} rows, {len(odd)} differ")
        self.up.start_host()
        self.quiet("The backup after the rebuild", owners, "incremental after the rebuild")

    # -- the end

    def closing(self) -> None:
        stats, lost = self.up.stats(), self.up.api("GET", "lost")["value"]
        accounts: Counter[str] = sum((p.total for p in self.phases), Counter())
        parts = ("kept", "unchanged", "gone", "skipped", "lost")
        runs = [run for p in self.phases for run in p.runs]
        odd = [r for r in runs if r["account"]["listed"] != sum(r["account"][name] for name in parts)]
        self._check("every run accounts for all it was shown", not odd, f"{len(runs)} runs")
        self._check("nothing is lost", accounts["lost"] == 0, f"{accounts['lost']} items")
        ended = [r for r in runs if r["state"] not in ("done", "blocked")]
        self._check("every run ended well", not ended, f"{len(ended)} did not")
        self._check("no ticket was given up", not lost, f"{len(lost)}")
        self._check("nothing was sent: no mail, no invitation", not stats["outbox"], f"{len(stats['outbox'])} sent")
        impolite = stats["impolite"]
        self._check("no request inside a Retry-After", not impolite, f"{len(impolite)}")
        most = max(stats["max_in_flight"].values(), default=0)
        self._check("at most 4 requests in flight per mailbox", most <= 4, f"at most {most}")
        self.outcome |= {"outbox": stats["outbox"], "impolite": impolite, "max in flight per mailbox": most}

    # -- helpers

    def _measure(self) -> Measure:
        measure = Measure(self.up, self.traffic)
        measure.start()
        return measure

    def _phase(self, phase: Phase) -> Phase:
        self.phases.append(phase)
        a = phase.total
        self.tell(
            f"{a['kept']:,} items kept ({a['bytes'] / 1e6:,.1f} MB), {a['unchanged']:,} unchanged, {a['gone']:,} gone, "
            f"{a['skipped']:,} skipped, {a['lost']:,} lost; {phase.graph:,} Graph requests in {phase.seconds:.0f} s"
        )
        return phase

    def _check(self, name: str, kept: bool, detail: str) -> None:
        self.checks.append(Check(name, kept, detail))
        if not kept:
            self.tell(f"NOT KEPT: {name} ({detail})")

    def _wait(self, progress: Callable[[], None] | None = None) -> None:
        def tick() -> None:
            if time.monotonic() - self._told_at > TELL_EVERY_S:
                self._told_at = time.monotonic()
                (progress or self._progress)()

        self._told_at = time.monotonic()
        self.up.wait_idle(tick=tick)

    def _progress(self) -> None:
        asked = self.up.stats()["requests"]
        read_ = sum(n for shape, n in asked.items() if shape.startswith("download "))
        self.tell(f"… {sum(asked.values()):,} requests so far, {read_:,} files downloaded")


def _compared(kind: str, title: str, truth: dict[str, Any], now: dict[str, Any], order: Order) -> Comparison:
    into, place = order.to or order.owner, "Restored" if order.to else ""
    if order.owner not in truth:
        return compare_shared(kind, title, truth, now, _short(order.owner), place)
    was, is_ = truth[order.owner], now[into]
    if kind == "files":
        return compare_files(title, was["drive"], is_["drive"], place, into=into)
    if kind == "profile":
        return compare_profile(title, was, is_)
    if kind in IN_PLACE:
        member, compare = IN_PLACE[kind]
        return compare(title, was[member], is_[member])
    member, comparer = COMPARERS[kind]
    return comparer(title, was[member], is_[member], place)


def _short(name: str) -> str:
    """What people call somebody, or a site."""
    return name.partition("@")[0].rpartition("/")[2]


def _all_contacts(folder: dict[str, Any]) -> list[dict[str, Any]]:
    return [*folder["contacts"], *(c for below in folder["folders"] for c in _all_contacts(below))]


def _count_mail(folder: dict[str, Any]) -> int:
    return len(folder["messages"]) + sum(map(_count_mail, folder["folders"]))


def _counts(row: dict[str, Any]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in sorted(row["counts"].items(), key=lambda c: -c[1])) or "nothing"


def _estimate(row: dict[str, Any]) -> str:
    told = row["estimate"]
    return f"{told.get('bytes', 0) / 1e6:,.1f} MB, {told.get('seconds', 0):,} s"
