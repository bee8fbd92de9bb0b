"""A OneDrive kept by us and copied by rclone, one after the other against the same simulated tenant and storage."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from azure.storage.blob import AccountSasPermissions, BlobServiceClient, ResourceTypes, generate_account_sas

from bench.figures import Chapter, Tell
from bench.ground import QUIET, Ground, environment, ground
from bench.proxy import proxy
from sandbox import azurite
from sandbox.stack import get_token
from sandbox.talk import ask

FILES = 2000
CHANGED = 20
OWNER = "adele@contoso.example"
TREE = Path(sysconfig.get_path("purelib"))  # real files: some thousands, about ten to a folder
AIM_FULL, AIM_INCREMENTAL = 0.5, 0.1
WITHIN_S = 600.0


def run(tell: Tell) -> list[Chapter]:
    chapter = Chapter(f"A OneDrive of {FILES:,} real files, ours and rclone's, over Azurite in memory")
    program = shutil.which("rclone")
    if program is None:
        chapter.skipped = "rclone is not installed (Debian: apt-get install rclone)"
        return [chapter]
    seed = ("--seed", "demo", "--users", "2", "--mails", "1", "--files", "0", "--load-drive", f"{OWNER}={TREE}")
    options = (*QUIET, "hosts_refuse_tokens=false")  # rclone sends its token to the upload and download hosts too
    with ground(*seed, "--limit", str(FILES), options=options) as there:
        graph = urlsplit(there.tenant["graph"]).port
        assert graph is not None
        with proxy(graph) as address:
            _compare(chapter, there, _Rclone(program, there, address), tell)
    return [chapter]


def _compare(chapter: Chapter, there: Ground, rclone: _Rclone, tell: Tell) -> None:
    config, paths = there.config(OWNER, "ours"), _files(there)
    folders = len({path.rpartition("/")[0] for path in paths})
    tell("rclone: full")
    theirs = rclone.copy()
    asked = _asked(there)
    tell("ours: full")
    ours, process = there.back_up(config)
    _pair(chapter, "full", ours, theirs, AIM_FULL)
    chapter.add("full: our process from its start to its end", process, "s", timed=True)
    chapter.add("full: Graph requests and downloads, ours", ours["requests"], note=f"rclone {asked}")
    told = f"{len(paths):,} files in {folders} folders; rclone copied {rclone.copied():,}"
    chapter.add("full: items kept", ours["account"]["kept"], note=f"{told}; {ours['account']['lost']} lost")
    there.mutate(*_day(paths))
    there.forget()
    tell("rclone: 1 % changed")
    theirs = rclone.copy()
    asked = _asked(there)
    tell("ours: 1 % changed")
    ours, process = there.back_up(config)
    _pair(chapter, "1 % changed", ours, theirs, AIM_INCREMENTAL)
    chapter.add("1 % changed: our process from its start to its end", process, "s", timed=True)
    chapter.add("1 % changed: Graph requests and downloads, ours", ours["requests"], note=f"rclone {asked}")
    chapter.add("1 % changed: items kept", ours["account"]["kept"], note=f"{ours['account']['lost']} lost")


def _files(there: Ground) -> list[str]:
    """Paths of the drive's files. Asking computes every digest, so that who comes first does not pay for it."""
    drive = ask("GET", f"{there.tenant['control']}/dump")[OWNER]["drive"]
    files = sorted(path.strip("/") for path, shown in drive.items() if "sha256" in shown)
    token, url = _token(there), f"{there.tenant['graph']}/v1.0/users/{OWNER}/drive/root/delta?$select=id,file"
    while url:
        url = ask("GET", url, token=token, ca_file=there.tenant["ca_file"]).get("@odata.nextLink", "")
    there.forget()
    return files


def _token(there: Ground) -> str:
    return get_token(there.tenant, "backup", "https://graph.microsoft.com")


def _day(paths: Sequence[str]) -> list[dict[str, Any]]:
    """Half of what happens is new, half is changed; spread over the whole drive."""
    some = paths[:: len(paths) // (CHANGED // 2)][: CHANGED // 2]
    new = [f"{path.rpartition('/')[0]}/new today {n}.txt" for n, path in enumerate(some)]
    return [
        *({"do": "edit_file", "user": OWNER, "path": path, "text": "edited\n" * 100} for path in some),
        *({"do": "add_file", "user": OWNER, "path": path, "text": "added\n" * 100} for path in new),
    ]


def _pair(chapter: Chapter, name: str, ours: dict[str, Any], theirs: float, aim: float) -> None:
    chapter.add(f"{name}: rclone", theirs, "s", timed=True)
    chapter.add(
        f"{name}: ours", ours["seconds"], "s", timed=True, note=f"{ours['cpu_s']:.1f} s of processor, imports too"
    )
    chapter.add(f"{name}: our time as part of rclone's", ours["seconds"] / theirs, "times", most=aim, timed=True)


def _asked(there: Ground) -> int:
    """Requests of rclone's, at Graph and at the door of the bytes."""
    shapes: dict[str, int] = there.stats()["requests"]
    asked = sum(n for shape, n in shapes.items() if not shape.startswith("backup "))
    there.forget()
    return asked


class _Rclone:
    """`rclone copy` from the OneDrive to a container, as a user would run it: its own defaults."""

    def __init__(self, program: str, there: Ground, address: str) -> None:
        self._program, self._there = program, there
        tenant = there.tenant
        self._blobs = BlobServiceClient.from_connection_string(there.storage)
        with contextlib.suppress(Exception):
            self._blobs.create_container("theirs")
        self._config = there.home / "rclone.conf"
        self._config.write_text(self._settings(tenant))
        self._environment = environment(HTTPS_PROXY=address, NO_PROXY="")

    def _settings(self, tenant: dict[str, Any]) -> str:
        token = {
            "access_token": "expired", "token_type": "Bearer", "refresh_token": tenant["refresh_tokens"][OWNER],
            "expiry": "2020-01-01T00:00:00Z",
        }  # fmt: skip
        drive = self._drive(tenant)
        sas = generate_account_sas(
            azurite.ACCOUNT, azurite.KEY, ResourceTypes(service=True, container=True, object=True),
            AccountSasPermissions(read=True, write=True, delete=True, list=True, add=True, create=True),
            datetime.now(UTC) + timedelta(hours=2),
        )  # fmt: skip
        return (
            f"[od]\ntype = onedrive\ndrive_type = business\ndrive_id = {drive}\ntoken = {json.dumps(token)}\n"
            f"[az]\ntype = azureblob\nsas_url = {self._blobs.primary_endpoint}?{sas}\n"
        )

    def _drive(self, tenant: dict[str, Any]) -> str:
        url = f"{tenant['graph']}/v1.0/users/{OWNER}/drive"
        return str(ask("GET", url, token=_token(self._there), ca_file=tenant["ca_file"])["id"])

    def copy(self) -> float:
        """Seconds."""
        command = [
            self._program, "--config", str(self._config), "--ca-cert", self._there.tenant["ca_file"],
            "copy", "od:", "az:theirs", "--stats", "0",
        ]  # fmt: skip
        began = time.perf_counter()
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )
        if done.returncode:
            raise RuntimeError(f"rclone failed:\n{done.stderr[-1500:]}")
        return time.perf_counter() - began

    def copied(self) -> int:
        return sum(1 for _ in self._blobs.get_container_client("theirs").list_blobs())
