"""Tenants to try things on: `small` for crash sweeps, `awkward` for what ever broke a backup, `demo` for people."""

from __future__ import annotations

import datetime as dt
import time

from sandbox.tenant.certificates import federated_key, made_certificate
from sandbox.tenant.conversations import seed_awkward_conversations, seed_small_conversations
from sandbox.tenant.oauth import federated_assertion
from sandbox.tenant.onenote_mutations import seed_awkward_notes, seed_small_notes
from sandbox.tenant.planner_mutations import seed_awkward_planner, seed_small_planner
from sandbox.tenant.seed_calendar import (
    seed_awkward_calendar,
    seed_everyday_calendar,
    seed_group_calendar,
    seed_small_calendar,
    share_calendar,
)
from sandbox.tenant.seed_contacts import seed_contacts
from sandbox.tenant.seed_drives import seed_awkward, seed_everyday, seed_small
from sandbox.tenant.seed_groups import seed_awkward_groups, seed_crew
from sandbox.tenant.seed_lists import seed_awkward_lists, seed_everyday_lists, seed_small_lists
from sandbox.tenant.seed_mail import seed_awkward_mail, seed_everyday_mail, seed_small_mail
from sandbox.tenant.seed_settings import seed_awkward_settings, seed_small_settings
from sandbox.tenant.seed_site_drives import (
    seed_awkward_libraries,
    seed_everyday_library,
    seed_small_libraries,
)
from sandbox.tenant.seed_teams import seed_awkward_team, seed_small_chats, seed_small_team
from sandbox.tenant.seed_todo import seed_awkward_todo, seed_small_todo
from sandbox.tenant.site_page_mutations import seed_awkward_pages, seed_small_pages
from sandbox.tenant.state import App, Ids, Options, Tenant, User
from sandbox.tenant.stickies import seed_awkward_stickies, seed_small_stickies

BACKUP_ROLES = frozenset({
    "User.Read.All", "GroupMember.Read.All", "GroupSettings.Read.All", "Group-Conversation.Read.All",
    "Mail.Read", "MailboxSettings.Read", "Contacts.Read", "ProfilePhoto.Read.All", "Files.Read.All",
    "Sites.Read.All", "Calendars.Read", "Tasks.Read.All",
    "MailboxFolder.Read.All", "MailboxItem.Read.All", "MailboxItem.Export.All",
    "Chat.Read.All", "Chat.ReadBasic.All",
    "ChannelMessage.Read.All", "Channel.ReadBasic.All", "TeamSettings.Read.All", "Team.ReadBasic.All",
    "TeamMember.Read.All", "ChannelMember.Read.All", "TeamsTab.Read.All", "TeamsAppInstallation.ReadForTeam.All",
    "TeamworkTag.Read.All",
})  # fmt: skip
RESTORE_ROLES = frozenset({
    "User.Read.All", "GroupMember.Read.All", "Group.ReadWrite.All", "GroupSettings.ReadWrite.All",
    "Mail.Read", "Mail.ReadWrite", "MailboxSettings.Read", "Contacts.Read", "Contacts.ReadWrite",
    "ProfilePhoto.ReadWrite.All", "Files.Read.All", "Files.ReadWrite.All", "Sites.Read.All", "Sites.ReadWrite.All",
    "Calendars.Read", "Calendars.ReadWrite", "MailboxSettings.ReadWrite", "Tasks.Read.All", "Tasks.ReadWrite.All",
    "Sites.Manage.All", "User.ReadWrite.All", "MailboxFolder.Read.All", "MailboxFolder.ReadWrite.All",
    "MailboxItem.Read.All", "MailboxItem.ImportExport.All",
    "Chat.Create", "Chat.Read.All", "Chat.ReadBasic.All",
    "AppCatalog.Read.All",
    "Teamwork.Migrate.All", "Channel.Create", "Channel.ReadBasic.All", "ChannelMessage.Read.All", "TeamMember.Read.All",
    "Team.Create", "User.ReadBasic.All", "TeamSettings.ReadWrite.All", "TeamMember.ReadWrite.All",
    "ChannelMember.ReadWrite.All", "TeamsTab.ReadWrite.All", "TeamsAppInstallation.ReadWriteForTeam.All",
    "TeamworkTag.ReadWrite.All",
})  # fmt: skip
SIGNED_IN = frozenset({"Notes.Read.All"})  # what somebody lets the public client `notes` do in their name
POSTING = frozenset({"Group-Conversation.ReadWrite.All"})  # ... and the public client `posting`
WRITING = frozenset({"Notes.ReadWrite.All"})  # ... and the public client `writing`
SHAREPOINT_ROLES = {"backup": frozenset({"Sites.Read.All"}), "restore": frozenset({"Sites.ReadWrite.All"})}
SEEDED_AT = dt.datetime(2026, 6, 1, 6, tzinfo=dt.UTC)
API = "api://holdfast"
API_ROLES = {
    "backup": ("Holdfast.Read",),
    "restore": ("Holdfast.Read", "Holdfast.Restore"),
    "operator": (
        "Holdfast.Read", "Holdfast.Restore", "Holdfast.Restore.CrossOwner", "Holdfast.Export", "Holdfast.Admin",
    ),
    "reader": ("Holdfast.Read",),
    "stranger": (),
}
MANAGED_IDENTITY = ("https://login.microsoftonline.com/managed/v2.0", "managed-identity-of-")
DELEGATED = frozenset(
    {"Files.ReadWrite.All", "Sites.ReadWrite.All", "Sites.Read.All", "User.Read.All", "offline_access"}
)


