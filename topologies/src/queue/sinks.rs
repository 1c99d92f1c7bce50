//! Where the topology sends, as handles.

use holdfast_engine::prelude::Sink;
use holdfast_model::guard::SubjectType;
use holdfast_model::queue;

pub(super) static EVENTS: Sink = Sink::to(queue::EVENTS);
pub(super) static NOTIFICATIONS: Sink = Sink::to(queue::NOTIFICATIONS);
pub(super) static SCHEDULES: Sink = Sink::to(SubjectType::Schedule.inbox());
pub(super) static POLICIES: Sink = Sink::to(SubjectType::Policy.inbox());
pub(super) static SALES: Sink = Sink::to(SubjectType::Sale.inbox());

/// The inbox of what decides about such subjects.
pub(super) fn of(kind: SubjectType) -> &'static Sink {
    match kind {
        SubjectType::Schedule => &SCHEDULES,
        SubjectType::Policy => &POLICIES,
        SubjectType::Sale => &SALES,
    }
}
