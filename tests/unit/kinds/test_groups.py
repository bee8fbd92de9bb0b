from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import CursorExpired, NotPermitted, OwnerMissing, Unreachable
from shared.graph.steps import Reply, Step
from shared.kinds.group_restore import (
    AS_IT_WAS,
    DYNAMIC,
    GROUP,
    LOUD,
    MEMBERS,
    NO_GROUP,
    NOBODY,
    PHOTO,
    SETTINGS,
    STAYS,
    SYNCED,
)
from shared.kinds.groups import HIDDEN, Groups
from shared.kinds.kind import Into
from shared.model import Capture, Feed, Json, Kept, Mode, Owner, Person, Restored, Seen
from tests.play import error, ok, page, play
from tests.unit.kinds.mail_rig import kept

CREW, BAND = Owner("t1", "group", "g1"), Owner("t1", "group", "g2")
SAID: Any = page("groups", "group")
FEEDS: dict[str, Feed] = {feed.id: feed for feed in play(Groups().feeds(CREW))[0]}
THERE = Into(BAND, "/groups/g2")
JPEG = b"\xff\xd8 made up"
PEOPLE, OWNERS = ok({"value": SAID["members"]}), ok({"value": SAID["members"][1:]})
NOBODY_IN = ok({"value": []})
MARKED = {"@odata.context": "https://graph.microsoft.us/v1.0/$metadata#groups(id)/$entity"}
EMPTY: Json = {
    **MARKED, "id": "g2", "displayName": "Band", "visibility": "Private",
    "resourceBehaviorOptions": ["WelcomeEmailDisabled"],
}  # fmt: skip


def group(**members: Any) -> Seen:
    [seen] = play(Groups().changes(FEEDS[GROUP], None), ok(SAID["delta_latest"]), ok(SAID["group"] | members),
                  OWNERS, PEOPLE)[0].changes  # fmt: skip
    assert isinstance(seen, Seen)
    return seen


def of(kept: Kept, feed: str, owner: Owner) -> Kept:
    return replace(kept, version=replace(kept.version, feed_id=feed, owner=owner))


def item(feed: str, owner: Owner = CREW, **members: Any) -> Kept:
    record: Json = {**(SAID[feed] if feed == PHOTO else {}), "o365:Group": {"mailNickname": "crew"}}
    parts: dict[str, bytes] = {PHOTO: JPEG} if feed == PHOTO else {}
    if feed == GROUP:
        seen = group(**members)
        record = {k: v for k, v in seen.record.items() if k != MEMBERS}
        parts = {MEMBERS: json.dumps(seen.record[MEMBERS]).encode()}
    return of(kept("groups", {**record, "id": feed}, **parts), feed, owner)


def give(
    feed: str, *replies: Reply, mode: Mode = "create", into: Into = THERE, owner: Owner = CREW, **members: Any
) -> tuple[Restored, list[Step]]:
    return play(Groups().restore(item(feed, owner, **members), into, mark="r1.v1", mode=mode), *replies)


def members() -> Reply:
    return Reply(200, json.dumps(group().record[MEMBERS]).encode())


def written(asked: list[Step]) -> list[tuple[str, str, Any]]:
    flat = [one for step in asked for one in (getattr(step, "steps", ()) or (step,))]
    return [(step.method, step.path, step.body) for step in flat if not step.reads]


# --- the crawl


def test_the_link_is_taken_before_the_group_is_read_so_that_no_change_falls_between() -> None:
    listing, asked = play(
        Groups().changes(FEEDS[GROUP], None), ok(SAID["delta_latest"]), ok(SAID["group"]), OWNERS, PEOPLE
    )
    assert "$filter=id%20eq%20'g1'&$deltatoken=latest" in asked[0].path
    assert [step.path.split("?")[0] for step in asked[1:]] == ["/groups/g1", "/groups/g1/owners", "/groups/g1/members"]
    assert (len(listing.changes), listing.cursor) == (1, SAID["delta_latest"]["@odata.deltaLink"])


