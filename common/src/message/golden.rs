//! The messages that builds so far have published. [`super::tests`] has an older one, of which less was known.

use super::*;
use crate::golden::{self, bare_job, full_job, sealed};

const MESSAGES: &str = include_str!("golden/messages_v1.jsonl");

/// With everything in it that there can be.
fn laden() -> Message {
    let job = full_job();
    let failure = golden::jobs().into_iter().find_map(|job| match &job.state {
        JobState::Failed(failure) => Some(failure.clone()),
        JobState::Accepting { .. }
        | JobState::Queued
        | JobState::Running(_)
        | JobState::Waiting { .. }
        | JobState::Blocked { .. }
        | JobState::Succeeded { .. }
        | JobState::Cancelled => None,
    });
    let end = End::Both(sealed("b3V0Y29tZQ=="), failure.unwrap());
    Message {
        told: Some(BlockReason::Reauthorization),
        progress: Progress {
            turn: Some(job.submitted_at),
            invited: Some(job.updated_at),
            looked: Some(job.not_after),
        },
        ..Message::next_for(&job, Work::Record(end)).unwrap()
    }
}

/// Of every kind of work and of all that else has variants, one.
fn messages() -> Vec<Message> {
    let bare = bare_job().with(|fields| fields.payload = Some(sealed("cGF5bG9hZA==")));
    let bare = Message::next_for(&bare, Work::Create).unwrap();
    let news = [News::Succeeded, News::Failed, News::Updated].into_iter();
    let news: Vec<News> = news.chain(BlockReason::ALL.map(|why| News::Blocked { why })).collect();
    let notice = |(news, occurrence)| {
        let notice = Notice { news, at: bare.submitted_at, tries: 3, occurrence };
        Work::Notice { notice, end: None }
    };
    let mut messages = vec![laden(), bare.clone()];
    let work = [Work::Conference { looks: 2, end: None }].into_iter();
    let numbered = news.iter().map(|news| (*news, Some(7))).chain([(News::Succeeded, None)]);
    messages.extend(work.chain(numbered.map(notice)).map(|work| Message { work, ..bare.clone() }));
    let told = BlockReason::ALL.map(|why| Message { told: Some(why), ..bare.clone() });
    messages.extend(told);
    messages.extend(Effect::ALL.map(|effect| Message { effect, ..bare.clone() }));
    messages
}

#[test]
fn messages_are_written_and_read_as_they_were() {
    golden::holds(
        MESSAGES,
        &messages(),
        |message| String::from_utf8(message.to_bytes()).unwrap(),
        |line| Message::from_bytes(line.as_bytes()).unwrap(),
    );
}
