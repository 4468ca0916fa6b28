"""What the sandbox believes of Google without being certain, as inserts and the answers that it gives to them.

A fact is (name, changes to a plain event, expected). Expected is a refusal, (status, reason, words or None), or what a
stored event shows: a function that says it in a few words, with those words.
"""

TIMED = {
    "summary": "calrelay live test",
    "start": {"dateTime": "2031-01-07T09:00:00+01:00", "timeZone": "Europe/Berlin"},
    "end": {"dateTime": "2031-01-07T10:00:00+01:00", "timeZone": "Europe/Berlin"},
}
DAY = {"start": {"date": "2031-01-07"}, "end": {"date": "2031-01-08"}}
GUEST = {"attendees": [{"email": "guest@example.com"}]}


def refused(reason, words=None):
    return {"refused": (400, reason, words)}


def stored(show, words):
    return {"show": show, "words": words}


def field(*path):
    """A member of a stored event."""

    def show(event):
        for name in path:
            event = event.get(name, {}) if isinstance(event, dict) else {}
        return str(event) if event != {} else "absent"

    return show


def guests(event):
    return " ".join(guest.get("email", "?") for guest in event.get("attendees", []))


def reminders(event):
    told = event.get("reminders", {})
    return " ".join([str(told.get("useDefault"))] + sorted(f"{r['method']}:{r['minutes']}" for r in told.get("overrides", [])))


def days(start, end):
    return {"start": {"date": start}, "end": {"date": end}}


def rule(*lines):
    return {"recurrence": list(lines)}


def zone(name):
    return {side: {**TIMED[side], "timeZone": name} for side in ("start", "end")}


def brought(**data):
    return {"conferenceData": data}


def solution(kind):
    return {"key": {"type": kind}, "name": "Zoom"} if kind else {"name": "Zoom"}


VIDEO = {"entryPointType": "video", "uri": "https://zoom.example.com/j/1", "label": "zoom.example.com/j/1"}
MORE = {"entryPointType": "more", "uri": "https://zoom.example.com/help"}
DATA = refused("invalid", "Invalid conference data.")
TYPE = refused("invalid", "Invalid conference type value.")
RULE = refused("invalid", "Invalid recurrence rule.")
ZONE = refused("invalid", "Invalid time zone definition for start time.")
ADDRESS = refused("invalid", "Invalid attendee email.")
DROPPED = stored(field("conferenceData"), "absent")
TAKEN = stored(lambda event: "taken", "taken")


def special(kind, properties, **changes):
    return {"eventType": kind, f"{kind}Properties": properties, **changes}


AWAY = special("outOfOffice", {"autoDeclineMode": "declineNone"})
FOCUS = special("focusTime", {"autoDeclineMode": "declineNone"})
PLACE = special("workingLocation", {"type": "homeOffice", "homeOffice": {}}, visibility="public", transparency="transparent", **DAY)
BIRTHDAY = {"eventType": "birthday", **DAY, "visibility": "private", "transparency": "transparent", "recurrence": ["RRULE:FREQ=YEARLY"]}
NO_OFFICE = "malformedOutOfOfficeEvent"
NO_FOCUS = "malformedFocusTimeEvent"
NO_PLACE = "malformedWorkingLocationEvent"
NO_BIRTHDAY = "eventTypeRestriction"

