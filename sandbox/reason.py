"""What a reason for a difference is, and the tests that those of several kinds share. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
# before, after, the item as it was (with "where": its path, "into": the user it was given to)
Holds = Callable[[Any, Any, Json], bool]

MARK = "HoldfastMark"
MISSING, EXTRA = "(missing)", "(extra)"
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Reason:
    """`declared`: how the sentence begins among the kind's `losses`; "" where it is no loss but how a restore works."""

    kind: str
    field: str
    text: str
    holds: Holds
    declared: str = ""


def only_the_mark(before: Any, after: Any, _item: Json) -> bool:
    """Nothing else was added, nothing was taken away."""
    return before == {tag: value for tag, value in after.items() if MARK not in tag}


def cleaned(before: Any, after: Any, _item: Json) -> bool:
    if isinstance(before, dict) and isinstance(after, dict):
        before, after = dict(before), dict(after)
        return before.keys() == after.keys() and all(_CONTROLS.sub("", str(before[k])) == str(after[k]) for k in before)
    return _CONTROLS.sub("", str(before)) == str(after)


def merged(before: Any, _after: Any, _item: Json) -> bool:
    return bool(before.get("merged"))


def mark_and_unknown_gone(before: Any, after: Any, _item: Json) -> bool:
    kept = {tag: value for tag, value in after.items() if MARK not in tag}
    return kept.items() <= before.items()
