//! Speed of traced cells beside the fused ones:
//! `cargo run --release --example traced -p seqloom-graph [batch time units rounds]`.
//!
//! Prints for each cell the best and the median time of a training step (forward, then backward to weights), taking
//! turns.
#![allow(clippy::print_stdout, reason = "a program that prints what it measures")]

use seqloom_graph::{BatchData, BatchInput, BatchSequence, Executor, GraphSpec, Parameters, Record, Run};
use serde_json::{Value, json};
use std::time::Instant;

type Failure = Box<dyn std::error::Error>;

fn weight(name: &str, shape: &[usize]) -> Value {
    json!({ "name": name, "shape": shape, "trainable": true, "initializer": { "kind": "zeros" } })
}

/// The fused LSTM.
fn fused(units: usize) -> Value {
    let attributes = json!({ "units": units, "activation": "tanh", "recurrentActivation": "sigmoid", "order": "forward",
        "outputOrder": "time", "zeroOutputForMask": true });
    json!({
        "version": 1, "inputs": [{ "name": "x", "dtype": "float32", "shape": [null, null, units] }],
        "weights": [weight("kernel", &[units, 4 * units]), weight("recurrent", &[units, 4 * units]),
            weight("bias", &[4 * units])],
        "nodes": [{ "name": "lstm", "op": "lstm", "inputs": [0], "weights": [0, 1, 2], "outputs": [1, 2, 3],
            "attributes": attributes }],
        "outputs": [1]
    })
}

/// The same cell as operations.
fn traced(units: usize) -> Value {
    let mut nodes: Vec<Value> = Vec::new();
    let mut add = |op: &str, inputs: &[usize], weights: &[usize], attributes: Value| {
        let id = nodes.len() + 3;
        nodes.push(json!({ "name": format!("{op}{id}"), "op": op, "inputs": inputs, "weights": weights,
            "outputs": [id], "attributes": attributes }));
        id
    };
    let from_x = add("dense", &[0], &[0], json!({}));
    let from_h = add("dense", &[1], &[1], json!({}));
    let sum = add("elementwise", &[from_x, from_h], &[], json!({ "kind": "add" }));
    let bias = add("parameter", &[], &[2], json!({}));
    let sum = add("elementwise", &[sum, bias], &[], json!({ "kind": "add" }));
    let mut gates = Vec::new();
    for (gate, kind) in ["sigmoid", "sigmoid", "tanh", "sigmoid"].iter().enumerate() {
        let cut = json!({ "axis": 1, "start": gate * units, "end": (gate + 1) * units });
        let cut = add("slice", &[sum], &[], cut);
        gates.push(add("elementwise", &[cut], &[], json!({ "kind": kind })));
    }
    let kept = add("elementwise", &[gates[1], 2], &[], json!({ "kind": "multiply" }));
    let new = add("elementwise", &[gates[0], gates[2]], &[], json!({ "kind": "multiply" }));
    let c = add("elementwise", &[kept, new], &[], json!({ "kind": "add" }));
    let shown = add("elementwise", &[c], &[], json!({ "kind": "tanh" }));
    let h = add("elementwise", &[gates[3], shown], &[], json!({ "kind": "multiply" }));
    let body = json!({
        "inputs": [{ "name": "x", "shape": [null, units] }, { "name": "h", "shape": [null, units] },
            { "name": "c", "shape": [null, units] }],
        "weights": [{ "shape": [units, 4 * units] }, { "shape": [units, 4 * units] }, { "shape": [4 * units] }],
        "nodes": nodes, "outputs": [h, h, c]
    });
    let mut graph = fused(units);
    graph["nodes"] = json!([{ "name": "cell", "op": "scan", "inputs": [0], "weights": [0, 1, 2], "outputs": [1, 2, 3],
        "attributes": { "body": body, "sequences": 1, "stateShapes": [[units], [units]], "outputs": 1,
            "order": "forward", "outputOrder": "time", "zeroOutputForMask": true } }]);
    graph
}

struct Bench {
    name: &'static str,
    executor: Executor<f32>,
    params: Parameters<f32>,
    times: Vec<[f64; 2]>,
}

impl Bench {
    fn new(name: &'static str, graph: &Value) -> Result<Self, Failure> {
        let spec = GraphSpec::from_json(&graph.to_string())?;
        let mut params = Parameters::zeros(&spec)?;
        for (index, value) in params.arena_mut().iter_mut().enumerate() {
            *value = 0.1 * ((index * 7919 % 2003) as f32 / 1001.0 - 1.0);
        }
        Ok(Self { name, executor: Executor::new(spec)?, params, times: Vec::new() })
    }

    fn round(&mut self, x: &[f32], shape: &[usize], dy: &[f32]) -> Result<(), Failure> {
        let mut gradients = self.executor.gradients()?;
        let input = BatchInput { data: BatchData::Float(x), shape, sequence: BatchSequence::Full };
        self.executor.bind(&[input])?;
        let start = Instant::now();
        let run = Run { record: Record::Weights, ..Run::default() };
        self.executor.forward(&self.params, &run)?;
        let forward = start.elapsed().as_secs_f64();
        self.executor.backward(&self.params, &mut gradients, &[(0, dy)], None)?;
        self.times.push([forward, start.elapsed().as_secs_f64()]);
        Ok(())
    }

    fn report(&mut self) {
        let mut column = |index: usize| {
            self.times.sort_by(|a, b| a[index].total_cmp(&b[index]));
            (1e3 * self.times[0][index], 1e3 * self.times[self.times.len() / 2][index])
        };
        let ((forward, forward_median), (step, step_median)) = (column(0), column(1));
        println!(
            "{:8} forward {forward:7.2} ({forward_median:7.2}) ms, training step {step:7.2} ({step_median:7.2}) ms",
            self.name
        );
    }
}

fn main() -> Result<(), Failure> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let number = |index: usize, default: usize| numbers.get(index).copied().unwrap_or(default);
    let (batch, time, units, rounds) = (number(0, 32), number(1, 64), number(2, 256), number(3, 30));
    let shape = [batch, time, units];
    let x: Vec<f32> = (0..batch * time * units).map(|i| (i * 7919 % 2003) as f32 / 1001.0 - 1.0).collect();
    let mut benches = [Bench::new("fused", &fused(units))?, Bench::new("traced", &traced(units))?];
    for round in 0..rounds.max(1) + 3 {
        for bench in &mut benches {
            if round == 3 {
                bench.times.clear();
            }
            bench.round(&x, &shape, &x)?;
        }
    }
    benches.iter_mut().for_each(Bench::report);
    let best = |bench: &Bench| bench.times.iter().map(|times| times[1]).fold(f64::INFINITY, f64::min);
    println!("traced at {:.2} of the fused speed", best(&benches[0]) / best(&benches[1]));
    Ok(())
}
