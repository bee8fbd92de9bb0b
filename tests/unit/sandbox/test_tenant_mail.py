"""Mail of the simulated tenant: folders, drafts and what becomes of them, ids, MIME, attachments."""

from __future__ import annotations

import base64
import email
from pathlib import Path
from typing import Any

import pytest

from sandbox.tenant.dump import dump_message
from sandbox.tenant.load import load_mail
from sandbox.tenant.mutations import mailbox_of
from tests.unit.sandbox.visitor import FLAGS, IMMUTABLE, RECEIVED, SENT, Visitor, message, visiting

DATES = [{"id": SENT, "value": "2020-01-01T10:00:00Z"}, {"id": RECEIVED, "value": "2020-01-01T10:00:05Z"}]
MARK = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Mark"


async def names(visitor: Visitor, url: str) -> list[str]:
    out: list[str] = []
    while url:
        page = await visitor.get(url)
        out += [f["displayName"] for f in page["value"]]
        url = page.get("@odata.nextLink", "")
    return out


async def test_folders_are_listed_ten_a_page_without_hidden_ones_unless_asked() -> None:
    async with visiting("awkward") as visitor:
        base = f"/users/{visitor.id_of('adele')}/mailFolders"
        page = await visitor.get(base)
        assert len(page["value"]) == 10
        assert "Hidden store" not in await names(visitor, base)
        assert "Hidden store" in await names(visitor, base + "?includeHiddenFolders=true")


async def test_well_known_names_work_whatever_the_mailboxs_language() -> None:
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('bernd')}/mailFolders"
        assert (await visitor.get(base + "/inbox"))["displayName"] == "Posteingang"
        assert (await visitor.ask("GET", base + "/Posteingang")).code == "ErrorFolderNotFound"


async def test_recoverable_items_are_reached_by_name_and_listed_nowhere() -> None:
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('adele')}/mailFolders"
        folder = await visitor.get(base + "/recoverableitemsdeletions")
        everywhere = [f["id"] for f in (await visitor.round(base + "/delta"))[0]]
        assert folder["totalItemCount"] == 1
        assert folder["id"] not in everywhere
        assert folder["displayName"] not in await names(visitor, base + "?includeHiddenFolders=true")


async def test_a_same_name_sibling_is_refused_though_some_exist() -> None:
    async with visiting("awkward") as visitor:
        base = f"/users/{visitor.id_of('adele')}/mailFolders"
        assert (await names(visitor, base)).count("Twin") == 2
        reply = await visitor.ask("POST", base, app="restore", json={"displayName": "twin"})
        assert (reply.status, reply.code) == (409, "ErrorFolderExists")


async def test_a_posted_message_is_a_draft_unless_its_flags_say_otherwise() -> None:
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('adele')}/mailFolders/inbox/messages"
        assert (await visitor.post(base, message(flags=None)))["isDraft"] is True
        assert (await visitor.post(base, message(flags=8)))["isDraft"] is True
        assert (await visitor.post(base, message(flags=4)))["isDraft"] is False


async def test_dates_are_kept_only_when_given_at_creation() -> None:
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('adele')}/mailFolders/inbox/messages"
        kept = await visitor.post(base, message(tags=DATES))
        assert (kept["sentDateTime"], kept["receivedDateTime"]) == ("2020-01-01T10:00:00Z", "2020-01-01T10:00:05Z")
        now = await visitor.post(base, message(sentDateTime="2020-01-01T10:00:00Z"))
        assert now["sentDateTime"] != "2020-01-01T10:00:00Z"
        late = {"singleValueExtendedProperties": [{"id": SENT, "value": "2001-01-01T00:00:00Z"}]}
        changed = await visitor.ask("PATCH", f"{base}/{now['id']}", app="restore", json=late)
        assert changed.body["sentDateTime"] == now["sentDateTime"]


@pytest.mark.parametrize("name", ["createdDateTime", "changeKey", "parentFolderId", "hasAttachments", "conversationId"])
async def test_what_the_server_owns_cannot_be_posted(name: str) -> None:
    async with visiting() as visitor:
        url = f"/users/{visitor.id_of('adele')}/messages"
        assert (await visitor.ask("POST", url, app="restore", json=message() | {name: "x"})).status == 400


