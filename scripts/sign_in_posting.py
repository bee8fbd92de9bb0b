"""Signs a person in, so that restores may post a group's conversations in their name.

    python -m scripts.sign_in_posting --tenant ID --client-id ID --secret-url https://VAULT.vault.azure.net/secrets/NAME

As `sign_in_notes`, of which it differs in what the person consents to and in the settings that name it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from functools import partial

from scripts import sign_in_notes
from shared.kinds.conversations_posting import PostedConversations

run = partial(sign_in_notes.run, app="POSTING", rights=PostedConversations.write_permissions)


def form() -> argparse.ArgumentParser:
    return sign_in_notes.parser("sign_in_posting", __doc__, "docs/kinds/conversations.md")


def main() -> int:
    from azure.identity import AzureCliCredential

    return asyncio.run(run(form().parse_args(), print, AzureCliCredential))


if __name__ == "__main__":
    sys.exit(main())
