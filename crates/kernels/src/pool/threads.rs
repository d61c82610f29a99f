//! How many threads a region uses.

use super::crowding;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The largest team.
pub const MAX_THREADS: usize = 256;

const VARIABLE: &str = "SEQLOOM_THREADS";

/// A number of threads that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThreadsError {
    /// The environment variable `SEQLOOM_THREADS` holds this instead of a number from 1 to [`MAX_THREADS`].
    Variable(String),
    /// [`set_threads`] was asked for this many.
    Count(usize),
}

impl fmt::Display for ThreadsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(value) => {
                write!(f, "{VARIABLE} is \"{value}\"; it must be a whole number from 1 to {MAX_THREADS}")
            }
            Self::Count(n) => write!(f, "{n} threads; it must be a whole number from 1 to {MAX_THREADS}"),
        }
    }
}

impl std::error::Error for ThreadsError {}

/// What [`set_threads`] chose; 0 while it has not.
static CHOSEN: AtomicUsize = AtomicUsize::new(0);

/// The size of a team: what [`set_threads`] chose, else `SEQLOOM_THREADS`, else what CPU affinity and the cgroup's
/// quota (v1 and v2) allow this process, at most [`MAX_THREADS`].
///
/// # Errors
/// [`ThreadsError::Variable`] if `SEQLOOM_THREADS` is set to anything but a number from 1 to [`MAX_THREADS`].
pub fn threads() -> Result<usize, ThreadsError> {
    static INITIAL: OnceLock<Result<usize, ThreadsError>> = OnceLock::new();
    match CHOSEN.load(Ordering::Relaxed) {
        0 => INITIAL.get_or_init(|| initial(std::env::var_os(VARIABLE))).clone(),
        n => Ok(n),
    }
}

/// Sets the size of a team for regions that start from now on, `1..=MAX_THREADS`.
///
/// # Errors
/// [`ThreadsError::Count`] if `n` is out of range.
pub fn set_threads(n: usize) -> Result<(), ThreadsError> {
    if !(1..=MAX_THREADS).contains(&n) {
        return Err(ThreadsError::Count(n));
    }
    CHOSEN.store(n, Ordering::Relaxed);
    crowding::forget();
    Ok(())
}

/// The size of the next team, whatever the environment holds.
pub(super) fn team_size() -> usize {
    threads().unwrap_or_else(|_| detected())
}

fn initial(variable: Option<std::ffi::OsString>) -> Result<usize, ThreadsError> {
    let Some(value) = variable else { return Ok(detected()) };
    let text = value.to_string_lossy();
    match text.trim().parse::<usize>() {
        Ok(n) if (1..=MAX_THREADS).contains(&n) => Ok(n),
        _ => Err(ThreadsError::Variable(text.into_owned())),
    }
}

fn detected() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(MAX_THREADS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_variable() {
        assert_eq!(initial(Some("3".into())), Ok(3));
        for bad in ["", "0", "257", "-1", "two", "1.5"] {
            let error = initial(Some(bad.into())).unwrap_err();
            assert!(error.to_string().contains("from 1 to 256"), "{error}");
        }
        assert!(initial(None).unwrap() >= 1);
        assert_eq!(set_threads(0), Err(ThreadsError::Count(0)));
        assert_eq!(set_threads(257), Err(ThreadsError::Count(257)));
    }
}
