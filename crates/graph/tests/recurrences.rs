//! States that are combined element by element, which run as passes over time: against finite differences, against the
//! same step in a loop, and on several threads.

mod common;

use common::{Builder, Feed, Pass, Random, bind, differentiate, forward, parameters};
use proptest::prelude::*;
use seqloom_graph::{Executor, GraphSpec, Record, Run};
use seqloom_kernels::{Scalar, pool};
use serde_json::json;

const WIDTH: usize = 3;

/// How the states of a step are read.
#[derive(Clone, Copy, PartialEq)]
enum Path {
    /// As they are.
    Fast,
    /// Through an operation that is not element-wise, so that all of them belong to the loop.
    Plain,
}

/// A step whose states are functions of themselves and of the input, element by element, and what it computes from them.
struct Steps {
    b: Builder,
    path: Path,
    values: Vec<usize>,
    new: Vec<usize>,
}

impl Steps {
    /// An old state.
    fn state(&mut self, index: usize) -> usize {
        let state = index + 1;
        match self.path {
            Path::Fast => state,
            Path::Plain => self.b.one("reshape", &[state], &[], json!({ "shape": [WIDTH] })),
        }
    }

    fn any(&self, random: &mut Random) -> usize {
        self.values[random.below(self.values.len())]
    }

    /// Something between 0 and 1 that depends on the input, on states before, or on nothing.
    fn gate(&mut self, random: &mut Random) -> usize {
        let from = self.any(random);
        match random.below(5) {
            0 => self.b.parameter(&[[WIDTH, 1][random.below(2)]]),
            1 => self.b.one("scalar", &[], &[], json!({ "value": 0.7 })),
            2 => {
                let wide = self.b.dense(from, WIDTH, 2 * WIDTH);
                let slice = json!({ "axis": 1, "start": WIDTH - 1, "end": 2 * WIDTH - 1 });
                let part = self.b.one("slice", &[wide], &[], slice);
                self.b.elementwise("sigmoid", &[part])
            }
            3 => self.b.elementwise("sigmoid", &[from]),
            _ => {
                let product = self.b.product(from, WIDTH, WIDTH);
                self.b.elementwise("sigmoid", &[product])
            }
        }
    }

    /// Makes new states from the state `index` on; says how many.
    fn recurrence(&mut self, random: &mut Random, index: usize, states: usize) -> usize {
        let old = self.state(index);
        let input = self.any(random);
        let kind = random.below(8);
        if kind == 0 && index + 1 < states {
            // Two states that turn.
            let (other, a, b) = (self.state(index + 1), self.gate(random), self.gate(random));
            let [aa, bb, ab, ba] = [(a, old), (b, other), (a, other), (b, old)]
                .map(|(x, y)| self.b.elementwise("multiply", &[x, y]));
            let turned = self.b.elementwise("subtract", &[aa, bb]);
            let new = self.b.elementwise("add", &[turned, input]);
            let second = self.b.elementwise("add", &[ab, ba]);
            self.new.extend([new, second]);
            self.values.extend([new, second]);
            return 2;
        }
        let new = match kind {
            1 => {
                // The input of the step before, of which a product is made.
                let seen = self.b.product(old, WIDTH, WIDTH);
                self.values.push(seen);
                self.new.push(input);
                return 1;
            }
            2 => {
                // A gate that sees the state.
                let weighted = self.gate(random);
                let weighted = self.b.elementwise("multiply", &[weighted, old]);
                let sum = self.b.elementwise("add", &[weighted, input]);
                self.b.elementwise("tanh", &[sum])
            }
            3 => self.b.elementwise("maximum", &[old, input]),
            _ => {
                let (keep, candidate) = (self.gate(random), self.any(random));
                let one = self.b.one("scalar", &[], &[], json!({ "value": 1.0 }));
                let kept = self.b.elementwise("multiply", &[keep, old]);
                let rest = self.b.elementwise("subtract", &[one, keep]);
                let added = self.b.elementwise("multiply", &[rest, candidate]);
                self.b.elementwise("add", &[kept, added])
            }
        };
        if random.below(3) == 0 {
            let change = self.b.elementwise("subtract", &[new, old]);
            self.values.push(change);
        }
        self.new.push(new);
        self.values.push(new);
        1
    }
}

