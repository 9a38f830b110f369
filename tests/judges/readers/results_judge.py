"""Runs pipelines on local CRMs, then reads source and destination with other programs and compares them with what the YAML says."""

import json
import os
import re
import subprocess

import pytest
import yaml
from conftest import FERRY, ROOT

from readers.expectation import BLANK, Rejected, mapped, same, transform
from readers.systems import CsvFolder, LocalAirtable, LocalHubSpot

BASE = "appFerryDemo00001"
# The clocks run faster than the machine's, on both sides alike.
SPEED = ["--clock-speed", "50"]


class Yaml(yaml.SafeLoader):
    """Reads YAML 1.2, where `no` is a text."""

    yaml_implicit_resolvers = {
        letter: [(tag, shape) for tag, shape in resolvers if tag != "tag:yaml.org,2002:bool"]
        for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Yaml.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), "tf")


@pytest.mark.parametrize("name", ["hubspot-to-airtable", "airtable-to-hubspot", "csv-to-hubspot"])
def test_every_record_is_where_the_pipeline_says(name, emulate, tmp_path):
    pipeline = yaml.load((ROOT / "pipelines" / f"{name}.yaml").read_text(), Yaml)
    systems = connect(pipeline, emulate)
    before = {key: read(pipeline, systems, key) for key in objects(pipeline)}
    ledgers = run(pipeline, tmp_path)
    after = {key: read(pipeline, systems, key) for key in objects(pipeline)}

    problems, ids, compared = [], {}, 0
    for stream in pipeline["streams"]:
        judged = Judged(stream, systems, before, after, ids)
        judged.judge()
        problems += judged.problems
        problems += judged.check_ledger(next(one for one in ledgers if one["name"] == stream["name"]))
        compared += judged.compared
    assert not problems, "\n".join(problems)
    assert compared > 1_000, "fields were compared"


def connect(pipeline, emulate):
    """Starts the local CRMs of a pipeline's connections, and points the connections at them."""
    systems = {}
    for name, connection in pipeline["connections"].items():
        if connection["type"] == "csv":
            folder = (ROOT / "pipelines" / connection["path"]).resolve()
            connection["path"] = str(folder)
            systems[name] = CsvFolder(connection, folder)
            continue
        url = emulate(connection["type"], "--fixtures", str(ROOT / "fixtures"), *SPEED).url
        connection |= {"base_url": url, "token": "t"}
        if connection["type"] == "airtable":
            connection["base_id"] = BASE
        systems[name] = LocalHubSpot(url) if connection["type"] == "hubspot" else LocalAirtable(url, BASE)
    return systems


def objects(pipeline):
    """Connection and object of everything that a pipeline reads or writes."""
    found = {(stream["source"]["connection"], stream["source"]["object"]) for stream in pipeline["streams"]}
    for stream in pipeline["streams"]:
        found |= {(one["connection"], one["object"]) for one in stream["destinations"]}
    return found


def read(pipeline, systems, key):
    connection, name = key
    links = []
    if isinstance(systems[connection], LocalHubSpot):
        links = [other for owner, other in sorted(objects(pipeline)) if owner == connection and other != name]
    return systems[connection].read(name, links)


def run(pipeline, folder):
    file = folder / "pipeline.yaml"
    file.write_text(yaml.safe_dump(pipeline, allow_unicode=True))
    command = [FERRY, "run", str(file), "--json", "--quiet", "--state", str(folder / "state.db"), *SPEED]
    environment = {**os.environ, "FERRY_STATE_KEY": "0123456789abcdef" * 4}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, timeout=300)
    assert ended.returncode in (0, 4), ended.stderr
    return json.loads(ended.stdout)["streams"]


def listed(ids):
    return ids if isinstance(ids, list | set) else [ids] if ids else []