async def test_posted_mime_is_always_a_draft_received_now() -> None:
    mime = base64.b64encode(b"Subject: m\r\nFrom: a@b.example\r\nDate: Mon, 3 Feb 2020 10:00:00 +0000\r\n\r\nhi")
    async with visiting() as visitor:
        url = f"/users/{visitor.id_of('adele')}/mailFolders/inbox/messages"
        text = {"Content-Type": "text/plain"}
        made = (await visitor.ask("POST", url, app="restore", data=mime, headers=text)).body
        assert (made["isDraft"], made["sentDateTime"]) == (True, "2020-02-03T10:00:00Z")
        assert made["receivedDateTime"] != made["sentDateTime"]
        bad = await visitor.ask("POST", url, app="restore", data=b"&&&", headers=text)
        assert (bad.status, bad.code) == (400, "ErrorMimeContentInvalidBase64String")


async def test_a_delivered_message_serves_exactly_its_own_bytes() -> None:
    raw = b"From: a@b.example\r\nSubject: =?utf-8?q?=C3=9C?=\r\nX-Odd:  spaced\r\n\r\nbody \xff\r\n"
    async with visiting() as visitor:
        do = {"do": "add_mail", "user": "adele@contoso.example", "subject": "", "mime": base64.b64encode(raw).decode()}
        async with visitor.session.post(visitor.tenant.doors.control + "/mutate", json=[do]) as answer:
            made = (await answer.json())["done"][0]
        url = f"/users/{visitor.id_of('adele')}/messages/{made['id']}"
        assert await visitor.get(url + "/$value") == raw
        assert (await visitor.get(url, prefer=IMMUTABLE))["subject"] == "Ü"


async def test_a_posted_message_serves_mime_with_its_attachments() -> None:
    file = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "ä.txt", "contentBytes": "aGk="}
    inner = {
        "@odata.type": "#microsoft.graph.message",
        "subject": "Inner",
        "body": {"contentType": "text", "content": "i"},
    }
    item = {"@odata.type": "#microsoft.graph.itemAttachment", "name": "Inner", "item": inner}
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('adele')}/messages"
        made = await visitor.post(base, message("Größe", attachments=[file, item]))
        mail = email.message_from_bytes(await visitor.get(f"{base}/{made['id']}/$value"))
        kinds = [part.get_content_type() for part in mail.walk()]
        assert kinds[:2] == ["multipart/mixed", "text/html"]
        assert "message/rfc822" in kinds
        assert b"hi" in [part.get_payload(decode=True) for part in mail.walk() if part.get_filename()]


async def test_a_move_changes_the_mutable_id_and_keeps_the_immutable_one() -> None:
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('adele')}"
        made = await visitor.post(f"{base}/mailFolders/inbox/messages", message())
        immutable = (await visitor.get(f"{base}/messages/{made['id']}", prefer=IMMUTABLE))["id"]
        moved = await visitor.post(f"{base}/messages/{made['id']}/move", {"destinationId": "archive"})
        assert moved["id"] != made["id"]
        assert (await visitor.ask("GET", f"{base}/messages/{made['id']}")).code == "ErrorItemNotFound"
        assert (await visitor.get(f"{base}/messages/{immutable}", prefer=IMMUTABLE))["id"] == immutable


async def test_extended_properties_are_found_by_value_and_shown_only_by_name() -> None:
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('adele')}/messages"
        made = await visitor.post(base, message(tags=[{"id": MARK, "value": "r1/v1"}]))
        asked = f"$filter=singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value eq 'r1/v1')&$select=id"
        assert [m["id"] for m in (await visitor.get(f"{base}?{asked}"))["value"]] == [made["id"]]
        one = f"{base}/{made['id']}"
        assert "singleValueExtendedProperties" not in await visitor.get(one)
        shown = await visitor.get(f"{one}?$expand=singleValueExtendedProperties($filter=id eq '{FLAGS}')")
        assert [t["id"] for t in shown["singleValueExtendedProperties"]] == ["Integer 0xe07"]


async def test_internet_message_id_finds_every_copy() -> None:
    async with visiting("awkward") as visitor:
        asked = "$filter=internetMessageId eq '<adele.203@fabrikam.example>'&$select=id,parentFolderId"
        found = (await visitor.get(f"/users/{visitor.id_of('adele')}/messages?{asked}"))["value"]
        assert (len(found), len({m["parentFolderId"] for m in found})) == (3, 2)


