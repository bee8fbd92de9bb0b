"""The attachments of an event or of an exception of a series: taken with their bytes, given back, told where not."""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from hashlib import sha256

from shared.graph.steps import Fetch, Reply, Steps, Upload, delete, get, post, read, segment
from shared.kinds.mail_message import Attached
from shared.kinds.mail_mime import RFC822, attached_message, has_attachments
from shared.kinds.mailbox import clean, listed, prefer, rest, vanished
from shared.model import Json, Owner, Part

READ, WRITE = "Calendars.Read", "Calendars.ReadWrite"
META = "id,name,contentType,size,isInline,lastModifiedDateTime"
MEMBER = "o365:Attachments"
PART = "o365:Part"  # on an attachment's entry: the part that holds its bytes
SUFFIX = "o365:Suffix"  # ... and how a file of it ends
SMALL_BYTES = 3_000_000  # above, an upload session (Graph docs: outlook-large-attachments)
LARGEST_BYTES = 150_000_000
FRAGMENT_BYTES = 12 * 320 * 1024  # below the 4 MB that a fragment may have
LATER = (502, 503, 504)  # the service's trouble, not the attachment's

LOST_LINK = "an attachment that links to a file in the cloud: the kept record has it"
LOST_ITEM = "an attached event, contact, or message with attachments of its own comes back as a file"
LOST_UNKEPT = "an attachment whose bytes could not be kept"
LOST_INLINE = "a large picture in its text comes back as a file"


class Unlisted(Exception):
    """The attachments can't be listed."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("the attachments can't be listed")
        self.reply = reply


class Unavailable(Exception):
    """The service did not come round to hand out an attachment: the event is owed."""


@dataclass(slots=True)
class Taking:
    """The parts of one event while it is taken. Equal bytes, which an exception has of its series, are one part.

    `prior`: the entries kept before with their parts, by what must be the same for the bytes to be.
    """

    prior: Mapping[tuple[object, ...], tuple[Json, Part]] = field(default_factory=dict)
    parts: dict[str, bytes | Part] = field(default_factory=dict)
    suffixes: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _known: dict[str, str] = field(default_factory=dict)  # digest -> part

    def keep(self, data: bytes | Part, suffix: str) -> str:
        digest = sha256(data).hexdigest() if isinstance(data, bytes) else data.sha256
        if digest not in self._known:
            self._known[digest] = name = f"attachment-{len(self._known) + 1}"
            self.parts[name] = data
            self.suffixes[name] = suffix
        return self._known[digest]


def sameness(entry: Json) -> tuple[object, ...]:
    return tuple(entry.get(m) for m in ("id", "name", "size", "lastModifiedDateTime"))


Prior = dict[tuple[object, ...], tuple[Json, Part]]


def kept_before(events: Sequence[Json], parts: Mapping[str, Part]) -> Prior:
    entries = [entry for event in events for entry in event.get(MEMBER) or ()]
    return {sameness(e): (e, parts[e[PART]]) for e in entries if e.get(PART) in parts}


def take(path: str, owner: Owner, taking: Taking) -> Steps[list[Json]]:
    """The entries of an event's attachments; their bytes go into `taking`. Raises Unlisted, Unavailable."""
    step = get(f"{path}/attachments?$select={META}", headers=prefer())
    reply = yield step
    if not reply.ok:
        raise Unlisted(reply)
    entries = yield from rest(step, reply, owner, "calendars", permission=READ)
    for entry in entries:
        if (prior := taking.prior.get(sameness(entry))) is not None:
            entry |= prior[0] | {PART: taking.keep(prior[1], prior[0].get(SUFFIX) or suffix_of(entry, b""))}
            continue
        reply = yield from _bytes(f"{path}/attachments/{segment(str(entry['id']))}", entry)
        data = reply.part if reply.part is not None else reply.body
        if reply.ok and _sort(entry) != "referenceAttachment":
            entry |= {PART: taking.keep(data, suffix_of(entry, data)), SUFFIX: suffix_of(entry, data)}
        elif reply.status in LATER:
            raise Unavailable(f"an attachment could not be read: Graph answered {reply.status} {reply.code}")
        elif not reply.ok:
            # known from damaged mailboxes: one attachment must not keep the event from being kept
            taking.notes.append(f"an attachment could not be read: Graph answered {reply.status} {reply.code}".strip())
    return entries


def _bytes(path: str, entry: Json) -> Steps[Reply]:
    """An inline one is read as JSON, for only there its place in the text is told; a link has nothing but its JSON."""
    inline = bool(entry.get("isInline")) and int(entry.get("size") or 0) < SMALL_BYTES
    if _sort(entry) == "referenceAttachment" or (inline and _sort(entry) == "fileAttachment"):
        reply = yield get(path, headers=prefer(), batchable=False)
        if not reply.ok:
            return reply
        about = {k: v for k, v in reply.json.items() if k not in ("contentBytes", "@odata.context")}
        data = b64decode(reply.json.get("contentBytes") or "")
        entry.update(about)
        return Reply(200, data)
    return (yield Fetch("GET", f"{path}/$value", prefer()))


def _sort(entry: Json) -> str:
    return str(entry.get("@odata.type", "")).rpartition(".")[2]


def suffix_of(entry: Json, data: bytes | Part = b"") -> str:
    """How a file of it would end: by its name, an attached item by what it is."""
    head = data[:200].lstrip().upper() if isinstance(data, bytes) else b""
    if _sort(entry) == "itemAttachment":
        return ".ics" if head.startswith(b"BEGIN:VCALENDAR") else ".vcf" if head.startswith(b"BEGIN:VCARD") else ".eml"
    ending = str(entry.get("name") or "").rpartition(".")[2]
    return f".{ending.lower()}" if ending.isascii() and ending.isalnum() and len(ending) <= 5 else ".bin"


