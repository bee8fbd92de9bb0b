"""What people do to mailboxes and contacts in a day, and what happens to accounts; by name, for the control door."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

from sandbox.tenant.calls import Json
from sandbox.tenant.contacts_state import Contact, ContactStore
from sandbox.tenant.content import Held
from sandbox.tenant.mail_changes import delivered, read_flag
from sandbox.tenant.mail_folders import put_in_bin
from sandbox.tenant.mailbox import Folder, Mailbox, Message
from sandbox.tenant.messages import throw_away
from sandbox.tenant.state import Tenant, User


def _user(tenant: Tenant, user: str) -> User:
    found = tenant.find_user(user)
    if found is None:
        raise KeyError(f"no user {user}")
    return found


def mailbox_of(tenant: Tenant, user: str) -> Mailbox:
    return tenant.mailboxes[_user(tenant, user).id]


def folder_at(mailbox: Mailbox, path: str) -> Folder:
    """`inbox/Projects/2024`: a well-known name or a display name, then display names."""
    head, *rest = path.split("/")
    top = mailbox.folder(head)
    folder = top or next(f for f in mailbox.children(mailbox.root, hidden=True) if f.name == head)
    for name in rest:
        folder = next(f for f in mailbox.children(folder, hidden=True) if f.name == name)
    return folder


def message_by(mailbox: Mailbox, folder: str, subject: str) -> Message:
    for message in mailbox.messages_in(folder_at(mailbox, folder)):
        if message.props.get("subject") == subject:
            return message
    raise KeyError(f"no message {subject!r} in {folder}")


def add_mail(
    tenant: Tenant, user: str, subject: str, folder: str = "inbox", mime: str | None = None, **facts: Any
) -> Json:
    """`mime` is base64 of a whole message; without it one is made."""
    mailbox, now = mailbox_of(tenant, user), tenant.clock()
    data = base64.b64decode(mime) if mime else plain_mail(subject, now, mailbox.user, **facts)
    message = delivered(mailbox, folder_at(mailbox, folder), Held(data))
    return {"id": message.immutable_id}


def plain_mail(
    subject: str, sent: dt.datetime, to: User, body: str = "Hello.", sender: str = "ann@fabrikam.example"
) -> bytes:
    from email.message import EmailMessage
    from email.utils import format_datetime

    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to.mail or to.upn, subject
    mail["Date"] = format_datetime(sent)
    digest = hashlib.sha256(f"{subject}/{sent.isoformat()}/{to.id}".encode()).hexdigest()
    mail["Message-ID"] = f"<{digest[:24]}@fabrikam.example>"
    mail.set_content(body)
    return mail.as_bytes()


def move_mail(tenant: Tenant, user: str, subject: str, folder: str, to: str) -> Json:
    mailbox = mailbox_of(tenant, user)
    mailbox.move(message_by(mailbox, folder, subject), folder_at(mailbox, to))
    return {}


def delete_mail(tenant: Tenant, user: str, subject: str, folder: str = "inbox", how: str = "soft") -> Json:
    """soft: as Outlook's delete key; hard: gone, purged."""
    mailbox = mailbox_of(tenant, user)
    message = message_by(mailbox, folder, subject)
    mailbox.drop(message) if how == "hard" else throw_away(mailbox, message)
    return {}


def _edit(tenant: Tenant, user: str, subject: str, folder: str, props: Json, *, text: bool = False) -> Json:
    mailbox = mailbox_of(tenant, user)
    message = message_by(mailbox, folder, subject)
    message.props |= props
    if text:
        message.mime = None
    mailbox.changed(message)
    return {}


def mark_read(tenant: Tenant, user: str, subject: str, folder: str = "inbox", read: bool = True) -> Json:
    return _edit(tenant, user, subject, folder, {"isRead": read})


