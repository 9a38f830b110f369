"""hubspot-sdk: the official client of the dated paths (2026-03), unchanged but for its base URL.

It runs with its strict validation of answers: one that does not fit the vendor's types is an error. Its types know no empty
property, which the vendor sends as null; so what is asked for here has a value, and one judge reads an empty one leniently.
"""

import time

import hubspot_sdk
import pytest
from hubspot_sdk import HubSpot
from hubspot_sdk.types import crm

RECORDS = 2_500
# How long the local CRM's search does not see a write: the vendor says "a few moments".
INDEX_LAG_SECS = 1.0
CONTACT_TO_COMPANY = 279


def connect(emulator, token="t", **options):
    return HubSpot(access_token=token, base_url=emulator.url, _strict_response_validation=True, **options)


@pytest.fixture(scope="module")
def hubspot(emulate_for_module):
    with connect(emulate_for_module("hubspot"), max_retries=0) as client:
        yield client


def create(hubspot, **values):
    return hubspot.crm.objects.contacts.create(properties=values, associations=[])


def test_creates_reads_updates_and_archives_one(hubspot):
    api = hubspot.crm.objects.contacts
    made = create(hubspot, email="one@judge.example", firstname="Ona")
    assert isinstance(made, crm.SimplePublicObject) and made.archived is False
    read = api.get(made.id, properties=["firstname", "email"])
    assert read.properties["firstname"] == "Ona" and read.properties["email"] == "one@judge.example"
    assert api.get("one@judge.example", id_property="email", properties=["email"]).id == made.id

    changed = api.update(made.id, properties={"lastname": "Eins"})
    assert changed.id == made.id and changed.updated_at >= made.updated_at
    assert api.get(made.id, properties=["lastname"]).properties["lastname"] == "Eins"

    api.delete(made.id)
    with pytest.raises(hubspot_sdk.NotFoundError) as gone:
        api.get(made.id)
    assert gone.value.body["category"] == "OBJECT_NOT_FOUND"
    assert api.get(made.id, archived=True, properties=["email"]).archived is True


def test_reads_an_empty_property(emulate):
    emulator = emulate("hubspot")
    with HubSpot(access_token="t", base_url=emulator.url) as hubspot:
        made = create(hubspot, email="empty@judge.example", firstname="Ona")
        hubspot.crm.objects.contacts.update(made.id, properties={"firstname": ""})
        read = hubspot.crm.objects.contacts.get(made.id, properties=["email", "firstname"])
    assert read.properties["email"] == "empty@judge.example" and not read.properties.get("firstname")


def test_creates_many_and_pages_through_all_of_them(emulate):
    with connect(emulate("hubspot")) as hubspot:
        made = set()
        for start in range(0, RECORDS, 100):
            answer = hubspot.crm.objects.contacts.batch.create(
                inputs=[
                    {"properties": {"email": f"p{n}@judge.example"}, "associations": [], "object_write_trace_id": str(n)}
                    for n in range(start, start + 100)
                ]
            )
            assert answer.status == "COMPLETE"
            made |= {record.id for record in answer.results}
        read = list(hubspot.crm.objects.contacts.list(limit=100, properties=["email"]))
    assert len(read) == RECORDS and {record.id for record in read} == made
    assert {record.properties["email"] for record in read} == {f"p{n}@judge.example" for n in range(RECORDS)}


def test_names_the_culprit_of_a_batch_by_its_trace_id(hubspot):
    answer = hubspot.crm.objects.contacts.batch.create(
        inputs=[
            {"properties": {"email": "good@judge.example"}, "associations": [], "object_write_trace_id": "good"},
            {"properties": {"email": "no address"}, "associations": [], "object_write_trace_id": "bad"},
        ]
    )
    assert [record.object_write_trace_id for record in answer.results] == ["good"]
    assert answer.model_extra["numErrors"] == 1
    assert answer.model_extra["errors"][0]["context"]["objectWriteTraceId"] == ["bad"]


def test_reads_updates_and_archives_batches(hubspot):
    batch = hubspot.crm.objects.contacts.batch
    made = [create(hubspot, email=f"b{number}@judge.example").id for number in range(3)]
    answer = batch.update(inputs=[{"id": one, "properties": {"city": "Bern"}} for one in made])
    assert {record.properties["city"] for record in answer.results} == {"Bern"}
    read = batch.get(inputs=[{"id": one} for one in made], properties=["city"], properties_with_history=[])
    assert {record.id: record.properties["city"] for record in read.results} == dict.fromkeys(made, "Bern")
    keys = [{"id": f"b{number}@judge.example"} for number in range(3)]
    read = batch.get(inputs=keys, id_property="email", properties=["email"], properties_with_history=[])
    assert {record.id for record in read.results} == set(made)
    batch.delete(inputs=[{"id": one} for one in made])
    left = {record.id for record in hubspot.crm.objects.contacts.list(limit=100, properties=["hs_object_id"])}
    assert not left & set(made)


