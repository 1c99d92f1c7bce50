//! `holdfast-sink [ADDRESS] [FILE]`: a sink at ADDRESS (default 127.0.0.1:9900) that appends what it gets to FILE, until it is told to stop.

use holdfast_sink::Sink;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

const ADDRESS: &str = "127.0.0.1:9900";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| ADDRESS.to_owned());
    let file = arguments.next().map(PathBuf::from);
    let Ok(address) = address.parse::<SocketAddr>() else {
        eprintln!("usage: holdfast-sink [ADDRESS] [FILE]; {address:?} is not an address");
        return ExitCode::from(2);
    };
    let outcome = Sink::start_at(address, file.as_deref()).and_then(|sink| {
        println!("holdfast-sink ready http={}", sink.address());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            Ok(())
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sink: {error}");
            ExitCode::FAILURE
        }
    }
}
