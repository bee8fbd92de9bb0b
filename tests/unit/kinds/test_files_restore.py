"""OneDrive: giving files and folders back."""

from __future__ import annotations

from typing import Any

import pytest

from shared.graph.steps import Reply, Upload
from shared.kinds.files import Files
from shared.kinds.files_names import staging
from shared.model import Kept, Mode, Person, Place, Restored
from tests.play import error, ok, page, play
from tests.unit.kinds.files_case import ADELE, APP, DATES, DRIVE, FEED, INTO, both, folder, item, kept, ours

MARK = "r1.abc"
ABSENT = error(404, "itemNotFound")
NOTHING = both(ABSENT, ABSENT)
SESSION = ok({"uploadUrl": "https://contoso-my.sharepoint.com/upload?guid=1"})
TAKEN = error(409, "nameAlreadyExists")


def give(what: Kept, *replies: Reply, mode: Mode = "create", mark: str = MARK) -> tuple[Restored, list[Any]]:
    return play(Files().restore(what, INTO, mark=mark, mode=mode), *replies)


def methods(asked: list[Any]) -> list[str]:
    return [f"{step.method} {step.path.split('?')[0].rpartition('/')[2]}" for step in asked]


def test_a_file_goes_up_in_one_session_with_its_dates():
    restored, asked = give(kept(), NOTHING, SESSION, ours())
    assert restored == Restored("created", "01NEW")
    wanted = asked[1].body["item"]
    assert wanted["fileSystemInfo"] == DATES and wanted["@microsoft.graph.conflictBehavior"] == "fail"
    assert isinstance(asked[2], Upload) and asked[2].fragment_bytes % 327_680 == 0 and asked[2].part is not None


def test_restoring_again_finds_the_file_of_the_first_attempt():
    restored, asked = give(kept(), both(ours(), ABSENT))
    assert restored == Restored("completed", "01NEW") and all(step.reads for step in asked)


def test_a_whole_file_that_is_there_is_left_alone_where_that_is_the_order():
    restored, asked = give(kept(), both(ours(), ABSENT), mode="skip")
    assert (restored.outcome, restored.item_id) == ("skipped", "01NEW") and all(step.reads for step in asked)


def test_a_file_that_the_service_rewrote_after_our_upload_is_still_ours():
    rewritten = ok(item(b"hello world and properties", id="01NEW", lastModifiedBy=APP))
    restored, _ = give(kept(), both(rewritten, ABSENT))
    assert restored.outcome == "completed" and "rewrote" in restored.losses[0]


def test_kept_dates_alone_do_not_make_other_bytes_ours():
    noise = item(b"noise of an intruder", id="01NEW", lastModifiedBy=APP)
    restored, _ = give(kept(), both(ok(noise), ABSENT), SESSION, ours(), mode="replace")
    assert restored.outcome == "replaced"
    plain = both(ok(noise | {"name": "notes.txt"}), ABSENT)
    restored, _ = give(kept(name="notes.txt"), plain, ABSENT, SESSION, ours(name="notes.txt"))
    assert restored.outcome == "created" and "taken" in restored.losses[0]


def test_a_person_s_equal_file_is_left_alone():
    restored, _ = give(kept(), both(ok(item(id="01THEIRS")), ABSENT))
    assert (restored.outcome, restored.item_id, restored.note) == ("skipped", "01THEIRS", "the same file is there")


def test_beside_another_file_of_its_name_it_gets_a_name_made_of_the_mark():
    restored, asked = give(kept(), both(ok(item(b"theirs")), ABSENT), ABSENT, SESSION, ours())
    name = asked[2].body["item"]["name"]
    assert name.startswith("report (restored ") and name.endswith(").docx") and name in restored.losses[0]
    again, asked = give(kept(), both(ok(item(b"theirs")), ABSENT), ours())
    assert again.outcome == "completed" and methods(asked)[1].startswith("GET report%20%28restored%20")


def test_skip_leaves_what_is_there_and_replace_makes_a_new_version_of_it():
    theirs = both(ok(item(b"encrypted")), ABSENT)
    assert give(kept(), theirs, mode="skip")[0].outcome == "skipped"
    restored, asked = give(kept(), theirs, SESSION, ours(), mode="replace")
    assert restored.outcome == "replaced"
    assert asked[1].body["item"]["@microsoft.graph.conflictBehavior"] == "replace"


def test_a_folder_of_its_name_is_never_replaced_by_a_file():
    restored, _ = give(kept(), both(ok(folder("report.docx")), ABSENT), ABSENT, SESSION, ours(), mode="replace")
    assert restored.outcome == "created" and "taken" in restored.losses[0]


def test_a_zero_byte_file_is_put_and_then_dated():
    fresh = ok(item(b"", id="01NEW", fileSystemInfo={}), 201)
    restored, asked = give(kept(b""), NOTHING, fresh, ours(b""))
    assert restored == Restored("created", "01NEW")
    assert [step.method for step in asked] == ["ALL", "PUT", "PATCH"] and asked[1].body == b""
    assert "conflictBehavior=fail" in asked[1].path and asked[2].body == {"fileSystemInfo": DATES}


