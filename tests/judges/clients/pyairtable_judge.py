"""pyairtable: the client that most Python programs use, unchanged but for its endpoint, with its own retry and upsert."""

import pytest
import requests
from pyairtable import Api, retry_strategy
from pyairtable.formulas import AND, EQ, GTE, OR, RECORD_ID, Field, match
from pyairtable.models.schema import FieldSchema, MultipleRecordLinksFieldSchema

RECORDS = 2_500
FIELDS = [
    {"name": "Name", "type": "singleLineText"},
    {"name": "Email", "type": "email"},
    {"name": "Age", "type": "number", "options": {"precision": 0}},
    {"name": "Status", "type": "singleSelect", "options": {"choices": [{"name": "Lead"}, {"name": "Customer"}]}},
    {"name": "Ok", "type": "checkbox", "options": {"icon": "check", "color": "greenBright"}},
]


def connect(emulator, token="pat", **options):
    return Api(token, endpoint_url=emulator.url, **options)


def people(api):
    base = api.create_base("wspJudge000000001", "Judged", [{"name": "People", "fields": FIELDS}])
    return base.table("People")


@pytest.fixture(scope="module")
def api(emulate_for_module):
    return connect(emulate_for_module("airtable", "--no-limits"))


@pytest.fixture
def table(api):
    return people(api)


def refusal(error):
    return error.value.response.status_code, error.value.response.json()["error"]["type"]


def test_creates_reads_updates_and_deletes_one(table):
    made = table.create({"Name": "Ona", "Age": 7, "Ok": False})
    assert made["fields"] == {"Name": "Ona", "Age": 7}, "an empty cell is absent"
    assert table.get(made["id"]) == made
    assert table.update(made["id"], {"Age": None, "Status": "Lead"})["fields"] == {"Name": "Ona", "Status": "Lead"}
    assert table.update(made["id"], {"Name": "Ona"}, replace=True)["fields"] == {"Name": "Ona"}
    assert table.delete(made["id"]) == {"id": made["id"], "deleted": True}
    with pytest.raises(requests.HTTPError) as gone:
        table.get(made["id"])
    assert gone.value.response.status_code in (403, 404)


def test_creates_many_and_pages_through_all_of_them(table):
    made = table.batch_create({"Name": f"N{number}", "Age": number} for number in range(RECORDS))
    assert [record["fields"]["Age"] for record in made] == list(range(RECORDS)), "answers come in the order of the request"
    pages = list(table.iterate(page_size=100))
    assert [len(page) for page in pages] == [100] * 25
    read = {record["id"]: record["fields"]["Age"] for page in pages for record in page}
    assert read == {record["id"]: record["fields"]["Age"] for record in made}
    assert len(table.batch_delete(list(read))) == RECORDS and table.all() == []


def test_filters_sorts_and_picks_fields(table):
    table.batch_create({"Name": f"N{n}", "Age": n, "Ok": n % 2 == 0, "Email": f"O'{n}@judge.example"} for n in range(20))
    found = table.all(formula=AND(GTE(Field("Age"), 10), EQ(Field("Ok"), True)), sort=["-Age"], fields=["Age"])
    assert [record["fields"] for record in found] == [{"Age": n} for n in (18, 16, 14, 12, 10)]
    assert [one["fields"]["Name"] for one in table.all(formula=match({"Email": "O'3@judge.example"}))] == ["N3"]
    assert table.first(formula=match({"Name": 'no "such" name\\'})) is None
    assert len(table.all(max_records=7)) == 7


def test_asks_by_post_where_the_url_is_too_long(emulate):
    emulator = emulate("airtable", "--no-limits")
    table = people(connect(emulator))
    made = table.batch_create({"Name": f"N{number}"} for number in range(500))
    formula = OR(*[EQ(RECORD_ID(), record["id"]) for record in made])
    assert len(str(formula)) > 16_000
    assert len(table.all(formula=formula, page_size=50)) == 500
    assert any(one["method"] == "POST" and one["path"].endswith("/listRecords") for one in emulator.requests())


def test_updates_a_batch(table):
    made = table.batch_create({"Name": f"N{number}"} for number in range(25))
    changed = table.batch_update({"id": record["id"], "fields": {"Age": 1}} for record in made)
    assert [record["id"] for record in changed] == [record["id"] for record in made]
    assert {record["fields"]["Age"] for record in table.all()} == {1}


