"""Starts local CRMs, and tells what they were asked. No judge imports anything of Ferry's."""

import json
import os
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

FERRY = os.environ["FERRY"]
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Emulator:
    """A local CRM that answers until its fixture ends."""

    url: str

    def requests(self):
        """What it was asked, in order: method, path, status."""
        return self._tell("/_emulator/requests")

    def counts(self):
        """What it holds."""
        return self._tell("/_emulator/counts")

    def _tell(self, path):
        with urllib.request.urlopen(self.url + path) as answer:
            return json.load(answer)


class Emulators:
    """Starts `ferry emulate VENDOR`, as any other program's tests would."""

    def __init__(self):
        self._running = []

    def start(self, vendor, *options):
        command = [FERRY, "emulate", vendor, "--port", "0", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._running.append(process)
        name, url = process.stdout.readline().split()
        assert name == vendor
        return Emulator(url)

    def stop(self):
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait(timeout=10)
            process.stdout.close()


def _emulators():
    emulators = Emulators()
    yield emulators.start
    emulators.stop()


emulate = pytest.fixture(_emulators, name="emulate")
emulate_for_module = pytest.fixture(_emulators, name="emulate_for_module", scope="module")
