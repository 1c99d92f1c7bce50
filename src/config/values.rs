//! Kinds of values, from texts: what is wrong with one is said without its key, which the reader adds.

use std::net::{SocketAddr, ToSocketAddrs};

/// One of some words, in whatever case it is written.
pub(super) fn one_of(text: &str, allowed: &[&str]) -> Result<String, String> {
    match allowed.iter().find(|a| a.eq_ignore_ascii_case(text)) {
        Some(found) => Ok((*found).to_owned()),
        None => Err(format!("{text:?} is not one of {}", allowed.join(", "))),
    }
}

/// Yes or no.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    let on = ["1", "true", "yes", "on"];
    let allowed = [&on[..], &["0", "false", "no", "off"]].concat();
    Ok(on.contains(&one_of(text, &allowed)?.as_str()))
}

/// What may stand in the name of a topic.
pub(super) fn topic_part(text: &str) -> Result<String, String> {
    let good = text.len() <= 100 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if good {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} may hold letters, digits, '.', '_' and '-' only, at most 100"))
    }
}

/// A URL of HTTP: a scheme and a host, and whatever else.
pub(super) fn url(text: &str) -> Result<String, String> {
    // The value itself is not repeated: webhook URLs are secrets.
    match reqwest::Url::parse(text) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => Ok(text.to_owned()),
        Ok(_) => Err("must begin with http:// or https:// and name a host".to_owned()),
        Err(error) => Err(format!("must begin with http:// or https:// and name a host: {error}")),
    }
}

/// Brokers, comma-separated.
pub(super) fn brokers(text: &str) -> Result<String, String> {
    for broker in text.split(',') {
        let port = broker
            .trim()
            .rsplit_once(':')
            .and_then(|(host, port)| (!host.is_empty()).then(|| port.parse::<u16>().ok())?);
        if port.is_none() {
            return Err(format!("{broker:?} is not host:port"));
        }
    }
    Ok(text.to_owned())
}

/// Listen addresses, comma-separated.
pub(super) fn addresses(text: &str) -> Result<Vec<SocketAddr>, String> {
    let mut addresses = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let address = part.to_socket_addrs().ok().and_then(|mut found| found.next());
        let Some(address) = address else {
            return Err(format!("{part:?} is not an address: write host:port"));
        };
        if address.port() != 0 && addresses.contains(&address) {
            return Err(format!("{part} is there twice"));
        }
        addresses.push(address);
    }
    if addresses.is_empty() { Err("names no address".to_owned()) } else { Ok(addresses) }
}