PLAIN = [
    ("conference: addOn, name and video", brought(conferenceSolution=solution("addOn"), entryPoints=[VIDEO]), DATA),
    ("conference: addOn with id, icon, phone and notes", brought(conferenceId="1", notes="Join muted.", conferenceSolution={**solution("addOn"), "iconUri": "https://zoom.example.com/i.png"}, entryPoints=[VIDEO, {"entryPointType": "phone", "uri": "tel:+4930123456"}]), DATA),
    ("conference: addOn in createRequest", brought(createRequest={"requestId": "live-1", "conferenceSolutionKey": {"type": "addOn"}}), TYPE),
    ("conference: createRequest without a type", brought(createRequest={"requestId": "live-2"}), TYPE),
    ("conference: eventHangout in createRequest", brought(createRequest={"requestId": "live-3", "conferenceSolutionKey": {"type": "eventHangout"}}), TYPE),
    ("conference: solution without a type", brought(conferenceSolution=solution(None), entryPoints=[VIDEO]), DROPPED),
    ("conference: entry points alone", brought(entryPoints=[VIDEO]), DROPPED),
    ("conference: a Meet described", brought(conferenceId="abc-defg-hij", conferenceSolution=solution("hangoutsMeet"), entryPoints=[{"entryPointType": "video", "uri": "https://meet.google.com/abc-defg-hij"}]), DATA),
    ("conference: only more", brought(conferenceSolution=solution(None), entryPoints=[MORE]), DATA),
    ("conference: two videos", brought(conferenceSolution=solution(None), entryPoints=[VIDEO, VIDEO]), DATA),
    ("conference: nothing in it", brought(), DATA),
    ("days: end is start", days("2031-01-07", "2031-01-07"), stored(field("end", "date"), "2031-01-07")),
    ("days: in 1948", days("1948-03-02", "1948-03-03"), stored(field("start", "date"), "1948-03-02")),
    ("days: in 1601", days("1601-01-01", "1601-01-02"), stored(field("start", "date"), "1601-01-01")),
    ("days: a zone that is none", {"start": {"date": "2031-01-07", "timeZone": "Mars/Base"}, "end": {"date": "2031-01-08"}}, ZONE),
    ("times: a leap second", {"start": {"dateTime": "2031-01-07T08:59:60Z"}}, refused("badRequest")),
    ("times: end is start", {"end": TIMED["start"]}, TAKEN),
    ("times: an offset and no zone (the calendar's is used)", {side: {"dateTime": TIMED[side]["dateTime"]} for side in ("start", "end")}, stored(lambda event: "the calendar's" if event["start"].get("timeZone") == event.get("_zone") else str(event["start"].get("timeZone")), "the calendar's")),
    ("zone: America/Coyhaique, new in 2025", zone("America/Coyhaique"), stored(field("start", "timeZone"), "America/Coyhaique")),
    ("zone: in small letters", zone("europe/berlin"), ZONE),
    ("zone: Factory", zone("Factory"), ZONE),
    ("zone: Etc/GMT-5", zone("Etc/GMT-5"), stored(field("start", "timeZone"), "Etc/GMT-5")),
    ("rule: UNTIL in local time", rule("RRULE:FREQ=DAILY;UNTIL=20310110T090000"), RULE),
    ("rule: UNTIL beside COUNT", rule("RRULE:FREQ=DAILY;UNTIL=20310110T090000Z;COUNT=3"), RULE),
    ("rule: COUNT of -1", rule("RRULE:FREQ=DAILY;COUNT=-1"), RULE),
    ("rule: UNTIL before the start", rule("RRULE:FREQ=DAILY;UNTIL=20300110T090000Z"), RULE),
    ("rule: UNTIL a date, start a time", rule("RRULE:FREQ=DAILY;UNTIL=20310110"), TAKEN),
    ("rule: UNTIL a time, start a day", {**DAY, **rule("RRULE:FREQ=DAILY;UNTIL=20310110T090000Z")}, TAKEN),
    ("rule: UNTIL the end of 9999", rule("RRULE:FREQ=YEARLY;UNTIL=99991231T235959Z"), TAKEN),
    ("rule: an empty part at the end", rule("RRULE:FREQ=DAILY;COUNT=5;"), TAKEN),
    ("rule: empty parts inside", rule("RRULE:;FREQ=WEEKLY;;BYDAY=TU"), TAKEN),
    ("rule: a blank before it", rule(" RRULE:FREQ=DAILY;COUNT=2"), RULE),
    ("rule: a line end after it", rule("RRULE:FREQ=DAILY;COUNT=2\n"), RULE),
    ("rule: in small letters", rule("rrule:freq=daily;count=2"), TAKEN),
    ("rule: a part twice", rule("RRULE:FREQ=DAILY;COUNT=2;COUNT=2"), RULE),
    ("rule: numbered days of a week", rule("RRULE:FREQ=WEEKLY;BYDAY=2TU"), RULE),
    ("rule: EXDATE a date, start a time", rule("RRULE:FREQ=DAILY;COUNT=3", "EXDATE;VALUE=DATE:20310108"), RULE),
    ("rule: TZID in quotes", rule("RRULE:FREQ=DAILY;COUNT=3", 'EXDATE;TZID="Europe/Berlin":20310108T090000'), RULE),
    ("rule: every hour", rule("RRULE:FREQ=HOURLY;COUNT=3"), TAKEN),
    ("rule: every second", rule("RRULE:FREQ=SECONDLY;COUNT=3"), TAKEN),
    ("text: control characters in it", {"summary": "Stand\u000bup\u0000\u001b\u007f"}, stored(field("summary"), "Standup")),
    ("text: a control character of windows-1252", {"summary": "Ada\u0092s"}, stored(field("summary"), "Ada\u0092s")),
    ("text: a summary of 1025", {"summary": "s" * 1025}, refused("invalid")),
    ("text: a description of 8193", {"description": "d" * 8193}, refused("invalid")),
    ("guests: the same twice", {"attendees": [{"email": "guest@example.com"}, {"email": "guest@example.com"}]}, stored(guests, "guest@example.com guest@example.com")),
    ("guests: the same in capitals", {"attendees": [{"email": "guest@example.com"}, {"email": "Guest@Example.com"}]}, stored(guests, "guest@example.com Guest@Example.com")),
    ("guests: an address with a name", {"attendees": [{"email": "Guest <guest@example.com>"}]}, ADDRESS),
    ("guests: a domain without a dot", {"attendees": [{"email": "guest@localhost"}]}, ADDRESS),
    ("guests: a quoted local part", {"attendees": [{"email": '"a guest"@example.com'}]}, ADDRESS),
    ("colour: 99", {"colorId": "99"}, refused("invalid", "Invalid Value")),
    ("colour: empty", {"colorId": ""}, refused("invalid", "Invalid Value")),
    ("label: one that there is not", {"eventLabelId": "live-nothing"}, stored(field("eventLabelId"), "live-nothing")),
    ("reminders: overrides without useDefault", {"reminders": {"overrides": [{"method": "popup", "minutes": 10}]}}, refused("cannotUseDefaultRemindersAndSpecifyOverride", "Cannot specify both default reminders and overrides at the same time.")),
    ("reminders: without minutes", {"reminders": {"useDefault": False, "overrides": [{"method": "popup"}]}}, refused("required", "Missing override reminder minutes.")),
    ("reminders: without a method", {"reminders": {"useDefault": False, "overrides": [{"minutes": 5}]}}, refused("required")),
    ("reminders: by sms", {"reminders": {"useDefault": False, "overrides": [{"method": "sms", "minutes": 5}]}}, refused("invalid")),
    ("reminders: 40321 minutes", {"reminders": {"useDefault": False, "overrides": [{"method": "popup", "minutes": 40321}]}}, refused("invalid")),
    ("reminders: the same twice", {"reminders": {"useDefault": False, "overrides": [{"method": "popup", "minutes": 5}] * 2}}, stored(reminders, "False popup:5 popup:5")),
    ("reminders: six", {"reminders": {"useDefault": False, "overrides": [{"method": "popup", "minutes": n} for n in range(6)]}}, refused("eventRemindersCountExceedsLimit", "The event exceeds the allowed maximum number of reminders.")),
    ("status: cancelled from the first", {"status": "cancelled"}, stored(field("status"), "cancelled")),
    ("source: no link", {"source": {"title": "t", "url": "crm.example.com"}}, refused("invalid")),
    ("attachment: no link", {"attachments": [{"fileUrl": "no link"}]}, refused("invalid")),
    ("kind: outOfOfficeProperties on a plain event", {"outOfOfficeProperties": {}}, refused("invalid", "outOfOfficeProperties requires an event type of outOfOffice, and vice versa.")),
    ("kind: focusTimeProperties on a plain event", {"focusTimeProperties": {}}, refused("invalid")),
    ("kind: workingLocationProperties on a plain event", {"workingLocationProperties": {"type": "homeOffice"}}, refused("invalid", "workingLocationProperties requires an event type of workingLocation, and vice versa.")),
    ("kind: birthdayProperties on a plain event", {"birthdayProperties": {}}, refused("invalid")),
    ("kind: fromGmail", {"eventType": "fromGmail"}, refused("eventTypeRestriction")),
    ("several: two faults, two entries", {"colorId": "99", "attendees": [{"email": "nobody"}]}, {"refused": (400, "invalid", "Invalid Value"), "entries": 2}),
]

