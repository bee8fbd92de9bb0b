"""Every exchange as one JSON line, so that it can be checked against the published contract; and what was counted."""

from __future__ import annotations

import collections
import json
import re
from pathlib import Path
from typing import Any, TextIO

ASKED = ("/exportItems", "/translateExchangeIds")  # POST, but nothing changes by it
LONG = re.compile(r"/[^/?]{20,}")


class Traffic:
    def __init__(self, folder: Path | None, name: str = "tenant.jsonl") -> None:
        self.path = folder / name if folder else None
        self._file: TextIO | None = None
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a", encoding="utf-8")
        self.shapes: collections.Counter[str] = collections.Counter()
        self.writes: collections.Counter[str] = collections.Counter()
        self.statuses: collections.Counter[str] = collections.Counter()

    def record(self, app: str, method: str, path: str, request: Any, status: int, response: Any) -> None:
        """`path` is raw, after /v1.0, with its query."""
        self.count(app, method, path, status)
        if self._file:
            line = {
                "method": method, "url": f"https://graph.microsoft.com/v1.0{path}", "status": status, "app": app,
                "request": _plain(request), "response": _plain(response),
            }  # fmt: skip
            self._file.write(json.dumps(line, ensure_ascii=True) + "\n")

    def count(self, app: str, method: str, path: str, status: int) -> None:
        shape = LONG.sub("/{id}", path.split("?")[0])
        shape = re.sub(r"^/(users|drives)/[^/]+", r"/\1/{id}", shape)
        shape = re.sub(r":/.*?(:|$)", ":/{path}:", shape)
        self.shapes[f"{app} {method} {shape}"] += 1
        self.statuses[f"{app} {status}"] += 1
        if method not in ("GET", "HEAD") and not path.split("?")[0].endswith(("/$batch", *ASKED)):
            self.writes[app] += 1

    def flush(self) -> None:
        if self._file:
            self._file.flush()

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


def _plain(body: Any) -> Any:
    return body if isinstance(body, dict | list) else None
