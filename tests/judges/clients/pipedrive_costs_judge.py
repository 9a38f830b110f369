"""What each call of the local Pipedrive costs, beside `x-token-cost` of the vendor's descriptions: every path of both versions."""

import urllib.error
import urllib.request

import pytest
import yaml
from conftest import ROOT

DESCRIPTIONS = ROOT.parent / "shared" / "vendors" / "openapi" / "pipedrive"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
REMAINING = "x-daily-ratelimit-token-remaining"


def calls(version):
    document = yaml.load((DESCRIPTIONS / f"openapi-{version}.yaml").read_text(), Loader=LOADER)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "put", "patch", "delete") and not path.startswith("/oauth/"):
                yield method.upper(), path, operation["x-token-cost"]


def remaining(emulator, method, path):
    request = urllib.request.Request(emulator.url + path, method=method, headers={"x-api-token": "token"})
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.headers[REMAINING])
    except urllib.error.HTTPError as refused:
        assert refused.code != 429, "the clock is fast enough for all of them"
        return int(refused.headers[REMAINING])


@pytest.mark.skipif(not DESCRIPTIONS.is_dir(), reason="the descriptions are not beside the clone, in ../shared/vendors/openapi")
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_every_call_costs_what_the_description_says(emulate, version):
    # Bursts of two seconds pass at once; a day does not.
    emulator = emulate("pipedrive", "--clock-speed", "300")
    wrong, count = [], 0
    before = remaining(emulator, "GET", "/v1/users/me")
    for method, path, cost in calls(version):
        after = remaining(emulator, method, f"/api/{version}{path}".replace("{", "").replace("}", ""))
        # At midnight the day begins anew.
        if after <= before and before - after != cost:
            wrong.append(f"{method} {path}: {before - after}, described as {cost}")
        before, count = after, count + 1
    assert not wrong, "\n" + "\n".join(wrong)
    assert count > 80
