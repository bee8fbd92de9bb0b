"""Registers the apps that Holdfast signs in as, and grants exactly what the enabled kinds need.

    python -m scripts.register_apps --env prod --tenant ID --dry-run   what would be done
    python -m scripts.register_apps --env prod --tenant ID             says it, asks, does it; again: repairs drift
    python -m scripts.register_apps --env prod --tenant ID --check     ends with 1 when anything differs

Signs in as you, through `az login`. `azd up` calls it before and after the deployment (scripts/azd_hook.sh).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import random
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from scripts.directory import Directory
from scripts.registration import API_ROLES, Found, Part, Wanted, differences, role_id, wanted, warnings
from shared.errors import Misconfigured, NotPermitted, Verdict
from shared.graph.hosts import CLOUDS
from shared.model import OwnerType
from shared.permissions import EVERYONE, Narrowed, reads, scoped_by_exchange, writes
from shared.ports import Clock

Say = Callable[[str], None]
MOST_SECRET_DAYS = 730


class AzTokens:
    """Tokens of whoever is signed in to the Azure CLI."""

    def __init__(self, resource: str, tenant: str) -> None:
        self._command = ["az", "account", "get-access-token", "--resource", resource, "--tenant", tenant]
        self._command += ["--query", "accessToken", "-o", "tsv"]
        self._token = ""

    async def token(self, stale: str = "") -> str:
        if not self._token or self._token == stale:
            self._token = await asyncio.to_thread(self._ask)
        return self._token

    def _ask(self) -> str:
        done = _tool(*self._command)
        if done.returncode:
            raise NotPermitted("the Azure CLI gives no token: run az login --tenant YOUR-TENANT")
        return done.stdout.strip()


def _tool(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the person's machine; by its whole path, as Windows asks for `az.cmd`."""
    path = shutil.which(name)
    if path is None:
        raise Misconfigured(f"the command {name} is not on this machine: install it (docs/deploy.md, What you need)")
    return subprocess.run([path, *words], capture_output=True, text=True, check=False)


@dataclass(frozen=True, slots=True)
class Work:
    """One round over all registrations."""

    directory: Directory
    say: Say
    now: datetime

    async def look(self, wants: Sequence[Wanted]) -> tuple[int, int]:
        """Say what differs and what a person should look at; how much of each."""
        changes = cautions = 0
        for want in wants:
            there = await self.directory.find(want)
            self.say(f"{want.name}: {f'client id {there.client_id}' if there else 'not registered'}")
            for change in (todo := differences(there, want)):
                self.say(f"  will {change.text}")
            for caution in (said := warnings(there, want, self.now) if there else []):
                self.say(f"  NOTE: {caution}")
            if not todo:
                self.say("  as it should be")
            changes, cautions = changes + len(todo), cautions + len(said)
        return changes, cautions

    async def repair(self, wants: Sequence[Wanted]) -> dict[Part, Found]:
        """Do what differs, then look again: what is still different is an error."""
        made: dict[Part, Found] = {}
        for want in wants:
            there = await self.directory.find(want)
            for change in differences(there, want):
                there = await self.directory.apply(change, want, there)
                self.say(f"{want.name}: done: {change.text}")
            assert there is not None
            made[want.part] = there
        return made


async def run(args: argparse.Namespace, directory: Directory, clock: Clock, say: Say, ask: Callable[[str], str]) -> int:
    """The whole command; the exit status."""
    wants = wanted(
        args.env, kinds=args.kinds, owner_types=args.owner_types, narrowed=_narrowed(args), parts=args.only,
        identities=_identities(args), issuer=f"{args.login_url}/{args.tenant}/v2.0", audience=args.audience,
        exchange=args.exchange_rbac, members=args.members, departments=args.departments, everybody=args.self_service,
        lossless=args.lossless,
    )  # fmt: skip
    work = Work(directory, say, clock.now())
    changes, cautions = await work.look(wants)
    if args.check or args.dry_run:
        say(f"{changes} changes, {cautions} notes" + (": nothing was done" if changes else ""))
        return 1 if args.check and changes + cautions else 0
    if changes and not args.yes and not _agreed(ask, say):
        say("nothing was done")
        return 1
    made = await work.repair(wants)
    await _extras(args, directory, clock, made, say)
    for part, found in made.items():
        say(f"HOLDFAST_{part.upper()}_CLIENT_ID={found.client_id}")
        if args.azd:
            await asyncio.to_thread(_azd, f"HOLDFAST_{part.upper()}_CLIENT_ID", found.client_id)
    if args.exchange_rbac:
        say(exchange_commands(made, args.kinds, args.owner_types, _narrowed(args)))
    return 0


