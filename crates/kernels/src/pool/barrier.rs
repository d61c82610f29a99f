//! A reusable barrier: spin, then offer the core to others, then park.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{crowding, placement};

/// How long a thread only spins: longer than a member usually lags.
pub(super) const SPIN: Duration = Duration::from_micros(10);
/// How long it then yields its core to others between two checks, before it parks. This is longer than a virtual
/// machine takes to wake a thread: otherwise members could park in turn, each while the other wakes up, and never
/// recover (a hundred steps of an LSTM took six times as long). Where other processes hold the cores, it parks at once
/// (see [`crowding::offer`]).
const OFFER: Duration = Duration::from_micros(300);

/// The payload with which members leave a barrier that another member's panic has poisoned.
pub(super) struct Poisoned;

/// Keeps a hot flag on its own cache line (two lines, since adjacent ones are prefetched together).
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Padded<T>(pub(super) T);

/// Lets threads wait for a condition over atomics that another thread makes true.
#[derive(Debug)]
pub(super) struct Parking {
    sleepers: Padded<AtomicUsize>,
    lock: Mutex<()>,
    wake: Condvar,
}

impl Parking {
    pub(super) const fn new() -> Self {
        Self { sleepers: Padded(AtomicUsize::new(0)), lock: Mutex::new(()), wake: Condvar::new() }
    }

    /// Returns once `ready()` holds, with the time that it took, or none if that was short; calls `late` if it takes
    /// long. The thread that makes it true, with `SeqCst` stores, must then call [`Parking::notify`].
    pub(super) fn wait_until(&self, ready: impl Fn() -> bool, late: impl FnOnce()) -> Duration {
        self.spin_until(SPIN, ready, late)
    }

    /// The same for a thread that only spins for so long before it offers its core.
    pub(super) fn spin_until(
        &self,
        spin: Duration,
        ready: impl Fn() -> bool,
        late: impl FnOnce(),
    ) -> Duration {
        let mut spins = 0u32;
        let mut start = None;
        let mut late = Some(late);
        while !ready() {
            std::hint::spin_loop();
            spins += 1;
            if spins.is_multiple_of(32) {
                let start = start.get_or_insert_with(Instant::now);
                let waited = start.elapsed();
                if waited > spin + OFFER {
                    self.park_until(&ready);
                    return start.elapsed();
                }
                if waited > spin {
                    if let Some(late) = late.take() {
                        late();
                    }
                    if !crowding::offer() {
                        self.park_until(&ready);
                        return start.elapsed();
                    }
                }
            }
        }
        match (start, late) {
            (Some(start), None) => start.elapsed(),
            _ => Duration::ZERO,
        }
    }

    #[cold]
    fn park_until(&self, ready: &impl Fn() -> bool) {
        let mut guard = self.guard();
        self.sleepers.0.fetch_add(1, Ordering::SeqCst);
        while !ready() {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.0.fetch_sub(1, Ordering::SeqCst);
    }

    /// Wakes the parked threads, if any. A sleeper raises the count before it checks the condition, and the condition
    /// changes before this function checks the count, so at least one of them sees the other.
    pub(super) fn notify(&self) {
        if self.sleepers.0.load(Ordering::SeqCst) > 0 {
            drop(self.guard());
            self.wake.notify_all();
        }
    }

    fn guard(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sense-reversing barrier; the sense is a generation count.
#[derive(Debug)]
pub(super) struct Barrier {
    size: usize,
    arrived: Padded<AtomicUsize>,
    generation: Padded<AtomicUsize>,
    poisoned: AtomicBool,
    parking: Parking,
    /// Nanoseconds of waits that were long.
    late: AtomicU64,
}

impl Barrier {
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            arrived: Padded::default(),
            generation: Padded::default(),
            poisoned: AtomicBool::new(false),
            parking: Parking::new(),
            late: AtomicU64::new(0),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Member `index` waits for all others.
    pub(super) fn wait(&self, index: usize) {
        placement::arrives(index);
        let generation = self.generation.0.load(Ordering::Relaxed);
        if self.arrived.0.fetch_add(1, Ordering::AcqRel) + 1 == self.size {
            self.arrived.0.store(0, Ordering::Relaxed);
            self.generation.0.store(generation.wrapping_add(1), Ordering::SeqCst);
            self.parking.notify();
        } else {
            let open = || {
                self.generation.0.load(Ordering::SeqCst) != generation || self.poisoned.load(Ordering::SeqCst)
            };
            let waited = self.parking.wait_until(open, || placement::part(index, 0..self.size));
            if !waited.is_zero() {
                self.late.fetch_add(waited.as_nanos() as u64, Ordering::Relaxed);
            }
        }
        if self.poisoned.load(Ordering::Relaxed) {
            resume_unwind(Box::new(Poisoned));
        }
    }

    /// Nanoseconds that members have waited for long, all together.
    pub(super) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Makes every present and later wait unwind.
    pub(super) fn poison(&self) {
        self.poisoned.store(true, Ordering::SeqCst);
        self.parking.notify();
    }
}
