//! The order in which an epoch visits its rows.

use super::dataset::Dataset;
use super::spec::FitOptions;
use crate::error::Result;
use crate::memory;
use crate::rng::{Key, domain, shuffle};

/// How many batches' rows are sorted together: enough for batches without padding, few enough to leave their composition to chance.
const WINDOW: usize = 128;

/// Fills `order` with the rows `0..rows` as epoch `epoch` visits them.
pub(super) fn fill(
    order: &mut Vec<usize>,
    rows: usize,
    data: &Dataset<'_>,
    options: &FitOptions,
    epoch: usize,
) -> Result<()> {
    memory::refill(order, rows, 0, "The order of the rows")?;
    order.iter_mut().enumerate().for_each(|(place, row)| *row = place);
    let key = Key { seed: options.seed, step: epoch as u64, op: domain::SHUFFLE };
    if options.shuffle {
        shuffle(key, order);
    }
    if options.bucket_by_length {
        for window in order.chunks_mut(WINDOW.saturating_mul(options.batch_size)) {
            window.sort_by(|&a, &b| data.lengths(a).cmp(data.lengths(b)));
        }
        if options.shuffle {
            shuffle_batches(key, order, options.batch_size)?;
        }
    }
    Ok(())
}

/// Permutes whole batches; a smaller one stays the last.
fn shuffle_batches(key: Key, order: &mut [usize], batch_size: usize) -> Result<()> {
    let whole = order.len() / batch_size;
    let mut batches = Vec::new();
    memory::refill(&mut batches, whole, 0, "The order of the batches")?;
    batches.iter_mut().enumerate().for_each(|(place, batch)| *batch = place);
    shuffle(Key { op: key.op + 1, ..key }, &mut batches);
    let mut sorted = Vec::new();
    memory::refill(&mut sorted, order.len(), 0, "The order of the rows")?;
    sorted.copy_from_slice(order);
    for (target, batch) in order.chunks_exact_mut(batch_size).zip(batches) {
        target.copy_from_slice(&sorted[batch * batch_size..(batch + 1) * batch_size]);
    }
    Ok(())
}
