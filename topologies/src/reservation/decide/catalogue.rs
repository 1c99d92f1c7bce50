//! Which concerts and schedules there are.

use super::waitlisting::new_waitlist;
use holdfast_model::id_rule;
use holdfast_model::reservation::message::{CreateConcert, CreateSchedule, Seats};
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::{ConcertRow, House, ScheduleRow};
use holdfast_model::reservation::settings::Settings;
use holdfast_model::reservation::waitlist::WaitlistRow;
use holdfast_model::wire::When;
use std::collections::BTreeMap;

/// Longest id of a concert or schedule, in bytes: it is part of the key of all its seats.
const ID_BYTES_MAX: usize = 64;
/// Longest title, in characters: it stands in every notice.
const TITLE_CHARS_MAX: usize = 200;
/// Most seats of a schedule: no house is that large.
pub const SEATS_MAX: u64 = 1_000_000;
/// Highest price of a seat, in KRW.
pub const PRICE_KRW_MAX: u64 = 1_000_000_000;

/// Letters of any script, digits and `._-`: ids stand in keys, paths and events.
#[must_use]
pub fn is_id(id: &str) -> bool {
    id.len() <= ID_BYTES_MAX
        && id.chars().all(|c| c.is_alphanumeric() || "._-".contains(c))
        && id_rule::check(id).is_ok()
}

fn is_title(title: &str) -> bool {
    !title.trim().is_empty() && title.chars().count() <= TITLE_CHARS_MAX
}

fn moment(when: Option<When>, settings: &Settings) -> Result<Option<i64>, Refusal> {
    match when {
        None => Ok(None),
        Some(When::Ms(ms)) => Ok(Some(ms)),
        Some(When::Doubtful(ms)) if !settings.has_second_rules() => Ok(Some(ms)),
        Some(When::Doubtful(_) | When::Unreadable) => Err(Refusal::BadTime),
    }
}

/// Decides whether a concert is created: the row to be written, or none if it is there with the same words.
///
/// # Errors
/// The reason why not.
pub fn create_concert(
    command: &CreateConcert,
    existing: Option<&ConcertRow>,
    now_ms: i64,
) -> Result<Option<ConcertRow>, Refusal> {
    if !is_id(&command.concert_id) {
        return Err(Refusal::BadId);
    }
    if !is_title(&command.title) {
        return Err(Refusal::BadTitle);
    }
    match existing {
        None => Ok(Some(ConcertRow { title: command.title.clone(), date: command.date.clone(), created_ms: now_ms })),
        Some(row) if row.title == command.title && row.date == command.date => Ok(None),
        Some(_) => Err(Refusal::ConcertExists),
    }
}

/// A schedule to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSchedule {
    /// Its row.
    pub row: ScheduleRow,
    /// Prices by seat number, where each seat has its own.
    pub prices: BTreeMap<u64, u64>,
    /// What its waitlist shall be, if it says so.
    pub waitlist: Option<WaitlistRow>,
}

/// Decides whether a schedule is created; none if it is there, created with the same words, whatever has been sold since.
///
/// # Errors
/// The reason why not.
pub fn create_schedule(
    command: &CreateSchedule,
    fingerprint: u64,
    existing: Option<&ScheduleRow>,
    settings: &Settings,
    now_ms: i64,
) -> Result<Option<NewSchedule>, Refusal> {
    if !is_id(&command.schedule_id) || command.concert_id.as_deref().is_some_and(|id| !is_id(id)) {
        return Err(Refusal::BadId);
    }
    if !is_title(&command.concert_title) {
        return Err(Refusal::BadTitle);
    }
    let (sale_starts_ms, sale_ends_ms) = (moment(command.sale_start, settings)?, moment(command.sale_end, settings)?);
    if let (Some(start), Some(end)) = (sale_starts_ms, sale_ends_ms)
        && start >= end
    {
        return Err(Refusal::BadWindow);
    }
    let starts_ms = moment(command.starts_at, settings)?;
    if let Some(show_ms) = starts_ms
        && (sale_starts_ms.is_some_and(|start| start >= show_ms) || sale_ends_ms.is_some_and(|end| end > show_ms))
        && settings.has_second_rules()
    {
        return Err(Refusal::SaleAfterShow);
    }
    let limits = command.limits.clone().unwrap_or_default();
    let (house, capacity, prices) = house(&command.seats)?;
    let waitlist = new_waitlist(command)?;
    let row = ScheduleRow {
        concert_id: command.concert_id.clone(),
        concert_title: command.concert_title.clone(),
        date: command.date.clone(),
        starts_ms,
        sale_starts_ms,
        sale_ends_ms,
        house,
        capacity,
        held: 0,
        reserved: 0,
        seats_per_user_max: limit(limits.seats_per_user)?,
        open_holds_max: limit(limits.open_holds)?,
        cancelling: None,
        fingerprint,
        created_ms: now_ms,
        version: 0,
    };
    match existing {
        None => Ok(Some(NewSchedule { row, prices, waitlist })),
        Some(there) if there.fingerprint == fingerprint => Ok(None),
        Some(_) => Err(Refusal::ScheduleExists),
    }
}

