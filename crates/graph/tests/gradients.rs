//! Every operation's gradient against finite differences in float64.

mod common;

use common::{Builder, Feed, Random, check, check_run};
use seqloom_graph::operation_names;
use serde_json::{Value, json};

const HOLES: [u8; 12] = [1, 0, 1, 1, /**/ 0, 1, 0, 1, /**/ 0, 0, 0, 0];

fn features(random: &mut Random, width: usize) -> Feed {
    Feed::floats(random, &[3, 4, width])
}

/// One use of each operation; what depends on options and masks is in the tests that follow.
#[test]
fn every_operation() {
    for op in operation_names() {
        let mut random = Random::new(31);
        let mut b = Builder::default();
        let x = b.float("x", json!([null, null, 4]));
        let mut feeds = vec![Feed::floats(&mut random, &[3, 4, 4])];
        let mut second = |b: &mut Builder| {
            feeds.push(Feed::floats(&mut random, &[3, 4, 4]));
            b.float("z", json!([null, null, 4]))
        };
        let labels = Feed::ints(&[0, 2, 1, 3, 3, 0, 1, 2, 0, 0, 1, 1], &[3, 4]);
        let outputs = match op {
            "add" | "average" | "maximum" | "minimum" | "multiply" | "subtract" | "matmul" => {
                let z = second(&mut b);
                vec![b.one(op, &[x, z], &[], json!({}))]
            }
            "concatenate" => {
                let z = second(&mut b);
                vec![b.one(op, &[x, z], &[], json!({ "axis": -1 }))]
            }
            "loss" | "metric" | "counts" | "sequenceCounts" => {
                feeds.push(labels);
                let t = b.int("t", json!([null, null]));
                let (outputs, attributes) = match op {
                    "loss" => (2, json!({ "kind": "sparseCategoricalCrossentropy", "fromLogits": true })),
                    "metric" => (2, json!({ "kind": "sparseCategoricalAccuracy" })),
                    "counts" => (1, json!({ "kind": "decisions", "task": "classes", "top": 1 })),
                    _ => (1, json!({ "order": 2 })),
                };
                b.node(op, &[x, t], &[], outputs, attributes)
            }
            "ctc" => {
                feeds.push(Feed::ints(&[1, -1, 0, 0, 2, 2, 1, -1, 3, 1, 3, 2], &[3, 4]));
                let t = b.int("t", json!([null, null]));
                b.node(op, &[x, t], &[], 2, json!({ "zeroInfinity": true }))
            }
            "transducerJoint" | "transducerLoss" => {
                let z = second(&mut b);
                let weights = [b.weight(&[4, 5]), b.weight(&[5])];
                if op == "transducerJoint" {
                    vec![b.one(op, &[x, z], &weights, json!({ "activation": "tanh" }))]
                } else {
                    feeds.push(Feed::ints(&[1, -1, 0, 4, 4, 2, 0, 0, 0], &[3, 3]));
                    let t = b.int("t", json!([null, null]));
                    b.node(op, &[x, z, t], &weights, 2, json!({ "activation": "gelu" }))
                }
            }
            "embedding" | "cast" => {
                feeds.push(labels);
                let t = b.int("t", json!([null, null]));
                let weights = if op == "cast" { vec![] } else { vec![b.weight(&[5, 4])] };
                let attributes = if op == "cast" { json!({}) } else { json!({ "maskZero": false }) };
                vec![b.one(op, &[t], &weights, attributes), x]
            }
            "activation" => vec![b.one(op, &[x], &[], json!({ "kind": "tanh" }))],
            "argmax" | "softmax" => vec![b.one(op, &[x], &[], json!({ "axis": 2 }))],
            // The probabilities of tags have no gradient.
            "crf" => {
                let weights = [b.weight(&[4]), b.weight(&[4]), b.weight(&[4, 4])];
                b.node(op, &[x], &weights, 5, json!({ "nBest": 2 }))[..1].to_vec()
            }
            "crfLoss" => {
                feeds.push(labels);
                let t = b.int("t", json!([null, null]));
                let weights = [b.weight(&[4]), b.weight(&[4]), b.weight(&[4, 4])];
                b.node(op, &[x, t], &weights, 2, json!({ "forbidden": [13, 21] }))
            }
            "cumulativeSum" => b.node(op, &[x], &[], 2, json!({ "axis": 2 })),
            "dense" => vec![b.dense(x, 4, 3)],
            "dropout" => vec![b.one(op, &[x], &[], json!({ "rate": 0.4, "shareSteps": false }))],
            "elementwise" => vec![b.elementwise("softsign", &[x])],
            "gather" => {
                let table = b.parameter(&[4, 3]);
                let best = b.one("argmax", &[x], &[], json!({ "axis": 2 }));
                vec![b.one(op, &[table, best], &[], json!({}))]
            }
            "layerNorm" => {
                let weights = [b.weight(&[4]), b.weight(&[4])];
                vec![b.one(op, &[x], &weights, json!({ "epsilon": 1e-3, "center": true, "scale": true }))]
            }
            "batchNorm" => batch_norm(&mut b, x, 4, &json!({}))[..1].to_vec(),
            "lstm" | "gru" | "simpleRnn" => b.recurrent(op, &[x], 4, 3, &json!({})),
            "masking" => vec![b.one(op, &[x], &[], json!({ "maskValue": 9.0 }))],
            "meanOverSteps" => {
                let means =
                    b.one("reduce", &[x], &[], json!({ "kind": "mean", "axes": [2], "keepDims": false }));
                b.node(op, &[means], &[], 2, json!({}))
            }
            "normalize" => vec![b.one(op, &[x], &[], json!({ "axis": 2, "epsilon": 1e-2 }))],
            "parameter" => {
                let w = b.parameter(&[4]);
                vec![b.elementwise("multiply", &[x, w])]
            }
            "scalar" => {
                let half = b.one(op, &[], &[], json!({ "value": 0.5 }));
                vec![b.elementwise("multiply", &[x, half])]
            }
            "reduce" => vec![b.one(op, &[x], &[], json!({ "kind": "max", "axes": [1], "keepDims": true }))],
            "lastStep" | "poolAverage" | "poolMax" | "sequenceMask" => vec![b.one(op, &[x], &[], json!({}))],
            "repeatVector" => {
                let last = b.one("lastStep", &[x], &[], json!({}));
                vec![b.one(op, &[last], &[], json!({ "n": 3 }))]
            }
            "reshape" => vec![b.one(op, &[x], &[], json!({ "shape": [null, 2] }))],
            "sample" => {
                let last = b.one("lastStep", &[x], &[], json!({}));
                vec![b.one(op, &[last], &[], json!({ "temperature": 1.0 }))]
            }
            "scan" => {
                let mut body = Builder::default();
                let [step, state] = ["x", "h"].map(|name| body.float(name, json!([null, 4])));
                let sum = body.elementwise("add", &[step, state]);
                let next = body.elementwise("tanh", &[sum]);
                let counts = json!({ "sequences": 1, "stateShapes": [[4]], "outputs": 1 });
                b.scan(&body, &[next, next], &[x], counts)
            }
            "slice" => vec![b.one(op, &[x], &[], json!({ "axis": 2, "start": 1, "end": 3 }))],
            // A difference sees what it hides: see `no_gradient_through_stops`.
            "stopGradient" => continue,
            "transpose" => vec![b.one(op, &[x], &[], json!({ "permutation": [0, 2, 1] }))],
            "windows" => b.node(op, &[x], &[], 2, windows(1, 2, 1, 1, [1, 0])),
            other => panic!("the gradient of '{other}' is not checked"),
        };
        check_run(&b, &outputs, &feeds, matches!(op, "dropout" | "batchNorm"));
    }
}

