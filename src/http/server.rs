//! Listening, and the way out: a stop ends the accepting at once and lets requests finish that are under way.

use super::connection::{BothEnds, Connection};
use super::{Api, router};
use axum::serve::ListenerExt;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

/// Connections that may wait to be accepted; the system may allow fewer. A sale opens with a crowd: beyond it the first packet is dropped, and its sender
/// waits a second before he sends another.
const BACKLOG: u32 = 4_096;

/// Listens at `address`.
///
/// # Errors
/// When the system refuses: the address is taken, or not ours.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As `TcpListener::bind` does: a restart is not kept out by connections of the last one that linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves `listener` until `stopping` turns true and the last request is answered.
pub async fn serve(listener: TcpListener, api: Api, mut stopping: watch::Receiver<bool>) {
    let listener = BothEnds(listener).tap_io(|stream| {
        // Answers are small: waiting to fill a packet would cost more than the packet. A socket that refuses is about to fail anyhow.
        let _ = stream.set_nodelay(true);
    });
    let stopped = async move {
        // An error means that the worker is gone: stop as well.
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    let service = router(api).into_make_service_with_connect_info::<Connection>();
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "listener failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// The system completes connections until as many wait as it was told, and drops what comes after. Nobody accepts here; the usual backlog is 128.
    #[tokio::test]
    async fn a_crowd_may_wait_to_be_accepted() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = |_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(900));
        let waiting = (0..300).map(connect).collect::<Result<Vec<_>, _>>();
        assert_eq!(waiting.unwrap().len(), 300);
    }
}