def test_searches_deals_by_type_id(hubspot):
    deals = hubspot.crm.objects.deals
    for number in range(5):
        values = {"dealname": f"Deal {number}", "dealstage": "closedwon", "pipeline": "default", "amount": str(number * 100)}
        deals.create(properties=values, associations=[])
    found, after = [], "0"
    time.sleep(INDEX_LAG_SECS)
    while after:
        page = deals.search(
            filter_groups=[{"filters": [{"property_name": "amount", "operator": "GTE", "value": "200"}]}],
            sorts=["amount"],
            properties=["dealname"],
            limit=2,
            after=after,
        )
        assert page.total == 3
        found += [record.properties["dealname"] for record in page.results]
        after = page.paging.next.after if page.paging and page.paging.next else None
    assert found == ["Deal 2", "Deal 3", "Deal 4"]


def test_upserts_by_address(hubspot):
    def upsert(**values):
        inputs = [{"id": values["email"], "id_property": "email", "properties": values}]
        return hubspot.crm.objects.contacts.batch.upsert(inputs=inputs).results[0]

    first, second = upsert(email="up@judge.example", firstname="A"), upsert(email="up@judge.example", firstname="B")
    assert isinstance(first, crm.SimplePublicUpsertObject)
    assert (first.new, second.new) == (True, False) and first.id == second.id


def test_associates_and_lists_associations(hubspot):
    person = create(hubspot, email="linked@judge.example")
    firms = [hubspot.crm.objects.companies.create(properties={"name": n}, associations=[]) for n in ("One", "Two")]
    kind = {"association_category": "HUBSPOT_DEFINED", "association_type_id": CONTACT_TO_COMPANY}
    hubspot.crm.associations.batch.create(
        "companies",
        from_object_type="contacts",
        inputs=[{"from": {"id": person.id}, "to": {"id": firm.id}, "types": [kind]} for firm in firms],
    )
    listed = hubspot.crm.associations.list("companies", object_type="contacts", object_id=person.id)
    assert {link.to_object_id for link in listed} == {firm.id for firm in firms}
    batch = hubspot.crm.associations.batch.get("companies", from_object_type="contacts", inputs=[{"id": person.id}])
    assert {link.to_object_id for link in batch.results[0].to} == {firm.id for firm in firms}
    read = hubspot.crm.objects.contacts.get(person.id, associations=["companies"], properties=["email"])
    assert {link.id for link in read.associations["companies"].results} == {firm.id for firm in firms}


def test_describes_properties_pipelines_and_owners(hubspot):
    named = {one.name: one for one in hubspot.crm.properties.list("contacts").results}
    assert named["email"].type == "string" and named["hs_lead_status"].options
    pipelines = hubspot.crm.pipelines.list("deals").results
    assert "closedwon" in {stage.id for stage in pipelines[0].stages}
    list(hubspot.crm.owners.list())


def test_makes_a_unique_property(hubspot):
    made = hubspot.crm.properties.create(
        "companies",
        name="judge_key",
        label="Judge's key",
        type="string",
        field_type="text",
        group_name="companyinformation",
        has_unique_value=True,
    )
    assert made.name == "judge_key" and made.has_unique_value is True


def test_refuses_what_does_not_fit(hubspot):
    with pytest.raises(hubspot_sdk.BadRequestError) as refused:
        create(hubspot, no_such_property="1")
    assert refused.value.body["category"] == "VALIDATION_ERROR"
    assert refused.value.body["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
    create(hubspot, email="twice@judge.example")
    with pytest.raises(hubspot_sdk.ConflictError):
        create(hubspot, email="twice@judge.example")


def test_refuses_a_token_that_is_no_good(emulate):
    emulator = emulate("hubspot")
    for token, error in (
        ("invalid", hubspot_sdk.AuthenticationError),
        ("noscope", hubspot_sdk.PermissionDeniedError),
    ):
        with connect(emulator, token, max_retries=0) as hubspot, pytest.raises(error):
            list(hubspot.crm.objects.contacts.list())


def test_meets_the_limit_of_searches(emulate):
    with connect(emulate("hubspot"), max_retries=0) as hubspot, pytest.raises(hubspot_sdk.RateLimitError) as refused:
        for _ in range(50):
            hubspot.crm.objects.contacts.search(filter_groups=[], sorts=[], properties=[], limit=1, after="0")
    assert refused.value.body["errorType"] == "RATE_LIMIT"


def test_waits_out_the_limit_with_its_own_retry(emulate):
    emulator = emulate("hubspot", "--clock-speed", "5")
    with connect(emulator, max_retries=5) as hubspot:
        for _ in range(60):
            hubspot.crm.objects.contacts.search(filter_groups=[], sorts=[], properties=[], limit=1, after="0")
    assert emulator.counts()["requests"]["rate_limited"] > 0
