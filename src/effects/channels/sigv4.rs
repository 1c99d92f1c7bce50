//! AWS Signature Version 4 for the one kind of request that is made here: a POST to `/` without a query and with a form as its body.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
//!
//! Written here because the published signer brings two dozen crates with it; AWS's own test vectors are below.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// The algorithm's name, in headers and in what is signed.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Whose key signs for which service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signer<'a> {
    pub(super) key_id: &'a str,
    pub(super) secret: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// A POST to `/`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Post<'a> {
    /// The header `Host`.
    pub(super) host: &'a str,
    pub(super) content_type: &'a str,
    pub(super) body: &'a str,
    /// The header `X-Amz-Date`: `20150830T123600Z`.
    pub(super) date: &'a str,
}

impl Signer<'_> {
    /// The header `Authorization` of `post`.
    pub(super) fn authorization(&self, post: &Post<'_>) -> String {
        let Self { key_id, secret, region, service } = *self;
        let Post { host, content_type, body, date } = *post;
        let signed_headers = "content-type;host;x-amz-date";
        let hash = hex(&Sha256::digest(body));
        let request = format!(
            "POST\n/\n\ncontent-type:{content_type}\nhost:{host}\nx-amz-date:{date}\n\n{signed_headers}\n{hash}"
        );
        let day = date.split('T').next().unwrap_or_default();
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{}", hex(&Sha256::digest(request)));
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in [day, region, service, "aws4_request"] {
            key = hmac(&key, part);
        }
        let signature = hex(&hmac(&key, &to_sign));
        format!("{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={signed_headers}, Signature={signature}")
    }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    // A key of any length is taken.
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes any key"));
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    /// `post-x-www-form-urlencoded` and `-parameters` of AWS's test suite for Signature Version 4.
    #[test]
    fn published_requests_are_signed_as_published() {
        let signer = Signer { key_id: "AKIDEXAMPLE", secret: SECRET, region: "us-east-1", service: "service" };
        for (content_type, signature) in [
            ("application/x-www-form-urlencoded", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
            (
                "application/x-www-form-urlencoded; charset=utf8",
                "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
            ),
        ] {
            let post =
                Post { host: "example.amazonaws.com", content_type, body: "Param1=value1", date: "20150830T123600Z" };
            assert_eq!(
                signer.authorization(&post),
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                     SignedHeaders=content-type;host;x-amz-date, Signature={signature}"
                )
            );
        }
    }

    /// The key of the example in AWS's documentation.
    #[test]
    fn the_published_key_is_derived() {
        let mut key = format!("AWS4{SECRET}").into_bytes();
        for part in ["20150830", "us-east-1", "iam", "aws4_request"] {
            key = hmac(&key, part);
        }
        assert_eq!(hex(&key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    }
}
