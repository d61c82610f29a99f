//! The fused cells against the reference in float64, and their independence of threads and of other rows.

use proptest::prelude::*;

use super::{PackedCell, cell_backward, cell_forward, cell_sizes, pack_cell, segment_sizes, token_workspace};
use crate::simd::{Detected, Pairs};
use crate::tests::{levels, noise, serial};
use crate::{
    Activation, CellBackward, CellForward, CellInput, CellKind, CellSpec, CellWeights, Precision, RowOrder,
    Scalar, pool,
};

const KINDS: [CellKind; 4] = [
    CellKind::Rnn,
    CellKind::Lstm,
    CellKind::Gru { reset_after: true },
    CellKind::Gru { reset_after: false },
];

/// A cell, its weights, and a batch.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    spec: CellSpec,
    steps: Vec<usize>,
    initial: bool,
    bias: bool,
    /// Rows of a table that the tokens choose from; 0 for input without tokens.
    vocabulary: usize,
    /// Whether the input is the tokens' rows rather than the tokens.
    gathered: bool,
    /// Steps of the segments whose gates are computed again.
    segment: Option<usize>,
    seed: u64,
}

/// Everything that the two passes compute.
#[derive(Debug, PartialEq)]
pub(crate) struct Results<T> {
    y: Vec<T>,
    c_last: Vec<T>,
    dx: Vec<T>,
    dh0: Vec<T>,
    dc0: Vec<T>,
    d_kernel: Vec<T>,
    d_recurrent: Vec<T>,
    d_bias: Vec<T>,
}

fn spec(kind: CellKind, input: usize, hidden: usize) -> CellSpec {
    CellSpec::new(kind, input, hidden, Activation::Tanh, Activation::Sigmoid).unwrap()
}

fn even(time: usize, batch: usize) -> Vec<usize> {
    (0..=time).map(|t| t * batch).collect()
}

fn packed_steps(counts: &[usize]) -> Vec<usize> {
    std::iter::once(0)
        .chain(counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }))
        .collect()
}

impl Problem {
    fn new(spec: CellSpec, steps: Vec<usize>) -> Self {
        Self {
            spec,
            steps,
            initial: true,
            bias: true,
            vocabulary: 0,
            gathered: false,
            segment: None,
            seed: 1,
        }
    }

    fn values<T: Scalar>(&self, which: u64, length: usize, scale: f64) -> Vec<T> {
        noise(self.seed * 100 + which, length)
            .into_iter()
            .map(|x| T::from_f32((f64::from(x) * scale) as f32))
            .collect()
    }

    /// The tokens of so many rows.
    fn ids(&self, rows: usize) -> Vec<u32> {
        (0..rows).map(|row| (row * row + row / 3) as u32 % self.vocabulary.max(1) as u32).collect()
    }

