//! Steps that are composed at random: gradients along a direction, threads, padding, and nonsense that must be refused.

mod common;

use common::{Builder, Feed, Pass, Random, differentiate, forward, parameters};
use proptest::prelude::*;
use seqloom_graph::{Executor, GraphSpec, Run};
use serde_json::{Value, json};

const WIDTH: usize = 3;
const MEMORY: usize = 2;

/// A step over vectors `[batch, 3]` and, if wanted, a memory `[batch, 2, 3]`; the results are an output and the new
/// states.
fn arbitrary_body(
    random: &mut Random,
    sequences: usize,
    states: usize,
    memory: bool,
) -> (Builder, Vec<usize>) {
    let mut b = Builder::default();
    let mut vectors: Vec<usize> =
        (0..sequences + states).map(|index| b.float(&format!("v{index}"), json!([null, WIDTH]))).collect();
    let memory = memory.then(|| b.float("memory", json!([null, MEMORY, WIDTH])));
    for _ in 0..2 + random.below(12) {
        let pick = |random: &mut Random| vectors[vectors.len() - 1 - random.below(vectors.len().min(5))];
        let (x, y) = (pick(random), pick(random));
        let new = match random.below(14) {
            0 | 1 => {
                let kinds = ["sigmoid", "tanh", "softsign", "softplus", "neg"];
                b.elementwise(kinds[random.below(kinds.len())], &[x])
            }
            2..=4 => {
                let kinds = ["add", "subtract", "multiply", "maximum"];
                b.elementwise(kinds[random.below(kinds.len())], &[x, y])
            }
            5 => {
                let positive = b.elementwise("exp", &[y]);
                let one = b.one("scalar", &[], &[], json!({ "value": 1.0 }));
                let more = b.elementwise("add", &[positive, one]);
                b.elementwise("divide", &[x, more])
            }
            6 => b.dense(x, WIDTH, WIDTH),
            7 => b.product(x, WIDTH, WIDTH),
            8 => {
                let parameter = b.parameter(&[[WIDTH, 1][random.below(2)]]);
                b.elementwise("multiply", &[x, parameter])
            }
            9 => {
                let cut = |b: &mut Builder, value, start, end| {
                    b.one("slice", &[value], &[], json!({ "axis": 1, "start": start, "end": end }))
                };
                let (left, right) = (cut(&mut b, x, 0, 2), cut(&mut b, y, 2, 3));
                if random.below(2) == 0 {
                    b.one("concatenate", &[right, left], &[], json!({ "axis": 1 }))
                } else {
                    // A part that is repeated.
                    let (wide, narrow) = (b.elementwise("tanh", &[x]), b.elementwise("sigmoid", &[right]));
                    b.elementwise("multiply", &[wide, narrow])
                }
            }
            10 => b.one("softmax", &[x], &[], json!({ "axis": 1 })),
            11 => b.one("normalize", &[x], &[], json!({ "axis": 1, "epsilon": 0.2 })),
            12 => {
                let mean =
                    b.one("reduce", &[x], &[], json!({ "kind": "mean", "axes": [1], "keepDims": true }));
                b.elementwise("subtract", &[y, mean])
            }
            _ => match memory {
                Some(memory) => {
                    // Attention over the memory: additive, or by products with it.
                    let row = b.one("reshape", &[x], &[], json!({ "shape": [1, WIDTH] }));
                    let additive = |b: &mut Builder, biased: bool| {
                        let sum = b.elementwise("add", &[memory, row]);
                        let bounded = b.elementwise("tanh", &[sum]);
                        if biased { b.dense(bounded, WIDTH, 1) } else { b.product(bounded, WIDTH, 1) }
                    };
                    let product = if random.below(2) == 0 {
                        let scores = additive(&mut b, random.below(2) == 0);
                        let weights = b.one("softmax", &[scores], &[], json!({ "axis": 1 }));
                        b.one("matmul", &[weights, memory], &[], json!({ "transposeA": true }))
                    } else {
                        let scores = if random.below(2) == 0 {
                            let scores = additive(&mut b, random.below(2) == 0);
                            b.one("reshape", &[scores], &[], json!({ "shape": [1, MEMORY] }))
                        } else {
                            b.one("matmul", &[row, memory], &[], json!({ "transposeB": true }))
                        };
                        let weights = b.one("softmax", &[scores], &[], json!({ "axis": 2 }));
                        b.one("matmul", &[weights, memory], &[], json!({}))
                    };
                    b.one("reshape", &[product], &[], json!({ "shape": [WIDTH] }))
                }
                None => b.elementwise("square", &[x]),
            },
        };
        vectors.push(new);
    }
    let last = |random: &mut Random| vectors[vectors.len() - 1 - random.below(vectors.len().min(3))];
    let mut results = vec![last(random)];
    for state in 0..states {
        // Bounded, so that sums of steps stay small; one that is merely handed on now and then.
        let value = if random.below(6) == 0 { vectors[sequences + state] } else { last(random) };
        results.push(if random.below(6) == 0 { value } else { b.elementwise("tanh", &[value]) });
    }
    (b, results)
}

