"""Sample answers of another client's tests (restforce): the local Salesforce answers the same requests with the same keys and types.

Ids, times and texts may differ. The samples are of API versions 20 to 26; what newer versions add stands beside the request. A file that is in no
table here fails.
"""

import json
from datetime import UTC, datetime, timedelta

import pytest
import requests
from conftest import ROOT

from recordings.salesforce_exchanges_judge import shape

SAMPLES = ROOT.parent / "shared" / "data" / "salesforce" / "fixtures" / "restforce"
NEVER = "this answer belongs to a part of the API that the local Salesforce does not have: "
# Files that no request is for, with the reason.
APART = {
    "list_view_results_success_response": NEVER + "list views",
    "query_paginated_first_page_response": "pages hold 200 records at least: the judge of simple-salesforce reads three of them",
    "query_paginated_last_page_response": "as above",
    "query_success_response": "of an object that is made up; children and parents are compared in the recorded exchanges",
    "recent_success_response": NEVER + "what a person looked at last",
    "search_error_response": NEVER + "SOSL",
    "search_success_response": NEVER + "SOSL",
    "sobject_describe_success_response": "of an object that is made up; real descriptions are compared by the emulator's own tests",
    "sobject_find_success_response": "of an object that is made up; `sobject_select_success_response` is the same call",
}
AUTH = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "secret"}
# What is newer than the samples: the token's kind and scopes, and whether an upsert created (from version 46.0 on).
NEWER_TOKEN = {"token_type", "scope"}
NEWER_OBJECT = {
    "associateEntityType", "associateParentEntity", "deepCloneable", "hasSubtypes", "isInterface", "isSubtype", "mruEnabled",
    # Of `urls`; real answers have them for objects with layouts.
    "approvalLayouts", "compactLayouts", "layouts", "quickActions",
}  # fmt: skip

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not beside the clone, in ../shared/data/salesforce")


class Org:
    def __init__(self, url):
        self.url = url

    def ask(self, method, path, body=None, token="00D!judge"):
        if not path.startswith("/"):
            path = f"/services/data/v67.0/{path}"
        return requests.request(method, self.url + path, json=body, headers={"Authorization": f"Bearer {token}"})

    def log_in(self, **form):
        return requests.post(self.url + "/services/oauth2/token", data=form)

    def query(self, soql):
        return requests.get(
            self.url + "/services/data/v67.0/query", params={"q": soql}, headers={"Authorization": "Bearer 00D!judge"}
        )


@pytest.fixture(scope="module")
def org(emulate_for_module):
    org = Org(emulate_for_module("salesforce", "--no-limits").url)
    for name in ("One", "Two"):
        made = org.ask("POST", "sobjects/Contact", {"LastName": name, "Email": "same@judge.example"})
        assert made.status_code == 201
    campaign = org.ask("POST", "sobjects/Campaign", {"Name": "Judged"}).json()["id"]
    for amount in (100, 200):
        fields = {"Name": "o", "StageName": "Prospecting", "CloseDate": "2026-12-01", "Amount": amount, "CampaignId": campaign}
        assert org.ask("POST", "sobjects/Opportunity", fields).status_code == 201
    return org


def since_yesterday(org, kind):
    moments = {name: datetime.now(UTC) + timedelta(days=days) for name, days in (("start", -1), ("end", 1))}
    asked = {name: moment.strftime("%Y-%m-%dT%H:%M:%S+00:00") for name, moment in moments.items()}
    path = f"{org.url}/services/data/v67.0/sobjects/Account/{kind}"
    return requests.get(path, params=asked, headers={"Authorization": "Bearer 00D!judge"})


def deleted(org):
    made = org.ask("POST", "sobjects/Account", {"Name": "soon gone"}).json()["id"]
    org.ask("DELETE", f"sobjects/Account/{made}")
    return since_yesterday(org, "deleted")


def selected(org):
    made = org.ask("POST", "sobjects/Contact", {"LastName": "selected", "Title": "1234"}).json()["id"]
    return org.ask("GET", f"sobjects/Contact/{made}?fields=Title,Id")


