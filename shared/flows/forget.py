"""Forgetting: what no retention rule needs any more is declared in the vault, leaves the catalog, and its bytes go days
later.

Per feed: a page that names the versions (the commit; a rebuild and every reader obey it), then their rows, then after
the grace period the pages of which nothing counts. Parts go last, when no page of anybody points at them. Decided by
the vault's own pages alone: a catalog with missing or forged rows takes nothing away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.catalog.nouns import CareRow, Hold
from shared.errors import Contended, Damaged
from shared.flows import care as caring
from shared.flows import person, policy
from shared.flows.care import Care, Refuse
from shared.flows.clerk import catch_up
from shared.flows.house import House
from shared.flows.ledgerbook import Book, open_book
from shared.flows.retention import Retention
from shared.flows.sheet import Sheet, after
from shared.flows.verify import owners_of
from shared.model import FeedState, Forgotten, Hole, Owner
from shared.ports import Reaper
from shared.telemetry import tell
from shared.vault import address
from shared.vault.shelf import Shelf

TASK = "forget"
IDS_A_PAGE = 2000  # names in one page: its manifest stays well below a megabyte
TRIES_AGAINST_TWINS = 5


async def start(house: House, *, by: str, dry: bool, owner: str = "", change: int = 0) -> CareRow:
    """Order a round of forgetting. `dry`: only count; then `change` may name a change of the policy that does not count
    yet. One that is under way is found again instead."""
    for row in await house.catalog.cares(house.tenant, TASK):
        if row.state not in caring.OVER and (row.options.get("dry") == "yes") == dry:
            return row
    name = f"{TASK}-{house.clock.now():%Y%m%dT%H%M%SZ}{'-dry' if dry else ''}"
    options = {"dry": "yes" if dry else "no"} | ({"owner": owner} if owner else {})
    options |= {"policy": str(change)} if change and dry else {}
    return await caring.order(house, TASK, by=by, care=name, options=options)


async def work(care: Care) -> bool:
    """Go on where the last ticket stopped; True when everyone's turn is over."""
    reaper, now = await trusted_time(care.house)
    care.house = replace(care.house, retention=await _rules(care, now))
    said = care.progress()
    round_ = Round(care, reaper, now, dry=care.row.options.get("dry") == "yes")
    await round_.begin(said)
    forgotten = await person.forgotten_owners(care.house)
    for owner in await owners_of(care.house):
        if owner.key <= str(said.get("owner", "")) or care.row.options.get("owner", owner.key) != owner.key:
            continue
        if owner not in forgotten:
            await round_.owner(owner)
        await care.save(care.progress(), round_.taken_counts())
        if care.late:  # the marks first: progress without them would make every part look like a stray
            await care.save({"owner": owner.key, **await round_.keep_marks()})
            return False
    await round_.end()
    await care.save(care.progress(), round_.taken_counts())
    return True


async def _rules(care: Care, now: datetime) -> Retention:
    """Those in force by the storage's time; a dry run may ask what others would do."""
    change = care.row.options.get("policy")
    if change and care.row.options.get("dry") == "yes":
        return await policy.proposed(care.house, int(change))
    return await policy.in_force(care.house, now)


async def trusted_time(house: House) -> tuple[Reaper, datetime]:
    """The storage's time. Refuses where ours differs: one of the two is wrong, and age is all that protects."""
    if house.reaper is None:
        raise Refuse("this app may not delete: it has no identity for it (RETENTION_IDENTITY_CLIENT_ID, HOLDFAST_ROLE)")
    now = await house.reaper.server_time()
    off_s = abs((now - house.clock.now()).total_seconds())
    if off_s > house.retention.skew_s:
        raise Refuse(f"the clock differs from the storage's by {off_s:.0f} s: nothing is forgotten until it is right")
    return house.reaper, now


