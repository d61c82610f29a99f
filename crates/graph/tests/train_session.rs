//! Streaming sessions: step by step gives what the whole sequence gives.

use seqloom_graph::decode::{Blueprint, Session};
use seqloom_graph::train::Trainer;
use seqloom_graph::{BatchData, Code, HostTensor, Result, Sequence, TensorData};
use serde_json::{Value, json};
use std::sync::atomic::AtomicBool;

/// Embedding, LSTM, GRU, simple RNN, dense at every step.
fn graph() -> Value {
    let weight = |name: &str, shape: &[usize]| {
        json!({ "name": name, "shape": shape, "trainable": true,
                "initializer": { "kind": "randomNormal", "mean": 0, "stddev": 0.5 } })
    };
    let cell = |extra: Value| {
        let mut attributes = json!({ "units": 5, "activation": "tanh", "order": "forward", "outputOrder": "time",
                                     "zeroOutputForMask": true });
        attributes.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        attributes
    };
    json!({
        "version": 1,
        "inputs": [{ "name": "tokens", "dtype": "int32", "shape": [null, null] }],
        "weights": [
            weight("table", &[11, 4]), weight("lk", &[4, 20]), weight("lr", &[5, 20]), weight("lb", &[20]),
            weight("gk", &[5, 15]), weight("gr", &[5, 15]), weight("gb", &[2, 15]),
            weight("rk", &[5, 5]), weight("rr", &[5, 5]), weight("dk", &[5, 3]),
        ],
        "nodes": [
            { "name": "embedding", "op": "embedding", "inputs": [0], "weights": [0], "outputs": [1], "attributes": { "maskZero": false } },
            { "name": "lstm", "op": "lstm", "inputs": [1], "weights": [1, 2, 3], "outputs": [2, 3, 4],
              "attributes": cell(json!({ "recurrentActivation": "sigmoid" })) },
            { "name": "gru", "op": "gru", "inputs": [2], "weights": [4, 5, 6], "outputs": [5, 6],
              "attributes": cell(json!({ "recurrentActivation": "sigmoid", "resetAfter": true })) },
            { "name": "rnn", "op": "simpleRnn", "inputs": [5], "weights": [7, 8], "outputs": [7, 8], "attributes": cell(json!({})) },
            { "name": "dense", "op": "dense", "inputs": [7], "weights": [9], "outputs": [9], "attributes": {} },
        ],
        "outputs": [9],
    })
}

const TOKENS: [[i32; 6]; 2] = [[1, 5, 3, 10, 0, 2], [7, 7, 1, 2, 9, 4]];

fn open(trainer: &Trainer, batch: usize) -> Result<Session> {
    Blueprint::new(trainer.graph(), trainer.shared_parameters(), 0)?.session(batch, &[])
}

fn read(session: &mut Session, tokens: &[i32]) -> Result<Vec<f32>> {
    session.step(BatchData::Int(tokens))?;
    session.output(0).map(<[f32]>::to_vec)
}

fn step(session: &mut Session, time: usize) -> Vec<f32> {
    read(session, &TOKENS.map(|row| row[time])).unwrap()
}

#[test]
fn steps_give_the_whole_sequence() {
    let mut trainer = Trainer::new(&graph().to_string(), 9).unwrap();
    let tokens =
        HostTensor { data: TensorData::I32(TOKENS.concat()), shape: vec![2, 6], sequence: Sequence::Full };
    let whole = trainer.predict(&[tokens], 2, &AtomicBool::new(false)).unwrap().remove(0);
    let TensorData::F32(whole) = whole.data else { panic!("not float32") };
    let expected = |row: usize, time: usize| &whole[(row * 6 + time) * 3..(row * 6 + time + 1) * 3];
    let close = |got: &[f32], row: usize, time: usize| {
        let want = expected(row, time);
        assert!(
            got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-6),
            "row {row}, step {time}: {got:?} for {want:?}"
        );
    };
    let mut session = open(&trainer, 2).unwrap();
    for time in 0..3 {
        let output = step(&mut session, time);
        close(&output[..3], 0, time);
        close(&output[3..], 1, time);
    }
    // A copy goes on by itself; saved states bring the original back.
    let mut copy = session.duplicate().unwrap();
    let saved = session.states().to_vec();
    assert_eq!(saved.len(), 4);
    for time in 3..6 {
        close(&step(&mut copy, time)[..3], 0, time);
    }
    session.reset();
    close(&step(&mut session, 0)[..3], 0, 0);
    session.set_states(&saved).unwrap();
    // Both rows go on from what was row 0.
    session.reorder(&[0, 0]).unwrap();
    let output = read(&mut session, &[TOKENS[0][3]; 2]).unwrap();
    close(&output[..3], 0, 3);
    close(&output[3..], 0, 3);
}

