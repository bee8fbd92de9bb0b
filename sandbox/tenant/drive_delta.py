"""What changed in a drive since a token: the order, the repeats and the tokens of the delta function."""

from __future__ import annotations

import base64
import bisect
import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sandbox.tenant.calls import Refusal
from sandbox.tenant.drive_nouns import Item, LogEntry, Tombstone
from sandbox.tenant.drive_state import Drive


@dataclass(frozen=True, slots=True)
class Token:
    """`since` is where the round began, `at` where its next page begins, both places in the drive's log."""

    since: int
    at: int
    full: bool = False
    page: int = 0
    last: str = ""  # the item that ended the page before, told again on this one
    epoch: int = 0
    round: int = 0

    def spell(self) -> str:
        fields = [self.since, self.at, int(self.full), self.page, self.last, self.epoch, self.round]
        return base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode().rstrip("=")


def read_token(text: str) -> Token:
    try:
        fields = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        since, at, full, page, last, epoch, number = fields
        return Token(int(since), int(at), bool(full), int(page), str(last), int(epoch), int(number))
    except (ValueError, TypeError) as why:
        raise Refusal(400, "invalidRequest", "The provided token is not valid.") from why


@dataclass(frozen=True, slots=True)
class Told:
    """One element of a page: an item as it is, an item as it was before its last change, or a deletion."""

    what: Item | Tombstone
    stale: bool = False
    sharing: bool = False


@dataclass(frozen=True, slots=True)
class DeltaPage:
    told: list[Told]
    token: Token
    last: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    size: int
    ancestors: bool = True
    sharing_changes: bool = False
    repeats: bool = True
    empties: bool = True


def first_token(drive: Drive) -> Token:
    return Token(len(drive.log), 0, full=True, epoch=drive.epoch, round=drive.rounds)


def latest_token(drive: Drive) -> Token:
    """Handing out the same state again does not age the tokens before it."""
    if drive.log_at_round != len(drive.log):
        drive.rounds, drive.log_at_round = drive.rounds + 1, len(drive.log)
    return Token(len(drive.log), len(drive.log), epoch=drive.epoch, round=drive.rounds)


def token_of_moment(drive: Drive, moment: dt.datetime) -> Token:
    at = bisect.bisect_right(drive.log, moment, key=lambda entry: entry.when)
    return Token(at, at, epoch=drive.epoch, round=drive.rounds)


def still_good(drive: Drive, token: Token, generations: int) -> bool:
    return token.epoch == drive.epoch and token.at <= len(drive.log) and drive.rounds - token.round <= generations


def read_page(drive: Drive, token: Token, wanted: Wanted) -> DeltaPage:
    """The page that begins at the token. Costs what the page holds, whatever the drive holds."""
    if wanted.empties and _is_empty(drive, token) and token.at < len(drive.log):
        return DeltaPage([], replace(token, page=token.page + 1), False)
    told: list[Told] = []
    seen: set[str] = set()
    if wanted.repeats and token.page % 2 and (again := drive.items.get(token.last)):
        _tell(told, seen, Told(again), wanted)
    if not token.full and token.page == 0 and token.at < len(drive.log):
        for stray in list(drive.root.children.values())[: drive.options.strays]:
            _tell(told, seen, Told(stray), wanted)
    at, count, last = token.at, 0, ""
    while at < len(drive.log) and count < wanted.size:
        if (change := _at(drive, at, token, wanted)) is not None:
            for one in _with_repeats(drive, change, at, wanted):
                _tell(told, seen, one, wanted)
            last, count = change.what.id, count + 1
        at += 1
    if at < len(drive.log) and _any_left(drive, at, token, wanted):
        if drive.options.loop_pages > 0:
            drive.options.loop_pages -= 1
            return DeltaPage(told, token, False)
        return DeltaPage(told, replace(token, at=at, page=token.page + 1, last=last), False)
    return DeltaPage(told, _end(drive), True)


def _is_empty(drive: Drive, token: Token) -> bool:
    every = drive.options.empty_every
    return every > 0 and 1 <= token.page % every <= drive.options.empty_run


def _at(drive: Drive, place: int, token: Token, wanted: Wanted) -> Told | None:
    """What the log's entry tells in this round; None when a later entry tells it, or when it is not to be told."""
    entry: LogEntry = drive.log[place]
    item = entry.item
    if entry.sharing:
        newest = item.shared_at == place and item.id in drive.items
        wants = wanted.sharing_changes and (not token.full or place >= token.since)
        return Told(item, sharing=True) if newest and wants else None
    if item.changed_at != place:
        return None
    if entry.gone:
        if (token.full and place < token.since) or item.id not in drive.gone:
            return None
        return Told(drive.gone[item.id])
    if item.id in drive.hidden:
        drive.hidden.discard(item.id)
        drive.missed.append(item)
        return None
    return Told(item, sharing=wanted.sharing_changes and item.shared_at >= token.since)


def _any_left(drive: Drive, place: int, token: Token, wanted: Wanted) -> bool:
    """A page that ends the log's last live entry carries the delta link itself."""
    for at in range(place, min(place + 1000, len(drive.log))):
        entry = drive.log[at]
        if entry.item.id in drive.hidden or _at(drive, at, token, wanted) is not None:
            return True
    return place + 1000 < len(drive.log)


def _with_repeats(drive: Drive, change: Told, place: int, wanted: Wanted) -> Iterator[Told]:
    every = drive.options.duplicate_every
    if wanted.repeats and every and place % every == every - 1:
        if isinstance(change.what, Item) and change.what.prior is not None:
            yield replace(change, stale=True)
        yield change
    yield change


def _tell(told: list[Told], seen: set[str], change: Told, wanted: Wanted) -> None:
    """With its ancestors first, unless they have been on this page or the caller asked to do without."""
    if wanted.ancestors and isinstance(change.what, Item):
        for ancestor in change.what.ancestors():
            if ancestor.id not in seen:
                seen.add(ancestor.id)
                told.append(Told(ancestor))
    seen.add(change.what.id)
    told.append(change)


def _end(drive: Drive) -> Token:
    token = latest_token(drive)
    for item in drive.missed:
        if item.id in drive.items:  # told by the next round, as a change that this one overlooked
            drive.log.append(LogEntry(item, False, drive.log[-1].when))
            item.changed_at = len(drive.log) - 1
    drive.missed.clear()
    return token
