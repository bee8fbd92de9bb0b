"""A request body, member by member: what is wrong is collected and told together, unknown members too. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from shared.api.keys import owner_of
from shared.api.problems import BadRequest, NotThere
from shared.model import Json, Owner


def read_moment(text: str, now: datetime) -> datetime:
    """RFC 3339 with an offset; ValueError tells what is wrong with it."""
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+", 1) if text.count(" ") == 1 else text)
    except ValueError:
        raise ValueError("a moment such as 2026-03-01T12:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError("a moment with Z or an offset: without one nobody knows which is meant")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment between the years 1 and 9999") from None
    if moment > now:
        raise ValueError("lies in the future")
    return moment


@dataclass(slots=True)
class Members:
    """A body being read: collects what is wrong, then tells it all."""

    body: Json
    path: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    children: list[Members] = field(default_factory=list)

    def wrong(self, name: str, text: str) -> None:
        self.errors.setdefault(self.path + name, text)

    def _get(self, name: str) -> Any:
        self.read.add(name)
        return self.body.get(name)

    def text(self, name: str, *, longest: int = 2048) -> str:
        value = self._get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or not value.strip() or len(value) > longest or "\x00" in value:
            self.wrong(name, f"a text of 1 to {longest} characters")
            return ""
        return value

    def texts(self, name: str, most: int, allowed: Collection[str] | None = None) -> tuple[str, ...]:
        value = self._get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(v, str) and 0 < len(v) <= 2048 for v in value):
            self.wrong(name, "a list of texts")
            return ()
        if not value or len(value) > most:
            self.wrong(name, f"a list of 1 to {most} texts; leave it out to mean all")
        elif allowed is not None and (strangers := [v for v in value if v not in allowed]):
            self.wrong(name, f"{strangers[0][:40]!r} is unknown; known are {', '.join(allowed)}")
        return tuple(dict.fromkeys(value))

    def map(self, name: str, most: int) -> dict[str, str]:
        value = self._get(name)
        if value is None:
            return {}
        texts = isinstance(value, dict) and all(
            isinstance(v, str) and 0 < len(v) <= 320 and 0 < len(k) <= 320 for k, v in value.items()
        )
        if not texts or len(value) > most:
            self.wrong(name, f"an object of up to {most} texts by name")
            return {}
        return dict(value)

    def flag(self, name: str) -> bool:
        value = self._get(name)
        if value is not None and not isinstance(value, bool):
            self.wrong(name, "true or false")
        return value is True

    def number(self, name: str, most: int = 36_500) -> int:
        value = self._get(name)
        if value is None:
            return 0
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            self.wrong(name, f"a whole number from 1 to {most}")
            return 0
        return value

    def moment(self, name: str, now: datetime) -> datetime | None:
        text = self.text(name)
        try:
            return read_moment(text, now) if text else None
        except ValueError as why:
            self.wrong(name, str(why))
            return None

    def owner(self, name: str, tenant: str) -> Owner:
        text = self.text(name)
        try:
            return owner_of(tenant, text)
        except NotThere:
            self.wrong(name, "written user-<id>, as GET /api/owners gives it")
            return Owner(tenant, "user", "")

    def inner(self, name: str) -> Members:
        value = self._get(name)
        if value is not None and not isinstance(value, dict):
            self.wrong(name, "an object")
        child = Members(value if isinstance(value, dict) else {}, f"{self.path}{name}.", self.errors)
        self.children.append(child)
        return child

    def _all(self) -> list[Members]:
        return [self, *(found for child in self.children for found in child._all())]

    def objects(self, name: str, most: int) -> list[Members]:
        """Objects in their order."""
        value = self._get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value) or len(value) > most:
            self.wrong(name, f"a list of up to {most} objects")
            return []
        found = [Members(v, f"{self.path}{name}[{n}].", self.errors) for n, v in enumerate(value)]
        self.children += found
        return found

    def finish(self) -> None:
        for members in self._all():
            for name in sorted(set(members.body) - members.read):
                members.wrong(str(name)[:60], "no such member")
        if self.errors:
            told = [{"member": member, "problem": text} for member, text in sorted(self.errors.items())]
            raise BadRequest("; ".join(f"{e['member']}: {e['problem']}" for e in told)[:2000], facts={"errors": told})