/// A model of random recurrences and a batch for it.
fn arbitrary(seed: u64, path: Path) -> (Builder, Vec<usize>, Vec<Feed>) {
    let mut random = Random::new(seed);
    let random = &mut random;
    let states = 1 + random.below(4);
    let looped = usize::from(random.below(5) == 0);
    let mut b = Builder::default();
    let x = b.float("x", json!([null, WIDTH]));
    for state in 0..states + looped {
        b.float(&format!("s{state}"), json!([null, WIDTH]));
    }
    let mut steps = Steps { b, path, values: vec![x], new: Vec::new() };
    while steps.new.len() < states {
        let count = steps.recurrence(random, steps.new.len(), states);
        debug_assert!(count > 0);
    }
    for state in states..states + looped {
        // A state of the loop, after those of passes.
        let (from, old) = (steps.any(random), steps.b.product(state + 1, WIDTH, WIDTH));
        let sum = steps.b.elementwise("add", &[from, old]);
        let new = steps.b.elementwise("tanh", &[sum]);
        steps.new.push(new);
        steps.values.push(new);
    }
    // What comes after the states: a gate, a product, or nothing.
    let last = *steps.values.last().unwrap();
    let output = match random.below(4) {
        0 => last,
        1 => steps.b.dense(last, WIDTH, 2),
        2 => steps.new[0],
        _ => {
            let (gate, other) = (steps.gate(random), steps.any(random));
            let shown = steps.b.elementwise("tanh", &[last]);
            let shown = steps.b.elementwise("multiply", &[gate, shown]);
            steps.b.elementwise("add", &[shown, other])
        }
    };
    let Steps { b: body, new, .. } = steps;
    let mut results = vec![output];
    results.extend(new);

    let (batch, time) = (1 + random.below(4), 1 + random.below(6));
    let mut b = Builder::default();
    let mut inputs = vec![b.float("x", json!([null, null, WIDTH]))];
    let feed = Feed::floats(random, &[batch, time, WIDTH]);
    let mut feeds = vec![match random.below(3) {
        0 => feed,
        1 => feed.lengths(&(0..batch).map(|_| 1 + random.below(time) as u32).collect::<Vec<u32>>()),
        _ => feed.mask(&(0..batch * time).map(|_| random.below(2) as u8).collect::<Vec<u8>>()),
    }];
    let initial: Vec<bool> = (0..states + looped).map(|_| random.below(2) == 0).collect();
    for state in initial.iter().enumerate().filter(|(_, given)| **given).map(|(state, _)| state) {
        inputs.push(b.float(&format!("s{state}"), json!([null, WIDTH])));
        feeds.push(Feed::floats(random, &[batch, WIDTH]));
    }
    let order = ["forward", "backward"][random.below(2)];
    let output_order = ["time", "processing"][random.below(2)];
    let attributes = json!({
        "sequences": 1, "stateShapes": vec![[WIDTH]; states + looped], "outputs": 1, "initial": initial,
        "order": order, "outputOrder": output_order, "zeroOutputForMask": random.below(2) == 0
    });
    let outputs = b.scan(&body, &results, &inputs, attributes);
    (b, outputs, feeds)
}

/// Numbers for the gradients of the results.
fn cotangents(spec: &GraphSpec, feeds: &[Feed], seed: u64) -> Vec<Vec<f64>> {
    let mut random = Random::new(seed ^ 77);
    let results = forward::<f64>(spec, &parameters(spec, seed), feeds).unwrap();
    results.iter().map(|result| random.list(result.len())).collect()
}

fn pass<T: Scalar>(spec: &GraphSpec, feeds: &[Feed], seed: u64) -> Pass {
    differentiate::<T>(spec, &parameters(spec, seed), feeds, &cotangents(spec, feeds, seed), false).unwrap()
}

fn close(seed: u64, what: &str, got: &[f64], expected: &[f64], bound: f64) {
    assert_eq!(got.len(), expected.len(), "seed {seed}, {what}");
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        let bound = bound * (1.0 + expected.abs());
        assert!((got - expected).abs() <= bound, "seed {seed}, {what}[{index}]: {got} for {expected}");
    }
}

