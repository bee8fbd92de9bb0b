from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.errors import NotPermitted, OwnerMissing
from shared.graph.steps import Reply, Step
from shared.kinds.kind import Into
from shared.kinds.planner import Planner
from shared.kinds.planner_calls import between
from shared.kinds.planner_plans import LOST_LABELS
from shared.kinds.planner_restore import ASSIGNED, NO_BUCKET, ORDER
from shared.kinds.planner_tasks import NO_BOARDS
from shared.model import Capture, Feed, Json, Kept, Lost, Mode, Owner, Person, Restored, Seen, Vanished
from tests.play import error, ok, page, play
from tests.unit.kinds.mail_rig import kept

CREW, BAND = Owner("t1", "group", "g1"), Owner("t1", "group", "g2")
SAID: Any = page("planner", "plans")
TASK: Json = SAID["task"]
[ROOT] = play(Planner().feeds(CREW))[0]
PLAN = Feed(CREW, "planner", "p1", "/planner/plans/p1")
IN = Into(BAND, "/planner/plans/q1", "q1", {"buckets": '{"b1":"c1"}'})
FINE = ok(status=204)
DETAILS = ok(TASK["details"])
EMPTY = ok({"@odata.etag": 'W/"d9"', "description": "", "previewType": "automatic", "checklist": {}, "references": {}})
FORMATS = [ok(one) for one in SAID["formats"]]
MINE: Json = {"user": {"id": None}, "application": {"id": "app"}}


def together(*replies: Reply) -> Reply:
    return Reply(200, parts=replies)


def task(**members: Any) -> Kept:
    body = {**TASK, "bucketTaskBoardFormat": SAID["formats"][1], "o365:Bucket": "To do", **members}
    one = kept("planner", body)
    return replace(one, version=replace(one.version, owner=CREW, feed_id="p1"))


def give(*replies: Reply, mode: Mode = "create", into: Into = IN, **members: Any) -> tuple[Restored, list[Step]]:
    return play(Planner().restore(task(**members), into, mark="r1.v1", mode=mode), *replies)


def written(asked: list[Step]) -> list[tuple[str, str, Any]]:
    flat = [one for step in asked for one in (getattr(step, "steps", ()) or (step,))]
    return [(step.method, step.path, step.body) for step in flat if not step.reads]


# --- the crawl


def test_a_plan_is_listed_with_its_labels_and_its_buckets_in_their_order() -> None:
    listing, asked = play(
        Planner().changes(ROOT, None), ok({"value": SAID["plans"]}), together(ok({"value": SAID["buckets"]}))
    )
    [seen] = listing.changes
    assert isinstance(seen, Seen)
    assert (seen.name, seen.folderish, len(asked)) == ("Launch", True, 2)
    assert [bucket["name"] for bucket in seen.record["o365:Buckets"]] == ["To do", "Done"]
    assert seen.record["details"]["categoryDescriptions"]["category1"] == "Urgent"
    assert "@odata.etag" not in str(seen.record)


def test_an_etag_alone_is_no_change_and_a_bucket_s_name_is_one() -> None:
    first, _ = play(
        Planner().changes(ROOT, None), ok({"value": SAID["plans"]}), together(ok({"value": SAID["buckets"]}))
    )
    other = [SAID["plans"][0] | {"@odata.etag": "W/2"}]
    same, _ = play(
        Planner().changes(ROOT, first.cursor), ok({"value": other}), together(ok({"value": SAID["buckets"]}))
    )
    assert same.changes == ()
    renamed = [SAID["buckets"][0] | {"name": "Ready"}, SAID["buckets"][1]]
    new, _ = play(Planner().changes(ROOT, first.cursor), ok({"value": other}), together(ok({"value": renamed})))
    assert len(new.changes) == 1


def test_where_details_are_not_given_along_they_are_read_apart() -> None:
    plan = {k: v for k, v in SAID["plans"][0].items() if k != "details"}
    listing, asked = play(
        Planner().changes(ROOT, None), error(400), ok({"value": [plan]}), together(ok({"value": []})),
        together(ok({"categoryDescriptions": {"category3": "x"}})),
    )  # fmt: skip
    [seen] = listing.changes
    assert isinstance(seen, Seen)
    assert (seen.record["details"]["categoryDescriptions"], len(asked)) == ({"category3": "x"}, 4)


def test_tasks_are_listed_page_by_page_and_those_not_listed_are_gone() -> None:
    more = {"value": [TASK], "@odata.nextLink": "https://graph.microsoft.com/v1.0/next"}
    other = {**TASK, "id": "k2", "title": "Other"}
    first, _ = play(Planner().changes(PLAN, None), ok(more), ok({"value": [other]}))
    assert [change.item_id for change in first.changes] == ["k1", "k2"]
    then, _ = play(Planner().changes(PLAN, first.cursor), ok({"value": [other]}))
    assert [change.item_id for change in then.changes] == ["k1"]


