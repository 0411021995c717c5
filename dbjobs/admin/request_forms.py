"""A form for a type: from its JSON schema to fields, and from the filled-in fields back to a request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from dbjobs.commands.command import Command

Kind = Literal["text", "number", "checkbox", "select", "json"]
# Most fields of a form; a type with more is filled in as JSON.
MOST_FIELDS = 60
WHOLE = "request"
_PATH = re.compile(r"at `\$\.([A-Za-z_]\w*)")
_MISSING = re.compile(r"missing required field `(\w+)`")
_UNKNOWN = re.compile(r"unknown field `(\w+)`")


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a form.

    Attributes:
        name: of the attribute; ``request`` for a request that is one value.
        kind: how to fill it in; ``json``: as JSON text.
        required: it has no default.
        nullable: it may be left empty to mean null.
        default: as JSON text; None: there is none.
        options: choices of a select: JSON texts, with their labels.
        hint: its type, or what its schema says about it.
        whole: a number without a fraction.
    """

    name: str
    kind: Kind
    required: bool
    nullable: bool = False
    default: str | None = None
    options: list[tuple[str, str]] = []
    hint: str = ""
    whole: bool = False


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """The form of a command's request.

    Attributes:
        fields: in the order of the type's attributes; none if the command takes no request.
        single: the request is one value, not an object.
    """

    fields: list[Field]
    single: bool


class BadFields(Exception):
    """The input does not fit; ``errors`` says why, by field."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in errors.items()))
        self.errors = errors


def form_of(command: Command) -> Form:
    """The form of a command's request; one JSON field if a form cannot show the type's schema."""
    if not command.takes_request:
        return Form(fields=[], single=True)
    schema, definitions = _schema_of(command.request_type)
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and properties and len(properties) <= MOST_FIELDS:
        required = set(schema.get("required", ()))
        fields = [_field(name, part, definitions, required=name in required) for name, part in properties.items()]
        return Form(fields=fields, single=False)
    one = _field(WHOLE, schema, definitions, required=not command.request_optional)
    if "default" not in schema and command.request_optional:
        one = msgspec.structs.replace(one, default=_text(command.request_default))
    return Form(fields=[one], single=True)


def request_of(form: Form, given: Mapping[str, str]) -> Any:
    """The request from the filled-in fields, as plain data; empty fields get their defaults.

    Raises:
        BadFields: a text that is not a number or not JSON.
    """
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field in form.fields:
        try:
            value = _value(field, given.get(field.name))
        except ValueError as error:
            errors[field.name] = str(error)
            continue
        if value is not msgspec.UNSET:
            values[field.name] = value
    if errors:
        raise BadFields(errors)
    return values.get(WHOLE) if form.single else values


def errors_of(form: Form, error: BaseException) -> dict[str, str]:
    """What is wrong, by field; under ``request`` what belongs to no field."""
    names = {field.name for field in form.fields}
    cause: BaseException | None = error
    while cause is not None:
        told = getattr(cause, "errors", None)
        if callable(told):  # pydantic's
            found = {str(one["loc"][0]) if one.get("loc") else WHOLE: str(one["msg"]) for one in told()}
            return {name if name in names else WHOLE: text for name, text in found.items()}
        cause = cause.__cause__
    text = str(error)
    for pattern in (_PATH, _MISSING, _UNKNOWN):
        match = pattern.search(text)
        if match is not None and match[1] in names:
            return {match[1]: text.rpartition(": ")[2] or text}
    return {WHOLE: text}


# --- from a schema to fields ----------------------------------------------------------------


def _schema_of(kind: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The schema of a type, and the definitions it refers to; both empty if it has none."""
    try:
        if hasattr(kind, "model_json_schema"):  # pydantic
            schema = kind.model_json_schema()
            return schema, schema.get("$defs", {})
        (schema,), definitions = msgspec.json.schema_components([kind])
    except Exception:  # a type without a schema: it is filled in as JSON
        return {}, {}
    return _followed(schema, definitions), definitions


def _followed(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    found: Mapping[str, Any] = definitions.get(reference.rpartition("/")[2], {})
    return {**found, **{key: value for key, value in schema.items() if key != "$ref"}}


def _field(name: str, schema: Mapping[str, Any], definitions: Mapping[str, Any], *, required: bool) -> Field:
    whole = _followed(schema, definitions)
    options = [_followed(one, definitions) for one in whole.get("anyOf", whole.get("oneOf", ())) or ()]
    nullable = any(one.get("type") == "null" for one in options)
    others = [one for one in options if one.get("type") != "null"]
    inner = others[0] if len(others) == 1 else whole
    default = _text(whole["default"]) if "default" in whole else None
    make: Callable[..., Field] = lambda kind, **more: Field(  # noqa: E731
        name=name, kind=kind, required=required, nullable=nullable, default=default, **more
    )
    hint = str(whole.get("description") or inner.get("format") or inner.get("title") or "")
    if "const" in inner:
        inner = {**inner, "enum": [inner["const"]]}
    if "enum" in inner:
        return make("select", options=[(_text(one), str(one)) for one in inner["enum"]], hint=hint)
    match inner.get("type"):
        case "boolean" if not nullable:
            return make("checkbox", hint=hint)
        case "string":
            return make("text", hint=hint)
        case "integer" | "number" as kind:
            return make("number", hint=hint or kind, whole=kind == "integer")
        case kind:
            return make("json", hint=hint or {"array": "a list", "object": "an object"}.get(str(kind), "JSON"))


def _text(value: Any) -> str:
    try:
        return msgspec.json.encode(value, enc_hook=str).decode()
    except (TypeError, ValueError):
        return ""


# --- from texts to values -------------------------------------------------------------------


def _value(field: Field, text: str | None) -> Any:
    """A value; UNSET: leave it to its default."""
    if field.kind == "checkbox":
        return text is not None
    if text is None or text == "":
        if field.required and field.kind == "text":
            return None if field.nullable else ""
        if field.required and not field.nullable:
            raise ValueError("a value is needed")
        return None if field.required else msgspec.UNSET
    match field.kind:
        case "text":
            return text
        case "number":
            return _number(field, text)
        case _:
            try:
                return msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError):
                raise ValueError("this is not JSON") from None


def _number(field: Field, text: str) -> int | float:
    try:
        number = int(text) if re.fullmatch(r"[+-]?\d{1,30}", text.strip()) else float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if field.whole and not isinstance(number, int):
        raise ValueError(f"{text!r} is not a whole number")
    return number
