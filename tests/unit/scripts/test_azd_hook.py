"""The hook that azd runs: what its environment says arrives at the registration script."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.register_apps import read_arguments

ROOT = Path(__file__).parents[3]
TENANT = "11111111-1111-1111-1111-111111111111"
ALWAYS = {"AZURE_ENV_NAME": "prod", "HOLDFAST_TENANT_ID": TENANT, "PATH": "/usr/bin:/bin"}
DEPLOYED = {"HOLDFAST_BACKUP_PRINCIPAL": "mi-1", "HOLDFAST_RESTORE_PRINCIPAL": "mi-2"}


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    """A copy of the hook with an interpreter that only tells its arguments."""
    for name in ("scripts", "sandbox", ".venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "sandbox/venv.sh").write_text("exit 0\n")
    python = tmp_path / ".venv/bin/python"
    python.write_text('#!/bin/sh\nfor each in "$@"; do printf "%s\\n" "<$each>"; done\n')
    python.chmod(0o755)
    return Path(shutil.copy(ROOT / "scripts/azd_hook.sh", tmp_path / "scripts"))


def told(hook: Path, phase: str, *more: str, **environ: str) -> list[str]:
    done = subprocess.run(
        ["sh", str(hook), phase, *more], env={**ALWAYS, **environ}, capture_output=True, text=True, check=True
    )  # fmt: skip
    return [line[1:-1] for line in done.stdout.splitlines()]


def test_with_nothing_set_everything_is_registered_and_no_identity_is_named_yet(hook: Path) -> None:
    args = read_arguments(told(hook, "before")[2:])
    assert (args.env, args.tenant, args.cloud, args.azd) == ("prod", TENANT, "public", True)
    assert (args.kinds, list(args.owner_types), args.user_kinds) == ([], ["user", "group", "site"], [])
    assert (args.backup_identity, args.members, args.check, args.yes) == ("", False, False, False)


def test_what_narrows_the_backup_narrows_the_rights(hook: Path) -> None:
    chosen = {"HOLDFAST_KINDS": "mail,files", "HOLDFAST_OWNER_TYPES": "user", "HOLDFAST_USER_KINDS": "mail"}
    args = read_arguments(told(hook, "after", **DEPLOYED, **chosen, HOLDFAST_EXCLUDE_GROUPS="g1")[2:])
    assert (args.kinds, list(args.owner_types), args.user_kinds) == (["mail", "files"], ["user"], ["mail"])
    assert (args.members, args.backup_identity, args.restore_identity) == (True, "mi-1", "mi-2")


def test_a_check_changes_nothing_and_knows_the_identities(hook: Path) -> None:
    args = read_arguments(told(hook, "check", **DEPLOYED, HOLDFAST_CLOUD="china")[2:])
    assert (args.check, args.backup_identity, args.cloud) == (True, "mi-1", "china")


def test_what_is_asked_for_by_hand_comes_beside_what_the_environment_says(hook: Path) -> None:
    """Else a person let in would put the departments' roles out."""
    chosen = {**DEPLOYED, "HOLDFAST_DEPARTMENT_ROLES": "North", "HOLDFAST_SELF_SERVICE": "on"}
    args = read_arguments(told(hook, "after", "--only", "api", "--assign", "me=Holdfast.Admin", **chosen)[2:])
    assert (args.only, args.assign, args.departments) == (["api"], ["me=Holdfast.Admin"], ["North"])
    assert args.self_service and args.backup_identity == "mi-1"


def test_on_windows_the_interpreter_lies_elsewhere(hook: Path) -> None:
    there = hook.parents[1] / ".venv"
    (there / "Scripts").mkdir()
    (there / "bin/python").rename(there / "Scripts/python.exe")
    assert read_arguments(told(hook, "before")[2:]).tenant == TENANT


def test_registrations_that_somebody_else_makes_are_left_alone(hook: Path) -> None:
    assert "--env" not in told(hook, "before", HOLDFAST_REGISTER="no")
