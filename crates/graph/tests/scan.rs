//! Scans against finite differences in float64 and against the fused cells.

mod common;

use common::{Builder, Feed, Random, check, check_run, differentiate, forward, parameters};
use seqloom_graph::{Executor, Record, Run};
use serde_json::{Value, json};

const HOLES: [u8; 12] = [1, 0, 1, 1, /**/ 0, 1, 0, 1, /**/ 0, 0, 0, 0];

/// The body of an LSTM over x, h, c: results are h as output, then h and c as states.
fn lstm_body(input: usize, units: usize) -> (Builder, Vec<usize>) {
    let mut b = Builder::default();
    let x = b.float("x", json!([null, input]));
    let [h, c] = ["h", "c"].map(|name| b.float(name, json!([null, units])));
    let [from_x, from_h] = [(x, input), (h, units)]
        .map(|(value, from)| ["i", "f", "g", "o"].map(|_| b.product(value, from, units)));
    let gates: Vec<usize> = (0..4)
        .map(|gate| {
            let bias = b.parameter(&[units]);
            let sum = b.elementwise("add", &[from_x[gate], from_h[gate]]);
            let sum = b.elementwise("add", &[sum, bias]);
            b.elementwise(if gate == 2 { "tanh" } else { "sigmoid" }, &[sum])
        })
        .collect();
    let kept = b.elementwise("multiply", &[gates[1], c]);
    let added = b.elementwise("multiply", &[gates[0], gates[2]]);
    let new_c = b.elementwise("add", &[kept, added]);
    let shown = b.elementwise("tanh", &[new_c]);
    let new_h = b.elementwise("multiply", &[gates[3], shown]);
    (b, vec![new_h, new_h, new_c])
}

fn attributes(sequences: usize, state_shapes: &[&[usize]], outputs: usize) -> Value {
    json!({ "sequences": sequences, "stateShapes": state_shapes, "outputs": outputs })
}

#[test]
fn traced_lstm_gradients() {
    let mut random = Random::new(1);
    let (body, results) = lstm_body(2, 3);
    for options in [
        json!({}),
        json!({ "order": "backward" }),
        json!({ "order": "backward", "outputOrder": "processing" }),
    ] {
        for zeros in [true, false] {
            for mask in [None, Some(vec![1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0]), Some(HOLES.to_vec())] {
                for initial in [false, true] {
                    let mut b = Builder::default();
                    let mut inputs = vec![b.float("x", json!([null, null, 2]))];
                    let mut feeds = vec![Feed::floats(&mut random, &[3, 4, 2])];
                    if let Some(mask) = &mask {
                        feeds[0] = feeds[0].clone().mask(mask);
                    }
                    for name in ["h0", "c0"].iter().take(if initial { 2 } else { 0 }) {
                        inputs.push(b.float(name, json!([null, 3])));
                        feeds.push(Feed::floats(&mut random, &[3, 3]));
                    }
                    let mut all = attributes(1, &[&[3], &[3]], 1);
                    all["zeroOutputForMask"] = json!(zeros);
                    for (key, value) in options.as_object().unwrap() {
                        all[key] = value.clone();
                    }
                    let y = b.scan(&body, &results, &inputs, all);
                    check(&b, &y, &feeds);
                    if mask.is_none() {
                        check(&b, &y[..1], &feeds);
                        check(&b, &y[2..], &feeds);
                    }
                }
            }
        }
    }
}

/// The weights of a fused LSTM cut into those of [`lstm_body`].
fn cut(values: &[f64], rows: usize, units: usize, gate: usize) -> Vec<f64> {
    (0..rows).flat_map(|row| values[(row * 4 + gate) * units..][..units].to_vec()).collect()
}

