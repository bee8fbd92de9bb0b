"""What an installation is told to be, as nouns: `settings` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from shared.model import OwnerType, PeopleRule
from shared.readings import Secret, Storage


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where Microsoft 365 is: the public cloud, a national one, or a simulated tenant."""

    login_url: str
    graph_url: str
    scope: str
    ca_file: str = ""
    extra_hosts: tuple[str, ...] = ()
    sharepoint_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ByClientSecret:
    secret: Secret


@dataclass(frozen=True, slots=True)
class ByCertificate:
    path: str
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class ByStoredCertificate:
    """A certificate in Key Vault."""

    url: str


@dataclass(frozen=True, slots=True)
class ByFederation:
    """`system`, the client id of a managed identity, or `file:PATH`."""

    source: str


Proof = ByClientSecret | ByCertificate | ByStoredCertificate | ByFederation


@dataclass(frozen=True, slots=True)
class Registration:
    """One app registration in one tenant, and how we prove to be it."""

    tenant_id: str
    client_id: str
    proof: Proof


@dataclass(frozen=True, slots=True)
class PersonSignIn:
    """Where the sign-in of the person lies in whose name something is given back that no app may write. The app that
    only takes orders knows that there is one, and not where."""

    client_id: str
    token_url: str = ""


@dataclass(frozen=True, slots=True)
class NotesSignIn:
    """Where a person's sign-in to OneNote lies, and whose notebooks they see."""

    client_id: str
    token_url: str
    owners: tuple[str, ...] = ()  # empty: everyone's


@dataclass(frozen=True, slots=True)
class Stores:
    vault: Storage
    container: str
    catalog: Storage
    queues: Storage
    identity_client_id: str = ""  # for vault and catalog
    copy: Storage | None = None
    copy_container: str = ""
    exports: str = "exports"  # a container beside the vault's
    queues_identity_client_id: str = ""
    table_prefix: str = ""  # of the catalog's tables
    vault_resource: str = ""  # its id in Azure Resource Manager


@dataclass(frozen=True, slots=True)
class Policy:
    schedule: str
    owner_types: tuple[OwnerType, ...] = ("user", "group", "site")
    kinds: tuple[str, ...] = ()  # empty: all
    narrowed: Mapping[OwnerType, tuple[str, ...]] = field(default_factory=dict)  # ... of one type of owner
    include: tuple[str, ...] = ()  # empty: everyone
    exclude: tuple[str, ...] = ()
    include_groups: tuple[str, ...] = ()  # their members, groups in them, their sites
    exclude_groups: tuple[str, ...] = ()
    where: tuple[tuple[str, bool, str], ...] = ()  # fact of the directory, whether it has to fit, pattern
    file_versions: int = 0  # older ones besides the current
    list_versions: int = 0
    events_people: Literal["body", "attachment", "none"] = "body"  # where a restored meeting tells who was invited
    objective_h: int = 24
    people_rules: tuple[PeopleRule, ...] = ()  # whom restores take for whom
    people_file: str = ""
    census_h: int = 20
    lossless: bool = False


@dataclass(frozen=True, slots=True)
class Retention:
    """Rules as their texts; flows/retention.py reads them."""

    everyone: str = ""  # "": for ever
    kinds: tuple[tuple[str, str], ...] = ()
    owners: tuple[tuple[str, str], ...] = ()
    min_days: int = 30
    grace_days: int = 14
    clock_s: int = 300
    mass_percent: int = 40
    approval_days: int = 7
    delay_days: int = 7
    identity_client_id: str = ""


@dataclass(frozen=True, slots=True)
class Drills:
    owners: tuple[tuple[OwnerType, str], ...] = ()  # types and ids; none: no drills
    folder: str = "Holdfast drill"
    days: int = 7
    items: int = 5


@dataclass(frozen=True, slots=True)
class Sizes:
    page_bytes: int
    page_items: int
    part_bytes: int
    chunk_bytes: int
    item_ticket_bytes: int
    lane_budget_s: int
    graph_patience_s: int
    export_volume_bytes: int
    spo_licences: int


@dataclass(frozen=True, slots=True)
class Api:
    auth: Literal["entra", "off"]
    audiences: tuple[str, ...]
    issuers: tuple[str, ...]
    jwks_url: str
    per_minute: int = 0
    departments: tuple[tuple[str, str], ...] = ()
    self_service: bool = False
    four_eyes: bool = False
    restore_mode: Literal["skip", "create", "replace"] = "skip"


@dataclass(frozen=True, slots=True)
class Settings:
    role: str
    tenant_id: str
    cloud: Cloud
    backup: Registration | None  # None only where the role is to restore
    restore: Registration | None
    target: Registration | None
    target_tenant: str
    stores: Stores
    policy: Policy
    retention: Retention
    search_text: bool
    prices: str  # as text; shared/cost/prices.py reads it
    thaw: Literal["off", "standard", "high"]
    drills: Drills
    sizes: Sizes
    api: Api
    notes: NotesSignIn | None = None
    posting: PersonSignIn | None = None  # group conversations
    writing: PersonSignIn | None = None  # pages of OneNote
    insights: Secret | None = None  # where OpenTelemetry goes, if it is on
