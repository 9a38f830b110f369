"""api-pipedrive-python: a client of version 1 that Python programs use, unchanged; it takes the host as an option."""

import uuid

import pytest
from pipedrive import exceptions
from pipedrive.client import Client

RECORDS = 250


def connect(emulator, token="token"):
    client = Client("app", "secret", domain=emulator.url)
    client.OAUTH_BASE_URL = f"{emulator.url}/oauth/"
    client.set_api_token(token)
    return client


@pytest.fixture(scope="module")
def client(emulate_for_module):
    return connect(emulate_for_module("pipedrive", "--no-limits"))


def test_creates_reads_updates_and_deletes(client):
    org = client.organizations.create_organization({"name": "Acme", "address": "Main St 1"})["data"]
    person = client.persons.create_person({"name": "Ada Lovelace", "org_id": org["id"], "email": ["ada@judge.example"]})["data"]
    assert (person["first_name"], person["org_id"]["name"], person["email"][0]["primary"]) == ("Ada", "Acme", True)
    deal = client.deals.create_deal({"title": "Big", "person_id": person["id"], "value": "12.5", "currency": "USD"})["data"]
    assert (deal["value"], deal["person_id"]["value"], deal["active"]) == (12.5, person["id"], True)
    assert client.deals.update_deal(deal["id"], {"status": "won"})["data"]["status"] == "won"
    assert [one["id"] for one in client.persons.get_person_deals(person["id"])["data"]] == [deal["id"]]
    assert client.deals.delete_deal(deal["id"])["data"]["id"] == deal["id"]
    assert client.deals.get_deal(deal["id"])["data"]["deleted"] is True


def test_pages_by_offset(client):
    for number in range(RECORDS):
        client.products.create_product({"name": f"P{number}"})
    start, found = 0, []
    while start is not None:
        page = client.products.get_all_products(params={"start": start, "limit": 100})
        found += [one["name"] for one in page["data"]]
        start = page["additional_data"]["pagination"].get("next_start")
    assert sorted(found) == sorted(f"P{number}" for number in range(RECORDS))


def test_has_notes_activities_leads_and_searches(client):
    person = client.persons.create_person({"name": "Sought Person", "phone": "+49301"})["data"]
    note = client.notes.create_note({"content": "met", "person_id": person["id"]})["data"]
    assert [one["id"] for one in client.notes.get_all_notes({"person_id": person["id"]})["data"]] == [note["id"]]
    activity = client.activities.create_activity({"subject": "Call", "type": "call", "done": 0, "person_id": person["id"]})["data"]
    assert (activity["done"], activity["person_id"]) == (False, person["id"])
    lead = client.leads.create_lead({"title": "Hot", "person_id": person["id"]})["data"]
    assert uuid.UUID(lead["id"])
    found = client.persons.search_persons({"term": "sought"})["data"]["items"]
    assert [one["item"]["id"] for one in found] == [person["id"]]
    assert client.users.get_me()["data"]["is_you"] is True
    assert {one["name"] for one in client.stages.get_all_stages()["data"]} >= {"Qualified"}
    assert client.recents.get_recent_changes({"since_timestamp": "2020-01-01 00:00:00", "items": "note"})["data"][0]["id"] == note["id"]


def test_tells_errors_apart(client, emulate):
    with pytest.raises(exceptions.NotFoundError):
        client.deals.get_deal(999_999)
    with pytest.raises(exceptions.BadRequestError):
        client.deals.create_deal({"value": 5})
    with pytest.raises(exceptions.UnauthorizedError):
        connect(emulate("pipedrive"), "invalid").deals.get_all_deals()
    hasty = connect(emulate("pipedrive"))
    with pytest.raises(exceptions.TooManyRequestsError):
        for _ in range(200):
            hasty.users.get_me()


def test_logs_in_by_oauth(client, emulate):
    granted = client.exchange_code("http://127.0.0.1/back", "a-code")
    renewed = client.refresh_token(granted["refresh_token"])
    assert renewed["refresh_token"] != granted["refresh_token"]
    with pytest.raises(exceptions.BadRequestError):
        client.refresh_token(granted["refresh_token"])
