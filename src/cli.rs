//! The command line. The only file that prints.

use crate::commands::{audit, dlq, lag, replay, reset, state, topics, topologies};
use crate::config::{self, Settings, Sources};
use crate::telemetry;
use crate::worker::{self, Options, Role, RunError};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand, ValueEnum, value_parser};
use holdfast_load::{Demand, NoLog};
use holdfast_model::config_def::About;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;

/// First-come sales that never oversell, on Kafka or on an embedded log.
#[derive(Debug, Parser)]
#[command(name = "stream-worker", version, after_help = SETTINGS_HELP)]
struct Cli {
    #[command(flatten)]
    settings: SettingsFlags,
    #[command(subcommand)]
    verb: Verb,
}

const SETTINGS_HELP: &str = "Settings: defaults < holdfast.toml < environment < flags. holdfast.toml.example names all of them.\n\
Exit codes: 0 stopped as asked, 2 wrong configuration, 1 anything else.";

const DLQ_HELP: &str = "Examples:\n\
  stream-worker dlq list --since 1h --reason BrokenPolicy          what has died of this in the last hour, the newest first\n\
  stream-worker dlq show coupon-issue-dlq-2-17                     one of them: origin, headers, value, redrives\n\
  stream-worker dlq redrive coupon-issue-dlq-2-17 --by kim         back into the topic that it came from\n\
  stream-worker dlq redrive --all --topic coupon-issue-dlq --dry-run   what a redrive would put back\n\
  stream-worker dlq redrive --all --reason BrokenPolicy --rate 50  at most 50 a second; ^C stops it, the same command goes on\n\n\
A letter that was put back is left alone by the next redrive, which says when and by whom; --force puts it back again.";

/// Flags of settings, as the table of settings has them. Secrets have none: every user of the machine can read a
/// command line.
#[derive(Debug, Default)]
struct SettingsFlags {
    config: Option<PathBuf>,
    /// By key.
    given: BTreeMap<String, String>,
}

/// A flag of a setting.
struct Flag {
    key: &'static str,
    long: String,
    value: String,
    help: &'static str,
}

static FLAGS: LazyLock<Vec<Flag>> = LazyLock::new(|| {
    let flag = |about: About| {
        let (long, value) = (about.key.replace('_', "-"), about.key.to_uppercase());
        Some(Flag { key: about.key, long, value, help: about.flag? })
    };
    config::abouts().filter_map(flag).collect()
});

impl SettingsFlags {
    fn sources(self) -> Sources {
        Sources::of_process(self.config, self.given)
    }
}

