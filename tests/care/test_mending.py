"""What is damaged is whole again where a second copy or Microsoft 365 still has it, and told as lost where not."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sandbox.tenant.happenings import mutate
from shared.flows.house import House
from shared.vault.memory import MemoryBlobs
from tests.care.kept import ADELE, house_of, items_of, reset, two_days, verified
from tests.rig import Saved, Worlds


@pytest.fixture
async def kept() -> AsyncIterator[tuple[Worlds, Saved]]:
    async with two_days() as made:
        yield made


async def _all_readable(house: House) -> list[str]:
    """What of everyone's newest states can't be read byte for byte."""
    bad = []
    [owner] = {row.lane.owner for row in await house.catalog.every_lane()}
    for state in await house.catalog.feeds(owner):
        async for version in house.catalog.alive(state.feed):
            whole = await house.catalog.version(state.feed, version.item_id, version.seq)
            for name, part in (whole.parts if whole else {}).items():
                try:
                    [b"" async for _ in house.vault.stream(part)]
                except Exception as why:
                    bad.append(f"{version.name} {name}: {why}")
    return bad


async def test_damage_is_taken_anew_from_the_source(kept: tuple[Worlds, Saved]) -> None:
    there, saved = kept
    for seed in range(40):
        rng = random.Random(seed)
        reset(there, saved, tenant=True)
        name = rng.choice(sorted(saved.blobs))
        if name == "vault.json":
            continue
        if rng.random() < 0.3:
            del there.blobs.blobs[name]
        else:
            data = bytearray(saved.blobs[name])
            data[rng.randrange(len(data))] ^= 0xFF
            there.blobs.blobs[name] = bytes(data)
        house = house_of(there)
        await verified(there, house, deliver_items=True)
        there.clock.advance(86_400)
        await verified(there, house, deliver_items=True)
        assert await house.catalog.owed() == []
        assert await _all_readable(house) == [], (seed, name)
        assert {d.mending for d in await house.catalog.damages() if d.item_id} <= {"retaken", "lost"}
        assert there.rows.dump().get("lost") is None


async def test_a_second_copy_makes_everything_whole(kept: tuple[Worlds, Saved]) -> None:
    there, saved = kept
    for seed in range(30):
        rng = random.Random(seed)
        reset(there, saved)
        copy = MemoryBlobs()
        copy.blobs = dict(saved.blobs)
        house = replace(house_of(there), copy=copy)
        for name in rng.sample(sorted(saved.blobs), 3):
            there.blobs.blobs[name] = there.blobs.blobs[name][:-1] + b"!"
        del there.blobs.blobs[rng.choice(sorted(n for n in saved.blobs if n != "vault.json"))]
        await verified(there, house)  # puts pages back
        await verified(there, house)  # and now sees the parts that they point at
        row = await verified(there, house)
        assert [(d.what, d.blob, d.text) for d in await house.catalog.damages()] == [], seed
        assert "damages" not in row.counts
        assert {n: d for n, d in there.blobs.blobs.items() if n != "vault.json"} == {
            n: d for n, d in saved.blobs.items() if n != "vault.json"
        }


async def test_what_the_source_no_longer_has_is_lost_and_said_to_be(kept: tuple[Worlds, Saved]) -> None:
    there, saved = kept
    reset(there, saved, tenant=True)
    house = house_of(there)
    [owner] = {row.lane.owner for row in await house.catalog.every_lane()}
    [drive] = [s.feed for s in await house.catalog.feeds(owner, "files")]
    [big] = [v for v in (await house.catalog.listing(drive, limit=1000))[0] if v.name == "bigger.bin"]
    mutate(there.tenant, [{"do": "delete_item", "user": ADELE, "path": "bigger.bin"}])
    chunk = big.parts["content"].chunks[1]
    del there.blobs.blobs[f"parts/{chunk.sha256[:2]}/{chunk.sha256}"]
    await verified(there, house, deliver_items=True)
    damages = await house.catalog.damages()
    assert items_of(damages) == {(drive.id, big.item_id, big.seq)}
    assert [d.mending for d in damages] == ["owed"] and await house.catalog.owed() == []  # the source said: gone


async def test_an_app_that_may_not_delete_says_so_instead_of_pretending(kept: tuple[Worlds, Saved]) -> None:
    there, saved = kept
    reset(there, saved, tenant=True)
    house = replace(house_of(there), reaper=None)
    name = next(n for n in sorted(saved.blobs) if n.startswith("parts/"))
    there.blobs.blobs[name] = b"!" + saved.blobs[name][1:]
    await verified(there, house, deliver_items=True)
    damages = await house.catalog.damages()
    assert damages and {d.mending for d in damages} <= {"", "lost", "retaken"}
    assert "" in {d.mending for d in damages}
    assert await house.catalog.owed() == []


async def test_a_verification_hands_itself_on_and_finds_the_same(kept: tuple[Worlds, Saved]) -> None:
    there, saved = kept
    reset(there, saved)
    names = sorted(n for n in saved.blobs if n != "vault.json")
    for name in random.Random(7).sample(names, 5):
        there.blobs.blobs[name] = there.blobs.blobs[name][:-1]
    at_once = house_of(there)
    await verified(there, at_once)
    wanted = {d.key for d in await at_once.catalog.damages()}
    damaged = dict(there.blobs.blobs)
    reset(there, saved)
    there.blobs.blobs = damaged
    hasty = replace(at_once, limits=replace(at_once.limits, lane_budget_s=0.008))
    hasty = replace(house_of(there), limits=hasty.limits)
    row = await verified(there, hasty)
    assert row.hop > 3 and row.state == "done"
    assert {d.key for d in await hasty.catalog.damages()} == wanted


async def test_what_a_page_that_cannot_be_read_may_point_at_is_not_called_unreferenced(
    kept: tuple[Worlds, Saved],
) -> None:
    there, saved = kept
    reset(there, saved)
    page = next(n for n in sorted(saved.blobs) if "/files/" in n and n.endswith("2.zip"))  # names the large files
    there.blobs.blobs[page] = there.blobs.blobs[page][:-1]
    row = await verified(there, house_of(there))
    assert row.counts["damages"] > 0 and "unreferenced_parts" not in row.counts


async def test_marks_of_parts_go_from_ticket_to_ticket(kept: tuple[Worlds, Saved]) -> None:
    there, saved = kept
    reset(there, saved)
    await there.blobs.create(f"parts/00/{'00' * 32}", b"left by a crash")
    there.clock.advance(60)
    house = house_of(there)
    row = await verified(there, replace(house, limits=replace(house.limits, lane_budget_s=0.008)))
    assert row.hop > 3
    assert {n: row.counts[n] for n in ("parts", "unreferenced_parts", "damages") if n in row.counts} == {
        "parts": 9,
        "unreferenced_parts": 1,
    }
