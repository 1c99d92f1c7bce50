//! What `/metrics` keeps of requests.

use super::*;

/// A series is never freed: strangers must not be able to make new ones.
#[tokio::test]
async fn invented_methods_and_paths_share_one_series() {
    let worker = idle(None);
    for n in 0..100 {
        let strange = |uri: String| Request::builder().method(format!("X{n}").as_str()).uri(uri).body(Body::empty());
        for uri in [format!("/nowhere/{n}"), "/metrics".to_owned(), format!("/api/coupons/policies/{n}")] {
            worker.ask(strange(uri).unwrap()).await;
        }
    }
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let page = router(worker.api.clone()).oneshot(from_here(request)).await.unwrap().into_body();
    let page = to_bytes(page, 10 << 20).await.unwrap();
    let page = String::from_utf8(page.to_vec()).unwrap();
    let series = page.lines().filter(|line| line.starts_with("holdfast_http_requests_total"));
    let series: Vec<_> = series.filter(|line| !line.contains("method=\"GET\"")).collect();
    assert_eq!(series.len(), 3, "{series:#?}");
    assert!(series.iter().all(|line| line.contains("method=\"OTHER\"")), "{series:#?}");
}
