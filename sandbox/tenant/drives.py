"""The drive part of the simulated Graph: which paths there are, and everything that only reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import quote, urlencode

from sandbox.tenant import drive_writes, sharing, uploads
from sandbox.tenant.calls import Answer, Call, Charge, Handler, Match, Refusal, Routes, Scope, the_user, units
from sandbox.tenant.drive_address import Address, libraries_of, read_address, the_drive, the_item
from sandbox.tenant.drive_content import digest_large
from sandbox.tenant.drive_delta import (
    DeltaPage,
    Token,
    Wanted,
    first_token,
    latest_token,
    read_page,
    read_token,
    still_good,
    token_of_moment,
)
from sandbox.tenant.drive_downloads import check_readable, download_door, download_url
from sandbox.tenant.drive_dump import dump_drives
from sandbox.tenant.drive_items import (
    DRIVE_MEMBERS,
    VERSION_MEMBERS,
    View,
    read_select,
    show_drive,
    show_gone,
    show_item,
    show_version,
)
from sandbox.tenant.drive_mutations import mutations
from sandbox.tenant.drive_nouns import Item, Tombstone, Version
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.uploads import upload_door

__all__ = ["download_door", "dump_drives", "mutations", "routes", "upload_door"]

READ = ("Files.Read.All", "Files.ReadWrite.All", "Sites.Read.All", "Sites.ReadWrite.All", "Sites.FullControl.All")
WRITE = ("Files.ReadWrite.All", "Sites.ReadWrite.All", "Sites.FullControl.All")
DRIVES_PAGE = 200
SHARING = ("deltashowsharingchanges", "deltashowremovedasdeleted", "deltatraversepermissiongaps")

Act = Callable[[Call, Address], Awaitable[Answer]]

routes = Routes()


async def get_drive(call: Call, address: Address) -> Answer:
    return Answer(body=show_drive(the_drive(call, address), read_select(call.query.get("$select"), DRIVE_MEMBERS)))


async def list_drives(call: Call, address: Address) -> Answer:
    """A site's libraries; those of the system are hidden unless `system` is selected (Graph docs: drive-list)."""
    select = read_select(call.query.get("$select"), DRIVE_MEMBERS)
    kind, name = address.owner
    if kind == "user":
        return Answer(body={"value": [show_drive(the_drive(call, Address((kind, the_user(call, name).id))), select)]})
    hidden = select is not None and "system" in select
    found = [drive for drive in libraries_of(call, kind, name) if hidden or not drive.system]
    start, size = _number(call, "$skiptoken", 0), max(1, min(_number(call, "$top", DRIVES_PAGE), DRIVES_PAGE))
    body: dict[str, object] = {"value": [show_drive(drive, select) for drive in found[start : start + size]]}
    if start + size < len(found):
        query = {k: v for k, v in call.query.items() if k != "$skiptoken"} | {"$skiptoken": str(start + size)}
        body["@odata.nextLink"] = f"{call.base}/v1.0{call.path.split('?')[0]}?{_query(query)}"
    return Answer(body=body)


async def get_item(call: Call, address: Address) -> Answer:
    drive = the_drive(call, address)
    item = the_item(drive, address)
    await digest_large([item.blob])
    return Answer(body=show_item(drive, item, _view(call, drive)))


async def list_children(call: Call, address: Address) -> Answer:
    drive = the_drive(call, address)
    folder = the_item(drive, address)
    if not folder.folder or folder.remote is not None:
        raise Refusal(400, "invalidRequest", "The item is not a folder.")
    top, skip = _number(call, "$top", call.tenant.options.drive_page), _number(call, "$skiptoken", 0)
    size = max(1, min(top, call.tenant.options.drive_page_max))
    order = call.query.get("$orderby", "name").lower().split()
    if order[:1] != ["name"] or order[1:] not in ([], ["asc"], ["desc"]):
        raise Refusal(400, "invalidRequest", "The list cannot be ordered by that.")
    children = sorted(folder.children.values(), key=lambda c: c.name.lower(), reverse=order[-1] == "desc")
    view = _view(call, drive)
    children_here = children[skip : skip + size]
    await digest_large(c.blob for c in children_here)
    body: dict[str, object] = {"value": [show_item(drive, c, view) for c in children_here]}
    if skip + size < len(children):
        query = {k: v for k, v in call.query.items() if k != "$skiptoken"} | {"$skiptoken": str(skip + size)}
        body["@odata.nextLink"] = f"{call.base}/v1.0{call.path.split('?')[0]}?{_query(query)}"
    return Answer(body=body)


