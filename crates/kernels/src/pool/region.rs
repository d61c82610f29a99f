//! Regions: one closure on every member of a team.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::barrier::{Barrier, Padded, Parking, Poisoned, SPIN};
use super::cancel::Watched;
use super::crowding::{self, Ledger};
use super::denormals::FlushDenormals;
use super::{Team, placement, threads};

type Payload = Box<dyn Any + Send>;

/// What the caller publishes for one region. It lives on the caller's stack, and the caller does not return before
/// every worker has counted itself out.
struct Region<'a> {
    body: &'a (dyn Fn(&Team<'_>) + Sync),
    barrier: Barrier,
    watched: Watched,
    ledger: Ledger,
    panic: Mutex<Option<Payload>>,
}

impl Region<'_> {
    fn member(&self, index: usize) {
        let team = Team { index, size: self.barrier.size(), barrier: Some(&self.barrier) };
        let body = || self.ledger.count(|| self.watched.on_member(|| (self.body)(&team)));
        if let Err(payload) = catch_unwind(AssertUnwindSafe(body)) {
            if !payload.is::<Poisoned>() {
                let mut first = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
                match *first {
                    None => *first = Some(payload),
                    // Dropping it might panic again, and this function must not unwind.
                    Some(_) => std::mem::forget(payload),
                }
            }
            self.barrier.poison();
        }
    }
}

/// A worker's mailbox: the region it shall join.
struct Worker {
    /// A [`Region`], null when there is none.
    mailbox: Padded<AtomicPtr<Region<'static>>>,
    parking: Parking,
}

/// Workers that the running region still waits for.
static PENDING: Padded<AtomicUsize> = Padded(AtomicUsize::new(0));
static CALLER: Parking = Parking::new();
/// The workers. Locked by the thread whose region is running.
static WORKERS: Mutex<Workers> = Mutex::new(Workers { running: Vec::new(), refused: None });

/// How long to wait after the system has refused a thread before asking again: asking takes longer than many a region.
const PATIENCE: Duration = Duration::from_secs(1);

/// Workers, spawned when first needed and never ended.
struct Workers {
    running: Vec<Arc<Worker>>,
    /// When the system last refused another one.
    refused: Option<Instant>,
}

