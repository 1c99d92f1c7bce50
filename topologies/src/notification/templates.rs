//! The texts, by type, language and version. A version is never changed once it has been released: rows name the version they were told in, and a history
//! shows the same words again.
//!
//! A type has one or more texts in each language. The first one whose parameters (`{name}`, from `data`) are all there is told. A text without parameters
//! ranks behind the request's own words if these are in the same language: the sender knew more. Senders write Korean. A type without a text is told in the
//! request's own words, as version 0.

use holdfast_model::notification::locale::Locale;
use std::borrow::Cow;

/// Version of the texts in this file.
pub const VERSION: u32 = 1;
/// The version of texts that a request brought itself.
pub const OWN_WORDS: u32 = 0;
/// The language that senders write in.
const SENDERS: Locale = Locale::Ko;

/// One text of a type.
struct Text {
    title: &'static str,
    message: &'static str,
    /// For channels that have no title and stand alone: Alimtalk, text messages.
    long: Option<&'static str>,
}

const fn text(title: &'static str, message: &'static str) -> Text {
    Text { title, message, long: None }
}

const LONG_KO: Option<&str> = Some("결제가 완료되었습니다. 콘서트 예약이 확정되었습니다.");
const LONG_EN: Option<&str> = Some("Your payment is complete. Your concert reservation is confirmed.");

/// The texts of each type in each language, the one with most parameters first.
static TEXTS: &[(&str, Locale, &[Text])] = &[
    (
        "PAYMENT_CONFIRMED",
        Locale::Ko,
        &[
            Text { title: "결제 완료", message: "{concertTitle} 예약이 확정되었습니다.", long: LONG_KO },
            Text { title: "결제 완료", message: "콘서트 예약이 확정되었습니다.", long: LONG_KO },
        ],
    ),
    (
        "PAYMENT_CONFIRMED",
        Locale::En,
        &[
            Text {
                title: "Payment complete",
                message: "Your reservation for {concertTitle} is confirmed.",
                long: LONG_EN,
            },
            Text { title: "Payment complete", message: "Your concert reservation is confirmed.", long: LONG_EN },
        ],
    ),
    (
        "RESERVATION_EXPIRED",
        Locale::Ko,
        &[
            text("예약 만료", "{minutes}분 이내 결제하지 않아 예약이 만료되었습니다."),
            text("예약 만료", "5분 이내 결제하지 않아 예약이 만료되었습니다."),
        ],
    ),
    (
        "RESERVATION_EXPIRED",
        Locale::En,
        &[
            text("Reservation expired", "Your reservation expired: it was not paid within {minutes} minutes."),
            text("Reservation expired", "Your reservation expired: it was not paid in time."),
        ],
    ),
    (
        "RESERVATION_HELD",
        Locale::Ko,
        &[
            text("좌석 선점", "{minutes}분 이내에 결제해 주세요. 좌석이 임시 배정되었습니다."),
            text("좌석 선점", "좌석이 임시 배정되었습니다."),
        ],
    ),
    (
        "RESERVATION_HELD",
        Locale::En,
        &[
            text("Seat held", "Your seat is held. Please pay within {minutes} minutes."),
            text("Seat held", "Your seat is held."),
        ],
    ),
    (
        "QUEUE_ENTERED",
        Locale::Ko,
        &[
            text("대기열 진입", "현재 대기 순번은 {queuePosition}번입니다."),
            text("대기열 진입", "대기열에 등록되었습니다."),
        ],
    ),
    (
        "QUEUE_ENTERED",
        Locale::En,
        &[
            text("In the queue", "Your place in the queue is {queuePosition}."),
            text("In the queue", "You are in the queue."),
        ],
    ),
    ("SEAT_OPENED", Locale::Ko, &[text("예매 가능", "예약 가능한 시간입니다.")]),
    ("SEAT_OPENED", Locale::En, &[text("Seats are open", "You can reserve now.")]),
    (
        "COUPON_ISSUED",
        Locale::Ko,
        &[
            text("쿠폰 발급 완료", "{couponTitle} 발급이 완료되었습니다."),
            text("쿠폰 발급 완료", "쿠폰 발급이 완료되었습니다."),
        ],
    ),
    (
        "COUPON_ISSUED",
        Locale::En,
        &[text("Coupon issued", "You got the coupon {couponTitle}."), text("Coupon issued", "You got a coupon.")],
    ),
    (
        "TIMESALE_SUCCESS",
        Locale::Ko,
        &[
            text("타임세일 주문 완료", "{timeSaleTitle} {quantity}개 주문이 완료되었습니다."),
            text("타임세일 주문 완료", "타임세일 주문이 완료되었습니다."),
        ],
    ),
    (
        "TIMESALE_SUCCESS",
        Locale::En,
        &[
            text("Time sale order complete", "Your order of {quantity} x {timeSaleTitle} is complete."),
            text("Time sale order complete", "Your time sale order is complete."),
        ],
    ),
    (
        "TIMESALE_FAILED",
        Locale::Ko,
        &[
            text("타임세일 주문 실패", "{timeSaleTitle} 주문이 실패했습니다: {reason}"),
            text("타임세일 주문 실패", "타임세일 주문이 실패했습니다."),
        ],
    ),
    (
        "TIMESALE_FAILED",
        Locale::En,
        &[
            text("Time sale order failed", "Your order of {timeSaleTitle} failed."),
            text("Time sale order failed", "Your time sale order failed."),
        ],
    ),
    (
        "REFUNDED",
        Locale::Ko,
        &[
            text("환불 완료", "{concertTitle} {cause}{amount}원이 환불되었습니다."),
            text("환불 완료", "환불이 완료되었습니다."),
        ],
    ),
    (
        "REFUNDED",
        Locale::En,
        &[
            text("Refunded", "{amount} KRW for {concertTitle} were refunded."),
            text("Refunded", "Your payment was refunded."),
        ],
    ),
];

