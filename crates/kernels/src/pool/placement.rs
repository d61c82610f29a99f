//! Members of a team that share a core while others are free.
//!
//! Linux may start a team's threads on one core, or wake them there, and take some hundred milliseconds to part them.
//! Until then, each waits a time slice for the other at every barrier (an RNN (16, 64, 64) took eight times as long, in
//! half of all starts). So members record on which core they arrive at a barrier. A worker that waits long, or is
//! woken, on a core where another member last was leaves that core.

use std::ops::Range;

/// Records on which core member `index` is.
#[cfg_attr(
    any(miri, not(target_os = "linux")),
    allow(unused_variables, reason = "cores are told apart on Linux alone")
)]
#[inline]
pub(super) fn arrives(index: usize) {
    #[cfg(all(target_os = "linux", not(miri)))]
    linux::arrives(index);
}

/// Moves member `index` to another core if it is a worker on a core where one of `others` last was.
#[cfg_attr(
    any(miri, not(target_os = "linux")),
    allow(unused_variables, reason = "cores are told apart on Linux alone")
)]
#[cold]
pub(super) fn part(index: usize, others: Range<usize>) {
    #[cfg(all(target_os = "linux", not(miri)))]
    linux::part(index, others);
}

#[cfg(all(target_os = "linux", not(miri)))]
mod linux {
    use std::ops::Range;
    use std::sync::atomic::{AtomicI32, Ordering};

    use super::super::MAX_THREADS;
    use super::super::barrier::Padded;

    /// The core on which each member of the running team last was, plus one; 0 if unknown.
    static CORES: [Padded<AtomicI32>; MAX_THREADS] = [const { Padded(AtomicI32::new(0)) }; MAX_THREADS];

    pub(super) fn arrives(index: usize) {
        CORES[index].0.store(core() + 1, Ordering::Relaxed);
    }

    pub(super) fn part(index: usize, others: Range<usize>) {
        let core = core();
        let is_here = |other: usize| other != index && CORES[other].0.load(Ordering::Relaxed) == core + 1;
        // The caller's thread belongs to the user.
        if index > 0 && others.into_iter().any(is_here) {
            leave(core);
            arrives(index);
        }
    }

    /// The core that this thread runs on.
    pub(super) fn core() -> i32 {
        // SAFETY: a call without arguments.
        unsafe { libc::sched_getcpu() }
    }

    /// Moves this thread to another of the cores that it may use, if there is one.
    fn leave(core: i32) {
        visit(|cores| {
            if let Some(core) = usize::try_from(core).ok().filter(|core| *core < 8 * size_of_val(cores)) {
                // SAFETY: the core is one of the set's bits.
                unsafe { libc::CPU_CLR(core, cores) };
            }
        });
    }

    /// Moves this thread to one of the cores that `choose` leaves of its allowed ones, then allows all of them again:
    /// only the move is wanted.
    pub(super) fn visit(choose: impl FnOnce(&mut libc::cpu_set_t)) {
        let size = size_of::<libc::cpu_set_t>();
        // SAFETY: a set of bits; all zeros are the empty set.
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

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use std::sync::atomic::{AtomicI32, Ordering};

    use super::super::{run, set_threads};
    use super::linux;

    #[test]
    fn members_on_one_core_part() {
        let _serial = crate::tests::serial();
        if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
            return;
        }
        set_threads(2).unwrap();
        // Other threads of this machine may bring them together again, so not every attempt need succeed.
        let parted = (0..20).any(|_| {
            let cores = [const { AtomicI32::new(0) }; 2];
            run(|team| {
                cores[team.index()].store(linux::core(), Ordering::SeqCst);
                team.barrier();
                if team.index() == 1 {
                    let shared = cores[0].load(Ordering::SeqCst);
                    linux::visit(|cores| {
                        // SAFETY: a core that a thread ran on; the set is a local one.
                        unsafe {
                            libc::CPU_ZERO(cores);
                            libc::CPU_SET(shared as usize, cores);
                        }
                    });
                }
                for _ in 0..200 {
                    team.barrier();
                }
                cores[team.index()].store(linux::core(), Ordering::SeqCst);
            });
            cores[0].load(Ordering::SeqCst) != cores[1].load(Ordering::SeqCst)
        });
        assert!(parted);
    }
}
