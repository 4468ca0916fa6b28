//! Nothing secret is written down, and everything secret that is asked for is made or described.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::overlay::{Overlay, copy, list, text};
use crate::repository::{read, root};

type Keys = BTreeMap<String, BTreeSet<String>>;

/// What k8s/secrets.sh makes, by Secret.
fn made() -> Keys {
    let copy = copy();
    let folder = copy.path().join("k8s/overlays/dev/secrets");
    let mut made = Keys::new();
    for secret in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let keys = std::fs::read_dir(secret.path()).expect("a folder");
        let names = keys.map(|key| key.expect("an entry").file_name().into_string().expect("a name"));
        made.insert(secret.file_name().into_string().expect("a name"), names.collect());
    }
    made
}

/// Every Secret that an overlay asks for, with the keys that it needs of it. One that is optional is not asked for.
fn asked(overlay: &Overlay) -> Keys {
    let mut asked = Keys::new();
    let mut ask = |name: &Value, key: Option<&str>| {
        asked.entry(text(name).to_owned()).or_default().extend(key.map(str::to_owned));
    };
    for pod in overlay.pods().into_iter().filter_map(|pod| pod.spec) {
        for volume in list(&pod["volumes"]) {
            if volume["secret"].is_object() {
                let name = &volume["secret"]["secretName"];
                ask(name, None);
                for file in told(overlay, pod, text(&volume["name"])) {
                    ask(name, Some(&file));
                }
            }
            for source in list(&volume["projected"]["sources"]).iter().map(|source| &source["secret"]) {
                if source["optional"] != true {
                    let keys = list(&source["items"]).iter().map(|item| text(&item["key"]));
                    keys.for_each(|key| ask(&source["name"], Some(key)));
                }
            }
        }
    }
    for reference in
        overlay.all("TriggerAuthentication").flat_map(|one| list(&one["spec"]["secretTargetRef"]))
    {
        ask(&reference["name"], Some(text(&reference["key"])));
    }
    for user in overlay.all("User") {
        for key in ["username", "password"] {
            ask(&user["spec"]["importCredentialsSecret"]["name"], Some(key));
        }
    }
    asked
}

/// The files of a volume that the pod's container is told to read, as variable or argument.
fn told(overlay: &Overlay, pod: &Value, volume: &str) -> Vec<String> {
    let container = &pod["containers"][0];
    let mount =
        list(&container["volumeMounts"]).iter().find(|mount| mount["name"] == volume).expect("it is mounted");
    assert_eq!(mount["readOnly"], true, "{mount}");
    let folder = format!("{}/", text(&mount["mountPath"]));
    let settings = overlay.settings();
    let values = settings.values().map(String::as_str).filter(|_| container["envFrom"].is_array());
    let values = values.chain(list(&container["args"]).iter().map(text));
    values.filter_map(|path| path.strip_prefix(&folder)).map(str::to_owned).collect()
}

#[test]
fn every_file_that_a_role_is_told_of_is_put_there() {
    for (name, overlay) in Overlay::both() {
        for (role, pod, _) in overlay.calrelays().into_iter().filter(|(role, ..)| role != "sandbox") {
            let volume =
                list(&pod["volumes"]).iter().find(|one| one["name"] == "secrets").expect("it is there");
            let sources = list(&volume["projected"]["sources"]).iter().map(|source| &source["secret"]);
            let items = sources.clone().flat_map(|source| list(&source["items"]));
            let mut there: BTreeSet<&str> = items.map(|item| text(&item["path"])).collect();
            // All of its keys, of which there is one.
            there.extend(sources.filter(|one| one["name"] == "google").map(|_| "google-credentials.json"));
            let told = told(overlay, pod, "secrets");
            assert!(told.len() >= 4, "{name}, {role}: {told:?}");
            for file in told {
                assert!(there.contains(file.as_str()), "{name}, {role}: nobody puts {file} among {there:?}");
            }
        }
    }
}

#[test]
fn each_role_has_a_user_of_rabbitmq_for_itself() {
    for (name, overlay) in Overlay::both() {
        for (role, pod, _) in overlay.calrelays().into_iter().filter(|(role, ..)| role != "sandbox") {
            let sources = list(&pod["volumes"]).iter().flat_map(|one| list(&one["projected"]["sources"]));
            let names = sources.map(|source| text(&source["secret"]["name"]));
            let users: Vec<&str> = names.filter(|secret| secret.starts_with("rabbitmq-")).collect();
            assert_eq!(users.len(), 1, "{name}, {role}: {users:?}");
            assert!(users[0].starts_with(&format!("rabbitmq-{role}")), "{name}, {role}: {users:?}");
        }
    }
}

