//! The name of every topic of the shop, by the feature that owns it. Changelogs and the placement topic are the engine's and are named after the app.

/// Coupons.
pub mod coupon {
    /// Where requests and commands come in. Key: `coupon-{policyId}`.
    pub const INBOX: &str = "coupon-issue-requests";
    /// What a key begins with.
    pub const KEY: &str = "coupon-";
    /// Outcomes of requests that got a coupon.
    pub const SUCCESS: &str = "coupon-issue-success";
    /// Outcomes of those that did not.
    pub const FAILURES: &str = "coupon-issue-failures";
    /// Records that cannot be read.
    pub const DEAD_LETTERS: &str = "coupon-issue-dlq";
}

/// Seats.
pub mod reservation {
    /// Where commands, answers and deadlines come in. Key: scheduleId.
    pub const INBOX: &str = "reservation.requests";
    /// Reservations that are paid.
    pub const CONFIRMED: &str = "reservation.confirmed";
    /// Holds that were not paid in time.
    pub const SEATS_EXPIRED: &str = "seats.expired";
    /// Records that cannot be read.
    pub const DEAD_LETTERS: &str = "reservation.requests.dlq";
}

/// Deadlines of holds.
pub mod expiration {
    /// Where deadlines come in. Key: reservationId, placed with its schedule.
    pub const INBOX: &str = "reservation.expiration";
    /// Records that cannot be read.
    pub const DEAD_LETTERS: &str = "reservation.expiration.dlq";
}

/// Wallets.
pub mod payment {
    /// Where charges, debits and refunds come in. Key: userId.
    pub const INBOX: &str = "payment.requests";
    /// The fact that a payment has been debited.
    pub const COMPLETED: &str = "payment.completed";
    /// Records that cannot be read.
    pub const DEAD_LETTERS: &str = "payment.requests.dlq";
}

/// Time sales.
pub mod timesale {
    /// Where orders and commands come in. Key: timeSaleId.
    pub const INBOX: &str = "timesale-order-requests";
    /// Orders that were confirmed, and confirmed orders that were cancelled.
    pub const SUCCESS: &str = "timesale-order-success";
    /// Orders that were refused.
    pub const FAILURES: &str = "timesale-order-failures";
    /// Records that cannot be read.
    pub const DEAD_LETTERS: &str = "timesale-order-dlq";
}

/// Waiting rooms.
pub mod queue {
    /// Where commands and answers of guarded topologies come in. Key: queueId.
    pub const INBOX: &str = "queue.requests";
    /// What became of queues and tickets. Key: queueId.
    pub const EVENTS: &str = "queue.events";
    /// Records that cannot be read.
    pub const DEAD_LETTERS: &str = "queue.requests.dlq";
}

/// Inbox of schedules, which a queue can guard. Key: scheduleId.
pub const GUARDED_SCHEDULES: &str = reservation::INBOX;
/// Inbox of coupon policies, which a queue can guard. Key: [`GUARDED_POLICY_KEY`] and the policyId.
pub const GUARDED_POLICIES: &str = coupon::INBOX;
/// What the key of a policy's record begins with.
pub const GUARDED_POLICY_KEY: &str = coupon::KEY;
/// Inbox of time sales, which a queue can guard. Key: timeSaleId.
pub const GUARDED_SALES: &str = timesale::INBOX;

/// What rankings count.
pub mod ranking {
    /// Each sale and each return. Key: scheduleId.
    pub const INBOX: &str = "ranking.events";
    /// Records that cannot be read.
    pub const DEAD_LETTERS: &str = "ranking.events.dlq";
}

/// Notifications.
pub mod notification {
    /// Where notifications are asked for. Key: userId.
    pub const INBOX: &str = "notification.request";
    /// Payments that are to be told. Key: userId.
    pub const PAYMENT_COMPLETED: &str = "notifications.payment-completed";
    /// How tries ended, and that the time for one has come. In the place of its user.
    pub const RESULTS: &str = "notification.results";
    /// How users can be reached; a record without a value erases that. Key: userId.
    pub const CONTACTS: &str = "user-contact";
    /// Records that cannot be read, and notifications that were given up.
    pub const DEAD_LETTERS: &str = "notification.request.dlq";
}

/// Deliveries to the data platform.
pub mod data_platform {
    /// Results of calls, and what the topology tells itself. Key: reservationId.
    pub const RESULTS: &str = "data-platform.results";
    /// Confirmations that could not be delivered, and records that cannot be read.
    pub const DEAD_LETTERS: &str = "reservation.confirmed.dlq";
}
