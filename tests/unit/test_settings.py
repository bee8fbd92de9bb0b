"""Settings: what is right is read, what is wrong is told at once, secrets do not show."""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict
from pathlib import Path

import pytest

from shared import wiring, wiring_graph
from shared.errors import Misconfigured
from shared.kinds import KINDS
from shared.knobs import BY_NAME, KNOBS, PREFIXES
from shared.readings import EMULATOR, ByConnectionString, ByIdentity, Secret, ncrontab
from shared.setting_nouns import ByCertificate, ByClientSecret, ByFederation, PersonSignIn, Settings
from shared.settings import ONLY_LOSSLESS, read, role

ROOT = Path(__file__).parents[2]
TENANT, APP = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
GOOD = {
    "PATH": "/bin",
    "M365_TENANT_ID": TENANT.upper(),
    "M365_BACKUP_CLIENT_ID": APP,
    "M365_BACKUP_CLIENT_SECRET": "canary-1",
    "VAULT_STORAGE": "AccountName=a;AccountKey=canary-2;EndpointSuffix=core.windows.net",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "BACKUP_SCHEDULE": "0 0 */6 * * *",
    "CARE_SCHEDULE": "0 0 2 * * *",
    "API_AUDIENCE": "api://holdfast, " + APP,
}


def with_(**changes: str | None) -> dict[str, str]:
    return {name: value for name, value in {**GOOD, **changes}.items() if value is not None}


def problems(environ: dict[str, str]) -> str:
    with pytest.raises(Misconfigured) as told:
        read(environ)
    return str(told.value)


def test_the_smallest_environment_gives_the_defaults() -> None:
    settings = read(GOOD)
    assert settings.tenant_id == TENANT
    assert settings.backup.proof == ByClientSecret(Secret("canary-1"))
    assert settings.restore is None and settings.target is None
    assert settings.cloud.scope == "https://graph.microsoft.com/.default"
    assert settings.stores.catalog == settings.stores.vault
    assert settings.stores.queues == ByConnectionString(Secret(EMULATOR))
    assert settings.policy.owner_types == ("user", "group", "site") and settings.policy.kinds == ()
    assert settings.sizes.chunk_bytes == 8 * 1024 * 1024
    assert settings.api.issuers == (
        f"https://login.microsoftonline.com/{TENANT}/v2.0",
        f"https://sts.windows.net/{TENANT}/",
    )
    assert settings.api.jwks_url == f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys"


def test_an_empty_setting_is_one_that_is_not_set() -> None:
    assert read(with_(PAGE_ITEMS="", M365_RESTORE_CLIENT_ID=" ")) == read(GOOD)


def test_everything_that_is_wrong_is_told_in_one_error() -> None:
    text = problems(
        with_(
            M365_TENANT_ID=None,
            M365_BACKUP_CLIENT_ID="not-a-guid",
            M365_GRAPH_BASE_URL="http://graph.microsoft.com",
            BACKUP_SCHEDULE="every day",
            PAGE_BYTES="1",
            BACKUP_OWNER_TYPES="users",
            BACKUP_SCHEDUL="0 0 0 * * *",
            HOLDFAST_NOTHING_LIKE_IT_AT_ALL="1",
        )
    )
    assert "M365_TENANT_ID: is missing" in text
    assert "M365_BACKUP_CLIENT_ID: 'not-a-guid' can't be used; it must be a GUID" in text
    assert "M365_GRAPH_BASE_URL: 'http://graph.microsoft.com' can't be used; it must be an https://" in text
    assert "BACKUP_SCHEDULE: 'every day' can't be used; it must be six NCRONTAB fields" in text
    assert "PAGE_BYTES: '1' can't be used; it must be a whole number from 1048576" in text
    assert "BACKUP_OWNER_TYPES: 'users' can't be used; it must be one or more of user, group, site" in text
    assert "BACKUP_SCHEDUL: there is no such setting; did you mean BACKUP_SCHEDULE?" in text
    assert "HOLDFAST_NOTHING_LIKE_IT_AT_ALL: there is no such setting; unset it" in text


def test_a_malformed_secret_is_named_and_not_shown() -> None:
    text = problems(with_(VAULT_STORAGE="AccountName=a;AccountKye=canary-9"))
    assert "VAULT_STORAGE: its value can't be used" in text and "canary" not in text


def test_names_of_other_products_are_left_alone() -> None:
    assert isinstance(read(with_(VAULT_ADDR="https://vault", FUNCTIONS_WORKER_RUNTIME="python")), Settings)


