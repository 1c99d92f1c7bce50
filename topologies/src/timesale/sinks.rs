//! Where the topology sends, as handles.

use holdfast_engine::prelude::Sink;
use holdfast_model::timesale;

pub(super) static SUCCESS: Sink = Sink::to(timesale::SUCCESS);
pub(super) static FAILURES: Sink = Sink::to(timesale::FAILURES);
pub(super) static NOTIFICATIONS: Sink = Sink::to(timesale::NOTIFICATIONS);
pub(super) static QUEUES: Sink = Sink::to(timesale::QUEUES);