/// A model of one random scan and a batch for it.
fn arbitrary_scan(seed: u64) -> (Builder, Vec<usize>, Vec<Feed>) {
    let mut random = Random::new(seed);
    let random = &mut random;
    let (sequences, states) = (1 + random.below(2), random.below(3));
    let with_memory = random.below(3) == 0;
    let (body, results) = arbitrary_body(random, sequences, states, with_memory);
    let (batch, time) = (1 + random.below(3), 1 + random.below(4));
    let mut b = Builder::default();
    let mut inputs = Vec::new();
    let mut feeds = Vec::new();
    for index in 0..sequences {
        inputs.push(b.float(&format!("x{index}"), json!([null, null, WIDTH])));
        let feed = Feed::floats(random, &[batch, time, WIDTH]);
        feeds.push(match random.below(3) {
            0 => feed,
            1 => feed.lengths(&(0..batch).map(|_| 1 + random.below(time) as u32).collect::<Vec<u32>>()),
            _ => feed.mask(&(0..batch * time).map(|_| random.below(2) as u8).collect::<Vec<u8>>()),
        });
    }
    let initial: Vec<bool> = (0..states).map(|_| random.below(2) == 0).collect();
    for state in initial.iter().enumerate().filter(|(_, given)| **given).map(|(state, _)| state) {
        inputs.push(b.float(&format!("s{state}"), json!([null, WIDTH])));
        feeds.push(Feed::floats(random, &[batch, WIDTH]));
    }
    if with_memory {
        inputs.push(b.float("memory", json!([null, MEMORY, WIDTH])));
        feeds.push(Feed::floats(random, &[batch, MEMORY, WIDTH]));
    }
    let order = ["forward", "backward"][random.below(2)];
    let output_order = ["time", "processing"][random.below(2)];
    let attributes = json!({
        "sequences": sequences, "stateShapes": vec![[WIDTH]; states], "outputs": 1, "initial": initial,
        "order": order, "outputOrder": output_order,
        "zeroOutputForMask": random.below(2) == 0
    });
    let outputs = b.scan(&body, &results, &inputs, attributes);
    (b, outputs, feeds)
}

/// Compares the gradient of a random sum of the results along a random direction with finite differences.
fn check_direction(seed: u64) {
    let (b, outputs, feeds) = arbitrary_scan(seed);
    let spec = b.spec(&outputs);
    let mut random = Random::new(seed ^ 77);
    let params = parameters::<f64>(&spec, seed);
    let results = forward::<f64>(&spec, &params, &feeds).unwrap();
    let cotangents: Vec<Vec<f64>> = results.iter().map(|result| random.list(result.len())).collect();
    let pass: Pass = differentiate(&spec, &params, &feeds, &cotangents, false).unwrap();
    let of_weights: Vec<Vec<f64>> =
        spec.weights.iter().map(|weight| random.list(weight.shape.iter().product())).collect();
    let of_inputs: Vec<Vec<f64>> = feeds.iter().map(|feed| random.list(feed.floats.len())).collect();
    let at = |scale: f64| -> f64 {
        let mut params = parameters::<f64>(&spec, seed);
        for (index, direction) in of_weights.iter().enumerate() {
            for (value, direction) in params.get_mut(index).unwrap().iter_mut().zip(direction) {
                *value += scale * direction;
            }
        }
        let mut feeds = feeds.clone();
        for (feed, direction) in feeds.iter_mut().zip(&of_inputs) {
            for (value, direction) in feed.floats.iter_mut().zip(direction) {
                *value += scale * direction;
            }
        }
        let results = forward::<f64>(&spec, &params, &feeds).unwrap();
        results.iter().zip(&cotangents).flat_map(|(y, c)| y.iter().zip(c)).map(|(y, c)| y * c).sum()
    };
    let numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
    let dot =
        |gradient: &[f64], direction: &[f64]| gradient.iter().zip(direction).map(|(g, d)| g * d).sum::<f64>();
    let weights: f64 = pass.weights.iter().zip(&of_weights).map(|(g, d)| dot(g, d)).sum();
    let inputs: f64 =
        pass.inputs.iter().zip(&of_inputs).filter_map(|(g, d)| g.as_ref().map(|g| dot(g, d))).sum();
    let analytic = weights + inputs;
    assert!(
        (numeric - analytic).abs() < 2e-6 * (1.0 + numeric.abs()),
        "seed {seed}: numeric {numeric}, analytic {analytic}"
    );
    // What single precision computes with vectors is the same.
    let single = differentiate::<f32>(&spec, &parameters(&spec, seed), &feeds, &cotangents, false).unwrap();
    let close = |what: &str, got: &[f64], expected: &[f64]| {
        for (got, expected) in got.iter().zip(expected) {
            let bound = 2e-3 * (1.0 + expected.abs());
            assert!((got - expected).abs() < bound, "seed {seed}, {what}: {got} for {expected}");
        }
    };
    for (got, expected) in single.outputs.iter().zip(&pass.outputs) {
        close("output", got, expected);
    }
    for (got, expected) in single.weights.iter().zip(&pass.weights) {
        close("weight", got, expected);
    }
}

