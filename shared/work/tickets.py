"""Tickets: small promises of work. Names only, versioned JSON, safe to deliver twice or late. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import ClassVar, TypeVar, get_args

from shared.errors import FormatUnknown
from shared.model import Owner, OwnerType

VERSION = 1
PLAN, BACKUP, ITEM, RESTORE, CARE, EXPORT = "plan", "backup", "item", "restore", "care", "export"
DRILL = "drill"  # care that writes into Microsoft 365: its tickets are care's, the app that serves them is another one
THAW = "thaw"  # care that a restore or an export asks for; served beside care, by the one app that may move blobs
QUEUES = (PLAN, BACKUP, ITEM, RESTORE, CARE, EXPORT, DRILL, THAW)


@dataclass(frozen=True, slots=True)
class PlanTicket:
    """Go on enumerating the tenant's owners of one type from `cursor` ("" = from the start) for a slot."""

    queue: ClassVar[str] = PLAN
    tenant: str
    slot: str
    owner_type: OwnerType
    cursor: str = ""
    kinds: str = ""  # only these, with commas between them

    @property
    def only(self) -> tuple[str, ...]:
        return tuple(self.kinds.split(",")) if self.kinds else ()


@dataclass(frozen=True, slots=True)
class LaneTicket:
    """Back up one lane of one owner for a slot. `hop` counts how often the lane handed itself on."""

    queue: ClassVar[str] = BACKUP
    tenant: str
    owner_type: OwnerType
    owner_id: str
    lane: str
    slot: str
    run: str
    hop: int = 0
    kinds: str = ""  # only these, with commas between them

    @property
    def owner(self) -> Owner:
        return Owner(self.tenant, self.owner_type, self.owner_id)

    @property
    def only(self) -> tuple[str, ...]:
        return tuple(self.kinds.split(",")) if self.kinds else ()


@dataclass(frozen=True, slots=True)
class ItemTicket:
    """Take one item on its own: it is big, or it failed before and is owed."""

    queue: ClassVar[str] = ITEM
    tenant: str
    owner_type: OwnerType
    owner_id: str
    kind: str
    feed_id: str
    item_id: str
    run: str

    @property
    def owner(self) -> Owner:
        return Owner(self.tenant, self.owner_type, self.owner_id)


@dataclass(frozen=True, slots=True)
class RestoreTicket:
    """Go on with a restore (or its preview), whose order and progress the catalog holds."""

    queue: ClassVar[str] = RESTORE
    tenant: str
    restore: str
    hop: int = 0


@dataclass(frozen=True, slots=True)
class CareTicket:
    """Go on with a piece of care (a verification, forgetting ...), whose order and progress the catalog holds."""

    queue: ClassVar[str] = CARE
    tenant: str
    care: str
    hop: int = 0


@dataclass(frozen=True, slots=True)
class ExportTicket:
    """Go on with an export, whose order and progress the catalog holds."""

    queue: ClassVar[str] = EXPORT
    tenant: str
    export: str
    hop: int = 0


Ticket = PlanTicket | LaneTicket | ItemTicket | RestoreTicket | CareTicket | ExportTicket
_TYPES: dict[str, type[Ticket]] = {t.queue: t for t in get_args(Ticket)}
T = TypeVar("T", PlanTicket, LaneTicket, ItemTicket, RestoreTicket, CareTicket, ExportTicket)


def write(ticket: Ticket) -> str:
    """The message text. Well under the queue's 48 KiB: ids and one cursor."""
    return json.dumps({"v": VERSION, "type": ticket.queue, **asdict(ticket)}, separators=(",", ":"), sort_keys=True)


def read(text: str | bytes, wanted: type[T]) -> T:
    """Parse a message of the wanted type; `FormatUnknown` for anything else (it then ends as a visible record)."""
    try:
        body = json.loads(text)
        version, kind = body.pop("v"), body.pop("type")
    except (ValueError, AttributeError, KeyError, TypeError) as why:
        raise FormatUnknown("ticket: not a JSON object with 'v' and 'type'") from why
    if version != VERSION:
        raise FormatUnknown(f"ticket: version {version!r} is not known to this code (it knows {VERSION})")
    if _TYPES.get(kind) is not wanted:
        raise FormatUnknown(f"ticket: type {str(kind)[:40]!r} is not expected here ({wanted.queue!r} is)")
    try:
        ticket = wanted(**body)
    except TypeError as why:
        raise FormatUnknown(f"ticket: the members of {wanted.queue!r} are other ones: {why}") from None
    _check(ticket)
    return ticket


def _check(ticket: Ticket) -> None:
    """Queue contents are outside input: a wrong type or a path in an id must not travel further."""
    for name, value in asdict(ticket).items():
        if name == "hop":
            fine = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        elif name == "owner_type":
            fine = value in get_args(OwnerType)
        elif name in ("owner_id", "tenant", "run", "restore", "care", "export", "slot", "lane", "kind"):
            fine = isinstance(value, str) and value != "" and not set(value) & set("/\\#?\x00")
        else:
            fine = isinstance(value, str)
        if not fine:
            raise FormatUnknown(f"ticket: member {name!r} of {ticket.queue!r} is not usable")
