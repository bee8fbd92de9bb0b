"""What answers say about waiting, and how often one request is tried."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.graph import pace
from shared.graph.pace import Patience, Trouble
from shared.graph.steps import Reply

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30), ("0", 0), ("-5", 0), ("1.5", 1.5), (" 7 ", 7), ("3600", 3600), ("86400", 3600), ("9" * 25, 3600),
        ("9" * 40, None), ("1e9", None), ("", None), ("soon", None), ("٣", None), ("nan", None), ("inf", None),
        ("Sat, 21 Nov 2026 12:02:00 GMT", 120), ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
        ("Sun, 22 Nov 2026 12:00:00 GMT", 3600), ("Sat, 99 Nov 2026 12:02:00 GMT", None),
        ("2026-11-21T12:02:00Z", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_all_its_forms(value: str, seconds: float | None) -> None:
    assert pace.retry_after_s({"retry-after": value}, NOW) == seconds


def test_a_date_is_read_against_the_clock_of_the_service() -> None:
    headers = {"retry-after": "Sat, 21 Nov 2026 12:11:00 GMT", "date": "Sat, 21 Nov 2026 12:10:00 GMT"}
    assert pace.retry_after_s(headers, NOW) == 60


def test_the_larger_of_retry_after_and_reset_counts() -> None:
    assert pace.throttle_wait_s({"retry-after": "10", "ratelimit-reset": "40"}, NOW) == 40
    assert pace.throttle_wait_s({"retry-after": "50", "ratelimit-reset": "40"}, NOW) == 50
    assert pace.throttle_wait_s({"ratelimit-reset": "40"}, NOW) == 40
    assert pace.throttle_wait_s({}, NOW) is None


@pytest.mark.parametrize(
    ("limit", "left", "reset", "slow"),
    [
        ("1250", "1000", "30", 0), ("1250", "200", "30", 0.3), ("1250", "2", "30", 30), ("1250", "0", "30", 30),
        ("", "10", "30", 6), ("1250", "10", "", 0), ("x", "y", "z", 0), ("1250", "1", "99999", 3600),
    ],
)  # fmt: skip
def test_little_left_slows_down_before_the_first_refusal(limit: str, left: str, reset: str, slow: float) -> None:
    headers = {"ratelimit-limit": limit, "ratelimit-remaining": left, "ratelimit-reset": reset}
    assert pace.slow_down_s(headers) == pytest.approx(slow)


def test_backoff_doubles_up_to_a_minute_and_half_of_it_is_chance() -> None:
    assert [pace.backoff_s(n, lambda: 1.0) for n in (0, 1, 2, 5, 6, 99)] == [1, 2, 4, 32, 60, 60]
    assert [pace.backoff_s(n, lambda: 0.0) for n in (0, 1, 99)] == [0.5, 1, 30]


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, b'{"value":[]}', JSON), None), (Reply(200, b"[1]\n", JSON), None), (Reply(204), None),
        (Reply(202), None), (Reply(304), None), (Reply(400, b"{}"), None), (Reply(404, b"{}"), None),
        (Reply(302), None), (Reply(423, b"{}"), None), (Reply(507, b"{}"), None),
        (Reply(429), "throttled"), (Reply(503, b"", {"retry-after": "5"}), "throttled"), (Reply(509), "throttled"),
        (Reply(503), "failing"),
        (Reply(500, b"{}"), "failing"), (Reply(502), "failing"), (Reply(504), "failing"), (Reply(408), "failing"),
        (Reply(404), "failing"), (Reply(200), "broken"), (Reply(200, b'{"value":[', JSON), "broken"),
        (Reply(200, b"<html>", {"content-type": "text/html; charset=utf-8"}), "broken"),
        (Reply(200, b" <!DOCTYPE"), "broken"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_seen(reply: Reply, kind: str | None) -> None:
    trouble = pace.diagnose(reply, NOW)
    assert (trouble.kind if trouble else None) == kind


def test_native_content_may_be_empty_or_html() -> None:
    assert pace.diagnose(Reply(200), NOW, json=False) is None
    assert pace.diagnose(Reply(200, b"<html>", {"content-type": "text/html"}), NOW, json=False) is None


def test_a_write_may_be_answered_without_a_body_but_not_with_a_page() -> None:
    assert pace.diagnose(Reply(200), NOW, empty=True) is None
    assert pace.diagnose(Reply(200, b"<html>", {"content-type": "text/html"}), NOW, empty=True) is not None


def test_a_write_that_is_told_of_in_no_word_is_not_answered() -> None:
    told = [pace.diagnose(Reply(status), NOW, empty=True, blank=False) for status in (200, 201, 202, 204, 404)]
    assert [trouble is None for trouble in told] == [False, True, True, True, True]


def test_what_the_service_asks_for_is_waited_and_repeats_grow() -> None:
    patience = Patience(1e9, lambda: 1.0)
    waits = [patience.wait_s(Trouble("throttled", "", 1.0)) for _ in range(5)]
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert patience.wait_s(Trouble("throttled", "", 100.0)) == 100.0


def test_tries_end_by_sort_of_trouble() -> None:
    patience = Patience(1e9, lambda: 0.0)
    assert [patience.wait_s(Trouble("failing", "")) is None for _ in range(4)] == [False, False, False, True]
    assert patience.wait_s(Trouble("broken", "")) is not None


def test_the_purse_is_not_overdrawn() -> None:
    patience = Patience(60.0, lambda: 0.0)
    assert patience.spend(40) and not patience.spend(30) and patience.spend(20)