async def test_inline_images_alone_do_not_count_as_attachments() -> None:
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('adele')}/messages"
        found = (await visitor.get(f"{base}?$filter=subject eq 'With picture'&$select=hasAttachments"))["value"][0]
        assert found["hasAttachments"] is False
        inline = (await visitor.get(f"{base}/{found['id']}/attachments"))["value"]
        assert [(a["isInline"], a["contentId"]) for a in inline] == [(True, "pic1")]


async def test_attachment_bytes_by_kind() -> None:
    async with visiting("awkward") as visitor:
        base = f"/users/{visitor.id_of('adele')}/messages"

        async def value_of(subject: str) -> Any:
            found = (await visitor.get(f"{base}?$filter=subject eq '{subject}'&$select=id"))["value"][0]
            one = (await visitor.get(f"{base}/{found['id']}/attachments?$select=id"))["value"][0]
            return await visitor.ask("GET", f"{base}/{found['id']}/attachments/{one['id']}/$value")

        assert (await value_of("Cloud attachment")).status == 405
        assert (await value_of("Attachment that cannot be opened")).code == "ErrorCannotOpenFileAttachment"
        assert b"The attached one" in (await value_of("With attached message")).body
        assert len((await value_of("Large attachment")).body) == 33 * 1024 * 1024


async def test_a_large_attachment_goes_up_in_order_to_a_host_that_refuses_a_token() -> None:
    size, half = 3_200_000, 1_600_000
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('adele')}/messages"
        made = await visitor.post(base, message())
        wanted = {"AttachmentItem": {"attachmentType": "file", "name": "l.bin", "size": size}}
        url = (await visitor.post(f"{base}/{made['id']}/attachments/createUploadSession", wanted))["uploadUrl"]
        first, second = (
            {"Content-Range": f"bytes 0-{half - 1}/{size}"},
            {"Content-Range": f"bytes {half}-{size - 1}/{size}"},
        )
        assert (await visitor.put_bytes(url, b"a" * half, Authorization="Bearer x", **first)).status == 401
        assert (await visitor.put_bytes(url, b"b" * half, **second)).status == 416
        assert (await visitor.put_bytes(url, b"a" * half, **first)).status == 200
        done = await visitor.put_bytes(url, b"b" * half, **second)
        attachment = done.headers["Location"].rpartition("('")[2].removesuffix("')")
        stored = await visitor.get(f"{base}/{made['id']}/attachments/{attachment}/$value")
        assert stored == b"a" * half + b"b" * half


async def test_requests_beyond_four_megabytes_are_refused() -> None:
    async with visiting(request_limit=2_000) as visitor:
        base = f"/users/{visitor.id_of('adele')}/messages"
        assert (await visitor.ask("POST", base, app="restore", json=message("x" * 3_000))).status == 400
        text = {"Content-Type": "text/plain"}
        assert (await visitor.ask("POST", base, app="restore", data=b"x" * 3_000, headers=text)).status == 413


async def test_from_2027_a_sent_messages_content_is_fixed_and_its_marks_are_not() -> None:
    async with visiting(mail_rule_2026=True, mail_rule_2026_attachments=True) as visitor:
        base = f"/users/{visitor.id_of('adele')}/messages"
        sent, draft = await visitor.post(base, message()), await visitor.post(base, message(flags=None))

        async def patched(one: Any, body: Any) -> int:
            return (await visitor.ask("PATCH", f"{base}/{one['id']}", app="restore", json=body)).status

        assert await patched(sent, {"subject": "y"}) == 403
        assert await patched(draft, {"subject": "y"}) == 200
        assert await patched(sent, {"isRead": False, "categories": ["c"], "flag": {"flagStatus": "flagged"}}) == 200
        file = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "a", "contentBytes": "aGk="}
        late = await visitor.ask("POST", f"{base}/{sent['id']}/attachments", app="restore", json=file)
        assert late.status == 403


