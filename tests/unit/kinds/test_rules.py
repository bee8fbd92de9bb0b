from __future__ import annotations

from typing import Any

import pytest

from shared.errors import CursorExpired, NotPermitted
from shared.graph.steps import Reply, Step
from shared.kinds.kind import Into
from shared.kinds.rule_restore import BROKEN, FORWARDS, LEFT_OFF, NO_FOLDER
from shared.kinds.rules import Rules
from shared.model import Capture, Gone, Json, Mode, Place, Restored, Seen
from tests.play import error, ok, page, play
from tests.unit.kinds.mail_rig import BO, kept
from tests.unit.kinds.test_todo import ADELE, values, wave

RULES = page("rules", "rules")
[FEED], _ = play(Rules().feeds(ADELE))
THERE = Into(BO, "/users/u2/mailFolders/inbox/messageRules")
FOLDERS = {"AQacme": {"wellKnownName": "inbox", "path": ["Kunden", "ACME"]}}
BEGUN = "Being restored r1.v1"
FOUND = (values({"id": "AQk", "displayName": "kunden"}), values({"id": "AQa", "displayName": "ACME"}))
NO_RULES = values()


def give(record: Json, *replies: Reply, mode: Mode = "create", into: Into = THERE) -> tuple[Restored, list[Step]]:
    return play(Rules().restore(kept("rules", record), into, mark="r1.v1", mode=mode), *replies)


def written(asked: list[Step]) -> list[tuple[str, Any]]:
    return [(step.method, step.body) for step in asked if not step.reads]


def made(record: Json, *replies: Reply, **more: Any) -> tuple[Restored, Any, Any]:
    """A new rule's outcome, how it was created and how it was finished."""
    restored, asked = give(record, *replies, NO_RULES, ok({"id": "AQnew"}, 201), ok({}), **more)
    [(_, created), (_, finished)] = written(asked)
    return restored, created, finished


# --- the crawl


def test_all_rules_are_listed_with_one_request_on_every_run() -> None:
    listing, asked = play(Rules().changes(FEED, None), values(*RULES.values()))
    assert [step.path for step in asked] == ["/users/u1/mailFolders/inbox/messageRules"]
    assert [change.item_id for change in listing.changes] == ["AQr1", "AQr2", "AQr3"]
    same, asked = play(Rules().changes(FEED, listing.cursor), values(*RULES.values()))
    assert (same.changes, same.cursor, len(asked)) == ((), listing.cursor, 1)


def test_what_the_list_does_not_show_any_more_is_gone() -> None:
    first, _ = play(Rules().changes(FEED, None), values(RULES["mark"], RULES["clients"]))
    edited = RULES["clients"] | {"isEnabled": False}
    then, _ = play(Rules().changes(FEED, first.cursor), values(edited, RULES["forward"]))
    assert then.changes[0] == Gone("AQr3")
    assert [change.item_id for change in then.changes[1:]] == ["AQr1", "AQr2"]


def test_a_list_too_long_to_remember_is_listed_in_full_on_every_run() -> None:
    many = [RULES["mark"] | {"id": f"AQ{n:060d}"} for n in range(300)]
    listing, _ = play(Rules().changes(FEED, None), values(*many))
    with pytest.raises(CursorExpired):
        play(Rules().changes(FEED, listing.cursor), values(*many))


def test_a_list_is_read_to_its_end() -> None:
    listing, asked = play(
        Rules().changes(FEED, None), values(RULES["mark"], nextLink="https://g/next"), values(RULES["forward"])
    )
    assert (len(listing.changes), asked[1].path, listing.last) == (2, "https://g/next", True)


def test_without_the_role_it_is_told() -> None:
    with pytest.raises(NotPermitted, match=r"MailboxSettings\.Read"):
        play(Rules().changes(FEED, None), error(403, "ErrorAccessDenied"))


def test_an_unchanged_rule_has_the_same_tag() -> None:
    first, _ = play(Rules().refresh(FEED, "AQr1"), ok(RULES["clients"] | {"@odata.context": "x"}))
    [again] = play(Rules().changes(FEED, None), values(RULES["clients"]))[0].changes
    assert isinstance(first, Seen)
    assert isinstance(again, Seen)
    assert first.tag == again.tag


def taken(record: Json, *replies: Reply) -> tuple[Json, list[Step]]:
    seen, _ = play(Rules().refresh(FEED, "AQr1"), ok(record))
    assert isinstance(seen, Seen)
    capture, asked = play(Rules().capture(FEED, seen, None), *replies)
    assert isinstance(capture, Capture)
    return capture.record, asked


def test_the_folder_of_a_rule_is_kept_by_its_names() -> None:
    known = wave(*(ok({"id": f"AQ{n}"}) for n in range(8)))
    acme = ok({"id": "AQacme", "displayName": "ACME", "parentFolderId": "AQkunden"})
    clients = ok({"id": "AQkunden", "displayName": "Kunden", "parentFolderId": "AQ1"})
    record, _ = taken(RULES["clients"], known, acme, clients)
    assert record["o365:Folders"] == FOLDERS


