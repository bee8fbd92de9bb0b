"""The way out over memory twins: what is exported is what the tenant held, and dying anywhere changes nothing."""

from __future__ import annotations

import hashlib
import io
import json
import mailbox
import ntpath
import os
import posixpath
import re
import unicodedata
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import vobject

from shared.catalog.nouns import ExportRow, MailFormat
from shared.flows import export, plan
from shared.flows.house import House, Limits, Policy
from shared.kinds import KINDS
from shared.model import Owner, Selection, Version
from tests.contract.kinds_stage import staged
from tests.rig import Probe, Saved, Worlds, died, drain, load, process, save, worlds
from tests.unit.export.test_names import fine

WHO = "adele"


class Stage:
    """One user, kept once; exports are ordered of it."""

    def __init__(self, worlds: Worlds) -> None:
        self.worlds = worlds

    def house(self, volume_bytes: int = 1 << 30, probe: Probe | None = None, **limits: Any) -> House:
        return process(
            self.worlds,
            probe,
            Limits(volume_bytes=volume_bytes, **limits),
            Policy(include=(f"{WHO}@*",)),
        )

    async def owner(self) -> Owner:
        return await plan.find(self.house(), f"{WHO}@{self.worlds.tenant.domain}")

    async def order(
        self, house: House, *kinds: str, mail: MailFormat = "eml", records: bool = False, **more: Any
    ) -> ExportRow:
        selection = Selection(await self.owner(), kinds or tuple(KINDS), self.worlds.clock.now())
        return await export.order(
            house, replace(selection, **more), mail, records=records, export="x1", by="auditor", reason="case 7"
        )

    async def exported(self, *kinds: str, volume_bytes: int = 1 << 30, **more: Any) -> dict[str, bytes]:
        house = self.house(volume_bytes)
        await self.order(house, *kinds, **more)
        await drain(self.worlds, house)
        return files_of(self.worlds)

    async def row(self) -> ExportRow:
        row = await self.house().catalog.export(self.worlds.tenant.id, "x1")
        assert row is not None
        return row


def volumes_of(worlds: Worlds) -> dict[str, zipfile.ZipFile]:
    return {
        name: zipfile.ZipFile(io.BytesIO(data)) for name, data in worlds.parcels.blobs.items() if name.endswith(".zip")
    }


def files_of(worlds: Worlds) -> dict[str, bytes]:
    """All files of all volumes, as if they were unpacked into one place; nothing may be there twice."""
    files: dict[str, bytes] = {}
    for opened in volumes_of(worlds).values():
        assert opened.testzip() is None
        for info in opened.infolist():
            if not info.is_dir():
                assert info.filename not in files
                files[info.filename] = opened.read(info)
    return files


def below(files: dict[str, bytes], place: str) -> dict[str, bytes]:
    """Of one kind, by what follows it in the path."""
    start = f"{WHO}@contoso.example/{place}"
    return {path.removeprefix(start).lstrip("/"): data for path, data in files.items() if path.startswith(start)}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with worlds("small") as there:
        made = Stage(there)
        await plan.tick(made.house())
        await drain(there, made.house())
        yield made


def kept(worlds: Worlds, part: str) -> list[bytes]:
    """What the vault holds of a part of all items, read with zipfile and nothing of ours."""
    found = []
    for name, data in worlds.blobs.blobs.items():
        if name.startswith("pages/"):
            opened = zipfile.ZipFile(io.BytesIO(data))
            for line in map(json.loads, opened.read("manifest.jsonl").splitlines()[1:]):
                if line["change"] == "kept" and "entry" in line["parts"].get(part, ()):
                    found.append(opened.read(line["parts"][part]["entry"]))
    return found


# --- what comes out ---------------------------------------------------------------------------------------------------


async def test_every_message_comes_out_byte_for_byte(stage: Stage) -> None:
    letters = below(await stage.exported("mail"), "mail/")
    assert sorted(letters.values()) == sorted(kept(stage.worlds, "mime")) and len(letters) > 5
    assert all(path.endswith(".eml") for path in letters)
    assert any(path.startswith("Inbox/") for path in letters)


async def test_every_file_of_the_drive_comes_out_at_its_path(stage: Stage) -> None:
    from sandbox.tenant.drives import dump_drives

    files = below(await stage.exported("files"), "files/")
    drives = dump_drives(stage.worlds.tenant)
    drive = next(items for user, items in drives.items() if user.startswith(WHO))
    wanted = {path: item["sha256"] for path, item in drive.items() if item.get("sha256")}
    got = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    assert got == wanted and len(wanted) > 5


