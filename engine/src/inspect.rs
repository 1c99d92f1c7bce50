//! What looks at topologies from outside: queries, health and metrics, audit and replay, the command line.
//!
//! Everything here reads what has been committed, or decides again in a shadow. Nothing changes a running task.

pub use crate::dead_letter::OUTPUT_REFUSED;
pub use crate::metrics::EngineMetrics;
pub use crate::origin::Origin;
pub use crate::queries::{OnWake, Queries, QueryError, TaskView, Ticket, Wake};
pub use crate::restore_progress::RestoreProgress;
pub use crate::shadow::{Made, Rebuild, Shadow};
pub use crate::status::{LostInput, Snapshot, Status, TaskStatus};
pub use crate::task_state::State as TaskState;
pub use holdfast_ports as ports;

pub mod changelog {
    //! The name of a changelog and its records.
    pub use crate::changelog::{decode, encode_key, topic};
}

pub mod codec {
    //! How a row becomes bytes and is read back.
    pub use crate::codec::{CodecError, decode, decode_borrowed, encode};
}

pub mod delayed {
    //! Messages that wait in a task's state until they are due.
    pub use crate::delayed::{STORE, message};
}

pub mod describe {
    //! A topology as text and as a chart.
    pub use crate::describe::{mermaid, text};
}

pub mod effect {
    //! Effects that wait in a task's state until they are ended.
    pub use crate::effect::STORE;
}

pub mod ending {
    //! Which rows have ended, as a task's state says.
    pub use crate::ending::{Ended, Ending, Period, STORE, periods};
}

pub mod header {
    //! Names of the headers that the engine writes and reads.
    pub use crate::header::*;
}

pub mod position {
    //! How far a task has decided, as its state says.
    pub use crate::position::{KEY, Position, STORE};
}
