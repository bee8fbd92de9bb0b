from __future__ import annotations

import json
from typing import Any

import pytest

from shared.errors import CursorExpired, NotPermitted, OwnerMissing, Unreachable
from shared.graph.steps import Fetch, Read, Reply, Together
from shared.kinds.mail import Mail
from shared.kinds.mail_messages import SELECT
from shared.model import Capture, Gone, Lost, Seen, Skipped, Vanished, Version
from tests.play import error, ok, page, play
from tests.unit.kinds.mail_rig import INBOX, part, version

MESSAGE = page("mail", "message")
DELTA = "https://graph.microsoft.com/v1.0/users/u1/mailFolders/AQinbox/messages/delta?$deltatoken=d1"
MIME = b"Subject: Offer\r\n\r\nDear Adele\r\n"


def seen(record: Any) -> Seen:
    listing, _ = play(Mail().changes(INBOX, DELTA), ok({"value": [record], "@odata.deltaLink": DELTA}))
    change = listing.changes[0]
    assert isinstance(change, Seen)
    return change


def take(record: Any, *replies: Reply, prior: Version | None = None) -> Any:
    return play(Mail().capture(INBOX, seen(record), prior), *replies)


def test_the_first_question_names_every_property_and_asks_for_immutable_ids():
    _, asked = play(Mail().changes(INBOX, None), ok(page("mail", "delta_first")))
    assert asked[0].path == f"/users/u1/mailFolders/AQinbox/messages/delta?$select={SELECT}"
    assert asked[0].headers["Prefer"] == 'odata.maxpagesize=100, IdType="ImmutableId"'


def test_later_questions_carry_the_same_wishes():
    _, asked = play(Mail().changes(INBOX, DELTA), ok({"value": [], "@odata.deltaLink": DELTA}))
    assert (asked[0].path, asked[0].headers["Prefer"]) == (DELTA, 'odata.maxpagesize=100, IdType="ImmutableId"')


def test_a_replayed_item_counts_once_as_told_last():
    listing, _ = play(Mail().changes(INBOX, None), ok(page("mail", "delta_first")))
    assert [change.item_id for change in listing.changes] == ["AAkm2", "AAkm1"]
    assert listing.changes[1].record["isRead"] is False
    assert (listing.cursor[-4:], listing.last) == ("n=s1", False)


def test_a_changed_read_state_told_with_little_more_than_the_id_is_read_whole():
    read = {**MESSAGE, "isRead": False}
    listing, asked = play(
        Mail().changes(INBOX, DELTA), ok(page("mail", "delta_changed")), Reply(200, parts=(ok(read),))
    )
    assert isinstance(asked[1], Together)
    assert asked[1].steps[0].path == f"/users/u1/messages/AAkm1?$select={SELECT}"
    assert listing.changes[0].record["subject"] == "Offer"
    assert listing.changes[1] == Gone("AAkm9", "deleted")


def test_the_read_state_changes_the_tag_and_not_the_content():
    before, after = seen(MESSAGE), seen({**MESSAGE, "isRead": False})
    assert before.tag != after.tag
    assert before.content_tag == after.content_tag is not None


def test_another_subject_is_other_content():
    assert seen(MESSAGE).content_tag != seen({**MESSAGE, "subject": "Offer 2"}).content_tag


def test_a_draft_is_always_read_anew():
    assert seen(page("mail", "draft")).content_tag is None


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (error(410, "SyncStateNotFound"), CursorExpired),
        (error(400, "syncStateInvalid"), CursorExpired),
        (error(404, "ErrorSyncFolderNotFound"), OwnerMissing),
        (error(404, "ErrorItemNotFound"), OwnerMissing),
        (error(404, "MailboxNotEnabledForRESTAPI"), Unreachable),  # of a folder's feed it would close the folder
        (error(404, "ErrorMailboxMoveInProgress"), Unreachable),
        (error(403, "ErrorAccessDenied"), NotPermitted),
        (ok({"value": [], "@odata.nextLink": "https://graph.microsoft.com/v1.0/users//messages"}), CursorExpired),
    ],
)
def test_what_an_answer_says_of_the_place(reply: Reply, verdict: type[Exception]):
    with pytest.raises(verdict):
        play(Mail().changes(INBOX, DELTA), reply)


