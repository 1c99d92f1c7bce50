//! `stream-worker`: see `--help`.

use mimalloc::MiMalloc;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    small_pages();
    stream_worker::cli::main()
}

/// The allocator asks the kernel for pages of 2 MiB, and what it holds in many small pieces is rounded up to them: a quarter of the memory after a drain
/// (docs/decisions/0008).
fn small_pages() {
    // Refused by a kernel or a container, it costs nothing but memory; and nobody logs yet.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
