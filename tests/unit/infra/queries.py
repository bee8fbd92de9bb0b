"""Every KQL query that is deployed or told to people, and where it is asked: the component knows the classic tables
(`traces`), the workspace its own (`StorageBlobLogs`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[3]
INFRA = ROOT / "infra"

Scope = Literal["component", "workspace"]
_SCOPES: dict[str, Scope] = {"insightsId": "component", "workspaceId": "workspace"}


@dataclass(frozen=True, slots=True)
class Query:
    name: str
    scope: Scope
    text: str


def alerts() -> Iterator[Query]:
    """The rules' queries, each in the file of its rule's name, at the scope that the rule names."""
    rules = re.findall(r"\{ name: '([\w-]+)'.*? scope: (\w+),", (INFRA / "modules/alerts.bicep").read_text())
    for name, scope in rules:
        yield Query(name, _SCOPES[scope], (INFRA / f"queries/{name}.kql").read_text())


def workbook() -> Iterator[Query]:
    for item in json.loads((INFRA / "workbook.json").read_text())["items"]:
        if item["type"] == 3:
            asked = item["content"]
            assert (asked["queryType"], asked["resourceType"]) == (0, "microsoft.insights/components")
            yield Query(f"workbook: {asked['title']}", "component", asked["query"])


def docs() -> Iterator[Query]:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for i, text in enumerate(re.findall(r"```kusto\n(.*?)```", page.read_text(), re.DOTALL), start=1):
            yield Query(f"{page.relative_to(ROOT)} {i}", "component", text)


def everywhere() -> list[Query]:
    return [*alerts(), *workbook(), *docs()]
