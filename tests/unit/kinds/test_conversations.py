from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import NotPermitted, OwnerMissing
from shared.graph.steps import Fetch, Reply, Step
from shared.kinds import whole
from shared.kinds.conversations import SINCE, TOO_MANY, Conversations
from shared.model import Capture, Feed, Json, Listing, Lost, Owner, Part, Seen, Taken, Vanished, Version
from tests.play import error, ok, page, play
from tests.unit.kinds.mail_rig import part, version

CREW = Owner("t1", "group", "g1")
SAID: Any = page("conversations", "threads")
[FEED] = play(Conversations().feeds(CREW))[0]
THREADS = ok({"value": SAID["threads"]})
POSTS = ok({"value": SAID["posts"]})
ATTACHED = ok(SAID["posts"][0] | {"attachments": SAID["attachments"]})


def listed(cursor: str | None, *replies: Reply) -> tuple[Listing, list[Step]]:
    return play(Conversations().changes(FEED, cursor), *replies)


def first() -> Seen:
    seen = listed(None, THREADS)[0].changes[0]
    assert isinstance(seen, Seen)
    return seen


def taken(*replies: Reply, prior: Version | None = None) -> tuple[Taken, list[Step]]:
    return play(Conversations().capture(FEED, first(), prior), *replies)


def record(*replies: Reply, prior: Version | None = None) -> Capture:
    found, _ = taken(*replies, prior=prior)
    assert isinstance(found, Capture)
    return found


# --- the listing


def test_recipients_are_asked_for_by_name() -> None:
    _, asked = listed(None, THREADS)
    assert "toRecipients,ccRecipients" in asked[0].path


def test_a_delivery_is_a_change_and_what_is_not_listed_is_gone() -> None:
    before, _ = listed(None, THREADS)
    same, asked = listed(before.cursor, THREADS)
    assert (same.changes, len(asked)) == ((), 1)
    moved = SAID["threads"][0] | {"lastDeliveredDateTime": "2026-05-05T00:00:00Z"}
    after, _ = listed(before.cursor, ok({"value": [moved]}))
    assert sorted(change.item_id for change in after.changes) == ["t0", "t1"]


def many(count: int, newest: int) -> list[Json]:
    """Newest first."""
    return [
        {
            **SAID["threads"][1],
            "id": f"{n:0120d}",
            "lastDeliveredDateTime": f"2026-05-01T{n // 60:02d}:{n % 60:02d}:00Z",
        }
        for n in range(newest, newest - count, -1)
    ]


def test_of_a_large_group_only_what_came_since_is_listed() -> None:
    everything, _ = listed(None, ok({"value": many(400, 800)}))
    assert len(everything.changes) == 400
    assert everything.cursor == f"{SINCE}2026-05-01T13:20:00Z"
    more = {"@odata.nextLink": "https://graph.microsoft.com/v1.0/next"}
    then, asked = listed(everything.cursor, ok({"value": many(100, 803), **more}))
    assert len(asked) == 1
    assert len(then.changes) == 4  # the three that came, and the last one that was seen
    assert then.cursor == f"{SINCE}2026-05-01T13:23:00Z"
    assert whole.LARGE not in then.cursor


def test_where_the_newest_do_not_come_first_all_are_listed() -> None:
    more = {"@odata.nextLink": "https://graph.microsoft.com/v1.0/next"}
    then, asked = listed(
        f"{SINCE}2026-05-01T13:20:00Z", ok({"value": many(100, 90)[::-1], **more}), ok({"value": many(1, 805)})
    )
    assert ([change.item_id for change in then.changes], len(asked)) == ([f"{805:0120d}"], 2)


def test_a_missing_role_and_a_missing_mailbox_are_told() -> None:
    with pytest.raises(NotPermitted, match=r"Group-Conversation\.Read\.All"):
        listed(None, error(403, "ErrorAccessDenied"))
    with pytest.raises(OwnerMissing):
        listed(None, error(404, "ResourceNotFound"))


# --- a thread


def test_posts_come_in_their_order_with_what_was_attached() -> None:
    found = record(POSTS, ATTACHED)
    assert [post["id"] for post in found.record["posts"]] == ["p1", "p2"]
    assert found.record["posts"][1]["inReplyTo"] == {"id": "p1"}
    menu, link = found.record["posts"][1]["o365:Attachments"]
    assert (menu["o365:Part"], menu["o365:Suffix"], found.parts["attachment-1"]) == ("attachment-1", ".txt", b"Soup")
    assert "contentBytes" not in menu
    assert "o365:Part" not in link


def test_attachments_of_posts_that_were_kept_are_not_read_again() -> None:
    before = record(POSTS, ATTACHED)
    parts = {"record": part(b"r"), "attachment-1": part(b"Soup")}
    prior: Version = replace(version("conversations", "t1"), parts=parts)
    again, asked = taken(POSTS, Reply(200, json.dumps(before.record).encode()), prior=prior)
    assert isinstance(again, Capture)
    assert again.parts == {"attachment-1": parts["attachment-1"]}
    assert again.record["posts"] == before.record["posts"]
    assert not [step for step in asked if isinstance(step, Fetch)]


def test_a_large_answer_is_kept_as_it_came() -> None:
    large = Part("cd" * 32, 90 << 20)
    found = record(POSTS, Reply(200, part=large))
    assert (found.parts["attachment-1"], found.suffixes["attachment-1"]) == (large, ".json")


def test_what_the_service_can_t_tell_is_noted_and_its_trouble_is_owed() -> None:
    found = record(POSTS, error(500, "ErrorInternalServerError"))
    assert found.notes[0].startswith(TOO_MANY)
    assert len(found.record["posts"]) == 2
    assert isinstance(taken(POSTS, error(503))[0], Lost)
    assert isinstance(taken(error(404, "ErrorItemNotFound"))[0], Vanished)


def test_control_characters_in_a_text_are_no_trouble() -> None:
    body = json.dumps({"value": [SAID["posts"][1]]}).replace("Where?", "Wh\x0bere?").encode()
    assert "Wh\x0bere?" in record(Reply(200, body)).record["posts"][0]["body"]["content"]


def test_it_says_why_nothing_comes_back() -> None:
    assert "no app" in Conversations().keeps_only
    assert Conversations().write_permissions == ()
    assert isinstance(FEED, Feed)
