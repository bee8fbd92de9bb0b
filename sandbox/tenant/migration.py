"""Migration mode: a channel or chat is put into it, takes messages of other times and people, and is completed."""

from __future__ import annotations

import base64
import datetime as dt
import re

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes
from sandbox.tenant.channel_messages import ONE, said_in, told
from sandbox.tenant.teams_calls import chat_scope, import_scope, team_scope, the_channel, the_chat
from sandbox.tenant.teams_state import Chat, Said, Talk, Team, read_time

routes = Routes()
MIGRATE = "Teamwork.Migrate.All"
MEMBERS = (
    "createdDateTime", "from", "body", "attachments", "mentions", "reactions", "hostedContents", "subject", "summary",
    "importance", "locale", "messageType",
)  # fmt: skip
MOST_REACTIONS = 250  # Teams docs: import messages
CHANNEL = "/teams/{team}/channels/{channel}"
SOURCE = re.compile(r"""\.\./hostedContents/([^/"']+)/\$value""")
LARGEST = 4 * 1024 * 1024  # of a request


# --- in and out of it


def start(call: Call, talk: Talk) -> Answer:
    if not call.tenant.options.imports:
        raise Refusal(404, "BadRequest", "Resource not found for the segment 'startMigration'.")
    if isinstance(talk, Chat) and talk.type == "meeting":
        raise Refusal(400, "BadRequest", "Messages cannot be imported into this type of chat.")
    body = call.members(("conversationCreationDateTime",)) if call.body is not None else {}
    if talk.migration == "inProgress":
        raise Refusal(400, "BadRequest", "The thread is in migration mode.")
    begins = _moment(body.get("conversationCreationDateTime"), call.tenant.clock())
    if "conversationCreationDateTime" in body:
        if begins >= talk.created:
            raise Refusal(400, "BadRequest", "The time must be before the thread's createdDateTime.")
        talk.original_created = talk.original_created or talk.created
        talk.created = begins
    talk.migration, talk.importer = "inProgress", call.app
    call.tenant.touch()
    return Answer(204)


def complete(call: Call, talk: Talk) -> Answer:
    if talk.migration != "inProgress":
        raise Refusal(400, "BadRequest", "The thread is not in migration mode.")
    _ours(call, talk)
    talk.migration = "completed"
    call.tenant.touch()
    return Answer(204)


def _ours(call: Call, talk: Talk) -> None:
    if talk.importer != call.app:
        raise Refusal(403, "Forbidden", "Another application owns the migration of this thread.")


@routes("POST", f"{CHANNEL}/startMigration", MIGRATE, scope=team_scope)
async def start_channel(call: Call, team: str, channel: str) -> Answer:
    host, there = the_channel(call, team, channel)
    if host.archived:
        raise Refusal(403, "Forbidden", "The team is archived.")
    return start(call, there)


@routes("POST", f"{CHANNEL}/completeMigration", MIGRATE, scope=team_scope)
async def complete_channel(call: Call, team: str, channel: str) -> Answer:
    return complete(call, the_channel(call, team, channel)[1])


@routes("POST", "/chats/{chat}/startMigration", MIGRATE, scope=chat_scope)
async def start_chat(call: Call, chat: str) -> Answer:
    return start(call, the_chat(call, chat))


@routes("POST", "/chats/{chat}/completeMigration", MIGRATE, scope=chat_scope)
async def complete_chat(call: Call, chat: str) -> Answer:
    return complete(call, the_chat(call, chat))


# --- messages


@routes("POST", f"{CHANNEL}/messages", MIGRATE, scope=import_scope)
async def import_root(call: Call, team: str, channel: str) -> Answer:
    host, there = the_channel(call, team, channel)
    return _created(call, there, host, _import(call, there, None))


@routes("POST", f"{ONE}/replies", MIGRATE, scope=import_scope)
async def import_reply(call: Call, team: str, channel: str, message: str) -> Answer:
    host, there = the_channel(call, team, channel)
    root = said_in(there, message)
    if root.reply_to is not None:
        raise Refusal(400, "BadRequest", "A reply takes no replies.")
    return _created(call, there, host, _import(call, there, root))


@routes("POST", "/chats/{chat}/messages", MIGRATE, scope=import_scope)
async def import_to_chat(call: Call, chat: str) -> Answer:
    there = the_chat(call, chat)
    return _created(call, there, None, _import(call, there, None))


