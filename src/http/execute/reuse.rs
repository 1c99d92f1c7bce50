//! One idempotency key for two commands: seen in another place that runs here, the second is refused.

use super::Order;
use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::intake::DECISION_MAX;
use holdfast_engine::inspect::TaskView;

impl Api {
    /// Refuses a key that has been used in another place that runs here, unless `id` is a repetition: the place of `view` knows it, or it may be in its
    /// inbox.
    ///
    /// # Errors
    /// [`ApiError::IdempotencyKeyReused`]; when a view cannot be read.
    pub(super) async fn refuse_reuse<O: Order>(
        &self,
        order: &O,
        view: &TaskView,
        id: &String,
        unique: &str,
    ) -> Result<(), ApiError> {
        let topology = O::INBOX.topology;
        let is_there = |task: &TaskView, id: &String| match order.outcome(task, id) {
            Ok(Some(_)) | Err(ApiError::IdempotencyKeyReused) => Ok(true),
            Ok(None) => Ok(order.kept().is_some() && self.accepted.get(topology, id).is_some()),
            Err(error) => Err(error),
        };
        // Before the rows: what is decided meanwhile has one.
        let is_known = || Ok::<_, ApiError>(self.under_way.has(id) || is_there(view, id)?);
        if is_known()? {
            return Ok(());
        }
        let mut is_used = false;
        for task in self.queries.tasks(topology).iter().filter(|task| task.place() != view.place()) {
            is_used = is_used || is_there(task, &O::id(task.place(), unique))?;
        }
        if !is_used {
            return Ok(());
        }
        let hidden = || self.lag.may_hold_to(topology, view.place(), view.next_offset());
        if let Some(end) = hidden() {
            // Another replica had the place before, and this worker has not read all that it has appended.
            self.wait_position(view, end.saturating_sub(1), DECISION_MAX).await?;
        }
        // If that is not known by now, the command is carried out: a repetition changes nothing.
        if is_known()? || hidden().is_some() { Ok(()) } else { Err(ApiError::IdempotencyKeyReused) }
    }
}
