"""What a journey finds in place when a door calls it: the worlds, the stations over them, the kinds and the policy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from shared.catalog.catalog import Catalog
from shared.cost.prices import Prices
from shared.flows.reach import Departments, Rosters
from shared.flows.retention import Retention
from shared.kinds.kind import Kind
from shared.model import Lane, Mode, Owner, OwnerType, People
from shared.ports import Blobs, Clock, Graph, Parcels, Queue, Reaper, Scope, Warmer
from shared.vault.vault import Vault

Identity = Literal["backup", "restore", "target", "notes", "posting", "writing"]
Thaw = Literal["off", "standard", "high"]  # how archived bytes come back that an order reads; off: a person does it


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes and times that bound memory and the length of one piece of work."""

    page_bytes: int = 16 * 1024 * 1024  # a page is committed when its captures exceed this
    page_items: int = 500
    gathered_items: int = 500  # listings are put together up to this, so that small answers do not make small pages
    waiting_items: int = 2_000  # versions whose rows wait for others', so that a transaction is full
    at_once: int = 16  # captures in memory at a time
    item_ticket_bytes: int = 64 * 1024 * 1024  # a bigger item gets a ticket of its own and never blocks its lane
    lane_budget_s: float = 600.0  # then the lane hands itself on
    lane_lease_s: float = 900.0  # a holder that was silent for so long is taken for dead
    plan_gap_s: float = 300.0  # a second tick within this time plans nothing (doubled timer)
    objective_s: float = 86_400.0  # a lane whose last run ended longer ago is late
    census_s: float = 72_000.0  # the service is asked how much there is when it was last asked longer ago
    lost_retry_s: float = 3600.0  # an owed item's first wait; doubles up to a day
    volume_bytes: int = 1 << 30  # of one ZIP of an export


LEFT_OUT = "leftOut"  # a fact of an owner who is known, and whom the last plan found outside the policy's groups


@dataclass(frozen=True, slots=True)
class Condition:
    """On a fact that the directory tells of an owner. An owner of whom it tells no such thing is not concerned."""

    fact: str
    equal: bool
    pattern: str

    def met(self, facts: Mapping[str, str]) -> bool:
        return self.fact not in facts or fnmatchcase(facts[self.fact].lower(), self.pattern.lower()) == self.equal


@dataclass(frozen=True, slots=True)
class Chosen:
    """Keys of the owners that the policy's groups hold: groups, the users in them, their sites. A site's key names its
    collection only: all webs of it are chosen together."""

    included: frozenset[str]
    excluded: frozenset[str]


@dataclass(frozen=True, slots=True)
class Policy:
    """Whose what is kept. Patterns match the owner's id or its name (a user's UPN), case folded; `*` and `?` work."""

    owner_types: tuple[OwnerType, ...] = ("user",)
    kinds: tuple[str, ...] = ()  # empty: all
    include: tuple[str, ...] = ()  # empty: everyone
    exclude: tuple[str, ...] = ()
    narrowed: Mapping[OwnerType, tuple[str, ...]] = field(default_factory=dict)  # kinds of one type of owner
    include_groups: tuple[str, ...] = ()  # ids: with `include`, whoever one of both names
    exclude_groups: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()  # all of them
    signed_in: bool = False  # a person signed in, so that kinds are kept that no app may read
    shared_with: tuple[str, ...] = ()  # whose those kinds are kept; empty: everyone's
    lossless: bool = False  # the lossless mode is on, so that kinds are kept that only its interface knows

    def keeps(self, kind: str, owner_type: OwnerType) -> bool:
        return all(not names or kind in names for names in (self.kinds, self.narrowed.get(owner_type, ())))

    def covers(self, owner: Owner, facts: Mapping[str, str] | None = None, chosen: Chosen | None = None) -> bool:
        """`facts`: what the directory says of the owner. `chosen`: whom the groups hold; where that is not told, it is
        as the last plan found it."""
        told = facts or {}
        key = owner.key.rpartition(",")[0] if owner.type == "site" else owner.key
        named = _fits(owner, self.include) or not (self.include or self.include_groups)
        if chosen is None:
            within = LEFT_OUT not in told
        else:
            within = (named or key in chosen.included) and key not in chosen.excluded
        within = within and (named or bool(self.include_groups)) and not _fits(owner, self.exclude)
        return within and owner.type in self.owner_types and all(condition.met(told) for condition in self.where)

    def reads(self, owner: Owner, kind: Kind) -> bool:
        """Whether the one who signed in is said to see it."""
        return not kind.signed_in or not self.shared_with or _fits(owner, self.shared_with)


