"""The rows of the catalog that are not versions or feeds, as values. Pure.

Every noun with an `etag` is written conditionally: the tag is the one its last reading carried, "" for a new row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

from shared.model import Account, Json, Lane, Mode, Owner, Place, Restored, Selection, Version


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalog holds of one item, as seen from a feed.

    `here`: its newest version in this feed. `kept`: its newest version whose bytes we have, in this feed or else in
    another one of the same space (the item moved).
    """

    here: Version | None = None
    kept: Version | None = None


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """An owner the plan has met. `state`: "ok", or why nothing can be kept just now ("no mailbox", "missing" ...)."""

    owner: Owner
    state: str = "ok"
    seen_at: datetime | None = None
    facts: Mapping[str, str] = field(default_factory=dict)  # from the directory: mail, userType, accountEnabled ...


LaneState = Literal["planned", "running", "idle"]


@dataclass(frozen=True, slots=True)
class LaneRow:
    """The one row per lane that decides who works on it. `slot` is the plan's moment that the run serves; `hop` the
    ticket of the run that holds the lane; `touched_at` its last sign of life."""

    lane: Lane
    state: LaneState
    slot: str
    run: str
    hop: int = 0
    planned_at: datetime | None = None
    touched_at: datetime | None = None
    done_at: datetime | None = None
    problem: str = ""
    used: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # by month: what its work asked of storage
    etag: str = field(default="", compare=False)


RunState = Literal["running", "done", "partial", "blocked", "superseded", "failed"]


@dataclass(frozen=True, slots=True)
class RunRow:
    """One pass over one lane, with its account. "partial": some feeds could not be finished; "blocked": a person has to
    act; "failed": its ticket was given up. `problems` tells each reason."""

    run: str
    lane: Lane
    slot: str
    state: RunState
    started_at: datetime
    ended_at: datetime | None = None
    account: Account = field(default_factory=Account)
    kinds: Mapping[str, Account] = field(default_factory=dict)
    requests: int = 0
    problems: tuple[str, ...] = ()


DAMAGED_COPY = "damaged copy"


@dataclass(frozen=True, slots=True)
class Owed:
    """An item we could not take: tried again at `next_at`, until it is kept, gone or waived by a person."""

    owner: Owner
    kind: str
    feed_id: str
    item_id: str
    reason: str
    name: str = ""
    attempts: int = 0
    first_at: datetime | None = None
    next_at: datetime | None = None

    @property
    def damaged(self) -> bool:
        """The item was kept, but our copy is damaged: its bytes have to be taken anew, though nothing changed."""
        return self.reason.startswith(DAMAGED_COPY)


@dataclass(frozen=True, slots=True)
class LostTicket:
    """A ticket the platform gave up on, or that could not be read: visible until a person has seen it. `text` is the
    ticket itself (names only, no secrets), cut to 4,000 characters."""

    id: str
    queue: str
    text: str
    reason: str
    at: datetime


RestoreState = Literal["waiting", "queued", "running", "done", "partial", "failed", "cancelled"]


BEFOREHAND = "before anything else: "  # how a loss begins that is a warning about the whole restore


@dataclass(frozen=True, slots=True)
class RestoreRow:
    """An order to give back (or only to preview it), and how far it is.

    `progress` is the walk's own resume point (opaque JSON); `counts` by outcome; `losses` by their wording; `estimate`
    (previews): items, bytes, conflicts, seconds. "waiting": for a second person's approval.
    """

    restore: str
    selection: Selection
    place: Place
    mode: Mode
    preview: bool
    state: RestoreState
    ordered_by: str
    ordered_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cancel: bool = False
    hop: int = 0
    progress: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    losses: Mapping[str, int] = field(default_factory=dict)
    estimate: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    touched_at: datetime | None = None  # its last sign of life
    approved_by: str = ""  # the second person, where one is asked for
    etag: str = field(default="", compare=False)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person has to know before the restore is ordered."""
        return tuple(text.removeprefix(BEFOREHAND) for text in self.losses if text.startswith(BEFOREHAND))


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """What became of one item of a restore. `key` names item and version inside the restore (the mark)."""

    restore: str
    key: str
    kind: str
    item_id: str
    name: str
    folder_path: str
    outcome: Restored
    at: datetime


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who asked what of us, and what they were told."""

    at: datetime
    who: str
    action: str
    subject: str
    result: str


# --- care of the vault ------------------------------------------------------------------------------------------------

CareState = Literal["queued", "running", "done", "failed", "refused"]


@dataclass(frozen=True, slots=True)
class CareRow:
    """A piece of care (`task`: "verify", "forget" ...) and how far it is. `options`: what was asked for; `progress`:
    the task's own resume point (opaque JSON); "refused": the task found a reason not to begin or to go on."""

    care: str
    task: str
    state: CareState
    asked_by: str
    asked_at: datetime
    options: Mapping[str, str] = field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    touched_at: datetime | None = None
    hop: int = 0
    progress: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    etag: str = field(default="", compare=False)


