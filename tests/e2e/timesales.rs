//! Time sales over HTTP, the same on both logs; a worker killed with kill -9 while buyers order and cancel, and then the books; the load shapes.

use crate::support::broker::Cluster;
use crate::support::command::{Said, said};
use crate::support::dice::Dice;
use crate::support::topics::{self, read_all};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_model::timesale::{FAILURES, SUCCESS};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::Duration;

#[test]
fn the_flow_on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    let worker = Worker::start(&setup);
    flow(&worker);
    assert!(worker.terminate().success());
    let worker = Worker::start(&setup);
    assert_eq!(stock(&worker, "flow"), (5, 0), "a restart remembers everything");
    assert!(worker.terminate().success());
}

#[test]
fn killed_on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    let orders = killed_again_and_again(&setup);
    topics_agree(&*topics::embedded(data.path()), &orders);
    audited(&setup);
}

#[test]
fn the_flow_and_kills_on_kafka() {
    let cluster = Cluster::start(1);
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::kafka(data.path(), &cluster.brokers);
    let worker = Worker::start(&setup);
    flow(&worker);
    assert!(worker.terminate().success());
    let orders = killed_again_and_again(&setup);
    topics_agree(&*topics::kafka(&cluster.brokers), &orders);
    audited(&setup);
}

/// Sold and left of a sale.
fn stock(worker: &Worker, sale: &str) -> (u64, u64) {
    let shown: Value = worker.get(&format!("/api/timesales/{sale}")).json().unwrap();
    (shown["sold"].as_u64().unwrap(), shown["remaining"].as_u64().unwrap())
}

fn create(worker: &Worker, sale: &str, total: u64, limit: u64) {
    let body = json!({"timeSaleId": sale, "title": format!("세일 {sale}"), "discountPrice": 9_900, "totalQuantity": total, "limitPerUser": limit});
    let created = worker.decided("/api/timesales", &body);
    assert_eq!(created.status(), 201, "{}", created.text().unwrap());
}

/// The outcome of an order, waited for.
fn outcome(worker: &Worker, order_id: &str) -> Value {
    let mut order = Value::Null;
    wait::until("an outcome", || {
        order = worker.get(&format!("/api/timesales/orders/{order_id}?waitMs=5000")).json().unwrap();
        order["status"] != "QUEUED"
    });
    order
}

/// S4-13 to S4-16, and what the seeds leave open: limit, all or nothing, cancellation.
pub(crate) fn flow(worker: &Worker) {
    create(worker, "flow", 5, 3);
    let accepted = worker.post("/api/timesales/flow/orders?strategy=v3", &json!({"userId": "1001", "quantity": 2}));
    assert_eq!(accepted.status(), 202);
    let location = accepted.headers()["location"].to_str().unwrap().to_owned();
    let accepted: Value = accepted.json().unwrap();
    let id = accepted["orderId"].as_str().unwrap().to_owned();
    assert_eq!(location, format!("/api/timesales/orders/{id}"));
    assert_eq!(
        (&accepted["status"], &accepted["timeSaleId"], &accepted["userId"]),
        (&json!("QUEUED"), &json!("flow"), &json!("1001"))
    );
    assert_eq!(accepted["message"], "주문 요청이 대기열에 등록되었습니다. 순차적으로 처리됩니다.");
    assert_eq!(outcome(worker, &id)["status"], "CONFIRMED");

    let order = |user: &str, quantity: u64| -> Value {
        let body = json!({"userId": user, "quantity": quantity});
        worker.decided("/api/timesales/flow/orders?strategy=v1", &body).json().unwrap()
    };
    assert_eq!(order("1001", 2)["code"], "LIMIT_EXCEEDED");
    assert_eq!(order("1002", 2)["status"], "CONFIRMED");
    // All or nothing: one is left.
    let refused = order("1003", 2);
    assert_eq!((&refused["status"], &refused["code"]), (&json!("FAILED"), &json!("INSUFFICIENT_STOCK")));
    assert_eq!(stock(worker, "flow"), (4, 1));

    let strangers = worker.delete(&format!("/api/timesales/orders/{id}?userId=1003"));
    assert_eq!(strangers.status(), 404);
    for _ in 0..2 {
        wait::until("the order is cancelled", || {
            let cancelled = worker.delete(&format!("/api/timesales/orders/{id}?userId=1001"));
            cancelled.status() == 200 && cancelled.json::<Value>().unwrap()["status"] == "CANCELLED"
        });
        assert_eq!(stock(worker, "flow"), (2, 3));
    }
    assert_eq!(order("1003", 3)["status"], "CONFIRMED");
    assert_eq!(stock(worker, "flow"), (5, 0));
    assert_eq!(worker.decided("/api/timesales/flow/stock", &json!({"by": -1})).status(), 409);
    assert_eq!(worker.get("/api/timesales/none").status(), 404);
}

