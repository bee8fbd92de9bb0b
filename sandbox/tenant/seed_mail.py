"""Made-up mail: a small mailbox, an everyday one, and one with everything that has broken backups."""

from __future__ import annotations

import base64
import datetime as dt
import random
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from sandbox.tenant.content import Held, Made
from sandbox.tenant.mail_changes import delivered, read_flag
from sandbox.tenant.mailbox import Attachment, Folder, Mailbox, Message
from sandbox.tenant.state import Tenant, stamp

BROKEN = (
    b"From: broken@@x <<>\r\nSubject: =?utf-8?B?w3=?= \xff\xfe raw\r\nDate: yesterday\r\n"
    b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n'
    b"--x\r\nContent-Type: text/html; charset=klingon\r\n\r\n<p>\xe9</p>\r\n--y\r\n"
)
START = dt.datetime(2025, 2, 3, 7, 30, tzinfo=dt.UTC)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WORDS = (
    "budget", "report", "meeting", "Projekt", "Übersicht", "draft", "invoice", "offer", "contract", "review", "Termin",
    "holiday", "plan", "customer", "change", "server", "release", "Rechnung", "question", "answer", "forward", "urgent",
    "minutes", "agenda", "travel",
)  # fmt: skip


def mail(
    mailbox: Mailbox, number: int, subject: str, *, sender: str = "ann@fabrikam.example", text: str = "Hello."
) -> EmailMessage:
    message = EmailMessage()
    me, sent = mailbox.user, START + dt.timedelta(hours=7 * number)
    arrived = format_datetime(sent + dt.timedelta(seconds=4))
    message["Received"] = f"from mx.fabrikam.example by mail.{mailbox.tenant.domain}; {arrived}"
    message["From"], message["To"], message["Subject"] = sender, f"{me.display_name} <{me.mail}>", subject
    message["Date"] = format_datetime(sent)
    message["Message-ID"] = f"<{me.upn.split('@')[0]}.{number}@fabrikam.example>"
    message.set_content(text)
    return message


def put(mailbox: Mailbox, folder: Folder, message: EmailMessage | bytes, **props: Any) -> Message:
    data = message if isinstance(message, bytes) else _fixed(message)
    return delivered(mailbox, folder, Held(data), props=props)


def _fixed(message: EmailMessage) -> bytes:
    """The bytes, with boundaries that are the same every time."""
    for number, part in enumerate(message.walk()):
        if part.get_content_maintype() == "multipart":
            part.set_boundary(f"=_{number}_{message['Message-ID'].strip('<>').replace('@', '.')}")
    return message.as_bytes()


def seed_small_mail(tenant: Tenant, mailbox: Mailbox) -> None:
    """Of each path through a backup one: nested folder, attachment, inline image, draft, flag, sent, recoverable."""
    inbox = mailbox.well_known("inbox")
    projects = mailbox.add_folder("Projekte", inbox.id)
    put(mailbox, inbox, mail(mailbox, 1, "Welcome"), isRead=True)
    html = mail(mailbox, 2, "With picture")
    html.add_alternative("<html><body><p>See <img src='cid:pic1'></p></body></html>", subtype="html")
    list(html.iter_parts())[1].add_related(PNG, "image", "png", cid="<pic1>")
    put(mailbox, inbox, html)
    attached = mail(mailbox, 3, "With attachment")
    attached.add_attachment(b"%PDF-1.4 made up\n" * 40, maintype="application", subtype="pdf", filename="Übersicht.pdf")
    put(mailbox, projects, attached, flag=read_flag({"flagStatus": "flagged"}), categories=["Red category"])
    put(
        mailbox,
        mailbox.well_known("sentitems"),
        mail(mailbox, 4, "Sent one", sender=str(mailbox.user.mail)),
        isRead=True,
    )
    _draft(mailbox, 5, "A draft")
    put(mailbox, mailbox.well_known("recoverableitemsdeletions"), mail(mailbox, 6, "Soft-deleted"))


def _draft(mailbox: Mailbox, number: int, subject: str) -> Message:
    me, sent = mailbox.user, stamp(START + dt.timedelta(hours=number))
    props = {
        "subject": subject, "body": {"contentType": "html", "content": "<p>Not yet sent</p>"},
        "isDraft": True, "isRead": True,
        "toRecipients": [{"emailAddress": {"name": "Bo", "address": "bo@fabrikam.example"}}],
        "from": {"emailAddress": {"name": me.display_name, "address": me.mail}},
        "sentDateTime": sent, "receivedDateTime": sent,
    }  # fmt: skip
    return mailbox.add(mailbox.well_known("drafts"), props)


