//! Where the topology sends, as handles.

use holdfast_engine::prelude::Sink;
use holdfast_model::coupon;

pub(super) static SUCCESS: Sink = Sink::to(coupon::SUCCESS);
pub(super) static FAILURES: Sink = Sink::to(coupon::FAILURES);
pub(super) static NOTIFICATIONS: Sink = Sink::to(coupon::NOTIFICATIONS);
pub(super) static REPLIES: Sink = Sink::to(coupon::REPLIES);
pub(super) static QUEUES: Sink = Sink::to(coupon::QUEUES);
