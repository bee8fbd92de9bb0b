"""A OneDrive and a site come back equal, member by member: the benchmark's comparison, on a few dozen items."""

from __future__ import annotations

from bench import whole
from bench.figures import Chapter


def figures(chapter: Chapter) -> dict[str, float]:
    assert [f"{f.name}: {f.value} {f.note}" for f in chapter.figures if f.met is False] == []
    return {figure.name: figure.value for figure in chapter.figures}


async def test_a_onedrive_comes_back_file_by_file_with_its_sharing() -> None:
    found = figures(await whole.a_drive(lambda text: None, 60))
    assert found["files: items compared"] > 100  # folders too


async def test_a_site_comes_back_with_libraries_lists_and_pages() -> None:
    found = figures(await whole.a_site(lambda text: None, 30))
    assert found["files: items compared"] > 100
    assert found["lists: items compared"] > 40
    assert found["pages: items compared"] == 7
