"""Signs a person in, so that Holdfast may read OneNote's sections and pages in their name.

    python -m scripts.sign_in_notes --tenant ID --client-id ID --secret-url https://VAULT.vault.azure.net/secrets/NAME

Shows a code, which the person enters in a browser anywhere; what the sign-in leaves goes into Key Vault, as you through
`az login`, and nowhere else. The same again replaces it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from azure.core.credentials import TokenCredential

from shared.errors import Verdict
from shared.graph.entra import PublicClient
from shared.graph.hosts import CLOUDS
from shared.graph.keyvault import secret
from shared.graph.sign_in import by_code, write
from shared.kinds.onenote import OneNote
from shared.readings import secret_url

Say = Callable[[str], None]


async def run(
    args: argparse.Namespace, say: Say, credential: Callable[[], TokenCredential], *, app: str = "NOTES",
    rights: tuple[str, ...] = OneNote.read_permissions, **options: object,
) -> int:  # fmt: skip
    """The whole command; the exit status. `options` go to the key vault's client."""
    scopes = tuple(f"{args.graph_url}/{name}" for name in rights)
    client = PublicClient(args.tenant, args.client_id, scopes, args.login_url, args.ca_file)
    _, save = secret(args.secret_url, credential, **options)
    try:
        kept = await asyncio.to_thread(by_code, client, say, lambda: datetime.now(UTC))
        await asyncio.to_thread(save, write(kept))
    except Verdict as why:
        say(f"nothing was kept: {why}")
        return 1
    say(f"{kept.account} signed in; the sign-in lies in {args.secret_url}")
    say(f"M365_{app}_CLIENT_ID={args.client_id}\nM365_{app}_TOKEN_URL={args.secret_url}")
    return 0


def parser(
    prog: str = "sign_in_notes", description: str | None = __doc__, page: str = "docs/kinds/onenote.md"
) -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    p = argparse.ArgumentParser(prog=prog, description=description, formatter_class=form)
    p.add_argument("--tenant", required=True, help="directory (tenant) id")
    p.add_argument("--client-id", required=True, help=f"of the public client ({page}: how to make it)")
    p.add_argument("--secret-url", required=True, type=secret_url, help="https://VAULT.vault.azure.net/secrets/NAME")
    p.add_argument("--login-url", default=CLOUDS["public"].login)
    p.add_argument("--graph-url", default=CLOUDS["public"].graph)
    p.add_argument("--ca-file", default="", help="PEM file of authorities to trust instead of the system's")
    return p


def main() -> int:
    from azure.identity import AzureCliCredential

    return asyncio.run(run(parser().parse_args(), print, AzureCliCredential))


if __name__ == "__main__":
    sys.exit(main())
