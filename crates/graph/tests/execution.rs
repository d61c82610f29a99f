//! What a run must not depend on, and what it must refuse.

mod common;

use common::{Builder, Feed, Random, bind, differentiate, forward, parameters};
use seqloom_graph::{Code, Error, Executor, GraphSpec, Record, Run, Sequence};
use serde_json::json;
use std::sync::atomic::AtomicBool;

/// Embedding, both directions of an LSTM, dense, cross-entropy.
fn classifier(b: &mut Builder) -> [usize; 3] {
    let x = b.int("tokens", json!([null, null]));
    let labels = b.int("labels", json!([null]));
    let table = b.weight(&[9, 5]);
    let embedded = b.one("embedding", &[x], &[table], json!({ "maskZero": true }));
    let there = b.recurrent("lstm", &[embedded], 5, 6, &json!({}));
    let back = b.recurrent("lstm", &[embedded], 5, 6, &json!({ "order": "backward" }));
    let states = b.one("concatenate", &[there[1], back[1]], &[], json!({ "axis": -1 }));
    let logits = b.dense(states, 12, 4);
    let probabilities = b.one("activation", &[logits], &[], json!({ "kind": "softmax" }));
    let loss = b.loss("sparseCategoricalCrossentropy", probabilities, labels);
    let accuracy =
        b.node("metric", &[probabilities, labels], &[], 2, json!({ "kind": "sparseCategoricalAccuracy" }));
    [probabilities, loss, accuracy[0]]
}

const TOKENS: [i32; 15] = [1, 4, 2, 0, 0, /**/ 3, 0, 8, 7, 5, /**/ 6, 6, 0, 0, 0];

fn batch() -> [Feed; 2] {
    [Feed::ints(&TOKENS, &[3, 5]), Feed::ints(&[3, 0, 1], &[3])]
}

#[test]
fn single_and_double_precision_agree() {
    let mut b = Builder::default();
    let outputs = classifier(&mut b);
    let spec = b.spec(&outputs[..2]);
    let cotangents = [vec![0.0; 12], vec![1.0]];
    let single = differentiate::<f32>(&spec, &parameters(&spec, 1), &batch(), &cotangents, true).unwrap();
    let double = differentiate::<f64>(&spec, &parameters(&spec, 1), &batch(), &cotangents, true).unwrap();
    let pairs = single.outputs.iter().zip(&double.outputs).chain(single.weights.iter().zip(&double.weights));
    let mut largest: f64 = 0.0;
    for (single, double) in pairs {
        for (single, double) in single.iter().zip(double) {
            assert!((single - double).abs() < 2e-6, "{single} {double}");
            largest = largest.max(double.abs());
        }
    }
    assert!(largest > 0.1);
}

#[test]
fn the_fused_loss_is_minus_log_p() {
    let mut b = Builder::default();
    let outputs = classifier(&mut b);
    let spec = b.spec(&outputs);
    let values = forward::<f32>(&spec, &parameters(&spec, 1), &batch()).unwrap();
    let labels = [3, 0, 1];
    let p = |row: usize| values[0][row * 4 + labels[row]];
    let expected = -(p(0).ln() + p(1).ln() + p(2).ln()) / 3.0;
    assert!((values[1][0] - expected).abs() < 1e-6);
    let best = |row: usize| {
        let row = &values[0][row * 4..row * 4 + 4];
        (0..4).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap()
    };
    let hits = (0..3).filter(|&row| best(row) == labels[row]).count();
    assert!((values[2][0] - hits as f64 / 3.0).abs() < 1e-6);
}

/// Two stacked layers over floats, with a per-step and a per-row output.
fn stack(b: &mut Builder, op: &str) -> [usize; 2] {
    let x = b.float("x", json!([null, null, 3]));
    let first = b.recurrent(op, &[x], 3, 7, &json!({ "order": "backward" }));
    let normal = b.one("activation", &[first[0]], &[], json!({ "kind": "tanh" }));
    let second = b.recurrent(op, &[normal], 7, 5, &json!({}));
    let pooled = b.one("poolAverage", &[second[0]], &[], json!({}));
    [second[0], pooled]
}