async def test_the_libraries_of_a_site_come_out_side_by_side() -> None:
    async with staged("files@site") as play:
        owner = play.owner("adele")
        await play.back_up(owner)
        house = play.house()
        chosen = Selection(owner, ("files",), play.worlds.clock.now())
        await export.order(house, chosen, "eml", records=False, export="x1", by="auditor", reason="case 7")
        await drain(play.worlds, house)
        names = {name.partition("/files/")[2] for name in files_of(play.worlds)}
        assert {"Documents/Notes/0/note 0.txt", "Contracts/2025/contract 0.txt"} <= names


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("pages", {"Plan.aspx": (".html", ".json"), "Home.aspx": (".html", ".json")}),
        ("lists", {"Board/Build": (".json",), "Projects/Apollo": (".json",)}),
    ],
)
async def test_pages_of_a_site_can_be_read_and_its_lists_come_row_by_row(
    kind: str, wanted: dict[str, tuple[str, ...]]
) -> None:
    async with staged(kind) as play:
        owner = play.owner("adele")
        await play.back_up(owner)
        house = play.house()
        chosen = Selection(owner, (kind,), play.worlds.clock.now())
        await export.order(house, chosen, "eml", records=False, export="x1", by="auditor", reason="case 7")
        await drain(play.worlds, house)
        found = files_of(play.worlds)
        names = [name.partition(f"/{kind}/")[2] for name in found]
        for begins, endings in wanted.items():
            assert {e for e in endings for n in names if begins in n and n.endswith(e)} == set(endings), names
        if kind == "pages":
            [text] = [data for name, data in found.items() if "Plan" in name and name.endswith(".html")]
            assert b"<h2>Plan</h2>" in text


async def test_pages_of_onenote_can_be_read_with_their_pictures_and_files() -> None:
    async with staged("onenote") as play:
        owner = play.owner("adele")
        await play.back_up(owner)
        house = play.house()
        chosen = Selection(owner, ("onenote",), play.worlds.clock.now())
        await export.order(house, chosen, "eml", records=False, export="x1", by="auditor", reason="case 7")
        await drain(play.worlds, house)
        found = files_of(play.worlds)
        [plan] = [name for name in found if "/onenote/Work/Plans/The plan" in name and name.endswith(".html")]
        page = found[plan]
        assert b"<h1>Plan</h1>" in page
        assert b"data:image/png;base64," in page
        assert b"graph.microsoft.com" not in page
        [file] = [data for name, data in found.items() if name.endswith("/offer.pdf")]
        assert file == b"%PDF-1.4 offer"
        [details] = [data for name, data in found.items() if "/Details" in name and "(attach" not in name]
        assert b"offer.pdf" in details
        assert any("Work/Archive/2025/Old/" in name for name in found)
        assert any(name.endswith("original.html") for name in found)


async def test_an_mbox_is_read_by_the_standard_library(stage: Stage, tmp_path: Path) -> None:
    boxes = {path: data for path, data in (await stage.exported("mail", mail="mbox")).items() if path.endswith(".mbox")}
    read = []
    for number, data in enumerate(boxes.values()):
        (tmp_path / f"{number}.mbox").write_bytes(data)
        box = mailbox.mbox(tmp_path / f"{number}.mbox")
        read += [message["Message-ID"] for message in box]
        box.close()
    wanted = [mailbox.Message(mime)["Message-ID"] for mime in kept(stage.worlds, "mime")]
    assert sorted(map(str, read)) == sorted(map(str, wanted)) and len(read) > 5


async def test_a_maildir_is_read_by_the_standard_library_with_its_flags(stage: Stage, tmp_path: Path) -> None:
    await stage.exported("mail", mail="maildir")
    for opened in volumes_of(stage.worlds).values():
        opened.extractall(tmp_path)
    inbox = mailbox.Maildir(tmp_path / f"{WHO}@contoso.example/mail/Inbox", create=False)
    assert sorted(message.get_flags() for message in inbox) == ["", "S"]


