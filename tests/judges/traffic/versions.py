"""Pipedrive's descriptions of versions 1 and 2 as the one document that `Description` reads, each path with the prefix of its version."""

from urllib.parse import urlsplit

import yaml

# The parser in C: two megabytes take the one in Python a minute.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def versions(*files):
    paths, schemas = {}, {}
    for file in files:
        document = _plain(yaml.load(file.read_text(), Loader=LOADER))
        own = document["components"].get("schemas", {})
        prefix = urlsplit(document["servers"][0]["url"]).path
        for path, item in document["paths"].items():
            # The OAuth host has no version.
            place = path.rstrip("/") if path.startswith("/oauth/") else prefix + path
            paths[place] = {name: _merged(one, own) for name, one in item.items()}
        schemas |= {name: _merged(one, own) for name, one in own.items()}
    return {"paths": paths, "components": {"schemas": schemas}}


def _plain(value):
    """Values as JSON has them: dates in examples are texts, statuses are names."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _merged(value, schemas):
    """Every `allOf` as one object: each part, closed by itself, would forbid the keys of the others."""
    if isinstance(value, list):
        return [_merged(one, schemas) for one in value]
    if not isinstance(value, dict):
        return value
    if "allOf" not in value:
        return {name: _merged(one, schemas) for name, one in value.items()}
    whole = {name: _merged(one, schemas) for name, one in value.items() if name != "allOf"}
    for part in value["allOf"]:
        part = _merged(schemas[part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part, schemas)
        for name, one in part.items():
            if name == "properties":
                whole["properties"] = whole.get("properties", {}) | one
            elif name == "required":
                whole["required"] = whole.get("required", []) + one
            else:
                whole.setdefault(name, one)
    return whole
