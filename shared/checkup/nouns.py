"""What a checkup looks at and what it finds, as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Severity = Literal["error", "warning"]
App = Literal["backup", "restore", "target", "notes", "posting", "writing"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be. `remedy`: what a person does about it."""

    check: str
    severity: Severity
    subject: str
    text: str
    remedy: str


CheckState = Literal["fine", "found", "unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check that was made. "unknown": it could not be; `text` tells why."""

    name: str
    state: CheckState
    text: str = ""


@dataclass(frozen=True, slots=True)
class Checkup:
    """One look at everything that one app can see of its own set-up. `ends`: when the first credential ends."""

    role: str
    at: datetime
    checks: tuple[Check, ...] = ()
    findings: tuple[Finding, ...] = ()
    ends: datetime | None = None

    def count(self, severity: Severity) -> int:
        return sum(finding.severity == severity for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Registered:
    """An app registration as the settings name it. `source`: the managed identity behind it, "" without one."""

    client_id: str
    tenant: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the settings say, without any secret."""

    role: str
    tenant: str
    login_url: str
    graph_url: str
    scope: str
    apps: Mapping[App, Registered] = field(default_factory=dict)
    in_cloud: bool = False
    api_open: bool = False
    vault_account: str = ""  # "" when it is reached by a connection string
    vault_suffix: str = ""
    vault_is_emulator: bool = False
    copy_account: str = ""
    copy_container: str = ""
    vault_container: str = ""
    vault_identity: str = ""
    retention_identity: str = ""
    forgets: bool = False  # some retention rule is set
    owner_types: tuple[str, ...] = ()
    kinds: Mapping[str, frozenset[str]] = field(default_factory=dict)  # those that are kept, with their owner types
    needed: Mapping[App, frozenset[str]] = field(default_factory=dict)  # Graph roles by app
    notes: str = ""  # client id of the app in which a person signed in to OneNote
    posting: str = ""  # ... and to post group conversations
    writing: str = ""  # ... and to write pages of OneNote back
    by_exchange: frozenset[str] = frozenset()  # those of them that Exchange may grant instead


@dataclass(frozen=True, slots=True)
class SignIn:
    """What the token of one app says of it. `trouble`: why there is none, or nothing to read in it."""

    app: App
    roles: frozenset[str] = frozenset()
    audience: str = ""
    trouble: str = ""
    account: str = ""  # of a person who signed in


@dataclass(frozen=True, slots=True)
class Credential:
    """What one app proves itself with. `ends` None: it has no end that we can see."""

    app: App
    what: str
    ends: datetime | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """How the vault's account is protected; None: nobody could tell. `told_by`: who said so."""

    told_by: str
    shared_key: bool | None = None
    versioning: bool | None = None
    soft_delete_days: int | None = None  # 0: off
    public: bool | None = None
    policy: bool | None = None  # an immutability policy, or versions that can have one


class Instruments(Protocol):
    """What a checkup can measure outside. Each raises a verdict when it can't."""

    @property
    def setup(self) -> Setup: ...

    async def sign_ins(self) -> list[SignIn]: ...

    async def person(self, app: App = "notes") -> SignIn:
        """What the token says that whoever signed in there left us."""

    async def credentials(self) -> list[Credential]: ...

    async def account(self) -> Account: ...

    async def server_time(self) -> datetime:
        """The storage service's clock."""

    async def queues(self) -> dict[str, int]:
        """How many messages wait, by queue; those that this app may look at."""
