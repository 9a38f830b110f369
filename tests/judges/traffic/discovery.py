"""Google's discovery documents as the OpenAPI that `Description` reads: one document of several, with the paths below their roots."""

import json

# The error of every Google API (google.aip.dev/193), which no discovery document has.
ERROR = {
    "type": "object",
    "properties": {
        "code": {"type": "integer"},
        "message": {"type": "string"},
        "status": {"type": "string"},
        "details": {"type": "array", "items": {"type": "object"}},
        # Of Drive alone.
        "errors": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["code", "message"],
}


def openapi(*files):
    """Translates discovery documents. A message's name goes with its document's: `sheets.Spreadsheet`."""
    paths, schemas = {}, {}
    for file in files:
        document = json.loads(file.read_text())
        name = document["name"]
        schemas |= {f"{name}.{key}": _schema(schema, name) for key, schema in document["schemas"].items()}
        common = [_parameter(key, one) for key, one in document["parameters"].items()]
        for method in _methods(document):
            path = "/" + document["servicePath"] + method["path"].replace("{+", "{")
            paths.setdefault(path, {})[method["httpMethod"].lower()] = _operation(method, common, name)
    error = {"type": "object", "properties": {"error": ERROR}, "required": ["error"]}
    return {"paths": paths, "components": {"schemas": schemas | {"Error": error}}}


def _methods(resource):
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from _methods(inner)


def _parameter(name, one):
    kind = {key: one[key] for key in ("type", "enum") if key in one}
    # A parameter that may be repeated comes once per value: each is judged alone.
    return {"name": name, "in": one.get("location", "query"), "required": one.get("required", False), "schema": kind}


def _operation(method, common, name):
    operation = {
        "parameters": common + [_parameter(key, one) for key, one in method.get("parameters", {}).items()],
        "responses": {"default": _json({"$ref": "#/components/schemas/Error"})},
    }
    if "request" in method:
        operation["requestBody"] = _json(_reference(method["request"]["$ref"], name))
    if "response" in method:
        operation["responses"]["200"] = _json(_reference(method["response"]["$ref"], name))
    else:
        operation["responses"]["204"] = {"description": "No content"}
    return operation


def _json(schema):
    return {"content": {"application/json": {"schema": schema}}}


def _reference(name, document):
    return {"$ref": f"#/components/schemas/{document}.{name}"}


def _schema(schema, name):
    if "$ref" in schema:
        return _reference(schema["$ref"], name)
    kept = {}
    if schema.get("type", "any") != "any":
        kept["type"] = schema["type"]
    if "enum" in schema:
        kept["enum"] = schema["enum"]
    if "items" in schema:
        kept["items"] = _schema(schema["items"], name)
    if "properties" in schema:
        kept["properties"] = {key: _schema(one, name) for key, one in schema["properties"].items()}
    if "additionalProperties" in schema:
        kept["additionalProperties"] = _schema(schema["additionalProperties"], name)
    return kept
