"""Fixtures that every suite may ask for; nothing heavy happens at import."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.canary import Ear, left_in_account, left_in_files
from tests.collector import collect_rarely

_EAR = pytest.StashKey[Ear]()
_FIGURES = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    collect_rarely()
    config.stash[_FIGURES] = Counter()
    config.stash[_EAR] = ear = Ear()
    logging.getLogger().addHandler(ear)
    logging.getLogger("holdfast").setLevel(logging.DEBUG)


@pytest.fixture(autouse=True)
def no_secret_is_logged(request: pytest.FixtureRequest) -> Iterator[None]:
    """In any test, whatever it is about."""
    ear = request.config.stash[_EAR]
    ear.heard.clear()
    yield
    assert ear.heard == []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of several tells its figures to the one that reports."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["figures"] = dict(session.config.stash[_FIGURES])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.schedule import ByStack

    return ByStack(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_FIGURES].update(getattr(node, "workeroutput", {}).get("figures", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if figures := config.stash[_FIGURES]:
        terminalreporter.write_line(", ".join(f"{what}: {number}" for what, number in figures.items()))


@pytest.fixture(autouse=True, scope="session")
def no_secret_in_a_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield
    assert left_in_files(tmp_path_factory.getbasetemp()) == []


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """Connection string of a storage account in memory, one for the whole run: use names of your own in it."""
    from sandbox import azurite as emulator

    with emulator.running() as connection_string:
        yield connection_string
        assert asyncio.run(left_in_account(connection_string)) == [], "a secret in what the tests left"


@pytest.fixture(scope="session")
def traffic() -> Path | None:
    """Where Graph exchanges are to be written as *.jsonl (`make test TRAFFIC=DIR`), or None."""
    asked = os.environ.get("TRAFFIC")
    if not asked:
        return None
    folder = Path(asked) / os.environ.get("PYTEST_XDIST_WORKER", "")  # processes share no file
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Counter[str]:
    """Printed when the run ends, for a person to see; those of several processes are added up."""
    return request.config.stash[_FIGURES]
