//! No pod may do more than its work needs.

use serde_json::json;

use super::overlay::{Overlay, list, text};
use crate::repository::read;

/// What Kubernetes calls the restricted Pod Security Standard, and a little more.
/// <https://kubernetes.io/docs/concepts/security/pod-security-standards/>
#[test]
fn every_container_is_restricted() {
    for (name, overlay) in Overlay::both() {
        for pod in overlay.pods() {
            let Some(spec) = pod.spec else { continue };
            let at = format!("{name}, {}", pod.owner);
            let context = &spec["securityContext"];
            assert_eq!(context["runAsNonRoot"], true, "{at}");
            assert!(context["runAsUser"].as_u64().is_some_and(|user| user > 0), "{at}: a number is needed");
            assert_eq!(context["seccompProfile"], json!({"type": "RuntimeDefault"}), "{at}");
            assert_eq!(spec["automountServiceAccountToken"], false, "{at}");
            // Variables of Services would come among ours: REDIS_PORT and the like.
            assert_eq!(spec["enableServiceLinks"], false, "{at}");
            let account = overlay.one("ServiceAccount", text(&spec["serviceAccountName"]));
            assert_eq!(account["automountServiceAccountToken"], false, "{at}");
            for field in ["hostNetwork", "hostPID", "hostIPC", "initContainers"] {
                assert!(spec[field].is_null(), "{at}: {field}");
            }
            for container in list(&spec["containers"]) {
                let context = &container["securityContext"];
                assert_eq!(context["allowPrivilegeEscalation"], false, "{at}");
                assert_eq!(context["readOnlyRootFilesystem"], true, "{at}");
                assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "{at}");
                assert!(container["resources"]["requests"]["cpu"].is_string(), "{at}");
                assert!(container["resources"]["requests"]["memory"].is_string(), "{at}");
                assert!(container["resources"]["limits"]["memory"].is_string(), "{at}");
            }
        }
        let namespace = overlay.all("Namespace").next().expect("it is made");
        assert_eq!(
            namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted",
            "{name}"
        );
    }
}

#[test]
fn calrelay_runs_as_the_user_of_its_image() {
    let dockerfile = read("Dockerfile");
    for (name, overlay) in Overlay::both() {
        for (role, spec, _) in overlay.calrelays() {
            let context = &spec["securityContext"];
            let user = format!("USER {}:{}\n", context["runAsUser"], context["runAsGroup"]);
            assert!(dockerfile.contains(&user), "{name}, {role}: {user}");
        }
    }
}

#[test]
fn replicas_of_a_role_stand_apart_and_do_not_leave_together() {
    let overlay = Overlay::production();
    for role in ["api", "worker"] {
        let spec = &overlay.one("Deployment", role)["spec"]["template"]["spec"];
        let apart = list(&spec["topologySpreadConstraints"]).iter().map(|one| text(&one["topologyKey"]));
        assert_eq!(apart.collect::<Vec<_>>(), ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]);
        assert_eq!(overlay.one("PodDisruptionBudget", role)["spec"]["maxUnavailable"], 1);
    }
    let rabbitmq = overlay.one("RabbitmqCluster", "rabbitmq");
    assert_eq!(rabbitmq["spec"]["replicas"], 3, "quorum queues survive one of three");
    assert_eq!(overlay.one("PodDisruptionBudget", "rabbitmq")["spec"]["maxUnavailable"], 1);
    assert!(overlay.one("HorizontalPodAutoscaler", "api")["spec"]["minReplicas"].as_u64() >= Some(2));
    assert!(overlay.one("ScaledObject", "worker")["spec"]["minReplicaCount"].as_u64() >= Some(2));
}

#[test]
fn the_vault_keeps_what_it_confirms_and_redis_evicts_nothing() {
    for (name, overlay) in Overlay::both() {
        let arguments = |kind, server| -> Vec<&str> {
            let pod = &overlay.one(kind, server)["spec"]["template"]["spec"];
            list(&pod["containers"][0]["args"]).iter().map(text).collect()
        };
        let says = |arguments: &[&str], wanted: [&str; 2]| arguments.chunks(2).any(|pair| pair == wanted);
        let (redis, vault) = (arguments("Deployment", "redis"), arguments("StatefulSet", "vault"));
        for wanted in [["--appendonly", "no"], ["--save", ""], ["--maxmemory-policy", "noeviction"]] {
            assert!(says(&redis, wanted), "{name}: {redis:?}");
        }
        for wanted in
            [["--appendonly", "yes"], ["--appendfsync", "always"], ["--maxmemory-policy", "noeviction"]]
        {
            assert!(says(&vault, wanted), "{name}: {vault:?}");
        }
        let claims = list(&overlay.one("StatefulSet", "vault")["spec"]["volumeClaimTemplates"]);
        assert_eq!(claims[0]["metadata"]["name"], "data", "{name}");
        let mounts =
            &overlay.one("StatefulSet", "vault")["spec"]["template"]["spec"]["containers"][0]["volumeMounts"];
        let kept = list(mounts).iter().find(|mount| mount["name"] == "data").expect("it is mounted");
        assert!(says(&vault, ["--dir", text(&kept["mountPath"])]), "{name}: it writes elsewhere");
    }
}
