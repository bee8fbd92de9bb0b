"""Teams: what a team is beside its messages. Settings, channels with members and tabs, apps, tags, who is in it."""

from __future__ import annotations

from typing import ClassVar

from shared.graph.steps import Steps
from shared.kinds import channel_places, team_items, team_restore, whole
from shared.kinds.kind import Into, Kind
from shared.model import (
    Capture,
    Cursor,
    Feed,
    Json,
    Kept,
    Listing,
    Mode,
    Owner,
    OwnerType,
    Place,
    Restored,
    Seen,
    Taken,
    Version,
)


class Teams(Kind):
    name: ClassVar[str] = "teams"
    title: ClassVar[str] = "Team"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"group"})
    only_where: ClassVar[tuple[str, str] | None] = ("team", "true")
    lane: ClassVar[str] = "team"
    exclusive_lane: ClassVar[bool] = False
    in_order: ClassVar[bool] = True  # members before tags, channels before their tabs: ids sort so
    has_folders: ClassVar[bool] = False
    undrilled: ClassVar[str] = "it would change the scratch team's own apps, tabs, tags and members"
    read_permissions: ClassVar[tuple[str, ...]] = (
        "TeamSettings.Read.All", "TeamMember.Read.All", "Channel.ReadBasic.All", "ChannelMember.Read.All",
        "TeamsTab.Read.All", "TeamsAppInstallation.ReadForTeam.All", "TeamworkTag.Read.All",
    )  # fmt: skip
    write_permissions: ClassVar[tuple[str, ...]] = (
        "Team.Create", "TeamSettings.ReadWrite.All", "TeamMember.ReadWrite.All", "Channel.Create",
        "Channel.ReadBasic.All", "ChannelMember.ReadWrite.All", "TeamsTab.ReadWrite.All",
        "TeamsAppInstallation.ReadWriteForTeam.All", "TeamworkTag.ReadWrite.All",
    )  # fmt: skip
    spare_permissions: ClassVar[tuple[str, ...]] = (team_restore.CATALOGUE,)
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {
            "id", "createdDateTime", "internalId", "webUrl", "tenantId", "summary", "email", "migrationMode",
            "originalCreatedDateTime", "teamId", "memberCount", "visibleHistoryStartDateTime", "isFavoriteByDefault",
            "displayName", "description", "visibility", "isArchived", "classification", "specialization",
            "o365:Id", "o365:CreatedDateTime", "o365:LastModifiedDateTime",
        }
    )  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = (
        "ids change, also those that a tab's settings name; times of creation are those of the restore",
        "name, description and visibility of the team are the group's",
        "a team that was archived comes back open",
        "apps that the target's catalogue does not have, and their tabs",
        "permissions that were consented to for apps inside the team",
        "members, owners and tag members who are not in the target",
        "guests are added to a team only as far as the target has them",
        "with which teams a channel was shared is kept and not written; channels shared into the team as well",
        channel_places.TAKEN,
        "a tag has to have a member; tags of the service's own kinds are not written",
        "shifts and schedules are not kept",
    )
    reconcile_days: ClassVar[int] = 7

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        return (yield from team_items.feeds(owner, self.name))

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        """No part of a team has a delta."""
        found = yield from team_items.listed(feed)
        if cursor is None:
            found = yield from team_items.inside(feed, found)
        return whole.listing(feed, found, cursor)

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        return Capture((yield from team_items.completed(feed, seen)))

    def unchanged(self, seen: Seen, kept: Version) -> bool:
        return team_items.unchanged(seen, kept)

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        found = yield from team_items.listed(feed)
        return next((one for one in found if one.item_id == item_id), None)

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        return (yield from team_restore.root(place))

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        yield from ()
        return into

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from team_restore.restore(kept, into, mode))

    def file_name(self, record: Json) -> str:
        return str(record.get("o365:Name") or "team")
