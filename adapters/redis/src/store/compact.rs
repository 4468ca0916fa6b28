//! The record of a job that succeeded, in as few bytes as its status needs. Persisted: a new layout gets a new
//! mark, the fields of [`Job`] that this one does not know stand behind the others as JSON.
//!
//! `<mark> <nine random characters> <submitted> <ended> <changed> <deadline> <hop> <hash> <owner> <account> <result>
//! <the rest>`: the mark says which version the hash has; the instant of submission is eight bytes that sort as time
//! does, the other instants are how much later they are, in nanoseconds; numbers are LEB128, the signed ones zigzag;
//! a text follows its length. What is behind the first ten characters is written seven bits to a character: a build
//! that does not know this form takes bytes that are no UTF-8 for a broken connection, and text for a record that it
//! cannot read.
//!
//! Of the request's hashes the newest is kept: an older one is compared only with a request that has no newer one,
//! and those come from builds that do not read this.

use data_encoding::{BASE64, HEXLOWER};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use common::fingerprint::Fingerprint;
use common::job::{Effect, Job, JobId, JobState, Tally};
use common::random;

/// Tells this layout from others, which begin with a hexadecimal digit: one mark for each version of the hash.
const MARKS: [u8; 2] = [1, 2];
/// Bytes of each hash of the request.
const HASH: usize = 16;
/// What a record is made of whose every part is in a place of its own. Nobody asks for the trace of a job that
/// has ended: what went on in it has been told.
const PLACED: [&str; 14] = [
    "id",
    "owner",
    "account",
    "state",
    "effect",
    "hop",
    "submittedAt",
    "updatedAt",
    "finishedAt",
    "notAfter",
    "cancelRequested",
    "fingerprint",
    "fingerprint2",
    "trace",
];

/// Characters before what is written seven bits to a character: the mark, and the random ones. With what follows they
/// are the record's version.
const HEAD: usize = 10;

/// Whether a record is of this layout.
pub(super) fn is(text: &[u8]) -> bool {
    text.first().is_some_and(|mark| MARKS.contains(mark))
}

/// `None` for a job that is no plain success, or that has something in it that never is.
pub(super) fn encode(job: &Job) -> Option<Vec<u8>> {
    let (JobState::Succeeded { result }, Effect::Done, false) =
        (&job.state, job.effect, job.cancel_requested)
    else {
        return None;
    };
    let (submitted, finished) = (nanos(job.submitted_at)?, nanos(job.finished_at?)?);
    let (updated, deadline) = (nanos(job.updated_at)?, nanos(job.not_after)?);
    let (mark, hash) = match job.fingerprint.v2() {
        Some(hash) => (MARKS[1], hash),
        None => (MARKS[0], job.fingerprint.v1()),
    };
    let hash: [u8; HASH] = HEXLOWER.decode(hash.as_bytes()).ok()?.try_into().ok()?;
    // In hexadecimal these eight bytes begin the record's entries.
    let mut bytes = (submitted.cast_unsigned() ^ (1 << 63)).to_be_bytes().to_vec();
    signed(&mut bytes, finished.checked_sub(submitted)?);
    signed(&mut bytes, updated.checked_sub(finished)?);
    signed(&mut bytes, deadline.checked_sub(submitted)?);
    number(&mut bytes, job.hop.into());
    bytes.extend(hash);
    for part in [job.owner.as_str().as_bytes(), job.account.as_str().as_bytes(), result.as_bytes()] {
        number(&mut bytes, part.len() as u64);
        bytes.extend(part);
    }
    let rest = rest(job);
    if !rest.is_empty() {
        bytes.extend(serde_json::to_vec(&rest).expect("a job is plain data"));
    }
    let mut text = vec![mark];
    text.extend(random::bytes::<{ HEAD - 1 }>().map(|byte| byte & 0x7f));
    text.extend(characters(&bytes));
    Some(text)
}

/// What has no place of its own, where there is anything to say.
fn rest(job: &Job) -> Map<String, Value> {
    let Ok(Value::Object(mut rest)) = serde_json::to_value(job) else {
        return Map::new();
    };
    rest.retain(|name, value| !PLACED.contains(&name.as_str()) && !value.is_null());
    if job.tally == Tally::default() {
        rest.remove("tally");
    }
    rest
}