async def test_a_calendar_and_cards_are_read_by_another_library(stage: Stage) -> None:
    files = await stage.exported("events", "contacts")
    calendars = [vobject.readOne(data.decode()) for path, data in files.items() if path.endswith(".ics")]
    subjects = {event.summary.value for calendar in calendars for event in calendar.contents.get("vevent", ())}
    records = [json.loads(record) for record in kept(stage.worlds, "record")]
    assert {r["subject"] for r in records if r.get("o365:Type") == "event" and r["subject"]} <= subjects
    cards = [card for p, data in files.items() if p.endswith(".vcf") for card in vobject.readComponents(data.decode())]
    names = sorted(card.fn.value for card in cards)
    assert names == sorted(r["displayName"] for r in records if r.get("o365:Type") == "contact")


async def test_other_kinds_come_out_as_their_records(stage: Stage) -> None:
    files = below(await stage.exported("settings"), "settings")
    assert files and all(json.loads(data) for data in files.values())


async def test_records_come_along_where_they_are_asked_for(stage: Stage) -> None:
    files = below(await stage.exported("contacts", records=True), "contacts (records)/")
    assert files and all(json.loads(data)["o365:Type"] == "contact" for data in files.values())


async def children(stage: Stage) -> list[Version]:
    """What lies at the top of the drive."""
    [state] = await stage.house().catalog.feeds(await stage.owner(), "files")
    return (await stage.house().catalog.listing(state.feed, limit=1000))[0]


async def test_only_what_is_below_a_folder(stage: Stage) -> None:
    folder = next(v for v in await children(stage) if v.name == "Notes")
    files = below(await stage.exported("files", folder=folder.item_id), "files/")
    assert files and all(path.startswith("Notes/") for path in files)


async def test_only_one_item(stage: Stage) -> None:
    one = next(v for v in await children(stage) if not v.folderish)
    files = below(await stage.exported("files", items=(one.item_id,)), "files/")
    assert [path.rpartition("/")[2] for path in files] == [one.name]


HOSTILE = (
    "../../x", "C:\\x", "\\\\host\\x", "CON", "nul.txt", "a\x00b", "x" * 300, "..", "trailing. ", "a/b:c*d", "=1+1",
    "é",
)  # fmt: skip


async def test_hostile_names_stay_inside_and_are_harmless_everywhere(stage: Stage, tmp_path: Path) -> None:
    from sandbox.tenant.happenings import all_mutations

    user = f"{WHO}@{stage.worlds.tenant.domain}"
    for number, name in enumerate(HOSTILE):
        all_mutations()["add_mail"](stage.worlds.tenant, user=user, subject=name, folder="inbox")
        all_mutations()["add_mail_folder"](stage.worlds.tenant, user=user, name=name.replace("/", "") or str(number))
    stage.worlds.clock.advance(3600)
    await plan.tick(stage.house())
    await drain(stage.worlds, stage.house())
    files = await stage.exported("mail", records=True)
    subjects = {
        item["name"]
        for line in map(json.loads, files["holdfast/0001.jsonl"].splitlines())
        for item in line["items"]
    }
    assert set(HOSTILE) <= subjects
    paths = [n for opened in volumes_of(stage.worlds).values() for n in opened.namelist()]
    for path in paths:
        for name in path.rstrip("/").split("/"):
            assert fine(name), path
        assert posixpath.normpath(path) == path.rstrip("/") and not path.startswith("/")
        assert ntpath.normpath(path.replace("/", "\\")) == path.rstrip("/").replace("/", "\\")
    assert len({unicodedata.normalize("NFC", path).casefold() for path in paths}) == len(paths)
    for opened in volumes_of(stage.worlds).values():
        opened.extractall(tmp_path / "to")
    assert os.listdir(tmp_path) == ["to"]
    assert sum(len(names) for _, _, names in os.walk(tmp_path)) == len(files)


async def test_a_forged_row_brings_nothing_out_of_another_owner(stage: Stage) -> None:
    from shared.errors import DigestMismatch
    from shared.flows.export_volume import check
    from shared.model import Entry, Part

    owner = await stage.owner()
    with pytest.raises(DigestMismatch):
        page = f"pages/{owner.tenant}/user-other/mail/x/0000000001.zip"
        check(Part("0" * 64, 1, Entry(page, "1.eml", 0, 1, 0)), owner)


# --- volumes ----------------------------------------------------------------------------------------------------------


