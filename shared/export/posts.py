"""Posts of a group's conversations as the mails that they were, for programs that read `.eml`. Pure; standard library
only.

Graph shows of a post no headers but sender and time, so these are made anew: nothing in them proves anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from hashlib import sha256
from typing import Any

Json = dict[str, Any]
MOST_BYTES = 20 << 20  # of a post's attachments within its mail; all of them lie beside the conversation's page anyway
Bytes = Callable[[str], bytes | None]  # a part's name -> what is in it; None: leave it out
_PLAIN = re.compile(r"[!-;=?-~]{1,200}@[!-;=?-~]{1,200}")
_TYPE = re.compile(r"(application|audio|font|image|model|text|video)/([\w.+-]{1,80})")
_INLINE = re.compile(r"[\w.@%$+-]{1,200}")


def of(record: Json) -> Iterator[tuple[str, Json]]:
    """The posts in their order, each with a name for its file."""
    posts = [post for post in record.get("posts") or () if isinstance(post, dict)]
    for number, post in enumerate(posts, 1):
        who = _mailbox(post.get("from"))[0] or "post"
        yield f"{number:04d} {who}", post


def wanted(post: Json) -> dict[str, Json]:
    """The parts of what is attached to it, by name."""
    entries = [one for one in post.get("o365:Attachments") or () if isinstance(one, dict)]
    return {str(one["o365:Part"]): one for one in entries if one.get("o365:Part") and "@odata.type" in one}


def fitting(post: Json, sizes: Mapping[str, int]) -> list[str]:
    """Those of them that its mail can hold."""
    found, left = list[str](), MOST_BYTES
    for part in wanted(post):
        if sizes.get(part, MOST_BYTES + 1) <= left:
            left -= sizes[part]
            found.append(part)
    return found


def mail(record: Json, post: Json, bytes_of: Bytes) -> bytes:
    """One post. The same post makes the same bytes."""
    told = EmailMessage(policy=SMTP)
    told["From"] = _address(post.get("from"))
    if to := ", ".join(map(_address, record.get("toRecipients") or ())):
        told["To"] = to
    told["Subject"] = _line(record.get("topic")) or "(no topic)"
    if moment := _moment(post):
        told["Date"] = format_datetime(moment)
    told["Message-ID"] = _id(post.get("id"))
    if isinstance(above := post.get("inReplyTo"), dict):
        told["In-Reply-To"] = told["References"] = _id(above.get("id"))
    body = post.get("body") if isinstance(post.get("body"), dict) else {}
    assert isinstance(body, dict)
    text = str(body.get("content") or "").encode("utf-8", "replace").decode()
    told.set_content(text, subtype="html" if str(body.get("contentType")).lower() == "html" else "plain", cte="base64")
    _attach(told, post, bytes_of)
    for number, part in enumerate(one for one in told.walk() if one.is_multipart()):
        part.set_boundary(f"=_{_digest(post.get('id'))[:24]}_{number}")
    return told.as_bytes()


def _attach(told: EmailMessage, post: Json, bytes_of: Bytes) -> None:
    """Pictures of the text first, which makes it one with them; then the others."""
    entries = sorted(wanted(post).items(), key=lambda pair: not _is_shown(pair[1]))
    for part, entry in entries:
        if (data := bytes_of(part)) is None:
            continue
        found = _TYPE.fullmatch(str(entry.get("contentType") or ""))
        main, below = found.groups() if found else ("application", "octet-stream")
        sort: Json = {"maintype": main, "subtype": below}
        name = _line(entry.get("name")) or part
        if _is_shown(entry):
            told.add_related(data, **sort, cid=f"<{entry['contentId']}>", filename=name, disposition="inline")
        else:
            told.add_attachment(data, **sort, filename=name)


def _is_shown(entry: Json) -> bool:
    return bool(entry.get("isInline")) and _INLINE.fullmatch(str(entry.get("contentId") or "")) is not None


def _mailbox(told: object) -> tuple[str, str]:
    inner = told.get("emailAddress") if isinstance(told, dict) else None
    if not isinstance(inner, dict):
        return "", ""
    return _line(inner.get("name")), str(inner.get("address") or "")


def _address(told: object) -> str:
    name, address = _mailbox(told)
    return formataddr((name, address if _PLAIN.fullmatch(address) else "unknown@holdfast.invalid"))


def _line(text: object) -> str:
    """One line: what comes from people must not begin another header."""
    words = " ".join("".join(c if c.isprintable() else " " for c in str(text or "")).split())
    return words.encode("utf-8", "replace").decode()


def _id(post: object) -> str:
    return f"<{_digest(post)[:40]}@holdfast.invalid>"


def _digest(post: object) -> str:
    return sha256(str(post or "").encode("utf-8", "replace")).hexdigest()


def _moment(post: Json) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(post.get("receivedDateTime") or ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