fn all_close(seed: u64, got: &Pass, expected: &Pass, bound: f64) {
    for (got, expected) in got.outputs.iter().zip(&expected.outputs) {
        close(seed, "output", got, expected, bound);
    }
    for (got, expected) in got.weights.iter().zip(&expected.weights) {
        close(seed, "weight", got, expected, bound);
    }
    for (got, expected) in got.inputs.iter().zip(&expected.inputs) {
        close(seed, "input", got.as_deref().unwrap_or(&[]), expected.as_deref().unwrap_or(&[]), bound);
    }
}

/// The gradient of a random sum of the results along a random direction against finite differences.
fn check_direction(seed: u64) {
    let (b, outputs, feeds) = arbitrary(seed, Path::Fast);
    let spec = b.spec(&outputs);
    let mut random = Random::new(seed ^ 99);
    let cotangents = cotangents(&spec, &feeds, seed);
    let exact = pass::<f64>(&spec, &feeds, seed);
    let of_weights: Vec<Vec<f64>> = exact.weights.iter().map(|weight| random.list(weight.len())).collect();
    let of_inputs: Vec<Vec<f64>> = feeds.iter().map(|feed| random.list(feed.floats.len())).collect();
    let at = |scale: f64| -> f64 {
        let mut params = parameters::<f64>(&spec, seed);
        for (index, direction) in of_weights.iter().enumerate() {
            let values = params.get_mut(index).unwrap().iter_mut();
            values.zip(direction).for_each(|(value, direction)| *value += scale * direction);
        }
        let mut feeds = feeds.clone();
        for (feed, direction) in feeds.iter_mut().zip(&of_inputs) {
            feed.floats.iter_mut().zip(direction).for_each(|(value, direction)| *value += scale * direction);
        }
        let results = forward::<f64>(&spec, &params, &feeds).unwrap();
        results.iter().zip(&cotangents).flat_map(|(y, c)| y.iter().zip(c)).map(|(y, c)| y * c).sum()
    };
    let numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
    let dot = |gradient: &[f64], direction: &[f64]| -> f64 {
        gradient.iter().zip(direction).map(|(g, d)| g * d).sum()
    };
    let weights: f64 = exact.weights.iter().zip(&of_weights).map(|(g, d)| dot(g, d)).sum();
    let inputs = exact.inputs.iter().zip(&of_inputs);
    let analytic = weights + inputs.filter_map(|(g, d)| g.as_ref().map(|g| dot(g, d))).sum::<f64>();
    assert!(
        (numeric - analytic).abs() < 2e-6 * (1.0 + numeric.abs()),
        "seed {seed}: numeric {numeric}, analytic {analytic}"
    );
    all_close(seed, &pass::<f32>(&spec, &feeds, seed), &exact, 1e-4);
}

/// The same step with all of its states in the loop: the same bits forward, the same gradients but for the order of sums.
fn check_plain(seed: u64) {
    let (b, outputs, feeds) = arbitrary(seed, Path::Fast);
    let (plain, plain_outputs, _) = arbitrary(seed, Path::Plain);
    let fast = pass::<f32>(&b.spec(&outputs), &feeds, seed);
    let plain = pass::<f32>(&plain.spec(&plain_outputs), &feeds, seed);
    assert_eq!(fast.outputs, plain.outputs, "seed {seed}");
    all_close(seed, &fast, &plain, 1e-5);
}