def _everyday(mailbox: Mailbox, number: int, chance: random.Random) -> bytes:
    """Written by hand, as the email package takes milliseconds for each."""
    subject = " ".join(chance.choices(WORDS, k=3)).capitalize()
    text = "\r\n".join(" ".join(chance.choices(WORDS, k=12)) for _ in range(chance.randint(2, 40)))
    me, sent = mailbox.user, START + dt.timedelta(hours=7 * number)
    boundary, sender = f"=_{number}_{me.id}", chance.choice(WORDS).encode("ascii", "ignore").decode().lower()
    parts = [("text/plain; charset=utf-8", "", "8bit", text)]
    if number % 4 == 0:
        parts = [("text/html; charset=utf-8", "", "8bit", f"<html><body><p>{text}</p></body></html>")]
    if number % 6 == 0:
        data = base64.encodebytes(chance.randbytes(chance.randint(2_000, 60_000))).decode().replace("\n", "\r\n")
        way = f'Content-Disposition: attachment; filename="{number}.bin"\r\n'
        parts.append(("application/octet-stream", way, "base64", data))
    head = (
        f"Received: from mx.fabrikam.example by mail.{mailbox.tenant.domain}; {format_datetime(sent)}\r\n"
        f"From: {sender}@fabrikam.example\r\nTo: {me.mail}\r\nSubject: {subject}\r\nDate: {format_datetime(sent)}\r\n"
        f"Message-ID: <{me.upn.split('@')[0]}.{number}@fabrikam.example>\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'
    )
    bodies = [
        f"--{boundary}\r\nContent-Type: {k}\r\n{w}Content-Transfer-Encoding: {e}\r\n\r\n{t}\r\n" for k, w, e, t in parts
    ]
    return (head + "".join(bodies) + f"--{boundary}--\r\n").encode()


def seed_everyday_mail(tenant: Tenant, mailbox: Mailbox, *, mails: int) -> None:
    """So many messages over a dozen folders, as people have them; the same ones for the same seed."""
    chance = random.Random(f"{tenant.options.seed}/{mailbox.user.upn}")
    inbox, sent = mailbox.well_known("inbox"), mailbox.well_known("sentitems")
    folders = [inbox, inbox, sent]
    for name in ("Projekte", "Kunden", "Privat", "Newsletter"):
        top = mailbox.add_folder(name, inbox.id if name != "Privat" else mailbox.root.id)
        folders += [top, mailbox.add_folder("2025", top.id)]
    for number in range(mails):
        facts: dict[str, Any] = {"isRead": chance.random() < 0.7}
        if number % 9 == 0:
            facts |= {"categories": ["Blue category"], "flag": read_flag({"flagStatus": "flagged"})}
        put(mailbox, chance.choice(folders), _everyday(mailbox, number, chance), **facts)
    _draft(mailbox, mails, "Unfinished")


def seed_awkward_mail(tenant: Tenant, mailbox: Mailbox, *, attachment: int, broken: bool = True) -> None:
    """`broken`: also what nobody can back up, because the service itself cannot open it."""
    seed_small_mail(tenant, mailbox)
    _folders(mailbox)
    _contents(mailbox)
    _marks(mailbox)
    _items(mailbox)
    _large(mailbox, attachment)
    if broken:
        unopened = put(mailbox, mailbox.well_known("inbox"), mail(mailbox, 306, "Attachment that cannot be opened"))
        _attach(mailbox, unopened, "ole.bin", content=Held(b"x"), broken="ErrorCannotOpenFileAttachment")


def _folders(mailbox: Mailbox) -> None:
    inbox, root = mailbox.well_known("inbox"), mailbox.root
    for name in (
        "Caf\u00e9",
        "Cafe\u0301",
        "CAFÉ",
        " spaces ",
        "a/b\\c:d",
        "..",
        "CON",
        "\U0001f4e7 mail",
        "\u202eadmin",
    ):
        put(mailbox, mailbox.add_folder(name, inbox.id), mail(mailbox, 100, f"In {name}"))
    for number in (1, 2):  # two siblings of one name, as clients made them
        put(mailbox, mailbox.add_folder("Twin", root.id), mail(mailbox, 110 + number, f"Twin {number}"))
    deep = inbox
    for level in range(25):
        deep = mailbox.add_folder(f"Ebene {level:02d} mit einem etwas längeren Namen", deep.id)
    put(mailbox, deep, mail(mailbox, 120, "Far down"))
    hidden = mailbox.add_folder("Hidden store", root.id, hidden=True)
    put(mailbox, hidden, mail(mailbox, 121, "Out of sight"))
    mailbox.add_folder("Empty", root.id)
    search = {
        "isSupported": True,
        "includeNestedFolders": True,
        "sourceFolderIds": [inbox.id],
        "filterQuery": "isRead eq false",
    }
    mailbox.add_folder("Unread everywhere", inbox.id, search=search)
    mailbox.add_folder("Large files", root.id, search=search)
    issues = mailbox.add_folder("Sync Issues", root.id, well_known="syncissues")
    mailbox.add_folder("Conflicts", issues.id, well_known="conflicts")
    for number in range(23):  # more than one page of folders
        mailbox.add_folder(f"Folder {number:02d}", root.id)


