//! A receiver of webhooks that answers 410, and an operator who thinks better of it.

use std::time::Duration;

use serde_json::json;
use tests::{Calrelay, Launch, eventually};

use crate::receiver::{Receiver, tells};

async fn done(calrelay: &Calrelay, key: &str) -> String {
    let event = json!({
        "summary": "Tea", "conference": false,
        "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
    });
    let id = calrelay.submit(&event, key).await.expect("accepted");
    eventually("the job's success", Duration::from_secs(30), || async {
        (calrelay.job(&id).await["state"] == "succeeded").then_some(())
    })
    .await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_was_muted_by_its_410_is_told_again_after_an_operator_says_so() {
    let receiver = Receiver::start();
    receiver.answer(410);
    let launch = receiver.told_by(Launch::new());
    let calrelay = launch.start().await;
    assert!(launch.run(&["notices", "show"]).contains("No receiver of webhooks is muted"));
    done(&calrelay, "refused").await;
    eventually("the receiver to be muted", Duration::from_secs(30), || async {
        let said = launch.run(&["notices", "show"]);
        (said.contains("answered 410") && said.contains("notices unmute")).then_some(())
    })
    .await;
    receiver.answer(204);
    done(&calrelay, "meanwhile").await;
    let said = launch.run(&["notices", "unmute"]);
    assert!(said.contains("within 30 s"), "{said}");
    let mut number = 0;
    while receiver.taken().len() == 1 {
        number += 1;
        assert!(number < 1_000, "nothing was told any more");
        done(&calrelay, &format!("after-{number}")).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(launch.run(&["notices", "unmute"]).contains("No receiver of webhooks is muted"));
    let last = done(&calrelay, "last").await;
    eventually("the last success to be told", Duration::from_secs(30), || async {
        receiver.taken().iter().any(|(id, _)| tells(id, &last, "succeeded")).then_some(())
    })
    .await;
}