#[test]
fn noise() {
    for noise in ["factor", "term"] {
        let mut b = Builder::default();
        let x = b.float("x", json!([null, null, 5]));
        let attributes = json!({ "rate": 0, "shareSteps": false, "noise": noise, "deviation": 0.7 });
        let y = b.one("dropout", &[x], &[], attributes);
        check_run(&b, &[y], &[Feed::floats(&mut Random::new(2), &[2, 3, 5])], true);
    }
}

/// The settings of windows along an axis.
fn windows(axis: usize, size: usize, stride: usize, dilation: usize, padding: [i64; 2]) -> Value {
    json!({
        "axis": axis, "size": size, "stride": stride, "dilation": dilation, "before": padding[0], "after": padding[1],
        "same": false, "filler": 0.0, "flat": false
    })
}

#[test]
fn windows_of_any_kind() {
    let mut random = Random::new(5);
    let cuts = [
        windows(1, 3, 1, 1, [0, 0]),
        windows(1, 2, 2, 1, [1, 1]),
        windows(1, 2, 1, 2, [2, 0]),
        windows(1, 1, 1, 1, [-1, -1]),
        windows(2, 2, 1, 1, [0, 1]),
    ];
    for mut attributes in cuts {
        for variant in 0..4 {
            attributes["same"] = json!(variant == 1);
            attributes["flat"] = json!(variant == 2 && attributes["axis"] == 1);
            let mut b = Builder::default();
            let x = b.float("x", json!([null, null, 4]));
            let y = b.node("windows", &[x], &[], 2, attributes.clone());
            let x = features(&mut random, 4);
            for feed in [x.clone(), x.clone().lengths(&[4, 2, 3]), x.mask(&HOLES)] {
                check(&b, &y[..1], &[feed]);
            }
        }
    }
    // What comes before, and what is left for later.
    let mut b = Builder::default();
    let [x, earlier] = [b.float("x", json!([null, null, 4])), b.float("e", json!([null, 4, 4]))];
    let y = b.node("windows", &[x, earlier], &[], 2, windows(1, 3, 1, 2, [4, 0]));
    let earlier = Feed::floats(&mut random, &[3, 4, 4]);
    for lengths in [[4, 4, 4], [4, 1, 2]] {
        check(&b, &y, &[features(&mut random, 4).lengths(&lengths), earlier.clone()]);
    }
}