def test_without_delta_the_folder_is_listed_plainly_and_again_the_next_time():
    link = "https://graph.microsoft.com/v1.0/users/u1/mailFolders/AQinbox/messages?$skip=1"
    first, asked = play(
        Mail().changes(INBOX, None),
        error(507, "ErrorQuotaExceeded"),
        ok({"value": [MESSAGE], "@odata.nextLink": link}),
    )
    assert asked[1].path == f"/users/u1/mailFolders/AQinbox/messages?$select={SELECT}&$top=100"
    second, asked = play(Mail().changes(INBOX, first.cursor), ok({"value": []}))
    assert (asked[0].path, second.last) == (link, True)
    with pytest.raises(CursorExpired):
        play(Mail().changes(INBOX, second.cursor))


def test_a_page_that_one_item_breaks_is_asked_for_in_smaller_pieces():
    broken = error(500, "ErrorContentConversionFailed")
    listing, asked = play(
        Mail().changes(INBOX, DELTA), broken, broken, ok({"value": [MESSAGE], "@odata.nextLink": DELTA})
    )
    assert [step.headers["Prefer"].partition(",")[0] for step in asked] == [
        "odata.maxpagesize=100",
        "odata.maxpagesize=10",
        "odata.maxpagesize=1",
    ]
    assert len(listing.changes) == 1


def test_an_item_that_breaks_a_page_of_its_own_is_listed_without_its_content():
    broken = error(500, "InternalServerError", message="Error while processing response")
    bare = {"id": "AAkm1", "changeKey": "CQ1"}
    listing, asked = play(
        Mail().changes(INBOX, DELTA),
        *[broken] * 3,
        ok({"value": [bare], "@odata.deltaLink": DELTA}),
        Reply(200, parts=(error(500, "ErrorCorruptData"),)),
    )
    assert "body" not in asked[3].path
    assert listing.changes[0].item_id == "AAkm1"


def test_a_message_that_breaks_every_listing_is_stepped_over_and_owed():
    broken = error(500, "InternalServerError")
    first, asked = play(Mail().changes(INBOX, None), *[broken] * 7)
    assert asked[4].path.endswith("&$orderby=receivedDateTime&$top=100&$skip=0")
    assert (first.cursor, first.last) == ("step:1:1:9", False)
    taken, _ = play(Mail().capture(INBOX, first.changes[0], None))  # type: ignore[arg-type]  # it is Seen
    assert isinstance(taken, Lost)
    rest, asked = play(Mail().changes(INBOX, first.cursor), ok({"value": [MESSAGE]}))
    assert asked[0].path.endswith("&$top=1&$skip=1")
    assert (rest.changes[0].item_id, rest.last) == ("AAkm1", True)
    with pytest.raises(CursorExpired):
        play(Mail().changes(INBOX, rest.cursor))


def test_a_message_that_can_be_listed_again_is_no_longer_owed():
    still, _ = play(Mail().refresh(INBOX, "unlisted:4"), error(500, "InternalServerError"))
    again, asked = play(Mail().refresh(INBOX, "unlisted:4"), ok({"value": [MESSAGE]}))
    assert (still is not None, again) == (True, None)
    assert asked[0].path.endswith("&$top=1&$skip=4")


def test_a_service_that_lists_nothing_at_all_is_not_stepped_through():
    with pytest.raises(Unreachable):
        play(Mail().changes(INBOX, "step:40:19:0"), *[error(500, "InternalServerError")] * 3)


def test_a_message_is_taken_with_its_mime():
    taken, asked = take(MESSAGE, Reply(200, MIME))
    assert isinstance(asked[0], Fetch)
    assert asked[0].path == "/users/u1/messages/AAkm1/$value"
    assert taken == Capture(seen(MESSAGE).record, {"mime": MIME}, {"mime": ".eml"})


def test_unchanged_content_is_not_read_again():
    prior = version("mail", "AAkm1", content_tag=seen(MESSAGE).content_tag, mime=part(MIME), record=part(b"{}"))
    taken, [asked] = take({**MESSAGE, "isRead": False}, ok({}), prior=prior)
    assert isinstance(asked, Read)  # of our own vault
    assert taken.parts["mime"] == part(MIME)


def test_attachments_that_only_the_mime_tells_of_are_listed():
    mime = b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: image/png\r\n\r\nP\r\n--x--\r\n'
    listed = ok({"value": page("mail", "attachments")["value"][:1]})
    taken, asked = take({**MESSAGE, "hasAttachments": False}, Reply(200, mime), listed)
    assert [step.path.partition("?")[0].rpartition("/")[2] for step in asked] == ["$value", "attachments"]
    assert [a["name"] for a in taken.record["o365:Attachments"]] == ["pic.png"]


