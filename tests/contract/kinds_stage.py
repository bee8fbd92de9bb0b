"""The stage on which every kind plays the same story: a small tenant, its backup and restore apps, and what is kept."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from sandbox.tenant.happenings import mutate
from sandbox.tenant.oauth import mint
from sandbox.tenant.seed import app_named
from sandbox.tenant.seed_drives import give_drive
from sandbox.tenant.state import Options, User
from shared.catalog.memory import MemoryRows
from shared.catalog.nouns import OutcomeRow, RestoreRow, RunRow
from shared.flows import plan, restore
from shared.flows.house import House, Limits, Policy
from shared.kinds import KINDS
from shared.kinds.kind import Kind
from shared.kinds.lossless import lossless
from shared.kinds.signed_writes import written_by
from shared.model import Feed, Mode, Owner, OwnerType, Place, Selection, Version
from shared.vault.memory import MemoryBlobs
from tests.rig import Probe, Worlds, drain, process, worlds

PAGES = Path(__file__).parents[1] / "pages"
GRAPH = "https://graph.microsoft.com"
EVERY_OWNER = get_args(OwnerType)
CONTENT = ("/$value", "/content", "/contentStream", "download GET")  # requests for an item's own bytes


LOSSLESS = "+lossless"  # the end of a play's name
SIGNED_WRITES = written_by("posting", "writing")
SIGNED_PLAYS = ("+posting", "+writing")
IN_BOTH_MODES = ("mail",)  # the one that streams make new items of


def played(name: str) -> list[str]:
    """The names under which a kind plays: one for each of its types of owners, the first one the kind's own; and one
    for the mode that keeps it whole, or for the sign-in that gives it back."""
    _, *others = [owner_type for owner_type in EVERY_OWNER if owner_type in KINDS[name].owner_types]
    modes = [name + LOSSLESS] if name in IN_BOTH_MODES else []
    modes += [f"{name}+{SIGNED_WRITES[name].writes_as}"] if name in SIGNED_WRITES else []
    return [name, *(f"{name}@{owner_type}" for owner_type in others), *modes]


def kind_of(play: str) -> Kind:
    return kinds_in(play)[re.split(r"[+@]", play)[0]]


def kinds_in(play: str) -> Mapping[str, Kind]:
    """All kinds as they are where this one plays."""
    whole, signed_in = play.endswith(LOSSLESS), play.endswith(SIGNED_PLAYS)
    return {**KINDS, **(lossless() if whole else {}), **(SIGNED_WRITES if signed_in else {})}


def owner_type_of(play: str) -> OwnerType:
    types = [owner_type for owner_type in EVERY_OWNER if owner_type in kind_of(play).owner_types]
    return next((one for one in types if one == play.partition("@")[2]), types[0])


class Granted:
    """A token with these application roles and no others; of the public client: of the seed's first user, with these
    scopes."""

    def __init__(self, worlds: Worlds, app: str, roles: frozenset[str]) -> None:
        tenant, named = worlds.tenant, app_named(worlds.tenant, app)
        user = next(iter(tenant.users)) if named.scopes else None
        self._token = mint(tenant, named, GRAPH, sorted(roles), user=user, scopes=" ".join(sorted(roles)))

    async def token(self, stale: str = "") -> str:
        return self._token


@dataclass(slots=True)
class Stage:
    worlds: Worlds
    kind: Kind
    limits: Limits
    owner_type: OwnerType
    _orders: int = 0

    def house(self) -> House:
        kind = self.kind
        policy = Policy(EVERY_OWNER, (kind.name,), signed_in=kind.signed_in, lossless=kind.only_lossless)
        house = process(self.worlds, Probe(), self.limits, policy)
        return replace(house, kinds={**house.kinds, self.kind.name: self.kind})

    def asked(self, app: str) -> dict[str, int]:
        """How often which request reached the tenant since `forget`, the parts of a $batch on their own."""
        app = self._reader(app)
        shapes = self.worlds.running.traffic.shapes
        return {
            name.removeprefix(f"{app} "): n
            for name, n in shapes.items()
            if name.startswith((f"{app} ", "download ", "upload ")) and not name.endswith("/$batch")
        }

    def _reader(self, app: str) -> str:
        """Who reads the kind, or gives it back: the app, or the one in which a person signed in."""
        signed_in = {"backup": "notes"} if self.kind.signed_in else {}
        signed_in |= {"restore": self.kind.writes_as} if self.kind.writes_as else {}
        return signed_in.get(app, app)

    def place(self, owner: Owner, folder: str) -> Place:
        """Where things go; what can't be given back without telling people may tell them."""
        return Place(owner, folder, notify=bool(self.kind.tells_people))

    @property
    def told_unasked(self) -> list[dict[str, Any]]:
        """What was sent to anybody, but for what the kind says that it sends, once."""
        sent = self.worlds.tenant.outbox
        return sent if not self.kind.tells_people else [mail for n, mail in enumerate(sent) if mail in sent[:n]]

    def content_read(self, app: str) -> list[str]:
        return [name for name in self.asked(app) if name.endswith(CONTENT)]

    def written(self, app: str) -> int:
        """Requests of the app that change something, and bytes it sent to upload addresses."""
        uploads = sum(n for name, n in self.worlds.running.traffic.shapes.items() if name.startswith("upload "))
        return self.worlds.running.traffic.writes[self._reader(app)] + uploads

    def forget(self) -> None:
        self.worlds.running.traffic.shapes.clear()
        self.worlds.running.traffic.writes.clear()

    def begin_anew(self) -> None:
        """Empty stores for the same tenant."""
        self.worlds.blobs = MemoryBlobs(self.worlds.clock.now)
        self.worlds.rows = MemoryRows()

    def grant(self, app: str, roles: frozenset[str] | None = None) -> None:
        """The app's token from now on; None: all that the tenant gives it."""
        if (signed_in := self._reader(app)) != app:
            self._grant(signed_in, roles and roles & app_named(self.worlds.tenant, signed_in).scopes)
        self._grant(app, roles)

    def _grant(self, app: str, roles: frozenset[str] | None) -> None:
        known = app_named(self.worlds.tenant, app).roles or app_named(self.worlds.tenant, app).scopes
        self.worlds.tokens[app] = Granted(self.worlds, app, known if roles is None else roles)  # type: ignore[assignment]

    def owner(self, name: str) -> Owner:
        """The user of that name; where groups or sites play, the one that is the seed's own."""
        return self._named("crew" if name == "adele" and self.owner_type != "user" else name)

    def newcomer(self, name: str) -> Owner:
        """An owner with everything a licence gives, and nothing in it."""
        tenant = self.worlds.tenant
        if self.owner_type == "user":
            user: User = tenant.add_user(name, name.capitalize())
            tenant.add_mailbox(user)
            give_drive(tenant, user)
            if self.kind.signed_in:
                first = next(iter(tenant.users.values())).upn
                mutate(tenant, [{"do": "share_notes", "owner": user.upn, "reader": first, "edit": True}])
        else:
            quiet = {"resourceBehaviorOptions": ["WelcomeEmailDisabled"]}  # as a group of Teams: joining sends no mail
            first = next(iter(tenant.users.values())).id
            tenant.add_group(name, name.capitalize(), owners=[first], members=[first], facts=quiet)
        return self._named(name)

    def _named(self, name: str) -> Owner:
        tenant = self.worlds.tenant
        if self.owner_type == "user":
            user = tenant.find_user(f"{name}@{tenant.domain}")
            assert user is not None
            return Owner(tenant.id, "user", user.id, user.upn)
        if self.owner_type == "group":
            group = tenant.find_group(name)
            assert group is not None
            return Owner(tenant.id, "group", group.id, group.mail or "")
        site = tenant.find_site(name)
        assert site is not None
        return Owner(tenant.id, "site", site.id, site.web_url.partition("://")[2])

    def mutate(self, story: str) -> None:
        """What tests/pages/<kind>/story.json tells under that name: changes of the sandbox tenant. "$owner" stands for
        the one who plays, as mutations name them."""
        self.happen(*self.story[story])

    def happen(self, *changes: dict[str, Any]) -> None:
        name = f"adele@{self.worlds.tenant.domain}" if self.owner_type == "user" else "crew"
        mutate(self.worlds.tenant, [{k: name if v == "$owner" else v for k, v in one.items()} for one in changes])

    @property
    def story(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((PAGES / self.kind.name / "story.json").read_text("utf-8"))
        return told

    async def back_up(self, owner: Owner, kind: Kind | None = None) -> RunRow:
        """One run of the kind (or of another one in its place) over the owner, with all the tickets that come of it."""
        self.worlds.clock.advance(3600)
        house = self.house()
        if kind is not None:
            house = replace(house, kinds={kind.name: kind})
        [planned] = await plan.now(house, [owner.id])
        await drain(self.worlds, house)
        run = await house.catalog.run(house.tenant, planned.run)
        assert run is not None
        return run

    async def give_back(
        self, owner: Owner, place: Place, *, order: str = "", mode: Mode = "create", preview: bool = False,
        at: datetime | None = None, items: tuple[str, ...] = (), folder: str | None = None,
    ) -> RestoreRow:  # fmt: skip
        """One restore to its end. The same `order` again is the same restore with its progress lost."""
        house = self.house()
        self._orders += 1
        selection = Selection(owner, (self.kind.name,), at or self.worlds.clock.now(), folder, items)
        restore_id = order or f"order{self._orders}"
        there = await house.catalog.restore(house.tenant, restore_id)
        if there is not None:
            await self.worlds.rows.delete("restores", *_key_of(self.worlds, restore_id))
        await restore.order(house, selection, place, mode, restore=restore_id, preview=preview, by="test")
        await drain(self.worlds, house)
        row = await house.catalog.restore(house.tenant, restore_id)
        assert row is not None
        return row

    async def outcomes(self, restore_id: str) -> list[OutcomeRow]:
        found, after = [], ""
        while True:
            some, next_ = await self.house().catalog.outcomes(restore_id, after)
            found += some
            if not next_:
                return found
            after = next_

    async def kept(self, owner: Owner, at: datetime | None = None) -> list[tuple[str, Version]]:
        """Every item the catalog shows at the moment, with the path it lies at; folders end in a slash."""
        house = self.house()
        moment = at or self.worlds.clock.now()
        feeds = {state.feed.id: state.feed for state in await house.catalog.feeds(owner, self.kind.name)}
        tops = feeds.values() if self.kind.tree is None else [feeds[self.kind.tree]]
        found: list[tuple[str, Version]] = []
        open_: list[tuple[Feed, str | None, str]] = [(feed, "", "/") for feed in tops]
        while open_:
            feed, folder, path = open_.pop()
            for version in await _members(house, feed, folder, moment):
                here = f"{path}{version.name}/" if version.folderish else path
                found.append((here, version))
                if version.folderish:
                    open_.append((feed, version.item_id, here))
                    opened = self.kind.opens(version)
                    open_ += [(opened, None, here)] if opened and opened.id in feeds else []
        return found


async def _members(house: House, feed: Feed, folder: str | None, at: datetime) -> list[Version]:
    """The items of a folder, whole; `folder` None: all of the feed."""
    found: list[Version] = []
    after: str | None = ""
    while after is not None:
        some, after = await house.catalog.listing(feed, folder, at, after=after)
        found += [await house.catalog.version(feed, v.item_id, v.seq) or v for v in some]
    return found


def _key_of(worlds: Worlds, restore_id: str) -> tuple[str, str]:
    from shared.catalog import keys

    return keys.plain(worlds.tenant.id), keys.plain(restore_id)


@asynccontextmanager
async def staged(
    kind: str, traffic: Path | None = None, *, seed: str = "small", limits: Limits | None = None, **options: Any
) -> AsyncIterator[Stage]:
    small: dict[str, Any] = {"huge": 9 << 20, "attachment": 4 << 20} if seed == "awkward" else {}
    async with worlds(seed, Options(**{"latency_s": 0, **options}), traffic, **small) as there:
        stage = Stage(there, kind_of(kind), limits or Limits(), owner_type_of(kind))
        if seed == "small" and "before" in stage.story:
            stage.mutate("before")
        yield stage
