//! One transaction after another that puts letters back, against all other programs that do the same.
//!
//! All of them write under one name, `<app>-redrive`. A writer that is opened fences the one before it, so from then on nothing is put back but by this
//! one: what has been put back so far is read, and what is found missing is put back in a transaction that the next writer's opening would undo.
//! So a letter is put back once, however many operators ask for it at one moment. A writer that was fenced is opened again, and reads again.

use super::copies::Copies;
use super::copy_of_letter::{PutBack, Stamp, with_copy};
use super::letter::Lying;
use super::letter_id::LetterId;
use super::report::Progress;
use super::scan::Scan;
use super::{DeadLetters, Trouble};
use holdfast_ports::log::{LogError, WriteError, Writer};
use holdfast_ports::membership::Generation;
use holdfast_ports::record::TopicPartition;
use holdfast_tools::reading;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often a transaction is tried again. The pauses between come to about ten seconds.
const TRIES_MAX: u32 = 40;
/// Shortest pause between two tries; each is longer by as much, up to ten of them.
const PAUSE: Duration = Duration::from_millis(25);

/// The writer, and what it has done since the log was last read.
#[derive(Default)]
pub(super) struct Session {
    writer: Option<Box<dyn Writer>>,
    /// Partitions of which all is known that was put back before this writer was opened.
    known: BTreeSet<TopicPartition>,
    /// What this writer has put back and the log has not yet shown.
    sent: BTreeMap<LetterId, Vec<PutBack>>,
    /// Jobs that use it.
    pub(super) users: usize,
}

/// What became of a letter that was to be put back.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    /// It is put back.
    PutBack(PutBack),
    /// It was put back before: this is the last time.
    Before(PutBack),
    /// The log does not take its copy, and says why.
    Refused(String),
}

/// Why a transaction came to nothing.
enum Setback {
    /// Try again with a new writer.
    Again(String),
    /// The log does not take one of the copies.
    Refused(String),
    /// It is no use.
    Over(Trouble),
}

impl From<Trouble> for Setback {
    fn from(trouble: Trouble) -> Self {
        Self::Over(trouble)
    }
}

impl From<LogError> for Setback {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Retry(why) | LogError::Fenced(why) => Self::Again(why),
            error => Self::Over(Trouble::Log(error.to_string())),
        }
    }
}

impl Session {
    /// Lets the writer go, so that it holds no connection while nothing is to be put back.
    pub(super) fn close(&mut self) {
        self.writer = None;
    }

    fn last(&self, copies: &Copies, id: &LetterId) -> (u32, Option<PutBack>) {
        let seen = copies.of(id);
        // What is sent may have been read meanwhile, for a list.
        let is_seen = |sent: &PutBack| seen.iter().any(|copy| (copy.attempt, copy.at_ms) == (sent.attempt, sent.at_ms));
        let sent: Vec<&PutBack> = self.sent.get(id).into_iter().flatten().filter(|sent| !is_seen(sent)).collect();
        let last = sent.last().map(|last| (*last).clone()).or_else(|| seen.last().map(|copy| copy.put_back(id)));
        (u32::try_from(seen.len() + sent.len()).unwrap_or(u32::MAX), last)
    }
}

impl DeadLetters {
    /// Puts `letters` back in one transaction, but for those that were put back before, unless `force`. Their homes are known to be ours.
    pub(super) fn put_back(
        &self,
        letters: &[Lying],
        stamp: &Stamp<'_>,
        force: bool,
        progress: &Progress,
    ) -> Result<Vec<Fate>, Trouble> {
        let mut scan = self.scan()?;
        let mut tries = 0;
        loop {
            let mut session = self.session.lock();
            let why = match self.transact(&mut session, &mut scan, letters, stamp, force) {
                Ok(fates) => return Ok(fates),
                Err(Setback::Over(trouble)) => {
                    session.close();
                    return Err(trouble);
                }
                Err(Setback::Refused(why)) if letters.len() == 1 => return Ok(vec![Fate::Refused(why)]),
                Err(Setback::Refused(_)) => {
                    drop(session);
                    let alone =
                        letters.iter().map(|one| self.put_back(std::slice::from_ref(one), stamp, force, progress));
                    return Ok(alone.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect());
                }
                Err(Setback::Again(why)) => why,
            };
            session.close();
            drop(session);
            tries += 1;
            // Not all of a pause at the same time as another program that was fenced at the same moment.
            let jitter = u64::try_from(self.clock.now_ms()).unwrap_or(0) % 25;
            if tries >= TRIES_MAX || progress.pause(PAUSE * tries.min(10) + Duration::from_millis(jitter)) {
                return Err(Trouble::Log(format!("not put back: {why}")));
            }
            tracing::debug!(why, tries, "putting dead letters back is tried again");
        }
    }

