use super::*;
use holdfast_model::timesale::row::BuyerRow;
use holdfast_model::timesale::sample;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn sale(total: u64, sold: u64) -> SaleRow {
    SaleRow {
        total,
        sold,
        limit_per_user: Some(5),
        starts_ms: Some(100),
        ends_ms: Some(200),
        discount_price: 9_900,
        title: "오늘의 타임세일".to_owned(),
    }
}

fn wants(user_id: &str, quantity: i64) -> OrderRequest<'_> {
    OrderRequest { time_sale_id: "1".into(), user_id: user_id.into(), quantity, ..OrderRequest::default() }
}

#[test]
fn each_order_has_one_of_the_outcomes() {
    let confirmed = |quantity, sold, buyer_units| Ok(Confirmed { quantity, sold, buyer_units });
    let big = SaleRow { limit_per_user: None, ..sale(u64::MAX, u64::MAX - 1) };
    for (n, (sale, has, user_id, quantity, now_ms, expected)) in [
        (Some(sale(100, 0)), 0, "u", 1, 100, confirmed(1, 1, 1)),
        (Some(sale(100, 95)), 0, "u", 5, 199, confirmed(5, 100, 5)),
        (Some(sale(100, 10)), 2, "u", 3, 150, confirmed(3, 13, 5)),
        (None, 0, "u", 1, 150, Err(Refusal::UnknownSale)),
        (None, 0, "", 0, 150, Err(Refusal::UnknownSale)),
        (Some(sale(100, 0)), 0, " \t", 0, 150, Err(Refusal::NoUser)),
        (Some(sale(100, 0)), 0, " u", 0, 150, Err(Refusal::BadUser)),
        (Some(sale(100, 0)), 0, "..", 1, 150, Err(Refusal::BadUser)),
        (Some(sale(100, 0)), 0, "u", 0, 99, Err(Refusal::BadQuantity)),
        (Some(sale(100, 0)), 0, "u", -1, 150, Err(Refusal::BadQuantity)),
        (Some(sale(100, 0)), 0, "u", i64::MIN, 150, Err(Refusal::BadQuantity)),
        (Some(sale(100, 0)), 0, "u", 6, 99, Err(Refusal::AboveLimit)),
        (Some(sale(100, 0)), 0, "u", i64::MAX, 150, Err(Refusal::AboveLimit)),
        (Some(sale(100, 0)), 5, "u", 1, 99, Err(Refusal::NotStarted)),
        (Some(sale(100, 100)), 5, "u", 1, 200, Err(Refusal::Ended)),
        (Some(sale(100, 0)), 3, "u", 3, 150, Err(Refusal::LimitExceeded)),
        (Some(sale(100, 100)), 5, "u", 1, 150, Err(Refusal::LimitExceeded)),
        // All or nothing: four are left.
        (Some(sale(100, 96)), 0, "u", 5, 150, Err(Refusal::InsufficientStock)),
        (Some(sale(100, 96)), 0, "u", 4, 150, confirmed(4, 100, 4)),
        (Some(sale(0, 0)), 0, "u", 1, 150, Err(Refusal::InsufficientStock)),
        // A broken row sells nothing.
        (Some(sale(1, 2)), 0, "u", 1, 150, Err(Refusal::InsufficientStock)),
        (Some(big.clone()), u64::MAX, "u", 1, 150, confirmed(1, u64::MAX, u64::MAX)),
        (Some(big), 0, "u", i64::MAX, 150, Err(Refusal::InsufficientStock)),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(order(sale.as_ref(), has, &wants(user_id, quantity), now_ms), expected, "case {n}");
    }
}

#[test]
fn a_sale_without_a_window_is_always_open_and_without_a_limit_sells_all() {
    let open = SaleRow { starts_ms: None, ends_ms: None, limit_per_user: None, ..sale(100, 0) };
    for now_ms in [i64::MIN, 0, i64::MAX] {
        assert!(order(Some(&open), 0, &wants("u", 100), now_ms).is_ok());
    }
}

fn confirmed_row() -> OrderRow {
    OrderRow {
        time_sale_id: "1".to_owned(),
        user_id: "u".to_owned(),
        quantity: 3,
        unit_price: 9_900,
        ordered_ms: 1,
        cancelled_ms: None,
    }
}