def test_a_plan_that_is_gone_and_a_missing_role_are_told_apart() -> None:
    with pytest.raises(OwnerMissing):
        play(Planner().changes(PLAN, None), error(404))
    with pytest.raises(NotPermitted, match=r"Tasks\.Read\.All"):
        play(Planner().changes(ROOT, None), error(403))


def taken(*replies: Reply, **members: Any) -> Any:
    listing, _ = play(Planner().changes(PLAN, None), ok({"value": [{**TASK, **members}]}))
    [seen] = listing.changes
    assert isinstance(seen, Seen)
    return play(Planner().capture(PLAN, seen, None), together(*replies))[0]


def test_a_task_is_taken_with_its_places_on_the_boards_and_its_bucket_s_name() -> None:
    found = taken(*FORMATS, ok(SAID["buckets"][1]))
    assert isinstance(found, Capture)
    assert found.record["o365:Bucket"] == "To do"
    assert found.record["bucketTaskBoardFormat"]["orderHint"] == "8585Y"
    assert found.record["details"]["description"] == "A big one"


def test_what_of_a_task_can_t_be_read_is_told() -> None:
    assert taken(*FORMATS[:2], error(500), ok(SAID["buckets"][1])).notes == (NO_BOARDS,)
    assert isinstance(taken(*([error(404)] * 4)), Vanished)
    lost = taken(*FORMATS, ok(SAID["buckets"][1]), error(500), details=None)
    assert isinstance(lost, Lost)


# --- the way back: the plan


def plan() -> Kept:
    listing, _ = play(
        Planner().changes(ROOT, None), ok({"value": SAID["plans"]}), together(ok({"value": SAID["buckets"]}))
    )
    [seen] = listing.changes
    assert isinstance(seen, Seen)
    return kept("planner", seen.record)


def enter(*replies: Reply, **facts: str) -> tuple[Into, list[Step]]:
    return play(Planner().folder(plan(), Into(BAND, "/groups/g2", facts=facts), mark="m"), *replies)


def test_a_missing_plan_is_made_with_its_labels_and_its_buckets() -> None:
    made, bare = ok({"id": "q1"}, 201), ok({"@odata.etag": 'W/"e"', "categoryDescriptions": {}})
    into, asked = enter(
        ok({"value": []}), made, bare, bare, FINE, ok({"value": []}), ok({"id": "c2"}, 201), ok({"id": "c1"}, 201),
        below="Restored",
    )  # fmt: skip
    assert (into.path, into.folder_id) == ("/planner/plans/q1", "q1")
    assert into.facts["buckets"] == '{"b2":"c2","b1":"c1"}'
    wanted = {"container": {"containerId": "g2", "type": "group"}, "title": "Restored/Launch"}
    assert written(asked)[0] == ("POST", "/planner/plans", wanted)
    assert written(asked)[1][2] == {"categoryDescriptions": {"category1": "Urgent"}}
    assert [body["name"] for _, _, body in written(asked)[2:]] == ["Done", "To do"]
    [labels] = [step for step in asked if step.method == "PATCH"]
    assert labels.headers["If-Match"] == 'W/"e"'


def test_a_plan_that_is_there_is_used_and_its_labels_stay() -> None:
    there = ok({"categoryDescriptions": {"category1": "Red"}})
    into, asked = enter(ok({"value": SAID["plans"]}), there, ok({"value": SAID["buckets"]}))
    assert (into.folder_id, into.facts["losses"], written(asked)) == ("p1", LOST_LABELS, [])
    assert into.facts["buckets"] == '{"b1":"b1","b2":"b2"}'


# --- the way back: the task


def test_a_task_gets_its_real_name_last() -> None:
    restored, asked = give(
        ok({"value": []}), ok({"id": "n1"}, 201), EMPTY, EMPTY, FINE, together(FORMATS[1]), together(FINE),
        ok({"@odata.etag": 'W/"t2"'}), FINE,
    )  # fmt: skip
    assert (restored.outcome, restored.item_id, restored.losses) == ("created", "n1", (ASSIGNED,))
    made, details, board, last = written(asked)
    assert made[2] == {
        "planId": "q1", "bucketId": "c1", "title": "Being restored r1.v1", "percentComplete": 50, "priority": 1,
        "startDateTime": "2026-06-01T08:00:00Z", "dueDateTime": "2026-07-01T10:00:00Z",
        "appliedCategories": {"category1": True},
    }  # fmt: skip
    [item] = details[2]["checklist"].values()
    assert item == {
        "@odata.type": "#microsoft.graph.plannerChecklistItem", "title": "Ask for a price", "isChecked": False,
        "orderHint": "8585C 8585C~!",
    }  # fmt: skip
    assert board == ("PATCH", "/planner/tasks/n1/bucketTaskBoardFormat", {"orderHint": "8585Y 8585Y~!"})
    assert last == ("PATCH", "/planner/tasks/n1", {"title": "Buy rocket", "orderHint": "8585AP 8585AP~!"})
    assert asked[-1].headers["If-Match"] == 'W/"t2"'


