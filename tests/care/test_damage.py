"""A thousand random damages: all are found, exactly the hit items are named, and what is whole raises no alarm."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from shared.catalog import keys
from shared.ports import Row
from tests.care.kept import Item, Reading, house_of, items_of, reset, two_days, verified
from tests.rig import Saved, Worlds

TRIALS = 1000


@dataclass(frozen=True, slots=True)
class Done:
    """What a damage did. `must`: items that have to be named; `may`: that may be; None: as the blobs tell."""

    text: str
    must: set[Item] | None = None
    may: set[Item] | None = None


Act = Callable[[random.Random, Worlds, Reading], Done | None]


@pytest.fixture
async def kept() -> AsyncIterator[tuple[Worlds, Saved]]:
    async with two_days() as made:
        yield made


# --- the damages ------------------------------------------------------------------------------------------------------


def _blob(rng: random.Random, there: Worlds) -> str:
    sort = rng.choice(["pages/", "pages/", "pages/", "parts/"])
    return rng.choice([name for name in sorted(there.blobs.blobs) if name.startswith(sort)])


def flip(rng: random.Random, there: Worlds, _: Reading) -> Done:
    name = _blob(rng, there)
    data = bytearray(there.blobs.blobs[name])
    at = rng.randrange(len(data))
    data[at] ^= 1 << rng.randrange(8)
    there.blobs.blobs[name] = bytes(data)
    return Done(f"flip {name} at {at}")


def cut(rng: random.Random, there: Worlds, _: Reading) -> Done:
    name = _blob(rng, there)
    data = there.blobs.blobs[name]
    there.blobs.blobs[name] = data[: rng.randrange(len(data))]
    return Done(f"cut {name}")


def grow(rng: random.Random, there: Worlds, _: Reading) -> Done:
    name = _blob(rng, there)
    there.blobs.blobs[name] += rng.randbytes(rng.randrange(1, 50))
    return Done(f"grow {name}")


def delete(rng: random.Random, there: Worlds, _: Reading) -> Done:
    name = _blob(rng, there)
    del there.blobs.blobs[name]
    return Done(f"delete {name}")


def swap(rng: random.Random, there: Worlds, _: Reading) -> Done | None:
    one, other = _blob(rng, there), _blob(rng, there)
    blobs = there.blobs.blobs
    if blobs[one] == blobs[other]:
        return None
    blobs[one], blobs[other] = blobs[other], blobs[one]
    return Done(f"swap {one} and {other}")


def roll_back_pages(rng: random.Random, there: Worlds, _: Reading) -> Done:
    """The newest pages of a feed are gone, as when an older copy of the container is put back."""
    feeds: dict[str, list[str]] = {}
    for name in sorted(there.blobs.blobs):
        if name.startswith("pages/"):
            feeds.setdefault(name.rpartition("/")[0], []).append(name)
    pages = rng.choice(list(feeds.values()))
    gone = pages[-rng.randrange(1, len(pages) + 1) :]
    for name in gone:
        del there.blobs.blobs[name]
    return Done(f"roll back {gone}")


def _rows(there: Worlds, table: str) -> list[Row]:
    return there.rows.dump()[table]


def _item_of(row: Row, reading: Reading) -> set[Item]:
    """The item a row is about: by its own columns, or by its tag where it only moves an item."""
    seq, tag = int(str(row["seq"])), str(row["RowKey"]).split("|")[1]
    told = [item for page in reading.pages.values() for item in page.items if item[2] == seq]
    if "item_id" in row:
        return {item for item in told if item[1] == row["item_id"] and _feed_partition(there_feed=item[0], row=row)}
    feed = str(row["RowKey"]).rpartition("|")[2]
    return {item for item in told if keys.tag(item[1]) == tag and keys.tag(item[0]) == feed}


def _feed_partition(*, there_feed: str, row: Row) -> bool:
    return str(row["PartitionKey"]).endswith(f"|{keys.tag(there_feed)}")


def delete_row(rng: random.Random, there: Worlds, reading: Reading) -> Done:
    row = rng.choice(_rows(there, "versions"))
    there.rows._partition("versions", str(row["PartitionKey"])).remove(str(row["RowKey"]))
    return Done(f"delete row {row['RowKey']}", _item_of(row, reading), set())


def forge_row(rng: random.Random, there: Worlds, reading: Reading) -> Done | None:
    row = dict(rng.choice(_rows(there, "versions")))
    column = rng.choice([name for name in row if name not in ("PartitionKey", "RowKey", "etag", "item_id", "seq")])
    was: Any = row[column]
    row[column] = (not was) if isinstance(was, bool) else was + 1 if isinstance(was, int) else _other(rng, was)
    if row[column] == was:
        return None
    there.rows._write("versions", row)
    return Done(f"forge {column} of row {row['RowKey']}", _item_of(row, reading), set())


def _other(rng: random.Random, was: Any) -> Any:
    if isinstance(was, str):
        at = rng.randrange(len(was)) if was else 0
        return was[:at] + chr(ord("a") + rng.randrange(26)) + was[at + 1 :]
    return was.replace(year=was.year - 1)


def add_row(rng: random.Random, there: Worlds, _: Reading) -> Done:
    """A version that no page holds: an item that never was, or a newer state of one that is."""
    row = dict(rng.choice([row for row in _rows(there, "versions") if str(row["RowKey"]).startswith("i|")]))
    feed_tag = str(row["PartitionKey"]).rpartition("|")[2]
    if rng.random() < 0.5:
        row["item_id"] = f"forged-{rng.randrange(10**9)}"
    else:
        row["seq"] = int(str(row["seq"])) + rng.randrange(1, 10**6)
    row["RowKey"] = keys.version(str(row["item_id"]), int(str(row["seq"])))
    if there.rows._partition("versions", str(row["PartitionKey"])).rows.get(row["RowKey"]):
        row["RowKey"] = keys.version(str(row["item_id"]), int(str(row["seq"])) + 10**6)
        row["seq"] = int(str(row["seq"])) + 10**6
    there.rows._write("versions", row)
    feeds = {state.split("|")[0] for state in (_feed_id(there, feed_tag),)}
    return Done(f"add row {row['RowKey']}", {(f, str(row["item_id"]), int(str(row["seq"]))) for f in feeds}, set())


def _feed_id(there: Worlds, tag: str) -> str:
    return next(str(row["feed_id"]) for row in _rows(there, "feeds") if keys.tag(str(row["feed_id"])) == tag)


def forge_head(rng: random.Random, there: Worlds, _: Reading) -> Done:
    row = dict(rng.choice(_rows(there, "feeds")))
    row["head"] = f"{rng.getrandbits(256):064x}"
    there.rows._write("feeds", row)
    return Done(f"forge head of {row['feed_id']}", set(), set())


def roll_back_feed(rng: random.Random, there: Worlds, reading: Reading) -> Done | None:
    """The feed's row as it was some pages ago; the rows of the later pages are gone with it."""
    row = dict(rng.choice([row for row in _rows(there, "feeds") if int(str(row["seq"])) > 1]))
    back = rng.randrange(1, int(str(row["seq"])))
    mine = [page for page in reading.pages.values() if page.feed == row["feed_id"] and page.seq > back]
    if any(f"/{row['kind']}/" not in page.name for page in mine):
        return None
    row["seq"] = back
    there.rows._write("feeds", row)
    return Done(f"roll back feed {row['feed_id']} to {back}", set(), {i for page in mine for i in page.items})


