//! Regions: one closure on every member of a team.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};

use super::barrier::{Barrier, Padded, Parking, Poisoned};
use super::denormals::FlushDenormals;
use super::{Team, placement, threads};

type Payload = Box<dyn Any + Send>;

/// What the caller publishes for one region. It lives on the caller's stack, and the caller does not return before
/// every worker has counted itself out.
struct Region<'a> {
    body: &'a (dyn Fn(&Team<'_>) + Sync),
    barrier: Barrier,
    panic: Mutex<Option<Payload>>,
}

impl Region<'_> {
    fn member(&self, index: usize) {
        let team = Team { index, size: self.barrier.size(), barrier: Some(&self.barrier) };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| (self.body)(&team))) {
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
/// The workers, spawned when first needed and never ended. Locked by the thread whose region is running.
static WORKERS: Mutex<Vec<&'static Worker>> = Mutex::new(Vec::new());

/// Runs `body` on every member of a team at once, the caller included, and returns when all have finished.
///
/// The team has [`super::threads()`] members (fewer if the system refuses threads). If another region is running, on
/// this thread or another, or one thread is chosen, the team is the caller alone and no barrier ever waits.
/// Denormals are flushed during the call on every member; the caller's setting is restored afterwards.
///
/// # Panics
/// If a member panics, the others leave at their next barrier and the first panic is raised again on the caller.
pub fn run(body: impl Fn(&Team<'_>) + Sync) {
    run_if(true, body);
}

/// [`run`] if there is enough to do, else with the caller alone.
pub(crate) fn run_if(parallel: bool, body: impl Fn(&Team<'_>) + Sync) {
    let _flush = FlushDenormals::new();
    let size = threads::team_size();
    if parallel && size > 1 {
        let guard = match WORKERS.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        if let Some(mut workers) = guard {
            spawn_up_to(&mut workers, size - 1);
            let available = workers.len().min(size - 1);
            if available > 0 {
                let panic = run_on(&workers[..available], &body);
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

fn run_on(workers: &[&'static Worker], body: &(dyn Fn(&Team<'_>) + Sync)) -> Option<Payload> {
    let region = Region { body, barrier: Barrier::new(workers.len() + 1), panic: Mutex::new(None) };
    placement::arrives(0);
    PENDING.0.store(workers.len(), Ordering::SeqCst);
    for worker in workers {
        worker.mailbox.0.store((&raw const region).cast_mut().cast(), Ordering::SeqCst);
        worker.parking.notify();
    }
    // Cannot unwind, so the region outlives every worker's use of it.
    region.member(0);
    CALLER.wait_until(|| PENDING.0.load(Ordering::SeqCst) == 0, || ());
    region.panic.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn spawn_up_to(workers: &mut Vec<&'static Worker>, count: usize) {
    while workers.len() < count {
        let index = workers.len() + 1;
        let worker: &'static Worker =
            Box::leak(Box::new(Worker { mailbox: Padded(AtomicPtr::default()), parking: Parking::new() }));
        let spawned =
            std::thread::Builder::new().name(format!("seqloom-{index}")).spawn(move || serve(worker, index));
        if spawned.is_err() {
            return;
        }
        workers.push(worker);
    }
}

fn serve(worker: &'static Worker, index: usize) {
    let _flush = FlushDenormals::new();
    loop {
        worker.parking.wait_until(|| !worker.mailbox.0.load(Ordering::SeqCst).is_null(), || ());
        let region = worker.mailbox.0.swap(ptr::null_mut(), Ordering::SeqCst);
        placement::part(index, 0..1);
        // SAFETY: the caller stored a live region and waits until PENDING is 0, which cannot be before the decrement below.
        unsafe { &*region }.member(index);
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
