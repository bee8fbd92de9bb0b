"""Drafts of pages for the tests of the vault."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.model import Account, Draft, Drafted, Feed, Header, Owner, Part, Version

TENANT = "11111111-2222-3333-4444-555555555555"
BO = Owner(TENANT, "user", "b0", "bo@contoso.example")
INBOX = Feed(BO, "mail", "AAMkInbox=", "/users/b0/mailFolders/AAMkInbox=", "", "Inbox")
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def header(seq: int = 1, feed: Feed = INBOX, **changed: Any) -> Header:
    said: dict[str, Any] = {
        "prev": "",
        "cursor_before": None,
        "cursor_after": f"c{seq}",
        "last": True,
        "round_from": None,
        "taken_at": START + timedelta(hours=min(seq, 9999)),
        "run": "r1",
        "account": Account(listed=1, kept=1),
    }
    return Header(feed, seq, **(said | changed))


def version(item_id: str, seq: int = 1, feed: Feed = INBOX, state: str = "kept", **known: Any) -> Version:
    taken_at = START + timedelta(hours=min(seq, 9999))
    return Version(feed.owner, feed.kind, feed.id, feed.space, item_id, state, seq, taken_at, **known)  # type: ignore[arg-type]  # one of State


def message(item_id: str, mime: bytes = b"Subject: hi\r\n\r\nhi\r\n", seq: int = 1, **known: Any) -> Drafted:
    record = b'{"o365:Type":"message","id":"%s"}' % item_id.encode()
    made = version(item_id, seq, folder=INBOX.id, tag="t1", **known)
    return Drafted(made, {"record": record, "mime": mime}, {"mime": ".eml"})


def draft(*changes: Drafted, seq: int = 1, same: tuple[str, ...] = (), **changed: Any) -> Draft:
    return Draft(header(seq, **changed), changes, same)


def reusing(item_id: str, parts: Mapping[str, Part], seq: int) -> Drafted:
    return Drafted(version(item_id, seq, folder=INBOX.id, parts=parts), {"record": b"{}"})
