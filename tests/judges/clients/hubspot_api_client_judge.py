"""hubspot-api-client: the official client of the v3 and v4 paths, unchanged but for its host.

Its models refuse an answer that lacks a required field, and its calls choose the model by the status.
"""

import json
import time

import pytest
from hubspot import HubSpot
from hubspot.crm import associations, companies, contacts, properties
from hubspot.crm.associations import v4
from hubspot.crm.contacts.exceptions import ApiException
from urllib3.util.retry import Retry

RECORDS = 2_500
# How long the local CRM's search does not see a write: the vendor says "a few moments".
INDEX_LAG_SECS = 1.0
CONTACT_TO_COMPANY = 279


def connect(emulator, token="t", **options):
    return HubSpot(access_token=token, host=emulator.url, base_url=emulator.url, **options)


@pytest.fixture(scope="module")
def hubspot(emulate_for_module):
    return connect(emulate_for_module("hubspot"))


def contact(**values):
    return contacts.SimplePublicObjectInputForCreate(properties=values, associations=[])


def batch_of(*inputs):
    return contacts.BatchInputSimplePublicObjectBatchInputForCreate(inputs=list(inputs))


def refusal(error):
    return json.loads(error.value.body)


def test_creates_reads_updates_and_archives_one(hubspot):
    api = hubspot.crm.contacts.basic_api
    made = api.create(contact(email="One@Judge.example", firstname="Ona"))
    assert isinstance(made, contacts.SimplePublicObject)
    assert made.archived is False and made.created_at.tzinfo is not None
    assert made.properties["email"] == "one@judge.example"

    read = api.get_by_id(made.id, properties=["firstname", "lastname"])
    assert read.properties["firstname"] == "Ona" and not read.properties.get("lastname")
    by_key = api.get_by_id("one@judge.example", id_property="email")
    assert by_key.id == made.id

    changed = api.update(made.id, contacts.SimplePublicObjectInput(properties={"firstname": "", "lastname": "Eins"}))
    assert changed.updated_at >= made.updated_at
    read = api.get_by_id(made.id, properties=["firstname", "lastname"])
    assert read.properties["lastname"] == "Eins" and not read.properties.get("firstname")

    api.archive(made.id)
    with pytest.raises(ApiException) as gone:
        api.get_by_id(made.id)
    assert gone.value.status == 404 and refusal(gone)["category"] == "OBJECT_NOT_FOUND"
    archived = api.get_by_id(made.id, archived=True)
    assert archived.archived is True and archived.archived_at is not None


def test_creates_many_and_pages_through_all_of_them(emulate):
    hubspot = connect(emulate("hubspot"))
    made = set()
    for start in range(0, RECORDS, 100):
        inputs = [
            contacts.SimplePublicObjectBatchInputForCreate(
                properties={"email": f"p{number}@judge.example"}, associations=[], object_write_trace_id=str(number)
            )
            for number in range(start, start + 100)
        ]
        answer = hubspot.crm.contacts.batch_api.create(batch_of(*inputs))
        assert isinstance(answer, contacts.BatchResponseSimplePublicObject) and answer.status == "COMPLETE"
        assert {record.object_write_trace_id for record in answer.results} == {str(n) for n in range(start, start + 100)}
        made |= {record.id for record in answer.results}
    assert len(made) == RECORDS

    read = hubspot.crm.contacts.get_all(properties=["email"])
    assert {record.id for record in read} == made and len(read) == RECORDS
    assert {record.properties["email"] for record in read} == {f"p{n}@judge.example" for n in range(RECORDS)}


def test_names_the_culprit_of_a_batch_by_its_trace_id(hubspot):
    def traced(trace, **values):
        return contacts.SimplePublicObjectBatchInputForCreate(
            properties=values, associations=[], object_write_trace_id=trace
        )

    answer = hubspot.crm.contacts.batch_api.create(
        batch_of(traced("good", email="good@judge.example"), traced("bad", email="no address"))
    )
    assert isinstance(answer, contacts.BatchResponseSimplePublicObjectWithErrors)
    assert answer.num_errors == 1 and len(answer.results) == 1
    assert answer.errors[0].context["objectWriteTraceId"] == ["bad"]
    assert answer.errors[0].category == "VALIDATION_ERROR"


