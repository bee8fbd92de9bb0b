"""Small answers of a listing are put together before a page is committed."""

from __future__ import annotations

from shared.flows.house import Limits
from tests.contract.kinds_stage import Stage, staged

SMALL = {"seed": "awkward", "delta_page_max": 4}


def pages(stage: Stage) -> int:
    return sum(name.startswith("pages/") for name in stage.worlds.blobs.blobs)


async def backed_up(gathered: int) -> int:
    async with staged("contacts", limits=Limits(gathered_items=gathered), **SMALL) as stage:
        run = await stage.back_up(stage.owner("adele"))
        assert (run.state, run.account.kept, run.account.balanced) == ("done", 34, True)
        return pages(stage)


async def test_answers_of_a_few_items_make_one_page_together() -> None:
    one_by_one, together = await backed_up(1), await backed_up(250)
    assert together <= 9 < one_by_one  # nine feeds


async def test_what_was_listed_before_trouble_is_kept_and_the_trouble_is_told() -> None:
    async with staged("contacts", **SMALL) as stage:
        later = {"method": "GET", "path": "contacts/delta.*token", "from": 3}
        stage.worlds.tenant.faults.plan([{"match": later, "do": "status", "status": 403, "code": "ErrorAccessDenied"}])
        run = await stage.back_up(stage.owner("adele"))
        assert run.state == "partial"
        assert any("403 ErrorAccessDenied" in problem for problem in run.problems)
        kept = run.account.kept
        stage.worlds.tenant.faults.plan([])
        run = await stage.back_up(stage.owner("adele"))
        assert (run.state, kept + run.account.kept) == ("done", 34)
        assert run.account.kept < 20
