"""Google's official Python client against the sandbox at SANDBOX_URL: one event's whole life.

Prints one `ok` line a step and ends with status 1 at the first difference.
Needs google-api-python-client (PyPI); its bundled description of the Calendar API is used, nothing is downloaded.
"""

import json
import os
import sys
import urllib.request
import uuid

from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

SANDBOX = os.environ["SANDBOX_URL"].rstrip("/")


def sandbox(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(SANDBOX + path, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


def expect(step, got, wanted):
    if got != wanted:
        print(f"FAILED {step}: got {got!r}, wanted {wanted!r}")
        sys.exit(1)
    print(f"ok {step}")


def refusal(request):
    """Status and reason of a request that must be refused."""
    try:
        return ("accepted", request.execute())
    except HttpError as error:
        return (error.resp.status, error.error_details[0]["reason"])


def service():
    web = sandbox("/_sandbox/credentials")["web"]
    tokens = sandbox("/_sandbox/tokens", {})
    # No access token: the client's first act is to refresh, which is tried here too.
    credentials = Credentials(
        token=None,
        refresh_token=tokens["refresh_token"],
        token_uri=web["token_uri"],
        client_id=web["client_id"],
        client_secret=web["client_secret"],
    )
    return build(
        "calendar",
        "v3",
        credentials=credentials,
        static_discovery=True,
        cache_discovery=False,
        client_options={"api_endpoint": web["api_url"]},
    )


def main():
    events = service().events()
    event_id = uuid.uuid4().hex
    body = {
        "id": event_id,
        "summary": "From Google's own client",
        "start": {"dateTime": "2026-12-30T14:00:00", "timeZone": "Asia/Kolkata"},
        "end": {"dateTime": "2026-12-30T15:00:00", "timeZone": "Asia/Kolkata"},
        "extendedProperties": {"private": {"origin": event_id}},
    }
    made = events.insert(calendarId="primary", body=body).execute()
    expect("insert with an own id", (made["id"], made["status"]), (event_id, "confirmed"))
    expect("insert again", refusal(events.insert(calendarId="primary", body=body)), (409, "duplicate"))
    got = events.get(calendarId="primary", eventId=event_id).execute()
    expect("get", got, made)
    listed = events.list(calendarId="primary", privateExtendedProperty=f"origin={event_id}").execute()
    expect("list", [event["id"] for event in listed["items"]], [event_id])
    patched = events.patch(calendarId="primary", eventId=event_id, body={"summary": "Patched"}).execute()
    expect("patch", (patched["summary"], patched["start"]), ("Patched", made["start"]))
    expect("delete", events.delete(calendarId="primary", eventId=event_id).execute(), "")
    expect("delete again", refusal(events.delete(calendarId="primary", eventId=event_id)), (410, "deleted"))
    expect("insert a deleted id", refusal(events.insert(calendarId="primary", body=body)), (409, "duplicate"))
    gone = events.get(calendarId="primary", eventId=event_id).execute()
    expect("get a deleted event", gone["status"], "cancelled")


if __name__ == "__main__":
    main()
