"""Exchanges recorded with the real Sheets API (gspread's own tests), sent again to the local one: same status, keys and types.

The recordings are single exchanges out of longer stories. What each story had done before is set up here; ids and texts may differ.
"""

import json

import pytest
import requests
from conftest import ROOT

RECORDED = ROOT.parent / "shared" / "vendors" / "openapi" / "google-sheets" / "recorded-exchanges.json"
TOKEN = {"Authorization": "Bearer ya29.judge"}

pytestmark = pytest.mark.skipif(not RECORDED.is_file(), reason="the recordings are not beside the clone, in ../shared/vendors")

EXCHANGES = json.loads(RECORDED.read_text()) if RECORDED.is_file() else []


def shape(value):
    """Keys and types; the lists of lists that cells are count as they are."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in sorted(value.items())}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


class Story:
    """One spreadsheet of a recording."""

    def __init__(self, emulator, exchanges):
        self.url = emulator.url
        self.id = exchanges[0]["path"].split("/")[3].split("?")[0].split(":")[0]
        self.base = f"{self.url}/v4/spreadsheets/{self.id}"

    def ask(self, method, path, body=None):
        return requests.request(method, self.url + path, json=body, headers=TOKEN)

    def put(self, cell, rows):
        answer = requests.put(f"{self.base}/values/{cell}?valueInputOption=RAW", json={"values": rows}, headers=TOKEN)
        assert answer.status_code == 200, answer.text

    def change(self, *changes):
        answer = requests.post(f"{self.base}:batchUpdate", json={"requests": changes}, headers=TOKEN)
        assert answer.status_code == 200, answer.text


def named_range(story, name_id):
    where = {"sheetId": 0, "startRowIndex": 0, "endRowIndex": 2, "startColumnIndex": 0, "endColumnIndex": 2}
    story.change({"addNamedRange": {"namedRange": {"namedRangeId": name_id, "name": "TestName", "range": where}}})


def fruits(story):
    title = "🌵 test_values_batch_get 1"
    story.change({"updateSheetProperties": {"properties": {"sheetId": 0, "title": title}, "fields": "title"}})
    story.change({"updateSheetProperties": {"properties": {"gridProperties": {"rowCount": 10}}, "fields": "gridProperties.rowCount"}})
    story.put(f"'{title}'!A1", [["🍇", "🍉", "🍋"], ["🍐", "🍎", "🍓"]])


def numbered(story, name, columns=4):
    story.put("A1", [[f"{name} {row * columns + column + 1}" for column in range(columns)] for row in range(6)])


# What a story had done before its recorded exchanges.
BEFORE = {
    "CellTest.test_delete_named_range": lambda story: named_range(story, "1792097461"),
    "CellTest.test_update_named_range": lambda story: named_range(story, "1450817762"),
    "SpreadsheetTest.test_values_batch_get": fruits,
    "WorksheetTest.test_delete_cols": lambda story: numbered(story, "test_delete_cols"),
    "WorksheetTest.test_insert_cols": lambda story: numbered(story, "test_insert_cols"),
    "WorksheetTest.test_sort": lambda story: story.put("A1", [[f"t{9 - n}", n, n % 3] for n in range(6)]),
}
# The exchange that was refused because the caller could not see the spreadsheet.
PRIVATE = "ClientTest.test_access_private_spreadsheet"


def stories():
    told = {}
    for exchange in EXCHANGES:
        spreadsheet = exchange["path"].split("/")[3].split("?")[0].split(":")[0]
        told.setdefault((exchange["cassette"], spreadsheet), []).append(exchange)
    return [pytest.param(cassette, exchanges, id=f"{cassette}-{spreadsheet}") for (cassette, spreadsheet), exchanges in told.items()]


@pytest.fixture(scope="module")
def emulator(emulate_for_module):
    return emulate_for_module("google_sheets", "--no-limits")


@pytest.mark.parametrize(("cassette", "exchanges"), stories())
def test_answers_as_the_real_api_did(emulator, cassette, exchanges):
    story = Story(emulator, exchanges)
    BEFORE.get(cassette, lambda story: None)(story)
    for exchange in exchanges:
        path = exchange["path"]
        if cassette == PRIVATE:
            path = path.replace(story.id, "notShared")
        answer = story.ask(exchange["method"], path, exchange["request_body"])
        assert answer.status_code == exchange["status"], (path, answer.text)
        told, recorded = answer.json(), exchange["response_body"]
        if "error" in recorded:
            assert told == recorded
        elif cassette == "CellTest.test_a1_value" and "range" in recorded:
            assert told == recorded
        else:
            assert shape(told) == shape(recorded), path


def test_no_recording_is_passed_over():
    assert sum(len(story.values[1]) for story in stories()) == len(EXCHANGES) == 51
