//! A shop with one worker, and rounds of records for it.

use holdfast_engine::prelude::place_of;
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::coupon::message::{Command as CouponCommand, CreatePolicy, IssueRequest};
use holdfast_model::notification::{self, NotificationRequest, Priority};
use holdfast_model::payment::message::{Charge, Debit};
use holdfast_model::payment::settled::Settled;
use holdfast_model::reservation::message::{Command, CreateSchedule, Expire, Hold, Message, Pay, Seats};
use holdfast_model::reservation::serial::{self, Secret};
use holdfast_model::reservation::{self, ids};
use holdfast_model::wire::When;
use holdfast_model::{coupon, payment};
use holdfast_sim::null_log::{NullLog, NullLogWorker};
use holdfast_topologies::all;

/// Records of a round, and of a commit.
pub(crate) const RECORDS: u64 = 2_000;
/// One, so that a round is one commit.
const PLACES: u32 = 1;
const POLICIES: u64 = 500;
const SCHEDULES: u64 = 500;
const WALLETS: u64 = 4_000;
const PRICE_KRW: i64 = 50_000;
/// How long a seat is held, in ms: the shop's own setting.
const HOLD_MS: u64 = 300_000;

/// A hold that has been appended.
struct Held {
    place: u32,
    id: String,
    schedule_id: String,
    user_id: String,
    seat_no: u64,
}

/// See the head of this file.
pub(crate) struct Shop {
    worker: NullLogWorker,
    log: NullLog,
    /// Of the last round.
    held: Vec<Held>,
    next: u64,
    has_policies: bool,
    has_schedules: bool,
    has_wallets: bool,
}

impl Shop {
    /// An empty shop.
    pub(crate) fn open() -> Self {
        let worker = NullLogWorker::new(&all(), PLACES);
        let log = worker.log().clone();
        Self { worker, log, held: Vec::new(), next: 0, has_policies: false, has_schedules: false, has_wallets: false }
    }

    /// Decides what was appended.
    pub(crate) fn settle(&mut self) {
        self.worker.settle();
    }

    /// What was written since the last call, for each record of a round.
    pub(crate) fn written_for_each(&self) -> (f64, f64) {
        let written = self.log.take_written();
        (written.records as f64 / RECORDS as f64, written.bytes as f64 / RECORDS as f64)
    }

    /// [`Shop::settle`] under a name that a profiler finds.
    #[inline(never)]
    pub(crate) fn measured_round(&mut self) {
        self.worker.settle();
    }

    fn open_policies(&mut self) {
        if std::mem::replace(&mut self.has_policies, true) {
            return;
        }
        for n in 0..POLICIES {
            let policy_id = format!("policy-{n}");
            let key = coupon::inbox_key(&policy_id);
            let create = CouponCommand::CreatePolicy(CreatePolicy {
                request_id: Some(format!("{policy_id}.create")),
                policy_id,
                title: "첫 구매 쿠폰".to_owned(),
                total_quantity: 1_000_000,
                ..CreatePolicy::default()
            });
            self.log.append(coupon::INBOX, place_of(key.as_bytes(), PLACES), &key, create.to_json());
        }
        self.settle();
    }

    /// Requests of a round, each by a user of his own.
    pub(crate) fn append_requests(&mut self) {
        self.open_policies();
        for _ in 0..RECORDS {
            let n = self.next;
            self.next += 1;
            let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let policy_id = format!("policy-{}", (mixed >> 33) % POLICIES);
            let key = coupon::inbox_key(&policy_id);
            let place = place_of(key.as_bytes(), PLACES);
            let id = coupon::request_id(place, &format!("{mixed:016x}"));
            let user_id = format!("user-{mixed:016x}");
            let value = IssueRequest::new(&id, &policy_id, &user_id, self.worker.now_ms()).to_json();
            self.log.append(coupon::INBOX, place, &key, value);
        }
    }

