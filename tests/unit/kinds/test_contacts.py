from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from shared.errors import CursorExpired, NotPermitted, OwnerMissing
from shared.graph.steps import Read, Reply, Step, Together
from shared.kinds.contacts import Contacts
from shared.kinds.kind import Into
from shared.kinds.mailbox import MARK
from shared.model import Feed, Gone, Json, Kept, Lost, Mode, Place, Restored, Seen
from tests.play import error, ok, page, play
from tests.unit.kinds.mail_rig import ADELE, BO, kept, part, version

CONTACT = page("contacts", "contact")
FOLDERS = page("contacts", "folders")
FRIENDS = Feed(ADELE, "contacts", "AQcon", "/users/u1/contactFolders/AQcon", name="Kontakte")
TARGET = Into(ADELE, "/users/u1/contactFolders/AQnew", "AQnew")
[ROOT_FEED], _ = play(Contacts().feeds(ADELE))
DELTA = "https://graph.microsoft.com/v1.0/users/u1/contactFolders/AQcon/contacts/delta?$deltatoken=d1"
PHOTO = {"@odata.mediaEtag": 'W/"p1"', "id": "648X648", "width": 648, "height": 648}
NO_PHOTO = error(404, "ErrorItemNotFound")
JPEG = b"\xff\xd8 made up"
NONE = ok({"value": []})


def values(*entries: Any, **links: str) -> Reply:
    return ok({"value": list(entries), **{f"@odata.{name}": url for name, url in links.items()}})


def wave(*replies: Reply) -> Reply:
    return Reply(200, parts=replies)


def seen(record: Json = CONTACT, photo: Reply = NO_PHOTO) -> Seen:
    listing, _ = play(Contacts().changes(FRIENDS, DELTA), values(record, deltaLink=DELTA), wave(photo))
    change = listing.changes[0]
    assert isinstance(change, Seen)
    return change


def give(record: Json, *replies: Reply, mode: Mode = "create", **parts: bytes) -> tuple[Restored, list[Step]]:
    return play(Contacts().restore(kept("contacts", record, **parts), TARGET, mark="r1/v1", mode=mode), *replies)


# --- folders


def test_the_default_folder_is_found_though_it_is_in_no_list():
    listing, asked = play(
        Contacts().changes(ROOT_FEED, None),
        ok(FOLDERS["default"]),
        values(FOLDERS["family"], deltaLink="https://graph.microsoft.com/v1.0/d1"),
        values(FOLDERS["family"]),
        wave(values(FOLDERS["deep"]), values(FOLDERS["family"])),
        wave(values()),
    )
    assert asked[0].path == "/users/u1/contactFolders/Contacts"
    assert {s.item_id: s.folder for s in listing.changes} == {"AQcon": "", "AQfam": "AQcon", "AQdeep": "AQfam"}
    assert next(s for s in listing.changes if s.item_id == "AQcon").record["o365:WellKnownName"] == "contacts"


def test_where_its_name_does_not_work_the_default_folder_is_found_through_a_contact():
    listing, asked = play(
        Contacts().changes(ROOT_FEED, None),
        error(404, "ErrorItemNotFound"),
        values({"id": "AAkc1", "parentFolderId": "AQcon"}),
        ok(FOLDERS["default"]),
        values(deltaLink="https://graph.microsoft.com/v1.0/d1"),
        values(),
        wave(values()),
    )
    assert asked[1].path == "/users/u1/contacts?$select=id,parentFolderId&$top=1"
    assert [s.item_id for s in listing.changes] == ["AQcon"]


def test_no_changed_folder_costs_one_request():
    cursor = json.dumps({"delta": "https://graph.microsoft.com/v1.0/d1", "default": "AQcon", "outside": ["AQroot"]})
    listing, asked = play(Contacts().changes(ROOT_FEED, cursor), values(deltaLink="d2"))
    assert (len(asked), listing.changes, json.loads(listing.cursor)["delta"]) == (1, (), "d2")


