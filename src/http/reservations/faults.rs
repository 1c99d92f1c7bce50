//! Which fields of a command the log has refused, and what is allowed there.

use crate::http::error::FieldError;
use crate::http::language::Text;
use crate::http::misfit::when;
use holdfast_model::reservation::message::{Command, CreateSchedule, Seats};
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::waitlist::Policy;
use holdfast_model::wire::When;
use holdfast_topologies::reservation::decide::{NOTIFY_MAX, PRICE_KRW_MAX, SEATS_MAX, is_id};
use std::collections::BTreeSet;

/// Most wrong seats that are told at once.
const SEATS_TOLD_MAX: usize = 20;

/// The fields of `command` that have led to `refusal`; none if it is not about fields.
pub(super) fn of(command: &Command, refusal: Refusal) -> Vec<FieldError> {
    let title =
        |field| vec![FieldError::new(field, ("1자 이상 200자 이하여야 합니다.", "must be 1 to 200 characters"))];
    match (command, refusal) {
        (Command::CreateConcert(wanted), Refusal::BadId) => ids([("concertId", Some(&wanted.concert_id))]),
        (Command::CreateConcert(_), Refusal::BadTitle) => title("title"),
        (Command::CreateSchedule(wanted), Refusal::BadId) => {
            ids([("scheduleId", Some(&wanted.schedule_id)), ("concertId", wanted.concert_id.as_ref())])
        }
        (Command::CreateSchedule(_), Refusal::BadTitle) => title("concertTitle"),
        (Command::CreateSchedule(wanted), _) => of_schedule(wanted, refusal),
        _ => Vec::new(),
    }
}

fn ids<'a>(given: impl IntoIterator<Item = (&'static str, Option<&'a String>)>) -> Vec<FieldError> {
    let allowed = (
        "글자, 숫자, '.', '_', '-'로 된 64바이트 이하여야 하며 '.', '..'일 수 없습니다.",
        "must be letters, digits, '.', '_' and '-', at most 64 bytes, and neither '.' nor '..'",
    );
    let wrong = given.into_iter().filter(|(_, id)| id.is_some_and(|id| !is_id(id)));
    wrong.map(|(field, _)| FieldError::new(field, allowed)).collect()
}

fn of_schedule(wanted: &CreateSchedule, refusal: Refusal) -> Vec<FieldError> {
    match refusal {
        Refusal::BadTime => {
            let times =
                [("startsAt", wanted.starts_at), ("saleStart", wanted.sale_start), ("saleEnd", wanted.sale_end)];
            let unreadable = times.into_iter().filter(|(_, time)| *time == Some(When::Unreadable));
            unreadable.map(|(field, _)| FieldError::new(field, when())).collect()
        }
        Refusal::BadWindow => {
            let allowed = (
                "saleStart보다 이후이고 startsAt보다 늦지 않아야 합니다.",
                "must be after saleStart and not after startsAt",
            );
            vec![FieldError::new("saleEnd", allowed)]
        }
        Refusal::BadSeats => of_seats(&wanted.seats),
        Refusal::BadLimit => {
            let limits = wanted.limits.clone().unwrap_or_default();
            let given = [("limits.seatsPerUser", limits.seats_per_user), ("limits.openHolds", limits.open_holds)];
            let wrong = given
                .into_iter()
                .filter(|(_, limit)| limit.is_some_and(|limit| u32::try_from(limit).map_or(true, |limit| limit == 0)));
            wrong.map(|(field, _)| FieldError::new(field, range(1, u64::from(u32::MAX)))).collect()
        }
        Refusal::BadWaitlist => {
            let is_policy = wanted.waitlist.as_deref().is_none_or(|text| Policy::parse(text).is_some());
            let is_count = wanted
                .waitlist_notify
                .is_none_or(|given| u64::try_from(given).is_ok_and(|given| (1..=NOTIFY_MAX).contains(&given)));
            let policy = (!is_policy)
                .then(|| FieldError::new("waitlist", ("OPEN 또는 OFFER여야 합니다.", "must be OPEN or OFFER")));
            let count = (!is_count).then(|| FieldError::new("waitlistNotify", range(1, NOTIFY_MAX)));
            policy.into_iter().chain(count).collect()
        }
        _ => Vec::new(),
    }
}

fn range(min: u64, max: u64) -> Text {
    (format!("{min} 이상 {max} 이하의 정수여야 합니다."), format!("must be a whole number from {min} to {max}")).into()
}

fn is_price(price: i64) -> bool {
    u64::try_from(price).is_ok_and(|price| price <= PRICE_KRW_MAX)
}

