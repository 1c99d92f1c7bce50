//! What a sale looks like from outside: policies with little stock and short windows, users who ask again and again, and people who send nonsense.

use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::place_of;
use holdfast_model::coupon::{self, INBOX};
use holdfast_sim::simulation::{Workload, World};

const POLICIES: u64 = 5;
const USERS: u64 = 40;
/// How long the window of every other policy is open, in ms.
const WINDOW_MS: i64 = 8_000;

/// The crowd. Remembers what it has sent, to send it again.
#[derive(Default)]
pub(crate) struct Crowd {
    last: u64,
    created: u64,
    sent: Vec<(String, Vec<u8>)>,
}

impl Crowd {
    fn id(&mut self, kind: &str) -> String {
        self.last += 1;
        format!("{kind}-{}", self.last)
    }

    /// Sends to where `policy` lives, mostly: a producer without keys hits any partition.
    fn send(world: &mut World<'_>, policy: &str, value: &[u8]) {
        let key = coupon::inbox_key(policy);
        let home = place_of(key.as_bytes(), world.places());
        let (is_keyless, places) = (world.rng().chance(12), u64::from(world.places()));
        let anywhere = u32::try_from(world.rng().below(places)).unwrap_or(0);
        let partition = if is_keyless { anywhere } else { home };
        let key = Some(key.as_bytes()).filter(|_| !is_keyless);
        world.append(&NewRecord { topic: INBOX, partition, key, value: Some(value), headers: &[] });
    }

    fn create(&mut self, world: &mut World<'_>) {
        let n = self.created;
        self.created += 1;
        let id = self.id("create");
        let stock = world.rng().between(1, 15);
        let now_ms = world.now_ms();
        let window = if n % 2 == 1 {
            format!(r#","startTime":{},"endTime":{}"#, now_ms + 500, now_ms + WINDOW_MS)
        } else {
            String::new()
        };
        let json = format!(
            r#"{{"type":"create-policy","requestId":"{id}","policyId":"p{n}","title":"t","totalQuantity":{stock}{window}}}"#
        );
        self.remember(world, &format!("p{n}"), json);
    }

    fn remember(&mut self, world: &mut World<'_>, policy: &str, json: String) {
        Self::send(world, policy, json.as_bytes());
        self.sent.push((policy.to_owned(), json.into_bytes()));
    }

    fn ask(&mut self, world: &mut World<'_>) {
        let policy = format!("p{}", world.rng().below(POLICIES + 1));
        let user = world.rng().below(USERS);
        let id = self.id("r");
        let json = match world.rng().below(6) {
            0 => format!(r#"{{"eventId":"{id}","userId":{user},"couponId":"{policy}","timestamp":7,"version":1}}"#),
            1 => format!(r#"{{"policyId":"{policy}","userId":"{user}"}}"#),
            2 if user == 0 => format!(r#"{{"requestId":"{id}","policyId":"{policy}","userId":" "}}"#),
            _ => format!(r#"{{"requestId":"{id}","policyId":"{policy}","userId":"{user}","requestedAt":1}}"#),
        };
        self.remember(world, &policy, json);
    }

    fn command(&mut self, world: &mut World<'_>) {
        let policy = format!("p{}", world.rng().below(POLICIES));
        let json = if world.rng().chance(50) {
            let by = world.rng().below(9).cast_signed() - 4;
            format!(r#"{{"type":"adjust-stock","requestId":"{}","policyId":"{policy}","by":{by}}}"#, self.id("adjust"))
        } else {
            let home = place_of(coupon::inbox_key(&policy).as_bytes(), world.places());
            let (serial, user, order) = (world.rng().between(1, 9), world.rng().below(USERS), world.rng().below(3));
            format!(
                r#"{{"type":"use-coupon","requestId":"{}","couponId":"cpn_{home}_{policy}_{serial}","userId":"{user}","orderId":"o{order}"}}"#,
                self.id("use")
            )
        };
        self.remember(world, &policy, json);
    }

    fn nonsense(&mut self, world: &mut World<'_>) {
        let policy = format!("p{}", world.rng().below(POLICIES));
        let value: &[u8] = match world.rng().below(5) {
            0 => b"{\"policyId\":",
            1 => b"\xff\xfe",
            2 => b"[1,2]",
            3 => br#"{"policyId":"p1"}"#,
            _ => br#"{"type":"dance"}"#,
        };
        Self::send(world, &policy, value);
    }
}

impl Workload for Crowd {
    fn act(&mut self, world: &mut World<'_>) {
        if self.created < POLICIES && (self.created == 0 || world.rng().chance(40)) {
            return self.create(world);
        }
        for _ in 0..world.rng().between(1, 8) {
            match world.rng().below(20) {
                0 => self.nonsense(world),
                1 | 2 => self.command(world),
                3..6 => {
                    // A retry: the same bytes once more.
                    if let Some((policy, json)) = world.rng().pick(&self.sent).cloned() {
                        Self::send(world, &policy, &json);
                    }
                }
                6 => {
                    // Somebody else under an id that was used.
                    let policy = format!("p{}", world.rng().below(POLICIES));
                    let json = format!(r#"{{"requestId":"r-{}","policyId":"{policy}","userId":"thief"}}"#, self.last);
                    Self::send(world, &policy, json.as_bytes());
                }
                _ => self.ask(world),
            }
        }
    }
}
