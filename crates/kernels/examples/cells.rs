//! Speed of the fused cells: `cargo run --release --example cells -p seqloom-kernels [rounds]`.
//!
//! Prints for each cell and size the best time of a forward pass (inference) and of a training step (forward, then
//! backward with the gradient of the input), with the share of what the FMA units can do at most, measured first.
#![allow(clippy::print_stdout, reason = "a program that prints what it measures")]

use std::time::Instant;

use seqloom_kernels::{
    Activation, AlignedVec, CellBackward, CellForward, CellKind, CellSpec, CellWeights, OutOfMemory, Scalar,
    pool, simd,
};

struct Bench {
    name: &'static str,
    spec: CellSpec,
    steps: Vec<usize>,
    packed: <f32 as Scalar>::PackedCell,
    x: AlignedVec<f32>,
    y: AlignedVec<f32>,
    dx: AlignedVec<f32>,
    stash: AlignedVec<f32>,
    workspace: AlignedVec<f32>,
    d_kernel: AlignedVec<f32>,
    d_recurrent: AlignedVec<f32>,
    d_bias: AlignedVec<f32>,
    best: [f64; 3],
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
        (batch, time, size): (usize, usize, usize),
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let spec = CellSpec::new(kind, size, size, Activation::Tanh, Activation::Sigmoid)?;
        let scale = 1.0 / (size as f32).sqrt();
        let weights = CellWeights {
            kernel: &filled(spec.kernel_len(), scale)?,
            recurrent: &filled(spec.recurrent_len(), scale)?,
            bias: Some(&filled(spec.bias_len(), scale)?),
        };
        let mut packed = None;
        f32::pack_cell(&spec, weights, true, &mut packed)?;
        let rows = batch * time;
        let sizes = f32::cell_sizes(&spec, rows, batch).ok_or("too large")?;
        Ok(Self {
            name,
            spec,
            steps: (0..=time).map(|t| t * batch).collect(),
            packed: packed.ok_or("not packed")?,
            x: filled(rows * size, 1.0)?,
            y: filled(rows * size, 1.0)?,
            dx: filled(rows * size, 1.0)?,
            stash: AlignedVec::try_new(sizes.stash)?,
            workspace: AlignedVec::try_new(sizes.forward_workspace.max(sizes.backward_workspace))?,
            d_kernel: AlignedVec::try_new(spec.kernel_len())?,
            d_recurrent: AlignedVec::try_new(spec.recurrent_len())?,
            d_bias: AlignedVec::try_new(spec.bias_len())?,
            best: [f64::INFINITY; 3],
        })
    }

    fn forward(&mut self, training: bool) -> f64 {
        let start = Instant::now();
        let io = CellForward {
            steps: &self.steps,
            x: &self.x,
            h0: None,
            c0: None,
            y: &mut self.y,
            c_last: None,
            stash: training.then_some(&mut self.stash[..]),
            workspace: &mut self.workspace,
            cancel: None,
        };
        f32::cell_forward(&self.spec, &self.packed, io);
        start.elapsed().as_secs_f64()
    }

    fn backward(&mut self) -> f64 {
        let start = Instant::now();
        let io = CellBackward {
            steps: &self.steps,
            x: &self.x,
            h0: None,
            c0: None,
            y: &self.y,
            stash: &mut self.stash,
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
        let infer = self.forward(false);
        let forward = self.forward(true);
        let backward = self.backward();
        for (best, time) in self.best.iter_mut().zip([infer, forward, forward + backward]) {
            *best = best.min(time);
        }
    }

    fn report(&self, (batch, time, size): (usize, usize, usize), peak: f64) {
        let flops = 2.0 * (batch * time * self.spec.gates() * size * 2 * size) as f64;
        let [infer, forward, train] = self.best;
        let share = |work: f64, seconds: f64| 100.0 * work / seconds / 1e9 / peak;
        println!(
            "{:5} batch {batch:3} time {time:3} size {size:4}: infer {:9.3} ms ({:3.0}%), forward {:9.3} ms ({:3.0}%), \
             train {:9.3} ms ({:3.0}%, {:6.1} GFLOP/s)",
            self.name,
            infer * 1e3,
            share(flops, infer),
            forward * 1e3,
            share(flops, forward),
            train * 1e3,
            share(3.0 * flops, train),
            3.0 * flops / train / 1e9
        );
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rounds = std::env::args().nth(1).map_or(Ok(20), |n| n.parse())?;
    let threads = pool::threads()?;
    // Two cores of the machine this was tuned on; elsewhere the shares only compare rows with one another.
    let peak = 102.0 * threads as f64;
    println!("{} level, {threads} threads, shares of {peak} GFLOP/s", simd::level()?);
    let cells = [
        ("lstm", CellKind::Lstm),
        ("gru", CellKind::Gru { reset_after: true }),
        ("gru-b", CellKind::Gru { reset_after: false }),
        ("rnn", CellKind::Rnn),
    ];
    for shape in [(1, 100, 128), (1, 100, 256), (16, 64, 64), (32, 64, 128), (32, 64, 256), (64, 64, 512)] {
        for (name, kind) in cells {
            let mut bench = Bench::new(name, kind, shape)?;
            for _ in 0..rounds {
                bench.round();
            }
            bench.report(shape, peak);
        }
    }
    Ok(())
}
