//! Tables of times: what goes to Google, and what is refused.

use serde_json::json;

use super::*;

fn settled(body: Value, repeats: Repeats) -> (Value, Option<Times>, Vec<(String, FieldCode)>) {
    let (event, times, problems) = changed(body, repeats);
    (event, times, problems.summary())
}

fn changed(body: Value, repeats: Repeats) -> (Value, Option<Times>, Problems) {
    let Value::Object(mut event) = body else { panic!("an object") };
    let mut problems = Problems::default();
    let times = settle(&mut event, repeats, &mut problems);
    assert_eq!(times.is_none(), !problems.summary().is_empty(), "reported, or settled: {event:?}");
    (Value::Object(event), times, problems)
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
        // Flat, with offsets: they fix the instants, and no zone is added.
        (
            json!({"startDateTime": "2027-01-05T14:00+05:30", "endDateTime": "2027-01-05T14:00Z"}),
            json!({"dateTime": "2027-01-05T14:00:00+05:30"}),
            json!({"dateTime": "2027-01-05T14:00:00Z"}),
        ),
        // Google's, as JavaScript writes it.
        (
            json!({
                "start": {"dateTime": "2027-01-05T08:00:00.000Z"},
                "end": {"dateTime": "2027-01-05T09:00:00.000Z"},
            }),
            json!({"dateTime": "2027-01-05T08:00:00.000Z"}),
            json!({"dateTime": "2027-01-05T09:00:00.000Z"}),
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
            json!({"dateTime": "2027-01-05T14:00:00Z"}),
            json!({"dateTime": "2027-01-05T15:00:00+01:00"}),
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
        (json!({"start": {"dateTime": time}, "end": {"dateTime": time}}), &[("start.timeZone", Required)]),
        (
            json!({"start": {"dateTime": "2027-01-05T14:00:00Z"}, "end": {"dateTime": time}}),
            &[("end.timeZone", Required)],
        ),
        (json!({"start": {"dateTime": time}, "endDateTime": time}), &[("start.timeZone", Required)]),
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
    let google = |zone: Value| {
        json!({
            "start": {"dateTime": "2027-01-05T14:00:00Z"},
            "end": {"dateTime": "2027-01-05T15:00:00+00:00", "timeZone": zone},
        })
    };
    refused(google(Value::Null), Repeats::Yes, &[("start.timeZone", Required)]);
    refused(google(json!("UTC")), Repeats::Yes, &[]);
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
                "start": {"dateTime": time, "timeZone": "Eastern Standard Time 1"},
                "end": {"dateTime": time, "timeZone": "UTC"},
            }),
            &[("start.timeZone", InvalidTimeZone)],
        ),
        // One that is wrong is not also missing on the other side.
        (
            json!({"start": {"dateTime": time, "timeZone": "PST"}, "end": {"dateTime": time}}),
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

#[test]
fn a_zone_named_on_one_side_serves_both_and_two_stay_two() {
    let time = |text: &str, zone: Option<&str>| match zone {
        Some(zone) => json!({"dateTime": text, "timeZone": zone}),
        None => json!({ "dateTime": text }),
    };
    let (berlin, tokyo) = (Some("Europe/Berlin"), Some("Asia/Tokyo"));
    let (local, fixed) = ("2027-01-05T14:00:00", "2027-01-05T14:00:00+01:00");
    for (start, end, zones) in [
        (time(local, berlin), time(local, None), (berlin, berlin)),
        (time(local, None), time(local, berlin), (berlin, berlin)),
        (time(fixed, berlin), time(fixed, None), (berlin, berlin)),
        (time(fixed, None), time(fixed, berlin), (berlin, berlin)),
        (time(fixed, None), time(local, berlin), (berlin, berlin)),
        (time(local, tokyo), time(fixed, berlin), (tokyo, berlin)),
        (time(fixed, None), time(fixed, None), (None, None)),
    ] {
        for repeats in [Repeats::Never, Repeats::Yes] {
            if repeats == Repeats::Yes && zones.0.is_none() {
                continue;
            }
            let (event, _, problems) = settled(json!({"start": start, "end": end}), repeats);
            assert_eq!(problems, [], "{start} {end}");
            let of = |side: &str| event[side].get("timeZone").and_then(Value::as_str);
            assert_eq!((of("start"), of("end")), zones, "{start} {end}");
        }
    }
    // In either form of the other side.
    let mixed = json!({"start": time(local, berlin), "endDateTime": "2027-01-05T15:00"});
    let (event, ..) = settled(mixed, Repeats::Never);
    assert_eq!(event["end"], json!({"dateTime": "2027-01-05T15:00:00", "timeZone": "Europe/Berlin"}));
}

#[test]
fn a_windows_zone_reaches_google_by_its_iana_name_and_is_told() {
    let time = "2027-01-05T14:00";
    for (body, zones, told) in [
        (
            json!({"startDateTime": time, "endDateTime": time, "timeZone": "W. Europe Standard Time"}),
            ("Europe/Berlin", "Europe/Berlin"),
            &["timeZone"][..],
        ),
        (
            json!({
                "start": {"dateTime": time, "timeZone": "Eastern Standard Time"},
                "end": {"dateTime": time, "timeZone": "us mountain standard time"},
            }),
            ("America/New_York", "America/Phoenix"),
            &["start.timeZone", "end.timeZone"],
        ),
        (
            json!({
                "start": {"dateTime": time, "timeZone": "UTC"},
                "end": {"dateTime": "2027-01-06T14:00", "timeZone": "UTC+12"},
            }),
            ("UTC", "Etc/GMT-12"),
            &["end.timeZone"],
        ),
        (
            json!({
                "start": {"date": "2027-01-05", "timeZone": "FLE Standard Time"},
                "end": {"date": "2027-01-06", "timeZone": "Europe/Kyiv"},
            }),
            ("Europe/Kiev", "Europe/Kyiv"),
            &["start.timeZone"],
        ),
    ] {
        let (event, _, problems) = changed(body.clone(), Repeats::Yes);
        let of = |side: &str| event[side]["timeZone"].as_str().unwrap();
        assert_eq!((of("start"), of("end")), zones, "{body}");
        let told: Vec<_> = told.iter().map(|field| ((*field).to_owned(), WarningCode::WindowsZone)).collect();
        assert_eq!(problems.changes(), told, "{body}");
    }
}

#[test]
fn a_day_that_ends_when_it_begins_is_one_whole_day_and_is_told() {
    for (day, next) in [
        ("2027-01-05", "2027-01-06"),
        ("2028-02-28", "2028-02-29"),
        ("1948-12-31", "1949-01-01"),
        ("1601-01-01", "1601-01-02"),
        ("2200-12-31", "2201-01-01"),
    ] {
        for repeats in [Repeats::Never, Repeats::Yes] {
            let body = json!({"start": {"date": day}, "end": {"date": day}});
            let (event, times, problems) = changed(body, repeats);
            assert_eq!(event, json!({"start": {"date": day}, "end": {"date": next}}));
            assert_eq!(problems.changes(), [("end.date".to_owned(), WarningCode::OneDay)]);
            let Some(Times::AllDay { end, .. }) = times else { panic!("{times:?}") };
            assert_eq!(end.to_string(), next);
            // What was made of it is one day without more words.
            assert_eq!(changed(event, repeats).2.changes(), []);
        }
    }
}

#[test]
fn times_of_long_ago_and_far_ahead_are_instants() {
    // Zones were made of local mean time then, whose offsets have seconds; what goes to Google is
    // what the caller wrote.
    let old = json!({"startDateTime": "1890-06-01T12:00", "endDateTime": "1890-06-01T13:00", "timeZone": "Europe/Berlin"});
    let (event, ..) = settled(old.clone(), Repeats::Never);
    assert_eq!(event["start"], json!({"dateTime": "1890-06-01T12:00:00", "timeZone": "Europe/Berlin"}));
    assert_eq!(instants(old), ("1890-06-01T11:06:32Z".to_owned(), "1890-06-01T12:06:32Z".to_owned()));
    let first =
        json!({"startDateTime": "1601-01-01T00:00+18:00", "endDateTime": "2200-12-31T23:59:59-18:00"});
    assert_eq!(instants(first), ("1600-12-31T06:00:00Z".to_owned(), "2201-01-01T17:59:59Z".to_owned()));
    for zone in ["Asia/Manila", "America/Juneau", "Africa/Monrovia", "Pacific/Apia", "Asia/Kolkata"] {
        let body =
            json!({"startDateTime": "1601-01-01T00:00", "endDateTime": "2200-12-31T23:59", "timeZone": zone});
        assert_eq!(settled(body, Repeats::Yes).2, [], "{zone}");
    }
}