fn refused_row(refusal: Refusal) -> RefusedRow {
    RefusedRow { time_sale_id: "1".to_owned(), user_id: "u".to_owned(), quantity: 3, decided_ms: 1, refusal }
}

#[test]
fn an_order_is_cancelled_once_and_by_its_buyer() {
    let by = |user_id: &str| CancelOrder { user_id: user_id.to_owned(), ..CancelOrder::default() };
    let cancelled = OrderRow { cancelled_ms: Some(7), ..confirmed_row() };
    assert_eq!(cancel(&by("u"), Some(confirmed_row()), None, 7), Ok(Cancellation::New(cancelled.clone())));
    assert_eq!(cancel(&by("u"), Some(cancelled.clone()), None, 8), Ok(Cancellation::Unchanged));
    let refused = refused_row(Refusal::InsufficientStock);
    assert_eq!(cancel(&by("u"), None, Some(&refused), 8), Err(CommandRefusal::NotConfirmed));
    for (confirmed, refused) in
        [(None, None), (Some(confirmed_row()), None), (Some(cancelled), None), (None, Some(&refused))]
    {
        assert_eq!(cancel(&by("v"), confirmed, refused, 8), Err(CommandRefusal::UnknownOrder));
    }
}

#[test]
fn no_more_goes_back_than_was_sold() {
    assert_eq!(give_back(&sale(100, 3), 3, 3), Some(GivenBack { sold: 0, buyer_units: 0 }));
    assert_eq!(give_back(&sale(100, 2), 3, 3), None);
    assert_eq!(give_back(&sale(100, 3), 2, 3), None);
}

fn create() -> CreateSale {
    CreateSale {
        time_sale_id: "1".to_owned(),
        title: "오늘의 타임세일".to_owned(),
        discount_price: 9_900,
        total_quantity: 100,
        ..CreateSale::default()
    }
}

/// A change of a good create command, and what it leads to.
type Spoil = (fn(&mut CreateSale), CommandRefusal);

#[test]
fn a_sale_that_makes_no_sense_is_refused() {
    let spoils: [Spoil; 19] = [
        (|c| c.time_sale_id = String::new(), CommandRefusal::BadSaleId),
        (|c| c.time_sale_id = "a b".to_owned(), CommandRefusal::BadSaleId),
        (|c| c.time_sale_id = "a/b".to_owned(), CommandRefusal::BadSaleId),
        (|c| c.time_sale_id = "orders".to_owned(), CommandRefusal::BadSaleId),
        (|c| c.time_sale_id = "x".repeat(65), CommandRefusal::BadSaleId),
        (|c| c.title = " ".to_owned(), CommandRefusal::BadTitle),
        (|c| c.title = "가".repeat(201), CommandRefusal::BadTitle),
        (|c| c.product_id = Some(" p".to_owned()), CommandRefusal::BadProductId),
        (|c| c.total_quantity = -1, CommandRefusal::BadQuantity),
        (|c| c.total_quantity = 1_000_000_001, CommandRefusal::BadQuantity),
        (|c| c.limit_per_user = Some(0), CommandRefusal::BadLimit),
        (|c| c.limit_per_user = Some(-1), CommandRefusal::BadLimit),
        (|c| c.discount_price = -1, CommandRefusal::BadPrice),
        (|c| c.discount_price = 1_000_000_001, CommandRefusal::BadPrice),
        (|c| c.original_price = Some(9_899), CommandRefusal::BadPrice),
        (|c| c.start_time = Some(When::Unreadable), CommandRefusal::BadTime),
        (|c| c.end_time = Some(When::Unreadable), CommandRefusal::BadTime),
        (|c| (c.start_time, c.end_time) = (Some(When::Ms(5)), Some(When::Ms(5))), CommandRefusal::BadWindow),
        (|c| (c.start_time, c.end_time) = (Some(When::Ms(6)), Some(When::Ms(5))), CommandRefusal::BadWindow),
    ];
    for (n, (spoil, expected)) in spoils.into_iter().enumerate() {
        let mut command = create();
        spoil(&mut command);
        assert_eq!(create_sale(&command, None, 0), Err(expected), "case {n}");
    }
}

