"""Google's Python client sees each refusal of refusals.json as it would see Google's: status, reason, domain and words.

A refusal without `message` there has words of the sandbox's own. Prints one `ok` line a case. Needs SANDBOX_URL.
"""

import json
import pathlib

from googleapiclient.errors import HttpError

from google_client import expect, sandbox, service

BASE = {
    "summary": "Refused",
    "start": {"dateTime": "2026-12-30T14:00:00", "timeZone": "Asia/Kolkata"},
    "end": {"dateTime": "2026-12-30T15:00:00", "timeZone": "Asia/Kolkata"},
}


def answer(events, body):
    """What an insert stores, or the entries of the client's error."""
    try:
        request = events.insert(calendarId="primary", body=body, conferenceDataVersion=1, sendUpdates="none")
        return {"stored": request.execute()}
    except HttpError as error:
        return {"status": error.resp.status, "reason": error.reason, "errors": error.error_details}


def main():
    sandbox("/_sandbox/quota", {"calendarPerSecond": 1000})
    events = service().events()
    for case in json.loads(pathlib.Path(__file__).with_name("refusals.json").read_text()):
        got = answer(events, {**BASE, **case["body"]})
        if "stored" in case:
            wanted = case["stored"]
            expect(case["name"], {name: got.get("stored", got).get(name) for name in wanted}, wanted)
            continue
        errors = got.get("errors", [])
        known = [{name: entry.get(name) for name in wanted} for entry, wanted in zip(errors, case["errors"])]
        first = errors[0]["message"] if errors else None
        seen = (got.get("status"), got.get("reason"), len(errors), known)
        expect(case["name"], seen, (400, first, len(case["errors"]), case["errors"]))


if __name__ == "__main__":
    main()