#[test]
fn a_transducer_of_masked_steps_and_labels() {
    let mut random = Random::new(8);
    let labels = [1, 1, 1, 0, /**/ 1, 0, 1, 1, /**/ 1, 1, 0, 0];
    for (bias, mask) in [(true, [1; 12]), (true, HOLES), (false, HOLES)] {
        for loss in [false, true] {
            let mut b = Builder::default();
            let [x, z] = ["x", "z"].map(|name| b.float(name, json!([null, null, 3])));
            let mut feeds =
                vec![features(&mut random, 3).mask(&mask), features(&mut random, 3).mask(&labels)];
            let mut weights = vec![b.weight(&[3, 4])];
            weights.extend(bias.then(|| b.weight(&[4])));
            if !loss {
                let y = b.one("transducerJoint", &[x, z], &weights, json!({ "activation": "softsign" }));
                check(&b, &[y], &feeds);
                continue;
            }
            let t = b.int("t", json!([null, null]));
            feeds.push(Feed::ints(&[0, 2, 1, 3, 0, -1], &[3, 2]));
            let attributes = json!({ "activation": "tanh", "blank": 3, "zeroInfinity": true });
            let y = b.node("transducerLoss", &[x, z, t], &weights, 2, attributes);
            check(&b, &y, &feeds);
        }
    }
}

#[test]
fn dense_of_a_kernel_with_windows() {
    let mut random = Random::new(6);
    for transposed in [false, true] {
        let mut b = Builder::default();
        let x = b.float("x", json!([null, null, 6]));
        let kernel = if transposed { b.weight(&[2, 2, 6]) } else { b.weight(&[2, 3, 5]) };
        let y = b.one("dense", &[x], &[kernel], json!({ "transposed": transposed }));
        check(&b, &[y], &[features(&mut random, 6)]);
    }
}

#[test]
fn dense_of_any_rank() {
    let mut random = Random::new(1);
    for shape in [vec![3, 4], vec![2, 3, 4], vec![2, 2, 2, 4]] {
        let mut b = Builder::default();
        let x = b.float("x", json!(shape.iter().map(|_| None).collect::<Vec<Option<usize>>>()));
        let y = b.dense(x, 4, 5);
        check(&b, &[y], &[Feed::floats(&mut random, &shape)]);
    }
    let mut b = Builder::default();
    let x = b.float("x", json!([null, null, 3]));
    let kernel = b.weight(&[3, 3]);
    let once = b.one("dense", &[x], &[kernel], json!({}));
    let twice = b.one("dense", &[once], &[kernel], json!({}));
    let lengths = [4, 1, 2];
    check(&b, &[twice], &[features(&mut random, 3).lengths(&lengths)]);
}