#[test]
fn traced_lstm_is_the_fused_one() {
    let (input, units) = (5, 7);
    let mut random = Random::new(2);
    let feed = Feed::floats(&mut random, &[3, 6, input])
        .mask(&[1, 1, 1, 1, 1, 1, /**/ 1, 0, 1, 1, 0, 0, /**/ 1, 0, 0, 0, 0, 0]);
    let mut fused = Builder::default();
    let x = fused.float("x", json!([null, null, input]));
    let y = fused.recurrent("lstm", &[x], input, units, &json!({}));
    let fused = fused.spec(&y);
    let params = parameters::<f32>(&fused, 3);
    let cotangents: Vec<Vec<f64>> =
        [3 * 6 * units, 3 * units, 3 * units].iter().map(|&count| random.list(count)).collect();
    let expected = differentiate(&fused, &params, std::slice::from_ref(&feed), &cotangents, false).unwrap();

    let (body, results) = lstm_body(input, units);
    let mut traced = Builder::default();
    let x = traced.float("x", json!([null, null, input]));
    let y = traced.scan(&body, &results, &[x], attributes(1, &[&[units], &[units]], 1));
    let traced = traced.spec(&y);
    let mut own = parameters::<f32>(&traced, 1);
    let wide =
        |index: usize| -> Vec<f64> { params.get(index).unwrap().iter().map(|&x| f64::from(x)).collect() };
    let parts = [(1, input, 0), (2, units, 4), (0, 1, 8)];
    for (index, rows, first) in parts {
        for gate in 0..4 {
            let part: Vec<f32> = cut(&wide(index), rows, units, gate).into_iter().map(|x| x as f32).collect();
            own.set(first + gate, &part).unwrap();
        }
    }
    let got = differentiate(&traced, &own, std::slice::from_ref(&feed), &cotangents, false).unwrap();
    let close = |what: &str, got: &[f64], expected: &[f64]| {
        assert_eq!(got.len(), expected.len());
        for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
            assert!(
                (got - expected).abs() < 2e-6 * (1.0 + expected.abs()),
                "{what}[{index}]: {got} {expected}"
            );
        }
    };
    for output in 0..3 {
        close("output", &got.outputs[output], &expected.outputs[output]);
    }
    close("dx", got.inputs[0].as_ref().unwrap(), expected.inputs[0].as_ref().unwrap());
    for (index, rows, first) in parts {
        for gate in 0..4 {
            close("weight", &got.weights[first + gate], &cut(&expected.weights[index], rows, units, gate));
        }
    }
}

/// Constants with and without batch, scalars, values that pass through, and results that are not the loop's own.
#[test]
fn constants_and_unusual_results() {
    let mut random = Random::new(4);
    let mut body = Builder::default();
    let x = body.float("x", json!([null, 2]));
    let [s, t] = ["s", "t"].map(|name| body.float(name, json!([null, 2])));
    let memory = body.float("memory", json!([null, 2]));
    let free = body.float("free", json!([2]));
    let projected = body.product(memory, 2, 2);
    let mixed = body.elementwise("multiply", &[x, projected]);
    let half = body.one("scalar", &[], &[], json!({ "value": 0.5 }));
    let scaled = body.elementwise("multiply", &[free, half]);
    let sum = body.elementwise("add", &[mixed, s]);
    let sum = body.elementwise("subtract", &[sum, scaled]);
    let new = body.elementwise("tanh", &[sum]);
    let late = body.dense(new, 2, 3);
    let early = body.dense(x, 2, 2);
    // States change places; an input, a constant, a value without a state and one twice are results.
    let results = [late, x, early, projected, t, new, new, t, new];
    let mut b = Builder::default();
    let x = b.float("x", json!([null, null, 2]));
    let initial = ["s", "t"].map(|name| b.float(name, json!([null, 2])));
    let memory = b.float("memory", json!([null, 2]));
    let free = b.parameter(&[2]);
    let inputs = [x, initial[0], initial[1], memory, free];
    let y = b.scan(&body, &results, &inputs, attributes(1, &[&[2], &[2]], 7));
    for mask in [[1; 12], HOLES] {
        let mut feeds = vec![Feed::floats(&mut random, &[3, 4, 2]).mask(&mask)];
        feeds.extend((0..3).map(|_| Feed::floats(&mut random, &[3, 2])));
        check(&b, &y, &feeds);
        for output in &y {
            check(&b, &[*output], &feeds);
        }
    }
}

