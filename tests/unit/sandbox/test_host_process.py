"""The host as a process of its own: ready, stopped, killed, started again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox import process
from sandbox.azurite import Ports
from tests.unit.sandbox.host_play import count, fresh, peek, put

ROOT = Path(__file__).resolve().parents[3]
DEADLINE_S = 180.0  # only so that a hang ends

NOBODY_LISTENS = Ports(9, 9, 9).connection_string

APP = """
import os, pathlib, time
import azure.functions as func

app = func.FunctionApp()

@app.queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="AzureWebJobsStorage")
@app.queue_output(arg_name="out", queue_name="%DONE%", connection="AzureWebJobsStorage")
def work(message: func.QueueMessage, out: func.Out[str]) -> None:
    pathlib.Path("begun").write_text(str(message.dequeue_count))
    while pathlib.Path("hold").exists():
        time.sleep(0.01)
    out.set(message.get_body().decode())

@app.route("setting", methods=["GET"])
def setting(req: func.HttpRequest) -> str:
    return os.environ["FROM_FILE"] + " " + os.environ["FROM_BOTH"]
"""


class Played:
    """One app folder and the host processes started on it."""

    def __init__(self, folder: Path, storage: str) -> None:
        self.folder = folder
        self.queue, self.done = fresh("process"), fresh("done")
        self.storage = storage
        self.children: list[subprocess.Popen[bytes]] = []
        (folder / "function_app.py").write_text(APP)
        (folder / "host.json").write_text('{"version": "2.0"}')
        values = {"FROM_FILE": "file", "FROM_BOTH": "file"}
        (folder / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": values}))

    def start(self, *more: str, **settings: str) -> subprocess.Popen[bytes]:
        (self.folder / "port").unlink(missing_ok=True)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "AzureWebJobsStorage": self.storage,
            "QUEUE": self.queue,
            "DONE": self.done,
            "FROM_BOTH": "environment",
            **settings,
        }
        command = [sys.executable, "-m", "sandbox.host", "--app-dir", ".", "--port", "0", "--port-file", "port", *more]
        with (self.folder / "log").open("ab") as log:
            self.children.append(process.start(command, cwd=self.folder, env=environment, output=log))
        return self.children[-1]

    def port(self) -> int:
        wait_for(lambda: (self.folder / "port").exists() or self.children[-1].poll() is not None)
        assert (self.folder / "port").exists(), self.log
        return int((self.folder / "port").read_text())

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture
def played(azurite: str) -> Iterator[Played]:
    with tempfile.TemporaryDirectory() as folder:
        one = Played(Path(folder), azurite)
        yield one
        for child in one.children:
            process.kill(child)


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_settings_come_from_the_file_and_the_environment_wins(played: Played) -> None:
    played.start()
    with urllib.request.urlopen(f"http://127.0.0.1:{played.port()}/api/setting", timeout=DEADLINE_S) as answer:
        assert answer.read() == b"file environment"


async def test_sigterm_ends_it_in_time_and_leaves_the_message(played: Played) -> None:
    (played.folder / "hold").touch()
    await put(played.storage, played.queue, "unfinished")
    child = played.start("--grace-s", "0.2")
    wait_for(lambda: (played.folder / "begun").exists())
    assert process.end(child) == 0
    assert await count(played.storage, played.queue) == 1
    assert "host stopped" in played.log


async def test_after_sigkill_the_next_host_serves_the_message_again(played: Played) -> None:
    (played.folder / "hold").touch()
    await put(played.storage, played.queue, "survivor")
    child = played.start("--lease-s", "1")
    wait_for(lambda: (played.folder / "begun").exists())
    process.kill(child)
    (played.folder / "hold").unlink()
    (played.folder / "begun").unlink()
    played.start("--lease-s", "1")
    url = f"http://127.0.0.1:{played.port()}/admin/host/idle"
    wait_for(lambda: json.loads(urllib.request.urlopen(url, timeout=DEADLINE_S).read())["idle"])
    assert (played.folder / "begun").read_text() == "2"
    assert await peek(played.storage, played.done) == ["survivor"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"AzureWebJobsStorage": ""}, "setting AzureWebJobsStorage is missing"),
        ({"AzureWebJobsStorage": "nonsense"}, "setting AzureWebJobsStorage is no storage connection string"),
        ({"AzureWebJobsStorage": NOBODY_LISTENS}, "the storage in setting AzureWebJobsStorage does not answer"),
        ({"DONE": ""}, "function work: setting DONE is missing"),
    ],
)
def test_what_is_missing_is_told_in_one_line(played: Played, settings: dict[str, str], told: str) -> None:
    child = played.start(**settings)
    assert child.wait(DEADLINE_S) == 2
    assert told in played.log
    assert "Traceback" not in played.log


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent_code = textwrap.dedent("""
        import pathlib, sys, time
        from sandbox import process
        child = process.start(["sleep", "600"])
        pathlib.Path(sys.argv[1]).write_text(str(child.pid))
        time.sleep(600)
    """)
    pid_file = tmp_path / "pid"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", parent_code, str(pid_file)], env=environment)
    try:
        wait_for(lambda: pid_file.exists() and pid_file.read_text() != "")
        pid = int(pid_file.read_text())
        wait_for(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n")
    finally:
        parent.kill()
        parent.wait()
    wait_for(lambda: not is_alive(pid))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ending_takes_the_whole_group_even_if_it_ignores_sigterm() -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    child = process.start([sys.executable, "-c", code], output=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == b"1\n"
    assert process.end(child, grace_s=0.1) == -9
