"""Names of blobs in the vault, exactly as docs/format.md section 2 spells them. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

from shared.model import Feed, Owner

VAULT = "vault.json"
PAGES = "pages/"
PARTS = "parts/"
CLAIMS = "claims/"
FORGOTTEN = "forgotten/"
CERTIFICATES = "certificates/"
AUDIT = "audit/"
SEARCH = "search/"

_KEPT = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")
_PLAIN = re.compile(r"[A-Za-z0-9\-._]+")
_PAGE = re.compile(r"pages/([^/]+)/([^/]+)/([^/]+)/([a-z2-7]{26})/([0-9]{10})\.zip")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Address:
    """The pieces of a page's name, as they stand in it."""

    tenant: str
    owner: str
    kind: str
    feed_tag: str
    seq: int


def tag(text: str) -> str:
    """26 base32 characters that stand for an id of any length and alphabet."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(digest[:20]).decode("ascii").lower()[:26]


def segment(text: str) -> str:
    """One name inside a path: letters, digits, `-`, `.` and `_` stay, every other byte is written `=XX`."""
    if text.strip(".") == "":  # "", "." and ".." are no names on any file system
        if not text:
            raise ValueError("an empty name can't be part of a blob's name")
        return "=2E" * len(text)
    if _PLAIN.fullmatch(text):
        return text
    raw = text.encode("utf-8", "surrogatepass")
    return "".join(chr(byte) if byte in _KEPT else f"={byte:02X}" for byte in raw)


def unsegment(name: str) -> str:
    """The text behind a name that `segment` made."""
    raw = re.sub(rb"=([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), name.encode("ascii"))
    return raw.decode("utf-8", "surrogatepass")


def tenant_prefix(tenant: str) -> str:
    return f"{PAGES}{segment(tenant)}/"


def owner_prefix(owner: Owner) -> str:
    return f"{tenant_prefix(owner.tenant)}{segment(owner.key)}/"


def feed_prefix(feed: Feed) -> str:
    return f"{owner_prefix(feed.owner)}{segment(feed.kind)}/{tag(feed.id)}/"


def page_name(feed: Feed, seq: int) -> str:
    if not 1 <= seq <= 9_999_999_999:
        raise ValueError(f"a page's number is 1 to 9999999999, not {seq}")
    return f"{feed_prefix(feed)}{seq:010d}.zip"


def read_page_name(name: str) -> Address | None:
    """None when the blob is no page."""
    found = _PAGE.fullmatch(name)
    return Address(found[1], found[2], found[3], found[4], int(found[5])) if found else None


def audit_prefix(tenant: str) -> str:
    return f"{AUDIT}{segment(tenant)}/"


def audit_name(tenant: str, number: int) -> str:
    if not 1 <= number <= 9_999_999_999:
        raise ValueError(f"a page's number is 1 to 9999999999, not {number}")
    return f"{audit_prefix(tenant)}{number:010d}.jsonl"


def part_name(digest: str) -> str:
    if not is_digest(digest):
        raise ValueError("a chunk is named by 64 lower-case hexadecimal digits")
    return f"{PARTS}{digest[:2]}/{digest}"


def claim_name(digest: str) -> str:
    """Says that a part which was there already is wanted anew."""
    return f"{CLAIMS}{digest[:2]}/{digest}"


def is_digest(text: object) -> bool:
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None
