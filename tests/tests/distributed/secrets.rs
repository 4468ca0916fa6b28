//! What rests and what is logged is searched for every token, title and address that was used.

use std::path::Path;
use std::time::Duration;

use lapin::options::BasicGetOptions;
use lapin::{Connection, ConnectionProperties};
use serde_json::json;
use tests::{
    Installation, PEOPLE, PERSONAL, Plan, RabbitServer, RedisServer, Search, VaultServer, Vhost,
    jobs_at_every_place, personal_event,
};

use crate::links::{PUBLIC, Visitor, link};

const SOON: Duration = Duration::from_secs(40);

/// Connects somebody through a link and Google's consent page; answers what of it is secret.
async fn connect(all: &Installation, account: &str, user: &str) -> Vec<String> {
    let path = link(all, account).await;
    let mut visitor = Visitor::new();
    let csrf = visitor.open(all, 0, &path).await;
    let google = visitor.send(all, 0, &path, Some(&csrf)).await;
    let back = visitor.consent(all, &google.location, user).await;
    let mut secrets: Vec<String> = visitor.cookies.values().cloned().collect();
    let done = visitor.send(all, 0, &back, None).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let code = back.split(['?', '&']).find_map(|part| part.strip_prefix("code=")).expect("a code");
    let token = path.rsplit('/').next().unwrap();
    secrets.extend([csrf, code.to_owned(), code.replace("%2F", "/"), token.to_owned()]);
    secrets.retain(|secret| secret.len() > 8);
    secrets
}

/// Puts everything into `folder` that is not in files yet.
async fn dump(all: &Installation, vhost: &Vhost, folder: &Path) {
    let write = |name: &str, text: &[u8]| std::fs::write(folder.join(name), text).unwrap();
    for (number, api) in all.apis().iter().enumerate() {
        let http = api.process().http();
        for path in ["/metrics", "/readyz"] {
            let said = http.get(api.process().admin(path)).send().await.unwrap().bytes().await.unwrap();
            write(&format!("{}-{number}", &path[1..]), &said);
        }
    }
    let broker = Connection::connect(&vhost.url(), ConnectionProperties::default()).await.unwrap();
    let channel = broker.create_channel().await.unwrap();
    let mut messages = Vec::new();
    for (queue, count) in vhost.messages().await {
        for _ in 0..count {
            // Unacknowledged: they go back with the connection.
            let got =
                channel.basic_get(queue.as_str().into(), BasicGetOptions { no_ack: false }).await.unwrap();
            let got = got.unwrap_or_else(|| panic!("a message in {queue}"));
            messages.extend(format!("{queue} {:?}\n", got.properties).bytes());
            messages.extend(&got.data);
            messages.push(b'\n');
        }
    }
    assert!(messages.len() > 5_000, "there were messages to look at");
    write("messages", &messages);
}

/// Everything that the server holds, in its files, as it is.
fn flush(server: &RedisServer) {
    let _ = server.command(&["CONFIG", "SET", "rdbcompression", "no"]);
    assert_eq!(server.command(&["SAVE"]), "OK");
}

async fn nothing_leaks(plan: Plan) {
    let broker = RabbitServer::start().await;
    let plan = plan.with("RUST_LOG", "trace").with("PUBLIC_URL", PUBLIC);
    let mut all = plan.start_in(broker.vhost().await).await;
    all.vhost().leaves_anything();
    let callback = json!({"redirect_uris": [format!("{PUBLIC}/oauth2callback")]});
    all.sandbox().view().control("/_sandbox/credentials", &callback).await;

    let mut secrets = Vec::new();
    for (account, user) in PEOPLE {
        secrets.extend(connect(&all, account, user).await);
        secrets.push(user.to_owned());
        let grant = all.sandbox().view().control("/_sandbox/tokens", &json!({"user": user})).await;
        secrets.push(grant["sub"].as_str().unwrap().to_owned());
    }
    secrets.extend(jobs_at_every_place(&all.sandbox().view(), &all.caller()).await);
    // And some that nobody has taken yet.
    all.worker(0).terminate().await;
    for number in 0..3 {
        let event = personal_event(PEOPLE[0].0, "primary");
        all.caller().submit(&event, &format!("fresh-{number}"), SOON).await;
    }
    let client = all.sandbox().view().read("/_sandbox/credentials").await;
    secrets.push(client["web"]["client_secret"].as_str().unwrap().to_owned());
    secrets.push(all.apis()[0].launch().key().expect("an admin key"));
    secrets.push(all.encryption_key().to_owned());
    secrets.extend(PERSONAL.iter().chain(&["guest:guest"]).map(|text| (*text).to_owned()));

    let folder = tempfile::tempdir().unwrap();
    dump(&all, all.vhost(), folder.path()).await;
    let mut places = vec![folder.path(), all.redis().dir(), broker.dir()];
    flush(all.redis());
    match all.vault() {
        VaultServer::Redis(server) => {
            flush(server);
            places.push(server.dir());
        }
        VaultServer::Postgres(server) => {
            let rows = server.sql(&server.url(), "SELECT * FROM calrelay_docs; CHECKPOINT");
            std::fs::write(folder.path().join("rows"), rows).unwrap();
            places.push(server.dir());
        }
    }
    for (number, member) in all.members().enumerate() {
        let said = member.said();
        assert!(said.contains("TRACE"), "it tells everything: {}", &said[..said.len().min(1_000)]);
        std::fs::write(folder.path().join(format!("log-{number}")), said).unwrap();
    }

    // The search finds what may be there: the name of the account, in each of these places.
    let clear = Search::new([PEOPLE[0].0.to_owned()]);
    for place in &places {
        assert!(!clear.hits(place).is_empty(), "nothing of this test is in {}", place.display());
    }
    let search = Search::new(secrets);
    let hits: Vec<String> = places.iter().flat_map(|place| search.hits(place)).collect();
    assert!(hits.is_empty(), "{} hits, such as\n{}", hits.len(), hits[..hits.len().min(40)].join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_or_personal_rests_in_the_clear_or_is_logged_even_at_trace() {
    nothing_leaks(Plan::new(1, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_with_the_vault_in_postgres() {
    nothing_leaks(Plan::new(1, 1).on_postgres()).await;
}
