"""What Queue Storage takes, checked before anything is sent. Pure."""

from __future__ import annotations

import math
import re

TEXT_BYTES = 48 * 1024  # of 64 KiB, once it is base64
DELAY_S = 7 * 86_400 - 1
_QUEUE = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")


def check_message(queue: str, text: str, delay_s: float) -> int:
    """The delay in whole seconds, never shorter than asked. ValueError for what no queue takes."""
    if not _QUEUE.fullmatch(queue) or len(queue) > 63:
        raise ValueError(f"{queue[:70]!r} is no name for a queue")
    if len(text.encode("utf-8")) > TEXT_BYTES:
        raise ValueError(f"queue {queue}: a message of more than {TEXT_BYTES} bytes")
    if not 0 <= delay_s <= DELAY_S:
        raise ValueError(f"queue {queue}: a delay of {delay_s} s; 0 to {DELAY_S} are possible")
    return math.ceil(delay_s)
