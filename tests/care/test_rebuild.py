"""Tables dropped and newest pages corrupted: a rebuild tells what is lost and keeps the rest, and can be stopped."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from shared.flows.rebuild import rebuild
from shared.vault import address
from shared.vault.memory import MemoryBlobs
from tests.care.kept import back_up, house_of, reset, two_days, verified
from tests.rig import Probe, Saved, Worlds, died

Index = dict[tuple[str, str], dict[str, object]]


@pytest.fixture
async def kept() -> AsyncIterator[tuple[Worlds, Saved]]:
    async with two_days() as made:
        yield made


def _newest(blobs: dict[str, bytes]) -> list[str]:
    feeds: dict[str, str] = {}
    for name in sorted(blobs):
        if address.read_page_name(name):
            feeds[name.rpartition("/")[0]] = name
    return sorted(feeds.values())


def _index(there: Worlds) -> Index:
    rows = there.rows.dump().get("versions", [])
    return {(str(r["PartitionKey"]), str(r["RowKey"])): {k: v for k, v in r.items() if k != "etag"} for r in rows}


async def test_corrupt_newest_pages_are_told_and_the_rest_is_kept(kept: tuple[Worlds, Saved]) -> None:
    there, saved = kept
    before = _index(there)
    for seed in range(10):
        rng = random.Random(seed)
        reset(there, saved)
        broken = rng.sample(_newest(saved.blobs), 3)
        for name in broken:
            there.blobs.blobs[name] = there.blobs.blobs[name][: rng.randrange(len(there.blobs.blobs[name]))]
        there.rows.drop()
        done = await rebuild(house_of(there))
        assert {text.partition(":")[0] for text in done.damage} == set(broken)
        there_now = _index(there)
        for key, row in before.items():
            if row.get("page", broken[0]) not in broken:  # rows without a page tell of moves and turns
                assert there_now[key] == row


async def test_a_backup_goes_on_after_a_rebuild_behind_a_corrupt_page(kept: tuple[Worlds, Saved]) -> None:
    there, saved = kept
    reset(there, saved, tenant=True)
    for name in _newest(saved.blobs):
        there.blobs.blobs[name] = there.blobs.blobs[name][:-4]
    there.rows.drop()
    await rebuild(house_of(there))
    there.clock.advance(86_400)
    await back_up(there)
    there.clock.advance(86_400)
    row = await verified(there, house_of(there), deliver_items=True)
    assert row.state == "done" and there.rows.dump().get("lost") is None


async def test_a_second_copy_gives_a_rebuild_what_the_first_lost(kept: tuple[Worlds, Saved]) -> None:
    there, saved = kept
    reset(there, saved)
    before = _index(there)
    copy = MemoryBlobs()
    copy.blobs = dict(saved.blobs)
    there.rows.drop()
    for n, name in enumerate(_newest(saved.blobs)):
        there.blobs.blobs[name] = b"" if n % 2 else there.blobs.blobs[name][:-1]
        if n % 3 == 0:
            del there.blobs.blobs[name]
    done = await rebuild(replace(house_of(there), copy=copy))
    assert done.damage == [] and done.copied == len(_newest(saved.blobs))
    assert _index(there) == before


async def test_a_rebuild_that_is_stopped_anywhere_goes_on_and_ends_the_same(kept: tuple[Worlds, Saved]) -> None:
    there, saved = kept
    reset(there, saved)
    before = _index(there)
    for stop in range(5, 150, 9):
        reset(there, saved)
        there.rows.drop()
        try:
            await rebuild(house_of(there, Probe(stop)))
        except BaseException as why:
            assert died(why)
        done = await rebuild(house_of(there))
        assert done.damage == [] and _index(there) == before
