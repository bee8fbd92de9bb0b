"""The body of the request that writes a kept message again: who, what, with which images, what is left out. Pure."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from shared.graph.steps import Steps, read
from shared.kinds.talk import HOSTED, SPEAKER, sniffed
from shared.model import Json, Kept

WRITABLE = ("subject", "summary", "importance", "locale", "body", "mentions", "attachments", "reactions")
MOST_REACTIONS = 250  # Teams docs: import messages
MOST_IMAGE_BYTES = 2_800_000  # of one message: a request takes 4 MB, and the bytes grow by a third on their way
LOST_IMAGE = "an inline image: it was not kept, or is too large for the request"
NO_CARD = "its cards and attachments: they are refused here"
NO_MENTION = "who was mentioned is not in the target: the name stays in the text"
NO_REACTION = "reactions of people who are not in the target, or beyond 250"
# an image of the text, whatever stands before its address; and that address alone
_IMAGE = re.compile(r"""<img\b[^>]*?src\s*=\s*["'][^"']*hostedContents/([^/"'\s]+)/\$value[^>]*>""", re.IGNORECASE)
_SOURCE = re.compile(r"""(src\s*=\s*["'])[^"']*hostedContents/[^/"'\s]+/\$value""", re.IGNORECASE)
_AT = re.compile(r"""<at\b[^>]*\bid\s*=\s*["']?(\d+)["']?[^>]*>(.*?)</at>""", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Draft:
    """A creating request's body, and what it does not say any more."""

    body: Json
    losses: tuple[str, ...] = ()

    def lost(self, loss: str) -> Draft:
        return self if loss in self.losses else replace(self, losses=(*self.losses, loss))

    def spoken_by(self, by: Json, record: Json) -> Draft:
        """Somebody else writes it, and says whose words they are."""
        author = record.get("from") or {}
        name = next((one.get("displayName") for one in author.values() if isinstance(one, dict)), None) or "unknown"
        said = SPEAKER.format(html.escape(str(name)))
        body = self.body["body"]
        content = str(body.get("content") or "")
        if body.get("contentType") != "html":
            content = html.escape(content).replace("\n", "<br>")
        return replace(self, body={**self.body, "from": by, "body": {"contentType": "html", "content": said + content}})

    def mapped(self, ids: Mapping[str, str]) -> Draft:
        """With the ids of who stands for whom."""
        body = self.body
        named: Json = {name: _mapped(body[name], ids) for name in ("from", "mentions", "reactions") if name in body}
        return replace(self, body={**self.body, **named})

    def unknown(self, strangers: set[str]) -> Draft:
        """Without what names people who are not in the target."""
        out, body = self, dict(self.body)
        gone = [m for m in body.get("mentions") or () if (_user(m.get("mentioned")) or "") in strangers]
        if gone:
            ids = {str(m.get("id")) for m in gone}
            content = _AT.sub(lambda at: at[2] if at[1] in ids else at[0], str(body["body"].get("content") or ""))
            body |= {"mentions": [m for m in body["mentions"] if m not in gone]}
            body["body"] = {**body["body"], "content": content}
            out = out.lost(NO_MENTION)
        kept = [r for r in body.get("reactions") or () if (_user(r.get("user")) or "") not in strangers]
        if len(kept) != len(body.get("reactions") or ()):
            body["reactions"] = kept
            out = out.lost(NO_REACTION)
        return replace(out, body=body)


def as_new(record: Json) -> Draft:
    body: Json = {name: record[name] for name in WRITABLE if record.get(name) not in (None, "", [], {})}
    text: Json = record["body"] if isinstance(record.get("body"), dict) else {}
    body["body"] = {"contentType": text.get("contentType") or "html", "content": str(text.get("content") or "")}
    content = body["body"]["content"]
    draft = Draft(body)
    author = (record.get("from") or {}).get("user")
    if isinstance(author, dict):
        body["from"] = {"user": {n: author.get(n) for n in ("id", "displayName", "userIdentityType")}}
    body["mentions"] = [_bare(m) for m in body.get("mentions", ()) if f'<at id="{m.get("id")}">' in content]
    body["attachments"] = [
        _bare(a) for a in body.get("attachments", ()) if f'<attachment id="{a.get("id")}">' in content
    ]
    reactions = [_bare(r) for r in body.get("reactions", ()) if _user(r.get("user"))]
    if len(reactions) != len(body.get("reactions", ())) or len(reactions) > MOST_REACTIONS:
        draft = draft.lost(NO_REACTION)
    body["reactions"] = reactions[:MOST_REACTIONS]
    for name in ("mentions", "attachments", "reactions"):
        if not body[name]:
            del body[name]
    return draft


def without(draft: Draft, name: str) -> Draft:
    body = {k: v for k, v in draft.body.items() if k != name}
    content = re.sub(r"<attachment\b[^>]*>(</attachment>)?", "", str(body["body"].get("content") or ""))
    return replace(draft, body={**body, "body": {**body["body"], "content": content}})


def people_in(body: Json) -> list[str]:
    """Whose ids the request names."""

    def all_of() -> Iterator[str]:
        yield _user(body.get("from")) or ""
        for one in body.get("mentions") or ():
            yield _user(one.get("mentioned")) or ""
        for one in body.get("reactions") or ():
            yield _user(one.get("user")) or ""

    return [id for id in dict.fromkeys(all_of()) if id]


def _mapped(value: object, ids: Mapping[str, str]) -> object:
    """Identities keep their shape: `{"user": {"id": ...}}`, around a reaction's once more."""
    match value:
        case {"id": str() as id, **rest} if id in ids:
            return {"id": ids[id], **rest}
        case dict():
            return {k: _mapped(v, ids) for k, v in value.items()}
        case list():
            return [_mapped(v, ids) for v in value]
    return value


def _user(identity: object) -> str | None:
    user = identity.get("user") if isinstance(identity, dict) else None
    id = user.get("id") if isinstance(user, dict) else None
    return id if isinstance(id, str) and id else None


def _bare(value: object) -> object:
    """Without annotations and what is not set."""
    match value:
        case dict():
            return {k: _bare(v) for k, v in value.items() if not k.startswith("@odata.") and v is not None}
        case list():
            return [_bare(v) for v in value]
    return value


# --- inline images


def images(draft: Draft, kept: Kept) -> Steps[Draft]:
    """The text's images as hosted contents of the new message: `../hostedContents/1/$value` and so on."""
    names = {str(one.get("id")): str(one.get("o365:Part")) for one in kept.record.get(HOSTED) or ()}
    content = str(draft.body["body"].get("content") or "")
    wanted = list(dict.fromkeys(_IMAGE.findall(content)))
    hosted: list[Json] = []
    numbers: dict[str, int] = {}
    size = 0
    for id in wanted:
        part = kept.parts.get(names.get(id, ""))
        if part is None or size + part.size > MOST_IMAGE_BYTES:
            draft = draft.lost(LOST_IMAGE)
            continue
        data = (yield read(part)).body
        size += len(data)
        numbers[id] = len(hosted) + 1
        kind = sniffed(data)[0]
        hosted.append({
            "@microsoft.graph.temporaryId": str(numbers[id]), "contentBytes": base64.b64encode(data).decode(),
            "contentType": kind if kind.startswith("image/") else "image/png",
        })  # fmt: skip
    if not wanted:
        return draft

    def led(found: re.Match[str]) -> str:
        if found[1] not in numbers:
            return "[image]"
        return _SOURCE.sub(rf"\g<1>../hostedContents/{numbers[found[1]]}/$value", found[0])

    body = {**draft.body, "body": {**draft.body["body"], "content": _IMAGE.sub(led, content)}}
    return replace(draft, body={**body, "hostedContents": hosted} if hosted else body)
