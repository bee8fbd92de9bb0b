"""The terminal command against the real host: what an administrator types, from the first backup to an export."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import stack
from sandbox.stack import ROOT, Plan, Stack

ADELE, BERND = "adele@contoso.example", "bernd@contoso.example"


@dataclass
class Terminal:
    up: Stack

    def type(self, *words: str, app: str = "operator", status: int = 0) -> str:
        """What the command prints; a refusal stands on stderr and comes with status 2."""
        mine = {"HOLDFAST_URL": self.up.host_url, "HOLDFAST_TOKEN": self.up.token(app), "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(
            [sys.executable, "-m", "tools.holdfast", *words], cwd=ROOT, env={**os.environ, **mine},
            capture_output=True, text=True, timeout=900, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout if status < 2 else done.stderr


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with stack.running(Plan(tmp_path_factory.mktemp("command"), in_memory=True)) as up:
        terminal = Terminal(up)
        said = terminal.type("backup", ADELE, BERND, "--wait")
        assert "done" in said and "listed" in said
        yield terminal


def test_all_is_well_and_everyone_is_there(terminal: Terminal) -> None:
    assert "0 with a problem" in terminal.type("status")
    assert ADELE in terminal.type("owners", "adele") and BERND not in terminal.type("owners", "adele")
    assert "mailbox" in terminal.type("runs", ADELE)


def test_what_is_kept_is_found_by_the_names_that_people_know(terminal: Terminal, tmp_path: Path) -> None:
    assert "contacts" in terminal.type("ls", ADELE)
    assert "Inbox/" in terminal.type("ls", ADELE, "mail", "Top of Information Store")
    inbox = terminal.type("ls", ADELE, "mail", "Inbox")
    assert "Welcome" in inbox and "Projekte/" in inbox
    terminal.type("get", ADELE, "mail", "Inbox/Welcome", "--to", str(tmp_path))
    message = email.message_from_bytes((tmp_path / "Welcome.eml").read_bytes())
    assert message["Subject"] == "Welcome"
    assert (tmp_path / "Welcome.json").exists()


def test_a_mistake_is_answered_with_a_remedy(terminal: Terminal) -> None:
    assert "`owners` lists who is" in terminal.type("ls", "nobody@contoso.example", status=2)
    assert "there is: " in terminal.type("ls", ADELE, "mail", "Inbxo", status=2)
    assert "--yes" in terminal.type("restore", ADELE, "--kind", "contacts", status=2)
    assert "Holdfast.Restore" in terminal.type("restore", ADELE, "--kind", "mail", "--yes", app="reader", status=2)


def test_a_folder_comes_back_after_a_look_at_what_would(terminal: Terminal) -> None:
    chosen = ("restore", ADELE, "--kind", "mail", "--path", "Inbox/Projekte")
    before = terminal.up.stats()["writes"].get("restore", 0)
    assert "would be created" in terminal.type(*chosen, "--preview")
    assert terminal.up.stats()["writes"].get("restore", 0) == before
    assert "done: 1 created" in terminal.type(*chosen, "--yes", "--folder", "Back again")
    mail = str(terminal.up.dump()[ADELE]["mail"])
    assert mail.count("Back again") == 1 and mail.count("With attachment") >= 2


def test_an_export_arrives_as_whole_zips(terminal: Terminal, tmp_path: Path) -> None:
    terminal.type("export", BERND, "--kind", "mail", "--kind", "contacts", "--to", str(tmp_path), "--reason", "test")
    names = [name for file in tmp_path.glob("*.zip") for name in zipfile.ZipFile(file).namelist()]
    assert any(name.endswith(".eml") for name in names) and any(name.endswith(".vcf") for name in names)
