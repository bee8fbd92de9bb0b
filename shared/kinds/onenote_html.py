"""A kept page as OneNote takes it back: well-formed, with its images and files by the names of the parts that bring
them, and with a mark that is read again.

What the service shows is not what it takes: its addresses of images lead to the page that was, and its own ids are
thrown away (Graph docs: onenote-input-output-html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape, unescape
from html.parser import HTMLParser

from shared.kinds.onenote_pages import resource_id

MARK = "holdfast-"  # how the `data-id` of ours begins; the service keeps it (Graph docs: onenote-input-output-html)
MISSING = "(not given back)"
_VOID = frozenset({"br", "hr", "img", "col", "wbr"})
_SILENT = frozenset({"script", "style", "title", "head", "form", "iframe", "object"})  # with what is in them
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_OURS_TO_GIVE = re.compile(r"on\w+|id|data-fullres-src(-type)?|data-src-type|data-render-.*|data-index|data-options")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")  # not in XML


@dataclass(slots=True)
class Tag:
    """A start tag. `alone`: nothing is in it."""

    name: str
    attrs: dict[str, str]
    alone: bool = False

    def __str__(self) -> str:
        told = "".join(f' {name}="{_clean(value)}"' for name, value in self.attrs.items())
        return f"<{self.name}{told}{' />' if self.alone else '>'}"


def as_input(
    html: bytes, *, title: str, created: str, mark: str, parts: Mapping[str, str],
    later: Mapping[str, str] | None = None,
) -> bytes:  # fmt: skip
    """The page with this title, created then. `parts`: the name of the part that brings a resource, by its id; `later`:
    of one that another request brings, whose place is kept; others are left out, and that is seen on the page. `mark`:
    what `bears` finds."""
    reader = _read(html, parts, mark, later or {})
    body = "".join(map(str, _marked(reader, MARK + mark)))
    meta = f'<meta name="created" content="{_clean(created)}" />' if created else ""
    head = f"<head><title>{_clean(title)}</title>{meta}</head>"
    return f"<!DOCTYPE html><html>{head}{Tag('body', reader.body)}{body}</body></html>".encode()


def shown_later(html: bytes, later: Mapping[str, str]) -> dict[str, str]:
    """What comes into the places that were kept, by the names of the parts."""
    return {part: str(tag) for part, tag in _read(html, {}, "", later).later_tags.items()}


def places_kept(html: bytes, mark: str) -> dict[str, str]:
    """The service's own ids of the places that are still to be filled, by the names of the parts."""
    found: dict[str, str] = {}
    for tag in re.findall(r"<p\b[^>]*>", html.decode("utf-8", "replace")):
        part = re.search(rf'data-id="{MARK}{re.escape(mark)}-([^"]*)"', tag)
        id_ = re.search(r'\bid="(p:[^"]*)"', tag)
        if part and id_:
            found[part[1]] = unescape(id_[1])
    return found


def _read(html: bytes, parts: Mapping[str, str], mark: str, later: Mapping[str, str]) -> _Reader:
    reader = _Reader(parts, mark, later)
    reader.feed(html.decode("utf-8", "replace"))
    reader.close()
    return reader


def bears(html: bytes, mark: str) -> bool:
    """Whether the page was made with a mark that has these words in it."""
    return any(mark in found for found in re.findall(rf'data-id="{MARK}([^"]*)"', html.decode("utf-8", "replace")))


def _marked(reader: _Reader, mark: str) -> list[Tag | str]:
    """The mark is that of the page's first box. Where there is none, all lies in one of ours."""
    if reader.box is not None:
        reader.box.attrs["data-id"] = mark
        return reader.out
    inside = reader.out if "".join(map(str, reader.out)).strip() else ["<p>\u00a0</p>"]
    return [Tag("div", {"data-id": mark}), *inside, "</div>"]


@dataclass
class _Reader(HTMLParser):
    parts: Mapping[str, str]
    mark: str
    later: Mapping[str, str]
    later_tags: dict[str, Tag] = field(default_factory=dict)
    out: list[Tag | str] = field(default_factory=list)
    body: dict[str, str] = field(default_factory=lambda: {"data-absolute-enabled": "true"})
    box: Tag | None = None  # the first at the top of the page
    open_: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._start(tag, attrs, alone=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._start(tag, attrs, alone=tag in _VOID)

    def _start(self, tag: str, attrs: list[tuple[str, str | None]], *, alone: bool) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "body":
            self.silent.clear()
            self.body |= {name: told[name] for name in ("style",) if name in told}
            return
        if self.silent:
            if not alone and tag == self.silent[-1]:
                self.silent.append(tag)
            return
        if tag in ("html", "meta", "link", "base", "input") or not _NAME.fullmatch(tag):
            return
        if tag in ("img", "object", "iframe"):
            self.out += self._shown(tag, told)
        if tag in _SILENT and not alone:
            self.silent.append(tag)
        if tag in _SILENT or tag == "img":
            return
        made = Tag(tag, _plain(told), alone)
        if tag == "div" and self.box is None and not self.open_:
            self.box = made
        self.out.append(made)
        if not alone:
            self.open_.append(tag)
        elif tag not in _VOID:
            made.alone = False
            self.out.append(f"</{tag}>")

    def handle_endtag(self, tag: str) -> None:
        if self.silent:
            if tag == self.silent[-1]:
                self.silent.pop()
            return
        if tag in self.open_:
            while (last := self.open_.pop()) != tag:
                self.out.append(f"</{last}>")
            self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.out.append(_clean(data, quote=False))

    def close(self) -> None:
        super().close()
        self.out += [f"</{tag}>" for tag in reversed(self.open_)]
        self.open_.clear()

    def _shown(self, tag: str, told: dict[str, str]) -> list[Tag | str]:
        """An image, file or film. A picture that lies elsewhere becomes a link: the service would fetch it."""
        attrs = _plain(told)
        if tag == "iframe":
            source = told.get("data-original-src", "")
            sizes = {name: value for name, value in attrs.items() if name in ("width", "height")}
            return [Tag("iframe", {"data-original-src": source, **sizes}, alone=True)] if source else []
        sources = ("data-fullres-src", "src") if tag == "img" else ("data",)
        ids = [id for name in sources if (id := resource_id(told.get(name, "")))]
        if ids and (part := self.parts.get(ids[0])):
            return [Tag(tag, {**attrs, sources[-1]: f"name:{part}"}, alone=True)]
        name = told.get("data-attachment") or told.get("alt") or "image"
        if ids and (part := self.later.get(ids[0])):
            self.later_tags[part] = Tag(tag, {**attrs, sources[-1]: f"name:{part}"}, alone=True)
            return [Tag("p", {"data-id": f"{MARK}{self.mark}-{part}"}), _clean(name, quote=False), "</p>"]
        source = told.get("src", "")
        if not ids and source.startswith(("https://", "http://")):
            return [Tag("a", {"href": source}), _clean(name, quote=False), "</a>"]
        return [f"<i>{_clean(name, quote=False)} {MISSING}</i>"]


def _plain(told: Mapping[str, str]) -> dict[str, str]:
    """Attributes but for what the service gives, and what would act."""
    return {
        name: value for name, value in told.items()
        if _NAME.fullmatch(name) and not _OURS_TO_GIVE.fullmatch(name)
        and not value.strip().lower().startswith("javascript:")
    }  # fmt: skip


def _clean(text: str, *, quote: bool = True) -> str:
    return escape(_FORBIDDEN.sub("", text), quote=quote)