/// What buyers know of an order.
#[derive(Debug, Clone)]
struct Known {
    sale: &'static str,
    quantity: u64,
    is_cancelled: bool,
}

/// How often the worker is killed.
const KILLS: usize = 6;
const SALES: [(&str, u64, u64); 3] = [("small", 60, 5), ("large", 100_000, 50_000), ("tight", 400, 2)];

/// Buyers who order and cancel until all kills are over. Each asks again under the same key until it is answered.
struct Buyers {
    url: RwLock<String>,
    orders: Mutex<BTreeMap<String, Known>>,
    answered: AtomicUsize,
    done: AtomicBool,
}

impl Buyers {
    fn buy(&self, lane: u64) {
        let client = reqwest::blocking::Client::builder().timeout(Duration::from_secs(4)).build().unwrap();
        let mut dice = Dice::new(lane);
        let mut n = 0_u64;
        while !self.done.load(Ordering::SeqCst) {
            n += 1;
            let (sale, _, _) = SALES[usize::try_from(dice.below(3)).unwrap()];
            let (user, quantity) = (format!("u{}", dice.below(40)), dice.below(2) + 1);
            let key = format!("order-{lane}-{n}");
            let strategy = if dice.one_in(4) { "v1" } else { "v3" };
            let told = self.insist(|url| {
                let uri = format!("{url}/api/timesales/{sale}/orders?strategy={strategy}");
                client.post(uri).header("idempotency-key", &key).json(&json!({"userId": user, "quantity": quantity}))
            });
            let id = told["orderId"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned();
            let known = Known { sale, quantity, is_cancelled: false };
            self.orders.lock().unwrap().insert(id.clone(), known);
            self.answered.fetch_add(1, Ordering::SeqCst);
            if dice.one_in(4) {
                let key = format!("cancel-{lane}-{n}");
                let told = self.insist(|url| {
                    let uri = format!("{url}/api/timesales/orders/{id}?userId={user}");
                    client.delete(uri).header("idempotency-key", &key)
                });
                if told["status"] == "CANCELLED" {
                    self.orders.lock().unwrap().get_mut(&id).unwrap().is_cancelled = true;
                } else {
                    assert_eq!(told["code"], "ORDER_NOT_CONFIRMED", "{told}");
                }
            }
        }
    }

    /// Sends a request until it is answered with anything but "not now" and "not decided in time".
    fn insist(&self, request: impl Fn(&str) -> reqwest::blocking::RequestBuilder) -> Value {
        loop {
            let url = self.url.read().unwrap().clone();
            let answer =
                request(&url).send().and_then(|answer| Ok((answer.status().as_u16(), answer.json::<Value>()?)));
            match answer {
                // A cancellation that is not decided in time is asked again; an order has its id.
                Ok((202, told)) if told.get("orderId").is_none() => {}
                Ok((503, _)) | Err(_) => {}
                Ok((_, told)) => return told,
            }
            wait::pass(Duration::from_millis(20));
        }
    }
}

/// Runs the buyers and the kills; returns when everything that was accepted is decided and the worker is stopped.
fn killed_again_and_again(setup: &Setup) -> BTreeMap<String, Known> {
    let worker = Worker::start(setup);
    for (sale, total, limit) in SALES {
        create(&worker, sale, total, limit);
    }
    let buyers = Buyers {
        url: RwLock::new(worker.url.clone()),
        orders: Mutex::default(),
        answered: AtomicUsize::new(0),
        done: AtomicBool::new(false),
    };
    let mut worker = Some(worker);
    let mut dice = Dice::new(12);
    std::thread::scope(|scope| {
        for lane in 0..3 {
            let buyers = &buyers;
            scope.spawn(move || buyers.buy(lane));
        }
        for kill in 0..KILLS {
            // A random moment: so many more answers.
            let until = buyers.answered.load(Ordering::SeqCst) + 20 + usize::try_from(dice.below(80)).unwrap();
            wait::until("more orders are answered", || buyers.answered.load(Ordering::SeqCst) >= until);
            worker.take().unwrap().kill9();
            if kill == KILLS / 2 {
                std::fs::remove_dir_all(setup.data.join("holdfast/timesale")).unwrap();
            }
            let started = Worker::start(setup);
            buyers.url.write().unwrap().clone_from(&started.url);
            worker = Some(started);
        }
        buyers.done.store(true, Ordering::SeqCst);
    });
    let worker = worker.unwrap();
    let orders = buyers.orders.into_inner().unwrap();
    books_agree(&worker, &orders);
    assert!(worker.terminate().success());
    orders
}

/// I-13 as buyers see it: each sale has sold what the confirmed orders say that were not cancelled.
fn books_agree(worker: &Worker, orders: &BTreeMap<String, Known>) {
    let mut sold: BTreeMap<&str, u64> = BTreeMap::new();
    for (id, known) in orders {
        let order = outcome(worker, id);
        match order["status"].as_str().unwrap() {
            "CONFIRMED" if !known.is_cancelled => *sold.entry(known.sale).or_default() += known.quantity,
            "CANCELLED" if known.is_cancelled => {}
            "FAILED" if !known.is_cancelled => {}
            other => panic!("{id} is {other}, and its buyer knows {known:?}"),
        }
    }
    println!("{} orders, sold {sold:?}", orders.len());
    for (sale, total, _) in SALES {
        let (by_sale, left) = stock(worker, sale);
        assert_eq!((by_sale, by_sale + left), (sold.get(sale).copied().unwrap_or(0), total), "sale {sale}");
    }
}

/// Each order of the buyers has exactly one outcome in the topics, and at most one cancellation.
fn topics_agree(log: &dyn holdfast_ports::log::Log, orders: &BTreeMap<String, Known>) {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in read_all(log, SUCCESS).iter().chain(&read_all(log, FAILURES)) {
        let value = record.json();
        let text = |field: &str| value[field].as_str().unwrap().to_owned();
        told.entry(text("orderId")).or_default().push(text("status"));
    }
    for (id, known) in orders {
        let mut said = told.remove(id).unwrap_or_default();
        let cancelled = said.iter().filter(|status| *status == "CANCELLED").count();
        said.retain(|status| status != "CANCELLED");
        assert_eq!((said.len(), cancelled), (1, usize::from(known.is_cancelled)), "{id}: {said:?}, {known:?}");
    }
}

fn load(setup: &Setup, line: &str) -> Said {
    let args: Vec<&str> = std::iter::once("load").chain(line.split(' ')).collect();
    said(setup, &args)
}

fn audited(setup: &Setup) {
    let audit = said(setup, &["audit"]);
    assert_eq!(audit.code, 0, "{audit:?}");
    println!("{}", audit.out);
}

#[test]
fn the_load_shapes_order_and_check() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    let backlog = load(&setup, "time-sale-backlog --orders 300 --sales 3 --stock 50 --seed 1");
    assert!(
        backlog.code == 0
            && backlog.out.starts_with("time-sale-backlog: 300 orders in 3 sales of 50 units, seed 1, appended in "),
        "{backlog:?}"
    );
    let worker = Worker::start(&setup);
    wait::until("the backlog is decided", || (0..3).all(|n| stock(&worker, &format!("1-{n}")).1 < 5));
    let file = data.path().join("answers.jsonl");
    let shape = format!(
        "time-sale --orders 300 --users 40 --sales 3 --stock 200 --limit 9 --concurrency 20 --seed 2 --url {} --answers {}",
        worker.url,
        file.display()
    );
    let said_so = load(&setup, &shape);
    assert!(
        said_so.code == 0 && said_so.out.contains("Each sale has sold what its confirmed orders say"),
        "{said_so:?}"
    );
    assert!(
        said_so.out.contains("202 QUEUED") && said_so.out.contains("CONFIRMED") && said_so.out.contains("FAILED"),
        "{said_so:?}"
    );
    let at_once =
        load(&setup, &format!("time-sale --orders 50 --rate 500 --strategy v1 --seed 3 --url {}", worker.url));
    assert!(at_once.code == 0 && at_once.out.contains("200 CONFIRMED"), "{at_once:?}");
    assert!(worker.terminate().success());
    let audit = said(&setup, &["audit", "--answers", file.to_str().unwrap()]);
    assert_eq!(audit.code, 0, "{audit:?}");
}
