//! `load SHAPE`: hands the shapes of [`holdfast_load`] the log that the settings name.

use crate::commands::topologies;
use crate::config::Settings;
use crate::worker::{self, RunError};
use holdfast_load::access::Access;
use holdfast_ports::log::Log;
use holdfast_tools::Failure;
use std::sync::Arc;

impl Access for Settings {
    fn for_appending(&self, topology: &str) -> Result<(Arc<dyn Log>, u32), Failure> {
        let log = worker::open_log(self)?;
        let wanted = worker::topics::Wanted::by(self, &topologies::chosen(self, &[topology.to_owned()])?);
        wanted.prepare(&*log).map_err(|error| RunError::Failed(format!("log: {error}")))??;
        Ok((log, self.partitions))
    }

    fn for_reading(&self) -> Result<Arc<dyn Log>, Failure> {
        Ok(worker::open_log_for_reading(self)?)
    }

    fn is_shared(&self) -> bool {
        self.kafka.is_some()
    }
}
