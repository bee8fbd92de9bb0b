"""Every sort of misconfiguration is found, with its remedy, and a set-up that is right is left in peace."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.checkup import rules
from shared.checkup.nouns import Account, Credential, Finding, Registered, Setup, SignIn
from shared.permissions import ROLE_IDS

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
GOOD = Setup(
    role="all",
    tenant="t1",
    login_url="https://login.microsoftonline.com",
    graph_url="https://graph.microsoft.com",
    scope="https://graph.microsoft.com/.default",
    apps={"backup": Registered("app-1", "t1", "mi-1"), "restore": Registered("app-2", "t1", "mi-2")},
    vault_account="stvault",
    vault_suffix="core.windows.net",
    vault_container="vault",
    copy_account="stcopy",
    copy_container="vault",
    vault_identity="mi-1",
    retention_identity="mi-3",
    forgets=True,
    owner_types=("user",),
    kinds={"mail": frozenset({"user"})},
    needed={"backup": frozenset({"Files.Read.All", "Mail.Read"}), "restore": frozenset({"Mail.ReadWrite"})},
    by_exchange=frozenset({"Mail.Read", "Mail.ReadWrite"}),
)
SAFE = Account("arm", shared_key=False, versioning=True, soft_delete_days=30, public=False, policy=True)
READER = SignIn("backup", GOOD.needed["backup"])
CERTIFICATE = Credential("backup", "certificate", NOW + timedelta(days=200))


@dataclass(frozen=True)
class Planted:
    find: Callable[[], Iterable[Finding]]
    check: str
    severity: str
    says: str  # of text or remedy


def setup(**changes: object) -> Setup:
    return replace(GOOD, **changes)  # type: ignore[arg-type]


def account(**changes: object) -> Account:
    return replace(SAFE, **changes)  # type: ignore[arg-type]


def signed(*roles: str) -> Iterable[Finding]:
    return rules.roles(GOOD, [SignIn("backup", frozenset(roles))])


PLANTED = {
    "login of another cloud": Planted(
        lambda: rules.cloud(setup(login_url="https://login.microsoftonline.us")), "cloud", "error", "two clouds"
    ),
    "a gateway in front of one of them": Planted(
        lambda: rules.cloud(setup(login_url="https://login.example")), "cloud", "warning", "gateway"
    ),
    "scope of another cloud": Planted(
        lambda: rules.cloud(setup(scope="https://graph.microsoft.us/.default")), "cloud", "error", "unset M365_SCOPE"
    ),
    "storage of another cloud": Planted(
        lambda: rules.cloud(setup(vault_suffix="core.chinacloudapi.cn")), "cloud", "warning", "another cloud"
    ),
    "missing role": Planted(lambda: signed("Mail.Read"), "missing-role", "error", "Files.Read.All"),
    "missing role that Exchange may grant": Planted(
        lambda: signed("Files.Read.All"), "missing-role", "warning", "Exchange grants it"
    ),
    "backup that may write": Planted(
        lambda: signed(*READER.roles, "Files.ReadWrite.All"), "wide-role", "error", "may write"
    ),
    "needless role": Planted(lambda: signed(*READER.roles, "Chat.Read.All"), "wide-role", "warning", "no enabled kind"),
    "no sign-in": Planted(
        lambda: rules.roles(GOOD, [SignIn("backup", trouble="AADSTS7000222")]), "sign-in", "error", "AADSTS7000222"
    ),
    "one app for both": Planted(
        lambda: rules.separation(setup(apps={"backup": Registered("a", "t"), "restore": Registered("a", "t")})),
        "separation", "error", "one and the same",
    ),
    "one managed identity for both": Planted(
        lambda: rules.separation(
            setup(apps={"backup": Registered("a", "t", "m"), "restore": Registered("b", "t", "m")})
        ),
        "separation", "warning", "same managed identity",
    ),
    "all in one, in the cloud": Planted(
        lambda: rules.separation(setup(in_cloud=True)), "separation", "warning", "three apps"
    ),
    "the backup may delete": Planted(
        lambda: rules.separation(setup(role="backup", retention_identity="mi-1")), "separation", "error", "may delete"
    ),
    "expired certificate": Planted(
        lambda: rules.credentials([replace(CERTIFICATE, ends=NOW - timedelta(days=1))], NOW),
        "credential", "error", "ended on 2026-11-19",
    ),
    "certificate that ends soon": Planted(
        lambda: rules.credentials([replace(CERTIFICATE, ends=NOW + timedelta(days=29))], NOW),
        "credential", "warning", "ends on 2026-12-19",
    ),
    "certificate that can't be read": Planted(
        lambda: rules.credentials([Credential("backup", "certificate", trouble="OSError")], NOW),
        "credential", "error", "OSError",
    ),
    "shared-key access": Planted(
        lambda: rules.account(account(shared_key=True)), "shared-key", "error", "--allow-shared-key-access false"
    ),
    "versioning off": Planted(
        lambda: rules.account(account(versioning=False)), "versioning", "error", "--enable-versioning true"
    ),
    "soft delete off": Planted(
        lambda: rules.account(account(soft_delete_days=0)), "soft-delete", "error", "--enable-delete-retention true"
    ),
    "soft delete too short": Planted(
        lambda: rules.account(account(soft_delete_days=2)), "soft-delete", "error", "2 days only"
    ),
    "public containers": Planted(lambda: rules.account(account(public=True)), "public-access", "error", "anybody"),
    "no immutability": Planted(lambda: rules.account(account(policy=False)), "immutability", "warning", "unlocked"),
    "clock off": Planted(lambda: rules.clock(NOW, NOW + timedelta(minutes=6)), "clock", "error", "360 seconds"),
    "clock a little off": Planted(lambda: rules.clock(NOW, NOW - timedelta(seconds=90)), "clock", "warning", "NTP"),
    "poison": Planted(lambda: rules.queues({"backup-poison": 3}), "queues", "error", "3 tickets"),
    "backlog": Planted(lambda: rules.queues({"backup": 30_000}), "queues", "warning", "throttling"),
    "kind without owners": Planted(
        lambda: rules.settings(setup(kinds={**GOOD.kinds, "lists": frozenset({"site"})})),
        "settings", "warning", "lists is of site",
    ),
    "owners without kind": Planted(
        lambda: rules.settings(setup(owner_types=("user", "group"))), "settings", "warning", "group: no enabled kind"
    ),
    "rules that nobody carries out": Planted(
        lambda: rules.settings(setup(retention_identity="")), "settings", "warning", "nothing is ever forgotten"
    ),
    "no app that restores": Planted(
        lambda: rules.settings(setup(apps={"backup": Registered("a", "t")})), "settings", "warning", "restores are"
    ),
    "a copy that is none": Planted(
        lambda: rules.settings(setup(copy_account="stvault")), "settings", "error", "the vault itself"
    ),
    "open API": Planted(lambda: rules.settings(setup(api_open=True)), "settings", "warning", "API_AUTH"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_misconfiguration_is_found_with_a_remedy(name: str) -> None:
    planted = PLANTED[name]
    [found] = list(planted.find())
    assert (found.check, found.severity) == (planted.check, planted.severity)
    assert planted.says in f"{found.text} {found.remedy} {found.subject}" and found.remedy


def test_a_set_up_that_is_right_is_left_in_peace() -> None:
    everything = [
        *rules.cloud(GOOD), *rules.separation(GOOD), *rules.settings(GOOD), *rules.roles(GOOD, [READER]),
        *rules.credentials([CERTIFICATE, Credential("restore", "certificate")], NOW), *rules.account(SAFE),
        *rules.clock(NOW, NOW), *rules.queues({"backup": 5, "backup-poison": 0}),
    ]  # fmt: skip
    assert everything == []


def test_what_nobody_could_tell_is_no_finding() -> None:
    assert list(rules.account(Account("nobody"))) == []


def test_each_national_cloud_is_right_in_itself() -> None:
    gov = setup(
        login_url="https://login.microsoftonline.us", graph_url="https://dod-graph.microsoft.us",
        scope="https://dod-graph.microsoft.us/.default", vault_suffix="core.usgovcloudapi.net",
    )  # fmt: skip
    assert list(rules.cloud(gov)) == []


def test_roles_that_change_something_are_told_from_those_that_read() -> None:
    writes = {role for role in ROLE_IDS if not rules.reads_only(role)}
    assert {"Mail.Read", "MailboxItem.Export.All", "Member.Read.Hidden", "User.ReadBasic.All"}.isdisjoint(writes)
    assert {"Mail.Send", "Mail.ReadWrite", "Channel.Create", "Sites.FullControl.All", "Sites.Manage.All"} <= writes
    assert {"MailboxItem.ImportExport.All", "Teamwork.Migrate.All", "User.DeleteRestore.All"} <= writes
