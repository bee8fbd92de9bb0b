"""Every setting of the app as data: docs, sample and reader are made from, or held against, this one list. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared import readings as to

# Names that begin like this are ours: one that is not in KNOBS is a mistake, most likely a misspelt one.
PREFIXES = (
    "M365_", "BACKUP_", "RESTORE_", "VAULT_", "CATALOG_", "FILES_", "LISTS_", "EVENTS_", "PAGE_", "PART_", "CHUNK_",
    "ITEM_", "LANE_", "EXPORT_", "GRAPH_", "SPO_", "API_", "HOLDFAST_", "CARE_", "RETENTION",
)  # fmt: skip
# ... but these belong to the command line of HashiCorp Vault, which many machines have.
FOREIGN = frozenset({
    "VAULT_ADDR", "VAULT_AGENT_ADDR", "VAULT_CACERT", "VAULT_CAPATH", "VAULT_CLIENT_CERT", "VAULT_CLIENT_KEY",
    "VAULT_FORMAT", "VAULT_NAMESPACE", "VAULT_SKIP_VERIFY", "VAULT_TLS_SERVER_NAME", "VAULT_TOKEN",
})  # fmt: skip

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting. `default` is text as it would stand in the environment; "" = not set. `read` turns text into a
    value or raises ValueError with what would be right. `sample` stands in the sample where there is no default."""

    name: str
    section: str
    meaning: str
    read: Callable[[str], Any] = to.text
    default: str = ""
    secret: bool = False
    required: bool = False
    sample: str = ""


def _identity(name: str, what: str, *, required: bool = False) -> tuple[Knob, ...]:
    section, start = "Microsoft 365: identities", f"M365_{name}_"
    return (
        Knob(
            f"{start}CLIENT_ID", section, f"Application (client) id of the app registration that {what}.",
            to.guid, required=required, sample="00000000-0000-0000-0000-000000000000" if required else "",
        ),
        Knob(f"{start}CLIENT_SECRET", section, "Its client secret. In Azure prefer the next ones.", secret=True),
        Knob(
            f"{start}CERTIFICATE_PATH", section,
            "File with its certificate and private key (PEM or PFX), instead of a secret.", to.path,
        ),
        Knob(
            f"{start}CERTIFICATE_URL", section,
            "Its certificate with private key in Key Vault (`https://VAULT.vault.azure.net/certificates/NAME`), which "
            "this app's identity may read as a secret.", to.certificate_url,
        ),
        Knob(f"{start}CERTIFICATE_PASSWORD", section, "Password of that file, if it has one.", secret=True),
        Knob(
            f"{start}FEDERATED", section,
            "No secret at all: `system` (the function app's own managed identity), the client id of a user-assigned "
            "managed identity, or `file:PATH` of a file that holds a federated token.", to.federated,
        ),
    )  # fmt: skip


def _size(name: str, meaning: str, default: int, low: int, high: int) -> Knob:
    return Knob(name, "Sizes and times", meaning, to.whole(low, high), str(default))


_CARE, _RESTORE = "Care", "What is given back"
_M365, _STORAGE, _POLICY, _API = "Microsoft 365", "Storage", "What is backed up", "HTTP API"
ROLES = ("all", "backup", "restore", "care")