impl Args for SettingsFlags {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .global(true)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Settings file [default: ./holdfast.toml if there is one]");
        let flag = |flag: &'static Flag| {
            Arg::new(flag.key).long(&*flag.long).global(true).value_name(&*flag.value).help(flag.help)
        };
        command.arg(config).args(FLAGS.iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingsFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = FLAGS.iter().filter_map(|flag| Some((flag.key, matches.get_one::<String>(flag.key)?)));
        let given = given.map(|(key, value)| (key.to_owned(), value.clone()));
        Ok(Self { config: matches.get_one("config").cloned(), given: given.collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the worker until SIGTERM or SIGINT
    Run {
        /// Load the sample data (idempotent): coupon policy 1 with 100 coupons
        #[arg(long)]
        sample: bool,
        /// Run these topologies only, comma-separated
        #[arg(long, value_delimiter = ',', value_name = "NAMES")]
        topologies: Vec<String>,
        /// What to take part in; all replicas of an app share one log, so `api` and `processor` need Kafka
        #[arg(long, value_enum, default_value_t = Role::All)]
        role: Role,
    },
    /// The catalogue of topologies
    Topologies {
        #[command(subcommand)]
        verb: Option<TopologiesVerb>,
    },
    /// The topics that the topologies need
    Topics {
        #[command(subcommand)]
        verb: TopicsVerb,
    },
    /// State on this machine's disk
    State {
        #[command(subcommand)]
        verb: StateVerb,
    },
    /// Generate load: requests over HTTP, or records in the log
    Load {
        #[command(subcommand)]
        shape: Demand,
    },
    /// Decide an inbox again and compare with what was decided
    ///
    /// A shadow reads the inbox from its beginning with a fresh store, sends nothing and performs no effect. Its outputs are compared with the topics, its
    /// state with the changelog; the first difference of each place is shown. From an offset on, and where retention has taken the beginning, it begins on
    /// the state that the changelog tells for that moment, and older outputs are not compared. Exit code 0: identical; 1: different, or not everything that
    /// was asked for could be compared. On Kafka it may run beside the workers; the embedded log is one process's, so the worker has to be stopped.
    Replay(replay::Wanted),
    /// Decide everything a second time, by the rules alone, and prove that what was promised has been kept
    ///
    /// One verdict for each invariant: PROVED with what was counted, BREACHED with the first counter-example, NOT APPLICABLE with why. Exit code 0: nothing is
    /// breached; 1: something is, or the log cannot be read. It reads up to ends taken once at the start, so on Kafka it may run beside the workers; the
    /// embedded log is one process's, so the worker has to be stopped. docs/audit.md says what is proved from what.
    Audit(audit::Wanted),
    /// Dead letters: records that could not be processed
    ///
    /// On Kafka beside the workers; the embedded log is one process's, so while a worker runs, ask it: GET /api/dlq, POST /api/dlq/redrive.
    #[command(after_help = DLQ_HELP)]
    Dlq {
        #[command(subcommand)]
        verb: DlqVerb,
    },
    /// How far a running worker is behind
    ///
    /// Records and seconds behind by group and partition, places and their owners, and alerts that are out, as the worker at `--url` sees them.
    Lag(lag::Question),
    /// Back to the state before the first start
    ///
    /// On the embedded log: deletes DATA_DIR/APP_ID (log and state together) once it is certain that no worker uses it; the next `run --sample` starts
    /// with coupon policy 1, stock 100, nothing issued. On Kafka nothing is deleted: the commands that would do it are printed, since topics may be
    /// shared with others.
    Reset {
        /// Confirms that the data may go
        #[arg(long, required = true)]
        sample: bool,
    },
}

#[derive(Debug, Subcommand)]
enum TopologiesVerb {
    /// Sources, stores, changelog, sinks
    Describe {
        /// Name of the topology
        name: String,
        /// How to write it
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

/// How a topology is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines.
    Text,
    /// A mermaid flow chart.
    Mermaid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
enum TopicsVerb {
    /// Create what is missing, say what differs
    Create,
    /// Say what is missing or differs, change nothing; exit code 1 when something does
    Check,
}

#[derive(Debug, Subcommand)]
enum StateVerb {
    /// What is stored; works beside a running worker, and sees what that has flushed
    Inspect(state::Inspect),
}

#[derive(Debug, Subcommand)]
enum DlqVerb {
    /// Name, time, origin and reason of each, the newest first
    List(dlq::List),
    /// One whole, as JSON: origin, headers, value, each time it was put back and what became of it
    Show {
        /// Its name, as `list` shows it
        id: String,
    },
    /// Put back into the topic that it came from, with the identity it had; the letter stays
    Redrive(dlq::PutBack),
}

/// Runs the command line and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, with code 0.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match execute(cli) {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            let code = match &error {
                RunError::Config(_) => 2,
                RunError::Failed(_) => 1,
            };
            let _ = writeln!(std::io::stderr(), "stream-worker: {error}");
            ExitCode::from(code)
        }
    }
}

/// Whoever closed our stdout does not want to read on: no reason to fail.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn execute(cli: Cli) -> Result<String, RunError> {
    // These need no settings: they must work where there are none, or wrong ones.
    let verb = match cli.verb {
        Verb::Lag(question) => return lag::show(&question, &mut print),
        Verb::Load { shape } if !shape.needs_log() => return Ok(shape.run(&NoLog, &mut print)?),
        verb => verb,
    };
    let settings = config::load(&cli.settings.sources())?;
    match verb {
        Verb::Run { sample, topologies: names, role } => run(&settings, sample, &names, role),
        Verb::Topologies { verb: None } => Ok(topologies::list(&settings)),
        Verb::Topologies { verb: Some(TopologiesVerb::Describe { name, format }) } => {
            topologies::describe(&settings, &name, format)
        }
        Verb::Topics { verb: TopicsVerb::Create } => topics::create(&settings),
        Verb::Topics { verb: TopicsVerb::Check } => topics::check(&settings, &mut print),
        Verb::State { verb: StateVerb::Inspect(inspect) } => state::inspect(&settings, &inspect),
        Verb::Replay(wanted) => replay::replay(&settings, &wanted, &mut print),
        Verb::Audit(wanted) => audit::audit(&settings, &wanted, &mut print),
        Verb::Dlq { verb: DlqVerb::List(list) } => dlq::list(&settings, list),
        Verb::Dlq { verb: DlqVerb::Show { id } } => dlq::show(&settings, &id),
        Verb::Dlq { verb: DlqVerb::Redrive(what) } => dlq::redrive(&settings, what, &mut print),
        Verb::Reset { .. } => reset::reset(&settings),
        Verb::Load { shape } => Ok(shape.run(&settings, &mut print)?),
        Verb::Lag(_) => Ok(String::new()),
    }
}

