"""Fixtures that every suite may ask for; nothing heavy happens at import."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.canary import Ear, left_in_account, left_in_files
from tests.collector import collect_rarely

_EAR = pytest.StashKey[Ear]()
_CLOSING_LINES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    collect_rarely()
    config.stash[_CLOSING_LINES] = []
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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[_CLOSING_LINES]:
        terminalreporter.write_line(line)


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
def closing_lines(request: pytest.FixtureRequest) -> list[str]:
    """Lines appended here are printed when the run ends, for figures that a person should see."""
    return request.config.stash[_CLOSING_LINES]
