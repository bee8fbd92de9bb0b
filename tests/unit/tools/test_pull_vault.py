"""A third copy: it holds what the vault holds, byte for byte, goes on where it died, and stays in its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import Archived, Misconfigured
from shared.vault.memory import MemoryBlobs
from shared.vault.vault import Vault
from tests.unit.vault.drafts import draft, message
from tools import pull_vault
from tools.pull_vault import Pulled


@pytest.fixture
async def blobs() -> MemoryBlobs:
    made = MemoryBlobs()
    vault = Vault(made, "t")
    await vault.ensure()
    first = await vault.commit(draft(message("a"), message("b")))
    await vault.commit(draft(message("c"), seq=2, prev=first.digest))
    await vault.put_chunk(b"x" * 5000)
    return made


async def pulled(blobs: MemoryBlobs, to: Path, *, check: bool = False, prune: bool = False) -> Pulled:
    return await pull_vault.pull(blobs, to, check=check, prune=prune, tell=lambda _: None)


def held(to: Path) -> dict[str, bytes]:
    return {path.relative_to(to).as_posix(): path.read_bytes() for path in to.rglob("*") if path.is_file()}


async def test_a_pull_brings_everything_and_the_next_one_what_is_new(blobs: MemoryBlobs, tmp_path: Path) -> None:
    first = await pulled(blobs, tmp_path)
    assert held(tmp_path) == blobs.blobs and (first.brought, first.there, first.trouble) == (3, 1, [])
    await Vault(blobs, "t").put_chunk(b"new")
    second = await pulled(blobs, tmp_path)
    assert held(tmp_path) == blobs.blobs and (second.brought, second.there, second.bytes) == (1, 4, 3)


class Dying(MemoryBlobs):
    reads = 0

    async def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        self.reads += 1
        if self.reads == 4:
            raise RuntimeError("killed")
        return await super().read(name, offset, length)


async def test_a_pull_that_died_goes_on_and_no_page_is_there_without_its_parts(
    blobs: MemoryBlobs, tmp_path: Path
) -> None:
    dying = Dying()
    dying.blobs = blobs.blobs
    with pytest.raises(RuntimeError):
        await pulled(dying, tmp_path)
    some = held(tmp_path)
    assert not any(name.startswith("pages/") for name in some) or any(name.startswith("parts/") for name in some)
    (tmp_path / "parts" / "half.~").parent.mkdir(exist_ok=True)
    (tmp_path / "parts" / "half.~").write_bytes(b"a write that died")
    await pulled(dying, tmp_path)
    assert held(tmp_path) == blobs.blobs


async def test_what_is_cut_here_comes_again_and_what_is_flipped_when_it_is_looked_at(
    blobs: MemoryBlobs, tmp_path: Path
) -> None:
    await pulled(blobs, tmp_path)
    pages = sorted(name for name in blobs.blobs if name.startswith("pages/"))
    (tmp_path / pages[0]).write_bytes(blobs.blobs[pages[0]][:-1])
    data = bytearray(blobs.blobs[pages[1]])
    data[60] ^= 1
    (tmp_path / pages[1]).write_bytes(data)
    assert (await pulled(blobs, tmp_path)).brought == 1
    assert (await pulled(blobs, tmp_path, check=True)).brought == 1
    assert held(tmp_path) == blobs.blobs


async def test_what_is_damaged_or_archived_in_the_vault_is_told_and_the_rest_comes(
    blobs: MemoryBlobs, tmp_path: Path
) -> None:
    class Cold(MemoryBlobs):
        async def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
            if name.endswith("1.zip"):
                raise Archived(f"read {name}: it lies in the archive tier")
            return await super().read(name, offset, length)

    cold, part = Cold(), next(name for name in blobs.blobs if name.startswith("parts/"))
    cold.blobs = {**blobs.blobs, part: b"!" * 5000}
    done = await pulled(cold, tmp_path)
    assert done.brought == 1 and len(done.trouble) == 2
    assert "archive tier" in " ".join(done.trouble) and f"{part}: its bytes are not" in " ".join(done.trouble)
    assert part not in held(tmp_path)


HOSTILE = ["../out", "pages/../../out", "/etc/x", "a//b", "a\\..\\b", "a:b", "a/.", "x/y.", "n\0", "vault.json/x~ "]


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_stays_out(blobs: MemoryBlobs, tmp_path: Path, name: str) -> None:
    blobs.blobs[name] = b"evil"
    done = await pulled(blobs, tmp_path / "copy")
    assert len(done.trouble) == 1 and "no name that a vault has" in done.trouble[0]
    assert len(held(tmp_path)) == 4


async def test_what_left_the_vault_stays_here_until_somebody_says_so(blobs: MemoryBlobs, tmp_path: Path) -> None:
    await pulled(blobs, tmp_path)
    part = next(name for name in blobs.blobs if name.startswith("parts/"))
    del blobs.blobs[part]
    assert (await pulled(blobs, tmp_path)).gone == [part] and part in held(tmp_path)
    assert (await pulled(blobs, tmp_path, prune=True)).gone == [part] and part not in held(tmp_path)


async def test_a_folder_that_holds_other_things_is_left_alone(blobs: MemoryBlobs, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(Misconfigured, match="no copy of this vault"):
        await pulled(blobs, tmp_path, prune=True)
    other = MemoryBlobs()
    await Vault(other, "another").ensure()
    await pulled(other, tmp_path / "copy")
    with pytest.raises(Misconfigured, match="no copy of this vault"):
        await pulled(blobs, tmp_path / "copy", prune=True)
    assert set(held(tmp_path)) == {"thesis.txt", "copy/vault.json"}
