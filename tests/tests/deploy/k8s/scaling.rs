//! Workers are scaled by what waits and by what they have in hand.

use super::overlay::{Overlay, text};

#[test]
fn workers_are_counted_by_what_one_of_them_runs_at_a_time() {
    let overlay = Overlay::production();
    let scaler = &overlay.one("ScaledObject", "worker")["spec"];
    let trigger = &scaler["triggers"][0];
    let how = &trigger["metadata"];
    assert_eq!(how["value"], overlay.settings()["WORKER_CONCURRENCY"].as_str());
    // Over AMQP a broker tells of ready messages alone: busy workers would be taken for idle ones.
    assert_eq!((text(&how["protocol"]), text(&how["excludeUnacknowledged"])), ("http", "false"));
    assert_eq!((text(&how["mode"]), text(&how["operation"])), ("QueueLength", "sum"));
    assert_eq!(scaler["triggers"].as_array().map(Vec::len), Some(1), "of several only the greatest counts");
    let authentication = overlay.one("TriggerAuthentication", text(&trigger["authenticationRef"]["name"]));
    assert_eq!(
        authentication["metadata"]["namespace"],
        overlay.one("ScaledObject", "worker")["metadata"]["namespace"]
    );

    let namespace = text(&authentication["metadata"]["namespace"]);
    let cluster = overlay.all("RabbitmqCluster").next().expect("it is there");
    let host = format!("http://{}.{namespace}.svc:15672", text(&cluster["metadata"]["name"]));
    assert_eq!(text(&how["host"]), host, "KEDA is in another namespace");
}

#[test]
fn workers_are_taken_away_slowly_and_added_at_once() {
    let scaler = &Overlay::production().one("ScaledObject", "worker")["spec"];
    let behavior = &scaler["advanced"]["horizontalPodAutoscalerConfig"]["behavior"];
    assert_eq!(behavior["scaleUp"]["stabilizationWindowSeconds"], 0);
    assert!(behavior["scaleDown"]["stabilizationWindowSeconds"].as_u64() >= Some(120));
    assert!(scaler["minReplicaCount"].as_u64() < scaler["maxReplicaCount"].as_u64());
    let fallback = scaler["fallback"]["replicas"].as_u64();
    assert!(fallback >= scaler["minReplicaCount"].as_u64() && fallback <= scaler["maxReplicaCount"].as_u64());
}
