"""What the tests of mail and contacts share: an owner, its folders, kept items, and the vault's Read answered."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from shared.kinds.kind import Into
from shared.model import Feed, Json, Kept, Owner, Part, Version

ADELE = Owner("t1", "user", "u1")
BO = Owner("t1", "user", "u2")
INBOX = Feed(ADELE, "mail", "AQinbox", "/users/u1/mailFolders/AQinbox", name="Inbox")
TARGET = Into(ADELE, "/users/u1/mailFolders/AQnew", "AQnew")
PNG, PDF = b"\x89PNG made up", b"%PDF-1.4 made up"


def version(kind: str, item_id: str, *, content_tag: str | None = None, **parts: Part) -> Version:
    taken = datetime(2025, 2, 4, tzinfo=UTC)
    return Version(ADELE, kind, "f1", "", item_id, "kept", 1, taken, content_tag=content_tag, parts=parts)


def part(data: bytes) -> Part:
    return Part("ab" * 32, len(data))


def kept(kind: str, record: Json, **parts: bytes) -> Kept:
    return Kept(version(kind, record["id"], **{name: part(data) for name, data in parts.items()}), record)


def mime_with_attachments(*, big: bytes = b"") -> bytes:
    """A picture in the text, a file with an umlaut, and an attached message: what the page `attachments` lists."""
    inner = EmailMessage()
    inner["Subject"], inner["From"], inner["To"] = "Inner", "Bo <bo@fabrikam.example>", "ann@fabrikam.example"
    inner["Date"] = "Mon, 03 Feb 2025 08:00:00 +0100"
    inner.set_content("inner text")
    message = EmailMessage()
    message["Subject"] = "Photos"
    message.set_content("See picture")
    message.add_alternative("<p>See <img src='cid:pic1'></p>", subtype="html")
    text: Any = message.get_payload()
    text[1].add_related(PNG, "image", "png", cid="<pic1>", filename="pic.png", disposition="inline")
    message.add_attachment(big or PDF, maintype="application", subtype="pdf", filename="Übersicht.pdf")
    message.add_attachment(inner)
    return message.as_bytes()