def test_an_unchanged_group_costs_one_request_and_a_changed_one_is_read_whole() -> None:
    link = SAID["delta_latest"]["@odata.deltaLink"]
    same, asked = play(Groups().changes(FEEDS[GROUP], link), ok(SAID["delta_latest"]))
    assert (same.changes, len(asked)) == ((), 1)
    new, asked = play(
        Groups().changes(FEEDS[GROUP], link), ok(SAID["delta_changed"]), ok(SAID["group"]), OWNERS, PEOPLE
    )
    assert ([change.item_id for change in new.changes], new.cursor) == (
        [GROUP],
        SAID["delta_changed"]["@odata.deltaLink"],
    )


def test_a_round_goes_on_over_its_pages_and_without_the_short_cut_where_that_is_refused() -> None:
    more = {"value": [], "@odata.nextLink": "https://graph.microsoft.com/v1.0/groups/delta?$skiptoken=n"}
    listing, asked = play(
        Groups().changes(FEEDS[GROUP], None), error(400, "Request_UnsupportedQuery"), ok(more),
        ok(SAID["delta_changed"]), ok(SAID["group"]), OWNERS, PEOPLE,
    )  # fmt: skip
    assert "deltatoken" not in asked[1].path
    assert listing.cursor == SAID["delta_changed"]["@odata.deltaLink"]


@pytest.mark.parametrize("status", [400, 410])
def test_a_delta_that_the_directory_forgot_starts_over(status: int) -> None:
    with pytest.raises(CursorExpired):
        play(Groups().changes(FEEDS[GROUP], "https://x/delta"), error(status, "syncStateNotFound"))


def test_a_group_that_is_gone_is_a_state_of_the_owner() -> None:
    removed = {"value": [{"id": "g1", "@removed": {"reason": "changed"}}], "@odata.deltaLink": "https://x"}
    with pytest.raises(OwnerMissing):
        play(Groups().changes(FEEDS[GROUP], "https://x"), ok(removed), error(404, "Request_ResourceNotFound"))


def test_members_without_names_are_not_taken_for_the_truth() -> None:
    blind = {"value": [{"@odata.type": "#microsoft.graph.user", "id": "u1", "userPrincipalName": None}]}
    with pytest.raises(NotPermitted, match=r"User\.Read\.All"):
        play(Groups().changes(FEEDS[GROUP], None), ok(SAID["delta_latest"]), ok(SAID["group"]), ok(blind))


def test_hidden_members_are_told_of() -> None:
    listing, _ = play(
        Groups().changes(FEEDS[GROUP], None), ok(SAID["delta_latest"]),
        ok(SAID["group"] | {"visibility": "HiddenMembership"}), OWNERS, error(403, "Authorization_RequestDenied"),
    )  # fmt: skip
    [seen] = listing.changes
    assert isinstance(seen, Seen)
    taken, _ = play(Groups().capture(FEEDS[GROUP], seen, None))
    assert isinstance(taken, Capture)
    assert taken.notes == (HIDDEN,)
    assert HIDDEN not in taken.record


def test_members_lie_in_a_part_in_the_order_of_their_ids() -> None:
    taken, _ = play(Groups().capture(FEEDS[GROUP], group(), None))
    assert isinstance(taken, Capture)
    part = taken.parts[MEMBERS]
    assert isinstance(part, bytes)
    assert [one["id"] for one in json.loads(part)] == ["u1", "u2"]
    assert MEMBERS not in taken.record
    assert [one["id"] for one in taken.record["owners"]] == ["u1"]


def test_a_photo_that_nobody_has_is_no_item() -> None:
    for none in (error(404, "ImageNotFound"), ok({"id": "1x1"})):
        listing, _ = play(Groups().changes(FEEDS[PHOTO], None), none)
        assert listing.changes == ()


# --- the way back


def test_what_is_missing_is_filled_and_who_is_missing_is_added() -> None:
    restored, asked = give(
        GROUP, ok(EMPTY), members(), NOBODY_IN, NOBODY_IN, ok(status=204), Reply(200, parts=(ok(status=204),)),
        ok(status=204),
    )  # fmt: skip
    assert (restored.outcome, restored.losses) == ("created", ())
    root = "https://graph.microsoft.us/v1.0/directoryObjects"
    assert written(asked) == [
        (
            "PATCH",
            "/groups/g2",
            {"description": "Everybody \u263a", "classification": "low", "preferredLanguage": "de-DE"},
        ),
        ("POST", "/groups/g2/owners/$ref", {"@odata.id": f"{root}/u1"}),
        ("PATCH", "/groups/g2", {"members@odata.bind": [f"{root}/u1", f"{root}/u2"]}),
    ]


