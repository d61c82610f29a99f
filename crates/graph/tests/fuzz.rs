//! Whatever a description or a batch says, the answer is a result or an error.

mod common;

use common::{Builder, Feed, Random, bind};
use proptest::prelude::*;
use seqloom_graph::values::{Dtype, InputSpec};
use seqloom_graph::{Code, Executor, GraphSpec, Parameters, Record, Run, Sequence, operation_names};
use serde_json::{Value, json};

/// All operations, or those without kinks whose gradients can be compared with differences. What a moving mean becomes has none.
fn operations(smooth: bool) -> Vec<&'static str> {
    let kinked = |name: &str| {
        matches!(
            name,
            "maximum"
                | "minimum"
                | "poolMax"
                | "masking"
                | "metric"
                | "counts"
                | "sequenceCounts"
                | "argmax"
                | "sample"
                | "gather"
                | "crf"
        ) || matches!(name, "batchNorm" | "cast" | "sequenceMask" | "stopGradient")
    };
    operation_names().filter(|name| !smooth || !kinked(name)).collect()
}

/// The step of a scan of rows of three: the tangent of the sum so far.
fn body() -> Value {
    json!({
        "inputs": [{ "name": "x", "shape": [null, 3] }, { "name": "h", "shape": [null, 3] }],
        "weights": [],
        "nodes": [
            { "name": "sum", "op": "elementwise", "inputs": [0, 1], "outputs": [2], "attributes": { "kind": "add" } },
            { "name": "tanh", "op": "elementwise", "inputs": [2], "outputs": [3], "attributes": { "kind": "tanh" } }
        ],
        "outputs": [3, 3]
    })
}

