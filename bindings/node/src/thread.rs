//! Threads for long work, kept for reuse: what the kernels hold per thread stays warm from step to step.

use crate::error::{ErrorCode, Failure, Outcome, caught};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Idle threads beyond this many end.
const MOST_IDLE: usize = 4;

/// How long a thread yields its core to others before it sleeps: steps of a training loop follow each other within this
/// time, and waking a thread takes longer than a small model's step.
const ATTENTIVE: Duration = Duration::from_micros(200);

static IDLE: Mutex<Vec<Thread>> = Mutex::new(Vec::new());

/// Work: does its part, then returns what announces the result. In between, the thread counts as idle again, so that a
/// caller who reacts to the result at once gets the same thread.
type Work = Box<dyn FnOnce() -> Announcement + Send>;

/// Announces the result of some work; must not take long.
pub(crate) type Announcement = Box<dyn FnOnce()>;

/// A thread that waits for work.
pub(crate) struct Thread {
    work: Sender<Work>,
}

fn idle() -> MutexGuard<'static, Vec<Thread>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Thread {
    /// An idle thread, or a new one.
    ///
    /// Fails with `ERR_NATIVE` if the operating system refuses another thread.
    pub(crate) fn take() -> Outcome<Self> {
        if let Some(thread) = idle().pop() {
            return Ok(thread);
        }
        let (sender, receiver) = channel::<Work>();
        let own = sender.clone();
        let body = move || {
            while let Some(work) = next(&receiver) {
                let mut keep = false;
                // Work that panics has already announced it; the thread itself goes on.
                let _ = caught(|| {
                    let announce = work();
                    {
                        let mut idle = idle();
                        if idle.len() < MOST_IDLE {
                            idle.push(Self { work: own.clone() });
                            keep = true;
                        }
                    }
                    announce();
                    Ok(())
                });
                if !keep {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("seqloom".to_owned()).spawn(body).map_err(|error| {
            Failure::new(ErrorCode::NATIVE, format!("The operating system refused another thread: {error}"))
        })?;
        Ok(Self { work: sender })
    }

    /// Hands the thread its work.
    pub(crate) fn run(self, work: impl FnOnce() -> Announcement + Send + 'static) {
        // A thread that is in use or idle listens; even if it did not, dropping the work would only leave its promise
        // unsettled.
        let _ = self.work.send(Box::new(work));
    }
}

/// The next work, or nothing if nobody can send any more.
fn next(work: &Receiver<Work>) -> Option<Work> {
    let start = Instant::now();
    while start.elapsed() < ATTENTIVE {
        match work.try_recv() {
            Ok(work) => return Some(work),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => std::thread::yield_now(),
        }
    }
    work.recv().ok()
}