def make_tenant(kind: str, options: Options | None = None, **counts: int) -> Tenant:
    """A seeded tenant; `counts` go to demo: users, mails, files."""
    tenant = Tenant(options)
    wall, tenant.wall = tenant.wall, lambda: SEEDED_AT.timestamp()  # the same tenant whenever it is made
    add_apps(tenant)
    {"small": _small, "awkward": _awkward, "demo": _demo, "empty": _empty}[kind](tenant, **counts)
    for user in tenant.users.values():
        tenant.refresh_tokens[tenant.ids.token("refresh", 60)] = (user.id, DELEGATED)
    tenant.wall = wall
    return tenant


def add_apps(tenant: Tenant) -> None:
    """backup and restore speak to Graph; the others only to the product's own API."""
    graph = {"backup": BACKUP_ROLES, "restore": RESTORE_ROLES}
    for name, api_roles in API_ROLES.items():
        certificate, _ = made_certificate(name)
        issuer, subject = MANAGED_IDENTITY[0], MANAGED_IDENTITY[1] + name
        client_id = tenant.ids.guid()
        tenant.apps[client_id] = App(
            client_id,
            name,
            graph.get(name, frozenset()),
            secret=tenant.ids.token("secret", 40),
            certificates=[certificate],
            federated=[(issuer, subject, federated_key()[1])],
            api_roles={API: api_roles, client_id: api_roles},
            sharepoint_roles=SHAREPOINT_ROLES.get(name, frozenset()),
        )
    for name, scopes in (("notes", SIGNED_IN), ("posting", POSTING), ("writing", WRITING)):
        public = Ids(f"{tenant.options.seed}/{name}").guid()
        tenant.apps[public] = App(public, name, frozenset(), scopes=scopes)


def managed_identity_token(name: str) -> tuple[str, int]:
    """(assertion, expiry) of the made-up managed identity that the app of this name federates with."""
    issuer, prefix = MANAGED_IDENTITY
    return federated_assertion(federated_key()[0], issuer, prefix + name), int(time.time()) + 3600


def app_named(tenant: Tenant, name: str) -> App:
    return next(a for a in tenant.apps.values() if a.name == name)


def _person(tenant: Tenant, name: str, display_name: str, **facts: object) -> User:
    user = tenant.add_user(name, display_name, **facts)
    tenant.add_mailbox(user)
    return user


def _empty(tenant: Tenant) -> None:
    """Apps and nothing else."""