#[test]
fn activations() {
    let kinds = [
        "linear",
        "relu",
        "sigmoid",
        "tanh",
        "hardSigmoid",
        "hardSigmoidKeras2",
        "softsign",
        "softplus",
        "elu",
        "selu",
        "gelu",
        "silu",
        "swish",
        "mish",
        "relu6",
        "leakyRelu",
        "exponential",
        "softmax",
        "logSoftmax",
    ];
    for kind in kinds {
        let mut b = Builder::default();
        let x = b.float("x", json!([null, null, 5]));
        let y = b.one("activation", &[x], &[], json!({ "kind": kind }));
        check(&b, &[y], &[Feed::floats(&mut Random::new(2), &[2, 3, 5])]);
    }
}

#[test]
fn merges() {
    let mut random = Random::new(3);
    for op in ["add", "average", "multiply", "maximum", "minimum", "subtract"] {
        let mut b = Builder::default();
        let [x, y, z] = ["x", "y", "z"].map(|name| b.float(name, json!([null, null, 2])));
        let inputs: &[usize] = if op == "subtract" { &[x, z] } else { &[x, y, z, x] };
        let merged = b.one(op, inputs, &[], json!({}));
        let last = b.one("lastStep", &[merged], &[], json!({}));
        let feeds = [
            features(&mut random, 2),
            features(&mut random, 2).lengths(&[3, 2, 4]),
            features(&mut random, 2).lengths(&[2, 4, 3]),
        ];
        check(&b, &[merged, last], &feeds);
    }
}

#[test]
fn concatenate_with_a_value_twice() {
    let mut random = Random::new(4);
    let mut b = Builder::default();
    let [x, y] = ["x", "y"].map(|name| b.float(name, json!([null, null, null])));
    let joined = b.one("concatenate", &[x, y, x], &[], json!({ "axis": -1 }));
    check(&b, &[joined], &[features(&mut random, 2), features(&mut random, 3)]);
}

#[test]
fn pooling_and_last_step_with_masks() {
    let mut random = Random::new(5);
    for op in ["lastStep", "poolAverage", "poolMax"] {
        for mask in [[1; 12], HOLES] {
            let mut b = Builder::default();
            let x = b.float("x", json!([null, null, 2]));
            let y = b.one(op, &[x], &[], json!({}));
            check(&b, &[y], &[features(&mut random, 2).mask(&mask)]);
        }
    }
}

#[test]
fn cumulative_sums() {
    let mut random = Random::new(15);
    for (axis, reverse, mask, given) in
        [(1, false, [1; 12], false), (1, true, HOLES, true), (1, false, HOLES, true), (2, true, HOLES, true)]
    {
        let mut b = Builder::default();
        let x = b.float("x", json!([null, null, 2]));
        let mut feeds = vec![features(&mut random, 2).mask(&mask)];
        let mut inputs = vec![x];
        if given {
            inputs.push(b.float("first", json!([null, null])));
            feeds.push(Feed::floats(&mut random, if axis == 1 { &[3, 2] } else { &[3, 4] }));
        }
        let outputs = b.node("cumulativeSum", &inputs, &[], 2, json!({ "axis": axis, "reverse": reverse }));
        check(&b, &outputs, &feeds);
    }
}

#[test]
fn layer_normalisation() {
    for (center, scale) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut b = Builder::default();
        let x = b.float("x", json!([null, null, 4]));
        let weights: Vec<usize> =
            (0..usize::from(center) + usize::from(scale)).map(|_| b.weight(&[4])).collect();
        let attributes = json!({ "epsilon": 1e-3, "center": center, "scale": scale });
        let y = b.one("layerNorm", &[x], &weights, attributes);
        check(&b, &[y], &[Feed::floats(&mut Random::new(6), &[2, 2, 4])]);
    }
}

fn batch_norm(b: &mut Builder, x: usize, channels: usize, options: &Value) -> Vec<usize> {
    let mut attributes = json!({
        "axis": -1, "epsilon": 1e-2, "momentum": 0.9, "center": true, "scale": true, "frozen": false
    });
    for (key, value) in options.as_object().into_iter().flatten() {
        attributes[key] = value.clone();
    }
    let learned = ["scale", "center"].iter().filter(|&&key| attributes[key] == json!(true)).count();
    let mut weights: Vec<usize> = (0..learned).map(|_| b.weight(&[channels])).collect();
    weights.extend([b.frozen(&[channels], true), b.frozen(&[channels], true)]);
    b.node("batchNorm", &[x], &weights, 3, attributes)
}