def _created(call: Call, talk: Talk, team: Team | None, said: Said) -> Answer:
    return Answer(201, {"@odata.context": f"{call.base}/v1.0/$metadata#chatMessage/$entity"}
                  | told(call, talk, said, team))  # fmt: skip


def _import(call: Call, talk: Talk, root: Said | None) -> Said:
    if talk.migration != "inProgress":
        raise Refusal(403, "Forbidden", "The thread is not in migration mode; an application can only import.")
    _ours(call, talk)
    if call.body_size > LARGEST:
        raise Refusal(413, "RequestEntityTooLarge", "The request is too large.")
    body = call.members(MEMBERS)
    created = _moment(body.get("createdDateTime"), call.tenant.clock())
    if created > call.tenant.clock() or created <= talk.created:
        raise Refusal(400, "BadRequest", "createdDateTime is in the future or not after the thread's.")
    if any(m.created == created for m in talk.messages.values()):
        raise Refusal(409, "Conflict", "A message with this createdDateTime exists in the thread.")
    props = {k: v for k, v in body.items() if k not in ("createdDateTime", "hostedContents") and "@" not in k}
    _check(call, props)
    hosted = _hosted(call, body.get("hostedContents") or [], props)
    said = talk.add(call.tenant, created, props, root.id if root else None)
    said.hosted = hosted
    return said


def _moment(text: object, default: dt.datetime) -> dt.datetime:
    if text is None:
        return default.replace(microsecond=default.microsecond // 1000 * 1000)
    try:
        return read_time(str(text))
    except ValueError:
        raise Refusal(400, "BadRequest", "Not a time.") from None


def _check(call: Call, props: Json) -> None:
    """Who said it has to be a user of the tenant; marks in the text and the lists they point into agree."""
    user = (props.get("from") or {}).get("user") or {}
    if user.get("id") not in call.tenant.users:
        raise Refusal(400, "BadRequest", "from must name a user of the tenant.")
    if props.get("messageType", "message") != "message":
        raise Refusal(400, "BadRequest", "Only messages can be imported.")
    body = props.get("body")
    if not isinstance(body, dict) or not set(body) <= {"content", "contentType"}:
        raise Refusal(400, "BadRequest", "A message needs a body.")
    text = str(body.get("content") or "")
    for mention in props.get("mentions") or []:
        who = (mention.get("mentioned") or {}).get("user")
        if who is not None and who.get("id") not in call.tenant.users:
            raise Refusal(400, "BadRequest", "A mentioned user is not in the tenant.")
        if f'<at id="{mention.get("id")}">' not in text:
            raise Refusal(400, "BadRequest", "Neither Body nor adaptive card content contains marker for mention.")
    for one in props.get("attachments") or []:
        if f'<attachment id="{one.get("id")}">' not in text:
            raise Refusal(400, "BadRequest", "Body does not contain marker for attachment.")
        if one.get("contentType") == "reference" and not str(one.get("contentUrl") or "").startswith("https://"):
            raise Refusal(400, "BadRequest", "A reference leads to a file.")
    reactions = props.get("reactions") or []
    if len(reactions) > MOST_REACTIONS:
        raise Refusal(400, "BadRequest", "Too many reactions.")
    for one in reactions:
        if ((one.get("user") or {}).get("user") or {}).get("id") not in call.tenant.users:
            raise Refusal(400, "BadRequest", "A reaction has to be a user's of the tenant.")


def _hosted(call: Call, wanted: list[Json], props: Json) -> dict[str, tuple[str, bytes]]:
    """Inline images get ids of their own; the text is led there."""
    names: dict[str, str] = {}
    out: dict[str, tuple[str, bytes]] = {}
    for one in wanted:
        name, kind = str(one.get("@microsoft.graph.temporaryId") or ""), str(one.get("contentType") or "")
        if not name or not kind.startswith("image/"):
            raise Refusal(400, "BadRequest", "A hosted content is an image with a temporary id.")
        names[name] = call.tenant.ids.token("hosted", 40)
        out[names[name]] = (kind, base64.b64decode(str(one.get("contentBytes") or "")))
    text = str(props["body"].get("content") or "")
    if set(SOURCE.findall(text)) != set(names):
        raise Refusal(400, "BadRequest", "The text's images and the hosted contents do not agree.")
    if names:
        content = SOURCE.sub(lambda m: f"../hostedContents/{names[m[1]]}/$value", text)
        props["body"] = {**props["body"], "content": content}
    return out