fn limit(given: Option<i64>) -> Result<Option<u32>, Refusal> {
    given.map(|given| u32::try_from(given).ok().filter(|limit| *limit > 0).ok_or(Refusal::BadLimit)).transpose()
}

fn price(given: i64) -> Result<u64, Refusal> {
    u64::try_from(given).ok().filter(|krw| *krw <= PRICE_KRW_MAX).ok_or(Refusal::BadSeats)
}

fn house(seats: &Seats) -> Result<(House, u64, BTreeMap<u64, u64>), Refusal> {
    match seats {
        Seats::Block { count, price: krw } => {
            let count = u64::try_from(*count).ok().filter(|count| (1..=SEATS_MAX).contains(count));
            Ok((House::OnePrice(price(*krw)?), count.ok_or(Refusal::BadSeats)?, BTreeMap::new()))
        }
        Seats::Each(seats) => {
            let mut prices = BTreeMap::new();
            for seat in seats {
                let number = seat.seat().ok_or(Refusal::BadSeats)?;
                if prices.insert(number, price(seat.price)?).is_some() {
                    return Err(Refusal::BadSeats);
                }
            }
            match prices.len() as u64 {
                capacity @ 1..=SEATS_MAX => Ok((House::Priced, capacity, prices)),
                _ => Err(Refusal::BadSeats),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::reservation::message::{Limits, PricedSeat};

    fn create() -> CreateSchedule {
        CreateSchedule {
            schedule_id: "schedule_456".to_owned(),
            concert_title: "아이유 콘서트".to_owned(),
            seats: Seats::Block { count: 50, price: 50_000 },
            ..CreateSchedule::default()
        }
    }

    fn seat(seat_no: &str, price: i64) -> PricedSeat {
        PricedSeat { seat_no: seat_no.to_owned(), price }
    }

    fn decided(
        command: &CreateSchedule,
        fingerprint: u64,
        existing: Option<&ScheduleRow>,
        now_ms: i64,
    ) -> Result<Option<NewSchedule>, Refusal> {
        create_schedule(command, fingerprint, existing, &Settings::default(), now_ms)
    }

    #[test]
    fn a_sale_may_end_when_the_show_begins_and_the_first_rules_took_more() {
        let times = |start, end, show| CreateSchedule { sale_start: start, sale_end: end, starts_at: show, ..create() };
        let ms = |ms| Some(When::Ms(ms));
        let row = |command: &CreateSchedule, settings: &Settings| {
            create_schedule(command, 1, None, settings, 0).map(|new| new.map(|new| new.row))
        };
        let now = Settings::default();
        let first = Settings { rules: 1, ..Settings::default() };
        for command in [times(ms(4), ms(5), ms(5)), times(ms(4), None, ms(5)), times(ms(9), ms(10), None)] {
            assert!(row(&command, &now).is_ok(), "{command:?}");
        }
        let after = times(ms(4), ms(6), ms(5));
        assert_eq!(row(&after, &now), Err(Refusal::SaleAfterShow));
        assert_eq!(row(&after, &first).unwrap().unwrap().sale_ends_ms, Some(6), "decided as it was");
        let doubtful = times(None, None, Some(When::Doubtful(7)));
        assert_eq!(row(&doubtful, &now), Err(Refusal::BadTime));
        assert_eq!(row(&doubtful, &first).unwrap().unwrap().starts_ms, Some(7), "decided as it was");
    }

    /// A change of a good create command, and what it leads to.
    type Spoil = (fn(&mut CreateSchedule), Refusal);

    #[test]
    fn a_schedule_that_makes_no_sense_is_refused() {
        let spoils: [Spoil; 22] = [
            (|c| c.schedule_id = String::new(), Refusal::BadId),
            (|c| c.schedule_id = "a/b".to_owned(), Refusal::BadId),
            (|c| c.schedule_id = "..".to_owned(), Refusal::BadId),
            (|c| c.schedule_id = "x".repeat(65), Refusal::BadId),
            (|c| c.concert_id = Some(" ".to_owned()), Refusal::BadId),
            (|c| c.concert_title = " ".to_owned(), Refusal::BadTitle),
            (|c| c.concert_title = "가".repeat(201), Refusal::BadTitle),
            (|c| c.starts_at = Some(When::Unreadable), Refusal::BadTime),
            (|c| c.sale_end = Some(When::Unreadable), Refusal::BadTime),
            (|c| (c.sale_start, c.sale_end) = (Some(When::Ms(5)), Some(When::Ms(5))), Refusal::BadWindow),
            (|c| c.starts_at = Some(When::Doubtful(5)), Refusal::BadTime),
            (|c| c.sale_start = Some(When::Doubtful(5)), Refusal::BadTime),
            (|c| (c.sale_end, c.starts_at) = (Some(When::Ms(6)), Some(When::Ms(5))), Refusal::SaleAfterShow),
            (|c| (c.sale_start, c.starts_at) = (Some(When::Ms(5)), Some(When::Ms(5))), Refusal::SaleAfterShow),
            (|c| c.seats = Seats::Block { count: 0, price: 1 }, Refusal::BadSeats),
            (|c| c.seats = Seats::Block { count: 1_000_001, price: 1 }, Refusal::BadSeats),
            (|c| c.seats = Seats::Block { count: 1, price: -1 }, Refusal::BadSeats),
            (|c| c.seats = Seats::Each(Vec::new()), Refusal::BadSeats),
            (|c| c.seats = Seats::Each(vec![seat("1", 1), seat("1", 1)]), Refusal::BadSeats),
            (|c| c.seats = Seats::Each(vec![seat("A", 1)]), Refusal::BadSeats),
            (|c| c.seats = Seats::Each(vec![seat("1", 1_000_000_001)]), Refusal::BadSeats),
            (|c| c.limits = Some(Limits { seats_per_user: Some(0), open_holds: None }), Refusal::BadLimit),
        ];
        for (n, (spoil, expected)) in spoils.into_iter().enumerate() {
            let mut command = create();
            spoil(&mut command);
            assert_eq!(decided(&command, 1, None, 0), Err(expected), "case {n}");
        }
    }

    #[test]
    fn a_schedule_is_created_once() {
        let new = decided(&create(), 1, None, 7).unwrap().unwrap();
        assert_eq!((new.row.capacity, new.row.available(), new.row.house), (50, 50, House::OnePrice(50_000)));
        let sold = ScheduleRow { held: 3, reserved: 5, ..new.row };
        assert_eq!(decided(&create(), 1, Some(&sold), 9), Ok(None));
        assert_eq!(decided(&create(), 2, Some(&sold), 9), Err(Refusal::ScheduleExists));
        let each = CreateSchedule { seats: Seats::Each(vec![seat("7", 5), seat("3", 0)]), ..create() };
        let new = decided(&each, 1, None, 7).unwrap().unwrap();
        assert_eq!((new.row.capacity, new.row.house, new.prices), (2, House::Priced, [(3, 0), (7, 5)].into()));
    }

    #[test]
    fn a_concert_is_created_once() {
        let command = CreateConcert { concert_id: "c".to_owned(), title: "t".to_owned(), date: None };
        let row = create_concert(&command, None, 7).unwrap().unwrap();
        assert_eq!(create_concert(&command, Some(&row), 9), Ok(None));
        let other = CreateConcert { title: "u".to_owned(), ..command.clone() };
        assert_eq!(create_concert(&other, Some(&row), 9), Err(Refusal::ConcertExists));
        assert_eq!(create_concert(&CreateConcert { title: String::new(), ..command }, None, 9), Err(Refusal::BadTitle));
    }
}
