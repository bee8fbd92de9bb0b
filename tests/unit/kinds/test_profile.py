from __future__ import annotations

from typing import Any

import pytest

from shared.errors import NotPermitted, OwnerMissing
from shared.graph.steps import Reply, Step
from shared.kinds.kind import Into
from shared.kinds.profile import Profile
from shared.kinds.profile_restore import ABOUT, DIRECTORY, MANAGER, NO_MANAGER, PHOTO, STAYS, SYNCED
from shared.model import Capture, Feed, Gone, Json, Kept, Lost, Mode, Owner, Place, Restored, Seen
from tests.play import error, ok, page, play
from tests.unit.kinds.mail_rig import BO, kept, part, version
from tests.unit.kinds.test_todo import ADELE

SAID = page("profile", "profile")
JPEG = b"\xff\xd8 made up"
FEEDS: dict[str, Feed] = {feed.id: feed for feed in play(Profile().feeds(ADELE))[0]}
THERE = Into(BO, "/users/u2")
NOBODY = {"id": "u2", "onPremisesSyncEnabled": None}
CONTEXT = "https://graph.microsoft.us/v1.0/$metadata#users(id)/$entity"


def seen(name: str, reply: Reply | None = None) -> Seen | None:
    found, asked = play(Profile().refresh(FEEDS[name], name), reply or ok(SAID[name]))
    assert len(asked) == 1
    return found


def item(name: str, **members: Any) -> Kept:
    found = seen(name)
    assert found is not None
    parts = {"photo": JPEG} if name == PHOTO else {}
    return kept("profile", found.record | members, **parts)


def give(name: str, *replies: Reply, mode: Mode = "create", into: Into = THERE) -> tuple[Restored, list[Step]]:
    return play(Profile().restore(item(name), into, mark="r1.v1", mode=mode), *replies)


def written(asked: list[Step]) -> list[tuple[str, str, Any]]:
    return [(step.method, step.path, step.body) for step in asked if not step.reads]


# --- the crawl


def test_every_property_is_asked_for_by_name() -> None:
    _, asked = play(Profile().changes(FEEDS[DIRECTORY], None), ok(SAID[DIRECTORY]))
    assert asked[0].path.startswith("/users/u1?$select=id,userPrincipalName,")
    assert {"jobTitle", "usageLocation", "onPremisesSyncEnabled"} <= set(asked[0].path.partition("=")[2].split(","))


@pytest.mark.parametrize("name", [DIRECTORY, ABOUT, PHOTO, MANAGER])
def test_each_is_read_whole_on_every_run_and_told_when_it_changed(name: str) -> None:
    first, _ = play(Profile().changes(FEEDS[name], None), ok(SAID[name]))
    assert ([change.item_id for change in first.changes], first.last) == ([name], True)
    same, asked = play(Profile().changes(FEEDS[name], first.cursor), ok(SAID[name]))
    assert (same.changes, same.cursor, len(asked)) == ((), first.cursor, 1)


def test_a_manager_who_left_is_gone() -> None:
    first, _ = play(Profile().changes(FEEDS[MANAGER], None), ok(SAID[MANAGER]))
    gone, user = error(404, "Request_ResourceNotFound"), ok({"id": "u1"})
    then, _ = play(Profile().changes(FEEDS[MANAGER], first.cursor), gone, user)
    assert then.changes == (Gone(MANAGER),)


@pytest.mark.parametrize("name", [PHOTO, MANAGER])
def test_what_is_missing_with_its_user_is_not_taken_for_deleted(name: str) -> None:
    first, _ = play(Profile().changes(FEEDS[name], None), ok(SAID[name]))
    with pytest.raises(OwnerMissing):
        play(Profile().changes(FEEDS[name], first.cursor), error(404), error(404, "Request_ResourceNotFound"))


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        (ABOUT, ok(SAID[ABOUT] | {"aboutMe": None, "skills": [], "responsibilities": []})),
        (ABOUT, error(404, "ResourceNotFound")),
        (PHOTO, error(404, "ImageNotFound")),
        (PHOTO, ok({"@odata.mediaContentType": "image/gif", "id": "1x1", "height": 1, "width": 1})),
        (MANAGER, error(404, "Request_ResourceNotFound")),
    ],
)
def test_nothing_is_no_item(name: str, reply: Reply) -> None:
    assert seen(name, reply) is None


