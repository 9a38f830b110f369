#!/usr/bin/env python3
"""Says what a Pipedrive company must hold after the sample set "CRM Sales Opportunities" went into it.

    python3 tests/data/expect_sales_pipedrive.py [FOLDER]

FOLDER holds accounts.csv and sales_pipeline.csv (default: ../shared/data/crm-sales-opportunities). Standard library only;
it knows nothing of Ferry and shares no code with it. Prints one JSON object per line: organizations, then deals, with the
labels of fields and options, and names in the place of ids. Fields without a value are absent.

The least possible number of tokens, first run
----------------------------------------------
    organizations  85 creates at 5 tokens                                     =    425
    deals          8,800 creates at 5 tokens                                  = 44,000
    reads          the company 2, fields 10 + 10, pipelines and stages 5 + 5,
                   what is there: a page of organizations 10, of deals 10, of archived deals 20  =     72
    together 44,497; 2 % of it is 889. A second run over the same data writes nothing.
"""

import csv
import json
import pathlib
import sys

DEFAULT = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "crm-sales-opportunities"


def rows(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def iso(text):
    day, month, year = text.split("-")
    return f"{year}-{month}-{day}"


def shown(kind, fields):
    print(json.dumps({"kind": kind, "fields": {name: value for name, value in fields.items() if value not in ("", None)}}))


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    for row in rows(folder / "accounts.csv"):
        shown("organizations", {
            "name": row["account"],
            "Sector": {"technolgy": "technology"}.get(row["sector"], row["sector"]),
            "Founded": float(row["year_established"]),
            "Turnover": f"{float(row['revenue'])} USD",
            "employee_count": float(row["employees"]),
            "Country": row["office_location"],
            "Parent account": row["subsidiary_of"],
        })
    for row in rows(folder / "sales_pipeline.csv"):
        is_closed = row["deal_stage"] in ("Won", "Lost")
        shown("deals", {
            "Opportunity ID": row["opportunity_id"],
            "title": f"{row['product']} / {row['opportunity_id']}",
            "Product": row["product"],
            "Sales agent": row["sales_agent"],
            "stage": "Closed" if is_closed else row["deal_stage"],
            "status": row["deal_stage"].lower() if is_closed else "open",
            "Engaged": iso(row["engage_date"]) if row["engage_date"] else "",
            "expected_close_date": iso(row["close_date"]) if row["close_date"] else "",
            "value": float(row["close_value"] or 0),
            "organization": row["account"],
        })


if __name__ == "__main__":
    main()
