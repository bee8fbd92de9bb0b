from __future__ import annotations

from typing import Any

import pytest

from shared.errors import NotPermitted, Unreachable
from shared.graph.steps import Reply, Step
from shared.kinds.kind import Into
from shared.kinds.mailbox_settings import MailboxSettings
from shared.kinds.settings_restore import CATEGORIES, COLOUR, OFF, OPTIONS, OVERRIDES, REPLIES
from shared.model import Feed, Json, Kept, Mode, Place, Restored, Seen
from tests.play import error, ok, page, play
from tests.unit.kinds.mail_rig import BO, kept
from tests.unit.kinds.test_todo import ADELE, values, wave

PAGE = page("settings", "settings")
FEEDS: dict[str, Feed] = {feed.id: feed for feed in play(MailboxSettings().feeds(ADELE))[0]}
THERE = Into(BO, "/users/u2")
SAID = {
    OPTIONS: ok(PAGE["options"]),
    REPLIES: ok(PAGE["options"]),
    CATEGORIES: values(*PAGE["categories"]),
    OVERRIDES: values(*PAGE["overrides"]),
}


def feed_of(name: str) -> Feed:
    return FEEDS[OPTIONS if name == REPLIES else name]


def item(name: str) -> Kept:
    seen, _ = play(MailboxSettings().refresh(feed_of(name), name), SAID[name])
    assert isinstance(seen, Seen)
    return kept("settings", seen.record)


def give(name: str, *replies: Reply, mode: Mode = "create", into: Into = THERE) -> tuple[Restored, list[Step]]:
    return play(MailboxSettings().restore(item(name), into, mark="r1.v1", mode=mode), *replies)


def written(asked: list[Step]) -> list[tuple[str, Any]]:
    steps = [one for step in asked for one in getattr(step, "steps", (step,))]
    return [(step.method, step.body) for step in steps if not step.reads]


@pytest.mark.parametrize(
    ("name", "items"), [(OPTIONS, [OPTIONS, REPLIES]), (CATEGORIES, [CATEGORIES]), (OVERRIDES, [OVERRIDES])]
)
def test_each_feed_is_read_with_one_request_on_every_run(name: str, items: list[str]) -> None:
    listing, asked = play(MailboxSettings().changes(FEEDS[name], None), SAID[name])
    assert ([change.item_id for change in listing.changes], len(asked), listing.last) == (items, 1, True)
    same, asked = play(MailboxSettings().changes(FEEDS[name], listing.cursor), SAID[name])
    assert (same.changes, same.cursor, len(asked)) == ((), listing.cursor, 1)


def test_automatic_replies_without_a_text_are_none() -> None:
    silent = PAGE["options"] | {"automaticRepliesSetting": {"status": "disabled", "internalReplyMessage": ""}}
    listing, _ = play(MailboxSettings().changes(FEEDS[OPTIONS], None), ok(silent))
    assert [change.item_id for change in listing.changes] == [OPTIONS]


def test_the_order_of_categories_is_no_change() -> None:
    again, _ = play(MailboxSettings().refresh(FEEDS[CATEGORIES], CATEGORIES), values(*PAGE["categories"][::-1]))
    before, _ = play(MailboxSettings().refresh(FEEDS[CATEGORIES], CATEGORIES), SAID[CATEGORIES])
    assert isinstance(again, Seen)
    assert isinstance(before, Seen)
    assert again.tag == before.tag


@pytest.mark.parametrize("name", [CATEGORIES, OVERRIDES])
def test_an_empty_list_is_no_item(name: str) -> None:
    listing, _ = play(MailboxSettings().changes(FEEDS[name], None), values())
    assert listing.changes == ()


def test_overrides_need_another_role_and_say_so() -> None:
    with pytest.raises(NotPermitted, match=r"grant Mail\.Read "):
        play(MailboxSettings().changes(FEEDS[OVERRIDES], None), error(403, "ErrorAccessDenied"))


# --- options


@pytest.mark.parametrize("mode", ["create", "skip"])
def test_settings_that_are_there_stay_unless_they_are_to_be_replaced(mode: Mode) -> None:
    restored, asked = give(OPTIONS, mode=mode)
    assert (restored.outcome, asked) == ("skipped", [])
    assert "mode replace" in restored.note


