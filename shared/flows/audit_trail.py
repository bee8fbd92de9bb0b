"""The audit in the vault: what the audit table gathers is written into pages that nobody can change.

A page covers a span of time, names the digest of the page before it, and is created once. What comes late to a span
that is covered already stands in the next page. Rows can be changed and deleted; a page shows that somebody did.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.catalog.columns import write_time
from shared.catalog.nouns import AuditRow
from shared.errors import Damaged, DigestMismatch, FormatUnknown
from shared.flows.house import House
from shared.model import Json
from shared.vault import address, manifest

SETTLING = timedelta(minutes=5)  # a row is written within seconds of its time
LATE = timedelta(hours=2)  # ... and looked for once more so long afterwards
MOST_LINES = 5000  # of one page: a megabyte or so
CHECKED = 100  # the newest pages, whose chain a daily look follows
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AuditPage:
    number: int
    begin: datetime
    end: datetime
    prev: str
    lines: tuple[Json, ...]
    digest: str


async def write(house: House) -> int:
    """Write what was noted since the newest page; how many pages. Whoever loses the race for a number goes on behind
    the winner's page, so that nothing stands twice."""
    written = 0
    newest = await _newest(house)
    while True:
        begin = newest.end if newest else BEGINNING
        end = house.clock.now() - SETTLING
        if end <= begin:
            return written
        lines = await _new_lines(house, begin, end)
        if not lines:
            return written
        if len(lines) > MOST_LINES:  # no page ends within a moment: the last one's lines come all with the next
            lines, end = _cut(lines, end)
        page = _page(house.tenant, newest, begin, end, lines)
        name = address.audit_name(house.tenant, newest.number + 1 if newest else 1)
        written += await house.vault.put_back(name, page)
        newest = read_page(name, await house.vault.raw(name))


async def _new_lines(house: House, begin: datetime, end: datetime) -> list[Json]:
    """Rows of the span, and those of just before it that no page holds."""
    since = max(begin - LATE, BEGINNING)
    known: set[bytes] = set()
    if begin > BEGINNING:
        async for page in _back(house):
            known |= {manifest.dump(line) for line in page.lines}
            if page.begin <= since:
                break
    rows = await house.catalog.audits_between(since, end)
    return [line for line in map(_line, rows) if manifest.dump(line) not in known]


def _cut(lines: Sequence[Json], end: datetime) -> tuple[list[Json], datetime]:
    last = str(lines[MOST_LINES]["at"])
    kept = [line for line in lines if str(line["at"]) < last]
    return (kept, datetime.fromisoformat(last)) if kept else (list(lines), end)


def _line(row: AuditRow) -> Json:
    said = {"who": row.who, "action": row.action, "subject": row.subject, "result": row.result}
    return {"at": write_time(row.at), **said}


def _page(tenant: str, before: AuditPage | None, begin: datetime, end: datetime, lines: Sequence[Json]) -> bytes:
    head = {
        "format": manifest.FORMAT, "tenant": tenant, "number": before.number + 1 if before else 1,
        "from": write_time(begin), "until": write_time(end), "prev": before.digest if before else "",
        "lines": len(lines),
    }  # fmt: skip
    return b"".join(manifest.dump(entry) + b"\n" for entry in (head, *lines))


def read_page(name: str, data: bytes) -> AuditPage:
    """Raises FormatUnknown for what is no page of the audit."""
    try:
        head, *lines = [manifest.load(line) for line in data.splitlines()]
        if head["format"] != manifest.FORMAT or head["lines"] != len(lines):
            raise ValueError("another format, or lines are missing")
        begin, end = datetime.fromisoformat(head["from"]), datetime.fromisoformat(head["until"])
        number, prev = int(head["number"]), str(head["prev"])
    except (ValueError, KeyError, TypeError) as why:
        raise FormatUnknown(f"{name}: no page of the audit ({type(why).__name__})") from None
    return AuditPage(number, begin, end, prev, tuple(lines), hashlib.sha256(data).hexdigest())


# --- reading ----------------------------------------------------------------------------------------------------------


async def _names(house: House) -> list[str]:
    return [stamp.name async for stamp in house.vault.survey(address.audit_prefix(house.tenant))]


async def _newest(house: House) -> AuditPage | None:
    names = await _names(house)
    return read_page(names[-1], await house.vault.raw(names[-1])) if names else None


async def _back(house: House) -> AsyncIterator[AuditPage]:
    """Pages, the newest first."""
    for name in reversed(await _names(house)):
        yield read_page(name, await house.vault.raw(name))


async def check(house: House) -> list[str]:
    """What is wrong with the newest pages, in words; nothing when their chain is whole and each row is still there."""
    names = (await _names(house))[-CHECKED:]
    wrong: list[str] = []
    before: AuditPage | None = None
    for name in names:
        try:
            page = read_page(name, await house.vault.raw(name))
        except Damaged as why:
            wrong.append(str(why))
            before = None
            continue
        if before and (page.number != before.number + 1 or page.prev != before.digest or page.begin != before.end):
            wrong.append(str(DigestMismatch(f"{name}: it does not go on from the page before it")))
        before = page
    if before is not None:
        there = await house.catalog.audits_between(before.begin - LATE, before.end)
        rows = {manifest.dump(_line(row)) for row in there}
        if any(manifest.dump(line) not in rows for line in before.lines):
            wrong.append("the audit table no longer says what the vault's newest page of it says")
    return wrong
