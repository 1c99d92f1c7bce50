//! I-29: money and seats are the same whether the outside takes everything, fails, refuses, or never answers.

use crate::shop::{HOLD_MS, PLACES, PRICE, SCHEDULE, Shop};
use holdfast_engine::runtime::Effect;
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::payment::row::WalletRow;
use holdfast_model::payment::{self, WALLETS};
use holdfast_model::reservation::row::ReservationRow;
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::{self, RESERVATIONS};
use holdfast_model::{data_platform, notification};
use holdfast_ports::record::NewRecord;
use holdfast_sim::rng::Rng;
use serde_json::json;
use std::ops::ControlFlow;
use stream_worker::commands::audit::report::Verdict;
use stream_worker::commands::audit::{Question, examine};

/// What the outside does for the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outside {
    /// Takes every call.
    Up,
    /// Fails every call, and is known to be away.
    Away,
    /// Fails every call as if each message were wrong.
    Failing,
    /// Refuses every call.
    Refusing,
    /// Never answers.
    Silent,
}

impl Outside {
    fn answer(self, effect: &Effect) -> Option<CallResult> {
        let ended = match self {
            Self::Up => Ended::Done,
            Self::Away | Self::Failing => Ended::Failed,
            Self::Refusing => Ended::Refused,
            Self::Silent => return None,
        };
        let reason = Some(format!("{} does not work", effect.lane.channel)).filter(|_| self != Self::Up);
        Some(CallResult { reason, channel_away: self == Self::Away, ..CallResult::new(ended, 1) })
    }

    /// Answers the calls that are to be made now.
    fn act(self, shop: &mut Shop) {
        for call in shop.driver.take_effects() {
            let Some(result) = self.answer(&call) else { continue };
            let topic = if *call.task.topology == *data_platform::NAME {
                data_platform::RESULTS
            } else {
                notification::RESULTS
            };
            let value = serde_json::to_vec(&result).unwrap();
            let headers = call.result_headers();
            let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
            let (partition, key) = (call.task.place, Some(call.key.as_slice()));
            shop.driver.append(&NewRecord { topic, partition, key, value: Some(&value), headers: &headers });
        }
        shop.driver.settle();
    }
}

/// The trade of one seed: who holds, pays, gives back and waits is drawn and does not depend on the outside.
fn trade(seed: u64, outside: Outside) -> Shop {
    let mut shop = Shop::open();
    let mut rng = Rng::new(seed);
    let users = ["user_123", "1001", "1002", "1003"];
    let mut held: Vec<(String, &str)> = Vec::new();
    for n in 0..40 {
        let user = users[usize::try_from(rng.below(4)).unwrap()];
        match rng.below(8) {
            0..=3 => held.push((shop.hold(&format!("h{n}"), user, 1 + rng.below(12)), user)),
            4 | 5 if !held.is_empty() => {
                let (id, _) = &held[usize::try_from(rng.below(held.len() as u64)).unwrap()];
                shop.pay(&format!("p{n}"), &id.clone(), PRICE);
            }
            6 if !held.is_empty() => {
                let (id, user) = held[usize::try_from(rng.below(held.len() as u64)).unwrap()].clone();
                shop.ask(&json!({"type": "cancel", "requestId": format!("c{n}"), "reservationId": id, "userId": user}));
            }
            _ => shop.driver.advance_ms(rng.below(HOLD_MS.unsigned_abs() / 3)),
        }
        outside.act(&mut shop);
    }
    // Deadlines come, and whatever waits outside is tried for as long as it is tried.
    for _ in 0..20 {
        shop.driver.advance_ms(HOLD_MS.unsigned_abs() / 4);
        outside.act(&mut shop);
    }
    shop
}

/// Who has which seat in which state, and what is in the wallets: names and times of records apart.
fn books(shop: &Shop) -> (Vec<String>, Vec<String>) {
    let (mut seats, mut wallets) = (Vec::new(), Vec::new());
    for place in 0..PLACES {
        let view = shop.driver.queries().task(reservation::NAME, place).unwrap();
        view.scan(&RESERVATIONS, &[], &mut |_: Serial, row: ReservationRow| {
            seats.push(format!("{} {} {} {:?}", row.schedule_id, row.seat_no, row.user_id, row.state));
            ControlFlow::Continue(())
        })
        .unwrap();
        let view = shop.driver.queries().task(payment::NAME, place).unwrap();
        view.scan(&WALLETS, &[], &mut |user: String, row: WalletRow| {
            wallets.push(format!("{user} {} {}", row.balance, row.sequence));
            ControlFlow::Continue(())
        })
        .unwrap();
    }
    seats.sort();
    wallets.sort();
    (seats, wallets)
}

#[test]
fn money_and_seats_do_not_depend_on_the_outside() {
    let mut confirmed = 0;
    for seed in 1..4 {
        let fair = trade(seed, Outside::Up);
        let expected = books(&fair);
        assert!(expected.0.len() > 5 && expected.1.len() == 4, "{expected:?}");
        confirmed += expected.0.iter().filter(|seat| seat.contains(SCHEDULE) && seat.ends_with("Confirmed")).count();
        for outside in [Outside::Away, Outside::Failing, Outside::Refusing, Outside::Silent] {
            let shop = trade(seed, outside);
            assert_eq!(books(&shop), expected, "seed {seed}, {outside:?}");
            let only = ["I-1", "I-2", "I-3", "I-4", "I-20", "I-21", "I-22", "I-25", "I-32"];
            let only = only.map(|id| id.parse().unwrap()).to_vec();
            let report = examine(shop.driver.log(), &Question { only, ..shop.question() }).unwrap();
            assert_eq!(report.verdict, Verdict::Proved, "seed {seed}, {outside:?}\n{}", report.text());
        }
    }
    assert!(confirmed > 2, "{confirmed} seats were sold in all");
}