def seed_profile(tenant: Tenant, user: User, manager: User | None = None) -> None:
    """Members of both of the directory's stores."""
    user.profile |= {
        "city": "Köln", "country": "Germany", "postalCode": "50667", "streetAddress": "Hauptstraße 1",
        "mobilePhone": "+49 170 1", "businessPhones": ["+49 221 1"], "employeeId": "4711", "companyName": "Contoso",
        "otherMails": ["me@home.example"], "aboutMe": "Hello \u263a", "skills": ["Python", "Klavier"],
        "birthday": "1979-04-12T00:00:00Z", "interests": ["Schach"],
    }  # fmt: skip
    user.job_title, user.department, user.manager = "Engineer", "R&D", manager.id if manager else None


def _guest(tenant: Tenant) -> None:
    upn = f"guest_fabrikam.example#EXT#@{tenant.domain}"
    tenant.add_user(upn, "Gast Ausserhalb", mail="guest@fabrikam.example", user_type="Guest")


def _small(tenant: Tenant) -> None:
    """Three users, of each kind of data a handful: every path is walked, nothing takes long."""
    for name, display_name, language in (
        ("adele", "Adele Vance", "en-US"), ("bernd", "Bernd Müller", "de-DE"), ("chloe", "Chloé Dupont", "fr-FR"),
    ):  # fmt: skip
        first, last = display_name.split(" ")
        user = _person(tenant, name, display_name, language=language, given_name=first, surname=last)
        seed_small_mail(tenant, tenant.mailboxes[user.id])
        seed_contacts(tenant.contacts[user.id], count=3)
        seed_small_calendar(tenant.calendars[user.id])
        seed_small_settings(tenant, tenant.mailboxes[user.id])
        seed_small_todo(tenant, user.upn)
        seed_small_stickies(tenant, user.upn)
        if name != "chloe":
            seed_small(tenant, user)
    adele, bernd, _ = tenant.users.values()
    seed_profile(tenant, adele, bernd)
    seed_crew(tenant, photo=False)
    seed_small_lists(tenant, "crew")
    seed_small_pages(tenant, "crew")
    seed_small_notes(tenant, adele.upn)
    seed_small_notes(tenant, "crew")
    seed_small_planner(tenant)
    seed_small_team(tenant)
    seed_small_chats(tenant)
    seed_small_conversations(tenant)
    seed_small_libraries(tenant, "crew")
    seed_group_calendar(tenant)


def _awkward(
    tenant: Tenant, *, huge: int = 300 * 1024 * 1024, attachment: int = 33 * 1024 * 1024, categories: int = 250
) -> None:
    adele = _person(tenant, "adele", "Adele Vance", given_name="Adele", surname="Vance")
    seed_awkward_mail(tenant, tenant.mailboxes[adele.id], attachment=attachment)
    seed_contacts(tenant.contacts[adele.id], count=12, awkward=True)
    seed_awkward(tenant, adele, huge=huge)
    seed_awkward_calendar(tenant.calendars[adele.id], attachment=attachment)
    seed_awkward_settings(tenant, tenant.mailboxes[adele.id], categories=categories)
    seed_awkward_todo(tenant, adele.upn)
    seed_awkward_stickies(tenant, adele.upn)
    bernd = _person(tenant, "bernd", "Bernd Müller-Lüdenscheidt", language="de-DE")
    seed_small_mail(tenant, tenant.mailboxes[bernd.id])
    seed_contacts(tenant.contacts[bernd.id], count=4)
    seed_small_calendar(tenant.calendars[bernd.id])
    share_calendar(tenant.calendars[bernd.id], tenant.calendars[adele.id])
    seed_small(tenant, bernd)
    seed_crew(tenant, photo=True)
    seed_awkward_lists(tenant, "crew")
    seed_awkward_pages(tenant, "crew")
    seed_awkward_notes(tenant, adele.upn)
    seed_awkward_notes(tenant, "crew")
    seed_awkward_groups(tenant)
    seed_awkward_planner(tenant)
    seed_awkward_team(tenant)
    seed_small_chats(tenant)
    seed_awkward_conversations(tenant)
    seed_awkward_libraries(tenant, "crew", adele, huge=huge)
    seed_group_calendar(tenant, attachment=attachment)
    _person(tenant, "empty", "Empty Mailbox")
    seed_profile(tenant, adele, bernd)
    synced = _person(tenant, "synced", "Synced Person", synced=True, job_title="Clerk")
    seed_profile(tenant, synced, adele)
    no_drive = _person(tenant, "nodrive", "No OneDrive")
    seed_everyday_mail(tenant, tenant.mailboxes[no_drive.id], mails=5)
    no_mail = tenant.add_user("nomailbox", "No Mailbox", mail=None)
    seed_small(tenant, no_mail)
    _guest(tenant)
    shared = _person(tenant, "info", "Info (shared)", purpose="shared", enabled=False)
    seed_everyday_mail(tenant, tenant.mailboxes[shared.id], mails=8)
    seed_small_calendar(tenant.calendars[shared.id])
    gone = _person(tenant, "left", "Left Company", enabled=False)
    seed_small_mail(tenant, tenant.mailboxes[gone.id])
    seed_small(tenant, gone)
    room = _person(tenant, "room-1", "Room 1", purpose="room", enabled=False)
    seed_everyday_mail(tenant, tenant.mailboxes[room.id], mails=2)
    seed_everyday_calendar(tenant.calendars[room.id], events=4)
    blocked = _person(tenant, "outofscope", "Out Of Scope")
    tenant.mailboxes[blocked.id].blocked = (403, "ErrorAccessDenied")
    _person(tenant, "名無し".encode().hex(), "名無し 権兵衛", language="ja-JP")


