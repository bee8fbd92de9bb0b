"""Settings -> the real worlds: with its neighbours the only place that knows all. Made when it is first asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.api.gate import Gate
from shared.api.keyring import Keyring
from shared.api.tokens import Rules
from shared.catalog.catalog import Catalog
from shared.cost.prices import Prices, read_prices
from shared.errors import Misconfigured
from shared.flows.house import Condition, House, Limits, Policy, Scratch
from shared.flows.people import read_map
from shared.flows.reach import Departments
from shared.flows.retention import Retention, read_rule
from shared.kinds import KINDS
from shared.kinds.events import Events
from shared.kinds.files import Files
from shared.kinds.kind import Kind
from shared.kinds.lists import Lists
from shared.kinds.lossless import EXPORTED_TOGETHER, lossless
from shared.kinds.signed_writes import written_by
from shared.model import Owner, People
from shared.ports import Clock, Rows
from shared.setting_nouns import Policy as SettingsPolicy
from shared.setting_nouns import Settings
from shared.settings import environment, in_cloud
from shared.tenants import read_all
from shared.vault.second import WithCopy
from shared.vault.vault import Vault
from shared.wiring_graph import Graphs, opens_sharepoint, own_identity
from shared.wiring_storage import (
    Credentials,
    open_blobs,
    open_copy,
    open_parcels,
    open_queue,
    open_reaper,
    open_rows,
    open_warmer,
)

if TYPE_CHECKING:  # heavy: imported where they are made

    from shared.checkup.nouns import Instruments


class UtcClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


# --- what the doors ask for ------------------------------------------------------------------------------------------


class _Estate:
    """What this process has opened so far, by tenant. One per process; the platform runs all functions on one event
    loop. `lent`: the tenants of a test's own houses."""

    def __init__(self) -> None:
        self.settings: dict[str, Settings] = {}
        self.houses: dict[str, House] = {}
        self.gates: dict[str, Gate] = {}
        self.instruments: dict[str, Instruments] = {}
        self.lent: tuple[str, ...] = ()
        self.told = False  # to OpenTelemetry
        self.exits = AsyncExitStack()
        self.opening = asyncio.Lock()


_estate = _Estate()


def tenants() -> tuple[str, ...]:
    """Whose doors these are, the first one first. Raises Misconfigured with all that is wrong with the settings."""
    return _estate.lent or tuple(_settings())


def _settings() -> dict[str, Settings]:
    if not _estate.settings:
        _estate.settings = read_all(environment(), kinds=tuple(KINDS))
    return _estate.settings


def _one_of(tenant: str) -> str:
    """Who is meant; whoever is not known here gets the first one's doors, which know nothing of them either."""
    known = tenants()
    return tenant if tenant in known else known[0]


async def house(tenant: str = "") -> House:
    """The house of a tenant."""
    estate, tenant = _estate, _one_of(tenant)
    if tenant not in estate.houses:
        async with estate.opening:
            if tenant not in estate.houses:
                _listen(estate, _settings()[tenant])
                estate.houses[tenant] = await furnish(_settings()[tenant], UtcClock(), estate.exits)
    return estate.houses[tenant]


def _listen(estate: _Estate, settings: Settings) -> None:
    """OpenTelemetry, once for the process, where it is on."""
    if settings.insights is None or estate.told:
        return
    from shared.otel import to_azure_monitor
    from shared.telemetry import listen

    identity = settings.stores.identity_client_id
    credential = own_identity(identity) if identity else None
    otel = to_azure_monitor(settings.insights.reveal(), credential, role=settings.role)
    estate.told = True
    estate.exits.callback(otel.close)
    estate.exits.callback(listen(otel))


async def gate(tenant: str = "") -> Gate:
    """Who may call. Needs no storage: a caller without a token costs nothing."""
    estate, tenant = _estate, _one_of(tenant)
    if tenant not in estate.gates:
        estate.gates[tenant] = make_gate(_settings()[tenant], UtcClock())
    return estate.gates[tenant]


async def instruments(tenant: str = "") -> Instruments:
    """What this process can measure of its own set-up."""
    estate, tenant = _estate, _one_of(tenant)
    if tenant not in estate.instruments:
        from shared.wiring_checkup import make_instruments

        where = in_cloud(environment())
        made = await make_instruments(_settings()[tenant], UtcClock(), estate.exits, in_cloud=where)
        estate.instruments[tenant] = made
    return estate.instruments[tenant]


def lend(house: House, gate: Gate, instruments: Instruments | None = None, *, beside: bool = False) -> None:
    """Serve this house instead of the environment's: a test's, over memory twins. `beside` those that were lent."""
    estate = _estate
    if not beside:
        estate.lent, estate.houses, estate.gates, estate.instruments = (), {}, {}, {}
    estate.lent = (*estate.lent, house.tenant)
    estate.houses[house.tenant], estate.gates[house.tenant] = house, gate
    if instruments:
        estate.instruments[house.tenant] = instruments


async def close() -> None:
    """End what was opened; the next call opens anew."""
    global _estate
    ended, _estate = _estate, _Estate()
    await ended.exits.aclose()