def test_a_user_who_is_gone_is_a_state_of_the_user() -> None:
    with pytest.raises(OwnerMissing):
        seen(DIRECTORY, error(404, "Request_ResourceNotFound"))


def test_without_the_role_it_is_told() -> None:
    with pytest.raises(NotPermitted, match=r"User\.Read\.All"):
        seen(MANAGER, error(403, "Authorization_RequestDenied"))


def test_the_photo_is_taken_and_read_again_only_when_it_changed() -> None:
    found = seen(PHOTO)
    assert found is not None
    taken, asked = play(Profile().capture(FEEDS[PHOTO], found, None), Reply(200, JPEG))
    assert isinstance(taken, Capture)
    assert (taken.parts, asked[0].path) == ({"photo": JPEG}, "/users/u1/photo/$value")
    before = version("profile", PHOTO, content_tag=found.content_tag, photo=part(JPEG))
    _, asked = play(Profile().capture(FEEDS[PHOTO], found, before))
    assert asked == []
    other = seen(PHOTO, ok(SAID[PHOTO] | {"@odata.mediaEtag": "p2"}))
    assert other is not None
    assert other.content_tag != found.content_tag
    taken, _ = play(Profile().capture(FEEDS[PHOTO], found, None), error(500, "UnknownError"))
    assert isinstance(taken, Lost)


# --- the way back


def test_what_is_empty_is_filled_and_what_is_there_stays() -> None:
    there: Json = NOBODY | {"displayName": "Bo", "jobTitle": "Clerk", "city": ""}
    restored, asked = give(DIRECTORY, ok(there), ok(None, 204))
    [(method, path, body)] = written(asked)
    assert (method, path) == ("PATCH", "/users/u2")
    assert not body.keys() & {"displayName", "jobTitle", "mobilePhone", "userPrincipalName", "mail", "id"}
    assert (body["city"], body["businessPhones"]) == ("Köln", ["+1 425 555 0109"])
    assert restored == Restored("created", DIRECTORY, note=STAYS)


def test_replacing_makes_the_profile_as_it_was() -> None:
    there: Json = SAID[DIRECTORY] | NOBODY | {"jobTitle": "Clerk", "faxNumber": "123", "otherMails": ["x@y.example"]}
    restored, asked = give(DIRECTORY, ok(there), ok(None, 204), mode="replace")
    assert written(asked) == [
        ("PATCH", "/users/u2", {"jobTitle": "Retail Manager", "faxNumber": None, "otherMails": []})
    ]
    assert restored.outcome == "replaced"


def test_an_equal_profile_is_left_alone() -> None:
    restored, asked = give(DIRECTORY, ok(SAID[DIRECTORY] | NOBODY), mode="replace")
    assert (restored.outcome, written(asked)) == ("skipped", [])


@pytest.mark.parametrize("name", [DIRECTORY, ABOUT, PHOTO, MANAGER])
def test_a_user_from_on_premises_is_told_and_nothing_is_written(name: str) -> None:
    restored, asked = give(name, ok(NOBODY | {"onPremisesSyncEnabled": True}), mode="replace")
    assert (restored.outcome, restored.note, len(asked)) == ("skipped", SYNCED, 1)