    /// Runs both passes with the given functions.
    fn run<T: Scalar, P>(
        &self,
        pack: impl FnOnce(CellWeights<'_, T>) -> P,
        sizes: crate::CellSizes,
        tokens: impl Fn(usize) -> usize,
        forward: impl Fn(&P, CellForward<'_, T>),
        backward: impl Fn(&P, CellBackward<'_, T>),
    ) -> Results<T> {
        let Self { spec, steps, .. } = self;
        let rows = *steps.last().unwrap();
        let batch = steps.get(1).copied().unwrap_or(0);
        let state = batch * spec.hidden();
        let scale = 1.5 / (spec.hidden() as f64).sqrt();
        let kernel = self.values::<T>(1, spec.kernel_len(), 1.5 / (spec.input() as f64).sqrt());
        let recurrent = self.values::<T>(2, spec.recurrent_len(), scale);
        let bias = self.values::<T>(3, spec.bias_len(), 0.5);
        let ids = self.ids(rows);
        let matrix = if self.vocabulary > 0 { self.vocabulary } else { rows };
        let matrix = self.values::<T>(4, matrix * spec.input(), 1.0);
        let rows_of_tokens = |&id: &u32| matrix[id as usize * spec.input()..][..spec.input()].to_vec();
        let gathered: Vec<T> =
            if self.gathered { ids.iter().flat_map(rows_of_tokens).collect() } else { Vec::new() };
        let x = match (self.vocabulary, self.gathered) {
            (0, _) => CellInput::Rows(&matrix[..]),
            (_, true) => CellInput::Rows(&gathered),
            (_, false) => CellInput::Tokens { table: &matrix, ids: &ids },
        };
        let tokens = tokens(self.vocabulary);
        let (h0, c0) = (self.values::<T>(5, state, 1.0), self.values::<T>(6, state, 1.0));
        let (dy, dc_last) = (self.values::<T>(7, rows * spec.hidden(), 1.0), self.values::<T>(8, state, 1.0));
        let (h0, c0) = (self.initial.then_some(&h0[..]), self.initial.then_some(&c0[..]));
        let packed = pack(CellWeights {
            kernel: &kernel,
            recurrent: &recurrent,
            bias: self.bias.then_some(&bias[..]),
        });
        let nan = T::from_f64(f64::NAN);
        let mut stash = vec![nan; sizes.stash];
        let mut workspace = vec![nan; sizes.forward_workspace + tokens];
        let mut results = Results {
            y: vec![nan; rows * spec.hidden()],
            c_last: vec![T::ZERO; state],
            dx: vec![nan; x.matrix().len()],
            dh0: vec![T::ZERO; state],
            dc0: vec![T::ZERO; state],
            d_kernel: vec![T::ONE; spec.kernel_len()],
            d_recurrent: vec![T::ONE; spec.recurrent_len()],
            d_bias: vec![T::ONE; spec.bias_len()],
        };
        for training in [false, true] {
            let before = results.y.clone();
            forward(
                &packed,
                CellForward {
                    steps,
                    x,
                    x_order: RowOrder::Packed,
                    h0,
                    c0,
                    y: &mut results.y,
                    y_order: RowOrder::Packed,
                    c_last: Some(&mut results.c_last),
                    stash: training.then_some(&mut stash[..]),
                    segment: self.segment,
                    workspace: &mut workspace,
                    cancel: None,
                },
            );
            let same = before.iter().zip(&results.y).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
            assert!(!training || same, "inference and training differ");
            workspace.fill(nan);
        }
        let mut workspace = vec![nan; sizes.backward_workspace + tokens];
        backward(
            &packed,
            CellBackward {
                steps,
                x,
                h0,
                c0,
                y: &results.y,
                stash: &mut stash,
                segment: self.segment,
                dy: &dy,
                dc_last: self.initial.then_some(&dc_last[..]),
                dx: Some(&mut results.dx),
                dh0: Some(&mut results.dh0),
                dc0: Some(&mut results.dc0),
                d_kernel: &mut results.d_kernel,
                d_recurrent: &mut results.d_recurrent,
                d_bias: Some(&mut results.d_bias),
                workspace: &mut workspace,
                cancel: None,
            },
        );
        results
    }

    fn run_at(&self, level: Detected) -> Results<f32> {
        self.run_in(level, Precision::Float32)
    }

    fn run_in(&self, level: Detected, precision: Precision) -> Results<f32> {
        let rows = *self.steps.last().unwrap();
        let batch = self.steps.get(1).copied().unwrap_or(0);
        self.run::<f32, PackedCell>(
            |weights| {
                let mut packed = None;
                pack_cell(level, &self.spec, weights, true, precision, &mut packed).unwrap();
                packed.unwrap()
            },
            match self.segment {
                None => cell_sizes(level, &self.spec, rows, batch),
                Some(segment) => {
                    segment_sizes(level, &self.spec, [rows, batch, self.steps.len() - 1], segment)
                }
            }
            .unwrap(),
            |vocabulary| token_workspace(level, &self.spec, vocabulary).unwrap(),
            |packed, io| cell_forward(&self.spec, packed, io),
            |packed, io| cell_backward(&self.spec, packed, io),
        )
    }

    fn run_reference(&self) -> Results<f64> {
        self.run_reference_in(Precision::Float32)
    }

    fn run_reference_in(&self, precision: Precision) -> Results<f64> {
        let rows = *self.steps.last().unwrap();
        let batch = self.steps.get(1).copied().unwrap_or(0);
        self.run::<f64, <f64 as Scalar>::PackedCell>(
            |weights| {
                let mut packed = None;
                f64::pack_cell(&self.spec, weights, true, precision, &mut packed).unwrap();
                packed.unwrap()
            },
            f64::cell_sizes(&self.spec, rows, batch).unwrap(),
            |vocabulary| f64::token_workspace(&self.spec, vocabulary).unwrap(),
            |packed, io| f64::cell_forward(&self.spec, packed, io),
            |packed, io| f64::cell_backward(&self.spec, packed, io),
        )
    }

    fn check(&self) {
        let exact = self.run_reference();
        for level in levels() {
            let got = self.run_at(level);
            let compare = |name: &str, got: &[f32], exact: &[f64]| {
                let scale = exact.iter().fold(1.0f64, |m, x| m.max(x.abs()));
                for (i, (got, exact)) in got.iter().zip(exact).enumerate() {
                    let error = (f64::from(*got) - exact).abs() / scale;
                    assert!(error < 2e-5, "{name}[{i}] at {level} is {got}, not {exact}: {self:?}");
                }
            };
            compare("y", &got.y, &exact.y);
            compare("c_last", &got.c_last, &exact.c_last);
            compare("dx", &got.dx, &exact.dx);
            compare("dh0", &got.dh0, &exact.dh0);
            compare("dc0", &got.dc0, &exact.dc0);
            compare("d_kernel", &got.d_kernel, &exact.d_kernel);
            compare("d_recurrent", &got.d_recurrent, &exact.d_recurrent);
            compare("d_bias", &got.d_bias, &exact.d_bias);
        }
    }
}

#[test]
fn awkward_sizes_match_the_reference() {
    let _serial = serial();
    pool::set_threads(2).unwrap();
    for kind in KINDS {
        for size in [1, 7, 17, 33, 65] {
            Problem::new(spec(kind, size, size), even(3, size)).check();
            Problem::new(spec(kind, 3, size), even(1, 5)).check();
            Problem::new(spec(kind, size, 9), even(5, 1)).check();
        }
        Problem::new(spec(kind, 70, 130), even(4, 50)).check();
        Problem::new(spec(kind, 2, 20), even(300, 2)).check();
        Problem::new(spec(kind, 4, 260), even(3, 1)).check();
    }
}

/// The largest difference from the reference, and the root of the mean square: where a number is near a tie, the kernel
/// and the reference may round it differently, by one part in 256.
fn differences(got: &Results<f32>, exact: &Results<f64>) -> [f64; 2] {
    let pairs = [
        (&got.y, &exact.y),
        (&got.c_last, &exact.c_last),
        (&got.dx, &exact.dx),
        (&got.dh0, &exact.dh0),
        (&got.dc0, &exact.dc0),
        (&got.d_kernel, &exact.d_kernel),
        (&got.d_recurrent, &exact.d_recurrent),
        (&got.d_bias, &exact.d_bias),
    ];
    let (mut most, mut square) = (0.0f64, 0.0f64);
    for (got, exact) in pairs {
        let scale = exact.iter().fold(1.0f64, |m, x| m.max(x.abs()));
        let errors = got.iter().zip(exact).map(|(got, exact)| (f64::from(*got) - exact).abs() / scale);
        let squares = errors.map(|error| {
            most = most.max(error);
            error * error
        });
        square = square.max(squares.sum::<f64>() / got.len().max(1) as f64);
    }
    [most, square.sqrt()]
}

#[test]
fn bfloat16_matches_its_reference() {
    let _serial = serial();
    pool::set_threads(2).unwrap();
    for kind in KINDS {
        for (input, hidden, steps) in [
            (1, 1, even(3, 1)),
            (7, 17, even(3, 5)),
            (33, 65, even(9, 4)),
            (70, 130, even(4, 50)),
            (600, 40, even(3, 20)),
            (4, 260, even(3, 1)),
        ] {
            let problem = Problem::new(spec(kind, input, hidden), steps);
            let [reference, full] =
                [Precision::Bfloat16, Precision::Float32].map(|it| problem.run_reference_in(it));
            let level = levels().into_iter().find(|&level| Pairs::new(level).is_some());
            let Some(level) = level else { continue };
            let got = problem.run_in(level, Precision::Bfloat16);
            let [[most, mean], [_, other]] = [&reference, &full].map(|exact| differences(&got, exact));
            assert!(most < 4e-3 && mean < 5e-4, "{most} {mean}: {problem:?}");
            // That of float32 is further away, so the factors were rounded.
            assert!(mean < other / 2.0, "{mean} {other}: {problem:?}");
            pool::set_threads(1).unwrap();
            let alone = problem.run_in(level, Precision::Bfloat16);
            pool::set_threads(2).unwrap();
            assert_eq!((got.y, got.dx, got.d_recurrent), (alone.y, alone.dx, alone.d_recurrent));
        }
    }
}

#[test]
fn empty_batches_and_no_steps_do_nothing() {
    let _serial = serial();
    for kind in KINDS {
        for steps in [vec![0], vec![0, 0], vec![0, 0, 0]] {
            let problem = Problem::new(spec(kind, 3, 5), steps);
            for level in levels() {
                let results = problem.run_at(level);
                assert!(results.d_kernel.iter().chain(&results.d_bias).all(|&d| d == 1.0));
            }
            problem.check();
        }
    }
}

#[test]
fn ragged_batches_match_the_reference() {
    let _serial = serial();
    pool::set_threads(2).unwrap();
    for kind in KINDS {
        for counts in [&[3, 2, 1][..], &[9, 9, 4, 4, 1, 1, 1], &[60, 51, 20, 3, 2, 0], &[1, 1, 0, 0]] {
            let mut problem = Problem::new(spec(kind, 6, 40), packed_steps(counts));
            problem.check();
            problem.initial = false;
            problem.bias = false;
            problem.check();
        }
    }
}

#[test]
fn other_activations_match_the_reference() {
    let _serial = serial();
    use Activation::*;
    for kind in KINDS {
        for (state, gate) in [
            (Relu, Sigmoid),
            (Tanh, HardSigmoid),
            (Tanh, HardSigmoidKeras2),
            (Softsign, Sigmoid),
            (Elu, Sigmoid),
            (Selu, HardSigmoid),
            (Relu6, Sigmoid),
            (LeakyRelu, Tanh),
            (Linear, Tanh),
            (HardSigmoid, Relu),
        ] {
            let spec = CellSpec::new(kind, 5, 19, state, gate).unwrap();
            Problem::new(spec, even(4, 6)).check();
        }
        // Gates without a bound grow from step to step, soon beyond all single-precision numbers.
        let spec = CellSpec::new(kind, 5, 19, Tanh, Exponential).unwrap();
        Problem::new(spec, even(1, 6)).check();
    }
}

#[test]
fn does_not_depend_on_threads() {
    let _serial = serial();
    for level in levels() {
        for kind in KINDS {
            for (hidden, counts) in
                [(70, &[37, 37, 20, 8, 1][..]), (12, &[300, 300, 180, 2]), (300, &[2, 2, 1])]
            {
                let problem = Problem::new(spec(kind, 33, hidden), packed_steps(counts));
                let results = [1, 2, 3, 5].map(|threads| {
                    pool::set_threads(threads).unwrap();
                    problem.run_at(level)
                });
                for other in &results[1..] {
                    assert!(*other == results[0], "{kind:?} of {hidden} at {level}");
                }
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_the_others() {
    let _serial = serial();
    pool::set_threads(2).unwrap();
    for level in levels() {
        for kind in KINDS {
            for hidden in [5, 50] {
                let (time, input) = (6, 8);
                let spec = spec(kind, input, hidden);
                let mut packed = None;
                let weights = [1, 2, 3].map(|i| noise(i, 100_000));
                let weights = CellWeights {
                    kernel: &weights[0][..spec.kernel_len()],
                    recurrent: &weights[1][..spec.recurrent_len()],
                    bias: Some(&weights[2][..spec.bias_len()]),
                };
                pack_cell(level, &spec, weights, false, Precision::Float32, &mut packed).unwrap();
                let packed = packed.unwrap();
                let sequences = noise(9, 100 * time * input);
                // Output of a sequence at a place in a batch of others.
                let run = |batch: usize, place: usize| {
                    let mut x = noise(batch as u64, time * batch * input);
                    for t in 0..time {
                        x[(t * batch + place) * input..][..input]
                            .copy_from_slice(&sequences[t * input..][..input]);
                    }
                    let sizes = cell_sizes(level, &spec, time * batch, batch).unwrap();
                    let mut y = vec![0.0; time * batch * hidden];
                    cell_forward(
                        &spec,
                        &packed,
                        CellForward {
                            steps: &even(time, batch),
                            x: CellInput::Rows(&x),
                            x_order: RowOrder::Packed,
                            h0: None,
                            c0: None,
                            y: &mut y,
                            y_order: RowOrder::Packed,
                            c_last: None,
                            stash: None,
                            segment: None,
                            workspace: &mut vec![0.0; sizes.forward_workspace],
                            cancel: None,
                        },
                    );
                    (0..time)
                        .flat_map(|t| y[(t * batch + place) * hidden..][..hidden].to_vec())
                        .collect::<Vec<_>>()
                };
                let alone = run(1, 0);
                for (batch, place) in [(2, 1), (3, 0), (5, 4), (16, 7), (31, 30), (65, 64)] {
                    assert_eq!(run(batch, place), alone, "{kind:?}, row {place} of {batch} at {level}");
                }
            }
        }
    }
}

#[test]
fn output_may_go_to_sequences() {
    let _serial = serial();
    for level in levels() {
        for kind in KINDS {
            for (hidden, time, batch) in [(40, 7, 1), (20, 1, 5), (33, 4, 37), (9, 9, 64)] {
                let spec = spec(kind, 6, hidden);
                let weights = [1, 2, 3].map(|i| noise(i, 100_000));
                let weights = CellWeights {
                    kernel: &weights[0][..spec.kernel_len()],
                    recurrent: &weights[1][..spec.recurrent_len()],
                    bias: Some(&weights[2][..spec.bias_len()]),
                };
                let mut packed = None;
                pack_cell(level, &spec, weights, false, Precision::Float32, &mut packed).unwrap();
                let packed = packed.unwrap();
                let (x, rows) = (noise(9, time * batch * 6), time * batch);
                let sizes = cell_sizes(level, &spec, rows, batch).unwrap();
                let run = |y_order| {
                    let mut y = vec![f32::NAN; rows * hidden];
                    let io = CellForward {
                        steps: &even(time, batch),
                        x: CellInput::Rows(&x),
                        x_order: RowOrder::Packed,
                        h0: None,
                        c0: None,
                        y: &mut y,
                        y_order,
                        c_last: None,
                        stash: None,
                        segment: None,
                        workspace: &mut vec![f32::NAN; sizes.forward_workspace],
                        cancel: None,
                    };
                    cell_forward(&spec, &packed, io);
                    y
                };
                for threads in [1, 2, 3] {
                    pool::set_threads(threads).unwrap();
                    let packed = run(RowOrder::Packed);
                    for backwards in [false, true] {
                        let sequences = run(RowOrder::Sequences { backwards });
                        for (i, row) in sequences.chunks_exact(hidden).enumerate() {
                            let (sequence, at) = (i / time, i % time);
                            let step = if backwards { time - 1 - at } else { at };
                            let expected = &packed[(step * batch + sequence) * hidden..][..hidden];
                            assert_eq!(row, expected, "{kind:?} {batch} x {time} at {level}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_set_flag_stops_both_passes() {
    let _serial = serial();
    let cancel = std::sync::atomic::AtomicBool::new(true);
    let spec = spec(CellKind::Lstm, 4, 40);
    let problem = Problem::new(spec, even(9, 33));
    let cancel = Some(&cancel);
    let mut packed = None;
    let zeros = vec![0.0; spec.recurrent_len()];
    let weights = CellWeights { kernel: &zeros[..spec.kernel_len()], recurrent: &zeros, bias: None };
    f32::pack_cell(&spec, weights, true, Precision::Float32, &mut packed).unwrap();
    let sizes = f32::cell_sizes(&spec, 9 * 33, 33).unwrap();
    let results = problem.run::<f32, PackedCell>(
        |_| packed.take().unwrap(),
        sizes,
        |_| 0,
        |packed, io| f32::cell_forward(&spec, packed, CellForward { cancel, ..io }),
        |packed, io| f32::cell_backward(&spec, packed, CellBackward { cancel, ..io }),
    );
    assert!(results.d_kernel.iter().all(|&d| d == 1.0) && results.dx.iter().all(|d| d.is_nan()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_shape_matches_the_reference(
        kind in prop::sample::select(&KINDS[..]),
        input in 1usize..40,
        hidden in 1usize..70,
        mut counts in prop::collection::vec(0usize..50, 1..8),
        initial: bool,
        bias: bool,
        vocabulary in 0usize..9,
        segment in prop::option::of(1usize..9),
        seed in 0u64..1000,
        threads in 1usize..4,
    ) {
        let _serial = serial();
        pool::set_threads(threads).unwrap();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        Problem { spec: spec(kind, input, hidden), steps: packed_steps(&counts), initial, bias, vocabulary, gathered: false, segment, seed }.check();
    }
}

#[path = "token_tests.rs"]
mod tokens;

#[path = "segment_tests.rs"]
mod segments;
