"""Messages as mbox and Maildir have them: separators and quoting, flags, file names. Pure.

mbox is the kind with reversible quoting (RFC 4155 leaves it open): a line that begins with any number of `>` and then
`From ` gets one `>` more, line ends are LF, an empty line follows each message.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from shared.export.names import tag
from shared.model import Json

_FROM = re.compile(rb"^(?=>*From )", re.MULTILINE)
_PLAIN = re.compile(r"[!-~]{1,200}")
_LONGEST_LINE = 1 << 20  # a message may have one endless line: it must not be held in memory
_FLAGS = {"draft": "D", "flagged": "F", "read": "S"}  # Maildir's letters, which have to stand in their order


def flags(record: Json) -> frozenset[str]:
    """What Outlook knows of a message that these formats can say."""
    flag = record.get("flag")
    told = {
        "read": record.get("isRead") is True,
        "draft": record.get("isDraft") is True,
        "flagged": isinstance(flag, dict) and flag.get("flagStatus") == "flagged",
    }
    return frozenset(name for name, holds in told.items() if holds)


def separator(record: Json, at: datetime) -> bytes:
    """The line that begins a message of an mbox, and the headers in which mail programs keep its flags."""
    sender = record.get("sender") or record.get("from") or {}
    address = (sender.get("emailAddress") or {}).get("address") if isinstance(sender, dict) else ""
    who = address if isinstance(address, str) and _PLAIN.fullmatch(address) else "MAILER-DAEMON"
    told = flags(record)
    lines = [f"From {who} {at.astimezone(UTC).strftime('%a %b %e %H:%M:%S %Y')}"]
    lines.append(f"Status: {'RO' if 'read' in told else 'O'}")
    if more := ("F" if "flagged" in told else "") + ("T" if "draft" in told else ""):
        lines.append(f"X-Status: {more}")
    return "".join(f"{line}\n" for line in lines).encode("ascii")


class Quoting:
    """A message's bytes on their way into an mbox, piece by piece."""

    def __init__(self) -> None:
        self._waiting = b""
        self._inside = False  # what waits goes on with a line whose beginning is written already
        self._last = b""

    def write(self, piece: bytes) -> bytes:
        whole = self._waiting + piece
        cut = whole.rfind(b"\n") + 1
        if not cut and len(whole) > _LONGEST_LINE:
            cut = len(whole) - 1  # the last byte may be half of a line end
        self._waiting = whole[cut:]
        return self._told(whole[:cut])

    def end(self) -> bytes:
        """What is left, the line end that the last line needs, and the empty line behind the message."""
        rest = self._told(self._waiting)
        return rest + (b"\n" if self._last in (b"\n", b"") else b"\n\n")

    def _told(self, lines: bytes) -> bytes:
        if not lines:
            return b""
        begun, self._inside = self._inside, not lines.endswith(b"\n")
        lines = lines.replace(b"\r\n", b"\n")
        self._last = lines[-1:]
        if not begun:
            return _FROM.sub(b">", lines)
        first, end, rest = lines.partition(b"\n")
        return first + end + _FROM.sub(b">", rest)


def maildir_name(item_id: str, n: int, record: Json, at: datetime) -> str:
    """A file name of Maildir with its flags. Windows does not take the colon, which the format demands."""
    letters = "".join(letter for name, letter in _FLAGS.items() if name in flags(record))
    return f"{int(at.timestamp())}.{tag(item_id)}_{n}.holdfast:2,{letters}"
