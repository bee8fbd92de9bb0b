from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from shared.errors import NeedsPerson, NotPermitted
from shared.graph.steps import Read, Reply, Step, Upload
from shared.kinds.mail import Mail
from shared.kinds.mail_message import LOST_CONTROLS, LOST_HEADERS, LOST_LINK, LOST_RECEIPTS, LOST_REPLY_TO
from shared.kinds.mail_restore import NOT_ADDED
from shared.kinds.mailbox import MARK, REPLACES
from shared.model import Json, Mode, Restored
from tests.play import error, ok, page, play
from tests.unit.kinds.mail_rig import TARGET, kept, mime_with_attachments

MESSAGE = page("mail", "message")
NONE = ok({"value": []})
CREATED = ok({"id": "AAnew", "isRead": True, "categories": [], "flag": {"flagStatus": "notFlagged"}}, 201)
BEGUN = {"id": "AAbegun", "isRead": True, "categories": [], "flag": {"flagStatus": "notFlagged"}, "isDraft": False}


def give(record: Json, *replies: Reply, mode: Mode = "create", **parts: bytes) -> tuple[Restored, list[Step]]:
    return play(Mail().restore(kept("mail", record, **parts), TARGET, mark="r1/v1", mode=mode), *replies)


def bearing(mark: str) -> Json:
    return {"singleValueExtendedProperties": [{"id": MARK, "value": mark}]}


def created(record: Json) -> Json:
    """The body of the request that creates the message."""
    _, asked = give(record, NONE, CREATED, *[ok({})] * (not record.get("isRead")))
    assert isinstance(asked[1].body, dict)
    return asked[1].body


def extended(body: Json) -> dict[str, str]:
    return {e["id"]: e["value"] for e in body["singleValueExtendedProperties"]}


def attached() -> Json:
    return {**page("mail", "message_with_attachments"), "o365:Attachments": page("mail", "attachments")["value"]}


def with_attachments(*after: Reply, first: Reply = NONE, create: bool = True, big: bytes = b"") -> tuple[Any, Any]:
    mime = mime_with_attachments(big=big)
    replies = [first, Reply(200, mime), *[CREATED] * create, *after]
    return give(attached(), *replies, mime=mime)


def test_a_message_is_looked_for_by_its_mark_and_created_once():
    restored, asked = give(MESSAGE, NONE, CREATED)
    assert restored == Restored("created", "AAnew")
    assert [(step.method, step.path.partition("?")[0]) for step in asked] == [
        ("GET", "/users/u1/mailFolders/AQnew/messages"),
        ("POST", "/users/u1/mailFolders/AQnew/messages"),
    ]
    assert f"ep/id eq '{MARK}' and ep/value eq 'r1/v1'" in unquote(asked[0].path)


def test_restoring_a_message_twice_makes_one_message():
    restored, asked = give(MESSAGE, ok({"value": [BEGUN]}))
    assert restored == Restored("completed", "AAbegun")
    assert [step.method for step in asked] == ["GET"]


def test_the_creating_request_carries_dates_state_and_mark():
    told = extended(created(MESSAGE))
    assert told["SystemTime 0x0039"] == "2025-02-03T10:11:10Z"
    assert told["SystemTime 0x0E06"] == "2025-02-03T10:11:14Z"
    assert told["Integer 0x0E07"] == "5"
    assert told[MARK] == "r1/v1"


def test_an_unread_message_is_created_unread():
    assert extended(created({**MESSAGE, "isRead": False}))["Integer 0x0E07"] == "4"


def test_a_draft_stays_a_draft():
    assert "Integer 0x0E07" not in extended(created(page("mail", "draft")))


def test_nothing_of_the_servers_own_is_sent():
    body = created(MESSAGE)
    assert not body.keys() & (Mail.server_owned - {"internetMessageHeaders"})
    assert not [name for name in body if name.startswith("@odata")]
    assert body["internetMessageHeaders"] == [{"name": "X-Ticket", "value": "4711"}]


def test_a_read_state_that_the_service_got_wrong_is_put_right_and_nothing_else():
    _, asked = give({**MESSAGE, "isRead": False}, NONE, CREATED, ok({}))
    assert (asked[2].method, asked[2].path, asked[2].body) == ("PATCH", "/users/u1/messages/AAnew", {"isRead": False})


