"""The journeys over memory twins and the simulated tenant: what a user of a backup relies on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from sandbox.tenant.drives import dump_drives
from sandbox.tenant.happenings import all_mutations
from shared.catalog.nouns import RestoreRow, RunRow
from shared.flows import browse, plan, restore
from shared.flows.house import House, Limits, Policy
from shared.model import Account, Feed, Mode, Owner, Place, Selection, Version
from shared.work import tickets
from tests.rig import Probe, Worlds, drain, process, worlds

WHO = "adele"
CONTENT = ("$value", "/content", "(signed URL)")


class Stage:
    """One tenant, one user of it kept, and a log of what each run did."""

    def __init__(self, worlds: Worlds) -> None:
        self.worlds, self.probe = worlds, Probe()
        self.house = self.furnish()

    def furnish(self, limits: Limits | None = None, **sizes: int) -> House:
        return process(self.worlds, self.probe, limits, Policy(include=(f"{WHO}@*",)), **sizes)

    def change(self, what: str, /, **args: object) -> None:
        all_mutations()[what](self.worlds.tenant, user=f"{WHO}@{self.worlds.tenant.domain}", **args)

    async def back_up(self) -> list[RunRow]:
        self.worlds.clock.advance(3600)
        self.probe.trace.clear()
        before = {run.run for run in await self.runs()}
        await plan.tick(self.house)
        await drain(self.worlds, self.house)
        return [run for run in await self.runs() if run.run not in before]

    async def runs(self) -> list[RunRow]:
        return await self.house.catalog.runs(self.house.tenant)

    async def owner(self, name: str = WHO) -> Owner:
        return await plan.find(self.house, f"{name}@{self.worlds.tenant.domain}")

    async def feed(self, kind: str, name: str) -> Feed:
        states = await self.house.catalog.feeds(await self.owner(), kind)
        return next(s.feed for s in states if name in (s.feed.name, s.feed.id))

    async def listed(self, kind: str, feed: str, at: datetime | None = None) -> dict[str, Version]:
        versions, _ = await self.house.catalog.listing(await self.feed(kind, feed), None, at, limit=10_000)
        return {v.name: v for v in versions}

    async def give_back(self, kinds: tuple[str, ...], place: Place, mode: Mode = "create", **more: Any) -> RestoreRow:
        selection = Selection(await self.owner(), kinds, self.worlds.clock.now())
        name = f"r{len(await self.house.catalog.restores(self.house.tenant))}"
        selection = replace(selection, **more)
        await restore.order(self.house, selection, place, mode, restore=name, preview=False, by="a test")
        await drain(self.worlds, self.house)
        row = await self.house.catalog.restore(self.house.tenant, name)
        assert row is not None
        return row

    def content_reads(self) -> list[str]:
        return [name for name in self.probe.trace if name.endswith(CONTENT)]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with worlds("small") as there:
        yield Stage(there)


async def test_every_run_accounts_for_all_it_was_shown(stage: Stage) -> None:
    runs = await stage.back_up()
    assert {run.state for run in runs} == {"done"}
    assert all(run.account.balanced and run.account.lost == 0 for run in runs)
    assert sum(run.account.kept for run in runs) > 30


async def test_a_run_without_changes_reads_no_content_and_writes_no_blob(stage: Stage) -> None:
    await stage.back_up()
    blobs = len(stage.worlds.blobs.blobs)
    runs = await stage.back_up()
    assert stage.content_reads() == [] and len(stage.worlds.blobs.blobs) == blobs
    assert sum((run.account for run in runs), Account()).kept == 0


async def test_a_doubled_timer_plans_nothing_twice(stage: Stage) -> None:
    await plan.tick(stage.house)
    stage.worlds.clock.advance(45)
    await plan.tick(stage.house)
    await drain(stage.worlds, stage.house)
    assert len(await stage.runs()) == 3  # a mailbox, a drive and chats


async def test_a_person_who_asks_for_everyone_does_not_wait_for_the_timers_gap(stage: Stage) -> None:
    await stage.back_up()
    stage.worlds.clock.advance(10)
    await plan.now(stage.house, [])
    await drain(stage.worlds, stage.house)
    assert len(await stage.runs()) == 2 * 3  # a mailbox, a drive and chats, each twice


async def test_a_lane_whose_ticket_was_lost_is_sent_again(stage: Stage) -> None:
    await plan.tick(stage.house)
    lane = stage.worlds.queues.take()
    assert lane is not None
    await plan.serve(tickets.read(lane.message.text, tickets.PlanTicket), stage.house)
    stage.worlds.queues.waiting.clear()  # an operator cleared the queue
    runs = await stage.back_up()
    assert {run.state for run in runs} == {"done"}


async def test_a_moved_mail_is_not_downloaded_again(stage: Stage) -> None:
    await stage.back_up()
    name = next(n for n, v in (await stage.listed("mail", "Inbox")).items() if v.content_tag)
    stage.change("move_mail", subject=name, folder="inbox", to="archive")
    await stage.back_up()
    assert [n for n in stage.content_reads() if "messages" in n] == []
    assert name in await stage.listed("mail", "Archive")
    assert name not in {n for n, v in (await stage.listed("mail", "Inbox")).items() if v.state != "gone"}


async def test_a_renamed_and_moved_file_is_not_downloaded_again(stage: Stage) -> None:
    stage.change("add_file", path="Plans/2026/budget.txt", text="numbers")
    await stage.back_up()
    stage.change("rename_item", path="Plans/2026/budget.txt", name="budget final.txt")
    stage.change("move_item", path="Plans", to="Elsewhere")
    await stage.back_up()
    assert stage.content_reads() == []
    drive = (await stage.house.catalog.feeds(await stage.owner(), "files"))[0].feed
    names = {v.name for v in (await stage.house.catalog.listing(drive, limit=1000))[0]}
    assert {"budget final.txt", "Elsewhere"} <= names and "budget.txt" not in names


async def test_a_deleted_item_is_listed_before_and_not_after(stage: Stage) -> None:
    await stage.back_up()
    name = next(iter(await stage.listed("mail", "Inbox")))
    before = stage.worlds.clock.now()
    stage.change("delete_mail", subject=name, folder="inbox", how="hard")
    await stage.back_up()
    assert name in await stage.listed("mail", "Inbox", before)
    assert name not in await stage.listed("mail", "Inbox")


async def test_a_deleted_mail_folder_is_closed_and_its_past_stays(stage: Stage) -> None:
    stage.change("add_mail_folder", name="Project X", under="inbox")
    stage.change("add_mail", subject="Kick-off", folder="inbox/Project X")
    await stage.back_up()
    before = stage.worlds.clock.now()
    stage.change("delete_folder", folder="inbox/Project X")
    await stage.back_up()
    assert "Kick-off" in await stage.listed("mail", "Project X", before)
    assert await stage.listed("mail", "Project X") == {}


async def test_a_mailbox_that_shuts_us_out_deletes_nothing(stage: Stage) -> None:
    await stage.back_up()
    held = await stage.listed("mail", "Inbox")
    stage.change("block_mailbox")
    runs = await stage.back_up()
    assert {run.state for run in runs if run.lane.name == "mailbox"} == {"blocked"}
    assert await stage.listed("mail", "Inbox") == held
    stage.change("block_mailbox", status=None)
    assert {run.state for run in await stage.back_up()} == {"done"}


async def test_an_expired_cursor_lists_anew_and_downloads_nothing_unchanged(stage: Stage) -> None:
    await stage.back_up()
    versions = len(stage.worlds.rows.dump()["versions"])
    name = next(iter(await stage.listed("mail", "Inbox")))
    stage.change("delete_mail", subject=name, folder="inbox", how="hard")
    stage.change("expire_mail_tokens")
    stage.change("expire_delta")
    runs = await stage.back_up()
    total = sum((run.account for run in runs), Account())
    assert stage.content_reads() == [] and (total.kept, total.lost) == (0, 0) and total.unchanged > 30
    assert name not in await stage.listed("mail", "Inbox")
    added = [r for r in stage.worlds.rows.dump()["versions"] if r.get("state") == "gone"]
    assert len(added) >= 1 and versions > 0


async def test_a_change_the_delta_hid_is_found_by_the_periodic_listing(stage: Stage) -> None:
    await stage.back_up()
    name = next(iter(await stage.listed("mail", "Inbox")))
    stage.worlds.clock.advance(timedelta(days=40).total_seconds())
    stage.change("delete_mail", subject=name, folder="inbox", how="hard")
    await stage.back_up()
    assert name not in await stage.listed("mail", "Inbox")
    assert stage.content_reads() == []


async def test_a_big_file_gets_a_ticket_of_its_own_and_the_run_ends_with_nothing_lost(stage: Stage) -> None:
    stage.house = stage.furnish(Limits(item_ticket_bytes=100_000), part_bytes=50_000, chunk_bytes=100_000)
    stage.change("add_file", path="big.bin", size=1_000_000, seed="big")
    runs = await stage.back_up()
    drive = next(run for run in runs if run.lane.name == "drive")
    assert drive.account.lost == 0 and drive.account.balanced and drive.state == "done"
    files = await stage.listed("files", (await stage.house.catalog.feeds(await stage.owner(), "files"))[0].feed.id)
    assert len(files["big.bin"].parts["content"].chunks) == 10
    assert await stage.house.catalog.owed() == []


async def test_a_lane_hands_itself_on_when_its_time_is_up(stage: Stage) -> None:
    stage.house = stage.furnish(Limits(lane_budget_s=0.05))
    runs = await stage.back_up()
    assert {run.state for run in runs} == {"done"}
    assert stage.probe.trace.count("queue send backup") > 4
    assert all(run.account.balanced for run in runs)


async def test_what_a_mailbox_lost_since_a_moment_comes_back_and_nothing_else(stage: Stage) -> None:
    await stage.back_up()
    name = next(iter(await stage.listed("mail", "Inbox")))
    since = stage.worlds.clock.now()
    stage.change("delete_mail", subject=name, folder="inbox", how="hard")
    await stage.back_up()
    owner = await stage.owner()
    row = await stage.give_back(("mail",), Place(owner, "original"), at=since, changed_since=since)
    assert row.state == "done" and dict(row.counts) == {"created": 1}


async def test_an_earlier_content_of_a_file_is_given_back(stage: Stage) -> None:
    stage.change("add_file", path="letter.txt", text="first")
    await stage.back_up()
    then = stage.worlds.clock.now()
    stage.change("edit_file", path="letter.txt", text="second")
    await stage.back_up()
    row = await stage.give_back(("files",), Place(await stage.owner(), "As it was"), at=then)
    assert row.state == "done"
    dump = _drive(stage.worlds)
    assert dump["As it was/letter.txt"] != dump["letter.txt"]


async def test_a_restore_whose_ticket_was_lost_is_woken(stage: Stage) -> None:
    await stage.back_up()
    owner = await stage.owner()
    selection = Selection(owner, ("contacts",), stage.worlds.clock.now())
    await restore.order(stage.house, selection, Place(owner), "create", restore="r", preview=False, by="a test")
    stage.worlds.queues.waiting.clear()
    await stage.back_up()
    row = await stage.house.catalog.restore(stage.house.tenant, "r")
    assert row is not None and row.state == "done"


async def test_a_cancelled_restore_gives_back_nothing_more(stage: Stage) -> None:
    await stage.back_up()
    owner = await stage.owner()
    selection = Selection(owner, ("mail",), stage.worlds.clock.now())
    await restore.order(stage.house, selection, Place(owner), "create", restore="r", preview=False, by="a test")
    await restore.cancel(stage.house, "r")
    await drain(stage.worlds, stage.house)
    row = await stage.house.catalog.restore(stage.house.tenant, "r")
    assert row is not None and row.state == "cancelled" and not row.counts


def _drive(worlds: Worlds) -> dict[str, str]:
    drives = dump_drives(worlds.tenant)
    items = next(drive for user, drive in drives.items() if user.startswith(WHO))
    return {path: item.get("sha256") for path, item in items.items()}


async def test_a_folder_with_a_message_that_breaks_every_listing_loses_nothing_it_had(stage: Stage) -> None:
    await stage.back_up()
    names = list(await stage.listed("mail", "Inbox"))
    stage.change("break_message", subject=names[0], way="list")
    stage.change("expire_mail_tokens")
    await stage.back_up()
    assert set(names) <= set(await stage.listed("mail", "Inbox"))


async def test_the_top_of_a_drive_is_what_lies_in_it(stage: Stage) -> None:
    await stage.back_up()
    owner, now = await stage.owner(), stage.worlds.clock.now()
    where = {"feed_id": "", "at": now, "after": "", "limit": 100}
    top, _ = await browse.items(stage.house, owner, "files", folder="", **where)
    names = {entry.version.name for entry in top}
    assert {"Notes", "Reports"} <= names and "root" not in names
    notes = next(entry.version for entry in top if entry.version.name == "Notes")
    below, _ = await browse.items(stage.house, owner, "files", folder=notes.item_id, **where)
    assert below and all(entry.version.folder == notes.item_id for entry in below)


@pytest.mark.parametrize("deleted", [0, 1])
async def test_what_was_deleted_gets_a_folder_only_if_there_is_something(stage: Stage, deleted: int) -> None:
    if not deleted:
        stage.change("delete_mail", subject="Soft-deleted", folder="recoverableitemsdeletions", how="hard")
    await stage.back_up()
    bo = await stage.owner("bernd")
    await stage.give_back(("mail",), Place(bo, "Restored"))
    folders = stage.worlds.tenant.mailboxes[bo.id].folders.values()
    assert sum(folder.name == "Recoverable Items" for folder in folders) == deleted
