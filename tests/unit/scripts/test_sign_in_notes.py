"""A person signs in by a code; what that leaves lies in the key vault, and opens OneNote until it is taken away."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sandbox.keyvault import KeyVault, running_key_vault
from sandbox.tenant.happenings import mutate
from sandbox.tenant.seed import app_named, make_tenant
from sandbox.tenant.server import Running, running_tenant
from sandbox.tenant.state import Options
from scripts import sign_in_notes, sign_in_posting, sign_in_writing
from shared import wiring, wiring_graph
from shared.errors import Misconfigured, NotPermitted
from shared.graph.entra import PublicClient
from shared.graph.http import GraphClient, GraphSettings
from shared.graph.keyvault import secret
from shared.graph.sign_in import PersonTokens, SignedIn, read, write
from shared.graph.steps import get, post
from shared.ports import Scope
from shared.settings import read as settings_of
from tests.unit.graph.stage import Clock
from tests.unit.graph.test_keyvault import TOKEN, Identity
from tests.unit.test_settings import with_

GRAPH = "https://graph.microsoft.com"


@dataclass(slots=True)
class Desk:
    running: Running
    vault: KeyVault
    said: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.vault.url}/secrets/notes"

    @property
    def options(self) -> dict[str, Any]:
        ca = str(self.vault.ca_file)
        return {"connection_verify": ca, "verify_challenge_resource": False, "retry_backoff_factor": 0}

    async def sign_in(self, app: str = "notes", who: str = "adele") -> int:
        tenant = self.running.tenant
        words = ["--tenant", tenant.id, "--client-id", app_named(tenant, app).client_id]
        words += ["--login-url", self.running.doors.login, "--ca-file", str(self.running.ca_file)]
        args = sign_in_notes.parser().parse_args([*words, "--secret-url", "https://v.vault.azure.net/secrets/notes"])
        args.secret_url = self.url  # of a vault on this machine, which the reader of the argument would refuse
        return await sign_in_notes.run(args, lambda text: self._said(text, who), Identity, **self.options)

    def _said(self, text: str, who: str) -> None:
        """The person reads it, and enters the code."""
        self.said.append(text)
        if "enter the code" in text:
            code = text.rpartition(" ")[2].rstrip(".")
            mutate(self.running.tenant, [{"do": "enter_code", "user_code": code, "user": f"{who}@contoso.example"}])

    def tokens(
        self, clock: Clock | None = None, client_id: str = "", *, app: str = "notes", scope: str = "Notes.Read.All"
    ) -> PersonTokens:
        tenant = self.running.tenant
        id = client_id or app_named(tenant, app).client_id
        scopes = (f"{GRAPH}/{scope}",)
        client = PublicClient(tenant.id, id, scopes, self.running.doors.login, str(self.running.ca_file))
        return PersonTokens(client, clock or Clock(), *secret(self.url, Identity, **self.options))

    @property
    def kept(self) -> list[SignedIn]:
        return [read(version.value) for version in self.vault.secrets["notes"]]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    tenant = make_tenant("small", Options(latency_s=0))
    async with running_tenant(tenant) as running, running_key_vault(tmp_path) as vault:
        vault.tokens.add(TOKEN)
        yield Desk(running, vault)


async def test_a_sign_in_by_code_opens_the_notebooks_of_who_signed_in(desk: Desk) -> None:
    assert await desk.sign_in() == 0
    [kept] = desk.kept
    assert kept.account == "adele@contoso.example"
    assert kept.refresh_token in desk.running.tenant.refresh_tokens
    adele = desk.running.tenant.find_user("adele@contoso.example")
    assert adele is not None
    settings = GraphSettings(f"{desk.running.doors.graph}/v1.0", ca_file=str(desk.running.ca_file))
    async with GraphClient(settings, desk.tokens(), Clock(), None, lambda: 0.5) as graph:
        scope = Scope(desk.running.tenant.id, "signed-in~notes")
        mine = await graph.send(get(f"/users/{adele.id}/onenote/notebooks"), scope)
        assert [book["displayName"] for book in mine.values] == ["Work"]
        other = desk.running.tenant.find_user("bernd@contoso.example")
        assert other is not None
        theirs = await graph.send(get(f"/users/{other.id}/onenote/notebooks"), scope)
        assert (theirs.status, theirs.code) == (403, "40003")


async def test_nothing_of_it_is_said_or_logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "holdfast")
    await desk.sign_in()
    token = await desk.tokens().token()
    told = "".join([*desk.said, *(r.getMessage() for r in caplog.records), repr(desk.kept[0])])
    assert desk.kept[0].refresh_token not in told
    assert token not in told


SIGN_INS = [
    (sign_in_posting, "posting", "Group-Conversation.ReadWrite.All", "conversations"),
    (sign_in_writing, "writing", "Notes.ReadWrite.All", "onenote"),
]


async def signed_in_by(desk: Desk, script: ModuleType, name: str) -> None:
    tenant = desk.running.tenant
    words = ["--tenant", tenant.id, "--client-id", app_named(tenant, name).client_id]
    words += ["--login-url", desk.running.doors.login, "--ca-file", str(desk.running.ca_file)]
    args = script.form().parse_args([*words, "--secret-url", "https://v.vault.azure.net/secrets/notes"])
    args.secret_url = desk.url
    assert await script.run(args, partial(desk._said, who="adele"), Identity, **desk.options) == 0


@pytest.mark.parametrize(("script", "name", "scope", "kind"), SIGN_INS)
async def test_who_signs_in_to_give_back_consents_to_that_alone(
    desk: Desk, script: ModuleType, name: str, scope: str, kind: str
) -> None:
    await signed_in_by(desk, script, name)
    assert desk.running.tenant.refresh_tokens[desk.kept[-1].refresh_token][1] == {scope}
    client = app_named(desk.running.tenant, name).client_id
    assert f"M365_{name.upper()}_CLIENT_ID={client}" in desk.said[-1]


async def test_what_a_sign_in_to_post_leaves_opens_the_group_s_threads(desk: Desk) -> None:
    tenant = desk.running.tenant
    await signed_in_by(desk, sign_in_posting, "posting")
    settings = GraphSettings(f"{desk.running.doors.graph}/v1.0", ca_file=str(desk.running.ca_file))
    tokens = desk.tokens(app="posting", scope="Group-Conversation.ReadWrite.All")
    crew = tenant.find_group("crew")
    assert crew is not None
    said = {"body": {"contentType": "html", "content": "<p>Hello</p>"}}
    async with GraphClient(settings, tokens, Clock(), None, lambda: 0.5) as graph:
        made = await graph.send(
            post(f"/groups/{crew.id}/threads", {"topic": "New", "posts": [said]}), Scope(tenant.id, "group")
        )
        assert (made.status, made.json["uniqueSenders"]) == (201, ["adele"])
        assert [mail["kind"] for mail in tenant.outbox] == ["group post"]


@pytest.mark.parametrize(("script", "name", "scope", "kind"), SIGN_INS)
def test_the_settings_name_the_app_and_the_scope_to_give_back_with(
    script: ModuleType, name: str, scope: str, kind: str
) -> None:
    id = "44444444-4444-4444-4444-444444444444"
    url = "https://kv.vault.azure.net/secrets/person"
    values = {f"M365_{name.upper()}_CLIENT_ID": id, f"M365_{name.upper()}_TOKEN_URL": url}
    settings = settings_of(with_(**values))
    app = wiring_graph.person_tokens(settings, Clock(), name)._app  # type: ignore[arg-type]
    assert (app.client_id, app.tenant) == (id, settings.tenant_id)
    assert app.scopes == (f"{settings.cloud.graph_url}/{scope}",)
    able = [one for one in ("conversations", "onenote") if not wiring._kinds(settings)[one].keeps_only]
    assert able == [kind]
    assert wiring._kinds(settings_of(with_()))[kind].keeps_only


async def test_the_renewed_refresh_token_is_kept_once_a_day_at_most(desk: Desk) -> None:
    await desk.sign_in()
    clock = Clock()
    clock.at = desk.kept[0].at + timedelta(hours=3)
    tokens = desk.tokens(clock)
    await tokens.token()
    assert len(desk.kept) == 1  # an hourly token leaves no hourly version of the secret
    await clock.sleep(86_400)
    await tokens.token()
    first, second = desk.kept
    assert second.refresh_token != first.refresh_token
    assert second.at == clock.at
    assert second.account == first.account == tokens.account


async def test_a_vault_that_takes_no_new_version_ends_nothing(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    await desk.sign_in()
    kept, clock = desk.kept[0], Clock()
    clock.at = kept.at + timedelta(days=2)

    def refuse(text: str) -> None:
        raise NotPermitted("the key vault refuses secret notes")

    made = desk.tokens(clock)
    tokens = PersonTokens(made._app, clock, made._load, refuse)
    assert await tokens.token()
    assert "could not be kept" in caplog.text


async def test_a_sign_in_that_was_taken_away_says_who_has_to_do_what(desk: Desk) -> None:
    await desk.sign_in()
    desk.running.tenant.refresh_tokens.clear()
    with pytest.raises(NotPermitted, match="sign in again"):
        await desk.tokens().token()


async def test_a_secret_that_is_no_sign_in_is_told_as_such(desk: Desk) -> None:
    with pytest.raises(Misconfigured, match="has no secret notes"):
        await desk.tokens().token()
    desk.vault.put("notes", json.dumps({"something": "else"}))
    with pytest.raises(Misconfigured, match="holds no sign-in"):
        await desk.tokens().token()
    await desk.sign_in()
    with pytest.raises(Misconfigured, match="another app"):
        await desk.tokens(client_id="00000000-0000-0000-0000-000000000001").token()


async def test_an_app_that_is_no_public_client_is_told_how_to_become_one(desk: Desk) -> None:
    assert await desk.sign_in(app="backup") == 1
    assert "nothing was kept" in desk.said[-1]
    assert "notes" not in desk.vault.secrets


async def test_a_vault_that_may_not_be_written_is_told_after_the_sign_in(desk: Desk) -> None:
    desk.vault.refused.add("notes")
    assert await desk.sign_in() == 1
    assert "Key Vault Secrets Officer" in desk.said[-1]


def test_what_is_kept_reads_back_as_it_was_written() -> None:
    kept = SignedIn("a@b.example", "app", datetime(2026, 11, 21, 12, tzinfo=UTC), "secret")
    assert read(write(kept)) == kept
    assert "secret" not in repr(replace(kept, account="x"))


def test_the_settings_name_the_same_app_and_the_same_scopes() -> None:
    id = "44444444-4444-4444-4444-444444444444"
    settings = settings_of(
        with_(M365_NOTES_CLIENT_ID=id, M365_NOTES_TOKEN_URL="https://kv.vault.azure.net/secrets/notes")
    )
    assert settings.notes is not None
    app = wiring_graph.public_client(settings, settings.notes)
    assert (app.client_id, app.tenant) == (id, settings.tenant_id)
    assert app.scopes == (f"{settings.cloud.graph_url}/Notes.Read.All",)
    assert isinstance(wiring_graph.person_tokens(settings, Clock()), PersonTokens)  # reads nothing before it is asked
    assert wiring._policy(settings).signed_in
    assert not wiring._policy(settings_of(with_())).signed_in


async def test_asked_by_many_at_once_it_signs_in_once(desk: Desk) -> None:
    await desk.sign_in()
    before = len(desk.vault.asked)
    tokens = desk.tokens()
    assert len({*await asyncio.gather(*(tokens.token() for _ in range(5)))}) == 1
    assert len(desk.vault.asked) == before + 1
