"""The templates of infra/, read once."""

from __future__ import annotations

from pathlib import Path

from tests.unit.infra.bicep import Declared, read

ROOT = Path(__file__).parents[3]
INFRA = ROOT / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))
ALL = [each for file in FILES for each in read(file)]


def made(type_: str) -> list[Declared]:
    found = [each for each in ALL if each.kind == "resource" and each.type == type_ and not each.existing]
    assert found, f"no {type_}"
    return found


def in_file(name: str) -> list[Declared]:
    return [each for each in ALL if each.file == name]


def variable(file: str, name: str) -> str:
    [found] = [each for each in in_file(file) if each.kind == "var" and each.name == name]
    return found.body
