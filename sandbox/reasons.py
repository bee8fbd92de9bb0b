"""The unavoidable differences after a restore: a short, explicit list. Whatever is not in it is unexplained. Pure."""

from __future__ import annotations

import re
from typing import Any

from sandbox import reasons_more, reasons_shared
from sandbox.reason import EXTRA, MISSING, Json, Reason, cleaned, mark_and_unknown_gone, merged, only_the_mark

LOCKED = ".locked"
RECOVERED = "Recoverable Items"
CUSTOM_HEADERS = 5
_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+\Z|/o=", re.IGNORECASE)


def reason_for(kind: str, field: str, before: Any, after: Any, item: Json) -> str:
    for reason in REASONS:
        if (reason.kind, reason.field) == (kind, field) and reason.holds(before, after, item):
            return reason.text
    return ""


def always(_before: Any, _after: Any, _item: Json) -> bool:
    return True


def draft(_before: Any, _after: Any, item: Json) -> bool:
    return bool(item.get("isDraft"))


def transport_only(before: Any, after: Any, _item: Json) -> bool:
    """All custom headers up to the limit are there, in order, and nothing else."""
    custom = [h for h in before if h["name"].lower().startswith("x-")]
    return bool(after == custom[:CUSTOM_HEADERS])


def no_address(before: Any, after: Any, _item: Json) -> bool:
    return bool(after == [p for p in before if _ADDRESS.match(p["emailAddress"]["address"] or "")])


def links_and_nested(before: Any, after: Any, _item: Json) -> bool:
    """Ordinary attachments are all there; links are gone, attached items may have become files of their own."""
    plain = [a for a in before if a["kind"] == "file"]
    items = [a for a in before if a["kind"] == "item"]
    left = [a for a in after if a not in plain]
    came_back = [a for a in left if a["kind"] == "item" or a["name"].removesuffix(".eml") in {i["name"] for i in items}]
    return all(a in after for a in plain) and len(left) == len(came_back) == len(items)


def malware(before: Any, _after: Any, _item: Json) -> bool:
    return "malware" in before


def shortcut(before: Any, _after: Any, _item: Json) -> bool:
    return "shortcut" in before


def folder(before: Any, _after: Any, _item: Json) -> bool:
    return "folder" in before


def more_than_one(before: Any, after: Any, _item: Json) -> bool:
    return bool(before > 1 and after >= 1)


def empty_file(before: Any, after: Any, item: Json) -> bool:
    return item.get("size") == 0 and (before, after) == (1, 2)


def on_top_of_what_was_there(before: Any, after: Any, _item: Json) -> bool:
    return bool(after > before)


def one_notebook(_before: Any, after: Any, _item: Json) -> bool:
    return after is None


def without_the_owner(before: Any, after: Any, item: Json) -> bool:
    """Whoever owns the drive now needs no grant there."""
    return bool(after == [p for p in before if p.get("to") != [item.get("into")]])


def empty_recoverable(_before: Any, after: Any, _item: Json) -> bool:
    return bool(after == {"folder": RECOVERED, "items": 0})


def encrypted(_before: Any, _after: Any, item: Json) -> bool:
    return LOCKED in item["where"].rsplit("/", 1)[-1]


def of_folder(_before: Any, _after: Any, item: Json) -> bool:
    return "folder" in item


REASONS: tuple[Reason, ...] = (
    Reason("mail", "extended", "the restore's own mark, so that no message is ever made twice", only_the_mark),
    Reason(
        "mail", "extended", "properties that neither MIME nor Graph's JSON shows", mark_and_unknown_gone,
        "voting buttons, reactions and other properties",
    ),
    Reason("mail", "internetMessageHeaders", "transport headers: they are in the kept MIME", transport_only,
           "transport headers"),
    Reason("mail", "internetMessageId", "a message without a message id gets one", lambda b, a, i: not b and bool(a),
           "drafts may come back"),
    Reason("mail", "sender", "a draft gets its owner as sender", draft, "drafts may come back"),
    Reason("mail", "sentDateTime", "a draft's date is that of the restore", draft, "drafts may come back"),
    Reason("mail", "receivedDateTime", "a draft's date is that of the restore", draft, "drafts may come back"),
    Reason("mail", "isReadReceiptRequested", "the wish for a receipt: it would be sent again",
           lambda b, a, i: b and not a, "requests for a delivery or read receipt"),
    Reason("mail", "isDeliveryReceiptRequested", "the wish for a receipt: it would be sent again",
           lambda b, a, i: b and not a, "requests for a delivery or read receipt"),
    Reason("mail", "subject", "control characters: a new message is refused with them", cleaned, "control characters"),
    Reason("mail", "body", "control characters: a new message is refused with them", cleaned, "control characters"),
    Reason("mail", "replyTo", "reply-to addresses that are none", no_address, "control characters in texts, and"),
    Reason("mail", "attachments", "links to the cloud are gone, attached items with attachments are files",
           links_and_nested, "attached messages with attachments of their own"),
    Reason("mail", MISSING, "folders of one name beside each other come back as one", merged, "sibling folders"),
    Reason("mail", EXTRA, "an ordinary folder for recoverable items: theirs can't be written to", empty_recoverable,
           "recoverable items come back into an ordinary folder"),
    Reason("contacts", "extended", "the restore's own mark, so that no contact is ever made twice", only_the_mark),
    Reason("contacts", "extended", "properties that Graph's JSON does not show", mark_and_unknown_gone,
           "properties that Graph's JSON does not show"),
    Reason("contacts", MISSING, "folders of one name beside each other come back as one", merged,
           "folders of one name"),
    Reason("files", MISSING, "malware: the service does not serve it, so it was never kept", malware),
    Reason("files", MISSING, "a shortcut into another drive", shortcut, "shortcuts into other drives"),
    Reason("files", "versions", "older versions are kept, but Graph takes none back", more_than_one, "older versions"),
    Reason("files", "versions", "an empty file gets its dates in a second step: one more version", empty_file),
    Reason("files", "versions", "the restored bytes are a new version on top of what was there",
           on_top_of_what_was_there),
    Reason("files", "package", "a notebook comes back as a folder of its section files", one_notebook,
           "a OneNote notebook"),
    Reason("files", "inherits", "inherited grants", lambda b, a, i: b is False, "owners, site groups, limited views"),
    Reason("files", "permissions", "whoever owns the drive needs no grant there", without_the_owner,
           "owners, site groups"),
    Reason("files", "created", "the service sets its own dates on folders", of_folder, "dates of folders"),
    Reason("files", "modified", "the service sets its own dates on folders", of_folder, "dates of folders"),
    Reason("files", EXTRA, "left by the ransomware: a restore deletes nothing", encrypted),
    *reasons_more.REASONS,
    *reasons_shared.REASONS,
)  # fmt: skip
