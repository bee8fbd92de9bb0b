"""Where the platform's types end: a typed blueprint, and its queue message as ours."""

from __future__ import annotations

import azure.functions as func

from shared.ports import Message


def blueprint() -> func.Blueprint:
    return func.Blueprint()  # type: ignore[no-untyped-call]  # the library leaves its constructor untyped


def message_of(message: func.QueueMessage) -> Message:
    """Bytes that are no UTF-8 stay recognisable: such a ticket is refused later, with a record."""
    text = message.get_body().decode("utf-8", "backslashreplace")
    return Message(str(message.id or ""), text, int(message.dequeue_count or 1))
