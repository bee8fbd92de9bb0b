from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest

from shared.errors import CursorExpired, NotPermitted, OwnerMissing
from shared.graph.steps import Fetch, Read, Reply, Step
from shared.kinds.kind import Into
from shared.kinds.todo import Todo
from shared.kinds.todo_restore import FRAGMENT_BYTES, as_new
from shared.model import Capture, Feed, Gone, Kept, Lost, Mode, Place, Restored, Seen, Vanished
from tests.play import error, ok, page, play
from tests.unit.kinds.mail_rig import ADELE, BO, kept, part, version

LISTS = page("tasks", "lists")
TASK = page("tasks", "task")
CHILDREN = page("tasks", "children")
SHOP = Feed(ADELE, "tasks", "AQshop", "/users/u1/todo/lists/AQshop", name="Einkauf")
TARGET = Into(ADELE, "/users/u1/todo/lists/AQnew", "AQnew")
[ROOT], _ = play(Todo().feeds(ADELE))
DELTA = "https://graph.microsoft.com/v1.0/users/u1/todo/lists/AQshop/tasks/delta?$deltatoken=d1"
PNG, PDF = b"\x89PNG made up!", b"%PDF-1.4 made up here"
NONE = ok({"value": []})
OURS = {"id": "r9", "applicationName": "Holdfast", "displayName": "Restored", "externalId": "r1.v1", "webUrl": "x"}


def values(*entries: Any, **links: str) -> Reply:
    return ok({"value": list(entries), **{f"@odata.{name}": url for name, url in links.items()}})


def wave(*replies: Reply) -> Reply:
    return Reply(200, parts=replies)


def children(**other: Reply) -> Reply:
    return wave(*(other.get(name) or values(*CHILDREN[name]) for name in CHILDREN))


def seen(**other: Reply) -> Seen:
    listing, _ = play(Todo().changes(SHOP, DELTA), values(TASK, deltaLink=DELTA), children(**other))
    [change] = listing.changes
    assert isinstance(change, Seen)
    return change


def whole() -> Kept:
    """The task with all that belongs to it."""
    return kept("tasks", seen().record, **{"attachment-1": PNG, "attachment-2": PDF})


def bare(**members: Any) -> Kept:
    record = {"id": "AAt1", "title": "Milch", "status": "notStarted", "checklistItems": [], "linkedResources": []}
    return kept("tasks", record | members)


def give(one: Kept, *replies: Reply, mode: Mode = "create") -> tuple[Restored, list[Step]]:
    return play(Todo().restore(one, TARGET, mark="r1.v1", mode=mode), *replies)


def written(asked: list[Step]) -> list[str]:
    """What the act wrote, below the list."""
    return [f"{s.method} {s.path.removeprefix(TARGET.path)}" for s in asked if s.method not in ("GET", "ALL")]


# --- lists


def test_every_list_is_told_with_what_it_is() -> None:
    listing, asked = play(Todo().changes(ROOT, None), values(*LISTS.values(), deltaLink="d1"))
    assert [step.path for step in asked] == ["/users/u1/todo/lists/delta"]
    first = listing.changes[0]
    assert (first.item_id, first.folderish, first.name) == ("AQdef", True, "Aufgaben")
    assert (len(listing.changes), listing.cursor, listing.last) == (4, "d1", True)


def test_a_list_opens_the_feed_of_its_tasks() -> None:
    feed = Todo().opens(replace(version("tasks", "AQ/1"), folderish=True))
    assert feed is not None
    assert feed.path == "/users/u1/todo/lists/AQ%2F1"


def test_a_deleted_list_is_gone_and_a_short_entry_is_read_whole() -> None:
    told = values({"id": "AQold", "@removed": {"reason": "deleted"}}, {"id": "AQshop"}, deltaLink="d2")
    listing, asked = play(Todo().changes(ROOT, "d1"), told, wave(ok(LISTS["shop"])))
    assert listing.changes[0] == Gone("AQold", "deleted")
    assert listing.changes[1].name == "Einkauf 🛒"
    assert len(asked) == 2