def test_reads_a_batch_and_names_what_is_missing(hubspot):
    made = hubspot.crm.contacts.basic_api.create(contact(email="batch-read@judge.example"))
    answer = hubspot.crm.contacts.batch_api.read(
        contacts.BatchReadInputSimplePublicObjectId(
            properties=["email"],
            properties_with_history=[],
            inputs=[contacts.SimplePublicObjectId(id=made.id), contacts.SimplePublicObjectId(id="999999999")],
        )
    )
    assert isinstance(answer, contacts.BatchResponseSimplePublicObjectWithErrors)
    assert [record.id for record in answer.results] == [made.id]
    assert answer.errors[0].category == "OBJECT_NOT_FOUND" and answer.errors[0].context["ids"] == ["999999999"]


def test_searches_by_filters_with_sorted_pages(hubspot):
    for number in range(7):
        hubspot.crm.contacts.basic_api.create(contact(email=f"s{number}@search.example", city="Ulm", zip=str(number)))
    time.sleep(INDEX_LAG_SECS)
    found, after = [], None
    while True:
        page = hubspot.crm.contacts.search_api.do_search(
            contacts.PublicObjectSearchRequest(
                filter_groups=[
                    contacts.FilterGroup(
                        filters=[
                            contacts.Filter(property_name="city", operator="EQ", value="Ulm"),
                            contacts.Filter(property_name="zip", operator="IN", values=["1", "2", "3", "4"]),
                        ]
                    )
                ],
                sorts=["hs_object_id"],
                properties=["zip"],
                limit=3,
                after=after,
            )
        )
        assert isinstance(page, contacts.CollectionResponseWithTotalSimplePublicObjectForwardPaging)
        assert page.total == 4
        found += [record.properties["zip"] for record in page.results]
        if page.paging is None:
            break
        after = page.paging.next.after
    assert found == ["1", "2", "3", "4"]


def test_updates_and_archives_batches(hubspot):
    api = hubspot.crm.contacts.batch_api
    made = api.create(
        batch_of(
            *(
                contacts.SimplePublicObjectBatchInputForCreate(properties={"email": f"u{n}@judge.example"}, associations=[])
                for n in range(3)
            )
        )
    ).results
    inputs = [contacts.SimplePublicObjectBatchInput(id=record.id, properties={"city": "Bern"}) for record in made]
    answer = api.update(contacts.BatchInputSimplePublicObjectBatchInput(inputs=inputs))
    assert isinstance(answer, contacts.BatchResponseSimplePublicObject)
    assert {record.properties["city"] for record in answer.results} == {"Bern"}

    ids = [contacts.SimplePublicObjectId(id=record.id) for record in made]
    assert api.archive(contacts.BatchInputSimplePublicObjectId(inputs=ids)) is None
    archived = hubspot.crm.contacts.basic_api.get_page(archived=True, limit=100)
    assert {record.id for record in made} <= {record.id for record in archived.results}


def test_upserts_by_address_and_by_a_unique_property_of_its_own(hubspot):
    def upsert(api, models, key, *values):
        inputs = [
            models.SimplePublicObjectBatchInputUpsert(id=value[key], id_property=key, properties=value) for value in values
        ]
        return api.upsert(models.BatchInputSimplePublicObjectBatchInputUpsert(inputs=inputs))

    people = hubspot.crm.contacts.batch_api
    first = upsert(people, contacts, "email", {"email": "up@judge.example", "firstname": "A"})
    assert isinstance(first, contacts.BatchResponseSimplePublicUpsertObject) and first.results[0].new is True
    second = upsert(people, contacts, "email", {"email": "up@judge.example", "firstname": "B"})
    assert second.results[0].new is False and second.results[0].id == first.results[0].id

    made = hubspot.crm.properties.core_api.create(
        "companies",
        properties.PropertyCreate(
            name="judge_key",
            label="Judge's key",
            type="string",
            field_type="text",
            group_name="companyinformation",
            has_unique_value=True,
        ),
    )
    assert isinstance(made, properties.ModelProperty) and made.has_unique_value is True
    firms = hubspot.crm.companies.batch_api
    answer = upsert(firms, companies, "judge_key", {"judge_key": "k1", "name": "One"}, {"judge_key": "k2", "name": "Two"})
    assert [record.new for record in answer.results] == [True, True]
    answer = upsert(firms, companies, "judge_key", {"judge_key": "k2", "name": "Zwei"}, {"judge_key": "k3", "name": "Three"})
    assert {record.properties["judge_key"]: record.new for record in answer.results} == {"k2": False, "k3": True}