PRIMARY = [
    ("out of office: as it should be", AWAY, TAKEN),
    ("out of office: all day", {**AWAY, **DAY}, refused(NO_OFFICE, "An out of office event must not be an all-day event.")),
    ("out of office: with a description", {**AWAY, "description": "d"}, refused(NO_OFFICE, "An out of office event must not have a description.")),
    ("out of office: with a location", {**AWAY, "location": "l"}, refused(NO_OFFICE)),
    ("out of office: with guests", {**AWAY, **GUEST}, refused(NO_OFFICE)),
    ("out of office: transparent", {**AWAY, "transparency": "transparent"}, refused(NO_OFFICE)),
    ("out of office: without its properties", {"eventType": "outOfOffice"}, refused("invalid")),
    ("out of office: with a private property", {**AWAY, "extendedProperties": {"private": {"live": "1"}}}, TAKEN),
    ("focus time: as it should be", FOCUS, TAKEN),
    ("focus time: all day", {**FOCUS, **DAY}, refused(NO_FOCUS)),
    ("focus time: with guests", {**FOCUS, **GUEST}, refused(NO_FOCUS)),
    ("focus time: transparent", {**FOCUS, "transparency": "transparent"}, refused(NO_FOCUS)),
    ("focus time: with a description", {**FOCUS, "description": "d"}, TAKEN),
    ("focus time: without its properties", {"eventType": "focusTime"}, refused("invalid")),
    ("working location: as it should be", PLACE, TAKEN),
    ("working location: three days", {**PLACE, **days("2031-01-07", "2031-01-10")}, refused(NO_PLACE, "An all-day working location event must be exactly one day long.")),
    ("working location: no visibility", {**PLACE, "visibility": "default"}, refused(NO_PLACE, "A working location event must have a visibility setting of public.")),
    ("working location: opaque", {**PLACE, "transparency": "opaque"}, refused(NO_PLACE, "A working location event must have a transparency setting of transparent.")),
    ("working location: with a location", {**PLACE, "location": "l"}, refused(NO_PLACE)),
    ("working location: its own place without a label", {**PLACE, "workingLocationProperties": {"type": "customLocation", "customLocation": {}}}, refused(NO_PLACE)),
    ("birthday: as it should be", BIRTHDAY, TAKEN),
    ("birthday: with a private property", {**BIRTHDAY, "extendedProperties": {"private": {"live": "1"}}}, refused(NO_BIRTHDAY, "'birthday' event type must not have private extended properties.")),
    ("birthday: with a shared property", {**BIRTHDAY, "extendedProperties": {"shared": {"live": "1"}}}, TAKEN),
    ("birthday: with guests", {**BIRTHDAY, **GUEST}, refused(NO_BIRTHDAY)),
    ("birthday: two days", {**BIRTHDAY, **days("2031-01-07", "2031-01-09")}, refused(NO_BIRTHDAY)),
    ("birthday: once", {name: value for name, value in BIRTHDAY.items() if name != "recurrence"}, refused(NO_BIRTHDAY)),
    ("birthday: public", {**BIRTHDAY, "visibility": "public"}, refused(NO_BIRTHDAY)),
    ("birthday: with a description", {**BIRTHDAY, "description": "d"}, TAKEN),
]

ELSEWHERE = [
    ("out of office: in another calendar", AWAY, refused(NO_OFFICE)),
    ("focus time: in another calendar", FOCUS, refused(NO_FOCUS)),
    ("working location: in another calendar", PLACE, refused(NO_PLACE)),
    ("birthday: in another calendar", BIRTHDAY, TAKEN),
]
