"""mbox and Maildir as other programs read them."""

from __future__ import annotations

import mailbox
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.export import letters

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
NOON = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
LINES = st.lists(
    st.sampled_from([b"From ann", b">From bo", b">>From x", b"from", b"", b"text", b"Fro", b" From y", b"\xff\x00"])
)


def quoted(message: bytes, cuts: list[int]) -> bytes:
    quoting, at, out = letters.Quoting(), 0, b""
    for cut in sorted(cuts):
        out += quoting.write(message[at : max(at, cut)])
        at = max(at, cut)
    return out + quoting.write(message[at:]) + quoting.end()


@CALM
@given(
    st.lists(st.tuples(LINES, st.booleans()), min_size=1, max_size=4),
    st.sampled_from([b"\r\n", b"\n"]),
    st.lists(st.integers(0, 200), max_size=5),
)
def test_messages_are_split_where_they_were_and_come_back(
    tmp_path: Path, messages: list[tuple[list[bytes], bool]], end: bytes, cuts: list[int]
) -> None:
    texts = [end.join([b"Subject: x", b"", *lines]) + (end if last else b"") for lines, last in messages]
    data = b"".join(letters.separator({}, NOON) + quoted(text, cuts) for text in texts)
    (tmp_path / "box").write_bytes(data)
    box = mailbox.mbox(tmp_path / "box")
    found = [box.get_bytes(key) for key in list(box.iterkeys())]
    box.close()
    wanted = [text.replace(b"\r\n", b"\n") for text in texts]
    plain = [re.sub(rb"^>(>*From )", rb"\1", text, flags=re.M).removeprefix(b"Status: O\n") for text in found]
    assert [text.removesuffix(b"\n") for text in plain] == [text.removesuffix(b"\n") for text in wanted]


def test_an_endless_line_is_not_held_in_memory() -> None:
    quoting, piece, most = letters.Quoting(), b"x" * 100_000, 0
    written = 0
    for _ in range(100):
        written += len(quoting.write(piece))
        most = max(most, len(quoting._waiting))
    assert most <= 2 << 20 and written + len(quoting.write(b"From x\nFrom y\n")) + 2 >= 10_000_000
    assert quoting.end().endswith(b"\n")


@pytest.mark.parametrize(
    ("record", "line"),
    [
        ({"from": {"emailAddress": {"address": "ann@x.example"}}}, b"From ann@x.example Sun Mar  1 12:00:05 2026\n"),
        ({"from": {"emailAddress": {"address": "a b\nFrom evil"}}}, b"From MAILER-DAEMON Sun Mar  1 12:00:05 2026\n"),
        ({"from": None, "sender": "odd"}, b"From MAILER-DAEMON Sun Mar  1 12:00:05 2026\n"),
    ],
)
def test_the_separator_names_the_sender_and_nothing_breaks_out_of_it(record: dict[str, Any], line: bytes) -> None:
    assert letters.separator(record, NOON).startswith(line)
    assert letters.separator(record, NOON).count(b"\n") == 2


def test_flags_are_those_of_outlook() -> None:
    record = {"isRead": True, "isDraft": True, "flag": {"flagStatus": "flagged"}}
    assert letters.maildir_name("AAA/+", 7, record, NOON).endswith("_7.holdfast:2,DFS")
    assert letters.separator(record, NOON).endswith(b"Status: RO\nX-Status: FT\n")
    assert letters.maildir_name("AAA/+", 7, {"flag": None}, NOON).endswith(":2,")
