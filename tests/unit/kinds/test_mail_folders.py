from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import CursorExpired, NotPermitted, OwnerMissing
from shared.graph.steps import Reply, Together
from shared.kinds.kind import Into
from shared.kinds.mail import Mail
from shared.kinds.mail_folders import WELL_KNOWN
from shared.model import Gone, Place, Seen
from tests.play import error, ok, page, play
from tests.unit.kinds.mail_rig import ADELE, TARGET, kept, version

FOLDERS = page("mail", "folders")
[ROOT_FEED], _ = play(Mail().feeds(ADELE))
KNOWN = {"msgfolderroot": "AQroot", "recoverableitemsdeletions": "AQrec", "inbox": "AQinbox"}


def names(**there: Any) -> Reply:
    """The answer to the question for all well-known names."""
    missing = error(404, "ErrorFolderNotFound")
    return Reply(200, parts=tuple(ok(there[name]) if name in there else missing for name in WELL_KNOWN))


def values(*entries: Any, **links: str) -> Reply:
    return ok({"value": list(entries), **{f"@odata.{name}": url for name, url in links.items()}})


def wave(*replies: Reply) -> Reply:
    return Reply(200, parts=replies)


def all_folders(*replies: Reply) -> Any:
    return play(Mail().changes(ROOT_FEED, None), *replies)


def well_known() -> Reply:
    return names(**{name: FOLDERS[name] for name in KNOWN})


def test_the_tree_holds_hidden_nested_and_recoverable_folders_but_no_search_folders():
    listing, _ = all_folders(
        well_known(),
        values(FOLDERS["inbox"], deltaLink="https://graph.microsoft.com/v1.0/d1"),
        values(FOLDERS["inbox"], FOLDERS["hidden"]),
        wave(values(FOLDERS["projects"], FOLDERS["search"]), values()),
        wave(values()),
    )
    found = {seen.item_id: seen.folder for seen in listing.changes}
    assert found == {
        "AQroot": "",
        "recoverableitemsdeletions": "",
        "AQinbox": "AQroot",
        "AQhid": "AQroot",
        "AQproj": "AQinbox",
    }
    assert listing.last


def test_the_cursor_is_taken_before_the_walk():
    _, asked = all_folders(well_known(), values(deltaLink="https://graph.microsoft.com/v1.0/d1"), values())
    assert [step.path.rpartition("/")[2].partition("?")[0] for step in asked[1:]] == ["delta", "mailFolders"]


def test_every_folder_is_asked_for_hidden_children():
    _, asked = all_folders(
        well_known(),
        values(deltaLink="https://graph.microsoft.com/v1.0/d1"),
        values(FOLDERS["inbox"]),
        wave(values()),
    )
    assert isinstance(asked[-1], Together)
    assert asked[-1].steps[0].path == "/users/u1/mailFolders/AQinbox/childFolders?includeHiddenFolders=true&$top=100"


def test_well_known_folders_are_told_in_no_language():
    listing, _ = all_folders(
        well_known(),
        values(deltaLink="https://graph.microsoft.com/v1.0/d1"),
        values(FOLDERS["inbox"]),
        wave(values()),
    )
    inbox = next(seen for seen in listing.changes if seen.item_id == "AQinbox")
    assert (inbox.name, inbox.record["o365:WellKnownName"]) == ("Posteingang", "inbox")


def test_more_than_one_page_of_children_is_read():
    listing, _ = all_folders(
        well_known(),
        values(deltaLink="https://graph.microsoft.com/v1.0/d1"),
        values(FOLDERS["inbox"]),
        wave(values(nextLink="https://graph.microsoft.com/v1.0/more")),
        values(FOLDERS["projects"]),
        wave(values()),
    )
    assert "AQproj" in {seen.item_id for seen in listing.changes}


def test_a_folder_that_only_delta_shows_is_taken():
    listing, _ = all_folders(
        well_known(),
        values(FOLDERS["projects"], deltaLink="https://graph.microsoft.com/v1.0/d1"),
        values(),
        wave(error(404, "ErrorItemNotFound")),
    )
    assert "AQproj" in {seen.item_id for seen in listing.changes}


def test_nothing_changed_costs_one_request():
    cursor = json.dumps({"delta": "https://graph.microsoft.com/v1.0/d1", "known": KNOWN})
    later = values(deltaLink="https://graph.microsoft.com/v1.0/d2")
    listing, asked = play(Mail().changes(ROOT_FEED, cursor), later)
    assert (len(asked), listing.changes, listing.last) == (1, (), True)
    assert json.loads(listing.cursor)["delta"] == "https://graph.microsoft.com/v1.0/d2"


def test_an_increment_knows_the_well_known_folders_and_tells_deletions():
    cursor = json.dumps({"delta": "https://graph.microsoft.com/v1.0/d1", "known": KNOWN})
    told = values(FOLDERS["inbox"], {"id": "AQproj", "@removed": {"reason": "deleted"}}, deltaLink="x")
    listing, _ = play(Mail().changes(ROOT_FEED, cursor), told)
    assert [type(change) for change in listing.changes] == [Seen, Gone]
    assert listing.changes[0].record["o365:WellKnownName"] == "inbox"


