"""A conversation as a page that people read: who said what and when, with the names of what was attached. Pure;
standard library only.

Texts come from anybody. Only what shapes a text is taken from them, and the page forbids itself to load or run
anything, so that it can be opened anywhere without telling anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from typing import Any

Json = dict[str, Any]
_SHAPES = frozenset({
    "a", "abbr", "b", "blockquote", "br", "caption", "cite", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2",
    "h3", "h4", "h5", "h6", "hr", "i", "ins", "kbd", "li", "ol", "p", "pre", "q", "s", "samp", "small", "span",
    "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul",
})  # fmt: skip
_ALONE = frozenset({"br", "hr"})
_UNSEEN = frozenset({"script", "style", "title", "template", "iframe", "object", "noscript", "svg", "math"})
_KEPT = frozenset({"colspan", "rowspan", "dir", "lang"})
_SAFE = ("https:", "http:", "mailto:")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_HOSTED = re.compile(r"(?:hostedContents|resources)/([^/\s\"'\\]+)/(?:\$value|content)")
_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:50em;margin:2em auto;padding:0 1em;color:#222}"
    "article{border-top:1px solid #ccc;padding:1em 0}header{color:#555}header b{color:#222}"
    "blockquote{border-left:3px solid #ccc;margin-left:0;padding-left:1em}table{border-collapse:collapse}"
    "td,th{border:1px solid #ddd;padding:.2em .5em}.files{color:#555}"
    "article.answer{margin-left:2em}img{max-width:100%}"
)


@dataclass(frozen=True, slots=True)
class Said:
    """One contribution. `files`: what was attached -> where it lies beside the page ("" when it was not kept)."""

    who: str
    when: str
    body: str
    html: bool = True
    files: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    answer: bool = False
    images: Mapping[str, str] = field(default_factory=dict)  # hosted content or resource -> its bytes as an address


def page(title: str, told: Sequence[tuple[str, str]], said: Sequence[Said]) -> bytes:
    """`told`: facts about the whole, as name and text."""
    facts = "".join(f"<p><b>{escape(name)}</b> {escape(text)}</p>" for name, text in told if text)
    articles = "\n".join(map(_article, said))
    return (
        f'<!doctype html>\n<html><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy"'
        f' content="{_POLICY}"><title>{escape(title)}</title><style>{_STYLE}</style></head>\n'
        f"<body><h1>{escape(title)}</h1>{facts}\n{articles}\n</body></html>\n"
    ).encode("utf-8", "replace")


def thread(record: Json, where: Mapping[str, str] | None = None) -> bytes:
    """A thread of a group's conversations. `where`: part of an attachment -> its file beside the page."""
    posts = [post for post in record.get("posts") or () if isinstance(post, dict)]
    people = ", ".join(map(_name, record.get("toRecipients") or ()))
    said = [_post(post, where or {}) for post in posts]
    return page(str(record.get("topic") or "(no topic)"), [("To", people)], said)


def talk(title: str, records: Sequence[Json], images: Mapping[str, str]) -> bytes:
    """What was said in a channel or chat, in order. `images`: hosted content -> its bytes as an address."""
    return page(title, [], [_message(record, images) for record in records])


def _message(record: Json, images: Mapping[str, str]) -> Said:
    body = record.get("body") if isinstance(record.get("body"), dict) else {}
    assert isinstance(body, dict)
    by = record.get("from") if isinstance(record.get("from"), dict) else {}
    assert isinstance(by, dict)
    who = next((str(one.get("displayName") or "") for one in by.values() if isinstance(one, dict)), "")
    event = record.get("messageType") not in (None, "message")
    entries = [one for one in record.get("attachments") or () if isinstance(one, dict)]
    files = {str(e.get("name") or e.get("contentType") or "attachment"): _link(e) for e in entries}
    signs = [str(r.get("reactionType")) for r in record.get("reactions") or () if isinstance(r, dict)]
    subject = f"<h3>{escape(str(record['subject']))}</h3>" if record.get("subject") else ""
    text = str(body.get("content") or "")
    is_html = str(body.get("contentType") or "html").lower() == "html"
    if event:
        text, is_html = str(record.get("o365:Name") or "[event]"), False
    return Said(
        who or "(unknown)", str(record.get("createdDateTime") or ""),
        subject + text if is_html else text, is_html, files,
        note="; ".join(filter(None, (
            "edited" if record.get("lastEditedDateTime") else "", f"reactions: {', '.join(signs)}" if signs else "",
        ))),
        answer=bool(record.get("replyToId")), images=images,
    )  # fmt: skip


def _link(entry: Json) -> str:
    url = str(entry.get("contentUrl") or "")
    return url if url.lower().startswith("https://") else ""


def site_page(record: Json) -> bytes:
    """A page of a site: its texts as they stand on the canvas, other web parts by their title and what they say."""
    canvas = record.get("canvasLayout")
    found = list(_web_parts(canvas)) if isinstance(canvas, dict) else []
    told = [("Address", str(record.get("webUrl") or "")), ("State", _state(record))]
    return page(str(record.get("title") or record.get("name") or "(no title)"), told, [_web_part(p) for p in found])