#[test]
fn padding_and_neighbours_change_nothing() {
    for op in ["simpleRnn", "lstm", "gru"] {
        let mut b = Builder::default();
        let outputs = stack(&mut b, op);
        let spec = b.spec(&outputs);
        let params = parameters::<f32>(&spec, 2);
        let lengths = [2_u32, 5, 1, 4];
        let rows: Vec<Vec<f64>> =
            lengths.iter().map(|&n| Random::new(u64::from(n)).list(n as usize * 3)).collect();
        let feed = |order: &[usize], time: usize, junk: f64| {
            let mut floats = Vec::new();
            for &row in order {
                floats.extend(&rows[row]);
                floats.resize(floats.len() + (time * 3 - rows[row].len()), junk);
            }
            Feed { floats, ints: None, shape: vec![order.len(), time, 3], sequence: Sequence::Full }
                .lengths(&order.iter().map(|&row| lengths[row]).collect::<Vec<u32>>())
        };
        let base = forward(&spec, &params, &[feed(&[0, 1, 2, 3], 5, 0.0)]).unwrap();
        for (order, time, junk) in [
            (vec![0, 1, 2, 3], 9, f64::NAN),
            (vec![3, 2, 1, 0], 5, 1e30),
            (vec![1], 5, 0.0),
            (vec![2], 1, 0.0),
            (vec![0, 0, 3, 1, 2, 3, 0], 6, f64::INFINITY),
        ] {
            let got = forward(&spec, &params, &[feed(&order, time, junk)]).unwrap();
            for (position, &row) in order.iter().enumerate() {
                let steps = lengths[row] as usize * 5;
                assert_eq!(got[0][position * time * 5..][..steps], base[0][row * 25..][..steps]);
                assert!(
                    got[0][position * time * 5 + steps..(position + 1) * time * 5].iter().all(|&v| v == 0.0)
                );
                assert_eq!(got[1][position * 5..][..5], base[1][row * 5..][..5]);
            }
        }
        let ragged = Feed {
            floats: rows.concat(),
            ints: None,
            shape: vec![4, 5, 3],
            sequence: Sequence::Ragged(lengths.to_vec()),
        };
        assert_eq!(forward(&spec, &params, &[ragged]).unwrap(), base);
    }
}

/// Outputs in the order of processing lie at the valid steps of their row, so that the input's mask is theirs.
#[test]
fn backward_outputs_keep_to_the_steps_of_their_row() {
    for op in ["simpleRnn", "lstm", "gru"] {
        let run = |output_order: &str, zeros: bool, feed: Feed| {
            let mut b = Builder::default();
            let x = b.float("x", json!([null, null, 3]));
            let options =
                json!({ "order": "backward", "outputOrder": output_order, "zeroOutputForMask": zeros });
            let y = b.recurrent(op, &[x], 3, 2, &options);
            let spec = b.spec(&y[..1]);
            forward::<f32>(&spec, &parameters::<f32>(&spec, 4), &[feed]).unwrap().remove(0)
        };
        let values = Random::new(9).list(2 * 5 * 3);
        let masks = [1, 0, 1, 1, 0, 0, 1, 1, 1, 1];
        let feed =
            || Feed { floats: values.clone(), ints: None, shape: vec![2, 5, 3], sequence: Sequence::Full };
        let in_time = run("time", true, feed().mask(&masks));
        let zeros = run("processing", true, feed().mask(&masks));
        let repeated = run("processing", false, feed().mask(&masks));
        for row in 0..2 {
            let valid: Vec<usize> = (0..5).filter(|step| masks[row * 5 + step] == 1).collect();
            let step = |y: &[f64], at: usize| y[(row * 5 + at) * 2..][..2].to_vec();
            let mut last = vec![0.0; 2];
            for at in 0..5 {
                let place = valid.iter().position(|&step| step == at);
                let expected = place.map(|place| step(&in_time, valid[valid.len() - 1 - place]));
                last = expected.clone().unwrap_or(last);
                assert_eq!(step(&zeros, at), expected.unwrap_or(vec![0.0; 2]), "{op}, row {row}, step {at}");
                assert_eq!(step(&repeated, at), last, "{op}, row {row}, step {at}, repeated");
            }
        }
        // The same however far the batch is padded.
        let short =
            Feed { floats: values[..9].to_vec(), ints: None, shape: vec![1, 3, 3], sequence: Sequence::Full };
        let alone = run("processing", true, short);
        let padded = run("processing", true, feed().lengths(&[3, 5]));
        assert_eq!(padded[..6], alone[..]);
        assert_eq!(padded[6..10], [0.0; 4]);
    }
}

