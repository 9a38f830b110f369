"""Holds what was asked and answered in all tests against the vendors' machine-readable descriptions.

Every request of our connectors must be one that the description knows, to the last parameter and key; every answer of an emulator, whoever
asked, must have the described keys and types. What a description is known to lack is in gaps.yaml.
"""

import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from traffic.description import Description
from traffic.discovery import openapi
from traffic.versions import versions

DESCRIPTIONS = ROOT.parent / "shared" / "vendors" / "openapi"
GAPS = yaml.safe_load((Path(__file__).parent / "gaps.yaml").read_text())

# What the description calls the paths of other versions. Source: the description's README and the vendor's list of paths.
HUBSPOT_PATHS = [
    (r"/20\d\d-\d\d(-beta)?(?=/|$)", "/2026-03"),
    (r"^/crm/v[34]/objects/", "/crm/objects/2026-03/"),
    # Associations of version 3 are of another shape than all later ones.
    (r"^/crm/(v4/associations|v[34]/(?:properties|pipelines|owners|limits))(?=/|$)", lambda found: f"/crm/{found[1].split('/')[1]}/2026-03"),
    (r"^/crm/(associations|limits)/v[34](?=/|$)", r"/crm/\1/2026-03"),
    (r"^/crm/v3/schemas", "/crm-object-schemas/2026-03/schemas"),
    (r"^/crm-object-schemas/v3/", "/crm-object-schemas/2026-03/"),
    (r"^/oauth/v[13]/token", "/oauth/2026-03/token"),
    (r"^/account-info/v3/", "/account-info/2026-03/"),
    (r"^/crm/objects/2026-03/(deals)(?=/|$)", "/crm/objects/2026-03/0-3"),
    (r"/$", ""),
]
SALESFORCE_PATHS = [
    (r"^/services/data/v\d+\.\d(?=/)", ""),
    (r"/$", ""),
    # Not records whose ids are these words.
    (r"^(/sobjects/[^/]+/(describe|deleted|updated))$", r"\1/"),
]
GOOGLE_PATHS = [
    # Some clients write the same paths with a slash before the verb, or at the end.
    (r"/(?=:)", ""),
    (r"/$", ""),
]


# Version 1 answers under two prefixes; the descriptions' servers have one each.
PIPEDRIVE_PATHS = [
    (r"^/api/v1/", "/v1/"),
    (r"/$", ""),
]


def described(path, rules):
    for shape, instead in rules:
        path = re.sub(shape, instead, path)
    return path


@pytest.mark.parametrize(
    ("vendor", "files", "rules"),
    [
        ("google_sheets", ["google-sheets/sheets.v4.json", "google-sheets/drive.v3.json"], GOOGLE_PATHS),
        ("pipedrive", ["pipedrive/openapi-v1.yaml", "pipedrive/openapi-v2.yaml"], PIPEDRIVE_PATHS),
        ("hubspot", ["hubspot/crm-2026-03.derived.openapi.json"], HUBSPOT_PATHS),
        ("salesforce", ["salesforce/lightning-platform-rest-v59.trimmed.oas.json"], SALESFORCE_PATHS),
    ],
)
def test_traffic_is_as_described(vendor, files, rules):
    files = [DESCRIPTIONS / file for file in files]
    if missing := [file.name for file in files if not file.is_file()]:
        pytest.skip(f"the description {missing[0]} is not beside the clone, in ../shared/vendors/openapi")
    description = Description(read(vendor, files))
    found, examples, judged = Counter(), {}, 0
    for exchange, is_script in exchanges(vendor):
        path = described(exchange["path"], rules)
        for problem in problems(description, exchange, path, is_script):
            found[problem] += 1
            examples.setdefault(problem, exchange)
        judged += 1
    gaps = {problem: reason for problem in found if (reason := gap(vendor, problem))}
    print(f"{judged} exchanges with {vendor}, {sum(found[one] for one in gaps)} findings at {len(gaps)} known gaps")
    left = [f"{problem} ({found[problem]} times; e.g. {short(examples[problem])})" for problem in found if problem not in gaps]
    assert not left, "\n" + "\n".join(sorted(left))
    if judged == 0:
        pytest.skip(f"there was no traffic with {vendor}")


def read(vendor, files):
    """A vendor's description as one document."""
    if vendor == "google_sheets":
        return openapi(*files)
    if vendor == "pipedrive":
        return versions(*files)
    return json.loads(files[0].read_text())


def exchanges(vendor):
    """What was written down, with whether the request alone is to be judged: a script answered, nobody did, or a disturbance came between."""
    for file in sorted(Path(os.environ["FERRY_EXCHANGES"]).glob("*.jsonl")):
        name, _, _ = file.name.rpartition("-")
        if name in (vendor, f"{vendor}.script", f"{vendor}.faults"):
            with file.open() as lines:
                for exchange in map(json.loads, lines):
                    yield exchange, name != vendor or "answer" not in exchange


def problems(description, exchange, path, is_script):
    is_ours = exchange["user_agent"].startswith("ferry/")
    operation = description.find(exchange["method"], path)
    if operation is None:
        if is_ours or (exchange["status"] not in (401, 403, 404, 405, 429) and not is_script):
            yield f"{exchange['method']} {path}: there is no such path"
        return
    template, operation, parameters = operation
    begin = f"{exchange['method']} {template}"
    if is_ours:
        for problem in description.problems_of_query(parameters, exchange["query"]):
            yield f"{begin} {problem}"
        for problem in description.problems_of_body(operation, exchange["content_type"], exchange["body"]):
            yield f"{begin} {problem}"
    if not is_script:
        for problem in description.problems_of_answer(operation, exchange["status"], exchange["answer"]):
            yield f"{begin} {exchange['status']} {problem}"


def gap(vendor, problem):
    return next((one["reason"] for one in GAPS.get(vendor, []) if re.search(one["finding"], problem)), None)


def short(exchange):
    return json.dumps({name: exchange.get(name) for name in ("path", "query", "body", "status", "answer")}, ensure_ascii=False)[:600]