/// Through the statistics of the batch, along every axis, with steps that are left out of them and with none.
#[test]
fn batch_normalisation() {
    for (center, scale) in [(true, true), (true, false), (false, true), (false, false)] {
        for axis in [-1, 1, 2] {
            for mask in [[1; 12], HOLES] {
                let mut b = Builder::default();
                let shape = if axis == 1 { json!([null, 4, 2]) } else { json!([null, null, 2]) };
                let x = b.float("x", shape);
                let options = json!({ "axis": axis, "center": center, "scale": scale });
                let y = batch_norm(&mut b, x, if axis == 1 { 4 } else { 2 }, &options)[0];
                let feeds = [features(&mut Random::new(6), 2).mask(&mask)];
                check_run(&b, &[y], &feeds, true);
            }
        }
    }
    for (shape, axis) in
        [(vec![3, 5], 1), (vec![2, 3, 2, 2], 1), (vec![2, 3, 2, 2], 2), (vec![2, 3, 2, 4], -1)]
    {
        let mut b = Builder::default();
        let x = b.float(
            "x",
            json!(
                std::iter::once(None)
                    .chain(shape[1..].iter().map(|&size| Some(size)))
                    .collect::<Vec<Option<usize>>>()
            ),
        );
        let channels = if axis < 0 { 4 } else { shape[axis as usize] };
        let y = batch_norm(&mut b, x, channels, &json!({ "axis": axis }))[0];
        check_run(&b, &[y], &[Feed::floats(&mut Random::new(7), &shape)], true);
    }
}

#[test]
fn batch_normalisation_by_moving_statistics() {
    for (training, frozen) in [(false, false), (false, true), (true, true)] {
        let mut b = Builder::default();
        let x = b.float("x", json!([null, null, 3]));
        let positive = b.frozen(&[3], true);
        let weights = [b.weight(&[3]), b.weight(&[3]), b.frozen(&[3], true), positive];
        let attributes = json!({
            "axis": 2, "epsilon": 2.0, "momentum": 0.9, "center": true, "scale": true, "frozen": frozen
        });
        let y = b.node("batchNorm", &[x], &weights, 3, attributes)[0];
        check_run(&b, &[y], &[features(&mut Random::new(6), 3).lengths(&[4, 1, 2])], training);
    }
}

#[test]
fn reshapes_and_repeats() {
    let mut random = Random::new(7);
    let mut b = Builder::default();
    let x = b.float("x", json!([null, 6]));
    let repeated = b.one("repeatVector", &[x], &[], json!({ "n": 3 }));
    let reshaped = b.one("reshape", &[repeated], &[], json!({ "shape": [null, 2] }));
    let dense = b.dense(reshaped, 2, 2);
    let masked = b.one("masking", &[dense], &[], json!({ "maskValue": 0.0 }));
    check(&b, &[masked, repeated], &[Feed::floats(&mut random, &[2, 6])]);
}

#[test]
fn masking_feeds_a_recurrent_layer() {
    let mut b = Builder::default();
    let x = b.float("x", json!([null, null, 2]));
    let masked = b.one("masking", &[x], &[], json!({ "maskValue": 2.5 }));
    let y = b.recurrent("gru", &[masked], 2, 3, &json!({}));
    let mut feed = features(&mut Random::new(8), 2);
    let scaled = b.dense(y[0], 3, 2);
    check(&b, &[scaled, y[1]], std::slice::from_ref(&feed));
    // The masked steps cannot be perturbed: they would become valid.
    feed.floats[2..6].fill(2.5);
    let spec = b.spec(&[y[0], y[1]]);
    let outputs = common::forward::<f64>(&spec, &common::parameters(&spec, 1), &[feed]).unwrap();
    assert!(outputs[0][3..9].iter().all(|&value| value == 0.0) && outputs[0][9] != 0.0);
}

#[test]
fn dropout_in_training() {
    for share in [false, true] {
        let mut b = Builder::default();
        let x = b.float("x", json!([null, null, 3]));
        let y = b.one("dropout", &[x], &[], json!({ "rate": 0.4, "shareSteps": share }));
        let z = b.one("multiply", &[y, y], &[], json!({}));
        check_run(&b, &[z], &[features(&mut Random::new(9), 3)], true);
    }
}

