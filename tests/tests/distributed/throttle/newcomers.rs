//! Workers that start while Redis is away: nobody has counted them, and together they stay under every limit.

use super::*;

const ALLOWED: u32 = 30;
/// A newcomer has begun to take after this: the others have heard of it, and it has found out that Redis is away.
const BEGUN: Duration = Duration::from_secs(16);
const SPAN: Duration = Duration::from_secs(4);

/// How Redis is away.
#[derive(Debug, Clone, Copy)]
enum Away {
    Killed,
    Hanging,
    RefusingWrites,
}

impl Away {
    fn begin(self, server: &RedisServer) {
        match self {
            Self::Killed => server.kill(),
            Self::Hanging => server.freeze(),
            Self::RefusingWrites => drop(server.command(&["CONFIG", "SET", "min-replicas-to-write", "1"])),
        }
    }

    async fn end(self, server: &RedisServer) {
        match self {
            Self::Killed => server.start_again().await,
            Self::Hanging => server.thaw(),
            Self::RefusingWrites => drop(server.command(&["CONFIG", "SET", "min-replicas-to-write", "0"])),
        }
    }
}

fn limits() -> [Limit; 2] {
    [limit("paced", Window::Second, ALLOWED), limit("wide", Window::Minute, 60 * ALLOWED)]
}

/// What all may take in this span.
fn possible(span: Duration) -> f64 {
    span.as_secs_f64() * f64::from(ALLOWED)
}

async fn start_while_redis_is_away(away: Away) {
    let server = RedisServer::start(Durability::Nothing).await;
    away.begin(&server);
    let told = Told::new(3);
    let processes = [process(&server), process(&server), process(&server)];
    let _counted: Vec<_> = processes.iter().map(|process| process.join_as_worker(told.clone())).collect();
    let hammering = Hammering::start(&processes, &limits());
    let begun = hammering.go_on(BEGUN).await;
    let together = hammering.go_on(SPAN).await;
    assert!(processes.iter().all(|process| process.is_alone()), "{away:?}");
    away.end(&server).await;
    let all_back = || async { processes.iter().all(|process| !process.is_alone()).then_some(()) };
    eventually("Redis to be used again", SOON, all_back).await;
    // A broker that was told of more has no say any more.
    told.0.store(100, Ordering::Relaxed);
    let by_redis = || async { processes.iter().all(|process| process.workers() == 3).then_some(()) };
    hammering.go_on(SPAN).await;
    eventually("the count of Redis", SOON, by_redis).await;
    let taken = hammering.end().await;
    hold(&taken, ALLOWED as usize);
    let meanwhile = between(&taken, begun, together);
    assert!(meanwhile as f64 >= 0.7 * possible(together - begun), "{away:?}: {meanwhile}");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_start_while_redis_is_away_share_every_limit() {
    tokio::join!(
        start_while_redis_is_away(Away::Killed),
        start_while_redis_is_away(Away::Hanging),
        start_while_redis_is_away(Away::RefusingWrites),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_comes_while_redis_is_away_gets_its_share_of_the_others() {
    let server = RedisServer::start(Durability::Nothing).await;
    let told = Told::new(0);
    let old = [process(&server), process(&server)];
    let _old: Vec<_> = old.iter().map(|process| process.join_as_worker(told.clone())).collect();
    let all = || async { old.iter().all(|process| process.workers() == 2).then_some(()) };
    eventually("two workers to be counted", SOON, all).await;
    server.kill();
    let hammering = Hammering::start(&old, &limits());
    hammering.go_on(SPAN).await;
    // Two more come, as a scaler would have it.
    told.0.store(4, Ordering::Relaxed);
    let new = [process(&server), process(&server)];
    let _new: Vec<_> = new.iter().map(|process| process.join_as_worker(told.clone())).collect();
    let others = Hammering::beside(hammering.began, &new, &limits());
    let began = others.go_on(BEGUN).await;
    let end = others.go_on(SPAN).await;
    assert!(old.iter().chain(&new).all(|process| process.is_alone() && process.workers() == 4));
    let (theirs, mut taken) = (others.end().await, hammering.end().await);
    taken.extend(&theirs);
    taken.sort();
    hold(&taken, ALLOWED as usize);
    let meanwhile = between(&taken, began, end);
    assert!(meanwhile as f64 >= 0.7 * possible(end - began), "{meanwhile}");
    assert!(between(&theirs, began, end) > 0, "the newcomers get some of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_worker_has_all_of_every_limit_and_one_that_nobody_knows_of_takes_nothing() {
    let server = RedisServer::start(Durability::Nothing).await;
    server.kill();
    let (only, unknown) = (process(&server), process(&server));
    let _counted = (only.join_as_worker(Told::new(1)), unknown.join_as_worker(Told::new(0)));
    let hammering = (
        Hammering::start(std::slice::from_ref(&only), &limits()),
        Hammering::start(std::slice::from_ref(&unknown), &limits()),
    );
    let begun = hammering.0.go_on(BEGUN).await;
    let end = hammering.0.go_on(SPAN).await;
    let taken = hammering.0.end().await;
    assert_eq!(hammering.1.end().await, []);
    hold(&taken, ALLOWED as usize);
    let meanwhile = between(&taken, begun, end);
    assert!(meanwhile as f64 >= 0.7 * possible(end - begun), "{meanwhile}");
}
