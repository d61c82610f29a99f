//! Speed of the fused cells: `cargo run --release --example cells -p seqloom-kernels -- [arguments]`.
//!
//! Prints for each cell and shape the best and the median time of a forward pass (inference, also with int8 weights)
//! and of a training step (forward, then backward with the gradient of the input), with the share of what the FMA units
//! can do at most. Arguments choose, in any order: cells by name, shapes as `batch,time,size`, the number of rounds,
//! and `bfloat16`, which measures products of bfloat16 in turn with those of float32.
#![allow(clippy::print_stdout, reason = "a program that prints what it measures")]

use std::time::Instant;

use seqloom_kernels::{
    Activation, AlignedVec, CellBackward, CellForward, CellInput, CellKind, CellMatrix, CellSpec,
    CellWeights, Int8CellWeights, Int8Matrix, OutOfMemory, Precision, RowOrder, Scalar, pool, quantize, simd,
};

/// Batch, time, and units, which are as many as the inputs.
type Shape = (usize, usize, usize);

const CELLS: [(&str, CellKind); 4] = [
    ("lstm", CellKind::Lstm),
    ("gru", CellKind::Gru { reset_after: true }),
    ("gru-b", CellKind::Gru { reset_after: false }),
    ("rnn", CellKind::Rnn),
];

const SHAPES: [Shape; 10] = [
    (1, 100, 128),
    (1, 100, 256),
    (1, 100, 512),
    (1, 100, 1024),
    (16, 64, 64),
    (32, 64, 128),
    (32, 64, 256),
    (64, 64, 256),
    (64, 64, 512),
    (128, 32, 1024),
];

/// What the command line asks for.
struct Choice {
    cells: Vec<(&'static str, CellKind)>,
    shapes: Vec<Shape>,
    rounds: usize,
    precisions: Vec<Precision>,
}

impl Choice {
    fn from_arguments(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut choice =
            Self { cells: Vec::new(), shapes: Vec::new(), rounds: 20, precisions: vec![Precision::Float32] };
        for argument in arguments {
            let numbers: Result<Vec<usize>, _> = argument.split(',').map(str::parse).collect();
            match numbers.as_deref() {
                Ok(&[rounds]) => choice.rounds = rounds.max(1),
                Ok(&[batch, time, size]) => choice.shapes.push((batch, time, size)),
                _ if argument == "bfloat16" => {
                    simd::bfloat16().map_err(|error| error.to_string())?;
                    choice.precisions.push(Precision::Bfloat16);
                }
                _ => match CELLS.into_iter().find(|(name, _)| *name == argument) {
                    Some(cell) => choice.cells.push(cell),
                    None => return Err(format!("{argument} is no cell, no shape and no number of rounds")),
                },
            }
        }
        if choice.cells.is_empty() {
            choice.cells = CELLS.to_vec();
        }
        if choice.shapes.is_empty() {
            choice.shapes = SHAPES.to_vec();
        }
        Ok(choice)
    }
}

struct Bench {
    name: &'static str,
    precision: Precision,
    spec: CellSpec,
    steps: Vec<usize>,
    packed: <f32 as Scalar>::PackedCell,
    /// The same weights as int8.
    int8: <f32 as Scalar>::PackedCell,
    x: AlignedVec<f32>,
    y: AlignedVec<f32>,
    dx: AlignedVec<f32>,
    stash: AlignedVec<f32>,
    workspace: AlignedVec<f32>,
    d_kernel: AlignedVec<f32>,
    d_recurrent: AlignedVec<f32>,
    d_bias: AlignedVec<f32>,
    /// Seconds of each round: inference, with int8 weights, forward with a stash, training step.
    times: Vec<[f64; 4]>,
}

fn filled(length: usize, scale: f32) -> Result<AlignedVec<f32>, OutOfMemory> {
    let mut v = AlignedVec::try_new(length)?;
    v.iter_mut().enumerate().for_each(|(i, v)| *v = scale * ((i * 7919 % 2003) as f32 / 1001.0 - 1.0));
    Ok(v)
}

impl Bench {
    fn new(
        name: &'static str,
        kind: CellKind,
        (batch, time, size): Shape,
        precision: Precision,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let spec = CellSpec::new(kind, size, size, Activation::Tanh, Activation::Sigmoid)?;
        let scale = 1.0 / (size as f32).sqrt();
        let weights = CellWeights {
            kernel: &filled(spec.kernel_len(), scale)?,
            recurrent: &filled(spec.recurrent_len(), scale)?,
            bias: Some(&filled(spec.bias_len(), scale)?),
        };
        let mut packed = None;
        f32::pack_cell(&spec, weights, true, precision, &mut packed)?;
        let integers = |numbers: &[f32], rows: usize| {
            let columns = numbers.len() / rows;
            let mut values = vec![0; numbers.len()];
            let channel = |column: usize| numbers[column..].iter().step_by(columns).copied();
            let scales: Vec<f32> = (0..columns)
                .map(|column| quantize(channel(column), |row, value| values[row * columns + column] = value))
                .collect();
            (values, scales)
        };
        let (kernel, recurrent) = (integers(weights.kernel, size), integers(weights.recurrent, size));
        fn matrix((values, scales): &(Vec<i8>, Vec<f32>), rows: usize) -> Int8Matrix<'_> {
            Int8Matrix { values, scales, rows, columns: scales.len(), transposed: false }
        }
        let mut int8 = None;
        let quantized = Int8CellWeights {
            kernel: CellMatrix::Int8(matrix(&kernel, size)),
            recurrent: CellMatrix::Int8(matrix(&recurrent, size)),
            bias: weights.bias,
        };
        f32::pack_int8_cell(&spec, quantized, &mut int8)?;
        let rows = batch * time;
        let sizes = f32::cell_sizes(&spec, rows, batch).ok_or("too large")?;
        let more = f32::int8_workspace(&spec, rows).ok_or("too large")?;
        let workspace = (sizes.forward_workspace + more).max(sizes.backward_workspace);
        Ok(Self {
            name,
            precision,
            spec,
            steps: (0..=time).map(|t| t * batch).collect(),
            packed: packed.ok_or("not packed")?,
            int8: int8.ok_or("not packed")?,
            x: filled(rows * size, 1.0)?,
            y: filled(rows * size, 1.0)?,
            dx: filled(rows * size, 1.0)?,
            stash: AlignedVec::try_new(sizes.stash)?,
            workspace: AlignedVec::try_new(workspace)?,
            d_kernel: AlignedVec::try_new(spec.kernel_len())?,
            d_recurrent: AlignedVec::try_new(spec.recurrent_len())?,
            d_bias: AlignedVec::try_new(spec.bias_len())?,
            times: Vec::new(),
        })
    }

