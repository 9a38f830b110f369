"""A vendor's machine-readable description (OpenAPI, or what was translated to it), read strictly: what it does not name is a problem."""

import json
import re
from functools import cache
from urllib.parse import parse_qsl

import jsonschema_rs

METHODS = ("get", "post", "put", "patch", "delete")
SCALARS = {
    "integer": re.compile(r"-?\d+"),
    "boolean": re.compile("true|false"),
    "string": re.compile(".*", re.DOTALL),
    "number": re.compile(r"-?\d+(\.\d+)?"),
}


class Description:
    """An OpenAPI document whose objects have the described keys and no others."""

    def __init__(self, document):
        self._schemas = {name: self._closed(schema) for name, schema in document["components"]["schemas"].items()}
        self._operations = []
        for template, item in document["paths"].items():
            shape = re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)))
            for method in METHODS:
                if method in item:
                    parameters = item.get("parameters", []) + item[method].get("parameters", [])
                    self._operations.append((method, template, shape, item[method], parameters))
        # A literal path goes before one with parameters.
        self._operations.sort(key=lambda operation: operation[1].count("{"))

    def _closed(self, schema):
        """The schema as it stands, but that no other keys are allowed where it lists some, and that `nullable` counts."""
        if isinstance(schema, list):
            return [self._closed(one) for one in schema]
        if not isinstance(schema, dict):
            return schema
        closed = {key: self._closed(value) for key, value in schema.items()}
        if isinstance(closed.get("properties"), dict) and "additionalProperties" not in closed:
            closed["unevaluatedProperties"] = False
        if closed.pop("nullable", False) is True and "type" in closed:
            closed["type"] = [closed["type"], "null"]
        return closed

    def find(self, method, path):
        """The operation of a request: its path in the description, itself, and its parameters."""
        for known, template, shape, operation, parameters in self._operations:
            if known == method.lower() and shape.fullmatch(path):
                return template, operation, parameters
        return None

    def problems_of_query(self, parameters, query):
        known = {one["name"]: one for one in parameters if one["in"] == "query"}
        pairs = parse_qsl(query, keep_blank_values=True)
        for name, value in pairs:
            if name not in known:
                yield f"query: there is no parameter `{name}`"
                continue
            schema, items = known[name]["schema"], [value]
            if schema.get("type") == "array":
                schema, items = schema.get("items", {}), value.split(",")
            elif "enum" in schema and "comma separated" in known[name].get("description", ""):
                # The schema is that of one of its items.
                items = value.split(",")
            for item in items:
                if not SCALARS[schema.get("type", "string")].fullmatch(item) or item not in schema.get("enum", [item]):
                    yield f"query: `{name}` cannot be `{item}`"
        for one in parameters:
            if one["in"] == "query" and one.get("required") and one["name"] not in dict(pairs):
                yield f"query: `{one['name']}` is missing"

    def problems_of_body(self, operation, content_type, body):
        content = operation.get("requestBody", {}).get("content", {})
        if body is None:
            if operation.get("requestBody", {}).get("required"):
                yield "body: is missing"
            return
        media = content_type.split(";")[0]
        if media not in content:
            yield f"body: cannot be {media}"
            return
        if media == "application/x-www-form-urlencoded":
            body = dict(parse_qsl(body, keep_blank_values=True))
        yield from self._problems("body", content[media]["schema"], body)

    def problems_of_answer(self, operation, status, answer):
        responses = operation["responses"]
        response = responses.get(str(status)) or (responses.get("default") if status >= 400 else None)
        if response is None:
            yield f"answer: cannot be {status}"
            return
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if status == 304 and answer is None:
            return
        if schema is None or answer is None:
            if (schema is None) != (answer is None):
                yield f"answer: {'has' if schema is None else 'lacks'} a body at {status}"
            return
        yield from self._problems("answer", schema, answer)

    def _problems(self, part, schema, value):
        for error in self._validator(json.dumps(schema)).iter_errors(value):
            yield from self._explained(part, error)

    def _explained(self, part, error):
        place = ".".join("*" if isinstance(step, int) else str(step) for step in error.instance_path)
        # The words of the message; what the record holds stays out of the report.
        yield f"{part}: {place or 'as a whole'}: {self._text(error)}"

    @staticmethod
    def _text(error):
        message = error.message
        if "is not valid under any" in message:
            return "fits none of the alternatives"
        if "is not of type" in message:
            value, types = message.rsplit(" is not of type", 1)
            return f"{'null' if value == 'null' else 'a value'} is not of type{types}"
        if "is not a" in message or "is not one of" in message or "does not match" in message:
            return message if len(message) < 200 else message[-120:]
        return message if len(message) < 300 else message[:300]

    @cache
    def _validator(self, schema):
        whole = self._merged(self._closed(json.loads(schema))) | {"components": {"schemas": self._schemas}}
        return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)

    def _merged(self, schema):
        """Several objects that an answer is all of, as one: each of them closed would forbid the others' keys."""
        if "allOf" not in schema:
            return schema
        merged = {"type": "object", "properties": {}, "required": [], "unevaluatedProperties": False}
        for part in schema["allOf"]:
            part = self._schemas[part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part
            merged["properties"] |= part.get("properties", {})
            merged["required"] += part.get("required", [])
        return merged
