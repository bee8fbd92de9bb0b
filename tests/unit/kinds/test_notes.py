"""Sticky notes and journals: where they are looked for, what is kept of one, and what is not kept without its text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.tenant.stickies import MORE
from sandbox.tenant.transfer_stream import unpack
from shared.errors import CursorExpired, NotPermitted, OwnerMissing
from shared.flows import export
from shared.flows.house import Limits, Policy
from shared.graph.steps import Export, Reply
from shared.kinds.lossless import EXPORTED_TOGETHER
from shared.kinds.notes import EXPORT, Notes
from shared.model import Capture, Feed, Gone, Listing, Lost, Owner, Seen, Selection, Vanished, Version
from shared.permissions import reads, writes
from tests.contract.kinds_stage import Stage, staged
from tests.play import error, ok, page, play
from tests.rig import drain, process, worlds
from tests.unit.flows.test_export import files_of
from tests.unit.tools.test_read_vault import read
from tests.unit.vault.sample import copy_to

ADELE = Owner("t1", "user", "u1")
BOX = "/admin/exchange/mailboxes/MBX:a@t"
TREE = Feed(ADELE, "notes", "folders", "/users/u1")
FEED = Feed(ADELE, "notes", "f-notes", f"{BOX}/folders/f-notes", name="Notes")
SEEN = Seen("n-1", {"id": "n-1"}, "t", size_bytes=640)
MAILBOX = ok({"primaryMailboxId": "MBX:a@t"})
OLD = {"id": "f-old", "displayName": "Old", "parentFolderId": "f-inbox", "type": "IPF.StickyNote"}
DAY_S = 86_400


def together(*replies: Reply) -> Reply:
    return Reply(200, parts=replies)


def names(listing: Listing) -> list[str]:
    return [change.name for change in listing.changes if isinstance(change, Seen)]


# --- folders


def test_a_full_listing_looks_into_every_folder_and_an_increment_where_notes_are() -> None:
    top = ok(page("notes", "folders"))
    below = together(ok({"value": [{**OLD, "childFolderCount": 0}]}))
    full, _ = play(Notes().changes(TREE, None), MAILBOX, top, below)
    assert names(full) == ["Notes", "Journal", "Old"]
    again, asked = play(Notes().changes(TREE, full.cursor), MAILBOX, top, together(ok(OLD)))
    assert (again.changes, len(asked)) == ((), 3)
    gone, _ = play(Notes().changes(TREE, full.cursor), MAILBOX, top, together(error(404, "ErrorItemNotFound")))
    assert gone.changes == (Gone("f-old"),)


def test_a_folder_opens_its_notes_in_the_mailbox_that_was_told_with_it() -> None:
    seen, _ = play(Notes().refresh(TREE, "f-old"), MAILBOX, together(ok(OLD)))
    assert seen is not None
    version: Any = type("Kept", (), {
        "owner": ADELE, "item_id": "f/1", "folderish": True, "content_tag": seen.content_tag, "name": "Old",
    })  # fmt: skip
    opened = Notes().opens(version)
    assert opened is not None
    assert opened.path == f"{BOX}/folders/f%2F1"


def test_a_mailbox_that_is_not_there_is_a_state_and_no_emptiness() -> None:
    for answer in (error(404, "MailboxNotEnabledForRESTAPI"), ok({"primaryMailboxId": None})):
        with pytest.raises(OwnerMissing):
            play(Notes().changes(TREE, None), answer)
    with pytest.raises(NotPermitted, match=r"MailboxFolder\.Read\.All"):
        play(Notes().changes(TREE, None), MAILBOX, error(403, "ErrorAccessDenied"))


# --- notes


def test_what_delta_tells_in_part_is_read_whole_and_a_note_goes_by_its_moment() -> None:
    whole = {"id": "n-2", "changeKey": "ck2", "type": "IPM.Activity", "createdDateTime": "2026-05-06T07:08:09Z"}
    listing, asked = play(Notes().changes(FEED, None), ok(page("notes", "delta")), together(ok(whole)))
    assert names(listing) == ["Sticky note 2026-05-04 09.10.11", "Journal entry 2026-05-06 07.08.09"]
    assert listing.changes[-1] == Gone("n-3")
    assert listing.last
    assert listing.cursor.endswith("$deltatoken=d1")
    assert not any("ImmutableId" in str(step.headers) for step in asked)


def test_a_token_that_died_begins_the_folder_anew_and_a_refused_delta_a_plain_listing() -> None:
    with pytest.raises(CursorExpired):
        play(Notes().changes(FEED, "https://graph.example/d"), error(410, "SyncStateNotFound"))
    full, asked = play(Notes().changes(FEED, None), error(403, "ErrorQuotaExceeded"), ok({"value": []}))
    assert asked[1].path.partition("?")[0] == f"{BOX}/folders/f-notes/items"
    with pytest.raises(CursorExpired):
        play(Notes().changes(FEED, full.cursor))


def test_a_note_is_kept_with_its_stream_or_is_owed() -> None:
    taken, [step] = play(Notes().capture(FEED, SEEN, None), Reply(200, b"fx"))
    assert taken == Capture(SEEN.record, {"stream": b"fx"}, {"stream": ".fts"})
    assert isinstance(step, Export)
    assert (step.path, step.item_id, step.immutable, step.size_bytes) == ("/users/u1", "n-1", False, 640)
    gone = error(422, "ErrorItemNotFound")
    assert play(Notes().capture(FEED, SEEN, None), error(422, "ErrorExportFailed"))[0] == Lost(
        "the note could not be exported: Graph answered 422 ErrorExportFailed"
    )
    assert play(Notes().capture(FEED, SEEN, None), gone, error(404, "ErrorItemNotFound"))[0] == Vanished()
    assert isinstance(play(Notes().capture(FEED, SEEN, None), gone, ok(page("notes", "delta")["value"][0]))[0], Lost)
    with pytest.raises(NotPermitted, match=EXPORT):
        play(Notes().capture(FEED, SEEN, None), error(403, "ErrorAccessDenied"))


# --- with a tenant


async def notes(stage: Stage) -> list[tuple[str, Version]]:
    return [(path, v) for path, v in await stage.kept(stage.owner("adele")) if not v.folderish]


async def texts(stage: Stage) -> list[str]:
    vault = stage.house().vault
    kept = [v for _, v in await notes(stage) if v.state == "kept"]
    return [unpack(await vault.read_part(v.parts["stream"]))["props"]["text"] for v in kept]


async def test_awkward_notes_are_kept_wherever_their_folders_lie_twenty_in_a_request(traffic: Path | None) -> None:
    async with staged("notes", traffic, seed="awkward", limits=Limits(at_once=EXPORTED_TOGETHER)) as stage:
        run = await stage.back_up(stage.owner("adele"))
        assert (run.state, run.account.lost) == ("done", 0)
        found = await texts(stage)
        assert len(found) == len(set(found)) == MORE + 6
        assert {path for path, _ in await notes(stage)} == {
            "/Notes/", "/Journal/", "/Notes/Ideas/", "/Notes/Ideas/Deeper/", "/Old notes/",
        }  # fmt: skip
        exports = sum(n for name, n in stage.asked("backup").items() if name.endswith("/exportItems"))
        assert exports <= len(found) // EXPORTED_TOGETHER + 6  # folders, and pages that come short


async def test_new_folders_are_found_and_gone_ones_keep_their_past(traffic: Path | None) -> None:
    async with staged("notes", traffic) as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        then = stage.worlds.clock.now()
        me = {"user": "$owner"}
        stage.happen(
            {"do": "delete_sticky_folder", **me, "name": "Ideas"},
            {"do": "add_sticky_folder", **me, "name": "Plans", "inside": "Notes"},
            {"do": "add_sticky_note", **me, "text": "A house", "folder": "Plans"},
            {"do": "add_sticky_folder", **me, "name": "Stray", "mail": "deleteditems"},
            {"do": "add_sticky_note", **me, "text": "Not yet", "folder": "Stray"},
        )
        assert (await stage.back_up(owner)).state == "done"
        found = await texts(stage)
        assert "A house" in found
        assert not {"A boat", "Not yet"} & set(found)
        assert "/Notes/Ideas/" in {path for path, _ in await stage.kept(owner, then)}
        stage.worlds.clock.advance(stage.kind.tree_days * DAY_S)
        await stage.back_up(owner)
        assert "Not yet" in await texts(stage)


async def test_a_note_that_can_not_be_exported_is_owed_until_it_can(traffic: Path | None) -> None:
    async with staged("notes", traffic) as stage:
        owner = stage.owner("adele")
        stage.happen({"do": "break_sticky_note", "user": "$owner", "text": "A boat"})
        run = await stage.back_up(owner)
        assert run.account.lost == 1
        assert "A boat" not in await texts(stage)
        stage.happen({"do": "break_sticky_note", "user": "$owner", "text": "A boat", "broken": False})
        await stage.back_up(owner)
        assert await stage.house().catalog.owed(owner) == []
        assert "A boat" in await texts(stage)


async def test_an_export_and_the_reader_give_each_note_as_json_and_its_stream_beside(tmp_path: Path) -> None:
    async with staged("notes") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        kept = [await stage.house().vault.read_part(v.parts["stream"]) for _, v in await notes(stage)]
        selection = Selection(owner, ("notes",), stage.worlds.clock.now())
        await export.order(stage.house(), selection, "eml", records=False, export="x1", by="auditor", reason="case 7")
        await drain(stage.worlds, stage.house())
        there = copy_to(tmp_path / "vault", stage.worlds.blobs.blobs)
        taken = {name: path.read_bytes() for name, path in read(there, tmp_path / "to").files.items()}
        for files in (files_of(stage.worlds), taken):
            assert sorted(data for path, data in files.items() if path.endswith(".fts")) == sorted(kept)
            records = [data for path, data in files.items() if "/Sticky note " in path and path.endswith(".json")]
            assert [json.loads(data)["type"] for data in records] == ["IPM.StickyNote"] * (len(kept) - 1)


# --- off


async def test_where_the_lossless_mode_is_off_nothing_is_asked_and_no_role_is_needed() -> None:
    async with worlds() as there:
        for lossless in (False, True):
            house = process(there, policy=Policy(kinds=("notes",), lossless=lossless))
            assert house.kept_kinds == (["notes"] if lossless else [])
    roles = set(Notes.read_permissions)
    assert not roles & set(reads())
    assert roles <= set(reads(["notes"], lossless=True))
    assert reads(["notes"]) == () == writes(["notes"], lossless=True)
