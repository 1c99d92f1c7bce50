//! Texts that are written over: a processor keeps its buffers, so that a record costs no allocation.

/// `buffer` holds `text` and nothing else.
#[inline]
pub(crate) fn set(buffer: &mut String, text: &str) {
    buffer.clear();
    buffer.push_str(text);
}
