use super::int8::{int8_workspace, pack_for};
use super::{PackedCell, cell_forward, cell_sizes};
use crate::int8::{Int8Matrix, available};
use crate::reference::{activate, gemm_int8};
use crate::tests::{levels, noise, serial};
use crate::{
    Activation, CellForward, CellInput, CellKind, CellMatrix, CellSpec, Int8CellWeights, Matrix, MatrixMut,
    RowOrder, pool, quantize,
};

const KINDS: [CellKind; 4] = [
    CellKind::Rnn,
    CellKind::Lstm,
    CellKind::Gru { reset_after: true },
    CellKind::Gru { reset_after: false },
];

struct Problem {
    spec: CellSpec,
    kernel: (Vec<i8>, Vec<f32>),
    recurrent: (Vec<i8>, Vec<f32>),
    bias: Vec<f32>,
    steps: Vec<usize>,
    x: Vec<f32>,
    h0: Vec<f32>,
    c0: Vec<f32>,
}

fn columns(seed: u64, rows: usize, columns: usize) -> (Vec<i8>, Vec<f32>) {
    let numbers = noise(seed, rows * columns);
    let mut values = vec![0; rows * columns];
    let size = 2.0 / (rows as f32).sqrt();
    let scales = (0..columns)
        .map(|column| {
            let channel = numbers[column..].iter().step_by(columns).map(|x| x * size);
            quantize(channel, |row, value| values[row * columns + column] = value)
        })
        .collect();
    (values, scales)
}

fn int8<'a>(matrix: CellMatrix<'a, f32>) -> Int8Matrix<'a> {
    let CellMatrix::Int8(matrix) = matrix else { panic!("no integers") };
    matrix
}

impl Problem {
    fn new(kind: CellKind, input: usize, hidden: usize, counts: &[usize]) -> Self {
        let spec = CellSpec::new(kind, input, hidden, Activation::Tanh, Activation::Sigmoid).unwrap();
        let mut steps = vec![0];
        counts.iter().for_each(|count| steps.push(steps[steps.len() - 1] + count));
        let (rows, batch) = (*steps.last().unwrap(), counts[0]);
        Self {
            spec,
            kernel: columns(1, input, spec.gates() * hidden),
            recurrent: columns(2, hidden, spec.gates() * hidden),
            bias: noise(3, spec.bias_len()),
            steps,
            x: noise(4, rows * input),
            h0: noise(5, batch * hidden),
            c0: noise(6, batch * hidden),
        }
    }

