"""Pages of OneNote given back where somebody signed in to write them: as new pages, in that person's name, with title,
time of creation, images and files. Nothing that is there is changed, and nobody is told.

Every page bears a mark on one of its boxes, which the service keeps and shows again: which restore made it, and which
page it stands for. Before a page is made, those of its title or time that were changed since it was kept are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import ClassVar

from shared.errors import Misconfigured, Unreachable
from shared.graph.steps import Refused, Reply, Step, Steps, foretold, get, post, read, segment
from shared.kinds import onenote_places
from shared.kinds.kind import Into, SignIn
from shared.kinds.onenote import OneNote
from shared.kinds.onenote_html import as_input, bears, places_kept, shown_later
from shared.kinds.onenote_pages import CONTENT, LEFT_OUT, PER_PAGE, RESOURCES
from shared.kinds.onenote_places import WRITE, everything, refused
from shared.kinds.onenote_tree import top_of
from shared.model import Json, Kept, Mode, Place, Restored

MOST_PARTS = 5  # besides the text (Graph docs: onenote-images-files, 6 data parts)
MOST_OF_A_PAGE = 150  # images (same page)
MOST_BYTES, MOST_BYTES_OF_ONE = 60_000_000, 24_000_000  # about 70 and 25 MB (same page)
A_DAY, LETTERS = timedelta(days=1), 50  # a time may be shown in another zone, a title be cleaned and cut
SLACK = timedelta(hours=1)  # our clock and the service's need not agree
INK = "handwriting and formulas, which the service leaves out of a page's text"
LEVEL = "a page's level: the service makes every page one of the first level"
ORDER = "the order of a section's pages"
LARGE = "images and files beyond 24 MB"
MANY = "images and files of a page beyond 150, or that a page did not take after the first five"
UNKEPT = "images and files that could not be read when the page was kept"
BESIDE = "what is there is never replaced: a kept page comes beside the one that was changed since"
ANEW = "how exactly a page is laid out: the service makes its text anew, with other ids, places and addresses"


class WrittenOneNote(OneNote):
    write_permissions: ClassVar[tuple[str, ...]] = (WRITE,)
    writes_as: ClassVar[SignIn] = "writing"
    shows_late: ClassVar[bool] = True  # a new page may be missing in its section's listing for a while
    in_order: ClassVar[bool] = True  # one at a time: a page may hold 60 MB
    has_folders: ClassVar[bool] = True
    tops: ClassVar[bool] = False
    keeps_only: ClassVar[str] = ""
    server_owned: ClassVar[frozenset[str]] = OneNote.server_owned | {
        "createdBy", "createdByAppId", "isDefault", "isShared", "lastModifiedBy", "links", "userRole", "userTags",
    }  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = (
        INK,
        ANEW,
        LEVEL,
        ORDER,
        LARGE,
        MANY,
        UNKEPT,
        onenote_places.RENAMED,
        "pictures that a page showed from elsewhere come back as links",
        "authors and the time of the last change: pages come in the name of whoever signed in, changed today",
        "in a notebook made for a restore, notebooks come back as section groups",
        BESIDE,
        *OneNote.losses[2:],
    )
    excuses: ClassVar[Mapping[str, str]] = {r": content: ": ANEW, r": /level: ": LEVEL, r": /order: ": ORDER}
    undrilled: ClassVar[str] = "notebooks and sections can't be deleted through OneNote's interface"
    restore_items_per_s: ClassVar[float] = 0.05  # 390 requests an hour, two or more of a page

    def root(self, place: Place) -> Steps[Into]:
        return onenote_places.root(place)

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        return onenote_places.counterpart(kept, into)

    def foresees(self, kept: Kept) -> tuple[str, ...]:
        return _brought(kept)[1]

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        if CONTENT not in kept.parts:
            return Restored("skipped", note="no text of it was kept")
        if not into.folder_id:
            raise Misconfigured("a page of OneNote needs a section to lie in")
        brought, losses = _brought(kept)
        ours = f"{_digest(mark)}.{_digest(kept.version.owner.key, kept.version.item_id)}"
        listed = yield from everything(f"{into.path}/pages?$top={PER_PAGE}", into.owner, "pages of the target")
        if mode != "create" and (itself := _itself(kept, listed, mode)):
            return Restored("skipped", itself, note="the page is there")
        if mode == "replace" and any(page["id"] == kept.version.item_id for page in listed):
            losses = (*losses, BESIDE)
        for candidate in _candidates(kept, listed):
            there = yield get(f"{top_of(into.owner)}/pages/{segment(candidate)}/content", batchable=False)
            if not there.found:  # listed before it can be read: it may be ours
                raise Unreachable("a page of the target is listed, and can't be read yet")
            if not there.ok:
                raise Refused(there)
            if bears(there.body, ours):
                losses += yield from _completed(kept, into, candidate, brought, ours)
                return Restored("completed", candidate, losses)
            if mode == "skip" and bears(there.body, ours.partition(".")[2]):
                return Restored("skipped", candidate, note="the page is there")
        yield foretold(losses)
        reply = yield from _made(kept, into, brought, ours)
        if reply.ok and (reply.status != 201 or not reply.body):  # seen without anything made (msgraph-sdk-php #477)
            raise Unreachable(f"OneNote answered {reply.status} to a new page, which does not tell whether it is there")
        if not reply.ok:
            return Restored("failed", losses=losses, note=_why(reply))
        made = str(reply.json["id"])
        losses += yield from _completed(kept, into, made, brought, ours, new=True)
        return Restored("created", made, losses)


@dataclass(frozen=True, slots=True)
class Brought:
    """A resource that comes back with its page."""

    id: str
    part: str
    type: str
    size: int


def _brought(kept: Kept) -> tuple[tuple[Brought, ...], tuple[str, ...]]:
    """What requests bring besides the text, and what is lost of the page."""
    losses = [INK] if any(LEFT_OUT in note for note in kept.version.notes) else []
    if kept.record.get("level"):
        losses.append(LEVEL)
    chosen = list[Brought]()
    for entry in kept.record.get(RESOURCES) or ():
        part = kept.parts.get(str(entry.get("o365:Part")))
        if part is None:
            losses.append(UNKEPT)
        elif part.size > MOST_BYTES_OF_ONE:
            losses.append(LARGE)
        elif len(chosen) == MOST_OF_A_PAGE:
            losses.append(MANY)
        else:
            chosen.append(Brought(str(entry["id"]), str(entry["o365:Part"]), _type(entry), part.size))
    return tuple(chosen), tuple(dict.fromkeys(losses))


def _type(entry: Json) -> str:
    type_ = str(entry.get("type") or "")
    return type_ if re.fullmatch(r"[\w.+-]+/[\w.+-]+", type_, re.ASCII) else "application/octet-stream"


def _digest(*names: str) -> str:
    return sha256("\n".join(names).encode()).hexdigest()[:16]


# --- what is there already


def _itself(kept: Kept, listed: Iterable[Json], mode: Mode) -> str:
    """The page's own id where it is still there; to replace, where it was not changed since."""
    there = next((page for page in listed if page["id"] == kept.version.item_id), None)
    signs = () if mode == "skip" else ("lastModifiedDateTime", "title")
    return kept.version.item_id if there and all(there.get(n) == kept.record.get(n) for n in signs) else ""