def test_without_the_role_to_do_says_401_and_the_remedy_is_told() -> None:
    with pytest.raises(NotPermitted, match=r"401 UnknownError; grant Tasks\.Read\.All"):
        play(Todo().changes(ROOT, None), error(401, "UnknownError"))


def test_a_user_without_a_mailbox_is_a_state_of_the_user() -> None:
    with pytest.raises(OwnerMissing):
        play(Todo().changes(ROOT, None), error(404, "MailboxNotEnabledForRESTAPI"))


# --- tasks


def test_a_task_comes_with_its_steps_links_and_attachments() -> None:
    listing, asked = play(Todo().changes(SHOP, None), values(TASK, deltaLink=DELTA), children())
    assert asked[0].path == "/users/u1/todo/lists/AQshop/tasks/delta"
    assert [s.path.rpartition("/")[2] for s in asked[1].steps] == [*CHILDREN]  # type: ignore[attr-defined]
    record = listing.changes[0].record
    assert [one["displayName"] for one in record["checklistItems"]] == ["Belege sammeln", "Ausfüllen"]
    assert [one["name"] for one in record["o365:Attachments"]] == ["Beleg.PNG", "Zinsen.pdf"]
    assert "contentBytes" not in str(record)
    assert listing.changes[0].size_bytes == 33


def test_an_unchanged_list_costs_one_request() -> None:
    listing, asked = play(Todo().changes(SHOP, DELTA), values(deltaLink=DELTA))
    assert (listing.changes, len(asked)) == ((), 1)


def test_a_changed_step_is_another_tag_with_the_same_bytes() -> None:
    step = CHILDREN["checklistItems"][1] | {"isChecked": True}
    first, second = seen(), seen(checklistItems=values(CHILDREN["checklistItems"][0], step))
    assert first.tag != second.tag
    assert first.content_tag == second.content_tag is not None


def test_another_attachment_is_other_bytes() -> None:
    assert seen().content_tag != seen(attachments=values(CHILDREN["attachments"][0])).content_tag


def test_a_task_without_attachments_is_not_asked_for_them() -> None:
    listing, asked = play(
        Todo().changes(SHOP, DELTA), values(TASK | {"hasAttachments": False}, deltaLink=DELTA), wave(NONE, NONE)
    )
    assert len(asked[1].steps) == 2  # type: ignore[attr-defined]
    assert "o365:Attachments" not in listing.changes[0].record


def test_the_link_of_an_earlier_restore_is_not_kept() -> None:
    assert seen(linkedResources=values(*CHILDREN["linkedResources"], OURS)).record == seen().record


def test_where_delta_is_refused_the_list_is_listed_plainly() -> None:
    refused = error(400, "BadRequest", message="Parameter 'DeltaToken' not supported for this request")
    listing, asked = play(Todo().changes(SHOP, None), refused, values(TASK), children())
    assert asked[1].path == "/users/u1/todo/lists/AQshop/tasks?$top=100"
    assert listing.last
    with pytest.raises(CursorExpired):
        play(Todo().changes(SHOP, listing.cursor))


def test_an_expired_cursor_starts_over() -> None:
    with pytest.raises(CursorExpired):
        play(Todo().changes(SHOP, DELTA), error(410, "SyncStateNotFound"))


def test_the_attachments_bytes_are_taken() -> None:
    taken, asked = play(Todo().capture(SHOP, seen(), None), Reply(200, PNG), Reply(200, PDF))
    assert isinstance(taken, Capture)
    assert all(isinstance(step, Fetch) for step in asked)
    assert asked[0].path == "/users/u1/todo/lists/AQshop/tasks/AAt1/attachments/f1/$value"
    assert taken.parts == {"attachment-1": PNG, "attachment-2": PDF}
    assert taken.suffixes == {"attachment-1": ".png", "attachment-2": ".pdf"}


def test_unchanged_attachments_are_not_read_again() -> None:
    before = {"attachment-1": part(PNG), "attachment-2": part(PDF)}
    taken, asked = play(Todo().capture(SHOP, seen(), version("tasks", "AAt1", **before)))
    assert (taken.parts, asked) == (before, [])  # type: ignore[union-attr]


