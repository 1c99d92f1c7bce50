//! Refusals as clients are told them: problems of RFC 9457. Each enum of refusals has one `table!` of them.

/// What kind of refusal it is, by what a client can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// What was asked for makes no sense: ask for something else.
    Invalid,
    /// What was asked for does not exist.
    NotFound,
    /// What was asked for is in no state for it.
    Conflict,
    /// It is too late.
    Gone,
    /// There is not enough money.
    Unpaid,
    /// This user may not have it now.
    Forbidden,
    /// It could not be processed although it was tried again.
    Fault,
}

impl Class {
    /// The HTTP status.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Invalid => 422,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Gone => 410,
            Self::Unpaid => 402,
            Self::Forbidden => 403,
            Self::Fault => 500,
        }
    }
}

/// A text in both languages of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Texts {
    /// In Korean.
    pub ko: &'static str,
    /// In English.
    pub en: &'static str,
}

/// The field of a request that a refusal is about, wherever it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// Its name in JSON.
    pub field: &'static str,
    /// What is allowed there.
    pub allowed: Texts,
}

/// A refusal as clients are told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// What kind it is.
    pub class: Class,
    /// For programs: stable.
    pub code: &'static str,
    /// For people: what happened.
    pub detail: Texts,
    /// The short name of this kind of problem, where it is another than that of its class.
    pub title: Option<Texts>,
    /// The field that it is about.
    pub hint: Option<Hint>,
}

impl Problem {
    /// A problem of `class`, with its text in Korean and in English.
    #[must_use]
    pub const fn new(class: Class, code: &'static str, ko: &'static str, en: &'static str) -> Self {
        Self { class, code, detail: Texts { ko, en }, title: None, hint: None }
    }

    /// One of [`Class::Invalid`].
    #[must_use]
    pub const fn invalid(code: &'static str, ko: &'static str, en: &'static str) -> Self {
        Self::new(Class::Invalid, code, ko, en)
    }

    /// One of [`Class::NotFound`].
    #[must_use]
    pub const fn not_found(code: &'static str, ko: &'static str, en: &'static str) -> Self {
        Self::new(Class::NotFound, code, ko, en)
    }

    /// One of [`Class::Conflict`].
    #[must_use]
    pub const fn conflict(code: &'static str, ko: &'static str, en: &'static str) -> Self {
        Self::new(Class::Conflict, code, ko, en)
    }

    /// One of [`Class::Gone`].
    #[must_use]
    pub const fn gone(code: &'static str, ko: &'static str, en: &'static str) -> Self {
        Self::new(Class::Gone, code, ko, en)
    }

    /// One of [`Class::Unpaid`].
    #[must_use]
    pub const fn unpaid(code: &'static str, ko: &'static str, en: &'static str) -> Self {
        Self::new(Class::Unpaid, code, ko, en)
    }

    /// One of [`Class::Fault`].
    #[must_use]
    pub const fn fault(code: &'static str, ko: &'static str, en: &'static str) -> Self {
        Self::new(Class::Fault, code, ko, en)
    }

    /// The same, about `field`, and what is allowed there.
    #[must_use]
    pub const fn about(mut self, field: &'static str, ko: &'static str, en: &'static str) -> Self {
        self.hint = Some(Hint { field, allowed: Texts { ko, en } });
        self
    }

    /// The same under a short name of its own.
    #[must_use]
    pub const fn titled(mut self, ko: &'static str, en: &'static str) -> Self {
        self.title = Some(Texts { ko, en });
        self
    }
}

/// No user is named.
pub const USER_ID_REQUIRED: Problem = Problem::invalid(
    "USER_ID_REQUIRED",
    "사용자 ID가 필요합니다",
    "A user id is required.",
)
.about("userId", "비어 있을 수 없습니다.", "must not be blank");

