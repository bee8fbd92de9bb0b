"""Which Graph app roles the enabled kinds need: the one table behind grants, checks and docs. Pure.

What is needed stands in the kinds; here are only the roles' ids (Graph docs: permissions reference). They are the same
in every tenant, and the registration script compares them with the tenant's own before it grants any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from shared.kinds import KINDS, owners
from shared.kinds.kind import Kind, SignIn
from shared.kinds.lossless import lossless as kept_whole
from shared.kinds.signed_writes import written_by
from shared.model import OwnerType

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
# Roles that Exchange can grant for some mailboxes only (Exchange docs: RBAC for Applications).
SCOPED_BY_EXCHANGE = ("Mail.", "Contacts.", "Calendars.", "MailboxSettings.")


EVERYONE: tuple[OwnerType, ...] = get_args(OwnerType)
Narrowed = Mapping[OwnerType, Sequence[str]]  # kinds of one type of owner; none named: all


def kept(
    kinds: Iterable[str] = (), owner_types: Iterable[OwnerType] = EVERYONE, narrowed: Narrowed | None = None, *,
    lossless: bool = False,
) -> dict[str, frozenset[OwnerType]]:  # fmt: skip
    """The kinds that are backed up (none named: all), each with the types of owners that it is backed up of."""
    able = [kind for kind in _named(kinds) if lossless or not kind.only_lossless]
    chosen = {kind.name: frozenset(filter(kind.owner_types.__contains__, owner_types)) for kind in able}
    for owner_type, names in (narrowed or {}).items():
        out = {name for name in chosen if names and name not in {kind.name for kind in _named(names)}}
        chosen |= {name: chosen[name] - {owner_type} for name in out}
    return {name: types for name, types in chosen.items() if types}


def reads(
    kinds: Iterable[str] = (), owner_types: Iterable[OwnerType] = EVERYONE, narrowed: Narrowed | None = None, *,
    members: bool = False, lossless: bool = False,
) -> tuple[str, ...]:  # fmt: skip
    """What the backup app needs for these kinds of these owners: the kinds' own roles and the lists of owners; with
    `members` also who is in a group; `lossless`: in that mode."""
    of, known = kept(kinds, owner_types, narrowed, lossless=lossless), _in_mode(lossless)
    own = {name: types for name, types in of.items() if not known[name].signed_in}
    needed = {role for name, types in own.items() for each in types for role in known[name].reads_of(each)}
    listed = {owners.READ_PERMISSIONS[each] for types in of.values() for each in types}
    listed |= {owners.READ_DELETED_TEAMS} if any(known[name].outlives for name in of) else set()
    return tuple(sorted(needed | listed | ({owners.READ_MEMBERS} if members else set())))


def writes(
    kinds: Iterable[str] = (), owner_types: Iterable[OwnerType] = EVERYONE, narrowed: Narrowed | None = None, *,
    lossless: bool = False,
) -> tuple[str, ...]:  # fmt: skip
    """What the restore app needs."""
    known = _in_mode(lossless)
    able = [known[name] for name in kept(kinds, owner_types, narrowed, lossless=lossless)]
    return tuple(sorted({role for kind in able for role in (*kind.write_permissions, *kind.spare_permissions)}))


def signed_in(kinds: Iterable[str] = ()) -> tuple[str, ...]:
    """What a person has to consent to, for kinds that no app may read."""
    return tuple(sorted({role for kind in _named(kinds) if kind.signed_in for role in kind.read_permissions}))


def signed_writes(sign_in: SignIn) -> tuple[str, ...]:
    """What a person has to consent to in whose name restores may write, for kinds that no app may."""
    return tuple(sorted({role for kind in written_by(sign_in).values() for role in kind.write_permissions}))


def scoped_by_exchange(role: str) -> bool:
    return role.startswith(SCOPED_BY_EXCHANGE)


def _in_mode(lossless: bool) -> Mapping[str, Kind]:
    return {**KINDS, **kept_whole()} if lossless else KINDS


def _named(names: Iterable[str]) -> list[Kind]:
    wanted = list(names) or list(KINDS)
    if strangers := [name for name in wanted if name not in KINDS]:
        raise ValueError(f"{', '.join(strangers)}: no such kind; there are {', '.join(KINDS)}")
    return [KINDS[name] for name in wanted]


ROLE_IDS = {
    "AppCatalog.Read.All": "e12dae10-5a57-4817-b79d-dfbec5348930",
    "AuditLog.Read.All": "b0afded3-3588-46d8-8b3d-9842eff778da",
    "Calendars.Read": "798ee544-9d2d-430c-a058-570e29e34338",
    "Calendars.ReadWrite": "ef54d2bf-783f-4e0f-bca1-3210c0444d99",
    "Channel.Create": "f3a65bd4-b703-46df-8f7e-0174fea562aa",
    "Channel.ReadBasic.All": "59a6b24b-4225-4393-8165-ebaec5f55d7a",
    "ChannelMember.Read.All": "3b55498e-47ec-484f-8136-9013221c06a9",
    "ChannelMember.ReadWrite.All": "35930dcf-aceb-4bd1-b99a-8ffed403c974",
    "ChannelMessage.Read.All": "7b2449af-6ccd-4f4d-9f78-e550c193f0d1",
    "ChannelSettings.Read.All": "c97b873f-f59f-49aa-8a0e-52b32d762124",
    "ChannelSettings.ReadWrite.All": "243cded2-bd16-4fd6-a953-ff8177894c3d",
    "Chat.Create": "d9c48af6-9ad9-47ad-82c3-63757137b9af",
    "Chat.Read.All": "6b7d71aa-70aa-4810-a8d9-5d9fb2830017",
    "Chat.ReadBasic.All": "b2e060da-3baf-4687-9611-f4ebc0f0cbde",
    "Chat.ReadWrite.All": "294ce7c9-31ba-490a-ad7d-97a7d075e4ed",
    "ChatMember.Read.All": "a3410be2-8e48-4f32-8454-c29a7465209d",
    "ChatMember.ReadWrite.All": "57257249-34ce-4810-a8a2-a03adf0c5693",
    "ChatMessage.Read.All": "b9bb2381-47a4-46cd-aafb-00cb12f68504",
    "Contacts.Read": "089fe4d0-434a-44c5-8827-41ba8a0b17f5",
    "Contacts.ReadWrite": "6918b873-d17a-4dc1-b314-35f528134491",
    "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
    "Files.Read.All": "01d4889c-1287-42c6-ac1f-5d1e02578ef6",
    "Files.ReadWrite.All": "75359482-378d-4052-8f01-80520e7db3cd",
    "Group-Conversation.Read.All": "4f0a8235-6f6f-4ec7-9500-34b452a4a0c3",
    "Group-Conversation.ReadWrite.All": "6679c91b-820a-4900-ab47-e97b197a89c4",
    "Group.Create": "bf7b1a76-6e77-406b-b258-bf5c7720e98f",
    "Group.Read.All": "5b567255-7703-4780-807c-7be8301ae99b",
    "Group.ReadBasic.All": "07d67222-3a10-4d3b-9ddc-b8aa43198a00",
    "Group.ReadWrite.All": "62a82d76-70ea-41e2-9197-370581804d09",
    "GroupMember.Read.All": "98830695-27a2-44f7-8c18-0c3ebc9698f6",
    "GroupMember.ReadBasic.All": "8222c640-cae5-4860-8d11-b32cfad95e03",
    "GroupMember.ReadWrite.All": "dbaae8cf-10b5-4b86-a4a1-f871c94c6695",
    "GroupSettings.Read.All": "f3c4f514-c65a-43f5-bfce-1735872258dd",
    "GroupSettings.ReadWrite.All": "546168c3-1183-4281-9491-fafb24dea37e",
    "LicenseAssignment.Read.All": "e2f98668-2877-4f38-a2f4-8202e0717aa1",
    "Mail.Read": "810c84a8-4a9e-49e6-bf7d-12d183f40d01",
    "Mail.ReadBasic.All": "693c5e45-0940-467d-9b8a-1022fb9d42ef",
    "Mail.ReadWrite": "e2a3a72e-5f79-4c64-b1b1-878b674786c9",
    "Mail.Send": "b633e1c5-b582-4048-a93e-9f11b44c7e96",
    "MailboxConfigItem.Read": "27d9d776-f4d2-426d-80ad-5f22f2b01b0a",
    "MailboxConfigItem.ReadWrite": "aa6d92d4-b25a-4640-aefe-3e3231e5e736",
    "MailboxFolder.Read.All": "99280d24-a782-4793-93cc-0888549957f6",
    "MailboxFolder.ReadWrite.All": "fef87b92-8391-4589-9da7-eb93dab7dc8a",
    "MailboxItem.Export.All": "937550e9-33a3-494b-88ae-d9cd394b1fbb",
    "MailboxItem.ImportExport.All": "76577085-e73d-4f1d-b26a-85fb33892327",
    "MailboxItem.Read.All": "7d9f353d-a7bd-4fbb-822a-26d5dd39a3ce",
    "MailboxItem.ReadWrite.All": "1583d471-fede-4e7c-b062-57e9d60cfb49",
    "MailboxSettings.Read": "40f97065-369a-49f4-947c-6a255697ae91",
    "MailboxSettings.ReadWrite": "6931bccd-447a-43d1-b442-00a195474933",
    "Member.Read.Hidden": "658aa5d8-239f-45c4-aa12-864f4fc7e490",
    "Organization.Read.All": "498476ce-e0fe-48b0-b801-37ba7e2685c6",
    "ProfilePhoto.Read.All": "e24d31aa-e1ab-4c80-85fe-23018690335d",
    "ProfilePhoto.ReadWrite.All": "27baa7f6-5dfb-4ba8-b1d3-1e812c143013",
    "Reports.Read.All": "230c1aed-a721-4c5d-9cb4-a90514e508ef",
    "Schedule.Read.All": "7b2ebf90-d836-437f-b90d-7b62722c4456",
    "Schedule.ReadWrite.All": "b7760610-0545-4e8a-9ec3-cce9e63db01c",
    "Sites.FullControl.All": "a82116e5-55eb-4c41-a434-62fe8a61c773",
    "Sites.Manage.All": "0c0bf378-bf22-4481-8f81-9e89a9b4960a",
    "Sites.Read.All": "332a536c-c7ef-4017-ab91-336970924f0d",
    "Sites.ReadWrite.All": "9492366f-7969-46a4-8d15-ed1a20078fff",
    "Sites.Selected": "883ea226-0bf2-4a8f-9f9d-92c9162a727d",
    "Tasks.Read.All": "f10e1f91-74ed-437f-a6fd-d6ae88e26c1f",
    "Tasks.ReadWrite.All": "44e666d1-d276-445b-a5fc-8815eeb81d55",
    "Team.Create": "23fc2474-f741-46ce-8465-674744c5c361",
    "Team.ReadBasic.All": "2280dda6-0bfd-44ee-a2f4-cb867cfc4c1e",
    "TeamMember.Read.All": "660b7406-55f1-41ca-a0ed-0b035e182f3e",
    "TeamMember.ReadWrite.All": "0121dc95-1b9f-4aed-8bac-58c5ac466691",
    "TeamMember.ReadWriteNonOwnerRole.All": "4437522e-9a86-4a41-a7da-e380edd4a97d",
    "TeamSettings.Read.All": "242607bd-1d2c-432c-82eb-bdb27baa23ab",
    "TeamSettings.ReadWrite.All": "bdd80a03-d9bc-451d-b7c4-ce7c63fe3c8f",
    "TeamsAppInstallation.ReadForChat.All": "cc7e7635-2586-41d6-adaa-a8d3bcad5ee5",
    "TeamsAppInstallation.ReadForTeam.All": "1f615aea-6bf9-4b05-84bd-46388e138537",
    "TeamsAppInstallation.ReadWriteAndConsentForTeam.All": "b0c13be0-8e20-4bc5-8c55-963c23a39ce9",
    "TeamsAppInstallation.ReadWriteForTeam.All": "5dad17ba-f6cc-4954-a5a2-a0dcc95154f0",
    "TeamsTab.Create": "49981c42-fd7b-4530-be03-e77b21aed25e",
    "TeamsTab.Read.All": "46890524-499a-4bb2-ad64-1476b4f3e1cf",
    "TeamsTab.ReadWrite.All": "a96d855f-016b-47d7-b51c-1218a98d791c",
    "Teamwork.Migrate.All": "dfb0dd15-61de-45b2-be36-d6a69fba3c79",
    "TeamworkTag.Read.All": "b74fd6c4-4bde-488e-9695-eeb100e4907f",
    "TeamworkTag.ReadWrite.All": "a3371ca5-911d-46d6-901c-42c8c7a937d8",
    "User.DeleteRestore.All": "eccc023d-eccf-4e7b-9683-8813ab36cecc",
    "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
    "User.ReadBasic.All": "97235f07-e226-4f63-ace3-39588e11d3a1",
    "User.ReadWrite.All": "741f803b-c850-494e-b5df-cde7c675a1ca",
}
