"""What was written once stays readable, for the library and for the stand-alone reader."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from shared.model import Page
from shared.vault.memory import MemoryBlobs
from shared.vault.vault import Vault
from tests.unit.vault import sample

KEPT = Path(__file__).parents[2] / "pages" / "vault-v1"


def stored() -> Vault:
    blobs = MemoryBlobs()
    folder = KEPT / "vault"
    blobs.blobs = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return Vault(blobs, sample.TENANT)


async def told(vault: Vault, page: Page) -> dict[str, Any]:
    """What a page says, as plain JSON; parts by the digest of the bytes that were read, not of what is recorded."""
    changes = []
    for version in page.versions:
        parts = {
            name: hashlib.sha256(b"".join([piece async for piece in vault.stream(part)])).hexdigest()
            for name, part in sorted(version.parts.items())
        }
        changes.append([version.state, version.item_id, version.name, version.folder, version.reason, parts])
    header = page.header
    said = [header.feed.id, header.seq, header.prev, header.cursor_after, header.taken_at.isoformat()]
    return {"digest": page.digest, "header": said, "changes": changes, "same": list(page.same)}


async def test_a_stored_vault_of_format_1_is_read_in_full():
    vault = stored()
    assert not await vault.ensure()
    pages = [await vault.read_page(name, check=True) async for name, _ in vault.pages()]
    assert {page.name: await told(vault, page) for page in pages} == json.loads((KEPT / "expected.json").read_bytes())


async def test_todays_code_writes_the_same_names():
    assert {name for name, _ in (await sample.blobs()).items()} == set(stored()._blobs.blobs)  # type: ignore[attr-defined]  # a MemoryBlobs
