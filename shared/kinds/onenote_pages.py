"""The pages of one section: what a listing says of them, and how one is taken with its images and files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import unquote

from shared.graph.steps import Fetch, Reply, Steps, get, read, segment
from shared.kinds import whole
from shared.kinds.kind import common
from shared.kinds.mailbox import digest
from shared.kinds.onenote_tree import listed, plain, top_of, well
from shared.model import Capture, Cursor, Feed, Json, Listing, Lost, Owner, Part, Seen, Taken, Vanished, Version

PER_PAGE = 100  # more is refused (Graph docs: onenote-error-codes, 20129)
CONTENT, RESOURCES = "content", "o365:Resources"
LEFT_OUT = "the service leaves something of it out of the HTML (handwriting, a formula)"
NO_PAGE = "an answer that is no page of OneNote"
_RESOURCE = re.compile(r"/resources/([^/?#]+)/(?:\$value|content)(?:[?#]|$)")
_SILENT = re.compile(rb"<!--\s*\w+ is not supported\s*-->")
_SIGNS = (b'name="created"', b"data-absolute-enabled")  # Graph docs: onenote-input-output-html
_SUFFIXES = {
    "image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/bmp": ".bmp", "image/tiff": ".tif",
    "application/pdf": ".pdf", "audio/wav": ".wav", "video/mp4": ".mp4",
}  # fmt: skip


def section_path(owner: Owner, section: str) -> str:
    return f"{top_of(owner)}/sections/{segment(section)}"


def changes(feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
    """All pages of the section on every run, without their texts: there is no delta."""
    first = get(f"{feed.path}/pages?$top={PER_PAGE}&pagelevel=true", batchable=False)
    found = yield from listed(first, feed.owner, f"section {feed.name!r}")
    return whole.listing(feed, [_seen(feed, page) for page in found], cursor)


def reread(feed: Feed, item_id: str) -> Steps[Seen | None]:
    reply = yield get(f"{_page(feed, item_id)}?pagelevel=true")
    return _seen(feed, well(reply, feed.owner, "page").json) if reply.found else None


def capture(feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
    """The HTML, and the original of whatever it shows or has attached."""
    if prior is not None and CONTENT in prior.parts:
        html = (yield read(prior.parts[CONTENT])).body
        return _told(seen, html, prior.parts[CONTENT], {n: p for n, p in prior.parts.items() if n != "record"})
    reply = yield Fetch("GET", f"{_page(feed, seen.item_id)}/content")
    if not reply.found:
        return Vanished()
    if not reply.ok:
        return Lost(_refused("its text", reply))
    kept: bytes | Part = reply.body if reply.part is None else reply.part
    html = kept if isinstance(kept, bytes) else (yield read(kept)).body
    if not any(sign in html for sign in _SIGNS):
        return Lost(NO_PAGE)
    parts: dict[str, bytes | Part] = {}
    missing: list[str] = []
    for n, one in enumerate(resources(html), 1):
        path = f"{top_of(feed.owner)}/resources/{segment(one.id)}/content"
        got = yield Fetch("GET", path, never_html=one.type != "text/html")
        if got.status >= 500 or got.status in (401, 403):  # may pass: the page is tried again as a whole
            return Lost(_refused(f"what it shows or has attached ({n})", got))
        if got.ok:
            parts[part_name(n)] = got.body if got.part is None else got.part
        else:
            missing.append(_refused(f"what it shows or has attached ({n})", got))
    return _told(seen, html, kept, parts, *missing)


def _told(seen: Seen, html: bytes, content: bytes | Part, parts: dict[str, bytes | Part], *notes: str) -> Capture:
    """The page with what came of its resources; each entry names its part, if there is one."""
    entries, kept, suffixes = list[Json](), {CONTENT: content}, {CONTENT: ".html"}
    for n, one in enumerate(resources(html), 1):
        entry: Json = {"id": one.id, "type": one.type, "name": one.name}
        if (name := part_name(n)) in parts:
            kept[name], suffixes[name] = parts[name], one.suffix
            entry |= {"o365:Part": name, "o365:Suffix": one.suffix}
        entries.append(entry)
    record = {**seen.record, RESOURCES: entries} if entries else seen.record
    told = (*notes, LEFT_OUT) if _SILENT.search(html) else notes
    return Capture(record, kept, suffixes, notes=told)


def part_name(n: int) -> str:
    """The part that holds the bytes of the n-th entry of `o365:Resources`."""
    return f"resource-{n}"


def _refused(what: str, reply: Reply) -> str:
    return f"{what} could not be read: Graph answered {reply.status} {reply.code}".strip()


def _page(feed: Feed, page: str) -> str:
    return f"{top_of(feed.owner)}/pages/{segment(page)}"


def _seen(feed: Feed, entry: Json) -> Seen:
    changed = str(entry.get("lastModifiedDateTime") or "")
    record = plain(entry) | {"parentSection": plain(entry.get("parentSection") or {})}
    name = str(entry.get("title") or "")
    return Seen(
        item_id=entry["id"],
        record=common(record, type="onenotePage", name=name),
        tag=digest(changed, name, entry.get("level"), entry.get("order")),
        content_tag=digest(changed, name) if changed else None,
        folder=feed.id,
        name=name or "Untitled page",
        modified_at=changed,
    )


# --- what a page shows and has attached


@dataclass(frozen=True, slots=True)
class Shown:
    """An image, or a file with its name. `id`: of the resource."""

    id: str
    type: str
    name: str

    @property
    def suffix(self) -> str:
        found = re.search(r"\.[A-Za-z0-9]{1,8}$", self.name)
        return found[0].lower() if found else _SUFFIXES.get(self.type, ".bin")


def resources(html: bytes) -> list[Shown]:
    """In the order of the page, each once. Of an image the original, where there is one besides the shown one; the
    ids only are taken from it, for a page may name any address."""
    reader = _Reader()
    reader.feed(html.decode("utf-8", "replace"))
    reader.close()
    return list(reader.found.values())


def resource_id(url: str) -> str:
    """"" for an address elsewhere."""
    found = _RESOURCE.search(url)
    return unquote(found[1]) if found else ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[str, Shown] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "img":
            full, small = resource_id(told.get("data-fullres-src", "")), resource_id(told.get("src", ""))
            kind = told.get("data-fullres-src-type" if full else "data-src-type", "")
            self._note(Shown(full or small, kind, ""))
        elif tag == "object":
            self._note(Shown(resource_id(told.get("data", "")), told.get("type", ""), told.get("data-attachment", "")))

    def _note(self, one: Shown) -> None:
        if one.id:
            self.found.setdefault(one.id, one)
