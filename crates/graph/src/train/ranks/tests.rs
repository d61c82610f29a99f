//! What ranks make of their numbers, with threads in place of processes.

use super::Ranks;
use crate::error::{Error, Result};
use crate::gradients::{Gradient, Gradients};
use crate::train::group::{Group, Parcels};
use crate::train::tally::Tally;
use crate::values::WeightSpec;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What all ranks have sent, by the rank that sends it and the one that it is for.
type Sent = Arc<Mutex<Vec<Vec<Vec<f32>>>>>;

/// A rank that is a thread.
#[derive(Debug)]
struct Thread {
    rank: usize,
    size: usize,
    sent: Sent,
    met: Arc<Barrier>,
    /// How long it takes before it sends.
    late: Duration,
    /// How often all ranks have met, each time counted by each.
    meetings: Arc<AtomicUsize>,
}

impl Group for Thread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn exchange(&self, mut parcels: Parcels, _: &AtomicBool) -> Result<Parcels> {
        thread::sleep(self.late);
        self.sent.lock().unwrap()[self.rank] = parcels.outgoing.iter().map(|list| list.to_vec()).collect();
        self.met.wait();
        for from in (0..self.size).filter(|&from| from != self.rank) {
            let given = self.sent.lock().unwrap()[from][self.rank].clone();
            assert_eq!(given.len(), parcels.incoming[from].len(), "rank {from} sends what is not expected");
            parcels.incoming[from] = given;
        }
        self.met.wait();
        self.meetings.fetch_add(1, Ordering::SeqCst);
        Ok(parcels)
    }
}

/// What `work` gives on each of so many ranks, of which rank `late` is slower than the others.
fn on_ranks<V: Send>(size: usize, late: usize, work: impl Fn(usize, &mut Ranks) -> V + Sync) -> Vec<V> {
    counted(size, late, &Arc::default(), work)
}

