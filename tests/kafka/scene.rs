//! What all scenes have in common: brokers, a sale, replicas, and the audit at the end.

use crate::support::audit::{self, stores};
use crate::support::broker::Cluster;
use crate::support::ledger::Ledger;
use crate::support::load::{Doors, Load, Sale};
use crate::support::topics::{self, PARTITIONS};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The setting that says who speaks transactions to the brokers.
pub(crate) const TRANSACTIONS: &str = "KAFKA_TRANSACTIONS";
/// Not we: what clusters with TLS or SASL get, and older ones.
pub(crate) const LIBRDKAFKA: &str = "librdkafka";

static STAGE: Mutex<()> = Mutex::new(());

struct Replica {
    setup: Setup,
    /// `None` while it is dead.
    worker: Option<Worker>,
}

/// One cluster, some replicas, one sale.
pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    /// Where replicas find the brokers: straight ahead, or through proxies.
    brokers: String,
    /// What replicas are told beside that, by its name in the environment.
    settings: Vec<(&'static str, &'static str)>,
    replicas: Mutex<BTreeMap<String, Replica>>,
    data: tempfile::TempDir,
    pub(crate) sale: Sale,
    pub(crate) doors: Doors,
    pub(crate) ledger: Ledger,
    // Last: the next scene begins when everything of this one is gone.
    _stage: MutexGuard<'static, ()>,
}

impl Scene {
    pub(crate) fn with_brokers(count: u32) -> Self {
        // A scene that failed does not spoil the next.
        let stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = Cluster::start(count);
        let brokers = cluster.brokers.clone();
        Self::set(stage, cluster, brokers)
    }

    /// With proxies on `ports` before the brokers; `through` are the bootstrap servers there.
    pub(crate) fn behind(ports: &[u16], through: String) -> Self {
        let stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
        Self::set(stage, Cluster::start_behind(ports), through)
    }

    fn set(stage: MutexGuard<'static, ()>, cluster: Cluster, brokers: String) -> Self {
        Self {
            cluster,
            brokers,
            settings: Vec::new(),
            replicas: Mutex::default(),
            data: tempfile::tempdir().unwrap(),
            // Some are sold out soon, some never: who comes first counts in both.
            sale: Sale::new(&[60, 1_000_000], 400),
            doors: Doors::default(),
            ledger: Ledger::default(),
            _stage: stage,
        }
    }

    /// With this setting in every replica.
    pub(crate) fn with(mut self, setting: &'static str, value: &'static str) -> Self {
        self.settings.push((setting, value));
        self
    }

    /// Starts the first replica.
    pub(crate) fn begin(&self, name: &str, member: Option<&str>) {
        self.enlist(name, member);
        self.launch(name);
        self.settle_places();
    }

    /// Starts the first replica and opens the sale.
    pub(crate) fn open(&self, name: &str, member: Option<&str>) {
        self.begin(name, member);
        self.on(name, |worker| self.sale.open(worker));
    }

    /// Starts another replica, and returns when it owns places and every place runs.
    pub(crate) fn join(&self, name: &str, member: Option<&str>) {
        self.enlist(name, member);
        self.launch(name);
        wait::until("the new replica owns places", || !self.places(name).is_empty());
        self.settle_places();
    }

    /// What a replica of this name is started with.
    fn setup(&self, name: &str, member: Option<&str>) -> Setup {
        let setup = Setup::replica(self.data.path(), &self.brokers, name, member);
        self.settings.iter().fold(setup, |setup, (setting, value)| setup.with(setting, value))
    }

    fn enlist(&self, name: &str, member: Option<&str>) {
        let setup = self.setup(name, member);
        self.replicas.lock().unwrap().insert(name.to_owned(), Replica { setup, worker: None });
    }

    /// Starts a replica that is dead, and returns when it listens.
    pub(crate) fn launch(&self, name: &str) {
        let setup = self.replicas.lock().unwrap()[name].setup.clone();
        let worker = Worker::launch(&setup);
        self.doors.show(name, &worker);
        self.replicas.lock().unwrap().get_mut(name).unwrap().worker = Some(worker);
    }

