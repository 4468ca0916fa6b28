//! The list of dates or times of an RDATE or EXDATE line.

use std::fmt;

use super::super::limits;
use super::super::rule::IcalTime;
use super::super::times::Times;
use super::super::zone::{self, Named, Zone};

/// Dates or times that are added to a series, or taken out of it.
pub(super) struct Dates<'a> {
    name: &'a str,
    parameters: Vec<Parameter<'a>>,
    list: Vec<String>,
}

enum Parameter<'a> {
    Zone { said: &'a str, zone: Zone },
    Value(String),
}

impl<'a> Dates<'a> {
    pub(super) fn read(
        name: &'a str,
        parameters: Option<&'a str>,
        list: &str,
        times: &Times,
    ) -> Result<Self, String> {
        let mut found = Vec::new();
        for parameter in parameters.into_iter().flat_map(|all| all.split(';')) {
            let parameter = Parameter::read(parameter)?;
            if found.iter().any(|known| std::mem::discriminant(known) == std::mem::discriminant(&parameter)) {
                return Err(ONCE.to_owned());
            }
            found.push(parameter);
        }
        let list = list.split(',').map(|time| time.trim().to_ascii_uppercase()).collect();
        let dates = Self { name, parameters: found, list };
        dates.check(times)?;
        Ok(dates)
    }

    /// The line as its caller wrote it, but for blanks and capitals.
    pub(super) fn said(&self) -> String {
        self.line(|_, said| said)
    }

    /// Whether the line names its zone as Windows does.
    pub(super) fn has_windows_zone(&self) -> bool {
        self.zone().is_some_and(|zone| match zone.named {
            Named::ByIana => false,
            Named::ByWindows => true,
        })
    }

    fn zone(&self) -> Option<&Zone> {
        self.parameters.iter().find_map(|parameter| match parameter {
            Parameter::Zone { zone, .. } => Some(zone),
            Parameter::Value(_) => None,
        })
    }

    fn value(&self) -> Option<&str> {
        self.parameters.iter().find_map(|parameter| match parameter {
            Parameter::Zone { .. } => None,
            Parameter::Value(value) => Some(value.as_str()),
        })
    }

    fn line<'s>(&'s self, zone_name: impl Fn(&'s Zone, &'s str) -> &'s str) -> String {
        let parameters: String = self
            .parameters
            .iter()
            .map(|parameter| match parameter {
                Parameter::Zone { said, zone } => format!(";TZID={}", zone_name(zone, said)),
                Parameter::Value(value) => format!(";VALUE={value}"),
            })
            .collect();
        format!("{}{parameters}:{}", self.name, self.list.join(","))
    }

    fn check(&self, times: &Times) -> Result<(), String> {
        let name = self.name;
        match self.value() {
            None | Some("DATE" | "DATE-TIME") => {}
            Some("PERIOD") => return Err(format!("{name} with VALUE=PERIOD is not supported")),
            Some(_) => return Err("VALUE is DATE or DATE-TIME".to_owned()),
        }
        for text in &self.list {
            let time = IcalTime::parse(text).ok_or_else(|| {
                format!("{name} is a list of dates or times such as 20271224 or 20271224T090000Z")
            })?;
            self.check_one(time, times)?;
            if self.name == "RDATE" && !limits::YEARS.contains(&time.day().year()) {
                let (first, last) = (limits::YEARS.start(), limits::YEARS.end());
                return Err(format!("{} must be in the years {first} to {last}", self.name));
            }
        }
        Ok(())
    }

    fn check_one(&self, time: IcalTime, times: &Times) -> Result<(), String> {
        let name = self.name;
        match (time, self.value()) {
            (IcalTime::Day(_), Some("DATE-TIME")) | (IcalTime::Utc(_) | IcalTime::Local(_), Some("DATE")) => {
                return Err(format!("{name} says one VALUE and lists another"));
            }
            _ => {}
        }
        match (time, times) {
            (IcalTime::Utc(_), _) if self.zone().is_some() => {
                Err(format!("{name} has a TZID and times in UTC; send one or the other"))
            }
            (IcalTime::Day(_), Times::Timed { .. }) => Err(format!(
                "{name} lists dates, which match no occurrence of an event that has a time; \
                 send times such as 20271224T090000Z"
            )),
            (IcalTime::Utc(_) | IcalTime::Local(_), Times::AllDay { .. }) => Err(format!(
                "{name} lists times, which match no occurrence of an all-day event; \
                 send dates such as {name};VALUE=DATE:20271224"
            )),
            (IcalTime::Day(_), Times::AllDay { .. })
            | (IcalTime::Utc(_) | IcalTime::Local(_), Times::Timed { .. }) => Ok(()),
        }
    }
}

/// As Google takes it.
impl fmt::Display for Dates<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line(|zone, _| &zone.name))
    }
}

const ONCE: &str = "RDATE and EXDATE take TZID and VALUE as parameters, once each";

impl<'a> Parameter<'a> {
    fn read(text: &'a str) -> Result<Self, String> {
        let (name, value) =
            text.split_once('=').ok_or("a parameter is NAME=VALUE, such as TZID=Europe/Berlin")?;
        match name.trim().to_ascii_uppercase().as_str() {
            "TZID" => Ok(Self::Zone { said: value.trim(), zone: zone::find(value.trim())? }),
            "VALUE" => Ok(Self::Value(value.trim().to_ascii_uppercase())),
            _ => Err(ONCE.to_owned()),
        }
    }
}