    fn weights(&self) -> Int8CellWeights<'_, f32> {
        let columns = self.spec.gates() * self.spec.hidden();
        let matrix = |(values, scales), rows| Int8Matrix { values, scales, rows, columns, transposed: false };
        Int8CellWeights {
            kernel: CellMatrix::Int8(matrix((&self.kernel.0[..], &self.kernel.1[..]), self.spec.input())),
            recurrent: CellMatrix::Int8(matrix(
                (&self.recurrent.0[..], &self.recurrent.1[..]),
                self.spec.hidden(),
            )),
            bias: Some(&self.bias),
        }
    }

    /// h of every row, and the last c.
    fn run(&self, packed: &PackedCell) -> (Vec<f32>, Vec<f32>) {
        self.run_in(packed, &self.x, RowOrder::Packed, RowOrder::Packed)
    }

    fn run_in(
        &self,
        packed: &PackedCell,
        x: &[f32],
        x_order: RowOrder,
        y_order: RowOrder,
    ) -> (Vec<f32>, Vec<f32>) {
        let (rows, batch) = (*self.steps.last().unwrap(), self.steps[1]);
        let sizes = cell_sizes(packed.level, &self.spec, rows, batch).unwrap();
        let words = sizes.forward_workspace + int8_workspace(&self.spec, rows).unwrap();
        let (mut y, mut c_last) = (vec![f32::NAN; rows * self.spec.hidden()], vec![0.0; self.c0.len()]);
        let io = CellForward {
            steps: &self.steps,
            x: CellInput::Rows(x),
            x_order,
            h0: Some(&self.h0),
            c0: Some(&self.c0),
            y: &mut y,
            y_order,
            c_last: Some(&mut c_last),
            stash: None,
            segment: None,
            workspace: &mut vec![f32::NAN; words],
            cancel: None,
        };
        cell_forward(&self.spec, packed, io);
        (y, c_last)
    }

    /// The same by the equations, one step after another.
    fn expected(&self) -> (Vec<f32>, Vec<f32>) {
        let (spec, weights) = (&self.spec, self.weights());
        let (n, gates) = (spec.hidden(), spec.gates());
        let product = |x: &[f32], matrix: Int8Matrix<'_>| {
            let rows = x.len() / matrix.rows;
            let mut y = vec![0.0; rows * matrix.columns];
            let into = MatrixMut::new(&mut y, rows, matrix.columns);
            gemm_int8(Matrix::new(x, rows, matrix.rows), matrix, into, false);
            y
        };
        let sigmoid = |x: f32| activate(Activation::Sigmoid, x);
        let (mut h, mut c) = (self.h0.clone(), self.c0.clone());
        let (mut y, mut c_last) = (Vec::new(), self.c0.clone());
        for step in self.steps.windows(2) {
            let count = step[1] - step[0];
            let from_x =
                product(&self.x[step[0] * spec.input()..step[1] * spec.input()], int8(weights.kernel));
            h.truncate(count * n);
            let from_h = product(&h, int8(weights.recurrent));
            let at = |row: usize, gate: usize, unit: usize| (row * gates + gate) * n + unit;
            let x_side = |row, gate, unit| from_x[at(row, gate, unit)] + self.bias[gate * n + unit];
            let sum = |row, gate, unit| x_side(row, gate, unit) + from_h[at(row, gate, unit)];
            let mut next = vec![0.0; count * n];
            match spec.kind() {
                CellKind::Rnn => {
                    for (i, next) in next.iter_mut().enumerate() {
                        *next = sum(i / n, 0, i % n).tanh();
                    }
                }
                CellKind::Lstm => {
                    for (i, next) in next.iter_mut().enumerate() {
                        let gate = |gate| sum(i / n, gate, i % n);
                        c[i] = sigmoid(gate(1)) * c[i] + sigmoid(gate(0)) * gate(2).tanh();
                        *next = sigmoid(gate(3)) * c[i].tanh();
                    }
                    c_last[..count * n].copy_from_slice(&c[..count * n]);
                }
                CellKind::Gru { reset_after } => {
                    let more = |gate: usize, unit: usize| {
                        if reset_after { self.bias[(3 + gate) * n + unit] } else { 0.0 }
                    };
                    let gate = |i: usize, gate| sigmoid(sum(i / n, gate, i % n) + more(gate, i % n));
                    let reset: Vec<f32> = (0..count * n).map(|i| gate(i, 1) * h[i]).collect();
                    let before = product(&reset, int8(weights.recurrent));
                    for (i, next) in next.iter_mut().enumerate() {
                        let (row, unit) = (i / n, i % n);
                        let side = if reset_after {
                            gate(i, 1) * (from_h[at(row, 2, unit)] + more(2, unit))
                        } else {
                            before[at(row, 2, unit)]
                        };
                        let candidate = (x_side(row, 2, unit) + side).tanh();
                        *next = gate(i, 0) * h[i] + (1.0 - gate(i, 0)) * candidate;
                    }
                }
            }
            h = next;
            y.extend_from_slice(&h);
        }
        (y, c_last)
    }
}

/// The problem's weights for every way to multiply that this machine has.
fn each_packed(problem: &Problem) -> Vec<PackedCell> {
    let pack = |level, unit| {
        let mut packed = None;
        pack_for(unit, level, &problem.spec, problem.weights(), &mut packed).unwrap();
        packed.unwrap()
    };
    levels()
        .into_iter()
        .flat_map(|level| available(level).into_iter().map(move |unit| pack(level, unit)))
        .collect()
}

#[test]
fn cells_with_int8_weights_follow_their_equations() {
    let _serial = serial();
    pool::set_threads(2).unwrap();
    for kind in KINDS {
        for (input, hidden, counts) in [
            (1, 1, &[1, 1][..]),
            (7, 17, &[5, 5, 3, 1]),
            (33, 65, &[1, 1, 1]),
            (3, 40, &[60, 51, 20, 3]),
            (64, 130, &[3, 2]),
            (5, 300, &[50, 50]),
        ] {
            let problem = Problem::new(kind, input, hidden, counts);
            let (y, c) = problem.expected();
            for packed in each_packed(&problem) {
                let (got, got_c) = problem.run(&packed);
                // A gate that differs in its last bit may round a number of the next step to the integer beside.
                let c = if kind == CellKind::Lstm { &c[..] } else { &[] };
                for (got, expected) in got.iter().zip(&y).chain(got_c.iter().zip(c)) {
                    assert!(
                        (got - expected).abs() < 4e-3,
                        "{kind:?} {input} {hidden}: {got}, not {expected}"
                    );
                }
                let first = counts[0] * hidden;
                for (got, expected) in got[..first].iter().zip(&y) {
                    assert!((got - expected).abs() < 2e-6, "the first step: {got}, not {expected}");
                }
            }
        }
    }
}

