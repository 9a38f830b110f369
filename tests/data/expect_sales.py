#!/usr/bin/env python3
"""Says what an Airtable base must hold after the sample set "CRM Sales Opportunities" went through HubSpot.

    python3 tests/data/expect_sales.py [FOLDER]

FOLDER holds accounts.csv and sales_pipeline.csv (default: ../shared/data/crm-sales-opportunities). Standard library only;
it knows nothing of Ferry and shares no code with it.

Prints one JSON object per line: first the 85 records of `Accounts`, then the 8,800 of `Deals`, each in the order of its file:

    {"table": "Deals", "fields": {"Opportunity ID": "1C1I7A6R", ..., "Account": ["Cancity"]}}

Fields without a value are absent, as Airtable leaves them out. A link is shown as the list of the linked accounts' names.
Dates are ISO 8601, numbers are JSON numbers.

The least possible number of calls, first run
---------------------------------------------
CSV -> HubSpot (tests/pipelines/sales/csv-to-hubspot.yaml)
    companies  upsert  85 records / 100 per call                      =   1 write
    deals      upsert  8,800 records / 100 per call                   =  88 writes
    links      associations of 7,375 deals / 2,000 per call           =   4 writes
               (a batch create could carry them along and need none, but a create cannot be repeated safely)
    reads      the properties of companies and of deals, the deal pipelines (stages are checked)   =   3 reads
    together 93 writes and 3 reads; 2 % of 96 is 1 call.
HubSpot -> Airtable (tests/pipelines/sales/hubspot-to-airtable.yaml)
    HubSpot    list of companies 85 / 100 = 1, of deals 8,800 / 100 = 88 (links come along), properties 2   =  91 reads
    Airtable   the base's schema                                      =   1 read
               Accounts  85 / 10 = 9, Deals 8,800 / 10 = 880          = 889 writes
    together 889 writes and 92 reads; 2 % of 981 is 19 calls.
A second run over the same data writes nothing.
"""

import csv
import json
import pathlib
import sys

DEFAULT = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "crm-sales-opportunities"
STAGES = {"Prospecting", "Engaging", "Won", "Lost"}
# The set misspells one of its sectors in every line.
SECTORS = {"technolgy": "technology"}


def rows(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def number(text):
    """Returns `1054` as an integer and `1100.04` as a float, as JSON writes them."""
    return float(text) if "." in text else int(text)


def iso_date(text):
    """Turns DD-MM-YYYY into YYYY-MM-DD."""
    day, month, year = text.split("-")
    if len(day) != 2 or len(month) != 2 or len(year) != 4:
        raise ValueError(f"not DD-MM-YYYY: {text}")
    return f"{year}-{month}-{day}"


def record(table, fields):
    given = {name: value for name, value in fields.items() if value not in ("", None, [])}
    print(json.dumps({"table": table, "fields": given}, ensure_ascii=False))


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    accounts = rows(folder / "accounts.csv")
    names = {row["account"] for row in accounts}
    for row in accounts:
        record("Accounts", {
            "Name": row["account"],
            "Sector": SECTORS.get(row["sector"], row["sector"]),
            "Founded": number(row["year_established"]) if row["year_established"] else None,
            "Revenue": number(row["revenue"]) if row["revenue"] else None,
            "Employees": number(row["employees"]) if row["employees"] else None,
            "Country": row["office_location"],
            "Subsidiary Of": row["subsidiary_of"],
        })
    for row in rows(folder / "sales_pipeline.csv"):
        if row["deal_stage"] not in STAGES:
            raise ValueError(f"unknown stage: {row['deal_stage']}")
        if row["account"] and row["account"] not in names:
            raise ValueError(f"unknown account: {row['account']}")
        record("Deals", {
            "Opportunity ID": row["opportunity_id"],
            "Deal": f"{row['product']} / {row['opportunity_id']}",
            "Product": row["product"],
            "Sales Agent": row["sales_agent"],
            "Stage": row["deal_stage"],
            "Engaged": iso_date(row["engage_date"]) if row["engage_date"] else None,
            "Closed": iso_date(row["close_date"]) if row["close_date"] else None,
            "Value": number(row["close_value"]) if row["close_value"] else None,
            "Account": [row["account"]] if row["account"] else [],
        })


if __name__ == "__main__":
    main()
