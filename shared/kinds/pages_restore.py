"""One page on its way back: found by its name or created, filled, and published if it was."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256

from shared.errors import Misconfigured, Unreachable
from shared.graph.steps import Refused, Reply, Step, Steps, foretold, get, patch, post, segment
from shared.kinds.files_places import by_app
from shared.kinds.kind import Into
from shared.kinds.site_answers import rest, well
from shared.model import Json, Kept, Mode, Restored

CAST = "microsoft.graph.sitePage"  # without it nothing of a canvas is known (microsoft-graph-docs issue 22046)
TYPE = {"@odata.type": f"#{CAST}"}
WRITE = "Sites.ReadWrite.All"
NO_CANVAS = "o365:NoCanvas"
# Graph docs: sitepage-create, supported web parts; any other makes the creation fail
SUPPORTED = frozenset({
    "e377ea37-9047-43b9-8cdb-a761be2f8e09", "0f087d7f-520e-42b7-89c0-496aaf979d58",
    "df8e44e7-edd5-46d5-90da-aca1539313b8", "2161a1c6-db61-4731-b97c-3cdb303f7cbb",
    "b7dd04e1-19ce-4b24-9132-b60a1c2b910d", "d1d91016-032f-456d-98a4-721247c305e8",
    "af8be689-990e-492a-81f7-ba3e4cd3ed9c", "6410b3b6-d440-4663-8744-378976dc041e",
    "e84a8ca2-f63c-4fb9-bc0b-d8eef5ccb22b", "7f718435-ee4d-431c-bdbf-9c4ff326f46e",
    "c70391ea-0b10-4ee9-b2b4-006d3fcad0cd", "8654b779-4886-46d4-8ffb-b5ed960ee986",
    "544dd15b-cf3c-441b-96da-004d5a8cea1d", "cbe7b0a9-3504-44dd-a3a3-0e5cacd07788",
})  # fmt: skip
PLAIN = ("title", "showComments", "showRecommendedPages")
SECTION, COLUMN = ("layout", "emphasis"), ("width",)
POINTERS = ("siteid", "webid", "listid", "uniqueid")  # of a web part's properties (Graph docs: sitepage-create)

BESIDE = "pages lie in no folder: in one, a page's file name begins with the folder's"
LONGEST = 80  # of what a folder adds to a name; a page's whole name may have 255 characters
NEWS = "it was a news post and comes back as a page: as news it would be told to people again"
RESERVED = "its layout is the service's own: it comes back as an article"
POINTS = "pictures and files of its web parts stay those of the site it came from"
EMPTY = "its texts and web parts were not kept: the service failed on them"


def restore(kept: Kept, into: Into, mark: str, mode: Mode) -> Steps[Restored]:
    body, losses = as_new(kept.record, same_site=kept.version.owner == into.owner)
    there = yield from _pages(into)
    name = in_folder(str(body["name"]), into.facts.get("folder", ""))
    found = there.get(name.casefold())
    if found is not None and mode == "replace":
        if kept.record.get(NO_CANVAS):
            return Restored("skipped", found["id"], note=f"{EMPTY}; the page that is there stays as it is")
        yield foretold(losses)
        return (yield from _replaced(kept, into, found, body, losses))
    if found is not None and (yield from _ours(into, found, body)):
        if mode == "skip" and not _waits_for_publishing(kept, found):
            return Restored("skipped", found["id"], note="the same page is there")
        return (yield from _published(kept, into, found, Restored("completed", found["id"], tuple(losses))))
    if found is not None and mode == "skip":
        return Restored("skipped", found["id"], note="a page of that name is there")
    if found is not None:
        name = beside(name, mark)
        losses = [*losses, f"its name is taken by another page: it is called {name!r}"]
        found = there.get(name.casefold())
    yield foretold(losses)
    if found is not None:  # bears this restore's name: an earlier attempt got this far
        return (yield from _published(kept, into, found, Restored("completed", found["id"], tuple(losses))))
    made = (yield from _sent(into, post(into.path, {**body, "name": name}, units=2))).json
    return (yield from _published(kept, into, made, Restored("created", made["id"], tuple(losses))))


def beside(name: str, mark: str) -> str:
    """A name that this restore of this page alone has."""
    stem = name[: -len(".aspx")] if name.lower().endswith(".aspx") else name
    return f"{stem[:200]}-{sha256(mark.encode()).hexdigest()[:8]}.aspx"


def in_folder(name: str, folder: str) -> str:
    return _shorter(f"{beginning(folder)}{name}") if folder else name


def beginning(folder: str) -> str:
    """How the names begin of pages that are given back into a folder: it is told by what an address can hold."""
    plain = re.sub(r"[^\w.]+", "-", folder).strip("-.")
    if len(plain) > LONGEST:
        plain = f"{plain[: LONGEST - 9]}-{sha256(folder.encode()).hexdigest()[:8]}"
    return f"{plain or 'folder'}-"


def _shorter(name: str) -> str:
    return name if len(name) <= 250 else f"{name[:241]}{sha256(name.encode()).hexdigest()[:4]}.aspx"


def remove(into: Into) -> Steps[None]:
    """Delete a page that an app made, if it is still as it was just read (Graph docs: basesitepage-delete)."""
    path = f"{into.path}/{segment(into.folder_id)}"
    now = yield get(f"{path}/{CAST}?$select=id,eTag,createdBy", units=1)
    if not now.found:
        return
    page = well(now, into.owner, "page", grant=WRITE).json
    if not by_app(page.get("createdBy")):
        raise Misconfigured(f"{into.owner.path} page {into.folder_id}: a person made it")
    reply = yield Step("DELETE", path, {"If-Match": str(page.get("eTag") or "*")}, units=2)
    if reply.status == 412:
        raise Unreachable(f"{into.owner.path} pages: a page was changed while it was to be removed")
    if reply.found and not reply.ok:
        raise Refused(well(reply, into.owner, "page", grant=WRITE))


def _pages(into: Into) -> Steps[dict[str, Json]]:
    first = get(f"{into.path}/{CAST}?$select=id,name,createdBy,publishingState,pageLayout", units=2)
    reply = well((yield first), into.owner, "pages", grant=WRITE)
    found = yield from rest(first, reply, into.owner, "pages", grant=WRITE)
    return {str(page.get("name")).casefold(): page for page in found}


def _ours(into: Into, page: Json, body: Json) -> Steps[bool]:
    """Whether an app made the page as we would: a page has no place for a mark, and this is the same page again."""
    if not by_app(page.get("createdBy")):
        return False
    reply = yield get(f"{into.path}/{segment(page['id'])}/{CAST}?$expand=canvasLayout", units=1)
    if not reply.ok:
        return False
    return _told(as_new(reply.json, same_site=True)[0]) == _told(body)


def _told(body: Json) -> Json:
    """What a person sees of a page: the service fills in what was left out."""
    return {"title": body["title"], "canvas": body.get("canvasLayout"), "layout": body["pageLayout"]}


def _replaced(kept: Kept, into: Into, page: Json, body: Json, losses: list[str]) -> Steps[Restored]:
    """The page that is there takes the kept content; its version history holds what it was."""
    changed = {k: v for k, v in body.items() if k not in ("name", "pageLayout")}
    yield from _sent(into, patch(f"{into.path}/{segment(page['id'])}/{CAST}", changed, units=2))
    draft = {**page, "publishingState": {"level": "checkout"}}
    return (yield from _published(kept, into, draft, Restored("replaced", page["id"], tuple(losses))))


def _waits_for_publishing(kept: Kept, page: Json) -> bool:
    wanted, is_ = ((told.get("publishingState") or {}).get("level") for told in (kept.record, page))
    return wanted == "published" != is_


def _published(kept: Kept, into: Into, page: Json, done: Restored) -> Steps[Restored]:
    if _waits_for_publishing(kept, page):
        reply = yield post(f"{into.path}/{segment(page['id'])}/{CAST}/publish", None, units=2)
        if not reply.ok:
            loss = f"it is not published: Graph answered {reply.status} {reply.code}".strip()
            return Restored(done.outcome, done.item_id, (*done.losses, loss))
    return done


def _sent(into: Into, step: Step) -> Steps[Reply]:
    reply = yield step
    return well(reply, into.owner, "page", grant=WRITE)


# --- what it is made of


def as_new(record: Json, *, same_site: bool) -> tuple[Json, list[str]]:
    """The body that creates the page, and what it leaves out."""
    losses: list[str] = []
    body: Json = {**TYPE, "name": str(record.get("name") or "page.aspx"), "pageLayout": str(record.get("pageLayout"))}
    body |= {n: record[n] for n in PLAIN if record.get(n) is not None}
    body["title"] = str(record.get("title") or "")
    if body["pageLayout"] not in ("article", "home"):
        body["pageLayout"] = "article"
        losses.append(RESERVED)
    if record.get("promotionKind") == "newsPost":
        losses.append(NEWS)
    if isinstance(record.get("titleArea"), dict):
        body["titleArea"] = {k: v for k, v in record["titleArea"].items() if "@" not in k and v is not None}
    if record.get(NO_CANVAS):
        losses.append(EMPTY)
    canvas = record.get("canvasLayout")
    if isinstance(canvas, dict):
        body["canvasLayout"] = _canvas(canvas, losses, same_site=same_site)
    return body, list(dict.fromkeys(losses))


def _canvas(canvas: Json, losses: list[str], *, same_site: bool) -> Json:
    told: Json = {"horizontalSections": []}
    for section in canvas.get("horizontalSections") or ():
        columns = []
        for column in section.get("columns") or ():
            parts = list(_parts(column.get("webparts") or (), losses, same_site=same_site))
            columns.append({**_only(column, COLUMN), "webparts": parts})
        told["horizontalSections"].append({**_only(section, SECTION), "columns": columns})
    vertical = canvas.get("verticalSection")
    if isinstance(vertical, dict):
        parts = list(_parts(vertical.get("webparts") or (), losses, same_site=same_site))
        told["verticalSection"] = {**_only(vertical, ("emphasis",)), "webparts": parts}
    return told


def _only(value: Json, names: tuple[str, ...]) -> Json:
    return {n: value[n] for n in names if value.get(n) is not None}


def _parts(parts: Iterable[Json], losses: list[str], *, same_site: bool) -> Iterator[Json]:
    for part in parts:
        if part.get("innerHtml") is not None:
            yield {"@odata.type": "#microsoft.graph.textWebPart", "innerHtml": part["innerHtml"]}
            continue
        kind, data = str(part.get("webPartType") or ""), part.get("data") or {}
        if kind.lower() not in SUPPORTED:
            losses.append(f"web part {str(data.get('title') or kind)!r}: Graph does not create it")
            continue
        if not same_site and any(data.get("properties", {}).get(name) for name in POINTERS):
            losses.append(POINTS)
        yield {"@odata.type": "#microsoft.graph.standardWebPart", "webPartType": kind, "data": _bare(data)}


def _bare(value: object) -> object:
    match value:
        case dict():
            return {k: _bare(v) for k, v in value.items() if "@" not in k and v is not None}
        case list():
            return [_bare(v) for v in value]
    return value