#[test]
fn scans_without_sequences_or_states() {
    let mut random = Random::new(5);
    let mut body = Builder::default();
    let state = body.float("state", json!([null, 2, 2]));
    let doubled = body.elementwise("tanh", &[state]);
    let next = body.product(doubled, 2, 2);
    let mut b = Builder::default();
    let x = b.float("x", json!([null, 2, 2]));
    let mut all = attributes(0, &[&[2, 2]], 1);
    all["steps"] = json!(3);
    let y = b.scan(&body, &[doubled, next], &[x], all);
    check(&b, &y, &[Feed::floats(&mut random, &[2, 2, 2])]);

    let mut body = Builder::default();
    let [left, right] = ["left", "right"].map(|name| body.float(name, json!([null])));
    let product = body.elementwise("multiply", &[left, right]);
    let mut b = Builder::default();
    let inputs = ["left", "right"].map(|name| b.float(name, json!([null, null])));
    let y = b.scan(&body, &[product], &inputs, attributes(2, &[], 1));
    check(&b, &y, &[Feed::floats(&mut random, &[2, 3]), Feed::floats(&mut random, &[2, 3])]);
}

#[test]
fn dropout_in_the_loop() {
    for per_step in [false, true] {
        let mut body = Builder::default();
        let x = body.float("x", json!([null, 3]));
        let h = body.float("h", json!([null, 3]));
        let dropped =
            body.one("dropout", &[h], &[], json!({ "rate": 0.4, "shareSteps": false, "perStep": per_step }));
        let product = body.product(dropped, 3, 3);
        let sum = body.elementwise("add", &[product, x]);
        let new = body.elementwise("tanh", &[sum]);
        let mut b = Builder::default();
        let x = b.float("x", json!([null, null, 3]));
        let y = b.scan(&body, &[dropped, new], &[x], attributes(1, &[&[3]], 1));
        check_run(&b, &y, &[Feed::floats(&mut Random::new(6), &[3, 4, 3]).mask(&HOLES)], true);
    }
}

/// What training holds for a row of a step, in bytes: the same however many there are. The body's inputs are x,
/// states of `units` and, unless `memory` is 0, so many rows of a memory.
fn bytes_per_step(
    (body, results): &(Builder, Vec<usize>),
    rows: usize,
    [input, units, memory]: [usize; 3],
) -> Vec<usize> {
    let states = results.len() - 1;
    let mut b = Builder::default();
    let mut inputs = vec![b.float("x", json!([null, null, input]))];
    let mut feeds = Vec::new();
    if memory > 0 {
        inputs.extend((0..states).map(|_| b.float("initial", json!([null, units]))));
        inputs.push(b.float("memory", json!([null, memory, units])));
        feeds.extend((0..states).map(|_| vec![rows, units]));
        feeds.push(vec![rows, memory, units]);
    }
    let y = b.scan(body, results, &inputs, attributes(1, &vec![&[units][..]; states], 1));
    let spec = b.spec(&y[..1]);
    let params = parameters::<f32>(&spec, 1);
    let held = |time: usize| {
        let mut executor = Executor::<f32>::new(spec.clone()).unwrap();
        let random = &mut Random::new(1);
        let mut all = vec![Feed::floats(random, &[rows, time, input])];
        all.extend(feeds.iter().map(|shape| Feed::floats(random, shape)));
        common::bind(&mut executor, &all).unwrap();
        executor.forward(&params, &Run { record: Record::Weights, ..Run::default() }).unwrap();
        executor.memory()
    };
    let held: Vec<usize> = [16, 32, 64, 128].into_iter().map(held).collect();
    let more = held.windows(2).map(|pair| pair[1] - pair[0]);
    more.zip([16, 32, 64]).map(|(more, steps)| more / (rows * steps)).collect()
}

/// Values that the backward pass reads again, gradients, and the input in the order of the steps; docs/guide.md
/// gives the figure.
#[test]
fn memory_grows_linearly_with_the_steps() {
    for (rows, input, units) in [(8, 16, 32), (8, 32, 32), (16, 16, 64)] {
        let expected = 4 * (3 * input + 24 * units);
        assert_eq!(bytes_per_step(&lstm_body(input, units), rows, [input, units, 0]), [expected; 3]);
    }
}

