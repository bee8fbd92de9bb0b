from __future__ import annotations

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ServiceRequestError,
    ServiceResponseError,
)

from shared.errors import Archived, NotPermitted, Throttled, Unreachable
from shared.storage import translated, verdict_on


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (503, "ServerBusy", Throttled),
        (429, "", Throttled),
        (500, "OperationTimedOut", Unreachable),
        (504, "", Unreachable),
        (None, "", Unreachable),
        (200, "", Unreachable),
        (206, "", Unreachable),
        (409, "ContainerBeingDeleted", Unreachable),
        (409, "TableBeingDeleted", Unreachable),
        (409, "BlobArchived", Archived),
        (403, "AuthorizationFailure", NotPermitted),
        (401, "", NotPermitted),
    ],
)
def test_a_refusal_of_storage_is_a_verdict(status: int | None, code: str, verdict: type[Exception]):
    made = verdict_on("create pages/x", status, code)
    assert type(made) is verdict
    assert "create pages/x" in str(made)


@pytest.mark.parametrize(("status", "code"), [(409, "BlobAlreadyExists"), (412, ""), (404, "BlobNotFound"), (400, "")])
def test_what_differs_by_operation_is_left_to_it(status: int, code: str):
    assert verdict_on("x", status, code) is None


@pytest.mark.parametrize(("said", "after_s"), [("7", 7.0), ("", 30.0), ("soon", 30.0)])
def test_a_busy_account_says_how_long(said: str, after_s: float):
    made = verdict_on("x", 503, "", said)
    assert isinstance(made, Throttled)
    assert made.after_s == after_s


@pytest.mark.parametrize("broken", [ServiceRequestError, ServiceResponseError])
def test_no_answer_is_unreachable_and_its_text_stays_home(broken: type[Exception]):
    with pytest.raises(Unreachable) as why, translated("read x"):
        raise broken("https://account.example/c?sig=SECRET")
    assert "SECRET" not in str(why.value)
    assert why.value.__cause__ is None


def test_no_token_needs_a_person():
    with pytest.raises(NotPermitted, match="role"), translated("read x"):
        raise ClientAuthenticationError("AADSTS700016 SECRET")


def test_other_errors_pass_through():
    for error in (ResourceExistsError("there"), HttpResponseError("bad request")):
        error.status_code = 409 if isinstance(error, ResourceExistsError) else 400
        with pytest.raises(type(error)), translated("x"):
            raise error
