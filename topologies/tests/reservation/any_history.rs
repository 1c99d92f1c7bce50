//! Promises kept through any history.

use crate::shop::{Shop, cancel, expire, hold, pay, release};
use holdfast_model::reservation;
use holdfast_model::reservation::message::{Command, Message};
use holdfast_model::rfc3339;
use holdfast_sim::driver::Out;
use holdfast_topologies::reservation::invariants::Books;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What a random customer, wallet or clock does next.
#[derive(Debug, Clone)]
enum Act {
    Hold(u8, u64),
    Pay(usize, bool),
    Release(usize, u8),
    Cancel(usize, u8),
    Expire(usize),
    Again(usize),
    Wallet(bool),
    Wait(u64),
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0u8..4, 1u64..4).prop_map(|(user, seat)| Act::Hold(user, seat)),
        3 => (0usize..8, proptest::bool::weighted(0.9)).prop_map(|(nth, right)| Act::Pay(nth, right)),
        1 => (0usize..8, 0u8..4).prop_map(|(nth, user)| Act::Release(nth, user)),
        1 => (0usize..8, 0u8..4).prop_map(|(nth, user)| Act::Cancel(nth, user)),
        1 => (0usize..8).prop_map(Act::Expire),
        1 => (0usize..30).prop_map(Act::Again),
        2 => any::<bool>().prop_map(Act::Wallet),
        3 => (0u64..200_000).prop_map(Act::Wait),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: the books are right after each act, each seat has one live owner, who holds first has it, no hold ends early and
    /// none outlives its deadline unless it is being paid. Said by the records that went out, not by the rows that were written.
    #[test]
    fn any_history_keeps_the_promises(acts in proptest::collection::vec(act(), 1..40)) {
        let mut shop = Shop::open();
        let mut sent: Vec<Vec<u8>> = Vec::new();
        let mut reservations: Vec<String> = Vec::new();
        let user = |user: u8| format!("user-{user}");
        for act in acts {
            let nth = |nth: usize| reservations.get(nth % reservations.len().max(1)).cloned().unwrap_or("res_789".to_owned());
            let command = match act {
                Act::Hold(who, seat) => Some(hold(&user(who), seat)),
                Act::Pay(which, right) => Some(pay(&nth(which), if right { 50_000 } else { 1 })),
                Act::Release(which, who) => Some(release(&nth(which), &user(who))),
                Act::Cancel(which, who) => Some(cancel(&nth(which), &user(who))),
                Act::Expire(which) if !reservations.is_empty() => {
                    shop.send(expire(&nth(which)));
                    None
                }
                Act::Again(which) if !sent.is_empty() => {
                    let again = sent[which % sent.len()].clone();
                    let outputs = shop.sent();
                    shop.append(Shop::place(), &again);
                    shop.driver.settle();
                    // A few ms pass, so something else may fall due; but no command has a second effect.
                    let kinds = |outs: &[Out]| outs.iter().filter(|out| {
                        out.header("ce_type").is_some_and(|kind| kind == "payment.debit" || kind == reservation::facts::EXPIRATION)
                    }).count();
                    prop_assert_eq!(kinds(&outputs), kinds(&shop.sent()));
                    None
                }
                Act::Wallet(pays) => {
                    shop.wallet(|_| if pays { "DEBITED" } else { "INSUFFICIENT_POINTS" });
                    None
                }
                Act::Wait(ms) => {
                    shop.driver.advance_ms(ms);
                    None
                }
                Act::Restart => {
                    shop.driver.restart();
                    None
                }
                Act::Expire(_) | Act::Again(_) => None,
            };
            if let Some(command) = command {
                let is_hold = matches!(command, Command::Hold(_));
                let id = shop.send(command.clone());
                sent.push(Message::new(id.clone(), command).to_json());
                shop.driver.settle();
                let outcome = shop.outcome(&id);
                if let Some(reservation_id) = outcome.reservation_id.filter(|_| is_hold)
                    && !reservations.contains(&reservation_id)
                {
                    reservations.push(reservation_id);
                }
            }
            shop.driver.settle();
            shop.check();
            let books = Books::load(&shop.task()).unwrap();
            // A settled shop has done what was due: a few ms are the settling itself.
            prop_assert!(books.overdue_ms(shop.now_ms()).is_none_or(|late_ms| late_ms <= 20), "{:?}", books.overdue_ms(shop.now_ms()));
        }
        // At rest nothing is held or being paid for ever.
        shop.wallet(|_| "DEBITED");
        shop.driver.advance_ms(400_000);
        shop.wallet(|_| "DEBITED");
        shop.driver.advance_ms(1_000);
        let schedule = shop.schedule();
        prop_assert_eq!(schedule.temporary_reserved, 0);
        prop_assert_eq!(schedule.available + schedule.reserved, 50);
        let count = |topic: &str| shop.read(topic).len();
        let ended: Vec<&str> = reservations.iter().map(|id| shop.status(id)).collect();
        let of = |status: &str| ended.iter().filter(|s| **s == status).count();
        prop_assert_eq!(count(reservation::EXPIRATIONS), reservations.len());
        prop_assert_eq!(count(reservation::SEATS_EXPIRED), of("EXPIRED"));
        prop_assert_eq!(shop.notices("RESERVATION_EXPIRED").len(), of("EXPIRED"));
        // A debit that came too late goes back too, without there having been anything to confirm.
        let refunds = shop.read(reservation::PAYMENTS).into_iter().filter(|r| r["reason"] == "CANCELLED");
        let given_back: BTreeSet<String> = refunds.map(|r| r["reservationId"].as_str().unwrap().to_owned()).collect();
        let was_confirmed = |(id, status): (&String, &&str)| *status == "CONFIRMED" || *status == "REFUNDED" && given_back.contains(id);
        prop_assert_eq!(count(reservation::CONFIRMED), reservations.iter().zip(&ended).filter(|pair| was_confirmed(*pair)).count());
        for expired in shop.read(reservation::SEATS_EXPIRED) {
            let at = |field: &str| rfc3339::parse(expired[field].as_str().unwrap()).unwrap();
            prop_assert!(at("expiredAt") >= at("expiresAt"));
        }
        prop_assert!(shop.dead_letters().is_empty());
        shop.check();
    }
}