#[test]
fn embedding_rows_and_shared_tables() {
    let tokens = Feed::ints(&[1, 2, 0, 0, 4, 1, 1, 3, 2, 2, 0, 0], &[3, 4]);
    // Five rows are few enough beside twelve steps for the table to be projected as a whole, nine are not.
    for (mask_zero, shared, vocabulary) in
        [(false, false, 5), (false, false, 9), (true, false, 5), (true, false, 9), (true, true, 5)]
    {
        let mut b = Builder::default();
        let x = b.int("tokens", json!([null, null]));
        let table = b.weight(&[vocabulary, 3]);
        let first = b.one("embedding", &[x], &[table], json!({ "maskZero": mask_zero }));
        let y = b.recurrent("lstm", &[first], 3, 2, &json!({}));
        let mut outputs = vec![y[0], y[2]];
        // Both directions look rows up on their own.
        outputs.push(b.recurrent("gru", &[first], 3, 2, &json!({ "order": "backward" }))[0]);
        if shared {
            // A second lookup merges its rows; a dense layer on the same table makes its gradient a dense one.
            let second = b.one("embedding", &[x], &[table], json!({ "maskZero": false }));
            outputs.push(b.one("poolAverage", &[second], &[], json!({})));
            let probe = b.dense(y[1], 2, vocabulary);
            outputs.push(b.one("dense", &[probe], &[table], json!({})));
        }
        check(&b, &outputs, std::slice::from_ref(&tokens));
        check(&b, &outputs, &[tokens.clone().lengths(&[2, 4, 3])]);
    }
    let mut b = Builder::default();
    let x = b.int("tokens", json!([null]));
    let table = b.weight(&[5, 3]);
    let [y, z] = [(); 2].map(|()| b.one("embedding", &[x], &[table], json!({ "maskZero": false })));
    check(&b, &[y, z], &[Feed::ints(&[1, 4, 1, 0], &[4])]);
}

/// A recurrent layer with and without masks, initial states and unused outputs.
fn recurrent(op: &str, options: &Value) {
    let mut random = Random::new(10);
    for mask in [None, Some(vec![1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0]), Some(HOLES.to_vec())] {
        for states in [false, true] {
            let mut b = Builder::default();
            let mut inputs = vec![b.float("x", json!([null, null, 2]))];
            let mut feeds = vec![features(&mut random, 2)];
            if let Some(mask) = &mask {
                feeds[0] = feeds[0].clone().mask(mask);
            }
            let count = if op == "lstm" { 2 } else { 1 };
            for name in ["h0", "c0"].iter().take(if states { count } else { 0 }) {
                inputs.push(b.float(name, json!([null, 3])));
                feeds.push(Feed::floats(&mut random, &[3, 3]));
            }
            let y = b.recurrent(op, &inputs, 2, 3, options);
            check(&b, &y, &feeds);
            if mask.is_none() {
                check(&b, &y[..1], &feeds);
                check(&b, &y[count..], &feeds);
            }
        }
    }
}

#[test]
fn recurrent_cells() {
    for op in ["simpleRnn", "lstm", "gru"] {
        recurrent(op, &json!({}));
    }
    recurrent("simpleRnn", &json!({ "activation": "relu" }));
    recurrent("gru", &json!({ "resetAfter": false }));
    recurrent("lstm", &json!({ "activation": "softsign", "recurrentActivation": "hardSigmoid" }));
    recurrent("gru", &json!({ "recurrentActivation": "hardSigmoidKeras2" }));
    recurrent("lstm", &json!({ "activation": "elu", "recurrentActivation": "leakyRelu" }));
    recurrent("simpleRnn", &json!({ "activation": "selu" }));
}

#[test]
fn recurrent_orders() {
    for op in ["simpleRnn", "lstm", "gru"] {
        for zeros in [false, true] {
            recurrent(op, &json!({ "zeroOutputForMask": zeros }));
            for output in ["time", "processing"] {
                recurrent(
                    op,
                    &json!({ "order": "backward", "outputOrder": output, "zeroOutputForMask": zeros }),
                );
            }
        }
    }
}

