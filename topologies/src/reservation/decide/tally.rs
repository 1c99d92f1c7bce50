//! Counting: what a move of one reservation does to the counts of its schedule and its user.

use holdfast_model::reservation::row::{BuyerRow, ScheduleRow};
use holdfast_model::reservation::state::{SeatState, State};

/// Counts that would go below zero or above the house: they have been wrong before this move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the counts of the schedule or of its user do not allow the move from {from:?} to {to:?}")]
pub struct BrokenBooks {
    /// From; none = it did not exist.
    pub from: Option<State>,
    /// To.
    pub to: State,
}

/// Counts the move of a reservation `from` (none = it did not exist) `to` another state.
///
/// # Errors
/// [`BrokenBooks`].
pub fn tally(
    from: Option<State>,
    to: State,
    schedule: &mut ScheduleRow,
    buyer: &mut BuyerRow,
) -> Result<(), BrokenBooks> {
    let broken = BrokenBooks { from, to };
    if let Some(from) = from {
        match from.seat() {
            SeatState::Available => {}
            SeatState::TemporaryReserved => {
                schedule.held = schedule.held.checked_sub(1).ok_or(broken)?;
                buyer.open = buyer.open.checked_sub(1).ok_or(broken)?;
            }
            SeatState::Reserved => {
                schedule.reserved = schedule.reserved.checked_sub(1).ok_or(broken)?;
                buyer.bought = buyer.bought.checked_sub(1).ok_or(broken)?;
            }
        }
    }
    match to.seat() {
        SeatState::Available => {}
        SeatState::TemporaryReserved => {
            schedule.held += 1;
            buyer.open += 1;
        }
        SeatState::Reserved => {
            schedule.reserved += 1;
            buyer.bought += 1;
        }
    }
    if schedule.held + schedule.reserved > schedule.capacity { Err(broken) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::holding::tests::schedule;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn broken_counts_are_noticed() {
        let mut row = schedule();
        assert!(tally(Some(State::Held), State::Expired, &mut row, &mut BuyerRow::default()).is_err());
        let mut full = ScheduleRow { held: 50, ..schedule() };
        assert!(tally(None, State::Held, &mut full, &mut BuyerRow::default()).is_err());
    }

    proptest! {
        #[test]
        fn the_counts_are_the_counts(wishes in proptest::collection::vec((0usize..6, 0usize..6), 0..80)) {
            let (mut row, mut buyer) = (schedule(), BuyerRow::default());
            let mut states: [Option<State>; 6] = [None; 6];
            for (who, to) in wishes {
                let to = State::ALL[to];
                let is_legal = states[who].map_or(to == State::Held, |from| from.may_become(to));
                if is_legal {
                    prop_assert_eq!(tally(states[who], to, &mut row, &mut buyer), Ok(()));
                    states[who] = Some(to);
                }
                let count = |seat| states.iter().flatten().filter(|state| state.seat() == seat).count() as u64;
                prop_assert_eq!(row.held, count(SeatState::TemporaryReserved));
                prop_assert_eq!(row.reserved, count(SeatState::Reserved));
                prop_assert_eq!(row.available(), 50 - row.held - row.reserved);
                prop_assert_eq!((u64::from(buyer.open), u64::from(buyer.bought)), (row.held, row.reserved));
            }
        }
    }
}
