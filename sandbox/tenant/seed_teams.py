"""Made-up teams and chats: a team of the crew with open and private channels; awkward ones with what broke backups."""

from __future__ import annotations

import base64
import json

from sandbox.tenant import teams_mutations as people
from sandbox.tenant.state import Tenant
from sandbox.tenant.teams_state import read_time

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
OPENED = "2026-05-03T08:00:00Z"
REPORT = {
    "id": "5c5f2d0e-6a0a-4e3c-9d5a-0b1f6a1c2d3e", "contentType": "reference", "name": "Report.docx", "content": None,
    "contentUrl": "https://contoso.sharepoint.com/sites/crew/Shared%20Documents/General/Report.docx",
    "thumbnailUrl": None, "teamsAppId": None,
}  # fmt: skip
CARD = {
    "id": "74d20c7f34aa4a7fb74e2b30004247c5", "contentType": "application/vnd.microsoft.card.thumbnail", "name": None,
    "content": json.dumps({"title": "Build 17", "text": "is green"}), "contentUrl": None, "thumbnailUrl": None,
    "teamsAppId": None,
}  # fmt: skip


def picture(seed: int, size: int = 200) -> bytes:
    """Bytes that begin as a PNG does, other ones for each seed."""
    return DOT + bytes((seed + n) % 256 for n in range(size))


def seed_small_team(tenant: Tenant) -> None:
    """The crew as a team: each sort of message once, in an open and in a private channel."""
    people.make_a_team(tenant, "crew")
    general = people.channel_of(tenant, "crew", "General")
    general.created = read_time(OPENED)
    people.put_channel(tenant, "crew", "Design", description="How it looks", created=OPENED)
    people.put_channel(tenant, "crew", "Leads", "private", ["adele", "bernd"], created=OPENED)

    def post(channel: str, by: str, text: str, at: str, **more: object) -> None:
        people.post_message(tenant, "crew", channel, by, text, at=f"2026-05-{at}Z", **more)

    post("General", "adele", "<p>Welcome to the crew</p>", "04T09:00:00.125", subject="Welcome", importance="high")
    post("General", "bernd", "<p>Glad to be here, </p>", "04T09:05:00", reply_to="Welcome", mention="adele")
    post("General", "adele", "<p>Our logo</p>", "05T10:00:00.001", image=picture(1), reactions={"bernd": "like"})
    post("General", "bernd", "<p>A report</p>", "06T11:00:00", attachments=[REPORT])
    post("Design", "bernd", "<p>First draft</p>", "07T08:00:00.5", image=picture(2))
    post("Design", "adele", "<p>Nicer than the first</p>", "07T08:10:00", reply_to="First draft", image=picture(3))
    post("Design", "adele", "<p>To be deleted soon</p>", "08T08:00:00")
    post("Leads", "adele", "<p>Only for us</p>", "09T08:00:00", reactions={"bernd": "\U0001f44d", "adele": "heart"})
    people.post_message(tenant, "crew", "Design", "adele", "Said too much", at="2026-05-10T08:00:00Z")
    people.delete_message(tenant, "crew", "Design", "Said too much")
    stranger = people.say(tenant, general, "adele", "<p>I have left since</p>", at="2026-05-11T08:00:00Z")
    stranger.props["from"]["user"] |= {"id": "0c0ffee0-0000-4000-8000-000000000001", "displayName": "Zoe Left"}
    added = {
        "@odata.type": "#microsoft.graph.channelAddedEventMessageDetail", "channelId": general.id,
        "channelDisplayName": "Design", "initiator": None,
    }  # fmt: skip
    people._event(tenant, general, added, read_time("2026-05-03T09:00:00Z"))
    people.install_app(tenant, "crew", "com.microsoft.teamspace.tab.web")
    people.pin_tab(
        tenant, "crew", "Design", "Style guide", "com.microsoft.teamspace.tab.web",
        contentUrl="https://style.example/", websiteUrl="https://style.example/",
    )  # fmt: skip
    people.put_tag(tenant, "crew", "On call", ["adele", "bernd"])
    people.team_setting(tenant, "crew", "funSettings", allowGiphy=False)


