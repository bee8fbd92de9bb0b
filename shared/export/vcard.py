"""A contact's record as a vCard 4.0 (RFC 6350). Standard library only."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

LINE_OCTETS = 75  # without the line break (RFC 6350 section 3.2)
_ADDRESSES = (("homeAddress", "home"), ("businessAddress", "work"), ("otherAddress", ""))


def write(record: dict[str, Any], photo: bytes | None = None) -> bytes:
    """The card's bytes. What vCard has no property for stays in the record's JSON."""
    lines = ["BEGIN:VCARD", "VERSION:4.0", *_names(record), *_reaching(record), *_about(record)]
    if photo:
        kind = "png" if photo.startswith(b"\x89PNG") else "gif" if photo.startswith(b"GIF8") else "jpeg"
        lines.append(f"PHOTO:data:image/{kind};base64,{base64.b64encode(photo).decode()}")
    return b"".join(_fold(line) for line in [*lines, "END:VCARD"])


def _names(record: dict[str, Any]) -> Iterator[str]:
    shown = next((s for s in (_said(record, n) for n in ("displayName", "fileAs", "companyName")) if s), "")
    mails = [mail for mail in _list(record, "emailAddresses") if isinstance(mail, dict)]
    yield f"FN:{_text(shown or next((_said(mail, 'address') for mail in mails), '') or 'unnamed')}"  # FN is required
    parts = [_said(record, n) for n in ("surname", "givenName", "middleName", "title", "generation")]
    if any(parts):
        yield "N:" + ";".join(map(_text, parts))
    if nick := _said(record, "nickName"):
        yield f"NICKNAME:{_text(nick)}"


def _reaching(record: dict[str, Any]) -> Iterator[str]:
    for mail in _list(record, "emailAddresses"):
        if isinstance(mail, dict) and _said(mail, "address"):
            yield f"EMAIL:{_text(_said(mail, 'address'))}"
    for member, kinds in (("businessPhones", "work,voice"), ("homePhones", "home,voice")):
        for number in _list(record, member):
            if isinstance(number, str) and number:
                yield f'TEL;VALUE=text;TYPE="{kinds}":{_text(number)}'
    if mobile := _said(record, "mobilePhone"):
        yield f"TEL;VALUE=text;TYPE=cell:{_text(mobile)}"
    for address in _list(record, "imAddresses"):
        if isinstance(address, str) and address:
            yield f"IMPP:im:{quote(address, safe='@', errors='replace')}"
    for member, kind in _ADDRESSES:
        address = record.get(member)
        if isinstance(address, dict) and any(_said(address, n) for n in address):
            parts = [_said(address, n) for n in ("street", "city", "state", "postalCode", "countryOrRegion")]
            yield f"ADR{f';TYPE={kind}' if kind else ''}:" + ";".join(["", "", *map(_text, parts)])
    if page := _said(record, "businessHomePage"):
        yield f"URL:{quote(page, safe=_URI, errors='replace')}"


def _about(record: dict[str, Any]) -> Iterator[str]:
    organisation = [_said(record, "companyName"), _said(record, "department")]
    if any(organisation):
        yield "ORG:" + ";".join(map(_text, organisation)).rstrip(";")
    for member, name in (("jobTitle", "TITLE"), ("profession", "ROLE"), ("personalNotes", "NOTE")):
        if said := _said(record, member):
            yield f"{name}:{_text(said)}"
    if found := re.match(r"(\d{4})-(\d\d)-(\d\d)", _said(record, "birthday")):
        # 1604 is how the service says that the year is not known
        yield "BDAY:" + ("--" if found[1] == "1604" else found[1]) + found[2] + found[3]
    related = [("spouse", _said(record, "spouseName")), ("agent", _said(record, "assistantName"))]
    related += [("child", child) for child in _list(record, "children") if isinstance(child, str)]
    for kind, name in related:
        if name:
            yield f"RELATED;TYPE={kind};VALUE=text:{_text(name)}"
    labels = [label for label in _list(record, "categories") if isinstance(label, str) and label]
    if labels:
        yield "CATEGORIES:" + ",".join(map(_text, labels))
    if item := _said(record, "o365:Id"):
        yield f"UID:{_text(item)}"
    found = re.match(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)", _said(record, "o365:LastModifiedDateTime"))
    if found:
        yield "REV:{}{}{}T{}{}{}Z".format(*found.groups())


_URI = ":/?#[]@!$&'()*+,;=%-._~"


def _said(holder: dict[str, Any], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""


def _list(record: dict[str, Any], name: str) -> list[Any]:
    value = record.get(name)
    return value if isinstance(value, list) else []


def _text(text: str) -> str:
    """Escaped (RFC 6350 section 3.4); control characters have no place in a card."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub("[\x00-\x08\x0b-\x1f\x7f]", "", text)
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace(",", "\\,").replace(";", "\\;")


def _fold(line: str) -> bytes:
    """Long lines go on behind a line break and a space, never inside a character."""
    raw, pieces, limit = line.encode("utf-8", "replace"), [], LINE_OCTETS
    while len(raw) > limit:
        cut = limit
        while raw[cut] & 0xC0 == 0x80:
            cut -= 1
        pieces.append(raw[:cut])
        raw, limit = raw[cut:], LINE_OCTETS - 1
    return b"\r\n ".join([*pieces, raw]) + b"\r\n"
