//! Listening, and the way out: a stop ends the accepting at once and lets requests finish that are under way.

use super::{Api, router};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Serves `listener` until `stopping` turns true and the last request is answered.
pub async fn serve(listener: TcpListener, api: Api, mut stopping: watch::Receiver<bool>) {
    let listener = listener.tap_io(|stream| {
        // Answers are small: waiting to fill a packet would cost more than the packet. A socket that refuses is about to fail anyhow.
        let _ = stream.set_nodelay(true);
    });
    let stopped = async move {
        // An error means that the worker is gone: stop as well.
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router(api)).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "listener failed");
    }
}
