//! What runs topologies: the worker's threads and the simulation.
//!
//! A [`StreamThread`] is made of its [`Parts`] and stepped ([`StreamThread::step`]) by a thread, or by a test. An [`Assistant`] may carry its commits out
//! beside it, and a [`Performer`] performs the effects that have been committed.

pub use crate::commit::{Assistant, Commit, Outcome};
pub use crate::config::{CommitConfig, OnLostInput, StreamConfig};
pub use crate::effect::{Effect, EffectId, Lane, Performer, TaskEffects};
pub use crate::stream_thread::{Next, NotJoined, Parts, StepError, StreamThread};
pub use holdfast_ports as ports;
