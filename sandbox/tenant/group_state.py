"""What the directory remembers of groups: what changed since when, which are in the bin, their template settings."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.tenant.sync import ChangeLog

if TYPE_CHECKING:
    from sandbox.tenant.state import Group, Tenant

Json = dict[str, Any]
RELATIONS = ("members", "owners")


@dataclass(frozen=True, slots=True)
class Move:
    """Somebody came into a relation of a group, or left it."""

    at: int
    group: str
    relation: str
    person: str
    gone: bool


@dataclass(slots=True)
class GroupBook:
    """Changes are found by comparing: whoever changes a group (a team does, too) need not tell of it."""

    log: ChangeLog = field(default_factory=ChangeLog)
    bin: dict[str, Group] = field(default_factory=dict)  # deleted, and for 30 days to be had back
    settings: dict[str, list[Json]] = field(default_factory=dict)  # group id -> Graph's groupSettings
    moves: list[Move] = field(default_factory=list)
    _known: dict[str, tuple[str, dict[str, set[str]]]] = field(default_factory=dict)

    def catch_up(self, tenant: Tenant) -> None:
        from sandbox.tenant.groups import everything_of

        for id in self._known.keys() - tenant.groups.keys():
            del self._known[id]
            self.log.note(id, gone=True)
        for group in tenant.groups.values():
            people = {"members": set(group.members), "owners": set(group.owners)}
            said = json.dumps(everything_of(group), sort_keys=True)
            before = self._known.get(group.id)
            if before == (said, people):
                continue
            self.log.note(group.id)
            for relation in RELATIONS:
                then = before[1][relation] if before else set()
                came, left = people[relation] - then, then - people[relation]
                self.moves += [
                    Move(self.log.last, group.id, relation, person, person in left) for person in sorted(came | left)
                ]
            self._known[group.id] = (said, people)

    def told(self, group: Group, relation: str, since: int) -> list[Json]:
        """`members@delta` of a round that began at `since`: 0 tells of everybody."""
        last = {m.person: m for m in self.moves if m.group == group.id and m.relation == relation and m.at > since}
        gone: Json = {"@removed": {"reason": "deleted"}}
        return [
            {"@odata.type": "#microsoft.graph.user", "id": m.person} | (gone if m.gone else {})
            for m in last.values()
            if since or not m.gone
        ]


def bin_group(tenant: Tenant, group: Group) -> None:
    """Deleted: a Microsoft 365 group goes to the bin with all it has, a security group is gone at once (Graph docs:
    directory-deleteditems-restore)."""
    del tenant.groups[group.id]
    if group.unified:
        tenant.group_book.bin[group.id] = group
    if group.id in tenant.teams.teams:
        tenant.teams.deleted[group.id] = tenant.teams.teams.pop(group.id)
    tenant.touch()