NAMES = (
    "Adele Vance",
    "Bernd Müller",
    "Chloé Dupont",
    "Diego Siciliani",
    "Erika Mustermann",
    "Fatima Öztürk",
    "Grady Archie",
    "Henrietta Mueller",
    "Isaiah Langer",
    "Johanna Lorenz",
    "Kaito Tanaka",
    "Lidia Holloway",
    "Miriam Graham",
    "Nestor Wilke",
    "Olga Ivanova",
    "Patti Fernandez",
    "Quentin Roux",
    "Raul Razo",
    "Søren Kjær",
    "Tala Haddad",
)

FEWEST = 2


def _demo(tenant: Tenant, *, users: int = 12, mails: int = 60, files: int = 120) -> None:
    """People with everyday data, and one of each awkward sort at the end. Their team takes two of them."""
    if users < FEWEST:
        raise ValueError(f"users: at least {FEWEST}")
    for number in range(users):
        display_name = NAMES[number % len(NAMES)]
        first, last = display_name.split(" ")
        name = first.lower().encode("ascii", "ignore").decode() + ("" if number < len(NAMES) else str(number))
        language = "de-DE" if number % 3 == 1 else "en-US"
        created = dt.datetime(2019, 1, 1, 8, tzinfo=dt.UTC) + dt.timedelta(days=number)
        user = _person(
            tenant, name, display_name, language=language, given_name=first, surname=last, created_at=created
        )
        seed_everyday_mail(tenant, tenant.mailboxes[user.id], mails=mails)
        seed_contacts(tenant.contacts[user.id], count=8, awkward=number == 0)
        seed_everyday_calendar(tenant.calendars[user.id], events=12)
        seed_small_todo(tenant, user.upn)
        seed_everyday(tenant, user, files=files)
    tenant.add_user("nomailbox", "No Mailbox", mail=None)
    _guest(tenant)
    awkward = _person(tenant, "awkward", "Awkward Case")
    seed_awkward_mail(tenant, tenant.mailboxes[awkward.id], attachment=5 * 1024 * 1024, broken=False)
    seed_contacts(tenant.contacts[awkward.id], count=12, awkward=True)
    seed_awkward_calendar(tenant.calendars[awkward.id], attachment=5 * 1024 * 1024)
    seed_awkward_settings(tenant, tenant.mailboxes[awkward.id], categories=2_000)
    seed_awkward_todo(tenant, awkward.upn)
    seed_awkward(tenant, awkward, huge=40 * 1024 * 1024)
    seed_crew(tenant, photo=True)
    seed_everyday_lists(tenant, "crew")
    seed_small_pages(tenant, "crew")
    seed_everyday_library(tenant, "crew", files=files // 2)
    seed_small_team(tenant)
    seed_small_chats(tenant)
    seed_small_planner(tenant)
    seed_small_conversations(tenant)
    seed_group_calendar(tenant)