@pytest.mark.parametrize(
    ("change", "loss"),
    [
        ({"replyTo": [{"emailAddress": {"name": "x", "address": "no address"}}]}, LOST_REPLY_TO),
        ({"isReadReceiptRequested": True}, LOST_RECEIPTS),
        ({"internetMessageHeaders": [{"name": f"X-{n}", "value": ""} for n in range(6)]}, LOST_HEADERS),
        ({"body": {"contentType": "text", "content": "a\x0bb"}}, LOST_CONTROLS),
    ],
)
def test_what_a_new_message_can_not_have_is_left_out_and_told(change: Json, loss: str):
    restored, asked = give({**MESSAGE, **change}, NONE, CREATED)
    assert restored.losses == (loss,)
    assert isinstance(asked[1].body, dict)
    assert "\\u000b" not in repr(asked[1].body)


def test_old_exchange_names_are_valid_reply_to_addresses():
    old = {"emailAddress": {"name": "Bo", "address": "/o=ExchangeLabs/ou=x/cn=Recipients/cn=bo"}}
    assert created({**MESSAGE, "replyTo": [old]})["replyTo"] == [old]


def test_attachments_go_inside_the_creating_request():
    restored, asked = with_attachments()
    assert isinstance(asked[1], Read)
    assert isinstance(asked[2].body, dict)
    inside = asked[2].body["attachments"]
    assert [a["name"] for a in inside] == ["pic.png", "Übersicht.pdf", "Inner"]
    assert (inside[0]["contentId"], inside[0]["isInline"]) == ("pic1", True)
    assert inside[2]["item"]["subject"] == "Inner"
    assert restored == Restored("created", "AAnew", (LOST_LINK,))


def test_what_an_earlier_attempt_did_not_attach_is_attached():
    there = ok({"value": [{"id": "a1", "name": "pic.png"}, {"id": "a2", "name": "Inner"}]})
    restored, asked = with_attachments(there, ok({"id": "a3"}, 201), first=ok({"value": [BEGUN]}), create=False)
    assert (asked[3].path, asked[3].body["name"]) == ("/users/u1/messages/AAbegun/attachments", "Übersicht.pdf")
    assert restored.outcome == "completed"


def test_a_big_attachment_follows_in_an_upload_session():
    session = ok({"uploadUrl": "https://outlook.office.com/upload/1"}, 201)
    _, asked = with_attachments(session, ok(None, 201), big=b"x" * 3_600_000)
    assert asked[3].path == "/users/u1/messages/AAnew/attachments/createUploadSession"
    assert asked[3].body["AttachmentItem"]["size"] == 3_600_000
    upload = asked[4]
    assert isinstance(upload, Upload)
    assert (len(upload.data), upload.fragment_bytes <= 4_000_000) == (3_600_000, True)


def test_an_attachment_that_does_not_fit_beside_the_others_follows_alone():
    _, asked = with_attachments(ok({"id": "a"}, 201), big=b"x" * 2_800_000)
    assert [a["name"] for a in asked[2].body["attachments"]] == ["pic.png", "Inner"]
    assert asked[3].body["name"] == "Übersicht.pdf"


def test_when_adding_to_a_sent_message_is_refused_the_remedy_is_told():
    restored, _ = with_attachments(error(403, "ErrorAccessDenied"), big=b"x" * 2_800_000)
    assert restored.losses == (LOST_LINK, NOT_ADDED)


def test_a_message_that_is_there_is_skipped_when_asked_to():
    restored, asked = give(MESSAGE, NONE, ok({"value": [{**MESSAGE, "id": "AAthere"}]}), mode="skip")
    assert (restored.outcome, restored.item_id) == ("skipped", "AAthere")
    assert "internetMessageId eq '<AAkm1@fabrikam.example>'" in unquote(asked[1].path)


def test_an_apostrophe_in_a_message_id_is_doubled():
    _, asked = give({**MESSAGE, "internetMessageId": "<o'b@x>"}, NONE, NONE, CREATED, mode="skip")
    assert "internetMessageId eq '<o''b@x>'" in unquote(asked[1].path)


def test_a_draft_without_a_message_id_is_known_by_its_own_id():
    there = ok({"id": "AAkm3", "parentFolderId": "AQnew"})
    restored, asked = give(page("mail", "draft"), NONE, there, mode="skip")
    assert (restored.outcome, asked[1].path.partition("?")[0]) == ("skipped", "/users/u1/messages/AAkm3")


def test_replacing_creates_first_and_removes_after():
    old = {**MESSAGE, "id": "AAold", "subject": "Offer, changed"}
    restored, asked = give(MESSAGE, NONE, ok({"value": [old]}), CREATED, ok(None, 204), mode="replace")
    assert [(step.method, step.path.partition("?")[0]) for step in asked[2:]] == [
        ("POST", "/users/u1/mailFolders/AQnew/messages"),
        ("DELETE", "/users/u1/messages/AAold"),
    ]
    assert restored == Restored("replaced", "AAnew")


