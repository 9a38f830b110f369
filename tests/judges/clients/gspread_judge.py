"""gspread: the client that most Python programs use, unchanged but for the hosts, which an adapter of its own session points here."""

import gspread
import pytest
import requests
from clients.google_login import ADDRESS, key_file, person
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.service_account import Credentials

BOOK = "1JudgedByGspread"
HOSTS = ("https://sheets.googleapis.com", "https://www.googleapis.com")


class Here(requests.adapters.HTTPAdapter):
    """Sends what is meant for Google to the local one."""

    def __init__(self, url):
        super().__init__()
        self._url = url

    def send(self, request, **options):
        for host in HOSTS:
            request.url = request.url.replace(host, self._url, 1)
        return super().send(request, **options)


def connect(emulator, credentials=None):
    if credentials is None:
        scopes = ["https://www.googleapis.com/auth/spreadsheets", "https://www.googleapis.com/auth/drive"]
        credentials = Credentials.from_service_account_info(key_file(emulator), scopes=scopes)
    session = AuthorizedSession(credentials)
    for host in HOSTS:
        session.mount(host, Here(emulator.url))
    return gspread.Client(auth=credentials, session=session)


@pytest.fixture(scope="module")
def emulator(emulate_for_module):
    return emulate_for_module("google_sheets", "--no-limits")


@pytest.fixture(scope="module")
def client(emulator):
    return connect(emulator)


@pytest.fixture
def sheet(client, request):
    book = client.open_by_key(BOOK)
    sheet = book.add_worksheet(request.node.name[:90], rows=100, cols=10)
    yield sheet
    book.del_worksheet(sheet)


def test_reads_and_writes_cells_and_records(sheet):
    sheet.update([["Name", "Email", "Age"], ["Ona", "o@judge.example", 7], ["Ugo", "", 30]], "A1")
    assert sheet.acell("B2").value == "o@judge.example"
    assert sheet.row_values(3) == ["Ugo", "", "30"]
    assert sheet.col_values(1) == ["Name", "Ona", "Ugo"]
    assert sheet.get_all_records() == [
        {"Name": "Ona", "Email": "o@judge.example", "Age": 7},
        {"Name": "Ugo", "Email": "", "Age": 30},
    ]
    assert sheet.find("Ugo").address == "A3"
    assert [cell.value for cell in sheet.findall("Ona")] == ["Ona"]
    cells = sheet.range("A2:A3")
    for cell in cells:
        cell.value = cell.value.upper()
    sheet.update_cells(cells)
    assert sheet.col_values(1) == ["Name", "ONA", "UGO"]
    sheet.batch_clear(["A2:B2"])
    assert sheet.get_all_values() == [["Name", "Email", "Age"], ["", "", "7"], ["UGO", "", "30"]]


def test_a_record_stays_a_text_unless_it_is_typed(sheet):
    sheet.append_rows([["=1+1", "007", "+49 30"]])
    assert sheet.get_all_values() == [["=1+1", "007", "+49 30"]]
    sheet.append_row(["=1+1", "007", "50%"], value_input_option="USER_ENTERED")
    assert sheet.row_values(2) == ["2", "7", "50%"]
    assert sheet.acell("A2", value_render_option="FORMULA").value == "=1+1"
    assert sheet.get("A2:C2", value_render_option="UNFORMATTED_VALUE") == [[2, 7, 0.5]]


def test_appends_below_the_table_and_inserts_and_deletes_rows(sheet):
    sheet.append_rows([["Name"], ["Ona"], ["Ugo"]])
    answer = sheet.append_rows([["Eda"]], table_range="A1:A1", insert_data_option="INSERT_ROWS")
    assert answer["updates"]["updatedRange"].endswith("!A4")
    sheet.insert_row(["Ida"], index=2)
    sheet.delete_rows(3)
    assert sheet.col_values(1) == ["Name", "Ida", "Ugo", "Eda"]
    sheet.insert_cols([["x"]])
    assert sheet.row_values(2) == ["", "Ida"]
    sheet.delete_columns(1)
    sheet.sort((1, "asc"), range="A2:A4")
    assert sheet.col_values(1) == ["Name", "Eda", "Ida", "Ugo"]
    before = sheet.row_count
    sheet.add_rows(5)
    assert sheet.row_count == before + 5
    sheet.resize(rows=50, cols=4)
    assert (sheet.row_count, sheet.col_count) == (50, 4)


