from __future__ import annotations

import pytest

from shared.export.transcript import Said, page, shaped, site_page, talk, thread


def test_a_thread_reads_as_who_said_what_and_when_in_its_order() -> None:
    posts = [
        {
            "from": {"emailAddress": {"name": "Adele", "address": "adele@contoso.example"}},
            "receivedDateTime": "2026-05-04T10:00:00Z", "body": {"contentType": "html", "content": "<p>Where?</p>"},
        },
        {
            "from": None, "receivedDateTime": "2026-05-04T10:05:00Z", "body": {"contentType": "text", "content": "a<b"},
            "o365:Attachments": [{"name": "menu.txt", "o365:Part": "attachment-1"}, {"name": "plan.docx"}],
        },
    ]  # fmt: skip
    text = thread({"topic": "Lunch & more", "posts": posts}, {"attachment-1": "files/menu 1.txt"}).decode()
    assert "<title>Lunch &amp; more</title>" in text
    assert text.index("Adele &lt;adele@contoso.example&gt;") < text.index("<p>Where?</p>") < text.index("(unknown)")
    assert "<pre>a&lt;b</pre>" in text
    assert '<a href="files/menu 1.txt">menu.txt</a>, plan.docx (not kept)' in text


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("<script>alert(1)</script>Hi", "Hi"),
        ('<p onclick="x()" style="background:url(https://x)">Hi</p>', "<p>Hi</p>"),
        ('<a href="javascript:x()">Hi</a>', "<a>Hi</a>"),
        ('<a href=" https://x.example">Hi</a>', '<a href=" https://x.example" rel="noreferrer">Hi</a>'),
        ('<img src="https://tracker.example/p.gif">', "[picture]"),
        ("<form action=x><input value=y>Hi</form>", "Hi"),
        ("<b><i>Hi", "<b><i>Hi</i></b>"),
        ("a</div></article>b", "ab"),
        ("<ul><li>1<li>2</ul>3", "<ul><li>1<li>2</li></li></ul>3"),
        ("1 &lt; 2 &amp; &#128512;", "1 &lt; 2 &amp; \U0001f600"),
        ("<svg><a href='x'>no</a></svg>yes", "yes"),
    ],
)
def test_nothing_of_a_text_acts_loads_or_breaks_out(said: str, read: str) -> None:
    assert shaped(said) == read


def test_the_page_forbids_itself_to_load_or_run_anything() -> None:
    text = page("<x>", [("To", "a<b")], [Said("<me>", "now", "<b>x</b>", html=False)]).decode()
    assert "default-src 'none'" in text
    assert "<h1>&lt;x&gt;</h1>" in text
    assert "&lt;me&gt;" in text
    assert "<pre>&lt;b&gt;x&lt;/b&gt;</pre>" in text


def test_a_talk_shows_pictures_that_are_at_hand_and_loads_none() -> None:
    source = "https://graph.microsoft.com/v1.0/chats/c/messages/1/hostedContents/h1/$value"
    records = [
        {
            "messageType": "message", "createdDateTime": "2026-05-04T10:00:00Z", "subject": "<Sub>",
            "from": {"user": {"displayName": "Adele"}}, "reactions": [{"reactionType": "like"}],
            "body": {"contentType": "html", "content": f'<p>Look</p><img src="{source}" onerror="x()">'},
        },
        {
            "messageType": "message", "createdDateTime": "2026-05-04T10:01:00Z", "replyToId": "1",
            "from": {"application": {"displayName": "Bot"}, "user": None},
            "body": {"contentType": "html", "content": f'<img src="{source.replace("h1", "h2")}"><script>x()</script>'},
            "attachments": [
                {"name": "a.docx", "contentUrl": "https://x.example/a"}, {"name": "b", "contentUrl": "file:b"},
            ],
        },
        {"messageType": "systemEventMessage", "o365:Name": "[channelAdded]", "body": {"content": "<event/>"}},
    ]  # fmt: skip
    text = talk("General", records, {"h1": "data:image/png;base64,AAAA", "h2": "javascript:x()"}).decode()
    assert '<img alt="picture" src="data:image/png;base64,AAAA">' in text
    assert text.count("<img") == 1
    assert "javascript" not in text
    assert "onerror" not in text
    assert "<h3>&lt;Sub&gt;</h3>" in text
    assert '<article class="answer"><header><b>Bot</b>' in text
    assert '<a href="https://x.example/a" rel="noreferrer">a.docx</a>, b (not kept)' in text
    assert "reactions: like" in text
    assert "<pre>[channelAdded]</pre>" in text
    assert "img-src data:" in text


def test_a_site_page_reads_as_its_canvas_stands_and_runs_nothing() -> None:
    texts = {"searchablePlainTexts": [{"key": "k", "value": "Row <1>"}]}
    data = {"title": "List & more", "description": "Shows", "serverProcessedContent": texts}
    columns = [{"webparts": [{"innerHtml": "<h2>Plan</h2><script>x()</script>"}, {"webPartType": "t", "data": data}]}]
    canvas = {"horizontalSections": [{"columns": columns}], "verticalSection": {"webparts": [{"innerHtml": "aside"}]}}
    record = {"title": "The <plan>", "canvasLayout": canvas, "publishingState": {"level": "published"}}
    text = site_page(record).decode()
    assert "<h1>The &lt;plan&gt;</h1>" in text
    assert "<h2>Plan</h2>" in text
    assert "List &amp; more" in text
    assert "Row &lt;1&gt;" in text
    assert text.index("Plan</h2>") < text.index("aside")
    assert "x()" not in text


def test_a_site_page_without_a_canvas_still_has_its_title() -> None:
    assert "<h1>Broken</h1>" in site_page({"title": "Broken", "o365:NoCanvas": True}).decode()