def test_replacing_sets_what_differs_and_removes_nobody() -> None:
    there = EMPTY | {"description": "Noise", "classification": "low", "preferredLanguage": "de-DE"}
    others = ok({"value": [{"id": "u1"}, {"id": "u2"}, {"id": "u9"}]})
    restored, asked = give(GROUP, ok(there), members(), others, others, ok(status=204), mode="replace")
    assert restored.outcome == "replaced"
    [(method, _, body)] = written(asked)
    assert (method, body) == ("PATCH", {"displayName": "The Crew", "description": "Everybody \u263a"})


def test_a_group_as_it_was_is_left_alone() -> None:
    everybody = ok({"value": [{"id": "u1"}, {"id": "u2"}]})
    restored, asked = give(GROUP, ok(SAID["group"]), members(), everybody, everybody, mode="replace")
    assert (restored.outcome, restored.note, written(asked)) == ("skipped", AS_IT_WAS, [])


def test_a_group_that_welcomes_by_mail_gets_no_members_unless_people_may_be_notified() -> None:
    loud = SAID["group"] | {"id": "g2", "resourceBehaviorOptions": []}
    owners = ok({"value": [{"id": "u1"}]})
    restored, asked = give(GROUP, ok(loud), members(), owners, NOBODY_IN)
    assert (restored.losses, written(asked)) == ((LOUD,), [])
    told = Into(BAND, "/groups/g2", facts={"notify": "yes"})
    restored, asked = give(GROUP, ok(loud), members(), owners, NOBODY_IN, ok(status=204), into=told)
    assert (restored.losses, len(written(asked))) == ((), 1)


def test_one_who_is_gone_costs_the_others_nothing() -> None:
    there = ok(SAID["group"] | {"id": "g2"})
    gone, twin = (
        error(404, "Request_ResourceNotFound"),
        error(400, "Request_BadRequest", message="references already exist"),
    )
    restored, asked = give(
        GROUP, there, members(), OWNERS, NOBODY_IN, gone, Reply(200, parts=(gone, twin))
    )  # fmt: skip
    assert restored.losses == (NOBODY,)
    assert len(written(asked)) == 3


def test_members_of_a_dynamic_group_are_not_written() -> None:
    record = {"membershipRule": "user.age -gt 3", "groupTypes": ["Unified", "DynamicMembership"]}
    there = SAID["group"] | {"id": "g2"}
    restored, asked = give(GROUP, ok(there), members(), OWNERS, **record)
    assert (restored.losses, written(asked)) == ((DYNAMIC,), [])
    assert Groups().foresees(item(GROUP, **record)) == (DYNAMIC,)


def test_nothing_is_written_to_a_synchronised_group() -> None:
    for feed in (GROUP, PHOTO, SETTINGS):
        restored, asked = give(feed, ok(EMPTY | {"onPremisesSyncEnabled": True}), mode="replace")
        assert (restored.note, written(asked)) == (SYNCED, [])


def test_a_group_in_the_bin_is_had_back() -> None:
    same = Into(CREW, "/groups/g1")
    everybody = ok({"value": [{"id": "u1"}, {"id": "u2"}]})
    restored, asked = give(
        GROUP, error(404), ok({"value": []}), members(), ok(SAID["group"]), everybody, everybody, into=same
    )
    assert restored.outcome == "created"
    assert written(asked) == [("POST", "/directory/deletedItems/g1/restore", None)]


