//! Google refuses to trade the code of a consent: the page says what to do, and nothing has changed.

use serde_json::json;

use super::bench::Bench;
use super::rows::ROWS;

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_not_traded_ends_on_a_page_that_says_what_to_do() {
    let bench = Bench::start().await;
    let before = bench.account().await;
    for (number, row) in ROWS.iter().enumerate() {
        bench.google.fault(row.fault("token.exchange")).await;
        let page = bench.connect().await;
        let (status, says) = row.exchange;
        assert_eq!(page.status, status, "{}: {}", row.name(), page.text);
        for words in says {
            assert!(page.text.contains(words), "{}: {words:?} is not in {}", row.name(), page.text);
        }
        assert!(page.text.contains("Back to the setup page"), "{}", row.name());
        assert_eq!(bench.asked("token.exchange").await, number + 1, "{}: a code is tried once", row.name());
        assert_eq!(bench.account().await, before, "{}", row.name());
        bench.google.no_faults().await;
    }
    bench.reconnect().await;
    assert_eq!(bench.account().await["generation"], json!(2));
}
