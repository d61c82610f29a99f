//! Operations of traced functions against finite differences in float64, in models and in the steps of scans.

mod common;

use common::{Builder, Feed, Random, bind, check, check_run, forward, parameters};
use seqloom_graph::{Code, Executor, Run, Sequence};
use serde_json::{Value, json};

/// An operation on a value `[batch, 2, 3]` and a batched value `[batch, 3, 2]`: in a model and in the step of a scan.
fn everywhere(op: &str, second: bool, attributes: &Value) {
    let mut random = Random::new(1);
    let mut b = Builder::default();
    let x = b.float("x", json!([null, 2, 3]));
    let z = b.float("z", json!([null, 3, 2]));
    let inputs = if second { vec![x, z] } else { vec![x] };
    let y = b.one(op, &inputs, &[], attributes.clone());
    let feeds = [Feed::floats(&mut random, &[2, 2, 3]), Feed::floats(&mut random, &[2, 3, 2])];
    check(&b, &[y], &feeds);

    let mut body = Builder::default();
    let x = body.float("x", json!([null, 2, 3]));
    let h = body.float("h", json!([null, 2, 3]));
    let z = body.float("z", json!([null, 3, 2]));
    let new = body.elementwise("add", &[h, x]);
    let mut results = Vec::new();
    for value in [x, new] {
        let inputs = if second { vec![value, z] } else { vec![value] };
        results.push(body.one(op, &inputs, &[], attributes.clone()));
    }
    // Used by the state, so that it stays in the loop.
    let total = body.one("reduce", &[results[1]], &[], all_but_batch(op, attributes));
    let total = body.one("reshape", &[total], &[], json!({ "shape": [1, 1] }));
    let new = body.elementwise("add", &[new, total]);
    results.push(new);
    let mut b = Builder::default();
    let x = b.float("x", json!([null, null, 2, 3]));
    let z = b.float("z", json!([null, 3, 2]));
    let y =
        b.scan(&body, &results, &[x, z], json!({ "sequences": 1, "stateShapes": [[2, 3]], "outputs": 2 }));
    let feeds = [
        Feed::floats(&mut random, &[3, 3, 2, 3]).mask(&[1, 0, 1, /**/ 1, 1, 1, /**/ 0, 0, 0]),
        Feed::floats(&mut random, &[3, 3, 2]),
    ];
    check(&b, &y, &feeds);
}

/// A sum over whatever rank the operation's result has.
fn all_but_batch(op: &str, attributes: &Value) -> Value {
    let removed = if op == "reduce" && attributes["keepDims"] == json!(false) {
        attributes["axes"].as_array().unwrap().len()
    } else {
        0
    };
    let axes: Vec<usize> = (1..3 - removed).collect();
    json!({ "kind": "sum", "axes": axes, "keepDims": true })
}

#[test]
fn joined_steps_keep_their_masks() {
    let mut random = Random::new(5);
    let mut b = Builder::default();
    let (x, z) = (b.float("x", json!([null, null, 2])), b.float("z", json!([null, null, 2])));
    let joined = b.one("concatenate", &[x, z, x], &[], json!({ "axis": 1 }));
    let last = b.one("lastStep", &[joined], &[], json!({}));
    let mean = b.one("reduce", &[joined], &[], json!({ "kind": "mean", "axes": [1], "keepDims": false }));
    let feeds = [
        Feed::floats(&mut random, &[3, 2, 2]).mask(&[1, 1, /**/ 1, 0, /**/ 1, 0]),
        Feed::floats(&mut random, &[3, 3, 2]).lengths(&[3, 2, 1]),
    ];
    check(&b, &[joined, last, mean], &feeds);
    let mut executor = Executor::<f64>::new(b.spec(&[joined])).unwrap();
    bind(&mut executor, &feeds).unwrap();
    executor.forward(&parameters(&b.spec(&[joined]), 1), &Run::default()).unwrap();
    let valid = executor.output_mask(0).unwrap().to_bytes();
    assert_eq!(valid, [1, 1, 1, 1, 1, 1, 1, /**/ 1, 0, 1, 1, 0, 1, 0, /**/ 1, 0, 1, 0, 0, 1, 0]);
}