def test_replacing_leaves_an_equal_message_alone():
    restored, asked = give(MESSAGE, NONE, ok({"value": [{**MESSAGE, "id": "AAold"}]}), mode="replace")
    assert (restored.outcome, len(asked)) == ("skipped", 2)


def test_replacing_replaces_a_message_that_lacks_an_attachment():
    lacking = ok({"value": [{"id": "a1", "name": "pic.png"}]})
    there = ok({"value": [{**attached(), "id": "AAold"}]})
    mime = mime_with_attachments()
    replies = [NONE, there, lacking, Reply(200, mime), CREATED, ok(None, 204)]
    restored, _ = give(attached(), *replies, mode="replace", mime=mime)
    assert restored.outcome == "replaced"


def test_replacing_goes_on_where_an_earlier_attempt_died():
    noted = {"singleValueExtendedProperties": [{"id": REPLACES, "value": "AAold"}]}
    there = ok({"id": "AAold", "parentFolderId": TARGET.folder_id})
    restored, asked = give(MESSAGE, ok({"value": [{**BEGUN, **noted}]}), there, ok(None, 204), mode="replace")
    assert (asked[-1].method, asked[-1].path, restored.outcome) == ("DELETE", "/users/u1/messages/AAold", "completed")


def test_what_a_replacement_deleted_before_it_died_is_not_deleted_for_good():
    noted = {"singleValueExtendedProperties": [{"id": REPLACES, "value": "AAold"}]}
    binned = ok({"id": "AAold", "parentFolderId": "deleted items"})
    _, asked = give(MESSAGE, ok({"value": [{**BEGUN, **noted}]}), binned, mode="replace")
    assert "DELETE" not in [step.method for step in asked]


def test_a_rerun_of_a_replacement_removes_no_look_alike_of_what_it_removed_before():
    restored, asked = give(MESSAGE, ok({"value": [BEGUN]}), mode="replace")
    assert restored.outcome == "completed" and "DELETE" not in [step.method for step in asked]


def test_what_is_to_be_removed_is_written_on_what_replaces_it():
    twin = ok({"value": [{**MESSAGE, "id": "AAold", "subject": "Offer, changed"}]})
    _, asked = give(MESSAGE, NONE, twin, CREATED, ok(None, 204), mode="replace")
    created = next(step for step in asked if step.method == "POST")
    assert {"id": REPLACES, "value": "AAold"} in created.body["singleValueExtendedProperties"]


def test_a_true_duplicate_that_the_same_restore_made_is_no_twin():
    made = ok({"value": [{**MESSAGE, "id": "AAfirst", **bearing("r1.first")}]})
    act = Mail().restore(kept("mail", MESSAGE), TARGET, mark="r1.second", mode="skip")
    restored, _ = play(act, NONE, made, CREATED)
    assert restored == Restored("created", "AAnew")


def test_what_another_restore_made_is_a_twin():
    made = ok({"value": [{**MESSAGE, "id": "AAfirst", **bearing("r0.first")}]})
    act = Mail().restore(kept("mail", MESSAGE), TARGET, mark="r1.second", mode="skip")
    restored, _ = play(act, NONE, made)
    assert restored.outcome == "skipped"


@pytest.mark.parametrize("reply", [ok({"id": "AAnew"}, 200), ok({}, 201), error(400, "ErrorInvalidRecipients")])
def test_only_a_created_message_with_an_id_counts_as_created(reply: Reply):
    restored, _ = give(MESSAGE, NONE, reply)
    assert restored.outcome == "failed"


def test_a_full_mailbox_and_a_missing_role_stop_the_restore():
    with pytest.raises(NeedsPerson, match="full"):
        give(MESSAGE, NONE, error(507, "ErrorQuotaExceeded"))
    with pytest.raises(NotPermitted, match=r"Mail\.ReadWrite"):
        give(MESSAGE, NONE, error(403, "ErrorAccessDenied"))


def test_all_questions_come_before_the_first_write():
    old = {**MESSAGE, "id": "AAold", "subject": "Offer, changed"}
    mime = mime_with_attachments()
    _, asked = give(
        attached(), NONE, ok({"value": [old]}), Reply(200, mime), CREATED, ok(None, 204), mode="replace", mime=mime
    )
    assert [step.reads for step in asked] == [True, True, True, False, False]
