"""The doors: what they are bound to, whom they let in, and that their answers are as the API's description says."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import azure.functions as func
import jsonschema
import pytest
from openapi_spec_validator import validate
from referencing import Registry, Resource

import function_app
from shared import wiring
from shared.api import openapi
from shared.api.keys import key_of
from shared.api.routes import ROUTES, Route
from shared.api.tokens import ADMIN, CROSS_OWNER, EXPORT, READ, RESTORE, ROLES
from shared.work.tickets import RestoreTicket, write
from tests.unit.api.entra import BAD, TENANT
from tests.unit.api.kept import ANN, DRIVE, INBOX_ID, LETTER, Kept, keep, sample_params, sample_query

ROOT = Path(__file__).parents[2]
GUARDED = [route for route in ROUTES if route.roles]
ORDER = {"owner": ANN.key, "kinds": ["mail"]}
BODIES: dict[str, Any] = {
    "http_start_restore": ORDER,
    "http_start_backup": {"owners": ["a1"]},
    "http_start_verification": {"deep": "all"},
    "http_put_policy": {"everyone": "all:90", "owners": [{"pattern": "ann@*", "rule": "all:5"}], "reason": "case 7"},
    "http_hold": {"owner": ANN.key, "reason": "case 7"},
    "http_forget": {"owner": ANN.key},
    "http_start_export": ORDER,
}


@cache
def bindings() -> dict[str, list[dict[str, Any]]]:
    """What the app declares, by function. The library remembers names, so it is asked once."""
    declared = function_app.app.get_functions()
    return {str(f.get_function_name()): [json.loads(b) for b in f.get_raw_bindings()] for f in declared}


@pytest.fixture
async def kept() -> Any:
    yield await keep()
    await wiring.close()


def body_of(response: func.HttpResponse) -> Any:
    return json.loads(response.get_body())


def conforms(document: Any, schema: str) -> None:
    whole = Resource.from_contents(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:api", **openapi.document()}
    )
    registry: Registry[Any] = Registry().with_resource("urn:api", whole)
    jsonschema.Draft202012Validator(
        {"$ref": f"urn:api#/components/schemas/{schema}"},
        registry=registry,
        format_checker=jsonschema.FormatChecker(),
    ).validate(document)


# --- what is bound ---------------------------------------------------------------------------------------------------


def test_importing_the_app_does_nothing_and_stays_light() -> None:
    code = (
        "import sys; import function_app; "
        "heavy = ('azure.storage', 'azure.data', 'azure.identity', 'azure.keyvault', 'msal', 'aiohttp', 'requests'); "
        "print([m for m in sys.modules if m.startswith(heavy)])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_timers_and_queues_are_bound_as_the_operations_page_says() -> None:
    triggers = {name: told[0] for name, told in bindings().items() if told[0]["type"] != "httpTrigger"}
    assert triggers.pop("timer_plan") == {
        "direction": "IN",
        "type": "timerTrigger",
        "name": "timer",
        "schedule": "%BACKUP_SCHEDULE%",
        "runOnStartup": False,
        "useMonitor": True,
    }
    assert triggers.pop("timer_care")["schedule"] == "%CARE_SCHEDULE%"
    assert triggers.pop("timer_drill")["schedule"] == "%CARE_SCHEDULE%"
    assert triggers.pop("timer_checkup")["schedule"] == "%CARE_SCHEDULE%"
    assert {name: told["queueName"] for name, told in triggers.items()} == {
        "queue_plan": "plan",
        "queue_backup": "backup",
        "queue_item": "item",
        "queue_restore": "restore",
        "queue_care": "care",
        "queue_drill": "drill",
        "poison_drill": "drill-poison",
        "queue_export": "export",
        "poison_export": "export-poison",
        "poison_care": "care-poison",
        "queue_thaw": "thaw",
        "poison_thaw": "thaw-poison",
        "poison_plan": "plan-poison",
        "poison_backup": "backup-poison",
        "poison_item": "item-poison",
        "poison_restore": "restore-poison",
    }
    page = (ROOT / "docs/operations.md").read_text()
    bound = {"timer_plan", "timer_care", "timer_drill", "timer_checkup", *triggers}
    missing = {name for name in bound if f"`{name}`" not in page and not name.startswith("poison_")}
    assert missing == set(), "section 4 of the page tells of every function"
    assert all(f"| `{role}` |" in page for role in ROLES), "and section 5 of every role"
    assert {told["connection"] for told in triggers.values()} == {"AzureWebJobsStorage"}


THAWS = ("queue_thaw", "poison_thaw")
DRILLS = ("timer_drill", "queue_drill", "poison_drill")


def doors_of(role: str) -> set[str]:
    code = "import function_app; print(*[f.get_function_name() for f in function_app.app.get_functions()])"
    env = {"HOLDFAST_ROLE": role}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_app_that_restores_has_only_the_restores_queues() -> None:
    assert doors_of("restore") == {"queue_restore", "poison_restore", "timer_checkup", *DRILLS}


def test_the_app_that_backs_up_has_everything_else() -> None:
    others = {"queue_restore", "poison_restore", "timer_care", "queue_care", "poison_care", *DRILLS, *THAWS}
    assert doors_of("backup") == set(bindings()) - others


def test_the_app_that_looks_after_the_vault_has_only_that() -> None:
    assert doors_of("care") == {"timer_care", "queue_care", "poison_care", "timer_checkup", *THAWS}


def test_an_app_of_an_unknown_role_does_nothing_but_say_so() -> None:
    assert doors_of("everything") == {"http_health", "http_openapi"}


def test_every_route_of_the_table_is_bound_and_no_other() -> None:
    bound = {
        (name, told[0]["methods"][0], told[0]["route"])
        for name, told in bindings().items()
        if told[0]["type"] == "httpTrigger"
    }
    assert bound == {(route.name, route.method, route.path) for route in ROUTES}
    assert all(len(t[0]["methods"]) == 1 for t in bindings().values() if t[0]["type"] == "httpTrigger")


def test_only_health_is_open_to_everyone() -> None:
    assert [route.name for route in ROUTES if not route.roles] == ["http_health"]


def test_the_description_is_valid_openapi_and_tells_of_every_route() -> None:
    document = openapi.document()
    validate(document)
    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert told == {(route.method, route.template) for route in ROUTES}
    for route in ROUTES:
        operation = document["paths"][route.template][route.method.lower()]
        assert {p["name"] for p in operation["parameters"] if p["in"] == "path"} == set(route.params)
        assert operation.get("security") == (None if route.roles else [])


def test_examples_of_the_description_are_right() -> None:
    for name in ("RestoreOrder", "BackupOrder", "VerificationOrder", "HoldOrder", "ForgetOrder"):
        for example in openapi.SCHEMAS[name]["examples"]:
            conforms(example, name)


# --- who is let in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
async def test_no_route_answers_without_a_token(route: Route, kept: Kept) -> None:
    for header in (None, "Bearer ", "Basic dXNlcjpwYXNz"):
        said = {"x-functions-key": "a-function-key"}
        query = {**sample_query(route), "code": "a-function-key"} if header is None else sample_query(route)
        response = await kept.knock(
            route.name, header=header, headers=said, query=query, body=BODIES.get(route.name), **sample_params(route)
        )
        assert response.status_code == 401 and "Bearer" in response.headers["WWW-Authenticate"]
        assert response.mimetype == "application/problem+json"
        conforms(body_of(response), "Problem")
    assert kept.sent.tickets == []


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
async def test_a_bad_token_starts_and_shows_nothing(route: Route, kept: Kept) -> None:
    assert len(BAD) > 20
    for what, header in BAD.items():
        body, place = BODIES.get(route.name), sample_params(route)
        response = await kept.knock(route.name, header=header(), query=sample_query(route), body=body, **place)
        assert response.status_code == 401, what
        assert "Subject" not in response.get_body().decode()
    assert kept.sent.tickets == [] and await kept.audits() == []


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
async def test_a_caller_without_the_role_is_refused_and_noted(route: Route, kept: Kept) -> None:
    others = [role for role in ROLES if role not in route.roles and not (role == ADMIN and READ in route.roles)]
    response = await kept.knock(
        route.name, roles=others, query=sample_query(route), body=BODIES.get(route.name), **sample_params(route)
    )
    if others == [] and route.name == "http_openapi":
        assert response.status_code == 403
    assert response.status_code == 403 and body_of(response)["needs"] == list(route.roles)
    [(who, action, result)] = await kept.audits()
    assert (who, action) == ("caller-1", route.name) and result.startswith("403 forbidden")
    assert kept.sent.tickets == []


async def test_a_reader_may_not_restore(kept: Kept) -> None:
    assert (await kept.knock("http_start_restore", roles=[READ], body=ORDER)).status_code == 403


@pytest.mark.parametrize("place", [{"owner": "user-b2"}, {"tenant": "t2"}])
@pytest.mark.parametrize("roles", [[RESTORE], [RESTORE, ADMIN], [RESTORE, READ, ADMIN]])
async def test_restoring_into_somebody_else_needs_its_own_role(
    place: dict[str, str], roles: list[str], kept: Kept
) -> None:
    response = await kept.knock("http_start_restore", roles=roles, body={**ORDER, "place": place})
    assert response.status_code == 403 and body_of(response)["needs"] == [CROSS_OWNER]
    assert kept.sent.tickets == []
    allowed = await kept.knock("http_start_restore", roles=[*roles, CROSS_OWNER], body={**ORDER, "place": place})
    assert allowed.status_code == 202


# --- what is answered ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_every_answer_is_as_described(route: Route, kept: Kept) -> None:
    roles = [ADMIN, RESTORE, EXPORT]
    response = await kept.knock(
        route.name, roles=roles, query=sample_query(route), body=BODIES.get(route.name), **sample_params(route)
    )
    assert response.status_code == route.status, response.get_body()
    if route.answer == "bytes":
        assert response.mimetype == "application/octet-stream"
    elif "/" in route.answer:
        assert response.mimetype == route.answer and response.headers["X-Content-Type-Options"] == "nosniff"
    else:
        conforms(body_of(response), route.answer)
        if "value" in body_of(response):
            assert body_of(response)["value"], "a listing without entries shows nothing of their shape"


async def test_a_backup_is_started_for_the_owners_lanes(kept: Kept) -> None:
    response = await kept.knock("http_start_backup", roles=[ADMIN], body={"owners": ["ann@contoso.example"]})
    assert response.status_code == 202 and {q for q, _ in kept.sent.tickets} == {"backup"}
    assert {ticket["lane"] for _, ticket in kept.sent.tickets} == {run["lane"] for run in body_of(response)["runs"]}


async def test_a_backup_of_some_kinds_names_them_in_its_tickets(kept: Kept) -> None:
    order = {"owners": ["ann@contoso.example"], "kinds": ["files"]}
    response = await kept.knock("http_start_backup", roles=[ADMIN], body=order)
    [(_, ticket)] = kept.sent.tickets
    assert (response.status_code, ticket["lane"], ticket["kinds"]) == (202, "drive", "files")
    wrong = await kept.knock("http_start_backup", roles=[ADMIN], body={"kinds": ["letters"]})
    assert wrong.status_code == 400


@pytest.mark.parametrize("name", ["http_runs", "http_restores", "http_lost", "http_exports", "http_drills"])
async def test_a_listing_goes_on_where_the_page_before_it_ended(kept: Kept, name: str) -> None:
    await _more(kept)
    whole, pages, after = body_of(await kept.knock(name))["value"], [], {}
    for _ in range(len(whole) + 1):
        page = body_of(await kept.knock(name, query={"limit": "1", **after}))
        pages += page["value"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert pages == whole and page["next"] is None
    assert (await kept.knock(name, query={"after": "bm9uc2Vuc2U"})).status_code == 400


async def _more(kept: Kept) -> None:
    """A second export and a second drill, of other moments."""
    catalog = kept.house.catalog
    [first] = await catalog.exports(TENANT)
    await catalog.put_export(replace(first, export="another", ordered_at=first.ordered_at - timedelta(days=1), etag=""))
    [drill] = await catalog.cares(TENANT, "drill")
    await catalog.put_care(replace(drill, care="drill-0", asked_at=drill.asked_at - timedelta(days=1), etag=""), TENANT)


async def test_a_restore_is_written_down_before_it_is_queued_and_noted(kept: Kept) -> None:
    response = await kept.knock("http_start_restore", roles=[RESTORE], body={**ORDER, "preview": True})
    told = body_of(response)
    assert response.headers["Location"] == told["status"] == f"/api/restores/{told['restore']}"
    assert told["preview"] and told["ordered_by"] == "caller-1"
    assert [(q, t["restore"]) for q, t in kept.sent.tickets] == [("restore", told["restore"])]
    results = [result for _, _, result in await kept.audits()]
    assert sorted(results) == [f"202 {told['status']}", "admitted"]


async def test_a_wrong_order_is_told_member_by_member(kept: Kept) -> None:
    response = await kept.knock("http_start_restore", roles=[RESTORE], body={"kinds": ["faxes"], "when": "now"})
    assert response.status_code == 400
    assert {e["member"] for e in body_of(response)["errors"]} == {"owner", "kinds", "when"}
    conforms(body_of(response), "Problem")


async def test_an_export_is_ordered_with_its_reason_and_whoever_reads_may_not(kept: Kept) -> None:
    order = {**ORDER, "mail": "maildir", "reason": "case 7", "records": True}
    response = await kept.knock("http_start_export", roles=[EXPORT], body=order)
    told = body_of(response)
    assert response.headers["Location"] == told["status"] == f"/api/exports/{told['export']}"
    assert (told["mail"], told["reason"], told["ordered_by"]) == ("maildir", "case 7", "caller-1") and told["records"]
    assert [(q, t["export"]) for q, t in kept.sent.tickets] == [("export", told["export"])]
    assert (await kept.knock("http_start_export", roles=[READ], body=order)).status_code == 403
    wrong = await kept.knock("http_start_export", roles=[EXPORT], body={**order, "mail": "pst", "place": {}})
    assert {e["member"] for e in body_of(wrong)["errors"]} == {"mail", "place"}


async def test_a_volume_is_read_in_ranges_and_its_link_is_in_no_audit(kept: Kept) -> None:
    place = {"export": "export-1", "volume": "1"}
    response = await kept.knock("http_export_volume", roles=[EXPORT], headers={"Range": "bytes=3-"}, **place)
    assert (response.status_code, response.get_body()) == (206, b"zip")
    link = body_of(await kept.knock("http_export_link", roles=[EXPORT], **place))
    assert link["url"].startswith("https://blobs.example/export-1/")
    assert not [row for row in await kept.house.catalog.audits() if "blobs.example" in str(row)]
    assert kept.house.parcels is not None
    kept.house.parcels.signs = ""  # type: ignore[attr-defined]  # the memory twin
    assert (await kept.knock("http_export_link", roles=[EXPORT], **place)).status_code == 409
    kept.house.parcels.blobs.clear()  # type: ignore[attr-defined]  # it has ended
    assert (await kept.knock("http_export_volume", roles=[EXPORT], **place)).status_code == 404


async def test_a_drill_is_shown_as_a_page_on_which_nothing_runs(kept: Kept) -> None:
    response = await kept.knock("http_drill_page", drill="drill-1")
    page = response.get_body().decode()
    assert "0 % of 1 items" in page and "Hi &lt;b&gt;" in page and "<b>Hi" not in page
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert (await kept.knock("http_drill_page", drill="forget-person-1")).status_code == 404


async def test_a_drill_is_ordered_from_whoever_may_carry_it_out(kept: Kept) -> None:
    response = await kept.knock("http_start_drill", roles=[ADMIN])
    told = body_of(response)
    assert (told["task"], response.headers["Location"]) == ("drill", f"/api/drills/{told['care']}")
    assert [(queue, ticket["care"]) for queue, ticket in kept.sent.tickets] == [("drill", told["care"])]


async def test_a_policy_that_keeps_less_waits_for_somebody_else(kept: Kept) -> None:
    order = {"everyone": "all:90", "reason": "the archive is full"}
    change = body_of(await kept.knock("http_put_policy", roles=[ADMIN], body=order))
    assert (change["state"], change["by"], change["effective_at"]) == ("proposed", "caller-1", None)
    mine = await kept.knock("http_approve_policy", roles=[ADMIN], change=str(change["change"]))
    assert (mine.status_code, body_of(mine)["type"]) == (409, "urn:holdfast:problem:not-agreed")
    told = body_of(await kept.knock("http_policy"))
    assert told["in_force"]["everyone"] is None and [c["change"] for c in told["changes"]] == [2, 1]
    others = body_of(await kept.knock("http_approve_policy", roles=[ADMIN], change="1"))  # asked for by caller-2
    assert (others["state"], others["approved_by"]) == ("waits", "caller-1")
    wrong = await kept.knock("http_put_policy", roles=[ADMIN], body={"everyone": "a while", "reason": "x"})
    assert wrong.status_code == 400 and "all:30" in body_of(wrong)["detail"]
    dry = body_of(await kept.knock("http_forget", roles=[ADMIN], body={"policy_change": 2}))
    assert dry["options"] == {"dry": "yes", "policy": "2"}
    real = await kept.knock("http_forget", roles=[ADMIN], body={"policy_change": 2, "dry_run": False})
    assert real.status_code == 400


async def test_a_restore_can_be_cancelled(kept: Kept) -> None:
    response = await kept.knock("http_cancel_restore", roles=[RESTORE], restore="restore-1")
    assert response.status_code == 202 and body_of(response)["cancelling"]
    assert (await kept.knock("http_cancel_restore", roles=[RESTORE], restore="nope")).status_code == 404


async def test_one_walks_from_the_folders_to_a_letter_and_its_bytes(kept: Kept) -> None:
    [folder] = body_of(await kept.knock("http_items", owner=ANN.key, query={"kind": "mail"}))["value"]
    assert folder["name"] == "Inbox" and folder["opens"] == key_of(INBOX_ID)
    query = {"kind": "mail", "feed": folder["opens"]}
    [letter] = body_of(await kept.knock("http_items", owner=ANN.key, query=query))["value"]
    assert letter["item"] == LETTER
    place = {"owner": ANN.key, "kind": "mail", "feed": letter["feed_key"], "item": letter["key"]}
    [version] = body_of(await kept.knock("http_versions", **place))["value"]
    assert set(version["parts"]) == {"mime", "record"}
    assert version["path"].endswith(f"/items/mail/{key_of(INBOX_ID)}/{key_of(LETTER)}/versions/0000000001")
    mime = await kept.knock("http_part", **place, version=version["version"], part="mime")
    assert mime.get_body() == b"Subject: Hi\r\n\r\nHi"
    record = await kept.knock("http_record", **place, version=version["version"])
    assert body_of(record) == {"subject": "Hi"}


async def test_one_searches_and_goes_from_a_hit_to_its_bytes(kept: Kept) -> None:
    told = body_of(await kept.knock("http_search", query={"q": "hi", "kind": "mail"}))
    [hit] = told["value"]
    assert (hit["item"], hit["name"], hit["owner"]["owner"], told["next"]) == (LETTER, "Hi", ANN.key, None)
    place = {"owner": ANN.key, "kind": "mail", "feed": hit["feed_key"], "item": hit["key"], "version": hit["version"]}
    assert (await kept.knock("http_part", **place, part="mime")).get_body() == b"Subject: Hi\r\n\r\nHi"
    first = body_of(await kept.knock("http_search", query={"limit": "1"}))
    rest = body_of(await kept.knock("http_search", query={"after": first["next"]}))
    assert len(first["value"]) == 1 and len(rest["value"]) == 2
    for name in ("../vault.json", "pages/x", "search/other/index-1-heads-0000"):
        forged = key_of(json.dumps([name, 0, 0, 0]))
        assert (await kept.knock("http_search", query={"after": forged})).status_code == 409
    for wrong in ({"min_bytes": "many"}, {"changed_after": "today"}, {"after": "x"}, {"kind": "faxes"}):
        assert (await kept.knock("http_search", query=wrong)).status_code == 400


async def test_before_anything_was_kept_there_was_nothing(kept: Kept) -> None:
    query = {"kind": "mail", "at": "2020-01-01T00:00:00Z"}
    assert body_of(await kept.knock("http_items", owner=ANN.key, query=query))["value"] == []


async def test_a_big_part_is_read_in_ranges(kept: Kept) -> None:
    place = {"owner": ANN.key, "kind": "files", "feed": key_of(DRIVE.id), "item": key_of("f1"), "version": "0000000001"}
    response = await kept.knock("http_part", headers={"Range": "bytes=90-309"}, **place, part="content")
    assert response.status_code == 206 and response.get_body() == kept.content[90:310]
    assert response.headers["Content-Range"] == f"bytes 90-309/{len(kept.content)}"
    whole = await kept.knock("http_part", **place, part="content")
    assert whole.get_body() == kept.content and whole.headers["Content-Disposition"].startswith("attachment")
    tag = whole.headers["ETag"]
    assert (await kept.knock("http_part", headers={"If-None-Match": tag}, **place, part="content")).status_code == 304


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"owner": "user-nobody"}, 404),
        ({"owner": "nobody"}, 404),
        ({"kind": "faxes"}, 400),
        ({"feed": "!!"}, 404),
        ({"item": key_of("another")}, 404),
        ({"version": "2"}, 404),
        ({"version": "0000000009"}, 404),
        ({"part": "nothing"}, 404),
    ],
)
async def test_what_is_not_there_is_told_so(changes: dict[str, str], status: int, kept: Kept) -> None:
    route = next(r for r in ROUTES if r.name == "http_part")
    response = await kept.knock("http_part", **{**sample_params(route), **changes})
    assert response.status_code == status
    conforms(body_of(response), "Problem")


@pytest.mark.parametrize(
    ("route", "name"),
    [(route, name) for route in ROUTES for name in route.query if name in ("owner", "folder", "kind", "at", "limit")],
    ids=lambda value: getattr(value, "name", value),
)
async def test_an_option_that_makes_no_sense_is_answered_as_described(route: Route, name: str, kept: Kept) -> None:
    query = {**sample_query(route), name: "\u00a3"}
    response = await kept.knock(route.name, roles=[ADMIN, RESTORE, EXPORT], query=query, **sample_params(route))
    described = openapi.document()["paths"][route.template][route.method.lower()]["responses"]
    assert 400 <= response.status_code < 500 and str(response.status_code) in described, response.get_body()
    conforms(body_of(response), "Problem")


async def test_a_read_is_noted_before_content_is_handed_out(kept: Kept) -> None:
    route = next(r for r in ROUTES if r.name == "http_part")
    await kept.knock("http_part", **sample_params(route))
    [(who, action, result)] = await kept.audits()
    assert (who, action, result) == ("caller-1", "http_part", "admitted")


async def test_an_error_inside_shows_no_internals(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    kept.house.vault._blobs.blobs.clear()  # type: ignore[attr-defined]  # the memory twin's dict
    route = next(r for r in ROUTES if r.name == "http_record")
    response = await kept.knock("http_record", **sample_params(route))
    told = body_of(response)
    assert response.status_code == 500 and told["type"] == "urn:holdfast:problem:damaged"
    assert "pages/" not in response.get_body().decode() and told["reference"] in caplog.text


async def test_the_doors_of_an_app_that_is_not_set_up_say_only_that(caplog: pytest.LogCaptureFixture) -> None:
    await wiring.close()
    nobody = Kept(None, None, None, b"")  # type: ignore[arg-type]  # only the door is used
    for name in ("http_health", "http_runs"):
        response = await nobody.knock(name)
        assert response.status_code == 503 and "M365" not in response.get_body().decode()
    assert "M365_TENANT_ID: is missing" in caplog.text


# --- tickets ---------------------------------------------------------------------------------------------------------


class Delivered(func.QueueMessage):
    """A message as the worker hands it in."""

    @property
    def dequeue_count(self) -> int:
        return 2


@pytest.mark.parametrize("name", ["queue_plan", "queue_backup", "queue_item", "queue_restore", "queue_export"])
async def test_a_ticket_that_cannot_be_read_becomes_a_record_and_is_done(name: str, kept: Kept) -> None:
    await door(name)(Delivered(id="m9", body=b"\xff not json"))
    newest = next(lost for lost in await kept.house.catalog.lost_tickets() if lost.id == "m9")
    assert newest.queue == name.removeprefix("queue_") and newest.text == "\\xff not json"
    assert kept.sent.tickets == []


@pytest.mark.parametrize("name", ["poison_plan", "poison_backup", "poison_item", "poison_restore"])
async def test_a_ticket_the_platform_gave_up_on_becomes_a_record(name: str, kept: Kept) -> None:
    await door(name)(Delivered(id="m9", body=b'{"run": "run-1"}'))
    newest = next(lost for lost in await kept.house.catalog.lost_tickets() if lost.id == "m9")
    assert newest.queue == name.removeprefix("poison_") and "five times" in newest.reason


async def test_a_restore_whose_ticket_was_given_up_has_failed(kept: Kept) -> None:
    text = write(RestoreTicket(TENANT, "restore-1")).encode()
    await door("poison_restore")(Delivered(id="m9", body=text))
    told = body_of(await kept.knock("http_restore", restore="restore-1"))
    assert told["state"] == "failed" and told["ended_at"] and "given up" in told["problems"][-1]


async def test_the_timer_starts_an_enumeration(kept: Kept) -> None:
    await door("timer_plan")(None)
    assert [ticket["owner_type"] for queue, ticket in kept.sent.tickets if queue == "plan"] == ["user"]


def door(name: str) -> Any:
    from functions import backup, export, plan, poison, restore

    return next(vars(module)[name] for module in (plan, backup, restore, export, poison) if name in vars(module))
