//! Which fields of a command the log has refused, and what is allowed there.

use crate::http::error::FieldError;
use crate::http::misfit::when;
use holdfast_model::timesale::command_outcome::CommandRefusal;
use holdfast_model::timesale::message::{Command, CreateSale};
use holdfast_model::timesale::row::PRICE_MAX_KRW;
use holdfast_model::wire::When;

/// What a number of units, or a price, may be: both have the same bound.
const UP_TO_A_BILLION: (&str, &str) =
    ("0 이상 1,000,000,000 이하의 정수여야 합니다.", "must be a whole number from 0 to 1,000,000,000");

/// The fields of `command` that have led to `refusal`; none if it is not about fields, or its problem names the field.
pub(super) fn of(command: &Command, refusal: CommandRefusal) -> Vec<FieldError> {
    match command {
        Command::CreateSale(wanted) => of_sale(wanted, refusal),
        Command::AdjustStock(_) if refusal == CommandRefusal::BadQuantity => {
            let allowed = (
                "전체 수량이 1,000,000,000개를 넘을 수 없습니다.",
                "the stock must not be more than 1,000,000,000 units",
            );
            vec![FieldError::new("by", allowed)]
        }
        Command::AdjustStock(_) | Command::CancelOrder(_) => Vec::new(),
    }
}

fn of_sale(wanted: &CreateSale, refusal: CommandRefusal) -> Vec<FieldError> {
    match refusal {
        CommandRefusal::BadSaleId => vec![FieldError::new(
            "timeSaleId",
            (
                "글자, 숫자, '.', '_', '-'로 된 64바이트 이하여야 하며 '.', '..', orders일 수 없습니다.",
                "must be letters, digits, '.', '_' and '-', at most 64 bytes, and none of '.', '..', orders",
            ),
        )],
        CommandRefusal::BadTitle => {
            vec![FieldError::new("title", ("1자 이상 200자 이하여야 합니다.", "must be 1 to 200 characters"))]
        }
        CommandRefusal::BadProductId => vec![FieldError::new(
            "productId",
            (
                "비어 있거나 공백으로 시작하거나 끝날 수 없고, 제어 문자를 포함할 수 없습니다.",
                "must not be blank, begin or end with a blank, or contain control characters",
            ),
        )],
        CommandRefusal::BadQuantity => vec![FieldError::new("totalQuantity", UP_TO_A_BILLION)],
        CommandRefusal::BadPrice => of_prices(wanted),
        CommandRefusal::BadTime => {
            let times = [("startTime", wanted.start_time), ("endTime", wanted.end_time)];
            let unreadable = times.into_iter().filter(|(_, time)| *time == Some(When::Unreadable));
            unreadable.map(|(field, _)| FieldError::new(field, when())).collect()
        }
        CommandRefusal::BadWindow => {
            vec![FieldError::new("endTime", ("startTime보다 이후여야 합니다.", "must be after startTime"))]
        }
        _ => Vec::new(),
    }
}

fn of_prices(wanted: &CreateSale) -> Vec<FieldError> {
    let is_price = |krw: i64| u64::try_from(krw).is_ok_and(|krw| krw <= PRICE_MAX_KRW);
    let given = [("discountPrice", Some(wanted.discount_price)), ("originalPrice", wanted.original_price)];
    let wrong = given.into_iter().filter(|(_, price)| price.is_some_and(|price| !is_price(price)));
    let mut errors: Vec<_> = wrong.map(|(field, _)| FieldError::new(field, UP_TO_A_BILLION)).collect();
    if errors.is_empty() {
        let allowed = ("discountPrice 이상이어야 합니다.", "must be discountPrice or more");
        errors.push(FieldError::new("originalPrice", allowed));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::timesale::row::UNITS_MAX;
    use holdfast_topologies::timesale::decide;

    #[test]
    fn whatever_is_refused_for_its_values_names_them() {
        assert_eq!((UNITS_MAX, PRICE_MAX_KRW), (1_000_000_000, 1_000_000_000), "the texts say so");
        let good = CreateSale {
            time_sale_id: "1".to_owned(),
            title: "t".to_owned(),
            total_quantity: 1,
            discount_price: 5,
            ..CreateSale::default()
        };
        let ms = |ms| Some(When::Ms(ms));
        for (wanted, fields) in [
            (CreateSale { time_sale_id: "orders".to_owned(), ..good.clone() }, &["timeSaleId"][..]),
            (CreateSale { title: " ".to_owned(), ..good.clone() }, &["title"]),
            (CreateSale { product_id: Some(String::new()), ..good.clone() }, &["productId"]),
            (CreateSale { total_quantity: -1, ..good.clone() }, &["totalQuantity"]),
            (
                CreateSale { discount_price: -1, original_price: Some(-1), ..good.clone() },
                &["discountPrice", "originalPrice"],
            ),
            (CreateSale { original_price: Some(4), ..good.clone() }, &["originalPrice"]),
            (CreateSale { end_time: Some(When::Unreadable), ..good.clone() }, &["endTime"]),
            (CreateSale { start_time: ms(2), end_time: ms(1), ..good.clone() }, &["endTime"]),
        ] {
            let refusal = decide::create_sale(&wanted, None, 0).unwrap_err();
            let told = of(&Command::CreateSale(wanted.clone()), refusal);
            assert_eq!(told.iter().map(|error| &*error.field).collect::<Vec<_>>(), fields, "{wanted:?}");
        }
    }
}
