//! Tables of times: what goes to Google, and what is refused.

use serde_json::json;

use super::*;

fn settled(body: Value, repeats: Repeats) -> (Value, Option<Times>, Vec<(String, FieldCode)>) {
    let Value::Object(mut event) = body else { panic!("an object") };
    let mut problems = Problems::default();
    let times = settle(&mut event, repeats, &mut problems);
    assert_eq!(times.is_none(), !problems.summary().is_empty(), "reported, or settled: {event:?}");
    (Value::Object(event), times, problems.summary())
}

fn refused(body: Value, repeats: Repeats, expected: &[(&str, FieldCode)]) {
    let (_, _, problems) = settled(body.clone(), repeats);
    let problems: Vec<_> = problems.iter().map(|(field, code)| (field.as_str(), *code)).collect();
    assert_eq!(problems, expected, "{body}");
}

/// The instants from the times of `body`.
fn instants(body: Value) -> (String, String) {
    match settled(body, Repeats::Never).1 {
        Some(Times::Timed { start, end, .. }) => (start.to_string(), end.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_form_becomes_googles() {
    let berlin = "Europe/Berlin";
    for (body, start, end) in [
        // Flat, with a zone.
        (
            json!({"startDateTime": "2027-01-05T14:00", "endDateTime": "2027-01-05 15:00:30", "timeZone": "europe/berlin"}),
            json!({"dateTime": "2027-01-05T14:00:00", "timeZone": berlin}),
            json!({"dateTime": "2027-01-05T15:00:30", "timeZone": berlin}),
        ),
        // Flat, with offsets: they fix the instants, and the zone is named for Google's sake.
        (
            json!({"startDateTime": "2027-01-05T14:00+05:30", "endDateTime": "2027-01-05T14:00Z"}),
            json!({"dateTime": "2027-01-05T14:00:00+05:30", "timeZone": "UTC"}),
            json!({"dateTime": "2027-01-05T14:00:00Z", "timeZone": "UTC"}),
        ),
        // Offset and zone.
        (
            json!({"startDateTime": "2027-01-05T14:00+01:00", "endDateTime": "2027-01-05T15:00", "timeZone": berlin}),
            json!({"dateTime": "2027-01-05T14:00:00+01:00", "timeZone": berlin}),
            json!({"dateTime": "2027-01-05T15:00:00", "timeZone": berlin}),
        ),
        // Google's, a zone on each side.
        (
            json!({
                "start": {"dateTime": "2027-01-05T23:00:00", "timeZone": berlin},
                "end": {"dateTime": "2027-01-05T20:00:00", "timeZone": "America/New_York"},
            }),
            json!({"dateTime": "2027-01-05T23:00:00", "timeZone": berlin}),
            json!({"dateTime": "2027-01-05T20:00:00", "timeZone": "America/New_York"}),
        ),
        // Google's, the zone said once for both; a side's own wins.
        (
            json!({
                "timeZone": berlin,
                "start": {"dateTime": "2027-01-05T14:00:00"},
                "end": {"dateTime": "2027-01-05T15:00:00", "timeZone": "Europe/London"},
            }),
            json!({"dateTime": "2027-01-05T14:00:00", "timeZone": berlin}),
            json!({"dateTime": "2027-01-05T15:00:00", "timeZone": "Europe/London"}),
        ),
        // One side each.
        (
            json!({
                "timeZone": berlin,
                "start": {"dateTime": "2027-01-05T14:00:00"},
                "endDateTime": "2027-01-05T15:00",
            }),
            json!({"dateTime": "2027-01-05T14:00:00", "timeZone": berlin}),
            json!({"dateTime": "2027-01-05T15:00:00", "timeZone": berlin}),
        ),
        // All day: a zone means nothing there, and does no harm.
        (
            json!({"start": {"date": "2027-01-05"}, "end": {"date": "2027-01-06", "timeZone": berlin}}),
            json!({"date": "2027-01-05"}),
            json!({"date": "2027-01-06", "timeZone": berlin}),
        ),
        // Nothing is longer than nothing: Google takes it.
        (
            json!({"startDateTime": "2027-01-05T14:00Z", "endDateTime": "2027-01-05T15:00+01:00"}),
            json!({"dateTime": "2027-01-05T14:00:00Z", "timeZone": "UTC"}),
            json!({"dateTime": "2027-01-05T15:00:00+01:00", "timeZone": "UTC"}),
        ),
    ] {
        let (event, _, problems) = settled(body.clone(), Repeats::Never);
        assert_eq!(problems, [], "{body}");
        assert_eq!(event, json!({"start": start, "end": end}), "{body}");
    }
}

#[test]
fn what_is_missing_is_named_as_the_caller_would() {
    use FieldCode::Required;
    let time = "2027-01-05T14:00";
    for (body, expected) in [
        (json!({}), &[("start", Required), ("end", Required)][..]),
        (json!({"start": {"date": "2027-01-05"}}), &[("end", Required)]),
        (json!({"startDateTime": "2027-01-05T14:00Z"}), &[("endDateTime", Required)]),
        (json!({"endDateTime": "2027-01-05T14:00Z"}), &[("startDateTime", Required)]),
        (json!({"start": {}, "end": {}}), &[("start", Required), ("end", Required)]),
        (json!({"start": {"timeZone": "UTC"}, "end": {"date": "2027-01-05"}}), &[("start", Required)]),
        (json!({"startDateTime": time, "endDateTime": time}), &[("timeZone", Required)]),
        (json!({"startDateTime": time, "endDateTime": "2027-01-05T15:00Z"}), &[("timeZone", Required)]),
        (
            json!({"start": {"dateTime": time}, "end": {"dateTime": time}}),
            &[("start.timeZone", Required), ("end.timeZone", Required)],
        ),
        (
            json!({"start": {"dateTime": time, "timeZone": "UTC"}, "end": {"dateTime": time}}),
            &[("end.timeZone", Required)],
        ),
    ] {
        refused(body, Repeats::Never, expected);
    }
}

#[test]
fn a_recurring_event_needs_a_zone_even_where_it_has_offsets() {
    use FieldCode::Required;
    let flat = json!({"startDateTime": "2027-01-05T14:00Z", "endDateTime": "2027-01-05T15:00Z"});
    refused(flat.clone(), Repeats::Never, &[]);
    refused(flat, Repeats::Yes, &[("timeZone", Required)]);
    let google = json!({
        "start": {"dateTime": "2027-01-05T14:00:00Z"},
        "end": {"dateTime": "2027-01-05T15:00:00Z", "timeZone": "UTC"},
    });
    refused(google, Repeats::Yes, &[("start.timeZone", Required)]);
    let zoned = json!({
        "startDateTime": "2027-01-05T14:00Z", "endDateTime": "2027-01-05T15:00Z", "timeZone": "UTC",
    });
    refused(zoned, Repeats::Yes, &[]);
    refused(json!({"start": {"date": "2027-01-05"}, "end": {"date": "2027-01-06"}}), Repeats::Yes, &[]);
}

#[test]
fn what_contradicts_itself_is_refused() {
    use FieldCode::Conflict;
    let time = "2027-01-05T14:00Z";
    let day = "2027-01-05";
    for (body, expected) in [
        (
            json!({"start": {"dateTime": time}, "startDateTime": time, "endDateTime": time}),
            &[("startDateTime", Conflict)][..],
        ),
        (
            json!({"start": {"dateTime": time}, "end": {"dateTime": time}, "endDateTime": time}),
            &[("endDateTime", Conflict)],
        ),
        (
            json!({"start": {"dateTime": time, "date": day}, "end": {"dateTime": time}}),
            &[("start.date", Conflict)],
        ),
        (json!({"start": {"dateTime": time}, "end": {"date": day}}), &[("end", Conflict)]),
        (json!({"start": {"date": day}, "end": {"dateTime": time}}), &[("end", Conflict)]),
        (json!({"start": {"date": day}, "endDateTime": time}), &[("endDateTime", Conflict)]),
    ] {
        refused(body, Repeats::Never, expected);
    }
}

#[test]
fn an_end_that_is_not_after_the_start_is_refused() {
    use FieldCode::TimeRangeEmpty;
    let zoned = |from: &str, to: &str, zone: &str| json!({"startDateTime": from, "endDateTime": to, "timeZone": zone});
    for (body, field) in [
        (zoned("2027-01-05T15:00", "2027-01-05T14:59:59", "UTC"), "endDateTime"),
        (json!({"start": {"date": "2027-01-05"}, "end": {"date": "2027-01-05"}}), "end"),
        (json!({"start": {"date": "2027-01-05"}, "end": {"date": "2027-01-04"}}), "end"),
        // On the wall 14:00 is before 15:00; as instants it is not.
        (zoned("2027-01-05T14:00-08:00", "2027-01-05T15:00Z", "UTC"), "endDateTime"),
        (
            json!({
                "start": {"dateTime": "2027-01-05T14:00:00", "timeZone": "America/New_York"},
                "end": {"dateTime": "2027-01-05T15:00:00", "timeZone": "Asia/Tokyo"},
            }),
            "end",
        ),
        // New York skips 02:00–03:00 that night, so 02:30 is 03:30.
        (zoned("2027-03-14T02:30", "2027-03-14T03:15", "America/New_York"), "endDateTime"),
    ] {
        refused(body, Repeats::Never, &[(field, TimeRangeEmpty)]);
    }
}

#[test]
fn clocks_that_change_change_how_long_it_lasts_and_not_what_is_sent() {
    for (zone, from, to, start, end) in [
        (
            "America/New_York",
            "2027-03-14T01:30",
            "2027-03-14T02:30",
            "2027-03-14T06:30:00Z",
            "2027-03-14T07:30:00Z",
        ),
        (
            "America/New_York",
            "2027-03-14T01:30",
            "2027-03-14T03:00",
            "2027-03-14T06:30:00Z",
            "2027-03-14T07:00:00Z",
        ),
        (
            "America/New_York",
            "2027-11-07T00:30",
            "2027-11-07T01:30",
            "2027-11-07T04:30:00Z",
            "2027-11-07T05:30:00Z",
        ),
        (
            "America/New_York",
            "2027-11-07T01:30",
            "2027-11-07T02:30",
            "2027-11-07T05:30:00Z",
            "2027-11-07T07:30:00Z",
        ),
        (
            "Australia/Lord_Howe",
            "2027-10-03T01:45",
            "2027-10-03T02:45",
            "2027-10-02T15:15:00Z",
            "2027-10-02T15:45:00Z",
        ),
    ] {
        let body = json!({"startDateTime": from, "endDateTime": to, "timeZone": zone});
        let (event, ..) = settled(body.clone(), Repeats::Never);
        assert_eq!(event["start"], json!({"dateTime": format!("{from}:00"), "timeZone": zone}));
        assert_eq!(instants(body), (start.to_owned(), end.to_owned()), "{from} in {zone}");
    }
    // The second 01:30 of the fold can be said with its offset.
    let second = json!({
        "startDateTime": "2027-11-07T01:30-04:00", "endDateTime": "2027-11-07T01:30-05:00",
        "timeZone": "America/New_York",
    });
    let (start, end) = instants(second);
    assert_eq!((start.as_str(), end.as_str()), ("2027-11-07T05:30:00Z", "2027-11-07T06:30:00Z"));
}

#[test]
fn bad_times_and_zones_are_named_once() {
    use FieldCode::{InvalidDate, InvalidDateTime, InvalidTimeZone};
    let time = "2027-01-05T14:00";
    for (body, expected) in [
        (
            json!({"startDateTime": "soon", "endDateTime": time, "timeZone": "UTC"}),
            &[("startDateTime", InvalidDateTime)][..],
        ),
        (
            json!({"startDateTime": "2027-01-05", "endDateTime": "2027-01-06", "timeZone": "UTC"}),
            &[("startDateTime", InvalidDateTime), ("endDateTime", InvalidDateTime)],
        ),
        (
            json!({"start": {"date": "2027-01-05T00:00:00"}, "end": {"date": "05.01.2027"}}),
            &[("start.date", InvalidDate), ("end.date", InvalidDate)],
        ),
        (
            json!({"startDateTime": time, "endDateTime": time, "timeZone": "IST"}),
            &[("timeZone", InvalidTimeZone)],
        ),
        (
            json!({
                "start": {"dateTime": time, "timeZone": "Eastern Standard Time"},
                "end": {"dateTime": time, "timeZone": "UTC"},
            }),
            &[("start.timeZone", InvalidTimeZone)],
        ),
        (
            json!({"start": {"date": "2027-01-05", "timeZone": "X"}, "end": {"date": "2027-01-06"}}),
            &[("start.timeZone", InvalidTimeZone)],
        ),
    ] {
        let Value::Object(mut event) = body.clone() else { panic!("an object") };
        let mut problems = Problems::default();
        settle(&mut event, Repeats::Never, &mut problems);
        let found = problems.summary();
        let found: Vec<_> = found.iter().map(|(field, code)| (field.as_str(), *code)).collect();
        assert_eq!(found, expected, "{body}");
    }
}

#[test]
fn a_day_is_over_when_it_is_over_everywhere() {
    let (_, times, _) =
        settled(json!({"start": {"date": "2027-01-05"}, "end": {"date": "2027-01-06"}}), Repeats::Never);
    assert_eq!(times.unwrap().over(), "2027-01-06T12:00:00Z".parse().unwrap());
}
