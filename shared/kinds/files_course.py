"""The full listing of a drive, which may take days: the order of its questions, carried by its cursor.

The crawl is delta without a token, answer by answer, to the deltaLink at its end, which covers every change since its
beginning. Two things are asked besides, so that a large drive need not be through before what matters is kept:

- what changes meanwhile: `token=latest` is asked as soon as the crawl turns out to have a second answer, and looked at
  now and then; and before the end, to its own end, so that what came and went during the crawl is known;
- what is newest, of a drive that was never listed: behind some answers the rest is listed once without being read.
  Folders and what changed lately is handed on, the rest is counted. Then the crawl goes on where it was.

The crawl's deltaLink is what the next run begins with, so that nothing hangs on these two: what they tell wrong or not
at all is told by the crawl and by what follows it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from email.utils import parsedate_to_datetime

from shared.errors import CursorExpired
from shared.graph.steps import Refused, Reply, Step, Steps, get
from shared.kinds.files_listing import PREFER, SELECT, read_listing
from shared.kinds.files_refusals import check_listing
from shared.model import Change, Cursor, Feed, Left, Listing, Seen

PAGE_SIZES = (500, 100, 25)  # hints; smaller ones after a gateway's time-out, which huge drives answer to big pages
NO_ENTRY = (401, 403, 423)  # these are about the whole drive


@dataclass(frozen=True, slots=True)
class Pace:
    """`look`: answers between two looks at what changed meanwhile, about 10,000 items. `ahead`: answers before the look
    ahead; a drive of some thousand files is through sooner than listed twice. `new`: how long a file counts as new."""

    look: int = 50
    ahead: int = 10
    new: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Course:
    """Where a full listing stands. `crawl` is the link to go on with; once `ended`, the deltaLink that it led to.
    `live`: the link to what changed meanwhile, `looking`: an answer of it said that there is more. `ahead`: the link to
    go on looking ahead with; `since`: from when on an item counts as new. `items`, `bytes`: what the look ahead passed
    over and the crawl has not told again."""

    fresh: bool = False  # of a drive that was never listed
    n: int = 0  # answers so far
    crawl: str = ""
    ended: bool = False
    live: str = ""
    looking: bool = False
    ahead: str = ""
    since: str = ""
    items: int = 0
    bytes: int = 0

    def looks(self, pace: Pace) -> bool:
        return bool(self.live) and (self.looking or self.ended or self.n % pace.look == 0)

    def cursor(self) -> Cursor:
        said = {name: value for name, value in asdict(self).items() if value}
        return json.dumps(said, separators=(",", ":"))


DEBUT = Course(fresh=True).cursor()


def read(cursor: Cursor | None) -> Course | None:
    """None: a plain link, between two full listings (or in one that an earlier release began)."""
    if cursor is None:
        return Course()
    if not cursor.startswith("{"):
        return None
    try:
        return Course(**json.loads(cursor))
    except (ValueError, TypeError) as why:
        raise CursorExpired("where the listing of the drive stood can't be read; it begins anew") from why


def left(cursor: Cursor) -> Left | None:
    """What a first crawl has not come to yet, once the look ahead has counted it."""
    course = read(cursor)
    if course is None or not course.since or course.ahead:
        return None
    return Left(course.items, course.bytes)


def changes(feed: Feed, cursor: Cursor | None, library: str, pace: Pace) -> Steps[Listing]:
    """One answer. `library`: what the drive is called, where an owner has several."""
    course = read(cursor)
    if course is None:
        assert cursor is not None
        reply = yield from _asked(cursor)
        check_listing(reply, feed, cursor)
        return read_listing(reply, cursor, library)
    if course.looks(pace):
        return (yield from _look(feed, course, library))
    if course.ahead:
        return (yield from _ahead(feed, course, library))
    return (yield from _crawl(feed, course, library, pace))


def _crawl(feed: Feed, course: Course, library: str, pace: Pace) -> Steps[Listing]:
    reply = yield from (_asked(course.crawl) if course.crawl else _begun(feed))
    check_listing(reply, feed, course.crawl or None)
    listing = read_listing(reply, course.crawl or None, library)
    if listing.last and not course.live:
        return listing
    told = [change for change in listing.changes if _is_old(change, course.since)]
    course = replace(
        course,
        n=course.n + 1,
        crawl=listing.cursor,
        ended=listing.last,
        items=max(0, course.items - len(told)),
        bytes=max(0, course.bytes - _size(told)),
    )
    if course.n == 1:
        course = replace(course, live=(yield from _latest(feed)))
    if course.n >= pace.ahead and course.fresh and not course.since and not course.ended:
        since = _new_since(reply, pace)
        course = replace(course, since=since, ahead=course.crawl if since else "", fresh=False)
    return replace(listing, cursor=course.cursor(), last=False, link=listing.cursor)


def _ahead(feed: Feed, course: Course, library: str) -> Steps[Listing]:
    reply = yield from _asked(course.ahead)
    if not reply.ok and reply.status not in NO_ENTRY:  # the crawl comes to it, in its turn
        return Listing((), replace(course, n=course.n + 1, ahead="", since="", items=0, bytes=0).cursor(), False)
    check_listing(reply, feed, course.ahead)
    listing = read_listing(reply, course.ahead, library)
    old = [change for change in listing.changes if _is_old(change, course.since)]
    new = tuple(c for c in listing.changes if isinstance(c, Seen) and not _is_old(c, course.since))
    course = replace(
        course,
        n=course.n + 1,
        ahead="" if listing.last else listing.cursor,
        items=course.items + len(old),
        bytes=course.bytes + _size(old),
    )
    return Listing(new, course.cursor(), False, passed=len(old), link=f"ahead {listing.cursor}")


def _look(feed: Feed, course: Course, library: str) -> Steps[Listing]:
    reply = yield from _asked(course.live)
    if not reply.ok and reply.status not in NO_ENTRY:  # the crawl's own deltaLink covers what is not looked at
        if course.ended:
            return Listing((), course.crawl, True)
        live = course.live if reply.status >= 500 else ""  # a link that is refused is none any more
        return Listing((), replace(course, n=course.n + 1, live=live, looking=False).cursor(), False)
    check_listing(reply, feed, course.live)
    listing = read_listing(reply, course.live, library)
    if course.ended and listing.last:
        return replace(listing, cursor=course.crawl)
    course = replace(course, n=course.n + 1, live=listing.cursor, looking=not listing.last)
    link = "" if listing.last else f"live {listing.cursor}"  # an unchanged drive's deltaLink may stay the same
    return replace(listing, cursor=course.cursor(), last=False, link=link)


def _begun(feed: Feed) -> Steps[Reply]:
    for size in PAGE_SIZES:
        reply = yield _delta(f"{feed.path}/root/delta?$select={SELECT}&$top={size}", units=2)
        if reply.status not in (502, 504):
            break
    return reply


def _asked(link: str) -> Steps[Reply]:
    reply = yield _delta(link, units=1)
    if reply.status == 400:  # invalidRequest comes and goes on drives; once more tells which
        reply = yield _delta(link, units=1)
    return reply


def _latest(feed: Feed) -> Steps[str]:
    """A link to what changes from now on, "" where the service gives none: then the crawl goes without."""
    reply = yield _delta(f"{feed.path}/root/delta?token=latest&$select={SELECT}", units=1)
    try:
        link = reply.json.get("@odata.deltaLink")
    except Refused:
        return ""
    return link if isinstance(link, str) else ""


def _delta(path: str, *, units: int) -> Step:
    return get(path, headers=PREFER, units=units, batchable=False)


def _new_since(reply: Reply, pace: Pace) -> str:
    """By the service's own clock; "" where it does not tell the time."""
    try:
        return f"{parsedate_to_datetime(reply.headers['date']) - pace.new:%Y-%m-%dT%H:%M:%SZ}"
    except (KeyError, ValueError, OverflowError):
        return ""


def _is_old(change: Change, since: str) -> bool:
    """Whether a look ahead passes it over: a file that has not changed for a while, by the service's date of it (that
    of the user's device may be far older than its coming here). Deletions wait for the crawl, too."""
    if not isinstance(change, Seen):
        return True
    told = change.record.get("lastModifiedDateTime")
    return not change.folderish and isinstance(told, str) and told < since


def _size(told: Sequence[Change]) -> int:
    return sum(change.size_bytes for change in told if isinstance(change, Seen))
