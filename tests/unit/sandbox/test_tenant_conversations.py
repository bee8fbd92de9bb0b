"""What of a group's conversations an app may read in the simulated tenant; it may start none, who is signed in may."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

from sandbox.tenant.oauth import mint
from sandbox.tenant.seed import app_named
from tests.unit.sandbox.visitor import Reply, Visitor, visiting


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


async def post(visitor: Visitor, path: str, body: Any, who: str = "adele") -> Reply:
    """In the name of a person."""
    app, scope = app_named(visitor.tenant, "posting"), "Group-Conversation.ReadWrite.All"
    token = mint(visitor.tenant, app, "https://graph.microsoft.com", [], user=visitor.id_of(who), scopes=scope)
    visitor.tokens["posting"] = token
    return await visitor.ask("POST", crew(visitor) + path, app="posting", json=body)


def words(html: str) -> dict[str, Any]:
    return {"body": {"contentType": "html", "content": html}}


async def test_who_is_signed_in_starts_a_thread_and_answers_and_every_member_gets_mail() -> None:
    async with visiting() as visitor:
        begun = await post(visitor, "/threads", {"topic": "New", "posts": [words("<p>One</p><!-- gone -->")]})
        assert (begun.status, begun.body["topic"]) == (201, "New")
        thread = f"/threads/{begun.body['id']}"
        assert (await post(visitor, f"{thread}/reply", {"post": words("Two")})).status == 202
        posts = (await visitor.get(crew(visitor) + f"{thread}/posts"))["value"]
        assert [one["body"]["content"] for one in posts] == ["<p>One</p>", "Two"]
        assert posts[0]["from"]["emailAddress"]["address"] == "adele@contoso.example"
        assert [mail["text"] for mail in visitor.tenant.outbox] == ["<p>One</p>", "Two"]
        assert visitor.tenant.outbox[0]["to"] == ["bernd@contoso.example", "chloe@contoso.example"]


async def test_no_app_may_post_and_no_one_outside_a_private_group() -> None:
    async with visiting() as visitor:
        body = {"topic": "New", "posts": [words("x")]}
        visitor.tokens["restore"] = mint(
            visitor.tenant,
            app_named(visitor.tenant, "restore"),
            "https://graph.microsoft.com",
            ["Group-Conversation.ReadWrite.All", "Group.ReadWrite.All"],
        )
        found = visitor.tenant.find_group("crew")
        assert found is not None
        found.members.remove(visitor.id_of("chloe"))
        for answer in (
            await visitor.ask("POST", crew(visitor) + "/threads", app="restore", json=body),
            await post(visitor, "/threads", body, who="chloe"),
        ):
            assert (answer.status, answer.code) == (403, "ErrorAccessDenied")
        assert visitor.tenant.outbox == []


async def test_a_post_shows_when_it_is_delivered_and_must_be_one() -> None:
    async with visiting(post_shows_s=60) as visitor:
        thread = (await visitor.get(crew(visitor) + "/threads"))["value"][0]["id"]
        assert (await post(visitor, f"/threads/{thread}/reply", {"post": words("Late")})).status == 202
        url = crew(visitor) + f"/threads/{thread}/posts"
        before = len((await visitor.get(url))["value"])
        visitor.tenant.clock_offset += dt.timedelta(seconds=61)
        assert len((await visitor.get(url))["value"]) == before + 1
        link = {"@odata.type": "#microsoft.graph.referenceAttachment", "name": "x"}
        for wrong in ({"text": "x"}, {}, words("x") | {"attachments": [link]}):
            assert (await post(visitor, f"/threads/{thread}/reply", {"post": wrong})).status == 400
        assert (await post(visitor, "/threads", {"topic": "x", "posts": []})).status == 400