/// The same model with its simple RNN as a scan: a constant without batch, a state of two axes, and the last output
/// as a state.
fn scanned() -> Value {
    let mut graph = graph();
    let nodes = json!([
        { "name": "column", "op": "reshape", "inputs": [1], "outputs": [4], "attributes": { "shape": [5] } },
        { "name": "x", "op": "dense", "inputs": [0], "weights": [0], "outputs": [5], "attributes": {} },
        { "name": "h", "op": "dense", "inputs": [4], "weights": [1], "outputs": [6], "attributes": {} },
        { "name": "sum", "op": "elementwise", "inputs": [5, 6], "outputs": [7], "attributes": { "kind": "add" } },
        { "name": "scaled", "op": "elementwise", "inputs": [7, 3], "outputs": [8], "attributes": { "kind": "multiply" } },
        { "name": "y", "op": "elementwise", "inputs": [8], "outputs": [9], "attributes": { "kind": "tanh" } },
        { "name": "state", "op": "reshape", "inputs": [9], "outputs": [10], "attributes": { "shape": [1, 5] } },
    ]);
    let body = json!({
        "inputs": [{ "name": "x", "shape": [null, 5] }, { "name": "h", "shape": [null, 1, 5] },
            { "name": "last", "shape": [null, 5] }, { "name": "scale", "shape": [] }],
        "weights": [{ "shape": [5, 5] }, { "shape": [5, 5] }], "nodes": nodes, "outputs": [9, 10, 9]
    });
    graph["nodes"][3] = json!({ "name": "scale", "op": "scalar", "inputs": [], "outputs": [7], "attributes": { "value": 0.8 } });
    let dense = json!({ "name": "dense", "op": "dense", "inputs": [8], "weights": [9], "outputs": [11], "attributes": {} });
    graph["nodes"][4] = json!({ "name": "cell", "op": "scan", "inputs": [5, 7], "weights": [7, 8], "outputs": [8, 9, 10],
        "attributes": { "body": body, "sequences": 1, "stateShapes": [[1, 5], [5]], "outputs": 1, "initial": [false, false],
            "order": "forward", "outputOrder": "time", "zeroOutputForMask": true } });
    graph["nodes"].as_array_mut().unwrap().push(dense);
    graph["outputs"] = json!([11]);
    graph
}

#[test]
fn scans_stream_too() {
    let mut trainer = Trainer::new(&scanned().to_string(), 9).unwrap();
    let tokens =
        HostTensor { data: TensorData::I32(TOKENS.concat()), shape: vec![2, 6], sequence: Sequence::Full };
    let whole = trainer.predict(&[tokens], 2, &AtomicBool::new(false)).unwrap().remove(0);
    let TensorData::F32(whole) = whole.data else { panic!("not float32") };
    let mut session = open(&trainer, 2).unwrap();
    for time in 0..6 {
        let got = step(&mut session, time);
        for (index, got) in got.iter().enumerate() {
            let want = whole[(index / 3 * 6 + time) * 3 + index % 3];
            assert!((got - want).abs() < 1e-6, "step {time}: {got} for {want}");
        }
    }
    assert_eq!(session.states().iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 10, 10, 10]);
    session.reorder(&[1, 0]).unwrap();
}

