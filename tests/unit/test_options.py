"""The usual options of a backup of Microsoft 365: each has its setting, with its effect, and its line of docs."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.api import bodies
from shared.errors import Misconfigured
from shared.flows.house import House, Policy
from shared.kinds import KINDS
from shared.knobs import BY_NAME
from shared.readings import Secret
from shared.setting_nouns import ByCertificate, ByClientSecret
from shared.settings import read
from shared.wiring import _policy
from shared.wiring_checkup import setup_of
from tests.unit.test_settings import APP, with_
from tools.options import OPTIONS

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_has_settings_that_exist_and_a_line_in_the_docs(option: Any) -> None:
    assert option.settings and set(option.settings) <= set(BY_NAME)
    page = (ROOT / "docs/operations.md").read_text()
    [line] = [line for line in page.splitlines() if line.startswith(f"| {option.name} |")]
    assert set(re.findall(r"`([A-Z0-9_]+)`", line)) == set(option.settings)
    for type_ in option.types:
        assert f"{type_}: " in line
        known = option.kept(type_) or type_ in option.elsewhere or type_ == "notes"
        assert known, f"{type_}: no kind keeps it, and no word says where it is"
        assert set(option.kept(type_)) <= set(KINDS)


def test_identity_options_arrive_where_they_are_used() -> None:
    settings = read(with_(M365_GRAPH_BASE_URL="https://graph.microsoft.us", M365_SCOPE="https://x/.default"))
    assert settings.backup is not None and settings.backup.proof == ByClientSecret(Secret("canary-1"))
    assert (settings.cloud.graph_url, settings.cloud.scope) == ("https://graph.microsoft.us", "https://x/.default")
    certificate = {"M365_BACKUP_CERTIFICATE_PATH": "/c.pfx", "M365_BACKUP_CERTIFICATE_PASSWORD": "canary"}
    settings = read(with_(M365_BACKUP_CLIENT_SECRET=None, **certificate))
    assert settings.backup is not None and settings.backup.proof == ByCertificate("/c.pfx", Secret("canary"))
    assert settings.backup.client_id == APP


def house_of(**changes: str) -> House:
    nothing: Any = None
    policy = _policy(read(with_(**changes), kinds=tuple(KINDS)))
    return House("t", nothing, nothing, nothing, nothing, nothing, KINDS, policy)


def names(house: House, owner_type: Any) -> list[str]:
    return [kind.name for kind in house.kinds_for(owner_type)]


def test_types_of_owners_and_of_their_content_are_chosen_each_for_itself() -> None:
    everything = house_of()
    for owner_type in ("user", "group", "site"):
        assert names(everything, owner_type) == [
            k.name
            for k in KINDS.values()
            if owner_type in k.owner_types and not (k.signed_in or k.only_lossless)
        ]
    assert names(house_of(BACKUP_LOSSLESS="on"), "user") == [*names(everything, "user"), "notes"]
    chosen = house_of(BACKUP_USER_KINDS="mail,events", BACKUP_OWNER_TYPES="user,group")
    assert names(chosen, "user") == ["mail", "events"] and names(chosen, "group") == names(everything, "group")
    assert chosen.policy.owner_types == ("user", "group")
    narrow = house_of(BACKUP_KINDS="mail,contacts", BACKUP_USER_KINDS="mail,files")
    assert names(narrow, "user") == ["mail"], "both have to name a kind"
    with pytest.raises(Misconfigured, match="BACKUP_GROUP_KINDS: faxes not known"):
        house_of(BACKUP_GROUP_KINDS="faxes")


def test_a_kind_that_no_owner_is_left_for_needs_no_permission() -> None:
    settings = read(with_(BACKUP_USER_KINDS="contacts", BACKUP_OWNER_TYPES="user"), kinds=tuple(KINDS))
    setup = setup_of(settings, in_cloud=False)
    assert "mail" not in setup.kinds and "Mail.ReadWrite" not in setup.needed["restore"]
    assert "Contacts.Read" in setup.needed["backup"]


def test_what_exists_is_ignored_on_restore_unless_order_or_setting_say_otherwise() -> None:
    assert read(with_()).api.restore_mode == "skip"
    assert read(with_(RESTORE_MODE="replace")).api.restore_mode == "replace"
    body: dict[str, Any] = {"owner": "user-a1", "kinds": ["mail"]}
    assert bodies.read_restore(body, "t1", KINDS, NOW).mode == "skip"
    assert bodies.read_restore(body, "t1", KINDS, NOW, mode="create").mode == "create"
    assert bodies.read_restore({**body, "mode": "skip"}, "t1", KINDS, NOW, mode="create").mode == "skip"


def test_a_policy_keeps_what_both_lists_name() -> None:
    policy = Policy(kinds=("mail", "files"), narrowed={"user": ("mail",)})
    assert policy.keeps("mail", "user") and not policy.keeps("files", "user") and policy.keeps("files", "site")
    assert replace(policy, kinds=(), narrowed={}).keeps("anything", "user")
