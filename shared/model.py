"""The nouns of the house: one page of frozen dataclasses that every other file speaks in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Json = dict[str, Any]
OwnerType = Literal["user", "group", "site"]


# --- whose data, and where it comes from -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose data: a user, group or site of a tenant. `id` is the directory's object id (or the site id)."""

    tenant: str
    type: OwnerType
    id: str
    name: str = field(default="", compare=False)

    @property
    def key(self) -> str:
        """The owner's name inside its tenant, as rows, tickets and blob names spell it."""
        return f"{self.type}-{self.id}"

    @property
    def path(self) -> str:
        """The owner's path below Graph's version root."""
        return f"/{self.type}s/{self.id}"


@dataclass(frozen=True, slots=True)
class Lane:
    """What Graph throttles as one and one worker drives at a time: a mailbox, a drive ..."""

    owner: Owner
    name: str

    @property
    def key(self) -> str:
        return f"{self.owner.key}~{self.name}"


@dataclass(frozen=True, slots=True)
class Feed:
    """One place Graph can be asked "what changed since?".

    `id` is stable for the feed's life. `path` is the Graph path that its items' paths extend. `space` is the scope
    inside which item ids are unique for this owner and kind ("" for a mailbox; the drive id for a drive): all feeds
    of one space share a catalog partition, so that an item that moves between them is recognised.
    """

    owner: Owner
    kind: str
    id: str
    path: str = field(compare=False)
    space: str = ""
    name: str = field(default="", compare=False)


Cursor = str  # where we stopped in a feed; opaque to everyone but the kind


# --- what a feed says -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """An item that exists, as the feed described it.

    `tag` changes whenever anything we keep changes; `content_tag` only when the item's bytes do (None: unknown).
    `folder` is the id of the item that contains it ("" at the top); `folderish` items can contain others.
    `size_bytes` is an estimate that decides whether the item gets a ticket of its own. `source`: a signed URL of its
    bytes that the listing handed out; good for minutes, and never kept.
    """

    item_id: str
    record: Json
    tag: str
    content_tag: str | None = None
    folder: str = ""
    name: str = ""
    folderish: bool = False
    size_bytes: int = 0
    modified_at: str = ""
    source: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Gone:
    """An item that this feed no longer holds: deleted, or moved to another feed."""

    item_id: str
    reason: str = "deleted"


Change = Seen | Gone


@dataclass(frozen=True, slots=True)
class Listing:
    """One answer of a feed. `last`: the cursor is good for the next run; otherwise the round goes on from it.

    `whole` False, on the last answer of a full round: something could not be listed, so absence proves nothing.
    `told`: how many items the service counts in each feed, where a full listing tells it by the way.
    `passed`: entries of the answer that a later one tells again. `link`: where the listing goes on, if the cursor
    carries more than that: to come to it twice is to go in circles.
    """

    changes: tuple[Change, ...]
    cursor: Cursor
    last: bool
    whole: bool = True
    told: Mapping[str, int] | None = None
    passed: int = 0
    link: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """What a first crawl knows to be there and has not come to yet, and about when it will have."""

    items: int
    bytes: int
    ends_about: datetime | None = None


# --- what we keep ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chunk:
    """A write-once blob `parts/<aa>/<sha256>` of the vault."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a small part lies: one entry of one page, readable with one range request."""

    page: str  # blob name of the page
    name: str  # entry name inside the ZIP
    offset: int  # of the entry's compressed bytes inside the page
    packed: int  # their length
    method: int  # ZIP compression method: 0 stored, 8 deflated


@dataclass(frozen=True, slots=True)
class Part:
    """A named piece of an item that the vault holds. Exactly one of `entry` and `chunks` tells where."""

    sha256: str
    size: int
    entry: Entry | None = None
    chunks: tuple[Chunk, ...] = ()


@dataclass(frozen=True, slots=True)
class Capture:
    """An item as taken: its record, and its parts by name (`mime`, `content`, `photo` ...).

    A part given as `bytes` goes into the page; a `Part` is in the vault already. `suffixes` gives the file name
    ending under which a person recognises a part (".eml"); `content_tag` replaces the listing's when it is known
    better now; `notes` are gaps of this one item worth telling. `tag` replaces the listing's where a later run may take
    more of it; `refused`: what a role is missing for, and the run tells it.
    """

    record: Json
    parts: Mapping[str, bytes | Part] = field(default_factory=dict)
    suffixes: Mapping[str, str] = field(default_factory=dict)
    content_tag: str | None = None
    notes: tuple[str, ...] = ()
    tag: str | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not kept, on purpose and for good, with its reason (malware, a pointer to another drive ...)."""

    reason: str
    record: Json | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """Not kept though it should be: owed, and tried again on later runs."""

    reason: str


@dataclass(frozen=True, slots=True)
class Vanished:
    """The item was gone when we came to take it; its tombstone will follow in a later listing."""


Taken = Capture | Skipped | Lost | Vanished

State = Literal["kept", "gone", "skipped", "owed"]


@dataclass(frozen=True, slots=True)
class Version:
    """One captured state of one item: a row of the catalog, pointing into pages and parts.

    `record` and `parts` are empty for a tombstone. `seq` orders the versions of one feed, `taken_at` places them in
    time. A version with `folderish` opens a folder named by its own `item_id`.
    """

    owner: Owner
    kind: str
    feed_id: str
    space: str
    item_id: str
    state: State
    seq: int
    taken_at: datetime
    tag: str = ""
    content_tag: str | None = None
    folder: str = ""
    moved_from: str | None = None  # the folder of the version before, when it was another one
    name: str = ""
    folderish: bool = False
    size_bytes: int = 0
    modified_at: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()
    parts: Mapping[str, Part] = field(default_factory=dict)  # "record" is the record's JSON

    @property
    def id(self) -> str:
        """Names this version for ever: its item may have many."""
        return f"{self.seq:010d}"


# --- the page: what one commit keeps -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The versions of these items in the page `seq` count no more: retention let them go."""

    seq: int
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hole:
    """Pages `first` to `last` of a feed hold nothing that counts, and may be gone. `prev` is what the first one named
    as the page before it, `digest` the last one's: the chain goes on across the hole."""

    first: int
    last: int
    prev: str
    digest: str