#[test]
fn outputs_are_pruned_and_memory_is_reused() {
    let mut b = Builder::default();
    let outputs = stack(&mut b, "lstm");
    let spec = b.spec(&outputs);
    let params = parameters::<f32>(&spec, 3);
    let mut executor = Executor::<f32>::new(spec).unwrap();
    let mut random = Random::new(4);
    assert_eq!(executor.forward(&params, &Run::default()).unwrap_err().code, Code::State);
    let large = Feed::floats(&mut random, &[8, 20, 3]);
    bind(&mut executor, std::slice::from_ref(&large)).unwrap();
    assert_eq!(executor.value(0).unwrap_err().code, Code::State);
    executor.forward(&params, &Run { outputs: Some(&[1]), ..Run::default() }).unwrap();
    let pruned = executor.memory();
    let pooled = executor.value(1).unwrap().data.to_vec();
    assert_eq!(executor.value(1).unwrap().shape, [8, 5]);
    assert_eq!(executor.value(0).unwrap_err().code, Code::State);
    executor.forward(&params, &Run { record: Record::Weights, ..Run::default() }).unwrap();
    assert!(executor.memory() > pruned);
    assert_eq!(executor.value(1).unwrap().data, pooled);
    let mut gradients = executor.gradients().unwrap();
    executor.backward(&params, &mut gradients, &[(1, &[1.0; 40])], None).unwrap();
    assert_eq!(executor.value(1).unwrap().data, pooled);
    assert!(executor.input_gradient(0).is_none());
    assert_eq!(executor.backward(&params, &mut gradients, &[], None).unwrap_err().code, Code::State);
    let memory = executor.memory();
    for rows in [1, 8, 3] {
        bind(&mut executor, &[Feed::floats(&mut random, &[rows, 7, 3])]).unwrap();
        executor.forward(&params, &Run { record: Record::Weights, ..Run::default() }).unwrap();
        executor.backward(&params, &mut gradients, &[(1, &vec![1.0; rows * 5])], None).unwrap();
    }
    assert_eq!(executor.memory(), memory);
    bind(&mut executor, std::slice::from_ref(&large)).unwrap();
    executor.forward(&params, &Run::default()).unwrap();
    assert_eq!(executor.value(1).unwrap().data, pooled);
    assert_eq!(executor.memory(), memory);
}

#[test]
fn results_have_masks() {
    let mut b = Builder::default();
    let outputs = stack(&mut b, "gru");
    let spec = b.spec(&outputs);
    let mut executor = Executor::<f32>::new(spec.clone()).unwrap();
    bind(&mut executor, &[Feed::floats(&mut Random::new(5), &[2, 3, 3]).lengths(&[3, 1])]).unwrap();
    executor.forward(&parameters(&spec, 1), &Run::default()).unwrap();
    let mask = executor.output_mask(0).unwrap();
    assert_eq!((mask.lengths(), mask.valid_steps()), (Some(vec![3, 1]), 4));
    assert!(executor.output_mask(1).is_none());
    bind(&mut executor, &[Feed::floats(&mut Random::new(5), &[2, 3, 3]).mask(&[1, 0, 1, 1, 1, 0])]).unwrap();
    executor.forward(&parameters(&spec, 1), &Run::default()).unwrap();
    let mask = executor.output_mask(0).unwrap();
    assert_eq!((mask.lengths(), mask.to_bytes()), (None, vec![1, 0, 1, 1, 1, 0]));
}

#[test]
fn cancelling_ends_both_passes() {
    let mut b = Builder::default();
    let outputs = stack(&mut b, "lstm");
    let spec = b.spec(&outputs);
    let params = parameters::<f32>(&spec, 3);
    let mut executor = Executor::<f32>::new(spec).unwrap();
    bind(&mut executor, &[Feed::floats(&mut Random::new(6), &[2, 3, 3])]).unwrap();
    let set = AtomicBool::new(true);
    let cancelled = Run { cancel: Some(&set), ..Run::default() };
    assert_eq!(executor.forward(&params, &cancelled).unwrap_err().code, Code::Aborted);
    executor.forward(&params, &Run { record: Record::Weights, ..Run::default() }).unwrap();
    let mut gradients = executor.gradients().unwrap();
    let error = executor.backward(&params, &mut gradients, &[(1, &[1.0; 10])], Some(&set)).unwrap_err();
    assert_eq!(error.code, Code::Aborted);
}