# A sample, the status, how to ask for it, and what today's answers have besides (at the top, or of each item).
ASKED = [
    ("auth_error_response", 400, lambda org: org.log_in(**AUTH | {"client_id": "nouser"}), set()),
    ("auth_success_response", 200, lambda org: org.log_in(**AUTH), NEWER_TOKEN),
    ("create_success_response", 201, lambda org: org.ask("POST", "sobjects/Account", {"Name": "made"}), set()),
    ("delete_error_response", 404, lambda org: org.ask("DELETE", "sobjects/Account/rid/1"), set()),
    ("describe_sobjects_success_response", 200, lambda org: org.ask("GET", "sobjects"), NEWER_OBJECT),
    ("expired_session_response", 401, lambda org: org.ask("GET", "sobjects", token="expired"), set()),
    ("get_deleted_success_response", 200, deleted, set()),
    ("get_updated_success_response", 200, lambda org: since_yesterday(org, "updated"), set()),
    ("list_sobjects_success_response", 200, lambda org: org.ask("GET", "sobjects"), NEWER_OBJECT),
    ("org_query_response", 200, lambda org: org.query("SELECT Id FROM Organization"), set()),
    (
        "query_aggregate_success_response",
        200,
        lambda org: org.query("SELECT CampaignId, SUM(Amount) FROM Opportunity GROUP BY CampaignId"),
        set(),
    ),
    ("query_empty_response", 200, lambda org: org.query("SELECT Id FROM Account WHERE Name = 'nobody'"), set()),
    ("query_error_response", 400, lambda org: org.query("SELECT Nonsense FROM Account"), set()),
    ("reauth_success_response", 200, lambda org: org.log_in(**AUTH), NEWER_TOKEN),
    (
        "refresh_error_response",
        400,
        lambda org: org.log_in(grant_type="refresh_token", client_id="app", refresh_token="expired"),
        set(),
    ),
    (
        "refresh_success_response",
        200,
        lambda org: org.log_in(grant_type="refresh_token", client_id="app", refresh_token="5Aep861"),
        NEWER_TOKEN,
    ),
    ("services_data_success_response", 200, lambda org: org.ask("GET", "/services/data"), set()),
    ("sobject_describe_error_response", 404, lambda org: org.ask("GET", "sobjects/Nonsense__c/describe"), set()),
    ("sobject_find_error_response", 404, lambda org: org.ask("GET", "sobjects/Contact/23foo"), set()),
    ("sobject_select_success_response", 200, selected, set()),
    (
        "upsert_created_success_response",
        201,
        lambda org: org.ask("PATCH", "sobjects/Contact/Email/new@judge.example", {"LastName": "new"}),
        {"created"},
    ),
    ("upsert_error_response", 404, lambda org: org.ask("PATCH", "sobjects/Account/Namez/1", {"Name": "x"}), set()),
    (
        "upsert_multiple_error_response",
        300,
        lambda org: org.ask("PATCH", "sobjects/Contact/Email/same@judge.example", {"LastName": "x"}),
        set(),
    ),
    ("write_error_response", 400, lambda org: org.ask("POST", "sobjects/Account", {"Name": "x", "foo": 1}), set()),
]


def test_no_sample_is_passed_over():
    known = {name for name, *_ in ASKED} | APART.keys()
    assert {file.stem for file in SAMPLES.iterdir()} == known


def without(value, keys):
    """The answer without what is newer, in whichever place."""
    if isinstance(value, dict):
        return {key: without(one, keys) for key, one in value.items() if key not in keys}
    if isinstance(value, list):
        return [without(one, keys) for one in value]
    return value


def loosened(value):
    """Shapes in which a number is a number, names of fields are none of the form, and what is null in one item may be a text in another."""
    if isinstance(value, dict):
        return {{"External_Field__c": "field", "Title": "field"}.get(key, key): loosened(one) for key, one in value.items()}
    if isinstance(value, list):
        return [one for one in map(loosened, value)]
    return {"int": "number", "float": "number", "NoneType": "str"}.get(value, value)


@pytest.mark.parametrize(("name", "status", "ask", "newer"), ASKED, ids=[name for name, *_ in ASKED])
def test_answers_as_the_sample_does(org, name, status, ask, newer):
    sample = json.loads((SAMPLES / f"{name}.json").read_text())
    answer = ask(org)
    assert answer.status_code == status, answer.text
    told, wanted = loosened(shape(without(answer.json(), newer))), loosened(shape(sample))
    assert unique(told) == unique(wanted)
    if isinstance(sample, list) and isinstance(sample[0], dict) and "errorCode" in sample[0]:
        assert answer.json()[0]["errorCode"] == sample[0]["errorCode"]


def unique(value):
    """Once loosened, items of a list may have become the same."""
    if isinstance(value, dict):
        return {key: unique(one) for key, one in sorted(value.items())}
    if isinstance(value, list):
        items = []
        for one in map(unique, value):
            if one not in items:
                items.append(one)
        return items
    return value