async def test_many_small_volumes_hold_what_one_does_and_the_sums_verify(stage: Stage, tmp_path: Path) -> None:
    files = await stage.exported(volume_bytes=60_000)
    row = await stage.row()
    assert row.state == "done" and row.volumes > 4
    manifest = json.loads(files["manifest.json"])
    assert (manifest["ordered_by"], manifest["reason"]) == ("auditor", "case 7")
    named = {f"x1/{volume['name']}": volume["sha256"] for volume in manifest["volumes"]}
    last = f"x1/x1-{row.volumes:04d}.zip"
    assert {n: hashlib.sha256(stage.worlds.parcels.blobs[n]).hexdigest() for n in named} == named
    assert set(volumes_of(stage.worlds)) == {*named, last}
    assert hashlib.sha256(stage.worlds.parcels.blobs[last]).hexdigest() == row.seal
    sums = dict(reversed(line.split("  ", 1)) for line in files["SHA256SUMS"].decode().splitlines())
    own = {"manifest.json", "SHA256SUMS", "VOLUMES.sha256", "README.txt"}
    content = {path for path in files if path not in own and not path.startswith("holdfast/")}
    assert {path: hashlib.sha256(files[path]).hexdigest() for path in content} == sums
    audits = [(a.who, a.action) for a in await stage.house().catalog.audits()]
    assert audits == [("auditor", "export")]


