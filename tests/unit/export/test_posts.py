"""Posts of a conversation as mails that other programs read."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from shared.export import posts

PICTURE = {"@odata.type": "#f", "name": "pic.png", "contentType": "image/png", "isInline": True, "contentId": "pic1@x"}
MENU = {"@odata.type": "#f", "name": "Menü\r\nX: y.txt", "contentType": "text/plain", "o365:Part": "attachment-1"}
LINK = {"@odata.type": "#r", "name": "plan.docx"}
BYTES = {"attachment-1": b"Soup", "attachment-2": b"\x89PNG"}


def said(**more: Any) -> dict[str, Any]:
    who = {"emailAddress": {"name": "Jörg, Chef", "address": "joerg@contoso.example"}}
    body = {"contentType": "html", "content": "<p>Grüße</p>"}
    return {"id": "p1", "from": who, "receivedDateTime": "2026-05-04T10:02:33Z", "body": body, **more}


def read(post: dict[str, Any], topic: str = "Lunch") -> EmailMessage:
    crew = {"emailAddress": {"name": "Crew", "address": "crew@contoso.example"}}
    made = posts.mail({"topic": topic, "toRecipients": [crew]}, post, BYTES.get)
    assert made == posts.mail({"topic": topic, "toRecipients": [crew]}, post, BYTES.get)
    told = message_from_bytes(made, policy=default)
    assert isinstance(told, EmailMessage)
    return told


def test_a_post_reads_as_the_mail_that_it_was() -> None:
    told = read(said(inReplyTo={"id": "p0"}))
    assert told["From"].addresses[0].display_name == "Jörg, Chef"
    assert (told["Subject"], told["To"]) == ("Lunch", "Crew <crew@contoso.example>")
    assert told["Date"].datetime.isoformat() == "2026-05-04T10:02:33+00:00"
    assert told.get_content().strip() == "<p>Grüße</p>"
    assert told["In-Reply-To"] == read({**said(), "id": "p0"})["Message-ID"] != told["Message-ID"]


def test_pictures_stay_in_the_text_and_files_are_attached() -> None:
    told = read(said(**{"o365:Attachments": [MENU, LINK, PICTURE | {"o365:Part": "attachment-2"}]}))
    assert [(one.get_filename(), one.get_content()) for one in told.iter_attachments()] == [("Menü X: y.txt", "Soup")]
    [picture] = [one for one in told.walk() if one.get_content_type() == "image/png"]
    assert (picture["Content-ID"], picture.get_payload(decode=True)) == ("<pic1@x>", b"\x89PNG")
    body = told.get_body(("html",))
    assert body is not None
    assert body.get_content().strip() == "<p>Grüße</p>"


@pytest.mark.parametrize("address", ["a@b\r\nBcc: x@y", "ä@ö.example", "", "<a@b>"])
def test_no_text_begins_another_header(address: str) -> None:
    who = {"emailAddress": {"name": "A\r\nBcc: x@y", "address": address}}
    told = read(said(**{"from": who}), topic="Lunch\r\nBcc: x@y\u2028")
    assert told["Bcc"] is None
    assert told["Subject"] == "Lunch Bcc: x@y"
    assert told["From"].addresses[0].addr_spec == "unknown@holdfast.invalid"


def test_odd_records_make_mails_too() -> None:
    told = read({"id": "p\ud800", "body": None, "receivedDateTime": "soon", "from": "x"}, topic="\ud800")
    assert told["Date"] is None
    assert told["Subject"] == "(no topic)"
    names = [name for name, _ in posts.of({"posts": [said(), "x", {"id": "p2"}]})]
    assert names == ["0001 Jörg, Chef", "0002 post"]


def test_what_was_kept_as_a_whole_answer_is_no_attachment_of_the_mail() -> None:
    assert posts.wanted({"o365:Attachments": [{"name": "post.json", "o365:Part": "attachment-1"}, MENU]}).keys() == {
        "attachment-1"
    }
    assert posts.wanted({"o365:Attachments": [{"name": "post.json", "o365:Part": "attachment-9"}]}) == {}