@pytest.mark.parametrize(
    ("setting", "value", "proof"),
    [
        ("M365_BACKUP_CERTIFICATE_PATH", "/etc/c.pem", ByCertificate("/etc/c.pem")),
        ("M365_BACKUP_FEDERATED", "system", ByFederation("system")),
        ("M365_BACKUP_FEDERATED", APP, ByFederation(APP)),
        ("M365_BACKUP_FEDERATED", "file:/var/token", ByFederation("file:/var/token")),
    ],
)
def test_an_identity_may_prove_itself_in_several_ways(setting: str, value: str, proof: object) -> None:
    assert read(with_(M365_BACKUP_CLIENT_SECRET=None, **{setting: value})).backup.proof == proof


def test_an_identity_with_two_credentials_or_none_is_refused() -> None:
    assert "needs one credential, 2 are set" in problems(with_(M365_BACKUP_FEDERATED="system"))
    assert "needs one credential, 0 are set" in problems(with_(M365_BACKUP_CLIENT_SECRET=None))
    assert "M365_RESTORE_CLIENT_ID: is missing though" in problems(with_(M365_RESTORE_CLIENT_SECRET="s"))


def test_the_target_identity_belongs_to_the_target_tenant() -> None:
    settings = read(with_(M365_TARGET_TENANT_ID=APP, M365_TARGET_CLIENT_ID=TENANT, M365_TARGET_FEDERATED="system"))
    assert settings.target is not None and settings.target.tenant_id == APP
    assert "belong together" in problems(with_(M365_TARGET_TENANT_ID=APP))


@pytest.mark.parametrize(
    ("value", "account"),
    [
        ("stvault01", ByIdentity("stvault01")),
        ("https://stvault01.blob.core.usgovcloudapi.net/", ByIdentity("stvault01", "core.usgovcloudapi.net")),
    ],
)
def test_storage_is_reached_by_identity_when_no_key_is_given(value: str, account: ByIdentity) -> None:
    assert read(with_(VAULT_STORAGE=value)).stores.vault == account


def test_the_hosts_own_names_for_identity_give_the_queues() -> None:
    stores = read(with_(AzureWebJobsStorage=None, AzureWebJobsStorage__accountName="sthost")).stores
    assert isinstance(stores.queues, ByIdentity)
    assert stores.queues.url("queue") == "https://sthost.queue.core.windows.net"
    assert "AzureWebJobsStorage: is missing" in problems(with_(AzureWebJobsStorage=None))


def test_no_secret_shows_in_a_repr_or_a_copy() -> None:
    settings = read(GOOD)
    assert "canary" not in repr(settings) and "canary" not in str(settings) and "canary" not in f"{asdict(settings)}"
    with pytest.raises(TypeError):
        pickle.dumps(Secret("canary"))


@pytest.mark.parametrize(
    "cloud", [{"WEBSITE_INSTANCE_ID": "1"}, {"WEBSITE_SITE_NAME": "x"}, {"WEBSITE_HOSTNAME": "app.azurewebsites.net"}]
)
def test_an_open_api_is_refused_in_the_cloud(cloud: dict[str, str]) -> None:
    assert "API_AUTH: off is for development" in problems(with_(API_AUTH="off", **cloud))


def test_an_open_api_is_allowed_on_one_machine() -> None:
    assert read(with_(API_AUTH="off", API_AUDIENCE=None, WEBSITE_HOSTNAME="localhost:7071")).api.auth == "off"


def test_kinds_that_do_not_exist_are_named() -> None:
    with pytest.raises(Misconfigured, match="BACKUP_KINDS: faxes not known; use mail, contacts"):
        read(with_(BACKUP_KINDS="mail,faxes"), kinds=("mail", "contacts"))


@pytest.mark.parametrize("right", ["0 0 2 * * *", "*/5 * * * * *", "0 0 9-17/2 * * mon-fri", "0 30 1,13 1 jan 0"])
def test_ncrontab_of_six_fields_is_right(right: str) -> None:
    assert ncrontab(right) == right


@pytest.mark.parametrize(
    "wrong", ["0 2 * * *", "60 0 0 * * *", "0 0 24 * * *", "0 0 5-1 * * *", "0 0 x * * *", "0 0 */0 * * *"]
)
def test_ncrontab_out_of_range_is_wrong(wrong: str) -> None:
    with pytest.raises(ValueError, match="NCRONTAB"):
        ncrontab(wrong)


