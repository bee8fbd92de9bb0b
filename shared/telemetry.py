"""What the app tells of itself for alerts: one line per run, restore, put-back, given-up ticket and look around.

The platform passes on a log record's text and nothing else, so the facts stand in the text as JSON behind the event's
name: `holdfast.run {"run": ...}`. Ids, counts, states and classes of errors only: no name, no address, no content.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol

log = logging.getLogger("holdfast.telemetry")

Fact = str | int | float | bool

# Every event with its facts: the alerts' queries are held against this list.
EVENTS: dict[str, tuple[str, ...]] = {
    # a lane's run ended; `whys`: the classes of what blocked it
    "run": ("tenant", "run", "owner", "lane", "state", "listed", "kept", "unchanged", "gone", "skipped", "lost",
            "bytes", "seconds", "problems", "whys"),
    "restore": ("restore", "state", "preview", "created", "completed", "replaced", "skipped", "failed"),
    "export": ("export", "state", "volumes", "items", "files", "bytes", "failed"),
    # a verification or a round of forgetting ended; `unmended`: damages that nothing whole was left to mend from
    "care": ("tenant", "care", "task", "state", "damages", "unmended", "seconds"),
    "mass_change": ("owner", "kind"),  # many items were rewritten or deleted at once: the owner is held
    # an app's daily look at its own set-up; `credential_days`: until the first credential ends
    "checkup": ("tenant", "role", "errors", "warnings", "unknown", "credential_days", "checks"),
    # a restore drill ended: so many kinds, so many items of them; `failed`: kinds that could not be drilled; `left`:
    # kinds whose scratch folder could not be removed
    "drill": ("drill", "kinds", "failed", "items", "equal", "excused", "differing", "left"),
    # a change of the retention policy was proposed, approved, rejected, or counts at once; `shortened`: how many rules
    "policy": ("change", "state", "shortened"),
    # the catalog was made anew from the vault; `damage`: pages that could not be used
    "rebuild": ("feeds", "pages", "versions", "already", "copied", "damage", "seconds"),
    "put_back": ("tenant", "queue", "why", "seconds"),  # a ticket waits: throttled, unreachable, contended
    "given_up": ("tenant", "queue", "why"),  # a ticket became a record: a person has to look
    # the catalog on all lanes of owners that the directory still has (`unseen` ones it has not): `late` ones ended
    # longer ago than the objective, `troubled` ones ended with a problem; `budget_left`: percent of the resource units
    # that SharePoint grants for a day
    "estate": ("tenant", "lanes", "unseen", "late", "troubled", "oldest_h", "objective_h", "owed", "given_up",
               "budget_left"),
}  # fmt: skip


def tell(event: str, **facts: Fact) -> None:
    """Write one line. The facts are those of EVENTS, all of them: a query that finds one missing finds nothing."""
    if set(facts) != set(EVENTS[event]):
        raise ValueError(f"event {event!r} has other facts: {sorted(set(facts) ^ set(EVENTS[event]))}")
    log.info("holdfast.%s %s", event, json.dumps(facts, separators=(",", ":")))
    for ear in _ears:
        ear.hear(event, facts)


# --- whoever else listens: OpenTelemetry, where a setting asks for it -------------------------------------------------


class Ear(Protocol):
    def hear(self, event: str, facts: Mapping[str, Fact]) -> None: ...

    def doing(self, what: str, facts: Mapping[str, Fact]) -> AbstractContextManager[None]:
        """Around a piece of work: one span."""


_ears: list[Ear] = []


def listen(ear: Ear) -> Callable[[], None]:
    """From now on `ear` is told, too; what ends that."""
    _ears.append(ear)
    return lambda: _ears.remove(ear)


@contextmanager
def doing(what: str, **facts: Fact) -> Iterator[None]:
    """A piece of work as a whole: a ticket, a call. Never a single item."""
    with ExitStack() as all_:
        for ear in _ears:
            all_.enter_context(ear.doing(what, facts))
        yield
