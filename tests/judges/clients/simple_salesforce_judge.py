"""simple-salesforce: the most used Python client, unchanged. It always speaks https, so an adapter sends that to the local org.

It finds its own way through pages, jobs and errors; its Bulk 2.0 side splits, uploads, waits and reads results by itself.
"""

import csv
import io
import json
import urllib.request

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)

RECORDS = 25_000
PAGED = 5_000


class ToPlainHttp(requests.adapters.HTTPAdapter):
    """Sends what is meant for https to the same host by http."""

    def send(self, request, *args, **kwargs):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **kwargs)


def connect(emulator, **options):
    session = requests.Session()
    session.trust_env = False
    session.mount(emulator.url.replace("http://", "https://"), ToPlainHttp())
    session.mount("https://ferry-judge.salesforce.com", ToHost(emulator.url))
    login = options or {"instance_url": emulator.url, "session_id": "00D5g0000000001!judge"}
    return Salesforce(session=session, **login)


class ToHost(requests.adapters.HTTPAdapter):
    """Sends what is meant for a host of the vendor's to the local org."""

    def __init__(self, url):
        super().__init__()
        self._url = url

    def send(self, request, *args, **kwargs):
        path = request.url.split(".salesforce.com", 1)[1]
        request.url = self._url + path
        return super().send(request, *args, **kwargs)


@pytest.fixture(scope="module")
def emulator(emulate_for_module):
    return emulate_for_module("salesforce")


@pytest.fixture(scope="module")
def org(emulator):
    return connect(emulator)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_describes(org):
    listed = {it["name"]: it for it in org.describe()["sobjects"]}
    assert listed["Account"]["keyPrefix"] == "001" and listed["Opportunity"]["queryable"]
    fields = {field["name"]: field for field in org.Contact.describe()["fields"]}
    assert fields["Email"]["idLookup"] and fields["Email"]["type"] == "email"
    assert not fields["LastName"]["nillable"] and fields["AccountId"]["referenceTo"] == ["Account"]
    with pytest.raises(SalesforceResourceNotFound):
        org.Nonsense__c.describe()


def test_creates_reads_updates_upserts_and_deletes(org):
    made = org.Account.create({"Name": "Judge & Co", "NumberOfEmployees": 7})
    assert made["success"] and made["errors"] == [] and len(made["id"]) == 18
    read = org.Account.get(made["id"])
    assert read["Name"] == "Judge & Co" and read["NumberOfEmployees"] == 7
    assert read["attributes"]["type"] == "Account" and read["CreatedDate"].endswith("+0000")

    assert org.Account.update(made["id"], {"Industry": "Energy", "NumberOfEmployees": None}) == 204
    read = org.Account.get(made["id"][:15])
    assert read["Industry"] == "Energy" and read["NumberOfEmployees"] is None

    assert org.Contact.upsert("Email/one@judge.example", {"LastName": "One", "AccountId": made["id"]}) == 201
    assert org.Contact.upsert("Email/One@Judge.example", {"LastName": "Eins"}) == 200
    assert org.Contact.get_by_custom_id("Email", "one@judge.example")["LastName"] == "Eins"
    org.Contact.create({"LastName": "Two", "Email": "one@judge.example"})
    with pytest.raises(SalesforceMoreThanOneRecord):
        org.Contact.upsert("Email/one@judge.example", {"LastName": "Three"})

    assert org.Account.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        org.Account.get(made["id"])
    kept = org.query_all(f"SELECT Id, IsDeleted FROM Account WHERE Id = '{made['id']}'", include_deleted=True)
    assert [it["IsDeleted"] for it in kept["records"]] == [True]


def test_meets_a_refused_value(org):
    with pytest.raises(SalesforceMalformedRequest) as refused:
        org.Contact.create({"FirstName": "Nobody"})
    [error] = refused.value.content
    assert error["errorCode"] == "REQUIRED_FIELD_MISSING" and error["fields"] == ["LastName"]
    with pytest.raises(SalesforceMalformedRequest) as refused:
        org.Account.create({"Name": "x", "Nonsense__c": 1})
    assert refused.value.content[0]["errorCode"] == "INVALID_FIELD"
    with pytest.raises(SalesforceMalformedRequest) as refused:
        org.query("SELECT Nonsense FROM Account")
    assert refused.value.content[0]["errorCode"] == "INVALID_FIELD"


def test_meets_an_expired_session(emulator):
    org = connect(emulator, instance_url=emulator.url, session_id="expired")
    with pytest.raises(SalesforceExpiredSession) as expired:
        org.query("SELECT Id FROM Account")
    assert expired.value.content[0]["errorCode"] == "INVALID_SESSION_ID"


def test_logs_in_again_when_a_session_ends(emulate_for_module):
    emulator = emulate_for_module("salesforce")
    org = connect(emulator, consumer_key="key", consumer_secret="secret", domain="ferry-judge")
    first = org.session_id
    assert org.query("SELECT Id FROM User")["totalSize"] == 1
    end = urllib.request.Request(emulator.url + "/_emulator/sessions", method="DELETE")
    urllib.request.urlopen(end).close()
    assert org.query("SELECT Id FROM User")["totalSize"] == 1
    assert org.session_id != first