/// The hidden units of an attention, `memory x units` for every step, would be far more than everything else.
#[test]
fn hidden_units_of_an_attention_are_not_kept() {
    let (units, memory) = (32, 100);
    let mut body = Builder::default();
    let x = body.float("x", json!([null, units]));
    let state = body.float("state", json!([null, units]));
    let rows = body.float("memory", json!([null, memory, units]));
    let query = body.product(state, units, units);
    let query = body.one("reshape", &[query], &[], json!({ "shape": [1, units] }));
    let sum = body.elementwise("add", &[rows, query]);
    let hidden = body.elementwise("tanh", &[sum]);
    let scores = body.product(hidden, units, 1);
    let weights = body.one("softmax", &[scores], &[], json!({ "axis": 1 }));
    let read = body.one("matmul", &[weights, rows], &[], json!({ "transposeA": true }));
    let read = body.one("reshape", &[read], &[], json!({ "shape": [units] }));
    let sum = body.elementwise("add", &[read, x]);
    let new = body.elementwise("tanh", &[sum]);
    let bytes = bytes_per_step(&(body, vec![new, new]), 4, [units, units, memory]);
    assert!(bytes.iter().all(|&bytes| bytes < memory * units * 4 / 3), "{bytes:?}");
}

/// A cell that attends over two memories, each with weights for its rows, whose numbers of rows are not declared.
fn two_memories() -> (Builder, Vec<usize>) {
    let mut body = Builder::default();
    let x = body.float("x", json!([null, 2]));
    let h = body.float("h", json!([null, 2]));
    let memories = ["a", "b"].map(|name| body.float(name, json!([null, null, 2])));
    let weights = ["c", "d"].map(|name| body.float(name, json!([null, null, 1])));
    let row = body.one("reshape", &[h], &[], json!({ "shape": [1, 2] }));
    // Side by side, as a cell would write it: what looks alike is close together.
    let sums = memories.map(|memory| body.elementwise("add", &[memory, row]));
    let hidden = sums.map(|sum| body.elementwise("tanh", &[sum]));
    let weighted = [0, 1].map(|at| body.elementwise("multiply", &[hidden[at], weights[at]]));
    let contexts = [0, 1].map(|at| {
        let scores = body.product(weighted[at], 2, 1);
        let scores = body.one("softmax", &[scores], &[], json!({ "axis": 1 }));
        let context = body.one("matmul", &[scores, memories[at]], &[], json!({ "transposeA": true }));
        body.one("reshape", &[context], &[], json!({ "shape": [2] }))
    });
    let both = body.elementwise("add", &contexts);
    let sum = body.elementwise("add", &[both, x]);
    let new = body.elementwise("tanh", &[sum]);
    let mut b = Builder::default();
    let x = b.float("x", json!([null, null, 2]));
    let memories = ["a", "b"].map(|name| b.float(name, json!([null, null, 2])));
    let weights = ["c", "d"].map(|name| b.float(name, json!([null, null, 1])));
    let inputs = [x, memories[0], memories[1], weights[0], weights[1]];
    let outputs = b.scan(&body, &[new, new], &inputs, attributes(1, &[&[2]], 1));
    (b, outputs)
}

#[test]
fn memories_of_different_lengths() {
    let (b, outputs) = two_memories();
    let mut random = Random::new(31);
    for [first, second] in [[3, 5], [4, 4], [1, 3], [5, 2]] {
        let random = &mut random;
        let mut feeds = vec![Feed::floats(random, &[2, 3, 2]).lengths(&[3, 2])];
        feeds.extend([first, second].map(|rows| Feed::floats(random, &[2, rows, 2])));
        feeds.extend([first, second].map(|rows| Feed::floats(random, &[2, rows, 1])));
        check(&b, &outputs, &feeds);
    }
    // Values that are multiplied with each other must have the same rows.
    let mut feeds = vec![Feed::floats(&mut random, &[2, 3, 2])];
    feeds.extend([[2, 3, 2], [2, 5, 2], [2, 4, 1], [2, 5, 1]].map(|shape| Feed::floats(&mut random, &shape)));
    let spec = b.spec(&outputs);
    assert!(forward(&spec, &parameters::<f32>(&spec, 1), &feeds).is_err());
}
