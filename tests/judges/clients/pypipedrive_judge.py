"""pypipedrive: a client with models of versions 1 and 2, unchanged; an adapter sends what is meant for the vendor's host to the local one."""

import sys

import pytest
import requests

if sys.version_info < (3, 12):
    pytest.skip("NOT JUDGED: pypipedrive is written for Python 3.12", allow_module_level=True)

from pypipedrive.api import exceptions
from pypipedrive.models import Deals, Leads, Organizations, Persons, Pipelines, Stages

HOST = "https://api.pipedrive.com"
RECORDS = 1_100


class ToHost(requests.adapters.HTTPAdapter):
    """Sends what is meant for the vendor's host elsewhere."""

    def __init__(self, url):
        super().__init__()
        self._url = url

    def send(self, request, *args, **kwargs):
        request.url = request.url.replace(HOST, self._url, 1)
        return super().send(request, *args, **kwargs)


@pytest.fixture(scope="module", autouse=True)
def api(emulate_for_module):
    emulator = emulate_for_module("pipedrive", "--no-limits")
    patch = pytest.MonkeyPatch()
    patch.setenv("PIPEDRIVE_API_TOKEN", "token")
    mounted = requests.Session.__init__

    def mount(session):
        mounted(session)
        session.mount(HOST, ToHost(emulator.url))

    patch.setattr(requests.Session, "__init__", mount)
    yield
    patch.undo()


def test_creates_reads_updates_and_deletes():
    # Its models of persons and deals take the answer's custom fields for a list, so it makes neither.
    org = Organizations(name="Acme")
    assert org.save().created
    read = Organizations.get(id=org.id)
    assert (read.name, read.visible_to, read.is_deleted) == ("Acme", 3, False)
    read.name = "Acme Inc"
    assert read.save().updated
    assert Organizations.get(id=org.id).name == "Acme Inc"
    assert read.delete()
    assert Organizations.get(id=org.id).is_deleted is True


def test_pages_through_all():
    for number in range(RECORDS):
        Organizations(name=f"Page {number}").save()
    found = [one.name for one in Organizations.all(params={"limit": 500}) if one.name.startswith("Page ")]
    assert sorted(found) == sorted(f"Page {number}" for number in range(RECORDS))


def test_has_pipelines_stages_and_leads():
    assert [one.name for one in Pipelines.all()] == ["Pipeline"]
    assert [one.order_nr for one in Stages.all()] == [1, 2, 3, 4, 5]
    org = Organizations(name="With lead")
    org.save()
    lead = Leads(title="Hot", organization_id=org.id)
    assert lead.save().created
    assert Leads.get(id=lead.id).organization_id == org.id


def test_tells_errors_apart():
    with pytest.raises(exceptions.NotFoundException):
        Persons.get(id=999_999)
    with pytest.raises(exceptions.BadRequestException):
        Deals(title="x").save(additional_params={"nonsense": 1})
    with pytest.raises(exceptions.BadRequestException):
        Organizations(name="x" * 256).save()