/// `None` for what is no record of this layout.
pub(super) fn decode(id: &JobId, text: &[u8]) -> Option<Job> {
    let (mark, bytes) = (text.first()?, bytes(text.get(HEAD..)?));
    let mut reader = Reader(&bytes);
    let submitted = (u64::from_be_bytes(reader.chunk()?) ^ (1 << 63)).cast_signed();
    let finished = submitted.checked_add(reader.signed()?)?;
    let updated = finished.checked_add(reader.signed()?)?;
    let deadline = submitted.checked_add(reader.signed()?)?;
    let hop = reader.number()?;
    let hash = HEXLOWER.encode(&reader.chunk::<HASH>()?);
    let fingerprint = match MARKS.iter().position(|known| known == mark)? {
        0 => Fingerprint::stored(hash, None),
        _ => Fingerprint::stored(String::new(), Some(hash)),
    };
    let (owner, account, result) = (reader.text()?, reader.text()?, reader.part()?);
    let mut job = match reader.0 {
        [] => Map::new(),
        rest => serde_json::from_slice(rest).ok()?,
    };
    let placed = json!({
        "id": id,
        "owner": owner,
        "account": account,
        "state": {"is": "succeeded", "result": BASE64.encode(result)},
        "effect": Effect::Done,
        "hop": hop,
        "submittedAt": time(submitted)?,
        "updatedAt": time(updated)?,
        "finishedAt": time(finished)?,
        "notAfter": time(deadline)?,
        "cancelRequested": false,
    });
    for part in [placed, serde_json::to_value(fingerprint).ok()?] {
        job.extend(part.as_object()?.clone());
    }
    job.entry("tally").or_insert(json!(Tally::default()));
    serde_json::from_value(Value::Object(job)).ok()
}

/// Seven bits to a character, the last one filled up with zeros.
fn characters(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len() * 8 / 7 + 1);
    let (mut held, mut bits) = (0_u16, 0);
    for byte in bytes {
        held = held << 8 | u16::from(*byte);
        bits += 8;
        while bits >= 7 {
            bits -= 7;
            text.push((held >> bits & 0x7f) as u8);
        }
        held &= 0x7f;
    }
    if bits > 0 {
        text.push((held << (7 - bits) & 0x7f) as u8);
    }
    text
}

fn bytes(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut held, mut bits) = (0_u16, 0);
    for character in text {
        held = (held << 7 | u16::from(character & 0x7f)) & 0x7fff;
        bits += 7;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    bytes
}

fn nanos(instant: Timestamp) -> Option<i64> {
    i64::try_from(instant.as_nanosecond()).ok()
}

fn time(nanos: i64) -> Option<Timestamp> {
    Timestamp::from_nanosecond(nanos.into()).ok()
}

