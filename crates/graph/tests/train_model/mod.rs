//! A small classifier of token sequences, and data for it.
#![allow(dead_code, reason = "every test binary uses its own part")]

use seqloom_graph::train::{FitOptions, Trainer};
use seqloom_graph::{Buffer, HostTensor, Sequence, TensorData};
use serde_json::{Value, json};
use std::sync::atomic::AtomicBool;

pub(crate) const VOCABULARY: usize = 23;
pub(crate) const CLASSES: usize = 3;

pub(crate) static RUNNING: AtomicBool = AtomicBool::new(false);

/// Embedding, dropout, a forward and a backward LSTM, softmax. With `targets`, the training graph.
pub(crate) fn graph(targets: bool) -> Value {
    let weight = |name: &str, shape: &[usize], kind: &str| {
        let initializer = match kind {
            "orthogonal" => json!({ "kind": kind, "gain": 1 }),
            "randomUniform" => json!({ "kind": kind, "minval": -0.05, "maxval": 0.05 }),
            _ => json!({ "kind": kind }),
        };
        json!({ "name": name, "shape": shape, "trainable": true, "initializer": initializer })
    };
    let lstm = |order: &str| {
        json!({ "units": 8, "activation": "tanh", "recurrentActivation": "sigmoid", "order": order,
                "outputOrder": "time", "zeroOutputForMask": true })
    };
    let mut inputs = vec![json!({ "name": "tokens", "dtype": "int32", "shape": [null, null] })];
    let shift = usize::from(targets);
    if targets {
        inputs.push(json!({ "name": "label", "dtype": "int32", "shape": [null] }));
    }
    let id = |value: usize| value + shift;
    let mut nodes = vec![
        json!({ "name": "embedding", "op": "embedding", "inputs": [0], "weights": [0], "outputs": [id(1)], "attributes": { "maskZero": false } }),
        json!({ "name": "dropout", "op": "dropout", "inputs": [id(1)], "weights": [], "outputs": [id(2)],
                "attributes": { "rate": 0.1, "shareSteps": false } }),
        json!({ "name": "forward", "op": "lstm", "inputs": [id(2)], "weights": [1, 2, 3], "outputs": [id(3), id(4), id(5)],
                "attributes": lstm("forward") }),
        json!({ "name": "backward", "op": "lstm", "inputs": [id(2)], "weights": [4, 5, 6], "outputs": [id(6), id(7), id(8)],
                "attributes": lstm("backward") }),
        json!({ "name": "both", "op": "concatenate", "inputs": [id(4), id(7)], "weights": [], "outputs": [id(9)],
                "attributes": { "axis": -1 } }),
        json!({ "name": "dense", "op": "dense", "inputs": [id(9)], "weights": [7, 8], "outputs": [id(10)], "attributes": {} }),
        json!({ "name": "softmax", "op": "activation", "inputs": [id(10)], "weights": [], "outputs": [id(11)],
                "attributes": { "kind": "softmax" } }),
    ];
    let mut outputs = vec![id(11), id(3)];
    if targets {
        nodes.push(
            json!({ "name": "loss", "op": "loss", "inputs": [12, 1], "weights": [], "outputs": [13, 14],
            "attributes": { "kind": "sparseCategoricalCrossentropy", "fromLogits": false } }),
        );
        nodes.push(
            json!({ "name": "accuracy", "op": "metric", "inputs": [12, 1], "weights": [], "outputs": [15, 16],
            "attributes": { "kind": "sparseCategoricalAccuracy" } }),
        );
        outputs.extend([13, 14, 15, 16]);
    }
    json!({
        "version": 1,
        "inputs": inputs,
        "weights": [
            weight("embedding/table", &[VOCABULARY, 6], "randomUniform"),
            weight("forward/kernel", &[6, 32], "glorotUniform"),
            weight("forward/recurrent", &[8, 32], "orthogonal"),
            weight("forward/bias", &[32], "lstmBias"),
            weight("backward/kernel", &[6, 32], "glorotUniform"),
            weight("backward/recurrent", &[8, 32], "orthogonal"),
            weight("backward/bias", &[32], "lstmBias"),
            weight("dense/kernel", &[16, CLASSES], "glorotUniform"),
            weight("dense/bias", &[CLASSES], "zeros"),
        ],
        "nodes": nodes,
        "outputs": outputs,
    })
}

pub(crate) fn train_spec() -> String {
    json!({
        "graph": graph(true),
        "losses": [{ "output": 2, "weight": 1 }],
        "metrics": [{ "name": "accuracy", "output": 4 }],
    })
    .to_string()
}

pub(crate) const ADAM: &str = r#"{"kind":"adam","learningRate":0.01,"globalClipNorm":1}"#;

pub(crate) fn trainer(seed: u64, optimizer: &str) -> Trainer {
    let mut trainer = Trainer::new(&graph(false).to_string(), seed).unwrap();
    trainer.compile(&train_spec(), optimizer).unwrap();
    trainer
}

/// `rows` sequences of 1 to 9 tokens; the label says which third of the vocabulary the first token is from.
pub(crate) fn data(rows: usize) -> Vec<HostTensor> {
    let mut state = 12345_u32;
    let mut below = |limit: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % limit
    };
    let lengths: Vec<u32> = (0..rows).map(|_| 1 + below(9)).collect();
    let mut tokens = Vec::new();
    let mut labels = Vec::new();
    for &length in &lengths {
        let row: Vec<i32> = (0..length).map(|_| below(VOCABULARY as u32) as i32).collect();
        labels.push((row[0] * CLASSES as i32) / VOCABULARY as i32);
        tokens.extend(row);
    }
    vec![
        HostTensor {
            data: TensorData::I32(tokens),
            shape: vec![rows, 9],
            sequence: Sequence::Ragged(lengths),
        },
        HostTensor { data: TensorData::I32(labels), shape: vec![rows], sequence: Sequence::Full },
    ]
}

/// The same sequences, padded with a token that must not matter.
pub(crate) fn padded(ragged: &HostTensor) -> HostTensor {
    let (TensorData::I32(tokens), Sequence::Ragged(lengths)) = (&ragged.data, &ragged.sequence) else {
        panic!("not ragged tokens");
    };
    let time = ragged.shape[1];
    let mut rest = &tokens[..];
    let mut data = Vec::new();
    for &length in lengths {
        let (row, after) = rest.split_at(length as usize);
        data.extend_from_slice(row);
        data.resize(data.len() + time - row.len(), 7);
        rest = after;
    }
    HostTensor {
        data: TensorData::I32(data),
        shape: ragged.shape.clone(),
        sequence: Sequence::Lengths(lengths.clone()),
    }
}

pub(crate) fn options(json: Value) -> FitOptions {
    FitOptions::from_json(&json.to_string()).unwrap()
}

pub(crate) fn weights(trainer: &Trainer) -> Vec<f32> {
    trainer.parameters().arena().to_vec()
}

pub(crate) fn elements(values: &[f32]) -> TensorData {
    TensorData::F32(Buffer::copied(values, "The values").unwrap())
}

pub(crate) fn floats(tensor: &HostTensor) -> &[f32] {
    match &tensor.data {
        TensorData::F32(data) => data,
        TensorData::I32(_) => panic!("not float32"),
    }
}
