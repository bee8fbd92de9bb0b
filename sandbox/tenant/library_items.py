"""The files of a library as items of its list: values of columns, content type, labels, check-out; and their delta."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from sandbox.tenant.calls import Answer, Call, Json, Refusal
from sandbox.tenant.drive_delta import Token, Wanted, first_token, read_page, read_token, still_good
from sandbox.tenant.drive_items import when
from sandbox.tenant.drive_mutations import drive_of, item_at
from sandbox.tenant.drive_nouns import Item, Tombstone
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.odata import context
from sandbox.tenant.site_list_fields import bad
from sandbox.tenant.state import Tenant

DOCUMENT, FOLDER = "0x010100" + "A" * 32, "0x012000" + "B" * 32  # as a library has them: children of the site's own


def library_drive(tenant: Tenant, list_id: str) -> Drive:
    return next(drive for drive in tenant.drives.values() if drive.list_id == list_id)


def number_of(drive: Drive, item_id: str) -> int:
    return drive.numbers.setdefault(item_id, len(drive.numbers) + 1)


def delta(call: Call, list_id: str, text: str | None) -> Answer:
    """Follows the drive's log: what changes a file's values changes the file's item, and the other way round."""
    drive, options = library_drive(call.tenant, list_id), call.tenant.options
    if text is None:
        if strangers := set(call.query) - {"$select", "$expand", "$top"}:
            raise bad(f"The query option '{sorted(strangers)[0]}' is not supported.")
        token, size = first_token(drive), int(call.query.get("$top") or 200)
    else:
        spelled, _, tail = text.rpartition(".")
        token, size = _good(call, drive, spelled, options.delta_generations), int(tail)
    page = read_page(drive, token, Wanted(size, ancestors=False, repeats=options.delta_replays, empties=False))
    told = [_told(drive, one.what) for one in page.told if one.what.id != drive.root.id]
    link = f"{call.url.partition('?')[0]}?token={quote(f'{page.token.spell()}.{size}')}"
    name = "@odata.deltaLink" if page.last else "@odata.nextLink"
    return Answer(200, {"@odata.context": context(call), "value": told, name: link})


def _good(call: Call, drive: Drive, spelled: str, generations: int) -> Token:
    token = read_token(spelled)
    if not still_good(drive, token, generations):
        where = {"Location": call.url.partition("?")[0]}
        raise Refusal(410, "resyncChangesApplyDifferences", "Resync required.", headers=where)
    return token


def get(call: Call, list_id: str, number: str) -> Answer:
    drive = library_drive(call.tenant, list_id)
    ids = {str(n): id for id, n in drive.numbers.items()}
    if (item := drive.items.get(ids.get(number, ""))) is None:
        raise Refusal(404, "itemNotFound", "Item not found")
    return Answer(200, _told(drive, item))


def _told(drive: Drive, what: Item | Tombstone) -> Json:
    number = str(number_of(drive, what.id))
    if isinstance(what, Tombstone):
        return {"id": number, "parentReference": {"siteId": drive.site}, "deleted": {"state": "deleted"}}
    values, tag = dict(drive.values.get(what.id, {})), f'"{what.guid},{what.e_tag}"'
    kind = values.pop("ContentType", "Folder" if what.folder else "Document")
    id = FOLDER if what.folder else DOCUMENT if kind == "Document" else f"{DOCUMENT}00{'C' * 32}"
    return {
        "id": number, "contentType": {"id": id, "name": kind}, "createdBy": what.created_by,
        "createdDateTime": when(what.created), "eTag": tag, "lastModifiedBy": what.modified_by,
        "lastModifiedDateTime": when(what.modified), "parentReference": {"siteId": drive.site},
        "webUrl": f"{drive.web_url}/{quote(what.path())}",
        "fields": {
            "@odata.etag": tag, "id": number, "FileLeafRef": what.name, "ContentType": kind, "AuthorLookupId": "6",
            "Created": when(what.created), "Modified": when(what.modified), "EditorLookupId": "6",
            "_ComplianceFlags": "", "_ComplianceTag": "", "_CheckinComment": "",
            "_UIVersionString": f"{what.version}.0", "FileSizeDisplay": None if what.folder else str(what.size),
            **values,
        },
    }  # fmt: skip


def set_file_values(tenant: Tenant, library: str, path: str, **values: Any) -> Json:
    """`library`: site, or site/library. Values of columns by internal name; None takes one away. `ContentType`,
    `_ComplianceTag` (retention label), `_DisplayName` (sensitivity label) and `CheckoutUserLookupId` are such, too."""
    drive = drive_of(tenant, library)
    item = item_at(drive, path)
    kept = {**drive.values.get(item.id, {}), **values}
    drive.values[item.id] = {name: value for name, value in kept.items() if value is not None}
    drive.record(item, tenant.clock())
    tenant.touch()
    return {}


mutations = {set_file_values.__name__: set_file_values}


def seed_file_values(tenant: Tenant, site: str) -> None:
    set_file_values(tenant, site, "Notes/0/note 0.txt", Title="First note", Client="Fabrikam", Pages=3.0)
    set_file_values(tenant, site, "Notes/1/note 1.txt", ContentType="Contract", _ComplianceTag="Keep 7 years")
    set_file_values(tenant, f"{site}/Contracts", "2025/contract 0.txt", CheckoutUserLookupId="6", _DisplayName="Secret")