@dataclass(frozen=True, slots=True)
class Header:
    """What a page says of itself: whose and which, its place in the feed's chain, and the cursor it covers.

    `prev` is the SHA-256 of the page before it. Several pages may share one step of the cursor: then only the last of
    them moves it. `last` ends a round; `round_from` is the first seq of the full round it belongs to (None: it
    belongs to an incremental one); `closed`: the place itself is gone. `forgotten` and `holes`: what retention took
    from earlier pages; the holes are told anew by each such page, all of them.
    """

    feed: Feed
    seq: int
    prev: str
    cursor_before: Cursor | None
    cursor_after: Cursor | None
    last: bool
    round_from: int | None
    taken_at: datetime
    run: str
    account: Account
    closed: bool = False
    forgotten: tuple[Forgotten, ...] = ()
    holes: tuple[Hole, ...] = ()


@dataclass(frozen=True, slots=True)
class Drafted:
    """A version on its way into a page, with the bytes of its small parts (`version.parts` has those kept before)."""

    version: Version
    fresh: Mapping[str, bytes] = field(default_factory=dict)
    suffixes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A page before its commit. `same`: ids that a full listing showed unchanged (proof of presence for the sweep)."""

    header: Header
    changes: tuple[Drafted, ...]
    same: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A committed page as the vault holds it. `ours`: our commit made it; otherwise a twin was there first."""

    name: str
    header: Header
    versions: tuple[Version, ...]
    same: tuple[str, ...]
    digest: str
    size: int
    ours: bool = True


# --- the account --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Account:
    """What became of everything that was listed: listed = kept + unchanged + gone + skipped + lost."""

    listed: int = 0
    kept: int = 0
    unchanged: int = 0
    gone: int = 0
    skipped: int = 0
    lost: int = 0
    bytes: int = 0

    def __add__(self, other: Account) -> Account:
        return Account(
            self.listed + other.listed,
            self.kept + other.kept,
            self.unchanged + other.unchanged,
            self.gone + other.gone,
            self.skipped + other.skipped,
            self.lost + other.lost,
            self.bytes + other.bytes,
        )

    @property
    def balanced(self) -> bool:
        return self.listed == self.kept + self.unchanged + self.gone + self.skipped + self.lost


@dataclass(frozen=True, slots=True)
class FeedState:
    """Where we stopped in a feed: the last page that the catalog knows and the cursor that covers it.

    `round_from` is the first sequence number of a full round that is under way (None: between rounds, or in an
    incremental one). `etag` is the row's, for the conditional write that advances it.
    """

    feed: Feed
    seq: int = 0
    head: str = ""  # SHA-256 of the page `seq`, hex; "" before the first
    cursor: Cursor | None = None
    last: bool = False
    round_from: int | None = None
    listed_at: datetime | None = None  # end of the last complete full listing
    taken_at: datetime | None = None  # of the page `seq`: the next page's is never earlier
    closed: bool = False  # the place itself is gone; its items are kept
    run: str = ""
    account: Account = field(default_factory=Account)
    problem: str = ""  # why the last run could not finish this feed, for people
    etag: str = field(default="", compare=False)


# --- giving back ----------------------------------------------------------------------------------------------------

Mode = Literal["create", "skip", "replace"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which versions: of an owner, some kinds, below a folder or by id, as of a moment; or only what was deleted or
    changed since `changed_since` (then each as it was at that time)."""

    owner: Owner
    kinds: tuple[str, ...]
    at: datetime
    folder: str | None = None
    items: tuple[str, ...] = ()
    changed_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A person or group as a record names them; what it does not tell is ""."""

    id: str = ""
    upn: str = ""
    mail: str = ""
    type: Literal["user", "group"] = "user"


PeopleRule = Literal["upn", "mail", "none"]


@dataclass(frozen=True, slots=True)
class People:
    """Whom a restore takes for whom. `known`: an id, UPN or mail address -> the one it stands for in the place, or a
    domain, written @old.example -> @new.example. `rules`: how all others are looked for in another tenant, in order (of
    an order, empty: as the operator set them); in their own tenant they stay who they are."""

    known: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[PeopleRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where to: an owner (maybe of another tenant), and a folder: "original", or the name of one made for it.

    `notify`: what makes Microsoft 365 itself tell people (a task assigned to them, a group's welcome, a post that its
    members get by mail) is given back, too; otherwise it is left out and told."""

    owner: Owner
    folder: str = "Restored"
    tenant: str = ""  # "" = the tenant it came from
    people: People = field(default_factory=People)
    notify: bool = False

    @property
    def original(self) -> bool:
        return self.folder == "original"


@dataclass(frozen=True, slots=True)
class Kept:
    """A version with its record read, ready to be given back. `place`: to whom, where that is known."""

    version: Version
    record: Json
    place: Owner | None = None

    @property
    def parts(self) -> Mapping[str, Part]:
        return self.version.parts


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of one item: `outcome` is created, completed (an earlier attempt began it), replaced, skipped or
    failed. `losses` names what could not be given back; `note` says why it was skipped or failed."""

    outcome: Literal["created", "completed", "replaced", "skipped", "failed"]
    item_id: str = ""
    losses: tuple[str, ...] = ()
    note: str = ""
