//! An erased account: nothing that was sealed for it can be read any more, wherever a copy lies.

use std::time::Duration;

use common::account::AccountId;
use common::message::Message;
use common::port::Shelf;
use common::seal::OpenError;
use lapin::options::BasicGetOptions;
use lapin::{Connection, ConnectionProperties};
use serde_json::{Value, json};
use tests::{Installation, Plan, accounts, connect, event_of, eventually, succeeded};

const SOON: Duration = Duration::from_secs(60);
const TITLE: &str = "Merger talks";
const ACCOUNT: &str = "crm";

/// Every message about a job, in whatever queue: they go back with the connection.
async fn copies(all: &Installation) -> Vec<Message> {
    let broker = Connection::connect(&all.vhost().url(), ConnectionProperties::default()).await.unwrap();
    let channel = broker.create_channel().await.unwrap();
    let mut copies = Vec::new();
    for (queue, count) in all.vhost().messages().await {
        for _ in 0..count {
            let got =
                channel.basic_get(queue.as_str().into(), BasicGetOptions { no_ack: false }).await.unwrap();
            copies.extend(got.and_then(|got| Message::from_bytes(&got.data).ok()));
        }
    }
    broker.close(200, "done".into()).await.unwrap();
    copies
}

async fn shown(all: &Installation, id: &str) -> Vec<Value> {
    let caller = all.caller();
    let mut records = Vec::new();
    for _ in all.apis() {
        records.push(caller.job(id).await.unwrap().body);
    }
    records
}

async fn nothing_is_left(plan: Plan) {
    let all = plan.unlimited().start().await;
    // Copies of what was to come stay in the queue until their time.
    all.vhost().leaves_anything();
    let (caller, google) = (all.caller(), all.sandbox().view());
    connect(&all, ACCOUNT, "ada@example.com", &[]).await;
    let submit = async |event: Value, key: &str| caller.submit(&event, key, SOON).await.id;
    let done = submit(event_of(ACCOUNT, "primary", TITLE), "done").await;
    succeeded(&caller, &done, SOON).await;
    google.fault(json!({"method": "events.insert", "status": 400, "reason": "invalid", "count": 1})).await;
    let failed = submit(event_of(ACCOUNT, "primary", TITLE), "failed").await;
    eventually("a dead letter", SOON, || async {
        (caller.job(&failed).await.ok()?.body["state"] == "failed").then_some(())
    })
    .await;
    let mut later = event_of(ACCOUNT, "primary", TITLE);
    later["notBefore"] = json!("2027-02-01T00:00:00Z");
    let waiting = submit(later, "waiting").await;

    let (before, id) = (accounts(&all).await, AccountId::parse(ACCOUNT).unwrap());
    let account = before.get_now(&id).await.unwrap().unwrap();
    let keys = account.seal_keys(before.ring()).unwrap();
    let copies_before = eventually("both copies in the broker", SOON, || async {
        let copies = copies(&all).await;
        let has = |id: &str| copies.iter().any(|copy| copy.job.as_str() == id);
        (has(&failed) && has(&waiting)).then_some(copies)
    })
    .await;
    for copy in &copies_before {
        let payload = keys.open(copy.job.as_str(), &copy.payload).unwrap();
        assert!(serde_json::to_string(&payload).unwrap().contains(TITLE), "or there is nothing to hide");
    }

    let told = all.apis()[0].launch().run(&["accounts", "erase", ACCOUNT]);
    assert!(told.contains("given back to Google") && told.contains("crm is erased"), "{told}");
    let after = accounts(&all).await;
    assert_eq!(after.get_now(&id).await.unwrap(), None);
    let mut left = copies(&all).await;
    assert!(left.iter().any(|copy| copy.job.as_str() == failed), "a copy is where it was");
    left.extend(copies_before);
    for copy in &left {
        assert_eq!(after.unlock(&id, copy.payload.key_id().unwrap()).await.unwrap().map(|_| ()), None);
    }
    // Its key is nowhere in the vault, under whatever name.
    let vault = tests::open_vault(&all.vault().url(), None).await.unwrap();
    let key = String::from(account.seal_key.clone());
    for shelf in Shelf::ALL {
        for (name, doc) in vault.list(shelf).await.unwrap() {
            assert!(!doc.value.to_string().contains(&key), "{shelf:?} {name}");
            assert!(shelf != Shelf::Accounts || name != ACCOUNT, "{name}");
        }
    }
    for (id, state) in [(&done, "succeeded"), (&failed, "failed"), (&waiting, "cancelled")] {
        for record in shown(&all, id).await {
            assert_eq!(record["state"], state, "{record}");
            assert!(record["calendarId"].is_null() && record["result"].is_null(), "{record}");
            assert!(record["error"]["detail"].is_null(), "{record}");
        }
    }
    // Nor does whoever has the name next get at it.
    connect(&all, ACCOUNT, "eve@example.com", &[]).await;
    let next = after.get_now(&id).await.unwrap().unwrap();
    let keys = next.seal_keys(after.ring()).unwrap();
    for copy in &left {
        let opened = keys.open(copy.job.as_str(), &copy.payload);
        assert!(matches!(opened, Err(OpenError::UnknownKey(_))), "{}", copy.job);
    }
    let restored = all.apis()[0].launch().run(&["jobs", "restore", &failed]);
    assert!(!restored.contains(TITLE), "{restored}");
    let own = submit(event_of(ACCOUNT, "primary", "Of Eve"), "own").await;
    succeeded(&caller, &own, SOON).await;
    let events = google.events().await;
    let of_eve = events.iter().filter(|(_, stored)| stored.event["user"] == "eve@example.com");
    assert_eq!(of_eve.map(|(id, _)| id).collect::<Vec<_>>(), [&own]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_erased_account_nothing_can_be_read_any_more_wherever_a_copy_lies() {
    nothing_is_left(Plan::new(2, 2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_with_its_vault_in_postgres() {
    nothing_is_left(Plan::new(1, 1).on_postgres()).await;
}