#[test]
fn products() {
    everywhere("matmul", true, &json!({}));
    everywhere("matmul", true, &json!({ "transposeA": true, "transposeB": true }));
    let mut random = Random::new(2);
    for (a, b_shape, attributes) in [
        (json!([null, 2, 3]), vec![3, 4], json!({})),
        (json!([null, 3, 2]), vec![4, 3], json!({ "transposeA": true, "transposeB": true })),
        (json!([null, 4, 2, 3]), vec![1, 4, 3, 2], json!({})),
    ] {
        let mut b = Builder::default();
        let x = b.float("x", a.clone());
        let w = b.parameter(&b_shape);
        let y = b.one("matmul", &[x, w], &[], attributes);
        let mut shape: Vec<usize> =
            a.as_array().unwrap().iter().map(|dim| dim.as_u64().unwrap_or(2) as usize).collect();
        shape[0] = 2;
        check(&b, &[y], &[Feed::floats(&mut random, &shape)]);
    }
    let mut b = Builder::default();
    let x = b.float("x", json!([null, 3, 3]));
    let y = b.one("matmul", &[x, x], &[], json!({ "transposeB": true }));
    check(&b, &[y], &[Feed::floats(&mut random, &[2, 3, 3])]);
}

/// Squares of large features are no float32; their normalized values and gradients are.
#[test]
fn normalizing_large_values() {
    for (op, attributes) in [
        ("layerNorm", json!({ "epsilon": 1e-3, "center": false, "scale": false })),
        ("normalize", json!({ "axis": -1, "epsilon": 1e-3 })),
    ] {
        let mut b = Builder::default();
        let x = b.float("x", json!([null, null, 4]));
        let y = b.one(op, &[x], &[], attributes);
        let spec = b.spec(&[y]);
        for scale in [1e18, 1e20, 3e37] {
            let floats = [1.0, -2.0, 0.5, 2.0].map(|x| f64::from((x * scale) as f32)).to_vec();
            let feed = Feed { floats, ints: None, shape: vec![1, 1, 4], sequence: Sequence::Full };
            let (single, double) = (parameters::<f32>(&spec, 1), parameters::<f64>(&spec, 1));
            let cotangents = [vec![0.5, -1.0, 2.0, 0.25]];
            let got =
                common::differentiate::<f32>(&spec, &single, std::slice::from_ref(&feed), &cotangents, false)
                    .unwrap();
            let expected = common::differentiate::<f64>(&spec, &double, &[feed], &cotangents, false).unwrap();
            let gradients = got.inputs[0].iter().flatten().zip(expected.inputs[0].iter().flatten());
            for (got, expected) in got.outputs[0].iter().zip(&expected.outputs[0]).chain(gradients) {
                // A gradient below the normal numbers of float32 is zero there.
                let close = (got - expected).abs() <= 1e-5 * expected.abs() + 2e-38;
                assert!(close, "{op} at {scale:e}: {got} for {expected}");
            }
        }
    }
}

#[test]
fn along_an_axis() {
    for axis in [1, -1] {
        everywhere("normalize", false, &json!({ "axis": axis, "epsilon": 1e-3 }));
        everywhere("softmax", false, &json!({ "axis": axis }));
        everywhere("slice", false, &json!({ "axis": axis, "start": 0, "end": 2 }));
    }
    everywhere("slice", false, &json!({ "axis": 2, "start": 1, "end": 2 }));
    everywhere("transpose", false, &json!({ "permutation": [0, 2, 1] }));
}

#[test]
fn reductions() {
    for kind in ["sum", "mean", "max"] {
        for axes in [json!([1]), json!([2])] {
            everywhere("reduce", false, &json!({ "kind": kind, "axes": axes, "keepDims": true }));
        }
    }
    everywhere("reduce", false, &json!({ "kind": "mean", "axes": [2], "keepDims": false }));
    // Only valid steps count, at the last axis and before it.
    let mut random = Random::new(3);
    for kind in ["sum", "mean", "max"] {
        let mut b = Builder::default();
        let x = b.float("x", json!([null, null, 2]));
        let whole = b.one("reduce", &[x], &[], json!({ "kind": kind, "axes": [1], "keepDims": false }));
        let both = b.one("reduce", &[x], &[], json!({ "kind": kind, "axes": [1, 2], "keepDims": true }));
        let steps = b.one("reduce", &[x], &[], json!({ "kind": kind, "axes": [2], "keepDims": false }));
        let over_time =
            b.one("reduce", &[steps], &[], json!({ "kind": kind, "axes": [1], "keepDims": false }));
        let mask = [1, 0, 1, 1, /**/ 0, 1, 0, 0, /**/ 0, 0, 0, 0];
        check(&b, &[whole, both, over_time], &[Feed::floats(&mut random, &[3, 4, 2]).mask(&mask)]);
    }
}

