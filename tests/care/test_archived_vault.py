"""What lies in the archive tier can't be verified: that is told, it is no damage, and everything else is looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.care.kept import house_of, two_days, verified
from tests.rig import Saved, Worlds


@pytest.fixture
async def kept() -> AsyncIterator[tuple[Worlds, Saved]]:
    async with two_days() as made:
        yield made


def _archive(there: Worlds, *marks: str) -> list[str]:
    names = [name for name in sorted(there.blobs.blobs) if any(mark in name for mark in marks)]
    there.blobs.tiers |= dict.fromkeys(names, "archive")
    return names


def _flip(there: Worlds, name: str) -> None:
    data = bytearray(there.blobs.blobs[name])
    data[len(data) // 2] ^= 1
    there.blobs.blobs[name] = bytes(data)


@pytest.mark.parametrize("deep", ["all", "none"])
async def test_archived_pages_are_no_damage_and_are_told(kept: tuple[Worlds, Saved], deep: str):
    there, _ = kept
    pages = _archive(there, "/mail/")
    row = await verified(there, house_of(there), deep)
    assert (row.state, row.counts.get("damages", 0), row.counts["archived_pages"]) == ("done", 0, len(pages))
    assert row.problems == (
        f"{len(pages)} pages lie in the archive tier: what they and their neighbours hold was not looked at",
    )
    assert "unreferenced_parts" not in row.counts, "an archived page may point at any of them"
    assert await house_of(there).catalog.damages() == []
    assert not there.blobs.warm_at, "a verification pays for nothing"


async def test_beside_the_archive_everything_is_looked_at(kept: tuple[Worlds, Saved]):
    there, _ = kept
    _archive(there, "/mail/")
    [page, *_] = [name for name in sorted(there.blobs.blobs) if "/contacts/" in name]
    _flip(there, page)
    row = await verified(there, house_of(there))
    assert row.counts["damages"] > 0
    assert {damage.kind for damage in await house_of(there).catalog.damages()} == {"contacts"}


async def test_what_was_damaged_before_it_was_archived_stays_told(kept: tuple[Worlds, Saved]):
    there, _ = kept
    [page, *_] = [name for name in sorted(there.blobs.blobs) if "/contacts/" in name]
    [part, *_] = [name for name in sorted(there.blobs.blobs) if name.startswith("parts/")]
    _flip(there, page)
    _flip(there, part)
    house = replace(house_of(there), reaper=None)  # it would take the damaged part out of the way
    await verified(there, house)
    before = {damage.key for damage in await house_of(there).catalog.damages()}
    assert {key.split("|")[-1].split("/")[0] for key in before} == {"pages", "parts"}
    _archive(there, "/contacts/", "parts/")
    row = await verified(there, house)
    assert row.state == "done" and row.counts["archived_parts"] > 0
    assert {damage.key for damage in await house_of(there).catalog.damages()} == before
