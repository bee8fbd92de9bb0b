"""Who stands for a person where things are given back: by the order's map, by themselves, or by rules across tenants.

In their own tenant people stay who they are and nobody is asked for. In another one the directory decides: only who is
there can get anything. Each person is looked up once per delivery of a ticket.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, replace

from shared.flows.house import House
from shared.graph.steps import Refused, Reply, Whom, get, odata_string, segment
from shared.model import Owner, People, PeopleRule, Person, Place
from shared.ports import Graph, Scope

USER = "$select=id,userPrincipalName,mail"
GROUP = "$select=id,mail"


DEFAULT: tuple[PeopleRule, ...] = ("upn", "mail")


def read_map(text: str) -> dict[str, str]:
    """A mapping file: a line per person or domain, `ann@old.example,anna@new.example` or `@old.example,@new.example`.
    Raises ValueError with the number of the line that is none."""
    known: dict[str, str] = {}
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        source, comma, target = (piece.strip() for piece in line.replace(";", ",").partition(","))
        if not (comma and source and target) or "," in target or source.startswith("@") != target.startswith("@"):
            raise ValueError(f"line {number}: who, a comma, and whom they stand for")
        known[source] = target
    return known


def merged(order: People, house: People) -> People:
    """The order's map and rules before the operator's."""
    return People({**_folded(house.known), **_folded(order.known)}, order.rules or house.rules or DEFAULT)


def _folded(known: Mapping[str, str]) -> dict[str, str]:
    return {source.casefold(): target for source, target in known.items()}


class Counterparts:
    """The answers of one delivery."""

    def __init__(self, house: House, graph: Graph, source: Owner, place: Place) -> None:
        self._house, self._graph, self._source = house, graph, source.tenant
        self._abroad = place.owner.tenant != source.tenant
        self._scope = Scope(place.owner.tenant, "directory", restoring=True)
        self._people = merged(place.people, house.people)
        self._found: dict[Person, Person | None] = {}
        self._asking = asyncio.Lock()

    async def answer(self, step: Whom) -> Reply:
        async with self._asking:
            try:
                found = [await self._of(person) for person in step.people]
            except Refused as why:
                return why.reply
        return Reply(200, json.dumps({"value": [asdict(one) if one else None for one in found]}).encode())

    async def _of(self, person: Person) -> Person | None:
        if person not in self._found:
            self._found[person] = await self._look(person)
        return self._found[person]

    async def _look(self, person: Person) -> Person | None:
        if not self._abroad and not self._people.known:
            return person
        told = await self._told(person)
        for name in (told.id, told.upn, told.mail):
            if target := self._people.known.get(name.casefold()) if name else None:
                return await self._named(target, told.type)
        if not self._abroad:
            return person
        for rule in self._people.rules:
            if rule != "none" and (found := await self._by(rule, told)):
                return found
        return None

    async def _told(self, person: Person) -> Person:
        """With what the source's directory said when it was last listed: many records name people by id alone."""
        if not person.id or (person.upn and person.mail):
            return person
        row = await self._house.catalog.owner(Owner(self._source, person.type, person.id))
        if row is None:
            return person
        upn = row.owner.name if person.type == "user" else ""
        return replace(person, upn=person.upn or upn, mail=person.mail or row.facts.get("mail", ""))

    async def _by(self, rule: PeopleRule, told: Person) -> Person | None:
        name = self._here(told.upn if rule == "upn" else told.mail)
        if not name or "@" not in name:
            return None
        if rule == "upn":
            return await self._by_name(name) if told.type == "user" else None
        return await self._by_mail(name, told.type)

    def _here(self, name: str) -> str:
        """The name with the domain that stands for its own."""
        local, at, domain = name.rpartition("@")
        return f"{local}{self._people.known.get(at + domain.casefold(), at + domain)}" if at else name

    async def _named(self, target: str, type: str) -> Person | None:
        """Whom a map names by id, UPN or mail."""
        if type == "group":
            by_mail = await self._by_mail(target, type) if "@" in target else None
            return by_mail or await self._one(f"/groups/{segment(target)}?{GROUP}", type)
        return await self._by_name(target) or (await self._by_mail(target, type) if "@" in target else None)

    async def _by_name(self, name: str) -> Person | None:
        return await self._one(f"/users/{segment(name)}?{USER}", "user")

    async def _by_mail(self, mail: str, type: str) -> Person | None:
        """The only one with that address; where several have it nobody knows who is meant."""
        path, fields = ("groups", GROUP) if type == "group" else ("users", USER)
        reply = await self._graph.send(get(f"/{path}?$filter=mail%20eq%20{odata_string(mail)}&{fields}"), self._scope)
        found = reply.values
        return _person(found[0], type) if len(found) == 1 else None

    async def _one(self, path: str, type: str) -> Person | None:
        reply = await self._graph.send(get(path), self._scope)
        return _person(reply.json, type) if reply.found else None


def _person(entry: Mapping[str, object], type: str) -> Person:
    upn, mail = entry.get("userPrincipalName"), entry.get("mail")
    names = str(upn or "").lower(), str(mail or "").lower()
    return Person(str(entry["id"]), *names, "group" if type == "group" else "user")