#[test]
fn one_value_as_both_initial_states() {
    let mut random = Random::new(11);
    let mut b = Builder::default();
    let x = b.float("x", json!([null, null, 2]));
    let s = b.float("s", json!([null, 3]));
    let y = b.recurrent("lstm", &[x, s, s], 2, 3, &json!({}));
    let again = b.recurrent("lstm", &[y[0], y[1], y[2]], 3, 3, &json!({ "order": "backward" }));
    check(
        &b,
        &[again[0], again[2], y[2]],
        &[features(&mut random, 2).mask(&HOLES), Feed::floats(&mut random, &[3, 3])],
    );
}

#[test]
fn frozen_weights() {
    let mut b = Builder::default();
    let x = b.float("x", json!([null, null, 2]));
    let weights = [b.frozen(&[2, 12], true), b.weight(&[3, 12]), b.frozen(&[12], true)];
    let attributes = json!({
        "units": 3, "activation": "tanh", "recurrentActivation": "sigmoid", "order": "forward", "outputOrder": "time",
        "zeroOutputForMask": true
    });
    let y = b.node("lstm", &[x], &weights, 3, attributes);
    check(&b, &y, &[features(&mut Random::new(12), 2)]);
}

#[test]
fn losses_per_step_and_per_row() {
    let mut random = Random::new(13);
    let labels = Feed::ints(&[0, 2, 1, 3, 3, 0, 1, 2, 0, 0, 1, 1], &[3, 4]);
    let kinds = [
        ("sparseCategoricalCrossentropy", true),
        ("categoricalCrossentropy", true),
        ("binaryCrossentropy", true),
        ("meanSquaredError", false),
        ("meanAbsoluteError", false),
        ("huber", false),
    ];
    for (kind, crossentropy) in kinds {
        for source in ["logits", "softmax", "sigmoid", "shifted"] {
            if !crossentropy && source != "logits" {
                continue;
            }
            let mut b = Builder::default();
            let x = b.float("x", json!([null, null, 4]));
            let sparse = kind == "sparseCategoricalCrossentropy";
            let target = if sparse {
                b.int("labels", json!([null, null]))
            } else {
                b.float("t", json!([null, null, 4]))
            };
            let weight = b.float("weight", json!([null]));
            let mut prediction = b.dense(x, 4, 4);
            if source != "logits" {
                let activation = if source == "shifted" { "sigmoid" } else { source };
                prediction = b.one("activation", &[prediction], &[], json!({ "kind": activation }));
            }
            if source == "shifted" {
                // Probabilities that no rewrite recognises.
                prediction = b.one("average", &[prediction, prediction], &[], json!({}));
            }
            let mut attributes = json!({ "kind": kind, "fromLogits": crossentropy && source == "logits" });
            if kind == "huber" {
                attributes["delta"] = json!(0.4);
            }
            if crossentropy && source == "softmax" {
                attributes["labelSmoothing"] = json!(0.1);
            }
            let loss = b.node("loss", &[prediction, target, weight], &[], 2, attributes);
            let mut targets = if sparse { labels.clone() } else { features(&mut random, 4) };
            for value in &mut targets.floats {
                *value = value.abs();
            }
            let feeds =
                [features(&mut random, 4).mask(&HOLES), targets.clone(), Feed::floats(&mut random, &[3])];
            let spec = b.spec(&[loss[0]]);
            assert!(
                common::forward::<f64>(&spec, &common::parameters(&spec, 1), &feeds).unwrap()[0][0]
                    .is_finite()
            );
            check_without(&b, &[loss[0]], &feeds);
        }
    }
}

/// As [`check`], for losses: targets and sample weights are not differentiated.
fn check_without(b: &Builder, outputs: &[usize], feeds: &[Feed]) {
    let spec = b.spec(outputs);
    let params = common::parameters::<f64>(&spec, 11);
    let pass = common::differentiate(&spec, &params, feeds, &[vec![1.5]], false).unwrap();
    assert!(pass.inputs[1].is_none() && pass.inputs[2].is_none());
    for (weight, gradient) in pass.weights.iter().enumerate() {
        for (index, &analytic) in gradient.iter().enumerate() {
            let at = |delta: f64| {
                let mut params = common::parameters::<f64>(&spec, 11);
                params.get_mut(weight).unwrap()[index] += delta;
                common::forward::<f64>(&spec, &params, feeds).unwrap()[0][0]
            };
            let numeric = 1.5 * (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(
                (numeric - analytic).abs() < 1e-7,
                "{weight}[{index}]: numeric {numeric}, analytic {analytic}"
            );
        }
    }
}