def _contents(mailbox: Mailbox) -> None:
    inbox, sent = mailbox.well_known("inbox"), mailbox.well_known("sentitems")
    put(mailbox, inbox, mail(mailbox, 200, "Über die Maßen \U0001f600 日本語 עברית \u200b"))
    put(mailbox, inbox, mail(mailbox, 201, ""))
    put(mailbox, inbox, mail(mailbox, 202, "=HYPERLINK(1)", text="=1+2\n"))
    same = mail(mailbox, 203, "To myself", sender=str(mailbox.user.mail))
    put(mailbox, inbox, same)
    put(mailbox, sent, same, isRead=True)  # one Internet message id, two messages
    put(mailbox, inbox, same)  # and a true duplicate
    put(mailbox, inbox, b"Subject: no id, no date, no sender\r\n\r\nbody\r\n")
    put(mailbox, inbox, BROKEN)
    put(mailbox, inbox, b"")
    put(mailbox, inbox, b"\x00\x01\x02 not a message at all \xff")
    controls = put(mailbox, inbox, mail(mailbox, 204, "Control characters"))
    controls.props |= {
        "subject": "Control \x01\x0b characters",
        "body": {"contentType": "text", "content": "a\x00b\x0bc\x1f"},
    }
    replies = put(mailbox, inbox, mail(mailbox, 205, "Bad reply-to"))
    replies.props["replyTo"] = [
        {"emailAddress": {"name": "nobody", "address": "not an address"}},
        {"emailAddress": {"name": "old", "address": "/o=ExchangeLabs/ou=x/cn=Recipients/cn=bo"}},
    ]
    signed = mail(mailbox, 206, "Signed")
    signed.add_header("X-Custom", "kept")
    signed.replace_header("Content-Type", 'text/plain; charset="utf-8"')
    put(mailbox, inbox, signed, importance="high", isReadReceiptRequested=True)


def _marks(mailbox: Mailbox) -> None:
    inbox = mailbox.well_known("inbox")
    flags = {
        "flagStatus": "complete",
        "startDateTime": _moment(1),
        "dueDateTime": _moment(2),
        "completedDateTime": _moment(3),
    }
    put(mailbox, inbox, mail(mailbox, 207, "Done"), flag=read_flag(flags), categories=["A", "B, with comma", "Grün"])
    meeting = put(mailbox, inbox, mail(mailbox, 208, "Invitation: planning"))
    meeting.odata_type = "#microsoft.graph.eventMessageRequest"
    tagged = put(mailbox, inbox, mail(mailbox, 209, "With extended property"))
    tagged.extended["String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Colour"] = "green"
    long = mail(mailbox, 210, "x" * 240, text="long line " * 5_000)
    long["Cc"] = ", ".join(f"Person {n} <p{n}@fabrikam.example>" for n in range(300))
    put(mailbox, inbox, long)


def _moment(day: int) -> dict[str, str]:
    return {"dateTime": f"2025-03-{day:02d}T08:00:00", "timeZone": "UTC"}


def _attach(mailbox: Mailbox, message: Message, name: str, *, kind: str = "file", **facts: Any) -> None:
    type_ = "application/octet-stream" if kind == "file" else None
    key, now = mailbox.new_attachment_key(), mailbox.tenant.clock()
    message.attachments.append(Attachment(key, kind, name, type_, False, now, **facts))
    message.mime = None


def _items(mailbox: Mailbox) -> None:
    inbox = mailbox.well_known("inbox")
    inner = mail(mailbox, 301, "The attached one", text="inner text")
    inner.add_attachment(b"nested", maintype="application", subtype="octet-stream", filename="nested.bin")
    outer = mail(mailbox, 300, "With attached message")
    outer.add_attachment(inner)
    put(mailbox, inbox, outer)
    link = put(mailbox, inbox, mail(mailbox, 304, "Cloud attachment"))
    _attach(mailbox, link, "Shared.docx", kind="reference", size=1234)
    card = {"@odata.type": "#microsoft.graph.contact", "displayName": "Card", "emailAddresses": []}
    carded = put(mailbox, inbox, mail(mailbox, 307, "Attached contact"))
    _attach(mailbox, carded, "Card", kind="item", item=card, content=Held(b"BEGIN:VCARD\r\nFN:Card\r\nEND:VCARD\r\n"))


def seed_crowded_mail(mailbox: Mailbox, attachments: int) -> None:
    """A message with so many of them, each of another size."""
    crowd = put(mailbox, mailbox.well_known("inbox"), mail(mailbox, 308, f"{attachments} attachments"))
    for number in range(attachments):
        _attach(mailbox, crowd, f"{number:03d}.txt", content=Made(f"file {number}", 1000 + 331 * number))


def _large(mailbox: Mailbox, size: int) -> None:
    inbox = mailbox.well_known("inbox")
    large = put(mailbox, inbox, mail(mailbox, 302, "Large attachment"))
    _attach(mailbox, large, "large.bin", content=Made("large mail", size))
    middle = put(mailbox, inbox, mail(mailbox, 303, "Middle attachment"))
    _attach(mailbox, middle, "middle.bin", content=Made("middle mail", 3_500_000))
    names = put(mailbox, inbox, mail(mailbox, 305, "Attachment names"))
    for name in ("../../evil.txt", "CON", "a\u0000b.txt", "Re\u0301sume\u0301.txt", "R\u00e9sum\u00e9.txt", "x" * 254):
        _attach(mailbox, names, name, content=Held(name.encode()))
    _attach(mailbox, names, "empty.txt", content=Held(b""))
