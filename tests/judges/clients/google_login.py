"""A service account's key file that opens nothing, as every client of Google's reads it."""

import json
import urllib.request

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ADDRESS = "judge@ferry.iam.gserviceaccount.com"


def key_file(emulator, *, register=True):
    """The content of a key file, whose public half the emulator knows once it is registered."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()
    file = {
        "type": "service_account",
        "project_id": "judge",
        "private_key_id": "key-of-no-use",
        "private_key": pem,
        "client_email": ADDRESS,
        "client_id": "1",
        "token_uri": f"{emulator.url}/token",
    }
    if register:
        request = urllib.request.Request(f"{emulator.url}/_emulator/keys", json.dumps(file).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request).close()
    return file


def person(emulator, *actions):
    """Lets a person work in the sheet."""
    request = urllib.request.Request(f"{emulator.url}/_emulator/person", json.dumps(actions).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request).close()
