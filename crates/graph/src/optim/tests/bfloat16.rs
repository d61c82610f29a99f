//! States in bfloat16.

use super::*;
use seqloom_kernels::pool::{set_threads, threads};

/// Those that keep states of single elements.
const KINDS: [&str; 11] = [
    r#""kind":"adam""#,
    r#""kind":"adam","amsgrad":true"#,
    r#""kind":"adamw""#,
    r#""kind":"nadam""#,
    r#""kind":"adamax""#,
    r#""kind":"rmsprop","centered":true,"momentum":0.5"#,
    r#""kind":"adagrad""#,
    r#""kind":"adadelta""#,
    r#""kind":"lion""#,
    r#""kind":"radam""#,
    r#""kind":"sgd","momentum":0.9"#,
];

fn half(kind: &str, others: &str) -> String {
    format!(r#"{{{kind},"stateDtype":"bfloat16"{others}}}"#)
}

/// A weight of so many elements after steps along gradients with noise around their own means, and its states.
fn noisy(json: &str, len: usize, steps: usize) -> (Optimizer, Vec<f32>) {
    let spec = spec(&[("w", &[len], true)]);
    let mut parameters = Parameters::zeros(&spec).unwrap();
    let mut gradients = Gradients::new(&spec.weights, &[false]).unwrap();
    let mut optimizer = Optimizer::from_json(json, parameters.slots()).unwrap();
    for step in 0..steps {
        let mut noise = vec![0.0; len];
        crate::rng::fill_normal(crate::rng::Key { seed: 1, step: step as u64, op: 0 }, 0, &mut noise);
        noise.iter_mut().enumerate().for_each(|(at, value)| *value += (at % 7) as f32 * 0.1 - 0.3);
        set_dense(&mut gradients, 0, &noise);
        optimizer.apply(&mut parameters, &mut gradients).unwrap();
    }
    let weights = parameters.get(0).unwrap().to_vec();
    (optimizer, weights)
}

#[test]
fn two_hundred_steps_stay_near_those_of_float32_without_a_bias() {
    const LEN: usize = 6000;
    let (full, weights) = noisy(r#"{"kind":"adam","learningRate":0.001}"#, LEN, 200);
    let (half, others) = noisy(&half(r#""kind":"adam","learningRate":0.001"#, ""), LEN, 200);
    assert_eq!(half.memory() * 2, full.memory());
    let (full, half) = (full.state().unwrap(), half.state().unwrap());
    let bias = |of: &dyn Fn(usize) -> f64| (0..LEN).map(of).sum::<f64>() / LEN as f64;
    // Rounding to the nearest, each step of which is lost in part, would leave the second moment far below.
    let variance = bias(&|at| f64::from(half[1].data[at]) / f64::from(full[1].data[at]) - 1.0);
    assert!(variance.abs() < 2e-3, "{variance}");
    for (half, full) in half[1].data.iter().zip(&full[1].data) {
        assert!((half / full - 1.0).abs() < 0.1, "{half} for {full}");
    }
    let mean = bias(&|at| f64::from(half[0].data[at]) - f64::from(full[0].data[at]));
    assert!(mean.abs() < 2e-4, "{mean}");
    let apart = bias(&|at| f64::from(others[at]) - f64::from(weights[at]));
    assert!(apart.abs() < 2e-5, "{apart}");
    for (half, full) in others.iter().zip(&weights) {
        // Of up to 0.2 that a weight has gone.
        assert!((half - full).abs() < 2e-3, "{half} for {full}");
    }
}

#[test]
fn every_optimizer_goes_on_to_the_same_bits_from_what_was_saved() {
    for (kind, common) in KINDS.iter().flat_map(|kind| COMMON.map(|common| (kind, common))) {
        let json = half(kind, common);
        let (rows, weights) = trained(&json, true, 7);
        let (dense, same) = trained(&json, false, 7);
        assert_eq!(weights.arena(), same.arena(), "{json}");
        assert_eq!(rows.state().unwrap(), dense.state().unwrap(), "{json}");
        let (first, parameters) = trained(&json, true, 5);
        let mut second = Optimizer::from_json(&json, parameters.slots()).unwrap();
        second.restore(5, &first.state().unwrap()).unwrap();
        let mut copy = Parameters::zeros(&three_weights()).unwrap();
        (0..3).for_each(|weight| copy.set(weight, parameters.get(weight).unwrap()).unwrap());
        let mut gradients = Gradients::new(&three_weights().weights, &[false, true, false]).unwrap();
        for t in 6..=7 {
            give(&mut gradients, t);
            second.apply(&mut copy, &mut gradients).unwrap();
        }
        assert_eq!(copy.arena(), weights.arena(), "{json}");
        assert_eq!(second.state().unwrap(), rows.state().unwrap(), "{json}");
    }
}

#[test]
fn sparse_updates_leave_other_rows_as_they_are() {
    for kind in KINDS {
        let (found, weights) = trained(&half(kind, r#","sparse":true"#), true, 12);
        let (expected, same) = put_back_rows(&half(kind, ""), 12, 1);
        assert_eq!(weights.arena(), same.arena(), "{kind}");
        assert_eq!(found.state().unwrap(), expected, "{kind}");
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let before = threads().unwrap();
    let json = half(r#""kind":"adamw","amsgrad":true"#, "");
    let runs = [1, 2, 3].map(|count| {
        set_threads(count).unwrap();
        let (optimizer, weights) = noisy(&json, 40_001, 5);
        (optimizer.state().unwrap(), weights)
    });
    set_threads(before).unwrap();
    assert!(runs[0] == runs[1] && runs[0] == runs[2]);
}

#[test]
fn wide_rows_and_overflow_are_those_of_any_state() {
    let spec = spec(&[("table", &[4, 5003], true)]);
    let run = |row_list: bool| {
        let mut parameters = Parameters::zeros(&spec).unwrap();
        let mut gradients = Gradients::new(&spec.weights, &[row_list]).unwrap();
        let mut optimizer = Optimizer::from_json(&half(r#""kind":"adam""#, ""), parameters.slots()).unwrap();
        let values: Vec<f32> = (0..5003).map(|at| (at as f32).sin()).collect();
        for t in 0..4 {
            gradients.clear();
            gradients.add_rows(0, 1, |_| Some(t % 3), &values).unwrap();
            optimizer.apply(&mut parameters, &mut gradients).unwrap();
        }
        // The square is infinite: nothing changes.
        let before = (parameters.arena().to_vec(), optimizer.state().unwrap());
        gradients.clear();
        gradients.add_rows(0, 1, |_| Some(1), &[1e25; 5003]).unwrap();
        assert_eq!(optimizer.apply(&mut parameters, &mut gradients).unwrap_err().code, Code::Numeric);
        assert_eq!((parameters.arena().to_vec(), optimizer.state().unwrap()), before);
        before
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn what_has_no_states_of_elements_is_refused() {
    for (kind, reason) in [
        (r#""kind":"muon""#, "as a whole"),
        (r#""kind":"lamb""#, "as a whole"),
        (r#""kind":"ftrl""#, "as a whole"),
        (r#""kind":"adafactor""#, "as a whole"),
        (r#""kind":"sgd""#, "without a momentum"),
    ] {
        let error = Optimizer::from_json(&half(kind, ""), &[]).unwrap_err();
        assert_eq!(error.code, Code::Unsupported, "{kind}");
        assert!(error.message.contains(reason), "{error}");
    }
    for wrong in ["\"float16\"", "16", "true"] {
        let json = format!(r#"{{"kind":"adam","stateDtype":{wrong}}}"#);
        assert_eq!(Optimizer::from_json(&json, &[]).unwrap_err().code, Code::Option, "{json}");
    }
    assert!(Optimizer::from_json(r#"{"kind":"muon","stateDtype":"float32"}"#, &[]).is_ok());
}
