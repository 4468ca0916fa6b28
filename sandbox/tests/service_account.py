"""Google's own Python library with the sandbox's service account file: it signs, and is believed.

Needs google-api-python-client and cryptography (PyPI). Prints one `ok` line a step.
"""

import json
import os
import sys
import urllib.request

from google.oauth2 import service_account
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

SANDBOX = os.environ["SANDBOX_URL"].rstrip("/")
SCOPE = "https://www.googleapis.com/auth/calendar.events"


def expect(step, got, wanted):
    if got != wanted:
        print(f"FAILED {step}: got {got!r}, wanted {wanted!r}")
        sys.exit(1)
    print(f"ok {step}")


def events(credentials, api_url):
    service = build(
        "calendar",
        "v3",
        credentials=credentials,
        static_discovery=True,
        cache_discovery=False,
        client_options={"api_endpoint": api_url},
    )
    return service.events()


def main():
    body = json.dumps({"delegatedScopes": [SCOPE]}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{SANDBOX}/_sandbox/service-account", data=body, headers=headers)
    with urllib.request.urlopen(request) as reply:
        file = json.load(reply)
    itself = service_account.Credentials.from_service_account_info(file, scopes=[SCOPE])
    event = {
        "summary": "From a service account",
        "start": {"dateTime": "2026-12-30T14:00:00", "timeZone": "Asia/Kolkata"},
        "end": {"dateTime": "2026-12-30T15:00:00", "timeZone": "Asia/Kolkata"},
        "attendees": [{"email": "grace@example.com"}],
    }
    ada = events(itself.with_subject("ada@example.com"), file["api_url"])
    made = ada.insert(calendarId="primary", body=event).execute()
    expect("insert for a person", made["organizer"]["email"], "ada@example.com")
    try:
        events(itself, file["api_url"]).insert(calendarId="primary", body=event).execute()
        refused = "accepted"
    except HttpError as error:
        refused = (error.resp.status, error.error_details[0]["reason"])
    expect("guests as itself", refused, (403, "forbiddenForServiceAccounts"))


main()