#[test]
fn do_not_depend_on_threads_nor_on_other_rows() {
    let _serial = serial();
    for kind in KINDS {
        for (hidden, counts) in [(70, &[37, 37, 20, 8, 1][..]), (12, &[300, 300, 180, 2]), (300, &[2, 2, 1])]
        {
            let problem = Problem::new(kind, 9, hidden, counts);
            let alone = Problem {
                steps: (0..=counts.len()).collect(),
                x: problem.steps[..counts.len()]
                    .iter()
                    .flat_map(|row| problem.x[row * 9..][..9].to_vec())
                    .collect(),
                h0: problem.h0[..hidden].to_vec(),
                c0: problem.c0[..hidden].to_vec(),
                ..Problem::new(kind, 9, hidden, counts)
            };
            for packed in each_packed(&problem) {
                let results = [1, 2, 3, 5].map(|threads| {
                    pool::set_threads(threads).unwrap();
                    problem.run(&packed)
                });
                assert!(results.iter().all(|result| *result == results[0]), "{kind:?} of {hidden}");
                let (y, _) = alone.run(&packed);
                for (step, y) in y.chunks_exact(hidden).enumerate() {
                    assert_eq!(
                        results[0].0[problem.steps[step] * hidden..][..hidden],
                        *y,
                        "{kind:?} of {hidden}"
                    );
                }
            }
        }
    }
}

/// Rows of `width` in a different order: those of a packed batch as sequences.
fn arranged(packed: &[f32], width: usize, [time, batch]: [usize; 2], backwards: bool) -> Vec<f32> {
    let step = |at: usize| if backwards { time - 1 - at } else { at };
    let row = |sequence: usize, at: usize| (step(at) * batch + sequence) * width;
    (0..batch * time).flat_map(|i| packed[row(i / time, i % time)..][..width].to_vec()).collect()
}

#[test]
fn sequences_are_read_and_written_where_they_lie() {
    let _serial = serial();
    for kind in KINDS {
        for (input, hidden, time, batch) in [(9, 40, 7, 1), (33, 20, 1, 5), (70, 33, 4, 37), (300, 9, 9, 64)]
        {
            let problem = Problem::new(kind, input, hidden, &vec![batch; time]);
            for packed in each_packed(&problem) {
                for threads in [1, 2, 3] {
                    pool::set_threads(threads).unwrap();
                    let (y, c) = problem.run(&packed);
                    for (from, to) in [(false, false), (false, true), (true, false), (true, true)] {
                        let x = arranged(&problem.x, input, [time, batch], from);
                        let order = |backwards| RowOrder::Sequences { backwards };
                        let got = problem.run_in(&packed, &x, order(from), order(to));
                        let expected = arranged(&y, hidden, [time, batch], to);
                        assert_eq!(
                            got,
                            (expected, c.clone()),
                            "{kind:?} {batch} x {time}, {threads} threads"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_matrix_may_stay_a_float() {
    let _serial = serial();
    pool::set_threads(2).unwrap();
    for kind in KINDS {
        let problem = Problem::new(kind, 3, 40, &[20, 20, 7, 1]);
        let weights = problem.weights();
        let floats = |(values, scales): &(Vec<i8>, Vec<f32>)| -> Vec<f32> {
            let scale = |i: usize| scales[i % scales.len()];
            values.iter().enumerate().map(|(i, &value)| f32::from(value) * scale(i)).collect()
        };
        let (kernel, recurrent) = (floats(&problem.kernel), floats(&problem.recurrent));
        let (expected, _) = problem.expected();
        for level in levels() {
            for unit in available(level) {
                for weights in [
                    Int8CellWeights { kernel: CellMatrix::Float(&kernel), ..weights },
                    Int8CellWeights { recurrent: CellMatrix::Float(&recurrent), ..weights },
                ] {
                    let mut packed = None;
                    pack_for(unit, level, &problem.spec, weights, &mut packed).unwrap();
                    let (got, _) = problem.run(&packed.unwrap());
                    // What is not rounded differs by that much.
                    let most = got.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(most < 0.05, "{kind:?}: {most}");
                }
            }
        }
    }
}
