"""What a caller is told when something can't be done: verdicts as RFC 9457 problem details, without internals. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from shared.errors import (
    Contended,
    Damaged,
    Misconfigured,
    NotAgreed,
    NotPermitted,
    OwnerMissing,
    TryLater,
    Verdict,
)
from shared.model import Json

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:holdfast:problem:"


class Rejected(Verdict):
    """This call can't be answered as it was made. `facts` become members of the answer, `headers` its headers."""

    status: ClassVar[int]
    slug: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, text: str, *, facts: Json | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.facts = facts or {}
        self.headers = headers or {}


class Unauthenticated(Rejected):
    """No token, or none that is good here. The text names what was missing, never the token."""

    status, slug, title = 401, "unauthenticated", "A valid access token is needed"


class Forbidden(Rejected):
    """The caller is known and may not do this."""

    status, slug, title = 403, "forbidden", "This needs another role"


class BadRequest(Rejected):
    """Something in the URL or the body is wrong; `errors` in its facts names each member."""

    status, slug, title = 400, "bad-request", "The request can't be understood"


class NotThere(Rejected):
    status, slug, title = 404, "not-found", "There is no such thing"


class Conflict(Rejected):
    """The thing is in a state in which this can't be done."""

    status, slug, title = 409, "conflict", "This can't be done now"


class TooLarge(Rejected):
    status, slug, title = 413, "too-large", "Too large for one answer or request"


class WrongMedia(Rejected):
    status, slug, title = 415, "unsupported-media-type", "The body must be JSON"


class TooMany(Rejected):
    """This caller asks more often than the API lets one caller."""

    status, slug, title = 429, "too-many-requests", "Too many requests"


class NotSetUp(Rejected):
    """The app's settings don't let it work; the text is for anyone, the log has the list."""

    status, slug, title = 503, "not-set-up", "The service is not set up"


class RangeWrong(Rejected):
    status, slug, title = 416, "range-not-satisfiable", "The range lies outside of the content"


REJECTIONS: tuple[type[Rejected], ...] = (
    BadRequest, Unauthenticated, Forbidden, NotThere, Conflict, TooLarge, WrongMedia, RangeWrong, TooMany, NotSetUp,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that tells why not. `expected`: the caller's doing, or a passing state; else a person should look."""

    status: int
    slug: str
    title: str
    detail: str
    expected: bool
    facts: Json = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, reference: str) -> bytes:
        told = {"type": TYPE + self.slug, "title": self.title, "status": self.status, "detail": self.detail}
        return json.dumps({**told, "reference": reference, **self.facts}).encode()


def problem(why: Exception) -> Problem:
    """What to answer for whatever was raised. Foreign texts stay inside; the reference finds them in the log."""
    match why:
        case Rejected():
            return Problem(why.status, why.slug, why.title, str(why), True, why.facts, why.headers)
        case TryLater():
            wait = {"Retry-After": str(max(1, round(why.after_s)))}
            title = "Somebody else changed this just now" if isinstance(why, Contended) else "Try again later"
            return Problem(503, "try-later", title, "A service this call needs asks to wait.", True, {}, wait)
        case OwnerMissing():
            return Problem(409, "owner-missing", "The owner is not there", str(why), True)
        case NotPermitted():
            return Problem(409, "not-permitted", "Microsoft 365 refused this to us", str(why), True)
        case NotAgreed():
            return Problem(409, "not-agreed", "It takes two people", str(why), True)
        case Misconfigured():
            return Problem(409, "misconfigured", "Something has to be set up for this", str(why), True)
        case Damaged():
            text = "What is kept here is not what was written; the log names it. Verify the vault."
            return Problem(500, "damaged", "Kept content is damaged", text, False)
        case _:
            return Problem(500, "internal", "Something went wrong", "The log tells more under this reference.", False)
