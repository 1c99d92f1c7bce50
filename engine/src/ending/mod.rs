//! Rows that end: outcomes of requests are needed for a while, and not for ever.
//!
//! A topology declares with `Builder::ends` how long rows of an `EndingTable` are kept after they were decided. From then on a
//! row is *gone* for `Context::get_kept`, and some time later it is deleted.
//!
//! **Gone** is a matter of the log alone. Each ending table has a watermark: the highest `now` of a decided record, less the time that rows are kept,
//! rounded down. A row that was decided at the watermark or before is gone, deleted or not, so no decision depends on how far the clean-up has come. The
//! watermark never goes back, and the state says since which record rows are kept for how long (`Period`): a replay comes to the same decisions.
//!
//! **Deleted** are rows in small steps, inside commits that are made anyway. An index finds them: the keys that a commit has written, a few hundred in a
//! chunk, by the time of the commit. Clean-up takes the oldest chunks whose time the watermark has reached, and deletes their rows. It does not read them, since
//! what is old lies on the disk: a row that was put again, and so has come into a later chunk, has a mark that says since when. A chunk is taken
//! whole, so there is nothing to remember of half of one.
//!
//! ```text
//!   put_kept ──► row          into its store, as with put
//!          └───► journal      its key, in memory; undone with the record
//!                  │ seal
//!                  ▼
//!   chunks  09:14 ▪▪▪▪   09:15 ▪▪   09:15 ▪▪▪▪   …   13:40 ▪▪
//!           └── taken when the watermark is past their time
//! ```
//!
//! Everything goes through the changelog like any other row: restores and compaction need to know nothing of it.
//!
//! Rows of a table that has become an ending one are in no chunk: `sweep` walks through the table once and enters them.
//!
//! | module | holds |
//! |---|---|
//! | `table` | what an author writes: handle, row, declaration |
//! | `layout` | the engine's own rows for it |
//! | `journal` | keys of a commit, cut into chunks |
//! | `watermark` | how far rows have ended |
//! | `tasks`, `cleaning`, `sweep` | what a task has of it |
//! | `ended` | which rows have ended, for those who compare states |

mod cleaning;
mod ended;
mod journal;
mod layout;
mod sweep;
mod table;
mod tasks;
mod watermark;

pub(crate) use ended::until_ms;
pub use ended::{Ended, Period, periods};
pub use layout::STORE;
pub use table::{Ending, EndingTable, Ends};
pub(crate) use tasks::{Endings, Found};
