from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.mime.message import MIMEMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kinds.mail_message import LOST_LINK, LOST_NESTED, attachments
from shared.kinds.mail_mime import attached_message, pieces
from tests.play import page
from tests.unit.kinds.mail_rig import PDF, PNG, mime_with_attachments

LISTED = page("mail", "attachments")["value"]


def test_a_message_is_taken_apart_into_its_attachments():
    picture, file, inner = pieces(mime_with_attachments())
    assert (picture.name, picture.content_id, picture.inline, picture.data) == ("pic.png", "pic1", True, PNG)
    assert (file.name, file.content_type, file.data) == ("Übersicht.pdf", "application/pdf", PDF)
    assert (inner.name, inner.content_type, inner.message is not None) == ("Inner", "message/rfc822", True)


def test_texts_of_the_body_and_a_calendar_beside_them_are_no_attachments():
    mime = (
        b'Content-Type: multipart/alternative; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\na\r\n'
        b"--x\r\nContent-Type: text/html\r\n\r\n<p>a</p>\r\n--x\r\nContent-Type: text/calendar; method=REQUEST\r\n"
        b"\r\nBEGIN:VCALENDAR\r\n--x--\r\n"
    )
    assert attachments(None, pieces(mime)) == ([], [])


def test_a_second_text_that_the_service_lists_as_an_attachment_gets_its_bytes():
    mime = (
        b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nthe body\r\n'
        b"--x\r\nContent-Type: text/plain\r\n\r\na footer\r\n--x\r\nContent-Type: image/gif\r\n\r\nGIF\r\n--x--\r\n"
    )
    file = "#microsoft.graph.fileAttachment"
    listed = [
        {"@odata.type": file, "name": "ATT00001.txt", "contentType": "text/plain"},
        {"@odata.type": file, "name": "ATT00002", "contentType": "image/gif"},
    ]
    ready, losses = attachments(listed, pieces(mime))
    assert ([a.data for a in ready], losses) == ([b"a footer", b"GIF"], [])


def test_a_delivery_report_is_one_part_with_its_bytes():
    mime = (
        b'Content-Type: multipart/report; boundary="x"\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n'
        b"Reporting-MTA: dns; mx.example\r\n\r\nAction: failed\r\n--x--\r\n"
    )
    [report] = pieces(mime)
    assert report.content_type == "message/delivery-status"
    assert b"Reporting-MTA: dns; mx.example" in report.data
    assert b"Action: failed" in report.data


def test_names_in_the_old_and_the_new_encoding_are_read():
    mime = (
        b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n'
        b'--x\r\nContent-Type: application/pdf; name="=?utf-8?Q?=C3=9Cber.pdf?="\r\n\r\n1\r\n'
        b"--x\r\nContent-Disposition: attachment; filename*=utf-8''%C3%9Cber%202.pdf\r\n\r\n2\r\n--x--\r\n"
    )
    assert [piece.name for piece in pieces(mime)] == ["Über.pdf", "Über 2.pdf"]


@pytest.mark.parametrize(
    "mime",
    [
        b"",
        b"\x00\x01\xff no message",
        b'Content-Type: multipart/mixed; boundary="x"\r\n\r\nno boundary',
        b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/html; charset=qq\r\n\r\n\xe9',
        b"Content-Type: message/rfc822\r\n\r\n",
        b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!not base64",
    ],
)
def test_malformed_mail_is_taken_apart_as_far_as_it_goes(mime: bytes):
    for piece in pieces(mime):
        assert isinstance(piece.data, bytes)
        if piece.message is not None:
            assert attached_message(piece.message)["@odata.type"] == "#microsoft.graph.message"


@given(st.binary(max_size=400))
def test_no_bytes_make_the_reader_fail(noise: bytes):
    pieces(b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\n' + noise)


def test_an_attached_message_becomes_an_item_with_people_dates_and_body():
    inner = pieces(mime_with_attachments())[2].message
    assert inner is not None
    item = attached_message(inner)
    assert (item["subject"], item["body"]["content"].strip()) == ("Inner", "inner text")
    assert item["from"] == {"emailAddress": {"name": "Bo", "address": "bo@fabrikam.example"}}
    assert item["sentDateTime"] == "2025-02-03T07:00:00Z"


def test_listed_attachments_get_their_bytes_and_links_are_told():
    ready, losses = attachments(LISTED, pieces(mime_with_attachments()))
    assert [(a.name, a.data) for a in ready[:2]] == [("pic.png", PNG), ("Übersicht.pdf", PDF)]
    assert (ready[0].inline, ready[0].content_id) == (True, "pic1")
    assert ready[2].item is not None
    assert losses == [LOST_LINK]


def test_other_names_in_the_mime_are_matched_by_order():
    renamed = [{**entry, "name": f"other {i}"} for i, entry in enumerate(LISTED[:3])]
    ready, losses = attachments(renamed, pieces(mime_with_attachments()))
    assert [(a.name, a.data) for a in ready[:2]] == [("other 0", PNG), ("other 1", PDF)]
    assert losses == []


def test_an_attachment_without_bytes_is_told_and_never_guessed():
    listed = [LISTED[1], {**LISTED[1], "name": "missing.pdf"}, {**LISTED[1], "name": "missing too.pdf"}]
    ready, losses = attachments(listed, pieces(mime_with_attachments()))
    assert [a.name for a in ready] == ["Übersicht.pdf"]
    assert losses == ["2 of 3 attachments: the kept MIME does not hold them"]


def test_an_attached_message_with_attachments_comes_back_as_a_file():
    outer = EmailMessage()
    outer.set_content("see below")
    inner = message_from_bytes(mime_with_attachments())
    outer.make_mixed()
    outer.attach(MIMEMessage(inner))
    [ready], losses = attachments([{**LISTED[2], "name": "Photos"}], pieces(outer.as_bytes()))
    assert (ready.name, ready.item, losses) == ("Photos.eml", None, [LOST_NESTED])
    assert PDF in b"".join(piece.data for piece in pieces(ready.data))


def test_without_a_list_all_that_the_mime_holds_comes_back():
    ready, losses = attachments(None, pieces(mime_with_attachments()))
    assert [a.name for a in ready] == ["pic.png", "Übersicht.pdf", "Inner"]
    assert losses == []