    fn take(&self, name: &str) -> Worker {
        self.replicas.lock().unwrap().get_mut(name).unwrap().worker.take().unwrap()
    }

    /// Kill -9. Clients go on knocking at its door.
    pub(crate) fn kill9(&self, name: &str) {
        self.take(name).kill9();
    }

    /// Stops it as an operator does.
    pub(crate) fn leave(&self, name: &str) {
        self.doors.wall_up(name);
        assert!(self.take(name).terminate().success());
        self.replicas.lock().unwrap().remove(name);
    }

    pub(crate) fn on<T>(&self, name: &str, with: impl FnOnce(&Worker) -> T) -> T {
        with(self.replicas.lock().unwrap()[name].worker.as_ref().unwrap())
    }

    /// The same with whichever lives.
    pub(crate) fn on_any<T>(&self, with: impl FnOnce(&Worker) -> T) -> T {
        let replicas = self.replicas.lock().unwrap();
        with(replicas.values().find_map(|replica| replica.worker.as_ref()).unwrap())
    }

    /// What each replica was started with, for other verbs.
    pub(crate) fn setups(&self) -> Vec<Setup> {
        self.replicas.lock().unwrap().values().map(|replica| replica.setup.clone()).collect()
    }

    /// Stops them all as an operator does.
    pub(crate) fn stop_all(&self) {
        for replica in self.replicas.lock().unwrap().values_mut() {
            assert!(replica.worker.take().unwrap().terminate().success());
        }
    }

    /// The places that run in a replica, as it says.
    pub(crate) fn places(&self, name: &str) -> Vec<u32> {
        self.on(name, Worker::places)
    }

    /// Returns when every place runs in exactly one of the living replicas.
    pub(crate) fn settle_places(&self) {
        wait::until("every place has one owner", || {
            let replicas = self.replicas.lock().unwrap();
            let mut owned: Vec<u32> =
                replicas.values().filter_map(|replica| replica.worker.as_ref()).flat_map(Worker::places).collect();
            owned.sort_unstable();
            owned == (0..PARTITIONS).collect::<Vec<_>>()
        });
    }

    /// How often replicas that live now have reacted in this way.
    pub(crate) fn setbacks(&self, reaction: &str) -> usize {
        let label = format!("reaction=\"{reaction}\"");
        let replicas = self.replicas.lock().unwrap();
        let living = replicas.values().filter_map(|replica| replica.worker.as_ref());
        let sum: f64 = living.map(|worker| worker.metric("holdfast_setbacks_total", &label)).sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a counter")]
        let count = sum as usize;
        count
    }

    /// Everything is decided, everybody is asked, all replicas are stopped, and the audit holds.
    pub(crate) fn audit(self) {
        self.load().settle();
        self.settle_places();
        for reaction in ["retry", "unknown", "fenced", "refused", "store", "fatal"] {
            print!("{reaction}: {} ", self.setbacks(reaction));
        }
        println!("setbacks of those who live");
        let replicas = std::mem::take(&mut *self.replicas.lock().unwrap());
        let living: Vec<(Setup, Worker)> =
            replicas.into_values().filter_map(|replica| Some((replica.setup, replica.worker?))).collect();
        audit::ask_everything(&living[0].1, &self.ledger, &self.sale);
        let empty = self.setup("empty", None);
        stores::rebuilt_equals_live(living, &empty);
        audit::topics(&*topics::kafka(&self.cluster.brokers), &self.ledger);
    }

    /// The crowd, at a pace that leaves brokers some air.
    pub(crate) fn load(&self) -> Load<'_> {
        Load {
            sale: &self.sale,
            doors: &self.doors,
            ledger: &self.ledger,
            brokers: Some(&self.cluster.brokers),
            clients: 3,
            pause: Duration::from_millis(5),
        }
    }
}
