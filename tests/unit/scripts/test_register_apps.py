"""Registering the apps: exactly the roles of the enabled kinds, told before it is done, repaired when it drifts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from scripts.directory import Directory
from scripts.register_apps import AzTokens, _azd, read_arguments, run
from scripts.registration import API_ROLES, differences, role_id, wanted
from shared.api.tokens import ROLES
from shared.errors import Misconfigured, NotPermitted
from shared.kinds import KINDS
from shared.permissions import ROLE_IDS, kept, reads, scoped_by_exchange, writes
from tests.unit.scripts.fake_directory import FakeDirectory

TENANT = "11111111-1111-1111-1111-111111111111"
BACKUP_MI, RESTORE_MI, PERSON = "mi-backup", "mi-restore", "99999999-0000-0000-0000-000000000000"
BOTH = ("--backup-identity", BACKUP_MI, "--restore-identity", RESTORE_MI)


class Clock:
    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 20, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds


class Desk:
    """Somebody at the command line. `stored`: what went into the key vault."""

    def __init__(self, fake: FakeDirectory) -> None:
        self.fake, self.clock = fake, Clock()
        self.said: list[str] = []
        self.stored: list[tuple[Any, ...]] = []

    async def __call__(self, *given: str, answer: str = "y") -> int:
        args = read_arguments(["--env", "test", "--tenant", TENANT, *given])

        async def store(*what: Any) -> None:
            self.stored.append(what)

        args.store = store
        self.said.clear()
        return await run(args, Directory(self.fake, self.clock), self.clock, self.said.append, lambda _: answer)

    def app(self, part: str) -> dict[str, Any]:
        [app] = [app for app in self.fake.apps.values() if app["tags"] == [f"holdfast:test:{part}"]]
        return app

    @property
    def text(self) -> str:
        return "\n".join(self.said)


@pytest.fixture
def desk(traffic: Path | None) -> Desk:
    return Desk(FakeDirectory(traffic=traffic / "registrar.jsonl" if traffic else None))


def test_every_role_that_a_kind_declares_has_its_id() -> None:
    kinds = [kind for kind in KINDS.values() if not kind.signed_in]
    declared = {role for kind in kinds for role in (*kind.read_permissions, *kind.write_permissions)}
    assert declared | {"User.Read.All"} <= set(ROLE_IDS)
    assert len(set(ROLE_IDS.values())) == len(ROLE_IDS)


def test_the_backup_asks_for_nothing_that_writes() -> None:
    assert not [role for role in reads() if "Write" in role or "FullControl" in role or "Manage" in role]
    assert "User.Read.All" in reads(["contacts"]) and "Mail.Read" not in reads(["contacts"])
    assert "Contacts.ReadWrite" in writes(["contacts"]) and "Mail.ReadWrite" not in writes(["contacts"])


async def test_a_dry_run_tells_everything_and_changes_nothing(desk: Desk) -> None:
    assert await desk("--dry-run") == 0
    assert desk.fake.writes == []
    for role in (*reads(), *writes()):
        assert f"will grant {role} on Microsoft Graph" in desk.text
    assert "will let in only people and apps that have been assigned a role" in desk.text


async def test_nothing_is_done_without_a_yes(desk: Desk) -> None:
    assert await desk(answer="") == 1
    assert desk.fake.writes == []


async def test_each_app_gets_exactly_the_roles_of_its_kinds(desk: Desk) -> None:
    assert await desk("--kinds", "contacts,files") == 0
    reading = {"Contacts.Read", "Files.Read.All", "User.Read.All", "Sites.Read.All"}
    assert desk.fake.roles_of(desk.app("backup")["appId"]) == reading, "libraries lie in sites"
    assert desk.fake.roles_of(desk.app("restore")["appId"]) == set(writes(["contacts", "files"]))
    assert desk.fake.roles_of(desk.app("api")["appId"]) == set()
    assert f"HOLDFAST_BACKUP_CLIENT_ID={desk.app('backup')['appId']}" in desk.said


async def test_the_roles_of_the_lossless_mode_are_granted_where_it_is_on_and_taken_back_where_it_is_not(
    desk: Desk,
) -> None:
    more = {"backup": "MailboxItem.Export.All", "restore": "MailboxItem.ImportExport.All"}
    for asked, there in (((), False), (("--lossless",), True), ((), False)):
        assert await desk("--kinds", "mail,contacts", *asked) == 0
        assert all((role in desk.fake.roles_of(desk.app(app)["appId"])) == there for app, role in more.items())
    assert reads(["files"], lossless=True) == reads(["files"])


async def test_types_of_owners_that_are_left_out_cost_no_role(desk: Desk) -> None:
    assert await desk("--kinds", "contacts,files", "--owner-types", "user") == 0
    reading = {"Contacts.Read", "Files.Read.All", "User.Read.All"}
    assert desk.fake.roles_of(desk.app("backup")["appId"]) == reading
    assert await desk("--kinds", "files,lists,planner", "--site-kinds", "files", "--owner-types", "site") == 0
    assert desk.fake.roles_of(desk.app("backup")["appId"]) == {"Sites.Read.All"}
    assert desk.fake.roles_of(desk.app("restore")["appId"]) == {"Sites.ReadWrite.All"}
    assert await desk("--kinds", "contacts", "--members") == 0
    reading = {"Contacts.Read", "User.Read.All", "GroupMember.Read.All"}
    assert desk.fake.roles_of(desk.app("backup")["appId"]) == reading, "groups that the policy names are read"
    with pytest.raises(SystemExit):
        await desk("--owner-types", "people")


def test_what_is_kept_is_what_every_list_names() -> None:
    assert kept(["mail", "files"], ["user"]) == {"mail": {"user"}, "files": {"user"}}
    assert kept(["mail", "files"], narrowed={"user": ["files", "chats"], "group": []}) == {"files": {"user", "site"}}
    assert kept(["planner"], ["user", "site"]) == {}


async def test_a_second_time_finds_nothing_to_do(desk: Desk) -> None:
    await desk(*BOTH)
    desk.fake.writes.clear()
    assert await desk(*BOTH) == 0
    assert await desk(*BOTH, "--check") == 0
    assert desk.fake.writes == [] and desk.text.count("as it should be") == 3


async def test_the_identities_are_accepted_after_the_deployment(desk: Desk) -> None:
    await desk()
    assert desk.fake.federations == {}
    await desk(*BOTH)
    [proof] = desk.fake.federations[desk.app("backup")["id"]].values()
    assert (proof["issuer"], proof["subject"], proof["audiences"]) == (
        f"https://login.microsoftonline.com/{TENANT}/v2.0", BACKUP_MI, ["api://AzureADTokenExchange"],
    )  # fmt: skip
    [other] = desk.fake.federations[desk.app("restore")["id"]].values()
    assert other["subject"] == RESTORE_MI and desk.app("api")["id"] not in desk.fake.federations


async def test_a_role_somebody_added_is_found_and_taken_away(desk: Desk) -> None:
    await desk(*BOTH)
    app = desk.app("backup")
    [principal] = [one["id"] for one in desk.fake.principals.values() if one["appId"] == app["appId"]]
    extra = {"principalId": principal, "resourceId": desk.fake.graph_id, "appRoleId": ROLE_IDS["Mail.ReadWrite"]}
    desk.fake.assignments["extra"] = {**extra, "id": "extra"}
    assert await desk(*BOTH, "--check") == 1 and "will take Mail.ReadWrite away" in desk.text
    await desk(*BOTH)
    assert "Mail.ReadWrite" not in desk.fake.roles_of(app["appId"])


async def test_another_proof_of_who_we_are_is_found_and_removed(desk: Desk) -> None:
    await desk(*BOTH)
    app = desk.app("restore")["id"]
    [ours] = desk.fake.federations[app].values()
    desk.fake.federations[app]["x"] = {**ours, "id": "x", "name": "build", "subject": "repo:somebody/else"}
    ours["subject"] = "another identity"
    assert await desk(*BOTH, "--check") == 1
    await desk(*BOTH)
    assert [one["subject"] for one in desk.fake.federations[app].values()] == [RESTORE_MI]


async def test_an_api_that_lets_everybody_in_is_closed_again(desk: Desk) -> None:
    await desk()
    app = desk.app("api")
    [principal] = [one for one in desk.fake.principals.values() if one["appId"] == app["appId"]]
    assert principal["appRoleAssignmentRequired"] and app["identifierUris"] == [f"api://{app['appId']}"]
    assert {role["value"] for role in app["appRoles"]} == set(API_ROLES) == set(ROLES)
    principal["appRoleAssignmentRequired"] = False
    app["appRoles"].append({"id": PERSON, "value": "Everything", "isEnabled": True})
    await desk()
    assert principal["appRoleAssignmentRequired"] and len(app["appRoles"]) == len(API_ROLES)


async def test_departments_get_roles_and_self_service_opens_the_api(desk: Desk) -> None:
    await desk()
    more = ("--departments", "Sales,Law", "--self-service")
    assert await desk(*more, "--assign", f"{PERSON}=Holdfast.Department.Sales") == 0
    app = desk.app("api")
    [principal] = [one for one in desk.fake.principals.values() if one["appId"] == app["appId"]]
    values = {role["value"] for role in app["appRoles"]}
    assert values == {*API_ROLES, "Holdfast.Department.Sales", "Holdfast.Department.Law"}
    assert (app["groupMembershipClaims"], principal["appRoleAssignmentRequired"]) == ("ApplicationGroup", False)
    assert "GroupMember.Read.All" in desk.fake.roles_of(desk.app("backup")["appId"])
    assert await desk(*more, "--check") == 0
    await desk()
    assert principal["appRoleAssignmentRequired"] and len(desk.app("api")["appRoles"]) == len(API_ROLES)


def test_the_ids_of_the_apis_roles_never_change() -> None:
    assert role_id("Holdfast.Read") == "ada09802-e491-5483-9c66-d0a3af0f937c"


async def test_people_are_given_roles_once(desk: Desk) -> None:
    await desk("--assign", f"{PERSON}=Holdfast.Read")
    await desk("--assign", f"{PERSON}=Holdfast.Read")
    [held] = [one for one in desk.fake.assignments.values() if one["principalId"] == PERSON]
    assert held["appRoleId"] == role_id("Holdfast.Read")
    with pytest.raises(Misconfigured, match="ID=ROLE"):
        await desk("--assign", f"{PERSON}=Everything")


async def test_mailbox_roles_are_left_to_exchange_when_asked(desk: Desk) -> None:
    await desk("--exchange-rbac")
    app = desk.app("backup")
    left = desk.fake.roles_of(app["appId"])
    assert left == {role for role in reads() if not scoped_by_exchange(role)} and "Mail.Read" not in left
    [principal] = [one["id"] for one in desk.fake.principals.values() if one["appId"] == app["appId"]]
    assert f"New-ServicePrincipal -AppId {app['appId']} -ObjectId {principal}" in desk.text
    assert f"New-ManagementRoleAssignment -App {principal} -Role 'Application Mail.Read'" in desk.text


async def test_a_secret_goes_into_the_key_vault_and_nowhere_else(desk: Desk) -> None:
    await desk("--secret", "backup", "--key-vault", "https://kv.vault.azure.net", "--secret-days", "90")
    [(vault, name, text, ends)] = desk.stored
    assert (vault, name, text) == ("https://kv.vault.azure.net", "holdfast-backup", "canary-secret")
    assert ends == desk.clock.now() + timedelta(days=90) and "canary" not in desk.text
    await desk("--check")
    assert "NOTE" not in desk.text
    await desk("--check", *BOTH)
    assert "has the client secret 'holdfast', which federation makes needless" in desk.text


async def test_a_secret_that_ends_soon_is_told(desk: Desk) -> None:
    await desk()
    ends = {"backup": "2026-12-01T00:00:00Z", "restore": "2026-11-01T00:00:00Z"}
    for part, when in ends.items():
        desk.app(part)["passwordCredentials"].append({"keyId": PERSON, "displayName": "s", "endDateTime": when})
    assert await desk("--check") == 1
    assert "'s' expires in 11 days: renew it" in desk.text and "'s' has expired: renew it" in desk.text


async def test_a_certificate_is_accepted_where_there_is_none(desk: Desk, tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "holdfast")])
    begins, ends = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(begins).not_valid_after(ends)
    file = tmp_path / "c.pem"
    file.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    await desk("--certificate", f"backup={file}")
    [kept] = desk.app("backup")["keyCredentials"]
    assert (kept["type"], kept["usage"]) == ("AsymmetricX509Cert", "Verify")
    kept |= {"keyId": PERSON, "endDateTime": "2027-01-01T00:00:00Z"}
    with pytest.raises(Misconfigured, match="has a certificate already"):
        await desk("--certificate", f"backup={file}")


async def test_what_was_just_made_may_take_a_while_to_be_known(traffic: Path | None) -> None:
    slow = Desk(FakeDirectory(slow=5))
    assert await slow(*BOTH) == 0
    assert slow.clock.slept == 25 and await slow(*BOTH, "--check") == 0


async def test_who_may_not_grant_is_told_which_role_it_takes() -> None:
    desk = Desk(FakeDirectory(forbidden="appRoleAssignments"))
    with pytest.raises(NotPermitted, match="Privileged Role Administrator"):
        await desk()


async def test_two_registrations_with_our_tag_are_not_guessed_between(desk: Desk) -> None:
    await desk()
    desk.fake.apps["twin"] = {**desk.app("backup"), "id": "twin"}
    with pytest.raises(Misconfigured, match="2 app registrations carry the tag"):
        await desk("--dry-run")


async def test_a_tenant_that_calls_a_role_otherwise_gets_no_grant(desk: Desk) -> None:
    roles = desk.fake.principals[desk.fake.graph_id]["appRoles"]
    next(role for role in roles if role["value"] == "Mail.Read")["value"] = "Mail.Send"
    with pytest.raises(Misconfigured, match=r"Mail\.Read otherwise"):
        await desk()
    assert not desk.fake.assignments


def test_a_kind_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="faxes: no such kind"):
        wanted("x", kinds=["faxes"])


def test_a_plan_for_a_new_app_ends_with_its_proof() -> None:
    [want] = wanted("x", parts=["backup"], identities={"backup": "mi"}, issuer="i", audience="a")
    deeds = [change.deed for change in differences(None, want)]
    assert deeds == ["create", "principal", *["grant"] * len(reads()), "federate"]


# --- what a stranger meets first --------------------------------------------------------------------------------------


def test_a_tenant_is_named_by_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    """The issuer of a proof is spelt with it: a domain would make one that nothing ever matches."""
    with pytest.raises(SystemExit):
        read_arguments(["--env", "test", "--tenant", "contoso.onmicrosoft.com"])
    assert "give the id" in capsys.readouterr().err


async def test_where_nobody_can_be_asked_nothing_is_done(desk: Desk) -> None:
    def nobody(_: str) -> str:
        raise EOFError

    args = read_arguments(["--env", "test", "--tenant", TENANT])
    code = await run(args, Directory(desk.fake, desk.clock), desk.clock, desk.said.append, nobody)
    assert (code, desk.fake.apps) == (1, {}) and "--yes" in desk.text


@pytest.mark.parametrize("tool", ["az", "azd"])
def test_a_tool_that_is_missing_is_named(tool: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Misconfigured, match=f"the command {tool} is not on this machine"):
        AzTokens("https://graph.microsoft.com", TENANT)._ask() if tool == "az" else _azd("A", "b")


def test_a_tool_is_called_by_its_path_and_says_what_went_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in (("az", "#!/bin/sh\necho the-token\n"), ("azd", "#!/bin/sh\necho no environment >&2; exit 3\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert AzTokens("https://graph.microsoft.com", TENANT)._ask() == "the-token"
    with pytest.raises(Misconfigured, match="no environment"):
        _azd("A", "b")
