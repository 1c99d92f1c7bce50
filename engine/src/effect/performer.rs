//! What the stream thread and the executor of effects tell each other.

use super::row::{self, Lane, STORE};
use super::{Effect, EffectId, proof};
use crate::key::prefix_end;
use crate::queries::{QueryError, TaskView};
use holdfast_ports::record::TopicPartition;
use holdfast_ports::store::{StoreError, TaskId};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Performs effects, elsewhere and later. The stream thread calls it and must not be kept waiting.
pub trait Performer: Send {
    /// Effects of a task may be pulled from now on: its place is ours, and all results that earlier owners appended are decided. The same task may
    /// come again after [`Performer::close`].
    fn open(&self, effects: TaskEffects);

    /// A commit has added effects to these lanes.
    fn committed(&self, task: &TaskId, lanes: &[Lane]);

    /// The place is to be given up: nothing more is begun for the task. True once nothing is under way and all results are in the log. Called again
    /// until it is, or until it has taken too long.
    fn drain(&self, task: &TaskId) -> bool;

    /// The task is not ours any more. What is under way is cut off, and no result of it is appended.
    fn close(&self, task: &TaskId);
}

/// The committed effects of one task, to be pulled.
#[derive(Debug, Clone)]
pub struct TaskEffects {
    app: Arc<str>,
    task: TaskId,
    view: TaskView,
    results: TopicPartition,
    secret: proof::Secret,
}

impl TaskEffects {
    pub(crate) fn new(
        app: &str,
        task: &TaskId,
        view: TaskView,
        results: TopicPartition,
        secret: proof::Secret,
    ) -> Self {
        Self { app: app.into(), task: task.clone(), view, results, secret }
    }

    /// Whose.
    #[must_use]
    pub fn task(&self) -> &TaskId {
        &self.task
    }

    /// The committed state of the task: for what must not lie in an effect, as contact data.
    #[must_use]
    pub fn view(&self) -> &TaskView {
        &self.view
    }

    /// Where results go, with [`Effect::result_headers`] and [`Effect::key`].
    #[must_use]
    pub fn results(&self) -> &TopicPartition {
        &self.results
    }

    /// The lanes in which something waits.
    ///
    /// # Errors
    /// As [`TaskEffects::pull`].
    pub fn lanes(&self) -> Result<Vec<Lane>, QueryError> {
        let mut lanes = Vec::new();
        // Behind the row of the secret.
        let mut from = row::secret_key();
        from.push(0);
        loop {
            let mut next = None;
            self.view.scan_bytes_from(STORE.id, &from, None, &mut |key, _| {
                next = <row::EffectKey as crate::key::Key>::decode(key).map(|key| key.lane);
                ControlFlow::Break(())
            })?;
            let Some(lane) = next else { return Ok(lanes) };
            let end = prefix_end(&lane.prefix());
            lanes.push(lane);
            match end {
                Some(end) => from = end,
                None => return Ok(lanes),
            }
        }
    }

    /// At most `count_max` effects of `lane`, in the order they were asked for, from the one behind `after` on.
    ///
    /// # Errors
    /// [`QueryError::NotHere`] when the task has just left; [`QueryError::Failed`] when the store cannot be read.
    pub fn pull(&self, lane: &Lane, after: Option<EffectId>, count_max: usize) -> Result<Vec<Effect>, QueryError> {
        let mut from = lane.prefix();
        let to = prefix_end(&from);
        if let Some(EffectId(id)) = after {
            let Some(next) = id.checked_add(1) else { return Ok(Vec::new()) };
            crate::key::put_u64(&mut from, next);
        }
        let mut effects = Vec::new();
        let mut failed: Option<StoreError> = None;
        if count_max == 0 {
            return Ok(effects);
        }
        self.view.scan_bytes_from(STORE.id, &from, to.as_deref(), &mut |key, value| {
            match row::decode(&self.app, &self.task, &self.secret, key, value) {
                Ok(effect) => effects.extend(effect),
                Err(error) => failed = Some(error),
            }
            if failed.is_some() || effects.len() >= count_max {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        failed.map_or(Ok(effects), |error| Err(QueryError::Failed(error.to_string())))
    }
}