def test_every_knob_is_told_apart_and_carries_its_meaning() -> None:
    assert len(BY_NAME) == len(KNOBS)
    for knob in KNOBS:
        assert len(knob.meaning) > 10 and knob.name.startswith((*PREFIXES, "AzureWebJobsStorage"))
        assert not (knob.secret and knob.default), "a secret has no default"
        if knob.default:
            knob.read(knob.default)


def test_the_sample_holds_every_setting_and_its_meaning() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())
    from tools.write_settings import sample_document

    assert sample == sample_document()
    assert {knob.name for knob in KNOBS} <= set(sample["Values"])


def test_the_operations_page_lists_every_setting_and_permission() -> None:
    from tools.write_settings import with_tables

    page = (ROOT / "docs/operations.md").read_text()
    assert page == with_tables(page)


def test_a_lane_hands_itself_on_well_before_the_host_ends_it() -> None:
    host = json.loads((ROOT / "host.json").read_text())
    hours, minutes, seconds = map(int, host["functionTimeout"].split(":"))
    with pytest.raises(ValueError) as told:
        BY_NAME["LANE_BUDGET_S"].read("999999999999")
    longest = int(str(told.value).rsplit(" ", 1)[1])
    assert longest + 300 <= hours * 3600 + minutes * 60 + seconds


def test_host_json_is_as_the_operations_page_explains() -> None:
    host, page = json.loads((ROOT / "host.json").read_text()), (ROOT / "docs/operations.md").read_text()
    queues, http = host["extensions"]["queues"], host["extensions"]["http"]
    assert queues["messageEncoding"] == "base64" and queues["maxDequeueCount"] == 5
    for place, entries in (("queues", queues), ("http", http)):
        for name in entries:
            assert name in page, f"{place}.{name} is not explained"
    for row in (
        f"| `queues.batchSize` | {queues['batchSize']} |",
        f"| `http.maxConcurrentRequests` | {http['maxConcurrentRequests']} |",
    ):
        assert row in page


# --- roles -----------------------------------------------------------------------------------------------------------

RESTORE_APP = {
    "M365_BACKUP_CLIENT_ID": None, "M365_BACKUP_CLIENT_SECRET": None, "API_AUDIENCE": None,
    "HOLDFAST_ROLE": "restore", "M365_RESTORE_CLIENT_ID": APP, "M365_RESTORE_FEDERATED": TENANT,
}  # fmt: skip


def test_the_app_that_restores_needs_no_credential_of_the_backup() -> None:
    settings = read(with_(**RESTORE_APP))
    assert settings.role == "restore" and settings.backup is None and settings.restore is not None


def test_the_app_that_restores_may_not_hold_the_backups_credential() -> None:
    text = problems(with_(**{**RESTORE_APP, "M365_BACKUP_CLIENT_ID": APP, "M365_BACKUP_FEDERATED": "system"}))
    assert "M365_BACKUP_CLIENT_ID: belongs to another app, as HOLDFAST_ROLE is restore here" in text


def test_the_app_that_backs_up_may_not_hold_a_credential_that_writes() -> None:
    text = problems(with_(HOLDFAST_ROLE="backup", M365_RESTORE_CLIENT_ID=APP, M365_RESTORE_CLIENT_SECRET="canary-7"))
    assert "M365_RESTORE_CLIENT_ID: belongs to another app" in text and "canary" not in text


def test_the_app_that_backs_up_knows_the_target_tenant_by_name_only() -> None:
    settings = read(with_(HOLDFAST_ROLE="backup", M365_TARGET_TENANT_ID=APP))
    assert (settings.target_tenant, settings.target) == (APP, None)
    assert "M365_TARGET_CLIENT_ID: belongs to another app" in problems(
        with_(HOLDFAST_ROLE="backup", M365_TARGET_TENANT_ID=APP, M365_TARGET_CLIENT_ID=TENANT)
    )


def test_a_role_that_does_not_exist_has_no_doors_and_is_told() -> None:
    assert [role({"HOLDFAST_ROLE": asked}) for asked in ("admin", "", " restore ")] == ["", "all", "restore"]
    assert "HOLDFAST_ROLE: 'admin' can't be used" in problems(with_(HOLDFAST_ROLE="admin"))