/// Runs `body` on every member of a team at once, the caller included, and returns when all have finished.
///
/// The team has [`super::threads()`] members (fewer if the system refuses threads). If another region is running, on
/// this thread or another, or one thread is chosen, or other programs use the cores, the team is the caller alone and
/// no barrier ever waits. Denormals are flushed during the call on every member; the caller's setting is restored
/// afterwards.
///
/// # Panics
/// If a member panics, the others leave at their next barrier and the first panic is raised again on the caller.
pub fn run(body: impl Fn(&Team<'_>) + Sync) {
    run_up_to(usize::MAX, body);
}

/// [`run`] with at most so many members, and at least the caller.
pub(crate) fn run_up_to(most: usize, body: impl Fn(&Team<'_>) + Sync) {
    let size = if most > 1 { crowding::team_size(threads::team_size()).min(most) } else { 1 };
    run_with(size, Late::Awaited, body);
}

/// [`run`] with at most so many members, who take all their work from a queue and do not meet. Who has not come when the
/// caller finds the queue empty is not waited for, so the team is as large where other programs use the cores.
pub(crate) fn run_queue(most: usize, body: impl Fn(&Team<'_>) + Sync) {
    let size = if most > 1 { threads::team_size().min(most) } else { 1 };
    run_with(size, Late::LeftOut, body);
}

/// What becomes of a worker that has not come when the caller has finished.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Late {
    Awaited,
    LeftOut,
}

fn run_with(size: usize, late: Late, body: impl Fn(&Team<'_>) + Sync) {
    let _flush = FlushDenormals::new();
    if size > 1 {
        let guard = match WORKERS.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        if let Some(mut workers) = guard {
            workers.spawn_up_to(size - 1);
            let available = workers.running.len().min(size - 1);
            if available > 0 {
                let panic = run_on(&workers.running[..available], late, &body);
                drop(workers);
                if let Some(payload) = panic {
                    resume_unwind(payload);
                }
                return;
            }
        }
    }
    body(&Team { index: 0, size: 1, barrier: None });
}

fn run_on(workers: &[Arc<Worker>], late: Late, body: &(dyn Fn(&Team<'_>) + Sync)) -> Option<Payload> {
    let region = Region {
        body,
        barrier: Barrier::new(workers.len() + 1),
        watched: Watched::here(),
        ledger: Ledger::new(),
        panic: Mutex::new(None),
    };
    placement::arrives(0);
    PENDING.0.store(workers.len(), Ordering::SeqCst);
    for worker in workers {
        worker.mailbox.0.store((&raw const region).cast_mut().cast(), Ordering::SeqCst);
        worker.parking.notify();
    }
    // Cannot unwind, so the region outlives every worker's use of it.
    region.member(0);
    if late == Late::LeftOut {
        for worker in workers {
            if !worker.mailbox.0.swap(ptr::null_mut(), Ordering::SeqCst).is_null() {
                PENDING.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }
    CALLER.wait_until(|| PENDING.0.load(Ordering::SeqCst) == 0, || ());
    if late == Late::Awaited {
        region.ledger.close(region.barrier.late());
    }
    region.panic.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Workers {
    fn spawn_up_to(&mut self, count: usize) {
        while self.running.len() < count && self.refused.is_none_or(|refused| refused.elapsed() >= PATIENCE) {
            let index = self.running.len() + 1;
            let worker = Arc::new(Worker { mailbox: Padded(AtomicPtr::default()), parking: Parking::new() });
            let own = Arc::clone(&worker);
            let body = move || serve(&own, index);
            match std::thread::Builder::new().name(format!("seqloom-{index}")).spawn(body) {
                Ok(_) => self.running.push(worker),
                Err(_) => self.refused = Some(Instant::now()),
            }
        }
    }
}

/// The part of a region's time that a worker only spins for afterwards, at most. Threads that offer their core to busy
/// neighbours get it back milliseconds later, when the next region may be over; in a loop of regions, little lies between
/// them.
const SPIN_AFTER: u32 = 8;
const MOST_SPIN: Duration = Duration::from_micros(500);

fn serve(worker: &Worker, index: usize) {
    let _flush = FlushDenormals::new();
    let mut spin = SPIN;
    loop {
        worker.parking.spin_until(spin, || !worker.mailbox.0.load(Ordering::SeqCst).is_null(), || ());
        let region = worker.mailbox.0.swap(ptr::null_mut(), Ordering::SeqCst);
        placement::part(index, 0..1);
        // SAFETY: the caller stored a live region and waits until PENDING is 0, which cannot be before the decrement
        // below, unless it has taken the region out of the mailbox itself.
        let Some(region) = (unsafe { region.as_ref() }) else { continue };
        let start = Instant::now();
        region.member(index);
        spin = (start.elapsed() / SPIN_AFTER).clamp(SPIN, MOST_SPIN);
        if PENDING.0.fetch_sub(1, Ordering::SeqCst) == 1 {
            CALLER.notify();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::set_threads;
    use super::*;

    #[test]
    fn members_meet_and_panics_return() {
        let _serial = crate::tests::serial();
        for threads in [1, 2, 3, 5] {
            set_threads(threads).unwrap();
            let sum = AtomicUsize::new(0);
            run(|team| {
                assert_eq!(team.size(), threads);
                for round in 1..=50 {
                    sum.fetch_add(team.index() + 1, Ordering::SeqCst);
                    team.barrier();
                    assert_eq!(sum.load(Ordering::SeqCst), round * threads * (threads + 1) / 2);
                    team.barrier();
                }
                run(|inner| assert_eq!(inner.size(), 1));
            });
            for culprit in 0..threads {
                // A team that waited before might be smaller.
                set_threads(threads).unwrap();
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    run(|team| {
                        team.barrier();
                        if team.index() == culprit {
                            resume_unwind(Box::new(culprit));
                        }
                        team.barrier();
                        team.barrier();
                    });
                }));
                assert_eq!(outcome.unwrap_err().downcast_ref::<usize>(), Some(&culprit));
            }
        }
    }

    #[test]
    fn workers_flush_denormals_and_the_caller_is_restored() {
        let _serial = crate::tests::serial();
        set_threads(2).unwrap();
        run(|_| {
            let tiny = std::hint::black_box(f32::MIN_POSITIVE) * std::hint::black_box(0.5);
            assert!(cfg!(not(any(target_arch = "x86_64", target_arch = "aarch64"))) || tiny == 0.0);
        });
        assert!(std::hint::black_box(f32::MIN_POSITIVE) * std::hint::black_box(0.5) > 0.0);
    }

    #[test]
    fn concurrent_callers_all_finish() {
        let _serial = crate::tests::serial();
        set_threads(3).unwrap();
        let total = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        run(|team| {
                            team.barrier();
                            total.fetch_add(team.split(100, 7).len(), Ordering::Relaxed);
                        });
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 4 * 200 * 100);
    }
}
