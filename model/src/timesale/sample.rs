//! The sample sale of `run --sample`: sale `1`, 100 units, 5 a user, open at once and for ever.

use crate::feature::{Sample, SampleCommand};
use crate::timesale::COMMANDS;
use crate::timesale::message::{Command, CreateSale};

/// The sample.
pub const SAMPLE: Sample = Sample {
    commands: || {
        let sale = sale();
        let (key, id) = (sale.time_sale_id.clone(), sale.request_id.clone().unwrap_or_default());
        vec![SampleCommand { key, id, value: Command::CreateSale(sale).to_json(), secret: None }]
    },
    is_decided: |view, id| view.get_kept(&COMMANDS, id).is_ok_and(|row| row.is_some()),
};

/// The command that creates it. It brings its own id, so a second start changes nothing and adds nothing.
#[must_use]
pub fn sale() -> CreateSale {
    CreateSale {
        request_id: Some("sample-timesale-1".to_owned()),
        time_sale_id: "1".to_owned(),
        title: "오늘의 타임세일".to_owned(),
        description: Some("선착순 100개 한정 특가".to_owned()),
        product_id: Some("product_1".to_owned()),
        original_price: Some(20_000),
        discount_price: 9_900,
        total_quantity: 100,
        limit_per_user: Some(5),
        ..CreateSale::default()
    }
}
