"""The stand-alone reader, run as a user runs it: another process, nothing of ours on its path."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from shared.model import Drafted, Feed
from shared.vault import address
from shared.vault.memory import MemoryBlobs
from shared.vault.vault import Vault
from tests.unit.vault import sample
from tests.unit.vault.sample import BO, DRIVE, MONDAY, Writer, file, folder

READER = Path(__file__).parents[3] / "tools" / "read_vault.py"
HOME = f"{BO.name} ({BO.key})"


class Reading:
    def __init__(self, done: subprocess.CompletedProcess[str], to: Path) -> None:
        self.status, self.told, self.summary = done.returncode, done.stderr.splitlines(), done.stdout.strip()
        self.files = {p.relative_to(to).as_posix(): p for p in to.rglob("*") if p.is_file()} if to.exists() else {}
        index = to / "index.jsonl"
        self.index = [json.loads(line) for line in index.read_text().splitlines()] if index.exists() else []

    def below(self, kind: str) -> dict[str, bytes]:
        top = f"{HOME}/{kind}/"
        return {name.removeprefix(top): p.read_bytes() for name, p in self.files.items() if name.startswith(top)}

    def item(self, item_id: str) -> dict[str, Any]:
        [found] = [line for line in self.index if line["id"] == item_id]
        return dict(found)


def read(vault: Path, to: Path, *more: str) -> Reading:
    command = [sys.executable, str(READER), str(vault), str(to), *more]
    return Reading(subprocess.run(command, capture_output=True, text=True, env={}, timeout=300, check=False), to)


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    return sample.copy_to(tmp_path / "vault", asyncio.run(sample.blobs()))


def drive(tmp_path: Path, *changes: Drafted, feed: Feed = DRIVE) -> Path:
    async def write(blobs: MemoryBlobs) -> None:
        made = Vault(blobs, sample.TENANT)
        await made.ensure()
        await Writer(made).page(feed, MONDAY, *changes)

    blobs = MemoryBlobs()
    asyncio.run(write(blobs))
    return sample.copy_to(tmp_path / "vault", blobs.blobs)


def test_the_newest_state_becomes_folders_of_files(vault: Path, tmp_path: Path):
    done = read(vault, tmp_path / "to")
    assert (done.status, done.told) == (0, [])
    assert {name: data.split(b"\r\n")[0] for name, data in done.below("mail").items()} == {
        "Inbox/Re%3A plan.eml": b"Subject: m1",
        "Inbox/Project %2F Ä/Re%3A plan.eml": b"Subject: m2",
        "Inbox/Project %2F Ä/%43ON.eml": b"Subject: m4",
    }
    assert done.below("files") == {
        "report final.docx": b"PK\x03\x04 edited",
        "Documents/REPORT.DOCX": b"another one",
        "Documents/Deep/video.mp4": sample.BIG,
    }
    assert sorted(done.below("contacts")) == ["Friends/Ada; Lovelace.jpg", "Friends/Ada; Lovelace.vcf"]
    assert done.item("f5")["reason"] == "malware"
    assert done.item("f2")["newer_is_owed"] == "locked"
    assert "m3" not in {line["id"] for line in done.index}


def test_a_moment_shows_what_was_there_then(vault: Path, tmp_path: Path):
    done = read(vault, tmp_path / "to", "--at", (MONDAY + timedelta(hours=1)).isoformat())
    assert done.status == 0
    assert sorted(done.below("files").values()) == sorted([sample.BIG, b"", b"PK\x03\x04 not really", b"another one"])
    assert "Documents/report.docx" in done.below("files")
    assert len([name for name in done.below("mail") if name.startswith("Inbox/Re%3A plan")]) == 2
    before = read(vault, tmp_path / "before", "--at", "2020-01-01")
    assert (before.status, before.index) == (0, [])


def test_one_owner_and_kind_can_be_asked_for(vault: Path, tmp_path: Path):
    for n, owner in enumerate((BO.name.upper(), BO.id, BO.key)):
        done = read(vault, tmp_path / str(n), "--owner", owner, "--kind", "contacts")
        assert {line["kind"] for line in done.index} == {"contacts"}
    assert read(vault, tmp_path / "x", "--owner", "eve@contoso.example").index == []


def test_files_have_their_times_and_records(vault: Path, tmp_path: Path):
    done = read(vault, tmp_path / "to")
    item = done.item("f1")
    assert (tmp_path / "to" / item["files"]["content"]).stat().st_mtime == 1766599200  # 2025-12-24T18:00:00Z
    record = json.loads((tmp_path / "to" / item["files"]["record"]).read_text())
    assert record["o365:Name"] == "report final.docx"


def test_a_name_with_a_lone_surrogate_is_told_exactly(vault: Path, tmp_path: Path):
    done = read(vault, tmp_path / "to", "--at", "2026-03-02T12:00")
    assert done.item("m3")["name"] == "spam \ud800"
    assert done.item("m3")["files"]["mime"].endswith("/spam %ED%A0%80.eml")


def page_of(vault: Path, feed: Any, seq: int) -> Path:
    return vault / address.page_name(feed, seq)


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


BREAKS: dict[str, Callable[[Path], object]] = {
    "broken chain": lambda v: flip(page_of(v, DRIVE, 1), 12),
    "are missing": lambda v: page_of(v, sample.INBOX, 1).unlink(),
    "not those of its name": lambda v: flip(sorted((v / "parts").rglob("*"))[-1], 5),
    "No such file": lambda v: next(p for p in sorted((v / "parts").rglob("*")) if p.is_file()).unlink(),
    "says that it is another page": lambda v: page_of(v, DRIVE, 1).write_bytes(
        page_of(v, sample.INBOX, 1).read_bytes()
    ),
    "manifest.jsonl": lambda v: page_of(v, sample.FRIENDS, 1).write_bytes(b"PK"),
    "vault.json": lambda v: (v / "vault.json").unlink(),
}


@pytest.mark.parametrize("told", BREAKS)
def test_damage_is_told_and_the_rest_is_read(vault: Path, tmp_path: Path, told: str):
    BREAKS[told](vault)
    done = read(vault, tmp_path / "to")
    assert done.status == 1
    assert any(told in line for line in done.told), done.told
    assert len(done.index) >= 6


def test_a_damaged_entry_leaves_no_file(vault: Path, tmp_path: Path):
    page = page_of(vault, sample.PROJECT, 2)
    data = page_of(vault, sample.INBOX, 1).read_bytes()
    flip(page_of(vault, sample.INBOX, 1), data.index(b"Hello from m2"))
    done = read(vault, tmp_path / "to")
    assert done.status == 1
    assert page.exists()
    assert "mime" not in done.item("m2")["files"]
    assert "Inbox/Re%3A plan.eml" in done.below("mail")


def test_another_format_stops_the_reader(vault: Path, tmp_path: Path):
    (vault / "vault.json").write_text('{"format": 2}')
    done = read(vault, tmp_path / "to")
    assert done.status == 1
    assert "format 1 only" in done.told[0]


def test_nothing_is_ever_overwritten(vault: Path, tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine")
    assert read(vault, tmp_path).status == 2
    assert read(tmp_path / "nowhere", tmp_path / "to").status == 2


HOSTILE = [
    "../../x",
    "..",
    ".",
    "/etc/passwd",
    "C:\\x",
    "\\\\host\\x",
    "nul\0l",
    "CON",
    "con.txt",
    "Aux .log",
    "a" * 4000,
    "ü" * 4000 + ".docx",
    "x" * 300 + "." + "y" * 300,
    "trailing.",
    "trailing ",
    " leading",
    "line\nPROBLEM forged",
    "\u202egpj.exe",
    "tab\t",
    "?*<>|\":'",
    "100%",
    "%2E%2E",
    "",
    "\udcff",
    "index.jsonl",
    "(this folder)",
]


def test_hostile_names_stay_inside_and_can_be_told_back(tmp_path: Path):
    changes = [folder(DRIVE, "root", "root", root={})]
    for n, name in enumerate(HOSTILE):
        changes.append(file(f"f{n}", name, f"file {n}".encode(), "root"))
        changes.append(folder(DRIVE, f"d{n}", name, "root"))
        changes.append(file(f"g{n}", name, f"inner {n}".encode(), f"d{n}"))
    done = read(drive(tmp_path, *changes), tmp_path / "deep" / "to")
    assert (done.status, done.told) == (0, [])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep", "vault"]
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["to"]
    for n, name in enumerate(HOSTILE):
        assert done.item(f"f{n}")["name"] == name
        path = done.item(f"f{n}")["files"]["content"]
        assert (tmp_path / "deep" / "to" / path).read_bytes() == f"file {n}".encode()
        inner = done.item(f"g{n}")["files"]["content"]
        assert (tmp_path / "deep" / "to" / inner).read_bytes() == f"inner {n}".encode()
        made = inner.rsplit("/", 1)[1]
        assert len(made.encode()) <= 255
        assert "~" in made or unquote(made, errors="surrogatepass") == (name or f"g{n}")


@pytest.mark.parametrize(
    "part",
    [
        {"size": -5, "entry": "000001.txt"},
        {"size": "9", "entry": "000001.txt"},
        {"size": 10, "entry": "../../secret"},
        {"size": 10, "entry": "e", "page": "pages/../../../../" + "a" * 26 + "/0000000001.zip"},
        {"size": 10, "entry": "e", "page": "/etc/passwd"},
        {"size": 10, "chunks": [["../../../etc/passwd", 10]]},
        {"size": 10, "chunks": [7]},
        {"size": 10},
        [],
        7,
    ],
)
def test_forged_parts_are_told_and_nothing_outside_is_read(vault: Path, tmp_path: Path, part: Any):
    path = page_of(vault, DRIVE, 2)
    with zipfile.ZipFile(path) as opened:
        lines = opened.read("manifest.jsonl").decode().splitlines()
    line = json.loads(lines[1])
    line["parts"]["content"] = part | {"sha256": "a" * 64} if isinstance(part, dict) else part
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as forged:
        forged.writestr("manifest.jsonl", "\n".join([lines[0], json.dumps(line), *lines[2:], ""]))
        forged.writestr("000001.txt", b"0" * 1_000_000)
    done = read(vault, tmp_path / "to")
    assert done.status == 1
    assert done.told
    assert all(len(data) < 5000 for data in done.below("files").values())
    assert "Documents/Deep/video.mp4" in done.below("files")


def test_twins_in_case_and_composition_stay_apart(tmp_path: Path):
    names = ["Report", "REPORT", "report", "re\u0301sume\u0301", "r\u00e9sum\u00e9", "ſtraße", "STRASSE"]
    vault = drive(tmp_path, *(file(f"f{n}", name, name.encode(), "") for n, name in enumerate(names)))
    done = read(vault, tmp_path / "to")
    assert sorted(done.below("files").values()) == sorted(name.encode() for name in names)
    folded = {name.casefold() for name in done.below("files")}
    assert len(folded) == len(names)


def test_folders_that_contain_each_other_are_laid_out_once(tmp_path: Path):
    loop = [folder(DRIVE, "a", "A", "b"), folder(DRIVE, "b", "B", "a"), file("f", "in the loop", b"x", "a")]
    stray = file("g", "stray", b"y", "nobody knows")
    done = read(drive(tmp_path, *loop, stray), tmp_path / "to")
    assert done.status == 0
    assert sorted(done.below("files").values()) == [b"x", b"y"]


def test_a_tree_of_hundreds_of_levels_is_written(tmp_path: Path):
    names = [f"level {n} " + "x" * 40 for n in range(300)]
    chain = [folder(DRIVE, f"d{n}", name, f"d{n - 1}" if n else "") for n, name in enumerate(names)]
    done = read(drive(tmp_path, *chain, file("f", "deep.txt", b"deep", "d299")), tmp_path / "to")
    assert (done.status, done.told) == (0, [])
    assert b"deep" in done.below("files").values()


def test_a_file_and_a_folder_of_one_name_are_both_there(tmp_path: Path):
    changes = [
        folder(DRIVE, "d", "a.json"),
        file("f", "a", b"1", ""),
        file("g", "a.json", b"2", ""),
        file("h", "x", b"3", "d"),
    ]
    done = read(drive(tmp_path, *changes), tmp_path / "to")
    assert (done.status, done.told) == (0, [])
    assert sorted(done.below("files").values()) == [b"1", b"2", b"3"]
    assert done.below("files")["a.json/x"] == b"3"


def test_the_stored_sample_is_read(tmp_path: Path):
    kept = Path(__file__).parents[2] / "pages" / "vault-v1" / "vault"
    done = read(kept, tmp_path / "to")
    assert (done.status, done.told) == (0, [])
    assert len(done.index) == 15


def test_a_conversation_becomes_a_page_that_leads_to_what_was_attached(tmp_path: Path):
    threads = Feed(BO, "conversations", "threads", f"{BO.path}/threads", "", "Conversations")
    entry = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "menu.txt"}
    entry |= {"o365:Part": "attachment-1", "o365:Suffix": ".txt"}
    post = {"body": {"contentType": "html", "content": "<b>Soup?</b><script>x()</script>"}, "o365:Attachments": [entry]}
    record = {"o365:Type": "conversationThread", "o365:Name": "Lunch", "topic": "Lunch", "posts": [post]}
    kept = sample.item(threads, "t1", record, {"attachment-1": b"Soup"}, {"attachment-1": ".txt"})
    done = read(drive(tmp_path, kept, feed=threads), tmp_path / "to")
    assert (done.status, done.told) == (0, [])
    text = done.below("conversations")["Lunch.html"].decode()
    assert "<b>Soup?</b>" in text
    assert "x()" not in text
    link = unquote(text.partition('href="')[2].partition('"')[0])
    assert (tmp_path / "to" / HOME / "conversations" / link).read_bytes() == b"Soup"
    [mail] = (tmp_path / "to" / HOME / "conversations (mails)").rglob("*.eml")
    [menu] = [part for part in message_from_bytes(mail.read_bytes()).walk() if part.get_filename()]
    assert (menu.get_filename(), menu.get_payload(decode=True)) == ("menu.txt", b"Soup")
