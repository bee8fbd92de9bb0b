"""A stored vault with forgotten versions, a hole in a chain and a forgotten person stays readable, for both readers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from shared.flows import person
from shared.flows.rebuild import rebuild
from shared.flows.retention import Retention, Rule
from shared.model import Feed, Owner
from tests.care.diary import BIG, DRIVE, TENANT, Diary

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "tests/pages/vault-v1-forgotten"
BERT = Owner(TENANT, "user", "b2", "bert@contoso.example")
HIS = Feed(BERT, "files", "drive-2", "/drives/drive-2", "drive-2", "OneDrive")


async def write() -> dict[str, bytes]:
    """As it was written once; run by hand when a new form needs a new sample."""
    diary = Diary(Retention(Rule(5), min_days=0, grace_days=3, mass_share=2.0))
    await diary.house().vault.ensure()
    await diary.commit(("secret", b"of Bert"), feed=HIS)
    diary.truth.clear()
    await diary.commit(("a", b"1" * BIG), ("b", b"first"))
    diary.days(4)
    await diary.commit(("a", b"2" * BIG), ("b", b"second"))
    diary.days(4)
    await diary.commit(("a", b"third"), ("c", b"new"))
    diary.days(9)
    row = await person.start(diary.house(), BERT, by="a test", dry=False)
    await diary.drain(diary.house(), row)
    await diary.forget()
    diary.days(4)
    await diary.commit(("d", b"newest"))
    await diary.forget()
    return diary.blobs.blobs


def stored() -> dict[str, bytes]:
    folder = KEPT / "vault"
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


async def told(blobs: dict[str, bytes]) -> dict[str, Any]:
    """What a rebuilt catalog shows now, and how many versions it has."""
    diary = Diary(Retention())
    diary.blobs.blobs = dict(blobs)
    done = await rebuild(diary.house())
    shown, _ = await diary.house().catalog.listing(DRIVE, None, None, limit=100)
    contents = {v.item_id: (await diary._content(diary.house(), v)).decode()[:10] for v in shown}
    rows = sorted(key for _, key in diary.version_rows() if key.startswith("i|"))
    return {"damage": done.damage, "pages": done.pages, "shown": contents, "versions": rows}


async def test_a_stored_vault_with_holes_is_read_in_full() -> None:
    expected = json.loads((KEPT / "expected.json").read_text())
    assert await told(stored()) == expected and expected["damage"] == [] and len(expected["shown"]) == 4


async def test_it_verifies_without_alarm() -> None:
    diary = Diary(Retention())
    diary.blobs.blobs = stored()
    await rebuild(diary.house())
    diary.days(60)
    row = await diary.verify()
    assert (row.state, row.counts.get("damages", 0)) == ("done", 0)


def test_the_offline_reader_finds_the_same_and_no_problem(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tools/read_vault.py"), str(KEPT / "vault"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    files = {p.name: p.read_bytes()[:10].decode() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    shown = json.loads((KEPT / "expected.json").read_text())["shown"]
    assert {name: files[name] for name in shown} == shown and "secret" not in files