def test_an_increment_keeps_the_tree():
    cursor = json.dumps({"delta": "https://graph.microsoft.com/v1.0/d1", "default": "AQcon", "outside": ["AQroot"]})
    told = values(
        FOLDERS["default"], FOLDERS["deep"], {"id": "AQfam", "@removed": {"reason": "deleted"}}, deltaLink="x"
    )
    listing, _ = play(Contacts().changes(ROOT_FEED, cursor), told)
    assert [(c.item_id, getattr(c, "folder", None)) for c in listing.changes] == [
        ("AQcon", ""),
        ("AQdeep", "AQfam"),
        ("AQfam", None),
    ]


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [(error(404, "MailboxNotEnabledForRESTAPI"), OwnerMissing), (error(403, "ErrorAccessDenied"), NotPermitted)],
)
def test_a_user_without_contacts_is_a_state_of_the_user(reply: Reply, verdict: type[Exception]):
    with pytest.raises(verdict):
        play(Contacts().changes(ROOT_FEED, None), reply)


# --- contacts


def test_a_page_tells_contacts_with_the_marks_of_their_photos():
    listing, asked = play(Contacts().changes(FRIENDS, None), ok(page("contacts", "delta_first")), wave(ok(PHOTO)))
    assert asked[0].path == "/users/u1/contactFolders/AQcon/contacts/delta"
    assert isinstance(asked[1], Together)
    assert asked[1].steps[0].path == "/users/u1/contacts/AAkc1/photo"
    assert listing.changes[0] == Gone("AAkc7", "deleted")
    assert (listing.changes[1].item_id, listing.cursor, listing.last) == ("AAkc1", DELTA, True)


def test_another_photo_is_another_tag():
    first, second = seen(photo=ok(PHOTO)), seen(photo=ok({**PHOTO, "@odata.mediaEtag": 'W/"p2"'}))
    assert len({first.tag, second.tag, seen().tag}) == 3
    assert first.content_tag != second.content_tag


def test_an_entry_with_little_more_than_the_id_is_read_whole():
    bare = {"id": "AAkc1", "categories": ["Friends"]}
    listing, _ = play(
        Contacts().changes(FRIENDS, DELTA), values(bare, deltaLink=DELTA), wave(ok(CONTACT)), wave(NO_PHOTO)
    )
    assert listing.changes[0].record["surname"] == "Smith"


def test_an_expired_cursor_starts_over():
    with pytest.raises(CursorExpired):
        play(Contacts().changes(FRIENDS, DELTA), error(410, "syncStateNotFound"))


def test_without_delta_contacts_are_listed_plainly():
    listing, asked = play(
        Contacts().changes(FRIENDS, None), error(507, "ErrorQuotaExceeded"), values(CONTACT), wave(NO_PHOTO)
    )
    assert asked[1].path == "/users/u1/contactFolders/AQcon/contacts?$top=100"
    assert listing.last
    with pytest.raises(CursorExpired):
        play(Contacts().changes(FRIENDS, listing.cursor))


def test_a_contact_is_taken_with_its_photo():
    taken, asked = play(Contacts().capture(FRIENDS, seen(photo=ok(PHOTO)), None), Reply(200, JPEG))
    assert asked[0].path == "/users/u1/contacts/AAkc1/photo/$value"
    assert (taken.parts, taken.suffixes) == ({"photo": JPEG}, {"photo": ".jpg"})


@pytest.mark.parametrize("photo", [NO_PHOTO, ok({"id": "1x1"})])
def test_a_contact_without_a_photo_costs_no_request(photo: Reply):
    taken, asked = play(Contacts().capture(FRIENDS, seen(photo=photo), None))
    assert (dict(taken.parts), asked) == ({}, [])


def test_an_unchanged_photo_is_not_read_again():
    photo = part(JPEG)
    taken, asked = play(Contacts().capture(FRIENDS, seen(photo=ok(PHOTO)), version("contacts", "AAkc1", photo=photo)))
    assert (taken.parts, asked) == ({"photo": photo}, [])


def test_a_photo_that_can_not_be_read_leaves_the_contact_owed():
    taken, _ = play(Contacts().capture(FRIENDS, seen(photo=ok(PHOTO)), None), error(500, "UnknownError"))
    assert isinstance(taken, Lost)


# --- the way back


def test_restoring_a_contact_twice_makes_one_contact():
    restored, asked = give(CONTACT, values({"id": "AAbegun"}))
    assert restored == Restored("completed", "AAbegun")
    assert f"ep/id eq '{MARK}' and ep/value eq 'r1/v1'" in unquote(asked[0].path)
    assert [step.method for step in asked] == ["GET"]


