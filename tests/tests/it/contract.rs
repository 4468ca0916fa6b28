//! The published contract, as the tools of those who integrate read it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tests::{Calrelay, Launch};

/// The contract of a running program, as a file in `folder`.
async fn contract(calrelay: &Calrelay, folder: &Path) -> PathBuf {
    let reply = calrelay.http().get(calrelay.url("/api/openapi.json")).send().await.expect("an answer");
    assert_eq!(reply.status(), 200);
    let file = folder.join("openapi.json");
    std::fs::write(&file, reply.bytes().await.expect("the contract")).expect("a file");
    file
}

fn is_well(what: &str, output: &Output) {
    let said =
        [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).into_owned()).concat();
    assert!(output.status.success(), "{what}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_is_a_valid_document_that_says_where_it_is_served() {
    let calrelay = Launch::new().start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = contract(&calrelay, folder.path()).await;
    let document: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).expect("the file")).expect("JSON");
    assert_eq!(document["servers"][0]["url"], calrelay.url("").trim_end_matches('/'));
    let python = std::env::var("CALRELAY_PYTHON").expect(
        "CALRELAY_PYTHON must name a Python that has openapi-spec-validator: run ./test.sh, which makes one",
    );
    let validated = Command::new(python).args(["-m", "openapi_spec_validator"]).arg(&file).output();
    is_well("the validator", &validated.expect("the validator starts"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typed_client_can_be_made_from_the_contract_and_programs_with_it_compile() {
    let calrelay = Launch::new().start().await;
    let tools = std::env::var("CALRELAY_CONTRACT")
        .expect("CALRELAY_CONTRACT must name a folder with openapi-typescript and tsc: run ./test.sh, which makes one");
    // Inside, because modules are looked for in the folders above.
    let folder = tempfile::tempdir_in(&tools).expect("a folder");
    let file = contract(&calrelay, folder.path()).await;
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("contract");
    for name in ["package.json", "tsconfig.json", "program.ts"] {
        std::fs::copy(sources.join(name), folder.path().join(name)).expect("a source file");
    }
    let tool = |script: &str| {
        let mut node = Command::new("node");
        node.current_dir(folder.path()).arg(Path::new(&tools).join("node_modules").join(script));
        node
    };
    let made = tool("openapi-typescript/bin/cli.js").arg(&file).args(["-o", "api.d.ts"]).output();
    is_well("openapi-typescript", &made.expect("node starts"));
    let compiled = tool("typescript/bin/tsc").args(["-p", "."]).output();
    is_well("tsc", &compiled.expect("node starts"));
}