def test_a_group_that_is_nowhere_is_made_with_its_owners_and_without_a_welcome() -> None:
    restored, asked = give(
        GROUP, error(404), ok({**MARKED, "value": []}), members(), ok(EMPTY | {"id": "g3"}, 201), OWNERS, NOBODY_IN,
        ok(status=204), ok(status=204),
    )  # fmt: skip
    assert (restored.outcome, restored.item_id) == ("created", "g3")
    method, path, body = written(asked)[0]
    assert (method, path, body["mailNickname"], body["groupTypes"]) == ("POST", "/groups", "crew", ["Unified"])
    assert body["owners@odata.bind"] == ["https://graph.microsoft.us/v1.0/directoryObjects/u1"]
    assert "WelcomeEmailDisabled" in body["resourceBehaviorOptions"]
    assert written(asked)[-1][1] == "/groups/g3"


def test_a_second_attempt_finds_the_group_that_the_first_one_made() -> None:
    everybody = ok({"value": [{"id": "u1"}, {"id": "u2"}]})
    restored, asked = give(
        GROUP, error(404), ok({"value": [SAID["group"] | {"id": "g3"}]}), members(), everybody, everybody
    )
    assert (restored.item_id, written(asked)) == ("g3", [])


def test_a_nickname_that_is_taken_though_nobody_shows_it_is_asked_again_later() -> None:
    taken = error(
        400, "Request_BadRequest", message="Another object with the value for property mailNickname already exists."
    )
    with pytest.raises(Unreachable):
        give(GROUP, error(404), ok({"value": []}), members(), taken)


def test_people_of_another_tenant_are_those_who_stand_for_them() -> None:
    def whom(person: Person) -> Person | None:
        return Person("x1", "adele@fabrikam.example") if person.id == "u1" else None

    restored, asked = play(
        Groups().restore(item(GROUP, Owner("t2", "group", "g1")), THERE, mark="m", mode="create"),
        ok(SAID["group"] | {"id": "g2"}), members(), NOBODY_IN, NOBODY_IN,
        Reply(200, parts=(ok(status=204),)), Reply(200, parts=(ok(status=204),)), whom=whom,
    )  # fmt: skip
    assert restored.losses == (NOBODY,)
    assert [(path, body["@odata.id"][-3:]) for _, path, body in written(asked)] == [
        ("/groups/g2/owners/$ref", "/x1"),
        ("/groups/g2/members/$ref", "/x1"),
    ]


def test_settings_are_found_by_their_template() -> None:
    record = SAID["settings"][0]
    one = of(kept("groups", {**record, "o365:Group": {"mailNickname": "crew"}}), SETTINGS, CREW)

    def back(*replies: Reply, mode: Mode = "create") -> tuple[Restored, list[Step]]:
        return play(Groups().restore(one, THERE, mark="m", mode=mode), ok(EMPTY), *replies)

    made, asked = back(ok({"value": []}), ok({"id": "s9"}, 201))
    assert (made.outcome, written(asked)[0][2]) == ("created", {k: record[k] for k in ("templateId", "values")})
    other = ok({"value": [{**record, "id": "s9", "values": []}]})
    assert back(other)[0].note == STAYS
    assert written(back(other, ok(status=204), mode="replace")[1])[0][1] == "/groups/g2/settings/s9"
    assert back(ok({"value": [record]}), mode="replace")[0].note == AS_IT_WAS


def test_a_photo_is_given_to_a_group_without_one() -> None:
    restored, asked = give(PHOTO, ok(EMPTY), error(404, "ImageNotFound"), Reply(200, JPEG), ok(status=200))
    assert (restored.outcome, written(asked)[0][2]) == ("created", JPEG)


def test_a_photo_waits_for_its_group() -> None:
    restored, _ = give(PHOTO, error(404), ok({"value": []}))
    assert (restored.outcome, restored.note) == ("failed", NO_GROUP)


def test_a_photo_that_is_missing_with_its_group_is_not_taken_for_deleted() -> None:
    there, _ = play(Groups().changes(FEEDS[PHOTO], None), ok(SAID["photo"]))
    with pytest.raises(OwnerMissing):
        play(Groups().changes(FEEDS[PHOTO], there.cursor), error(404), error(404, "Request_ResourceNotFound"))
    gone, _ = play(Groups().changes(FEEDS[PHOTO], there.cursor), error(404, "ImageNotFound"), ok(SAID["group"]))
    assert [change.item_id for change in gone.changes] == [PHOTO]