    fn open_schedules(&mut self) {
        if std::mem::replace(&mut self.has_schedules, true) {
            return;
        }
        for n in 0..SCHEDULES {
            let schedule_id = format!("schedule-{n}");
            let schedule = CreateSchedule {
                schedule_id: schedule_id.clone(),
                concert_title: "아이유 콘서트".to_owned(),
                seats: Seats::Block { count: 1_000_000, price: PRICE_KRW },
                ..CreateSchedule::default()
            };
            let value = Message::new(format!("{schedule_id}.create"), Command::CreateSchedule(schedule)).to_json();
            self.log.append(reservation::INBOX, place_of(schedule_id.as_bytes(), PLACES), &schedule_id, value);
        }
        self.settle();
    }

    /// Holds of a round, each by a user of his own.
    pub(crate) fn append_holds(&mut self) {
        self.open_schedules();
        self.held.clear();
        for _ in 0..RECORDS {
            let n = self.next;
            self.next += 1;
            // Ids in no order.
            let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let schedule_id = format!("schedule-{}", (mixed >> 33) % SCHEDULES);
            let place = place_of(schedule_id.as_bytes(), PLACES);
            let (user_id, seat_no) = (format!("user-{mixed:016x}"), n + 1);
            let hold =
                Hold { user_id: user_id.clone(), schedule_id: schedule_id.clone(), seat_no: seat_no.to_string() };
            let nonce = format!("{mixed:032x}");
            let message = Message {
                nonce: Some(nonce.clone()),
                ..Message::new(format!("req_{place}_{mixed:016x}"), Command::Hold(hold))
            };
            let offset = self.log.append(reservation::INBOX, place, &schedule_id, message.to_json());
            let id = ids::reservation(place, serial::made(offset.unsigned_abs(), Secret::of_nonce(&nonce)));
            self.held.push(Held { place, id, schedule_id, user_id, seat_no });
        }
    }

    /// The deadlines of the holds, as they come into the inbox of expirations.
    pub(crate) fn append_deadlines(&mut self) {
        let at = holdfast_model::rfc3339::to_string(self.worker.now_ms() + HOLD_MS.cast_signed());
        for Held { place, id, schedule_id, user_id, seat_no } in &self.held {
            let value = format!(
                concat!(
                    r#"{{"eventId":"evt_{id}.expiration","eventType":"reservation.expiration","eventTime":"{at}","#,
                    r#""payload":{{"reservationId":"{id}","userId":"{user}","seatId":"seat_{schedule}_{seat}","expiresAt":"{at}","#,
                    r#""scheduleId":"{schedule}","seatNo":{seat}}},"occurredAt":"{at}"}}"#
                ),
                id = id,
                at = at,
                user = user_id,
                schedule = schedule_id,
                seat = seat_no,
            );
            self.log.append(reservation::EXPIRATIONS, *place, id, value.into_bytes());
        }
    }

    /// The end of the holds, when they are over.
    pub(crate) fn append_expiries(&mut self) {
        let at = self.worker.now_ms() + HOLD_MS.cast_signed();
        self.worker.advance_ms(HOLD_MS);
        for Held { place, id, .. } in &self.held {
            let expire = Expire { reservation_id: id.clone(), expires_at: Some(When::from_ms(at)), due_at: None };
            let value = Message::new(format!("{id}.expire"), Command::Expire(expire)).to_json();
            self.log.append(reservation::INBOX, *place, id, value);
        }
    }

    /// A payment for each hold.
    pub(crate) fn append_payments(&mut self) {
        for Held { place, id, schedule_id, user_id, .. } in &self.held {
            let pay = Pay {
                reservation_id: id.clone(),
                payment_id: Some(payment_of(id, *place)),
                user_id: Some(user_id.clone()),
                amount: PRICE_KRW,
                coupon_id: None,
            };
            let value = Message::new(format!("req_{place}_pay_{id}"), Command::Pay(pay)).to_json();
            self.log.append(reservation::INBOX, *place, schedule_id, value);
        }
    }