def seed_awkward_team(tenant: Tenant) -> None:
    seed_small_team(tenant)
    people.put_channel(tenant, "crew", "Shared with them", "shared", ["adele"], created=OPENED)
    people.put_channel(tenant, "crew", "x" * 50, created=OPENED)

    def post(channel: str, by: str, text: str, at: str, **more: object) -> None:
        people.post_message(tenant, "crew", channel, by, text, at=at, **more)

    post("Shared with them", "adele", "<p>Seen from outside</p>", "2026-05-12T08:00:00Z", image=picture(9))
    post("Shared with them", "bernd", "<p>Indeed</p>", "2026-05-12T08:01:00Z", reply_to="Seen from outside")
    post("General", "adele", "<p>Build</p>", "2026-05-13T08:00:00Z", attachments=[CARD])
    post("General", "adele", "<p>Hundred answers</p>", "2026-05-14T08:00:00Z")
    for number in range(60):  # more than one page of replies
        post("General", "bernd", f"<p>answer {number:02d}</p>", f"2026-05-14T09:{number:02d}:00Z", reply_to="Hundred")
    post("Design", "adele", "<p>עברית \U0001f3e0 &lt;script&gt;alert(1)&lt;/script&gt;</p>", "2026-05-15T08:00:00Z")
    post("Design", "adele", "", "2026-05-15T09:00:00Z")
    bot = people.say(
        tenant, people.channel_of(tenant, "crew", "Design"), "adele", "<p>Deployed by a bot</p>",
        at="2026-05-16T08:00:00Z",
    )  # fmt: skip
    application = {"id": "b0b00000-0000-4000-8000-000000000002", "displayName": "Deployer",
                   "applicationIdentityType": "bot"}  # fmt: skip
    bot.props["from"] = {"user": None, "device": None, "application": application}
    post("Design", "adele", "<p>Deleted root</p>", "2026-05-17T08:00:00Z")
    post("Design", "bernd", "<p>Its answer lives on</p>", "2026-05-17T08:05:00Z", reply_to="Deleted root")
    people.delete_message(tenant, "crew", "Design", "Deleted root")
    people.install_app(tenant, "crew", "own-app-1", "Our own app")
    people.pin_tab(tenant, "crew", "General", "Own", "own-app-1", entityId="e1", contentUrl="https://own.example/")


def seed_small_chats(tenant: Tenant) -> None:
    """Adele, Bernd and, where she is, Chloé talk to each other."""
    three = [n for n in ("adele", "bernd", "chloe") if tenant.find_user(f"{n}@{tenant.domain}")]
    people.put_chat(tenant, "pair", ["adele", "bernd"], "oneOnOne", OPENED)
    people.put_chat(tenant, "Lunch", three, "group", OPENED)
    people.put_chat(tenant, "Weekly", three, "meeting", OPENED)

    def say(chat: str, by: str, text: str, at: str, **more: object) -> None:
        people.chat_message(tenant, chat, by, text, at=f"2026-05-{at}Z", **more)

    say("pair", "adele", "<p>Are you there?</p>", "04T09:00:00.125")
    say("pair", "bernd", "<p>Yes, look</p>", "04T09:01:00", image=picture(21), reactions={"adele": "laugh"})
    say("Lunch", "bernd", "<p>Noodles at noon?</p>", "05T10:00:00", mention="adele")
    say("Lunch", "adele", "<p>With pleasure</p>", "05T10:01:00")
    pair = people.chat_of(tenant, "pair")
    stranger = people.say(tenant, pair, "bernd", "<p>By now I am gone</p>", at="2026-05-07T08:00:00Z")
    stranger.props["from"]["user"] |= {"id": "0c0ffee0-0000-4000-8000-000000000001", "displayName": "Zoe Left"}
    say("Weekly", "adele", "<p>Notes of the meeting</p>", "06T10:01:00")
