//! Seats and money while replicas, a broker and clients are killed: who was told that a seat is his has it and has paid once, who was told nothing has all
//! or nothing, and the audit of everything holds.

use crate::scene::Scene;
use crate::support::command::{Going, said};
use crate::support::rounds::rounds;
use crate::support::seats::book::Book;
use crate::support::seats::{Crowd, House, verdict};
use crate::support::topics;
use crate::support::wait;
use crate::support::worker::Setup;
use serde_json::Value;
use std::time::Duration;

/// Long enough for a payment on a busy machine and for a worker that comes back, short enough to be waited for.
const HOLD_MS: &str = "5000";
/// Users of `load pay-mix`.
const MIX: &str = "mix-";

/// What is sold in a scene, and what its buyers were told.
struct Sale {
    scene: Scene,
    house: House,
    book: Book,
}

impl Sale {
    /// Opened by the replica of this name.
    fn open(brokers: u32, name: &str) -> Self {
        let scene = Scene::with_brokers(brokers).with("HOLD_MS", HOLD_MS);
        let house = House::new(400);
        scene.begin(name, Some(name));
        scene.on(name, |worker| house.open(worker));
        Self { scene, house, book: Book::default() }
    }

    fn crowd(&self) -> Crowd<'_> {
        Crowd {
            house: &self.house,
            doors: &self.scene.doors,
            book: &self.book,
            lanes: 8,
            pause: Duration::from_millis(50),
        }
    }

    /// Other buyers, in a process of their own at `name`'s door, most of whom think before they pay. Returns when some have paid and more have not; what
    /// is done then is done to them in the middle.
    fn other_buyers(&self, name: &str) -> Going {
        let url = self.scene.on(name, |worker| worker.url.clone());
        let line =
            "load pay-mix --buyers 5000 --rate 15 --schedules 3 --think-ms 1000 --never 0 --late 0.05 --seed 5 --url";
        let args: Vec<&str> = line.split(' ').chain([url.as_str()]).collect();
        let mut going = Going::start(&self.scene.setups()[0], &args);
        let log = topics::kafka(&self.scene.cluster.brokers);
        wait::until("others hold and pay", || {
            going.still_goes();
            let (thinking, paid) = verdict::of_users(&*log, MIX);
            thinking >= 5 && paid >= 3
        });
        going
    }

    /// Everything that was held is over, and everything is true that was told; one audit after the other finds nothing wrong, the last one nothing
    /// under way.
    fn ends(self) {
        let Self { scene, house, book } = self;
        let log = topics::kafka(&scene.cluster.brokers);
        scene.settle_places();
        verdict::wait_until_all_is_due(&*log);
        let setups = scene.setups();
        wait::until("nothing is under way", || audit(&setups[0]).is_some_and(|report| report["inFlight"] == 0));
        book.stories.lock().unwrap().extend(verdict::of_the_dead(&verdict::values(&*log, verdict::DEADLINES), MIX));
        scene.on_any(|worker| verdict::true_to(&book, &house, worker, &*log));
        scene.stop_all();
        // Each with a disk of its own.
        for setup in &setups {
            wait::until("the last audit", || audit(setup).inspect(something_is_proved).is_some());
        }
    }
}

/// `stream-worker audit`, which has to find nothing wrong, whatever is under way. None when brokers do not let it read everything now.
fn audit(setup: &Setup) -> Option<Value> {
    // Holds stood while nobody was there to end them.
    let said = said(setup, &["audit", "--overdue-ms-max", "120000", "--format", "json"]);
    if said.out.is_empty() && said.err.contains("log unavailable") {
        println!("no audit: {}", said.err);
        return None;
    }
    assert_eq!(said.code, 0, "{said:?}");
    Some(serde_json::from_str(&said.out).unwrap())
}

/// What the scene is about has been looked at, and there was something to look at.
fn something_is_proved(report: &Value) {
    let lines = report["lines"].as_array().unwrap();
    for (id, what) in [
        ("I-1", "holds of taken seats refused"),
        ("I-3", "refunds paid"),
        ("I-6", "holds ended at their deadline or later"),
        ("I-18", "rows"),
    ] {
        let line = lines.iter().find(|line| line["invariant"] == id).unwrap();
        let counted = line["counted"].as_array().into_iter().flatten().find(|counted| counted["what"] == what);
        assert!(counted.is_some_and(|counted| counted["n"].as_u64() > Some(0)), "{what}: {line}");
        assert_eq!(line["verdict"], "PROVED", "{line}");
    }
    let verdicts: Vec<String> = lines.iter().map(|line| format!("{} {}", line["invariant"], line["verdict"])).collect();
    println!("audit: {}", verdicts.join(", "));
}

/// One comes back under its name before the group has noticed; the places of the other, which has none, are taken over first, while clients die with it.
#[test]
fn replicas_and_clients_are_killed() {
    let sale = Sale::open(1, "named");
    let (scene, crowd) = (&sale.scene, sale.crowd());
    crowd.during(|| {
        scene.join("nameless", None);
        for _ in 0..rounds() {
            crowd.wait_for_sales(2);
            scene.kill9("named");
            scene.launch("named");
            scene.settle_places();

            crowd.wait_for_sales(2);
            let others = sale.other_buyers("named");
            others.kill9();
            scene.kill9("nameless");
            wait::until("its places are taken over", || scene.places("named").len() == 3);
            crowd.wait_for_sales(1);
            scene.launch("nameless");
            wait::until("it has places again", || !scene.places("nameless").is_empty());
            scene.settle_places();
        }
        crowd.wait_for_sales(2);
    });
    let (thinking, _) = verdict::of_users(&*topics::kafka(&scene.cluster.brokers), MIX);
    assert!(thinking > 0, "the client was killed between hold and payment");
    sale.ends();
}

#[test]
fn a_broker_of_three_is_killed() {
    let sale = Sale::open(3, "a");
    let (scene, crowd) = (&sale.scene, sale.crowd());
    crowd.during(|| {
        scene.join("b", Some("b"));
        for round in 0..rounds() {
            let broker = u32::try_from((round + 1) % 3).unwrap() + 1;
            crowd.wait_for_sales(2);
            scene.cluster.to_broker("kill", broker);
            // Two of three are enough to go on with.
            crowd.wait_for_sales(2);
            scene.cluster.to_broker("start", broker);
            crowd.wait_for_sales(2);
        }
    });
    sale.ends();
}
