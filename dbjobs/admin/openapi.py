"""Makes the OpenAPI document from the operations: their structs, docstrings and answers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from inspect import cleandoc
from typing import Any, get_type_hints

import msgspec

from dbjobs.admin.failures import Problem
from dbjobs.admin.operations import Operation

REFERENCE = "#/components/schemas/{name}"
# What any operation may return instead of its own answer.
PROBLEMS = {
    400: "The form or the body cannot be read.",
    401: "Nobody knows who asks: no token, no session, no right.",
    403: "The visitor may not do this, or a page of another site has asked for it.",
    404: "There is no such thing.",
    413: "The body is too large.",
    422: "The input does not fit.",
    503: "The database does not answer, the jobs are not open, or it takes too long.",
}
_ATTRIBUTE = re.compile(r"^ {4}(?P<names>\w+(?:, \w+)*): (?P<text>.*(?:\n {8}.*)*)", re.MULTILINE)


def document(operations: Iterable[Operation], *, title: str, version: str) -> dict[str, Any]:
    """The document, served beside the operations.

    Args:
        operations: all of them.
        title: of the page.
        version: of the library.
    """
    listed = list(operations)
    types: list[Any] = [Problem]
    for operation in listed:
        types += [kind for kind in (operation.takes, operation.gives) if kind is not None]
    schemas = msgspec.json.schema_components(list(dict.fromkeys(types)), ref_template=REFERENCE)
    named = {id(kind): schema for kind, schema in zip(dict.fromkeys(types), schemas[0], strict=True)}
    components = dict(sorted(schemas[1].items()))
    for schema in components.values():
        _describe(schema)
    paths: dict[str, Any] = {}
    for operation in listed:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, named, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{title}: the API of its admin page",
            "version": version,
            "description": "Everything that the page shows and does. Ids are numbers, and texts too (`id_text`): "
            "JavaScript cannot tell numbers above 2**53 apart.",
        },
        "servers": [{"url": "./"}],
        "security": [{"token": []}, {}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "One of `jobs.admin(tokens=...)`."}
            },
        },
    }


def _operation(operation: Operation, named: dict[int, Any], components: dict[str, Any]) -> dict[str, Any]:
    inside = set(re.findall(r"{(\w+)}", operation.path))
    takes = _schema_of(named[id(operation.takes)], components)
    properties = takes.get("properties", {})
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": _words(operation),
        "x-verb": operation.verb,
        "parameters": [
            _parameter(name, schema, "path" if name in inside else "query", takes)
            for name, schema in properties.items()
            if name in inside or operation.method == "GET"
        ],
        "responses": {
            "200": _answer(operation, named),
            **{
                str(status): {
                    "description": text,
                    "content": {"application/json": {"schema": {"$ref": REFERENCE.format(name="Problem")}}},
                }
                for status, text in PROBLEMS.items()
            },
        },
    }
    if operation.method == "POST":
        body = {name: schema for name, schema in properties.items() if name not in inside}
        described["requestBody"] = {
            "required": any(name in takes.get("required", ()) for name in body),
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": body,
                        "required": [name for name in takes.get("required", ()) if name in body],
                    }
                }
            },
        }
    return described


def _words(operation: Operation) -> str:
    """Its docstring, and what it takes to call it."""
    audited = " It is written down in the audit." if operation.audited else ""
    return f"{operation.description}\n\nNeeds the verb `{operation.verb}`.{audited}".strip()


def _schema_of(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    found: dict[str, Any] = components[reference.rpartition("/")[2]] if reference else schema
    return found


def _parameter(name: str, schema: dict[str, Any], place: str, takes: dict[str, Any]) -> dict[str, Any]:
    """One parameter. A query string has no null: an optional parameter is left out instead."""
    kept = {key: value for key, value in schema.items() if key not in ("description", "default")}
    choices = kept.get("anyOf")
    if choices is not None:
        rest = [choice for choice in choices if choice != {"type": "null"}]
        kept = rest[0] if len(rest) == 1 else {**kept, "anyOf": rest}
    if schema.get("default") is not None:
        kept = {**kept, "default": schema["default"]}
    described = {
        "name": name,
        "in": place,
        "required": place == "path" or name in takes.get("required", ()),
        "schema": kept,
    }
    return described | ({"description": schema["description"]} if "description" in schema else {})


def _answer(operation: Operation, named: dict[int, Any]) -> dict[str, Any]:
    if operation.gives is None:
        return {"description": "A file."} | (
            {"content": {kind: {} for kind in operation.also}} if operation.also else {}
        )
    return {
        "description": cleandoc(operation.gives.__doc__ or "").partition("\n")[0],
        "content": {
            "application/json": {"schema": named[id(operation.gives)]},
            **{kind: {"schema": {"type": "string"}} for kind in operation.also},
        },
    }


def _describe(schema: dict[str, Any]) -> None:
    """Describe each property with the words of its struct's docstring."""
    summary, _, rest = cleandoc(schema.get("description", "")).partition("Attributes:\n")
    if schema.get("description"):
        schema["description"] = summary.strip()
    for found in _ATTRIBUTE.finditer(rest):
        for name in found["names"].split(", "):
            if name in schema.get("properties", {}):
                text = " ".join(line.strip() for line in found["text"].splitlines())
                schema["properties"][name] = {**schema["properties"][name], "description": text}


def in_words(operations: Iterable[Operation]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The operations by subject, for people."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for operation in operations:
        hints = get_type_hints(operation.takes)
        fields = [
            (field.name, _kind(hints[field.name]), field.required) for field in msgspec.structs.fields(operation.takes)
        ]
        groups.setdefault(operation.tag, []).append({"operation": operation, "fields": fields})
    return list(groups.items())


def _kind(kind: Any) -> str:
    text = kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)
    return re.sub(r"\b(?:[a-z_]+\.)+", "", text).replace("| None", "or none")