def test_an_attachment_that_can_not_be_read_leaves_the_task_owed() -> None:
    taken, _ = play(Todo().capture(SHOP, seen(), None), error(500, "UnknownError"))
    assert taken == Lost("attachment 1 could not be read: Graph answered 500 UnknownError")


def test_steps_that_could_not_be_read_are_read_once_more_and_else_owed() -> None:
    unread = seen(checklistItems=error(500, "UnknownError"))
    taken, _ = play(Todo().capture(SHOP, unread, None), ok(TASK), children(), Reply(200, PNG), Reply(200, PDF))
    assert isinstance(taken, Capture)
    assert len(taken.record["checklistItems"]) == 2
    taken, _ = play(Todo().capture(SHOP, unread, None), ok(TASK), children(checklistItems=error(500, "UnknownError")))
    assert isinstance(taken, Lost)
    taken, _ = play(Todo().capture(SHOP, unread, None), error(404, "ErrorItemNotFound"))
    assert taken == Vanished()


def test_a_task_that_vanished_while_its_steps_were_asked_for_says_nothing_of_its_list() -> None:
    assert seen(checklistItems=error(404, "ErrorItemNotFound")).tag.endswith(" ?")


# --- lists, on the way back


def test_the_default_list_is_found_whatever_it_is_called() -> None:
    into, _ = play(Todo().root(Place(BO, "original")))
    there = {"id": "AQt", "displayName": "Tasks", "wellknownListName": "defaultList", "isOwner": True}
    found, _ = play(Todo().folder(kept("tasks", LISTS["default"]), into, mark="m"), values(there))
    assert (found.folder_id, found.path) == ("AQt", "/users/u2/todo/lists/AQt")


def test_a_list_is_found_by_name_and_never_in_what_others_share() -> None:
    into, _ = play(Todo().root(Place(BO, "original")))
    found, asked = play(
        Todo().folder(kept("tasks", LISTS["shop"]), into, mark="m"), values(LISTS["guest"]), ok({"id": "AQmade"}, 201)
    )
    assert asked[1].body == {"displayName": "Einkauf 🛒"}
    assert (found.folder_id, found.facts["losses"]) == ("AQmade", "with whom a list is shared")


def test_for_a_folder_the_lists_lie_beside_one_of_its_name() -> None:
    into, _ = play(Todo().root(Place(BO, "Restored")), NONE, ok({"id": "AQr"}, 201))
    default, asked = play(Todo().folder(kept("tasks", LISTS["default"]), into, mark="m"))
    assert (default.folder_id, asked) == ("AQr", [])
    _, asked = play(Todo().folder(kept("tasks", LISTS["shop"]), into, mark="m"), NONE, ok({"id": "AQs"}, 201))
    assert asked[1].body == {"displayName": "Restored/Einkauf 🛒"}


def test_the_list_of_flagged_mail_is_not_written() -> None:
    into, _ = play(Todo().root(Place(BO, "original")))
    flagged, _ = play(Todo().folder(kept("tasks", LISTS["flagged"]), into, mark="m"))
    restored, asked = play(Todo().restore(bare(), flagged, mark="m", mode="create"))
    assert (restored.outcome, asked) == ("skipped", [])
    assert "mirrors" in restored.note


# --- tasks, on the way back


def test_a_new_task_bears_its_mark_from_its_first_moment() -> None:
    restored, asked = give(bare(), NONE, ok({"id": "AAnew"}, 201))
    assert unquote(asked[0].path) == f"{TARGET.path}/tasks?$filter=title eq 'Milch'"
    body: Any = asked[1].body
    assert body["linkedResources"][0]["externalId"] == "r1.v1"
    assert restored == Restored("created", "AAnew")


def test_all_that_belongs_to_a_task_comes_back_in_order() -> None:
    restored, asked = give(
        whole(), NONE, ok({"id": "AAnew", "linkedResources": [OURS]}, 201), ok({}, 201), ok({}, 201), ok({}, 201),
        Reply(200, PNG), ok({}, 201), Reply(200, PDF), ok({}, 201),
    )  # fmt: skip
    below = "POST /tasks/AAnew/"
    kinds = ["checklistItems", "checklistItems", "linkedResources", "attachments", "attachments"]
    assert written(asked) == ["POST /tasks", *(below + kind for kind in kinds)]
    assert restored == Restored("created", "AAnew")


