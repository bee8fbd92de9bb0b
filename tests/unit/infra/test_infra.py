"""What infra/ deploys, read from its source: no key, no over-wide right, and settings that the product knows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_bicep

from shared import settings
from shared.knobs import BY_NAME
from shared.telemetry import EVENTS
from shared.work import tickets
from tests.unit.infra import queries
from tests.unit.infra.bicep import _declared, members, read, secrets_in, strings, wide_roles, without_comments
from tests.unit.infra.ours import ALL, FILES, INFRA, ROOT, in_file, made, variable

BLOBS, TABLES = (
    "Microsoft.Storage/storageAccounts/blobServices/containers/blobs",
    "Microsoft.Storage/storageAccounts/tableServices/tables",
)


# --- nothing that opens by itself -------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", [*FILES, *sorted(INFRA.rglob("*.json"))], ids=lambda file: str(file.name))
def test_no_key_and_no_connection_string(file: Path) -> None:
    assert secrets_in(file.read_text()) == []


@pytest.mark.parametrize(
    "planted",
    [
        "value: account.listKeys().keys[0].value",
        "x: listSecrets(id, '2020')",
        "AzureWebJobsStorage: 'whatever'",
        "s: 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${key}'",
        "u: '${container}?sv=2022&sig=abc'",
        "k: 'Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFy'",
        "allowSharedKeyAccess: true",
        "APPINSIGHTS: insights.properties.InstrumentationKey",
    ],
)
def test_a_planted_key_is_found(planted: str) -> None:
    assert secrets_in(planted) and not secrets_in(f"// {planted}")


def test_storage_takes_entra_tokens_over_tls_only() -> None:
    for account in made("Microsoft.Storage/storageAccounts"):
        assert (account.says("allowSharedKeyAccess"), account.says("allowBlobPublicAccess")) == ("false", "false")
        assert (account.says("minimumTlsVersion"), account.says("supportsHttpsTrafficOnly")) == ("'TLS1_2'", "true")
        assert account.says("allowCrossTenantReplication") == "false"
    for container in made("Microsoft.Storage/storageAccounts/blobServices/containers"):
        assert container.says("publicAccess") == "'None'"


def test_the_vault_forgets_nothing() -> None:
    [blobs] = [each for each in made("Microsoft.Storage/storageAccounts/blobServices") if each.file == "vault.bicep"]
    assert blobs.says("isVersioningEnabled") == "true" and "enabled: true" in blobs.says("deleteRetentionPolicy")
    assert blobs.says("allowPermanentDelete") == "false"
    containers = made("Microsoft.Storage/storageAccounts/blobServices/containers")
    [container] = [each for each in containers if each.file == "vault.bicep" and each.name == "container"]
    assert container.says("immutableStorageWithVersioning") == "{ enabled: true }"
    policies = made("Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies")
    assert {each.file for each in policies} == {"vault.bicep", "tenant.bicep", "copytenant.bicep"}
    assert all("if (immutability == 'unlocked')" in each.head for each in policies)
    for file in ("tenant.bicep", "copytenant.bicep"):
        [more] = [each for each in containers if each.file == file and each.name == "container"]
        assert more.says("immutableStorageWithVersioning") == "{ enabled: true }"
    assert "param immutability string = 'unlocked'" in (INFRA / "main.bicep").read_text()


def test_the_second_copy_has_a_container_and_a_rule_for_each_tenant() -> None:
    main = (INFRA / "main.bicep").read_text()
    assert "var vaultContainers = concat([containerName], map(furtherTenantIds, id => '${containerName}-${id}'" in main
    assert "copyFurther 'modules/copytenant.bicep' = [for id in furtherTenantIds: if (!empty(copyLocation))" in main
    assert "containerNames: vaultContainers" in main and "givenRules: copyHalf!.outputs.rules" in main
    [policy] = made("Microsoft.Storage/storageAccounts/objectReplicationPolicies")
    assert policy.says("rules") == "empty(givenRules) ? rules : givenRules"


def test_the_key_vault_uses_roles_and_can_not_be_purged() -> None:
    [vault] = made("Microsoft.KeyVault/vaults")
    assert (vault.says("enableRbacAuthorization"), vault.says("enablePurgeProtection")) == ("true", "true")


def test_the_apps_have_no_passwords_and_the_restore_answers_no_call() -> None:
    [site] = made("Microsoft.Web/sites")
    assert {site.says("minTlsVersion"), site.says("scmMinTlsVersion")} == {"'1.2'"} and site.says("httpsOnly") == "true"
    assert "SystemAssigned" not in site.body and "UserAssignedIdentity" in site.body
    assert site.says("ipSecurityRestrictionsDefaultAction") == "http ? 'Allow' : 'Deny'"
    policies = made("Microsoft.Web/sites/basicPublishingCredentialsPolicies")
    assert [each.says("allow") for each in policies] == ["false", "false"]
    assert site.says("publicNetworkAccess") == "'Enabled'", "packages are published to the deployment site of all three"
    apps = {
        each.name: each for each in in_file("main.bicep") if each.kind == "module" and each.type == "modules/app.bicep"
    }
    assert {name: app.says("http") for name, app in apps.items()} == {
        "backupApp": "true",
        "restoreApp": "false",
        "careApp": "false",
    }


def test_logs_take_no_key_and_have_a_cap() -> None:
    [workspace] = made("Microsoft.OperationalInsights/workspaces")
    [insights] = made("Microsoft.Insights/components")
    assert workspace.says("disableLocalAuth") == "true" and insights.says("DisableLocalAuth") == "true"
    assert "dailyQuotaGb" in workspace.says("workspaceCapping") and insights.says("SamplingPercentage")


# --- rights -----------------------------------------------------------------------------------------------------------


def test_no_role_is_wider_than_its_duty() -> None:
    assert [problem for file in FILES for problem in wide_roles(read(file))] == []


@pytest.mark.parametrize(
    ("scope", "role"),
    [
        ("container", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"),  # owner of blobs, on the vault
        ("work", "974c5e8b-45b9-4653-ba55-5f855dd0fb88"),  # every queue of the account
        ("resourceGroup()", "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"),
        ("vault", "b24988ac-6180-42a0-ab88-20f7382dd24c"),  # Contributor
    ],
)
def test_a_planted_role_is_found(scope: str, role: str) -> None:
    text = (
        f"var r = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{role}')\n"
        "resource x 'Microsoft.Authorization/roleAssignments@2022-04-01' = {\n"
        f"  scope: {scope}\n  name: guid('x')\n  properties: {{ principalId: p, roleDefinitionId: r }}\n}}\n"
    )
    assert len(wide_roles(list(_declared(text, "x.bicep")))) == 1


def test_who_may_do_what() -> None:
    """The whole list of rights: a new one is a new line here."""
    given = {
        (each.says("principalId"), each.says("roleDefinitionId"), each.says("scope"))
        for each in made("Microsoft.Authorization/roleAssignments")
    }
    assert given == {
        ("backupPrincipalId", "keeperRoleId", "container"),
        ("restorePrincipalId", "blobReader", "container"),
        ("principal", "inspectorRoleId", "vault"),
        ("backupPrincipalId", "exporterRoleId", "exports"),
        ("backupPrincipalId", "blobDelegator", "vault"),
        ("retentionPrincipalId", "retentionRoleId", "container"),
        ("retentionPrincipalId", "keeperRoleId", "container"),
        ("retentionPrincipalId", "warmerRoleId", "container"),
        ("restorePrincipalId", "queueSender", "restoreOrders[i]"),
        ("principal", "blobReader", "container"),  # of the second copy
        ("principal", "keeperRoleId", "container"),  # of a further tenant: backup and retention
        ("principal", "catalogRoleId", "work"),
        ("backupPrincipalId", "queueContributor", "backupQueue[i]"),
        ("restorePrincipalId", "queueContributor", "restoreQueue[i]"),
        ("retentionPrincipalId", "queueContributor", "retentionQueue[i]"),
        ("backupPrincipalId", "queueSender", "orders[i]"),
        ("backupPrincipalId", "hostBlobOwner", "backupHost"),
        ("backupPrincipalId", "hostTableContributor", "backupHost"),
        ("restorePrincipalId", "hostBlobOwner", "restoreHost"),
        ("restorePrincipalId", "hostTableContributor", "restoreHost"),
        ("retentionPrincipalId", "queueSender", "careOrders[i]"),
        ("retentionPrincipalId", "hostBlobOwner", "careHost"),
        ("retentionPrincipalId", "hostTableContributor", "careHost"),
        ("principal", "metricsPublisher", "insights"),
        ("backupPrincipalId", "secretsUser", "backupSecret"),
        ("restorePrincipalId", "secretsUser", "restoreSecret"),
        ("officerPrincipalId", "secretsOfficer", "vault"),
        ("officerPrincipalId", "certificatesOfficer", "vault"),
        ("keysPrincipalId", "cryptoUser", "key"),
    }


def test_the_custom_roles_hold_what_they_say() -> None:
    roles = {each.name: each for each in made("Microsoft.Authorization/roleDefinitions")}
    rights = {
        name: {
            text.replace("${blobs}", BLOBS).replace("${tables}", TABLES) for text in strings(role.says("dataActions"))
        }
        for name, role in roles.items()
    }
    assert rights["keeper"] == {f"{BLOBS}/read", f"{BLOBS}/add/action"}, "creates, and neither overwrites nor deletes"
    assert rights["exporter"] == {f"{BLOBS}/read", f"{BLOBS}/add/action", f"{BLOBS}/write"}, "and deletes nothing"
    assert rights["retention"] == {f"{BLOBS}/read", f"{BLOBS}/delete", f"{BLOBS}/deleteBlobVersion/action"}
    assert all(right.startswith(f"{TABLES}/entities/") for right in rights["catalog"])
    assert not rights["inspector"], "no data"
    assert all(right.endswith("/read") for right in strings(roles["inspector"].says("actions")))
    assert strings(roles["catalog"].says("actions")) == ["${tables}/read", "${tables}/write"], "no table is dropped"


def test_who_may_write_to_the_vault_may_set_tiers_and_nothing_else() -> None:
    roles = {each.name: each for each in made("Microsoft.Authorization/roleDefinitions")}
    assert strings(roles["warmer"].says("dataActions")) == ["${blobs}/write"]
    condition = variable("roles.bicep", "onlyTiers")
    assert "ActionMatches{\\'${blobs}/write\\'} AND NOT SubOperationMatches{\\'Blob.Write.Tier\\'}" in condition
    given = [
        each
        for each in made("Microsoft.Authorization/roleAssignments")
        if each.says("roleDefinitionId") == "warmerRoleId"
    ]
    assert len(given) == 2, "of the first tenant and of a further one"
    assert {(each.says("conditionVersion"), each.says("condition")) for each in given} == {("'2.0'", "warmerCondition")}
    writers = [name for name, role in roles.items() if "${blobs}/write" in strings(role.says("dataActions"))]
    assert sorted(writers) == ["exporter", "warmer"]


def test_each_app_acts_under_one_identity_of_its_own() -> None:
    apps = [each for each in in_file("main.bicep") if each.type == "modules/app.bicep"]
    used = {each.says("identityId") for each in apps}
    assert used == {"identities.outputs.backupId", "identities.outputs.restoreId", "identities.outputs.retentionId"}
    assert {each.says("hostBlobEndpoint") for each in apps} == {
        "backupHost.outputs.blobEndpoint", "restoreHost.outputs.blobEndpoint", "careHost.outputs.blobEndpoint",
    }  # fmt: skip
    assert [each.name for each in apps if "retention" in each.body] == ["careApp"]


def test_only_the_app_that_looks_after_the_vault_may_delete_from_it() -> None:
    holders = {
        each.says("principalId")
        for each in made("Microsoft.Authorization/roleAssignments")
        if each.says("roleDefinitionId") == "retentionRoleId"
    }
    assert holders == {"retentionPrincipalId"}
    for name in ("common", "backupSettings", "restoreSettings"):
        assert "retentionClientId" not in variable("main.bicep", name)
    assert members(variable("main.bicep", "careSettings")) == {
        "HOLDFAST_ROLE": "'care'",
        "VAULT_IDENTITY_CLIENT_ID": "identities.outputs.retentionClientId",
        "RETENTION_IDENTITY_CLIENT_ID": "identities.outputs.retentionClientId",
    }


# --- what product and templates must agree about ----------------------------------------------------------------------

# Knobs that the templates do not set, and why.
NOT_IN_AZURE = {
    "M365_SCOPE": "follows from the Graph endpoint",
    "M365_CA_FILE": "for tests",
    "M365_EXTRA_HOSTS": "for tests and private gateways; through moreSettings",
    "M365_BACKUP_CERTIFICATE_PATH": "a file: Flex Consumption has none of its own",
    "M365_BACKUP_CERTIFICATE_PASSWORD": "of that file",
    "M365_RESTORE_CERTIFICATE_PATH": "a file",
    "M365_RESTORE_CERTIFICATE_PASSWORD": "of that file",
    "M365_TARGET_CERTIFICATE_PATH": "a file",
    "M365_TARGET_CERTIFICATE_PASSWORD": "of that file",
    "M365_TARGET_CERTIFICATE_URL": "through moreRestoreSettings",
    "M365_TARGET_CLIENT_SECRET": "federation only; else through moreSettings, as a Key Vault reference",
    "AzureWebJobsStorage": "a connection string",
    "AzureWebJobsStorage__accountName": "the endpoints are set instead: blobs and queues lie in different accounts",
    "PAGE_BYTES": "its default is right; through moreSettings",
    "PAGE_ITEMS": "as above",
    "PART_BYTES": "as above",
    "CHUNK_BYTES": "as above",
    "ITEM_TICKET_BYTES": "as above",
    "LANE_BUDGET_S": "as above",
    "GRAPH_PATIENCE_S": "as above",
    "EVENTS_PEOPLE": "as above",
    "RESTORE_PEOPLE_RULES": "as above",
    "RESTORE_PEOPLE_FILE": "as above",
    "BACKUP_CENSUS_H": "as above",
    **dict.fromkeys(
        (
            "RETENTION_GRACE_DAYS",
            "RETENTION_CLOCK_S",
            "RETENTION_MASS_PERCENT",
            "RETENTION_APPROVAL_DAYS",
            "RETENTION_DELAY_DAYS",
        ),
        "its default is right; through moreSettings",
    ),
    "EXPORT_VOLUME_BYTES": "as above",
    "HOLDFAST_DRILL_OWNERS": "nobody is drilled until somebody names a scratch place; through moreSettings",
    "HOLDFAST_DRILL_FOLDER": "as above",
    "HOLDFAST_DRILL_DAYS": "as above",
    "HOLDFAST_DRILL_ITEMS": "as above",
    "HOLDFAST_SEARCH_TEXT": "off until somebody wants it; through moreCareSettings or moreSettings",
    "HOLDFAST_PRICES": "examples are used until somebody sets those of their region; through moreSettings",
    "HOLDFAST_TENANTS": "of each app its own; through moreBackupSettings ..., as a Key Vault reference",
    "M365_NOTES_CLIENT_ID": "needs a person's sign-in first; through moreBackupSettings (docs/kinds/onenote.md)",
    "M365_NOTES_TOKEN_URL": "as above",
    "M365_NOTES_OWNERS": "as above",
    "M365_POSTING_CLIENT_ID": "so does this; through moreBackupSettings and moreRestoreSettings (docs/kinds)",
    "M365_POSTING_TOKEN_URL": "as above, through moreRestoreSettings alone",
    "M365_WRITING_CLIENT_ID": "so does this; through moreBackupSettings and moreRestoreSettings (docs/kinds)",
    "M365_WRITING_TOKEN_URL": "as above, through moreRestoreSettings alone",
    "RESTORE_MODE": "its default is right; through moreSettings",
    "API_RATE_PER_MIN": "its default is right; through moreSettings",
    "API_ISSUERS": "follows from the tenant",
    "API_JWKS_URL": "follows from the tenant",
}
# Settings of the platform that are not ours.
PLATFORM = {
    "APPLICATIONINSIGHTS_CONNECTION_STRING", "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL",
}  # fmt: skip


def settings_of(*names: str) -> set[str]:
    return {
        setting
        for file, name in (("main.bicep", "common"), *(("main.bicep", n) for n in names), ("app.bicep", "hostSettings"))
        for setting in members(variable(file, name))
    }


def test_every_setting_is_known_to_the_product_and_the_other_way_round() -> None:
    deployed = settings_of("backupSettings", "restoreSettings", "careSettings")
    assert deployed - PLATFORM - set(BY_NAME) == set(), "the product would refuse these"
    assert set(BY_NAME) - deployed == set(NOT_IN_AZURE), "a knob is set by the templates or has its reason here"


def test_every_required_setting_is_deployed() -> None:
    needed = {knob.name for knob in BY_NAME.values() if knob.required}
    assert needed <= settings_of("backupSettings")
    assert needed - {"M365_BACKUP_CLIENT_ID"} <= settings_of("restoreSettings")
    assert needed - {"M365_BACKUP_CLIENT_ID"} <= settings_of("careSettings")


@pytest.mark.parametrize("role", ["backup", "restore", "care"])
def test_the_product_starts_with_what_is_deployed(role: str) -> None:
    """Names as the templates set them, and values as they look there: no app is given what it would refuse."""
    guid, there = "22222222-2222-2222-2222-222222222222", settings_of(f"{role}Settings")
    values = {
        "HOLDFAST_ROLE": role,
        "M365_TENANT_ID": "11111111-1111-1111-1111-111111111111",
        "VAULT_STORAGE": "https://stvault.blob.core.windows.net/",
        "CATALOG_STORAGE": "https://stwork.table.core.windows.net/",
        "AzureWebJobsStorage__queueServiceUri": "https://stwork.queue.core.windows.net/",
        "AzureWebJobsStorage__credential": "managedidentity",
        "VAULT_RESOURCE_ID": "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-x/providers/"
        "Microsoft.Storage/storageAccounts/stvault",
        "BACKUP_SCHEDULE": "0 0 */6 * * *",
        "CARE_SCHEDULE": "0 0 2 * * *",
        "API_AUDIENCE": "api://x,x",
        **{name: guid for name in there if name.endswith(("CLIENT_ID", "FEDERATED", "__clientId"))},
        "M365_TARGET_CLIENT_ID": "",
        "M365_TARGET_FEDERATED": "",
    }
    read_settings = settings.read({name: values.get(name, "") for name in there - PLATFORM})
    assert read_settings.role == role
    assert bool(read_settings.retention.identity_client_id) == (role == "care")
    assert [bool(getattr(read_settings, app)) for app in ("backup", "restore")] == [role == "backup", role == "restore"]


def test_neither_app_holds_the_others_credential() -> None:
    assert not [name for name in settings_of("backupSettings") if name.startswith(("M365_RESTORE_", "M365_TARGET_C"))]
    assert not [name for name in settings_of("restoreSettings") if name.startswith("M365_BACKUP_")]
    assert not [name for name in settings_of("careSettings") if name.startswith(("M365_BACKUP_", "M365_RESTORE_"))]
    assert members(variable("main.bicep", "backupSettings"))["HOLDFAST_ROLE"] == "'backup'"
    assert members(variable("main.bicep", "restoreSettings"))["HOLDFAST_ROLE"] == "'restore'"


def test_a_secret_is_only_ever_a_reference_into_the_key_vault() -> None:
    for app in ("backupSettings", "restoreSettings", "careSettings"):
        for name, value in members(variable("main.bicep", app)).items():
            if name in BY_NAME and BY_NAME[name].secret:
                assert "@Microsoft.KeyVault(" in value, name


def test_the_queues_are_those_of_the_tickets() -> None:
    backup, restore, care = (
        set(strings(variable("main.bicep", f"{name}Queues"))) for name in ("backup", "restore", "care")
    )
    needed = {*tickets.QUEUES, *(f"{queue}-poison" for queue in tickets.QUEUES)}
    assert needed <= backup | restore | care
    theirs = (tickets.RESTORE, tickets.DRILL)
    assert restore == {*theirs, *(f"{queue}-poison" for queue in theirs)} and not backup & (restore | care)
    ours = (tickets.CARE, tickets.THAW)
    assert care == {*ours, *(f"{queue}-poison" for queue in ours)}
    assert strings(variable("main.bicep", "thawQueue")) == [tickets.THAW]
    assert strings(variable("main.bicep", "orderQueue")) == [tickets.RESTORE]
    assert strings(variable("main.bicep", "drillQueue")) == [tickets.DRILL]
    assert strings(variable("main.bicep", "careOrderQueues")) == [tickets.ITEM]


def test_the_apps_are_those_that_azd_publishes() -> None:
    services = re.findall(r"^  (\w+):\n    project: \.", (ROOT / "azure.yaml").read_text(), re.MULTILINE)
    tags = re.findall(r"'azd-service-name': '(\w+)'", (INFRA / "main.bicep").read_text())
    assert sorted(services) == sorted(tags) == ["backup", "care", "restore"]


# --- alerts -----------------------------------------------------------------------------------------------------------

QUERIES = {query.name: without_comments(query.text) for query in queries.alerts()}
RULES = set(re.findall(r"name: '([\w-]+)', title:", variable("alerts.bicep", "rules")))
OTHER_ALERTS = {"backlog", "tampering", "credential", "budget"}


def test_every_rule_has_its_query_and_is_explained() -> None:
    loaded = re.findall(r"loadTextContent\('../queries/([\w-]+)\.kql'\)", (INFRA / "modules/alerts.bicep").read_text())
    assert {file.stem for file in (INFRA / "queries").iterdir()} == set(loaded) == set(QUERIES) == RULES
    headings = set(re.findall(r"^### `([\w-]+)`", (ROOT / "docs/alerts.md").read_text(), re.MULTILINE))
    assert headings == RULES | OTHER_ALERTS


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_a_query_answers_one_number(name: str) -> None:
    assert re.search(r"(project|summarize) hits = [^\n]+\n$", QUERIES[name])


def test_queries_and_workbook_ask_for_what_the_product_tells() -> None:
    told = 0
    for query in queries.everywhere():
        events = re.findall(r'"holdfast\.(\w+) "', query.text)
        facts = {fact for event in events for fact in EVENTS[event]}
        assert set(re.findall(r"\bf\.(\w+)", query.text)) <= facts, query.name
        told += len(events)
    assert told > 25


# --- form -------------------------------------------------------------------------------------------------------------


def spoiled(text: bytes) -> list[int]:
    """Lines that tree-sitter's grammar of Bicep can't read."""
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))
    found, rest = [], [parser.parse(text).root_node]
    while rest:
        node = rest.pop()
        found += [node.start_point[0] + 1] if node.is_error or node.is_missing else []
        rest += node.children
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_every_template_is_bicep_to_another_parser(file: Path) -> None:
    assert spoiled(file.read_bytes()) == []


@pytest.mark.parametrize("planted", ["var x = {\n  a: 1\n", "parm x string", "var x = [1, 2", "var x = 'open\n"])
def test_a_planted_slip_is_found(planted: str) -> None:
    assert spoiled(f"param a string\n{planted}\n".encode())


def test_one_version_of_each_kind_of_resource_and_no_preview() -> None:
    versions: dict[str, set[str]] = {}
    for each in ALL:
        if each.kind == "resource":
            versions.setdefault(each.type, set()).add(each.version)
    assert {type_: found for type_, found in versions.items() if len(found) > 1} == {}
    previews = {type_ for type_, [version] in versions.items() if "preview" in version}
    assert previews == {"Microsoft.Insights/diagnosticSettings"}, "which has no newer stable version"


def test_every_parameter_is_described() -> None:
    for file in FILES:
        lines = without_comments(file.read_text()).splitlines()
        for i, line in enumerate(lines):
            if line.startswith("param "):
                before = [above for above in lines[max(0, i - 4) : i] if above.startswith("@")]
                assert any(above.startswith("@description('") for above in before), f"{file.name}: {line}"


def test_azd_sets_only_parameters_that_exist() -> None:
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    there = {each.name for each in in_file("main.bicep") if each.kind == "param"}
    assert set(given) <= there
    required = {each.name for each in in_file("main.bicep") if each.kind == "param" and "=" not in each.head}
    assert required <= set(given)
    defaults = {name: re.search(r"=(.*)\}$", value["value"]) for name, value in given.items()}
    heads = {each.name: each.head.partition("=")[2].strip().strip("'") for each in in_file("main.bicep")}
    for name, found in defaults.items():
        assert found is None or found[1] == heads[name], f"{name}: what is set by nobody is as the template says"


def test_the_hook_passes_on_whatever_decides_the_rights() -> None:
    """A setting that decides what is kept of whom decides the roles, too: registration and apps are given the same."""
    hook = (ROOT / "scripts/azd_hook.sh").read_text()
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    deciding = {"kinds", "ownerTypes", "userKinds", "groupKinds", "siteKinds", "includeGroups", "excludeGroups"}
    names = {found[1] for name in deciding if (found := re.match(r"\$\{(\w+)", given[name]["value"]))}
    assert len(names) == len(deciding) and all(f"${{{name}:-" in hook for name in names)
