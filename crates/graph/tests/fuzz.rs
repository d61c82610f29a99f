//! Whatever a description or a batch says, the answer is a result or an error.

mod common;

use common::{Builder, Feed, Random, bind};
use proptest::prelude::*;
use seqloom_graph::{Code, Executor, GraphSpec, Parameters, Record, Run, Sequence};
use serde_json::{Value, json};

const OPS: [&str; 21] = [
    "embedding",
    "simpleRnn",
    "lstm",
    "gru",
    "dense",
    "activation",
    "dropout",
    "masking",
    "concatenate",
    "add",
    "multiply",
    "average",
    "subtract",
    "maximum",
    "lastStep",
    "poolMax",
    "layerNorm",
    "repeatVector",
    "reshape",
    "loss",
    "metric",
];

fn attributes(op: &str, random: &mut Random) -> Value {
    let pick = |random: &mut Random, names: &[&str]| names[random.below(names.len())].to_owned();
    let size = 1 + random.below(4);
    match op {
        "embedding" => json!({ "maskZero": random.below(2) == 0 }),
        "activation" => {
            json!({ "kind": pick(random, &["tanh", "softmax", "logSoftmax", "relu", "nonsense"]) })
        }
        "dropout" => json!({ "rate": random.unit(), "shareSteps": random.below(2) == 0 }),
        "masking" => json!({ "maskValue": 0.0 }),
        "concatenate" => json!({ "axis": random.below(6) as i64 - 2 }),
        "layerNorm" => {
            json!({ "epsilon": 1e-3, "center": random.below(2) == 0, "scale": random.below(2) == 0 })
        }
        "repeatVector" => json!({ "n": if random.below(9) == 0 { usize::MAX / 3 } else { random.below(4) } }),
        "reshape" => match random.below(4) {
            0 => json!({ "shape": [null, size] }),
            1 => json!({ "shape": [size, null, 1] }),
            2 => json!({ "shape": [null] }),
            _ => json!({ "shape": [u64::MAX / 2, 3] }),
        },
        "loss" => {
            let kinds =
                ["sparseCategoricalCrossentropy", "binaryCrossentropy", "huber", "categoricalCrossentropy"];
            json!({ "kind": pick(random, &kinds), "fromLogits": random.below(2) == 0 })
        }
        "metric" => {
            json!({ "kind": pick(random, &["sparseCategoricalAccuracy", "binaryAccuracy", "meanSquaredError"]) })
        }
        "simpleRnn" | "lstm" | "gru" => {
            let mut attributes = json!({
                "units": size, "activation": pick(random, &["tanh", "relu", "gelu", "softsign"]),
                "order": pick(random, &["forward", "backward"]), "outputOrder": pick(random, &["time", "processing"]),
                "zeroOutputForMask": random.below(2) == 0
            });
            if op != "simpleRnn" {
                attributes["recurrentActivation"] = json!("hardSigmoid");
            }
            if op == "gru" {
                attributes["resetAfter"] = json!(random.below(2) == 0);
            }
            attributes
        }
        _ => json!({}),
    }
}

/// A graph that is likely, but not certain, to be sound.
fn arbitrary_graph(random: &mut Random) -> (Builder, usize) {
    let mut b = Builder::default();
    let shapes = [
        json!([null, null]),
        json!([null, null, 3]),
        json!([null, 3]),
        json!([null]),
        json!([null, 2, null]),
    ];
    let inputs = 1 + random.below(4);
    for index in 0..inputs {
        let dtype = if random.below(3) == 0 { "int32" } else { "float32" };
        b.input(&format!("x{index}"), dtype, shapes[random.below(shapes.len())].clone());
    }
    let mut values = inputs;
    for _ in 0..random.below(8) {
        let op = OPS[random.below(OPS.len())];
        let count = if random.below(12) == 0 {
            random.below(4)
        } else {
            usize::from(op == "lstm" && random.below(4) == 0) * 2 + 1
        };
        let count =
            if matches!(op, "loss" | "metric" | "add" | "subtract" | "concatenate") { 2 } else { count };
        let operands: Vec<usize> = (0..count).map(|_| values - 1 - random.below(values.min(4))).collect();
        let attributes = attributes(op, random);
        let units = attributes["units"].as_u64().unwrap_or(3) as usize;
        let gates = match op {
            "lstm" => 4 * units,
            "gru" => 3 * units,
            _ => units,
        };
        let weights = match op {
            "embedding" => vec![b.weight(&[4, 3])],
            "dense" => vec![b.weight(&[3, 3]), b.frozen(&[3], random.below(2) == 0)],
            "simpleRnn" | "lstm" | "gru" => vec![b.weight(&[3, gates]), b.weight(&[units, gates])],
            "layerNorm" if random.below(2) == 0 => vec![b.weight(&[3])],
            _ => Vec::new(),
        };
        let outputs = match op {
            "lstm" => 3,
            "simpleRnn" | "gru" | "loss" | "metric" => 2,
            _ => 1,
        };
        b.node(op, &operands, &weights, outputs, attributes);
        values += outputs;
    }
    (b, values)
}

fn arbitrary_feed(
    random: &mut Random,
    shape: &[Option<usize>],
    int: bool,
    batch: usize,
    time: usize,
) -> Feed {
    let mut dims: Vec<usize> = shape.iter().map(|dim| dim.unwrap_or(time)).collect();
    dims[0] = batch;
    if random.below(30) == 0 {
        let axis = random.below(dims.len());
        dims[axis] = random.below(3);
    }
    let count: usize = dims.iter().product();
    let mut feed = if int {
        let tokens: Vec<i32> =
            (0..count).map(|_| random.below(4) as i32 - i32::from(random.below(200) == 0)).collect();
        Feed::ints(&tokens, &dims)
    } else {
        Feed::floats(random, &dims)
    };
    let steps = dims.get(1).copied().unwrap_or(0);
    match random.below(6) {
        0 => feed = feed.lengths(&(0..dims[0]).map(|_| random.below(steps + 2) as u32).collect::<Vec<u32>>()),
        1 => feed = feed.mask(&(0..dims[0] * steps).map(|_| random.below(2) as u8).collect::<Vec<u8>>()),
        2 => feed.sequence = Sequence::Ragged(vec![steps as u32; dims[0]]),
        _ => {}
    }
    feed
}

/// Runs whatever can be run; returns how far it came.
fn run(seed: u64) -> usize {
    let mut random = Random::new(seed);
    let (b, values) = arbitrary_graph(&mut random);
    let outputs: Vec<usize> =
        (0..1 + random.below(3)).map(|_| values - 1 - random.below(values.min(5))).collect();
    let Ok(spec) = GraphSpec::from_json(&b.json(&outputs)) else { return 0 };
    let Ok(mut executor) = Executor::<f32>::new(spec.clone()) else { return 1 };
    let params: Parameters<f32> = common::parameters(&spec, seed);
    let mut reached = 2;
    for _ in 0..3 {
        let (batch, time) = (1 + random.below(4), 1 + random.below(4));
        let time = if random.below(2) == 0 { 3 } else { time };
        let feeds: Vec<Feed> = spec
            .inputs
            .iter()
            .map(|input| {
                let int = matches!(input.dtype, seqloom_graph::spec::Dtype::Int32);
                arbitrary_feed(&mut random, &input.shape, int, batch, time)
            })
            .collect();
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

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
    assert!(complete > 150, "only {complete} of 2000 random graphs ran to the end");
}
