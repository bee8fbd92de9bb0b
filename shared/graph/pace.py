"""How long we wait and how often we try again: what answers say about it. Pure; time and randomness are passed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from shared.graph.steps import Reply

LONGEST_WAIT_S = 3600.0  # SharePoint has been seen to ask for this much; more is taken for a mistake
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 1.0, 60.0
MOST_TRIES = {"throttled": 10, "failing": 4, "broken": 5}
SLOW_BELOW = 0.2  # SharePoint sends RateLimit headers when 80 % of the minute are spent


# --- what an answer says -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a request has to be sent again. `throttled`: it was not carried out; otherwise it may have been."""

    kind: Literal["throttled", "failing", "broken"]
    text: str
    wait_s: float | None = None
    sent: bool = True


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the service asked us to wait, within [0, an hour]; None when it did not say, or not in a usable way.

    A date is read against the answer's own Date: the service's clock and ours need not agree.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    seconds = _seconds(text)
    if seconds is None:
        then, sent = _date(text), _date(headers.get("date", ""))
        if then is None:
            return None
        seconds = (then - (sent or now)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT_S)


def throttle_wait_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long a throttled scope waits: Retry-After or RateLimit-Reset, the larger (SharePoint throttling guide)."""
    asked, reset = retry_after_s(headers, now), _seconds(headers.get("ratelimit-reset", ""))
    if reset is None:
        return asked
    return max(asked or 0.0, min(max(reset, 0.0), LONGEST_WAIT_S))


def slow_down_s(headers: Mapping[str, str]) -> float:
    """Pause after an answer that was fine, when little of the minute's budget is left: spread it to the reset."""
    limit, left, reset = (_seconds(headers.get(f"ratelimit-{n}", "")) for n in ("limit", "remaining", "reset"))
    if left is None or reset is None or reset <= 0:
        return 0.0
    if left <= 0:
        return min(reset, LONGEST_WAIT_S)
    if limit and left / limit > SLOW_BELOW:
        return 0.0
    return min(reset, 2.0 * reset / left, LONGEST_WAIT_S)  # a request costs 2 units on average


def diagnose(
    reply: Reply, now: datetime, *, json: bool = True, empty: bool = False, blank: bool = True
) -> Trouble | None:
    """What stands between this reply and being an answer. `json`: JSON is expected; `empty`: no body is fine, too;
    `blank`: also with a 200, which else tells what became of the thing (where there is nothing to tell it is a 204)."""
    status, kind = reply.status, reply.headers.get("content-type", "").lower()
    if status in (429, 509):
        return Trouble("throttled", f"Graph throttles ({status})", throttle_wait_s(reply.headers, now))
    if status == 503 and "retry-after" in reply.headers:
        return Trouble("throttled", "Graph is busy (503)", throttle_wait_s(reply.headers, now))
    # A 503 that names no time may be this one item's for ever (a OneNote section that can't be served).
    if status in (408, 500, 502, 503, 504):
        return Trouble("failing", f"Graph fails ({status})", retry_after_s(reply.headers, now))
    if status == 404 and not reply.body and json and not empty:
        return Trouble("failing", "a gateway answered (404 without a body)")
    bare = empty and (blank or status != 200)
    if 200 <= status < 300 and json and (reply.body or not bare) and status not in (202, 204, 205):
        if not reply.body:
            return Trouble("broken", "Graph answered without a body")
        if "text/html" in kind or (not kind and reply.body.lstrip()[:1] == b"<"):
            return Trouble("broken", "a gateway answered with a page of HTML")
        if "json" in kind and reply.body.rstrip()[-1:] not in (b"}", b"]"):
            return Trouble("broken", "Graph's JSON breaks off")
    return None


def _seconds(text: str) -> float | None:
    text = text.strip()
    number = text[1:] if text[:1] in "+-" else text
    if not number or len(number) > 30 or not number.isascii() or not number.replace(".", "", 1).isdigit():
        return None
    return float(text)


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else None


# --- how often one request is tried -------------------------------------------------------------------------------


def backoff_s(attempt: int, random: Callable[[], float]) -> float:
    """Doubling from a second to a minute, half of it by chance, so that those who failed together part."""
    return float(min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(attempt, 16))) * (0.5 + random() / 2)


@dataclass(slots=True)
class Patience:
    """What one request may still cost: tries by sort of trouble, and seconds of waiting."""

    left_s: float
    random: Callable[[], float]
    tries: dict[str, int] = field(default_factory=dict)

    def wait_s(self, trouble: Trouble) -> float | None:
        """Seconds to wait before the next try; None: give up. What the service asked for holds; repeats wait longer."""
        tried = self.tries[trouble.kind] = self.tries.get(trouble.kind, 0) + 1
        if tried >= MOST_TRIES[trouble.kind]:
            return None
        grown = backoff_s(tried - 1, self.random)
        if trouble.wait_s is None:
            return grown
        return trouble.wait_s if tried == 1 else max(trouble.wait_s, grown)

    def spend(self, seconds: float) -> bool:
        """Whether these seconds are still in the purse; then they are gone."""
        if seconds > self.left_s:
            return False
        self.left_s -= seconds
        return True

    def refill(self) -> None:
        """Progress was made: failures before it no longer count."""
        self.tries.clear()