async def delta(call: Call, address: Address) -> Answer:
    drive = the_drive(call, address)
    if the_item(drive, address) is not drive.root:
        raise Refusal(400, "invalidRequest", "Delta is supported at the root of this drive only.")
    view = _view(call, drive, delta=True)
    token, text = None, call.query.get("token", address.token)
    if text == "latest":
        return _delta_answer(call, drive, view, DeltaPage([], latest_token(drive), True))
    if text is None:
        token = first_token(drive)
    elif (moment := _moment(text)) is not None:
        token = token_of_moment(drive, moment)
    else:
        token = read_token(text)
    if not still_good(drive, token, call.tenant.options.delta_generations):
        fresh = _delta_link(call, drive, first_token(drive))
        message = "The delta token is too old. Start over with a full enumeration."
        raise Refusal(410, drive.options.resync, message, headers={"Location": fresh})
    page = read_page(drive, token, _wanted(call, drive, token))
    await digest_large(told.what.blob for told in page.told if isinstance(told.what, Item))
    return _delta_answer(call, drive, view, page)


def _wanted(call: Call, drive: Drive, token: Token) -> Wanted:
    options = call.tenant.options
    size = max(1, min(_number(call, "$top", options.drive_page), options.drive_page_max))
    if options.page_jitter and token.page % 3 == 2:
        size = max(1, size * 3 // 4)  # $top is a hint
    return Wanted(
        size=size,
        ancestors="deltaExcludeParent" not in call.headers,
        sharing_changes=_honours_sharing(call, drive) and all(call.prefer(p) is not None for p in SHARING),
        repeats=options.delta_replays,
        empties=options.delta_empty_pages,
    )


def _honours_sharing(call: Call, drive: Drive) -> bool:
    return not drive.options.sharing_needs_full_control or "Sites.FullControl.All" in call.roles


def _delta_answer(call: Call, drive: Drive, view: View, page: DeltaPage) -> Answer:
    value = []
    for told in page.told:
        match told.what:
            case Tombstone() as gone:
                value.append(show_gone(drive, gone, view))
            case Item() as item:
                shown = show_item(drive, item, view, stale=told.stale)
                value.append(shown | ({"@microsoft.graph.sharedChanged": "True"} if told.sharing else {}))
    link = _delta_link(call, drive, page.token)
    return Answer(body={"value": value, "@odata.deltaLink" if page.last else "@odata.nextLink": link})


def _delta_link(call: Call, drive: Drive, token: Token) -> str:
    """The query options of the first call are frozen into every link (Graph docs: delta-query-overview)."""
    query = {k: v for k, v in call.query.items() if k != "token"}
    link = f"{call.base}/v1.0/drives/{quote(drive.id)}/root/delta(token='{token.spell()}')"
    return link + (f"?{_query(query)}" if query else "")


def _query(options: dict[str, str]) -> str:
    return urlencode(options, safe="$,@'", quote_via=quote)


def _moment(text: str) -> dt.datetime | None:
    if not text[:4].isdigit() or "-" not in text or "T" not in text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "+"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


async def get_content(call: Call, address: Address) -> Answer:
    """302 to the download host; a Range is the download host's business and ignored here."""
    drive = the_drive(call, address)
    item = the_item(drive, address)
    check_readable(item)
    if item.blob is None:
        raise Refusal(404, "itemNotFound", "The item has no content.")
    if call.headers.get("If-None-Match") in (f'"c:{{{item.guid.upper()}}},{item.c_tag}"', _e_tag(item)):
        return Answer(304)
    return Answer(302, None, {"Location": download_url(call.tenant, drive, item)})


async def list_versions(call: Call, address: Address) -> Answer:
    drive = the_drive(call, address)
    item = _a_file(the_item(drive, address))
    select = read_select(call.query.get("$select"), VERSION_MEMBERS)
    assert item.blob is not None
    newest_first = [Version(item.version, item.blob, item.modified, item.modified_by), *item.older[::-1]]
    size, skip = min(_number(call, "$top", 200), 200), _number(call, "$skiptoken", 0)
    body: dict[str, object] = {"value": [show_version(item, v, select) for v in newest_first[skip : skip + size]]}
    if skip + size < len(newest_first):
        query = {k: v for k, v in call.query.items() if k != "$skiptoken"} | {"$skiptoken": str(skip + size)}
        body["@odata.nextLink"] = f"{call.base}/v1.0{call.path.split('?')[0]}?{_query(query)}"
    return Answer(body=body)


async def get_version(call: Call, address: Address) -> Answer:
    item = _a_file(the_item(the_drive(call, address), address))
    select = read_select(call.query.get("$select"), VERSION_MEMBERS)
    return Answer(body=show_version(item, _the_version(item, address.tail[1]), select))


async def get_version_content(call: Call, address: Address) -> Answer:
    drive = the_drive(call, address)
    item = _a_file(the_item(drive, address))
    check_readable(item)
    version = _the_version(item, address.tail[1])
    if version.number == item.version:
        raise Refusal(400, "invalidRequest", "You cannot get the content of the current version.")
    return Answer(302, None, {"Location": download_url(call.tenant, drive, item, version.number)})


async def delete_version(call: Call, address: Address) -> Answer:
    drive = the_drive(call, address, writing=True)
    item = _a_file(the_item(drive, address))
    version = _the_version(item, address.tail[1])
    if version.number == item.version:
        raise Refusal(400, "invalidRequest", "The current version cannot be deleted.")
    item.older.remove(version)
    drive.history_size -= version.blob.size
    return Answer(204)


async def restore_version(call: Call, address: Address) -> Answer:
    drive = the_drive(call, address, writing=True)
    item = _a_file(the_item(drive, address))
    version = _the_version(item, address.tail[1])
    drive_writes.check_unlocked(item)
    drive.replace(item, version.blob, by=drive_writes.author(call), now=call.tenant.clock())
    return Answer(204)


def _the_version(item: Item, name: str) -> Version:
    assert item.blob is not None
    for version in [Version(item.version, item.blob, item.modified, item.modified_by), *item.older]:
        if f"{version.number}.0" == name:
            return version
    raise Refusal(404, "itemNotFound", "The version does not exist.")


def _a_file(item: Item) -> Item:
    if item.blob is None:
        raise Refusal(400, "invalidRequest", "The item is not a file.")
    return item


def _e_tag(item: Item) -> str:
    return f'"{{{item.guid.upper()}}},{item.e_tag}"'


def _view(call: Call, drive: Drive, *, delta: bool = False) -> View:
    if "$expand" in call.query:
        raise Refusal(400, "invalidRequest", f"The expand clause '{call.query['$expand']}' is not supported here.")
    return View(
        read_select(call.query.get("$select")),
        delta=delta,
        hierarchical=_honours_sharing(call, drive) and call.prefer("hierarchicalsharing") is not None,
        url=lambda item: download_url(call.tenant, drive, item),
    )


def _number(call: Call, option: str, otherwise: int) -> int:
    text = call.query.get(option)
    if text is None:
        return otherwise
    if not text.isascii() or not text.isdigit():
        raise Refusal(400, "invalidRequest", f"The value of {option} is not a number.")
    return int(text)


def _delta_units(call: Call, params: dict[str, str]) -> Charge:
    """Delta with a token is a single-item read to the price list, without one a list (SharePoint throttling guide)."""
    address = read_address(call.segments)
    has_token = "token" in call.query or (address is not None and address.token is not None)
    return Charge("sharepoint", cost=1 if has_token else 2)


LIST = ("$select", "$top", "$orderby", "$skiptoken", "$expand")
CONFLICT = drive_writes.CONFLICT
# what may follow an item, and by which method: handler, roles, price, query options
OPERATIONS: dict[tuple[str, ...], dict[str, tuple[Act, tuple[str, ...], Scope, Iterable[str]]]] = {
    (): {
        "GET": (get_item, READ, units(1), ("$select", "$expand")),
        "PATCH": (drive_writes.patch_item, WRITE, units(2), ("$select", *CONFLICT)),
        "DELETE": (drive_writes.delete_item, WRITE, units(2), ()),
    },
    ("children",): {
        "GET": (list_children, READ, units(2), LIST),
        "POST": (drive_writes.make_folder, WRITE, units(2), ("$select", *CONFLICT)),
    },
    ("content",): {
        "GET": (get_content, READ, units(1), ("AVOverride",)),
        "PUT": (uploads.put_content, WRITE, units(2), ("$select", *CONFLICT)),
    },
    ("delta",): {"GET": (delta, READ, _delta_units, ("$select", "$top", "$expand", "token"))},
    ("createUploadSession",): {"POST": (uploads.create_session, (*WRITE, "Files.ReadWrite"), units(2), ())},
    ("versions",): {"GET": (list_versions, READ, units(2), ("$select", "$top", "$skiptoken"))},
    ("versions", "{}"): {
        "GET": (get_version, READ, units(1), ("$select",)),
        "DELETE": (delete_version, WRITE, units(2), ()),
    },
    ("versions", "{}", "content"): {"GET": (get_version_content, READ, units(1), ())},
    ("versions", "{}", "restoreVersion"): {"POST": (restore_version, WRITE, units(2), ())},
    ("permanentDelete",): {"POST": (drive_writes.permanent_delete, WRITE, units(2), ())},
    ("permissions",): {"GET": (sharing.list_permissions, READ, units(5), ("$select", "$top"))},
    ("permissions", "{}"): {
        "GET": (sharing.get_permission, READ, units(5), ("$select",)),
        "PATCH": (sharing.patch_permission, WRITE, units(5), ()),
        "DELETE": (sharing.delete_permission, WRITE, units(5), ()),
    },
    ("invite",): {"POST": (sharing.invite, WRITE, units(5), ())},
    ("createLink",): {"POST": (sharing.create_link, WRITE, units(5), ())},
}


def match_drive(method: str, segments: tuple[str, ...]) -> Match | None:
    """The hook of Routes: path addressing does not fit patterns of fixed length."""
    address = read_address(segments)
    if address is None:
        return None
    if address.many or address.start is None:
        if method != "GET":
            raise Refusal(405, "invalidRequest", f"The drive does not take {method}.")
        found: Act = list_drives if address.many else get_drive
        options = ("$select", "$top", "$skiptoken") if address.many else ("$select",)
        return Match(_addressed(found, options), {}, READ, units(2 if address.many else 1), None)
    for shape, by_method in OPERATIONS.items():
        fits = len(shape) == len(address.tail) and all(s in ("{}", t) for s, t in zip(shape, address.tail, strict=True))
        if fits and method in by_method:
            act, roles, scope, query = by_method[method]
            return Match(_addressed(act, query), {}, roles, scope, None)
        if fits:
            raise Refusal(405, "invalidRequest", f"The resource does not take {method}.")
    raise Refusal(404, "itemNotFound", f"Resource not found for the segment '{address.tail[-1]}'.")


def _addressed(act: Act, query: Iterable[str]) -> Handler:
    async def handle(call: Call) -> Answer:
        for option in call.query:
            if option not in query:
                raise Refusal(400, "invalidRequest", f"The query parameter '{option}' is not supported here.")
        address = read_address(call.segments)
        assert address is not None
        drive_writes.settle_rewrites(call)
        return await act(call, address)

    return handle


routes.matchers.append(match_drive)
