"""A page under construction: what was taken so far, and the account of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from shared.model import (
    Account,
    Capture,
    Cursor,
    Draft,
    Drafted,
    FeedState,
    Gone,
    Header,
    Json,
    Lost,
    Page,
    Part,
    Seen,
    Skipped,
    Version,
)


@dataclass(slots=True)
class Sheet:
    """Collects changes until they are drafted. `state` is the feed's before the page."""

    state: FeedState
    run: str
    round_from: int | None
    same: list[str] = field(default_factory=list)
    account: Account = field(default_factory=Account)
    size_bytes: int = 0
    _changes: list[Drafted] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self._changes)

    @property
    def worth_a_page(self) -> bool:
        """A change always is; proofs of presence only when there is an older listing to compare with."""
        return bool(self._changes) or (bool(self.same) and (self.round_from or 0) > 1)

    def unchanged(self, item_id: str) -> None:
        self.account += Account(listed=1, unchanged=1)
        if self.round_from is not None:
            self.same.append(item_id)

    def kept(self, seen: Seen, taken: Capture, here: Version | None) -> None:
        fresh = {"record": encode(taken.record)}
        fresh |= {name: part for name, part in taken.parts.items() if isinstance(part, bytes)}
        parts = {name: part for name, part in taken.parts.items() if isinstance(part, Part)}
        size = sum(map(len, fresh.values())) + sum(part.size for part in parts.values())
        known_size = seen.size_bytes or size
        version = self._version(seen, here, state="kept")
        version = replace(
            version,
            tag=taken.tag or version.tag,
            content_tag=taken.content_tag or seen.content_tag,
            size_bytes=known_size,
            notes=taken.notes,
            parts=parts,
        )
        self._add(Drafted(version, fresh, taken.suffixes), Account(listed=1, kept=1, bytes=size))

    def skipped(self, seen: Seen, taken: Skipped, here: Version | None) -> None:
        version = replace(self._version(seen, here, state="skipped"), reason=taken.reason)
        self._add(Drafted(version, {"record": encode(taken.record or seen.record)}), Account(listed=1, skipped=1))

    def owed(self, seen: Seen, taken: Lost, here: Version | None) -> None:
        version = replace(self._version(seen, here, state="owed"), reason=taken.reason)
        self._add(Drafted(version, {"record": encode(seen.record)}), Account(listed=1, lost=1))

    def still_owed(self) -> None:
        self.account += Account(listed=1, lost=1)

    def gone(self, change: Gone, here: Version | None) -> None:
        """A tombstone; one that a complete listing proved by absence counts as listed too."""
        feed = self.state.feed
        version = Version(
            feed.owner,
            feed.kind,
            feed.id,
            feed.space,
            change.item_id,
            "gone",
            seq=0,
            taken_at=_NEVER,
            folder=here.folder if here else "",
            name=here.name if here else "",
            folderish=here.folderish if here else False,
            reason=change.reason,
        )
        self._add(Drafted(version), Account(listed=1, gone=1))

    def vanished(self) -> None:
        """Listed, but gone when we came; its tombstone follows in a later listing."""
        self.account += Account(listed=1, gone=1)

    def settled(self, account: Account) -> None:
        """Corrects the account of the run that owed the item this page holds."""
        self.account += account

    def draft(self, cursor: Cursor | None, *, last: bool, now: datetime, closed: bool = False) -> Draft:
        """The page as it will be committed: the feed's next number, and a time that never runs backwards."""
        state = self.state
        seq, taken_at = state.seq + 1, max(now, state.taken_at or now)
        header = Header(
            state.feed,
            seq,
            state.head,
            state.cursor,
            cursor,
            last,
            self.round_from,
            taken_at,
            self.run,
            self.account,
            closed,
        )
        changes = tuple(replace(c, version=replace(c.version, seq=seq, taken_at=taken_at)) for c in self._changes)
        return Draft(header, changes, tuple(self.same))

    def next(self, state: FeedState) -> Sheet:
        """An empty sheet behind the page that was just committed."""
        return Sheet(state, self.run, self.round_from)

    def ids(self) -> list[str]:
        """What this sheet proves to be present."""
        return [*self.same, *(c.version.item_id for c in self._changes if c.version.state != "gone")]

    def _version(self, seen: Seen, here: Version | None, *, state: str) -> Version:
        feed = self.state.feed
        moved = here is not None and here.state != "gone" and here.folder != seen.folder
        return Version(
            feed.owner,
            feed.kind,
            feed.id,
            feed.space,
            seen.item_id,
            state,  # type: ignore[arg-type]  # one of State; callers pass literals
            seq=0,
            taken_at=_NEVER,
            tag=seen.tag,
            content_tag=seen.content_tag,
            folder=seen.folder,
            moved_from=here.folder if moved and here else None,
            name=seen.name,
            folderish=seen.folderish,
            size_bytes=seen.size_bytes,
            modified_at=seen.modified_at,
        )

    def _add(self, change: Drafted, account: Account) -> None:
        self._changes.append(change)
        self.size_bytes += sum(map(len, change.fresh.values()))
        self.account += account


def after(state: FeedState, page: Page) -> FeedState:
    """Where a feed stands once a page is in the vault: what the worker that wrote it, a twin and a rebuild agree on."""
    h = page.header
    full = h.last and h.round_from is not None
    return replace(
        state,
        feed=h.feed,
        seq=h.seq,
        head=page.digest,
        cursor=h.cursor_after,
        last=h.last,
        round_from=None if h.last else h.round_from,
        listed_at=h.taken_at if full else state.listed_at,
        taken_at=h.taken_at,
        closed=h.closed,
        run=h.run,
        account=(state.account if state.run == h.run else Account()) + h.account,
        problem="",
    )


def encode(record: Json | Mapping[str, object]) -> bytes:
    """A record's bytes: readable UTF-8; a lone surrogate (legal in Graph's JSON) has none and stays escaped."""
    try:
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(record, separators=(",", ":")).encode()


_NEVER = datetime.min.replace(tzinfo=UTC)  # replaced when the sheet is drafted
