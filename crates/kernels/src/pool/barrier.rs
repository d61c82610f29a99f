//! A reusable barrier: spin for a bounded time, then park.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a thread spins at most before it parks: longer than any pause inside a kernel, far shorter than a frame.
const LONGEST_SPIN: u32 = 64_000;
/// Where spinning has been in vain again and again, since other processes hold the cores, it becomes this short:
/// parking lets the system move the awaited thread to this core.
const SHORTEST_SPIN: u32 = 4_000;

/// The payload with which members leave a barrier that another member's panic has poisoned.
pub(super) struct Poisoned;

/// Keeps a hot flag on a cache line of its own (two, as adjacent lines are prefetched together).
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Padded<T>(pub(super) T);

/// A place where threads wait for a condition over atomics that another thread makes true.
#[derive(Debug)]
pub(super) struct Parking {
    /// Nanoseconds to spin: halved by every wait that ends parked, doubled by every wait that does not.
    spin: AtomicU32,
    sleepers: Padded<AtomicUsize>,
    lock: Mutex<()>,
    wake: Condvar,
}

impl Parking {
    pub(super) const fn new() -> Self {
        Self {
            spin: AtomicU32::new(LONGEST_SPIN),
            sleepers: Padded(AtomicUsize::new(0)),
            lock: Mutex::new(()),
            wake: Condvar::new(),
        }
    }

    /// Returns once `ready()` holds. Whoever makes it true with `SeqCst` stores must call [`Parking::notify`].
    pub(super) fn wait_until(&self, ready: impl Fn() -> bool) {
        let mut spins = 0u32;
        let mut clock = None;
        while !ready() {
            std::hint::spin_loop();
            spins += 1;
            if spins.is_multiple_of(32) {
                let (start, limit) = *clock.get_or_insert_with(|| {
                    (Instant::now(), Duration::from_nanos(self.spin.load(Ordering::Relaxed).into()))
                });
                if start.elapsed() > limit {
                    self.park_until(&ready);
                    return;
                }
            }
        }
        if clock.is_some() {
            let longer = self.spin.load(Ordering::Relaxed).saturating_mul(2).min(LONGEST_SPIN);
            self.spin.store(longer, Ordering::Relaxed);
        }
    }

    #[cold]
    fn park_until(&self, ready: &impl Fn() -> bool) {
        let shorter = (self.spin.load(Ordering::Relaxed) / 2).max(SHORTEST_SPIN);
        self.spin.store(shorter, Ordering::Relaxed);
        let mut guard = self.guard();
        self.sleepers.0.fetch_add(1, Ordering::SeqCst);
        while !ready() {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.0.fetch_sub(1, Ordering::SeqCst);
    }

    /// Wakes the parked threads, if any. The sleeper's count rises before it looks at the condition, and the
    /// condition changes before this looks at the count, so one of the two sees the other.
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
}

impl Barrier {
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            arrived: Padded::default(),
            generation: Padded::default(),
            poisoned: AtomicBool::new(false),
            parking: Parking::new(),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn wait(&self) {
        let generation = self.generation.0.load(Ordering::Relaxed);
        if self.arrived.0.fetch_add(1, Ordering::AcqRel) + 1 == self.size {
            self.arrived.0.store(0, Ordering::Relaxed);
            self.generation.0.store(generation.wrapping_add(1), Ordering::SeqCst);
            self.parking.notify();
        } else {
            self.parking.wait_until(|| {
                self.generation.0.load(Ordering::SeqCst) != generation || self.poisoned.load(Ordering::SeqCst)
            });
        }
        if self.poisoned.load(Ordering::Relaxed) {
            resume_unwind(Box::new(Poisoned));
        }
    }

    /// Makes every present and later wait unwind.
    pub(super) fn poison(&self) {
        self.poisoned.store(true, Ordering::SeqCst);
        self.parking.notify();
    }
}