def test_associates_and_lists_associations(hubspot):
    person = hubspot.crm.contacts.basic_api.create(contact(email="linked@judge.example"))
    firms = [
        hubspot.crm.companies.basic_api.create(
            companies.SimplePublicObjectInputForCreate(properties={"name": name}, associations=[])
        )
        for name in ("First", "Second")
    ]
    spec = v4.AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=CONTACT_TO_COMPANY)
    hubspot.crm.associations.v4.basic_api.create("contacts", person.id, "companies", firms[0].id, [spec])
    answer = hubspot.crm.associations.v4.batch_api.create(
        "contacts",
        "companies",
        v4.BatchInputPublicAssociationMultiPost(
            inputs=[
                v4.PublicAssociationMultiPost(
                    _from=v4.PublicObjectId(id=person.id), to=v4.PublicObjectId(id=firms[1].id), types=[spec]
                )
            ]
        ),
    )
    assert isinstance(answer, v4.BatchResponseLabelsBetweenObjectPair) and answer.status == "COMPLETE"

    page = hubspot.crm.associations.v4.basic_api.get_page("contacts", person.id, "companies")
    assert {str(link.to_object_id) for link in page.results} == {firm.id for firm in firms}
    assert CONTACT_TO_COMPANY in {kind.type_id for kind in page.results[0].association_types}
    batch = hubspot.crm.associations.v4.batch_api.get_page(
        "contacts",
        "companies",
        v4.BatchInputPublicFetchAssociationsBatchRequest(inputs=[v4.PublicFetchAssociationsBatchRequest(id=person.id)]),
    )
    assert len(batch.results[0].to) == 2
    read = hubspot.crm.contacts.basic_api.get_by_id(person.id, associations=["companies"])
    assert isinstance(read.associations["companies"], contacts.CollectionResponseAssociatedId)

    hubspot.crm.associations.v4.basic_api.archive("contacts", person.id, "companies", firms[0].id)
    page = hubspot.crm.associations.v4.basic_api.get_page("contacts", person.id, "companies")
    assert [str(link.to_object_id) for link in page.results] == [firms[1].id]


def test_describes_properties_pipelines_and_owners(hubspot):
    all_properties = hubspot.crm.properties.core_api.get_all("contacts").results
    email = next(one for one in all_properties if one.name == "email")
    assert isinstance(email, properties.ModelProperty) and email.type == "string"
    status = hubspot.crm.properties.core_api.get_by_name("contacts", "hs_lead_status")
    assert "NEW" in {option.value for option in status.options}
    pipelines = hubspot.crm.pipelines.pipelines_api.get_all("deals").results
    assert "closedwon" in {stage.id for stage in pipelines[0].stages}
    assert hubspot.crm.owners.owners_api.get_page().results is not None


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"no_such_property": "1"}, "PROPERTY_DOESNT_EXIST"),
        ({"hs_lead_status": "No Such Status"}, "INVALID_OPTION"),
    ],
)
def test_refuses_what_does_not_fit(hubspot, values, code):
    with pytest.raises(ApiException) as refused:
        hubspot.crm.contacts.basic_api.create(contact(email="bad@judge.example", **values))
    assert refused.value.status == 400
    answer = refusal(refused)
    assert answer["category"] == "VALIDATION_ERROR" and answer["errors"][0]["code"] == code


def test_refuses_an_address_twice(hubspot):
    hubspot.crm.contacts.basic_api.create(contact(email="twice@judge.example"))
    with pytest.raises(ApiException) as refused:
        hubspot.crm.contacts.basic_api.create(contact(email="TWICE@judge.example"))
    assert refused.value.status == 409 and refusal(refused)["category"] == "CONFLICT"
    assert "Existing ID: " in refusal(refused)["message"]


@pytest.mark.parametrize(("token", "status"), [("invalid", 401), ("expired", 401), ("noscope", 403)])
def test_refuses_a_token_that_is_no_good(emulate, token, status):
    with pytest.raises(ApiException) as refused:
        connect(emulate("hubspot"), token).crm.contacts.basic_api.get_page()
    assert refused.value.status == status


def test_meets_the_limit_of_searches(emulate):
    search = connect(emulate("hubspot")).crm.contacts.search_api.do_search
    with pytest.raises(ApiException) as refused:
        for _ in range(50):
            search(contacts.PublicObjectSearchRequest(limit=1))
    assert refused.value.status == 429
    assert refusal(refused)["errorType"] == "RATE_LIMIT"


def test_gets_through_with_its_own_retry(emulate):
    emulator = emulate("hubspot", "--fault", "429=0.4,seed=11")
    retry = Retry(total=12, status_forcelist=(429,), allowed_methods=None, backoff_factor=0.01)
    api = connect(emulator, retry=retry).crm.contacts.basic_api
    for number in range(20):
        api.create(contact(email=f"r{number}@judge.example"))
    assert emulator.counts()["requests"]["rate_limited"] > 0
    assert len(api.get_page(limit=100).results) == 20
