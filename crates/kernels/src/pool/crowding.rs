//! Smaller teams while other programs use the cores.
//!
//! Where there are fewer free cores than members, members who meet often wait for whoever does not run: with two threads on
//! two cores shared by twenty programs, an LSTM (1, 100, 128) took 200 ms instead of the 0.5 of one thread. So a region
//! that waited more than it worked makes the next teams smaller, for a time that is long beside what was lost.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A shorter region may have waited for a member to wake up.
const SHORTEST: Duration = Duration::from_micros(250);
/// The share of a team that must have been at work, on average. A member that is alone at work and waits for no one is
/// more than this of a team of two.
const LEAST_AT_WORK: f64 = 0.35;
/// How many times as long as the region that waited teams stay small.
const HOLD: u32 = 16;

/// Members of the teams until [`UNTIL`].
static MEMBERS: AtomicUsize = AtomicUsize::new(usize::MAX);
/// Nanoseconds since [`epoch`] at which teams are as large as they should be again; 0 if they are.
static UNTIL: AtomicU64 = AtomicU64::new(0);

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The members of a team that should have `size`.
pub(super) fn team_size(size: usize) -> usize {
    let until = UNTIL.load(Ordering::Relaxed);
    if until == 0 {
        return size;
    }
    if nanoseconds(epoch().elapsed()) >= until {
        // Another thread may have put it off at the same moment, which costs it one region.
        UNTIL.store(0, Ordering::Relaxed);
        return size;
    }
    size.min(MEMBERS.load(Ordering::Relaxed))
}

/// Time that the members of a team spent in a region.
pub(super) struct Ledger {
    start: Instant,
    /// Nanoseconds from each member's entry to its exit, of all members together.
    inside: AtomicU64,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), inside: AtomicU64::new(0) }
    }

    /// Runs a member's part.
    pub(super) fn count(&self, body: impl FnOnce()) {
        let entry = Instant::now();
        body();
        self.inside.fetch_add(nanoseconds(entry.elapsed()), Ordering::Relaxed);
    }

    /// Draws the conclusion for the next teams from a region of `size` members that has ended, and in which members waited
    /// for others for `late` nanoseconds.
    pub(super) fn close(&self, size: usize, late: u64) {
        let lasted = self.start.elapsed();
        let worked = self.inside.load(Ordering::Relaxed).saturating_sub(late);
        if let Some(members) = members_for(size, lasted, worked) {
            MEMBERS.store(members, Ordering::Relaxed);
            let until = nanoseconds((epoch().elapsed()).saturating_add(HOLD * lasted)).max(1);
            UNTIL.store(until, Ordering::Relaxed);
        }
    }
}

/// The members that a smaller team should have, if a region of `size` members lasted and worked so long.
fn members_for(size: usize, lasted: Duration, worked: u64) -> Option<usize> {
    let at_work = worked as f64 / nanoseconds(lasted).max(1) as f64;
    let crowded = lasted >= SHORTEST && at_work < LEAST_AT_WORK * size as f64;
    crowded.then(|| (at_work.ceil() as usize).clamp(1, size))
}

/// Forgets what earlier regions waited: the next teams are as large as they should be.
pub(super) fn forget() {
    UNTIL.store(0, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::super::{run, set_threads};
    use super::*;
    use std::thread::sleep;

    #[test]
    fn teams_that_wait_become_smaller() {
        let ms = Duration::from_millis;
        let worked = |ms: u64| ms * 1_000_000;
        assert_eq!(members_for(2, ms(10), worked(19)), None);
        // One member alone had something to do.
        assert_eq!(members_for(2, ms(10), worked(9)), None);
        assert_eq!(members_for(2, ms(10), worked(3)), Some(1));
        assert_eq!(members_for(64, ms(10), worked(25)), Some(3));
        assert_eq!(members_for(64, ms(10), worked(0)), Some(1));
        assert_eq!(members_for(2, Duration::from_micros(100), 0), None);
    }

    #[test]
    fn a_team_whose_members_are_held_up_in_turn_is_alone_for_a_while() {
        let _serial = crate::tests::serial();
        set_threads(2).unwrap();
        let size = || {
            let size = AtomicUsize::new(0);
            run(|team| size.store(team.size(), Ordering::Relaxed));
            size.into_inner()
        };
        assert_eq!(size(), 2);
        let ledger =
            Ledger { start: Instant::now() - Duration::from_millis(10), inside: AtomicU64::new(20_000_000) };
        ledger.close(2, 17_000_000);
        assert_eq!(size(), 1);
        sleep(2 * HOLD * Duration::from_millis(10));
        assert_eq!(size(), 2);
        ledger.close(2, 17_000_000);
        set_threads(2).unwrap();
        assert_eq!(size(), 2);
    }
}
