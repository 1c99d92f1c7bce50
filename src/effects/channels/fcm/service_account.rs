//! A service account of Google: it signs assertions, for which Google gives access tokens.
//! <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::json;
use std::path::Path;

/// What an assertion asks for: sending messages, and nothing else.
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// How long an assertion is valid, in seconds. Google takes no more.
const VALID_S: i64 = 3_600;

/// The account.
pub(super) struct ServiceAccount {
    pub(super) project_id: Option<String>,
    /// Where access tokens come from; also whom assertions are for.
    pub(super) token_uri: String,
    email: String,
    key_id: Option<String>,
    key: RsaKeyPair,
}

/// The file that Google's console hands out. It has more fields.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: String,
    project_id: Option<String>,
    private_key_id: Option<String>,
    private_key: String,
    client_email: String,
    #[serde(default = "token_uri")]
    token_uri: String,
}

fn token_uri() -> String {
    "https://oauth2.googleapis.com/token".to_owned()
}

impl ServiceAccount {
    /// Reads the account: `text` is its JSON or the name of a file that holds it.
    ///
    /// # Errors
    /// What is wrong with it. Nothing of its content is repeated.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.trim_start().starts_with('{') {
            return Self::from_json(text);
        }
        let path = Path::new(text);
        let json = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::from_json(&json).map_err(|why| format!("{}: {why}", path.display()))
    }

    fn from_json(json: &str) -> Result<Self, String> {
        // The parser's message may repeat a value.
        let file: File = serde_json::from_str(json).map_err(|error| {
            format!("is no service account: line {} column {} of its JSON", error.line(), error.column())
        })?;
        if file.kind != "service_account" {
            return Err("is no service account: its type is another".to_owned());
        }
        if !reqwest::Url::parse(&file.token_uri).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            return Err("its token_uri is no URL of HTTP".to_owned());
        }
        let key = PrivatePkcs8KeyDer::from_pem_slice(file.private_key.as_bytes())
            .map_err(|_| "its private_key is no private key in PEM form (PKCS #8)".to_owned())?;
        let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der())
            .map_err(|error| format!("its private_key is no RSA key that can sign: {error}"))?;
        Ok(Self {
            project_id: file.project_id,
            token_uri: file.token_uri,
            email: file.client_email,
            key_id: file.private_key_id,
            key,
        })
    }

    /// A JWT that asks for an access token, signed at `now_ms` since the epoch. `None` when signing failed, which needs a broken random source.
    pub(super) fn assertion(&self, now_ms: i64) -> Option<String> {
        let now_s = now_ms.div_euclid(1_000);
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(key_id) = &self.key_id {
            header["kid"] = json!(key_id);
        }
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": now_s,
            "exp": now_s + VALID_S,
        });
        let encode = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
