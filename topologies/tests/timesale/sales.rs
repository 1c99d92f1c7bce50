//! Sales: created once, adjusted, never below what is sold.

use crate::shop::Shop;
use holdfast_model::timesale::message::{AdjustStock, Command, CreateSale};
use holdfast_model::timesale::sample;

fn adjust(shop: &mut Shop, id: &str, by: i64) -> (&'static str, Option<&'static str>) {
    let command =
        AdjustStock { request_id: Some(id.to_owned()), time_sale_id: "1".to_owned(), by, ..AdjustStock::default() };
    shop.command("1", &Command::AdjustStock(command));
    shop.command_status(id)
}

#[test]
fn the_stock_moves_and_never_below_what_is_sold() {
    let mut shop = Shop::open();
    for user in 1..=4 {
        shop.order(&format!("o{user}"), &user.to_string(), 5);
    }
    shop.driver.settle();
    assert_eq!(adjust(&mut shop, "a", 50), ("SUCCESS", None));
    assert_eq!(adjust(&mut shop, "a", 50), ("SUCCESS", None), "the same command again");
    assert_eq!(shop.stock(), (20, 130));
    assert_eq!(adjust(&mut shop, "b", -131), ("CONFLICT", Some("STOCK_BELOW_SOLD")));
    assert_eq!(adjust(&mut shop, "c", -130), ("SUCCESS", None));
    assert_eq!(shop.stock(), (20, 0));
    assert_eq!(adjust(&mut shop, "d", 2_000_000_000), ("VALIDATION_FAILED", Some("INVALID_STOCK")));
    // What comes back may be taken away again.
    assert_eq!(shop.cancel("e", &Shop::order_id("o1"), "1"), ("SUCCESS", None));
    assert_eq!(adjust(&mut shop, "f", -5), ("SUCCESS", None));
    assert_eq!((shop.stock(), shop.sale().total_quantity), ((15, 0), 15));
    shop.check();
}

#[test]
fn a_sale_is_created_once_and_shown_as_it_was_created() {
    let mut shop = Shop::open();
    let mut create = |id: &str, command: CreateSale| {
        let command = CreateSale { request_id: Some(id.to_owned()), ..command };
        shop.command("1", &Command::CreateSale(command));
        shop.command_status(id)
    };
    assert_eq!(create("a", sample::sale()), ("SUCCESS", None));
    assert_eq!(
        create("b", CreateSale { total_quantity: 5, ..sample::sale() }),
        ("CONFLICT", Some("TIMESALE_ALREADY_EXISTS"))
    );
    assert_eq!(
        create("c", CreateSale { limit_per_user: Some(0), ..sample::sale() }),
        ("VALIDATION_FAILED", Some("INVALID_LIMIT_PER_USER"))
    );
    let sale = shop.sale();
    assert_eq!((&*sale.title, sale.total_quantity, sale.limit_per_user), ("오늘의 타임세일", 100, Some(5)));
    assert_eq!(
        (sale.discount_price, sale.original_price, sale.product_id.as_deref()),
        (9_900, Some(20_000), Some("product_1"))
    );
}
