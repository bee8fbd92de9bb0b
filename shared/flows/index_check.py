"""The catalog's rows of one feed against what its pages say, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.catalog import keys, rows
from shared.catalog.columns import Columns, escape
from shared.catalog.nouns import What
from shared.flows.chain import Chain
from shared.flows.examine import examine
from shared.flows.scene import Scene
from shared.model import Feed, Page, Version
from shared.ports import Row, Stamp
from shared.vault import address

SAMPLED = 3  # versions of the newest page whose rows are looked at outside the slice
Key = tuple[str, str]


class Say(Protocol):
    def __call__(
        self, version: Version | None, part: str, what: What, blob: str, text: str, *, mended: bool = False
    ) -> None: ...


@dataclass(slots=True)
class IndexCheck:
    """Told page by page what is to be expected. `unreadable`: pages that can't witness; `wanted`: the digest that the
    page of a number ought to have."""

    scene: Scene
    chain: Chain
    pages: Sequence[Stamp]
    unreadable: dict[str, str]
    say: Say
    wanted: Callable[[int], str]
    _expected: dict[Key, tuple[Columns, str, Version | None]] = field(default_factory=dict)
    _earlier: dict[Key, Columns] = field(default_factory=dict)  # what an earlier version wrote instead of packed rows
    _first: dict[str, Key] = field(default_factory=dict)  # by page: one of those, to look for
    _trusted: dict[str, bool] = field(default_factory=dict)

    def expect(self, page: Page) -> None:
        """The rows of a page that lie in today's slice; the few that tell of a page as a whole always."""
        if turn := rows.turn_row(page):
            self._expect(turn, page, None)
        apart = {str(row["RowKey"]) for row in rows.space_rows(page)}
        for row in rows.space_rows(page):
            if str(row["RowKey"]).startswith("p|"):
                self._expect(row, page, None)
        for version in page.versions:
            self._expect_version(version, page, apart)

    def _expect_version(self, version: Version, page: Page, apart: set[str]) -> None:
        feed, of_item = page.header.feed, self.scene.slice.has_tag(keys.tag(version.item_id))
        for row in rows.version_rows(version, feed, page.name):
            sort, tag, *_ = str(row["RowKey"]).split("|")
            if of_item if sort != "f" else self.scene.slice.has_tag(tag):
                self._expect(row, page, version)
        if version.state != "kept" or feed.space == feed.id:
            return
        moving = rows.moving_row(version, feed)
        key = str(moving["PartitionKey"]), str(moving["RowKey"])
        if key[1] in apart:
            if of_item:
                self._expect(moving, page, version)
        else:
            self._first.setdefault(page.name, key)
            if of_item:
                self._earlier[key] = moving

    def _expect(self, row: Columns, page: Page, version: Version | None) -> None:
        self._expected[str(row["PartitionKey"]), str(row["RowKey"])] = (row, page.name, version)

    async def check(self, feed: Feed, newest: Page | None) -> None:
        """Complete for the slice's stretch of keys, a sample of the newest page outside of it."""
        low, high = self.scene.slice.stretch
        partition = keys.of_feed(feed)
        there: dict[Key, Row] = {}
        for sort in ("i", "f"):
            end = f"{sort}}}" if high == "~" else f"{sort}|{high}"
            for row in await self.scene.house.catalog.raw_rows(partition, f"{sort}|{low}", end):
                there[partition, str(row["RowKey"])] = row
        for row in await self.scene.house.catalog.raw_rows(partition, *keys.between("c|")):
            there[partition, str(row["RowKey"])] = row
        if feed.space != feed.id:
            space = keys.of_space(feed)
            end = "m}" if high == "~" else f"m|{high}"
            for ends in ((f"m|{low}", end), keys.between("p|")):
                for row in await self.scene.house.catalog.raw_rows(space, *ends):
                    if row.get("feed_id") == escape(feed.id):
                        there[space, str(row["RowKey"])] = row
        await self._compare(feed, there)
        await self._sample(feed, newest)

    async def _compare(self, feed: Feed, there: dict[Key, Row]) -> None:
        lost = {address.page_name(feed, 1)} if not self.pages else set()
        for key, earlier in self._earlier.items():
            if key in there and _bare(there[key]) == earlier:
                del there[key]
        for key, (row, page, version) in self._expected.items():
            found = there.get(key)
            if self.chain.is_forgotten(version) or (key[1].startswith("p|") and self.chain.in_hole(_seq(row))):
                continue  # a row of it is one too many
            there.pop(key, None)
            if found is None or _bare(found) != row:
                await self._row_differs(row, page, found, version)
        upto = self.chain.links[-1].seq if self.chain.links else 0
        for key, found in there.items():
            seq = _seq(found)
            name = address.page_name(feed, seq) if 1 <= seq <= keys.SEQ_MAX else ""
            if name in self.unreadable or name in lost or (seq > upto and key[1].startswith("c|")):
                continue  # the row may be right: it is the page that is gone
            if seq > upto and await self.scene.house.vault.size(name) is not None:
                continue  # committed while we looked
            await self._row_forged(feed, key, found, name)

    async def _row_differs(self, row: Columns, page: str, found: Row | None, version: Version | None) -> None:
        stamp = next((stamp for stamp in self.pages if stamp.name == page), None)
        if found is None and stamp is not None and stamp.modified > self.scene.settled_by:
            return  # its worker is about to write it
        if found is None and str(row["RowKey"]).startswith("p|") and await self._told_apart(page):
            return
        text = "its row in the catalog is missing" if found is None else "its row in the catalog says something else"
        whole = self.scene.mend and await self._trust(page)
        if whole:
            await self.scene.house.catalog.put_raw_rows([row])
        self.say(version, "", "row", page, text, mended=whole)

    async def _told_apart(self, page: str) -> bool:
        """Whether the page's items have a row each, as an earlier version of the catalog wrote them."""
        return await self.scene.house.catalog.raw_row(*self._first[page]) is not None

    async def _row_forged(self, feed: Feed, key: Key, found: Row, page: str) -> None:
        """It goes if the page that it names does not know it; a page that is damaged itself is no witness."""
        text = "a row of the catalog that no page says"
        there = page in self.scene.sizes
        drop = self.scene.mend and (not there or await self._trust(page))
        if drop:
            await self.scene.house.catalog.drop_raw_row(found)
        self.say(self._of_row(feed, key, found), "", "forged row", f"{key[0]} {key[1]}", text, mended=drop)

    async def _trust(self, page: str) -> bool:
        """Whether a page is what was written, so that a row may be made from it: a page that was replaced must not
        overwrite the only witness."""
        if page not in self._trusted:
            found = address.read_page_name(page)
            assert found is not None
            self._trusted[page] = not (await examine(self.scene.house, page, self.wanted(found.seq))).findings
        return self._trusted[page]

    def _of_row(self, feed: Feed, key: Key, row: Row) -> Version | None:
        """Which item a row is about; one that only moves items tells it by its tag."""
        try:
            if "item_id" in row:
                return rows.read_version(row, feed)
        except (ValueError, KeyError, TypeError):
            pass
        tag = key[1].split("|")[1]
        same = (v for (_, k), (_, _, v) in self._expected.items() if k.startswith(f"i|{tag}|"))
        return next(same, None)

    async def _sample(self, feed: Feed, page: Page | None) -> None:
        if page is None or self.scene.slice.of == 1 or page.header.taken_at > self.scene.settled_by:
            return
        for version in page.versions[:SAMPLED]:
            [own, *_] = rows.version_rows(version, feed, page.name)
            key = keys.of_feed(feed), str(own["RowKey"])
            if key in self._expected or self.chain.is_forgotten(version):
                continue
            found = await self.scene.house.catalog.raw_row(*key)
            if found is None or _bare(found) != own:
                await self._row_differs(own, page.name, found, version)


def _bare(row: Row) -> Columns:
    return {name: value for name, value in row.items() if name != "etag"}


def _seq(row: Row) -> int:
    return int(str(row.get("seq") or 0))
