"""One message on its way back: found by the mark of its restore or created, then completed. Nothing is ever sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from shared.errors import NeedsPerson
from shared.graph.steps import Reply, Steps, Upload, delete, get, odata_string, patch, post, read, segment
from shared.kinds import mail_stream
from shared.kinds.kind import Into
from shared.kinds.mail_message import Attached, as_new, attachments
from shared.kinds.mail_messages import content_of, may_have_attachments, state_of
from shared.kinds.mail_mime import pieces
from shared.kinds.mail_stream import Imported
from shared.kinds.mailbox import (
    MARKS,
    REPLACED,
    bears,
    clean,
    digest,
    listed,
    prefer,
    replaced_by,
    replacing,
    strangers,
    well,
)
from shared.model import Json, Kept, Mode, Restored

WRITE = "Mail.ReadWrite"
REQUEST_BYTES = 3_500_000  # Graph takes 4 MB per request
SMALL_BYTES = 3_000_000  # above, an upload session (Graph docs: outlook-large-attachments)
LARGEST_BYTES = 150_000_000
FRAGMENT_BYTES = 12 * 320 * 1024  # below the 4 MB that a fragment may have
TWIN = "id,changeKey,subject,body,from,sender,toRecipients,ccRecipients,bccRecipients,replyTo,sentDateTime,"
TWIN += "receivedDateTime,internetMessageId,hasAttachments,importance,isDraft,isRead,flag,categories"
SAYING = ("isDraft", "subject", "body", "toRecipients", "ccRecipients", "bccRecipients")
STATE = "id,isDraft,isRead,flag,categories"

NOT_ADDED = "attachments could not be added to a message that is no draft: grant Mail-Advanced.ReadWrite.All to the app"
NOT_REMOVED = "the message it replaces could not be removed"
NOT_SET = "read state, flag and categories could not be set"


def restore(kept: Kept, into: Into, mark: str, mode: Mode, *, lossless: bool = False) -> Steps[Restored]:
    """`lossless`: from its stream, where there is one; else, and where the service will not take it, from the rest."""
    lossless = lossless and mail_stream.usable(kept, into)
    begun = yield from _first(into, f"{bears(mark)}&$select={STATE}&{REPLACED}")
    twin = None
    if mode != "create" and not begun:
        twin = yield from _twin(kept, into, mark)
    if twin and (mode == "skip" or (yield from _equal(twin, kept.record, into))):
        return Restored("skipped", twin["id"], note="the message is in the folder")
    old = (yield from _still_there(into, replaced_by(begun))) if begun else twin["id"] if twin else ""
    given = Imported(None, [])
    if lossless:
        given = yield from (mail_stream.tidied(into, mark) if begun else mail_stream.imported(kept, into, mark, old))
    body, losses = as_new(kept.record, mark)
    files, missed = ([], []) if given.message else (yield from _files(kept))
    losses = given.losses + ([] if given.message else losses + missed)
    if begun:
        message, todo = begun, (yield from _missing(into, begun, files))
    elif given.message:
        message, todo = given.message, []
    else:
        inline, todo = _fitting(body, files)
        reply = yield post(f"{into.path}/messages", {**replacing(body, old), **inline}, headers=prefer())
        if failure := _failure(reply, into):
            return Restored("failed", note=failure)
        message = reply.json
    path = f"{into.owner.path}/messages/{segment(message['id'])}"
    losses += yield from _attach(path, todo)
    losses += yield from _settle(path, message, kept.record)
    if old:  # created first, removed after: too much is repairable
        gone = yield delete(f"{into.owner.path}/messages/{segment(old)}")
        losses += [] if gone.ok or not gone.found else [NOT_REMOVED]
    told = tuple(dict.fromkeys(losses))
    if begun:
        return Restored("completed", message["id"], told)
    return Restored("replaced" if old else "created", message["id"], told)


# --- what is there


def _first(into: Into, query: str) -> Steps[Json | None]:
    found = yield from _found(into, query)
    return found[0] if found else None


def _found(into: Into, query: str) -> Steps[list[Json]]:
    return (yield from listed(f"{into.path}/messages?{query}", into.owner, "mail", permission=WRITE))


def _twin(kept: Kept, into: Into, mark: str) -> Steps[Json | None]:
    """The message that is in the target already: the same one if it is still there, else one with its message id, which
    repeats legitimately (a sent and a received copy, true duplicates), hence only within the folder and never one that
    this restore made."""
    message_id = kept.record.get("internetMessageId")
    if not message_id:
        return (yield from _itself(kept, into)) or (yield from _nameless(kept, into, mark))
    literal = odata_string(str(message_id))
    found = yield from _found(into, f"$filter=internetMessageId%20eq%20{literal}&$select={TWIN}&{MARKS}")
    return min(strangers(found, mark), key=lambda f: (f["id"] != kept.version.item_id, f["id"]), default=None)


def _itself(kept: Kept, into: Into) -> Steps[Json | None]:
    """The very message, if it never left the folder."""
    if kept.version.owner != into.owner:
        return None
    path = f"{into.owner.path}/messages/{segment(kept.version.item_id)}?$select={TWIN},parentFolderId"
    reply = yield get(path, headers=prefer())
    return reply.json if reply.ok and reply.json.get("parentFolderId") == into.folder_id else None


def _still_there(into: Into, item_id: str) -> Steps[str]:
    """The id, if that message is in the target yet: deleted by an earlier attempt it has only moved, and to delete it
    again would purge it."""
    if not item_id:
        return ""
    reply = yield get(f"{into.owner.path}/messages/{segment(item_id)}?$select=id,parentFolderId", headers=prefer())
    return item_id if reply.ok and reply.json.get("parentFolderId") == into.folder_id else ""


def _nameless(kept: Kept, into: Into, mark: str) -> Steps[Json | None]:
    """A message that was kept without a message id, which drafts may lack, is known by what it says to whom: given back
    earlier it got an id."""
    subject = kept.record.get("subject")
    if not subject:
        return None
    literal = odata_string(str(clean(subject)))
    found = yield from _found(into, f"$filter=subject%20eq%20{literal}&$select={TWIN}&{MARKS}")
    same = [f for f in strangers(found, mark) if _saying(f) == _saying(kept.record)]
    return min(same, key=lambda f: str(f["id"]), default=None)


def _saying(record: Json) -> str:
    return digest(*(clean(record.get(name)) or None for name in SAYING))


def _equal(twin: Json, record: Json, into: Into) -> Steps[bool]:
    """A message that lacks an attachment looks like one that has them all: the names have to agree too."""
    if content_of(twin) != content_of(record) or state_of(twin) != state_of(record):
        return False
    if "o365:Attachments" not in record:
        return True
    return _names((yield from _attachments(into, twin))) == _names(record["o365:Attachments"])


def _names(entries: Sequence[Json]) -> Counter[str]:
    """Of all but links to the cloud, which are never given back."""
    own = (a for a in entries if not str(a.get("@odata.type", "")).endswith("referenceAttachment"))
    return Counter(str(a.get("name")) for a in own)


def _attachments(into: Into, message: Json) -> Steps[list[Json]]:
    path = f"{into.owner.path}/messages/{segment(message['id'])}/attachments?$select=id,name"
    return (yield from listed(path, into.owner, "mail", permission=WRITE))


def _missing(into: Into, message: Json, files: Sequence[Attached]) -> Steps[list[Attached]]:
    """What an earlier attempt did not get to."""
    if not files:
        return []
    there = _names((yield from _attachments(into, message)))
    missing = []
    for file in files:
        if there[file.name]:
            there[file.name] -= 1
        else:
            missing.append(file)
    return missing


# --- what to give


def _files(kept: Kept) -> Steps[tuple[list[Attached], list[str]]]:
    if "mime" not in kept.parts:
        return [], ["attachments: no MIME was kept"] if may_have_attachments(kept.record) else []
    known = kept.record.get("o365:Attachments")
    if known == [] or (known is None and not may_have_attachments(kept.record)):
        return [], []
    mime = (yield read(kept.parts["mime"])).body
    return attachments(known, pieces(mime))


def _fitting(body: Json, files: Sequence[Attached]) -> tuple[Json, list[Attached]]:
    """The attachments that fit into the creating request, and those that have to follow it. Inside is better: whether
    one may be added to a message that is no draft after 2026 is not documented."""
    room = REQUEST_BYTES - _size(body)
    inside: list[Json] = []
    after: list[Attached] = []
    for file in files:
        if file.json_bytes <= room:
            room -= file.json_bytes
            inside.append(file.body)
        else:
            after.append(file)
    return ({"attachments": inside} if inside else {}), after


def _size(value: object) -> int:
    """Of the JSON, roughly and never too small: characters beyond ASCII are escaped."""
    match value:
        case str():
            return sum(1 if 0x20 <= ord(c) < 0x7F else 12 for c in value) + value.count('"') + value.count("\\") + 4
        case dict():
            return sum(_size(k) + _size(v) + 4 for k, v in value.items()) + 4
        case list():
            return sum(_size(v) + 4 for v in value) + 4
    return 24


def _failure(reply: Reply, into: Into) -> str:
    """Why no message came of it, "" when one did. An answer of 200 has been seen without one."""
    if reply.status == 201 and reply.json.get("id"):
        return ""
    well(reply, into.owner, "mail", permission=WRITE)
    if reply.says("ErrorQuotaExceeded"):
        raise NeedsPerson(f"{into.owner.key} mail: the mailbox is full; make room, then restore again")
    return f"Graph answered {reply.status} {reply.code} to the new message".strip()


# --- to complete it


def _attach(path: str, files: Sequence[Attached]) -> Steps[list[str]]:
    losses: list[str] = []
    for n, file in enumerate(files, 1):
        if len(file.data) > LARGEST_BYTES:
            losses.append(f"an attachment of {len(file.data)} bytes: Graph takes 150 MB")
            continue
        if len(file.data) < SMALL_BYTES:
            reply = yield post(f"{path}/attachments", file.body, headers=prefer())
        else:
            reply = yield from _upload(path, file)
        if reply.status == 403:
            return [*losses, NOT_ADDED]
        if not reply.ok:
            losses.append(f"attachment {n} of {len(files)}: Graph answered {reply.status} {reply.code}")
    return losses


def _upload(path: str, file: Attached) -> Steps[Reply]:
    """An attached message of this size goes as its file: a session takes nothing else."""
    about = {
        "attachmentType": "file",
        "name": file.name,
        "size": len(file.data),
        "contentType": file.content_type,
        "isInline": file.inline,
        **({"contentId": file.content_id} if file.content_id else {}),
    }
    session = yield post(f"{path}/attachments/createUploadSession", {"AttachmentItem": about}, headers=prefer())
    if not session.ok:
        return session
    return (yield Upload("PUT", session.json["uploadUrl"], data=file.data, fragment_bytes=FRAGMENT_BYTES))


def _settle(path: str, message: Json, record: Json) -> Steps[list[str]]:
    """What may be changed of a message at any time, where the creating request did not bring it about."""
    wanted = {name: record[name] for name in ("isRead", "categories", "flag") if record.get(name) is not None}
    wrong = {name: value for name, value in wanted.items() if not _same(message.get(name), value)}
    if not wrong:
        return []
    reply = yield patch(path, wrong, headers=prefer())
    return [] if reply.ok else [NOT_SET]


def _same(there: object, wanted: object) -> bool:
    match there, wanted:
        case dict(), dict():  # a flag; the service may write its dates in another zone
            return there.get("flagStatus") == wanted.get("flagStatus") and all(
                bool(there.get(k)) == bool(wanted.get(k)) for k in ("dueDateTime", "startDateTime")
            )
        case list(), list():
            return sorted(map(str, there)) == sorted(map(str, wanted))
    return there == wanted
