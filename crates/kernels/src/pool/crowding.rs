//! No teams while other programs use the cores.
//!
//! Where there are fewer free cores than members, members who meet often wait for whoever does not run: with two
//! threads on two cores shared by twenty programs, an LSTM (1, 100, 128) took 200 ms instead of the 0.5 of one thread.
//! So where a region's members together worked less than one of them could have worked alone, the caller is alone in
//! the next ones, for a time that is long beside what was lost.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A shorter region may have waited for a member to wake up.
const SHORTEST: Duration = Duration::from_micros(250);
/// How much one member must have been at work, or several together. A member that waits for no one is more than this.
const LEAST_AT_WORK: f64 = 0.7;
/// How many times as long as the region that waited there are no teams, in the end. It begins with once, and doubles with
/// each team that finds the cores taken again: threads of other programs may only go on spinning for a moment.
const MOST_HOLD: u32 = 16;

/// A core that is offered comes back at once, or after the time slice of who took it.
const TAKEN: u64 = 200_000;
/// How long cores are not offered after one was taken, in nanoseconds.
const NO_OFFERS: u64 = 50_000_000;

/// Nanoseconds since [`epoch`] from which on waiting threads offer their cores again.
static OFFERS_FROM: AtomicU64 = AtomicU64::new(0);
/// Nanoseconds since [`epoch`] at which there are teams again; 0 if there are.
static UNTIL: AtomicU64 = AtomicU64::new(0);
/// How many times as long as the next region that waits there will be none.
static HOLD: AtomicU32 = AtomicU32::new(1);

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Offers this core to others for a moment. Not where one was taken lately: a thread that has offered its core waits for a
/// time slice of others, some milliseconds, whereas one that sleeps is put before them as soon as it is woken.
pub(super) fn offer() -> bool {
    let before = nanoseconds(epoch().elapsed());
    if before < OFFERS_FROM.load(Ordering::Relaxed) {
        return false;
    }
    std::thread::yield_now();
    let after = nanoseconds(epoch().elapsed());
    if after - before > TAKEN {
        OFFERS_FROM.store(after.saturating_add(NO_OFFERS), Ordering::Relaxed);
    }
    true
}

/// The members of a team that should have `size`: as many, or the caller alone.
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
    1
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

    /// Draws the conclusion for the next teams from a region that has ended, and in which members waited for others for
    /// `late` nanoseconds.
    pub(super) fn close(&self, late: u64) {
        let lasted = self.start.elapsed();
        let worked = self.inside.load(Ordering::Relaxed).saturating_sub(late);
        if is_crowded(lasted, worked) {
            let hold = HOLD.load(Ordering::Relaxed);
            HOLD.store((2 * hold).min(MOST_HOLD), Ordering::Relaxed);
            let until = nanoseconds(epoch().elapsed().saturating_add(hold * lasted)).max(1);
            UNTIL.store(until, Ordering::Relaxed);
        } else if lasted >= SHORTEST {
            HOLD.store(1, Ordering::Relaxed);
        }
    }
}

/// Whether one member alone would have been as fast as a team that lasted and worked so long.
fn is_crowded(lasted: Duration, worked: u64) -> bool {
    lasted >= SHORTEST && (worked as f64) < LEAST_AT_WORK * nanoseconds(lasted) as f64
}

/// Forgets what earlier regions waited: the next teams are as large as they should be.
pub(super) fn forget() {
    UNTIL.store(0, Ordering::Relaxed);
    HOLD.store(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::super::{run, set_threads};
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::thread::sleep;

    #[test]
    fn less_work_than_of_one_member_is_too_little() {
        let ms = Duration::from_millis;
        assert!(!is_crowded(ms(10), 19_000_000));
        // One member alone had something to do.
        assert!(!is_crowded(ms(10), 9_900_000));
        assert!(is_crowded(ms(10), 3_000_000));
        assert!(!is_crowded(Duration::from_micros(100), 0));
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
        let waited = || {
            let start = Instant::now() - Duration::from_millis(10);
            Ledger { start, inside: AtomicU64::new(20_000_000) }.close(17_000_000);
        };
        assert_eq!(size(), 2);
        waited();
        assert_eq!(size(), 1);
        sleep(Duration::from_millis(20));
        assert_eq!(size(), 2);
        // The longer, the more often.
        for _ in 0..6 {
            waited();
        }
        sleep(Duration::from_millis(80));
        assert_eq!(size(), 1);
        sleep(2 * MOST_HOLD * Duration::from_millis(10));
        assert_eq!(size(), 2);
        waited();
        set_threads(2).unwrap();
        assert_eq!(size(), 2);
    }
}
