"""Exchanges recorded with real orgs, sent again to the local Salesforce: its answers have the same status, keys and types.

Ids, times and texts may differ. Left out is Bulk API 1.0, whose bodies are XML (Ferry speaks 2.0, of which there is no recording).
"""

import json
from urllib.parse import urlsplit

import pytest
import requests
from conftest import ROOT

RECORDED = ROOT.parent / "shared" / "data" / "salesforce" / "recorded"
VERSION = "v67.0"

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recordings are not beside the clone, in ../shared/data/salesforce")


def shape(value):
    """Keys and types; a list is the set of what its items are; what is null in one place may be anything in another."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in sorted(value.items())}
    if isinstance(value, list):
        shapes = []
        for one in map(shape, value):
            if one not in shapes:
                shapes.append(one)
        return sorted(shapes, key=str)
    return type(value).__name__


def ids_of(recorded, answered, known):
    """Learns which of our ids stands for which recorded one."""
    if isinstance(recorded, list) and isinstance(answered, list):
        for one, other in zip(recorded, answered):
            ids_of(one, other, known)
    elif isinstance(recorded, dict) and isinstance(answered, dict) and "id" in recorded and "id" in answered:
        known[recorded["id"]] = answered["id"]


@pytest.mark.parametrize("name", ["collections-upsert-by-field", "query-count-errors"])
def test_answers_as_the_real_org_did(emulate, name):
    emulator = emulate("salesforce", "--no-limits")
    known, compared = {}, 0
    for exchange in json.loads((RECORDED / f"{name}.json").read_text()):
        if "request" not in exchange:
            continue
        request, response = exchange["request"], exchange["response"]
        uri = urlsplit(request["uri"])
        path = f"{uri.path}?{uri.query}" if uri.query else uri.path
        text = json.dumps({"path": path, "body": request.get("body")}).replace("vxx.0", VERSION)
        for recorded, ours in known.items():
            text = text.replace(recorded, ours)
        sent = json.loads(text)
        answer = requests.request(
            request["method"], emulator.url + sent["path"], json=sent["body"], headers={"Authorization": "Bearer 00D!judge"}
        )
        assert answer.status_code == response["status"]["code"], (sent["path"], answer.text)
        compare(response["body"], answer.json(), sent["path"])
        ids_of(response["body"], answer.json(), known)
        compared += 1
    assert compared > 0


def test_no_recording_is_passed_over():
    replayed = {"collections-upsert-by-field", "query-count-errors", "composite-http-headers-304"}
    assert {file.stem for file in RECORDED.iterdir()} == replayed | {"bulk-v1-upsert"}


def test_says_that_nothing_changed_since_as_the_real_org_did(emulate):
    emulator = emulate("salesforce", "--no-limits")
    token = {"Authorization": "Bearer 00D!judge"}
    # The recording asks for changes since a time at which the local org was not there yet: it is asked for those since its own last one.
    told = requests.get(f"{emulator.url}/services/data/{VERSION}/sobjects", headers=token)
    [exchange] = json.loads((RECORDED / "composite-http-headers-304.json").read_text())
    request, response = exchange["request"], exchange["response"]
    sent = json.loads(json.dumps(request["body"]).replace("Thu, 03 Sep 2020 21:35:07 GMT", told.headers["Last-Modified"]))
    answer = requests.post(emulator.url + urlsplit(request["uri"]).path, json=sent, headers=token)
    assert answer.status_code == response["status"]["code"]
    compare(response["body"], answer.json(), request["uri"])
    assert [one["httpStatusCode"] for one in answer.json()["compositeResponse"]] == [304, 304, 304]


def compare(recorded, answered, path):
    assert shape(recorded) == shape(answered), path
    if isinstance(recorded, dict) and "totalSize" in recorded and "Contact" in path:
        assert recorded["totalSize"] == answered["totalSize"]
