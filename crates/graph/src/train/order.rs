//! The order in which an epoch visits its rows.

use super::dataset::Dataset;
use super::options::FitOptions;
use crate::error::Result;
use crate::memory;
use crate::rng::{Key, domain, shuffle};

/// How many batches' rows are sorted together: enough for batches without padding, few enough to leave their
/// composition to chance.
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
    if options.shuffle && options.shuffle_batches {
        shuffle_batches(key, order, options.batch_size)?;
    } else if options.shuffle {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::{HostTensor, Sequence, TensorData};
    use crate::wire::GraphSpec;

    #[test]
    fn batches_hold_similar_lengths_and_change_with_the_epoch() {
        let lengths: Vec<u32> = (0..103).map(|row| 1 + row * 7 % 12).collect();
        let total = lengths.iter().sum::<u32>() as usize;
        let tensor = HostTensor {
            data: TensorData::I32(vec![0; total]),
            shape: vec![103, 12],
            sequence: Sequence::Ragged(lengths.clone()),
        };
        let graph = r#"{ "version": 1, "inputs": [{ "name": "x", "dtype": "int32", "shape": [null, null] }],
            "weights": [], "nodes": [], "outputs": [] }"#;
        let inputs = GraphSpec::from_json(graph).unwrap().inputs;
        let tensors = [tensor];
        let data = Dataset::new(&tensors, &inputs).unwrap();
        let order = |options: &str, epoch| {
            let mut order = Vec::new();
            fill(&mut order, 103, &data, &FitOptions::from_json(options).unwrap(), epoch).unwrap();
            order
        };
        let bucketed = r#"{ "batchSize": 10, "bucketByLength": true, "seed": 3 }"#;
        let first = order(bucketed, 0);
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..103).collect::<Vec<_>>());
        for batch in first.chunks(10) {
            let of = || batch.iter().map(|&row| lengths[row]);
            assert!(of().max().unwrap() - of().min().unwrap() <= 2, "{batch:?}");
        }
        let begins = first.chunks(10).map(|batch| lengths[batch[0]]);
        assert!(!begins.is_sorted(), "the batches are in the order of their lengths");
        assert_eq!(first, order(bucketed, 0));
        assert_ne!(first, order(bucketed, 1));
        let plain = order(r#"{ "batchSize": 10, "bucketByLength": true, "shuffle": false }"#, 5);
        assert!(plain.iter().map(|&row| lengths[row]).is_sorted());
    }
}
