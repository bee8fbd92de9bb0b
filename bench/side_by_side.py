"""A OneDrive kept by us and copied by rclone, one after the other against the same simulated tenant and storage."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from azure.storage.blob import AccountSasPermissions, BlobServiceClient, ResourceTypes, generate_account_sas

from bench.figures import Chapter, Tell
from bench.ground import QUIET, Ground, environment, ground
from bench.proxy import proxy
from sandbox import azurite
from sandbox.talk import ask

FILES = 2000
CHANGED = 20
AIM_FULL, AIM_INCREMENTAL = 0.5, 0.1
WITHIN_S = 600.0


def run(tell: Tell) -> list[Chapter]:
    chapter = Chapter(f"A OneDrive of {FILES:,} files, ours and rclone's, over Azurite in memory")
    program = shutil.which("rclone")
    if program is None:
        chapter.skipped = "rclone is not installed (Debian: apt-get install rclone)"
        return [chapter]
    seed = ("--seed", "demo", "--users", "1", "--mails", "1", "--files", str(FILES))
    with ground(*seed, options=(*QUIET, "hosts_refuse_tokens=false")) as there:
        graph = urlsplit(there.tenant["graph"]).port
        assert graph is not None
        with proxy(graph) as address:
            rclone = _Rclone(program, there, address)
            _compare(chapter, there, rclone, tell)
    return [chapter]


def _compare(chapter: Chapter, there: Ground, rclone: _Rclone, tell: Tell) -> None:
    owner = rclone.owner
    config = there.config(owner, "ours")
    tell("rclone: full")
    theirs = rclone.copy()
    asked = _asked(there)
    tell("ours: full")
    ours, process = there.back_up(config)
    told = f"{ours['account']['kept']} kept, {ours['account']['lost']} lost"
    _pair(chapter, "full", ours["seconds"], theirs, AIM_FULL)
    chapter.add("full: our process from its start to its end", process, "s", timed=True, note=told)
    chapter.add("full: Graph requests, ours", ours["requests"], "", note=f"rclone {asked}")
    copied = rclone.copied()
    chapter.add("full: files that rclone copied", copied, "", note=f"{FILES} are there, and folders")
    there.mutate(*(_change(owner, n) for n in range(CHANGED)))
    there.forget()
    tell("rclone: 1 % changed")
    theirs = rclone.copy()
    asked = _asked(there)
    tell("ours: 1 % changed")
    ours, process = there.back_up(config)
    _pair(chapter, "1 % changed", ours["seconds"], theirs, AIM_INCREMENTAL)
    chapter.add("1 % changed: our process from its start to its end", process, "s", timed=True)
    told = f"rclone {asked}; {ours['account']['kept']} kept"
    chapter.add("1 % changed: Graph requests, ours", ours["requests"], "", note=told)


def _pair(chapter: Chapter, name: str, ours: float, theirs: float, aim: float) -> None:
    chapter.add(f"{name}: rclone", theirs, "s", timed=True)
    chapter.add(f"{name}: ours", ours, "s", timed=True)
    chapter.add(f"{name}: our time as part of rclone's", ours / theirs, "times", most=aim, timed=True)


def _change(owner: str, n: int) -> dict[str, Any]:
    if n % 2:
        return {"do": "add_file", "user": owner, "path": f"Projects/2019/added {n}.txt", "text": f"added {n}\n" * 100}
    place = ("Projects", "Finance", "Personal", "Shared")[n % 4]
    ending = ("docx", "xlsx", "pdf", "txt", "pptx", "jpg", "csv", "md")[n % 8]
    path = f"{place}/{2019 + n % 7}/File {n:04}.{ending}"
    return {"do": "edit_file", "user": owner, "path": path, "text": f"edited {n}\n" * 100}


def _asked(there: Ground) -> int:
    """Graph requests of the signed-in user that rclone is; a download from the other door is none."""
    shapes: dict[str, int] = there.stats()["requests"]
    asked = sum(n for shape, n in shapes.items() if not shape.startswith(("backup ", "download ", "upload ")))
    there.forget()
    return asked


class _Rclone:
    """`rclone copy` from the OneDrive to a container, as a user would run it: its own defaults."""

    def __init__(self, program: str, there: Ground, address: str) -> None:
        self._program, self._there = program, there
        tenant = there.tenant
        upn = next(upn for upn, token in tenant["refresh_tokens"].items() if upn.startswith("adele"))
        self.owner = upn
        self._blobs = BlobServiceClient.from_connection_string(there.storage)
        with contextlib.suppress(Exception):
            self._blobs.create_container("theirs")
        self._config = there.home / "rclone.conf"
        self._config.write_text(self._settings(tenant, upn))
        self._environment = environment(HTTPS_PROXY=address, NO_PROXY="")

    def _settings(self, tenant: dict[str, Any], upn: str) -> str:
        token = {
            "access_token": "expired", "token_type": "Bearer", "refresh_token": tenant["refresh_tokens"][upn],
            "expiry": "2020-01-01T00:00:00Z",
        }  # fmt: skip
        drive = self._drive(tenant, upn)
        sas = generate_account_sas(
            azurite.ACCOUNT, azurite.KEY, ResourceTypes(service=True, container=True, object=True),
            AccountSasPermissions(read=True, write=True, delete=True, list=True, add=True, create=True),
            datetime.now(UTC) + timedelta(hours=2),
        )  # fmt: skip
        return (
            f"[od]\ntype = onedrive\ndrive_type = business\ndrive_id = {drive}\ntoken = {json.dumps(token)}\n"
            f"[az]\ntype = azureblob\nsas_url = {self._blobs.primary_endpoint}?{sas}\n"
        )

    def _drive(self, tenant: dict[str, Any], upn: str) -> str:
        from sandbox.stack import get_token

        url = f"{tenant['graph']}/v1.0/users/{upn}/drive"
        token = get_token(tenant, "backup", "https://graph.microsoft.com")
        return str(ask("GET", url, token=token, ca_file=tenant["ca_file"])["id"])

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