/// A row alone, in a longer batch, gives the same bits as among others.
fn check_neighbours(seed: u64) {
    let (b, outputs, mut feeds) = arbitrary_scan(seed);
    let spec = b.spec(&outputs);
    let params = parameters::<f32>(&spec, seed);
    for feed in &mut feeds {
        feed.sequence = seqloom_graph::Sequence::Full;
    }
    let together = forward::<f32>(&spec, &params, &feeds).unwrap();
    let batch = feeds[0].shape[0];
    for row in 0..batch {
        let alone: Vec<Feed> = feeds
            .iter()
            .map(|feed| {
                let width = feed.floats.len() / batch;
                let mut shape = feed.shape.clone();
                shape[0] = 1;
                let floats = feed.floats[row * width..(row + 1) * width].to_vec();
                Feed { floats, ints: None, shape, sequence: seqloom_graph::Sequence::Full }
            })
            .collect();
        for (alone, together) in forward::<f32>(&spec, &params, &alone).unwrap().iter().zip(&together) {
            let width = together.len() / batch;
            assert_eq!(alone[..], together[row * width..(row + 1) * width], "seed {seed}, row {row}");
        }
    }
}

/// Replaces a random part of a description; whatever comes of it is an error or a result.
fn check_broken(seed: u64) {
    let (b, outputs, feeds) = arbitrary_scan(seed);
    let mut random = Random::new(seed ^ 99);
    let mut graph: Value = serde_json::from_str(&b.json(&outputs)).unwrap();
    for _ in 0..1 + random.below(2) {
        let node = graph["nodes"].as_array_mut().unwrap().last_mut().unwrap();
        let target = if random.below(4) == 0 { node } else { &mut node["attributes"] };
        breaks(target, &mut random, 0);
    }
    let Ok(spec) = GraphSpec::from_json(&graph.to_string()) else { return };
    let Ok(mut executor) = Executor::<f32>::new(spec.clone()) else { return };
    let Ok(params) = seqloom_graph::Parameters::zeros(&spec) else { return };
    if common::bind(&mut executor, &feeds).is_ok() {
        let _ = executor.forward(&params, &Run::default());
        let _ = differentiate::<f32>(&spec, &params, &feeds, &[], true);
    }
}

fn breaks(value: &mut Value, random: &mut Random, depth: usize) {
    let children = match value {
        Value::Array(list) => list.len(),
        Value::Object(map) => map.len(),
        _ => 0,
    };
    if children > 0 && (depth < 2 || random.below(5) > 0) {
        let child = random.below(children);
        let child = match value {
            Value::Array(list) => &mut list[child],
            Value::Object(map) => map.values_mut().nth(child).unwrap(),
            _ => return,
        };
        return breaks(child, random, depth + 1);
    }
    let others = [
        json!(null),
        json!(0),
        json!(1),
        json!(2),
        json!(7),
        json!(-1),
        json!(u64::MAX),
        json!(1e300),
        json!([]),
        json!([0]),
        json!([1, 2]),
        json!("add"),
        json!("matmul"),
        json!("reduce"),
        json!("scan"),
        json!("embedding"),
        json!(true),
        json!({}),
    ];
    *value = others[random.below(others.len())].clone();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn gradients_of_random_steps(seed in 0..u64::MAX / 2) {
        check_direction(seed);
    }

    #[test]
    fn rows_do_not_see_each_other(seed in 0..u64::MAX / 2) {
        check_neighbours(seed);
    }

    #[test]
    fn broken_descriptions_never_panic(seed in 0..u64::MAX / 2) {
        check_broken(seed);
    }
}
