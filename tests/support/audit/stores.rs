//! I-18: what lies on the disks is what the changelog says.

use crate::support::topics::PARTITIONS;
use crate::support::worker::{Setup, Worker};
use holdfast_ports::store::TaskId;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

/// By topology, place, store and key.
pub(crate) type Rows = BTreeMap<(String, u32, String, Vec<u8>), Vec<u8>>;

/// Deletes the stores below `data`, not the embedded log.
pub(crate) fn wipe(data: &Path) {
    std::fs::remove_dir_all(data.join("holdfast/coupon")).unwrap();
}

/// Every row of every store below `data` whose worker is stopped, of the places in `of`.
pub(crate) fn dump(data: &Path, of: &[u32]) -> Rows {
    let dir = data.join("holdfast");
    let mut rows = Rows::new();
    for task in holdfast_state::inspect::inspect(&dir).unwrap() {
        if !of.contains(&task.task.place) {
            continue;
        }
        for store in &task.stores {
            let id = TaskId { topology: task.task.topology.clone(), place: task.task.place };
            holdfast_state::inspect::scan(&dir, &id, &store.name, &[], None, &mut |key, row| {
                rows.insert((id.topology.to_string(), id.place, store.name.clone(), key.to_vec()), row.to_vec());
                ControlFlow::Continue(())
            })
            .unwrap();
        }
    }
    rows
}

/// Stops `workers` one after the other and compares the stores of those places that each owned with stores that `empty`, another replica, rebuilds.
pub(crate) fn rebuilt_equals_live(workers: Vec<(Setup, Worker)>, empty: &Setup) {
    let mut live = Rows::new();
    let mut owned = Vec::new();
    let places: Vec<Vec<u32>> = workers.iter().map(|(_, worker)| worker.places()).collect();
    for ((setup, worker), places) in workers.into_iter().zip(places) {
        assert!(worker.terminate().success());
        live.append(&mut dump(&setup.data, &places));
        owned.extend(places);
    }
    owned.sort_unstable();
    assert_eq!(owned, (0..PARTITIONS).collect::<Vec<_>>(), "each place has one owner");
    compare(&live, empty);
}

/// The same for a single worker that is stopped: its own disk is emptied and rebuilt.
pub(crate) fn own_disk_rebuilt(setup: &Setup) {
    let every: Vec<u32> = (0..PARTITIONS).collect();
    let live = dump(&setup.data, &every);
    wipe(&setup.data);
    compare(&live, setup);
}

fn compare(live: &Rows, empty: &Setup) {
    assert!(live.len() > 200, "{} rows", live.len());
    assert!(Worker::start(empty).terminate().success());
    let every: Vec<u32> = (0..PARTITIONS).collect();
    let rebuilt = dump(&empty.data, &every);
    for (key, row) in live {
        assert_eq!(rebuilt.get(key), Some(row), "{key:?}");
    }
    assert_eq!(rebuilt.len(), live.len());
}
