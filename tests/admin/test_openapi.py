"""The API keeps what its OpenAPI document promises."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dbjobs import Jobs
from tests.admin.asking import OPERATIONS, ROOT, TOKENS, admin, asking
from tests.admin.filling import filled
from tests.admin.serving import served

pytestmark = pytest.mark.once
# Of each operation: most of the time goes into making them.
EXAMPLES = 3
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


async def test_the_document_tells_of_every_operation(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs, tokens=TOKENS).application) as client:
        document = (await client.get("/api/openapi.json", headers=ROOT)).json()
        told = {
            (method.upper(), path): described
            for path, methods in document["paths"].items()
            for method, described in methods.items()
        }
        assert set(told) == {(operation.method, operation.path) for operation in OPERATIONS}
        assert len({described["operationId"] for described in told.values()}) == len(OPERATIONS)
        for described in told.values():
            assert described["summary"], described["operationId"]
            assert {"200", "401", "403", "404", "422", "503"} <= set(described["responses"])
        undescribed = [
            name for name, schema in document["components"]["schemas"].items() if not schema.get("description")
        ]
        assert undescribed == []
        words = await client.get("/api", headers=ROOT)
        assert all(f"api{operation.path}" in words.text for operation in OPERATIONS)


async def test_ids_are_told_as_texts_too(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs, tokens=TOKENS).application) as client:
        document = (await client.get("/api/openapi.json", headers=ROOT)).json()
        for name, schema in document["components"]["schemas"].items():
            properties = schema.get("properties", {})
            if "id" in properties and properties["id"].get("type") == "integer":
                takes = any(operation.takes.__name__ == name for operation in OPERATIONS)
                assert takes or "id_text" in properties, name


async def test_the_api_does_what_its_document_says(jobs: Jobs) -> None:
    await filled(jobs)
    async with jobs, served(jobs.admin(tokens=TOKENS)) as base:
        async with asking(admin(jobs, tokens=TOKENS).application) as client:
            document = (await client.get("/api/openapi.json", headers=ROOT)).json()
        schema: Any = schemathesis.openapi.from_dict(document)

        def ask_all() -> None:
            for result in schema.get_all_operations():
                operation = result.ok()

                @settings(
                    max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
                    phases=[Phase.generate], suppress_health_check=list(HealthCheck),
                )  # fmt: skip
                @given(case=operation.as_strategy())
                def ask(case: Any) -> None:
                    case.call_and_validate(base_url=f"{base}/api", headers=ROOT, checks=CHECKS, timeout=30)

                ask()

        await asyncio.to_thread(ask_all)


async def test_input_that_does_not_fit(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs, tokens=TOKENS).application) as client:
        for given_body, message in (
            ({}, "missing required field `queue`"),
            ({"queue": 3}, "Expected `str`, got `int` - at `$.queue`"),
            ({"queue": None}, "Expected `str`, got `null` - at `$.queue`"),
        ):
            answer = await client.post("/api/queues/pause", json=given_body, headers=ROOT)
            assert answer.status_code == 422
            assert answer.json()["error"] == "invalid"
            assert message in answer.json()["message"]
        for path in ("/api/nowhere", "/api/queues/"):
            nowhere = await client.get(path, headers=ROOT, follow_redirects=False)
            assert nowhere.status_code in (307, 404)
        assert (await client.delete("/api/queues", headers=ROOT)).json()["error"] == "not_found"