async def test_a_content_too_big_for_one_volume_is_cut(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from sandbox.tenant.happenings import all_mutations
    from shared.flows import export_volume, export_walk

    for module in (export_walk, export_volume):
        monkeypatch.setattr(module, "SLICE", 400_000)
    all_mutations()["add_file"](
        stage.worlds.tenant, user=f"{WHO}@{stage.worlds.tenant.domain}", path="big.bin", size=1_000_000, seed="b"
    )
    stage.worlds.clock.advance(3600)
    house = stage.house()
    await plan.tick(house)
    await drain(stage.worlds, house)
    files = below(await stage.exported("files"), "files/")
    pieces = [files[f"big.bin.{n:03d}"] for n in (1, 2, 3)]
    assert [len(piece) for piece in pieces] == [400_000, 400_000, 200_000] and "big.bin" not in files
    big = next(v for v in await children(stage) if v.name == "big.bin")
    assert hashlib.sha256(b"".join(pieces)).hexdigest() == big.parts["content"].sha256


async def test_an_item_that_is_damaged_is_told_and_the_others_come_out(stage: Stage) -> None:
    owner = await stage.owner()
    name = next(n for n in sorted(stage.worlds.blobs.blobs) if "/files/" in n)
    page = bytearray(stage.worlds.blobs.blobs[name])
    opened = zipfile.ZipFile(io.BytesIO(bytes(page)))
    entry = next(i for i in opened.infolist() if not i.filename.endswith((".json", ".jsonl")) and i.file_size > 10)
    page[entry.header_offset + 30 + len(entry.filename) + 2] ^= 0xFF
    stage.worlds.blobs.blobs[name] = bytes(page)
    files = await stage.exported("files")
    row = await stage.row()
    assert row.state == "partial" and dict(row.counts)["failed"] == 1 and owner.id
    problems = [line for line in map(json.loads, files["holdfast/0001.jsonl"].splitlines()) if "problem" in line]
    assert len(problems) == 1 and len(below(files, "files/")) == dict(row.counts)["files"] > 3


# --- dying ------------------------------------------------------------------------------------------------------------


async def play(stage: Stage, start: Saved, probe: Probe) -> tuple[dict[str, bytes], ExportRow, list[Any]]:
    load(stage.worlds, start)
    small: dict[str, Any] = {"volume_bytes": 3_000, "lane_budget_s": 0.01}
    house = stage.house(probe=probe, **small)
    while True:
        try:
            if await house.catalog.export(house.tenant, "x1") is None:
                await stage.order(house, "mail", "contacts", at=start.now)
            break
        except BaseException as why:
            if not died(why):
                raise
            house = stage.house(**small)
    await drain(stage.worlds, house, lambda: stage.house(**small))
    stage.worlds.clock.advance(10_000)
    house = stage.house(**small)
    await export.wake(house)
    await drain(stage.worlds, house)
    row = await stage.row()
    last = f"x1/x1-{row.volumes:04d}.zip"  # says when it was made
    parcels = {name: data for name, data in stage.worlds.parcels.blobs.items() if name != last}
    return parcels, row, await house.catalog.audits()


EVERY = 61  # of the effects dies one: all of them take minutes


async def test_an_export_that_dies_anywhere_comes_out_the_same(stage: Stage) -> None:
    start = save(stage.worlds)
    probe = Probe()
    wanted, row, _ = await play(stage, start, probe)
    assert row.state == "done" and row.volumes > 3 and row.hop > 0
    for number in range(1, probe.count + 1):
        for mode in ("before", "after"):
            found, again, audits = await play(stage, start, Probe(number, mode))
            at = f"{mode} {number} {probe.trace[number - 1]}"
            assert found == wanted, at
            assert (again.state, again.volumes, dict(again.counts)) == ("done", row.volumes, dict(row.counts)), at
            assert len({a.at for a in audits}) == 1, at
    assert probe.count > 60


async def test_so_does_one_that_waits_for_archived_bytes_and_pays_for_none_twice(stage: Stage) -> None:
    blobs = stage.worlds.blobs
    blobs.tiers |= dict.fromkeys((name for name in blobs.blobs if name.startswith("pages/")), "archive")
    start = save(stage.worlds)
    probe = Probe()
    wanted, row, _ = await play(stage, start, probe)
    brought = dict(blobs.brought_back)
    assert row.state == "done" and row.volumes > 3 and set(brought.values()) == {1}
    for number in range(1, probe.count + 1, EVERY):
        for mode in ("before", "after"):
            found, again, _ = await play(stage, start, Probe(number, mode))
            at = f"{mode} {number} {probe.trace[number - 1]}"
            assert (found, blobs.brought_back) == (wanted, brought), at
            assert (again.state, again.problems, dict(again.counts)) == ("done", (), dict(row.counts)), at


async def test_an_order_from_before_anything_was_kept_is_an_empty_export(stage: Stage) -> None:
    files = await stage.exported("mail", at=datetime.fromisoformat("2020-01-01T00:00:00+00:00"))
    row = await stage.row()
    assert row.state == "done" and dict(row.counts).get("items", 0) == 0 and "manifest.json" in files


async def group_exported(there: Worlds, kind: str) -> dict[str, bytes]:
    house = process(there, policy=Policy(("group",), (kind,)))
    crew = there.tenant.find_group("crew")
    assert crew is not None
    await plan.now(house, [crew.id])
    await drain(there, house)
    selection = Selection(await plan.find(house, crew.id), (kind,), there.clock.now())
    await export.order(house, selection, "eml", records=False, export="x1", by="auditor", reason="case 7")
    await drain(there, house)
    return files_of(there)


async def test_a_conversation_comes_out_as_a_page_that_leads_to_what_was_attached() -> None:
    async with worlds("small") as there:
        files = await group_exported(there, "conversations")
        [lunch] = [name for name in files if name.endswith(".html") and "Lunch" in name]
        text = files[lunch].decode()
        assert "<b>now</b>" in text
        assert "<script>" not in text
        [link] = re.findall(r'href="([^"]+)"[^>]*>menu\.txt<', text)
        assert files[posixpath.normpath(posixpath.join(posixpath.dirname(lunch), unquote(link)))] == b"Soup"
        mails = [message_from_bytes(files[name]) for name in sorted(files) if "/conversations (mails)/Lunch" in name]
        assert [(mail["From"].split()[-1], mail["Subject"]) for mail in mails] == [
            ("<adele@contoso.example>", "Lunch"),
            ("<bernd@contoso.example>", "Lunch"),
        ]
        attached = [part.get_filename() for part in mails[1].walk() if part.get_filename()]
        assert attached == ["menu.txt", "prices.txt"]


async def test_a_group_s_calendar_comes_out_as_one_with_its_attachments() -> None:
    async with worlds("small") as there:
        files = await group_exported(there, "group-calendar")
        [calendar] = [data for name, data in files.items() if name.endswith(".ics")]
        told = [str(one.summary.value) for one in vobject.readOne(calendar.decode()).vevent_list]
        assert sorted(set(told)) == ["Harvest", "Opening", "Stand-up", "With agenda"]
        assert [data for name, data in files.items() if name.endswith("/agenda.txt")] == [b"1. Everything"]


async def test_a_channel_comes_out_as_one_page_in_the_order_of_its_chains_with_its_pictures() -> None:
    async with worlds("small") as there:
        files = await group_exported(there, "channels")
        [general] = [text.decode() for name, text in files.items() if name.endswith("General.html")]
        order = ("[channelAdded]", "Welcome to the crew", "Glad to be here", "Our logo", "A report")
        places = [general.index(words) for words in order]
        assert places == sorted(places)
        assert general.count('src="data:image/png;base64,') == 1
        assert "graph.near" not in general
        assert len([name for name in files if "image-" in name]) == 3
