//! Members of a team that share a core while others are free.
//!
//! Linux may start a team's threads on one core and takes up to some hundred milliseconds to part them: each then waits a
//! time slice for the other at every barrier (eight times the time for an RNN (16, 64, 64), in half of all starts). A member
//! that waits for long says on which core it does; a worker that finds another member waiting there too leaves that core.

/// Says that this member waits, and moves it to another core if it is a worker and another member waits on the same one.
#[cfg(target_os = "linux")]
#[cold]
pub(super) fn waits(index: usize) {
    linux::waits(index);
}

/// Other systems part threads by themselves.
#[cfg(not(target_os = "linux"))]
pub(super) fn waits(_index: usize) {}

#[cfg(target_os = "linux")]
mod linux {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    use super::super::MAX_THREADS;

    /// How long what a member said counts.
    const FRESH: Duration = Duration::from_micros(200);
    /// Bits of the core's number in what a member says; the time in microseconds stands above.
    const CORE_BITS: u32 = 16;

    /// When each member of the one running team last waited for long, and on which core.
    static WAITS: [AtomicU64; MAX_THREADS] = [const { AtomicU64::new(0) }; MAX_THREADS];

    pub(super) fn waits(index: usize) {
        let Some(core) = core() else { return };
        let now = now();
        WAITS[index].store(now << CORE_BITS | core as u64, Ordering::Relaxed);
        // The caller's thread belongs to the user.
        if index == 0 {
            return;
        }
        let shares = WAITS.iter().enumerate().any(|(other, said)| {
            let said = said.load(Ordering::Relaxed);
            let age = now.saturating_sub(said >> CORE_BITS);
            other != index
                && said != 0
                && said & ((1 << CORE_BITS) - 1) == core as u64
                && age < FRESH.as_micros() as u64
        });
        if shares {
            leave(core);
        }
    }

    /// Microseconds since the first call, plus one.
    fn now() -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        1 + START.get_or_init(Instant::now).elapsed().as_micros() as u64
    }

    /// The core that this thread runs on.
    pub(super) fn core() -> Option<usize> {
        // SAFETY: a call without arguments.
        usize::try_from(unsafe { libc::sched_getcpu() }).ok().filter(|core| core >> CORE_BITS == 0)
    }

    /// Moves this thread to another of the cores that it may use, if there is one.
    pub(super) fn leave(core: usize) {
        visit(|cores| {
            if core < 8 * size_of::<libc::cpu_set_t>() {
                // SAFETY: the core is one of the set's bits.
                unsafe { libc::CPU_CLR(core, cores) };
            }
        });
    }

    /// Moves this thread to one of the cores that `choose` leaves of those that it may use, and allows all of these again at
    /// once: only the move is wanted.
    pub(super) fn visit(choose: impl FnOnce(&mut libc::cpu_set_t)) {
        let size = size_of::<libc::cpu_set_t>();
        // SAFETY: a set of bits, of which zeros are the empty one.
        let mut allowed: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the set is as large as the call is told; 0 is this thread.
        if unsafe { libc::sched_getaffinity(0, size, &mut allowed) } != 0 {
            return;
        }
        let mut chosen = allowed;
        choose(&mut chosen);
        // SAFETY: as above. The system refuses a set without a core that is there.
        unsafe {
            if libc::sched_setaffinity(0, size, &chosen) == 0 {
                libc::sched_setaffinity(0, size, &allowed);
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::{run, set_threads};
    use super::linux;

    #[test]
    fn members_on_one_core_part() {
        let _serial = crate::tests::serial();
        if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
            return;
        }
        set_threads(2).unwrap();
        // Other threads of this machine may bring them together again, so not every try need succeed.
        let parted = (0..20).any(|_| {
            let cores = [const { AtomicUsize::new(0) }; 2];
            run(|team| {
                let core = || linux::core().unwrap();
                cores[team.index()].store(core(), Ordering::SeqCst);
                team.barrier();
                if team.index() == 1 {
                    let shared = cores[0].load(Ordering::SeqCst);
                    linux::visit(|cores| {
                        // SAFETY: a core that a thread ran on; the set is a local one.
                        unsafe {
                            libc::CPU_ZERO(cores);
                            libc::CPU_SET(shared, cores);
                        }
                    });
                }
                for _ in 0..200 {
                    team.barrier();
                }
                cores[team.index()].store(core(), Ordering::SeqCst);
            });
            cores[0].load(Ordering::SeqCst) != cores[1].load(Ordering::SeqCst)
        });
        assert!(parted);
    }
}
