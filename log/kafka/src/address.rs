//! Addresses of servers as they are written in the settings.

/// `host:port`, `[::1]:port`, with or without a protocol before it, as librdkafka takes them.
pub(crate) fn host_and_port(server: &str) -> Option<(String, u16)> {
    let server = server.trim();
    let server = server.split_once("://").map_or(server, |(_, rest)| rest);
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') && !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (server, 9_092),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::host_and_port;

    #[test]
    fn servers_are_read_as_librdkafka_reads_them() {
        let read = |server: &str| host_and_port(server);
        assert_eq!(read(" localhost:9093"), Some(("localhost".to_owned(), 9_093)));
        assert_eq!(read("PLAINTEXT://kafka:9094"), Some(("kafka".to_owned(), 9_094)));
        assert_eq!(read("kafka"), Some(("kafka".to_owned(), 9_092)));
        assert_eq!(read("[::1]:9092"), Some(("::1".to_owned(), 9_092)));
        assert_eq!(read("kafka:many"), None);
        assert_eq!(read(""), None);
    }
}
