//! An operator's verb, run to its end or to ours.

use crate::support::worker::Setup;
use std::process::{Child, Stdio};

/// What a verb said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `stream-worker ARGS` with the settings of `setup`.
pub(crate) fn said(setup: &Setup, args: &[&str]) -> Said {
    let output = verb(setup, args).command().output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

fn verb(setup: &Setup, args: &[&str]) -> Setup {
    Setup { args: args.iter().map(|arg| (*arg).to_owned()).collect(), ..setup.clone() }
}

/// A verb that goes on until it is killed; at the latest when this is dropped.
pub(crate) struct Going(Child);

impl Going {
    /// Begins `stream-worker ARGS`. What it says is not kept.
    pub(crate) fn start(setup: &Setup, args: &[&str]) -> Self {
        Self(verb(setup, args).command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Fails when it has ended by itself: then there is nothing left to kill.
    pub(crate) fn still_goes(&mut self) {
        let ended = self.0.try_wait().unwrap();
        assert!(ended.is_none(), "the verb has ended: {ended:?}");
    }

    /// Kill -9, in the middle of what it does.
    pub(crate) fn kill9(mut self) {
        self.still_goes();
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