#[test]
fn a_sale_is_created_once() {
    let Creation::New(sale, terms) = create_sale(&create(), None, 7).unwrap() else { panic!("not new") };
    assert_eq!((sale.total, sale.sold, sale.remaining(), terms.created_ms), (100, 0, 100, 7));
    // Sold and adjusted since: the same words still say nothing new.
    let sold = SaleRow { total: 150, sold: 20, ..sale.clone() };
    assert_eq!(create_sale(&create(), Some((&sold, &terms)), 9), Ok(Creation::Unchanged));
    let others: [fn(&mut CreateSale); 8] = [
        |c| c.total_quantity = 150,
        |c| c.title = "다른 세일".to_owned(),
        |c| c.end_time = Some(When::Ms(1)),
        |c| c.limit_per_user = Some(1),
        |c| c.discount_price = 9_800,
        |c| c.original_price = Some(20_000),
        |c| c.product_id = Some("p".to_owned()),
        |c| c.description = Some(String::new()),
    ];
    for change in others {
        let mut other = create();
        change(&mut other);
        assert_eq!(create_sale(&other, Some((&sale, &terms)), 9), Err(CommandRefusal::SaleExists), "{other:?}");
    }
}

#[test]
fn the_sample_sale_makes_sense() {
    let Creation::New(sale, _) = create_sale(&sample::sale(), None, 0).unwrap() else { panic!("not new") };
    assert_eq!((sale.remaining(), sale.limit_per_user), (100, Some(5)));
    assert!(order(Some(&sale), 0, &wants("1001", 5), 0).is_ok());
}

#[test]
fn the_stock_never_falls_below_what_is_sold() {
    let adjusted = |total, sold, by| {
        adjust_stock(&AdjustStock { by, ..AdjustStock::default() }, Some(&sale(total, sold))).map(|sale| sale.total)
    };
    assert_eq!(adjusted(100, 11, 10), Ok(110));
    assert_eq!(adjusted(100, 11, 0), Ok(100));
    assert_eq!(adjusted(100, 11, -89), Ok(11));
    assert_eq!(adjusted(100, 11, -90), Err(CommandRefusal::BelowSold));
    assert_eq!(adjusted(100, 11, i64::MIN), Err(CommandRefusal::BelowSold));
    assert_eq!(adjusted(100, 11, 999_999_900), Ok(1_000_000_000));
    assert_eq!(adjusted(100, 11, 999_999_901), Err(CommandRefusal::BadQuantity));
    assert_eq!(adjusted(100, 11, i64::MAX), Err(CommandRefusal::BadQuantity));
    assert_eq!(adjust_stock(&AdjustStock::default(), None), Err(CommandRefusal::UnknownSale));
}

/// The rows of one sale, moved by decisions alone.
struct World {
    sale: SaleRow,
    buyers: BTreeMap<String, BuyerRow>,
    orders: BTreeMap<u32, OrderRow>,
    refused: BTreeMap<u32, RefusedRow>,
}

impl World {
    fn units(&self, user_id: &str) -> u64 {
        self.buyers.get(user_id).copied().unwrap_or_default().units
    }

    /// Decides an order; none = it was decided before.
    fn order(&mut self, id: u32, user_id: &str, quantity: i64, now_ms: i64) -> Option<Result<(), Refusal>> {
        if self.orders.contains_key(&id) || self.refused.contains_key(&id) {
            return None;
        }
        let wanted = wants(user_id, quantity);
        match order(Some(&self.sale), self.units(user_id), &wanted, now_ms) {
            Ok(confirmed) => {
                self.sale.sold = confirmed.sold;
                self.buyers.insert(user_id.to_owned(), BuyerRow { units: confirmed.buyer_units });
                let row = OrderRow { user_id: user_id.to_owned(), quantity: confirmed.quantity, ..confirmed_row() };
                self.orders.insert(id, row);
                Some(Ok(()))
            }
            Err(refusal) => {
                let row = RefusedRow { user_id: user_id.to_owned(), quantity, ..refused_row(refusal) };
                self.refused.insert(id, row);
                Some(Err(refusal))
            }
        }
    }

