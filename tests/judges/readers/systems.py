"""Reads systems through programs that others wrote: the vendors' clients, and Python's own csv."""

import csv
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from hubspot import HubSpot
from hubspot.crm.associations import v4
from pyairtable import Api


@dataclass
class Table:
    """What a system holds of one object, as its client tells it."""

    records: dict[str, dict[str, Any]]
    """Id → field → value; a field without a value is absent."""
    types: dict[str, str] = field(default_factory=dict)
    """Field → the system's own name of its type."""
    choices: dict[str, set[str]] = field(default_factory=dict)
    """Field → its options, for those that have a fixed list."""


class LocalHubSpot:
    """The local HubSpot, through hubspot-api-client."""

    def __init__(self, url):
        self._crm = HubSpot(access_token="t", host=url).crm

    def read(self, name, links=()):
        properties = self._crm.properties.core_api.get_all(name).results
        table = Table({}, {one.name: one.type for one in properties})
        for one in properties:
            if one.type == "enumeration" and not one.external_options:
                table.choices[one.name] = {option.value for option in one.options}
        api = self._crm.owners.owners_api
        owners = {one.id: one.email for gone in (False, True) for one in api.get_page(limit=100, archived=gone).results}
        after = None
        while True:
            page = self._crm.objects.basic_api.get_page(name, limit=100, after=after, properties=list(table.types))
            for record in page.results:
                values = {key: value for key, value in record.properties.items() if value not in (None, "")}
                if "hubspot_owner_id" in values:
                    values["hubspot_owner_email"] = owners.get(values["hubspot_owner_id"])
                table.records[record.id] = values
            if page.paging is None:
                break
            after = page.paging.next.after
        for other in links:
            self._add_links(table, name, other)
        return table

    def _add_links(self, table, name, other):
        ids = list(table.records)
        for start in range(0, len(ids), 1000):
            inputs = [v4.PublicFetchAssociationsBatchRequest(id=one) for one in ids[start : start + 1000]]
            batch = v4.BatchInputPublicFetchAssociationsBatchRequest(inputs=inputs)
            for result in self._crm.associations.v4.batch_api.get_page(name, other, batch).results:
                linked = [str(link.to_object_id) for link in result.to]
                table.records[result._from.id][f"_links.{other}"] = linked

    def value(self, table, name, text):
        """A property's text as a value of its type."""
        match table.types.get(name):
            case "number":
                return float(text)
            case "bool":
                return text == "true"
            case "date":
                return date.fromisoformat(text)
            case "datetime":
                return datetime.fromisoformat(text)
            case _:
                return text


class LocalAirtable:
    """A base of the local Airtable, through pyairtable."""

    def __init__(self, url, base_id):
        self._base = Api("pat", endpoint_url=url).base(base_id)

    def read(self, name, links=()):
        handle = self._base.table(name)
        fields = handle.schema(force=True).fields
        table = Table({record["id"]: record["fields"] for record in handle.all()})
        for one in fields:
            table.types[one.name] = one.type
            if one.type in ("singleSelect", "multipleSelects"):
                table.choices[one.name] = {choice.name for choice in one.options.choices}
        return table

    def value(self, table, name, value):
        """A cell as a value of its field's type."""
        match table.types.get(name):
            case "number" | "currency":
                return float(value)
            case "date":
                return date.fromisoformat(value)
            case "dateTime":
                return datetime.fromisoformat(value)
            case "multipleSelects" | "multipleRecordLinks":
                return set(value)
            case _:
                return value


class CsvFolder:
    """A folder of CSV files, through Python's csv. A line with more or fewer cells than the first is None."""

    def __init__(self, connection, folder):
        self._folder, self._connection = folder, connection

    def read(self, name, links=()):
        path = self._folder / f"{name}.csv"
        with path.open(encoding=self._connection["encoding"], newline="") as file:
            header, *lines = list(csv.reader(file, delimiter=self._connection["separator"]))
        key = header.index(self._connection["id"][name])
        table = Table({})
        for number, line in enumerate(lines):
            if len(line) != len(header):
                table.records[f"broken line {number}"] = None
                continue
            values = {column: cell for column, cell in zip(header, line) if cell}
            id_ = line[key] if line[key] not in table.records else f"{line[key]} in record {number}"
            table.records[id_] = values
        return table