#[test]
fn steps_allocate_nothing() {
    for graph in [graph(), scanned()] {
        let trainer = Trainer::new(&graph.to_string(), 9).unwrap();
        let mut session = open(&trainer, 2).unwrap();
        let mut run = |times: std::ops::Range<usize>| {
            times.for_each(|time| {
                session.step(BatchData::Int(&[TOKENS[0][time], TOKENS[1][time]])).unwrap();
            });
        };
        run(0..2);
        let counted = allocation_counter::measure(|| run(2..6));
        assert_eq!(counted.count_total, 0, "{counted:?}");
    }
}

#[test]
fn misuse_is_refused() {
    let trainer = Trainer::new(&graph().to_string(), 9).unwrap();
    let mut session = open(&trainer, 2).unwrap();
    assert_eq!(session.step(BatchData::Int(&[1])).unwrap_err().code, Code::Shape);
    assert_eq!(session.step(BatchData::Float(&[1.0; 2])).unwrap_err().code, Code::Data);
    let error = session.step(BatchData::Int(&[1, 11])).unwrap_err();
    assert_eq!(error.code, Code::Data);
    assert!(session.states().iter().flatten().all(|&x| x == 0.0));
    assert_eq!(session.reorder(&[0]).unwrap_err().code, Code::Shape);
    assert_eq!(session.reorder(&[0, 2]).unwrap_err().code, Code::Data);
    assert_eq!(session.set_states(&[]).unwrap_err().code, Code::Shape);
    assert_eq!(open(&trainer, 0).unwrap_err().code, Code::Option);
    assert_eq!(open(&trainer, usize::MAX).unwrap_err().code, Code::Memory);
}

#[test]
fn what_needs_the_whole_sequence_is_refused() {
    let mut backward = graph();
    backward["nodes"][2]["attributes"]["order"] = json!("backward");
    let mut pooled = graph();
    pooled["nodes"][4] = json!({ "name": "pool", "op": "poolMax", "inputs": [7], "weights": [], "outputs": [9], "attributes": {} });
    let mut reversed = scanned();
    reversed["nodes"][4]["attributes"]["order"] = json!("backward");
    let mut reading = scanned();
    reading["nodes"][3] = json!({ "name": "memory", "op": "slice", "inputs": [2], "outputs": [7],
        "attributes": { "axis": 2, "start": 0, "end": 1 } });
    reading["nodes"][4]["inputs"] = json!([5, 4]);
    reading["nodes"][4]["attributes"]["body"]["inputs"][3]["shape"] = json!([null, 5]);
    for (graph, name) in [(backward, "gru"), (pooled, "pool"), (reversed, "cell"), (reading, "cell")] {
        let trainer = Trainer::new(&graph.to_string(), 9).unwrap();
        let error = open(&trainer, 1).unwrap_err();
        assert_eq!(error.code, Code::Unsupported);
        assert!(error.message.contains(name), "{error}");
    }
}

/// Tokens as rows of a table, by number; a cell; a class that is drawn, so cold that it is the most probable one.
fn gathering() -> Value {
    let mut graph = graph();
    let node = |name: &str, op: &str, inputs: Value, weights: Value, output: usize, attributes: Value| json!({ "name": name, "op": op, "inputs": inputs, "weights": weights, "outputs": [output], "attributes": attributes });
    let cell = json!({ "units": 5, "activation": "tanh", "recurrentActivation": "sigmoid", "order": "forward",
                       "outputOrder": "time", "zeroOutputForMask": true });
    graph["nodes"] = json!([
        node("numbers", "cast", json!([0]), json!([]), 1, json!({})),
        node("table", "parameter", json!([]), json!([0]), 2, json!({})),
        node("rows", "gather", json!([2, 1]), json!([]), 3, json!({})),
        { "name": "lstm", "op": "lstm", "inputs": [3], "weights": [1, 2, 3], "outputs": [4, 5, 6], "attributes": cell },
        node("logits", "dense", json!([5]), json!([9]), 7, json!({})),
        node("drawn", "sample", json!([7]), json!([]), 8, json!({ "temperature": 1e-6 })),
    ]);
    graph["outputs"] = json!([7, 8]);
    graph
}