def _candidates(kept: Kept, listed: Iterable[Json]) -> list[str]:
    """Pages that may be this one, given back: of its title and time as far as the service leaves them as they came,
    changed after it was kept."""
    since, made = kept.version.taken_at - SLACK, _moment(kept.record.get("createdDateTime"))
    return [
        str(page["id"])
        for page in listed
        if _letters(page) == _letters(kept.record)
        and ((changed := _moment(page.get("lastModifiedDateTime"))) is None or changed >= since)
        and ((then := _moment(page.get("createdDateTime"))) is None or made is None or abs(then - made) <= A_DAY)
    ]


def _letters(page: Json) -> str:
    return "".join(filter(str.isalnum, str(page.get("title") or "").casefold()))[:LETTERS]


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


# --- a page as it is written


def _made(kept: Kept, into: Into, brought: Sequence[Brought], mark: str) -> Steps[Reply]:
    """With as much as the first request brings; the places of the rest are kept."""
    html = (yield read(kept.parts[CONTENT])).body
    now = _at_once(brought)
    title, created = str(kept.record.get("title") or ""), str(kept.record.get("createdDateTime") or "")
    parts, later = ({one.id: one.part for one in some} for some in (now, brought[len(now) :]))
    text = as_input(html, title=title, created=created, mark=mark, parts=parts, later=later)
    type_, body = yield from _together(kept, ("Presentation", "text/html; charset=utf-8", text), now)
    return (yield post(f"{into.path}/pages", body, headers={"Content-Type": type_}))