def flag(tenant: Tenant, user: str, subject: str, folder: str = "inbox", status: str = "flagged") -> Json:
    return _edit(tenant, user, subject, folder, {"flag": read_flag({"flagStatus": status})})


def categorize(tenant: Tenant, user: str, subject: str, categories: list[str], folder: str = "inbox") -> Json:
    return _edit(tenant, user, subject, folder, {"categories": categories})


def edit_draft(tenant: Tenant, user: str, subject: str, body: str, folder: str = "drafts") -> Json:
    return _edit(tenant, user, subject, folder, {"body": {"contentType": "html", "content": body}}, text=True)


def hide_mail_change(tenant: Tenant, user: str, subject: str, folder: str = "inbox") -> Json:
    """The message's last change is overlooked by the next round of delta and told by the one after."""
    mailbox = mailbox_of(tenant, user)
    mailbox.folders[folder_at(mailbox, folder).id].log.late.add(message_by(mailbox, folder, subject).key)
    return {}


def add_mail_folder(tenant: Tenant, user: str, name: str, under: str = "msgfolderroot", hidden: bool = False) -> Json:
    mailbox = mailbox_of(tenant, user)
    return {"id": mailbox.add_folder(name, folder_at(mailbox, under).id, hidden=hidden).id}


def rename_folder(tenant: Tenant, user: str, folder: str, name: str) -> Json:
    mailbox = mailbox_of(tenant, user)
    found = folder_at(mailbox, folder)
    found.name = name
    mailbox.note_folder(found)
    return {}


def move_folder(tenant: Tenant, user: str, folder: str, to: str) -> Json:
    mailbox = mailbox_of(tenant, user)
    mailbox.move_folder(folder_at(mailbox, folder), folder_at(mailbox, to))
    return {}


def delete_folder(tenant: Tenant, user: str, folder: str, how: str = "hard") -> Json:
    mailbox = mailbox_of(tenant, user)
    found = folder_at(mailbox, folder)
    mailbox.drop_folder(found) if how == "hard" else put_in_bin(mailbox, found)
    return {}


def empty_mailbox(tenant: Tenant, user: str) -> Json:
    """The disaster: every message purged, every folder people made gone, every contact too."""
    mailbox, store = mailbox_of(tenant, user), tenant.contacts[_user(tenant, user).id]
    for message in list(mailbox.messages.values()):
        mailbox.drop(message)
    for folder in [f for f in mailbox.folders.values() if not f.well_known]:
        if folder.id in mailbox.folders:
            mailbox.drop_folder(folder)
    for contact in list(store.contacts.values()):
        store.drop(contact)
    for made in [f for f in store.folders.values() if f is not store.default]:
        if made.id in store.folders:
            store.drop_folder(made)
    return {}


def block_mailbox(tenant: Tenant, user: str, status: int | None = 403, code: str = "ErrorAccessDenied") -> Json:
    """Every request to the mailbox is refused; status null lets it be again."""
    mailbox_of(tenant, user).blocked = (status, code) if status else None
    return {}


def fill_mailbox(tenant: Tenant, user: str, full: bool = True) -> Json:
    mailbox_of(tenant, user).over_quota = full
    return {}


def expire_mail_tokens(tenant: Tenant, user: str) -> Json:
    """As after a move of the mailbox: no delta token so far is good any more."""
    mailbox, store = mailbox_of(tenant, user), tenant.contacts[_user(tenant, user).id]
    logs = [mailbox.folder_log, store.folder_log, *(f.log for f in mailbox.folders.values())]
    for log in [*logs, *(f.log for f in store.folders.values())]:
        for owner in log.generations:
            log.generations[owner] += 1000
    return {}


def break_message(
    tenant: Tenant, user: str, subject: str, way: str, status: int = 500, code: str = "ErrorContentConversionFailed",
    folder: str = "inbox",
) -> Json:  # fmt: skip
    """way: get, list (poisons its whole page) or mime; status 0 mends it."""
    message = message_by(mailbox_of(tenant, user), folder, subject)
    message.broken = {k: v for k, v in message.broken.items() if k != way} | ({way: (status, code)} if status else {})
    return {}