@dataclass(slots=True)
class Round:
    """One ticket's part of a round over all owners."""

    care: Care
    reaper: Reaper
    now: datetime
    dry: bool
    blind: bool = False  # a page could not be read: it might point at any part
    shelf: Shelf = field(default_factory=Shelf)
    _counts: dict[str, int] = field(default_factory=dict)

    @property
    def house(self) -> House:
        return self.care.house

    @property
    def grace(self) -> timedelta:
        return timedelta(days=self.house.retention.grace_days)

    async def begin(self, said: Mapping[str, object]) -> None:
        """All parts that are old enough to go, with the marks of earlier tickets."""
        self.blind = bool(said.get("blind", False))
        async for stamp in self.house.vault.survey(address.PARTS):
            digest = stamp.name.rpartition("/")[2]
            if address.is_digest(digest) and stamp.modified < self.care.row.asked_at - self.grace:
                self.shelf.add(digest, stamp.size)
        if not said:
            return
        self.shelf.join(await self.house.catalog.marks(self.care.row.care))
        if said.get("shelf") != self.shelf.print or self.shelf.met_count < int(str(said.get("met"))):
            self.blind = True  # parts came or went between two tickets, or marks are gone: the next round tells

    async def keep_marks(self) -> dict[str, object]:
        """What the next ticket needs to go on, once the marks are written."""
        await self.house.catalog.put_marks(self.care.row.care, dict(self.shelf.write()))
        return {"shelf": self.shelf.print, "met": self.shelf.met_count, "blind": self.blind}

    def count(self, name: str, n: int = 1) -> None:
        if n:
            self._counts[name] = self._counts.get(name, 0) + n

    def taken_counts(self) -> dict[str, int]:
        counts, self._counts = self._counts, {}
        return counts

    # -- one owner

    async def owner(self, owner: Owner) -> None:
        known = await self.house.catalog.owner(owner)
        owner = known.owner if known else owner
        states = {address.feed_prefix(s.feed): s for s in await self.house.catalog.feeds(owner)}
        for kind in await self._kinds(owner):
            book = await open_book(self.house, owner, kind, states)
            self.blind = self.blind or bool(book.unreadable)
            for digest in book.parts(self.now - self.grace):
                self.shelf.meet(digest)
            self.count("versions", book.count)
            if book.unreadable:
                self.count("skipped_damaged")
                continue
            await self._kind(owner, kind, book)
        self.count("owners")

    async def _kinds(self, owner: Owner) -> list[str]:
        kinds: dict[str, None] = {}
        async for name, _ in self.house.vault.pages(address.owner_prefix(owner)):
            if found := address.read_page_name(name):
                kinds[found.kind] = None
        return list(kinds)

    async def _kind(self, owner: Owner, kind: str, book: Book) -> None:
        rule = self.house.retention.rule(owner, kind)
        if rule is None:
            return
        dead = book.needless(rule, self.now)
        hold = await self._hold(owner, kind, book)
        if hold is not None:
            self.count("held", sum(map(len, dead.values())))
            return
        self.count("forgotten", sum(map(len, dead.values())))
        holes = book.dead_pages(dead, self.now - timedelta(days=rule.all))
        if self.dry:
            self.count("pages", sum(map(len, holes.values())))
            self.count("bytes", sum(book.feeds[p].stamps[seq].size for p, seqs in holes.items() for seq in seqs))
            return
        for prefix in sorted(book.feeds):
            await self._declare(book, prefix, dead.get(prefix, set()), holes.get(prefix, set()))
        await self._remove(book, holes)

    async def _hold(self, owner: Owner, kind: str, book: Book) -> Hold | None:
        """A person's hold, or one that a mass change calls for."""
        there = await self.house.catalog.hold(owner)
        if there is not None and there.lifted_at is None:
            return there
        retention = self.house.retention
        since = there.lifted_at if there else None
        mass = book.mass_change(self.now, retention.mass_share, retention.mass_items, since)
        if not mass:
            return None
        hold = Hold(owner, "holdfast", self.now, f"{kind}: {mass}", pinned=True)
        if not self.dry:
            tell("mass_change", owner=owner.key, kind=kind)
            await self.house.catalog.put_hold(hold)
        self.count("pinned")
        return hold

    # -- first the vault says so, then the rows go

    async def _declare(self, book: Book, prefix: str, dead: set[tuple[int, int]], gone: set[int]) -> None:
        feed = book.feeds[prefix]
        state = feed.state
        if state is None:
            return  # nothing is indexed yet: a rebuild first
        state = await catch_up(self.house, state)
        names = await feed.names(self.house, dead)
        if not names and not feed.worth_telling(gone):
            return
        holes = feed.holes(gone)
        groups = _groups(names) or [()]
        for n, group in enumerate(groups):
            state = await self._commit(state, group, holes if n == len(groups) - 1 else feed.chain.holes)

    async def _commit(self, state: FeedState, names: tuple[Forgotten, ...], holes: tuple[Hole, ...]) -> FeedState:
        """A page like any other, with the feed's cursor carried forward; its rows are the ones that go."""
        for _ in range(TRIES_AGAINST_TWINS):
            draft = Sheet(state, state.run, state.round_from).draft(
                state.cursor, last=state.last, now=self.house.clock.now(), closed=state.closed
            )
            draft = replace(draft, header=replace(draft.header, forgotten=names, holes=holes))
            page = await self.house.vault.commit(draft)
            await self.house.catalog.record(page)
            try:
                state = await self.house.catalog.advance(state, after(state, page))
            except Contended:
                state = await self.house.catalog.feed(state.feed)
            if page.ours:
                return state
            state = await catch_up(self.house, state)
        raise Contended(f"{state.feed.kind} feed {state.feed.id}: other workers keep committing to it", after_s=60)

    # -- then, days later, the bytes

    async def _remove(self, book: Book, holes: dict[str, set[int]]) -> None:
        """Pages that were declared dead a grace period ago and still are: nothing that counts points into them."""
        for prefix, seqs in holes.items():
            feed = book.feeds[prefix]
            for seq in sorted(seqs):
                declared = feed.declared(seq)
                if declared is None or declared > self.now - self.grace:
                    continue
                stamp = feed.stamps[seq]
                if stamp.modified > self.now - self.grace:
                    continue
                fate = await self.reaper.delete(stamp.name, stamp.etag)
                self.count(f"pages_{fate}")
                if fate == "deleted":
                    self.count("bytes", stamp.size)

    # -- at last the parts that nobody points at

    async def end(self) -> None:
        if not self.dry:
            for name, n in (await person.remove_bytes(self.care, self.reaper, self.now)).items():
                self.count(name, n)
        alone = "owner" in self.care.row.options
        if not self.blind and not alone:
            await self._sweep()
        await self.house.catalog.clear_marks(self.care.row.care)

    async def _sweep(self) -> None:
        claimed = {s.name.rpartition("/")[2]: s async for s in self.house.vault.survey(address.CLAIMS)}
        await self._meet_new_pages()
        at = -1
        async for stamp in self.house.vault.survey(address.PARTS):
            digest = stamp.name.rpartition("/")[2]
            if not address.is_digest(digest) or stamp.modified >= self.care.row.asked_at - self.grace:
                continue
            at += 1
            if self.shelf.met(at) or digest in claimed:
                continue
            self.count("parts")
            self.count("part_bytes", stamp.size)
            if not self.dry:
                await self._take(stamp.name, stamp.etag)
        if not self.dry:
            for claim in claimed.values():
                if claim.modified < self.now - self.grace:
                    await self.reaper.delete(claim.name, claim.etag)

    async def _take(self, name: str, etag: str) -> None:
        """A backup may want the part at this very moment: it then leaves a claim and looks again. Whoever of the two
        comes later sees the other (the decision page on parts tells the four orders)."""
        claim = address.claim_name(name.rpartition("/")[2])
        if await self.house.vault.size(claim) is not None:
            return
        try:
            data = await self.house.vault.raw(name)
        except Damaged:
            return
        if await self.reaper.delete(name, etag) == "deleted" and await self.house.vault.size(claim) is not None:
            await self.house.vault.put_back(name, data)

    async def _meet_new_pages(self) -> None:
        """What was committed while we walked."""
        async for stamp in self.house.vault.survey(address.tenant_prefix(self.house.tenant)):
            if stamp.modified < self.care.row.asked_at - timedelta(hours=1) or not address.read_page_name(stamp.name):
                continue
            page = await self.house.vault.outline(stamp.name, stamp.size)
            for version in page.versions:
                for part in version.parts.values():
                    for chunk in part.chunks:
                        self.shelf.meet(chunk.sha256)


def _groups(names: list[tuple[int, str]]) -> list[tuple[Forgotten, ...]]:
    groups: list[tuple[Forgotten, ...]] = []
    for n in range(0, len(names), IDS_A_PAGE):
        by_seq: dict[int, list[str]] = {}
        for seq, item_id in names[n : n + IDS_A_PAGE]:
            by_seq.setdefault(seq, []).append(item_id)
        groups.append(tuple(Forgotten(seq, tuple(ids)) for seq, ids in sorted(by_seq.items())))
    return groups