def test_counts_of_a_folder_do_not_change_its_tag():
    cursor = json.dumps({"delta": "https://graph.microsoft.com/v1.0/d1", "known": KNOWN})
    fuller = {**FOLDERS["inbox"], "totalItemCount": 99}
    before, _ = play(Mail().changes(ROOT_FEED, cursor), values(FOLDERS["inbox"], deltaLink="x"))
    after, _ = play(Mail().changes(ROOT_FEED, cursor), values(fuller, deltaLink="x"))
    assert before.changes[0].tag == after.changes[0].tag


def test_a_full_mailbox_is_walked_and_walked_again_the_next_time():
    listing, _ = all_folders(well_known(), error(507, "ErrorQuotaExceeded"), values())
    with pytest.raises(CursorExpired):
        play(Mail().changes(ROOT_FEED, listing.cursor))


@pytest.mark.parametrize("code", ["MailboxNotEnabledForRESTAPI", "ResourceNotFound", "ErrorInvalidUser"])
def test_a_user_without_a_mailbox_is_a_state_of_the_user(code: str):
    with pytest.raises(OwnerMissing):
        all_folders(Reply(200, parts=(error(404, code),) * len(WELL_KNOWN)))


def test_a_policy_that_shuts_us_out_is_told_with_its_remedy():
    with pytest.raises(NotPermitted, match=r"Mail\.Read"):
        all_folders(Reply(200, parts=(error(403, "ErrorAccessDenied"),) * len(WELL_KNOWN)))


def test_a_kept_folder_opens_a_feed_of_its_messages():
    folder = version("mail", "AQ=inbox/1")
    assert Mail().opens(folder) is None
    feed = Mail().opens(replace(folder, folderish=True))
    assert feed is not None and (feed.id, feed.path) == ("AQ=inbox/1", "/users/u1/mailFolders/AQ%3Dinbox%2F1")


# --- the way back


def test_the_original_place_is_the_top_of_the_mailbox():
    into, _ = play(Mail().root(Place(ADELE, "original")), ok(FOLDERS["msgfolderroot"]))
    assert into == Into(ADELE, "/users/u1/mailFolders/AQroot", "AQroot", {"original": "yes"})


def test_a_named_place_is_found_without_regard_to_case():
    into, asked = play(Mail().root(Place(ADELE, "restored")), values({"id": "AQr", "displayName": "Restored"}))
    assert (into.folder_id, [step.method for step in asked]) == ("AQr", ["GET"])


def test_a_named_place_is_created_where_there_is_none():
    into, asked = play(Mail().root(Place(ADELE)), values(), ok({"id": "AQr"}, 201))
    assert (asked[1].method, asked[1].path, asked[1].body) == (
        "POST",
        "/users/u1/mailFolders",
        {"displayName": "Restored"},
    )
    assert into.folder_id == "AQr"


def test_a_folder_that_a_twin_made_meanwhile_is_found():
    replies = (values(), error(409, "ErrorFolderExists"), values({"id": "AQr", "displayName": "Restored"}))
    into, _ = play(Mail().root(Place(ADELE)), *replies)
    assert into.folder_id == "AQr"


def test_the_inbox_is_found_by_its_name_in_every_language_when_things_go_back_where_they_were():
    inbox = kept("mail", {**FOLDERS["inbox"], "o365:WellKnownName": "inbox"})
    original = Into(ADELE, "/users/u1/mailFolders/AQroot", "AQroot", {"original": "yes"})
    into, asked = play(Mail().folder(inbox, original, mark="r1/v1"), ok({"id": "AQbox2", "displayName": "Inbox"}))
    assert asked[0].path == "/users/u1/mailFolders/inbox"
    assert (into.folder_id, into.facts) == ("AQbox2", {"original": "yes"})


def test_elsewhere_the_inbox_is_a_folder_of_its_display_name():
    inbox = kept("mail", {**FOLDERS["inbox"], "o365:WellKnownName": "inbox"})
    _, asked = play(Mail().folder(inbox, TARGET, mark="r1/v1"), values(), ok({"id": "AQx"}, 201))
    assert asked[1].body == {"displayName": "Posteingang"}


def test_of_two_siblings_of_one_name_every_attempt_takes_the_same():
    two = ({"id": "AQ2", "displayName": "Projekte"}, {"id": "AQ1", "displayName": "Projekte"})
    folder = kept("mail", {"id": "AQ9", "displayName": "Projekte"})
    first, _ = play(Mail().folder(folder, TARGET, mark="r1/v1"), values(*two))
    second, _ = play(Mail().folder(folder, TARGET, mark="r1/v1"), values(*reversed(two)))
    assert first.folder_id == second.folder_id == "AQ1"


def test_a_hidden_folder_is_created_hidden():
    _, asked = play(Mail().folder(kept("mail", FOLDERS["hidden"]), TARGET, mark="m"), values(), ok({"id": "AQh"}, 201))
    assert asked[1].body == {"displayName": "Out of sight", "isHidden": True}


def test_recoverable_items_go_into_an_ordinary_folder():
    dumpster = kept("mail", {**FOLDERS["recoverableitemsdeletions"], "o365:WellKnownName": "recoverableitemsdeletions"})
    original = Into(ADELE, "/users/u1/mailFolders/AQroot", "AQroot", {"original": "yes"})
    _, asked = play(Mail().folder(dumpster, original, mark="m"), values(), ok({"id": "AQrec2"}, 201))
    assert asked[1].body == {"displayName": "Recoverable Items"}