/// Options of an operation; `smooth` leaves out what has kinks.
fn attributes(op: &str, random: &mut Random, smooth: bool) -> Value {
    let pick = |random: &mut Random, names: &[&str]| names[random.below(names.len())].to_owned();
    let size = [3, 3, 3, 1, 2, 4][random.below(6)];
    match op {
        "embedding" => json!({ "maskZero": random.below(2) == 0 }),
        "activation" => {
            let kinds = ["tanh", "softmax", "logSoftmax", "sigmoid", "gelu", "relu", "nonsense"];
            json!({ "kind": pick(random, &kinds[..if smooth { 5 } else { 7 }]) })
        }
        "dropout" => json!({ "rate": random.unit(), "shareSteps": random.below(2) == 0 }),
        "masking" => json!({ "maskValue": 0.0 }),
        "concatenate" => json!({ "axis": random.below(6) as i64 - 2 }),
        "layerNorm" => {
            json!({ "epsilon": 1e-3, "center": random.below(2) == 0, "scale": random.below(2) == 0 })
        }
        "batchNorm" => json!({
            "axis": random.below(6) as i64 - 2, "epsilon": 1e-3, "momentum": 0.5, "frozen": random.below(2) == 0,
            "center": random.below(2) == 0, "scale": random.below(2) == 0
        }),
        "repeatVector" => json!({ "n": if random.below(9) == 0 { usize::MAX / 3 } else { random.below(4) } }),
        "reshape" => match random.below(4) {
            0 => json!({ "shape": [null, size] }),
            1 => json!({ "shape": [size, null, 1] }),
            2 => json!({ "shape": [null] }),
            _ => json!({ "shape": [u64::MAX / 2, 3] }),
        },
        "loss" => {
            let kinds = [
                "sparseCategoricalCrossentropy",
                "categoricalCrossentropy",
                "meanSquaredError",
                "binaryCrossentropy",
            ];
            let kind = pick(random, &kinds[..if smooth { 3 } else { 4 }]);
            let logits = kind != "meanSquaredError" && (smooth || random.below(2) == 0);
            json!({ "kind": kind, "fromLogits": logits })
        }
        "ctc" => json!({ "blank": random.below(5), "zeroInfinity": random.below(4) > 0 }),
        "transducerJoint" => json!({ "activation": pick(random, &["tanh", "linear"]) }),
        "transducerLoss" => json!({
            "activation": "tanh", "blank": random.below(if smooth { 3 } else { 5 }), "zeroInfinity": random.below(4) > 0
        }),
        "metric" => match random.below(3) {
            0 => json!({ "kind": "binaryAccuracy", "threshold": 0.5 }),
            1 => json!({ "kind": "topKAccuracy", "k": size }),
            _ => json!({ "kind": pick(random, &["sparseCategoricalAccuracy", "meanSquaredError"]) }),
        },
        "counts" => match random.below(3) {
            0 => json!({ "kind": "decisions", "task": "elements", "threshold": 0.5 }),
            1 => json!({ "kind": "decisions", "task": "classes", "top": 1 }),
            _ => json!({ "kind": "scores", "task": "classes", "form": "numbers" }),
        },
        "sequenceCounts" => match random.below(3) {
            0 => json!({ "ignored": [0] }),
            1 => json!({ "order": size, "paired": true }),
            _ => json!({ "order": 2, "end": 1 }),
        },
        "elementwise" => {
            let kinds = ["neg", "sigmoid", "tanh", "softplus", "add", "subtract", "multiply"];
            let others =
                ["abs", "sqrt", "exp", "log", "relu", "divide", "maximum", "less", "where", "identity"];
            json!({ "kind": if smooth { pick(random, &kinds) } else { pick(random, &[&kinds[..], &others].concat()) } })
        }
        "crf" => json!({ "nBest": size, "forbidden": [random.below(9)] }),
        "crfLoss" => json!({ "zeroInfinity": true, "forbidden": [random.below(9)] }),
        "argmax" | "softmax" => json!({ "axis": random.below(4) as i64 - 1 }),
        "cumulativeSum" => json!({ "axis": random.below(4) as i64 - 1, "reverse": random.below(2) == 0 }),
        "normalize" => json!({ "axis": random.below(4) as i64 - 1, "epsilon": 1e-2 }),
        "reduce" => json!({
            "kind": pick(random, &["sum", "mean", "max"][..if smooth { 2 } else { 3 }]),
            "axes": [1 + random.below(2)], "keepDims": random.below(2) == 0
        }),
        "slice" => {
            json!({ "axis": 1 + random.below(2), "start": random.below(2), "end": 1 + random.below(3) })
        }
        "windows" => json!({
            "axis": 1 + random.below(2), "size": size, "stride": 1 + random.below(2), "dilation": 1 + random.below(2),
            "before": random.below(4) as i64 - 1, "after": random.below(4) as i64 - 1, "same": random.below(3) == 0,
            "filler": 0.0, "flat": random.below(2) == 0
        }),
        "transpose" => match random.below(3) {
            0 => json!({ "permutation": [0, 1] }),
            1 => json!({ "permutation": [0, 2, 1] }),
            _ => json!({ "permutation": [0, 2] }),
        },
        "matmul" => json!({ "transposeA": random.below(4) == 0, "transposeB": random.below(2) == 0 }),
        "sample" => json!({ "temperature": 1.0 }),
        "scalar" => json!({ "value": random.unit() }),
        "scan" => json!({
            "body": body(), "sequences": 1, "stateShapes": [[3]], "outputs": 1, "order": pick(random, &["forward", "backward"]),
            "outputOrder": pick(random, &["time", "processing"]), "zeroOutputForMask": random.below(2) == 0
        }),
        "simpleRnn" | "lstm" | "gru" => {
            let mut attributes = json!({
                "units": size, "activation": pick(random, &["tanh", "softsign", "relu", "gelu"][..if smooth { 2 } else { 4 }]),
                "order": pick(random, &["forward", "backward"]), "outputOrder": pick(random, &["time", "processing"]),
                "zeroOutputForMask": random.below(2) == 0
            });
            if op != "simpleRnn" {
                attributes["recurrentActivation"] = json!("sigmoid");
            }
            if op == "gru" {
                attributes["resetAfter"] = json!(random.below(2) == 0);
            }
            attributes
        }
        "add" | "average" | "cast" | "dense" | "gather" | "lastStep" | "maximum" | "meanOverSteps"
        | "minimum" | "multiply" | "parameter" | "poolAverage" | "poolMax" | "sequenceMask"
        | "stopGradient" | "subtract" => json!({}),
        other => panic!("this test does not know what '{other}' is described by"),
    }
}

