"""google-api-python-client: Google's own client, with its bundled discovery document and its own log-in, unchanged but for the endpoint."""

import pytest
from clients.google_login import ADDRESS, key_file, person
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials as Person
from google.oauth2.service_account import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

BOOK = "1JudgedByGoogle"
SCOPES = ["https://www.googleapis.com/auth/spreadsheets", "https://www.googleapis.com/auth/drive.readonly"]


def service(emulator, name, version, credentials):
    root = emulator.url if name == "sheets" else f"{emulator.url}/drive/v3/"
    return build(name, version, credentials=credentials, client_options={"api_endpoint": root}, cache_discovery=False)


@pytest.fixture(scope="module")
def emulator(emulate_for_module):
    return emulate_for_module("google_sheets", "--no-limits")


@pytest.fixture(scope="module")
def credentials(emulator):
    return Credentials.from_service_account_info(key_file(emulator), scopes=SCOPES)


@pytest.fixture(scope="module")
def sheets(emulator, credentials):
    return service(emulator, "sheets", "v4", credentials).spreadsheets()


def refusal(error):
    return error.value.resp.status, error.value.error_details or error.value.reason


def change(sheets, *requests):
    return sheets.batchUpdate(spreadsheetId=BOOK, body={"requests": list(requests)}).execute()["replies"]


def test_logs_in_by_a_signed_assertion_and_by_a_refresh_token(emulator):
    account = Credentials.from_service_account_info(key_file(emulator), scopes=SCOPES)
    assert service(emulator, "sheets", "v4", account).spreadsheets().get(spreadsheetId=BOOK).execute()["spreadsheetId"] == BOOK
    assert account.valid and account.expiry is not None
    forged = Credentials.from_service_account_info(key_file(emulator, register=False), scopes=SCOPES)
    with pytest.raises(RefreshError, match="Invalid JWT Signature"):
        service(emulator, "sheets", "v4", forged).spreadsheets().get(spreadsheetId=BOOK).execute()
    renewed = Person(None, refresh_token="1//r", client_id="app", client_secret="s", token_uri=f"{emulator.url}/token")
    assert service(emulator, "sheets", "v4", renewed).spreadsheets().get(spreadsheetId=BOOK).execute()["spreadsheetId"] == BOOK
    dead = Person(None, refresh_token="expired", client_id="app", client_secret="s", token_uri=f"{emulator.url}/token")
    with pytest.raises(RefreshError, match="invalid_grant"):
        service(emulator, "sheets", "v4", dead).spreadsheets().get(spreadsheetId=BOOK).execute()


def test_reads_and_writes_values(sheets):
    values = sheets.values()
    rows = [["Name", "Age", "Since"], ["Ona", 7, 43831], ["Ugo", None, "=1+1"]]
    told = values.update(spreadsheetId=BOOK, range="'Sheet1'!A1:C3", valueInputOption="RAW", body={"values": rows}).execute()
    assert (told["updatedRange"], told["updatedCells"]) == ("Sheet1!A1:C3", 8)
    read = values.get(spreadsheetId=BOOK, range="Sheet1", valueRenderOption="UNFORMATTED_VALUE").execute()
    assert read == {"range": "Sheet1!A1:Z1000", "majorDimension": "ROWS", "values": [*rows[:2], ["Ugo", "", "=1+1"]]}
    many = values.batchGet(spreadsheetId=BOOK, ranges=["A1:A", "B2"], majorDimension="COLUMNS").execute()
    assert [one["values"] for one in many["valueRanges"]] == [[["Name", "Ona", "Ugo"]], [["7"]]]
    # So many ranges that the client asks by POST.
    long = values.batchGet(spreadsheetId=BOOK, ranges=[f"'Sheet1'!A{row}:A{row}" for row in range(1, 200)]).execute()
    assert len(long["valueRanges"]) == 199 and long["valueRanges"][1]["values"] == [["Ona"]]
    added = values.append(
        spreadsheetId=BOOK, range="Sheet1!A1:C1", valueInputOption="RAW", insertDataOption="INSERT_ROWS", body={"values": [["Eda", 5]]}
    ).execute()
    assert (added["tableRange"], added["updates"]["updatedRange"]) == ("Sheet1!A1:C3", "Sheet1!A4:B4")
    assert values.clear(spreadsheetId=BOOK, range="A4:C4").execute()["clearedRange"] == "Sheet1!A4:C4"


def test_shows_only_what_the_mask_names(sheets):
    fields = "spreadsheetId,properties(title,locale,timeZone),sheets.properties(sheetId,title,index,sheetType,gridProperties(rowCount,columnCount))"
    shown = sheets.get(spreadsheetId="1ShownByGoogle", fields=fields).execute()
    assert shown["sheets"][0]["properties"] == {
        "sheetId": 0, "title": "Sheet1", "index": 0, "sheetType": "GRID", "gridProperties": {"rowCount": 1000, "columnCount": 26},
    }  # fmt: skip
    assert set(shown["properties"]) == {"title", "locale", "timeZone"}
    with pytest.raises(HttpError) as refused:
        sheets.get(spreadsheetId=BOOK, fields="sheets.nothing").execute()
    assert refused.value.resp.status == 400


