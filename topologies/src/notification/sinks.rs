//! Where the topology sends, as a handle.

use holdfast_engine::prelude::Sink;
use holdfast_model::notification;

pub(super) static RESULTS: Sink = Sink::to(notification::RESULTS);
