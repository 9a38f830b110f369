"""The sample answers of pyairtable's own tests: the local Airtable describes a field and a table with the same keys and types.

Ids, names, times and texts may differ; what a key holds may not.
"""

import json

import pytest
import requests
from conftest import ROOT
from pyairtable import Api

SAMPLES = ROOT.parent / "shared" / "vendors" / "openapi" / "airtable" / "pyairtable-sample-data"
# Source: the vendor's field model. The rest cannot be made through the API: computed ones, buttons, sync sources.
MADE = {
    "barcode", "checkbox", "currency", "date", "dateTime", "duration", "email", "multilineText", "multipleAttachments",
    "multipleRecordLinks", "multipleSelects", "number", "percent", "phoneNumber", "rating", "richText", "singleCollaborator",
    "singleLineText", "singleSelect", "url",
}  # fmt: skip
# What only the answer has.
READ_ONLY = {"isReversed", "prefersSingleRecordLink", "inverseLinkFieldId"}

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not beside the clone, in ../shared/vendors/openapi")


def shape(value):
    """Keys and types. A list is what its items are."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return type(value).__name__


@pytest.fixture(scope="module")
def base(emulate_for_module):
    api = Api("pat", endpoint_url=emulate_for_module("airtable", "--no-limits").url)
    return api.create_base("wspJudge000000001", "Samples", [{"name": "Other", "fields": [{"name": "Name", "type": "singleLineText"}]}])


def ask(base, path, body=None):
    """Asks as the client does, for the answer as it stands."""
    return base.api.request("GET" if body is None else "POST", base.api.build_url(path), json=body)


def samples():
    return sorted((SAMPLES / "field_schema").glob("*.json")) if SAMPLES.is_dir() else []


@pytest.mark.parametrize("file", samples(), ids=lambda file: file.stem)
def test_a_field_is_described_as_in_the_sample(base, file):
    sample = json.loads(file.read_text())
    table = base.tables(force=True)[0]
    wanted = {"name": file.stem, "type": sample["type"]}
    options = {key: value for key, value in (sample.get("options") or {}).items() if key not in READ_ONLY}
    if "linkedTableId" in options:
        options["linkedTableId"] = table.id
    for choice in options.get("choices", []):
        del choice["id"]
    if options:
        wanted["options"] = options
    if sample["type"] not in MADE:
        with pytest.raises(requests.HTTPError) as refused:
            ask(base, f"meta/bases/{base.id}/tables/{table.id}/fields", wanted)
        assert refused.value.response.status_code == 422
        return
    sample = json.loads(file.read_text())
    made = ask(base, f"meta/bases/{base.id}/tables/{table.id}/fields", wanted)
    assert shape(made) == shape(sample)
    read = ask(base, f"meta/bases/{base.id}/tables")["tables"][0]["fields"][-1]
    assert read == made


def test_a_base_is_described_as_in_the_sample(base):
    sample = json.loads((SAMPLES / "BaseSchema.json").read_text())
    told = ask(base, f"meta/bases/{base.id}/tables")
    table, sampled = told["tables"][0], sample["tables"][1]
    assert shape(told).keys() == shape(sample).keys()
    assert {key: shape(table[key]) for key in table if key != "fields"} == {
        key: shape(sampled[key]) for key in sampled if key != "fields"
    }


def test_bases_and_the_user_are_told_as_in_the_samples(base):
    bases = json.loads((SAMPLES / "Bases.json").read_text())
    assert shape(ask(base, "meta/bases")) == shape({"bases": bases["bases"]})
    assert shape(ask(base, "meta/whoami")).keys() <= {"id", "email", "scopes"}


def test_a_comment_is_told_as_in_the_sample(base):
    sample = json.loads((SAMPLES / "Comment.json").read_text())
    table = base.tables(force=True)[0]
    record = table.create({"Name": "commented"})
    made = ask(base, f"{base.id}/{table.id}/{record['id']}/comments", {"text": "hello"})
    assert {"id", "email"} <= made.pop("author").keys()
    optional = {"author", "attachments", "mentioned", "reactions", "parentCommentId", "lastUpdatedTime"}
    assert {key: one for key, one in shape(made).items() if key not in optional} == {
        key: one for key, one in shape(sample).items() if key not in optional
    }
    assert made.keys() <= sample.keys() | optional
