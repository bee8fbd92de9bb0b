"""From what was measured to what is wrong, each with its remedy. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from shared.checkup.nouns import Account, App, Credential, Finding, Setup, SignIn
from shared.graph.hosts import CLOUDS

SOON = timedelta(days=30)
SKEW_WARNING_S, SKEW_ERROR_S = 60.0, 300.0  # Entra takes five minutes; retention refuses by RETENTION_CLOCK_S
SHORTEST_SOFT_DELETE = 7
BACKLOG = 20_000
SIGN_IN = "python -m scripts.sign_in_notes --tenant ID --client-id ID --secret-url URL"
REGISTER = "python -m scripts.register_apps --env NAME --tenant ID"
# A role whose name does not say that it only reads counts as one that writes (Graph docs: permissions reference).
_READS = re.compile(r"[\w-]+\.(Read|ReadBasic|ReadForChat|ReadForTeam|Export|Selected)(\.\w+)?")
STORAGE_OF = {"core.windows.net": ("public",), "core.usgovcloudapi.net": ("usgov", "usgov-dod"),
              "core.chinacloudapi.cn": ("china",)}  # fmt: skip


def reads_only(role: str) -> bool:
    return _READS.fullmatch(role) is not None


# --- Microsoft 365 ----------------------------------------------------------------------------------------------------


def cloud(setup: Setup) -> Iterator[Finding]:
    """Login, Graph, scope and storage have to be of one cloud. Hosts that are nobody's (a gateway, a test) pass."""
    logins = {name for name, cloud in CLOUDS.items() if cloud.login == setup.login_url.lower().rstrip("/")}
    graphs = {name for name, cloud in CLOUDS.items() if cloud.graph == setup.graph_url.lower().rstrip("/")}
    if logins and graphs and not logins & graphs:
        text = f"tokens come from {setup.login_url}, but Graph is {setup.graph_url}: these are two clouds"
        yield _error("cloud", "M365_LOGIN_BASE_URL", text, "set both to the cloud that the tenant is in (docs, 3)")
    elif bool(logins) != bool(graphs):
        text = f"one of {setup.login_url} and {setup.graph_url} is Microsoft's and the other is not"
        yield _warning("cloud", "M365_GRAPH_BASE_URL", text, "check both, unless a gateway of yours stands in between")
    if graphs and not setup.scope.lower().startswith(setup.graph_url.lower().rstrip("/") + "/"):
        text = f"the scope {setup.scope} is not that of {setup.graph_url}"
        yield _error("cloud", "M365_SCOPE", text, "unset M365_SCOPE: it then follows from M365_GRAPH_BASE_URL")
    wanted = STORAGE_OF.get(setup.vault_suffix, ())
    if graphs and wanted and not graphs & set(wanted):
        text = f"the vault lies in {setup.vault_suffix}, another cloud than the tenant's"
        yield _warning("cloud", "VAULT_STORAGE", text, "keep the data in the cloud that it comes from, if it has to be")


def roles(setup: Setup, signed: Iterable[SignIn]) -> Iterator[Finding]:
    for each in signed:
        if each.trouble:
            yield _error("sign-in", each.app, each.trouble, "do what the text says, then look again")
            continue
        needed = setup.needed.get(each.app, frozenset())
        yield from _missing(setup, each, needed - each.roles)
        yield from _extra(each, each.roles - needed)


def onenote(setup: Setup, signed: SignIn | None) -> Iterator[Finding]:
    """Which way OneNote is kept, and whether it is open."""
    if signed is None:
        return
    if signed.trouble:
        yield _error("onenote", "notes", signed.trouble, f"sign in again: {SIGN_IN}")
    for scope in sorted(setup.needed.get("notes", frozenset()) - signed.roles):
        yield _error("onenote", scope, f"{signed.account or 'who signed in'} did not consent to {scope}", SIGN_IN)
    for scope in sorted(scope for scope in signed.roles if "." in scope and not reads_only(scope)):
        text = f"the sign-in to OneNote may write: it has {scope}, and only ever needs to read"
        yield _error("wide-role", scope, text, "take the consent away from the app, then sign in again")


