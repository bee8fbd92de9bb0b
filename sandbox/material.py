"""Real material for the demo, from this very machine: Python's own library as a OneDrive, mail made from it.

Files are copied, for a run of minutes must not see them change. What is taken is the same every time on one machine.
"""

from __future__ import annotations

import ast
import os
import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

MOST_FILES = 2_000
MOST_BYTES = 100 * 1024 * 1024
LARGEST_FILE = 12 * 1024 * 1024
NOT_TAKEN = ("site-packages", "dist-packages")
MADE_MAILS = 120
ODD_MAILS = 60
START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Taken:
    source: Path
    folder: Path
    files: int
    bytes: int


def copy_tree(into: Path, *, most_files: int = MOST_FILES) -> Taken:
    """A bounded copy of the folder that every Python has: its standard library."""
    source = Path(sysconfig.get_path("stdlib"))
    files = total = 0
    for path, size in _readable(source):
        if files >= most_files:
            break
        if size > LARGEST_FILE or total + size > MOST_BYTES:
            continue
        target = into / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
        files, total = files + 1, total + size
    return Taken(source, into, files, total)


def _readable(source: Path) -> Iterator[tuple[Path, int]]:
    for folder, below, names in os.walk(source):
        below[:] = sorted(d for d in below if d not in NOT_TAKEN and not d.startswith("config-"))
        for name in sorted(names):
            path = Path(folder, name)
            if not path.is_symlink() and path.is_file() and os.access(path, os.R_OK):
                yield path, path.stat().st_size


def write_mails(tree: Path, into: Path, *, made: int = MADE_MAILS, odd: int = ODD_MAILS) -> Taken:
    """`.eml` files: one per module with its own words and, now and then, the module attached; then the malformed ones
    that Python tests its own e-mail parser with, where this Python has them."""
    files = 0
    for number, module in enumerate(sorted(tree.glob("*.py"))[:made]):
        folder = into / ("Reviews", "Releases", "Questions")[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:04}.eml").write_bytes(bytes(_mail(module, number)))
        files += 1
    source = Path(sysconfig.get_path("stdlib"), "test", "test_email", "data")
    for path in sorted(source.glob("msg_*.txt"))[:odd]:
        folder = into / "As they come"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / f"{path.stem}.eml")
        files += 1
    total = sum(p.stat().st_size for p in into.rglob("*.eml"))
    return Taken(source, into, files, total)


def _mail(module: Path, number: int) -> EmailMessage:
    data = module.read_bytes()
    mail, sent = EmailMessage(), START + timedelta(hours=5 * number)
    mail["Received"] = f"from mx.fabrikam.example by mail.contoso.example; {format_datetime(sent)}"
    mail["From"], mail["To"] = "Python <python@fabrikam.example>", "adele@contoso.example"
    mail["Date"], mail["Message-ID"] = format_datetime(sent), f"<{number}.{module.stem}@python.fabrikam.example>"
    mail["Subject"] = f"About {module.stem}"
    mail["X-Lines"] = str(data.count(b"\n"))
    words = _words(data) or f"{module.name} says nothing of itself."
    mail.set_content(words)
    if number % 4 == 0:
        mail.add_alternative(f"<html><body><pre>{words[:2000]}</pre></body></html>", subtype="html")
    if number % 3 == 0:
        mail.add_attachment(data, maintype="text", subtype="x-python", filename=module.name)
    for part_number, part in enumerate(mail.walk()):
        if part.get_content_maintype() == "multipart":
            part.set_boundary(f"=_{number}_{part_number}")
    return mail


def _words(data: bytes) -> str:
    try:
        return (ast.get_docstring(ast.parse(data)) or "").encode("ascii", "replace").decode()
    except (SyntaxError, ValueError):
        return ""