ACTS: tuple[Act, ...] = (
    flip, flip, flip, cut, grow, delete, swap, roll_back_pages, delete_row, forge_row, forge_row, add_row, forge_head,
    roll_back_feed,
)  # fmt: skip


# --- the trials -------------------------------------------------------------------------------------------------------


async def trial(seed: int, there: Worlds, saved: Saved, reading: Reading) -> str:
    """What was wrong with the verification of one damage; "" when nothing was."""
    rng = random.Random(seed)
    reset(there, saved)
    done = None
    while done is None:
        reset(there, saved)
        done = rng.choice(ACTS)(rng, there, reading)
    damaged = dict(there.blobs.blobs)
    must, may = reading.hit(damaged)
    if done.must is not None:
        must, may = done.must, done.may or set()
    house = house_of(there)
    row = await verified(there, house)
    damages = await house.catalog.damages()
    found = items_of(damages)
    if row.state != "done":
        return f"{seed}: {done.text}: the verification is {row.state}: {row.problems}"
    if not damages:
        return f"{seed}: {done.text}: not found"
    if must - found:
        return f"{seed}: {done.text}: not named: {sorted(must - found)[:4]} of {len(must)}; {_told(damages)}"
    if found - must - may:
        return f"{seed}: {done.text}: named though whole: {sorted(found - must - may)[:4]}; {_told(damages)}"
    return ""


def _told(damages: list[Any]) -> str:
    return "; ".join(f"{d.what} {d.blob[-40:]} {d.text}" for d in damages[:3])


async def test_a_thousand_random_damages_are_all_found_and_name_exactly_their_items(
    kept: tuple[Worlds, Saved],
) -> None:
    there, saved = kept
    reading = Reading(saved.blobs)
    wrong = [told for seed in range(TRIALS) if (told := await trial(seed, there, saved, reading))]
    assert not wrong, f"{len(wrong)} of {TRIALS}:\n" + "\n".join(wrong[:12])


@pytest.mark.parametrize("deep", ["all", "today", "none"])
async def test_a_whole_vault_raises_no_alarm(kept: tuple[Worlds, Saved], deep: str) -> None:
    there, saved = kept
    for day in range(10):
        reset(there, saved)
        there.clock.advance(day * 86_400)
        house = house_of(there)
        row = await verified(there, house, deep)
        assert (row.state, row.counts.get("damages", 0), await house.catalog.damages()) == ("done", 0, [])
        assert row.counts["unreferenced_parts"] == 0
