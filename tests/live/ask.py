"""Asks the Calendar API the facts of facts.py and prints what it answers. tests/live.sh says how it is used."""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from facts import ELSEWHERE, PLAIN, PRIMARY, TIMED

API = os.environ.get("LIVE_API_URL", "https://www.googleapis.com/calendar/v3").rstrip("/")
LIMITED = {"rateLimitExceeded", "userRateLimitExceeded"}
TRIES = 6


class CannotAsk(Exception):
    """Google could not be asked, or not on this account's behalf."""


def send(method, url, headers, body=None):
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, json.loads(reply.read() or b"{}")
    except urllib.error.HTTPError as error:
        text = error.read()
        try:
            return error.code, json.loads(text)
        except ValueError:
            return error.code, {"error": {"message": text[:200].decode("utf-8", "replace")}}
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise CannotAsk(f"{url.split('?')[0]}: {error}") from error


def access_token():
    if token := os.environ.get("LIVE_ACCESS_TOKEN"):
        return token
    try:
        with open(os.environ["LIVE_CREDENTIALS"], encoding="utf-8") as file:
            client = next(iter(json.load(file).values()))
        form = {
            "grant_type": "refresh_token",
            "refresh_token": os.environ["LIVE_REFRESH_TOKEN"],
            "client_id": client["client_id"],
            "client_secret": client["client_secret"],
        }
        url = client.get("token_uri", "https://oauth2.googleapis.com/token")
    except (OSError, ValueError, KeyError, StopIteration, AttributeError) as error:
        raise CannotAsk(f"LIVE_CREDENTIALS cannot be read: {error!r}") from error
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, reply = send("POST", url, headers, urllib.parse.urlencode(form).encode())
    if status != 200:
        raise CannotAsk(f"no access token: {status} {reply.get('error')} {reply.get('error_description', '')}")
    return reply["access_token"]


class Google:
    def __init__(self, token):
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.made = []
        self.calendar = None
        self.zones = {}

    def call(self, method, path, body=None):
        """An answer that is about the request and not about its pace; a 5xx that stays is one too."""
        data = None if body is None else json.dumps(body).encode()
        for attempt in range(TRIES):
            status, reply = send(method, f"{API}/{path}", self.headers, data)
            if status < 500 and reason(reply) not in LIMITED:
                break
            time.sleep(2**attempt / 4)
        if status == 401 or reason(reply) in {"insufficientPermissions", "accessNotConfigured"} or reason(reply) in LIMITED:
            raise CannotAsk(f"{status} {reason(reply)}: {words(reply)}")
        return status, reply

    def begin(self):
        """A calendar of its own, where one can be made."""
        status, reply = self.call("POST", "calendars", {"summary": "calrelay live test", "timeZone": "Europe/Paris"})
        self.calendar = reply["id"] if status == 200 else None
        for calendar in {"primary", self.calendar or "primary"}:
            status, reply = self.call("GET", f"calendars/{urllib.parse.quote(calendar)}/events?maxResults=1")
            if status != 200:
                raise CannotAsk(f"{status} {reason(reply)}: {words(reply)}")
            self.zones[calendar] = reply.get("timeZone")

    def insert(self, calendar, changes):
        label = "1" if "eventLabelId" in changes else "0"
        query = f"conferenceDataVersion=1&supportsAttachments=true&sendUpdates=none&eventLabelVersion={label}"
        place = f"calendars/{urllib.parse.quote(calendar)}/events"
        status, reply = self.call("POST", f"{place}?{query}", {**TIMED, **changes})
        if status == 200:
            self.made.append(f"{place}/{reply['id']}")
            reply["_zone"] = self.zones[calendar]
        return status, reply

    def end(self):
        """Deletes whatever was made; what is left is named."""
        left = []
        for path in self.made:
            if self.calendar and urllib.parse.quote(self.calendar) in path:
                continue
            status, _ = self.call("DELETE", f"{path}?sendUpdates=none")
            if status not in (200, 204, 404, 410):
                left.append(path)
        if self.calendar:
            status, _ = self.call("DELETE", f"calendars/{urllib.parse.quote(self.calendar)}")
            if status not in (200, 204):
                left.append(self.calendar)
        if left:
            print(f"live.sh: please delete by hand: {' '.join(left)}", file=sys.stderr)


def entries(reply):
    error = reply.get("error")
    return error.get("errors", []) if isinstance(error, dict) else []


def reason(reply):
    return next((entry.get("reason", "") for entry in entries(reply)), "")


def words(reply):
    error = reply.get("error")
    return error.get("message", "") if isinstance(error, dict) else str(error or "")


def told(status, reply):
    if status == 200:
        return "200"
    count = len(entries(reply))
    return f"{status} {reason(reply)}: {words(reply)}" + (f" (1 of {count})" if count > 1 else "")


def judged(expected, status, reply):
    """The expectation, the answer, and whether they are the same; words that nobody has quoted are not compared."""
    if "show" in expected:
        shown = expected["show"](reply) if status == 200 else None
        answer = f"200 {shown}" if status == 200 else told(status, reply)
        return f"200 {expected['words']}", answer, shown == expected["words"]
    code, why, quoted = expected["refused"]
    same = (status, reason(reply)) == (code, why) and quoted in (None, words(reply))
    same = same and len(entries(reply)) >= expected.get("entries", 1)
    return f"{code} {why}" + (f": {quoted}" if quoted else ""), told(status, reply), same


def ask(google):
    only = os.environ.get("LIVE_ONLY", "")
    own = google.calendar or "primary"
    facts = [(own, fact) for fact in PLAIN] + [("primary", fact) for fact in PRIMARY]
    if google.calendar:
        facts += [(own, fact) for fact in ELSEWHERE]
    for calendar, (name, changes, expected) in facts:
        if only in name:
            yield name, *judged(expected, *google.insert(calendar, changes))


def row(cells, widths):
    return " | ".join(repr(cell)[1:-1].ljust(width)[:width] for cell, width in zip(cells, widths)).rstrip()


def main():
    widths = (56, 66, 78, 5)
    try:
        google = Google(access_token())
        try:
            google.begin()
            print(row(("fact", "expected", "what Google answered", "same?"), widths))
            others = total = 0
            for name, expected, answer, same in ask(google):
                total += 1
                others += not same
                print(row((name, expected, answer, "yes" if same else "NO"), widths), flush=True)
        finally:
            google.end()
    except CannotAsk as error:
        print(f"live.sh: {error}", file=sys.stderr)
        return 1
    print(f"{total} facts asked, {others} answered otherwise")
    if not google.calendar:
        print("No calendar could be made: the events were in the primary one, and four facts about others were not asked.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