/// The same, counting how often the ranks meet.
fn counted<V: Send>(
    size: usize,
    late: usize,
    meetings: &Arc<AtomicUsize>,
    work: impl Fn(usize, &mut Ranks) -> V + Sync,
) -> Vec<V> {
    let sent: Sent = Arc::new(Mutex::new(vec![Vec::new(); size]));
    let met = Arc::new(Barrier::new(size));
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..size)
            .map(|rank| {
                let late = Duration::from_millis(if rank == late { 5 } else { 0 });
                let (sent, met, meetings) = (Arc::clone(&sent), Arc::clone(&met), Arc::clone(meetings));
                let group = Thread { rank, size, sent, met, late, meetings };
                scope.spawn(move || work(rank, &mut Ranks::new(Arc::new(group), 1)))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Numbers whose sum depends on the order in which they are added.
fn own(rank: usize, len: usize) -> Vec<f32> {
    let sizes = [1e8, 1.0, -1e8, 0.3, 7e7];
    (0..len).map(|at| sizes[rank % sizes.len()] * (1.0 + at as f32 * 1e-3)).collect()
}

#[test]
fn sums_run_in_the_order_of_ranks() {
    let never = AtomicBool::new(false);
    // In one exchange, and each rank a part of them.
    for len in [1, 100, 8192, 8193, 20_011] {
        for size in [2, 3, 5] {
            let mut expected = own(0, len);
            for rank in 1..size {
                expected.iter_mut().zip(own(rank, len)).for_each(|(sum, value)| *sum += value);
            }
            let expected: Vec<u32> = expected.iter().map(|value| value.to_bits()).collect();
            for late in 0..size {
                let sums = on_ranks(size, late, |rank, ranks| {
                    let mut values = own(rank, len);
                    ranks.sum(&mut values, &never).unwrap();
                    values.iter().map(|value| value.to_bits()).collect::<Vec<u32>>()
                });
                assert!(sums.iter().all(|sum| *sum == expected), "{len} numbers of {size} ranks");
            }
        }
    }
}

#[test]
fn means_of_equal_numbers_are_these_numbers() {
    let never = AtomicBool::new(false);
    for len in [100, 20_011] {
        for size in [2, 3, 5, 7] {
            let given: Vec<f32> = (0..len).map(|at| (at as f32 + 0.1).sqrt()).collect();
            let means = on_ranks(size, 0, |rank, ranks| {
                let mut values = given.clone();
                values[0] = rank as f32;
                ranks.mean(&mut values, &never).unwrap();
                values
            });
            for values in means {
                assert_eq!(values[1..], given[1..], "{size} ranks");
                assert_eq!(values[0], (size - 1) as f32 / 2.0);
            }
        }
    }
}

#[test]
fn scores_of_ranks_with_and_without_batches_add_up() {
    let never = AtomicBool::new(false);
    let totals = on_ranks(3, 1, |rank, ranks| {
        // The last rank has had no batch.
        let sums = if rank == 2 { Vec::new() } else { vec![vec![1.5 + rank as f64, 2.0], vec![1.0; 4]] };
        let mut tally = Tally { sums };
        ranks.total(&mut tally, 2, &never).unwrap();
        tally.sums
    });
    assert!(totals.iter().all(|total| *total == [vec![4.0, 4.0], vec![2.0; 4]]));
}

#[test]
fn states_of_the_rows_of_all_ranks_are_put_together() {
    let never = AtomicBool::new(false);
    // Fewer rows than ranks, too: a rank without one has worked on a row of another's.
    for rows in [2, 3, 8] {
        let whole: Vec<Vec<f32>> =
            [2, 3].map(|width| (0..rows * width).map(|at| (at * width) as f32).collect()).into();
        let found = on_ranks(3, 0, |_, ranks| {
            let share = ranks.share(rows);
            let mut lists: Vec<Vec<f32>> = [2, 3]
                .into_iter()
                .zip(&whole)
                .map(|(width, list)| list[share.rows.start * width..share.rows.end * width].to_vec())
                .collect();
            ranks.join_rows(&mut lists, &share, &never).unwrap();
            lists
        });
        assert!(found.iter().all(|lists| *lists == whole), "{rows} rows");
    }
}

/// Gradients of matrices of such sizes, each with a row list if it is `true`.
fn gradients(sizes: &[(usize, bool)]) -> Gradients<f32> {
    let weights: Vec<WeightSpec> = sizes
        .iter()
        .map(|&(len, _)| WeightSpec {
            name: "w".to_owned(),
            shape: vec![len / 4, 4],
            trainable: true,
            learning_rate_multiplier: 1.0,
            initializer: serde_json::from_value(serde_json::json!({"kind": "zeros"})).unwrap(),
            int8: None,
        })
        .collect();
    let lists: Vec<bool> = sizes.iter().map(|&(_, list)| list).collect();
    Gradients::new(&weights, &lists).unwrap()
}

#[test]
fn gradients_are_summed_while_others_are_computed() {
    let never = AtomicBool::new(false);
    let sizes = [(300_000, false), (40, true), (200_000, false), (100_000, false), (12, false)];
    // Twice, since the second pass uses the memory of the first again.
    let found = on_ranks(3, 1, |rank, ranks| {
        let mut all = Vec::new();
        for factor in [1.0, 2.0] {
            let mut gradients = gradients(&sizes);
            ranks
                .sum_during(&mut gradients, &never, |gradients, completed| {
                    for weight in (0..sizes.len()).rev() {
                        if let Some(range) = gradients.place(weight) {
                            let values = own(rank, range.len());
                            let target = gradients.arena_mut()[range].iter_mut();
                            target.zip(values).for_each(|(to, value)| *to = factor * value);
                        }
                        completed(gradients, weight)?;
                    }
                    Ok(())
                })
                .unwrap();
            all.push(gradients);
        }
        all
    });
    for all in found {
        for (factor, gradients) in [1.0, 2.0].into_iter().zip(all) {
            for (weight, (len, _)) in sizes.into_iter().enumerate().filter(|(_, (_, list))| !list) {
                let mut expected: Vec<f32> = own(0, len).iter().map(|value| factor * value).collect();
                for rank in 1..3 {
                    let values = own(rank, len);
                    expected.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
                }
                let Some(Gradient::Dense(sums)) = gradients.get(weight) else { panic!() };
                assert!(
                    sums.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()),
                    "weight {weight}"
                );
            }
        }
    }
}

#[test]
fn sums_are_under_way_before_the_backward_pass_is_done() {
    let never = AtomicBool::new(false);
    let sizes = [(300_000, false), (300_000, false)];
    let meetings = Arc::new(AtomicUsize::new(0));
    let summed = counted(2, 0, &meetings, |_, ranks| {
        let mut gradients = gradients(&sizes);
        ranks
            .sum_during(&mut gradients, &never, |gradients, completed| {
                completed(gradients, 1)?;
                let begun = Instant::now();
                while meetings.load(Ordering::SeqCst) == 0 && begun.elapsed() < Duration::from_secs(60) {
                    thread::yield_now();
                }
                let under_way = meetings.load(Ordering::SeqCst) > 0;
                completed(gradients, 0)?;
                if under_way { Ok(()) } else { Err(Error::native("Nothing was sent")) }
            })
            .is_ok()
    });
    assert_eq!(summed, [true, true]);
}

#[test]
fn a_backward_pass_that_fails_leaves_no_sum_under_way() {
    let never = AtomicBool::new(false);
    let sizes = [(300_000, false), (300_000, false)];
    let errors = on_ranks(2, 0, |_, ranks| {
        let mut gradients = gradients(&sizes);
        let failed = ranks.sum_during(&mut gradients, &never, |gradients, completed| {
            completed(gradients, 1)?;
            Err(Error::memory("no luck"))
        });
        // The ranks are still at the same place.
        let mut values = vec![1.0; 3];
        ranks.sum(&mut values, &never).unwrap();
        (failed.unwrap_err().to_string(), values)
    });
    for (error, values) in errors {
        assert!(error.contains("no luck"), "{error}");
        assert_eq!(values, [2.0; 3]);
    }
}
