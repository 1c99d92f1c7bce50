//! Where the topology sends, as handles.

use holdfast_engine::prelude::Sink;
use holdfast_model::reservation;

pub(super) static EXPIRATIONS: Sink = Sink::to(reservation::EXPIRATIONS);
pub(super) static PAYMENTS: Sink = Sink::to(reservation::PAYMENTS);
pub(super) static COUPONS: Sink = Sink::to(reservation::COUPONS);
pub(super) static CONFIRMED: Sink = Sink::to(reservation::CONFIRMED);
pub(super) static SEATS_EXPIRED: Sink = Sink::to(reservation::SEATS_EXPIRED);
pub(super) static RANKING: Sink = Sink::to(reservation::RANKING);
pub(super) static NOTIFICATIONS: Sink = Sink::to(reservation::NOTIFICATIONS);
pub(super) static QUEUES: Sink = Sink::to(reservation::QUEUES);