/// The same bits on any number of threads, at a size that is shared among them.
fn check_threads(seed: u64) {
    let (b, outputs, mut feeds) = arbitrary(seed, Path::Fast);
    let spec = b.spec(&outputs);
    let mut random = Random::new(seed);
    let time = 40;
    for feed in &mut feeds {
        feed.shape[0] = 50;
        if feed.shape.len() == 3 {
            feed.shape[1] = time;
            let lengths: Vec<u32> = (0..50).map(|_| 1 + random.below(time) as u32).collect();
            *feed = Feed::floats(&mut random, &feed.shape.clone()).lengths(&lengths);
        } else {
            *feed = Feed::floats(&mut random, &feed.shape.clone());
        }
    }
    let mut expected: Option<Pass> = None;
    for threads in [1, 2, 4] {
        pool::set_threads(threads).unwrap();
        let got = pass::<f32>(&spec, &feeds, seed);
        if let Some(expected) = &expected {
            assert_eq!(got.outputs, expected.outputs, "seed {seed}, {threads} threads");
            assert_eq!(got.weights, expected.weights, "seed {seed}, {threads} threads");
            assert_eq!(got.inputs, expected.inputs, "seed {seed}, {threads} threads");
        } else {
            expected = Some(got);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn gradients_of_random_recurrences(seed in 0..u64::MAX / 2) {
        check_direction(seed);
    }

    #[test]
    fn passes_over_time_compute_what_the_loop_does(seed in 0..u64::MAX / 2) {
        check_plain(seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn threads_do_not_change_bits(seed in 0..u64::MAX / 2) {
        check_threads(seed);
    }
}

/// A running average of `[batch, time, width]`, of which the state or a product with it comes out.
fn average(path: Path, width: usize) -> (Builder, Vec<usize>) {
    let mut body = Builder::default();
    let x = body.float("x", json!([null, width]));
    let h = body.float("h", json!([null, width]));
    let h = match path {
        Path::Fast => h,
        Path::Plain => body.one("reshape", &[h], &[], json!({ "shape": [width] })),
    };
    let gates = body.dense(x, width, 2 * width);
    let [z, c] = [0, width].map(|start| {
        body.one("slice", &[gates], &[], json!({ "axis": 1, "start": start, "end": start + width }))
    });
    let z = body.elementwise("sigmoid", &[z]);
    let one = body.one("scalar", &[], &[], json!({ "value": 1.0 }));
    let rest = body.elementwise("subtract", &[one, z]);
    let (kept, added) = (body.elementwise("multiply", &[rest, h]), body.elementwise("multiply", &[z, c]));
    let new = body.elementwise("add", &[kept, added]);
    let mut b = Builder::default();
    let x = b.float("x", json!([null, null, width]));
    let attributes = json!({ "sequences": 1, "stateShapes": [[width]], "outputs": 1 });
    let outputs = b.scan(&body, &[new, new], &[x], attributes);
    (b, outputs)
}

/// Sequences of several chunks of time.
#[test]
fn long_sequences() {
    let (width, batch, time) = (96, 6, 1500);
    let feeds = [Feed::floats(&mut Random::new(8), &[batch, time, width]).lengths(&[
        time as u32,
        1,
        700,
        time as u32,
        33,
        1499,
    ])];
    let [fast, plain] = [Path::Fast, Path::Plain].map(|path| {
        let (b, outputs) = average(path, width);
        pass::<f32>(&b.spec(&outputs), &feeds, 5)
    });
    assert_eq!(fast.outputs, plain.outputs);
    all_close(5, &fast, &plain, 2e-4);
}

/// A pass needs less memory than the loop, and the gradients by its states are there.
#[test]
fn memory_and_gradients_by_states() {
    let (width, batch, time) = (16, 4, 64);
    let feeds = [Feed::floats(&mut Random::new(9), &[batch, time, width]).lengths(&[64, 64, 20, 3])];
    let of = |path: Path| {
        let (b, outputs) = average(path, width);
        let spec = b.spec(&outputs[..1]);
        let params = parameters::<f32>(&spec, 5);
        let mut executor = Executor::<f32>::new(spec).unwrap();
        bind(&mut executor, &feeds).unwrap();
        executor.forward(&params, &Run { record: Record::States, ..Run::default() }).unwrap();
        let mut gradients = executor.gradients().unwrap();
        let dy: Vec<f32> = Random::new(3).list(batch * time * width).into_iter().map(|x| x as f32).collect();
        executor.backward(&params, &mut gradients, &[(0, &dy)], None).unwrap();
        executor
    };
    let (mut fast, mut plain) = (of(Path::Fast), of(Path::Plain));
    assert!(fast.memory() < plain.memory(), "{} {}", fast.memory(), plain.memory());
    let [fast_states, plain_states] = [&mut fast, &mut plain].map(|executor| {
        let states = executor.take_state_gradients();
        assert_eq!(states.len(), 1);
        states.into_iter().next().unwrap().values
    });
    for (got, expected) in fast_states.iter().zip(plain_states.iter()) {
        assert!((got - expected).abs() <= 1e-5 * (1.0 + expected.abs()), "{got} {expected}");
    }
}
