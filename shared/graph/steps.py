"""The language of kinds: the requests they yield and the replies they receive. Pure.

A kind's act is a generator: `reply = yield get("/users/x/photo")`. The walker sends what is yielded; throttling,
batching, retries, tokens, streaming of big bytes and crash injection exist once, there. A reply with an error status
comes back as a reply when a retry can't change it (400, 403, 404, 409 ...); the kind reads it or lets `reply.json`
raise `Refused`, which makes that one item lost, never its page.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar
from urllib.parse import quote

from shared.model import Json, Part, Person

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """One request. `path` is relative to the version root ("/users/..."), or an absolute URL that Graph handed us.

    `units`: SharePoint resource units it costs (0: not SharePoint). `batchable`: small answer, may ride in a $batch.
    `host`: the tenant's own SharePoint host, which is asked instead of Graph for what Graph lacks; `path` is below it.
    A reply 501 `noSharePoint` says that this app has no way in there. `asks`: whatever its method, it only reads.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json | bytes | None = None
    batchable: bool = False
    units: int = 0
    host: str = ""
    asks: bool = False

    @property
    def reads(self) -> bool:
        return self.asks or self.method in ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Fetch(Step):
    """Download bytes of unbounded size: the walker streams them into the vault; `reply.part` tells what came.

    Small bytes come back in `reply.body` instead (the capture then carries them into the page).
    `fresh_url`: the path answers with a redirect, or with JSON whose `@microsoft.graph.downloadUrl` is to be read from
    the bytes' own pre-authenticated host; asked again when the URL expires in mid-transfer.
    `url`: such a URL that a listing gave us; it saves asking the path.
    `size` / `quick_xor`: what the service says the bytes are, checked when given; when they disagree twice the reply
    still carries the bytes, with the header `holdfast-mismatch` ("size" or "hash"), and the kind decides.
    `resume_key`: names the content, so that a later attempt resumes after the chunks that are in the vault already.
    `never_html`: the bytes are no page of HTML: such an answer is a gateway's and is asked again; an empty one, too,
    until it is believed.
    `alone`: the bytes are kept as a part of their own however few they are, for several owners have the same.
    The reply's header `holdfast-begins` holds the first bytes in hex, by which a sort of file is known.
    """

    fresh_url: bool = False
    url: str = field(default="", repr=False)
    size: int | None = None
    quick_xor: str | None = None
    resume_key: str = ""
    never_html: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Upload(Step):
    """Send a kept part, or bytes taken out of one, to an upload session's pre-authenticated URL in fragments (no
    Authorization header goes there)."""

    part: Part | None = None
    data: bytes = b""
    fragment_bytes: int = 0

    @property
    def source(self) -> Part | bytes:
        return self.data if self.part is None else self.part