def _completed(
    kept: Kept, into: Into, page: str, brought: Sequence[Brought], mark: str, *, new: bool = False
) -> Steps[tuple[str, ...]]:
    """Fill the places that were kept, and say what is lost. A place that was filled is none any more, so that what an
    earlier attempt did is not done again; a `new` page has all of them."""
    later = brought[len(_at_once(brought)) :]
    path, lost = f"{top_of(into.owner)}/pages/{segment(page)}/content", tuple[str, ...]()
    for _ in range(2 * len(later) + 1 if later else 0):
        there = yield get(f"{path}?includeIDs=true", batchable=False)
        if not there.found:
            raise Unreachable("a page that was just made can't be read yet")
        places = places_kept(there.body, mark) if there.ok else {}
        if not there.ok or (new and len(places) < len(later)):
            lost = (MANY,)
        new, later = False, [one for one in later if one.part in places]
        if not (now := _at_once(later)):
            return lost
        tags = shown_later((yield read(kept.parts[CONTENT])).body, {one.id: one.part for one in now})
        acts = [{"target": places[one.part], "action": "replace", "content": tags[one.part]} for one in now]
        type_, body = yield from _together(kept, ("Commands", "application/json", json.dumps(acts).encode()), now)
        reply = yield Step("PATCH", path, {"Content-Type": type_}, body)
        if not reply.ok and not reply.says("20120", "20149"):  # the target is gone: an answer was lost on its way
            break
        later = [one for one in later if not (reply.ok and one in now)]
        if not later:
            break
    return (MANY,) if later else lost


def _at_once(brought: Sequence[Brought]) -> list[Brought]:
    """As many as one request takes."""
    chosen, left = list[Brought](), MOST_BYTES
    for one in brought[:MOST_PARTS]:
        left -= one.size
        if left < 0:
            break
        chosen.append(one)
    return chosen


def _together(kept: Kept, first: tuple[str, str, bytes], brought: Iterable[Brought]) -> Steps[tuple[str, bytes]]:
    parts = [first]
    for one in brought:
        parts.append((one.part, one.type, (yield read(kept.parts[one.part])).body))
    return multipart(parts)


def multipart(parts: Iterable[tuple[str, str, bytes]]) -> tuple[str, bytes]:
    """Content type and body; raw bytes with CRLF between (Graph docs: onenote-create-page)."""
    listed = list(parts)
    digest = sha256()
    for _, _, data in listed:
        digest.update(sha256(data).digest())
    boundary = f"holdfast-{digest.hexdigest()[:40]}"  # of the bytes that it parts: the same page is the same request
    pieces = list[bytes]()
    for name, type_, data in listed:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: {type_}\r\n\r\n'
        pieces += [head.encode(), data, b"\r\n"]
    return f"multipart/form-data; boundary={boundary}", b"".join([*pieces, f"--{boundary}--\r\n".encode()])


def _why(reply: Reply) -> str:
    if reply.status == 507:
        return f"{refused(reply)}: the section takes no more pages; move some of them, then restore again"
    if reply.status in (401, 403) and reply.code in ("10004", "40008"):
        return f"{refused(reply).partition(':')[0]}: the section is protected by a password"
    return refused(reply)