def _agreed(ask: Callable[[str], str], say: Say) -> bool:
    try:
        return ask("Do this? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        say("nobody is there to ask: look at this with --dry-run, then run it with --yes (azd: HOLDFAST_YES yes)")
        return False


def _azd(name: str, value: str) -> None:
    done = _tool("azd", "env", "set", name, value)
    if done.returncode:
        raise Misconfigured(f"azd env set {name} {value} failed: {done.stderr.strip()}; set it by hand, then go on")


async def _extras(
    args: argparse.Namespace, directory: Directory, clock: Clock, made: dict[Part, Found], say: Say
) -> None:
    """Proofs other than federation, and people's roles: only when asked for."""
    for text in args.assign:
        who, _, role = text.partition("=")
        known = [*API_ROLES, *(f"Holdfast.Department.{name}" for name in args.departments)]
        if role not in known or "api" not in made:
            raise Misconfigured(f"--assign {text}: give OBJECT_ID=ROLE, the role one of {', '.join(known)}")
        new = await directory.assign(made["api"], who, role_id(role))
        say(f"{who}: {'now has' if new else 'has'} {role}")
    for text in args.certificate:
        part, _, path = text.partition("=")
        certificate = x509.load_pem_x509_certificate(await asyncio.to_thread(Path(path).read_bytes))
        der = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
        await directory.add_certificate(made[_part(part)], "holdfast", der)
        say(f"{part}: accepts the certificate until {certificate.not_valid_after_utc:%Y-%m-%d}")
    for part in args.secret:
        ends = clock.now() + timedelta(days=min(args.secret_days, MOST_SECRET_DAYS))
        text = await directory.add_secret(made[_part(part)], "holdfast", ends)
        await args.store(args.key_vault, f"holdfast-{part}", text, ends)
        say(f"{part}: a client secret until {ends:%Y-%m-%d} lies in the key vault as holdfast-{part}")


async def store_secret(vault: str, name: str, text: str, ends: datetime) -> None:
    """Into Key Vault, by its own client: a command line would show the secret to others on the machine."""
    from azure.identity.aio import AzureCliCredential
    from azure.keyvault.secrets.aio import SecretClient

    if not vault:
        raise Misconfigured("--secret needs --key-vault: the secret is shown to nobody and stored there")
    async with AzureCliCredential() as credential, SecretClient(vault, credential) as client:
        await client.set_secret(name, text, expires_on=ends, content_type="client secret")


def exchange_commands(
    made: dict[Part, Found], kinds: Sequence[str], owner_types: Sequence[OwnerType], narrowed: Narrowed
) -> str:
    """What an Exchange administrator runs in place of Entra's grants (Exchange docs: RBAC for Applications)."""
    needed: dict[Part, tuple[str, ...]] = {
        "backup": reads(kinds, owner_types, narrowed), "restore": writes(kinds, owner_types, narrowed),
    }  # fmt: skip
    lines = ["# Exchange Online PowerShell; choose the filter that names your mailboxes", "$scope = 'Holdfast'"]
    lines += ["New-ManagementScope -Name $scope -RecipientRestrictionFilter \"CustomAttribute1 -eq 'Backup'\""]
    for part, found in made.items():
        roles = [role for role in needed.get(part, ()) if scoped_by_exchange(role)]
        if not roles:
            continue
        ids = f"-AppId {found.client_id} -ObjectId {found.principal_id}"
        lines += [f"New-ServicePrincipal {ids} -DisplayName 'Holdfast {part}'"]
        lines += [
            f"New-ManagementRoleAssignment -App {found.principal_id} -Role 'Application {role}' "
            "-CustomResourceScope $scope"
            for role in roles
        ]
        lines += [f"Test-ServicePrincipalAuthorization -Identity {found.principal_id} -Resource SOMEONE@YOUR.DOMAIN"]
    return "\n".join(lines)


def _identities(args: argparse.Namespace) -> dict[Part, str]:
    return {"backup": args.backup_identity, "restore": args.restore_identity}


def _narrowed(args: argparse.Namespace) -> Narrowed:
    return {"user": args.user_kinds, "group": args.group_kinds, "site": args.site_kinds}


def _part(text: str) -> Part:
    if text not in ("backup", "restore"):
        raise Misconfigured(f"{text!r}: backup or restore signs in, nothing else")
    return "backup" if text == "backup" else "restore"


def parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    p = argparse.ArgumentParser(prog="register_apps", description=__doc__, formatter_class=form)
    p.add_argument("--env", required=True, help="name of the installation, as in azd")
    p.add_argument("--tenant", required=True, type=_tenant, help="directory (tenant) id")
    p.add_argument("--kinds", type=_words, default=[], help="kinds, comma separated; not given: all")
    p.add_argument("--owner-types", type=_owner_types, default=EVERYONE, help="of user,group,site; not given: all")
    for each in EVERYONE:
        p.add_argument(f"--{each}-kinds", type=_words, default=[], help=f"of those, only these of a {each}")
    p.add_argument("--only", type=_words, default=list(get_args(Part)), help="of backup,restore,api")
    p.add_argument("--backup-identity", default="", help="principal id of the backup app's managed identity")
    p.add_argument("--restore-identity", default="", help="principal id of the restore app's managed identity")
    p.add_argument("--members", action="store_true", help="groups are named whose members the backup app has to know")
    p.add_argument("--lossless", action="store_true", help="mailbox items are kept as streams too (BACKUP_LOSSLESS)")
    p.add_argument("--exchange-rbac", action="store_true", help="Exchange grants the mailbox roles, for some mailboxes")
    p.add_argument("--departments", type=_words, default=[], help="names, comma separated: each gets a role of the API")
    p.add_argument("--self-service", action="store_true", help="everybody of the tenant gets a token of the API")
    p.add_argument("--assign", action="append", default=[], metavar="ID=ROLE", help="give somebody a role of the API")
    p.add_argument("--secret", action="append", default=[], metavar="APP", help="a client secret, into Key Vault")
    p.add_argument("--secret-days", type=int, default=180)
    p.add_argument("--key-vault", default="", help="URL of the key vault for --secret")
    p.add_argument("--certificate", action="append", default=[], metavar="APP=FILE", help="accept this one (PEM)")
    p.add_argument("--cloud", choices=sorted(CLOUDS), default="public")
    p.add_argument("--azd", action="store_true", help="keep the client ids in azd's environment")
    p.add_argument("--yes", action="store_true", help="do not ask")
    mode = p.add_mutually_exclusive_group()
    mode.add_argument("--dry-run", action="store_true")
    mode.add_argument("--check", action="store_true")
    return p


def _tenant(text: str) -> str:
    """By id, not by domain: the issuer of the proofs is spelt with it."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: give the id, as `az account show --query tenantId` does") from None


def _owner_types(text: str) -> list[OwnerType]:
    named = _words(text)
    if strangers := [name for name in named if name not in EVERYONE]:
        raise argparse.ArgumentTypeError(f"{', '.join(strangers)}: there are {', '.join(EVERYONE)}")
    return [each for each in EVERYONE if each in named] or list(EVERYONE)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def read_arguments(given: Sequence[str]) -> argparse.Namespace:
    args = parser().parse_args(given)
    cloud = CLOUDS[args.cloud]
    args.login_url, args.graph_url, args.audience = cloud.login, cloud.graph, cloud.exchange_audience
    args.store = store_secret
    return args


async def main(given: Sequence[str]) -> int:
    from shared.graph.http import GraphClient, GraphSettings
    from shared.wiring import UtcClock

    args, clock = read_arguments(given), UtcClock()
    tokens = AzTokens(args.graph_url, args.tenant)
    settings = GraphSettings(f"{args.graph_url}/v1.0")
    try:
        async with GraphClient(settings, tokens, clock, None, random.random) as graph:
            return await run(args, Directory(graph, clock), clock, print, input)
    except (Verdict, ValueError) as why:
        print(f"register_apps: {why}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
