"""Route templates: which function answers which URL."""

from __future__ import annotations

import azure.functions as func
import pytest

from sandbox.host.bindings import read_functions
from sandbox.host.routes import Route, match, read_routes
from sandbox.process import CannotStart


def routes(*templates: str, prefix: str = "api") -> list[Route]:
    app = func.FunctionApp()
    for number, template in enumerate(templates):

        def answer(req: func.HttpRequest) -> None: ...

        answer.__name__ = f"f{number}"
        app.route(template, methods=["GET"])(answer)
    return read_routes(read_functions(app.get_functions(), {}), prefix)


def found(table: list[Route], path: str, method: str = "GET") -> tuple[str, dict[str, str]] | None:
    result = match(table, method, path)
    return (result.function.name, result.params) if result else None


def test_the_prefix_and_the_parameters() -> None:
    table = routes("owners/{owner}/items/{item}")
    assert found(table, "/api/owners/u1/items/i2") == ("f0", {"owner": "u1", "item": "i2"})
    assert found(table, "/owners/u1/items/i2") is None
    assert found(routes("health", prefix=""), "/health") == ("f0", {})


def test_a_literal_segment_goes_before_a_parameter() -> None:
    table = routes("runs/{id}", "runs/{id:int}", "runs/latest", "{*rest}")
    assert found(table, "/api/runs/latest") == ("f2", {})
    assert found(table, "/api/runs/7") == ("f1", {"id": "7"})
    assert found(table, "/api/runs/x") == ("f0", {"id": "x"})
    assert found(table, "/api/a/b/c") == ("f3", {"rest": "a/b/c"})


def test_optional_and_rest_parameters_may_be_absent() -> None:
    table = routes("items/{id?}", "files/{*path}")
    assert found(table, "/api/items") == ("f0", {})
    assert found(table, "/api/items/7") == ("f0", {"id": "7"})
    assert found(table, "/api/files") == ("f1", {})


def test_encoded_characters_arrive_decoded_but_an_encoded_slash_stays() -> None:
    assert found(routes("items/{id}"), "/api/items/a%20%C3%A9%2fb") == ("f0", {"id": "a é%2Fb"})


def test_literals_ignore_case_and_a_wrong_method_is_not_found() -> None:
    assert found(routes("Health"), "/API/health/") == ("f0", {})
    assert found(routes("health"), "/api/health", "POST") is None


def test_a_template_that_cannot_be_read_is_named() -> None:
    with pytest.raises(CannotStart, match=r"f0.*range"):
        routes("items/{id:range(1,5)}")