fn texts(kind: &str, locale: Locale) -> &'static [Text] {
    TEXTS.iter().find(|(name, language, _)| *name == kind && *language == locale).map_or(&[], |(.., texts)| texts)
}

/// A text, filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'a> {
    /// Version of its template; [`OWN_WORDS`].
    pub version: u32,
    /// Title.
    pub title: Cow<'a, str>,
    /// Text.
    pub message: Cow<'a, str>,
    /// Text for channels that stand alone; none = the same.
    pub long: Option<&'static str>,
}

/// Parameters, by name.
pub type Parameters<'a> = [(Cow<'a, str>, Cow<'a, str>)];

/// How something of the type `kind` is told: by a template, or in the request's `own` title and message. `None`: it has neither.
#[must_use]
pub fn told<'a>(
    kind: &str,
    locale: Locale,
    own: Option<(&'a str, &'a str)>,
    parameters: &Parameters<'_>,
) -> Option<Told<'a>> {
    let own = own.map(|(title, message)| Told {
        version: OWN_WORDS,
        title: title.into(),
        message: message.into(),
        long: None,
    });
    let texts = texts(kind, locale);
    let fill_in = |text: &'static Text| {
        let message = fill_in(text.message, parameters)?;
        Some(Told { version: VERSION, title: text.title.into(), message, long: text.long })
    };
    let with_parameters = texts.iter().filter(|text| text.message.contains('{')).find_map(fill_in);
    let plain = || texts.iter().find(|text| !text.message.contains('{')).and_then(fill_in);
    with_parameters.or_else(|| match own {
        Some(own) if locale == SENDERS => Some(own),
        own => plain().or(own),
    })
}

