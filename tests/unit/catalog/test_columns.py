from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.catalog import columns, limits
from shared.catalog.columns import Columns

# a busy machine is no failure
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ANY = st.text(st.characters(codec=None), max_size=40)


def refused(columns_: Columns) -> bool:
    try:
        limits.check_row({"PartitionKey": "p", "RowKey": "r", **columns_})
    except ValueError:
        return True
    return False


@CALM
@given(ANY)
def test_any_text_fits_and_comes_back(text: str):
    escaped = columns.escape(text)
    assert columns.unescape(escaped) == text
    escaped.encode("utf-8")
    assert min(escaped, default=" ") >= " "


@CALM
@given(st.text(st.sampled_from("a\ud800\x00\U0001f600\uf8ff"), min_size=1, max_size=5), st.integers(3990, 4100))
def test_a_label_always_fits_in_a_column(pattern: str, size: int):
    text = (pattern * size)[:size]
    made = columns.label(text)
    assert not refused({"name": made})
    assert columns.unescape(made) == text[: columns.LABEL]


@CALM
@given(st.sampled_from(["a", "\ud800", "\U0001f600", "\uf8ff", "'"]), st.integers(0, 70_000))
def test_a_long_text_is_sliced_and_joined(letter: str, size: int):
    row: Columns = {}
    columns.put_text(row, "cursor", letter * size)
    assert not refused(row)
    assert columns.get_text(row, "cursor") == letter * size


def test_structures_take_no_room_when_empty():
    row: Columns = {}
    columns.put_json(row, "x", {})
    assert row == {}
    assert columns.get_json(row, "x", []) == []
    columns.put_json(row, "x", {"b": [1, "\ud800"]})
    assert columns.get_json(row, "x", {}) == {"b": [1, "\ud800"]}
