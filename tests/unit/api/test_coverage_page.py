"""The report as a page and as a table: nothing in it runs, is fetched, or is taken for a formula."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from shared.api import coverage_page
from shared.catalog.nouns import Owed
from shared.catalog.standing import CoverageLine, CoverageReport, Standing
from shared.model import Owner

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=y>', "=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-1", " =1", "\t=1",
    "a\r\nFAKE,LINE", "&lt;", "javascript:x", "\u202egpj", "%0A=1", "\ud800",
)  # fmt: skip


def line(name: str = "ann@contoso.example", standing: Standing = "ok", text: str = "", number: int = 1) -> CoverageLine:
    owner = Owner("t", "user", f"u{number}", name)
    return CoverageLine(owner, "mail", "Mail", standing, text, NOON, NOON, 12, 11, 0, 0, 1, None, 3_000_000)


def report(*lines: CoverageLine, losses: tuple[Owed, ...] = ()) -> CoverageReport:
    counts: dict[Standing, int] = {}
    for one in lines:
        counts[one.standing] = counts.get(one.standing, 0) + 1
    return CoverageReport(NOON, 24, len({one.owner.key for one in lines}), lines, losses, len(losses), counts)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(made: bytes) -> Reader:
    reader = Reader()
    reader.feed(made.decode("utf-8"))
    return reader


def test_names_from_a_tenant_are_text_and_nothing_else() -> None:
    owed = Owed(Owner("t", "user", "u", HOSTILE[1]), "mail", "f", "i", HOSTILE[0], HOSTILE[1], 2, NOON, NOON)
    lines = [line(name, "gap", name, n) for n, name in enumerate(HOSTILE)]
    found = read(coverage_page.page(report(*lines, losses=(owed,))))
    known = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "b", "div", "table", "tr", "th", "td"}
    assert {tag for tag, _ in found.tags} == known
    assert {name for _, attrs in found.tags for name in attrs} <= {"class", "lang", "charset", "name", "content"}
    assert HOSTILE[0] in found.text and HOSTILE[1] in found.text and "\u202e" not in found.text


def test_nothing_may_run_or_be_fetched() -> None:
    policy = coverage_page.HEADERS["Content-Security-Policy"]
    style = re.search(r"<style>(.*?)</style>", coverage_page.page(report(line())).decode(), re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'") and "sandbox" in policy
    assert "unsafe" not in policy and "url(" not in style[1] and "@import" not in style[1]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_cell_is_taken_for_a_formula_or_for_another_line(name: str) -> None:
    text = coverage_page.table(report(line(name, "gap", name))).decode("utf-8-sig")
    head, row = csv.reader(io.StringIO(text))
    assert len(row) == len(head) == len(coverage_page.COLUMNS) and text.count("\r\n") == 2
    for cell in row:
        assert not re.match(r"\s*[=+\-@|%]", cell) and not set(cell) & set("\t\r\n")


@pytest.mark.parametrize(
    ("standings", "says"),
    [
        (["ok", "ok"], "Everything that Microsoft 365 showed is kept for all 2 owners."),
        (["none", "ok"], "Everything that Microsoft 365 showed is kept for all 2 owners."),
        (["owed", "ok"], "Backups are on time. Something is still open for 1 of 2 owners."),
        (["gap", "late"], "2 of 2 owners need attention."),
        ([], "Nobody is covered yet"),
    ],
)
def test_the_first_sentence_tells_how_it_stands(standings: list[Standing], says: str) -> None:
    lines = [line(standing=standing, number=n) for n, standing in enumerate(standings)]
    assert says in read(coverage_page.page(report(*lines))).text


def test_a_page_of_many_lines_tells_where_the_rest_is() -> None:
    lines = [line(number=n) for n in range(coverage_page.MOST_LINES + 5)]
    made = coverage_page.page(report(*lines))
    assert "The first 2,000 of 2,005; the table has all." in read(made).text
    assert coverage_page.table(report(*lines)).count(b"\r\n") == 2006
