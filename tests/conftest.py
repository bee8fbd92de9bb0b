"""Fixtures that every suite may ask for; nothing heavy happens at import."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_CLOSING_LINES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_CLOSING_LINES] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[_CLOSING_LINES]:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """Connection string of a storage account in memory, one for the whole run: use names of your own in it."""
    from sandbox import azurite as emulator

    with emulator.running() as connection_string:
        yield connection_string


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
