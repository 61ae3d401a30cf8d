"""The OpenAPI document says what there is, in OpenAPI's own terms."""

from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from collector.web import openapi
from collector.web.pages.registry import DOWNLOADS, PAGES


def test_the_document_is_valid() -> None:
    """OpenAPI's own validator takes it, and it knows every page and download."""
    found = openapi.document(PAGES, DOWNLOADS)
    validate(found, cls=OpenAPIV31SpecValidator)
    assert len(found["paths"]) == len(PAGES) + len(DOWNLOADS)


def test_every_answer_asks_for_the_token_and_can_be_refused() -> None:
    """The reader's token is a bearer's; each answer names its refusals, and each parameter its place."""
    found = openapi.document(PAGES, DOWNLOADS)
    assert found["security"] == [{"token": []}]
    assert found["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for path, operations in found["paths"].items():
        answer = operations["get"]
        assert {"200", "400", "401", "404", "503"} <= set(answer["responses"])
        for one in answer["parameters"]:
            assert one["in"] == ("path" if f"{{{one['name']}}}" in path else "query")
            assert one["required"] is (one["in"] == "path")


def test_a_window_may_have_a_name_of_the_owners() -> None:
    """Windows are text, for the built-in ones are not all; other enumerations name their members."""
    schemas = openapi.document(PAGES, DOWNLOADS)["components"]["schemas"]
    assert "enum" not in schemas["Window"]
    assert "success" in schemas["RunStatus"]["enum"]