def test_a_task_that_an_earlier_attempt_began_is_completed() -> None:
    begun = {"id": "n1", "title": "Being restored r1.v1"}
    restored, asked = give(
        ok({"value": [begun]}), DETAILS, together(FORMATS[1]), together(FINE), ok({"@odata.etag": "x"}), FINE
    )
    assert (restored.item_id, restored.outcome) == ("n1", "completed")
    assert [method for method, _, _ in written(asked)] == ["PATCH", "PATCH"]


def test_a_task_that_an_application_made_alike_counts_as_given_back() -> None:
    twin = {**TASK, "id": "n1", "createdBy": MINE}
    restored, asked = give(ok({"value": [twin]}))
    assert (restored.outcome, restored.item_id, written(asked)) == ("completed", "n1", [])


@pytest.mark.parametrize(
    "other",
    [{"createdBy": TASK["createdBy"]}, {"priority": 9}, {"details": {**TASK["details"], "description": "another"}}],
)
def test_another_task_does_not(other: Json) -> None:
    twin = {**TASK, "id": "n1", "createdBy": MINE, **other}
    restored, _ = give(
        ok({"value": [twin]}), ok({"id": "n2"}, 201), DETAILS, together(FORMATS[1]), together(FINE),
        ok({"@odata.etag": "x"}), FINE,
    )  # fmt: skip
    assert restored.item_id == "n2"


def test_what_is_there_is_skipped_unless_a_copy_is_wanted() -> None:
    assert give(ok({"value": [{**TASK, "id": "n1"}]}), mode="skip")[0].outcome == "skipped"


def test_the_very_task_is_changed_in_its_own_plan() -> None:
    own = Into(CREW, "/planner/plans/p1", "p1", {"buckets": '{"b1":"b1"}'})
    changed = ok({**TASK, "title": "Buy a car"})
    restored, asked = give(
        ok({"value": [{**TASK, "title": "Buy a car"}]}), changed, DETAILS, changed, FINE, mode="replace", into=own
    )
    assert (restored.outcome, restored.item_id) == ("replaced", "k1")
    [(method, path, body)] = written(asked)
    assert (method, path, body["title"], body["bucketId"]) == ("PATCH", "/planner/tasks/k1", "Buy rocket", "b1")


def test_whoever_was_assigned_is_assigned_only_where_people_may_be_notified() -> None:
    def whom(person: Person) -> Person | None:
        return replace(person, id="x1")

    told = replace(IN, facts={**IN.facts, "notify": "yes"})
    restored, asked = play(
        Planner().restore(task(), told, mark="r1.v1", mode="create"), ok({"value": []}), ok({"id": "n1"}, 201), DETAILS,
        together(FORMATS[1]), together(FINE), ok({"@odata.etag": "x"}), FINE, whom=whom,
    )  # fmt: skip
    assert restored.losses == ()
    assert list(written(asked)[-1][2]["assignments"]) == ["x1"]
    assert "assignments" not in written(asked)[0][2]


def test_a_change_that_another_one_overtakes_is_made_again() -> None:
    restored, asked = give(
        ok({"value": []}), ok({"id": "n1"}, 201), DETAILS, together(FORMATS[1]), together(FINE),
        ok({"@odata.etag": "old"}), error(409), ok({"@odata.etag": "new"}), FINE,
    )  # fmt: skip
    assert restored.outcome == "created"
    assert [s.headers["If-Match"] for s in asked if s.method == "PATCH"] == ["old", "new"]


def test_places_that_the_service_does_not_take_are_told_and_cost_nothing_else() -> None:
    restored, asked = give(
        ok({"value": []}), ok({"id": "n1"}, 201), DETAILS, together(FORMATS[1]), together(error(400)),
        ok({"@odata.etag": "x"}), error(400), ok({"@odata.etag": "x"}), FINE,
    )  # fmt: skip
    assert restored.losses == (ASSIGNED, ORDER)
    assert written(asked)[-1][2] == {"title": "Buy rocket"}


def test_a_task_on_its_own_finds_plan_and_bucket_by_name() -> None:
    alone = Into(BAND, "/groups/g2", facts={"below": "Restored"})
    restored, asked = give(
        ok({"value": [{"id": "q7", "title": "Restored"}]}), ok({"value": []}), ok({"id": "c7"}, 201), ok({"value": []}),
        ok({"id": "n1"}, 201), DETAILS, together(FORMATS[1]), together(FINE), ok({"@odata.etag": "x"}), FINE,
        into=alone,
    )  # fmt: skip
    assert written(asked)[0] == ("POST", "/planner/buckets", {"name": "To do", "planId": "q7"})
    assert (written(asked)[1][2]["bucketId"], NO_BUCKET in restored.losses) == ("c7", False)


def test_a_hint_says_a_place_and_never_the_value_itself() -> None:
    assert between("8585A") == "8585A 8585A~!"
    assert [between(odd) for odd in ("", None, "a b!", "x!", 7)] == [""] * 5