def with_attachments(*, removed: bool) -> tuple[Any, list[Any]]:
    """A message whose kept record lists two attachments; one of them was removed meanwhile, or not."""
    record = page("mail", "message_with_attachments")
    there = page("mail", "attachments")["value"][:2]
    prior = version("mail", "AAkm2", mime=part(MIME), record=part(b"..."))
    old = ok({"o365:Attachments": there})
    now = ok({"value": there[:1] if removed else there})
    return take(record, now, old, *[Reply(200, MIME)] * removed, prior=prior)


def test_unchanged_attachments_are_not_read_again():
    taken, asked = with_attachments(removed=False)
    assert isinstance(asked[1], Read)
    assert taken.parts["mime"] == part(MIME)


def test_a_removed_attachment_makes_the_mime_be_read_again():
    taken, _ = with_attachments(removed=True)
    assert taken.parts["mime"] == MIME


def test_attachments_are_listed_without_bytes_and_links_with_all_there_is():
    link = {"@odata.type": "#microsoft.graph.referenceAttachment", "id": "at4", "name": "Shared.docx", "extra": 1}
    taken, asked = take(
        page("mail", "message_with_attachments"),
        ok(page("mail", "attachments")),
        Reply(200, parts=(ok(link),)),
        Reply(200, MIME),
    )
    assert asked[0].path.endswith("/attachments?$select=id,name,contentType,size,isInline,lastModifiedDateTime")
    assert isinstance(asked[1], Together)
    assert [step.path for step in asked[1].steps] == ["/users/u1/messages/AAkm2/attachments/at4"]
    assert [a["name"] for a in taken.record["o365:Attachments"]] == ["pic.png", "Übersicht.pdf", "Inner", "Shared.docx"]
    assert taken.record["o365:Attachments"][3]["extra"] == 1


def test_inline_pictures_count_though_the_message_says_it_has_no_attachments():
    record = {**page("mail", "message_with_attachments"), "hasAttachments": False}
    taken, _ = take(record, ok({"value": page("mail", "attachments")["value"][:1]}), Reply(200, MIME))
    assert [a["name"] for a in taken.record["o365:Attachments"]] == ["pic.png"]


def test_attachments_that_can_not_be_listed_are_noted_and_the_message_is_kept():
    taken, _ = take(page("mail", "message_with_attachments"), error(500, "UnknownError"), Reply(200, MIME))
    assert taken.parts["mime"] == MIME
    assert taken.notes == ("its attachments could not be listed (500 UnknownError)",)


@pytest.mark.parametrize(
    ("reply", "taken"),
    [
        (error(404, "ErrorItemNotFound"), Vanished),
        (error(404, "MailboxNotEnabledForRESTAPI"), Lost),  # the mailbox is gone, which says nothing of the item
        (error(500, "ErrorCorruptData"), Skipped),
        (error(400, "ErrorInvalidRecipients"), Skipped),
        (error(500, "UnknownError"), Lost),
    ],
)
def test_what_becomes_of_a_message_whose_mime_can_not_be_read(reply: Reply, taken: type):
    result, _ = take(MESSAGE, reply)
    assert isinstance(result, taken)


def test_a_message_of_which_only_the_mime_can_be_read_is_kept_with_a_note():
    bare = {"id": "AAkm1", "changeKey": "CQ1"}
    listing, _ = play(
        Mail().changes(INBOX, DELTA),
        ok({"value": [bare], "@odata.deltaLink": DELTA}),
        Reply(200, parts=(error(500, "ErrorCorruptData"),)),
    )
    taken, _ = play(Mail().capture(INBOX, listing.changes[0], None), Reply(200, MIME))
    assert taken.parts["mime"] == MIME
    assert "only the MIME" in taken.notes[0]


def test_an_owed_message_is_read_anew_or_gone():
    found, asked = play(Mail().refresh(INBOX, "AAkm1"), ok(MESSAGE))
    gone, _ = play(Mail().refresh(INBOX, "AAkm1"), error(404, "ErrorItemNotFound"))
    assert asked[0].path == f"/users/u1/messages/AAkm1?$select={SELECT}"
    assert (found, gone) == (seen(MESSAGE), None)


def test_a_record_is_graphs_own_json_below_the_common_properties():
    record = seen(MESSAGE).record
    assert (record["o365:Type"], record["o365:Name"]) == ("message", "Offer")
    assert json.loads(json.dumps({k: v for k, v in record.items() if not k.startswith("o365:")})) == MESSAGE
