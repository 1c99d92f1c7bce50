//! The pages: what they are served with, and when they are not sent again.

use super::*;

async fn asked(worker: &Worker, uri: &str, headers: &[(&str, &str)]) -> (Response<Body>, String) {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = from_here(request.body(Body::empty()).unwrap());
    let mut response = router(worker.api.clone()).oneshot(request).await.unwrap();
    let body = to_bytes(std::mem::take(response.body_mut()), 10 << 20).await.unwrap();
    (response, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn pages_and_their_files_come_from_the_worker_alone() {
    let worker = idle(None);
    for (uri, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/shop", "text/html; charset=utf-8"),
        ("/assets/style.css", "text/css; charset=utf-8"),
        ("/assets/operator/main.js", "text/javascript; charset=utf-8"),
        ("/assets/vendor/uplot.js", "text/javascript; charset=utf-8"),
        ("/assets/icon.svg", "image/svg+xml"),
    ] {
        let (response, body) = asked(&worker, uri, &[]).await;
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!((response.status(), header("content-type")), (answer::OK, kind), "{uri}");
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!((header("x-content-type-options"), header("cache-control")), ("nosniff", "no-cache"));
        assert!(!body.is_empty(), "{uri}");
        // Whoever has it is told so.
        let tag = header("etag").to_owned();
        let (again, body) = asked(&worker, uri, &[("if-none-match", &tag)]).await;
        assert_eq!((again.status(), again.headers()["etag"].to_str().unwrap(), &*body), (answer::UNCHANGED, &*tag, ""));
        assert_eq!(asked(&worker, uri, &[("if-none-match", "\"other\"")]).await.0.status(), answer::OK);
    }
    for uri in
        ["/assets/", "/assets/nothing.js", "/assets/../Cargo.toml", "/assets/%2e%2e/style.css", "/assets/operator"]
    {
        let (response, body) = asked(&worker, uri, &[]).await;
        is_problem(&response, &serde_json::from_str(&body).unwrap(), StatusCode::NOT_FOUND, "ROUTE_NOT_FOUND");
    }
}

#[tokio::test]
async fn a_page_is_in_the_language_that_the_browser_prefers() {
    let worker = idle(None);
    for uri in ["/", "/shop"] {
        let (korean, body) = asked(&worker, uri, &[]).await;
        assert!(body.contains("<html lang=\"ko\">"), "{body}");
        let (english, body) = asked(&worker, uri, &[("accept-language", "en-GB,en;q=0.9,ko;q=0.5")]).await;
        assert!(body.contains("<html lang=\"en\">"), "{body}");
        assert_eq!(
            (&korean.headers()["vary"], &english.headers()["content-language"]),
            (&"accept-language".parse().unwrap(), &"en".parse().unwrap())
        );
        assert_ne!(korean.headers()["etag"], english.headers()["etag"], "a cache must not mix them up");
    }
}