def test_links_that_rode_in_the_creating_request_are_not_made_twice() -> None:
    one = bare(linkedResources=CHILDREN["linkedResources"])
    _, asked = give(one, NONE, ok({"id": "AAnew"}, 201), values(OURS, *CHILDREN["linkedResources"]))
    assert written(asked) == ["POST /tasks"]


def test_a_task_that_was_begun_is_completed_with_what_it_lacks() -> None:
    begun = {"id": "AAbegun", "title": TASK["title"]}
    restored, asked = give(
        whole(), values(begun), wave(values(OURS)), values(CHILDREN["checklistItems"][0]),
        values(OURS, *CHILDREN["linkedResources"]), values({"name": "Beleg.PNG"}), ok({}, 201),
        Reply(200, PDF), ok({}, 201),
    )  # fmt: skip
    assert written(asked) == ["POST /tasks/AAbegun/checklistItems", "POST /tasks/AAbegun/attachments"]
    assert restored == Restored("completed", "AAbegun")


def test_a_large_attachment_goes_to_graph_in_plain_requests_of_less_than_four_megabytes() -> None:
    data = bytes(FRAGMENT_BYTES + 5)
    record = {"o365:Attachments": [{"name": "film.mp4", "contentType": "video/mp4"}]}
    one = bare(**record)
    one = Kept(version("tasks", "AAt1", **{"attachment-1": part(data)}), one.record)
    session = ok({"uploadUrl": "https://graph.microsoft.com/v1.0/users/u1/s1"}, 201)
    restored, asked = give(
        one, NONE, ok({"id": "AAnew"}, 201), Reply(200, data), session, ok({}, 200), Reply(201)
    )  # fmt: skip
    puts = [step for step in asked if step.method == "PUT"]
    assert {step.path for step in puts} == {"https://graph.microsoft.com/v1.0/users/u1/s1/content"}
    assert [s.headers["Content-Range"] for s in puts] == [
        f"bytes 0-{FRAGMENT_BYTES - 1}/{len(data)}", f"bytes {FRAGMENT_BYTES}-{len(data) - 1}/{len(data)}",
    ]  # fmt: skip
    assert len(puts[0].body or b"") < 4_000_000
    assert restored.losses == ()


def test_an_attachment_whose_answer_was_lost_is_no_loss() -> None:
    one = Kept(version("tasks", "AAt1", **{"attachment-1": part(PNG)}), bare().record)
    one.record["o365:Attachments"] = [{"name": "Beleg.PNG"}]
    replies = (NONE, ok({"id": "AAnew"}, 201), Reply(200, PNG), error(504, "gateway"))
    assert give(one, *replies, values({"name": "Beleg.PNG"}))[0].losses == ()
    assert give(one, *replies, NONE)[0].losses == ("an attachment: Graph answered 504 gateway",)


def test_a_completed_task_begins_no_series_anew() -> None:
    body, losses = as_new(TASK | {"status": "completed", "completedDateTime": TASK["dueDateTime"]})
    assert "recurrence" not in body
    assert body["completedDateTime"] == TASK["dueDateTime"]
    assert losses == ["the repetition of a completed task: it would begin a series anew"]


def test_an_empty_time_zone_of_a_repetition_is_left_out() -> None:
    body, _ = as_new(json.loads(json.dumps(TASK)))
    assert "recurrenceTimeZone" not in body["recurrence"]["range"]
    assert TASK["recurrence"]["range"]["recurrenceTimeZone"] == ""


def test_a_task_of_the_same_title_is_left_alone_in_mode_skip() -> None:
    there = {"id": "AAthere", "title": "Milch", "status": "inProgress"}
    restored, asked = give(bare(), values(there), wave(NONE), mode="skip")
    assert (restored.outcome, restored.item_id, written(asked)) == ("skipped", "AAthere", [])