#[test]
fn what_production_asks_for_is_made_by_the_script_or_described() {
    let readme = read("k8s/README.md");
    let made = made();
    assert!(readme.contains("`google`") && readme.contains("`google-credentials.json`"));
    let asked = asked(Overlay::production());
    assert!(asked.len() >= 7, "{asked:?}");
    for (secret, keys) in asked {
        let there = made.get(&secret).unwrap_or_else(|| panic!("nobody makes the Secret {secret}"));
        assert!(keys.is_subset(there), "the Secret {secret} has {there:?}, and {keys:?} are asked for");
        assert!(readme.contains(&format!("`{secret}`")), "k8s/README.md says nothing of {secret}");
    }
    for tls in list(&Overlay::production().one("Ingress", "calrelay")["spec"]["tls"]) {
        assert!(readme.contains(&format!("`{}`", text(&tls["secretName"]))), "{tls}");
    }
}

#[test]
fn what_dev_asks_for_is_generated() {
    let overlay = Overlay::dev();
    for (name, keys) in asked(overlay) {
        let secret = overlay.one("Secret", &name);
        let there: BTreeSet<String> = secret["data"].as_object().expect("data").keys().cloned().collect();
        assert!(keys.is_subset(&there), "{name} has {there:?}, and {keys:?} are asked for");
    }
}

#[test]
fn in_dev_too_each_role_is_somebody_else_to_rabbitmq() {
    let secrets = Overlay::dev().all("Secret");
    let urls: Vec<&Value> =
        secrets.map(|secret| &secret["data"]["amqp-url"]).filter(|url| url.is_string()).collect();
    assert_eq!(urls.len(), 3);
    assert!(urls[0] != urls[1] && urls[1] != urls[2] && urls[0] != urls[2]);
}

#[test]
fn config_maps_that_pods_read_are_there() {
    for (name, overlay) in Overlay::both() {
        for (role, _, container) in overlay.calrelays() {
            for source in list(&container["envFrom"]) {
                let map = text(&source["configMapRef"]["name"]);
                assert!(overlay.find("ConfigMap", map).is_some(), "{name}, {role}: {map}");
            }
        }
    }
}

#[test]
fn volumes_that_are_mounted_are_there() {
    for (name, overlay) in Overlay::both() {
        for pod in overlay.pods() {
            let Some(spec) = pod.spec else { continue };
            let mut there: BTreeSet<&str> =
                list(&spec["volumes"]).iter().map(|one| text(&one["name"])).collect();
            let owner = overlay.objects().iter().find(|object| super::overlay::title(object) == pod.owner);
            let claims = list(&owner.expect("it is there")["spec"]["volumeClaimTemplates"]);
            there.extend(claims.iter().map(|claim| text(&claim["metadata"]["name"])));
            for mount in list(&spec["containers"][0]["volumeMounts"]) {
                assert!(there.contains(text(&mount["name"])), "{name}, {}: {mount}", pod.owner);
            }
        }
    }
}

#[test]
fn no_secret_is_in_the_repository() {
    assert_eq!(Overlay::production().all("Secret").count(), 0);
    let ignored = Command::new("git")
        .args(["check-ignore", "--quiet", "k8s/overlays/dev/secrets/calrelay/encryption-key"])
        .current_dir(root())
        .status();
    // Without git (an unpacked archive) there is no repository to keep it out of.
    assert!(ignored.map_or(true, |status| status.code() != Some(1)), "git would take the secrets of dev");
    for (name, overlay) in Overlay::both() {
        for (variable, value) in overlay.settings() {
            let secret = ["_KEY", "_SECRET", "_PASS", "AMQP_URL", "REDIS_URL", "VAULT_URL"];
            assert!(
                !secret.iter().any(|end| variable.ends_with(end)),
                "{name}: {variable} belongs into a Secret"
            );
            assert!(!value.contains('@'), "{name}: {variable} seems to hold a password");
        }
    }
}

#[test]
fn the_script_never_replaces_a_key() {
    let copy = copy();
    let key = copy.path().join("k8s/overlays/dev/secrets/calrelay/encryption-key");
    let before = std::fs::read(&key).expect("a key");
    let again = Command::new(copy.path().join("k8s/secrets.sh"))
        .arg(copy.path().join("k8s/overlays/dev/secrets"))
        .output();
    assert!(!again.expect("it runs").status.success());
    assert_eq!(std::fs::read(&key).expect("a key"), before);
}