def signed_writes(name: App, setup: Setup, signed: SignIn | None) -> Iterator[Finding]:
    """Whether restores can post group conversations, or write notes, where somebody signed in for that and nothing
    else."""
    if signed is None:
        return
    remedy = SIGN_IN.replace("sign_in_notes", f"sign_in_{name}")
    if signed.trouble:
        yield _error(name, name, signed.trouble, f"sign in again: {remedy}")
        return
    needed, granted = setup.needed.get(name, frozenset()), {one for one in signed.roles if "." in one}
    for scope in sorted(needed - granted):
        yield _error(name, scope, f"{signed.account or 'who signed in'} did not consent to {scope}", remedy)
    for scope in sorted(granted - needed):
        text = f"the sign-in for {name} may more than that: it has {scope}"
        yield _warning("wide-role", scope, text, "take the consent away from the app, then sign in again")


def route(setup: Setup, signed: SignIn | None) -> str:
    """The same in a sentence for people."""
    if signed is None:
        return "notebooks are kept as files through the drive; nobody signed in, so sections and pages are not read"
    return f"notebooks are kept as files through the drive, and as sections and pages in the name of {signed.account}"


def _missing(setup: Setup, signed: SignIn, missing: frozenset[str]) -> Iterator[Finding]:
    for role in sorted(missing):
        text = f"the {signed.app} app's token has no {role}"
        if role in setup.by_exchange:
            remedy = f"grant it: {REGISTER}; nothing is to be done where Exchange grants it for some mailboxes instead"
            yield _warning("missing-role", role, text, remedy)
        else:
            yield _error("missing-role", role, text, f"grant it: {REGISTER}; new grants take some minutes")


def _extra(signed: SignIn, extra: frozenset[str]) -> Iterator[Finding]:
    for role in sorted(extra):
        remedy = f"take it away: {REGISTER}"
        if signed.app == "backup" and not reads_only(role):
            text = f"the backup app may write: it holds {role}, and only ever needs to read"
            yield _error("wide-role", role, text, remedy)
        else:
            text = f"the {signed.app} app holds {role}, which no enabled kind needs"
            yield _warning("wide-role", role, text, remedy)


def separation(setup: Setup) -> Iterator[Finding]:
    """Who reads, who writes and who deletes are to be three."""
    backup, restore = setup.apps.get("backup"), setup.apps.get("restore")
    remedy = f"register a second app: {REGISTER} (docs/deploy.md, why three apps)"
    if backup and restore and backup.client_id == restore.client_id:
        yield _error("separation", "restore", "backup and restore sign in as one and the same app", remedy)
    elif backup and restore and backup.source and backup.source == restore.source:
        yield _warning("separation", "restore", "backup and restore are proved by the same managed identity", remedy)
    if setup.in_cloud and setup.role == "all":
        text = "HOLDFAST_ROLE is `all`: one process holds the credentials of backup, restore and retention"
        yield _warning("separation", "HOLDFAST_ROLE", text, "deploy three apps, each with a role of its own")
    reader, deleter = setup.vault_identity, setup.retention_identity
    if setup.role != "care" and deleter and reader == deleter:
        text = "the identity that writes the vault is the one that may delete from it"
        yield _error("separation", "RETENTION_IDENTITY_CLIENT_ID", text, "name another managed identity for retention")


def credentials(found: Iterable[Credential], now: datetime) -> Iterator[Finding]:
    for each in found:
        remedy = "make a new one and register it (docs/deploy.md, Without federation)"
        if each.trouble:
            yield _error("credential", each.app, f"the {each.app} app's {each.what}: {each.trouble}", remedy)
        elif each.ends and each.ends <= now:
            text = f"the {each.app} app's {each.what} ended on {each.ends:%Y-%m-%d}"
            yield _error("credential", each.app, text, remedy)
        elif each.ends and each.ends - now < SOON:
            text = f"the {each.app} app's {each.what} ends on {each.ends:%Y-%m-%d}"
            yield _warning("credential", each.app, text, remedy)


# --- the vault --------------------------------------------------------------------------------------------------------