fn refused(b: &Builder, outputs: &[usize], feeds: &[Feed], code: Code, words: &[&str]) {
    let spec = b.spec(outputs);
    let error = forward::<f32>(&spec, &parameters(&spec, 1), feeds).unwrap_err();
    explains(&error, code, words);
}

fn explains(error: &Error, code: Code, words: &[&str]) {
    assert_eq!(error.code, code, "{error}");
    for word in words {
        assert!(error.message.contains(word), "'{word}' is missing in: {error}");
    }
}

#[test]
fn bad_batches_are_explained() {
    let mut b = Builder::default();
    let outputs = classifier(&mut b);
    let tokens = |index: usize, token: i32| {
        let mut feeds = batch();
        feeds[0].ints.as_mut().unwrap()[index] = token;
        feeds
    };
    for (token, code) in [(9, Code::Data), (-1, Code::Data), (i32::MAX, Code::Data), (i32::MIN, Code::Data)] {
        let words = ["embedding", &token.to_string(), "row 1, step 3", "0 to 8"];
        refused(&b, &outputs, &tokens(8, token), code, &words);
    }
    for label in [4, -1] {
        let feeds = [batch()[0].clone(), Feed::ints(&[3, label, 1], &[3])];
        refused(&b, &outputs, &feeds, Code::Data, &["row 1", &label.to_string(), "4 classes"]);
    }
    refused(&b, &outputs, &batch()[..1], Code::Shape, &["2 inputs", "got 1"]);
    let two_labels = [batch()[0].clone(), Feed::ints(&[3, 1], &[2])];
    refused(&b, &outputs, &two_labels, Code::Shape, &["'tokens' has 3", "'labels' has 2"]);
    let floats = [Feed::floats(&mut Random::new(1), &[3, 5]), batch()[1].clone()];
    refused(&b, &outputs, &floats, Code::Data, &["'tokens'", "int32"]);
    let empty = [Feed::ints(&[], &[0, 5]), Feed::ints(&[], &[0])];
    refused(&b, &outputs, &empty, Code::Data, &["'tokens'", "no rows"]);
    let flat = [Feed::ints(&TOKENS, &[15]), batch()[1].clone()];
    refused(&b, &outputs, &flat, Code::Shape, &["'tokens'", "[null, null]", "[15]"]);
    let short = [Feed::ints(&TOKENS[..14], &[3, 5]), batch()[1].clone()];
    refused(&b, &outputs, &short, Code::Shape, &["'tokens'", "15", "14"]);
    for (lengths, words) in [(vec![5, 0, 1], "row 1"), (vec![5, 2, 6], "row 2"), (vec![5, 2], "2 lengths")] {
        let feeds = [batch()[0].clone().lengths(&lengths), batch()[1].clone()];
        refused(&b, &outputs, &feeds, Code::Data, &["'tokens'", words]);
    }
    let labelled = [batch()[0].clone(), batch()[1].clone().lengths(&[1, 1, 1])];
    refused(&b, &outputs, &labelled, Code::Data, &["'labels'", "no time axis"]);

    let mut b = Builder::default();
    let outputs = stack(&mut b, "gru");
    let mut random = Random::new(1);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut feed = Feed::floats(&mut random, &[2, 4, 3]);
        feed.floats[2 * 4 * 3 - 2] = value;
        refused(&b, &outputs, &[feed], Code::Data, &["'x'", "row 1, step 3, feature 1"]);
    }
    let wide = Feed::floats(&mut random, &[2, 4, 5]);
    refused(&b, &outputs, &[wide], Code::Shape, &["'x'", "[null, null, 3]", "[2, 4, 5]"]);
    let holes = Feed::floats(&mut random, &[2, 4, 3]).mask(&[1; 7]);
    refused(&b, &outputs, &[holes], Code::Data, &["'x'", "2 x 4", "7"]);
    let huge =
        Feed { floats: vec![0.0; 3], ints: None, shape: vec![1 << 40, 1 << 20, 3], sequence: Sequence::Full };
    refused(&b, &outputs, &[huge], Code::Memory, &["'x'"]);
    let large =
        Feed { floats: vec![0.0; 3], ints: None, shape: vec![1 << 20, 1 << 20, 3], sequence: Sequence::Full };
    refused(&b, &outputs, &[large], Code::Memory, &["12.0 TiB", "available"]);
}