/// The first inputs: what losses and metrics compare with.
const TARGETS: usize = 4;

/// A graph of up to `size` operations; `sound` ones only, or unsound ones now and then.
fn arbitrary_graph(random: &mut Random, size: usize, smooth: bool, sound: bool) -> (Builder, usize) {
    let mut b = Builder::default();
    b.float("t0", json!([null, null, 3]));
    b.float("t1", json!([null, 3]));
    b.int("t2", json!([null, null]));
    b.int("t3", json!([null]));
    let shapes = [
        json!([null, null]),
        json!([null, null, 3]),
        json!([null, 3]),
        json!([null]),
        json!([null, 2, null]),
    ];
    let inputs = TARGETS + 1 + random.below(4);
    for index in TARGETS..inputs {
        let dtype = if random.below(3) == 0 { "int32" } else { "float32" };
        b.input(&format!("x{index}"), dtype, shapes[random.below(shapes.len())].clone());
    }
    let mut values = inputs;
    for _ in 0..size {
        let mut longer = b.clone();
        let outputs = arbitrary_node(&mut longer, random, values, smooth);
        let keep = !sound && random.below(30) == 0;
        let last = values + outputs - 1;
        if keep || GraphSpec::from_json(&longer.json(&[last])).and_then(Executor::<f32>::new).is_ok() {
            b = longer;
            values += outputs;
        }
    }
    (b, values)
}

/// Adds an operation that may or may not fit; returns the number of its outputs.
fn arbitrary_node(b: &mut Builder, random: &mut Random, values: usize, smooth: bool) -> usize {
    let operations = operations(smooth);
    let op = operations[random.below(operations.len())];
    let attributes = attributes(op, random, smooth);
    let count = match op {
        "loss" | "ctc" | "metric" | "counts" | "sequenceCounts" | "crfLoss" | "add" | "multiply"
        | "subtract" | "average" | "maximum" | "minimum" | "concatenate" | "matmul" | "gather"
        | "transducerJoint" => 2,
        "transducerLoss" => 3,
        "elementwise" => match attributes["kind"].as_str() {
            Some("add" | "subtract" | "multiply" | "divide" | "maximum" | "less") => 2,
            Some("where") => 3,
            _ => 1,
        },
        "parameter" | "scalar" => 0,
        "softmax" | "cumulativeSum" | "windows" if random.below(4) == 0 => 2,
        "lstm" => [1, 3][random.below(2)],
        "simpleRnn" | "gru" => 1 + random.below(2),
        _ => 1,
    };
    let mut operands: Vec<usize> =
        (0..count).map(|_| values - 1 - random.below((values - TARGETS).min(6))).collect();
    if matches!(op, "loss" | "ctc" | "metric" | "counts" | "sequenceCounts" | "crfLoss") {
        operands[1] = random.below(TARGETS);
    }
    if op == "transducerLoss" {
        operands[2] = random.below(TARGETS);
    }
    let units = attributes["units"].as_u64().unwrap_or(3) as usize;
    let gates = match op {
        "lstm" => 4 * units,
        "gru" => 3 * units,
        _ => units,
    };
    let weights = match op {
        "embedding" => vec![b.weight(&[4, 3])],
        "parameter" => vec![b.weight(if random.below(2) == 0 { &[3] } else { &[3, 3] })],
        "crf" | "crfLoss" => vec![b.weight(&[3]), b.weight(&[3]), b.weight(&[3, 3])],
        "dense" | "transducerJoint" | "transducerLoss" => {
            vec![b.weight(&[3, 3]), b.frozen(&[3], random.below(2) == 0)]
        }
        "simpleRnn" | "lstm" | "gru" => {
            vec![b.weight(&[3, gates]), b.frozen(&[units, gates], random.below(5) == 0)]
        }
        "layerNorm" if random.below(2) == 0 => vec![b.weight(&[3])],
        "batchNorm" => {
            let mut weights = vec![b.frozen(&[3], true), b.frozen(&[3], random.below(2) == 0)];
            weights.extend((0..random.below(3)).map(|_| b.weight(&[3])));
            weights
        }
        _ => Vec::new(),
    };
    let outputs = match op {
        "crf" => 5,
        "lstm" | "batchNorm" => 3,
        "simpleRnn" | "gru" | "loss" | "ctc" | "crfLoss" | "transducerLoss" | "metric" | "meanOverSteps"
        | "scan" | "cumulativeSum" | "windows" => 2,
        _ => 1,
    };
    b.node(op, &operands, &weights, outputs, attributes);
    outputs
}