class Judged:
    """One stream: what should have arrived, against what did."""

    def __init__(self, stream, systems, before, after, ids):
        self.stream, self.ids = stream, ids
        (self.destination,) = stream["destinations"]
        source, place = stream["source"], (self.destination["connection"], self.destination["object"])
        self.source = before[source["connection"], source["object"]]
        self.system = systems[place[0]]
        self.before, self.after = before[place], after[place]
        self.reader = systems[source["connection"]]
        self.problems, self.compared = [], 0
        self.tally = dict.fromkeys(["duplicate", "rejected", "written"], 0)

    def problem(self, id_, text):
        self.problems.append(f"{self.stream['name']} {id_}: {text}")

    def judge(self):
        (key,) = self.destination["key"]
        was, now = self.by_key(self.before, key), self.by_key(self.after, key)
        left, rejected, self.tally["duplicate"] = transform(self.stream, self.typed_source())
        self.ids[self.stream["name"]] = ids = {}
        wanted, links = {}, {}
        for id_, record in left.items():
            try:
                values = self.values(record, was, key)
            except Rejected:
                rejected.add(id_)
                continue
            if (mark := values[key]) in wanted:
                self.tally["duplicate"] += 1
                continue
            wanted[mark] = values
            if mark in now:
                ids[id_] = now[mark]
            else:
                self.problem(id_, f"{mark} did not arrive")
                continue
            links[mark] = {
                field: {self.ids[mapping["link"]].get(one) for one in listed(record.get(mapping["from"]))} - {None}
                for field, mapping in self.links()
            }
        for mark, values in wanted.items():
            if mark in now:
                self.compare(mark, was.get(mark), now[mark], values | links[mark])
        for mark, id_ in now.items():
            if mark not in wanted and mark not in was:
                self.problem(id_, f"{mark} arrived and should not have")
            elif mark not in wanted and self.after.records[id_] != self.before.records[id_]:
                self.problem(id_, f"{mark} was changed and should not have been")
        self.tally["rejected"] = len(rejected)
        self.tally["written"] = len(wanted)

    def typed_source(self):
        """The source's records with values of their types; its texts alone where it has no types."""
        if not self.source.types:
            return self.source.records
        return {
            id_: {
                name: value if name.startswith("_links") else self.reader.value(self.source, name, value)
                for name, value in record.items()
                if value is not None
            }
            for id_, record in self.source.records.items()
        }

    def by_key(self, table, key):
        found = {}
        for id_, record in table.records.items():
            if (mark := record.get(key)) is not None:
                assert mark not in found, f"{mark} is there twice"
                found[mark] = id_
        return found

    def links(self):
        return [(field, one) for field, one in self.destination["mappings"].items() if isinstance(one, dict) and "link" in one]

    def values(self, record, was, key):
        """What should be written of a record; raises where it must not arrive."""
        links = {field for field, _ in self.links()}
        values = {
            field: self.fitted(field, mapped(mapping, record))
            for field, mapping in self.destination["mappings"].items()
            if field not in links
        }
        known = self.before.records.get(was.get(values[key]), {})
        for field, mapping in self.destination["mappings"].items():
            when = mapping.get("when") if isinstance(mapping, dict) else None
            if known and (when == "on_create" or (when == "if_blank" and known.get(field) not in BLANK)):
                del values[field]
        return values

    def fitted(self, field, value):
        """The value as the destination's field takes it."""
        choices = self.after.choices.get(field)
        if value in BLANK or choices is None:
            return value
        if self.after.types[field] == "multipleSelects" or (isinstance(value, str) and ";" in value):
            value = set(value.split(";")) if isinstance(value, str) else set(value)
        if not (value if isinstance(value, set) else {value}) <= choices:
            raise Rejected(f"{field} has no choice {value}")
        return value

    def compare(self, mark, before, id_, values):
        record = self.after.records[id_]
        for field, expected in values.items():
            found = record.get(field)
            if field.startswith("_links."):
                kept = set((self.before.records.get(before) or {}).get(field, []))
                found = set(found or [])
                if found != expected | kept:
                    self.problem(mark, f"{field}: {found} instead of {expected} and {kept}")
                self.compared += 1
                continue
            if found not in BLANK:
                found = self.system.value(self.after, field, found)
            if expected in BLANK:
                kept = (self.before.records.get(before) or {}).get(field)
                expected = None if kept in BLANK else self.system.value(self.after, field, kept)
            self.compared += 1
            if not same(expected, None if found in BLANK else found):
                self.problem(mark, f"{field}: {found!r} instead of {expected!r}")

    def check_ledger(self, ledger):
        (told,) = ledger["destinations"]
        told = {
            "rejected": told["rejected"],
            "written": told["created"] + told["updated"] + told["unchanged"],
            "duplicate": told["duplicate"],
        }
        seen = dict(self.tally)
        return [f"{self.stream['name']}: the ledger says {told}, the judge {seen}"] if told != seen else []
