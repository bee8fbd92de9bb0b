from __future__ import annotations

import pytest

from shared.export.transcript import Said, page, shaped, thread


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