def test_writes_collections(org):
    records = [{"attributes": {"type": "Lead"}, "LastName": f"L{n}", "Company": "C"} for n in range(199)]
    records.append({"attributes": {"type": "Lead"}, "LastName": "no company"})
    results = org.restful("composite/sobjects", method="POST", data=json.dumps({"allOrNone": False, "records": records}))
    assert [it["success"] for it in results] == [True] * 199 + [False]
    assert results[-1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"

    changes = [{"attributes": {"type": "Lead"}, "id": it["id"], "Title": "T"} for it in results[:2]]
    changes.append({"attributes": {"type": "Lead"}, "id": results[2]["id"], "Email": "nonsense"})
    body = json.dumps({"allOrNone": True, "records": changes})
    undone = org.restful("composite/sobjects", method="PATCH", data=body)
    assert undone[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert undone[2]["errors"][0]["statusCode"] == "INVALID_EMAIL_ADDRESS"
    assert org.query("SELECT COUNT() FROM Lead WHERE Title = 'T'")["totalSize"] == 0

    keyed = [{"attributes": {"type": "Lead"}, "Email": f"l{n}@x.example", "LastName": "L", "Company": "C"} for n in (1, 2)]
    body = json.dumps({"records": keyed})
    for created in (True, False):
        upserted = org.restful("composite/sobjects/Lead/Email", method="PATCH", data=body)
        assert [it["created"] for it in upserted] == [created] * 2
    ids = ",".join(it["id"] for it in upserted)
    deleted = org.restful("composite/sobjects", method="DELETE", params={"ids": ids})
    assert all(it["success"] for it in deleted)


def test_loads_and_reads_in_bulk(org, emulator):
    contacts = [{"LastName": f"Bulk {n}", "Email": f"bulk{n}@judge.example"} for n in range(RECORDS)]
    [done] = org.bulk2.Contact.insert(records=contacts)
    assert done["numberRecordsProcessed"] == RECORDS and done["numberRecordsFailed"] == 0
    results = org.bulk2.Contact.get_all_ingest_records(done["job_id"])
    assert len(results["successfulRecords"]) == RECORDS and results["failedRecords"] == []
    assert {row["sf__Created"] for row in results["successfulRecords"]} == {"true"}

    changes = [{"Email": f"Bulk{n}@judge.example", "Title": "#N/A" if n % 2 else "Chief"} for n in range(RECORDS)]
    changes = [{**row, "LastName": f"Bulk {n}"} for n, row in enumerate(changes)]
    changes.append({"Email": "bad", "Title": "x", "LastName": "Bad"})
    [done] = org.bulk2.Contact.upsert(records=changes, external_id_field="Email")
    assert done["numberRecordsProcessed"] == RECORDS + 1 and done["numberRecordsFailed"] == 1
    [failed] = rows_of(org.bulk2.Contact.get_failed_records(done["job_id"]))
    assert failed["sf__Error"].startswith("INVALID_EMAIL_ADDRESS:") and failed["Email"] == "bad"

    soql = "SELECT Id, LastName, Title, CreatedDate FROM Contact WHERE Email LIKE 'bulk%'"
    pages = list(org.bulk2.Contact.query(soql, max_records=10_000))
    assert len(pages) == 3
    rows = [row for page in pages for row in rows_of(page)]
    assert len({row["Id"] for row in rows}) == RECORDS
    assert sum(row["Title"] == "Chief" for row in rows) == RECORDS / 2
    assert emulator.counts()["records"]["Contact"] >= RECORDS


def test_pages_through_a_query(org, emulator):
    accounts = [{"Name": f"Page {n:05}"} for n in range(PAGED)]
    org.bulk2.Account.insert(records=accounts)
    before = len(emulator.requests())
    found = org.query_all("SELECT Name, Owner.Name FROM Account WHERE Name LIKE 'Page %' ORDER BY Name")
    assert [it["Name"] for it in found["records"]] == [it["Name"] for it in accounts]
    assert {it["Owner"]["Name"] for it in found["records"]} == {"Integration User"}
    assert len(emulator.requests()) - before == 3

    children = org.query("SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE Name = 'Page 00001'")
    assert children["records"][0]["Contacts"] is None
    used = org.api_usage["api-usage"]
    assert used.used > 0 and used.total == 110_000


def test_asks_several_things_at_once(org):
    body = {
        "compositeRequest": [
            {"method": "POST", "url": "/services/data/v59.0/sobjects/Account", "referenceId": "a", "body": {"Name": "All"}},
            {
                "method": "POST",
                "url": "/services/data/v59.0/sobjects/Contact",
                "referenceId": "c",
                "body": {"LastName": "At once", "AccountId": "@{a.id}"},
            },
        ]
    }
    answers = org.restful("composite", method="POST", data=json.dumps(body))["compositeResponse"]
    assert [it["httpStatusCode"] for it in answers] == [201, 201]
    contact = org.query(f"SELECT Account.Name FROM Contact WHERE Id = '{answers[1]['body']['id']}'")
    assert contact["records"][0]["Account"]["Name"] == "All"
