"""The ZIP that is written from front to end."""

from __future__ import annotations

import io
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from shared.export import zipped
from shared.export.zipped import BLOCK, Zipped

NOON = datetime(2026, 3, 1, 12, 0, 4, tzinfo=UTC)


def packed(files: dict[str, bytes], *, stored: bool = False) -> tuple[bytes, Zipped]:
    made, out = Zipped(), b""
    made.folder("empty")
    for path, data in files.items():
        made.begin(path, NOON, stored=stored, size=len(data))
        for at in range(0, len(data), 1 << 20):
            made.write(data[at : at + (1 << 20)])
            while block := made.take():
                assert len(block) == BLOCK
                out += block
        made.end()
    made.close()
    while block := made.take(all_=True):
        out += block
    return out, made


def test_what_is_written_is_an_ordinary_archive(tmp_path: Path) -> None:
    files = {"a/ü.txt": b"x" * 100, "big.bin": bytes(range(256)) * 80_000, "none": b""}
    for stored in (False, True):
        data, made = packed(files, stored=stored)
        opened = zipfile.ZipFile(io.BytesIO(data))
        assert opened.testzip() is None and {n: opened.read(n) for n in files} == files
        assert opened.getinfo("a/ü.txt").date_time == (2026, 3, 1, 12, 0, 4) and opened.getinfo("empty/").is_dir()
        assert (made.size, made.sha256) == (len(data), __import__("hashlib").sha256(data).hexdigest())
    (tmp_path / "x.zip").write_bytes(data)
    done = subprocess.run(["python3", "-m", "zipfile", "-t", str(tmp_path / "x.zip")], capture_output=True, check=False)
    assert done.returncode == 0


def test_equal_content_makes_equal_bytes() -> None:
    files = {"a": b"1" * 5000, "b": b"2"}
    assert packed(files)[0] == packed(files)[0]


def test_the_clock_of_a_zip_has_its_bounds() -> None:
    assert zipped._clock(datetime(1601, 1, 1, tzinfo=UTC))[0] == 1980
    assert zipped._clock(datetime(9999, 1, 1, tzinfo=UTC))[0] == 2107
    assert zipped._clock(None) == (1980, 1, 1, 0, 0, 0)
