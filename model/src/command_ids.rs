//! What all commands do with their ids: each brings its `eventId` and its `requestId`, or neither.

/// Gives an enum of commands, each of which has `event_id` and `request_id`, what is the same in every feature.
macro_rules! command_ids {
    ($command:ident { $($variant:ident),+ $(,)? }) => {
        impl $command {
            fn ids_mut(&mut self) -> (&mut Option<String>, &mut Option<String>) {
                match self {
                    $(Self::$variant(c) => (&mut c.event_id, &mut c.request_id),)+
                }
            }

            /// The same command; an id that is blank is none.
            fn without_blank_ids(mut self) -> Self {
                let (event_id, request_id) = self.ids_mut();
                for id in [event_id, request_id] {
                    *id = id.take().filter(|id| !id.trim().is_empty());
                }
                self
            }

            /// The same command without its ids: what a fingerprint is made of.
            fn without_ids(&self) -> Self {
                let mut content = self.clone();
                let (event_id, request_id) = content.ids_mut();
                (*event_id, *request_id) = (None, None);
                content
            }

            /// Takes the id by which its outcome is found.
            pub fn set_request_id(&mut self, id: &str) {
                *self.ids_mut().1 = Some(id.to_owned());
            }

            /// What it is recognised by when it comes again, and what its outcome is found by; none = by where it entered the log.
            #[must_use]
            pub fn identity(&self) -> Option<&str> {
                let (event_id, request_id) = match self {
                    $(Self::$variant(c) => (&c.event_id, &c.request_id),)+
                };
                request_id.as_deref().or(event_id.as_deref())
            }

            /// As JSON, for an append.
            #[must_use]
            pub fn to_json(&self) -> Vec<u8> {
                // Texts and numbers always encode: there is no failing Serialize in a command.
                serde_json::to_vec(self).unwrap_or_default()
            }
        }
    };
}

pub(crate) use command_ids;