#[test]
fn softmax_with_masks() {
    let mut random = Random::new(4);
    for (mask_shape, values) in [
        (vec![2, 2, 3], vec![1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0]),
        (vec![2, 1, 3], vec![1.0, 0.0, 1.0, 0.0, 1.0, 0.0]),
    ] {
        let mut b = Builder::default();
        let x = b.float("x", json!([null, 2, 3]));
        let mask = b.float("mask", json!([null, mask_shape[1], 3]));
        let fixed = b.one("stopGradient", &[mask], &[], json!({}));
        let y = b.one("softmax", &[x, fixed], &[], json!({ "axis": 2 }));
        let mut mask = Feed::floats(&mut random, &mask_shape);
        mask.floats = values;
        let spec = b.spec(&[y]);
        let feeds = [Feed::floats(&mut random, &[2, 2, 3]), mask];
        let result = forward::<f64>(&spec, &parameters(&spec, 1), &feeds).unwrap().remove(0);
        assert_eq!(result[1], 0.0);
        if mask_shape[1] == 2 {
            assert_eq!(result[3..6], [0.0; 3]);
        }
        assert!((result[0] + result[2] - 1.0).abs() < 1e-12);
        let params = parameters::<f64>(&spec, 1);
        let cotangent = vec![random.list(12)];
        let pass = common::differentiate(&spec, &params, &feeds, &cotangent, false).unwrap();
        assert!(pass.inputs[1].as_ref().is_none_or(|gradient| gradient.iter().all(|&x| x == 0.0)));
        for index in 0..12 {
            let at = |delta: f64| {
                let mut feeds = feeds.clone();
                feeds[0].floats[index] += delta;
                let y = forward::<f64>(&spec, &params, &feeds).unwrap().remove(0);
                y.iter().zip(&cotangent[0]).map(|(y, c)| y * c).sum::<f64>()
            };
            let numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((numeric - pass.inputs[0].as_ref().unwrap()[index]).abs() < 1e-8);
        }
    }
}

#[test]
fn gathering_rows() {
    let mut random = Random::new(5);
    let mut b = Builder::default();
    let tokens = b.int("tokens", json!([null, null]));
    let indices = b.one("cast", &[tokens], &[], json!({}));
    let table = b.parameter(&[4, 3]);
    let y = b.one("gather", &[table, indices], &[], json!({}));
    check(&b, &[y], &[Feed::ints(&[0, 3, 3, 1, 2, 0], &[2, 3]).lengths(&[2, 3])]);

    let mut body = Builder::default();
    let x = body.float("x", json!([null, 4]));
    let h = body.float("h", json!([null, 3]));
    let table = body.parameter(&[4, 3]);
    let best = body.one("argmax", &[x], &[], json!({ "axis": 1 }));
    let row = body.one("gather", &[table, best], &[], json!({}));
    let new = body.elementwise("multiply", &[row, h]);
    let mut b = Builder::default();
    let inputs = [b.float("x", json!([null, null, 4])), b.float("h0", json!([null, 3]))];
    let attributes = json!({ "sequences": 1, "stateShapes": [[3]], "outputs": 1 });
    let y = b.scan(&body, &[row, new], &inputs, attributes);
    check(&b, &y, &[Feed::floats(&mut random, &[2, 3, 4]), Feed::floats(&mut random, &[2, 3])]);

    let mut b = Builder::default();
    let x = b.float("x", json!([null]));
    let table = b.parameter(&[4, 3]);
    let y = b.one("gather", &[table, x], &[], json!({}));
    let spec = b.spec(&[y]);
    for wrong in [4.0, -1.0, 0.5, 1e30] {
        let mut feed = Feed::floats(&mut random, &[2]);
        feed.floats = vec![1.0, wrong];
        let error = forward::<f64>(&spec, &parameters(&spec, 1), &[feed]).unwrap_err();
        assert!(error.code == Code::Data && error.message.contains("row 1"), "{error}");
    }
}