def test_changes_the_structure_all_or_nothing(sheets):
    [made, *_] = change(
        sheets,
        {"addSheet": {"properties": {"title": "Deals", "gridProperties": {"rowCount": 20, "columnCount": 5}}}},
        {"findReplace": {"find": "Ona", "replacement": "Ida", "allSheets": True}},
    )
    sheet = made["addSheet"]["properties"]["sheetId"]
    grid = {"sheetId": sheet, "startRowIndex": 0, "endRowIndex": 2, "startColumnIndex": 0, "endColumnIndex": 2}
    text = {"userEnteredFormat": {"numberFormat": {"type": "TEXT", "pattern": "@"}}}
    cells = [{"values": [{"userEnteredValue": {"formulaValue": "=1+2"}}, {"userEnteredValue": {"boolValue": True}}]}]
    metadata = {"metadataKey": "key", "metadataValue": "7", "visibility": "DOCUMENT",
                "location": {"dimensionRange": {"sheetId": sheet, "dimension": "ROWS", "startIndex": 0, "endIndex": 1}}}  # fmt: skip
    replies = change(
        sheets,
        {"repeatCell": {"range": grid, "cell": text, "fields": "userEnteredFormat.numberFormat"}},
        {"appendCells": {"sheetId": sheet, "rows": cells, "fields": "userEnteredValue"}},
        {"insertDimension": {"range": {"sheetId": sheet, "dimension": "ROWS", "startIndex": 0, "endIndex": 1}}},
        {"createDeveloperMetadata": {"developerMetadata": metadata}},
        {"appendDimension": {"sheetId": sheet, "dimension": "COLUMNS", "length": 1}},
    )
    assert [sorted(reply) for reply in replies] == [[], [], [], ["createDeveloperMetadata"], []]
    assert sheets.values().get(spreadsheetId=BOOK, range="Deals!A2:B2").execute()["values"] == [["3", "TRUE"]]
    found = sheets.values().batchGetByDataFilter(
        spreadsheetId=BOOK, body={"dataFilters": [{"developerMetadataLookup": {"metadataKey": "key", "metadataValue": "7"}}]}
    ).execute()
    assert found["valueRanges"][0]["valueRange"]["range"] == "Deals!A1:F1"
    with pytest.raises(HttpError) as refused:
        change(sheets, {"deleteSheet": {"sheetId": sheet}}, {"deleteSheet": {"sheetId": 99}})
    assert refused.value.reason == "Invalid requests[1].deleteSheet: No grid with id: 99"
    assert change(sheets, {"deleteSheet": {"sheetId": sheet}}) == [{}]


def test_tells_by_the_version_of_the_file_whether_anything_changed(emulator, credentials, sheets):
    files = service(emulator, "drive", "v3", credentials).files()
    version = lambda: int(files.get(fileId=BOOK, fields="version,modifiedTime").execute()["version"])  # noqa: E731
    before = version()
    sheets.get(spreadsheetId=BOOK).execute()
    assert version() == before
    sheets.values().update(spreadsheetId=BOOK, range="H1", valueInputOption="RAW", body={"values": [["x"]]}).execute()
    assert version() > before


def test_meets_what_google_refuses(emulator, sheets):
    for book, status in (("notShared1", 403), ("missing1", 404)):
        with pytest.raises(HttpError) as refused:
            sheets.values().get(spreadsheetId=book, range="A1").execute()
        assert refused.value.resp.status == status
    with pytest.raises(HttpError) as unknown:
        sheets.values().update(spreadsheetId=BOOK, range="A1", valueInputOption="RAW", body={"value": []}).execute()
    assert "Unknown name" in unknown.value.reason
    person(emulator, {"spreadsheet": BOOK, "action": "share", "with": ADDRESS, "role": "reader"})
    with pytest.raises(HttpError, match="The caller does not have permission"):
        sheets.values().clear(spreadsheetId=BOOK, range="A1").execute()
    person(emulator, {"spreadsheet": BOOK, "action": "share", "with": ADDRESS, "role": "writer"})


def test_is_told_of_the_minute_that_is_full(emulate):
    emulator = emulate("google_sheets")
    sheets = service(emulator, "sheets", "v4", Credentials.from_service_account_info(key_file(emulator), scopes=SCOPES)).spreadsheets()
    with pytest.raises(HttpError) as many:
        for _ in range(61):
            sheets.get(spreadsheetId=BOOK, fields="spreadsheetId").execute()
    assert many.value.resp.status == 429
    assert many.value.error_details[0]["metadata"]["quota_limit"] == "ReadRequestsPerMinutePerUser"