def test_dates_that_a_session_refuses_are_a_loss_and_not_a_failure():
    undated = ok(item(id="01NEW", fileSystemInfo={}), 201)
    restored, asked = give(kept(), NOTHING, error(400, "invalidRequest"), SESSION, undated)
    assert restored == Restored("created", "01NEW", ("its dates: the service set its own",))
    assert "fileSystemInfo" not in asked[2].body["item"]


def test_fractions_of_seconds_are_left_out_of_dates():
    info = {"createdDateTime": "2024-03-01T08:00:00.123Z", "lastModifiedDateTime": "2025-02-03T10:11:12.9999999Z"}
    _, asked = give(kept(fileSystemInfo=info), NOTHING, SESSION, ours())
    assert asked[1].body["item"]["fileSystemInfo"] == DATES


def test_a_session_that_is_gone_is_started_over():
    restored, asked = give(kept(), NOTHING, SESSION, error(404, "itemNotFound"), SESSION, ours())
    assert restored.outcome == "created" and [step.method for step in asked].count("POST") == 2


def test_a_lost_answer_is_found_and_not_repeated():
    restored, _ = give(kept(), NOTHING, TAKEN, ours())
    assert restored == Restored("completed", "01NEW")


def test_behind_a_dead_upload_the_file_takes_another_way_in():
    replies = (NOTHING, TAKEN, ABSENT, ABSENT, SESSION, ours(name=staging(MARK)), ours())
    restored, asked = give(kept(), *replies)
    assert restored == Restored("created", "01NEW")
    assert asked[4].body["item"]["name"] == staging(MARK) and asked[-1].body == {"name": "report.docx"}


def test_an_upload_on_its_other_way_in_is_found_again():
    restored, asked = give(kept(), both(ABSENT, ours(name=staging(MARK))), ours())
    assert restored == Restored("created", "01NEW") and methods(asked) == ["ALL ", "PATCH 01NEW"]


def test_what_is_replaced_on_the_other_way_goes_to_the_recycle_bin_only_after_the_upload():
    staged = both(ok(item(b"encrypted", id="01OLD")), ours())
    restored, asked = give(kept(), staged, Reply(204), ours(), mode="replace")
    assert restored.outcome == "replaced" and "recycle bin" in restored.losses[0]
    assert methods(asked) == ["ALL ", "DELETE 01OLD", "PATCH 01NEW"]


@pytest.mark.parametrize(
    ("reply", "note"),
    [
        (error(507, "quotaLimitReached"), "the drive is full"),
        (error(423, "notAllowed", "resourceLocked"), "it is locked or checked out"),
        (error(403, "accessDenied"), "Graph answered 403 accessDenied"),
    ],
)
def test_a_refusal_is_told_for_its_item(reply: Reply, note: str):
    assert give(kept(), NOTHING, reply)[0] == Restored("failed", note=note)


def test_fewer_bytes_than_sent_are_a_failure():
    restored, _ = give(kept(), NOTHING, SESSION, ours(b"hello"))
    assert restored.outcome == "failed" and "5 bytes arrived of 11" in restored.note


def test_a_shortcut_and_a_file_without_content_are_told():
    assert give(kept(remoteItem={"id": "01X"}))[0].outcome == "skipped"
    bare = kept(folder={})  # no part
    assert give(Kept(bare.version, kept().record))[0].outcome == "failed"


def test_an_impossible_name_is_changed_and_told():
    restored, asked = give(kept(name="CON"), NOTHING, SESSION, ours())
    assert asked[1].body["item"]["name"].startswith("CON~") and "CON~" in restored.losses[0]


# -- sharing


def test_sharing_is_given_back_without_a_mail():
    what = kept(**{"o365:Permissions": page("files", "permissions")["value"]})
    restored, asked = give(
        what, NOTHING, SESSION, ours(), ok({"value": []}), ok({"value": []}), ok({"value": []}), ok({})
    )
    read, write, read_group, link = asked[3:]
    assert read.path.endswith("/items/01NEW/permissions")
    assert write.body["recipients"] == [{"objectId": "11111111-0000-4000-8000-000000000001"}]
    assert write.body["sendInvitation"] is False and write.body["requireSignIn"] is True
    assert read_group.body["roles"] == ["read"] and "expirationDateTime" not in read_group.body
    assert link.body == {"type": "view", "scope": "organization"}
    assert restored.losses == (
        "a grant to a SharePoint group or an application: Graph cannot give it",
        "the anonymous link with a password",
    )


def test_sharing_that_is_there_is_not_given_again():
    shared = page("files", "permissions")["value"][:3]
    restored, asked = give(kept(**{"o365:Permissions": shared}), both(ours(), ABSENT), ok({"value": shared}))
    assert restored == Restored("completed", "01NEW") and all(step.reads for step in asked)


def test_people_who_are_gone_are_losses_one_by_one():
    grants = [{"roles": ["read"], "grantedToV2": {"user": {"id": who}}} for who in ("u1", "u2")]
    nobody = error(400, "invalidRequest", "noResolvedUsers")
    what = kept(**{"o365:Permissions": grants})
    restored, asked = give(what, NOTHING, SESSION, ours(), ok({"value": []}), nobody, ok({"value": []}), nobody)
    assert restored.losses == ("the read access of user u2: 400 noResolvedUsers",)
    assert [len(step.body["recipients"]) for step in asked[4:]] == [2, 1, 1]