What = Literal["missing", "changed", "unreadable", "chain", "row", "forged row", "feed"]
Mending = Literal["", "owed", "mended", "retaken", "lost"]


@dataclass(frozen=True, slots=True)
class Damage:
    """Something of the vault or the catalog that is not as it was written.

    `item_id` "" and `seq` 0: of no item that could be named. `blob`: where. `deep`: it took reading the payload to see
    it. `mending`: "mended": it is whole again; "owed": the item is being taken anew; "retaken": it was, the damaged
    version is only history; "lost": the version is gone, and the source does not have it as it was.
    """

    owner: Owner
    kind: str
    feed_id: str
    item_id: str
    seq: int
    part: str
    what: What
    blob: str
    text: str
    name: str = ""
    deep: bool = False
    care: str = ""  # the verification that saw it last
    found_at: datetime | None = None  # first
    seen_at: datetime | None = None  # last
    mending: Mending = ""

    @property
    def key(self) -> str:
        return "|".join((self.kind, self.feed_id, self.item_id, str(self.seq), self.part, self.what, self.blob))


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing of this owner may be forgotten: a person said so, or a mass change was seen (`pinned`)."""

    owner: Owner
    by: str
    at: datetime
    reason: str
    pinned: bool = False
    lifted_at: datetime | None = None
    lifted_by: str = ""
    asked_at: datetime | None = None  # when the first of two people asked to lift it
    asked_by: str = ""


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One change of the retention policy, numbered from 1. `rules`: all of it, as texts; `shortened`: in words what it
    no longer promises; `effective_at`: from when on it counts, None until somebody approved it."""

    change: int
    rules: Json
    by: str
    at: datetime
    reason: str = ""
    shortened: tuple[str, ...] = ()
    approved_by: str = ""
    approved_at: datetime | None = None
    rejected_by: str = ""
    rejected_at: datetime | None = None
    effective_at: datetime | None = None
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class VaultHealth:
    """The vault's health as it is known: the verification under way, the newest one that ended, and what they found."""

    running: CareRow | None
    last: CareRow | None
    damages: Sequence[Damage]
    holds: Sequence[Hold]


# --- drills -----------------------------------------------------------------------------------------------------------

Verdict = Literal["equal", "excused", "differs", "missing", "failed"]


@dataclass(frozen=True, slots=True)
class Picked:
    """A kept item that a drill drew: which version of it."""

    owner: Owner
    feed_id: str
    item_id: str
    seq: int
    name: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not as it was kept, without the values. `excuse`: the declared loss that explains it, if one does."""

    what: str
    excuse: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What came back of one item: "excused": not equal, but every difference is explained; "missing": given back and
    not found again; "failed": not given back."""

    picked: Picked
    verdict: Verdict
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class DrillRow:
    """One kind of one drill. `left`: what of its folder could not be removed, and why."""

    COUNTED: ClassVar[tuple[str, ...]] = ("items", "equal", "excused", "differing")

    drill: str
    kind: str
    state: Literal["drilled", "not drilled", "failed"]
    reason: str = ""
    left: str = ""
    results: tuple[Result, ...] = ()

    @property
    def items(self) -> int:
        return len(self.results)

    @property
    def equal(self) -> int:
        return sum(result.verdict == "equal" for result in self.results)

    @property
    def excused(self) -> int:
        return sum(result.verdict == "excused" for result in self.results)

    @property
    def differing(self) -> int:
        return self.items - self.equal - self.excused


# --- exports ----------------------------------------------------------------------------------------------------------

MailFormat = Literal["eml", "mbox", "maildir"]
ExportState = Literal["queued", "running", "done", "partial", "failed"]


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An order to write what is kept into ZIPs, and how far it is.

    `records`: with the JSON of each item. `progress` is the walk's own resume point (opaque); `volumes` counts those
    that are there; `seal`: SHA-256 of the last one, which lists all others with theirs.
    """

    export: str
    selection: Selection
    mail: MailFormat
    records: bool
    state: ExportState
    ordered_by: str
    ordered_at: datetime
    reason: str = ""  # as the caller gave it: a case number ...
    started_at: datetime | None = None
    ended_at: datetime | None = None
    touched_at: datetime | None = None
    hop: int = 0
    progress: str = ""
    volumes: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    seal: str = ""
    problems: tuple[str, ...] = ()
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class VolumeRow:
    """One ZIP of an export. `last`: the one with the manifest, which ends the export."""

    export: str
    number: int
    name: str  # in the container
    sha256: str
    size: int
    files: int
    items: int
    last: bool = False
