"""Keys of the catalog's rows: nothing in them that Table Storage refuses, newest versions first. Pure.

versions   partition of a feed    tenant|owner|kind|tag(feed)
               i|tag(item)|inv(seq)                 a whole version
               f|tag(folder)|tag(item)|inv(seq)     the same below its folder, where folders are items
               c|inv(seq)                           a full round began, or the place was gone
           partition of a space   tenant|owner|kind|~tag(space), for spaces of several feeds
               m|tag(item)|inv(time)|inv(seq)|tag(feed)     bytes are kept: found again when the item moves
               p|bucket|inv(time)|inv(seq)|tag(feed)        the same of all items of a large page whose tags are alike
feeds, owed, lanes    partition tenant|owner
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache

from shared.model import Feed, Owner

SEQ_MAX = 9_999_999_999
_MICROS_MAX = 9_999_999_999_999_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_KEPT = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._,@")
_PLAIN = re.compile(r"[A-Za-z0-9\-._,@]*")


@lru_cache(maxsize=8192)  # a page's items are asked for several times each, and a feed's tag stands in every row
def tag(text: str) -> str:
    """26 base32 characters that stand for an id of any length and alphabet."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(digest[:20]).decode("ascii").lower()[:26]  # of 32 characters; more bytes would change none


def plain(text: str) -> str:
    """Text as part of a key: readable, and distinct for distinct texts."""
    if _PLAIN.fullmatch(text):  # most are; a walk over a vault asks for very many
        return text
    raw = text.encode("utf-8", "surrogatepass")
    return "".join(chr(byte) if byte in _KEPT else f"={byte:02X}" for byte in raw)


def inverted(seq: int) -> str:
    """Ten digits that fall as `seq` rises: the newest version is the first row of its item."""
    if not 0 <= seq <= SEQ_MAX:
        raise ValueError(f"seq {seq} is out of range")
    return f"{SEQ_MAX - seq:010d}"


def inverted_time(moment: datetime) -> str:
    """Sixteen digits that fall as time goes by."""
    since = moment - _EPOCH
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return f"{_MICROS_MAX - micros:016d}"


def between(prefix: str) -> tuple[str, str]:
    """The range of row keys that begin with `prefix`, which ends in `|` (`}` is the next character)."""
    return prefix, prefix[:-1] + "}"


def behind(key: str) -> str:
    """A bound between `key` and the next one: every character of our keys lies above `!`."""
    return key + "!"


def of_owner(owner: Owner) -> str:
    return f"{plain(owner.tenant)}|{plain(owner.key)}"


def of_feed(feed: Feed) -> str:
    return f"{of_owner(feed.owner)}|{plain(feed.kind)}|{tag(feed.id)}"


def of_space(feed: Feed) -> str:
    return f"{of_owner(feed.owner)}|{plain(feed.kind)}|~{tag(feed.space)}"


def feed_row(kind: str, feed_id: str) -> str:
    return f"{plain(kind)}|{tag(feed_id)}"


def item(item_id: str) -> str:
    """What the rows of an item begin with."""
    return f"i|{tag(item_id)}|"


def version(item_id: str, seq: int) -> str:
    return f"{item(item_id)}{inverted(seq)}"


def folder(folder_id: str) -> str:
    """What the rows of a folder's members begin with."""
    return f"f|{tag(folder_id)}|"


def member(folder_id: str, item_id: str, seq: int) -> str:
    return f"{folder(folder_id)}{tag(item_id)}|{inverted(seq)}"


def moving(item_id: str, taken_at: datetime, seq: int, feed_id: str) -> str:
    return f"m|{tag(item_id)}|{inverted_time(taken_at)}|{inverted(seq)}|{tag(feed_id)}"


def bucket(tag_: str) -> str:
    """One of 16 that items are spread over, a hexadecimal digit."""
    return f"{_BASE32.index(tag_[0]) // 2:x}"


def packed(bucket_: str, taken_at: datetime, seq: int, feed_id: str) -> str:
    return f"p|{bucket_}|{inverted_time(taken_at)}|{inverted(seq)}|{tag(feed_id)}"


def turn(seq: int) -> str:
    return f"c|{inverted(seq)}"


def owed(kind: str, feed_id: str, item_id: str) -> str:
    return f"{feed_row(kind, feed_id)}|{tag(item_id)}"