#[test]
fn what_gathers_or_samples_streams() {
    let mut trainer = Trainer::new(&gathering().to_string(), 9).unwrap();
    let mut session = open(&trainer, 2).unwrap();
    for time in 1..=6 {
        session.step(BatchData::Int(&TOKENS.map(|row| row[time - 1]))).unwrap();
        let data = TensorData::I32(TOKENS.iter().flat_map(|row| row[..time].to_vec()).collect());
        let tokens = HostTensor { data, shape: vec![2, time], sequence: Sequence::Full };
        let whole = trainer.predict(&[tokens], 2, &AtomicBool::new(false)).unwrap();
        let TensorData::F32(logits) = &whole[0].data else { panic!("not float32") };
        let got = session.output(0).unwrap();
        assert!(got.iter().zip(&logits[..]).all(|(got, want)| (got - want).abs() < 1e-6), "{time}: {got:?}");
        let best = logits
            .chunks(3)
            .map(|row| (1..3).fold(0, |best, k| if row[k] > row[best] { k } else { best }) as f32);
        assert_eq!(session.output(1).unwrap(), best.collect::<Vec<f32>>());
    }
}

#[test]
fn a_scan_carries_its_states_from_batch_to_batch() {
    let mut carried = scanned();
    for node in carried["nodes"].as_array_mut().unwrap() {
        let recurrent = ["lstm", "gru", "simpleRnn", "scan"].contains(&node["op"].as_str().unwrap());
        if recurrent {
            node["stateful"] = json!(true);
        }
    }
    let predict = |graph: &Value, tokens: Vec<i32>, shape: [usize; 2]| {
        let mut trainer = Trainer::new(&graph.to_string(), 9).unwrap();
        let tokens =
            HostTensor { data: TensorData::I32(tokens), shape: shape.to_vec(), sequence: Sequence::Full };
        let whole = trainer.predict(&[tokens], 2, &AtomicBool::new(false)).unwrap().remove(0);
        let TensorData::F32(whole) = whole.data else { panic!("not float32") };
        whole.to_vec()
    };
    let whole = predict(&scanned(), TOKENS.concat(), [2, 6]);
    // Both rows' first halves are one batch, their second halves the next.
    let halves = [0, 3].map(|from| TOKENS.map(|row| row[from..from + 3].to_vec()).concat());
    let parts = predict(&carried, halves.concat(), [4, 3]);
    let forgetful = predict(&scanned(), halves.concat(), [4, 3]);
    let (mut same, mut other) = (0.0_f32, 0.0_f32);
    for (index, part) in parts.iter().enumerate() {
        let (row, step, class) = (index / 9, index / 3 % 3, index % 3);
        let want = whole[((row % 2) * 6 + row / 2 * 3 + step) * 3 + class];
        same = same.max((part - want).abs());
        other = other.max((forgetful[index] - want).abs());
    }
    assert!(same < 1e-6 && other > 1e-3, "{same} {other}");
}

#[test]
fn cumulative_sums_stream() {
    let mut graph = graph();
    graph["nodes"][3] = json!({ "name": "sum", "op": "cumulativeSum", "inputs": [5], "outputs": [7, 8], "attributes": { "axis": 1 } });
    let mut trainer = Trainer::new(&graph.to_string(), 9).unwrap();
    let tokens =
        HostTensor { data: TensorData::I32(TOKENS.concat()), shape: vec![2, 6], sequence: Sequence::Full };
    let whole = trainer.predict(&[tokens], 2, &AtomicBool::new(false)).unwrap().remove(0);
    let TensorData::F32(whole) = whole.data else { panic!("not float32") };
    let mut session = open(&trainer, 2).unwrap();
    for time in 0..6 {
        for (index, got) in step(&mut session, time).iter().enumerate() {
            let want = whole[(index / 3 * 6 + time) * 3 + index % 3];
            assert!((got - want).abs() < 1e-6, "step {time}: {got} for {want}");
        }
    }
    graph["nodes"][3]["attributes"]["reverse"] = json!(true);
    let trainer = Trainer::new(&graph.to_string(), 9).unwrap();
    assert_eq!(open(&trainer, 2).unwrap_err().code, Code::Unsupported);
}
