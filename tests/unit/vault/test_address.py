from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.model import Feed, Owner
from shared.vault import address

# a busy machine is no failure
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SITE = Owner("t-1", "site", "contoso.sharepoint.com,2f3a,9b1c")


def test_names_are_spelled_as_the_format_says():
    feed = Feed(SITE, "files", "b!aBc", "/drives/b!aBc")
    assert (
        address.page_name(feed, 42)
        == "pages/t-1/site-contoso.sharepoint.com=2C2f3a=2C9b1c/files/x7gn7oglzltmz4hi6xwhpe3naj/0000000042.zip"
    )
    digest = "0123456789abcdef" * 4
    assert address.part_name(digest) == f"parts/01/{digest}"


def test_the_tag_is_the_formats():
    # SHA-256 of nothing is e3b0c442..., 4oymiquy... in base32
    assert address.tag("") == "4oymiquy7qobjgx36tejs35zeq"


@pytest.mark.parametrize(("text", "name"), [("..", "=2E=2E"), (".", "=2E"), ("a/b", "a=2Fb"), ("ü", "=C3=BC")])
def test_no_name_leaves_its_folder(text: str, name: str):
    assert address.segment(text) == name


def test_nothing_is_no_name():
    with pytest.raises(ValueError, match="empty"):
        address.segment("")


@CALM
@given(st.text(min_size=1), st.text(min_size=1))
def test_distinct_texts_have_distinct_names(one: str, other: str):
    assert (address.segment(one) == address.segment(other)) == (one == other)


@pytest.mark.parametrize("seq", [0, -1, 10_000_000_000])
def test_a_number_that_does_not_fit_is_refused(seq: int):
    with pytest.raises(ValueError, match="number"):
        address.page_name(Feed(SITE, "files", "x", ""), seq)


def test_a_pages_name_is_read_back():
    feed = Feed(SITE, "files", "x", "")
    said = address.read_page_name(address.page_name(feed, 7))
    assert said is not None
    assert (said.tenant, said.kind, said.feed_tag, said.seq) == ("t-1", "files", address.tag("x"), 7)
    assert address.owner_prefix(SITE) == f"pages/{said.tenant}/{said.owner}/"
    assert address.read_page_name("pages/t/o/k/short/0000000001.zip") is None


@pytest.mark.parametrize("digest", ["", "A" * 64, "a" * 63, "../" + "a" * 61, "a" * 64 + "\n"])
def test_a_chunks_name_is_a_digest(digest: str):
    with pytest.raises(ValueError, match="64"):
        address.part_name(digest)
