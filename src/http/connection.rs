//! The connection that a request came over. The listener puts it into the request's extensions as `ConnectInfo<Connection>`.

use axum::serve::Listener;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

/// Both ends of a connection; `None` where the system does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// The client's end.
    pub peer: Option<SocketAddr>,
    /// Our end.
    pub local: Option<SocketAddr>,
}

impl Connection {
    /// Whether both ends are addresses of this machine that nothing outside it can have.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        [self.peer, self.local].iter().all(|end| end.is_some_and(|end| end.ip().to_canonical().is_loopback()))
    }
}

/// A listener that tells both ends of each connection.
#[derive(Debug)]
pub struct BothEnds(pub TcpListener);

impl Listener for BothEnds {
    type Io = TcpStream;
    type Addr = Connection;

    async fn accept(&mut self) -> (TcpStream, Connection) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        let local = stream.local_addr().ok();
        (stream, Connection { peer: Some(peer), local })
    }

    fn local_addr(&self) -> std::io::Result<Connection> {
        Ok(Connection { peer: None, local: Some(self.0.local_addr()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_have_to_be_loopback() {
        let between =
            |peer: &str, local: &str| Connection { peer: peer.parse().ok(), local: local.parse().ok() }.is_loopback();
        assert!(between("127.0.0.1:5", "127.9.0.1:3000") && between("[::1]:5", "[::1]:3000"));
        assert!(between("[::ffff:127.0.0.1]:5", "[::ffff:127.0.0.1]:3000"));
        for (peer, local) in [
            ("10.0.0.1:5", "127.0.0.1:3000"),
            ("127.0.0.1:5", "10.0.0.1:3000"),
            ("[::ffff:10.0.0.1]:5", "[::1]:3000"),
            ("", "127.0.0.1:3000"),
            ("127.0.0.1:5", ""),
        ] {
            assert!(!between(peer, local), "{peer} {local}");
        }
    }
}
