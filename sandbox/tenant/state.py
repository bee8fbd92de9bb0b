"""What the simulated tenant holds: users, apps, mailboxes, drives, its clock, its identifiers and its options."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.tenant.calendar_state import CalendarStore
    from sandbox.tenant.contacts_state import ContactStore
    from sandbox.tenant.conversations import Thread
    from sandbox.tenant.drive_state import Drive
    from sandbox.tenant.faults import Faults
    from sandbox.tenant.mail_uploads import MailSession
    from sandbox.tenant.mailbox import Mailbox
    from sandbox.tenant.onenote_state import NoteShelf
    from sandbox.tenant.settings_state import Configuration
    from sandbox.tenant.site_lists_state import SiteLists
    from sandbox.tenant.site_pages import SitePages
    from sandbox.tenant.stickies import StickyStore
    from sandbox.tenant.throttle import Throttle
    from sandbox.tenant.todo_state import TodoStore
    from sandbox.tenant.transfer import ImportSession


@dataclass(slots=True)
class Options:
    """Where Graph leaves room, or where a test wants a particular corner of it."""

    seed: str = "holdfast"
    mail_page: int = 10  # default page of Outlook lists (Graph docs: user-list-messages)
    mail_page_max: int = 1000
    delta_page: int = 10  # without Prefer: odata.maxpagesize
    delta_page_max: int = 512
    drive_page: int = 200
    drive_page_max: int = 1000  # $top is a hint
    users_page: int = 100
    page_jitter: bool = True  # maxpagesize is a hint: pages may be shorter
    delta_replays: bool = True  # the same item may come twice, or again unchanged
    delta_empty_pages: bool = True  # a page without items and with a nextLink is legal
    delta_generations: int = 8  # rounds after which an older token of the same container dies
    mail_rule_2026: bool = False  # sensitive properties of a non-draft are immutable from 31 December 2026
    mail_rule_2026_attachments: bool = False  # the announcement does not say whether attachments count
    delete_goes_to: str = "deleteditems"  # or recoverableitemsdeletions: the docs do not say
    events_delta: bool = True  # the docs know it of beta alone, v1.0 has been seen to answer
    event_delta_exceptions: bool = False  # whether a changed occurrence is an entry of its own is not said
    planner_expands_details: bool = True  # not in the docs of the lists; clients use it, and some were refused
    todo_child_changes_told: bool = False  # whether a task shows for a changed step or link is not said
    team_provisioning_s: float = 10  # a team made of a group answers 404 for a while
    team_messages: int = 20  # default page of messages (Graph docs: channel-list-messages)
    all_messages: bool = True  # getAllMessages answers; it was metered and guarded once (Graph docs: teams-licenses)
    all_messages_tell_shared: bool = False  # the page speaks of "public and private channels" only
    message_ids_are_times: bool = True  # an imported message's id is its time, as every id that was seen is; not said
    imports: bool = True  # migration mode exists in the global cloud only (Graph docs: channel-startmigration)
    import_refuses: str = ""  # the code of Exchange's refusal of whatever is imported
    post_shows_s: float = 0  # a reply to a group's thread is accepted, and shows later; how much later is not said
    note_shows_s: float = 0  # a new page may be missing in its section's listing for a while
    thread_takes_files: bool = True  # a thread's first post may bring files; documented of replies alone
    message_limit: int = 150 * 1024 * 1024
    licences: int = 500
    latency_s: float = 0.001  # so that requests overlap and concurrency can be seen
    token_life_s: int = 3599
    request_limit: int = 4 * 1024 * 1024  # Outlook's request size
    upload_session_life_s: int = 3600
    download_url_life_s: int = 3600
    throttling: bool = True
    mailbox_concurrency: int = 4
    mailbox_requests: int = 10_000  # per 10 minutes, app and mailbox
    hosts_refuse_tokens: bool = True  # as documented; SharePoint has also been seen to overlook one (rclone 1.60)
    retry_after_s: int = 2  # of a request refused for concurrency


@dataclass(slots=True)
class User:
    id: str
    upn: str
    display_name: str
    mail: str | None
    enabled: bool = True
    user_type: str = "Member"
    purpose: str = "user"
    language: str = "en-US"
    given_name: str | None = None
    surname: str | None = None
    job_title: str | None = None
    department: str | None = None
    office: str | None = None
    created_at: dt.datetime = field(default_factory=lambda: dt.datetime(2020, 3, 1, 8, 0, tzinfo=dt.UTC))
    photo: bytes | None = None
    changed: int = 0
    synced: bool = False  # mastered by a directory on premises
    manager: str | None = None  # user id
    profile: dict[str, Any] = field(default_factory=dict)  # further members of Graph's user, under their own names


@dataclass(slots=True)
class Group:
    """A Microsoft 365 group, or (not `unified`) a security group. A team is a group with `team`."""

    id: str
    display_name: str
    nickname: str
    mail: str | None
    description: str | None = None
    visibility: str = "Private"
    unified: bool = True
    rule: str | None = None  # of a dynamic membership
    members: list[str] = field(default_factory=list)  # user ids
    owners: list[str] = field(default_factory=list)
    team: bool = False
    created_at: dt.datetime = field(default_factory=lambda: dt.datetime(2021, 5, 3, 8, 0, tzinfo=dt.UTC))
    photo: bytes | None = None
    site: str | None = None  # site id
    facts: dict[str, Any] = field(default_factory=dict)  # further members of Graph's group, under their own names


@dataclass(slots=True)
class Site:
    """A SharePoint web. `id` is "host,site collection,web"; a subsite shares the first two with its parent."""

    id: str
    name: str  # the leaf of its URL
    display_name: str
    web_url: str
    description: str = ""
    parent: str | None = None
    personal: bool = False
    group: str | None = None
    drives: list[str] = field(default_factory=list)  # document libraries, the default one first
    archived: str = ""  # recentlyArchived, fullyArchived, reactivating
    locked: bool = False  # lock state NoAccess
    created_at: dt.datetime = field(default_factory=lambda: dt.datetime(2021, 5, 3, 8, 0, tzinfo=dt.UTC))
    modified_at: dt.datetime = field(default_factory=lambda: dt.datetime(2026, 5, 3, 8, 0, tzinfo=dt.UTC))


@dataclass(slots=True)
class App:
    client_id: str
    name: str
    roles: frozenset[str]
    secret: str | None = None
    certificates: list[bytes] = field(default_factory=list)  # PEM
    federated: list[tuple[str, str, bytes]] = field(default_factory=list)  # issuer, subject, public key PEM
    api_roles: dict[str, tuple[str, ...]] = field(default_factory=dict)  # audience -> roles
    sharepoint_roles: frozenset[str] = frozenset()  # of SharePoint, consented to apart from Graph's
    scopes: frozenset[str] = frozenset()  # a public client's: what people may let it do in their name


class Ids:
    """Identifiers that depend on the seed and on how many were drawn before: the same story gives the same ids."""

    def __init__(self, seed: str) -> None:
        self._seed, self._drawn = seed, 0

    def _draw(self, kind: str) -> bytes:
        self._drawn += 1
        return hashlib.sha512(f"{self._seed}/{kind}/{self._drawn}".encode()).digest()

    def guid(self) -> str:
        return str(uuid.UUID(bytes=self._draw("guid")[:16], version=4))

    def token(self, kind: str, length: int = 32) -> str:
        """URL-safe letters, digits, - and _; upper and lower case matter."""
        return base64.urlsafe_b64encode(self._draw(kind) * 3).decode()[:length]


@dataclass(slots=True)
class Doors:
    """Base URLs of the separate doors, known once the server listens."""

    graph: str = ""
    login: str = ""
    control: str = ""
    download: str = ""
    upload: str = ""
    sharepoint: str = ""  # SharePoint's own interface


class Tenant:
    def __init__(self, options: Options | None = None, domain: str = "contoso.example") -> None:
        from sandbox.tenant.faults import Faults
        from sandbox.tenant.group_state import GroupBook
        from sandbox.tenant.planner_state import Planner
        from sandbox.tenant.sync import ChangeLog
        from sandbox.tenant.teams_state import Teams
        from sandbox.tenant.throttle import Throttle

        self.options = options or Options()
        self.ids = Ids(self.options.seed)
        self.id = self.ids.guid()
        self.domain = domain
        self.users: dict[str, User] = {}
        self.deleted_users: dict[str, int] = {}
        self.groups: dict[str, Group] = {}
        self.sites: dict[str, Site] = {}
        self.site_lists: dict[str, SiteLists] = {}
        self.site_pages: dict[str, SitePages] = {}
        self.apps: dict[str, App] = {}
        self.refresh_tokens: dict[str, tuple[str, frozenset[str]]] = {}  # token -> user id, scopes
        self.device_codes: dict[str, dict[str, Any]] = {}  # sign-ins that wait for a person, by device code
        self.mailboxes: dict[str, Mailbox] = {}
        self.contacts: dict[str, ContactStore] = {}
        self.calendars: dict[str, CalendarStore] = {}
        self.configurations: dict[str, Configuration] = {}
        self.notes: dict[str, NoteShelf] = {}  # by user id or site id
        self.site_columns: dict[str, list[dict[str, Any]]] = {}  # of sites themselves
        self.todos: dict[str, TodoStore] = {}
        self.stickies: dict[str, StickyStore] = {}
        self.teams = Teams()
        self.drives: dict[str, Drive] = {}
        self.user_drive: dict[str, str | None] = {}
        self.mail_sessions: dict[str, MailSession] = {}
        self.import_sessions: dict[str, ImportSession] = {}
        self.directory_log = ChangeLog()
        self.group_book = GroupBook()
        self.planner = Planner()
        self.threads: dict[str, list[Thread]] = {}  # of a group's mailbox
        self.outbox: list[dict[str, Any]] = []  # mails and invitations sent: must stay empty
        self.generation = 0  # counts every change of the tenant
        self.doors = Doors()
        self.clock_offset = dt.timedelta()
        self.wall: Callable[[], float] = time.time
        self.faults: Faults = Faults()
        self.throttle: Throttle = Throttle(self)
        # what whoever has it may use: tokens and signed URLs, the newest, so that a test can look where they turn up
        self.issued: deque[str] = deque(maxlen=10_000)
        self.secret = hashlib.sha256(f"{self.options.seed}/link key".encode()).digest()

    def clock(self) -> dt.datetime:
        """The tenant's time: aware UTC; the control door may move it."""
        return dt.datetime.fromtimestamp(self.wall(), dt.UTC) + self.clock_offset

    def touch(self) -> int:
        self.generation += 1
        return self.generation

    def add_user(self, name: str, display_name: str, **facts: Any) -> User:
        """A user of this tenant's domain; `name` is the part before the @ unless it has one."""
        upn = name if "@" in name else f"{name}@{self.domain}"
        user = User(self.ids.guid(), upn, display_name, **{"mail": upn, **facts})
        self.users[user.id] = user
        self.user_drive.setdefault(user.id, None)
        self.directory_log.note(user.id)
        self.touch()
        return user

    def add_group(self, nickname: str, display_name: str, **facts: Any) -> Group:
        """A group with its SharePoint site, as creating one makes both (a security group has none)."""
        group = Group(self.ids.guid(), display_name, nickname, **{"mail": f"{nickname}@{self.domain}", **facts})
        self.groups[group.id] = group
        if group.unified:
            group.site = self.add_site(nickname, display_name, group=group.id).id
        self.touch()
        return group

    def add_site(self, name: str, display_name: str, *, parent: Site | None = None, **facts: Any) -> Site:
        """A site, or the subsite of `parent`, with its default library."""
        from sandbox.tenant.site_drives import give_libraries

        host = f"{self.domain.split('.')[0]}.sharepoint.com"
        if parent:
            collection, url = parent.id.split(",")[1], f"{parent.web_url}/{name}"
        else:
            collection, url = self.ids.guid(), f"https://{host}/sites/{name}"
        id = f"{host},{collection},{self.ids.guid()}"
        site = Site(id, name, display_name, url, parent=parent.id if parent else None, **facts)
        self.sites[site.id] = site
        if not site.personal:
            give_libraries(self, site)
        self.touch()
        return site

    def find_group(self, name: str) -> Group | None:
        """By id, or by nickname."""
        return self.groups.get(name) or next((g for g in self.groups.values() if g.nickname == name), None)

    def find_site(self, name: str) -> Site | None:
        """By id, or by the leaf of its URL."""
        return self.sites.get(name) or next((s for s in self.sites.values() if s.name == name), None)

    def add_mailbox(self, user: User) -> Mailbox:
        from sandbox.tenant.calendar_state import CalendarStore
        from sandbox.tenant.contacts_state import ContactStore
        from sandbox.tenant.mailbox import Mailbox
        from sandbox.tenant.settings_state import Configuration
        from sandbox.tenant.stickies import StickyStore
        from sandbox.tenant.todo_state import TodoStore

        self.mailboxes[user.id] = Mailbox(self, user)
        self.contacts[user.id] = ContactStore(self, user)
        self.calendars[user.id] = CalendarStore(self, user)
        self.configurations[user.id] = Configuration(self, user)
        self.todos[user.id] = TodoStore(self, user)
        self.stickies[user.id] = StickyStore(self, user)
        return self.mailboxes[user.id]

    def find_user(self, name: str) -> User | None:
        """By id or, whatever the case, by principal name."""
        if name in self.users:
            return self.users[name]
        lower = name.lower()
        return next((u for u in self.users.values() if u.upn.lower() == lower), None)


def stamp(moment: dt.datetime) -> str:
    """A time as Outlook prints it: whole seconds, Z."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