KNOBS: tuple[Knob, ...] = (
    Knob(
        "M365_TENANT_ID", _M365, "Directory (tenant) id to back up.", to.guid, required=True,
        sample="00000000-0000-0000-0000-000000000000",
    ),
    Knob(
        "M365_LOGIN_BASE_URL", _M365,
        "Where tokens come from. US Government: `https://login.microsoftonline.us`; China: "
        "`https://login.chinacloudapi.cn`.", to.base_url, "https://login.microsoftonline.com",
    ),
    Knob(
        "M365_GRAPH_BASE_URL", _M365,
        "Microsoft Graph, without version. GCC High: `https://graph.microsoft.us`; DoD: "
        "`https://dod-graph.microsoft.us`; China: `https://microsoftgraph.chinacloudapi.cn`.",
        to.base_url, "https://graph.microsoft.com",
    ),
    Knob("M365_SCOPE", _M365, "Scope of the tokens; not set: `<M365_GRAPH_BASE_URL>/.default`.", to.scope),
    Knob("M365_CA_FILE", _M365, "PEM file with certificate authorities to trust instead of the system's.", to.path),
    Knob(
        "M365_EXTRA_HOSTS", _M365,
        "Hosts (`name` or `name:port`, comma separated) that may hand us or take bytes besides the cloud's own. "
        "For tests and private gateways.", to.hosts,
    ),
    Knob(
        "M365_SHAREPOINT_HOSTS", _M365,
        "The tenant's own SharePoint hosts (`contoso.sharepoint.com`; several of a multi-geo tenant, comma separated): "
        "opens SharePoint's own interface, which alone has the attachments of list items. It takes apps with a "
        "certificate or a federated identity, none with a secret. Not set: attachments are not kept.", to.own_hosts,
    ),
    *_identity("BACKUP", "reads (read-only roles)", required=True),
    Knob(
        "M365_NOTES_CLIENT_ID", "Microsoft 365: identities",
        "Client id of the public client in which a person signed in (`python -m scripts.sign_in_notes`): opens "
        "OneNote's own interface, which refuses apps. Not set: notebooks are kept as files only.", to.guid,
    ),
    Knob(
        "M365_NOTES_TOKEN_URL", "Microsoft 365: identities",
        "Where that sign-in lies in Key Vault (`https://VAULT.vault.azure.net/secrets/NAME`); this app's identity "
        "reads it and renews it.", to.secret_url,
    ),
    Knob(
        "M365_NOTES_OWNERS", "Microsoft 365: identities",
        "Whose notebooks that person sees: ids, user principal names or addresses of sites, comma separated; `*` and "
        "`?` work. Not set: everyone is asked, which is slow (OneNote takes 400 requests an hour).", to.names,
    ),
    *_identity("RESTORE", "writes into the same tenant; not set: no restores"),
    Knob(
        "M365_POSTING_CLIENT_ID", "Microsoft 365: identities",
        "Client id of the public client in which a person signed in to post (`python -m scripts.sign_in_posting`): "
        "restores may then post group conversations in that person's name, which mails each group's members. The app "
        "that takes orders and the one that restores both need it. Not set: conversations are kept and exported only.",
        to.guid,
    ),
    Knob(
        "M365_POSTING_TOKEN_URL", "Microsoft 365: identities",
        "Where that sign-in lies in Key Vault (`https://VAULT.vault.azure.net/secrets/NAME`); the identity of the app "
        "that restores reads it and renews it.", to.secret_url,
    ),
    Knob(
        "M365_WRITING_CLIENT_ID", "Microsoft 365: identities",
        "Client id of the public client in which a person signed in to write notes (`python -m "
        "scripts.sign_in_writing`): restores may then make pages of OneNote in that person's name. The app that takes "
        "orders and the one that restores both need it. Not set: pages are kept and exported only.",
        to.guid,
    ),
    Knob(
        "M365_WRITING_TOKEN_URL", "Microsoft 365: identities",
        "Where that sign-in lies in Key Vault (`https://VAULT.vault.azure.net/secrets/NAME`); the identity of the app "
        "that restores reads it and renews it.", to.secret_url,
    ),
    Knob(
        "M365_TARGET_TENANT_ID", "Microsoft 365: identities",
        "Directory id of a second tenant that may be restored into.", to.guid,
    ),
    *_identity("TARGET", "writes into that second tenant"),
    Knob(
        "VAULT_STORAGE", _STORAGE,
        "Storage account of the vault: its name or https URL (by identity), or a connection string.",
        to.storage, secret=True, required=True, sample="UseDevelopmentStorage=true",
    ),
    Knob("VAULT_CONTAINER", _STORAGE, "Blob container of the vault.", to.container, "vault"),
    Knob("EXPORT_CONTAINER", _STORAGE, "Blob container of the same account that exports are written to.", to.container,
         "exports"),
    Knob(
        "VAULT_IDENTITY_CLIENT_ID", _STORAGE,
        "Client id of the user-assigned managed identity for vault and catalog; not set: the default identity.",
        to.guid,
    ),
    Knob(
        "VAULT_RESOURCE_ID", _STORAGE,
        "Resource id of the vault's account (`/subscriptions/.../storageAccounts/NAME`): the checkup asks Azure "
        "Resource Manager how it is protected, if this app's identity may read that.", to.resource_id,
    ),
    Knob(
        "VAULT_COPY_STORAGE", _STORAGE,
        "A second copy of the vault (same form as VAULT_STORAGE): read where the first one misses something, and used "
        "to mend it.", to.storage, secret=True,
    ),
    Knob("VAULT_COPY_CONTAINER", _STORAGE, "Its container.", to.container, "vault"),
    Knob(
        "CATALOG_STORAGE", _STORAGE, "Storage account of the catalog's tables; not set: that of the vault.",
        to.storage, secret=True,
    ),
    Knob(
        "AzureWebJobsStorage", _STORAGE,
        "Storage account of the Functions host and of our queues: a connection string; by identity set the names "
        "below instead.", to.storage, secret=True, sample="UseDevelopmentStorage=true",
    ),
    Knob("AzureWebJobsStorage__accountName", _STORAGE, "Account name, for the public cloud, by identity.", to.account),
    Knob("AzureWebJobsStorage__queueServiceUri", _STORAGE, "Queue endpoint, by identity.", to.base_url),
    Knob("AzureWebJobsStorage__blobServiceUri", _STORAGE, "Blob endpoint, by identity (for the host).", to.base_url),
    Knob("AzureWebJobsStorage__tableServiceUri", _STORAGE, "Table endpoint, by identity (for the host).", to.base_url),
    Knob(
        "AzureWebJobsStorage__credential", _STORAGE, "`managedidentity` for a user-assigned identity.",
        to.one_of("managedidentity"),
    ),
    Knob("AzureWebJobsStorage__clientId", _STORAGE, "Client id of that identity.", to.guid),
    Knob(
        "BACKUP_SCHEDULE", _POLICY,
        "When owners are looked at: NCRONTAB (second minute hour day month weekday), UTC. The Functions host reads it "
        "too, so it must be set.", to.ncrontab, required=True, sample="0 0 */6 * * *",
    ),
    Knob(
        "BACKUP_OWNER_TYPES", _POLICY, "Types of owners: `user`, `group`, `site`; comma separated.",
        to.words("user", "group", "site"), "user,group,site",
    ),
    Knob("BACKUP_KINDS", _POLICY, "Kinds, comma separated (`mail,contacts,files`); not set: all.", to.names),
    Knob("BACKUP_USER_KINDS", _POLICY, "Kinds of users, if not all of BACKUP_KINDS that users have.", to.names),
    Knob("BACKUP_GROUP_KINDS", _POLICY, "The same for groups.", to.names),
    Knob("BACKUP_SITE_KINDS", _POLICY, "The same for sites.", to.names),
    Knob(
        "BACKUP_INCLUDE", _POLICY,
        "Only these owners: ids or user principal names, comma separated; `*` and `?` work. Not set: everyone.",
        to.names,
    ),
    Knob("BACKUP_EXCLUDE", _POLICY, "Never these owners; same form, wins over BACKUP_INCLUDE.", to.names),
    Knob(
        "BACKUP_INCLUDE_GROUPS", _POLICY,
        "Only these groups, by object id, comma separated: the people and groups in them (nested ones too), the groups "
        "themselves and their sites. With BACKUP_INCLUDE: whoever one of both names.", to.groups,
    ),
    Knob("BACKUP_EXCLUDE_GROUPS", _POLICY, "Never these; same form, wins over whatever includes.", to.groups),
    Knob(
        "BACKUP_FILTER", _POLICY,
        "Only owners of whom the directory tells this: `FACT=PATTERN; FACT!=PATTERN`, all of them; `*` and `?` work. "
        "Facts: `userType`, `accountEnabled` (users), `team`, `visibility` (groups), `archived`, `webUrl` (sites), "
        "`displayName`, `mail`. An owner without such a fact is not concerned: `userType=Member; archived!=*`.",
        to.conditions,
    ),
    Knob(
        "FILES_VERSIONS", _POLICY,
        "Versions of a file that are taken when it is first seen or has changed: `current`, `all`, or how many older "
        "ones besides the current.",
        to.versions, "current",
    ),
    Knob(
        "LISTS_VERSIONS", _POLICY,
        "Versions of a list item that are taken when it is first seen or has changed: `current`, `all`, or how many "
        "older ones besides the current.",
        to.versions, "current",
    ),
    Knob(
        "EVENTS_PEOPLE", _POLICY,
        "Where a restored meeting tells who was invited and where it met, as nobody is invited again: `body` (at "
        "the end of its text), `attachment` (a text file), or `none` (only the kept record has it).",
        to.one_of("body", "attachment", "none"), "body",
    ),
    Knob(
        "BACKUP_LOSSLESS", _POLICY,
        "`on`: mail, contacts, events and tasks are kept twice, also as Exchange's own streams beside JSON and MIME, "
        "and given back from them where that can be done; sticky notes and journals are kept at all. Microsoft says "
        "of the interface that it is not made for backup and restore; it is in the global cloud only.",
        to.one_of("off", "on"), "off",
    ),
    Knob(
        "BACKUP_OBJECTIVE_H", _POLICY,
        "Hours within which every mailbox and drive should have been backed up again; what is older is told as late.",
        to.whole(1, 8760), "24",
    ),
    Knob(
        "BACKUP_CENSUS_H", _POLICY,
        "Hours between two counts of what Microsoft 365 says exists, for the coverage report. A little less than a "
        "day, so that a daily run counts each time.", to.whole(1, 8760), "20",
    ),
    Knob(
        "RESTORE_PEOPLE_RULES", _RESTORE,
        "How people of another tenant are found where things are given back, in order: `upn` (the same user principal "
        "name), `mail` (the same address), `none` (only whom a map names).",
        to.words("upn", "mail", "none"), "upn,mail",
    ),
    Knob(
        "RESTORE_PEOPLE_FILE", _RESTORE,
        "File that says who stands for whom, a line each: `ann@old.example,anna@new.example`, or a whole domain: "
        "`@old.example,@new.example`. An order's own map goes before it.", to.path,
    ),
    Knob(
        "CARE_SCHEDULE", _CARE,
        "When the vault is looked after (verification, retention): NCRONTAB, UTC, once a day. The Functions host reads "
        "it too, so it must be set.", to.ncrontab, required=True, sample="0 0 2 * * *",
    ),
    Knob(
        "RETENTION", _CARE,
        "What is kept of versions that are no longer current: of the last `all` days everything, before that the "
        "states at the ends of so many days, weeks, months and years. Such as "
        "`all:30,daily:30,weekly:12,monthly:24,yearly:7`. Not set: everything, for ever.", to.rule,
    ),
    Knob("RETENTION_KINDS", _CARE, "Other rules for some kinds: `mail=RULE; files=RULE`.", to.rules),
    Knob(
        "RETENTION_OWNERS", _CARE,
        "Other rules for some owners, by id or user principal name; `*` and `?` work: `ann@contoso.example=RULE`. The "
        "first that fits counts, before those of kinds.", to.rules,
    ),
    Knob(
        "RETENTION_MIN_DAYS", _CARE, "Nothing younger is ever forgotten, whatever a rule says.",
        to.whole(1, 36_500), "30",
    ),
    Knob(
        "RETENTION_GRACE_DAYS", _CARE, "Days between forgetting versions and removing their bytes from the vault.",
        to.whole(1, 365), "14",
    ),
    Knob(
        "RETENTION_CLOCK_S", _CARE, "Nothing is forgotten while our clock differs from the storage's by more seconds.",
        to.whole(30, 3600), "300",
    ),
    Knob(
        "RETENTION_MASS_PERCENT", _CARE,
        "When so many percent of an owner's items of a kind were rewritten or deleted within a day, nothing of that "
        "owner is forgotten until somebody lifts the hold.", to.whole(1, 100), "40",
    ),
    Knob(
        "RETENTION_APPROVAL_DAYS", _CARE,
        "Days within which a second person has to approve of a policy that keeps less, or of lifting a hold. 0: nobody "
        "has to.", to.whole(0, 90), "7",
    ),
    Knob(
        "RETENTION_DELAY_DAYS", _CARE, "Days before a policy that keeps less counts, approved or from the settings.",
        to.whole(0, 90), "7",
    ),
    Knob(
        "RETENTION_IDENTITY_CLIENT_ID", _CARE,
        "Client id of the managed identity that may delete from the vault. Not set, with an account reached by "
        "identity: nothing is ever deleted.", to.guid,
    ),
    Knob(
        "HOLDFAST_DRILL_OWNERS", _CARE,
        "The scratch place of restore drills: an owner for each type (`user-ID`, `group-ID`, `site-ID`, by object id; "
        "separated by `;`) who holds nothing of worth and whom nobody else reads. Not set: no drills.", to.owners,
    ),
    Knob("HOLDFAST_DRILL_FOLDER", _CARE, "What the names of their folders begin with.", to.text, "Holdfast drill"),
    Knob("HOLDFAST_DRILL_DAYS", _CARE, "Days from one drill to the next.", to.whole(1, 365), "7"),
    Knob("HOLDFAST_DRILL_ITEMS", _CARE, "Items of each kind that a drill gives back.", to.whole(1, 50), "5"),
    Knob(
        "HOLDFAST_SEARCH_TEXT", _CARE,
        "`on`: the search also knows the words inside mails, their attachments and documents (text, HTML, Office and "
        "OpenDocument files up to 8 MiB; no PDF). They then lie a second time in the vault, below `search/`.",
        to.one_of("off", "on"), "off",
    ),
    Knob(
        "HOLDFAST_THAW", _CARE,
        "How archived bytes come back that a restore or an export reads: `standard` (up to 15 hours) or `high` (about "
        "an hour for up to 10 GB an hour, and many times the price) asks for them by itself; `off`: a person does it.",
        to.one_of("off", "standard", "high"), "standard",
    ),
    Knob(
        "HOLDFAST_PRICES", _CARE,
        "Unit prices for the cost report: a JSON object (`{\"currency\": \"EUR\", \"writes_10k\": 0.06}`, any members "
        "of the table in section 5), or the path of a file that holds one. Not set: examples.", to.path,
    ),
    _size("PAGE_BYTES", "A page is committed when its captures exceed this many bytes.", 16 * MIB, MIB, 64 * MIB),
    _size("PAGE_ITEMS", "... or this many items.", 500, 1, 5000),
    _size("PART_BYTES", "Parts above this size become chunks of their own.", 4 * MIB, 64 * 1024, 32 * MIB),
    _size("CHUNK_BYTES", "Size of such a chunk: at most this is read again after a broken download.", 8 * MIB,
          MIB, 64 * MIB),
    _size("ITEM_TICKET_BYTES", "A bigger item is taken by a ticket of its own.", 64 * MIB, MIB, 1 << 40),
    _size("LANE_BUDGET_S", "Seconds after which a lane hands itself on with a fresh ticket.", 600, 1, 1500),
    _size("GRAPH_PATIENCE_S", "A Retry-After up to this many seconds is waited out; a longer one puts the ticket back.",
          30, 0, 600),
    _size("EXPORT_VOLUME_BYTES", "An export is cut into ZIPs of about this size; a bigger file gets one of its own.",
          1024 * MIB, MIB, 16 * 1024 * MIB),
    _size("SPO_LICENCES", "SharePoint licences of the tenant: sizes the resource-unit budget for drives.",
          1000, 1, 10_000_000),
    Knob(
        "HOLDFAST_ROLE", "Deployment",
        "Which doors this app has: `backup` (schedule, backups, HTTP API), `restore` (restores are carried out here, "
        "under an identity of their own), `care` (verification and retention), or `all` on one machine. An app may not "
        "hold the others' credentials.",
        to.one_of(*ROLES), "all",
    ),
    Knob(
        "HOLDFAST_OTEL", "Deployment",
        "`on`: runs, tickets and calls are also told as OpenTelemetry metrics and traces, to the Application Insights "
        "component of `APPLICATIONINSIGHTS_CONNECTION_STRING`. The lines that alerts go by are written in any case.",
        to.one_of("on", "off"), "off",
    ),
    Knob(
        "HOLDFAST_TENANTS", "Deployment",
        "Further tenants: a JSON list, an object of settings for each (its M365_TENANT_ID, its credentials, what it "
        "backs up and how long it keeps). What an entry does not say is as for the first tenant, but never "
        "credentials, people or places.", to.tenants, secret=True,
    ),
    Knob(
        "API_AUTH", _API,
        "`entra`, or `off`: anyone on this machine is admitted to everything. `off` is refused in Azure and for "
        "requests that do not come to a loopback address.", to.one_of("entra", "off"), "entra",
    ),
    Knob(
        "API_AUDIENCE", _API,
        "Audiences that tokens must be made for, comma separated: the API's application id and `api://...` URI. "
        "Must be set unless API_AUTH is `off`.", to.names, sample="api://holdfast",
    ),
    Knob(
        "API_DEPARTMENTS", _API,
        "Limits who may see and restore whom: `VALUE=GROUP; VALUE=GROUP`. VALUE is an app role or the id of a group "
        "that the caller's token names, GROUP the id of the group whose members (nested ones too) that reaches, or `*` "
        "for everyone. Once set, callers reach nobody else; `Holdfast.Admin` reaches everyone.", to.departments,
    ),
    Knob(
        "API_SELF_SERVICE", _API,
        "`on`: a signed-in person who holds none of our roles may see and restore what is their own.",
        to.one_of("on", "off"), "off",
    ),
    Knob(
        "API_RATE_PER_MIN", _API, "Calls that one caller may make in a minute, of each instance; 0: no limit.",
        to.whole(0, 1_000_000), "600",
    ),
    Knob(
        "RESTORE_MODE", _API,
        "What a restore does about items that exist, if its order does not say: `skip` leaves them alone, `create` "
        "puts a second one beside them, `replace` takes their place.", to.one_of("skip", "create", "replace"), "skip",
    ),
    Knob(
        "RESTORE_FOUR_EYES", _API,
        "`on`: a restore waits until a second person with `Holdfast.Restore` approves it (previews do not).",
        to.one_of("on", "off"), "off",
    ),
    Knob(
        "API_ISSUERS", _API, "Issuers to accept, comma separated; not set: the tenant's, in their v1 and v2 form.",
        to.names,
    ),
    Knob(
        "API_JWKS_URL", _API, "Where the signing keys are; not set: the tenant's at M365_LOGIN_BASE_URL.", to.https_url,
    ),
)  # fmt: skip

BY_NAME = {knob.name: knob for knob in KNOBS}