def test_automatic_replies_come_back_switched_off() -> None:
    there = {"automaticRepliesSetting": {"status": "alwaysEnabled"}}
    restored, asked = give(REPLIES, ok(there), ok({}), mode="replace")
    [(_, body)] = written(asked)
    replies = body["automaticRepliesSetting"]
    assert (replies["status"], replies["internalReplyMessage"]) == ("disabled", "<p>Urlaub</p>")
    assert restored == Restored("replaced", REPLIES, (OFF,))


@pytest.mark.parametrize("mode", ["create", "skip"])
def test_automatic_replies_that_say_something_stay(mode: Mode) -> None:
    there = {"automaticRepliesSetting": {"status": "disabled", "externalReplyMessage": "Gone fishing"}}
    restored, asked = give(REPLIES, ok(there), mode=mode)
    assert (restored.outcome, written(asked)) == ("skipped", [])
    restored, asked = give(REPLIES, ok({"automaticRepliesSetting": {"status": "disabled"}}), ok({}), mode=mode)
    assert (restored.outcome, len(written(asked))) == ("created", 1)


def test_what_can_not_be_set_is_never_sent() -> None:
    restored, asked = give(OPTIONS, ok({}), *[ok({})] * 6, mode="replace")
    names = {name for _, body in written(asked) for name in body}
    assert not names & {"archiveFolder", "userPurpose", "id", "automaticRepliesSetting"}
    assert restored.outcome == "replaced"


def test_one_setting_that_is_refused_costs_itself_only() -> None:
    there: Json = PAGE["options"] | {"language": {"locale": "en-US"}, "timeZone": "UTC"}
    restored, _ = give(OPTIONS, ok(there), ok({}), error(400, "InvalidLocale"), mode="replace")
    assert restored.losses == ("language: Graph answered 400 InvalidLocale",)


# --- categories and overrides


def test_categories_are_found_by_name_and_others_made() -> None:
    there = {"id": "x", "displayName": "BLUE CATEGORY", "color": "preset7"}
    restored, asked = give(CATEGORIES, values(there), wave(ok({}, 201)))
    assert written(asked) == [("POST", {"displayName": "Übung", "color": "preset3"})]
    assert restored == Restored("created", CATEGORIES)


def test_a_colour_is_changed_in_mode_replace_only() -> None:
    there = [one | {"color": "preset0"} for one in PAGE["categories"]]
    restored, asked = give(CATEGORIES, values(*there))
    assert (restored.outcome, restored.losses, written(asked)) == ("skipped", (COLOUR,), [])
    restored, asked = give(CATEGORIES, values(*there), wave(ok({}), ok({})), mode="replace")
    assert written(asked) == [("PATCH", {"color": "preset7"}), ("PATCH", {"color": "preset3"})]
    assert restored.outcome == "replaced"


def test_a_category_that_a_twin_made_is_there() -> None:
    restored, _ = give(CATEGORIES, values(), wave(error(409, "ErrorNameExists"), ok({}, 201)))
    assert restored.losses == ()


def test_an_answer_that_got_lost_is_asked_for_again() -> None:
    with pytest.raises(Unreachable):
        give(CATEGORIES, values(), wave(ok({}, 201), error(502, "noUsableAnswer")))


def test_a_refusal_of_the_first_is_the_refusal_of_all() -> None:
    with pytest.raises(NotPermitted):
        give(CATEGORIES, values(), wave(error(403, "ErrorAccessDenied"), error(403, "ErrorAccessDenied")))


def test_overrides_are_found_by_address() -> None:
    there = {"id": "x", "classifyAs": "other", "senderEmailAddress": {"address": "bo@FABRIKAM.example"}}
    assert give(OVERRIDES, values(there))[0].outcome == "skipped"
    restored, asked = give(OVERRIDES, values(there), wave(ok({})), mode="replace")
    assert (restored.outcome, written(asked)) == ("replaced", [("PATCH", {"classifyAs": "focused"})])
    restored, asked = give(OVERRIDES, values(), wave(ok({}, 201)))
    [(method, body)] = written(asked)
    assert (method, body.keys(), restored.outcome) == ("POST", {"classifyAs", "senderEmailAddress"}, "created")


@pytest.mark.parametrize("name", list(SAID))
def test_settings_lie_in_no_folder(name: str) -> None:
    into, _ = play(MailboxSettings().root(Place(BO, "Restored")))
    restored, asked = give(name, into=into, mode="replace")
    assert (restored.outcome, asked) == ("skipped", [])