# --- contacts


def _store(tenant: Tenant, user: str) -> ContactStore:
    return tenant.contacts[_user(tenant, user).id]


def _contact(tenant: Tenant, user: str, name: str) -> Contact:
    for contact in _store(tenant, user).contacts.values():
        if contact.props.get("displayName") == name:
            return contact
    raise KeyError(f"no contact {name!r}")


def add_contact(tenant: Tenant, user: str, name: str, folder: str | None = None, **props: Any) -> Json:
    store = _store(tenant, user)
    found = next((f for f in store.folders.values() if f.name == folder), store.default)
    return {"id": store.add(found, {"displayName": name, **props}).immutable_id}


def edit_contact(tenant: Tenant, user: str, name: str, **props: Any) -> Json:
    contact = _contact(tenant, user, name)
    contact.props |= props
    _store(tenant, user).changed(contact)
    return {}


def set_contact_photo(tenant: Tenant, user: str, name: str, photo: str) -> Json:
    """`photo` is base64; the contact's delta stays silent."""
    _contact(tenant, user, name).photo = base64.b64decode(photo)
    tenant.touch()
    return {}


def delete_contact(tenant: Tenant, user: str, name: str) -> Json:
    _store(tenant, user).drop(_contact(tenant, user, name))
    return {}


# --- accounts


def add_user(tenant: Tenant, name: str, display_name: str, mailbox: bool = True) -> Json:
    user = tenant.add_user(name, display_name)
    if mailbox:
        tenant.add_mailbox(user)
    return {"id": user.id}


def delete_user(tenant: Tenant, user: str) -> Json:
    found = _user(tenant, user)
    del tenant.users[found.id]
    tenant.mailboxes.pop(found.id, None)
    tenant.directory_log.note(found.id, gone=True)
    tenant.touch()
    return {}


def edit_user(tenant: Tenant, user: str, **facts: Any) -> Json:
    """Fields of ours by name, `manager` by principal name, `profile` member by member."""
    found = _user(tenant, user)
    if facts.get("manager"):
        facts["manager"] = _user(tenant, facts["manager"]).id
    found.profile |= facts.pop("profile", {})
    for name, value in facts.items():
        setattr(found, name, value)
    tenant.directory_log.note(found.id)
    tenant.touch()
    return {}


def set_user_photo(tenant: Tenant, user: str, photo: str = "") -> Json:
    """`photo` is base64, "" for none; the directory's delta stays silent."""
    _user(tenant, user).photo = base64.b64decode(photo) or None
    tenant.touch()
    return {}


def use_up_units(tenant: Tenant, app: str, units: int) -> Json:
    """SharePoint's budget of this app shrinks as if others had spent it."""
    tenant.throttle.use_up(app, units)
    return {}


def set_options(tenant: Tenant, **options: Any) -> Json:
    for name, value in options.items():
        if name not in tenant.options.__dataclass_fields__:
            raise KeyError(f"no option {name}")
        setattr(tenant.options, name, value)
    return {}


_ALL: tuple[Callable[..., Json], ...] = (
    add_mail,
    move_mail,
    delete_mail,
    mark_read,
    flag,
    categorize,
    edit_draft,
    hide_mail_change,
    add_mail_folder,
    rename_folder,
    move_folder,
    delete_folder,
    empty_mailbox,
    block_mailbox,
    fill_mailbox,
    expire_mail_tokens,
    break_message,
    add_contact,
    edit_contact,
    set_contact_photo,
    set_user_photo,
    delete_contact,
    add_user,
    delete_user,
    edit_user,
    use_up_units,
    set_options,
)
mutations: dict[str, Callable[..., Json]] = {act.__name__: act for act in _ALL}