def test_one_property_that_is_refused_costs_itself_only() -> None:
    there: Json = SAID[DIRECTORY] | NOBODY | {"jobTitle": "Clerk", "businessPhones": []}
    restored, _ = give(
        DIRECTORY, ok(there), error(403, "Authorization_RequestDenied"), ok(None, 204),
        error(403, "Authorization_RequestDenied"), mode="replace",
    )  # fmt: skip
    assert restored.losses == ("businessPhones: Graph answered 403 Authorization_RequestDenied",)


def test_where_all_is_refused_the_role_is_missing() -> None:
    there: Json = SAID[DIRECTORY] | NOBODY | {"jobTitle": "Clerk"}
    with pytest.raises(NotPermitted, match=r"User\.ReadWrite\.All"):
        give(DIRECTORY, ok(there), *[error(403, "Authorization_RequestDenied")] * 2, mode="replace")


def test_what_people_say_of_themselves_is_written_on_its_own() -> None:
    restored, asked = give(ABOUT, ok(NOBODY), ok({"id": "u2", "skills": ["Tanz"]}), ok(None, 204))
    [(_, _, body)] = written(asked)
    assert body == {"aboutMe": "<p>Hallo</p>", "responsibilities": ["Filialen"]}
    assert restored.outcome == "created"


def test_a_photo_is_set_where_there_is_none() -> None:
    none = ok({"id": "1x1"})
    restored, asked = give(PHOTO, ok(NOBODY), none, Reply(200, JPEG), ok(None, 200))
    assert written(asked) == [("PUT", "/users/u2/photo/$value", JPEG)]
    assert asked[-1].headers["Content-Type"] == "image/jpeg"
    assert restored.outcome == "created"


def test_another_photo_stays_unless_it_is_to_be_replaced() -> None:
    other = ok(SAID[PHOTO] | {"@odata.mediaEtag": "p2"})
    assert give(PHOTO, ok(NOBODY), other)[0].outcome == "skipped"
    assert give(PHOTO, ok(NOBODY), other, Reply(200, JPEG), ok(), mode="replace")[0].outcome == "replaced"
    assert give(PHOTO, ok(NOBODY), ok(SAID[PHOTO]), mode="replace")[0].outcome == "skipped"


def test_the_manager_is_found_and_named_at_the_clouds_own_graph() -> None:
    found = ok({"@odata.context": CONTEXT, "id": "u9"})
    restored, asked = give(MANAGER, ok(NOBODY), error(404, "Request_ResourceNotFound"), found, ok(None, 204))
    assert asked[2].path == "/users/u9?$select=id,userPrincipalName"
    assert written(asked) == [
        ("PUT", "/users/u2/manager/$ref", {"@odata.id": "https://graph.microsoft.us/v1.0/users/u9"})
    ]
    assert restored.outcome == "created"


def test_in_another_tenant_the_manager_is_known_by_name_only() -> None:
    into = Into(Owner("t2", "user", "u5"), "/users/u5")
    gone = error(404, "Request_ResourceNotFound")
    restored, asked = give(MANAGER, ok(NOBODY), gone, gone, into=into)
    assert asked[2].path == "/users/miriam%40contoso.example?$select=id,userPrincipalName"
    assert (restored.outcome, restored.losses) == ("skipped", (NO_MANAGER,))


def test_another_manager_stays_unless_they_are_to_be_replaced() -> None:
    found = ok({"@odata.context": CONTEXT, "id": "u9"})
    assert give(MANAGER, ok(NOBODY), ok({"id": "u8"}), found)[0].note == STAYS
    assert give(MANAGER, ok(NOBODY), ok({"id": "u9"}), found)[0].outcome == "skipped"
    assert give(MANAGER, ok(NOBODY), ok({"id": "u8"}), found, ok(), mode="replace")[0].outcome == "replaced"


@pytest.mark.parametrize("name", [DIRECTORY, ABOUT, PHOTO, MANAGER])
def test_a_profile_lies_in_no_folder(name: str) -> None:
    into, _ = play(Profile().root(Place(BO, "Restored")))
    assert give(name, into=into, mode="replace")[0].outcome == "skipped"
