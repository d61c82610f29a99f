//! Chains of work that the members of a team take from a queue.
//!
//! Where a core is slower or is taken away by other programs, the members on the other cores do more of the work.
//! With equal shares, or with a barrier at every step, all would wait for the slower one.

use std::sync::{Mutex, PoisonError};

/// How far a chain is.
#[derive(Clone, Copy, Default)]
struct Progress {
    done: usize,
    taken: bool,
}

/// Chains of equally many links. The links of a chain are worked on one after another, by any member.
pub(crate) struct Chains {
    count: usize,
    length: usize,
    progress: Mutex<[Progress; Chains::MOST]>,
}

/// A member's turn at a link of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) chain: usize,
    pub(crate) link: usize,
}

impl Chains {
    /// The most chains.
    pub(crate) const MOST: usize = 64;

    /// # Panics
    /// If there are more than [`Chains::MOST`] chains.
    pub(crate) fn new(count: usize, length: usize) -> Self {
        assert!(count <= Self::MOST, "too many chains");
        Self { count, length, progress: Mutex::new([Progress::default(); Self::MOST]) }
    }

    /// Takes turns until none is left for the calling member, or until `stop` holds.
    #[inline(always)]
    pub(crate) fn work(&self, stop: impl Fn() -> bool, mut take: impl FnMut(Turn)) {
        let mut done = None;
        while !stop() {
            let Some(turn) = self.next(done) else { return };
            take(turn);
            done = Some(turn);
        }
    }

    /// The next turn for a member that has done another one; `None` if there is none left for it. The chain that is
    /// least far comes first. What earlier turns at a chain wrote is visible in the later ones.
    fn next(&self, done: Option<Turn>) -> Option<Turn> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Turn { chain, link }) = done {
            progress[chain] = Progress { done: link + 1, taken: false };
        }
        let chain = (0..self.count)
            .filter(|&chain| !progress[chain].taken && progress[chain].done < self.length)
            .min_by_key(|&chain| progress[chain].done)?;
        progress[chain].taken = true;
        Some(Turn { chain, link: progress[chain].done })
    }

    /// Whether a turn is its chain's last one.
    pub(crate) fn is_last(&self, turn: Turn) -> bool {
        turn.link + 1 == self.length
    }
}

#[cfg(test)]
mod tests {
    use super::super::{run, set_threads};
    use super::*;

    #[test]
    fn links_come_in_order_and_once() {
        let _serial = crate::tests::serial();
        for (threads, count, length) in [(1, 3, 4), (2, 1, 5), (3, 8, 1), (3, 7, 9), (2, 0, 3), (2, 3, 0)] {
            set_threads(threads).unwrap();
            let chains = Chains::new(count, length);
            let links = Mutex::new(vec![Vec::new(); count]);
            run(|_| {
                let take = |turn: Turn| {
                    links.lock().unwrap()[turn.chain].push(turn.link);
                    assert_eq!(chains.is_last(turn), turn.link + 1 == length);
                };
                chains.work(|| false, take);
            });
            let all: Vec<_> = (0..length).collect();
            assert!(links.into_inner().unwrap().iter().all(|links| *links == all));
        }
    }

    #[test]
    fn a_member_that_is_held_up_leaves_the_rest_to_others() {
        let chains = Chains::new(3, 2);
        let held = chains.next(None).unwrap();
        assert_eq!(held, Turn { chain: 0, link: 0 });
        let mut turns = Vec::new();
        chains.work(|| false, |turn| turns.push((turn.chain, turn.link)));
        assert_eq!(turns, [(1, 0), (2, 0), (1, 1), (2, 1)]);
        assert_eq!(chains.next(Some(held)), Some(Turn { chain: 0, link: 1 }));
    }
}