#[test]
fn sampling() {
    let classes = 3;
    let mut body = Builder::default();
    let x = body.float("x", json!([null, classes]));
    let drawn = body.one("sample", &[x], &[], json!({ "temperature": 0.5 }));
    let mut b = Builder::default();
    let x = b.float("x", json!([null, null, classes]));
    let y = b.scan(&body, &[drawn], &[x], json!({ "sequences": 1, "stateShapes": [], "outputs": 1 }));
    let spec = b.spec(&y);
    let (rows, steps) = (40, 50);
    let mut feed = Feed::floats(&mut Random::new(6), &[rows, steps, classes]);
    for (index, value) in feed.floats.iter_mut().enumerate() {
        *value = [0.0, 0.5, 1.0][index % 3];
    }
    let params = parameters::<f32>(&spec, 1);
    let all = forward::<f32>(&spec, &params, std::slice::from_ref(&feed)).unwrap().remove(0);
    let weights = [0.0_f64, 1.0, 2.0].map(f64::exp);
    for (class, weight) in weights.iter().enumerate() {
        let share = all.iter().filter(|&&drawn| drawn == class as f64).count() as f64 / all.len() as f64;
        assert!((share - weight / weights.iter().sum::<f64>()).abs() < 0.03, "{class}: {share}");
    }
    // Padding and other rows change nothing.
    let lengths: Vec<u32> = (0..rows as u32).map(|row| 1 + row % 7 * 7).collect();
    let padded = forward::<f32>(&spec, &params, &[feed.lengths(&lengths)]).unwrap().remove(0);
    for (row, &length) in lengths.iter().enumerate() {
        let at = row * steps;
        assert_eq!(padded[at..at + length as usize], all[at..at + length as usize]);
    }
}

#[test]
fn no_gradient_through_stops() {
    let mut b = Builder::default();
    let x = b.float("x", json!([null, 3]));
    let kept = b.one("stopGradient", &[x], &[], json!({}));
    let y = b.elementwise("multiply", &[x, kept]);
    let spec = b.spec(&[y]);
    let feed = Feed::floats(&mut Random::new(7), &[2, 3]);
    let pass = common::differentiate(
        &spec,
        &parameters::<f64>(&spec, 1),
        std::slice::from_ref(&feed),
        &[vec![1.0; 6]],
        false,
    )
    .unwrap();
    assert_eq!(pass.inputs[0].as_ref().unwrap(), &feed.floats);
}

#[test]
fn means_of_losses_of_ones_own() {
    let mut random = Random::new(8);
    let mut b = Builder::default();
    let x = b.float("x", json!([null, null, 2]));
    let weights = b.float("weights", json!([null]));
    let fixed = b.one("stopGradient", &[weights], &[], json!({}));
    let steps = b.one("reduce", &[x], &[], json!({ "kind": "mean", "axes": [2], "keepDims": false }));
    // Infinite for padding, if padding were looked at.
    let squared = b.elementwise("square", &[steps]);
    let logs = b.elementwise("log", &[squared]);
    let y = b.node("meanOverSteps", &[logs, fixed], &[], 2, json!({}));
    let mut sample_weights = Feed::floats(&mut random, &[3]);
    sample_weights.floats = vec![1.0, 2.0, 0.5];
    let feeds = [Feed::floats(&mut random, &[3, 4, 2]).lengths(&[4, 1, 2]), sample_weights];
    let spec = b.spec(&y);
    let params = parameters::<f64>(&spec, 1);
    let result = forward::<f64>(&spec, &params, &feeds).unwrap();
    assert_eq!(result[1], [7.0]);
    let expected: f64 = [(0, 4, 1.0), (1, 1, 2.0), (2, 2, 0.5)]
        .iter()
        .map(|&(row, length, weight)| {
            let value = |step: usize| {
                (feeds[0].floats[(row * 4 + step) * 2] + feeds[0].floats[(row * 4 + step) * 2 + 1]) / 2.0
            };
            weight * (0..length).map(|step| value(step).powi(2).ln()).sum::<f64>()
        })
        .sum();
    assert!((result[0][0] - expected / 7.0).abs() < 1e-12);
    let pass = common::differentiate(&spec, &params, &feeds, &[vec![1.0], vec![0.0]], false).unwrap();
    let gradient = pass.inputs[0].as_ref().unwrap();
    assert!(
        gradient.iter().all(|value| value.is_finite()) && gradient[10..16].iter().all(|&value| value == 0.0)
    );
}

