//! Rows that come portion by portion while a loop works on them.

use super::dataset::Dataset;
use super::ranks::rows_to_work_on;
use crate::error::{Error, Result};
use crate::tensor::HostTensor;
use crate::values::InputSpec;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a loop that waits for rows sleeps before it looks whether it was cancelled.
const NAP: Duration = Duration::from_millis(20);

/// Consecutive rows of a pass over a source.
#[derive(Debug)]
pub struct Portion {
    /// The rows: model inputs, then targets, then sample weights.
    pub tensors: Vec<HostTensor>,
    /// Rows of a batch; the last one of the portion may have fewer.
    pub batch_size: usize,
    /// The pass over the source, and the number there of the portion's first batch and first row.
    pub pass: u64,
    /// Batches of the pass before this portion.
    pub batches: u64,
    /// Rows of the pass before this portion.
    pub rows: u64,
    /// How many of the portion's batches are left out, because an earlier training has done them.
    pub skip: usize,
    /// Whether the rows are only those of one rank.
    pub own: Option<Own>,
}

/// Says of the rows of a portion that they are those which a rank works on, batch by batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// How many rows the portion has on all ranks together.
    pub of: usize,
    /// The rank.
    pub rank: usize,
    /// How many ranks there are.
    pub ranks: usize,
}

/// What waits to be worked on.
#[derive(Debug)]
enum Item {
    Rows(Portion),
    /// The pass is over.
    End,
}

/// What is called once there is room for more.
pub type Room = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    waiting: Vec<Room>,
    closed: bool,
}

/// A queue of bounded length between whoever reads rows and the loop that works on them.
#[derive(Default)]
pub struct Feed {
    state: Mutex<State>,
    changed: Condvar,
    most: usize,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Feed").field("most", &self.most).finish_non_exhaustive()
    }
}

impl Feed {
    /// A queue in which at most so many portions wait.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), ..Self::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a portion, or the end of the pass; `then` is called once there is room for another, also when the feed is
    /// closed.
    pub fn push(&self, portion: Option<Portion>, then: Room) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            then();
            return;
        }
        state.items.push_back(portion.map_or(Item::End, Item::Rows));
        let full = state.items.len() >= self.most;
        let now = if full {
            state.waiting.push(then);
            None
        } else {
            Some(then)
        };
        drop(state);
        self.changed.notify_all();
        if let Some(then) = now {
            then();
        }
    }

    /// Drops what waits; whoever waits for room is told. A `closed` feed takes nothing any more.
    pub fn clear(&self, closed: bool) {
        let mut state = self.lock();
        state.closed |= closed;
        state.items.clear();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.changed.notify_all();
        waiting.into_iter().for_each(|then| then());
    }

    /// The next portion, which is waited for; none at the end of a pass.
    fn take(&self, cancel: &AtomicBool) -> Result<Option<Portion>> {
        let mut state = self.lock();
        loop {
            if cancel.load(Ordering::Acquire) || state.closed {
                return Err(Error::aborted());
            }
            if let Some(item) = state.items.pop_front() {
                let waiting = std::mem::take(&mut state.waiting);
                drop(state);
                waiting.into_iter().for_each(|then| then());
                return Ok(match item {
                    Item::Rows(portion) => Some(portion),
                    Item::End => None,
                });
            }
            state = self
                .changed
                .wait_timeout(state, NAP)
                .map_or_else(|poisoned| poisoned.into_inner().0, |it| it.0);
        }
    }
}

/// A batch of a feed.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    /// What holds it.
    pub(super) data: &'a Dataset<'static>,
    /// Its rows there.
    pub(super) rows: Range<usize>,
    /// How many rows it has, if those are only a rank's.
    pub(super) of: Option<usize>,
    /// The pass over the source, and how many of its batches are done then.
    pub(super) place: (u64, u64),
}

/// A loop's way through a feed, batch by batch.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    feed: &'a Feed,
    inputs: &'a [InputSpec],
    portion: Option<Current>,
}

/// The portion that is being worked on.
#[derive(Debug)]
struct Current {
    data: Dataset<'static>,
    batch_size: usize,
    /// How many rows there are, and how many come before the next batch: here, and on all ranks.
    own: Option<Own>,
    all: usize,
    next: usize,
    before: usize,
    /// Rows of the pass before the portion.
    first: usize,
    pass: u64,
    batch: u64,
}

impl Current {
    /// Of `rows` rows of a batch, those that are here.
    fn own_of(&self, rows: usize) -> Range<usize> {
        self.own.map_or(0..rows, |own| rows_to_work_on(own.rank, own.ranks, rows))
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn new(feed: &'a Feed, inputs: &'a [InputSpec]) -> Self {
        Self { feed, inputs, portion: None }
    }

    /// The next batch of the pass: none at the end.
    pub(super) fn next(&mut self, cancel: &AtomicBool) -> Result<Option<Batch<'_>>> {
        if self.portion.as_ref().is_none_or(|portion| portion.before >= portion.all) {
            self.portion = None;
            let Some(portion) = self.feed.take(cancel)? else { return Ok(None) };
            if portion.batch_size == 0 {
                return Err(Error::option("Batches must have at least one row"));
            }
            let data = Dataset::owned(portion.tensors, self.inputs)?;
            let mut current = Current {
                batch_size: portion.batch_size,
                own: portion.own,
                all: portion.own.map_or(data.rows(), |own| own.of),
                next: 0,
                before: portion.skip.saturating_mul(portion.batch_size),
                first: usize::try_from(portion.rows).unwrap_or(usize::MAX),
                pass: portion.pass,
                batch: portion.batches.saturating_add(portion.skip as u64),
                data,
            };
            current.next = portion.skip.saturating_mul(current.own_of(portion.batch_size).len());
            self.portion = Some(current);
        }
        let Some(portion) = &mut self.portion else { return Ok(None) };
        let of = portion.batch_size.min(portion.all.saturating_sub(portion.before));
        let own = portion.own_of(of);
        let rows = portion.next..portion.next.saturating_add(own.len());
        if rows.end > portion.data.rows() {
            return Err(Error::native("A portion has fewer rows than it says"));
        }
        // A row of the batch has its number among all rows of the pass.
        portion
            .data
            .name_after(portion.first.saturating_add(portion.before + own.start).saturating_sub(rows.start));
        portion.next = rows.end;
        portion.before = portion.before.saturating_add(portion.batch_size);
        portion.batch = portion.batch.saturating_add(1);
        Ok(Some(Batch {
            data: &portion.data,
            rows,
            of: portion.own.map(|_| of),
            place: (portion.pass, portion.batch),
        }))
    }
}
