//! What a restart must not forget: alerts that are out, and what receivers have not been told yet. One small JSON file beside the stores.

use super::notice::Notice;
use super::outgoing::Outgoing;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The file's content.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// Alerts that are out.
    pub firing: Vec<Notice>,
    /// What each receiver has not taken yet, by its name.
    pub outgoing: BTreeMap<String, Outgoing>,
}

/// The file.
#[derive(Debug)]
pub struct KeptFile(PathBuf);

impl KeptFile {
    /// The file at this path. Its directory need not exist.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// What was kept. A file that cannot be read is as good as none: at worst an alert is told twice, under the same key.
    #[must_use]
    pub fn read(&self) -> Kept {
        let read = std::fs::read(&self.0);
        if read.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Kept::default();
        }
        let kept = read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::from));
        kept.unwrap_or_else(|error| {
            tracing::warn!(file = %self.0.display(), %error, "alerts of the last run cannot be read");
            Kept::default()
        })
    }

    /// Replaces what is kept.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, kept: &Kept) -> io::Result<()> {
        if let Some(dir) = self.0.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let new = self.0.with_extension("new");
        std::fs::write(&new, serde_json::to_vec(kept)?)?;
        std::fs::rename(&new, &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::notice::State;
    use crate::alerts::notice::tests::notice;

    #[test]
    fn what_is_kept_is_read_again_and_what_cannot_be_read_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = KeptFile::at(&dir.path().join("app/alerts.json"));
        assert_eq!(file.read(), Kept::default());
        let mut outgoing = Outgoing::default();
        outgoing.add(notice("2", State::Resolved, 7));
        let outgoing = BTreeMap::from([("webhook".to_owned(), outgoing)]);
        let kept = Kept { firing: vec![notice("1", State::Firing, 5)], outgoing };
        file.write(&kept).unwrap();
        assert_eq!(file.read(), kept);
        std::fs::write(&file.0, "{\"firing\":3").unwrap();
        assert_eq!(file.read(), Kept::default());
    }
}