fn run(settings: &Settings, sample: bool, names: &[String], role: Role) -> Result<String, RunError> {
    let topologies = topologies::chosen(settings, names)?;
    telemetry::start(settings.log_format, &settings.log_level)
        .map_err(|why| config::ConfigError::new("log_level", why))?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "settings: {settings}");
    worker::run(settings, Options { sample, topologies, role })?;
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn verbs_of_the_page_parse() {
        for line in [
            "run",
            "run --sample --topologies coupon --role processor --http-addr 127.0.0.1:0",
            "topologies",
            "topologies describe coupon --format mermaid",
            "topics create",
            "topics check --kafka-brokers a:1",
            "state inspect --topology coupon --place 0 --store policies --limit 5",
            "load coupon-rush --users 10 --policy 1 --rate 100 --url http://x --seed 1 --duplicates 0.2",
            "load coupon-backlog --requests 10 --policies 1 --stock 5 --users 7 --seed 1",
            "load seat-storm --users 10 --seats 5 --zipf 1.2 --rate 50 --retries 5 --url http://x --seed 1",
            "load pay-mix --buyers 10 --rate 5 --schedules 2 --think-ms 100 --tail 0.1 --late 0.1 --twice 0.1 --never 0.1 --url http://x --seed 1",
            "load hold-backlog --holds 10 --schedules 2 --seats 3 --seed 1",
            "load debit-backlog --debits 10 --users 2 --seed 1",
            "load expiry-cliff --holds 10 --schedules 2 --rate 100 --seed 1",
            "load expiry-lateness --seed 1 --holds 10",
            "lag --url http://x",
            "lag --watch",
            "lag --watch --json --every-ms 500",
            "lag --once --json",
            "dlq list --topology coupon --place 0 --class InvalidJson --limit 5 --format json",
            "dlq list --topic coupon-issue-dlq --reason InvalidJson --since 1h --until 2026-03-15T00:00:00Z --json",
            "dlq list --cursor 1800000000000_coupon-issue-dlq-0-1",
            "dlq show coupon-issue-dlq-0-1",
            "dlq redrive coupon-issue-dlq-0-1 coupon-issue-dlq-0-2",
            "dlq redrive --all --class InvalidJson",
            "dlq redrive --all --reason InvalidJson --rate 50 --by kim --dry-run --json",
            "dlq redrive coupon-issue-dlq-0-1 --force",
            "replay --topology coupon --from earliest",
            "replay --topology coupon --from earliest --place 0 --format json",
            "replay --topology coupon --from 7 --place 0",
            "audit",
            "audit --only I-1,i-31 --settled --overdue-ms-max 500 --format json",
            "reset --sample",
        ] {
            Cli::try_parse_from(std::iter::once("stream-worker").chain(line.split(' '))).unwrap();
        }
        for line in [
            "",
            "replay",
            "replay --topology coupon --from latest",
            "audit --only I-99",
            "reset",
            "run --role boss",
            "lag --watch --once",
            "lag --watch --every-ms 0",
            "load coupon-rush --rate 1 --concurrency 1",
            "dlq redrive",
            "dlq redrive --all coupon-issue-dlq-0-1",
            "dlq redrive --all --rate 0",
            "load seat-storm --seats 0",
            "load seat-storm --zipf -1",
            "load pay-mix --never 1.1",
            "load pay-mix --rate nan",
            "load hold-backlog --schedules 0",
            "load debit-backlog --users 0",
            "load expiry-cliff --holds 0",
            "load expiry-cliff --rate 0",
            "load expiry-cliff --rate inf",
            "load expiry-lateness",
        ] {
            assert!(
                Cli::try_parse_from(std::iter::once("stream-worker").chain(line.split(' ').filter(|w| !w.is_empty())))
                    .is_err(),
                "{line}"
            );
        }
    }
}