fn number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn signed(bytes: &mut Vec<u8>, value: i64) {
    number(bytes, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// What is still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn chunk<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        let (chunk, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*chunk)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn part(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.part()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::job::{Failure, Step};
    use common::sample;
    use common::seal::Sealed;
    use common::trace::TraceContext;

    fn succeeded() -> Job {
        let job = sample::job("local", "default").with(|fields| fields.state = JobState::Queued);
        job.take(&Step::Succeed(sample::sealed()), sample::at(1)).unwrap()
    }

    #[test]
    fn what_is_kept_is_pinned() {
        let hash = |digit: &str| digit.repeat(32);
        let job = succeeded().with(|fields| {
            fields.id = JobId::parse("00000000000000000000000000").unwrap();
            fields.state = JobState::Succeeded { result: Sealed::try_from("AQID".to_owned()).unwrap() };
            fields.fingerprint = Fingerprint::stored(hash("1"), Some(hash("2")));
            fields.hop = 300;
        });
        // Submission, a second, nothing, seven days, hop 300, the second hash, "local", "default", the result.
        let inside = concat!(
            "98f6064641a68000",
            "80a8d6b907",
            "00",
            "8080c892ff839302",
            "ac02",
            "22222222222222222222222222222222",
            "056c6f63616c",
            "0764656661756c74",
            "03010203",
        );
        let golden = concat!(
            "4c3d406432064d000020150d35640e0040201909177e0713012b0022110844",
            "2211084422110844221108442211080a6c37586c16601d486533182e5663500601010060",
        );
        let text = encode(&job).unwrap();
        assert!(is(&text) && !is(b"{"));
        assert_eq!(HEXLOWER.encode(&bytes(&text[HEAD..])), inside);
        assert_eq!((text[0], HEXLOWER.encode(&text[HEAD..])), (2, golden.to_owned()));
        assert_ne!(encode(&job).unwrap()[..HEAD], text[..HEAD], "each has a version of its own");
        assert!(text.is_ascii());
        assert_eq!(decode(&job.id, &text), Some(kept(&job)));
        let former = job.with(|fields| fields.fingerprint = Fingerprint::stored(hash("2"), None));
        let text = encode(&former).unwrap();
        assert_eq!((text[0], HEXLOWER.encode(&text[HEAD..])), (1, golden.to_owned()));
        assert_eq!(decode(&job.id, &text), Some(kept(&former)));
    }

    /// The same as it is read again.
    fn kept(job: &Job) -> Job {
        let v1 = if job.fingerprint.v2().is_none() { job.fingerprint.v1() } else { "" };
        let fingerprint = Fingerprint::stored(v1.to_owned(), job.fingerprint.v2().map(str::to_owned));
        job.with(|fields| {
            fields.trace = None;
            fields.fingerprint = fingerprint;
        })
    }

    #[test]
    fn nothing_is_lost_that_is_asked_for() {
        let plain = succeeded();
        let v1 = || plain.fingerprint.v1().to_owned();
        let tally = Tally { attempts: 1, deferrals: 300, crashes: 2 };
        let early = "1950-01-01T00:00:00.000000001Z".parse().unwrap();
        for job in [
            plain.clone(),
            plain.with(|fields| {
                fields.tally = tally;
                fields.hop = u32::MAX;
            }),
            plain.with(|fields| fields.fingerprint = Fingerprint::stored(v1(), Some("0f".repeat(16)))),
            plain.with(|fields| fields.not_before = Some(sample::at(5))),
            plain.with(|fields| {
                fields.submitted_at = early;
                fields.not_after = early;
            }),
            plain.with(|fields| fields.updated_at = sample::at(0)),
            plain.with(|fields| fields.trace = Some(TraceContext::fresh())),
            plain.with(|fields| fields.conference_refused = Some(sample::sealed())),
        ] {
            let again = decode(&job.id, &encode(&job).unwrap()).unwrap();
            assert_eq!(again, kept(&job), "{job:?}");
            assert!(again.fingerprint.is_same_request(&job.fingerprint));
        }
    }

    #[test]
    fn what_a_later_build_adds_is_kept() {
        let job = succeeded();
        let text = encode(&job).unwrap();
        let mut inside = bytes(&text[HEAD..]);
        inside.extend(br#"{"later":[1]}"#);
        let mut later = text[..HEAD].to_vec();
        later.extend(characters(&inside));
        assert_eq!(decode(&job.id, &later), Some(job));
    }

    #[test]
    fn seven_bits_to_a_character_are_eight_to_a_byte_again() {
        for length in 0..40_u8 {
            let some: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(97).wrapping_add(200)).collect();
            assert_eq!(bytes(&characters(&some)), some);
        }
    }

    #[test]
    fn what_is_no_plain_success_is_left_as_it_is() {
        let plain = succeeded();
        let odd = Fingerprint::stored("xyz".to_owned(), None);
        for job in [
            plain.with(|fields| fields.state = JobState::Failed(Failure { ..sample::failure() })),
            plain.with(|fields| fields.state = JobState::Cancelled),
            plain.with(|fields| fields.cancel_requested = true),
            plain.with(|fields| fields.effect = Effect::Unknown),
            plain.with(|fields| fields.fingerprint = odd),
            plain.with(|fields| fields.finished_at = None),
            plain.with(|fields| fields.not_after = Timestamp::MAX),
        ] {
            assert_eq!(encode(&job), None, "{job:?}");
        }
    }

    #[test]
    fn what_was_cut_short_is_no_record() {
        let job = succeeded();
        let bytes = encode(&job).unwrap();
        for length in 0..bytes.len() {
            assert_eq!(decode(&job.id, &bytes[..length]), None, "{length} of {}", bytes.len());
        }
    }
}