/// An input of a batch that fits its description, or now and then one that does not.
fn arbitrary_feed(random: &mut Random, input: &InputSpec, batch: usize, time: usize) -> Feed {
    let mut dims: Vec<usize> = input.shape.iter().map(|dim| dim.unwrap_or(time)).collect();
    dims[0] = batch;
    let wild = random.below(40) == 0;
    if wild {
        let axis = random.below(dims.len());
        dims[axis] = random.below(3);
    }
    let count: usize = dims.iter().product();
    let mut feed = if input.dtype == Dtype::Int32 {
        let tokens: Vec<i32> = (0..count).map(|_| random.below(if wild { 5 } else { 3 }) as i32).collect();
        Feed::ints(&tokens, &dims)
    } else {
        Feed::floats(random, &dims)
    };
    let target = input.name.starts_with('t');
    if !wild && (target || dims.len() < 2 || input.shape[1].is_some()) {
        return feed;
    }
    let steps = dims.get(1).copied().unwrap_or(0);
    let longest = if wild { steps + 2 } else { steps };
    let least = u32::from(!wild);
    match random.below(5) {
        0 => {
            let lengths: Vec<u32> =
                (0..dims[0]).map(|_| least + random.below(longest.max(1)) as u32).collect();
            feed = feed.lengths(&lengths);
        }
        1 => feed = feed.mask(&(0..dims[0] * steps).map(|_| random.below(2) as u8).collect::<Vec<u8>>()),
        2 => feed.sequence = Sequence::Ragged(vec![steps as u32; dims[0]]),
        _ => {}
    }
    feed
}

fn arbitrary_outputs(random: &mut Random, values: usize) -> Vec<usize> {
    (0..1 + random.below(3)).map(|_| values - 1 - random.below((values - TARGETS).min(8))).collect()
}

fn arbitrary_batch(random: &mut Random, spec: &GraphSpec, batch: usize, time: usize) -> Vec<Feed> {
    let feed = |input: &InputSpec| arbitrary_feed(random, input, batch, time);
    spec.inputs.iter().map(feed).collect()
}

/// Runs whatever can be run; returns how far it came.
fn run(seed: u64) -> usize {
    let mut random = Random::new(seed);
    let (b, values) = arbitrary_graph(&mut random, 8, false, false);
    let outputs = arbitrary_outputs(&mut random, values);
    let Ok(spec) = GraphSpec::from_json(&b.json(&outputs)) else { return 0 };
    let Ok(mut executor) = Executor::<f32>::new(spec.clone()) else { return 1 };
    let params: Parameters<f32> = common::parameters(&spec, seed);
    let mut reached = 2;
    for _ in 0..3 {
        let (batch, time) = (1 + random.below(4), 1 + random.below(4));
        let time = if random.below(4) > 0 { 3 } else { time };
        let feeds = arbitrary_batch(&mut random, &spec, batch, time);
        if bind(&mut executor, &feeds).is_err() {
            continue;
        }
        reached = reached.max(3);
        let record = [Record::Nothing, Record::Weights, Record::WeightsAndInputs][random.below(3)];
        let run = Run { training: random.below(2) == 0, record, ..Run::default() };
        if let Err(error) = executor.forward(&params, &run) {
            assert_ne!(error.code, Code::Native, "{error}");
            continue;
        }
        reached = reached.max(4);
        let cotangents: Vec<(usize, Vec<f32>)> = (0..outputs.len())
            .map(|output| (output, vec![1.0; executor.value(output).unwrap().data.len()]))
            .collect();
        let named: Vec<(usize, &[f32])> =
            cotangents.iter().map(|(output, list)| (*output, list.as_slice())).collect();
        let mut gradients = executor.gradients().unwrap();
        match executor.backward(&params, &mut gradients, &named, None) {
            Ok(()) => reached = 5,
            Err(error) => assert_ne!(error.code, Code::Native, "{error}"),
        }
    }
    reached
}