async def test_a_deleted_message_goes_to_the_bin_then_among_the_recoverable_ones() -> None:
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('adele')}"
        made = await visitor.post(f"{base}/messages", message("To delete"))

        async def only_in(folder: str) -> str:
            url = f"{base}/mailFolders/{folder}/messages?$filter=subject eq 'To delete'"
            return str((await visitor.get(url))["value"][0]["id"])

        await visitor.ask("DELETE", f"{base}/messages/{made['id']}", app="restore")
        binned = await only_in("deleteditems")
        await visitor.ask("DELETE", f"{base}/messages/{binned}", app="restore")
        final = await visitor.ask(
            "DELETE", f"{base}/messages/{await only_in('recoverableitemsdeletions')}", app="restore"
        )
        assert final.code == "ErrorCannotDeleteObject"


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("nomailbox", 404, "MailboxNotEnabledForRESTAPI"),
        ("guest_fabrikam.example#EXT#", 404, "ResourceNotFound"),
        ("outofscope", 403, "ErrorAccessDenied"),
    ],
)
async def test_mailboxes_that_are_not_there_say_so_in_their_own_way(name: str, status: int, code: str) -> None:
    async with visiting("awkward") as visitor:
        reply = await visitor.ask("GET", f"/users/{visitor.id_of(name)}/mailFolders")
        assert (reply.status, reply.code) == (status, code)


async def test_a_message_given_back_shows_in_the_dump_as_it_was() -> None:
    async with visiting() as visitor:
        mailbox = mailbox_of(visitor.tenant, "adele@contoso.example")
        was = next(m for m in mailbox.messages.values() if m.props["subject"] == "With attachment")
        record = await visitor.get(f"/users/{mailbox.user.id}/messages/{was.immutable_id}?$expand=attachments")
        kept = (
            "subject",
            "body",
            "from",
            "sender",
            "toRecipients",
            "importance",
            "internetMessageId",
            "flag",
            "categories",
        )
        fields = ("@odata.type", "name", "contentType", "isInline", "contentId", "contentBytes")
        files = [{k: v for k, v in a.items() if k in fields} for a in record["attachments"]]
        tags = [{"id": SENT, "value": record["sentDateTime"]}, {"id": RECEIVED, "value": record["receivedDateTime"]}]
        body = message(tags=tags, flags=0, attachments=files) | {k: record[k] for k in kept}
        made = await visitor.post(f"/users/{mailbox.user.id}/mailFolders/archive/messages", body)
        again, before = dump_message(mailbox.by_id[made["id"]]), dump_message(was)
        for unavoidable in ("internetMessageHeaders", "isDeliveryReceiptRequested"):
            again.pop(unavoidable), before.pop(unavoidable)
        assert again == before


@pytest.mark.parametrize("count", [0, 6])
async def test_custom_headers_are_one_to_five_and_start_with_x(count: int) -> None:
    headers = [{"name": f"X-{n}", "value": "v"} for n in range(count)]
    async with visiting() as visitor:
        url = f"/users/{visitor.id_of('adele')}/messages"
        many = await visitor.ask("POST", url, app="restore", json=message(internetMessageHeaders=headers))
        assert many.code == "InvalidInternetMessageHeaderCollection"
        foreign = [{"name": "Received", "value": "from x"}]
        other = await visitor.ask("POST", url, app="restore", json=message(internetMessageHeaders=foreign))
        assert other.code == "InvalidInternetMessageHeader"


async def test_a_folder_of_mail_files_becomes_a_mailbox(tmp_path: Path) -> None:
    raw = b"From: a@b.example\nSubject: From a file\n\nbody\n"
    (tmp_path / "Kunden").mkdir()
    (tmp_path / "Kunden" / "one.eml").write_bytes(raw)
    (tmp_path / "old.mbox").write_bytes(b"From a@b Mon Feb  3 10:00:00 2020\n" + raw + b"\nFrom a@b Mon\n" + raw)
    (tmp_path / "note.txt").write_bytes(b"not mail")
    async with visiting("empty") as visitor:
        user = visitor.tenant.add_user("ann", "Ann")
        assert load_mail(visitor.tenant, user, tmp_path).counts() | {"bytes": 0} == {
            "messages": 3,
            "folders": 2,
            "bytes": 0,
            "unreadable": 0,
        }
        found = (await visitor.get(f"/users/{user.id}/messages?$filter=subject eq 'From a file'"))["value"]
        bodies = [await visitor.get(f"/users/{user.id}/messages/{m['id']}/$value") for m in found]
        assert raw in bodies
        assert len(bodies) == 3
