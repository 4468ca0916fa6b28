//! The operators' port, and what the ingress tells about itself.

use std::sync::Arc;

use api::{Admin, Dependency};
use serde_json::json;
use testing::failing::Publishing;
use testing::{Gate, wait_until};
use tokio_util::sync::CancellationToken;

use crate::client::get;
use crate::rig::Rig;

fn admin(rig: &Rig, public_url: Option<&str>) -> Admin {
    Admin {
        metrics: Arc::new(|| "calrelay_build_info 1\n".to_owned()),
        roles: vec![("api".to_owned(), rig.readiness.clone())],
        dependencies: Arc::new(|| vec![Dependency { name: "google".to_owned(), up: false }]),
        public_url: public_url.map(|url| url.parse().unwrap()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_loopback_operators_use_its_names_and_no_page_of_another_origin_gets_through() {
    let rig = Rig::start().await;
    let listening =
        admin(&rig, Some("https://cal.example.com")).bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let (address, stop) = (listening.address(), CancellationToken::new());
    let served = tokio::spawn(listening.serve(stop.clone()));
    for path in ["/metrics", "/livez", "/readyz", "/nowhere"] {
        let fine = if path == "/nowhere" { 404 } else { 200 };
        for (host, status) in [
            ("localhost:9464", fine),
            ("127.0.0.1:9464", fine),
            ("[::1]:9464", fine),
            ("cal.example.com", fine),
            ("evil.example:9464", 421),
            ("localhost.evil.example", 421),
            ("10.0.0.7:9464", 421),
            ("", 421),
        ] {
            assert_eq!(get(path).host(host).send(address).await.status, status, "{path} {host}");
        }
        for (origin, status) in [
            ("http://localhost:9464", fine),
            ("https://evil.example", 403),
            ("http://localhost:3001", 403),
            ("null", 403),
        ] {
            let request = get(path).host("localhost:9464").header("Origin", origin);
            assert_eq!(request.send(address).await.status, status, "{path} {origin}");
        }
    }
    get("/metrics").host("evil.example").send(address).await.problem(421, "misdirected");
    stop.cancel();
    served.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_loopback_prometheus_and_kubelets_ask_by_any_name() {
    let rig = Rig::start().await;
    let listening = admin(&rig, None).bind("0.0.0.0:0".parse().unwrap()).unwrap();
    let (port, stop) = (listening.address().port(), CancellationToken::new());
    let served = tokio::spawn(listening.serve(stop.clone()));
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    for host in ["10.244.1.7:9464", "worker:9464", "api.calrelay.svc.cluster.local:9464", "[fd00::7]:9464"] {
        for path in ["/metrics", "/livez", "/readyz"] {
            assert_eq!(get(path).host(host).send(address).await.status, 200, "{path} {host}");
        }
    }
    stop.cancel();
    served.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_are_on_a_port_of_their_own() {
    let rig = Rig::start().await;
    let listening = admin(&rig, None).bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listening.address();
    let stop = CancellationToken::new();
    let served = tokio::spawn(listening.serve(stop.clone()));
    let metrics = get("/metrics").send(address).await;
    assert_eq!((metrics.status, metrics.text()), (200, "calrelay_build_info 1\n"));
    assert_eq!(get("/livez").send(address).await.status, 200);
    let ready = get("/readyz").send(address).await;
    assert_eq!(ready.status, 200);
    assert_eq!(
        ready.json(),
        json!({"ready": true, "roles": {"api": true}, "dependencies": {"google": "down"}})
    );
    rig.stop().await;
    assert_eq!(get("/readyz").send(address).await.status, 503);
    assert_eq!(get("/livez").send(address).await.status, 200);
    stop.cancel();
    served.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_paths_are_not_on_the_public_port() {
    let rig = Rig::start().await;
    for path in ["/metrics", "/livez", "/readyz"] {
        rig.send(&get(path)).await.problem(404, "not-found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_is_served_to_everybody() {
    let rig = Rig::start().await;
    let reply = rig.send(&get("/api/openapi.json")).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert!(reply.json()["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_are_finished_before_the_end() {
    let rig = Rig::start().await;
    let gate = Gate::new();
    rig.queue.next(Publishing::Hold(gate.clone()));
    let request = crate::client::post(crate::rig::EVENTS, &crate::rig::event()).key(&rig.key);
    let (address, queue) = (rig.address, rig.queue.clone());
    let asking = tokio::spawn(async move { request.send(address).await });
    wait_until(|| queue.publishes() > 0).await;
    let readiness = rig.readiness.clone();
    let stopping = tokio::spawn(rig.stop());
    // Readiness turns first: from then on it is stopping.
    while readiness() {
        tokio::task::yield_now().await;
    }
    gate.open();
    let reply = asking.await.unwrap();
    assert_eq!(reply.status, 202, "{}", reply.text());
    stopping.await.unwrap();
}
