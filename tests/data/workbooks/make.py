"""Makes the workbooks of this folder with other people's libraries: openpyxl, xlwt, odfpy, msoffcrypto-tool."""

import datetime as dt
from pathlib import Path

import openpyxl
import xlwt
from msoffcrypto.format.ooxml import OOXMLFile
from odf import opendocument, table, text

HERE = Path(__file__).parent
NAMES = ["id", "code", "score", "since", "seen", "active"]
ROWS = [
    [1, "007", 1.5, dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, 9, 30), True],
    [2, "Zoë", 2, dt.date(1999, 12, 31), dt.datetime(2024, 2, 29, 23, 59, 59), False],
]


def xlsx():
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "People"
    for row in [NAMES, *ROWS]:
        sheet.append(row)
    book.save(HERE / "people.xlsx")


def formulas():
    book = openpyxl.Workbook()
    book.active.append(["n", "sum"])
    book.active.append([1, "=A2+1"])
    book.save(HERE / "formulas.xlsx")


def xls():
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("People")
    formats = {3: xlwt.easyxf(num_format_str="yyyy-mm-dd"), 4: xlwt.easyxf(num_format_str="yyyy-mm-dd hh:mm:ss")}
    for number, row in enumerate([NAMES, *ROWS]):
        for column, value in enumerate(row):
            sheet.write(number, column, value, formats.get(column, xlwt.Style.default_style))
    book.save(HERE / "people.xls")


def ods():
    book = opendocument.OpenDocumentSpreadsheet()
    sheet = table.Table(name="People")
    for row in [NAMES, *ROWS]:
        line = table.TableRow()
        for value in row:
            if isinstance(value, bool):
                cell = table.TableCell(valuetype="boolean", booleanvalue=str(value).lower())
            elif isinstance(value, (int, float)):
                cell = table.TableCell(valuetype="float", value=value)
            elif isinstance(value, (dt.date, dt.datetime)):
                cell = table.TableCell(valuetype="date", datevalue=value.isoformat())
            else:
                cell = table.TableCell(valuetype="string")
                cell.addElement(text.P(text=value))
            line.addElement(cell)
        sheet.addElement(line)
    book.spreadsheet.addElement(sheet)
    book.save(HERE / "people.ods")


def locked():
    with (HERE / "people.xlsx").open("rb") as plain, (HERE / "locked.xlsx").open("wb") as target:
        OOXMLFile(plain).encrypt("secret", target)


for make in (xlsx, formulas, xls, ods, locked):
    make()
