"""The contacts of one folder: what its delta says, how one is taken with its photo, and how it is given back."""

from __future__ import annotations

from collections.abc import Sequence

from shared.errors import CursorExpired, NeedsPerson
from shared.graph.steps import Reply, Steps, delete, get, odata_string, post, put, read, segment, together
from shared.kinds.kind import Into, common
from shared.kinds.mailbox import (
    LOST_CONTROLS,
    MARKS,
    REPLACED,
    bears,
    clean,
    completed,
    digest,
    has_controls,
    latest,
    link,
    listed,
    marked,
    prefer,
    replaced_by,
    replacing,
    strangers,
    untrackable,
    vanished,
    well,
)
from shared.model import (
    Capture,
    Cursor,
    Feed,
    Gone,
    Json,
    Kept,
    Listing,
    Lost,
    Mode,
    Part,
    Restored,
    Seen,
    Taken,
    Vanished,
    Version,
)

READ, WRITE = "Contacts.Read", "Contacts.ReadWrite"
PER_PAGE = 100
LISTED = "list:"  # a cursor without delta: the link of a plain listing, or nothing when that is at its end
WRITABLE = (
    "assistantName", "birthday", "businessAddress", "businessHomePage", "businessPhones", "categories", "children",
    "companyName", "department", "displayName", "emailAddresses", "fileAs", "generation", "givenName", "homeAddress",
    "homePhones", "imAddresses", "initials", "jobTitle", "manager", "middleName", "mobilePhone", "nickName",
    "officeLocation", "otherAddress", "personalNotes", "profession", "spouseName", "surname", "title",
    "yomiCompanyName", "yomiGivenName", "yomiSurname",
)  # fmt: skip
INVENTED = ("displayName", "fileAs")  # made from the other names unless they are given, be it as nothing
NONE, UNKNOWN = " -", " ?"  # how a tag ends when there is no photo, or when that could not be found out
NO_PHOTO = "1x1"  # an id instead of a 404 (Graph docs: profilephoto-get)