def test_upserts(table):
    first = table.batch_upsert([{"fields": {"Name": f"N{n}", "Age": n}} for n in range(25)], key_fields=["Name"])
    assert len(first["createdRecords"]) == 25 and first["updatedRecords"] == []
    again = [{"fields": {"Name": f"N{n}", "Age": -n}} for n in range(20, 30)]
    again.append({"id": first["records"][0]["id"], "fields": {"Name": "by id"}})
    second = table.batch_upsert(again, key_fields=["Name"])
    assert (len(second["createdRecords"]), len(second["updatedRecords"])) == (5, 6)
    named = {record["fields"]["Name"]: record["fields"].get("Age") for record in table.all()}
    assert len(named) == 30 and named["N24"] == -24 and "by id" in named
    table.batch_create([{"Name": "same"}, {"Name": "same"}])
    with pytest.raises(requests.HTTPError) as refused:
        table.batch_upsert([{"fields": {"Name": "same"}}], key_fields=["Name"])
    assert refused.value.response.status_code == 422


def test_links_tables_both_ways(api, table):
    firms = table.base.create_table("Firms", [{"name": "Firm", "type": "singleLineText"}])
    field = table.create_field("Firm", "multipleRecordLinks", options={"linkedTableId": firms.id})
    assert isinstance(field, MultipleRecordLinksFieldSchema)
    firm = firms.create({"Firm": "Ärzte & Söhne"})
    person = table.create({"Name": "Ona", "Firm": [firm["id"]]})
    inverse = firms.schema(force=True).field(field.options.inverse_link_field_id)
    assert firms.get(firm["id"])["fields"][inverse.name] == [person["id"]]
    assert table.update(person["id"], {"Firm": []})["fields"] == {"Name": "Ona"}
    assert inverse.name not in firms.get(firm["id"])["fields"]


def test_describes_bases_and_tables(api, table):
    assert table.base.id in {base.id for base in api.bases(force=True)}
    schema = table.schema(force=True)
    assert [field.type for field in schema.fields] == [field["type"] for field in FIELDS]
    assert all(isinstance(field, FieldSchema) for field in schema.fields)
    assert schema.primary_field_id == schema.field("Name").id
    assert api.whoami()["id"].startswith("usr")
    by_id = table.create({"Name": "keyed by field id"}, use_field_ids=True)
    assert list(by_id["fields"]) == [schema.field("Name").id]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"No such field": 1}, "UNKNOWN_FIELD_NAME"),
        ({"Age": "seven"}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Status": "No such choice"}, "INVALID_MULTIPLE_CHOICE_OPTIONS"),
    ],
)
def test_refuses_what_does_not_fit_and_stores_none_of_its_batch(table, fields, reason):
    with pytest.raises(requests.HTTPError) as refused:
        table.batch_create([{"Name": "good"}, fields])
    assert refusal(refused) == (422, reason)
    assert table.all() == []


def test_makes_choices_where_it_may(table):
    made = table.create({"Age": "12", "Status": "Fresh"}, typecast=True)
    assert made["fields"] == {"Age": 12, "Status": "Fresh"}
    assert "Fresh" in {choice.name for choice in table.schema(force=True).field("Status").options.choices}


@pytest.mark.parametrize(("token", "status"), [("invalid", 401), ("expired", 401), ("noscope", 403)])
def test_refuses_a_token_that_is_no_good(emulate, token, status):
    with pytest.raises(requests.HTTPError) as refused:
        connect(emulate("airtable"), token).table("appJudge000000001", "People").all()
    assert refused.value.response.status_code == status


def test_gives_up_on_the_limit_as_it_does_at_the_vendor(emulate):
    """Six tries in three seconds fall short of the vendor's 30 seconds."""
    emulator = emulate("airtable")
    table = people(connect(emulator))
    with pytest.raises(requests.exceptions.RetryError):
        for number in range(10):
            table.create({"Name": str(number)})
    assert emulator.counts()["requests"]["rate_limited"] == 6


def test_meets_the_limit_without_its_retry(emulate):
    table = people(connect(emulate("airtable"), retry_strategy=None))
    with pytest.raises(requests.HTTPError) as refused:
        for number in range(10):
            table.create({"Name": str(number)})
    assert refused.value.response.status_code == 429


def test_waits_out_the_limit_with_its_own_retry(emulate):
    """The vendor's 30 seconds take two here. What was refused had no effect and is sent again."""
    # No faster: a client on a busy machine must still be able to pass five requests a second.
    emulator = emulate("airtable", "--clock-speed", "15")
    table = people(connect(emulator))
    made = table.batch_create({"Name": str(number)} for number in range(200))
    assert len(table.all()) == len(made) == 200
    assert emulator.counts()["requests"]["rate_limited"] > 0


def test_repeats_upserts_through_faults(emulate):
    emulator = emulate("airtable", "--no-limits", "--fault", "429=0.2,503=0.2,seed=5")
    retry = retry_strategy(total=30, status_forcelist=(429, 503), backoff_factor=0.01)
    table = people(connect(emulator, retry_strategy=retry))
    for _ in range(2):
        table.batch_upsert([{"fields": {"Name": f"N{number}"}} for number in range(100)], key_fields=["Name"])
    assert len(table.all()) == 100
    assert emulator.counts()["requests"]["rate_limited"] > 0
