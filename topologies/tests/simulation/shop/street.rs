//! Who comes in from the street: buyers who want the same seats, click twice, pay at the last moment or a moment later, with too little money or the
//! wrong amount; bots; people who send nonsense; and an operator who opens schedules, calls one off, and puts dead letters back.

use super::HOLD_MS;
use crate::simulation::paper::{self, head};
use crate::simulation::wrapped::{CLUMSY, STUMBLED, put_back};
use holdfast_engine::inspect::header;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::place_of;
use holdfast_model::payment::message::Charge;
use holdfast_model::reservation::message::{
    Cancel, CancelSchedule, Command, CreateConcert, CreateSchedule, Expire, Extend, Hold, JoinWaitlist, LeaveWaitlist,
    Limits, Message, Pay, PricedSeat, Release, Seats,
};
use holdfast_model::reservation::{self, ids};
use holdfast_model::wire::When;
use holdfast_model::{coupon, expiration, payment};
use holdfast_sim::memory_log::Stored;
use holdfast_sim::simulation::{Workload, World};
use std::collections::BTreeMap;

const SCHEDULES: u64 = 6;
const USERS: u64 = 12;
const DAY_MS: u64 = 86_400_000;
/// Bots on one seat, when the history has room for them.
const STORM: u64 = 500;
/// And when it has not.
const SHOWER: u64 = 25;

const DEAD_LETTERS: [&str; 4] =
    [reservation::DEAD_LETTERS, expiration::DEAD_LETTERS, payment::DEAD_LETTERS, coupon::DEAD_LETTERS];

const POLICIES: [&str; 2] = ["fixed", "percent"];
const FIXED: &str = r#""discountType":"FIXED_AMOUNT","discountValue":4000"#;
const PERCENT: &str =
    r#""discountType":"PERCENTAGE","discountValue":30,"maximumDiscountAmount":9000,"minimumOrderAmount":6000"#;

/// What a customer thinks that his coupon takes off.
fn discount(coupon_id: &str, price: i64) -> i64 {
    if coupon_id.contains(POLICIES[0]) { price.min(4_000) } else { (price * 30 / 100).min(9_000) }
}

struct Schedule {
    id: String,
    seats: u64,
    /// KRW of a seat; none = each has its own, see [`price_of`].
    price: Option<i64>,
}

struct Held {
    id: String,
    coupon: Option<String>,
    user: String,
    price: i64,
    expires_ms: i64,
}

/// KRW of a seat where seats have prices of their own.
fn price_of(seat: u64) -> i64 {
    (seat % 4).cast_signed() * 3_000
}

