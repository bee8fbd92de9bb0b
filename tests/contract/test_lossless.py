"""What the lossless mode promises: a stream beside all else, twenty to a request; back from it; nothing lost for it."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sandbox.tenant.mailbox import Message
from sandbox.tenant.transfer_stream import unpack
from shared.catalog.nouns import MailFormat
from shared.flows import export
from shared.flows.house import Limits
from shared.kinds import KINDS
from shared.kinds.lossless import EXPORTED_TOGETHER
from shared.model import Owner, Place, Selection, Version
from tests.canary import Left
from tests.contract.kinds_stage import Stage, staged
from tests.rig import drain
from tests.unit.flows.test_export import files_of
from tests.unit.tools.test_read_vault import read
from tests.unit.vault.sample import copy_to

TOGETHER = Limits(at_once=EXPORTED_TOGETHER)
HIDDEN = "String {00020386-0000-0000-C000-000000000046} Name X-Of-Another-Client"
DAY_S = 86_400


async def items(stage: Stage, owner: Owner) -> list[Version]:
    return [version for _, version in await stage.kept(owner) if not version.folderish]


async def stream_of(stage: Stage, version: Version) -> dict[str, Any]:
    return unpack(await stage.house().vault.read_part(version.parts["stream"]))


def messages(stage: Stage, owner: Owner) -> list[Message]:
    return list(stage.worlds.tenant.mailboxes[owner.id].messages.values())


def exports(stage: Stage) -> int:
    return sum(n for name, n in stage.asked("backup").items() if name.endswith("/exportItems"))


async def test_every_item_of_a_mailbox_is_kept_as_a_stream_too() -> None:
    for kind, of in (("mail", "Message"), ("contacts", "Contact"), ("events", "Event"), ("tasks", "Task")):
        async with staged(f"{kind}+lossless", limits=TOGETHER) as stage:
            owner = stage.owner("adele")
            await stage.back_up(owner)
            found = await items(stage, owner)
            assert len(found) > 2
            assert [version.notes for version in found] == [()] * len(found)
            assert {(await stream_of(stage, version))["of"] for version in found} == {of}


async def test_beside_the_exports_nothing_more_is_asked_for() -> None:
    for kind in ("mail", "contacts", "events", "tasks"):
        asked = []
        for play in (kind, f"{kind}+lossless"):
            async with staged(play, limits=TOGETHER) as stage:
                await stage.back_up(stage.owner("adele"))
                asked.append(Counter(stage.asked("backup")))
        more = asked[1] - asked[0]
        ours = ("/exportItems", "POST /users/{id}/{id}", "/settings/exchange")  # the second translates ids
        assert all(name.endswith(ours) for name in more), more


async def test_twenty_items_ride_in_one_request() -> None:
    async with staged("mail+lossless", limits=TOGETHER) as stage:
        stage.happen(*({"do": "add_mail", "user": "$owner", "subject": f"Letter {n}"} for n in range(60)))
        stage.forget()
        await stage.back_up(stage.owner("adele"))
        folders = len({version.folder for version in await items(stage, stage.owner("adele"))})
        assert exports(stage) <= 60 // EXPORTED_TOGETHER + folders


async def test_an_item_that_can_not_be_exported_is_kept_without_a_stream_and_its_neighbours_with_theirs() -> None:
    async with staged("mail+lossless", limits=TOGETHER) as stage:
        owner = stage.owner("adele")
        broken = messages(stage, owner)[0]
        broken.broken = {"export": (500, "ErrorExportFailed")}
        run = await stage.back_up(owner)
        assert (run.state, run.account.lost) == ("done", 0)
        found = await items(stage, owner)
        [without] = [version for version in found if "stream" not in version.parts]
        assert without.name == broken.props["subject"]
        assert "mime" in without.parts
        assert without.notes == ("no lossless copy: Graph answered 422 ErrorExportFailed",)
        assert len(found) > 2


async def test_turned_on_later_it_completes_what_was_kept_and_reads_no_content_again() -> None:
    async with staged("mail+lossless") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner, KINDS["mail"])
        assert not any("stream" in version.parts for version in await items(stage, owner))
        stage.worlds.clock.advance((stage.kind.reconcile_days + 1) * DAY_S)
        stage.forget()
        await stage.back_up(owner)
        found = [v for v in await items(stage, owner) if v.content_tag is not None]
        assert len(found) > 2
        assert all("stream" in version.parts for version in found)
        drafts = [v for v in await items(stage, owner) if v.content_tag is None]
        assert len(stage.content_read("backup")) <= len(drafts)
        assert (await stage.back_up(owner)).account.kept == 0


async def test_mail_comes_back_with_what_neither_mime_nor_json_shows() -> None:
    async with staged("mail+lossless") as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        for message in messages(stage, owner):
            message.extended[HIDDEN] = str(message.props.get("subject"))
        await stage.back_up(owner)
        row = await stage.give_back(owner, Place(other, "original"))
        assert row.state == "done", row.problems
        there = messages(stage, other)
        assert len(there) == len(messages(stage, owner))
        assert all(message.extended[HIDDEN] == str(message.props.get("subject")) for message in there)
        assert not [f.name for f in stage.worlds.tenant.mailboxes[other.id].folders.values() if "Holdfast" in f.name]
        assert stage.worlds.tenant.outbox == []


async def test_the_address_of_an_import_stays_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with staged("mail+lossless") as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        await stage.give_back(owner, Place(other, "original"))
        sessions = [secret for secret in stage.worlds.tenant.issued if secret in stage.worlds.tenant.import_sessions]
        assert sessions
        left = Left()
        left.logs(caplog.records)
        left.add("rows", repr([vars(p) for t in stage.worlds.rows._tables.values() for p in t.values()]))
        left.add("messages", repr(stage.worlds.queues.sent))
        for name, data in stage.worlds.blobs.blobs.items():
            left.add(name, data)
        assert len(left.pieces) > 5
        assert left.find(sessions) == []


async def test_a_stream_that_is_not_taken_leaves_mime_and_json() -> None:
    async with staged("mail+lossless") as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        stage.worlds.tenant.options.import_refuses = "ErrorCorruptData"
        row = await stage.give_back(owner, Place(other, "original"))
        assert row.state == "done", row.problems
        assert len(messages(stage, other)) == len(messages(stage, owner))
        assert any("lossless copy was not taken (Graph answered 400 ErrorCorruptData)" in loss for loss in row.losses)
        assert not [f.name for f in stage.worlds.tenant.mailboxes[other.id].folders.values() if "Holdfast" in f.name]


async def test_what_was_meant_to_be_sent_is_not_put_back_as_it_lay_there() -> None:
    async with staged("mail+lossless") as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        mailbox = stage.worlds.tenant.mailboxes[owner.id]
        stuck = messages(stage, owner)[0]
        stuck.extended[HIDDEN] = "to be submitted"
        mailbox.move(stuck, mailbox.well_known("outbox"))
        await stage.back_up(owner)
        await stage.give_back(owner, Place(other, "original"))
        outbox = stage.worlds.tenant.mailboxes[other.id].well_known("outbox")
        [back] = stage.worlds.tenant.mailboxes[other.id].messages_in(outbox)
        assert HIDDEN not in back.extended


async def test_a_contact_or_event_that_was_changed_gets_its_stream_over_it_and_stays_the_same_item() -> None:
    for kind, edit in (
        ("contacts", {"do": "edit_contact", "user": "$owner", "name": "Oma", "jobTitle": "Boss"}),
        ("events", {"do": "edit_event", "user": "$owner", "event": "Dentist", "showAs": "free"}),
    ):
        async with staged(f"{kind}+lossless") as stage:
            owner = stage.owner("adele")
            await stage.back_up(owner)
            before = {v.item_id: await stage.house().vault.record(v) for v in await items(stage, owner)}
            then = stage.worlds.clock.now()
            stage.happen(edit)
            row = await stage.give_back(owner, Place(owner, "original"), mode="replace", at=then)
            assert row.state == "done", row.problems
            assert row.counts == {"replaced": 1, "skipped": len(before) - 1}
            await stage.back_up(owner)
            after = {v.item_id: await stage.house().vault.record(v) for v in await items(stage, owner)}
            assert after.keys() == before.keys()
            told = [(before[i].get(m), after[i].get(m)) for i in before for m in ("jobTitle", "showAs")]
            assert all(was == now for was, now in told)
            assert stage.worlds.tenant.outbox == []


@pytest.mark.parametrize(("kind", "mail"), [("mail", "eml"), ("mail", "mbox"), ("contacts", "eml"), ("events", "eml")])
async def test_an_export_and_the_reader_lay_the_streams_beside(kind: str, mail: MailFormat, tmp_path: Path) -> None:
    async with staged(f"{kind}+lossless") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        house = stage.house()
        kept = sorted([await house.vault.read_part(v.parts["stream"]) for v in await items(stage, owner)])
        selection = Selection(owner, (kind,), stage.worlds.clock.now())
        await export.order(house, selection, mail, records=False, export="x1", by="auditor", reason="case 7")
        await drain(stage.worlds, house)
        files = files_of(stage.worlds)
        streams = {path: data for path, data in files.items() if f"/{kind} (streams)/" in path}
        assert sorted(streams.values()) == kept
        assert all(path.endswith(".fts") for path in streams)
        assert not [path for path in files if "stream" in path and path not in streams]
        there = copy_to(tmp_path / "vault", stage.worlds.blobs.blobs)
        found = read(there, tmp_path / "to").files
        assert sorted(path.read_bytes() for name, path in found.items() if f"/{kind} (streams)/" in name) == kept
