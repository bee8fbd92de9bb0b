"""A group's conversations given back in the name of whoever signed in to post."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.errors import Misconfigured, NotPermitted, OwnerMissing
from shared.graph.steps import Read, Refused, Reply, Step
from shared.kinds.conversations import POSTS
from shared.kinds.conversations_posting import LARGE, SPEAKER, WRITE, PostedConversations
from shared.kinds.event_attachments import LOST_LINK, LOST_UNKEPT
from shared.kinds.kind import Into
from shared.model import Json, Kept, Mode, Owner, Part, Place, Restored, Version
from tests.play import error, ok, play
from tests.unit.kinds.mail_rig import version

BAND = Owner("t1", "group", "g2")
THREADS = "/groups/g2/threads"
FILE = {
    "@odata.type": "#microsoft.graph.fileAttachment",
    "name": "menu.txt",
    "contentType": "text/plain",
    "isInline": False,
    "contentId": None,
    "o365:Part": "attachment-1",
}
NOTHING, SAID = ok({"value": []}), ok({})  # the second answers what is said before the first write
BEGUN = ok({"id": "new", "topic": "Lunch"}, 201)
TAKEN = Reply(202)


def said(id: str, words: str, *files: Json, type: str = "html", **more: Any) -> Json:
    who = {"emailAddress": {"name": "Adele <3", "address": "adele@contoso.example"}}
    body = {"contentType": type, "content": words}
    given = {"o365:Attachments": list(files)} if files else {}
    return {"id": id, "from": who, "receivedDateTime": "2026-05-04T10:02:33Z", "body": body, **given, **more}


def lunch(*posts: Json, **parts: int) -> Kept:
    two = posts or (said("p1", "<p>Where?</p>"), said("p2", "<p>Here</p>"))
    kept: Version = version("conversations", "t1", **{name: Part("ab" * 32, size) for name, size in parts.items()})
    return Kept(kept, {"id": "t1", "topic": "Lunch", POSTS: list(two)})


def restored(kept: Kept, *replies: Reply, mode: Mode = "create", mark: str = "r1.v1") -> tuple[Restored, list[Step]]:
    return play(PostedConversations().restore(kept, Into(BAND, THREADS), mark=mark, mode=mode), *replies)


def written(asked: list[Step]) -> list[Json]:
    return [step.body for step in asked if step.method == "POST" and isinstance(step.body, dict)]


def texts(asked: list[Step]) -> list[str]:
    """What the posts say."""
    posts = [one["posts"][0] if "posts" in one else one["post"] for one in written(asked)]
    return [str(one["body"]["content"]) for one in posts]


def posted(kept: Kept, *replies: Reply, mark: str = "r1.v1") -> tuple[Restored, list[Step]]:
    """Into a group that has nothing."""
    return restored(kept, NOTHING, SAID, *(replies or (BEGUN, TAKEN)), mark=mark)


def there(asked: list[Step], thread: str = "new") -> tuple[Reply, Reply]:
    """What was posted as the group tells of it."""
    posts = [{"id": f"n{n}", "body": {"contentType": "html", "content": text}} for n, text in enumerate(texts(asked))]
    return ok({"value": [{"id": thread, "topic": "Lunch"}]}), ok({"value": posts})


# --- what is written


def test_a_thread_begins_with_its_first_post_and_the_others_answer_it() -> None:
    done, asked = posted(lunch())
    assert done == Restored("created", "new", (SPEAKER,))
    assert [step.path for step in asked if step.method == "POST"] == [THREADS, f"{THREADS}/new/reply"]
    assert written(asked)[0]["topic"] == "Lunch"


def test_every_post_says_first_who_wrote_it_and_when() -> None:
    _, asked = posted(lunch())
    head = "<p><b>Adele &lt;3 &lt;adele@contoso.example&gt;</b>, 2026-05-04 10:02 UTC:</p>"
    assert all(text.startswith(head) for text in texts(asked))
    assert "<p>Where?</p>" in texts(asked)[0]


def test_of_a_whole_document_the_body_is_taken_and_plain_text_is_no_html() -> None:
    whole = "<html><head><style>p{}</style></head><body lang=en><p>Hi</p></body></html>"
    _, asked = posted(lunch(said("p1", whole), said("p2", "a < b\nc", type="text")))
    first, second = texts(asked)
    assert "<div><p>Hi</p></div>" in first
    assert "<div>a &lt; b<br>c</div>" in second


def test_what_was_attached_comes_along() -> None:
    done, asked = posted(lunch(said("p1", "x", FILE), **{"attachment-1": 4}), Reply(200, b"Soup"), BEGUN)
    assert (done.outcome, done.losses) == ("created", (SPEAKER,))
    assert [type(step) for step in asked].count(Read) == 1
    told = {k: FILE[k] for k in ("@odata.type", "name", "contentType", "isInline")}
    assert written(asked)[0]["posts"][0]["attachments"] == [told | {"contentBytes": "U291cA=="}]


BARE = ok({"id": "new", "topic": "Lunch", "hasAttachments": False}, 201)
SOUP = Reply(200, b"Soup")


@pytest.mark.parametrize("answers", [(BARE,), (error(400, "ErrorInvalidRequest"), BARE)])
def test_files_that_a_thread_does_not_begin_with_follow_in_a_reply(answers: tuple[Reply, ...]) -> None:
    kept = lunch(said("p1", "x", FILE), **{"attachment-1": 4})
    done, asked = posted(kept, SOUP, *answers, SOUP, TAKEN)
    assert done.outcome == "created"
    assert len(written(asked)[-1]["post"]["attachments"]) == 1
    assert "attachments" not in written(asked)[0]["posts"][0] or len(answers) == 1
    threads, posts = there([asked[0], *(step for step in asked if step.method == "POST")][-2:])
    first, second = posts.json["value"]
    half = ok({"value": [first | {"hasAttachments": False}]})
    again, more = restored(kept, threads, half, SAID, SOUP, TAKEN)  # it died between the two
    assert (again.outcome, texts(more)) == ("completed", [second["body"]["content"]])
    whole = ok({"value": [first | {"hasAttachments": False}, second | {"hasAttachments": True}]})
    assert written(restored(kept, threads, whole)[1]) == []


def test_pictures_in_the_text_are_not_sent_again_because_the_post_shows_no_attachments() -> None:
    picture = FILE | {"isInline": True, "contentId": "pic1"}
    _, asked = posted(lunch(said("p1", "<img src=cid:pic1>", picture), **{"attachment-1": 4}), SOUP, BARE)
    assert len(written(asked)) == 1


def test_what_of_it_a_request_can_t_bring_is_told() -> None:
    link = {"@odata.type": "#microsoft.graph.referenceAttachment", "name": "plan.docx"}
    item = {"@odata.type": "#microsoft.graph.itemAttachment", "name": "A mail"}
    whole = {"name": "post.json", "o365:Part": "attachment-2"}
    kept = lunch(said("p1", "x", FILE, link, item, whole), **{"attachment-1": 3_000_000, "attachment-2": 9 << 20})
    done, asked = posted(kept, BEGUN)
    assert set(done.losses) == {SPEAKER, LOST_LINK, LOST_UNKEPT, LARGE}
    assert "attachments" not in written(asked)[0]["posts"][0]
    missing, _ = posted(lunch(said("p1", "x", hasAttachments=True)), BEGUN)
    assert LOST_UNKEPT in missing.losses


def test_every_loss_is_declared() -> None:
    assert {SPEAKER, LOST_LINK, LOST_UNKEPT, LARGE} <= set(PostedConversations.losses)


def test_a_thread_without_a_topic_gets_one_and_one_without_posts_is_left_out() -> None:
    kept = lunch()
    kept.record["topic"] = " "
    _, asked = posted(kept)
    assert written(asked)[0]["topic"] == "(no topic)"
    kept.record[POSTS] = []
    assert restored(kept)[0] == Restored("skipped", note="no post of it was kept")


# --- nothing twice


def test_what_the_same_restore_posted_is_found_by_its_mark() -> None:
    done, asked = posted(lunch())
    again, more = restored(lunch(), *there(asked))
    assert again == Restored("completed", "new", done.losses)
    assert written(more) == []


def test_what_died_between_two_posts_goes_on_with_the_second() -> None:
    _, asked = posted(lunch())
    threads, posts = there(asked)
    half = ok({"value": posts.json["value"][:1]})
    done, more = restored(lunch(), threads, half, SAID, TAKEN)
    assert (done.outcome, texts(more)) == ("completed", texts(asked)[1:])


def test_another_restore_posts_anew_unless_it_skips_what_is_there() -> None:
    _, asked = posted(lunch())
    new, _ = restored(lunch(), *there(asked), SAID, BEGUN, TAKEN, mark="r2.v1")
    assert new.outcome == "created"
    skipped, _ = restored(lunch(), *there(asked), mode="skip", mark="r2.v1")
    assert (skipped.outcome, skipped.item_id) == ("skipped", "new")


def test_to_skip_what_is_there_the_thread_itself_counts_and_what_is_missing_in_it_is_posted() -> None:
    itself = ok({"value": [{"id": "t1", "topic": "Renamed"}]})
    whole = ok({"value": [{"id": "p1"}, {"id": "p2"}]})
    assert restored(lunch(), itself, whole, mode="skip")[0].outcome == "skipped"
    done, asked = restored(lunch(), itself, ok({"value": [{"id": "p1"}]}), SAID, TAKEN, mode="skip")
    assert (done.outcome, done.item_id, len(texts(asked))) == ("completed", "t1", 1)
    assert "<p>Here</p>" in texts(asked)[0]


def test_a_topic_that_the_service_cut_or_tidied_is_still_the_same() -> None:
    kept = lunch()
    kept.record["topic"] = f"Lunch  \t{'x' * 300}"
    _, asked = posted(kept)
    assert len(written(asked)[0]["topic"]) == 255
    cut = ok({"value": [{"id": "new", "topic": written(asked)[0]["topic"][:250]}]})
    assert restored(kept, cut, there(asked)[1])[0].outcome == "completed"


def test_threads_of_another_topic_are_not_read() -> None:
    _, asked = restored(lunch(), ok({"value": [{"id": "x", "topic": "Dinner"}]}), SAID, BEGUN, TAKEN)
    assert [step.path for step in asked if "/posts" in step.path] == []


def test_a_thread_that_can_t_be_read_stops_the_item_before_anything_is_posted() -> None:
    with pytest.raises(Exception, match="403"):
        restored(lunch(), ok({"value": [{"id": "x", "topic": "Lunch"}]}), error(403, "ErrorAccessDenied"))


# --- who may, and where


def test_a_refusal_says_what_to_grant_to_whom() -> None:
    done, _ = posted(lunch(), error(403, "ErrorAccessDenied"))
    assert done.outcome == "failed"
    assert WRITE in done.note
    assert "member of the group" in done.note
    late, _ = posted(lunch(), BEGUN, error(413, "RequestEntityTooLarge"))
    assert (late.outcome, late.item_id, late.note) == ("failed", "new", "Graph answered 413 RequestEntityTooLarge")


def test_an_answer_that_is_none_leaves_it_to_the_next_turn_to_find_what_came_of_it() -> None:
    with pytest.raises(Refused):
        posted(lunch(), Reply(201, b""))


def opened(place: Place, *replies: Reply) -> Into:
    return play(PostedConversations().root(place), *replies)[0]


def test_it_opens_a_group_as_whoever_signed_in() -> None:
    place = Place(BAND, "original", notify=True)
    assert opened(place, NOTHING) == Into(BAND, THREADS)
    with pytest.raises(NotPermitted, match=WRITE):
        opened(place, error(403, "ErrorAccessDenied"))
    with pytest.raises(OwnerMissing):
        opened(place, error(404, "ResourceNotFound"))
    with pytest.raises(Misconfigured, match="groups alone"):
        opened(Place(Owner("t1", "user", "u1"), "original", notify=True))


def test_it_is_withheld_unless_the_order_accepts_that_people_get_mail() -> None:
    kind = PostedConversations()
    assert "place.notify" in kind.withheld(Place(BAND, "original"))
    assert "one tenant" in kind.withheld(Place(BAND, "original", "t2", notify=True))
    assert kind.withheld(Place(BAND, "original", notify=True)) == ""
    assert "MAILS PEOPLE" in kind.warning


def test_the_mark_names_the_restore_and_the_post_and_no_content() -> None:
    marks = [json.dumps(texts(posted(lunch(), mark=mark)[1])) for mark in ("r1.v1", "r2.v1")]
    assert marks[0] != marks[1]
    assert len({text[-60:-20] for text in texts(posted(lunch())[1])}) == 2
