"""The words inside a mail or a document, for the search. Pure, and bounded whatever a file claims of itself.

Read are messages with their attachments, plain text, HTML, and documents that are ZIPs of XML (docx, xlsx, pptx, odt,
ods, odp). A PDF is not: its text needs an interpreter of a page's program, and no such library is worth its risk here.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape

from shared.model import Json
from shared.search.words import words

MOST_BYTES = 8 << 20  # of a part that is looked into, and of all that is unpacked from it
MOST_MEMBERS = 200  # of a document or message
MOST_TEXT = 400_000  # characters that are looked through for words
MOST_WORDS = 600  # of an item; the longer ones tell more
SHORTEST = 2  # characters of a word
PLAIN = frozenset((".txt", ".md", ".csv", ".tsv", ".json", ".xml", ".log", ".yaml", ".yml", ".ini", ".rtf", ".tex"))
HYPERTEXT = frozenset((".html", ".htm", ".xhtml", ".eml"))
_DOCUMENTS = {  # which members of the ZIP hold what people wrote
    ".docx": re.compile(r"word/(document|header\d*|footer\d*|footnotes|endnotes|comments)\.xml"),
    ".xlsx": re.compile(r"xl/(sharedStrings|comments\d*|worksheets/[^/]+)\.xml"),
    ".pptx": re.compile(r"ppt/(slides|notesSlides|comments)/[^/]+\.xml"),
    **dict.fromkeys((".odt", ".ods", ".odp"), re.compile(r"content\.xml")),
}
_UNSEEN = re.compile(r"<(script|style|head)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_INLINE = re.compile(r"</?(?:a|b|i|u|em|span|strong|font)(?![\w:-])[^<>]*>", re.IGNORECASE)
_BREAK = re.compile(  # marks of documents that part words; all others may stand inside one
    r"</?(?:w:(?:p|tab|br|cr|tc)|a:(?:p|br|tab)|si|c|row|is|text:(?:p|h|tab|line-break|s)|table:table-cell)(?![\w:-])"
    r"[^<>]*>"
)
_TAG = re.compile(r"<[^<>]*>")


def readable(name: str) -> bool:
    ending = _ending(name)
    return ending in PLAIN or ending in HYPERTEXT or ending in _DOCUMENTS


def of_file(name: str, data: bytes) -> str:
    """Its words, each once, in the order of the alphabet. Nothing of what can't be read."""
    return told(_file(name, data))


def of_message(data: bytes) -> str:
    return told(_message(data))


def of_record(record: Json) -> str:
    """The body that many of Graph's records have."""
    body = record.get("body")
    content = body.get("content") if isinstance(body, dict) else None
    return told([bare(content)]) if isinstance(content, str) else ""


def told(texts: Iterator[str] | list[str]) -> str:
    """Bounded: when there are more words than may be kept, those that are rarer by their length."""
    found: set[str] = set()
    left = MOST_TEXT
    for text in texts:
        found |= words(text[:left])
        left -= len(text)
        if left <= 0:
            break
    kept = sorted((word for word in found if len(word) >= SHORTEST), key=lambda word: (-len(word), word))
    return " ".join(sorted(kept[:MOST_WORDS]))


def bare(markup: str) -> str:
    """What a browser would show, roughly: marks inside a word do not part it."""
    text = _UNSEEN.sub(" ", markup[: MOST_TEXT * 4])
    return unescape(_TAG.sub(" ", _INLINE.sub("", text)))


def _file(name: str, data: bytes) -> Iterator[str]:
    ending = _ending(name)
    if len(data) > MOST_BYTES:
        return
    if ending == ".eml":
        yield from _message(data)
    elif ending in _DOCUMENTS:
        yield from _document(_DOCUMENTS[ending], data)
    elif ending in HYPERTEXT or ending == ".xml":
        yield bare(_decoded(data))
    elif ending in PLAIN:
        yield _decoded(data)


def _document(wanted: re.Pattern[str], data: bytes) -> Iterator[str]:
    left = MOST_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [one for one in archive.infolist() if wanted.fullmatch(one.filename)][:MOST_MEMBERS]
            for member in members:
                with archive.open(member) as opened:
                    raw = opened.read(left)  # what it claims of its size counts for nothing
                left -= len(raw)
                yield unescape(_TAG.sub("", _BREAK.sub(" ", _decoded(raw))))
                if left <= 0:
                    return
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        return  # encrypted, cut, or no ZIP at all


def _message(data: bytes) -> Iterator[str]:
    try:
        message = message_from_bytes(data[:MOST_BYTES], policy=policy.default)
        for n, part in enumerate(message.walk()):
            if n == MOST_MEMBERS:
                return
            if isinstance(part, EmailMessage):
                yield from _part(part)
    except (ValueError, LookupError, TypeError, AttributeError, IndexError, RecursionError):
        return  # the parser's own troubles with what strangers wrote


def _part(part: EmailMessage) -> Iterator[str]:
    name = part.get_filename() or ""
    if part.is_multipart():
        return
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return
    if part.get_content_maintype() == "text" and not name:
        text = _decoded(raw, part.get_content_charset() or "utf-8")
        yield bare(text) if part.get_content_subtype() == "html" else text
    elif readable(name) and _ending(name) != ".eml":
        yield from _file(name, raw)


def _decoded(data: bytes, charset: str = "utf-8") -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        charset = "utf-16"
    try:
        return data.decode(charset, "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _ending(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""
