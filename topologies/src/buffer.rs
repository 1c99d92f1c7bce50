//! Texts that are written over: a processor keeps its buffers, so that a record costs no allocation.

use std::fmt::Write;

/// `buffer` holds `text` and nothing else.
#[inline]
pub(crate) fn set(buffer: &mut String, text: &str) {
    buffer.clear();
    buffer.push_str(text);
}

/// `buffer` holds what `text` says and nothing else.
#[inline]
pub(crate) fn write_over(buffer: &mut String, text: std::fmt::Arguments<'_>) {
    buffer.clear();
    // Writing to a String cannot fail.
    let _ = buffer.write_fmt(text);
}
