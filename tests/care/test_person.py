"""Forgetting a person: rows at once, bytes after the grace period, a certificate, and a hold that goes before."""

from __future__ import annotations

from shared.catalog.nouns import Hold
from shared.flows import person
from shared.flows.rebuild import rebuild
from shared.flows.retention import Retention, Rule
from shared.model import Feed, Owner
from tests.care.diary import ANN, BIG, TENANT, Diary

BERT = Owner(TENANT, "user", "b2", "bert@contoso.example")
SHARED, OWN = b"s" * BIG, b"o" * BIG


async def _diary() -> Diary:
    diary = Diary(Retention(Rule(3650), min_days=0, grace_days=5))
    await diary.commit(("mine", OWN), ("ours", SHARED), ("small", b"little"))
    await diary.commit(("ours", SHARED), feed=Feed(BERT, "files", "drive-2", "/drives/drive-2", "drive-2"))
    diary.days(10)
    return diary


async def _ask(diary: Diary, *, dry: bool = False) -> str:
    diary.clock.advance(1)
    row = await person.start(diary.house(), ANN, by="a test", dry=dry)
    assert (await diary.drain(diary.house(), row)).state == "done"
    return row.care


def _pages(diary: Diary, owner: Owner) -> list[str]:
    return [name for name in diary.blobs.blobs if name.startswith(f"pages/{TENANT}/{owner.key}/")]


async def test_a_forgotten_person_leaves_the_catalog_at_once_and_the_vault_after_the_grace_period() -> None:
    diary = await _diary()
    care = await _ask(diary)
    assert not [key for key in diary.version_rows() if "user-a1" in key[0]] and _pages(diary, ANN)
    assert await person.read_certificate(diary.house(), care) is None
    diary.days(6)
    await diary.forget()
    assert not _pages(diary, ANN) and _pages(diary, BERT)
    said = await person.read_certificate(diary.house(), care)
    assert said is not None and said["removed"][0]["pages"] == 1 and said["kept"] == []
    diary.days(6)
    await diary.forget()
    left = [len(data) for name, data in diary.blobs.blobs.items() if name.startswith("parts/")]
    assert sum(left) == BIG  # what Bert has too
    row = await diary.verify()
    assert row.counts.get("damages", 0) == 0


async def test_a_rebuild_does_not_bring_a_forgotten_person_back() -> None:
    diary = await _diary()
    await _ask(diary)
    diary.rows.drop()
    done = await rebuild(diary.house())
    assert (done.feeds, done.damage) == (1, [])
    assert not [key for key in diary.version_rows() if "user-a1" in key[0]]
    row = await diary.house().catalog.owner(ANN)
    assert row is not None and "forgotten" in row.facts


async def test_a_hold_goes_before_and_the_certificate_says_so() -> None:
    diary = await _diary()
    await diary.house().catalog.put_hold(Hold(ANN, "counsel", diary.clock.now(), "case 7"))
    rows = diary.version_rows()
    care = await _ask(diary)
    said = await person.read_certificate(diary.house(), care)
    assert said is not None and said["removed"] == [] and said["kept_because"] == "a hold: case 7"
    assert diary.version_rows() == rows


async def test_a_dry_run_only_counts() -> None:
    diary = await _diary()
    blobs, rows = dict(diary.blobs.blobs), diary.version_rows()
    care = await _ask(diary, dry=True)
    assert (dict(diary.blobs.blobs), diary.version_rows()) == (blobs, rows)
    row = await diary.house().catalog.care(TENANT, care)
    assert row is not None and row.counts["pages"] == 1