def changes(feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
    """One page, each contact with the mark of its photo: a photo's change is in no delta, only a full listing shows it.
    Nothing is selected, so that every property comes that Graph shows by itself."""
    if cursor == LISTED:
        raise CursorExpired(f"{_name(feed)}: no delta the last time; the folder is listed in full again")
    plain = (cursor or "").startswith(LISTED)
    url = (cursor or f"{feed.path}/contacts/delta").removeprefix(LISTED)
    reply = yield get(url, headers=prefer(PER_PAGE), batchable=False)
    if untrackable(reply) and not plain:
        if cursor is not None:
            raise CursorExpired(f"{_name(feed)}: delta is refused ({reply.code})")
        plain = True
        reply = yield get(f"{feed.path}/contacts?$top={PER_PAGE}", headers=prefer(PER_PAGE), batchable=False)
    body = well(reply, feed.owner, f"contact folder {feed.id}", permission=READ, opened=True).json
    url, last = link(body)
    entries = latest(body["value"])
    entries = yield from completed(entries, feed.owner, path="contacts", select="", sign="displayName")
    there = [e for e in entries if "@removed" not in e]
    gone = [Gone(e["id"], str(e["@removed"].get("reason", "deleted"))) for e in entries if "@removed" in e]
    seen = yield from _with_photos(feed, there)
    return Listing((*gone, *seen), LISTED + url if plain else url, last)


def reread(feed: Feed, item_id: str) -> Steps[Seen | None]:
    reply = yield get(_contact(feed, item_id), headers=prefer())
    if vanished(reply):
        return None
    record = well(reply, feed.owner, f"contact folder {feed.id}", permission=READ, opened=True).json
    return (yield from _with_photos(feed, [record]))[0]


def capture(feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
    """The record, and the photo if its mark says that there is one."""
    parts: dict[str, Part | bytes] = {}
    if prior and "photo" in prior.parts:
        parts["photo"] = prior.parts["photo"]
    elif not seen.tag.endswith(NONE):
        reply = yield get(f"{_contact(feed, seen.item_id)}/photo/$value", headers=prefer(), batchable=False)
        if reply.ok and reply.body and not reply.is_html:
            parts["photo"] = reply.body
        elif not vanished(reply):
            return Lost(f"its photo could not be read: Graph answered {reply.status} {reply.code}".strip())
    if "displayName" not in seen.record:
        reply = yield get(_contact(feed, seen.item_id), headers=prefer())
        if vanished(reply):
            return Vanished()
        return Lost(f"it could not be read: Graph answered {reply.status} {reply.code}")
    return Capture(seen.record, parts, {"photo": ".jpg"} if parts else {})


def _name(feed: Feed) -> str:
    return f"{feed.owner.key} contact folder {feed.id}"


def _contact(feed: Feed, item_id: str) -> str:
    return f"{feed.owner.path}/contacts/{segment(item_id)}"


def _with_photos(feed: Feed, contacts: Sequence[Json]) -> Steps[list[Seen]]:
    if not contacts:
        return []
    asked = [get(f"{_contact(feed, c['id'])}/photo", headers=prefer()) for c in contacts]
    replies = (yield together(*asked)).parts
    return [_seen(feed, c, _photo_mark(reply)) for c, reply in zip(contacts, replies, strict=True)]


def _photo_mark(reply: Reply) -> str:
    """The end of a tag: what changes with the photo."""
    if vanished(reply) or (reply.ok and reply.json.get("id") == NO_PHOTO):
        return NONE
    if not reply.ok:
        return UNKNOWN
    about = reply.json
    return " " + digest(about.get("@odata.mediaEtag"), about.get("height"), about.get("width"))


def _seen(feed: Feed, entry: Json, photo: str) -> Seen:
    name = str(entry.get("displayName") or entry.get("fileAs") or entry.get("companyName") or "")
    return Seen(
        item_id=entry["id"],
        record=common(entry, type="contact", name=name),
        # the content beside the change key: an answer that was garbled on its way is mended by the next one
        tag=f"{entry.get('changeKey') or entry.get('@odata.etag') or ''} {_content(entry)}{photo}",
        content_tag=None if photo in (NONE, UNKNOWN) else photo.strip(),  # the only bytes are the photo's
        folder=feed.id,
        name=name,
        modified_at=str(entry.get("lastModifiedDateTime") or ""),
    )


# --- the way back


def restore(kept: Kept, into: Into, mark: str, mode: Mode) -> Steps[Restored]:
    """Found by its mark or created, then completed with the photo."""
    contacts = f"{into.path}/contacts" if into.folder_id else f"{into.owner.path}/contacts"
    query = f"{bears(mark)}&$select=id&{REPLACED}"
    found = yield from listed(f"{contacts}?{query}", into.owner, "contacts", permission=WRITE)
    begun = found[0] if found else None
    twin = (yield from _twin(kept, into, contacts, mark)) if mode != "create" and not begun else None
    if twin and (mode == "skip" or _content(twin) == _content(kept.record)):
        return Restored("skipped", twin["id"], note="the contact is in the folder")
    old = (yield from _still_there(kept, into, replaced_by(begun))) if begun else twin["id"] if twin else ""
    photo = kept.parts.get("photo")
    picture = (yield read(photo)).body if photo else b""
    contact = begun
    if contact is None:
        reply = yield post(contacts, replacing(marked(as_new(kept.record), mark), old), headers=prefer())
        if reply.says("ErrorQuotaExceeded"):
            raise NeedsPerson(f"{into.owner.key} contacts: the mailbox is full; make room, then restore again")
        if reply.status != 201:
            well(reply, into.owner, "contacts", permission=WRITE)
            return Restored("failed", note=f"Graph answered {reply.status} {reply.code} to the new contact")
        contact = reply.json
    path = f"{into.owner.path}/contacts/{segment(contact['id'])}"
    losses = [LOST_CONTROLS] if has_controls(kept.record) else []
    if picture:  # always: the earlier attempt may have died here
        shown = yield put(f"{path}/photo/$value", picture, headers={**prefer(), "Content-Type": "image/jpeg"})
        losses += [] if shown.ok else [f"its photo: Graph answered {shown.status} {shown.code}"]
    if old:  # created first, removed after; a change of the old one would keep what is unknown
        gone = yield delete(f"{into.owner.path}/contacts/{segment(old)}")
        losses += [] if gone.ok or not gone.found else ["the contact it replaces could not be removed"]
    if begun:
        return Restored("completed", contact["id"], tuple(losses))
    return Restored("replaced" if old else "created", contact["id"], tuple(losses))


def as_new(record: Json) -> Json:
    """The body that creates the contact. Of the two ways to write e-mail addresses only one, the older."""
    body: Json = {name: record[name] for name in WRITABLE if record.get(name) not in (None, "", [], {})}
    body |= {name: record[name] for name in INVENTED if name in record}
    cleaned = clean(body)
    assert isinstance(cleaned, dict)
    return cleaned


def _content(record: Json) -> str:
    return digest(as_new(record))


def _twin(kept: Kept, into: Into, contacts: str, mark: str) -> Steps[Json | None]:
    """The contact that is in the folder already: the very same name (a filter knows no case) and the same first address
    (else mobile phone), and not made by this restore."""
    record = kept.record
    name = str(record.get("displayName") or record.get("fileAs") or "")
    member = "displayName" if record.get("displayName") else "fileAs"
    if not name:
        return (yield from _itself(kept, into))
    literal = odata_string(name)
    query = f"$filter={member}%20eq%20{literal}&{MARKS}"
    found = yield from listed(f"{contacts}?{query}", into.owner, "contacts", permission=WRITE)
    same = [f for f in strangers(found, mark) if f.get(member) == name and _reach(f) == _reach(record)]
    return min(same, key=lambda f: (f["id"] != kept.version.item_id, f["id"]), default=None)


def _still_there(kept: Kept, into: Into, item_id: str) -> Steps[str]:
    """The id, if that contact is in the folder yet: an earlier attempt may have deleted it, which only moves it."""
    if not item_id:
        return ""
    path = f"{into.owner.path}/contacts/{segment(item_id)}?$select=id,parentFolderId"
    reply = yield get(path, headers=prefer())
    folder = into.folder_id or kept.record.get("parentFolderId")
    return item_id if reply.ok and reply.json.get("parentFolderId") == folder else ""


def _itself(kept: Kept, into: Into) -> Steps[Json | None]:
    """A contact without a name is only known by its id."""
    if kept.version.owner != into.owner:
        return None
    reply = yield get(f"{into.owner.path}/contacts/{segment(kept.version.item_id)}", headers=prefer())
    there = reply.ok and reply.json.get("parentFolderId") == (into.folder_id or kept.record.get("parentFolderId"))
    return reply.json if there else None


def _reach(record: Json) -> str:
    """Under what a person is reached, so that two of one name are told apart."""
    addresses = [str(a.get("address") or "").casefold() for a in record.get("emailAddresses") or ()]
    return next((a for a in addresses if a), str(record.get("mobilePhone") or ""))
