//! Which fields of a command the log has refused, and what is allowed there.

use crate::http::error::FieldError;
use crate::http::misfit::when;
use holdfast_model::coupon::command_outcome::CommandRefusal;
use holdfast_model::coupon::message::{AdjustStock, Command, CreatePolicy};
use holdfast_model::wire::When;

/// The fields of `command` that have led to `refusal`; none if it is not about fields.
pub(super) fn of(command: &Command, refusal: CommandRefusal) -> Vec<FieldError> {
    match command {
        Command::CreatePolicy(wanted) => of_policy(wanted, refusal),
        Command::AdjustStock(AdjustStock { .. }) if refusal == CommandRefusal::BadQuantity => {
            vec![FieldError::new(
                "by",
                ("전체 수량이 셀 수 있는 범위를 벗어납니다.", "the stock would be more than can be counted"),
            )]
        }
        Command::AdjustStock(_) | Command::UseCoupon(_) => Vec::new(),
    }
}

fn of_policy(wanted: &CreatePolicy, refusal: CommandRefusal) -> Vec<FieldError> {
    match refusal {
        CommandRefusal::BadPolicyId => vec![FieldError::new(
            "policyId",
            (
                "글자, 숫자, '.', '_', '-'로 된 64바이트 이하여야 하며 '.', '..', policies, requests, users일 수 없습니다.",
                "must be letters, digits, '.', '_' and '-', at most 64 bytes, and none of '.', '..', policies, requests, users",
            ),
        )],
        CommandRefusal::BadTitle => {
            vec![FieldError::new("title", ("1자 이상 200자 이하여야 합니다.", "must be 1 to 200 characters"))]
        }
        CommandRefusal::BadQuantity => {
            vec![FieldError::new("totalQuantity", ("0 이상의 정수여야 합니다.", "must be a whole number, 0 or more"))]
        }
        CommandRefusal::BadTime => {
            let times = [("startTime", wanted.start_time), ("endTime", wanted.end_time)];
            let unreadable = times.into_iter().filter(|(_, time)| *time == Some(When::Unreadable));
            unreadable.map(|(field, _)| FieldError::new(field, when())).collect()
        }
        CommandRefusal::BadWindow => {
            vec![FieldError::new("endTime", ("startTime보다 이후여야 합니다.", "must be after startTime"))]
        }
        CommandRefusal::BadDiscount => of_discount(wanted),
        _ => Vec::new(),
    }
}

fn of_discount(wanted: &CreatePolicy) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let kinds = ["FIXED_AMOUNT", "PERCENTAGE"];
    let kind = wanted.discount_type.as_deref();
    if kind.is_some_and(|kind| !kinds.contains(&kind)) || kind.is_none() && wanted.discount_value.is_some() {
        let allowed = ("FIXED_AMOUNT, PERCENTAGE 중 하나여야 합니다.", "must be one of: FIXED_AMOUNT, PERCENTAGE");
        errors.push(FieldError::new("discountType", allowed));
    }
    let percent = kind == Some("PERCENTAGE");
    let most = if percent { 100 } else { i64::MAX };
    let is_value = match wanted.discount_value {
        None => kind.is_none(),
        Some(value) => (1..=most).contains(&value),
    };
    if !is_value {
        errors.push(match percent {
            true => FieldError::new(
                "discountValue",
                ("1 이상 100 이하의 정수여야 합니다.", "must be a whole number from 1 to 100"),
            ),
            false => {
                FieldError::new("discountValue", ("1 이상의 정수여야 합니다.", "must be a whole number, 1 or more"))
            }
        });
    }
    if wanted.minimum_order_amount.is_some_and(|amount| amount < 0) {
        errors.push(FieldError::new(
            "minimumOrderAmount",
            ("0 이상의 정수여야 합니다.", "must be a whole number, 0 or more"),
        ));
    }
    if wanted.maximum_discount_amount.is_some_and(|amount| amount < 1) {
        errors.push(FieldError::new(
            "maximumDiscountAmount",
            ("1 이상의 정수여야 합니다.", "must be a whole number, 1 or more"),
        ));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_topologies::coupon::decide;

    #[test]
    fn whatever_is_refused_for_its_values_names_them() {
        let good = CreatePolicy {
            policy_id: "1".to_owned(),
            title: "t".to_owned(),
            total_quantity: 1,
            ..CreatePolicy::default()
        };
        let (fixed, percentage) = (Some("FIXED_AMOUNT".to_owned()), Some("PERCENTAGE".to_owned()));
        let ms = |ms| Some(When::Ms(ms));
        for (wanted, fields) in [
            (CreatePolicy { policy_id: "users".to_owned(), ..good.clone() }, &["policyId"][..]),
            (CreatePolicy { title: " ".to_owned(), ..good.clone() }, &["title"]),
            (CreatePolicy { total_quantity: -1, ..good.clone() }, &["totalQuantity"]),
            (CreatePolicy { end_time: Some(When::Unreadable), ..good.clone() }, &["endTime"]),
            (CreatePolicy { start_time: ms(2), end_time: ms(1), ..good.clone() }, &["endTime"]),
            (
                CreatePolicy { discount_type: Some("HALF".to_owned()), discount_value: Some(1), ..good.clone() },
                &["discountType"],
            ),
            (CreatePolicy { discount_value: Some(1), ..good.clone() }, &["discountType"]),
            (CreatePolicy { discount_type: fixed, ..good.clone() }, &["discountValue"]),
            (CreatePolicy { discount_type: percentage, discount_value: Some(101), ..good.clone() }, &["discountValue"]),
            (
                CreatePolicy { minimum_order_amount: Some(-1), maximum_discount_amount: Some(0), ..good.clone() },
                &["minimumOrderAmount", "maximumDiscountAmount"],
            ),
        ] {
            let refusal = decide::create_policy(&wanted, None, 0).unwrap_err();
            let told = of(&Command::CreatePolicy(wanted.clone()), refusal);
            assert_eq!(told.iter().map(|error| &*error.field).collect::<Vec<_>>(), fields, "{wanted:?}");
        }
    }
}
