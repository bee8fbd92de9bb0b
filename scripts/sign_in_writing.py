"""Signs a person in, so that restores may write pages of OneNote in their name.

    python -m scripts.sign_in_writing --tenant ID --client-id ID --secret-url https://VAULT.vault.azure.net/secrets/NAME

As `sign_in_notes`, of which it differs in what the person consents to and in the settings that name it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from functools import partial

from scripts import sign_in_notes
from shared.kinds.onenote_writing import WrittenOneNote

run = partial(sign_in_notes.run, app="WRITING", rights=WrittenOneNote.write_permissions)


def form() -> argparse.ArgumentParser:
    return sign_in_notes.parser("sign_in_writing", __doc__, "docs/kinds/onenote.md")


def main() -> int:
    from azure.identity import AzureCliCredential

    return asyncio.run(run(form().parse_args(), print, AzureCliCredential))


if __name__ == "__main__":
    sys.exit(main())