/// The user id is one that no user may have.
pub const INVALID_USER_ID: Problem =
    Problem::invalid("INVALID_USER_ID", "사용자 ID가 올바르지 않습니다", "The user id is not valid.").about(
        "userId",
        "공백으로 시작하거나 끝날 수 없고, 제어 문자를 포함할 수 없습니다.",
        "must not begin or end with a blank, and must not contain control characters",
    );

/// A time that cannot be read.
pub const INVALID_TIME: Problem =
    Problem::invalid("INVALID_TIME", "시간 형식이 올바르지 않습니다", "A time is not valid.");

/// Given up after all attempts.
pub const SYSTEM_ERROR: Problem = Problem::fault(
    "SYSTEM_ERROR",
    "일시적인 오류로 요청을 처리하지 못했습니다",
    "The request could not be processed because of a temporary error.",
);

/// Why a feature refuses. What [`table`] is made for is one.
pub trait Refusal: Copy {
    /// What clients are told.
    fn problem(self) -> &'static Problem;
}

/// The table of an enum of refusals: a row for each variant, in their order. It makes `ALL`, `problem`, `code` and `reason`.
macro_rules! table {
    ($refusal:ident $($variant:ident => $problem:expr;)+) => {
        impl $refusal {
            /// All of them.
            pub const ALL: [Self; [$(Self::$variant),+].len()] = [$(Self::$variant),+];

            /// What clients are told.
            #[must_use]
            pub const fn problem(self) -> &'static Problem {
                match self {
                    $(Self::$variant => const { &$problem },)+
                }
            }

            /// For machines: stable.
            #[must_use]
            pub const fn code(self) -> &'static str {
                self.problem().code
            }

            /// For people, in Korean.
            #[must_use]
            pub const fn reason(self) -> &'static str {
                self.problem().detail.ko
            }
        }

        impl $crate::problem::Refusal for $refusal {
            fn problem(self) -> &'static Problem {
                $refusal::problem(self)
            }
        }
    };
}

pub(crate) use table;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{coupon, payment, queue, reservation, timesale};
    use std::collections::BTreeMap;

    fn all() -> Vec<&'static Problem> {
        let mut all = vec![&coupon::outcome::DUPLICATE_REQUEST];
        all.extend([&reservation::refusal::CONCERT_NOT_FOUND, &reservation::refusal::PAYMENT_REFUSED]);
        all.extend(coupon::outcome::Refusal::ALL.map(coupon::outcome::Refusal::problem));
        all.extend(coupon::command_outcome::CommandRefusal::ALL.map(coupon::command_outcome::CommandRefusal::problem));
        all.extend(reservation::refusal::Refusal::ALL.map(reservation::refusal::Refusal::problem));
        all.extend(payment::outcome::Refusal::ALL.map(payment::outcome::Refusal::problem));
        all.extend(timesale::outcome::Refusal::ALL.map(timesale::outcome::Refusal::problem));
        all.extend(
            timesale::command_outcome::CommandRefusal::ALL.map(timesale::command_outcome::CommandRefusal::problem),
        );
        all.extend(queue::command_outcome::CommandRefusal::ALL.map(queue::command_outcome::CommandRefusal::problem));
        all
    }

    #[test]
    fn every_refusal_is_told_in_both_languages() {
        for problem in all() {
            let hint = problem.hint.map(|hint| hint.allowed);
            for text in [Some(problem.detail), problem.title, hint].into_iter().flatten() {
                assert!(text.en.is_ascii() && !text.en.is_empty(), "{}: {}", problem.code, text.en);
                assert!(text.ko.chars().any(|c| ('가'..='힣').contains(&c)), "{}: {}", problem.code, text.ko);
            }
        }
    }

    /// A client that knows a code by one feature reads the same of another.
    #[test]
    fn one_code_means_one_thing() {
        let mut known = BTreeMap::new();
        for problem in all() {
            let meaning = (problem.class, problem.detail.en, problem.hint);
            assert_eq!(*known.entry(problem.code).or_insert(meaning), meaning, "{}", problem.code);
        }
    }
}