def test_formats_notes_merges_freezes_and_protects(client, sheet):
    sheet.update([[43831, "title", ""]], "A1")
    sheet.format("A1", {"numberFormat": {"type": "DATE", "pattern": "yyyy-mm-dd"}, "textFormat": {"bold": True}})
    assert sheet.acell("A1").value == "2020-01-01"
    sheet.insert_note("B1", "look")
    assert sheet.get_note("B1") == "look"
    sheet.merge_cells("B1:C1")
    sheet.freeze(rows=1)
    assert sheet.frozen_row_count == 1
    sheet.hide_columns(0, 1)
    sheet.set_basic_filter("A1:C9")
    sheet.columns_auto_resize(0, 2)
    sheet.add_protected_range("A1:B1", editor_users_emails=[ADDRESS])
    [protected] = client.open_by_key(BOOK).list_protected_ranges(sheet.id)
    assert ADDRESS in protected["editors"]["users"]
    sheet.delete_protected_range(protected["protectedRangeId"])
    sheet.define_named_range("A1:B2", "judged")
    assert client.open_by_key(BOOK).values_get("judged")["values"] == [["2020-01-01", "title"]]
    [named] = [one for one in client.open_by_key(BOOK).list_named_ranges() if one["name"] == "judged"]
    sheet.delete_named_range(named["namedRangeId"])


def test_works_on_many_ranges_and_on_tabs(client, sheet):
    book = client.open_by_key(BOOK)
    sheet.batch_update([{"range": "A1:B1", "values": [["a", "b"]]}, {"range": "A3", "values": [["c"]]}])
    assert sheet.batch_get(["A1:B1", "A3"]) == [[["a", "b"]], [["c"]]]
    copy = sheet.duplicate(new_sheet_name="It's a copy!")
    assert copy.get_all_values() == [["a", "b"], ["", ""], ["c", ""]]
    copy.update_title("Renamed 🌵")
    assert "Renamed 🌵" in [one.title for one in book.worksheets()]
    book.del_worksheet(copy)
    with pytest.raises(gspread.WorksheetNotFound):
        book.worksheet("Renamed 🌵")
    before = book.get_lastUpdateTime()
    sheet.update([["changed"]], "A1")
    assert client.open_by_key(BOOK).get_lastUpdateTime() > before


def test_finds_a_file_by_its_title_and_owns_none(emulator, client):
    book = client.open_by_key(BOOK)
    book.update_title("Judged: Ona's sheet")
    assert client.open("Judged: Ona's sheet").id == BOOK
    with pytest.raises(gspread.exceptions.APIError) as full:
        client.create("mine")
    assert full.value.response.status_code == 403
    me = connect(emulator, credentials=Token("person@judge.example"))
    made = me.create("mine")
    made.share(ADDRESS, perm_type="user", role="reader", notify=False)
    assert connect(emulator).open_by_key(made.id).sheet1.get_all_values() == [[]]
    me.del_spreadsheet(made.id)


class Token:
    """Credentials of a person who has an access token already."""

    def __init__(self, token):
        self.token = token

    def before_request(self, request, method, url, headers):
        headers["Authorization"] = f"Bearer {self.token}"

    def refresh(self, request):
        """There is no other token."""


@pytest.mark.parametrize(
    ("book", "token", "status", "kind"),
    [
        ("notShared1", "good", 403, PermissionError),
        ("missing1", "good", 404, gspread.SpreadsheetNotFound),
        (BOOK, "noapi", 403, PermissionError),
        (BOOK, "expired", 401, gspread.exceptions.APIError),
    ],
)
def test_meets_what_google_refuses(emulator, book, token, status, kind):
    with pytest.raises(kind):
        connect(emulator, Token(token)).open_by_key(book)


def test_a_range_that_is_none_is_refused(sheet):
    with pytest.raises(gspread.exceptions.APIError, match="Unable to parse range"):
        sheet.spreadsheet.values_get("Nobody!A1")
    with pytest.raises(gspread.exceptions.APIError, match="exceeds grid limits"):
        sheet.update([["x"]], "A101")


def test_waits_for_the_minute_only_when_told_to(emulate):
    emulator = emulate("google_sheets")
    book = connect(emulator).open_by_key(BOOK)
    with pytest.raises(gspread.exceptions.APIError) as many:
        for _ in range(61):
            book.values_get("A1")
    assert many.value.code == 429 and many.value.error["status"] == "RESOURCE_EXHAUSTED"
    person(emulator, {"spreadsheet": BOOK, "action": "set", "range": "A1", "values": [["no quota"]]})
