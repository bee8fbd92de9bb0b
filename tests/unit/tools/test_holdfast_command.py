"""The terminal command's own parts: what it does with odd answers, hostile names and missing settings."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tools.holdfast import api, commands, show
from tools.holdfast.__main__ import main, parser
from tools.holdfast.api import Api, Trouble

CONTENT = bytes(range(256)) * 40


class _App(BaseHTTPRequestHandler):
    """Answers as the function app does: busy at first, problems with a reference, ranges."""

    busy = 0
    spoiled = False
    tokens: list[str]

    def do_GET(self) -> None:
        cls = type(self)
        cls.tokens.append(self.headers["Authorization"])
        if cls.busy:
            cls.busy -= 1
            return self._say(503, b'{"title": "Try again later"}', {"Retry-After": "0"})
        if "parts" in self.path:
            first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
            block = CONTENT[first : last + 1]
            return self._say(206, block[::-1] if cls.spoiled else block, {})
        if "owners" in self.path:
            first_page, last_page = {"value": [{"n": 1}], "next": "more"}, {"value": [{"n": 2}], "next": None}
            return self._say(200, json.dumps(last_page if "after=more" in self.path else first_page).encode(), {})
        self._say(403, json.dumps({"title": "No", "detail": "why", "needs": ["A.B"], "reference": "r1"}).encode(), {})

    def _say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[type[_App], Api]]:
    kind = type("App", (_App,), {"tokens": []})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(api, "RANGE_BYTES", 4096)
    yield kind, Api(f"http://127.0.0.1:{server.server_port}/api", token="t0")
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_listing_is_read_to_its_end_though_the_app_is_busy_at_first(app: tuple[type[_App], Api]) -> None:
    app[0].busy = 2
    assert [entry["n"] for entry in app[1].all("owners")] == [1, 2]
    assert set(app[0].tokens) == {"Bearer t0"}


def test_a_refusal_names_what_is_needed_and_where_the_log_has_it(app: tuple[type[_App], Api]) -> None:
    with pytest.raises(Trouble, match=r"No: why: needs one of A\.B \(reference r1\)"):
        app[1].get("policy")


def test_bytes_come_in_ranges_and_only_whole_ones_stay(app: tuple[type[_App], Api], tmp_path: Path) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    app[1].save("items/parts/content", len(CONTENT), digest, tmp_path / "good")
    assert (tmp_path / "good").read_bytes() == CONTENT
    app[0].spoiled = True
    with pytest.raises(Trouble, match="SHA-256"):
        app[1].save("items/parts/content", len(CONTENT), digest, tmp_path / "bad")
    assert [file.name for file in tmp_path.iterdir()] == ["good"]


def test_a_name_tells_a_terminal_nothing() -> None:
    shown = show.table(("name",), [("\x1b]0;owned\x07a\nb",)])
    assert shown.splitlines()[1:] == ["\ufffd]0;owned\ufffda\ufffdb"]


def test_what_is_missing_is_said_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HOLDFAST_URL", raising=False)
    assert main(["status"]) == 2
    assert "HOLDFAST_URL" in capsys.readouterr().err
    monkeypatch.setenv("HOLDFAST_TOKEN_COMMAND", "no-such-program-here")
    monkeypatch.delenv("HOLDFAST_TOKEN", raising=False)
    assert main(["--url", "http://127.0.0.1:1", "owners"]) == 2
    assert "no-such-program-here is not here" in capsys.readouterr().err


@pytest.mark.parametrize("notify", [True, False])
def test_people_are_notified_only_where_it_is_said(notify: bool) -> None:
    words = ["restore", "group-g1", "--kind", "conversations", "--folder", "original"]
    words += ["--notify"] if notify else []
    place = {"folder": "original"} | ({"notify": True} if notify else {})
    assert commands._order(Api("http://127.0.0.1:1/api", token="t0"), parser().parse_args(words))["place"] == place