#[test]
fn targets_must_have_the_steps_of_the_prediction() {
    let mut b = Builder::default();
    let x = b.float("x", json!([null, null, 3]));
    let t = b.float("t", json!([null, null, 2]));
    let y = b.dense(x, 3, 2);
    let loss = b.loss("meanSquaredError", y, t);
    let mut random = Random::new(1);
    let [x, t] = [3, 2].map(|width| Feed::floats(&mut random, &[2, 4, width]));
    let masked = x.clone().lengths(&[4, 2]);
    refused(&b, &[loss], &[masked.clone(), t.clone().lengths(&[4, 3])], Code::Data, &["row 1", "2", "3"]);
    refused(&b, &[loss], &[x, t.clone().lengths(&[4, 3])], Code::Data, &["row 1"]);
    let spec = b.spec(&[loss]);
    let params = parameters::<f64>(&spec, 1);
    let same = forward(&spec, &params, &[masked.clone(), t.clone().lengths(&[4, 2])]).unwrap();
    assert_eq!(forward(&spec, &params, &[masked, t]).unwrap(), same);
}

#[test]
fn bad_graphs_are_explained() {
    let bad = |edit: &dyn Fn(&mut Builder) -> usize, code: Code, words: &[&str]| {
        let mut b = Builder::default();
        let output = edit(&mut b);
        let error = GraphSpec::from_json(&b.json(&[output])).and_then(Executor::<f32>::new).unwrap_err();
        explains(&error, code, words);
    };
    bad(&|_| 0, Code::Format, &["output 0"]);
    bad(&|b| b.int("x", json!([null, null])), Code::Format, &["int32"]);
    bad(&|b| b.one("transmogrify", &[], &[], json!({})), Code::Unsupported, &["'transmogrify'"]);
    bad(&|b| b.one("add", &[7], &[], json!({})), Code::Format, &["7", "before its use"]);
    bad(&|b| b.one("add", &[], &[], json!({})), Code::Format, &["at least 1 inputs"]);
    bad(&|b| b.float("x", json!([null, 0])), Code::Shape, &["'x'"]);
    bad(
        &|b| {
            let x = b.float("x", json!([null, null, 4]));
            b.dense(x, 3, 2)
        },
        Code::Shape,
        &["dense0", "must be 3", "[null, null, 4]"],
    );
    bad(
        &|b| {
            let x = b.float("x", json!([null, null, 4]));
            b.recurrent("lstm", &[x], 4, 2, &json!({ "recurrentDropout": 0.2 }))[0]
        },
        Code::Option,
        &["recurrentDropout"],
    );
    bad(
        &|b| {
            let x = b.float("x", json!([null, null, 4]));
            b.recurrent("gru", &[x], 4, 2, &json!({ "activation": "gelu" }))[0]
        },
        Code::Unsupported,
        &["Gelu"],
    );
    bad(
        &|b| {
            let x = b.float("x", json!([null, 4]));
            b.one("activation", &[x], &[], json!({ "kind": "tanh", "slope": 2 }))
        },
        Code::Option,
        &["slope"],
    );
    for text in ["", "{}", "[1]", r#"{"version":1,"inputs":[],"weights":[],"nodes":[],"outputs":[],"x":1}"#] {
        explains(&GraphSpec::from_json(text).unwrap_err(), Code::Format, &["graph"]);
    }
    let newer = r#"{"version":2,"inputs":[],"weights":[],"nodes":[],"outputs":[]}"#;
    explains(&GraphSpec::from_json(newer).unwrap_err(), Code::Format, &["version 2"]);
}

#[test]
fn parameters_of_another_model_are_refused() {
    let mut b = Builder::default();
    let outputs = stack(&mut b, "gru");
    let mut executor = Executor::<f32>::new(b.spec(&outputs)).unwrap();
    bind(&mut executor, &[Feed::floats(&mut Random::new(1), &[2, 4, 3])]).unwrap();
    let mut other = Builder::default();
    let outputs = stack(&mut other, "lstm");
    let error = executor.forward(&parameters(&other.spec(&outputs), 1), &Run::default()).unwrap_err();
    assert_eq!(error.code, Code::State);
}
