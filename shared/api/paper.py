"""What the pages for people share: everything is escaped, nothing in them may run, and nothing is fetched. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def headers(style: str) -> dict[str, str]:
    """Of a page with this style and no other."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def document(title: str, style: str, body: Sequence[str]) -> bytes:
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    text = f'<!doctype html><html lang="en"><head>{head}<style>{style}</style></head><body>{"".join(body)}</body>'
    return f"{text}</html>\n".encode()


def shown(text: str) -> str:
    return escape(CONTROLS.sub("\ufffd", text))
