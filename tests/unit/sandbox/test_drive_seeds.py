"""Seeded, loaded, mutated and dumped simulated drives, and their traffic against the shape of what was promised."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from sandbox.tenant.drive_dump import dump_drives
from sandbox.tenant.drive_mutations import drive_of, mutations
from sandbox.tenant.load_drives import load_tree
from sandbox.tenant.seed_drives import seed_awkward, seed_everyday, seed_small
from sandbox.tenant.state import Tenant, User
from tests.unit.sandbox.drive_client import ADA, BOB, calling, new_tenant


def user(tenant: Tenant, upn: str = ADA) -> User:
    found = tenant.find_user(upn)
    assert found is not None
    return found


def test_the_same_seed_gives_the_same_drive() -> None:
    first, second = new_tenant(), new_tenant()
    one, two = seed_awkward(first, user(first), huge=1 << 20), seed_awkward(second, user(second), huge=1 << 20)
    assert one.id == two.id
    assert list(one.items) == list(two.items)
    assert dump_drives(first) == dump_drives(second)


async def test_the_awkward_drive_can_be_read_through_delta() -> None:
    tenant = new_tenant(delta_replays=True, delta_empty_pages=True, page_jitter=True)
    drive = seed_awkward(tenant, user(tenant), stuck=True)
    async with calling(tenant, drive) as graph:
        told, _ = await graph.round(graph.at("/root/delta?$top=7"))
        assert {t["id"] for t in told} == set(drive.items)
        for item in drive.root.below():
            reply = await graph.get(graph.at(f"/items/{item.id}/content"))
            plain = item.blob is not None and item.malware is None and item.refuses is None
            assert (reply.status == 302) == plain, item.name


def test_small_and_everyday_drives_have_what_they_say() -> None:
    tenant = new_tenant()
    assert len(seed_small(tenant, user(tenant)).items) < 40
    assert sum(i.blob is not None for i in seed_everyday(tenant, user(tenant, BOB), files=50).items.values()) == 50


def test_a_directory_tree_is_loaded_by_reference(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_bytes(b"hello")
    os.utime(tmp_path / "sub" / "a.txt", (1_500_000_000, 1_500_000_000))
    for name in ("b:c?.txt", "trailing.", "Case.txt", "case.txt", "con", "y" * 250, os.fsdecode(b"bad\xff.txt")):
        (tmp_path / name).write_bytes(name.encode("utf-8", "surrogateescape"))
    (tmp_path / "link").symlink_to(tmp_path / "sub")
    tenant = new_tenant()
    told = load_tree(tenant, user(tenant), tmp_path)
    assert (told.files, told.folders, told.links, told.renamed) == (8, 1, 1, 5)
    dump = dump_drives(tenant)[ADA]
    assert dump["sub/a.txt"]["modified"] == "2017-07-14T02:40:00Z"
    assert dump["sub/a.txt"]["sha256"] == hashlib.sha256(b"hello").hexdigest()
    assert {"b_c_.txt", "trailing_", "Case.txt", "case 1.txt", "_con", "bad?.txt".replace("?", "_")} < set(dump)


def test_loading_stops_at_the_limit(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text("x")
    tenant = new_tenant()
    assert load_tree(tenant, user(tenant), tmp_path, limit=4).files == 4


def test_ransomware_changes_and_renames_every_file_and_keeps_the_old_versions() -> None:
    tenant = new_tenant()
    drive = seed_small(tenant, user(tenant))
    before = dump_drives(tenant)[ADA]
    count = mutations["encrypt_drive"](tenant, user=ADA)["encrypted"]
    after = dump_drives(tenant)[ADA]
    files = {p for p, i in before.items() if "sha256" in i}
    assert count == len(files)
    assert {f"{p}.locked" for p in files} == {p for p, i in after.items() if "sha256" in i}
    assert all(after[f"{p}.locked"]["sha256"] != before[p]["sha256"] for p in files)
    assert {len(i.older) for i in drive.items.values() if i.blob is not None} == {1}


def test_the_dump_names_people_not_ids_and_counts_versions() -> None:
    tenant = new_tenant()
    seed_small(tenant, user(tenant))
    mutations["share_item"](tenant, user=ADA, path="empty.txt", to=BOB, role="write")
    mutations["share_item"](tenant, user=ADA, path="empty.txt", link="view", to=BOB)
    mutations["touch_versions"](tenant, user=ADA, path="empty.txt", count=3)
    shown = dump_drives(tenant)[ADA]["empty.txt"]
    assert shown["versions"] == 4
    assert {"roles": ["write"], "to": [BOB]} in shown["permissions"]
    assert {"roles": ["read"], "link": {"type": "view", "scope": "users"}, "to": [BOB]} in shown["permissions"]
    assert BOB not in dump_drives(tenant)


def test_a_mutation_that_cannot_be_is_an_error_and_each_counts() -> None:
    tenant = new_tenant()
    seed_small(tenant, user(tenant))
    before = tenant.generation
    with pytest.raises(ValueError, match="nothing at"):
        mutations["delete_item"](tenant, user=ADA, path="not there")
    with pytest.raises(ValueError, match="no OneDrive"):
        mutations["empty_drive"](tenant, user=BOB)
    mutations["empty_drive"](tenant, user=ADA)
    assert tenant.generation == before + 1
    assert drive_of(tenant, ADA).used == drive_of(tenant, ADA).history_size