def test_the_kinds_are_those_of_the_mode() -> None:
    on = read(with_(BACKUP_LOSSLESS="on", EVENTS_PEOPLE="none"))
    plain, whole = wiring._kinds(read(GOOD)), wiring._kinds(on)
    assert plain.keys() == whole.keys()
    changed = {name for name in plain if type(plain[name]) is not type(whole[name])}
    assert changed == {"mail", "contacts", "events", "tasks"}
    assert whole["events"].keep_people == "none"  # type: ignore[attr-defined]
    assert wiring._limits(on).at_once == 20


def test_the_lossless_mode_is_off_and_needs_a_cloud_that_has_it() -> None:
    assert not read(GOOD).policy.lossless
    assert read(with_(BACKUP_LOSSLESS="on")).policy.lossless
    assert "BACKUP_KINDS: notes is kept in the lossless mode alone" in problems(with_(BACKUP_KINDS="mail,notes"))
    assert read(with_(BACKUP_LOSSLESS="on", BACKUP_KINDS="mail,notes")).policy.kinds == ("mail", "notes")
    assert set(ONLY_LOSSLESS) == {kind.name for kind in KINDS.values() if kind.only_lossless}
    china = with_(BACKUP_LOSSLESS="on", M365_GRAPH_BASE_URL="https://microsoftgraph.chinacloudapi.cn/v1.0")
    assert "BACKUP_LOSSLESS: is on, but this cloud has no export" in problems(china)


def test_a_sign_in_to_onenote_needs_its_app_and_its_place() -> None:
    with pytest.raises(Misconfigured, match="belong together"):
        read(with_(M365_NOTES_CLIENT_ID="44444444-4444-4444-4444-444444444444"))
    with pytest.raises(Misconfigured, match="secrets/NAME"):
        read(with_(M365_NOTES_TOKEN_URL="https://kv.vault.azure.net/certificates/x"))


@pytest.mark.parametrize("role", ["restore", "care"])
def test_only_who_backs_up_may_hold_the_sign_in_to_onenote(role: str) -> None:
    with pytest.raises(Misconfigured, match="M365_NOTES_CLIENT_ID: belongs to another app"):
        read(with_(HOLDFAST_ROLE=role, M365_NOTES_CLIENT_ID="44444444-4444-4444-4444-444444444444"))


SIGN_IN = {
    "CLIENT_ID": "44444444-4444-4444-4444-444444444444",
    "TOKEN_URL": "https://kv.vault.azure.net/secrets/posting",
}


@pytest.mark.parametrize("name", ["POSTING", "WRITING"])
def test_a_sign_in_to_give_back_needs_its_app_and_its_place(name: str) -> None:
    id, url = SIGN_IN.values()
    with pytest.raises(Misconfigured, match=f"M365_{name}_CLIENT_ID and M365_{name}_TOKEN_URL belong together"):
        read(with_(**{f"M365_{name}_CLIENT_ID": id}))
    both = {f"M365_{name}_CLIENT_ID": id, f"M365_{name}_TOKEN_URL": url}
    assert getattr(read(with_(**both)), name.lower()) == PersonSignIn(id, url)
    assert getattr(read(GOOD), name.lower()) is None


@pytest.mark.parametrize("app", ["POSTING", "WRITING"])
@pytest.mark.parametrize(("role", "name"), [("backup", "TOKEN_URL"), ("care", "TOKEN_URL"), ("care", "CLIENT_ID")])
def test_only_who_restores_may_hold_a_sign_in_that_writes(app: str, role: str, name: str) -> None:
    with pytest.raises(Misconfigured, match=f"M365_{app}_{name}: belongs to another app"):
        read(with_(HOLDFAST_ROLE=role, **{f"M365_{app}_{name}": SIGN_IN[name]}))


@pytest.mark.parametrize(("app", "kind"), [("posting", "conversations"), ("writing", "onenote")])
def test_the_app_that_takes_orders_knows_that_somebody_signed_in_and_not_where_that_lies(app: str, kind: str) -> None:
    settings = read(with_(HOLDFAST_ROLE="backup", **{f"M365_{app.upper()}_CLIENT_ID": SIGN_IN["CLIENT_ID"]}))
    assert getattr(settings, app) == PersonSignIn(SIGN_IN["CLIENT_ID"])
    assert not wiring._kinds(settings)[kind].keeps_only
    with pytest.raises(Misconfigured, match=f"M365_{app.upper()}"):
        wiring_graph.person_tokens(settings, wiring.UtcClock(), app)  # type: ignore[arg-type]
