//! Setting up the log.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

use super::lines::Lines;
use super::output;
use super::traces::{Traces, is_traced};
use crate::config::LogConfig;

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter is not one.
    #[error(
        "log.level: {level:?} is not a filter ({reason}); write a level such as \"info\", or \"info,portcullis=debug\""
    )]
    Filter {
        /// What was configured.
        level: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The process has a log already.
    #[error("the log is set up already: {0}")]
    Twice(#[from] TryInitError),
}

/// Sends the log to standard error, in the configured form and filtered as configured. Before the process ends, call
/// [`output::flush`].
///
/// Whatever the filter says, what libraries log below a bound never passes: sqlx writes statements, HTTP/2 its headers,
/// sessions their ids. Only our own code is known to keep secrets to itself at every level.
pub fn init(log: &LogConfig) -> Result<(), InitError> {
    init_with_traces(log, None)
}

/// The same, with traces beside the log if they are wanted. The log's level does not change what is traced.
pub fn init_with_traces(log: &LogConfig, traces: Option<&Traces>) -> Result<(), InitError> {
    let filter = parse_filter(&log.level)?.and(filter_fn(keeps_values_to_itself));
    let lines = Lines {
        format: log.format,
        ansi: std::io::stderr().is_terminal(),
    };
    let log = tracing_subscriber::registry().with(lines.with_filter(filter));
    // An absent layer would take an interest in every span, and have each of them made and kept: 2 µs for each token.
    match traces {
        None => log.try_init()?,
        Some(traces) => log.with(traces.layer()).try_init()?,
    }
    output::start();
    Ok(())
}

fn parse_filter(level: &str) -> Result<EnvFilter, InitError> {
    let bad = |reason: String| InitError::Filter {
        level: level.to_owned(),
        reason,
    };
    // The parser takes a word it does not know for the name of a module and then logs nothing at all.
    let names_a_level = level.split(',').any(|part| {
        let word = part.rsplit('=').next().unwrap_or_default().trim();
        ["error", "warn", "info", "debug", "trace", "off"]
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known))
    });
    if !names_a_level {
        return Err(bad("it names no level".to_owned()));
    }
    EnvFilter::try_new(level).map_err(|error| bad(error.to_string()))
}

fn keeps_values_to_itself(metadata: &Metadata<'_>) -> bool {
    // In a line of the log these would say again what it says.
    if is_traced(metadata) {
        return false;
    }
    let root = metadata.target().split("::").next().unwrap_or_default();
    let most = match root {
        "portcullis" => Level::TRACE,
        _ if root.starts_with("sqlx") || root.starts_with("tower") => Level::WARN,
        _ => Level::INFO,
    };
    // In tracing, a more verbose level is the greater one.
    *metadata.level() <= most
}

/// A panic's message may hold anything that the code had in hand. The log gets its place only.
pub fn silence_panic_messages() {
    std::panic::set_hook(Box::new(|info| {
        let location = info.location().map_or_else(String::new, ToString::to_string);
        tracing::error!(location, "panicked");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_levels_or_lists() {
        for level in [
            "info",
            "WARN",
            "off",
            "info,sqlx=warn",
            "portcullis=debug",
            "info,portcullis::http=trace",
        ] {
            assert!(parse_filter(level).is_ok(), "{level}");
        }
        for level in ["", "loud", "portcullis=loud", "info,=x=y", "info;debug"] {
            let message = parse_filter(level).unwrap_err().to_string();
            assert!(
                message.contains("log.level") && !message.contains('\n'),
                "{level}: {message}"
            );
        }
    }

    /// Counts the events that pass the filters under an everything-goes level.
    fn passing(log: impl FnOnce()) -> usize {
        use std::sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        };
        struct Counter(Arc<AtomicUsize>);
        impl<S: tracing::Subscriber> Layer<S> for Counter {
            fn on_event(&self, _: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let count = Arc::new(AtomicUsize::new(0));
        let filter = parse_filter("trace,sqlx::query=trace")
            .unwrap()
            .and(filter_fn(keeps_values_to_itself));
        let subscriber = tracing_subscriber::registry().with(Counter(Arc::clone(&count)).with_filter(filter));
        tracing::subscriber::with_default(subscriber, log);
        count.load(Ordering::SeqCst)
    }

    #[test]
    fn statements_never_reach_the_log() {
        assert_eq!(passing(|| tracing::info!(target: "sqlx::query", "select 1")), 0);
        assert_eq!(passing(|| tracing::debug!(target: "sqlx_core::pool", "x")), 0);
        assert_eq!(passing(|| tracing::warn!(target: "sqlx::query", "slow")), 1);
        assert_eq!(passing(|| tracing::trace!(target: "portcullis", "x")), 1);
    }
}
