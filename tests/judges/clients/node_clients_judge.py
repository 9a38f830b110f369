"""The clients for Node.js: each judge is a file of node's own test runner, in ../node.

They find an emulator with the repository's fixtures at EMULATOR_URL, and one with the vendor's limits at LIMITED_URL.
"""

import os
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

NODE = Path(__file__).resolve().parents[1] / "node"
MODULES = os.environ.get("JUDGES_NODE_MODULES")

pytestmark = pytest.mark.skipif(MODULES is None, reason="NOT JUDGED: there is no node with npm here, or no package index")


@pytest.mark.parametrize(("vendor", "judge"), [("airtable", "airtable"), ("hubspot", "hubspot_api_client"), ("pipedrive", "pipedrive"), ("salesforce", "jsforce")])
def test_works_unchanged(emulate, vendor, judge):
    fixtures = ["--fixtures", str(ROOT / "fixtures")]
    unlimited, limited = emulate(vendor, "--no-limits", *fixtures), emulate(vendor, *fixtures)
    ran = subprocess.run(
        ["node", "--test", "--test-reporter=spec", f"{judge}_judge.cjs"],
        cwd=NODE,
        env=os.environ | {"NODE_PATH": MODULES, "EMULATOR_URL": unlimited.url, "LIMITED_URL": limited.url},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    assert "fail 0" in ran.stdout and "skipped 0" in ran.stdout and "pass 0" not in ran.stdout