@dataclass(frozen=True, slots=True)
class Read(Step):
    """Read a kept part out of the vault: its bytes come back in `reply.body`. No request to Graph.

    For what has to be in memory as a whole, and is bounded by the service (a message to take its attachments from).
    """

    part: Part = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Export(Step):
    """An item of a mailbox as Exchange's own opaque stream. `path` is the owner's; the bytes come back like those of a
    `Fetch`. The walker asks for the items of several acts at once, so this comes last in an act.

    `immutable`: `item_id` is an immutable one. `size_bytes`: about how large, so that an answer stays bounded.
    """

    item_id: str = field(kw_only=True)
    immutable: bool = True
    size_bytes: int = 0

    @property
    def reads(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Import(Step):
    """Put a kept stream into a folder of the owner whose `path` this is, as a new item or in the place of `item_id` as
    it is under `change_key`. The walker opens the session, whose URL is a secret."""

    folder_id: str = field(kw_only=True)
    part: Part = field(kw_only=True)
    item_id: str = ""
    immutable: bool = True
    change_key: str = ""


@dataclass(frozen=True, slots=True)
class Whom(Step):
    """Who stands for these people in the tenant that is restored into? Answered by the walker, from the order's rules
    and the two directories; `kinds/people.py` reads the reply. A kind that names people asks it before it writes."""

    people: tuple[Person, ...] = ()


@dataclass(frozen=True, slots=True)
class Together(Step):
    """Several steps whose order does not matter; answered by a reply whose `parts` line up with them."""

    steps: tuple[Step, ...] = ()

    @property
    def reads(self) -> bool:
        return all(step.reads for step in self.steps)


@dataclass(frozen=True, slots=True)
class Foretold(Step):
    """Said before the first write by an act that knows from its reads what it can't give back: a preview ends here and
    tells it. No request."""

    losses: tuple[str, ...] = ()


NO_ANSWER = b'{"error":{"code":"noUsableAnswer"}}'  # of ours, with a 502: one of several got none


class Refused(Exception):
    """A reply with an error status where its content was needed. Tells method, shape and Graph's code, no content."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"Graph answered {reply.status} {reply.code}".strip())
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    part: Part | None = None
    parts: tuple[Reply, ...] = ()

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def found(self) -> bool:
        return self.status not in (404, 410)

    @property
    def is_html(self) -> bool:
        """Where bytes of another sort were asked for: a gateway's page, whatever its status says."""
        return "text/html" in self.headers.get("content-type", "").lower()

    @property
    def json(self) -> Json:
        """The JSON object of a successful reply; `Refused` for an error status."""
        if not self.ok:
            raise Refused(self)
        try:
            loaded = jsonlib.loads(self.body, strict=False)  # people's texts hold control characters, unescaped
        except ValueError:
            raise Refused(self) from None
        if not isinstance(loaded, dict):
            raise Refused(self)
        return loaded

    @property
    def values(self) -> list[Json]:
        """The `value` list of a collection."""
        return list(self.json["value"])

    @property
    def code(self) -> str:
        """Graph's deepest error code, "" when there is none (Graph docs: errors: branch on codes, not on messages)."""
        try:
            error = jsonlib.loads(self.body).get("error", {})
        except (ValueError, AttributeError):
            return ""
        code = ""
        while isinstance(error, dict):
            code = error.get("code") or code
            error = error.get("innerError") or error.get("innererror")
        return str(code)

    def says(self, *codes: str) -> bool:
        """Whether any level of the error carries one of these codes; case differs by endpoint, so it is folded."""
        try:
            error = jsonlib.loads(self.body).get("error", {})
        except (ValueError, AttributeError):
            return False
        wanted = {c.lower() for c in codes}
        while isinstance(error, dict):
            if str(error.get("code", "")).lower() in wanted:
                return True
            error = error.get("innerError") or error.get("innererror")
        return False


def get(path: str, *, headers: Mapping[str, str] | None = None, units: int = 0, batchable: bool = True) -> Step:
    return Step("GET", path, headers or {}, batchable=batchable, units=units)


def post(path: str, body: Json | bytes | None, *, headers: Mapping[str, str] | None = None, units: int = 0) -> Step:
    return Step("POST", path, headers or {}, body, units=units)


def put(path: str, body: Json | bytes, *, headers: Mapping[str, str] | None = None, units: int = 0) -> Step:
    return Step("PUT", path, headers or {}, body, units=units)


def patch(path: str, body: Json, *, headers: Mapping[str, str] | None = None, units: int = 0) -> Step:
    return Step("PATCH", path, headers or {}, body, units=units)


def delete(path: str, *, units: int = 0) -> Step:
    return Step("DELETE", path, units=units)


def export(owner: str, item_id: str, size_bytes: int, *, immutable: bool = True) -> Export:
    return Export("POST", owner, item_id=item_id, immutable=immutable, size_bytes=size_bytes)


def together(*steps: Step) -> Together:
    return Together("ALL", "", steps=steps)


def foretold(losses: Sequence[str]) -> Foretold:
    return Foretold("TELL", "", losses=tuple(losses))


def read(part: Part) -> Read:
    return Read("GET", "", part=part)


def segment(text: str) -> str:
    """One path segment, encoded on its own (RFC 3986): ids and names may hold any character, even
    half of one: what nobody can spell is not found, and says so."""
    return quote(text, safe="", errors="surrogatepass")


def odata_string(text: str) -> str:
    """A string literal for a $filter, percent-encoded: quotes are doubled."""
    return quote("'" + text.replace("'", "''") + "'", safe="'", errors="surrogatepass")


# An act that returns T: yields steps, receives a reply for each.
Steps: TypeAlias = Generator[Step, Reply, T]