fn of_seats(seats: &Seats) -> Vec<FieldError> {
    let mut errors = Vec::new();
    match seats {
        Seats::Block { count, price } => {
            if !u64::try_from(*count).is_ok_and(|count| (1..=SEATS_MAX).contains(&count)) {
                errors.push(FieldError::new("seats.count", range(1, SEATS_MAX)));
            }
            if !is_price(*price) {
                errors.push(FieldError::new("seats.price", range(0, PRICE_KRW_MAX)));
            }
        }
        Seats::Each(seats) if seats.is_empty() => {
            errors.push(FieldError::new("seats", ("좌석이 하나 이상 있어야 합니다.", "must hold at least one seat")));
        }
        Seats::Each(seats) => {
            let mut numbers = BTreeSet::new();
            for (nth, seat) in seats.iter().enumerate() {
                let fault: Option<Text> = match seat.seat() {
                    None => Some(("1 이상의 좌석 번호여야 합니다.", "must be a seat number, 1 or more").into()),
                    Some(number) if !numbers.insert(number) => Some(
                        (format!("좌석 {number}이(가) 두 번 있습니다."), format!("seat {number} is there twice"))
                            .into(),
                    ),
                    Some(_) => None,
                };
                errors.extend(fault.map(|fault| FieldError::new(format!("seats[{nth}].seatNo"), fault)));
                if !is_price(seat.price) {
                    errors.push(FieldError::new(format!("seats[{nth}].price"), range(0, PRICE_KRW_MAX)));
                }
                if errors.len() >= SEATS_TOLD_MAX {
                    break;
                }
            }
            if errors.is_empty() {
                let most = (
                    format!("좌석은 {SEATS_MAX}개 이하여야 합니다."),
                    format!("must not hold more than {SEATS_MAX} seats"),
                );
                errors.push(FieldError::new("seats", most));
            }
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::reservation::Settings;
    use holdfast_model::reservation::message::{CreateConcert, Limits, PricedSeat};
    use holdfast_topologies::reservation::decide::{create_concert, create_schedule};

    #[test]
    fn whatever_is_refused_for_its_values_names_them() {
        let good = CreateSchedule {
            schedule_id: "s".to_owned(),
            concert_title: "t".to_owned(),
            seats: Seats::Block { count: 1, price: 1 },
            ..CreateSchedule::default()
        };
        let seat = |seat_no: &str, price| PricedSeat { seat_no: seat_no.to_owned(), price };
        let limits = |seats_per_user, open_holds| Some(Limits { seats_per_user, open_holds });
        let each = |seats| CreateSchedule { seats: Seats::Each(seats), ..good.clone() };
        let block = |count, price| CreateSchedule { seats: Seats::Block { count, price }, ..good.clone() };
        let ms = |ms| Some(When::Ms(ms));
        for (wanted, fields) in [
            (CreateSchedule { schedule_id: "..".to_owned(), ..good.clone() }, &["scheduleId"][..]),
            (CreateSchedule { concert_id: Some("a b".to_owned()), ..good.clone() }, &["concertId"]),
            (CreateSchedule { concert_title: String::new(), ..good.clone() }, &["concertTitle"]),
            (CreateSchedule { sale_end: Some(When::Unreadable), ..good.clone() }, &["saleEnd"]),
            (
                CreateSchedule { sale_start: ms(1_800_000_000_002), sale_end: ms(1_800_000_000_001), ..good.clone() },
                &["saleEnd"],
            ),
            (
                CreateSchedule { limits: limits(Some(0), Some(-1)), ..good.clone() },
                &["limits.seatsPerUser", "limits.openHolds"],
            ),
            (
                CreateSchedule { waitlist: Some("SOON".to_owned()), waitlist_notify: Some(0), ..good.clone() },
                &["waitlist", "waitlistNotify"],
            ),
            (block(0, -1), &["seats.count", "seats.price"]),
            (block(1_000_001, 5), &["seats.count"]),
            (each(Vec::new()), &["seats"]),
            (
                each(vec![seat("1", 1), seat("1", 1), seat("A", -5)]),
                &["seats[1].seatNo", "seats[2].seatNo", "seats[2].price"],
            ),
        ] {
            let refusal = create_schedule(&wanted, 1, None, &Settings::default(), 0).unwrap_err();
            let told = of(&Command::CreateSchedule(wanted.clone()), refusal);
            assert_eq!(told.iter().map(|error| &*error.field).collect::<Vec<_>>(), fields, "{wanted:?}");
        }
        let concert = CreateConcert { concert_id: "a/b".to_owned(), title: "t".to_owned(), date: None };
        let refusal = create_concert(&concert, None, 0).unwrap_err();
        assert_eq!(of(&Command::CreateConcert(concert), refusal)[0].field, "concertId");
    }
}