    /// What the wallets say to the payments.
    pub(crate) fn append_answers(&mut self) {
        for Held { place, id, schedule_id, user_id, .. } in &self.held {
            let payment_id = payment_of(id, *place);
            let request_id = format!("{payment_id}.settled");
            let mut value = Vec::new();
            Settled {
                request_id: &request_id,
                payment_id: &payment_id,
                reservation_id: id,
                schedule_id,
                user_id,
                refused: None,
                amount: PRICE_KRW,
                balance_after: PRICE_KRW,
            }
            .write(&mut value);
            self.log.append(reservation::INBOX, *place, schedule_id, value);
        }
    }

    /// Charges of a round, to wallets in no order.
    pub(crate) fn append_charges(&mut self) {
        for _ in 0..RECORDS {
            let n = self.next;
            self.next += 1;
            let (user_id, place) = wallet(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33);
            let id = payment::request_id(place, &format!("{n:016x}"));
            let value = Charge::new(&id, &user_id, 10_000, self.worker.now_ms()).to_json();
            self.log.append(payment::INBOX, place, &user_id, value);
        }
    }

    fn fill_wallets(&mut self) {
        if std::mem::replace(&mut self.has_wallets, true) {
            return;
        }
        for n in 0..WALLETS {
            let (user_id, place) = wallet(n);
            let id = payment::request_id(place, &format!("fill-{n}"));
            let value = Charge::new(&id, &user_id, 1_000_000, self.worker.now_ms()).to_json();
            self.log.append(payment::INBOX, place, &user_id, value);
        }
        self.settle();
    }

    /// Requests for notifications of a round, as the shop writes them, each to a user of its own.
    pub(crate) fn append_notices(&mut self) {
        for _ in 0..RECORDS {
            let n = self.next;
            self.next += 1;
            let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let (id, user_id) = (format!("evt_res_0_{mixed:032x}.confirmed.notice"), format!("user-{mixed:016x}"));
            let place = place_of(user_id.as_bytes(), PLACES);
            let mut value = Vec::new();
            NotificationRequest {
                event_id: &id,
                time_ms: self.worker.now_ms(),
                user_id: &user_id,
                kind: "PAYMENT_CONFIRMED",
                priority: Priority::High,
                title: "결제 완료",
                message: "아이유 콘서트 예약이 확정되었습니다.",
                data: &[
                    ("reservationId", &id),
                    ("concertTitle", "아이유 콘서트"),
                    ("concertDate", "2026-03-15"),
                    ("paymentId", &user_id),
                ],
            }
            .write(&mut value);
            self.log.append(notification::INBOX, place, &user_id, value);
        }
    }

    /// How the calls for the notifications ended: the receivers have them.
    pub(crate) fn append_results(&mut self) {
        let effects = self.worker.take_effects();
        assert_eq!(effects.len() as u64, RECORDS, "each request asks for one call");
        let value = serde_json::to_vec(&CallResult::new(Ended::Done, self.worker.now_ms())).unwrap_or_default();
        for effect in &effects {
            self.log.append_result(notification::RESULTS, effect, value.clone());
        }
    }

    /// Debits of a round, from wallets in no order.
    pub(crate) fn append_debits(&mut self) {
        self.fill_wallets();
        for _ in 0..RECORDS {
            let n = self.next;
            self.next += 1;
            let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let (user_id, place) = wallet(mixed >> 33);
            let debit = Debit {
                payment_id: ids::payment(place, &format!("{mixed:016x}")).into(),
                reservation_id: ids::reservation(place, n.into()).into(),
                schedule_id: format!("schedule-{}", n % SCHEDULES).into(),
                user_id: user_id.as_str().into(),
                seat_no: (n + 1).to_string().into(),
                price: 100,
                amount: 100,
                discount: None,
                reply_place: place,
            };
            self.log.append(payment::INBOX, place, &user_id, debit.to_json());
        }
    }
}

fn payment_of(reservation_id: &str, place: u32) -> String {
    ids::payment(place, reservation_id)
}

/// User and place of the `n`th wallet.
fn wallet(n: u64) -> (String, u32) {
    let user_id = format!("user-{}", n % WALLETS);
    let place = place_of(user_id.as_bytes(), PLACES);
    (user_id, place)
}