def test_what_the_same_restore_made_is_no_twin() -> None:
    there = {"id": "AAthere", "title": "Milch", "status": "notStarted"}
    other = values(OURS | {"externalId": "r1.v0"})
    restored, _ = give(bare(), values(there), wave(other), ok({"id": "AAnew"}, 201), mode="skip")
    assert restored.outcome == "created"


def test_of_a_series_each_done_day_is_another_task() -> None:
    day = {"dateTime": "2026-05-31T00:00:00.0000000", "timeZone": "UTC"}
    there = {"id": "AAthere", "title": "Milch", "status": "completed", "dueDateTime": day | {"dateTime": "2026-05-30"}}
    one = bare(status="completed", dueDateTime=day)
    restored, _ = give(one, values(there), wave(NONE), ok({"id": "AAnew"}, 201), mode="skip")
    assert restored.outcome == "created"


def test_replacing_creates_first_and_deletes_after() -> None:
    there = {"id": "AAt1", "title": "Milch", "status": "notStarted", "importance": "low"}
    restored, asked = give(
        bare(importance="high"), values(there), wave(NONE), ok({"id": "AAnew"}, 201), Reply(204), mode="replace"
    )
    assert written(asked) == ["POST /tasks", "DELETE /tasks/AAt1"]
    assert restored == Restored("replaced", "AAnew")


def test_what_could_not_be_replaced_by_a_dead_attempt_is_replaced_by_the_next() -> None:
    there, begun = ({"id": i, "title": "Milch", "status": "notStarted"} for i in ("AAt1", "AAbegun"))
    restored, asked = give(
        bare(), values(there, begun), wave(NONE, values(OURS)), NONE, values(OURS), NONE, Reply(204), mode="replace"
    )
    assert written(asked) == ["DELETE /tasks/AAt1"]
    assert restored == Restored("completed", "AAbegun")


def test_another_task_of_that_title_is_never_removed() -> None:
    other = {"id": "AAother", "title": "Milch", "status": "notStarted", "importance": "low"}
    restored, asked = give(bare(), values(other), wave(NONE), ok({"id": "AAnew"}, 201), mode="replace")
    assert written(asked) == ["POST /tasks"]
    assert restored == Restored("created", "AAnew")


def test_an_equal_task_is_not_replaced() -> None:
    there = {"id": "AAthere", "title": "Milch", "status": "notStarted"}
    restored, asked = give(bare(), values(there), wave(NONE), NONE, NONE, NONE, mode="replace")
    assert (restored.outcome, written(asked)) == ("skipped", [])


def test_a_completed_task_that_told_no_day_is_not_replaced_for_the_day_it_was_given() -> None:
    day = {"dateTime": "2026-06-01T00:00:00.0000000", "timeZone": "UTC"}
    there = {"id": "AAthere", "title": "Milch", "status": "completed", "completedDateTime": day}
    restored, asked = give(bare(status="completed"), values(there), wave(NONE), NONE, NONE, NONE, mode="replace")
    assert (restored.outcome, written(asked)) == ("skipped", [])


def test_a_title_that_could_not_come_back_as_it_was_is_known_again() -> None:
    there = {"id": "AAthere", "title": "Milch ", "status": "notStarted"}
    restored, asked = give(bare(title="Milch \x0b"), values(there), wave(NONE), mode="skip")
    assert (restored.outcome, written(asked)) == ("skipped", [])


def test_where_titles_can_not_be_filtered_the_whole_list_is_read() -> None:
    other = {"id": "AAother", "title": "Brot"}
    restored, asked = give(bare(), error(400, "BadRequest"), values(other), ok({"id": "AAnew"}, 201))
    assert asked[1].path == f"{TARGET.path}/tasks?$top=100"
    assert restored.outcome == "created"


def test_a_preview_reads_first() -> None:
    _, asked = give(whole(), NONE, ok({"id": "n", "linkedResources": [OURS, *CHILDREN["linkedResources"]]}, 201),
                    *[ok({}, 201)] * 2, Reply(200, PNG), ok({}, 201), Reply(200, PDF), ok({}, 201))  # fmt: skip
    writes = [i for i, step in enumerate(asked) if step.method not in ("GET", "ALL")]
    assert all(isinstance(step, Read) or step.method != "GET" for step in asked[writes[0] :])
