"""`python -m tools.pull_vault DIR`: a vault's container as a folder, for a third copy that no cloud account holds.

    export VAULT_STORAGE=NAME VAULT_CONTAINER=vault       # as in the app's settings; a name signs in as `az login` did
    python -m tools.pull_vault /backup/vault              # again each week: it fetches what came since
    python -m tools.pull_vault /backup/vault --check      # also reads what is there, and fetches what is damaged anew
    python3 tools/read_vault.py /backup/vault TO          # folders of files out of it, with Python alone

Nothing in a vault ever changes, so that what is there with its size is there. What left the vault since (retention, a
forgotten person) is told, and goes with --prune. Exit status 1: something could not be brought.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import Damaged, Misconfigured, Verdict
from shared.ports import Blobs, Stamp
from shared.readings import storage
from shared.vault import address, page

AT_ONCE = 8
TOLD_EVERY = 1000
# what the app makes; a segment that means more than a name on some system is refused (docs/format.md: names)
_SEGMENT = re.compile(r"[A-Za-z0-9=_-][A-Za-z0-9=._-]{0,200}(?<!\.)")
Tell = Callable[[str], None]


@dataclass(slots=True)
class Pulled:
    blobs: int = 0
    there: int = 0  # already
    brought: int = 0
    bytes: int = 0  # of those
    gone: list[str] = field(default_factory=list)  # here, and no longer in the vault
    trouble: list[str] = field(default_factory=list)


async def pull(blobs: Blobs, to: Path, *, check: bool = False, prune: bool = False, tell: Tell = print) -> Pulled:
    """Pages are listed first and brought last: whatever page is here, the parts that it names are, too."""
    done, limit = Pulled(), asyncio.Semaphore(AT_ONCE)
    await asyncio.to_thread(_claim, to, await blobs.read(address.VAULT))
    pages = [stamp async for stamp in blobs.survey(address.PAGES)]
    rest = [stamp async for stamp in blobs.survey("") if not stamp.name.startswith(address.PAGES)]
    for group in (rest, pages):
        for n in range(0, len(group), TOLD_EVERY):
            some = group[n : n + TOLD_EVERY]
            await asyncio.gather(*(_bring(blobs, stamp, to, done, limit, check=check) for stamp in some))
            tell(f"{done.blobs:,} of {len(pages) + len(rest):,}: {done.brought:,} brought, {done.bytes / 1e6:,.0f} MB")
    _clear(to, {stamp.name for stamp in (*pages, *rest)}, done, prune=prune)
    return done


def _claim(to: Path, told: bytes) -> None:
    """Files may be removed below the folder: it is this vault's copy, or nothing yet."""
    path = to / address.VAULT
    if path.is_file() and path.read_bytes() == told:
        return
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise Misconfigured(f"{to}: it is not empty and no copy of this vault; name a folder of its own")
    _put(path, told)


async def _bring(
    blobs: Blobs, stamp: Stamp, to: Path, done: Pulled, limit: asyncio.Semaphore, *, check: bool
) -> None:
    done.blobs += 1
    if not all(_SEGMENT.fullmatch(piece) for piece in stamp.name.split("/")):
        done.trouble.append(f"{stamp.name!r}: no name that a vault has; left out")
        return
    path = to / stamp.name
    async with limit:
        if await asyncio.to_thread(_is_there, path, stamp, check):
            done.there += 1
            return
        try:
            data = await blobs.read(stamp.name)
        except Verdict as why:
            done.trouble.append(str(why))
            return
        if why_not := wrong(stamp.name, data):
            done.trouble.append(f"{stamp.name}: {why_not}; it is damaged in the vault, and was not brought")
            return
        await asyncio.to_thread(_put, path, data)
        done.brought += 1
        done.bytes += len(data)


def _is_there(path: Path, stamp: Stamp, check: bool) -> bool:
    if not path.is_file() or path.stat().st_size != stamp.size:
        return False
    return not check or not wrong(stamp.name, path.read_bytes())


def _put(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.~")
    beside.write_bytes(data)
    os.replace(beside, path)


def wrong(name: str, data: bytes) -> str:
    """What is wrong with a blob, as far as its name and content tell."""
    if name.startswith(address.PARTS):
        whole = hashlib.sha256(data).hexdigest() == name.rpartition("/")[2]
        return "" if whole else "its bytes are not those of its name"
    if address.read_page_name(name):
        try:
            page.unpack(name, data, check=True)
        except Damaged as why:
            return str(why)
    return ""


def _clear(to: Path, known: set[str], done: Pulled, *, prune: bool) -> None:
    for path in sorted(to.rglob("*")):
        name = path.relative_to(to).as_posix()
        if not path.is_file() or name in known:
            continue
        half = name.endswith(".~")  # of a pull that died
        if not half:
            done.gone.append(name)
        if half or prune:
            path.unlink()


@asynccontextmanager
async def opened(environ: Mapping[str, str]) -> AsyncIterator[Blobs]:
    from shared.settings import ByConnectionString, ByIdentity
    from shared.vault.blob import AzureBlobs

    async with AsyncExitStack() as exits:
        container = environ.get("VAULT_CONTAINER") or "vault"
        match storage(environ.get("VAULT_STORAGE", "")):
            case ByConnectionString(text):
                blobs = AzureBlobs.open(text.reveal(), container)
            case ByIdentity() as named:
                from azure.identity.aio import DefaultAzureCredential

                credential = await exits.enter_async_context(DefaultAzureCredential())
                blobs = AzureBlobs.open(named.url("blob"), container, credential)
        exits.push_async_callback(blobs.close)
        yield blobs


def main(arguments: list[str] | None = None) -> int:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m tools.pull_vault", description=__doc__, formatter_class=formatter)
    parser.add_argument("to", type=Path, help="the folder; it belongs to this copy alone")
    parser.add_argument("--check", action="store_true", help="also read what is there already")
    parser.add_argument("--prune", action="store_true", help="remove here what is no longer in the vault")
    told = parser.parse_args(arguments)

    async def run() -> Pulled:
        async with opened(os.environ) as blobs:
            return await pull(blobs, told.to, check=told.check, prune=told.prune)

    try:
        done = asyncio.run(run())
    except (ValueError, Verdict) as why:
        print(f"pull_vault: {why if isinstance(why, Verdict) else f'VAULT_STORAGE: {why}'}", file=sys.stderr)
        return 1
    for line in done.trouble:
        print(f"pull_vault: {line}", file=sys.stderr)
    if done.gone:
        what = "removed here" if told.prune else "still here; --prune removes it"
        print(f"{len(done.gone):,} files are no longer in the vault: {what}")
    print(f"{done.blobs:,} blobs: {done.brought:,} brought ({done.bytes / 1e6:,.1f} MB), {done.there:,} there already")
    return 1 if done.trouble else 0


if __name__ == "__main__":
    sys.exit(main())
