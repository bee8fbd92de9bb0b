"""What giving conversations back promises beyond what every kind does: it is loud only where the order accepts that,
everybody gets each mail once, and without a sign-in nothing of it is different."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sandbox.tenant.conversations import Thread
from shared.catalog.nouns import BEFOREHAND
from shared.errors import Misconfigured
from shared.model import Owner, Place
from tests.contract.kinds_stage import Stage, staged

PLAY = "conversations+posting"


def threads(stage: Stage, owner: Owner) -> list[Thread]:
    return sorted(stage.worlds.tenant.threads.get(owner.id, []), key=lambda thread: thread.topic)


def said(stage: Stage, owner: Owner) -> dict[str, list[str]]:
    """Topic -> what its posts say."""
    words = {thread.topic: [post.html for post in thread.posts] for thread in threads(stage, owner)}
    return {topic: [re.sub(r"<[^>]*>", " ", html) for html in posts] for topic, posts in words.items()}


def mails(stage: Stage) -> list[dict[str, Any]]:
    return stage.worlds.tenant.outbox


async def test_the_preview_says_loudly_whom_it_mails_before_anybody_is() -> None:
    async with staged(PLAY) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        for notify, counts in ((False, {"kept only": 3}), (True, {"would be created": 3})):
            row = await stage.give_back(owner, Place(other, "original", notify=notify), preview=True)
            assert row.counts == counts
            assert row.losses[BEFOREHAND + stage.kind.warning] == 1
        assert "MAILS PEOPLE" in stage.kind.warning
        assert mails(stage) == []


async def test_an_order_that_does_not_accept_it_posts_nothing() -> None:
    async with staged(PLAY) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        with pytest.raises(Misconfigured, match=r"mailed to the group's members.*place\.notify"):
            await stage.give_back(owner, Place(other, "original"))
        assert stage.asked("restore") == {}
        assert mails(stage) == []


async def test_each_post_comes_once_with_author_time_and_files_and_mails_each_member() -> None:
    async with staged(PLAY) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        stage.worlds.tenant.groups[other.id].members = list(stage.worlds.tenant.groups[owner.id].members)
        await stage.back_up(owner)
        row = await stage.give_back(owner, Place(other, "original", notify=True))
        assert (row.state, row.counts) == ("done", {"created": 3})
        assert said(stage, other).keys() == said(stage, owner).keys()
        first, second = said(stage, other)["Lunch"]
        assert re.search(r"adele@contoso\.example&gt; , 2026-05-04 10:00 UTC:.*Where\?", first)
        assert re.search(r"bernd@contoso\.example&gt; , 2026-05-04 10:05 UTC:.*Here", second)
        [lunch] = [thread for thread in threads(stage, other) if thread.topic == "Lunch"]
        assert [one["name"] for one in lunch.posts[1].attachments] == ["menu.txt", "prices.txt"]
        assert len(mails(stage)) == sum(len(texts) for texts in said(stage, other).values())
        assert all(mail["to"] for mail in mails(stage))


async def test_a_reply_that_shows_late_is_not_posted_again_when_its_answer_was_lost() -> None:
    async with staged(PLAY, post_shows_s=30) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        reply = {"method": "POST", "path": "/reply$", "app": "posting"}
        stage.worlds.tenant.faults.plan([{"match": reply, "do": "lost", "times": 1}])
        row = await stage.give_back(owner, Place(other, "original", notify=True))
        assert row.state == "done", row.problems
        assert len(mails(stage)) == sum(len(texts) for texts in said(stage, other).values()) == 4


async def test_without_a_sign_in_nothing_is_asked_of_graph_and_it_says_why() -> None:
    async with staged("conversations") as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        with pytest.raises(Misconfigured, match="take them out by an export"):
            await stage.give_back(owner, Place(other, "original", notify=True))
        assert (stage.asked("restore"), stage.asked("posting"), mails(stage)) == ({}, {}, [])


async def test_a_person_who_is_no_member_is_refused_before_anything_is_posted() -> None:
    async with staged(PLAY) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        group = stage.worlds.tenant.groups[other.id]
        group.members, group.owners = [], []
        await stage.back_up(owner)
        row = await stage.give_back(owner, Place(other, "original", notify=True))
        assert row.state == "failed"
        assert "member of the group" in row.problems[-1]
        assert mails(stage) == []


async def test_files_of_a_thread_s_first_post_come_in_a_reply_where_the_thread_does_not_take_them() -> None:
    async with staged(PLAY, thread_takes_files=False) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        for outcome in ("created", "completed"):
            row = await stage.give_back(owner, Place(other, "original", notify=True), order="one")
            assert (row.state, row.counts) == ("done", {outcome: 3})
        [budget] = [thread for thread in threads(stage, other) if thread.topic == "Budget"]
        assert [[one["name"] for one in post.attachments] for post in budget.posts] == [[], ["budget.csv"]]
