"""Pages of OneNote: what is taken of them, what their HTML may name, and what a run does with odd ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.tenant.happenings import mutate
from sandbox.tenant.state import Options
from shared.errors import NotPermitted, OwnerMissing
from shared.flows import plan
from shared.flows.house import Limits, Policy
from shared.graph.steps import Fetch, Reply
from shared.kinds.onenote import OneNote
from shared.kinds.onenote_pages import LEFT_OUT, NO_PAGE, RESOURCES, resources
from shared.model import Capture, Feed, Lost, Owner, Part, Seen, Vanished
from tests.contract.kinds_stage import Stage, staged
from tests.play import error, ok, play
from tests.rig import Probe, Worlds, drain, load, process, save, worlds

ADELE = Owner("t1", "user", "u1")
FEED = Feed(ADELE, "onenote", "s1", "/users/u1/onenote/sections/s1", name="Plans")
SEEN = Seen("p1", {"id": "p1", "title": "The plan"}, "t", name="The plan")
ROOT = "https://graph.microsoft.com/v1.0/users('u1')/onenote/resources"


def html(body: str, head: str = '<meta name="created" content="2026-01-01" />') -> Reply:
    page = f"<html><head>{head}</head><body>{body}</body></html>"
    return Reply(200, page.encode(), {"content-type": "text/html"})


def test_of_an_image_the_original_is_taken_and_of_a_file_its_name() -> None:
    body = f'<img src="{ROOT}/small/$value" data-fullres-src="{ROOT}/full/$value" data-fullres-src-type="image/jpeg">'
    body += f'<object data="{ROOT}/0-a!1-b/$value" data-attachment="Offer.PDF" type="application/pdf" />'
    taken, asked = play(OneNote().capture(FEED, SEEN, None), html(body), Reply(200, b"jpg"), Reply(200, b"pdf"))
    assert isinstance(taken, Capture)
    paths = [step.path.removeprefix("/users/u1/onenote/") for step in asked]
    assert paths == ["pages/p1/content", "resources/full/content", "resources/0-a%211-b/content"]
    assert taken.record[RESOURCES] == [
        {"id": "full", "type": "image/jpeg", "name": "", "o365:Part": "resource-1", "o365:Suffix": ".jpg"},
        {"id": "0-a!1-b", "type": "application/pdf", "name": "Offer.PDF", "o365:Part": "resource-2",
         "o365:Suffix": ".pdf"},
    ]  # fmt: skip
    assert taken.parts["resource-2"] == b"pdf"
    assert taken.suffixes["content"] == ".html"


@pytest.mark.parametrize("url", [
    "https://evil.example/x.png", "/etc/passwd", "https://evil.example/resources/../../me/content", "data:image/png,x",
    "javascript:alert(1)", "",
])  # fmt: skip
def test_a_page_leads_nowhere_but_to_resources_of_its_owner(url: str) -> None:
    found = resources(f'<img src="{url}"><object data="{url}" type="x">'.encode())
    assert [one for one in found if "/" in one.id] == []
    _, asked = play(OneNote().capture(FEED, SEEN, None), html(f'<img src="{url}">'), *[error(404)] * len(found))
    assert all(step.path.startswith("/users/u1/onenote/") and ".." not in step.path for step in asked)


def test_what_is_shown_twice_is_taken_once() -> None:
    image = f'<img src="{ROOT}/a/$value" data-src-type="image/png">'
    assert [one.suffix for one in resources((image + image).encode())] == [".png"]


def test_what_is_gone_is_noted_and_what_fails_is_owed() -> None:
    page = html(f'<img src="{ROOT}/a/$value">')
    taken, _ = play(OneNote().capture(FEED, SEEN, None), page, error(404, "20102"))
    assert isinstance(taken, Capture)
    assert "404 20102" in taken.notes[0]
    assert "o365:Part" not in taken.record[RESOURCES][0]
    owed, _ = play(OneNote().capture(FEED, SEEN, None), page, error(503, "10007"))
    assert isinstance(owed, Lost)


def test_a_gateway_s_page_is_no_page_of_onenote() -> None:
    taken, _ = play(OneNote().capture(FEED, SEEN, None), html("<h1>Our services aren't available</h1>", head=""))
    assert taken == Lost(NO_PAGE)


def test_handwriting_that_the_service_leaves_out_is_noted() -> None:
    taken, _ = play(OneNote().capture(FEED, SEEN, None), html("<!-- InkNode is not supported -->"))
    assert isinstance(taken, Capture)
    assert taken.notes == (LEFT_OUT,)


def test_an_attached_page_of_html_is_bytes_like_any_other() -> None:
    body = f'<object data="{ROOT}/a/$value" data-attachment="p.html" type="text/html" /><img src="{ROOT}/b/$value">'
    _, asked = play(OneNote().capture(FEED, SEEN, None), html(body), Reply(200, b"<p>"), Reply(200, b"png"))
    assert [step.never_html for step in asked if isinstance(step, Fetch)] == [False, False, True]


def test_a_page_whose_text_is_kept_already_is_not_read_again() -> None:
    taken, _ = play(OneNote().capture(FEED, SEEN, None), html(f'<img src="{ROOT}/a/$value">'), Reply(200, b"png"))
    assert isinstance(taken, Capture)
    prior: Any = type("Prior", (), {"parts": {
        "record": Part("r", 1), "content": Part("c", 1), "resource-1": Part("i", 1),
    }})()  # fmt: skip
    page = taken.parts["content"]
    assert isinstance(page, bytes)
    again, asked = play(OneNote().capture(FEED, SEEN, prior), Reply(200, page))
    assert isinstance(again, Capture)
    assert [step.path for step in asked] == [""]  # out of the vault
    assert again.parts == {"content": Part("c", 1), "resource-1": Part("i", 1)}
    assert again.record == taken.record


def test_a_page_that_is_gone_meanwhile_is_no_loss() -> None:
    taken, _ = play(OneNote().capture(FEED, SEEN, None), error(404, "20102"))
    assert taken == Vanished()


@pytest.mark.parametrize(("status", "code", "verdict", "says"), [
    (401, "40001", NotPermitted, "Notes.Read.All"),
    (403, "40003", NotPermitted, "M365_NOTES_OWNERS"),
    (403, "10008", NotPermitted, "5,000 OneNote items"),
    (400, "10013", NotPermitted, "20,000 items"),
    (404, "30108", OwnerMissing, "not there"),
])  # fmt: skip
def test_what_the_service_says_of_an_owner_is_told_with_its_remedy(
    status: int, code: str, verdict: type[Exception], says: str
) -> None:
    [root] = play(OneNote().feeds(ADELE))[0]
    with pytest.raises(verdict, match=says):
        play(OneNote().changes(root, None), error(status, code))


def test_a_longer_list_is_followed_to_its_end() -> None:
    link = "https://graph.microsoft.com/v1.0/next"
    some = {"value": [{"id": "p1", "title": "One"}], "@odata.nextLink": link}
    listing, asked = play(OneNote().changes(FEED, None), ok(some), ok({"value": [{"id": "p2", "title": "Two"}]}))
    assert [change.item_id for change in listing.changes] == ["p1", "p2"]
    assert asked[1].path == link


# --- with a tenant


async def test_awkward_pages_are_kept_and_told(traffic: Any) -> None:
    async with staged("onenote", traffic, seed="awkward") as stage:
        run = await stage.back_up(stage.owner("adele"))
        assert (run.state, run.account.lost) == ("done", 0)
        notes = {v.name: v.notes for _, v in await stage.kept(stage.owner("adele"))}
        assert notes["Ink"] == (LEFT_OUT,)
        assert notes["Torn"] == () and notes["Elsewhere"] == ()  # an address elsewhere is none of ours
        assert sum(name.startswith("Day ") for name in notes) == 120
        page = await _record(stage, "The plan")
        assert (page["level"], page["order"], page["parentSection"]["displayName"]) == (0, 0, "Plans")
        assert not {"self", "contentUrl"} & page.keys()


async def _record(stage: Stage, name: str) -> Any:
    [version] = [v for _, v in await stage.kept(stage.owner("adele")) if v.name == name]
    vault = stage.house().vault
    return json.loads(b"".join([b async for b in vault.stream(version.parts["record"])]))


async def test_a_section_under_a_password_hides_itself_alone() -> None:
    async with staged("onenote") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        before = {v.name for _, v in await stage.kept(owner)}
        mutate(stage.worlds.tenant, [
            {"do": "lock_section", "owner": owner.name, "section": "Work/Archive/2025/Old"},
            {"do": "add_note", "owner": owner.name, "section": "Work/Plans", "title": "New"},
        ])  # fmt: skip
        run = await stage.back_up(owner)
        assert run.state == "partial"
        assert any("'Old'" in problem and "40008" in problem for problem in run.problems)
        assert {v.name for _, v in await stage.kept(owner)} == before | {"New"}


async def test_a_page_that_can_not_be_read_is_owed_until_it_can() -> None:
    async with staged("onenote") as stage:
        owner = stage.owner("adele")
        mutate(stage.worlds.tenant, [
            {"do": "add_note", "owner": owner.name, "section": "Work/Plans", "title": "Bad", "broken": 500},
        ])  # fmt: skip
        run = await stage.back_up(owner)
        assert run.account.lost == 1
        mutate(stage.worlds.tenant, [
            {"do": "edit_note", "owner": owner.name, "section": "Work/Plans", "title": "Bad", "html": "<p>well</p>"},
        ])  # fmt: skip
        await stage.back_up(owner)
        assert await stage.house().catalog.owed(owner) == []


async def test_a_section_that_is_gone_keeps_its_past() -> None:
    async with staged("onenote") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        then = stage.worlds.clock.now()
        mutate(stage.worlds.tenant, [{"do": "delete_section", "owner": owner.name, "section": "Work/Plans"}])
        run = await stage.back_up(owner)
        assert run.state == "done"
        assert "The plan" not in {v.name for _, v in await stage.kept(owner)}
        assert "The plan" in {v.name for _, v in await stage.kept(owner, then)}


async def test_somebody_who_shared_nothing_is_told_of_and_costs_one_request() -> None:
    async with staged("onenote") as stage:
        run = await stage.back_up(stage.owner("bernd"))
        assert run.state == "blocked"
        assert "M365_NOTES_OWNERS" in run.problems[0]
        assert sum(stage.asked("backup").values()) == 1


async def test_many_pages_wait_for_the_service_s_hour_and_are_never_refused() -> None:
    async with staged("onenote", limits=Limits()) as stage:
        owner, tenant = stage.owner("adele"), stage.worlds.tenant
        mutate(tenant, [
            {"do": "add_note", "owner": owner.name, "section": f"Work/S{n % 5}", "title": f"Page {n}"}
            for n in range(900)
        ])  # fmt: skip
        began = stage.worlds.clock.now()
        run = await stage.back_up(owner)
        assert (run.state, run.account.lost) == ("done", 0)
        assert run.account.kept >= 900
        assert tenant.throttle.refused["onenote"] == 0
        assert (stage.worlds.clock.now() - began).total_seconds() > 2 * 3600


async def test_nobody_is_asked_for_unless_somebody_signed_in_and_sees_them() -> None:
    async with worlds(options=Options(latency_s=0)) as there:
        for policy, lanes in (
            (Policy(kinds=("onenote",)), 0),
            (Policy(kinds=("onenote",), signed_in=True, shared_with=("adele@*",)), 1),
        ):
            house = process(there, policy=policy)
            await plan.tick(house)
            await drain(there, house)
            rows = [row for row in await house.catalog.every_lane() if row.lane.name == "notes"]
            assert len(rows) == lanes


# --- a process that dies


async def _backed_up(there: Worlds, probe: Probe) -> list[Any]:
    policy = Policy(kinds=("onenote",), signed_in=True)

    def again() -> Any:
        return process(there, policy=policy)

    user = next(iter(there.tenant.users.values()))
    owner = Owner(there.tenant.id, "user", user.id, user.upn)
    await plan.now(again(), [owner.id])
    await drain(there, process(there, probe, Limits(), policy), again)
    house = again()
    found = []
    for state in await house.catalog.feeds(owner, "onenote"):
        async for version in house.catalog.alive(state.feed):
            for part in version.parts.values():
                assert len(b"".join([b async for b in house.vault.stream(part)])) == part.size
            found.append((version.name, version.tag, sorted(version.parts)))
    assert await house.catalog.owed(owner) == []
    return sorted(found)


@pytest.mark.parametrize("when", ["before", "after", "torn"])
async def test_a_backup_that_dies_at_any_effect_ends_as_if_it_had_not(when: str) -> None:
    async with worlds(options=Options(latency_s=0)) as there:
        start, clean = save(there), Probe()
        truth = await _backed_up(there, clean)
        assert len(truth) == 8
        for number in range(1, clean.count + 1):
            if when == "torn" and not clean.trace[number - 1].startswith("graph "):
                continue
            load(there, start)
            found = await _backed_up(there, Probe(die_at=number, mode=when))
            assert found == truth, f"{when} {clean.trace[number - 1]}"
