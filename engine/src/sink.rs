//! Typed handles of topics that a topology sends to.

use holdfast_ports::record::Topic;

/// Handle of the topic that a topology sends some of its records to. It holds the topic's name and nothing else.
///
/// The builder and the verbs of [`Context`](crate::prelude::Context) take handles and no names, so a mistyped one does not compile. A send to a handle that the
/// topology has not declared fails with class `UnknownSink`.
///
/// Make it a `static`, not a `const`: a static has one address, and a send finds the declared topic by that address. Any other handle of the same topic
/// works as well, but then names are compared.
///
/// ```
/// use holdfast_engine::prelude::Sink;
///
/// static SUCCESS: Sink = Sink::to("coupon-issue-success");
/// assert_eq!(SUCCESS.topic(), "coupon-issue-success");
/// ```
#[derive(Debug)]
pub struct Sink {
    topic: &'static str,
}

/// Has no name: no topic is called that.
static INBOX: Sink = Sink { topic: "" };

impl Sink {
    /// The handle of `topic`.
    ///
    /// # Panics
    /// When `topic` is no name of a topic; in a static that is a compile error.
    #[must_use]
    pub const fn to(topic: &'static str) -> Self {
        assert!(is_topic_name(topic), "a topic's name has 1 to 249 letters, digits, '.', '_' and '-'");
        Self { topic }
    }

    /// The handle of the topology's own inbox, that is its first source. Every topology may send there without declaring it.
    #[must_use]
    pub fn inbox() -> &'static Self {
        &INBOX
    }

    /// The topic's name; empty for [`Sink::inbox`], which is another topic in each topology.
    #[must_use]
    pub const fn topic(&self) -> &'static str {
        self.topic
    }
}

/// Whether `text` may name a topic: letters, digits, '.', '_' and '-', 1 to 249 of them.
pub(crate) const fn is_topic_name(text: &str) -> bool {
    let mut rest = text.as_bytes();
    let mut is_name = !rest.is_empty() && rest.len() <= 249;
    while let Some((byte, others)) = rest.split_first() {
        is_name = is_name && (byte.is_ascii_alphanumeric() || matches!(*byte, b'.' | b'_' | b'-'));
        rest = others;
    }
    is_name
}

/// Where a topology may send: its inbox and its sinks, each with the topic's name as the log takes it.
#[derive(Debug, Clone)]
pub(crate) struct Sinks(Vec<(&'static Sink, Topic)>);

impl Sinks {
    pub(crate) fn new(inbox: &Topic, sinks: &[&'static Sink]) -> Self {
        let declared = sinks.iter().map(|sink| (*sink, Topic::from(sink.topic)));
        Self([(Sink::inbox(), inbox.clone())].into_iter().chain(declared).collect())
    }

    /// The topic that `sink` stands for, if it was declared.
    pub(crate) fn topic_of(&self, sink: &Sink) -> Option<&Topic> {
        let by_address = self.0.iter().find(|(declared, _)| std::ptr::eq(*declared, sink));
        by_address.or_else(|| self.0.iter().find(|(_, topic)| **topic == *sink.topic)).map(|(_, topic)| topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static OUT: Sink = Sink::to("out");
    static ELSEWHERE: Sink = Sink::to("elsewhere");

    #[test]
    fn a_handle_finds_its_topic_by_address_or_name() {
        let sinks = Sinks::new(&"in".into(), &[&OUT]);
        let is = |sink: &Sink, name: &str| sinks.topic_of(sink).is_some_and(|topic| **topic == *name);
        assert!(is(&OUT, "out") && is(&Sink::to("out"), "out"));
        assert!(is(Sink::inbox(), "in") && is(&Sink::to("in"), "in"));
        assert!(sinks.topic_of(&ELSEWHERE).is_none());
    }

    #[test]
    fn a_topic_name_is_what_kafka_takes() {
        let long = "x".repeat(249);
        assert!(["a", "coupon-issue-success", "seats.expired", "A_1", &long].into_iter().all(is_topic_name));
        assert!(["", "a b", "봄", "a/b", &[&long, "x"].concat()].into_iter().all(|text| !is_topic_name(text)));
    }
}
