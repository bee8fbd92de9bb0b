"""The kinds that only somebody who signed in for it may give back, each as it is where such a sign-in is configured."""

from __future__ import annotations

from shared.kinds.conversations_posting import PostedConversations
from shared.kinds.kind import Kind, SignIn
from shared.kinds.onenote_writing import WrittenOneNote


def written_by(*sign_ins: SignIn) -> dict[str, Kind]:
    """Those that these sign-ins give back."""
    return {kind.name: kind for kind in (PostedConversations(), WrittenOneNote()) if kind.writes_as in sign_ins}