def test_a_folder_that_is_gone_has_no_names() -> None:
    known = wave(*(ok({"id": f"AQ{n}"}) for n in range(8)))
    record, _ = taken(RULES["clients"], known, error(404, "ErrorItemNotFound"))
    assert record["o365:Folders"] == {"AQacme": {}}


def test_a_rule_without_folders_costs_no_request() -> None:
    record, asked = taken(RULES["mark"])
    assert (asked, "o365:Folders" in record) == ([], False)


# --- the way back


def test_a_rule_is_created_switched_off_and_gets_its_name_and_state_at_the_end() -> None:
    restored, created, finished = made(RULES["mark"])
    assert (created["displayName"], created["isEnabled"]) == (BEGUN, False)
    assert not created.keys() & {"id", "isReadOnly", "hasError"}
    assert finished == {"displayName": "Newsletters", "isEnabled": True}
    assert restored == Restored("created", "AQnew")


def test_a_rule_that_was_off_stays_off() -> None:
    assert made(RULES["mark"] | {"isEnabled": False})[2]["isEnabled"] is False


def test_its_folder_is_found_by_its_names_in_another_mailbox() -> None:
    restored, created, finished = made(RULES["clients"] | {"o365:Folders": FOLDERS}, *FOUND)
    assert created["actions"]["moveToFolder"] == "AQa"
    assert finished["isEnabled"] is True
    assert restored.losses == ()


def test_in_the_same_mailbox_the_folder_itself_is_taken() -> None:
    into = Into(ADELE, FEED.path)
    _, created, _ = made(RULES["clients"], ok({"id": "AQacme"}), into=into)
    assert created["actions"]["moveToFolder"] == "AQacme"


def test_without_its_folder_the_rule_stays_off_and_says_so() -> None:
    restored, created, finished = made(RULES["clients"] | {"o365:Folders": {"AQacme": {}}})
    assert created["actions"] == {"stopProcessingRules": True}
    assert finished["isEnabled"] is False
    assert restored.losses == (NO_FOLDER,)


def test_a_rule_that_sends_mail_away_stays_off_and_says_so_loudly() -> None:
    restored, _, finished = made(RULES["forward"])
    assert finished["isEnabled"] is False
    assert restored.losses == (FORWARDS,)
    assert FORWARDS.startswith("IT SENDS MAIL AWAY")


@pytest.mark.parametrize("flag", ["isReadOnly", "hasError"])
def test_a_rule_that_graph_may_not_show_whole_stays_off(flag: str) -> None:
    restored, _, finished = made(RULES["mark"] | {flag: True})
    assert (finished["isEnabled"], restored.losses) == (False, (BROKEN,))


def test_rules_for_a_folder_are_left_off() -> None:
    into, _ = play(Rules().root(Place(BO, "Restored")))
    restored, _, finished = made(RULES["mark"], into=into)
    assert (finished["isEnabled"], restored.losses) == (False, (LEFT_OFF,))


def test_a_rule_that_an_earlier_attempt_began_is_finished() -> None:
    begun = {"id": "AQbegun", "displayName": BEGUN, "isEnabled": False}
    restored, asked = give(RULES["mark"], values(begun), ok({}))
    assert written(asked) == [("PATCH", {"displayName": "Newsletters", "isEnabled": True})]
    assert restored == Restored("completed", "AQbegun")


@pytest.mark.parametrize("mode", ["create", "skip", "replace"])
def test_the_same_rule_is_never_made_twice(mode: Mode) -> None:
    there = RULES["mark"] | {"id": "AQthere", "conditions": RULES["mark"]["conditions"] | {"sentToMe": False}}
    restored, asked = give(RULES["mark"], values(there), mode=mode)
    assert (restored.outcome, restored.item_id, written(asked)) == ("skipped", "AQthere", [])


def test_another_rule_of_that_name_is_left_alone_unless_it_is_to_be_replaced() -> None:
    there = RULES["mark"] | {"id": "AQthere", "actions": {"delete": True}}
    assert give(RULES["mark"], values(there), mode="skip")[0].outcome == "skipped"
    restored, asked = give(
        RULES["mark"], values(there), ok({"id": "AQnew"}, 201), Reply(204), ok({}), mode="replace"
    )  # fmt: skip
    assert [step.method for step in asked if not step.reads] == ["POST", "DELETE", "PATCH"]
    assert restored == Restored("replaced", "AQnew")


def test_of_several_rules_of_that_name_none_is_removed() -> None:
    there = [RULES["mark"] | {"id": f"AQ{n}", "actions": {"delete": True}} for n in range(2)]
    restored, asked = give(RULES["mark"], values(*there), ok({"id": "AQnew"}, 201), ok({}), mode="replace")
    assert [step.method for step in asked if not step.reads] == ["POST", "PATCH"]
    assert restored.outcome == "created"


def test_a_rule_without_an_action_is_told_and_not_made() -> None:
    restored, asked = give(RULES["mark"] | {"actions": {}})
    assert (restored.outcome, asked) == ("skipped", [])