/// Everybody. Remembers what was sent, to send it again, and what was held, to pay for it.
#[derive(Default)]
pub(crate) struct Street {
    last: u64,
    schedules: Vec<Schedule>,
    held: Vec<Held>,
    read: BTreeMap<(&'static str, u32), i64>,
    letters: Vec<(u32, i64, Stored, &'static str)>,
    /// Whose which coupon is.
    coupons: Vec<(String, String)>,
    sent: Vec<(&'static str, String, Vec<u8>)>,
    has_stormed: bool,
}

impl Street {
    fn id(&mut self, kind: &str) -> String {
        self.last += 1;
        format!("{kind}-{}", self.last)
    }

    /// Appends to where `key` lives, mostly: a producer without keys hits any partition.
    fn append(world: &mut World<'_>, topic: &str, key: &str, value: &[u8]) {
        let home = place_of(key.as_bytes(), world.places());
        let (is_keyless, places) = (world.rng().chance(8), u64::from(world.places()));
        let anywhere = u32::try_from(world.rng().below(places)).unwrap_or(0);
        let partition = if is_keyless { anywhere } else { home };
        let key = Some(key.as_bytes()).filter(|_| !is_keyless);
        world.append(&NewRecord { topic, partition, key, value: Some(value), headers: &[] });
    }

    fn send(&mut self, world: &mut World<'_>, topic: &'static str, key: &str, value: Vec<u8>) {
        Self::append(world, topic, key, &value);
        self.sent.push((topic, key.to_owned(), value));
    }

    /// Sends a command, now and then without an id of its own.
    fn command(&mut self, world: &mut World<'_>, key: &str, command: Command) {
        let id = self.id("r");
        let mut message = Message::new(id, command);
        match world.rng().below(10) {
            0 => message.request_id = None,
            1 => message.event_id = message.request_id.take(),
            _ => {}
        }
        self.send(world, reservation::INBOX, key, message.to_json());
    }

    fn user(world: &mut World<'_>) -> String {
        match world.rng().below(USERS + 2) {
            n @ 0..USERS => format!("u{n}"),
            n => format!("{CLUMSY}{n}"),
        }
    }

    /// What has come of it all, as far as anybody can read it.
    fn look(&mut self, world: &World<'_>) {
        for place in 0..world.places() {
            let next = self.read.entry((reservation::EXPIRATIONS, place)).or_default();
            for (offset, record) in world.read(reservation::EXPIRATIONS, place, *next) {
                *next = offset + 1;
                let deadline = paper::json(&record).unwrap_or_default();
                let payload = &deadline["payload"];
                let (Some(id), Some(user)) = (paper::text(&payload["reservationId"]), paper::text(&payload["userId"]))
                else {
                    continue;
                };
                let schedule = self.schedules.iter().find(|s| payload["scheduleId"] == *s.id);
                let price = schedule.and_then(|schedule| schedule.price);
                let price = price.unwrap_or_else(|| price_of(payload["seatNo"].as_u64().unwrap_or_default()));
                let expires_ms = paper::moment(&payload["expiresAt"]).unwrap_or_default();
                let coupon = self.coupons.iter().rfind(|(owner, _)| *owner == user).map(|(_, coupon)| coupon.clone());
                self.held.push(Held { id, coupon, user, price, expires_ms });
            }
            let next = self.read.entry((coupon::SUCCESS, place)).or_default();
            for (offset, record) in world.read(coupon::SUCCESS, place, *next) {
                *next = offset + 1;
                let issued = paper::json(&record).unwrap_or_default();
                if let (Some(user), Some(id)) = (paper::text(&issued["userId"]), paper::text(&issued["couponId"])) {
                    self.coupons.push((user, id));
                }
            }
            for topic in DEAD_LETTERS {
                let next = self.read.entry((topic, place)).or_default();
                for (offset, letter) in world.read(topic, place, *next) {
                    *next = offset + 1;
                    if head(&letter, header::CLASS).as_deref() == Some(STUMBLED) {
                        self.letters.push((place, offset, letter, topic));
                    }
                }
            }
        }
    }

    fn create(&mut self, world: &mut World<'_>) {
        let n = self.schedules.len();
        let waitlist = world.rng().pick(&[None, Some("OPEN"), Some("OFFER"), Some("OFFER")]).copied().flatten();
        // A small house is sold out soon.
        let seats_max = if waitlist == Some("OFFER") { 4 } else { 9 };
        let (seats, now_ms) = (world.rng().between(2, seats_max), world.now_ms());
        let id = format!("s{n}");
        let price = world.rng().chance(60).then(|| world.rng().between(1, 9).cast_signed() * 5_000);
        let each = || (1..=seats).map(|no| PricedSeat { seat_no: no.to_string(), price: price_of(no) }).collect();
        let days = world.rng().below(14);
        let is_short = world.rng().chance(15);
        let command = CreateSchedule {
            schedule_id: id.clone(),
            concert_id: Some("c".to_owned()),
            concert_title: "아이유 콘서트".to_owned(),
            starts_at: Some(When::from_ms(now_ms + (days * DAY_MS).cast_signed() + 3_000)),
            sale_start: is_short.then(|| When::from_ms(now_ms + 100)),
            sale_end: is_short.then(|| When::from_ms(now_ms + if days == 0 { 2_500 } else { 5_000 })),
            seats: price
                .map_or_else(|| Seats::Each(each()), |price| Seats::Block { count: seats.cast_signed(), price }),
            limits: (n % 3 == 1).then_some(Limits { seats_per_user: Some(2), open_holds: Some(1) }),
            waitlist: waitlist.map(str::to_owned),
            waitlist_notify: world.rng().chance(20).then_some(2),
            ..CreateSchedule::default()
        };
        if n == 0 {
            let concert =
                CreateConcert { concert_id: "c".to_owned(), title: "아이유 콘서트".to_owned(), date: None };
            self.command(world, "c", Command::CreateConcert(concert));
            for policy in POLICIES {
                let terms = format!(
                    r#"{{"type":"create-policy","requestId":"{}","policyId":"{policy}","title":"t","totalQuantity":20,{}}}"#,
                    self.id("policy"),
                    if policy == POLICIES[0] { FIXED } else { PERCENT },
                );
                self.send(world, coupon::INBOX, &coupon::inbox_key(policy), terms.into_bytes());
            }
        }
        self.schedules.push(Schedule { id: id.clone(), seats, price });
        self.command(world, &id, Command::CreateSchedule(command));
    }

    /// A seat of a schedule: one that is there, mostly.
    fn seat(&self, world: &mut World<'_>) -> (String, u64) {
        match world.rng().pick(&self.schedules) {
            Some(schedule) => {
                let seat = match world.rng().below(20) {
                    0 => world.rng().below(2) * (schedule.seats + 1),
                    _ => world.rng().between(1, schedule.seats + 1),
                };
                (schedule.id.clone(), seat)
            }
            None => ("nowhere".to_owned(), 1),
        }
    }

    fn hold(&mut self, world: &mut World<'_>) {
        let (schedule_id, seat) = self.seat(world);
        let user_id = Self::user(world);
        let hold = Hold { user_id, schedule_id: schedule_id.clone(), seat_no: seat.to_string() };
        // A double click is two requests, or one that comes twice.
        let again = world.rng().chance(15);
        self.command(world, &schedule_id, Command::Hold(hold.clone()));
        if again {
            self.command(world, &schedule_id, Command::Hold(hold));
        } else if world.rng().chance(15) {
            self.resend(world, self.sent.len().saturating_sub(1));
        }
    }

    /// A user waits for a seat, or waits no more.
    fn wait(&mut self, world: &mut World<'_>) {
        let (schedule_id, _) = self.seat(world);
        let user_id = Self::user(world);
        let command = if world.rng().chance(15) {
            Command::LeaveWaitlist(LeaveWaitlist { schedule_id: schedule_id.clone(), user_id })
        } else {
            Command::JoinWaitlist(JoinWaitlist { schedule_id: schedule_id.clone(), user_id })
        };
        self.command(world, &schedule_id, command);
    }

    fn resend(&self, world: &mut World<'_>, nth: usize) {
        if let Some((topic, key, value)) = self.sent.get(nth) {
            Self::append(world, topic, key, value);
        }
    }

    fn pay(&mut self, world: &mut World<'_>) {
        // One that is not over, mostly.
        let (is_any, now_ms) = (world.rng().chance(20), world.now_ms());
        let held: Vec<&Held> = self.held.iter().filter(|held| is_any || held.expires_ms > now_ms).collect();
        let Some(held) = world.rng().pick(&held) else { return };
        let (reservation_id, expires_ms) = (held.id.clone(), held.expires_ms);
        let place = ids::parse_reservation(&reservation_id).map_or(0, |(place, _)| place);
        let wrong = world.rng().below(25);
        let coupon_id = match world.rng().below(50) {
            0 => Some("cpn_0_fixed_99".to_owned()),
            1 => Some("no coupon".to_owned()),
            2..25 => held.coupon.clone(),
            _ => None,
        };
        let amount = match wrong {
            0 => 1,
            1 => -held.price,
            // What it takes off, everybody can work out, and some forget.
            2..23 => held.price - coupon_id.as_deref().map_or(0, |id| discount(id, held.price)),
            _ => held.price,
        };
        let user_id = match wrong {
            2 => Some("thief".to_owned()),
            3..10 => Some(held.user.clone()),
            _ => None,
        };
        let chosen = self.last;
        let payment_id = match world.rng().below(20) {
            0 => Some("mine".to_owned()),
            1 => Some(ids::payment(place, "always")),
            2..9 => Some(ids::payment(place, &format!("own-{chosen}"))),
            _ => None,
        };
        if world.rng().chance(8) {
            let aside_ms = world.rng().pick(&[-2, -1, -1, 0, 1]).copied().unwrap_or(0);
            world.wait_until(expires_ms + aside_ms, HOLD_MS);
        }

        let pay = Pay { reservation_id: reservation_id.clone(), payment_id, user_id, amount, coupon_id };
        let again = world.rng().chance(15);
        self.command(world, &reservation_id, Command::Pay(pay.clone()));
        if again {
            self.command(world, &reservation_id, Command::Pay(pay));
        }
    }

    fn give_back(&mut self, world: &mut World<'_>) {
        let Some(held) = world.rng().pick(&self.held) else { return };
        let (reservation_id, user_id) = (held.id.clone(), held.user.clone());
        let user_id = if world.rng().chance(10) { "thief".to_owned() } else { user_id };
        let command = match world.rng().below(5) {
            0 => Command::Release(Release { reservation_id: reservation_id.clone(), user_id }),
            1 | 2 => Command::Extend(Extend { reservation_id: reservation_id.clone(), user_id }),
            _ => Command::Cancel(Cancel { reservation_id: reservation_id.clone(), user_id }),
        };
        self.command(world, &reservation_id, command);
    }

    fn charge(&mut self, world: &mut World<'_>) {
        // Whoever has got a seat last may want to pay for it.
        let last = self.held.last().map(|held| held.user.clone()).filter(|_| world.rng().chance(40));
        let user = last.unwrap_or_else(|| Self::user(world));
        let amount = match world.rng().below(12) {
            0 => 999,
            1 => -5,
            2 => 1_000_001,
            _ => world.rng().between(1, 60).cast_signed() * 1_000,
        };
        let id = self.id("charge");
        let value = Charge::new(&id, &user, amount, world.now_ms()).to_json();
        self.send(world, payment::INBOX, &user, value);
    }

    fn want_coupon(&mut self, world: &mut World<'_>) {
        let policy = world.rng().pick(&POLICIES).copied().unwrap_or_default();
        let (id, user) = (self.id("issue"), Self::user(world));
        let value = format!(r#"{{"requestId":"{id}","policyId":"{policy}","userId":"{user}"}}"#);
        self.send(world, coupon::INBOX, &coupon::inbox_key(policy), value.into_bytes());
    }

    /// Many want one seat, at once.
    fn storm(&mut self, world: &mut World<'_>) {
        self.has_stormed = true;
        let (schedule_id, seat) = self.seat(world);
        let bots = if world.records_left() > STORM + SHOWER { STORM } else { SHOWER };
        for bot in 0..bots {
            let (user_id, seat_no) = (format!("bot{bot}"), seat.to_string());
            let hold = Hold { user_id, schedule_id: schedule_id.clone(), seat_no };
            let message = Message::new(self.id("bot"), Command::Hold(hold));
            Self::append(world, reservation::INBOX, &schedule_id, &message.to_json());
        }
    }

    /// Somebody would like to end another one's hold before its time, or says what has been said.
    fn meddle(&mut self, world: &mut World<'_>) {
        let Some(held) = world.rng().pick(&self.held) else { return };
        let (reservation_id, expires_ms) = (held.id.clone(), held.expires_ms);
        match world.rng().below(4) {
            0 => {
                let places = world.places();
                let place = ids::parse_reservation(&reservation_id).map_or(0, |(place, _)| place % places);
                let deadlines = world.read(reservation::EXPIRATIONS, place, 0);
                if let Some((_, deadline)) = world.rng().pick(&deadlines).cloned()
                    && let (Some(key), Some(value)) = (deadline.key, deadline.value)
                {
                    Self::append(world, reservation::EXPIRATIONS, &String::from_utf8_lossy(&key), &value);
                }
            }
            1 => {
                let expires_at = Some(When::from_ms(expires_ms - 1_000));
                let expire = Expire { reservation_id: reservation_id.clone(), expires_at, due_at: None };
                self.command(world, &reservation_id, Command::Expire(expire));
            }
            _ => {
                let expire = Expire { reservation_id: reservation_id.clone(), ..Expire::default() };
                self.command(world, &reservation_id, Command::Expire(expire));
            }
        }
    }

    fn nonsense(&mut self, world: &mut World<'_>) {
        let values: [&[u8]; 8] = [
            b"{\"type\":\"hold\"",
            b"\xff\xfe",
            b"[1,2]",
            br#"{"type":"dance"}"#,
            br#"{"type":"hold","userId":"u1","scheduleId":"s0"}"#,
            br#"{"type":"settled","paymentId":"pay_0_none","reservationId":"res_0_0","result":"DEBITED","amount":5}"#,
            br#"{"type":"refunded","refundId":"f","paymentId":"pay_0_none","reservationId":"res_1_0","amount":5}"#,
            br#"{"type":"expire","reservationId":"res_789"}"#,
        ];
        let Some(value) = world.rng().pick(&values).copied() else { return };
        let topic = world.rng().pick(&[reservation::INBOX, payment::INBOX, expiration::INBOX]).copied();
        let key = format!("k{}", world.rng().below(9));
        Self::append(world, topic.unwrap_or(reservation::INBOX), &key, value);
    }

    /// Something else under an id that was used.
    fn steal_id(&mut self, world: &mut World<'_>) {
        let (schedule_id, seat) = self.seat(world);
        let hold = Hold { user_id: "thief".to_owned(), schedule_id: schedule_id.clone(), seat_no: seat.to_string() };
        let message = Message::new(format!("r-{}", self.last), Command::Hold(hold));
        Self::append(world, reservation::INBOX, &schedule_id, &message.to_json());
        let charge = Charge::new(&format!("charge-{}", self.last), "thief", 1_000, 0).to_json();
        Self::append(world, payment::INBOX, "thief", &charge);
    }

    /// The operator puts back what stumbled, in any order.
    fn redrive(&mut self, world: &mut World<'_>, letters_max: usize) {
        for _ in 0..letters_max.min(self.letters.len()) {
            let nth = usize::try_from(world.rng().below(self.letters.len() as u64)).unwrap_or(0);
            let (place, offset, letter, dead_letters) = self.letters.swap_remove(nth);
            put_back(world, place, offset, &letter, dead_letters);
        }
    }
}

impl Workload for Street {
    fn act(&mut self, world: &mut World<'_>) {
        self.look(world);
        let schedules = self.schedules.len() as u64;
        if schedules == 0 || (schedules < SCHEDULES && world.rng().chance(15)) {
            self.create(world);
        }
        for _ in 0..world.rng().between(1, 6) {
            match world.rng().below(100) {
                0..27 => self.hold(world),
                27..34 => self.wait(world),
                34..58 => self.pay(world),
                58..66 => self.charge(world),
                66..70 => self.want_coupon(world),
                70..76 => self.give_back(world),
                76..82 => {
                    let nth = usize::try_from(world.rng().below(self.sent.len() as u64)).unwrap_or(0);
                    self.resend(world, nth);
                }
                82..86 => self.meddle(world),
                86..89 => self.nonsense(world),
                89..91 => self.steal_id(world),
                91..94 => self.redrive(world, 3),
                94..96 if !self.has_stormed => self.storm(world),
                96 if world.rng().chance(30) => {
                    let schedule_id = self.seat(world).0;
                    let command = CancelSchedule { schedule_id: schedule_id.clone() };
                    self.command(world, &schedule_id, Command::CancelSchedule(command));
                }
                _ => {}
            }
        }
    }

    fn close(&mut self, world: &mut World<'_>) {
        self.look(world);
        self.redrive(world, usize::MAX);
    }
}
