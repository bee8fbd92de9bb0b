"""What tasks, rules, settings and profiles promise beyond what every kind does: nothing acts, all is told."""

from __future__ import annotations

from sandbox.tenant.happenings import mutate
from shared.model import Place
from tests.contract.kinds_stage import Stage, staged

DAY_S = 86_400


async def members(stage: Stage, owner: str, name: str) -> dict[str, object]:
    """The kept record of that name."""
    house = stage.house()
    found = [version for _, version in await stage.kept(stage.owner(owner)) if version.name == name]
    return await house.vault.record(found[0])


async def test_a_step_that_changed_in_silence_is_seen_by_the_weekly_listing() -> None:
    async with staged("tasks") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        change = {
            "do": "edit_checklist",
            "user": "adele@contoso.example",
            "task": "Buy milk",
            "step": "semi-skimmed",
            "checked": True,
        }
        mutate(stage.worlds.tenant, [change])
        assert (await stage.back_up(owner)).account.kept == 0
        stage.worlds.clock.advance(8 * DAY_S)
        assert (await stage.back_up(owner)).account.kept == 1
        steps = (await members(stage, "adele", "Buy milk"))["checklistItems"]
        assert isinstance(steps, list)
        assert all(step["isChecked"] for step in steps)


async def test_no_restored_rule_or_automatic_reply_answers_or_forwards_mail() -> None:
    for kind, mode in (("rules", "create"), ("settings", "replace")):
        async with staged(kind, seed="awkward") as stage:
            other = stage.newcomer("bo")
            await stage.back_up(stage.owner("adele"))
            row = await stage.give_back(stage.owner("adele"), Place(other, "original"), mode=mode)  # type: ignore[arg-type]
            assert row.state == "done", row.problems
            mail = {"do": "receive_mail", "user": "bo@contoso.example", "subject": "Hello"}
            mutate(stage.worlds.tenant, [mail])
            assert stage.worlds.tenant.outbox == []


async def test_two_thousand_categories_come_back_with_one_request_each() -> None:
    async with staged("settings") as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        more = [{"do": "add_category", "user": owner.name, "name": f"Category {n:04d}"} for n in range(2_000)]
        mutate(stage.worlds.tenant, more)
        await stage.back_up(owner)
        stage.forget()
        await stage.give_back(owner, Place(other, "original"))
        assert stage.asked("restore")["POST /users/{id}/outlook/masterCategories"] == 2_001  # and one of the seed
        await stage.back_up(other)
        kept = (await members(stage, "bo", "Master categories"))["categories"]
        assert isinstance(kept, list)
        assert len(kept) == 2_007


async def test_of_a_user_from_on_premises_nothing_is_written_and_the_report_says_so() -> None:
    async with staged("profile", seed="awkward") as stage:
        await stage.back_up(stage.owner("adele"))
        stage.forget()
        row = await stage.give_back(stage.owner("adele"), Place(stage.owner("synced"), "original"), mode="replace")
        notes = {outcome.outcome.note for outcome in await stage.outcomes(row.restore)}
        assert len(notes) == 1
        assert "on-premises" in notes.pop()
        assert stage.written("restore") == 0


async def test_a_profile_is_kept_where_there_is_no_mailbox() -> None:
    async with staged("profile", seed="awkward") as stage:
        run = await stage.back_up(stage.owner("nomailbox"))
        assert (run.state, run.account.kept) == ("done", 1)


async def test_a_user_without_a_mailbox_is_a_state_and_no_failure() -> None:
    for kind in ("tasks", "rules", "settings"):
        async with staged(kind, seed="awkward") as stage:
            run = await stage.back_up(stage.owner("nomailbox"))
            assert run.state == "blocked"
            assert all("no mailbox" in problem for problem in run.problems), run.problems
