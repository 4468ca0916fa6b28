//! What `kubectl apply` is given is what Kubernetes and the operators read.

use std::path::Path;

use super::overlay::{Overlay, copy, render, text};

#[test]
fn both_overlays_are_valid_to_the_last_field() {
    assert!(Overlay::production().objects().len() > 30);
    assert!(Overlay::dev().objects().len() > 25);
    for (name, overlay) in Overlay::both() {
        let namespace = text(&overlay.all("Namespace").next().expect("it is made")["metadata"]["name"]);
        let cluster_wide = ["Namespace"];
        for object in overlay.objects().iter().filter(|object| !cluster_wide.contains(&text(&object["kind"])))
        {
            assert_eq!(object["metadata"]["namespace"], namespace, "{name}: {object}");
        }
    }
}

fn broken(path: &Path, from: &str, to: &str) -> String {
    let copy = copy();
    let path = copy.path().join("k8s").join(path);
    let whole = std::fs::read_to_string(&path).expect("a text");
    assert!(whole.contains(from), "{from} is not in {}", path.display());
    std::fs::write(&path, whole.replace(from, to)).expect("it is a copy");
    render(copy.path(), "production").err().unwrap_or_default()
}

#[test]
fn a_field_that_nobody_would_read_is_refused() {
    for (file, from, to) in [
        ("base/api.yaml", "readinessProbe:", "readynessProbe:"),
        ("base/vault.yaml", "serviceName: vault", "service: vault"),
        ("overlays/production/scaling.yaml", "minReplicaCount", "minReplicas"),
        ("overlays/production/scaling.yaml", "excludeUnacknowledged", "excludeUnacked"),
        ("overlays/production/rabbitmq.yaml", "importCredentialsSecret", "credentialsSecret"),
        ("overlays/production/monitoring.yaml", "endpoints:", "endpoint:"),
    ] {
        let said = broken(Path::new(file), from, to);
        assert!(
            said.contains(to.trim_end_matches(':').rsplit(": ").last().expect("a word")),
            "{file}: {said}"
        );
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_refused() {
    for (file, from, to, named) in [
        ("base/worker.yaml", "periodSeconds: 10", "periodSeconds: ten", "Deployment worker"),
        ("overlays/production/scaling.yaml", "protocol: http", "protocol: https", "ScaledObject worker"),
        ("overlays/production/rabbitmq.yaml", "tags: [management]", "tags: [manager]", "User monitor"),
        (
            "overlays/production/rabbitmq.yaml",
            "v1beta1\nkind: Policy",
            "v1beta2\nkind: Policy",
            "Policy calrelay-jobs",
        ),
    ] {
        let said = broken(Path::new(file), from, to);
        assert!(said.contains(named), "{file}: {said}");
    }
}
