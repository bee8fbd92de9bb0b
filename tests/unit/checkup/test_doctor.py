"""A checkup of a house over the simulated tenant: what it asks and finds, what it can't tell, what it keeps."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from sandbox.tenant.seed import app_named
from shared.checkup.instruments import read_claims
from shared.checkup.nouns import Account, App, Checkup, Credential, Registered, Setup, SignIn
from shared.errors import NotPermitted
from shared.flows import doctor, plan
from shared.flows.house import Policy
from shared.permissions import reads, signed_writes
from shared.ports import Clock
from tests.rig import Token, Worlds, drain, process, worlds

KINDS = ("mail", "files")
SAFE = Account("arm", shared_key=False, versioning=True, soft_delete_days=30, public=False, policy=True)


@dataclass
class Lent:
    """Instruments of a test: tokens are those of the simulated tenant, the rest is what the test says."""

    worlds: Worlds
    clock: Clock
    setup: Setup
    told: Account = SAFE
    ends: datetime | None = None
    waiting: dict[str, int] = field(default_factory=lambda: {"backup": 0})
    refuses: bool = False
    signed: SignIn = SignIn("notes", frozenset({"Notes.Read.All"}), account="ann@contoso.example")  # noqa: RUF009

    async def sign_ins(self) -> list[SignIn]:
        claims = read_claims(await self.worlds.tokens["backup"].token())
        assert claims is not None
        return [SignIn("backup", frozenset(claims["roles"]), claims["aud"])]

    async def person(self, app: App = "notes") -> SignIn:
        return self.signed

    async def credentials(self) -> list[Credential]:
        return [Credential("backup", "certificate", self.ends)]

    async def account(self) -> Account:
        if self.refuses:
            raise NotPermitted("the resource manager says no")
        return self.told

    async def server_time(self) -> datetime:
        return self.clock.now()

    async def queues(self) -> dict[str, int]:
        return self.waiting


def lent(there: Worlds, role: str = "backup") -> Lent:
    setup = Setup(
        role=role, tenant=there.tenant.id, login_url="https://login.example", graph_url="https://graph.example",
        scope="https://graph.example/.default", apps={"backup": Registered("app-1", there.tenant.id)},
        vault_account="stvault", owner_types=("user",), kinds={name: frozenset({"user"}) for name in KINDS},
        needed={"backup": frozenset(reads(KINDS))},
    )  # fmt: skip
    app = app_named(there.tenant, "backup")
    app.roles = set(setup.needed["backup"])
    there.tokens["backup"] = Token(there.running, "backup")
    return Lent(there, there.clock, setup)


async def looked(there: Worlds, instruments: Lent) -> Checkup:
    house = process(there, policy=Policy(include=("adele@*", "bob@*"), kinds=KINDS))
    return await doctor.examine(house, instruments)


def found(checkup: Checkup) -> list[tuple[str, str]]:
    return [(finding.check, finding.subject) for finding in checkup.findings]


async def test_a_set_up_that_is_right_has_nothing_to_tell_and_nothing_is_written() -> None:
    async with worlds("small") as there:
        made = await looked(there, lent(there))
        assert found(made) == []
        assert {check.name: check.state for check in made.checks if check.state != "fine"} == {}
        assert [name for name in there.blobs.blobs if not name.startswith("vault.json")] == []


async def test_a_missing_role_and_a_mailbox_that_is_locked_out_are_found() -> None:
    async with worlds("small") as there:
        instruments = lent(there)
        app_named(there.tenant, "backup").roles -= {"Files.Read.All", "Sites.Read.All"}  # either opens a drive
        there.tokens["backup"] = Token(there.running, "backup")
        adele = next(user for user in there.tenant.users.values() if user.upn.startswith("adele@"))
        there.tenant.mailboxes[adele.id].blocked = (403, "ErrorAccessDenied")
        made = await looked(there, instruments)
    assert ("missing-role", "Files.Read.All") in found(made)
    texts = [f.text for f in made.findings if f.subject == f"user-{adele.id}"]
    assert any(text.startswith("mail: ") for text in texts) and any(text.startswith("files: ") for text in texts)
    assert all("BACKUP_EXCLUDE" in f.remedy for f in made.findings if f.check == "access")


@pytest.mark.parametrize(("members", "severity", "remedy"), [
    (None, "error", "grant GroupMember.Read.All"), ([], "warning", "check the ids"), (["adele"], "", ""),
])  # fmt: skip
async def test_groups_of_the_policy_that_choose_nobody_are_found(
    members: list[str] | None, severity: str, remedy: str
) -> None:
    async with worlds("small") as there:
        instruments, group = lent(there), "00000000-0000-0000-0000-000000000000"
        if members is not None:
            app_named(there.tenant, "backup").roles |= {"GroupMember.Read.All"}
            there.tokens["backup"] = Token(there.running, "backup")
            inside = [user.id for user in there.tenant.users.values() if user.upn.partition("@")[0] in members]
            group = there.tenant.add_group("scope", "Scope", unified=False, members=inside).id
        house = process(there, policy=Policy(include_groups=(group,), kinds=KINDS))
        told = [f for f in (await doctor.examine(house, instruments)).findings if f.check == "groups"]
    assert [f.severity for f in told] == [severity] * bool(severity)
    assert all(remedy in f.remedy and f.subject == "BACKUP_INCLUDE_GROUPS" for f in told)


async def test_a_drive_that_is_locked_is_found() -> None:
    async with worlds("small") as there:
        instruments = lent(there)
        adele = next(user for user in there.tenant.users.values() if user.upn.startswith("adele@"))
        there.tenant.drives[there.tenant.user_drive[adele.id]].options.state = "locked"
        made = await looked(there, instruments)
    assert found(made) == [("access", f"user-{adele.id}")]


@pytest.mark.parametrize(("client", "signed", "says", "trouble"), [
    ("", SignIn("notes"), "files through the drive; nobody signed in", []),
    ("c1", SignIn("notes", frozenset({"Notes.Read.All"}), account="ann@x"), "in the name of ann@x", []),
    ("c1", SignIn("notes", trouble="AADSTS700082"), "", [("onenote", "notes"), ("onenote", "Notes.Read.All")]),
    ("c1", SignIn("notes", frozenset({"User.Read"}), account="ann@x"), "ann@x", [("onenote", "Notes.Read.All")]),
    ("c1", SignIn("notes", frozenset({"Notes.Read.All", "Notes.ReadWrite.All"}), account="ann@x"), "ann@x",
     [("wide-role", "Notes.ReadWrite.All")]),
])  # fmt: skip
async def test_which_of_its_ways_onenote_is_kept_is_told(
    client: str, signed: SignIn, says: str, trouble: list[tuple[str, str]]
) -> None:
    async with worlds("small") as there:
        instruments = lent(there)
        needed = {**instruments.setup.needed, "notes": frozenset({"Notes.Read.All"})}
        instruments.setup, instruments.signed = replace(instruments.setup, notes=client, needed=needed), signed
        checkup = await looked(there, instruments)
        [check] = [check for check in checkup.checks if check.name == "onenote"]
        assert says in check.text
        assert found(checkup) == trouble


@pytest.mark.parametrize(("client", "signed", "says", "trouble"), [
    ("", SignIn("writing"), "nobody signed in to write", []),
    ("c1", SignIn("writing", frozenset({"Notes.ReadWrite.All", "openid"}), account="ann@x"), "", []),
    ("c1", SignIn("writing", frozenset({"Notes.Create"}), account="ann@x"), "",
     [("writing", "Notes.ReadWrite.All"), ("wide-role", "Notes.Create")]),
    ("", SignIn("posting"), "nobody signed in to post", []),
    ("c1", SignIn("posting", frozenset({"Group-Conversation.ReadWrite.All", "openid"}), account="ann@x"), "", []),
    ("c1", SignIn("posting", trouble="AADSTS700082"), "", [("posting", "posting")]),
    ("c1", SignIn("posting", frozenset({"Group.ReadWrite.All"}), account="ann@x"), "",
     [("posting", "Group-Conversation.ReadWrite.All"), ("wide-role", "Group.ReadWrite.All")]),
])  # fmt: skip
async def test_whether_a_person_s_sign_in_gives_back_is_told_where_things_are_given_back(
    client: str, signed: SignIn, says: str, trouble: list[tuple[str, str]]
) -> None:
    async with worlds("small") as there:
        instruments = lent(there)
        setup = instruments.setup
        apps = {**setup.apps, "restore": Registered("app", setup.tenant)}
        needed = {**setup.needed, signed.app: frozenset(signed_writes(signed.app))}  # type: ignore[arg-type]
        ours = {signed.app: client, "apps": apps, "needed": needed}
        instruments.setup, instruments.signed = replace(setup, **ours), signed  # type: ignore[arg-type]
        checkup = await looked(there, instruments)
        [check] = [check for check in checkup.checks if check.name == signed.app]
        assert says in check.text
        assert [one for one in found(checkup) if one[0] in (signed.app, "wide-role")] == trouble
        assert signed.app not in [check.name for check in (await looked(there, lent(there))).checks]


async def test_what_the_newest_runs_were_refused_is_told_of_everyone() -> None:
    async with worlds("small") as there:
        instruments = lent(there)
        house = process(there, policy=Policy(include=("adele@*",), kinds=KINDS))
        adele = next(user for user in there.tenant.users.values() if user.upn.startswith("adele@"))
        there.tenant.mailboxes[adele.id].blocked = (403, "ErrorAccessDenied")
        await plan.tick(house)
        await drain(there, house)
        there.tenant.mailboxes[adele.id].blocked = None
        made = await doctor.examine(house, instruments)
    assert found(made) == [("access", f"user-{adele.id}")]
    assert {check.name for check in made.checks if check.state == "found"} == {"owners"}


async def test_what_can_not_be_looked_at_is_unknown_and_not_fine() -> None:
    async with worlds("small") as there:
        instruments = lent(there)
        instruments.refuses = True
        made = await looked(there, instruments)
        [check] = [check for check in made.checks if check.state == "unknown"]
        assert (check.name, check.text) == ("account", "the resource manager says no")
        instruments.refuses, instruments.told = False, Account("the account itself", versioning=True)
        made = await looked(there, instruments)
        [check] = [check for check in made.checks if check.state == "unknown"]
        assert "VAULT_RESOURCE_ID" in check.text


async def test_each_app_keeps_its_newest_checkup_and_tells_it_for_alerts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "holdfast")
    async with worlds("small") as there:
        instruments = lent(there, "backup")
        other = replace(instruments.setup, role="care", apps={}, needed={})
        house = process(there, policy=Policy(include=("adele@*",), kinds=KINDS))
        care = Lent(there, there.clock, other, waiting={"care-poison": 2}, ends=there.clock.now() + timedelta(days=3.5))
        care.sign_ins = nobody  # type: ignore[method-assign]
        for _ in range(2):  # a doubled timer
            await doctor.tick(house, care)
        [kept] = await doctor.others(house, "backup")
        assert kept.role == "care" and ("queues", "care-poison") in found(kept)
        assert await doctor.others(house, "care") == []
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("holdfast.checkup ")]
    facts = json.loads(lines[-1].partition(" ")[2])
    assert (facts["role"], facts["errors"], facts["credential_days"]) == ("care", 1, 3)
    assert facts["checks"] == "credential,queues"


async def nobody() -> list[SignIn]:
    return []


async def test_an_app_that_does_not_look_at_itself_is_missed() -> None:
    async with worlds("small") as there:
        instruments, house = lent(there), process(there, policy=Policy(include=("adele@*",), kinds=KINDS))
        await doctor.tick(house, instruments)
        assert "apps" in {check.name for check in (await doctor.examine(house, instruments)).checks}
        there.clock.advance(4 * 86_400)
        made = await doctor.examine(house, instruments)
    missed = [f.subject for f in made.findings if "looked at itself" in f.text]
    assert missed == ["restore", "care"]
