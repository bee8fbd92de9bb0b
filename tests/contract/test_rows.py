"""What every table store has to do: the twin in memory and Azure's (Azurite) alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import count

import pytest

from shared import usage
from shared.catalog.memory import MemoryRows
from shared.catalog.table import AzureRows
from shared.errors import Contended
from shared.ports import Row, Rows

_numbers = count(1)


@pytest.fixture(params=["memory", "azurite"])
async def tables(request: pytest.FixtureRequest) -> AsyncIterator[Rows]:
    if request.param == "memory":
        yield MemoryRows()
        return
    store = AzureRows.open(request.getfixturevalue("azurite"), prefix=f"rows{next(_numbers)}")
    yield store
    await store.close()


def row(key: str, partition: str = "p", **columns: str | int | bool | datetime) -> Row:
    return {"PartitionKey": partition, "RowKey": key, **columns}


def without_etag(found: Row | None) -> Row:
    assert found is not None
    assert found["etag"]
    return {name: value for name, value in found.items() if name != "etag"}


async def test_values_come_back_as_they_were(tables: Rows):
    written = row(
        "k|1,a=2C@~",
        text="naïve 日本 '\"&<> \U0001f600",
        empty="",
        small=-7,
        big=250 << 30,
        yes=True,
        no=False,
        moment=datetime(2026, 11, 21, 8, 9, 10, 123456, UTC),
    )
    assert await tables.insert("things", written)
    assert without_etag(await tables.get("things", "p", "k|1,a=2C@~")) == written


async def test_a_time_of_another_zone_is_the_same_moment(tables: Rows):
    moment = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    await tables.insert("things", row("t", moment=moment))
    found = await tables.get("things", "p", "t")
    assert found is not None
    assert found["moment"] == moment


async def test_a_row_is_inserted_once(tables: Rows):
    etag = await tables.insert("things", row("a", n=1))
    found = await tables.get("things", "p", "a")
    assert found is not None and found["etag"] == etag != ""
    assert not await tables.insert("things", row("a", n=2))
    assert without_etag(await tables.get("things", "p", "a"))["n"] == 1


async def test_only_the_reader_of_the_newest_etag_replaces(tables: Rows):
    await tables.insert("things", row("a", n=1, old=True))
    first = await tables.get("things", "p", "a")
    assert first is not None
    second = await tables.replace("things", row("a", n=2), str(first["etag"]))
    with pytest.raises(Contended):
        await tables.replace("things", row("a", n=3), str(first["etag"]))
    await tables.replace("things", row("a", n=4), second)
    assert without_etag(await tables.get("things", "p", "a")) == row("a", n=4)


async def test_a_row_that_is_gone_is_not_replaced(tables: Rows):
    await tables.insert("things", row("a", n=1))
    found = await tables.get("things", "p", "a")
    assert found is not None
    await tables.delete("things", "p", "a")
    with pytest.raises(Contended):
        await tables.replace("things", row("a", n=2), str(found["etag"]))


async def test_of_replacers_at_once_one_wins(tables: Rows):
    await tables.insert("things", row("a", n=0))
    found = await tables.get("things", "p", "a")
    assert found is not None
    tries = (tables.replace("things", row("a", n=n), str(found["etag"])) for n in range(1, 4))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Contended", "Contended", "str"]


async def test_rows_are_swapped_together_and_tell_their_new_etags(tables: Rows):
    first = await tables.swap("things", [(row(f"{n:03d}", n=n), "") for n in range(120)])
    swaps = [(row("000", n=-1), first[0]), (row("new"), ""), (row("119", n=-2), first[119])]
    again = await tables.swap("things", swaps)
    assert [one["n"] for one in await tables.page("things", "p", "000", "003")] == [-1, 1, 2]
    assert await tables.replace("things", row("119", n=-3), again[2])
    assert await tables.swap("things", [(row("000", n=-4), again[0])])
    with pytest.raises(Contended):
        await tables.replace("things", row("000", n=-5), again[0])


@pytest.mark.parametrize("bad", [(row("a", n=9), "changed"), (row("a", n=9), ""), (row("gone", n=9), "changed")])
async def test_one_row_that_changed_leaves_all_as_they_were(tables: Rows, bad: tuple[Row, str]):
    old, b = await tables.swap("things", [(row("a", n=1), ""), (row("b", n=1), "")])
    await tables.replace("things", row("a", n=2), old)
    swaps = [(row("b", n=9), b), (row("c", n=9), ""), (bad[0], old if bad[1] else "")]
    with pytest.raises(Contended):
        await tables.swap("things", swaps)
    with pytest.raises(Contended):
        await tables.swap("things", swaps[2:])
    assert [one["n"] for one in await tables.page("things", "p", "", "~")] == [2, 1]


async def test_missing_rows_and_tables_are_nothing(tables: Rows):
    assert await tables.get("never", "p", "a") is None
    assert await tables.page("nowhere", "p", "", "~") == []
    await tables.delete("neither", "p", "a")
    await tables.insert("things", row("a"))
    assert await tables.get("things", "p", "b") is None
    assert await tables.get("things", "q", "a") is None
    await tables.delete("things", "p", "b")


async def test_many_rows_go_in_at_once_and_replace_what_was_there(tables: Rows):
    await tables.insert("things", row("0007", old=True))
    await tables.upsert("things", [row(f"{n:04d}", n=n) for n in range(230)])
    found = await tables.page("things", "p", "", "~")
    assert [without_etag(one) for one in found] == [row(f"{n:04d}", n=n) for n in range(230)]


async def test_the_same_key_twice_in_one_upsert_keeps_the_last(tables: Rows):
    await tables.upsert("things", [row("a", n=1), row("b", n=2), row("a", n=3)])
    assert [one["n"] for one in await tables.page("things", "p", "", "~")] == [3, 2]


async def test_large_rows_are_spread_over_transactions(tables: Rows):
    await tables.upsert("things", [row(f"{n:04d}", **{f"c{c}": "é" * 15_000 for c in range(8)}) for n in range(12)])
    assert len(await tables.page("things", "p", "", "~")) == 12


async def test_a_page_is_a_stretch_of_one_partition_in_order(tables: Rows):
    await tables.upsert("things", [row(key) for key in ("b", "B", "a|2", "a|1", "a}", "c", "a")])
    await tables.upsert("things", [row("a|3", partition="other")])
    assert [one["RowKey"] for one in await tables.page("things", "p", "a|", "a}")] == ["a|1", "a|2"]
    assert [one["RowKey"] for one in await tables.page("things", "p", "a", "c")] == ["a", "a|1", "a|2", "a}", "b"]
    assert [one["RowKey"] for one in await tables.page("things", "p", "", "~", limit=2)] == ["B", "a"]
    assert [one["RowKey"] for one in await tables.page("things", "", "a|", "a}", limit=5000)] == ["a|3", "a|1", "a|2"]


async def test_more_rows_than_one_answer_holds_are_all_found(tables: Rows):
    await tables.upsert("things", [row(f"{n:05d}") for n in range(1203)])
    assert len(await tables.page("things", "p", "", "~", limit=1000)) == 1000
    assert len(await tables.page("things", "p", "", "~", limit=5000)) == 1203
    assert len(await tables.page("things", "p", "01000", "~")) == 203


async def test_a_filter_narrows_a_page(tables: Rows):
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    await tables.upsert("things", [row(f"{n}", n=n, name=f"it's {n}", at=moment + timedelta(days=n)) for n in range(9)])
    where = "RowKey lt '2' or (RowKey ge '4' and RowKey lt '6') or RowKey ge '8'"
    assert [one["n"] for one in await tables.page("things", "p", "", "~", where=where)] == [0, 1, 4, 5, 8]
    assert [one["n"] for one in await tables.page("things", "p", "1", "5", where=where)] == [1, 4]
    assert [one["n"] for one in await tables.page("things", "p", "", "~", where=where, limit=3)] == [0, 1, 4]
    assert [one["n"] for one in await tables.page("things", "p", "", "~", where="name eq 'it''s 3'")] == [3]
    assert [one["n"] for one in await tables.page("things", "p", "", "~", where="n gt 6 and n ne 7")] == [8]
    later = "at gt datetime'2026-05-07T00:00:00Z'"
    assert [one["n"] for one in await tables.page("things", "p", "", "~", where=later)] == [7, 8]


@pytest.mark.parametrize("key", ["a/b", "a\\b", "a#b", "a?b", "a\nb", "a\x7fb", "\ud800", "x" * 513])
async def test_keys_that_the_service_refuses_never_leave(tables: Rows, key: str):
    with pytest.raises(ValueError, match="key"):
        await tables.insert("things", row(key))
    with pytest.raises(ValueError, match="key"):
        await tables.upsert("things", [row(key)])
    with pytest.raises(ValueError, match="key"):
        await tables.upsert("things", [row("a", partition=key)])


@pytest.mark.parametrize(
    "columns",
    [
        {"text": "x" * 32_769},
        {"text": "\U0001f600" * 16_385},
        {"moment": datetime(2026, 1, 1)},  # noqa: DTZ001 - a time without a zone is what is refused here
        {"n": 1 << 63},
        {"a-b": "x"},
        {f"c{n}": n for n in range(251)},
        {f"c{n}": "x" * 32_000 for n in range(17)},
    ],
)
async def test_values_that_the_service_refuses_never_leave(tables: Rows, columns: dict[str, str | int | datetime]):
    with pytest.raises(ValueError, match="row a"):
        await tables.upsert("things", [row("a", **columns)])


async def test_a_transaction_is_for_one_partition(tables: Rows):
    with pytest.raises(ValueError, match="one partition"):
        await tables.upsert("things", [row("a"), row("b", partition="q")])


async def test_what_a_call_costs_is_counted_as_it_is_billed(tables: Rows):
    await tables.upsert("things", [row("warm", "p")])
    with usage.metered() as meter:
        await tables.upsert("things", [row(f"k{n}") for n in range(150)])
        await tables.get("things", "p", "nowhere")
        await tables.page("things", "p", "", "~")
        await tables.delete("things", "p", "k1")
    assert meter.take() == {"tables": 2 + 1 + 1 + 1}