    fn transact(
        &self,
        session: &mut Session,
        scan: &mut Scan<'_>,
        letters: &[Lying],
        stamp: &Stamp<'_>,
        force: bool,
    ) -> Result<Vec<Fate>, Setback> {
        if session.writer.is_none() {
            session.writer = Some(self.log.writer(&format!("{}-redrive", self.app))?);
            session.known.clear();
            session.sent.clear();
        }
        let mut copies = self.copies.lock();
        self.catch_up(session, &mut copies, scan, letters)?;
        let mut fates = Vec::with_capacity(letters.len());
        let mut missing = Vec::new();
        for letter in letters {
            let (count, last) = session.last(&copies, &letter.id);
            let home = letter.home.clone().ok_or_else(|| Trouble::Log(format!("{} has no origin", letter.id)))?;
            match last {
                // Put back by this very call: an earlier try went through after all.
                Some(last) if last.by.as_deref() == Some(stamp.by) && last.at_ms == Some(stamp.at_ms) => {
                    fates.push(Fate::PutBack(last));
                }
                Some(last) if !force => fates.push(Fate::Before(last)),
                _ => {
                    let (by, at_ms) = (Some(stamp.by.to_owned()), Some(stamp.at_ms));
                    let id = letter.id.clone();
                    let put_back = PutBack { id, home, attempt: count.saturating_add(1), by, at_ms, offset: None };
                    missing.push((letter, put_back.clone()));
                    fates.push(Fate::PutBack(put_back));
                }
            }
        }
        drop(copies);
        if missing.is_empty() {
            return Ok(fates);
        }
        let writer = session.writer.as_mut().ok_or_else(|| Setback::Again("no writer".to_owned()))?;
        if let Err(error) = write(&mut **writer, &missing, stamp) {
            return Err(given_up(&mut **writer, error));
        }
        for (_, put_back) in missing {
            session.sent.entry(put_back.id.clone()).or_default().push(put_back);
        }
        Ok(fates)
    }

    /// Reads what was put back before the writer of `session` was opened, where `letters` come from.
    fn catch_up(
        &self,
        session: &mut Session,
        copies: &mut Copies,
        scan: &mut Scan<'_>,
        letters: &[Lying],
    ) -> Result<(), Setback> {
        let mut homes: BTreeMap<&TopicPartition, i64> = BTreeMap::new();
        for letter in letters {
            if let Some(home) = &letter.home {
                let first = homes.entry(home).or_insert(i64::MAX);
                *first = letter.copies_from.min(*first);
            }
        }
        for (home, from) in homes {
            let end = match copies.read_to(home) {
                Some(end) if session.known.contains(home) => end,
                _ => reading::settled_end(&mut *scan.fetcher, home).map_err(Trouble::from)?,
            };
            copies.look(scan, home, from, end)?;
            session.known.insert(home.clone());
        }
        Ok(())
    }
}

fn write(writer: &mut dyn Writer, missing: &[(&Lying, PutBack)], stamp: &Stamp<'_>) -> Result<(), WriteError> {
    writer.begin()?;
    for (letter, put_back) in missing {
        with_copy(letter, &put_back.home, put_back.attempt, stamp, |copy| writer.send(copy))?;
    }
    writer.commit(&[], &Generation::none())?;
    Ok(())
}

/// Ends a transaction that has failed. An open one would hold up those who read the topics.
fn given_up(writer: &mut dyn Writer, error: WriteError) -> Setback {
    match error {
        WriteError::Fenced(why) | WriteError::Unknown(why) => return Setback::Again(why),
        WriteError::Fatal(why) => return Setback::Over(Trouble::Log(why)),
        WriteError::Retry(_) | WriteError::Stale(_) | WriteError::Refused { .. } => {}
    }
    let aborted = writer.abort();
    match (error, aborted) {
        (WriteError::Refused { why, .. }, Ok(())) => Setback::Refused(why),
        (error, _) => Setback::Again(error.to_string()),
    }
}