def _fits(owner: Owner, patterns: tuple[str, ...]) -> bool:
    names = (owner.id.lower(), owner.name.lower())
    return any(fnmatchcase(name, pattern.lower()) for pattern in patterns for name in names)


@dataclass(frozen=True, slots=True)
class Scratch:
    """Where drills give back to: one owner of each type at most, in a folder that is made for it. Nobody: no drills."""

    owners: tuple[Owner, ...] = ()
    folder: str = "Holdfast drill"
    every_days: int = 7
    items: int = 5  # of each kind


async def _all_of_it() -> int:
    return 100


@dataclass(frozen=True, slots=True)
class House:
    """Everything a journey needs, made by wiring (or by a test, over memory twins)."""

    tenant: str
    clock: Clock
    vault: Vault
    catalog: Catalog
    queue: Queue
    graph: Callable[[Identity], Awaitable[Graph]]
    kinds: Mapping[str, Kind]
    policy: Policy = field(default_factory=Policy)
    limits: Limits = field(default_factory=Limits)
    target_tenant: str = ""  # "" = no second tenant is configured
    reaper: Reaper | None = None  # None: this app may not delete
    warmer: Warmer | None = None  # None: this app may not move blobs to another tier
    thaw: Thaw = "standard"
    copy: Blobs | None = None  # the vault's second copy, if there is one
    own_vault: Vault | None = None  # where `vault` also reads the second copy: the first one alone, for its care
    parcels: Parcels | None = None  # where exports are written to; None: this app makes none
    prices: Prices = field(default_factory=Prices)  # what requests and bytes cost
    retention: Retention = field(default_factory=Retention)
    people: People = field(default_factory=People)  # whom restores take for whom, unless their order says otherwise
    scratch: Scratch = field(default_factory=Scratch)
    departments: Departments = field(default_factory=Departments)
    budget_left: Callable[[], Awaitable[int]] = _all_of_it  # percent of SharePoint's units for a day
    rosters: Rosters = field(default_factory=Rosters)  # of the policy's groups
    search_text: bool = False  # the words inside mails and documents are indexed, too
    self_service: bool = False  # a person without a role may see and restore what is their own
    four_eyes: bool = False  # a restore waits for a second person
    restore_mode: Mode = "skip"  # of orders that name none

    @property
    def kept_kinds(self) -> list[str]:
        """What the policy keeps of anybody."""
        names = [kind.name for type_ in self.policy.owner_types for kind in self.kinds_for(type_)]
        return list(dict.fromkeys(names))

    def kinds_for(
        self, owner_type: OwnerType, lane: str | None = None, only: Collection[str] = ()
    ) -> list[Kind]:
        """The kinds that the policy keeps of owners of this type, in the order of KINDS. `only`: no others."""
        return [
            kind
            for kind in self.kinds.values()
            if owner_type in kind.owner_types
            and self.policy.keeps(kind.name, owner_type)
            and (self.policy.signed_in or not kind.signed_in)
            and (self.policy.lossless or not kind.only_lossless)
            and lane in (None, kind.lane)
            and (not only or kind.name in only)
        ]

    def lanes_of(self, owner: Owner, facts: Mapping[str, str] | None = None) -> list[Lane]:
        """`facts`: what the directory says of the owner; where it tells that a kind has nothing there, that costs
        nothing. What it does not tell, the kind asks."""
        names = dict.fromkeys(
            kind.lane
            for kind in self.kinds_for(owner.type)
            if self.policy.reads(owner, kind) and may_have(kind, facts or {})
        )
        return [Lane(owner, name) for name in names]

    def reader(self, lane: str) -> Identity:
        """Who reads what is in such a lane."""
        return "notes" if any(kind.signed_in for kind in self.kinds.values() if kind.lane == lane) else "backup"


def may_have(kind: Kind, facts: Mapping[str, str]) -> bool:
    """False where the directory tells that the owner has nothing of this kind (a group that is no team)."""
    return kind.only_where is None or facts.get(kind.only_where[0], kind.only_where[1]) == kind.only_where[1]


def scope(lane: Lane, *, restoring: bool = False) -> Scope:
    """What a lane's requests are throttled with. Four at once is Outlook's limit per app and mailbox (Graph docs:
    throttling-limits); drives have no published number and share the tenant's resource-unit budget instead. OneNote
    counts for whoever signed in, whosesoever the notebooks are (same page)."""
    if lane.name == "notes":
        return Scope(lane.owner.tenant, "signed-in~notes", at_once=4)
    return Scope(lane.owner.tenant, lane.key, at_once=4 if lane.name == "mailbox" else 8, restoring=restoring)
