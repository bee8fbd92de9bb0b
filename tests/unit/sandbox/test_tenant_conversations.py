"""What of a group's conversations an app may read in the simulated tenant, and that it may start none."""

from __future__ import annotations

import base64

from tests.unit.sandbox.visitor import Visitor, visiting


def crew(visitor: Visitor) -> str:
    found = visitor.tenant.find_group("crew")
    assert found is not None
    return f"/groups/{found.id}"


async def test_threads_come_newest_first_and_tell_their_recipients_when_asked() -> None:
    async with visiting() as visitor:
        threads = (await visitor.get(crew(visitor) + "/threads"))["value"]
        assert [one["topic"] for one in threads] == ["Lunch", "Budget", "Welcome"]
        assert "toRecipients" not in threads[0]
        named = (await visitor.get(crew(visitor) + "/threads?$select=topic,toRecipients&$top=1"))["value"]
        assert named[0]["toRecipients"][0]["emailAddress"]["address"] == "crew@contoso.example"
        assert set(named[0]) == {"id", "topic", "toRecipients"}
        assert len((await visitor.get(crew(visitor) + "/conversations"))["value"]) == 3


async def test_attachments_come_within_their_post_and_no_other_way() -> None:
    async with visiting() as visitor:
        thread = (await visitor.get(crew(visitor) + "/threads"))["value"][0]["id"]
        url = f"{crew(visitor)}/threads/{thread}/posts"
        first, second = (await visitor.get(url + "?$expand=inReplyTo"))["value"]
        assert (second["inReplyTo"]["id"], first["hasAttachments"], "attachments" in second) == (
            first["id"],
            False,
            False,
        )
        found = (await visitor.get(f"{url}/{second['id']}?$expand=attachments"))["attachments"]
        assert base64.b64decode(found[0]["contentBytes"]) == b"Soup"
        assert (await visitor.ask("GET", f"{url}/{second['id']}/attachments")).status == 403
        assert (await visitor.ask("GET", f"{url}/none")).code == "ErrorItemNotFound"


async def test_a_post_with_too_many_attachments_fails_as_a_whole() -> None:
    async with visiting("awkward") as visitor:
        threads = (await visitor.get(crew(visitor) + "/threads"))["value"]
        thread = next(one["id"] for one in threads if one["topic"] == "Too many")
        [post] = (await visitor.get(f"{crew(visitor)}/threads/{thread}/posts"))["value"]
        url = f"{crew(visitor)}/threads/{thread}/posts/{post['id']}?$expand=attachments"
        assert (await visitor.ask("GET", url)).status == 500


async def test_an_app_starts_no_conversation() -> None:
    async with visiting() as visitor:
        for path in ("/threads", "/conversations"):
            assert (await visitor.ask("POST", crew(visitor) + path, app="restore", json={"topic": "x"})).status == 403
        assert visitor.tenant.outbox == []


async def test_a_security_group_has_no_mailbox() -> None:
    async with visiting("awkward") as visitor:
        doormen = visitor.tenant.find_group("doormen")
        assert doormen is not None
        assert (await visitor.ask("GET", f"/groups/{doormen.id}/threads")).code == "ResourceNotFound"