    fn cancel(&mut self, id: u32, user_id: &str) -> bool {
        let command = CancelOrder { user_id: user_id.to_owned(), ..CancelOrder::default() };
        match cancel(&command, self.orders.get(&id).cloned(), self.refused.get(&id), 5) {
            Ok(Cancellation::New(row)) => {
                let left = give_back(&self.sale, self.units(user_id), row.quantity).expect("the books agree");
                self.sale.sold = left.sold;
                self.buyers.insert(user_id.to_owned(), BuyerRow { units: left.buyer_units });
                self.orders.insert(id, row);
                true
            }
            Ok(Cancellation::Unchanged) | Err(_) => false,
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Order { id: u32, user: u8, quantity: i64, now_ms: i64 },
    Cancel { id: u32, user: u8 },
    Adjust { by: i64 },
}

/// Few ids and users, so that retries, stolen ids and full limits are frequent; user 0 is blank, now wanders around the window.
fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u32..24, 0u8..5, -1i64..8, 95i64..205)
            .prop_map(|(id, user, quantity, now_ms)| Step::Order { id, user, quantity, now_ms }),
        2 => (0u32..24, 0u8..5).prop_map(|(id, user)| Step::Cancel { id, user }),
        1 => (-8i64..8).prop_map(|by| Step::Adjust { by }),
    ]
}

fn name_of(user: u8) -> String {
    if user == 0 { " ".to_owned() } else { format!("user-{user}") }
}

proptest! {
    #[test]
    fn units_are_neither_lost_nor_sold_twice(total in 0u64..20, steps in proptest::collection::vec(step(), 0..80)) {
        let mut world = World { sale: sale(total, 0), buyers: BTreeMap::new(), orders: BTreeMap::new(), refused: BTreeMap::new() };
        // What must happen, said in other words than the decisions say it: a list of live orders, and a stock.
        let mut live: BTreeMap<u32, (u8, i64)> = BTreeMap::new();
        let mut known: BTreeMap<u32, u8> = BTreeMap::new();
        let mut stock = i64::try_from(total).unwrap();
        let sum = |live: &BTreeMap<u32, (u8, i64)>, of: Option<u8>| -> i64 {
            live.values().filter(|(user, _)| of.is_none_or(|of| of == *user)).map(|(_, units)| units).sum()
        };
        for step in steps {
            match step {
                Step::Order { id, user, quantity, now_ms } => {
                    let is_new = !known.contains_key(&id);
                    let fits = user != 0 && quantity >= 1 && (100..200).contains(&now_ms)
                        && sum(&live, Some(user)) + quantity <= 5 && sum(&live, None) + quantity <= stock;
                    let decided = world.order(id, &name_of(user), quantity, now_ms);
                    prop_assert_eq!(decided.is_some(), is_new);
                    prop_assert_eq!(decided.is_some_and(|outcome| outcome.is_ok()), is_new && fits);
                    if is_new {
                        known.insert(id, user);
                        if fits {
                            live.insert(id, (user, quantity));
                        }
                    }
                }
                Step::Cancel { id, user } => {
                    let is_live = live.get(&id).is_some_and(|(buyer, _)| *buyer == user);
                    prop_assert_eq!(world.cancel(id, &name_of(user)), is_live);
                    if is_live {
                        live.remove(&id);
                    }
                }
                Step::Adjust { by } => {
                    let fits = stock + by >= sum(&live, None);
                    let adjusted = adjust_stock(&AdjustStock { by, ..AdjustStock::default() }, Some(&world.sale));
                    prop_assert_eq!(adjusted.is_ok(), fits);
                    if let Ok(sale) = adjusted {
                        world.sale = sale;
                        stock += by;
                    }
                }
            }
            prop_assert_eq!(i64::try_from(world.sale.sold).unwrap(), sum(&live, None));
            prop_assert_eq!(i64::try_from(world.sale.sold + world.sale.remaining()).unwrap(), stock);
            for user in 1..5 {
                prop_assert_eq!(i64::try_from(world.units(&name_of(user))).unwrap(), sum(&live, Some(user)));
            }
        }
    }

    #[test]
    fn adjusting_keeps_the_books(total in 0u64..1_000, sold_share in 0u64..=100, by: i64) {
        let before = sale(total, total * sold_share / 100);
        match adjust_stock(&AdjustStock { by, ..AdjustStock::default() }, Some(&before)) {
            Ok(after) => {
                prop_assert!(after.sold <= after.total);
                prop_assert_eq!(after.sold, before.sold);
                prop_assert_eq!(i128::from(after.total), i128::from(total) + i128::from(by));
            }
            Err(refusal) => prop_assert!(matches!(refusal, CommandRefusal::BelowSold | CommandRefusal::BadQuantity)),
        }
    }
}