#[test]
fn masks_of_sequences() {
    let mut b = Builder::default();
    let x = b.float("x", json!([null, null, 2]));
    let mask = b.one("sequenceMask", &[x], &[], json!({}));
    let spec = b.spec(&[mask]);
    let feed = Feed::floats(&mut Random::new(9), &[2, 3, 2]).lengths(&[2, 3]);
    let result = forward::<f64>(&spec, &parameters(&spec, 1), &[feed]).unwrap();
    assert_eq!(result[0], [1.0, 1.0, 0.0, 1.0, 1.0, 1.0]);
}

#[test]
fn wrong_options_are_explained() {
    let refused = |op: &str, attributes: Value| {
        let mut b = Builder::default();
        let x = b.float("x", json!([null, 2, 3]));
        let y = b.one(op, &[x], &[], attributes);
        assert!(Executor::<f32>::new(b.spec(&[y])).is_err(), "{op}");
    };
    for axis in [0, 3, -3, i64::MIN, i64::MAX] {
        refused("softmax", json!({ "axis": axis }));
        refused("argmax", json!({ "axis": axis }));
        refused("normalize", json!({ "axis": axis, "epsilon": 0.1 }));
        refused("slice", json!({ "axis": axis, "start": 0, "end": 1 }));
    }
    refused("slice", json!({ "axis": 1, "start": 1, "end": 1 }));
    refused("slice", json!({ "axis": 1, "start": 0, "end": 3 }));
    refused("slice", json!({ "axis": 1, "start": 0, "end": u64::MAX }));
    refused("reduce", json!({ "kind": "sum", "axes": [], "keepDims": true }));
    refused("reduce", json!({ "kind": "sum", "axes": [0], "keepDims": true }));
    refused("reduce", json!({ "kind": "sum", "axes": [3], "keepDims": true }));
    refused("transpose", json!({ "permutation": [1, 0, 2] }));
    refused("transpose", json!({ "permutation": [0, 1] }));
    refused("transpose", json!({ "permutation": [0, 1, 1] }));
    refused("sample", json!({ "temperature": 1.0 }));
    refused("scalar", json!({ "value": 1e300 }));
}

#[test]
fn random_steps_repeat_in_the_backward_pass() {
    let mut body = Builder::default();
    let x = body.float("x", json!([null, 3]));
    let h = body.float("h", json!([null, 3]));
    let sum = body.elementwise("add", &[x, h]);
    let drop = body.one("dropout", &[sum], &[], json!({ "rate": 0.3, "shareSteps": false, "perStep": true }));
    let chosen = body.one("sample", &[drop], &[], json!({ "temperature": 1.0 }));
    let column = body.one("reshape", &[chosen], &[], json!({ "shape": [1] }));
    let new = body.elementwise("multiply", &[drop, column]);
    let mut b = Builder::default();
    let x = b.float("x", json!([null, null, 3]));
    let y = b.scan(&body, &[new, new], &[x], json!({ "sequences": 1, "stateShapes": [[3]], "outputs": 1 }));
    check_run(&b, &y, &[Feed::floats(&mut Random::new(10), &[2, 4, 3])], true);
}

#[test]
fn sums_so_far() {
    let sums = |axis: usize, reverse: bool, mask: &[u8]| {
        let mut b = Builder::default();
        let x = b.float("x", json!([null, null, 2]));
        let attributes = json!({ "axis": axis, "reverse": reverse });
        let y = b.node("cumulativeSum", &[x], &[], 2, attributes);
        let feed = Feed {
            floats: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            ..Feed::floats(&mut Random::new(1), &[1, 3, 2])
        };
        let spec = b.spec(&y);
        forward::<f64>(&spec, &parameters(&spec, 1), &[feed.mask(mask)]).unwrap()
    };
    assert_eq!(sums(1, false, &[1; 3]), [vec![1.0, 2.0, 4.0, 6.0, 9.0, 12.0], vec![9.0, 12.0]]);
    assert_eq!(sums(1, true, &[1; 3]), [vec![9.0, 12.0, 8.0, 10.0, 5.0, 6.0], vec![9.0, 12.0]]);
    assert_eq!(sums(1, false, &[1, 0, 1]), [vec![1.0, 2.0, 0.0, 0.0, 6.0, 8.0], vec![6.0, 8.0]]);
    assert_eq!(sums(2, false, &[1, 0, 1])[0][..2], [1.0, 3.0]);
    assert_eq!(sums(2, true, &[1; 3]), [vec![3.0, 2.0, 7.0, 4.0, 11.0, 6.0], vec![3.0, 7.0, 11.0]]);
}