/// `message` with its parameters; `None` when one is missing.
fn fill_in(message: &'static str, parameters: &Parameters<'_>) -> Option<Cow<'static, str>> {
    let Some((mut before, mut rest)) = message.split_once('{') else { return Some(Cow::Borrowed(message)) };
    let mut filled = String::with_capacity(message.len() + 64);
    loop {
        filled.push_str(before);
        let (name, after) = rest.split_once('}')?;
        let (_, value) = parameters.iter().find(|(known, _)| known == name)?;
        filled.push_str(value);
        match after.split_once('{') {
            Some(next) => (before, rest) = next,
            None => {
                filled.push_str(after);
                return Some(Cow::Owned(filled));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn say(
        kind: &str,
        locale: Locale,
        own: Option<(&str, &str)>,
        parameters: &[(&str, &str)],
    ) -> (u32, String, String) {
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let told = told(kind, locale, own, &parameters).unwrap();
        (told.version, told.title.into_owned(), told.message.into_owned())
    }

    #[test]
    fn the_seeds_texts_are_told_word_by_word() {
        let own = Some(("t", "m"));
        for (kind, own, parameters, title, message) in [
            (
                "PAYMENT_CONFIRMED",
                own,
                &[("concertTitle", "아이유 콘서트")][..],
                "결제 완료",
                "아이유 콘서트 예약이 확정되었습니다.",
            ),
            ("PAYMENT_CONFIRMED", None, &[], "결제 완료", "콘서트 예약이 확정되었습니다."),
            ("RESERVATION_EXPIRED", None, &[], "예약 만료", "5분 이내 결제하지 않아 예약이 만료되었습니다."),
            ("QUEUE_ENTERED", own, &[("queuePosition", "123")], "대기열 진입", "현재 대기 순번은 123번입니다."),
            ("SEAT_OPENED", None, &[], "예매 가능", "예약 가능한 시간입니다."),
            (
                "COUPON_ISSUED",
                own,
                &[("couponTitle", "첫 구매 쿠폰")],
                "쿠폰 발급 완료",
                "첫 구매 쿠폰 발급이 완료되었습니다.",
            ),
            (
                "TIMESALE_SUCCESS",
                own,
                &[("quantity", "2"), ("timeSaleTitle", "오늘의 타임세일")],
                "타임세일 주문 완료",
                "오늘의 타임세일 2개 주문이 완료되었습니다.",
            ),
        ] {
            assert_eq!(
                say(kind, Locale::Ko, own, parameters),
                (VERSION, title.to_owned(), message.to_owned()),
                "{kind}"
            );
        }
        let long = told("PAYMENT_CONFIRMED", Locale::Ko, None, &[]).unwrap().long;
        assert_eq!(long, Some("결제가 완료되었습니다. 콘서트 예약이 확정되었습니다."));
    }

    #[test]
    fn the_senders_words_rank_before_a_text_that_says_less() {
        let own = Some(("환불 완료", "아이유 콘서트 공연 취소로 50000원이 환불되었습니다."));
        let parameters = [("concertTitle", "아이유 콘서트"), ("amount", "50000")];
        assert_eq!(say("REFUNDED", Locale::Ko, own, &parameters).0, OWN_WORDS);
        assert_eq!(say("REFUNDED", Locale::En, own, &parameters).2, "50000 KRW for 아이유 콘서트 were refunded.");
        assert_eq!(say("REFUNDED", Locale::En, own, &[]).2, "Your payment was refunded.");
        assert_eq!(say("NEWS", Locale::En, Some(("t", "m")), &[]), (OWN_WORDS, "t".to_owned(), "m".to_owned()));
        assert_eq!(told("NEWS", Locale::Ko, None, &[]), None);
    }

    /// A row keeps the version and the request's own words only for version 0: what is shown later is what was told.
    #[test]
    fn what_was_told_by_a_template_is_told_again_without_the_own_words() {
        const KINDS: [&str; 9] = [
            "PAYMENT_CONFIRMED",
            "RESERVATION_EXPIRED",
            "RESERVATION_HELD",
            "QUEUE_ENTERED",
            "SEAT_OPENED",
            "COUPON_ISSUED",
            "TIMESALE_SUCCESS",
            "TIMESALE_FAILED",
            "REFUNDED",
        ];
        for kind in KINDS {
            for locale in [Locale::Ko, Locale::En] {
                assert!(told(kind, locale, None, &[]).is_some(), "{kind} can be told without parameters");
                for own in [None, Some(("t", "m"))] {
                    for parameters in [&[][..], &[("concertTitle".into(), "c".into()), ("minutes".into(), "3".into())]]
                    {
                        let first = told(kind, locale, own, parameters).unwrap();
                        if first.version != OWN_WORDS {
                            assert_eq!(told(kind, locale, None, parameters), Some(first), "{kind}");
                        }
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn parameters_are_not_templates(value in ".{0,20}") {
            let parameters = [("concertTitle".into(), value.as_str().into())];
            let told = told("PAYMENT_CONFIRMED", Locale::Ko, None, &parameters).unwrap();
            prop_assert_eq!(told.message, format!("{value} 예약이 확정되었습니다."));
        }
    }
}
