"""A team, chats and a plan come back equal, member by member: the benchmark's comparison, on a few messages."""

from __future__ import annotations

from bench.talk import measured, unlike


async def test_messages_a_team_and_a_plan_come_back_member_by_member() -> None:
    chapter = await measured(lambda text: None, 60)
    told = {figure.name: figure for figure in chapter.figures}
    assert [f"{f.name}: {f.value} {f.note}" for f in chapter.figures if f.met is False] == []
    assert told["General: messages compared"].value > 10
    assert told["group: items created"].value > 60


def test_the_comparison_sees_what_is_missing_besides_and_other() -> None:
    first = [{"createdDateTime": "1", "subject": "a"}, {"createdDateTime": "2"}]
    second = [{"createdDateTime": "1", "subject": "b"}, {"createdDateTime": "3"}]
    assert list(unlike(first, second)) == [
        "1 subject: 'a' became 'b'",
        "2 createdDateTime: '2' became None",
        "3 came besides",
    ]
