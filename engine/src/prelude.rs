//! What the author of a topology writes with.
//!
//! ```
//! use holdfast_engine::prelude::{Context, ProcessError, Processor, Record, Sink, Table, Topology};
//!
//! const COUNTS: Table<String, u64> = Table::new(16, "counts");
//! static COUNTED: Sink = Sink::to("counts");
//!
//! struct Count;
//! impl Processor for Count {
//!     fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
//!         let word = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
//!         let count = ctx.get(&COUNTS, &word)?.unwrap_or(0) + 1;
//!         ctx.put(&COUNTS, &word, &count)?;
//!         ctx.send(&COUNTED, word.as_bytes(), count.to_string().as_bytes())
//!     }
//! }
//!
//! let topology = Topology::named("word-count")
//!     .inbox("words")
//!     .store(COUNTS.spec())
//!     .sink(&COUNTED)
//!     .dead_letters("words-dlq")
//!     .processor(|| Box::new(Count))
//!     .build()
//!     .unwrap();
//! assert_eq!(&**topology.inbox(), "words");
//! ```

pub use crate::codec::EncodeLike;
pub use crate::context::Context;
pub use crate::delayed::DelayedId;
pub use crate::effect::{EffectId, NewEffect};
pub use crate::ending::{EndingTable, Ends};
pub use crate::given_up::DeadLetter;
pub use crate::key::Key;
pub use crate::origin::Origin;
pub use crate::output::Output;
pub use crate::process_error::ProcessError;
pub use crate::processor::Processor;
pub use crate::sink::Sink;
pub use crate::table::Table;
pub use crate::topology::{Builder, InvalidTopology, Topology};
pub use holdfast_ports::place::place_of;
pub use holdfast_ports::record::Record;

pub mod header {
    //! Names of the headers that the engine writes and reads.
    pub use crate::header::*;
}

pub mod key {
    //! Parts of order-preserving keys, written and read.
    pub use crate::key::{put_i64, put_text, put_u64, take_i64, take_text, take_u64};
}
