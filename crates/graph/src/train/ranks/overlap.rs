//! Sums of gradients that are under way while the backward pass computes others.

use super::Ranks;
use crate::error::{Error, Result};
use crate::gradients::Gradients;
use crate::run::OnCompleted;
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// About so many gradients are summed at once: few enough for the first ones to be on their way early, so many that an
/// exchange takes the time of its numbers, not of its rounds.
const BUCKET: usize = 1 << 18;

/// Gradients that are summed at once, and where they are in the arena.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    ranges: Vec<Range<usize>>,
    values: Vec<f32>,
}

impl Bucket {
    fn add(&mut self, arena: &[f32], range: Range<usize>) -> Result<()> {
        let no_memory = |_| Error::memory("The gradients that ranks send each other do not fit");
        self.values.try_reserve(range.len()).map_err(no_memory)?;
        self.values.extend_from_slice(&arena[range.clone()]);
        self.ranges.push(range);
        Ok(())
    }

    /// Puts the values back, and forgets them.
    fn give(&mut self, arena: &mut [f32]) {
        let mut values = &self.values[..];
        for range in self.ranges.drain(..) {
            let (own, rest) = values.split_at(range.len());
            arena[range].copy_from_slice(own);
            values = rest;
        }
        self.values.clear();
    }
}

impl Ranks {
    /// Runs a backward pass and makes its gradients, but for lists of rows, the sums of all ranks'. Many are cut into
    /// buckets, in the order in which they are complete, which is the same on all ranks; another thread sums these.
    pub(super) fn sum_during(
        &mut self,
        gradients: &mut Gradients<f32>,
        cancel: &AtomicBool,
        backward: impl FnOnce(&mut Gradients<f32>, &mut OnCompleted<'_, f32>) -> Result<()>,
    ) -> Result<()> {
        if gradients.arena().len() <= BUCKET {
            backward(gradients, &mut |_, _| Ok(()))?;
            return self.sum(gradients.arena_mut(), cancel);
        }
        let mut spare = std::mem::take(&mut self.buckets);
        let (full, received) = channel();
        let mut summed = thread::scope(|scope| {
            let refused =
                |error| Error::native(format!("The operating system refused a thread for sums: {error}"));
            let summing = thread::Builder::new()
                .name("seqloom-sums".to_owned())
                .spawn_scoped(scope, || self.sum_buckets(received, cancel))
                .map_err(refused)?;
            // That the other thread has ended early is told by its own error.
            let ended = |_| Error::native("The thread for sums has ended");
            let mut bucket = spare.pop().unwrap_or_default();
            let done = backward(gradients, &mut |gradients, weight| {
                let Some(range) = gradients.place(weight) else { return Ok(()) };
                bucket.add(gradients.arena(), range)?;
                if bucket.values.len() < BUCKET {
                    return Ok(());
                }
                let next = spare.pop().unwrap_or_default();
                full.send((std::mem::replace(&mut bucket, next), true)).map_err(ended)
            });
            let done = done.and_then(|()| full.send((bucket, false)).map_err(ended));
            drop(full);
            let summed = summing.join().map_err(|_| Error::native("The thread for sums has failed"))??;
            done.map(|()| summed)
        })?;
        for bucket in &mut summed {
            bucket.give(gradients.arena_mut());
        }
        summed.append(&mut spare);
        self.buckets = summed;
        Ok(())
    }

    /// Sums buckets as they come, each of them with whether the backward pass goes on then.
    fn sum_buckets(
        &mut self,
        received: Receiver<(Bucket, bool)>,
        cancel: &AtomicBool,
    ) -> Result<Vec<Bucket>> {
        let summed = received
            .into_iter()
            .map(|(mut bucket, beside)| {
                self.beside = beside;
                self.sum(&mut bucket.values, cancel).map(|()| bucket)
            })
            .collect();
        self.beside = false;
        summed
    }
}
