//! The one list of features.

use crate::feature::Feature;
use crate::invariant::{Invariant, Owner};
use crate::{Question, coupons, data_platform, notification, queue, ranking, seats, timesale, wallets};

/// Every feature. One comes after those whose [`crate::books`] it reads.
pub(crate) fn all(question: &Question) -> Vec<Box<dyn Feature>> {
    vec![
        Box::new(wallets::Wallets::default()),
        Box::new(seats::Seats::new(question)),
        Box::new(coupons::Coupons::default()),
        Box::new(timesale::TimeSales::default()),
        Box::new(queue::Queues),
        Box::new(data_platform::Deliveries::new(question)),
        Box::new(notification::Notifications::new(question)),
        Box::new(ranking::Rankings::default()),
    ]
}

/// What cannot be said when the beginning of the inbox of `feature` is gone.
pub(crate) fn resting_on(feature: &dyn Feature, all: &[Box<dyn Feature>]) -> Vec<Invariant> {
    let with_it: Vec<_> = all
        .iter()
        .filter(|other| other.name() == feature.name() || other.needs().contains(&feature.name()))
        .map(|other| other.name())
        .collect();
    let rests = |invariant: &Invariant| match invariant.owner() {
        Owner::Feature(name) => with_it.contains(&name),
        Owner::Requests => true,
        Owner::Topics | Owner::States | Owner::Receivers => false,
    };
    Invariant::ALL.into_iter().filter(rests).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_owns_what_it_proves_and_has_routes_of_its_own() {
        let features = all(&Question::default());
        for invariant in Invariant::ALL {
            if let Owner::Feature(name) = invariant.owner() {
                assert!(features.iter().any(|feature| feature.name() == name), "{} is nobody's", invariant.id());
            }
        }
        for feature in &features {
            let owns = |invariant: &Invariant| invariant.owner() == Owner::Feature(feature.name());
            // What waiting rooms promise is proved together with all that they guard.
            let is_shared = feature.name() == queue::Queues.name();
            assert!(is_shared || Invariant::ALL.iter().any(owns), "{} proves nothing", feature.name());
            // Nothing that clients are told about deliveries, notices and ranks is held against the log.
            let is_silent = ["data-platform", "notification", "ranking"].contains(&feature.name());
            assert_eq!(feature.routes().is_empty(), is_silent);
        }
    }

    #[test]
    fn what_rests_on_an_inbox_goes_with_it() {
        let features = all(&Question::default());
        let gone = |name: &str| {
            let feature = features.iter().find(|feature| feature.name() == name).unwrap();
            resting_on(&**feature, &features).into_iter().map(Invariant::number).collect::<Vec<_>>()
        };
        // Of seats and money one cannot be judged without the other.
        let money = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 23, 25, 27];
        assert_eq!((gone("payment"), gone("reservation")), (money.to_vec(), money.to_vec()));
        assert_eq!(gone("coupon"), [9, 10, 11, 12, 14, 15, 23, 25]);
    }
}