def account(found: Account) -> Iterator[Finding]:
    if found.shared_key:
        text = "the vault's account takes its keys: whoever has one may overwrite and delete everything, unseen"
        remedy = "az storage account update --allow-shared-key-access false, and name the account in VAULT_STORAGE"
        yield _error("shared-key", "vault", text, remedy)
    if found.versioning is False:
        text = "blobs have no versions: what is overwritten or deleted there is gone"
        remedy = "az storage account blob-service-properties update --enable-versioning true"
        yield _error("versioning", "vault", text, remedy)
    if found.soft_delete_days is not None and found.soft_delete_days < SHORTEST_SOFT_DELETE:
        days = found.soft_delete_days
        text = f"deleted blobs can be brought back for {days} days only" if days else "deleted blobs can't be had back"
        remedy = "az storage account blob-service-properties update --enable-delete-retention true "
        remedy += "--delete-retention-days 30"
        yield _error("soft-delete", "vault", text, remedy)
    if found.public:
        text = "the vault's account allows containers that anybody may read"
        remedy = "az storage account update --allow-blob-public-access false"
        yield _error("public-access", "vault", text, remedy)
    if found.policy is False:
        text = "the vault's container has no immutability: whoever has the right may delete versions"
        yield _warning(
            "immutability", "vault", text, "deploy with immutability `unlocked` or `locked` (docs/deploy.md)"
        )


def clock(ours: datetime, theirs: datetime) -> Iterator[Finding]:
    skew = abs((ours - theirs).total_seconds())
    text = f"our clock and the storage's differ by {skew:.0f} seconds"
    remedy = "set this machine's clock by NTP: tokens, holds and forgetting go by it"
    if skew > SKEW_ERROR_S:
        yield _error("clock", "clock", text, remedy)
    elif skew > SKEW_WARNING_S:
        yield _warning("clock", "clock", text, remedy)


def queues(waiting: Mapping[str, int]) -> Iterator[Finding]:
    for queue, count in sorted(waiting.items()):
        if queue.endswith("-poison") and count:
            text = f"{count} tickets failed five times, and nobody turned them into records"
            remedy = "look whether the app that serves this queue runs, and at its log; then GET /api/lost"
            yield _error("queues", queue, text, remedy)
        elif count > BACKLOG:
            text = f"{count} tickets wait"
            remedy = "look at throttling first (docs/alerts.md, backlog), then at the app's instances"
            yield _warning("queues", queue, text, remedy)


# --- settings ---------------------------------------------------------------------------------------------------------


def settings(setup: Setup) -> Iterator[Finding]:
    """What is legal, each for itself, and makes no sense together."""
    for kind, owner_types in sorted(setup.kinds.items()):
        if setup.owner_types and not owner_types & set(setup.owner_types):
            text = f"{kind} is of {' and '.join(sorted(owner_types))}, which BACKUP_OWNER_TYPES leaves out"
            yield _warning("settings", "BACKUP_KINDS", text, "add the owner type, or leave the kind out")
    kept = {owner_type for types in setup.kinds.values() for owner_type in types}
    for owner_type in setup.owner_types:
        if owner_type not in kept:
            text = f"{owner_type}: no enabled kind keeps anything of such owners"
            yield _warning("settings", "BACKUP_OWNER_TYPES", text, "add a kind of theirs, or leave the type out")
    if setup.role == "all" and setup.forgets and setup.vault_account and not setup.retention_identity:
        text = "RETENTION is set, but no identity may delete: nothing is ever forgotten"
        yield _warning("settings", "RETENTION_IDENTITY_CLIENT_ID", text, "name the identity that may delete")
    if setup.role in ("all", "restore") and "restore" not in setup.apps:
        text = "no app registration writes: restores are refused"
        yield _warning("settings", "M365_RESTORE_CLIENT_ID", text, f"register one: {REGISTER}")
    copied = (setup.copy_account, setup.copy_container)
    if setup.copy_account and copied == (setup.vault_account, setup.vault_container):
        text = "the second copy is the vault itself"
        yield _error("settings", "VAULT_COPY_STORAGE", text, "name another account, in another region at best")
    if setup.api_open:
        text = "the HTTP API admits everybody on this machine"
        yield _warning("settings", "API_AUTH", text, "set API_AUTH to `entra`")


def _error(check: str, subject: str, text: str, remedy: str) -> Finding:
    return Finding(check, "error", subject, text, remedy)


def _warning(check: str, subject: str, text: str, remedy: str) -> Finding:
    return Finding(check, "warning", subject, text, remedy)