# --- the way back


def foreseen(entries: Sequence[Json]) -> list[str]:
    """What of them can't be given back as it was, as far as their entries tell."""
    told = [LOST_LINK for e in entries if _sort(e) == "referenceAttachment"]
    told += [LOST_UNKEPT for e in entries if _sort(e) != "referenceAttachment" and PART not in e]
    told += [LOST_ITEM for e in entries if _sort(e) == "itemAttachment" and e.get(SUFFIX) in (".ics", ".vcf")]
    return list(dict.fromkeys(told))


def give(
    path: str, owner: Owner, entries: Sequence[Json], parts: Mapping[str, Part], *, there: Sequence[Json] = ()
) -> Steps[list[str]]:
    """Adds what is missing beside `there`; what could not be given back."""
    losses = [LOST_LINK for e in entries if _sort(e) == "referenceAttachment"]
    have = Counter(_title(e) for e in there)
    for n, entry in enumerate(entries, 1):
        if _sort(entry) == "referenceAttachment":
            continue
        if PART not in entry or entry[PART] not in parts:
            losses.append(LOST_UNKEPT)
            continue
        part = parts[entry[PART]]
        if part.size > LARGEST_BYTES:
            losses.append(f"an attachment of {part.size} bytes: Graph takes 150 MB")
            continue
        titles = {_title(entry), _file_name(entry, ".eml"), _file_name(entry, ".ics"), _file_name(entry, ".vcf")}
        if name := next((t for t in sorted(titles, key=len) if have[t]), ""):
            have[name] -= 1  # an earlier attempt got this far
            continue
        reply = yield from _add(path, entry, part, losses)
        if not reply.ok:
            losses.append(f"attachment {n} of {len(entries)}: Graph answered {reply.status} {reply.code}")
    return list(dict.fromkeys(losses))


def there_are(path: str, owner: Owner) -> Steps[list[Json]]:
    return (yield from listed(f"{path}/attachments?$select=id,name", owner, "calendars", permission=WRITE))


def add_text(path: str, name: str, text: str) -> Steps[list[str]]:
    note = Attached(name, "text/plain", text.encode("utf-8", "replace"), inline=False, content_id="")
    reply = yield post(f"{path}/attachments", note.body, headers=prefer())
    return [] if reply.ok else [f"the file with the people of the meeting: Graph answered {reply.status} {reply.code}"]


def remove_others(
    path: str, entries: Sequence[Json], there: Sequence[Json], spare: frozenset[str], names: frozenset[str]
) -> Steps[list[str]]:
    """An exception begins with the attachments of its series: those that it did not have are taken off it, unless they
    are the very ones of the series (`spare`)."""
    wanted = Counter(_title(e) for e in entries)
    extra = []
    for entry in there:
        if wanted[_title(entry)]:
            wanted[_title(entry)] -= 1
        elif _title(entry) not in names:
            extra.append(str(entry["id"]))
    ours = [i for i in extra if i not in spare]
    replies = []
    for attachment_id in ours:
        replies.append((yield delete(f"{path}/attachments/{segment(attachment_id)}")))
    bad = len(extra) - len(ours) + sum(not r.ok and not vanished(r) for r in replies)
    return ["an occurrence without the attachments of its series has them now"] if bad else []


def _add(path: str, entry: Json, part: Part, losses: list[str]) -> Steps[Reply]:
    inline, content_id = bool(entry.get("isInline")), str(entry.get("contentId") or "")
    if inline and not content_id:
        losses.append(LOST_INLINE)
    name, content_type = _title(entry), str(entry.get("contentType") or "application/octet-stream")
    if part.size >= SMALL_BYTES:
        about = {"attachmentType": "file", "name": name, "size": part.size, "contentType": content_type,
                 "isInline": inline}  # fmt: skip
        if _sort(entry) == "itemAttachment":
            about |= {"name": _file_name(entry, ".eml"), "contentType": RFC822}
            losses.append(LOST_ITEM)
        session = yield post(f"{path}/attachments/createUploadSession", {"AttachmentItem": about}, headers=prefer())
        if not session.ok:
            return session
        return (yield Upload("PUT", session.json["uploadUrl"], part=part, fragment_bytes=FRAGMENT_BYTES))
    data = (yield read(part)).body
    if _sort(entry) == "itemAttachment":
        item = _item(entry, data)
        if item.item is None:
            losses.append(LOST_ITEM)
        return (yield post(f"{path}/attachments", item.body, headers=prefer()))
    file = Attached(name, content_type, data, inline, content_id)
    return (yield post(f"{path}/attachments", file.body, headers=prefer()))


def _item(entry: Json, data: bytes) -> Attached:
    """A message goes as an object; what Graph takes no object for (a message with attachments) or what could invite
    somebody (an event) goes as its file."""
    suffix = suffix_of(entry, data)
    name = _title(entry)
    if suffix == ".eml":
        message = message_from_bytes(data)
        if not has_attachments(message):
            item = clean(attached_message(message))
            assert isinstance(item, dict)
            return Attached(name, RFC822, data, inline=False, content_id="", item=item)
    kinds = {".ics": "text/calendar", ".vcf": "text/vcard", ".eml": RFC822}
    return Attached(_file_name(entry, suffix), kinds[suffix], data, inline=False, content_id="")


def _title(entry: Json) -> str:
    return str(entry.get("name") or "attachment")


def _file_name(entry: Json, suffix: str) -> str:
    name = _title(entry)
    return name if name.lower().endswith(suffix) else name + suffix