/// Compares the derivative along a random direction, of all weights and float inputs at once, with a central
/// difference. `None` when the random graph or batch is not sound.
fn slope(seed: u64) -> Option<(f64, f64)> {
    let mut random = Random::new(seed);
    let (b, values) = arbitrary_graph(&mut random, 16, true, true);
    let outputs = arbitrary_outputs(&mut random, values);
    let spec = GraphSpec::from_json(&b.json(&outputs)).ok()?;
    let mut executor = Executor::<f64>::new(spec.clone()).ok()?;
    let time = if random.below(4) > 0 { 3 } else { 1 + random.below(4) };
    let feeds = arbitrary_batch(&mut random, &spec, 3, time);
    bind(&mut executor, &feeds).ok()?;
    let base: Parameters<f64> = common::parameters(&spec, seed);
    let run = Run { training: true, record: Record::WeightsAndInputs, seed: 3, step: 5, ..Run::default() };
    executor.forward(&base, &run).ok()?;
    let cotangents: Vec<Vec<f64>> =
        (0..outputs.len()).map(|output| random.list(executor.value(output).unwrap().data.len())).collect();
    let pass = common::differentiate(&spec, &base, &feeds, &cotangents, true).unwrap();

    let weights: Vec<Vec<f64>> = base.slots().iter().map(|slot| random.list(slot.len)).collect();
    let inputs: Vec<Vec<f64>> = feeds.iter().map(|feed| random.list(feed.floats.len())).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut analytic: f64 = pass.weights.iter().zip(&weights).map(|(gradient, way)| dot(gradient, way)).sum();
    analytic += pass
        .inputs
        .iter()
        .zip(&inputs)
        .flat_map(|(gradient, way)| Some(dot(gradient.as_ref()?, way)))
        .sum::<f64>();

    let mut at = |step: f64| -> f64 {
        let mut params: Parameters<f64> = common::parameters(&spec, seed);
        for (index, way) in weights.iter().enumerate().filter(|&(index, _)| spec.weights[index].trainable) {
            for (value, way) in params.get_mut(index).unwrap().iter_mut().zip(way) {
                *value += step * way;
            }
        }
        let mut feeds = feeds.clone();
        for ((index, feed), way) in feeds.iter_mut().enumerate().zip(&inputs) {
            // Inputs that are only targets have no gradient.
            for (value, way) in feed.floats.iter_mut().zip(way).filter(|_| pass.inputs[index].is_some()) {
                *value += step * way;
            }
        }
        bind(&mut executor, &feeds).unwrap();
        executor.forward(&params, &Run { record: Record::Nothing, ..run }).unwrap();
        cotangents
            .iter()
            .enumerate()
            .map(|(output, way)| dot(executor.value(output).unwrap().data, way))
            .sum()
    };
    Some(((at(1e-5) - at(-1e-5)) / 2e-5, analytic))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_graphs_never_panic(seed in any::<u64>()) {
        run(seed);
    }

    #[test]
    fn random_text_never_panics(text in "\\PC{0,60}") {
        prop_assert!(GraphSpec::from_json(&text).is_err());
    }
}

#[test]
fn many_random_graphs_are_sound() {
    let complete = (0..2000).filter(|&seed| run(seed) == 5).count();
    assert!(complete > 500, "only {complete} of 2000 random graphs ran to the end");
}

#[test]
fn gradients_of_random_graphs() {
    let mut checked = 0;
    for seed in 0..1500 {
        let Some((numeric, analytic)) = slope(seed) else { continue };
        let error = (numeric - analytic).abs();
        assert!(error < 1e-6 + 1e-5 * numeric.abs(), "seed {seed}: numeric {numeric}, analytic {analytic}");
        checked += usize::from(analytic != 0.0);
    }
    assert!(checked > 350, "only {checked} random graphs have gradients");
}