async def furnish(settings: Settings, clock: Clock, exits: AsyncExitStack) -> House:
    """Make a house by its settings; what it opens is closed by `exits`."""
    async with AsyncExitStack() as opened:
        credentials = Credentials(opened)
        blobs = await open_blobs(settings, credentials, opened)
        rows = await open_rows(settings, credentials, opened)
        queue = await open_queue(settings, credentials, opened)
        sizes = settings.sizes
        copy = await open_copy(settings, credentials, opened)
        cut = {"part_bytes": sizes.part_bytes, "chunk_bytes": sizes.chunk_bytes}
        own = Vault(blobs, settings.tenant_id, **cut)
        vault = Vault(WithCopy(blobs, copy), settings.tenant_id, **cut) if copy else own
        await own.ensure()
        made = House(
            tenant=settings.tenant_id,
            clock=clock,
            vault=vault,
            catalog=Catalog(rows, vault.read_page),
            queue=queue,
            graph=Graphs(settings, rows, clock, exits).of,  # lives on: signs in when it is first needed
            kinds=_kinds(settings),
            policy=_policy(settings),
            limits=_limits(settings),
            budget_left=partial(_budget_left, rows, clock, settings),
            target_tenant=settings.target_tenant,
            reaper=await open_reaper(settings, credentials, opened),
            warmer=await open_warmer(settings, credentials, opened),
            thaw=settings.thaw,
            copy=copy,
            own_vault=own,
            parcels=await open_parcels(settings, credentials, opened) if settings.role in ("all", "backup") else None,
            retention=_retention(settings),
            scratch=_scratch(settings),
            people=_people(settings.policy),
            search_text=settings.search_text,
            prices=_prices(settings.prices).at(settings.thaw),
            departments=Departments(settings.api.departments),
            self_service=settings.api.self_service,
            four_eyes=settings.api.four_eyes,
            restore_mode=settings.api.restore_mode,
        )
        exits.push_async_exit(opened.pop_all())
    return made


async def _budget_left(rows: Rows, clock: Clock, settings: Settings) -> int:
    from shared.graph import budget

    return await budget.left(rows, clock, settings.tenant_id, settings.sizes.spo_licences)


def make_gate(settings: Settings, clock: Clock) -> Gate:
    async def keys() -> dict[str, Any]:
        from shared.api.jwks import fetch

        return await fetch(settings.api.jwks_url, settings.cloud.ca_file)

    rules = Rules(settings.tenant_id, settings.api.audiences, settings.api.issuers)
    api = settings.api
    return Gate(rules, Keyring(keys, clock), clock, open_=api.auth == "off", per_minute=api.per_minute)


def _kinds(settings: Settings) -> Mapping[str, Kind]:
    policy = settings.policy
    return {
        **KINDS,
        Files.name: Files(policy.file_versions),
        Events.name: Events(policy.events_people),
        Lists.name: Lists(policy.list_versions, attachments=_attachments(settings)),
        **(lossless(policy.events_people) if policy.lossless else {}),
        **(written_by("posting") if settings.posting else {}),
        **(written_by("writing") if settings.writing else {}),
    }


def _attachments(settings: Settings) -> bool:
    return bool(settings.cloud.sharepoint_hosts) and opens_sharepoint(settings.backup)


def _policy(settings: Settings) -> Policy:
    p, notes = settings.policy, settings.notes
    return Policy(
        owner_types=p.owner_types, kinds=p.kinds, include=p.include, exclude=p.exclude, narrowed=p.narrowed,
        signed_in=notes is not None, shared_with=notes.owners if notes else (),
        include_groups=p.include_groups, exclude_groups=p.exclude_groups, lossless=p.lossless,
        where=tuple(Condition(*each) for each in p.where),
    )  # fmt: skip


def _people(policy: SettingsPolicy) -> People:
    if not policy.people_file:
        return People(rules=policy.people_rules)
    try:
        return People(read_map(Path(policy.people_file).read_text("utf-8")), policy.people_rules)
    except (OSError, ValueError) as why:
        said = str(why) if isinstance(why, ValueError) and not isinstance(why, UnicodeError) else type(why).__name__
    raise Misconfigured(f"RESTORE_PEOPLE_FILE: it can't be used ({said})")


def _prices(said: str) -> Prices:
    """From the setting itself, or from the file that it names."""
    if not said:
        return Prices()
    try:
        return read_prices(said if said.lstrip().startswith("{") else Path(said).read_text("utf-8"))
    except (OSError, ValueError) as why:
        told = str(why) if isinstance(why, ValueError) and not isinstance(why, UnicodeError) else type(why).__name__
    raise Misconfigured(f"HOLDFAST_PRICES: it can't be used ({told})")


def _retention(settings: Settings) -> Retention:
    r = settings.retention
    return Retention(
        everyone=read_rule(r.everyone) if r.everyone else None,
        kinds={name: read_rule(text) for name, text in r.kinds},
        owners=tuple((pattern, read_rule(text)) for pattern, text in r.owners),
        min_days=r.min_days,
        grace_days=r.grace_days,
        skew_s=float(r.clock_s),
        mass_share=r.mass_percent / 100,
        approval_days=r.approval_days,
        delay_days=r.delay_days,
    )


def _scratch(settings: Settings) -> Scratch:
    d = settings.drills
    owners = tuple(Owner(settings.tenant_id, type_, id_) for type_, id_ in d.owners)
    return Scratch(owners, d.folder, d.days, d.items)


def _limits(settings: Settings) -> Limits:
    s = settings.sizes
    return Limits(
        page_bytes=s.page_bytes,
        page_items=s.page_items,
        item_ticket_bytes=s.item_ticket_bytes,
        lane_budget_s=s.lane_budget_s,
        lane_lease_s=s.lane_budget_s * 1.5,
        objective_s=settings.policy.objective_h * 3600.0,
        census_s=settings.policy.census_h * 3600.0,
        volume_bytes=s.export_volume_bytes,
        **({"at_once": EXPORTED_TOGETHER} if settings.policy.lossless else {}),
    )
