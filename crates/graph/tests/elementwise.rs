//! Element-wise operations, parameters and scalars against finite differences in float64.

mod common;

use common::{Builder, Feed, Random, check, forward, parameters};
use serde_json::json;

const UNARY: [&str; 21] = [
    "identity",
    "neg",
    "abs",
    "square",
    "sqrt",
    "exp",
    "log",
    "sigmoid",
    "tanh",
    "relu",
    "softplus",
    "softsign",
    "hardSigmoid",
    "hardSigmoidKeras2",
    "relu6",
    "leakyRelu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
];
const BINARY: [&str; 6] = ["add", "subtract", "multiply", "divide", "maximum", "minimum"];

/// A batch without values near the kinks or below zero.
fn positive(random: &mut Random, shape: &[usize]) -> Feed {
    let mut feed = Feed::floats(random, shape);
    for value in &mut feed.floats {
        *value = value.abs() + 0.1;
    }
    feed
}

#[test]
fn functions_of_one_value() {
    for kind in UNARY {
        let mut b = Builder::default();
        let x = b.float("x", json!([null, null, 5]));
        let y = b.elementwise(kind, &[x]);
        check(&b, &[y], &[positive(&mut Random::new(1), &[2, 3, 5])]);
    }
}

#[test]
fn functions_of_two_values_broadcast() {
    let mut random = Random::new(2);
    for kind in BINARY {
        let mut b = Builder::default();
        let [x, y] = ["x", "y"].map(|name| b.float(name, json!([null, null, 4])));
        let z = b.float("z", json!([null, 1, 4]));
        let bias = b.parameter(&[4]);
        let square = b.parameter(&[1, 3, 1]);
        let two = b.one("scalar", &[], &[], json!({ "value": 2.5 }));
        let mut outputs = Vec::new();
        for (left, right) in
            [(x, y), (x, x), (x, bias), (bias, x), (z, y), (square, z), (x, two), (two, bias)]
        {
            // Away from zero, where quotients have their poles.
            let right = b.elementwise("exp", &[right]);
            outputs.push(b.elementwise(kind, &[left, right]));
        }
        // A parameter alone is no output of a model.
        let last = outputs.pop().unwrap();
        outputs.push(b.elementwise("add", &[x, last]));
        let feeds = [&[2, 3, 4], &[2, 3, 4], &[2, 1, 4]].map(|shape| positive(&mut random, shape));
        check(&b, &outputs, &feeds);
    }
}

#[test]
fn comparisons_choose() {
    let mut random = Random::new(3);
    for kind in ["less", "lessEqual", "greater", "greaterEqual", "equal", "notEqual"] {
        let mut b = Builder::default();
        let [x, y] = ["x", "y"].map(|name| b.float(name, json!([null, 4])));
        let condition = b.elementwise(kind, &[x, y]);
        let chosen = b.elementwise("where", &[condition, x, y]);
        let row = b.parameter(&[4]);
        let either = b.elementwise("where", &[condition, row, x]);
        check(
            &b,
            &[chosen, either],
            &[Feed::floats(&mut random, &[3, 4]), Feed::floats(&mut random, &[3, 4])],
        );
    }
}

#[test]
fn ties_share_the_gradient() {
    let mut b = Builder::default();
    let x = b.float("x", json!([null, 2]));
    let outputs = ["maximum", "minimum"].map(|kind| b.elementwise(kind, &[x, x]));
    check(&b, &outputs, &[Feed::floats(&mut Random::new(4), &[2, 2])]);
}

#[test]
fn shapes_that_do_not_fit() {
    let refused = |build: &dyn Fn(&mut Builder) -> usize| {
        let mut b = Builder::default();
        let y = build(&mut b);
        seqloom_graph::Executor::<f32>::new(b.spec(&[y])).err().map(|error| error.to_string())
    };
    let two = |left: serde_json::Value, right: serde_json::Value| {
        refused(&move |b| {
            let inputs = [b.float("x", left.clone()), b.float("y", right.clone())];
            b.elementwise("add", &inputs)
        })
    };
    assert!(two(json!([null, 3]), json!([null, 4])).unwrap().contains("do not fit"));
    assert!(two(json!([null, 3]), json!([null, 3, 3])).unwrap().contains("do not fit"));
    assert!(two(json!([null, 3]), json!([null, 1])).is_none());
    let with_parameter = |shape: &[usize]| {
        refused(&|b| {
            let inputs = [b.float("x", json!([null, 3])), b.parameter(shape)];
            b.elementwise("add", &inputs)
        })
    };
    assert!(with_parameter(&[2, 3]).unwrap().contains("do not fit"));
    assert!(with_parameter(&[1, 3]).is_none() && with_parameter(&[3]).is_none());
    assert!(refused(&|b| b.parameter(&[3])).unwrap().contains("depends on no input"));
    let dense = refused(&|b| {
        let x = b.parameter(&[2, 3]);
        b.dense(x, 3, 2)
    });
    assert!(dense.unwrap().contains("batch dimension"));
    // A batch of one is not repeated over the rows of a parameter.
    let mut b = Builder::default();
    let inputs = [b.float("x", json!([null, null])), b.float("y", json!([null, 2]))];
    let y = b.elementwise("add", &inputs);
    let spec = b.spec(&[y]);
    let mut random = Random::new(5);
    let mut feeds = [Feed::floats(&mut random, &[2, 1]), Feed::floats(&mut random, &[2, 2])];
    assert_eq!(forward::<f64>(&spec, &parameters(&spec, 1), &feeds).unwrap()[0].len(), 4);
    feeds[0] = Feed::floats(&mut random, &[2, 3]);
    assert!(forward::<f64>(&spec, &parameters(&spec, 1), &feeds).is_err());
}
