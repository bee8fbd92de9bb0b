"""The verdicts: what becomes of the work when something outside goes wrong.

    Verdict
    ├── TryLater(after_s)   the same request may succeed later: put the ticket back
    │   ├── Throttled           Graph or storage asked us to wait
    │   ├── Unreachable         no answer, or an answer that is none (gateway page, cut body)
    │   └── Contended           another worker holds it, or wrote it first
    ├── StartOver           the place we stopped at is no longer known to the service
    │   └── CursorExpired
    ├── NeedsPerson         no retry helps until somebody changes something
    │   ├── NotPermitted        a role is missing or a policy shuts us out
    │   ├── OwnerMissing        the user, mailbox, drive or site is not there (any more)
    │   ├── Misconfigured       a setting, body or ticket is wrong; the text names it and the remedy
    │   │   └── Archived            kept bytes lie in the archive tier: somebody has to bring them back first
    │   └── NotAgreed           it takes two people, or the moment for it has passed
    └── Damaged             what we hold is not what we wrote
        ├── DigestMismatch
        ├── PartMissing
        └── FormatUnknown

The class says what becomes of the ticket (flows/settle.py), the leaf says why. Texts name owner, feed, item and remedy;
never content, tokens or signed URLs.
"""

from __future__ import annotations


class Verdict(Exception):
    """Base of all verdicts."""


class TryLater(Verdict):
    """The work is fine, the moment is not. `after_s`: seconds to wait before the next try."""

    def __init__(self, text: str, after_s: float = 30.0) -> None:
        super().__init__(text)
        self.after_s = after_s


class Throttled(TryLater):
    """The service asked us to slow down."""


class Unreachable(TryLater):
    """The service did not answer, or not in its own language."""


class Contended(TryLater):
    """Somebody else got there first; read again before going on."""


class StartOver(Verdict):
    """The feed has to be listed from its beginning; nothing that is kept is lost by it."""


class CursorExpired(StartOver):
    """The service no longer accepts our cursor."""


class NeedsPerson(Verdict):
    """A person has to act; the text says how."""


class NotPermitted(NeedsPerson):
    """The app registration may not do this here."""


class OwnerMissing(NeedsPerson):
    """The owner, its mailbox or its drive is not there. A state of the owner, never a deletion of its items."""


class Misconfigured(NeedsPerson):
    """A setting, request body or ticket can't be used as it is."""


class Archived(Misconfigured):
    """Kept bytes that can't be read until they are brought back from the archive tier, which takes hours."""


class NotAgreed(NeedsPerson):
    """A second person has to agree, or did not in time."""


class Damaged(Verdict):
    """Stored bytes are not what was written."""


class DigestMismatch(Damaged):
    """Bytes exist but their digest or length differs from what was recorded."""


class PartMissing(Damaged):
    """A blob that something points at is not there."""


class FormatUnknown(Damaged):
    """A stored or received document is of a version or shape this code does not know."""