def test_links_for_people_are_made_without_telling_them():
    link = {"link": {"type": "edit", "scope": "users"}, "grantedToIdentitiesV2": [{"user": {"id": "u1"}}]}
    _, asked = give(kept(**{"o365:Permissions": [link]}), NOTHING, SESSION, ours(), ok({"value": []}), ok({}, 201))
    assert asked[-1].body["recipients"] == [{"objectId": "u1"}] and asked[-1].body["sendNotification"] is False


def test_sharing_goes_to_those_who_stand_for_its_people():
    grants = [{"roles": ["write"], "grantedToV2": {"user": {"id": who}}} for who in ("u1", "u2")]
    people = [{"user": {"id": who}} for who in ("u1", "u2")]
    link = {"link": {"type": "view", "scope": "users"}, "grantedToIdentitiesV2": people}
    act = Files().restore(kept(**{"o365:Permissions": [*grants, link]}), INTO, mark=MARK, mode="create")
    stands = {Person("u1"): Person("n1", "anna@new.example")}
    restored, asked = play(act, NOTHING, SESSION, ours(), ok({"value": []}), ok({"value": []}), ok({}, 201),
                           whom=stands.get)  # fmt: skip
    assert [step.body["recipients"] for step in asked[-2:]] == [[{"objectId": "n1"}], [{"objectId": "n1"}]]
    assert restored.losses == (
        "the write access of user u2: nobody stands for them here",
        "the users link to view: nobody stands here for 1 of its people",
    )


def test_a_link_for_people_none_of_whom_is_here_is_not_made():
    link = {"link": {"type": "view", "scope": "users"}, "grantedToIdentitiesV2": [{"user": {"id": "u1"}}]}
    act = Files().restore(kept(**{"o365:Permissions": [link]}), INTO, mark=MARK, mode="create")
    restored, _ = play(act, NOTHING, SESSION, ours(), whom=lambda person: None)
    assert restored.losses == ("the users link to view: nobody stands here for 1 of its people",)


# -- places


def test_a_restore_gets_a_folder_of_its_own_at_the_top():
    into, asked = play(
        Files().root(Place(ADELE)),
        ok(page("files", "drive")),
        ok({"id": "01ROOT"}),
        ABSENT,
        ok(folder("Restored"), 201),
    )
    assert into.folder_id == "01PLANS" and into.facts["type"] == "business"
    assert asked[3].path.endswith("/items/01ROOT/children") and asked[3].body["name"] == "Restored"
    assert play(Files().root(Place(ADELE, "original")), ok(page("files", "drive")), ok({"id": "01ROOT"}))[0].folder_id


def test_the_kept_root_stands_for_the_place_itself():
    into, asked = play(Files().folder(kept(root={}, folder={}), INTO, mark=MARK))
    assert into == INTO and not asked


def test_a_folder_is_found_and_left_as_it_is():
    what = kept(**folder() | {"o365:Permissions": page("files", "permissions")["value"]})
    into, asked = play(Files().folder(what, INTO, mark=MARK), ok(folder()))
    assert (into.folder_id, into.path) == ("01PLANS", f"/drives/{DRIVE}/items/01PLANS") and len(asked) == 1


def test_a_folder_of_an_earlier_attempt_gets_the_sharing_it_still_lacks():
    grant = {"roles": ["read"], "grantedToV2": {"user": {"id": "u1"}}}
    what = kept(**folder() | {"o365:Permissions": [grant]})
    _, asked = play(
        Files().folder(what, INTO, mark=MARK), ok(folder(createdBy=APP)), ok({"value": []}), ok({"value": []})
    )
    assert asked[-1].path.endswith("/items/01PLANS/invite")


def test_a_notebook_comes_back_as_a_folder_and_says_so():
    what = kept(**folder(package={"type": "oneNote"}))
    into, asked = play(Files().folder(what, INTO, mark=MARK), ABSENT, ok(folder(), 201))
    assert asked[1].body["folder"] == {} and "notebook" in into.facts["losses"]


def test_a_folder_too_deep_for_its_place_goes_to_the_top_and_says_so():
    deep = type(INTO)(ADELE, INTO.path, INTO.folder_id, INTO.facts | {"room": "6"})
    into, asked = play(
        Files().folder(kept(**folder("Long name")), deep, mark=MARK), ABSENT, ok(folder("Long name~PLANS"), 201)
    )
    assert asked[1].path == f"/drives/{DRIVE}/items/01TOP/children" and "too long" in into.facts["losses"]


def test_previews_see_the_reads_before_the_first_write():
    for what in (kept(), kept(b""), kept(**folder())):
        act = Files().restore(what, INTO, mark=MARK, mode="skip")
        step = next(act)
        assert step.reads
        act.close()


def test_the_feed_of_the_tests_is_the_kind_s():
    assert FEED.kind == Files.name
