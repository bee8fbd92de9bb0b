"""What was used and what is stored, owner by owner and month by month ("2026-11"), as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.usage import Used

BACKUP = "backup"


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What one sort of work (`what`: "backup", "restore", "care" ...) asked of storage and of the function app in a
    month; `owner`: the key of whose data it was about, "" for work on all of them."""

    owner: str
    what: str
    used: Used


@dataclass(frozen=True, slots=True)
class Held:
    """What is stored on a day: blobs and bytes by tier, and versions that the catalog has rows of."""

    blobs: Mapping[str, int] = field(default_factory=dict)
    bytes: Mapping[str, int] = field(default_factory=dict)
    versions: int = 0


@dataclass(frozen=True, slots=True)
class StoredRow:
    """What is stored of an owner ("": of nobody alone), by the days of a month on which it was measured."""

    owner: str
    days: Mapping[int, Held]