def note_page(record: Json, html: str, images: Mapping[str, str], where: Mapping[str, str]) -> bytes:
    """A page of OneNote with its pictures in it. `where`: part of a resource -> its file beside the page."""
    entries = [entry for entry in record.get("o365:Resources") or () if isinstance(entry, dict)]
    files = {str(e.get("name")): where.get(str(e.get("o365:Part") or ""), "") for e in entries if e.get("name")}
    section = record.get("parentSection")
    told = [("Section", str(section.get("displayName") or "") if isinstance(section, dict) else "")]
    changed = str(record.get("lastModifiedDateTime") or "")
    return page(str(record.get("title") or "(no title)"), told, [Said("", changed, html, files=files, images=images)])


def _state(record: Json) -> str:
    state = record.get("publishingState")
    return str(state.get("level") or "") if isinstance(state, dict) else ""


def _web_parts(canvas: Json) -> Iterator[Json]:
    sections = [s for s in canvas.get("horizontalSections") or () if isinstance(s, dict)]
    columns = [c for section in sections for c in section.get("columns") or () if isinstance(c, dict)]
    for column in [*columns, canvas.get("verticalSection")]:
        if isinstance(column, dict):
            yield from (p for p in column.get("webparts") or () if isinstance(p, dict))


def _web_part(part: Json) -> Said:
    if part.get("innerHtml") is not None:
        return Said("", "", str(part["innerHtml"]))
    told = part.get("data")
    data: Json = told if isinstance(told, dict) else {}
    processed = data.get("serverProcessedContent")
    texts = (processed.get("searchablePlainTexts") if isinstance(processed, dict) else None) or ()
    said = [str(one.get("value") or "") for one in texts if isinstance(one, dict)]
    return Said(str(data.get("title") or "Web part"), "", "\n".join([str(data.get("description") or ""), *said]), False)


def _post(post: Json, where: Mapping[str, str]) -> Said:
    told = post.get("body")
    body: Json = told if isinstance(told, dict) else {}
    entries = [entry for entry in post.get("o365:Attachments") or () if isinstance(entry, dict)]
    files = {str(e.get("name") or "attachment"): where.get(str(e.get("o365:Part") or ""), "") for e in entries}
    is_html = str(body.get("contentType") or "html").lower() == "html"
    sender = _name(post.get("from") or post.get("sender"))
    return Said(sender, str(post.get("receivedDateTime") or ""), str(body.get("content") or ""), is_html, files)


def _name(recipient: object) -> str:
    found = recipient.get("emailAddress") if isinstance(recipient, dict) else None
    if not isinstance(found, dict):
        return "(unknown)"
    name, address = str(found.get("name") or ""), str(found.get("address") or "")
    return f"{name} <{address}>" if name and address and name != address else name or address or "(unknown)"


def _article(said: Said) -> str:
    text = shaped(said.body, said.images) if said.html else f"<pre>{escape(said.body)}</pre>"
    files = ", ".join(_file(name, path) for name, path in said.files.items())
    attached = f'<p class="files">Attached: {files}</p>' if files else ""
    note = f'<p class="files">{escape(said.note)}</p>' if said.note else ""
    opens = '<article class="answer">' if said.answer else "<article>"
    head = f"<header><b>{escape(said.who)}</b> {escape(said.when)}</header>"
    return f"{opens}{head}\n{text}\n{attached}{note}</article>"


def _file(name: str, path: str) -> str:
    away = ' rel="noreferrer"' if path.startswith("https:") else ""
    return f'<a href="{escape(path)}"{away}>{escape(name)}</a>' if path else f"{escape(name)} (not kept)"


def shaped(html: str, images: Mapping[str, str] | None = None) -> str:
    """The text with what shapes it, and nothing that acts or loads. `images`: inline images whose bytes are at hand."""
    reader = _Reader(images or {})
    reader.feed(html)
    reader.close()
    return reader.whole()


class _Reader(HTMLParser):
    def __init__(self, images: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=True)
        self._images = images
        self._out: list[str] = []
        self._open: list[str] = []
        self._unseen = 0

    def whole(self) -> str:
        return "".join(self._out) + "".join(f"</{tag}>" for tag in reversed(self._open))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "img" and not self._unseen:
            self._out.append(self._image(dict(attrs)))
        elif tag in _SHAPES and not self._unseen:
            self._out.append(f"<{tag}{''.join(_attribute(name, value or '') for name, value in attrs)}>")
            if tag not in _ALONE:
                self._open.append(tag)

    def _image(self, attrs: Mapping[str, str | None]) -> str:
        """Bytes that are at hand; anything else is named, never loaded."""
        found = _HOSTED.search(attrs.get("data-fullres-src") or attrs.get("src") or "")
        at_hand = self._images.get(found[1], "") if found else ""
        alt = escape(attrs.get("alt") or "picture")
        return f'<img alt="{alt}" src="{escape(at_hand)}">' if at_hand.startswith("data:image/") else f"[{alt}]"

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in self._open and not self._unseen:
            while self._open:  # what was left open inside ends with it
                inner = self._open.pop()
                self._out.append(f"</{inner}>")
                if inner == tag:
                    break

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._out.append(escape(data))


def _attribute(name: str, value: str) -> str:
    if name == "href":
        return f' href="{escape(value)}" rel="noreferrer"' if value.strip().lower().startswith(_SAFE) else ""
    return f' {name}="{escape(value)}"' if name in _KEPT else ""
