"""What a kind is: facts, then three acts in travel order (feeds and their changes, capture, restore)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from shared.errors import Misconfigured
from shared.graph.steps import Steps
from shared.model import (
    Cursor,
    Feed,
    Json,
    Kept,
    Left,
    Listing,
    Mode,
    Owner,
    OwnerType,
    Place,
    Restored,
    Seen,
    Taken,
    Version,
)

# of a person: to post what is mailed, to write notes
SignIn = Literal["", "posting", "writing"]


@dataclass(frozen=True, slots=True)
class Into:
    """A folder in the target that items are given back into. `path` is its Graph path, `folder_id` its id; `facts` are
    the kind's own, and one that goes in order may note there what its next item needs."""

    owner: Owner
    path: str
    folder_id: str = ""
    facts: dict[str, str] = field(default_factory=dict)  # what only this kind needs to know (a drive's id ...)


@dataclass(frozen=True, slots=True)
class Census:
    """What the service itself says exists of a kind: items by the feed that holds them, and bytes. None: it does not
    say."""

    items: Mapping[str, int] | None = None
    bytes: int | None = None


class Kind(ABC):
    """One sort of thing we keep. Stateless; never sends, waits, retries, logs or reads a clock."""

    name: ClassVar[str]
    title: ClassVar[str]
    owner_types: ClassVar[frozenset[OwnerType]]
    lane: ClassVar[str]  # what Graph throttles as one
    exclusive_lane: ClassVar[bool]  # the service caps concurrency inside the lane (a mailbox: 4)
    read_permissions: ClassVar[tuple[str, ...]]
    write_permissions: ClassVar[tuple[str, ...]]
    signed_in: ClassVar[bool] = False  # read in the name of a person who signed in; the roles are then their scopes
    only_lossless: ClassVar[bool] = False  # kept only where the lossless mode is on (BACKUP_LOSSLESS)
    # given back in the name of a person who signed in for it, and in their tenant only; the roles are then their scopes
    writes_as: ClassVar[SignIn] = ""
    tells_people: ClassVar[str] = ""  # whom giving back tells of it, where it can't be done quietly
    shows_late: ClassVar[bool] = False  # what was given may show later than it is taken: nothing is repeated at once
    spare_permissions: ClassVar[tuple[str, ...]] = ()  # of the restore, only where there is no better way
    server_owned: ClassVar[frozenset[str]]  # members of a record that no client can set
    losses: ClassVar[tuple[str, ...]]  # what a restore can't give back, in words for people
    tree: ClassVar[str | None] = None  # id of the feed whose items are folders that open feeds of their own, if any
    tree_days: ClassVar[int] = 7  # the tree is listed in full at least this often: delta may not tell of hidden folders
    asks: ClassVar[int] = 1  # requests that an unchanged feed costs, at most and on average
    first: ClassVar[str] = ""  # id of the feed that is given back before the others, if they need what it makes
    has_folders: ClassVar[bool] = True  # items lie in folders, so that they can be given back into one made for them
    strewn: ClassVar[bool] = False  # a folder can't be made: what goes into one lies at the top and is named after it
    removal: ClassVar[str] = ""  # what becomes of a drill's folder in the end, for people; "": it can't go away
    undrilled: ClassVar[str] = ""  # why no drill gives it back, where its `removal` is ""
    # a pattern of a difference that a restore leaves -> the beginning of the declared loss that explains it
    excuses: ClassVar[Mapping[str, str]] = {}
    restore_bytes_per_s: ClassVar[int] = 500_000  # what the service lets one restore write (for estimates)
    restore_items_per_s: ClassVar[float] = 4.0
    rooted: ClassVar[bool] = False  # the top of a feed's tree is an item of the feed (a drive's root)
    tops: ClassVar[bool] = True  # an item can lie at the top of a place; else single ones come with their folder
    settles: ClassVar[bool] = False  # items point at others: a restore goes through them twice (see `settle`)
    keeps_only: ClassVar[str] = ""  # why nothing of it can be given back by an app, where that is so (see `KeptOnly`)
    only_where: ClassVar[tuple[str, str] | None] = None  # a fact of the directory (owners.py) that its owners have
    outlives: ClassVar[bool] = False  # a deleted team's is still told for a while
    in_order: ClassVar[bool] = False  # given back one after the other, by id (a reply needs what it answers)
    listed_anew: ClassVar[bool] = False  # what is given back may show in no delta: the next run lists in full
    warning: ClassVar[str] = ""  # what a person has to know before a restore is ordered: every preview begins with it
    # what the listing of a feed that was never listed begins with, where it differs from any full listing
    debut: ClassVar[Cursor | None] = None
    reconcile_days: ClassVar[int]  # a full listing at least this often, though changes are known by delta

    # -- the crawl

    @abstractmethod
    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        """The owner's feeds that can be named without asking another feed. Raises OwnerMissing / NotPermitted."""

    def named_anew(self, owner: Owner) -> bool:
        """Whether `feeds` is asked on each run: places come and go, and no feed tells of it (a site's libraries)."""
        return False

    def reads_of(self, owner_type: OwnerType) -> tuple[str, ...]:
        """The roles that reading owners of this type takes, besides the one that finds them."""
        return self.read_permissions

    def opens(self, version: Version) -> Feed | None:
        """The feed that a kept item opens (a mail folder has its messages), if it does."""
        return None

    def only_with_content(self, folder: Version) -> bool:
        """Whether a restore makes this folder only for what lies in it."""
        return False

    @abstractmethod
    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        """One answer of the feed after `cursor`; None starts a full listing. Raises CursorExpired, OwnerMissing,
        NotPermitted; OwnerMissing with a feed that was opened by an item means that this one place is gone."""

    def left(self, cursor: Cursor) -> Left | None:
        """What a first crawl that stands at this cursor has still to come to, where its listing tells it."""
        return None

    @abstractmethod
    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        """Take one item. `prior` is the newest kept version of the same item in this space with the same
        `content_tag`: its parts may be used again instead of reading the bytes once more."""

    def unchanged(self, seen: Seen, kept: Version) -> bool:
        """Whether the listing's entry tells nothing that the kept version does not hold already."""
        return seen.tag == kept.tag

    @abstractmethod
    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        """Read one item's listing entry anew (for an item that is owed, or too big for the lane). None: gone."""

    def census(self, owner: Owner, told: Mapping[str, int] | None, known: Mapping[str, int]) -> Steps[Census]:
        """What the service says exists, in as few requests as it takes; asked behind a run, about once a day. `told`:
        what a listing of this run told by the way. `known`: items that are accounted for, by open feed."""
        yield from ()
        return Census()

    # -- the way back

    def withheld(self, place: Place) -> str:
        """Why nothing of the kind is given back into this place, whatever the item; "" where it is."""
        if self.writes_as and place.tenant:
            return f"{self.title}: whoever signed in to write them belongs to one tenant: take them out by an export"
        if self.tells_people and not place.notify:
            return f"{self.title}: {self.tells_people}: given back only where the order says place.notify"
        return self.keeps_only

    @abstractmethod
    def root(self, place: Place) -> Steps[Into]:
        """Where in the place things go: its top for "original", else a folder of that name, found or created."""

    @abstractmethod
    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        """The counterpart of a kept folder below `into`: found (well-known ones by name, others by display name) or
        created. Never changes one that exists."""

    @abstractmethod
    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        """Give one item back: find or create, then complete. Called again with the same mark it makes no second item.

        Reads come before the first write, so that a preview can run the same act and stop there.
        """

    def settle(self, kept: Kept, into: Into, *, mark: str) -> Steps[tuple[str, ...]]:
        """The second walk, when all of the selection is there: point this item at what stands for those that it pointed
        at; what could not be. Only of folders whose `into.facts` say "settle"; in this walk those given to `folder` say
        "settling"."""
        yield from ()
        return ()

    def together(self, into: Into) -> str:
        """Why items don't go into this folder one by one, but as a document of several to read; "" where they do."""
        return ""

    def restore_together(self, kept: Sequence[Kept], into: Into) -> Steps[str]:
        """Write that document and say where it is; the same items make the same one, whatever the restore."""
        raise NotImplementedError(f"{self.name}: its items go one by one")

    def leave(self, into: Into) -> Steps[tuple[str, ...]]:
        """What is left to do in a folder, and what of it was lost: all of it is given back, or the restore ends before.
        Safe to be called again."""
        yield from ()
        return ()

    def foresees(self, kept: Kept) -> tuple[str, ...]:
        """What a restore of this item can't give back as far as its record tells: what a preview says of it."""
        return ()

    def listed_as(self, into: Into) -> str:
        """The item id under which a listing shows the folder of `root`."""
        return into.folder_id

    def own_name(self, name: str, folder: str) -> str | None:
        """Of a kind that is `strewn`: what a thing at the top was called before it was given back into `folder`; None:
        it is not of that folder."""
        return "" if name == folder else name.removeprefix(f"{folder}/") if name.startswith(f"{folder}/") else None

    def by_the_way(self, seen: Seen, restores: Sequence[str]) -> bool:
        """Whether this is no item of anybody's, but what these restores make on the way to one (a folder of a list, a
        task that still bears their mark): an attempt that died may have left it."""
        return False

    def remove(self, into: Into) -> Steps[None]:
        """Delete the folder of `root`, made for a drill, with all that lies in it; of a kind that is `strewn`, the one
        thing of it that `folder_id` names, if it bears the sign of a restore. Where it can, so that a person can bring
        it back. Missing is fine. Only for kinds that say in `removal` what becomes of it."""
        raise NotImplementedError(f"{self.name}: nothing is removed")

    # -- the way out

    def file_name(self, record: Json) -> str:
        """A name under which a person recognises the item (no path, no extension of the part)."""
        return str(record.get("o365:Name") or record.get("o365:Id") or "item")


class KeptOnly(Kind):
    """A kind that Graph gives an app no way to write: it is kept, shown and exported. `keeps_only` says why; a restore
    tells it of every item and asks nothing of the kind."""

    write_permissions: ClassVar[tuple[str, ...]] = ()
    has_folders: ClassVar[bool] = False

    def root(self, place: Place) -> Steps[Into]:
        raise Misconfigured(f"{self.title}: {self.keeps_only}")

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        raise Misconfigured(f"{self.title}: {self.keeps_only}")

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        raise Misconfigured(f"{self.title}: {self.keeps_only}")


def common(record: Json, *, type: str, name: str) -> Json:
    """A record: Graph's own JSON below the properties all kinds share."""
    return {
        "o365:Type": type,
        "o365:Id": record.get("id", ""),
        "o365:Name": name,
        "o365:CreatedDateTime": record.get("createdDateTime"),
        "o365:LastModifiedDateTime": record.get("lastModifiedDateTime"),
        **record,
    }
