//! Where the topology sends, as handles.

use holdfast_engine::prelude::Sink;
use holdfast_model::payment;

pub(super) static REPLIES: Sink = Sink::to(payment::REPLIES);
pub(super) static COMPLETED: Sink = Sink::to(payment::COMPLETED);