    fn forward(&mut self, training: bool, int8: bool) -> f64 {
        let start = Instant::now();
        let io = CellForward {
            steps: &self.steps,
            x: CellInput::Rows(&self.x),
            x_order: RowOrder::Packed,
            h0: None,
            c0: None,
            y: &mut self.y,
            y_order: RowOrder::Packed,
            c_last: None,
            stash: training.then_some(&mut self.stash[..]),
            segment: None,
            workspace: &mut self.workspace,
            cancel: None,
        };
        f32::cell_forward(&self.spec, if int8 { &self.int8 } else { &self.packed }, io);
        start.elapsed().as_secs_f64()
    }

    fn backward(&mut self) -> f64 {
        let start = Instant::now();
        let io = CellBackward {
            steps: &self.steps,
            x: CellInput::Rows(&self.x),
            h0: None,
            c0: None,
            y: &self.y,
            stash: &mut self.stash,
            segment: None,
            dy: &self.y,
            dc_last: None,
            dx: Some(&mut self.dx),
            dh0: None,
            dc0: None,
            d_kernel: &mut self.d_kernel,
            d_recurrent: &mut self.d_recurrent,
            d_bias: Some(&mut self.d_bias),
            workspace: &mut self.workspace,
            cancel: None,
        };
        f32::cell_backward(&self.spec, &self.packed, io);
        start.elapsed().as_secs_f64()
    }

    fn round(&mut self) {
        let infer = self.forward(false, false);
        let int8 = self.forward(false, true);
        let forward = self.forward(true, false);
        let backward = self.backward();
        self.times.push([infer, int8, forward, forward + backward]);
    }

    fn report(&self, (batch, time, size): Shape, peak: f64) {
        print!("{:5} {batch:3} x {time:3} x {size:4} {:?}", self.name, self.precision);
        let flops = 2.0 * (batch * time * self.spec.gates() * size * 2 * size) as f64;
        for (i, (what, work)) in
            [("infer", flops), ("int8", flops), ("forward", flops), ("train", 3.0 * flops)]
                .into_iter()
                .enumerate()
        {
            let mut times: Vec<f64> = self.times.iter().map(|times| times[i]).collect();
            times.sort_by(f64::total_cmp);
            let (best, median) = (times[0], times[times.len() / 2]);
            let share = 100.0 * work / best / 1e9 / peak;
            print!(" | {what} {:8.3} ({:8.3}) ms {share:3.0}%", best * 1e3, median * 1e3);
        }
        println!();
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let choice = Choice::from_arguments(std::env::args().skip(1))?;
    let threads = pool::threads()?;
    // Two cores of the machine this was tuned on; elsewhere the shares only compare rows with one another.
    let peak = 102.0 * threads as f64;
    println!("{} level, {threads} threads: best (median), share of {peak} GFLOP/s", simd::level()?);
    for &shape in &choice.shapes {
        for &(name, kind) in &choice.cells {
            let benches = choice.precisions.iter().map(|&precision| Bench::new(name, kind, shape, precision));
            let mut benches = benches.collect::<Result<Vec<_>, _>>()?;
            for _ in 0..choice.rounds {
                benches.iter_mut().for_each(Bench::round);
            }
            benches.iter().for_each(|bench| bench.report(shape, peak));
        }
    }
    Ok(())
}
