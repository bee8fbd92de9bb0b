from __future__ import annotations

import copy
from typing import Any

import pytest

from sandbox.compare import Comparison, compare_contacts, compare_files, compare_mail
from sandbox.reasons import EXTRA, MISSING, REASONS
from sandbox.tenant.dump import dump
from sandbox.tenant.mailbox import WELL_KNOWN
from sandbox.tenant.seed import make_tenant
from shared.kinds import KINDS

ADELE = "adele@contoso.example"


@pytest.fixture
def truth() -> dict[str, Any]:
    found: dict[str, Any] = dump(make_tenant("small"))[ADELE]
    return found


def inbox(picture: dict[str, Any]) -> dict[str, Any]:
    return next(folder for folder in picture["mail"]["folders"] if folder["name"] == "inbox")


def told(comparison: Comparison) -> list[tuple[str, str]]:
    return [(d.where, d.field) for d in comparison.unexplained]


def test_the_same_is_the_same(truth: dict[str, Any]):
    now = copy.deepcopy(truth)
    for done in (
        compare_contacts("", truth["contacts"], now["contacts"]),
        compare_files("", truth["drive"], now["drive"]),
    ):
        assert (done.differences, done.missing) == ((), 0)
        assert done.items >= 4


def test_a_missing_message_is_unexplained(truth: dict[str, Any]):
    now = copy.deepcopy(truth)
    gone = inbox(now)["messages"].pop()
    done = compare_mail("", truth["mail"], now["mail"])
    assert told(done)[0] == (f"/inbox/{gone['subject']}", MISSING)
    assert done.missing >= 1


def test_a_second_copy_is_unexplained(truth: dict[str, Any]):
    now = copy.deepcopy(truth)
    inbox(now)["messages"].append(inbox(now)["messages"][0])
    assert told(compare_mail("", truth["mail"], now["mail"]))[0][1] == EXTRA


@pytest.mark.parametrize(
    ("field", "value"),
    [("isRead", "?"), ("receivedDateTime", "2020-01-01T00:00:00Z"), ("isDraft", True), ("body", {}), ("flag", None)],
)
def test_a_changed_field_is_unexplained(truth: dict[str, Any], field: str, value: Any):
    now = copy.deepcopy(truth)
    message = inbox(now)["messages"][0]
    message[field] = value
    assert told(compare_mail("", truth["mail"], now["mail"]))[0] == (f"/inbox/{message['subject']}", field)


def test_the_mark_of_a_restore_is_explained_and_nothing_else_beside_it(truth: dict[str, Any]):
    now = copy.deepcopy(truth)
    first, second = inbox(now)["messages"][:2]
    first["extended"] = {"String {5c1f0d52} Name HoldfastMark": "r1.a"}
    second["extended"] = {"String {5c1f0d52} Name HoldfastMark": "r1.b", "String {66f5a359} Name Colour": "green"}
    done = compare_mail("", truth["mail"], now["mail"])
    assert (f"/inbox/{second['subject']}", "extended") in told(done)
    assert (f"/inbox/{first['subject']}", "extended") not in told(done)


def test_elsewhere_well_known_folders_have_the_names_people_see(truth: dict[str, Any]):
    shown = [{**f, "name": WELL_KNOWN.get(f["name"], (f["name"],))[0]} for f in truth["mail"]["folders"]]
    recoverable = {"name": "Recoverable Items", "hidden": False, "messages": truth["mail"]["recoverable"]}
    folders = [*copy.deepcopy(shown), {**recoverable, "folders": []}]
    restored = {"name": "Restored", "hidden": False, "messages": [], "folders": folders}
    done = compare_mail("", truth["mail"], {"folders": [restored], "recoverable": []}, "Restored")
    assert done.differences == ()


def test_a_file_with_other_bytes_is_unexplained(truth: dict[str, Any]):
    now = copy.deepcopy(truth)
    now["drive"]["empty.txt"]["sha256"] = "0" * 64
    assert told(compare_files("", truth["drive"], now["drive"])) == [("empty.txt", "sha256")]


def test_a_lost_permission_is_unexplained_unless_it_was_the_new_owners(truth: dict[str, Any]):
    now = copy.deepcopy(truth)
    truth["drive"]["empty.txt"]["permissions"] = [{"roles": ["read"], "to": ["bernd@contoso.example"]}]
    assert told(compare_files("", truth["drive"], now["drive"], into=ADELE)) == [("empty.txt", "permissions")]
    assert told(compare_files("", truth["drive"], now["drive"], into="bernd@contoso.example")) == []


def test_only_what_ransomware_left_may_lie_beside(truth: dict[str, Any]):
    now = copy.deepcopy(truth)
    now["drive"] |= {"a.txt.locked": now["drive"]["empty.txt"], "b.txt": now["drive"]["empty.txt"]}
    assert told(compare_files("", truth["drive"], now["drive"])) == [("b.txt", EXTRA)]


@pytest.mark.parametrize("reason", [r for r in REASONS if r.declared], ids=lambda r: f"{r.kind}-{r.field}-{r.declared}")
def test_every_loss_that_is_excused_is_declared_by_its_kind(reason: Any):
    assert any(loss.startswith(reason.declared) for loss in KINDS[reason.kind].losses)
