"""One feed under inspection: its pages against each other, against the parts they name, and against the catalog.

The structure is looked at every day without reading payload; of the payload today's slice is read and hashed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from shared.catalog.nouns import What
from shared.errors import Archived, Damaged, FormatUnknown
from shared.flows.chain import Chain
from shared.flows.clerk import catch_up
from shared.flows.examine import Examined, Finding, examine, read_elsewhere, versions_of_pages
from shared.flows.index_check import IndexCheck
from shared.flows.scene import Scene
from shared.model import Chunk, Feed, FeedState, Page, Part, Version
from shared.ports import Stamp
from shared.vault import address

FRESH = timedelta(hours=48)  # a page so young is read whole if it is the newest: its digest is the catalog's head


@dataclass(slots=True)
class Inspection:
    """One feed. `pages`: what a listing shows of it, in order; `state`: its row in the catalog, if it has one."""

    scene: Scene
    prefix: str
    pages: Sequence[Stamp]
    state: FeedState | None
    findings: list[Finding] = field(default_factory=list)
    mended: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    feed: Feed | None = None
    unreadable: dict[str, str] = field(default_factory=dict)  # pages -> why
    deep_pages: list[str] = field(default_factory=list)
    deep_chunks: dict[str, tuple[Chunk, list[tuple[Version, str]]]] = field(default_factory=dict)
    _chain: Chain = field(default_factory=Chain)
    _index: IndexCheck = field(init=False)
    _newest: Page | None = None

    def __post_init__(self) -> None:
        self._index = IndexCheck(self.scene, self._chain, self.pages, self.unreadable, self._say, self.wanted)

    # -- the structure

    async def structure(self) -> None:
        self.feed = self.state.feed if self.state else None
        for stamp in self.pages:
            await self._page(stamp)
        if self.feed is None:
            for name, why in self.unreadable.items():
                self._say(None, "", "unreadable", name, why)
            return
        await self._state_behind()
        await self._empty_head()
        await self._links()
        await self._lost_pages()
        await self._index.check(self.feed, self._newest)
        self.findings = [f for f in self.findings if not self._is_forgotten(f.version)]
        self.mended = [f for f in self.mended if not self._is_forgotten(f.version)]

    async def _page(self, stamp: Stamp) -> None:
        self._count("pages")
        try:
            page = await self.scene.house.vault.glance(stamp.name, stamp.size)
        except FormatUnknown:
            raise  # a later format: this code must not judge it
        except Damaged as why:
            self.unreadable[stamp.name] = str(why)
            return
        self.feed = self.feed or page.header.feed
        self._chain.add(page)
        self._newest = page
        fresh_head = stamp is self.pages[-1] and not page.digest and self.scene.now - stamp.modified < FRESH
        if fresh_head or self.scene.due(stamp.name):
            self.deep_pages.append(stamp.name)
        for version in page.versions:
            await self._version(version, page)
        self._index.expect(page)

    async def _version(self, version: Version, page: Page) -> None:
        self._count("versions")
        for name, part in version.parts.items():
            await self._part(version, name, part, page)

    async def _part(self, version: Version, name: str, part: Part, page: Page) -> None:
        where = part.entry
        if where is not None and where.page != page.name:
            size = self.scene.sizes.get(where.page)
            if size is None:
                size = await self.scene.house.vault.size(where.page)
            if size is None:
                self._say(version, name, "missing", where.page, "the page that holds its bytes is gone")
            elif where.offset + where.packed > size:
                self._say(version, name, "changed", where.page, "the page that holds its bytes is too short")
        for chunk in part.chunks:
            await self._chunk(version, name, chunk)

    async def _chunk(self, version: Version, name: str, chunk: Chunk) -> None:
        self._count("chunks")
        blob = address.part_name(chunk.sha256)
        size = self.scene.shelf.meet(chunk.sha256)
        if size is None:  # the listing may be older than the part, or wrong once: never decided by a listing alone
            size = await self.scene.house.vault.size(blob)
        if size is None:
            self._say(version, name, "missing", blob, "a piece of it is gone")
        elif size != chunk.size:
            self._say(version, name, "changed", blob, f"a piece of it has {size} bytes instead of {chunk.size}")
        elif self.scene.chunk_due(chunk):
            self.deep_chunks.setdefault(chunk.sha256, (chunk, []))[1].append((version, name))

    # -- the chain

    async def _state_behind(self) -> None:
        """Pages whose worker died before their rows: they are indexed as the next backup would do it."""
        last, state = self._newest, self.state
        feed = self.feed
        assert feed is not None
        if last is None or last.header.taken_at > self.scene.settled_by or last.name in self.unreadable:
            return
        if state is not None and state.seq >= last.header.seq:
            return
        text = f"the catalog stands at page {state.seq if state else 0} of {last.header.seq}"
        if state is None or not self.scene.mend:
            self._say(None, "", "feed", last.name, text)
            return
        self.state = await catch_up(self.scene.house, state)
        self._say(None, "", "feed", last.name, text, mended=self.state.seq >= last.header.seq)

    async def _empty_head(self) -> None:
        """A feed that never had a page has no head."""
        state = self.state
        if state is None or state.seq or self.pages or not state.head:
            return
        if self.scene.mend:
            self.state = await self.scene.house.catalog.advance(state, replace(state, head=""))
        text = "the catalog names a head, but the feed has no page"
        self._say(None, "", "feed", self.prefix, text, mended=self.scene.mend)

    async def _links(self) -> None:
        """Wrong digests, where they are known already; each such page is read whole to see what is hit."""
        for link in self._chain.broken():
            if link.name not in self.deep_pages:
                self.deep_pages.append(link.name)
        state, last = self.state, self._newest
        if state is None or last is None or state.seq != last.header.seq or not last.digest:
            return
        if last.digest != state.head and last.name not in self.deep_pages:
            self.deep_pages.append(last.name)

    def wanted(self, seq: int) -> str:
        """The digest that a page ought to have: named by the page behind it, for the newest by the catalog."""
        told = self._chain.wanted().get(seq, "")
        return told or (self.state.head if self.state is not None and self.state.seq == seq else "")

    async def _lost_pages(self) -> None:
        """Pages that are missing, or can't be read: the catalog tells what was in them."""
        feed = self.feed
        assert feed is not None
        seqs = [found.seq for stamp in self.pages if (found := address.read_page_name(stamp.name))]
        upto = max([*seqs, self.state.seq if self.state else 0], default=0)
        for seq in self._chain.missing(seqs, upto):
            name = address.page_name(feed, seq)
            if await self.scene.house.vault.size(name) is None:
                self.unreadable[name] = "the page is gone"
        await self.say_lost(self.unreadable)

    async def say_lost(self, why: dict[str, str]) -> None:
        feed = self.feed
        if not why or feed is None:
            return
        by_page: dict[str, list[Version]] = {}
        for version in await versions_of_pages(self.scene.house, feed, set(why)):
            by_page.setdefault(address.page_name(feed, version.seq), []).append(version)
        for name, text in why.items():
            what: What = "missing" if text == "the page is gone" else "unreadable"
            self._say(None, "", what, name, text)
            for version in by_page.get(name, []):
                self._say(version, "", what, name, text)

    # -- the payload

    async def deep_page(self, name: str) -> None:
        """Read a page whole: its digest, each of its entries, and what it points at in older pages."""
        found = address.read_page_name(name)
        assert found is not None
        self._count("deep_pages")
        seen: Examined = await examine(self.scene.house, name, self.wanted(found.seq))
        if seen.page is None:
            if name not in self.unreadable:
                self.unreadable[name] = seen.unreadable
                await self.say_lost({name: seen.unreadable})
            return
        self._count("deep_bytes", seen.page.size)
        for finding in seen.findings:
            if not self._is_forgotten(finding.version):
                self.findings.append(finding)
        await self._head(seen, found.seq)
        await self.elsewhere(seen.page, None)

    async def _head(self, seen: Examined, seq: int) -> None:
        """The newest page's digest is the catalog's head. Where page and rows agree, it is the head that is wrong."""
        state = self.state
        if state is None or seen.page is None or state.seq != seq or state.head == seen.digest:
            return
        if seq in self._chain.wanted() or any(f.version for f in seen.findings):
            return
        mended = False
        if self.scene.mend:
            self.findings = [f for f in self.findings if not (f.what == "chain" and f.blob == seen.page.name)]
            self.state = await self.scene.house.catalog.advance(state, replace(state, head=seen.digest))
            mended = True
        self._say(None, "", "feed", seen.page.name, "the catalog's head is not the newest page", mended=mended)

    async def elsewhere(self, page: Page, only: set[str] | None) -> None:
        """Parts of a page's versions that lie in older pages (`only`: in these)."""
        for version in page.versions:
            for name, part in version.parts.items():
                where = part.entry
                if where is None or where.page == page.name or (only is not None and where.page not in only):
                    continue
                if self._is_forgotten(version) or where.page not in self.scene.sizes:
                    continue
                finding = await read_elsewhere(self.scene.house, version, name, where, part)
                if finding is not None and not self._told(finding):
                    self.findings.append(finding)

    async def deep_chunk(self, digest: str) -> None:
        chunk, whose = self.deep_chunks[digest]
        self._count("deep_parts")
        self._count("deep_bytes", chunk.size)
        try:
            await self.scene.house.vault.read_chunk(chunk)
        except Archived:
            self._count("archived_parts")
        except Damaged as why:
            for version, name in whose:
                if not self._is_forgotten(version):
                    self._say(version, name, "changed", address.part_name(digest), str(why))

    # -- below

    def _is_forgotten(self, version: Version | None) -> bool:
        return self._chain.is_forgotten(version)

    def _told(self, finding: Finding) -> bool:
        same = (finding.version, finding.part, finding.blob)
        return any((f.version, f.part, f.blob) == same for f in self.findings)

    def _say(
        self, version: Version | None, part: str, what: What, blob: str, text: str, *, mended: bool = False
    ) -> None:
        (self.mended if mended else self.findings).append(Finding(version, part, what, blob, text))

    def _count(self, name: str, n: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + n