def test_a_created_contact_has_all_that_a_client_can_set():
    restored, asked = give(CONTACT, NONE, ok({"id": "AAnew"}, 201))
    body = asked[1].body
    assert isinstance(body, dict)
    assert not body.keys() & Contacts.server_owned
    assert (body["emailAddresses"], body["personalNotes"]) == (CONTACT["emailAddresses"], "met in Köln")
    assert body["singleValueExtendedProperties"] == [{"id": MARK, "value": "r1/v1"}]
    assert restored == Restored("created", "AAnew")


def test_the_photo_is_always_completed():
    restored, asked = give(CONTACT, values({"id": "AAbegun"}), Reply(200, JPEG), ok(None, 200), photo=JPEG)
    assert isinstance(asked[1], Read)
    assert (asked[2].method, asked[2].path, asked[2].body) == ("PUT", "/users/u1/contacts/AAbegun/photo/$value", JPEG)
    assert asked[2].headers["Content-Type"] == "image/jpeg"
    assert restored.losses == ()


def test_a_photo_that_is_refused_is_a_loss_and_not_a_failure():
    restored, _ = give(CONTACT, NONE, Reply(200, JPEG), ok({"id": "AAnew"}, 201), error(400, "X"), photo=JPEG)
    assert (restored.outcome, restored.losses) == ("created", ("its photo: Graph answered 400 X",))


def test_a_contact_of_the_same_name_and_address_is_skipped_when_asked_to():
    there = {**CONTACT, "id": "AAthere", "personalNotes": "other"}
    other = {**CONTACT, "id": "AAother", "emailAddresses": [{"name": "Ann", "address": "ann@else.example"}]}
    restored, asked = give(CONTACT, NONE, values(other, there), mode="skip")
    assert (restored.outcome, restored.item_id) == ("skipped", "AAthere")
    assert "$filter=displayName eq 'Ann Smith'" in unquote(asked[1].path)


def test_a_name_in_other_letters_is_another_contact():
    """Graph's filter knows no case."""
    louder = {**CONTACT, "id": "AAthere", "displayName": CONTACT["displayName"].upper()}
    restored, _ = give(CONTACT, NONE, values(louder), ok({"id": "AAnew"}, 201), mode="skip")
    assert restored == Restored("created", "AAnew")


def test_replacing_creates_first_and_removes_after():
    old = {**CONTACT, "id": "AAold", "personalNotes": "other"}
    restored, asked = give(CONTACT, NONE, values(old), ok({"id": "AAnew"}, 201), ok(None, 204), mode="replace")
    assert [(step.method, step.path) for step in asked[3:]] == [("DELETE", "/users/u1/contacts/AAold")]
    assert restored == Restored("replaced", "AAnew")


def test_replacing_leaves_an_equal_contact_alone():
    restored, asked = give(CONTACT, NONE, values({**CONTACT, "id": "AAold"}), mode="replace")
    assert (restored.outcome, len(asked)) == ("skipped", 2)


def test_in_another_mailbox_a_nameless_contact_has_no_twin():
    nameless = kept("contacts", {**CONTACT, "displayName": "", "fileAs": None})
    elsewhere = Into(BO, "/users/u2/contactFolders/AQnew", "AQnew")
    act = Contacts().restore(nameless, elsewhere, mark="m", mode="skip")
    restored, asked = play(act, NONE, ok({"id": "AAnew"}, 201))
    assert (restored.outcome, [step.method for step in asked]) == ("created", ["GET", "POST"])


def test_original_contacts_go_into_the_default_folder_whatever_it_is_called():
    original, _ = play(Contacts().root(Place(ADELE, "original")))
    default: Kept = kept("contacts", {**FOLDERS["default"], "o365:WellKnownName": "contacts"})
    into, asked = play(Contacts().folder(default, original, mark="m"), ok({"id": "AQmine", "displayName": "Contactos"}))
    assert (into.path, asked[0].path) == ("/users/u1/contactFolders/AQmine", "/users/u1/contactFolders/Contacts")


def test_elsewhere_folders_are_found_or_created_below_a_folder_of_their_own():
    place, _ = play(Contacts().root(Place(ADELE)), NONE, ok({"id": "AQr"}, 201))
    family = kept("contacts", FOLDERS["family"])
    into, asked = play(Contacts().folder(family, place, mark="m"), NONE, ok({"id": "AQf"}, 201))
    assert (asked[1].path, asked[1].body) == ("/users/u1/contactFolders/AQr/childFolders", {"displayName": "Familie"})
    assert into.folder_id == "AQf"
