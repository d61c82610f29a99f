mod bfloat16;

use super::optimizer::Optimizer;
use super::*;
use crate::error::Code;
use crate::gradients::{GradientMut, Gradients};
use crate::params::{Parameters, SLOT_ALIGNMENT};
use crate::values::WeightSpec;
use crate::wire::GraphSpec;
use serde_json::json;
use std::sync::Arc;

/// Weights of these (name, shape, trainable).
fn spec(weights: &[(&str, &[usize], bool)]) -> GraphSpec {
    let weights: Vec<WeightSpec> = weights
        .iter()
        .map(|&(name, shape, trainable)| WeightSpec {
            name: name.into(),
            shape: shape.to_vec(),
            trainable,
            learning_rate_multiplier: 1.0,
            initializer: serde_json::from_value(json!({"kind": "zeros"})).unwrap(),
            int8: None,
        })
        .collect();
    GraphSpec { version: 1, inputs: vec![], weights, int8: false, nodes: vec![], outputs: vec![] }
}

fn set_dense(gradients: &mut Gradients<f32>, weight: usize, values: &[f32]) {
    match gradients.get_mut(weight) {
        Some(GradientMut::Dense(target)) => target.copy_from_slice(values),
        _ => panic!("weight {weight} has no dense gradient"),
    }
}

/// The gradient of the PyTorch run at step `t`.
fn gradient(t: usize) -> [f32; 4] {
    let base = [0.3, -0.7, 0.01, 0.0];
    let sign = if t % 2 == 1 { 1.0 } else { -0.5 };
    std::array::from_fn(|i| base[i] * sign + 0.1 * t as f32 * (i as f32 - 1.0))
}

/// Weights after five steps from [0.5, -0.25, 0.125, 2] with [`gradient`], by torch.optim in float64; decay is apart from the gradient, by PyTorch's
/// formulas.
const PYTORCH: [(&str, [f64; 4]); 15] = [
    (r#"{"kind":"sgd","learningRate":0.5}"#, [0.95, 0.45, -0.635, 0.5]),
    (
        r#"{"kind":"sgd","learningRate":0.1,"momentum":0.9,"weightDecay":0.01}"#,
        [0.660397571, 0.110135021, -0.197452229, 1.35661695],
    ),
    (
        r#"{"kind":"sgd","learningRate":0.1,"momentum":0.9,"nesterov":true}"#,
        [0.7366667, 0.2135428, -0.31694994, 1.1293442],
    ),
    (
        r#"{"kind":"adam","learningRate":0.01,"epsilon":1e-8,"weightDecay":0.1}"#,
        [0.505243757, -0.222872628, 0.0757695478, 1.94160929],
    ),
    (
        r#"{"kind":"adam","learningRate":0.01,"epsilon":1e-3,"amsgrad":true,"beta2":0.5}"#,
        [0.504388372, -0.224708958, 0.0827343513, 1.95792072],
    ),
    (
        r#"{"kind":"adamw","learningRate":0.01,"epsilon":1e-8,"weightDecay":0.05}"#,
        [0.506480113, -0.223464689, 0.0760321026, 1.94654552],
    ),
    (
        r#"{"kind":"nadam","formula":"pytorch","learningRate":0.01,"epsilon":1e-8,"weightDecay":0.02}"#,
        [0.512869578, -0.231198188, 0.0751351984, 1.94808721],
    ),
    (
        r#"{"kind":"adamax","formula":"pytorch","learningRate":0.01,"epsilon":1e-8,"weightDecay":0.02}"#,
        [0.500951809, -0.226495487, 0.0870295791, 1.96048786],
    ),
    (
        r#"{"kind":"rmsprop","formula":"pytorch","learningRate":0.01,"epsilon":1e-8,"rho":0.99}"#,
        [0.596279949, -0.105820642, -0.283858261, 1.589117],
    ),
    (
        r#"{"kind":"rmsprop","formula":"pytorch","learningRate":0.01,"epsilon":1e-4,"rho":0.9,"momentum":0.9}"#,
        [0.526219562, -0.113354548, -0.237923422, 1.63469636],
    ),
    (
        r#"{"kind":"rmsprop","formula":"pytorch","learningRate":0.01,"epsilon":1e-2,"rho":0.9,"centered":true}"#,
        [0.534125168, -0.20160713, -0.00694283174, 1.85991013],
    ),
    (
        r#"{"kind":"rmsprop","formula":"pytorch","learningRate":0.01,"epsilon":1e-2,"rho":0.9,"centered":true,"momentum":0.5,"weightDecay":0.1}"#,
        [0.540969451, -0.171675786, -0.0879740535, 1.76320723],
    ),
    (
        r#"{"kind":"adagrad","formula":"pytorch","learningRate":0.05,"initialAccumulatorValue":0,"epsilon":1e-10}"#,
        [0.547812065, -0.178112611, -0.0790115287, 1.79496462],
    ),
    (
        r#"{"kind":"adagrad","formula":"pytorch","learningRate":0.05,"epsilon":1e-7,"weightDecay":0.1}"#,
        [0.544334501, -0.177122065, -0.0122252697, 1.78389705],
    ),
    (
        r#"{"kind":"adadelta","learningRate":1,"rho":0.9,"epsilon":1e-6,"weightDecay":0.1}"#,
        [0.302513403, -0.142631077, 0.0534826072, 1.16044348],
    ),
];

/// The same after nine steps, by the algorithms of the papers in double precision.
const PAPERS: [(&str, [f64; 4]); 8] = [
    (
        r#"{"kind":"lion","learningRate":0.01,"weightDecay":0.1}"#,
        [0.565318238, -0.237798819, 0.0342386508, 1.89243099],
    ),
    (r#"{"kind":"lion","learningRate":0.003,"beta1":0.5,"beta2":0.9}"#, [0.521, -0.247, 0.098, 1.973]),
    (r#"{"kind":"radam","learningRate":0.01}"#, [0.504636051, -0.233217444, 0.112920756, 1.97771745]),
    (
        r#"{"kind":"radam","learningRate":0.05,"beta1":0.8,"beta2":0.9,"epsilon":0.01,"weightDecay":0.1}"#,
        [0.559121332, -0.138972074, -0.00454969768, 1.73488671],
    ),
    (r#"{"kind":"adafactor","learningRate":0.05}"#, [0.763958498, -0.11168689, -0.342398042, 1.5315553]),
    (
        r#"{"kind":"ftrl","learningRate":0.05,"l1RegularizationStrength":0.2,"l2RegularizationStrength":0.1}"#,
        [0.207367183, -0.0465922908, -0.210483238, 0.0],
    ),
    (r#"{"kind":"lamb","learningRate":0.05}"#, [0.732506036, -0.0239349282, -0.384893251, 1.49167493]),
    (r#"{"kind":"muon","learningRate":0.05}"#, [0.70213194, -0.0506446899, -0.317239583, 1.55559762]),
];

/// All descriptions with the number of steps and what the weights are then.
fn cases() -> impl Iterator<Item = (&'static str, usize, [f64; 4])> {
    let pytorch = PYTORCH.iter().map(|&(json, expected)| (json, 5, expected));
    pytorch.chain(PAPERS.iter().map(|&(json, expected)| (json, 9, expected)))
}

#[test]
fn every_optimizer_is_compared() {
    for Entry { name, .. } in ENTRIES {
        let kind = format!(r#""kind":"{name}""#);
        assert!(cases().any(|(json, ..)| json.contains(&kind)), "{name} is compared with nothing");
    }
}

#[test]
fn formulas_of_other_implementations() {
    let spec = spec(&[("w", &[4], true)]);
    for (json, steps, expected) in cases() {
        let mut parameters = Parameters::zeros(&spec).unwrap();
        parameters.set(0, &[0.5, -0.25, 0.125, 2.0]).unwrap();
        let mut gradients = Gradients::new(&spec.weights, &[false]).unwrap();
        let mut optimizer = Optimizer::from_json(json, parameters.slots()).unwrap();
        for t in 1..=steps {
            set_dense(&mut gradients, 0, &gradient(t));
            optimizer.apply(&mut parameters, &mut gradients).unwrap();
        }
        for (got, want) in parameters.get(0).unwrap().iter().zip(expected) {
            assert!(
                (f64::from(*got) - want).abs() < 2e-6,
                "{json}: {:?} for {expected:?}",
                parameters.get(0)
            );
        }
    }
}

#[test]
fn unused_rows_receive_the_dense_update() {
    for ((json, ..), [rows, width]) in cases().flat_map(|rule| [(rule, [2100, 3]), (rule, [9, 2500])]) {
        let spec = spec(&[("frozen", &[5], false), ("table", &[rows, width], true), ("b", &[3], true)]);
        let run = |row_list: bool| {
            let mut parameters = Parameters::zeros(&spec).unwrap();
            let start: Vec<f32> = (0..width * rows).map(|i| (i as f32 * 0.37).sin()).collect();
            parameters.set(0, &[7.0; 5]).unwrap();
            parameters.set(1, &start).unwrap();
            let mut gradients = Gradients::new(&spec.weights, &[false, row_list, false]).unwrap();
            let mut optimizer = Optimizer::from_json(json, parameters.slots()).unwrap();
            for t in 0..4 {
                // Neighbours, repeated rows, rows of one step alone and the ends.
                let used = [t, t + 2, rows * 13 / 20 + 1, rows - 1 - t % 2];
                let values: Vec<f32> = (0..4 * width).map(|i| ((i + t) % 13) as f32 * 0.1 - 0.4).collect();
                match gradients.get_mut(1) {
                    Some(GradientMut::Rows(list)) => {
                        list.rows = used.to_vec();
                        list.values = values;
                    }
                    Some(GradientMut::Dense(dense)) => {
                        dense.fill(0.0);
                        for (row, values) in used.iter().zip(values.chunks(width)) {
                            dense[width * row..width * (row + 1)].copy_from_slice(values);
                        }
                    }
                    None => panic!("no gradient"),
                }
                set_dense(&mut gradients, 2, &[0.1, 0.2, -0.3]);
                optimizer.apply(&mut parameters, &mut gradients).unwrap();
                if t == 1 {
                    // Which rows have been used must be seen in the saved state.
                    let (step, state) = (optimizer.step_count(), optimizer.state().unwrap());
                    optimizer = Optimizer::from_json(json, parameters.slots()).unwrap();
                    optimizer.restore(step, &state).unwrap();
                }
            }
            assert_eq!(parameters.get(0).unwrap(), [7.0; 5]);
            (
                parameters.get(1).unwrap().to_vec(),
                parameters.get(2).unwrap().to_vec(),
                optimizer.state().unwrap(),
            )
        };
        assert_eq!(run(true), run(false), "{json}");
    }
}

#[test]
fn clipping() {
    let spec = spec(&[("a", &[2], true), ("b", &[1], true)]);
    let step = |clip: &str| {
        let mut parameters = Parameters::zeros(&spec).unwrap();
        let mut gradients = Gradients::new(&spec.weights, &[false, false]).unwrap();
        let json = format!(r#"{{"kind":"sgd","learningRate":1,{clip}}}"#);
        let mut optimizer = Optimizer::from_json(&json, parameters.slots()).unwrap();
        set_dense(&mut gradients, 0, &[-3.0, -4.0]);
        set_dense(&mut gradients, 1, &[-12.0]);
        optimizer.apply(&mut parameters, &mut gradients).unwrap();
        assert_eq!(optimizer.gradient_norm(), 13.0);
        [parameters.get(0).unwrap(), parameters.get(1).unwrap()].concat()
    };
    let close = |got: Vec<f32>, want: [f32; 3]| {
        assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-5), "{got:?} for {want:?}");
    };
    close(step(r#""clipValue":3.5"#), [3.0, 3.5, 3.5]);
    close(step(r#""clipNorm":10"#), [3.0, 4.0, 10.0]);
    close(step(r#""clipNorm":1"#), [0.6, 0.8, 1.0]);
    close(step(r#""globalClipNorm":1.3"#), [0.3, 0.4, 1.2]);
    close(step(r#""globalClipNorm":14"#), [3.0, 4.0, 12.0]);
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    let spec = spec(&[("good", &[3], true), ("bad", &[20_000], true)]);
    let mut parameters = Parameters::zeros(&spec).unwrap();
    let mut gradients = Gradients::new(&spec.weights, &[false, false]).unwrap();
    let mut optimizer = Optimizer::from_json(r#"{"kind":"adam","clipValue":1}"#, parameters.slots()).unwrap();
    set_dense(&mut gradients, 0, &[1.0; 3]);
    optimizer.apply(&mut parameters, &mut gradients).unwrap();
    let before = (parameters.arena().to_vec(), optimizer.state().unwrap());
    let mut values = vec![0.0; 20_000];
    values[17_777] = f32::INFINITY;
    set_dense(&mut gradients, 1, &values);
    let error = optimizer.apply(&mut parameters, &mut gradients).unwrap_err();
    assert_eq!(error.code, Code::Numeric);
    assert!(error.message.contains("'bad'"), "{error}");
    assert_eq!(before, (parameters.arena().to_vec(), optimizer.state().unwrap()));
    assert_eq!(optimizer.step_count(), 1);
}

#[test]
fn restored_state_continues_exactly() {
    let spec = spec(&[("w", &[4], true), ("f", &[2], false)]);
    for (json, ..) in cases() {
        let mut parameters = Parameters::zeros(&spec).unwrap();
        let mut gradients = Gradients::new(&spec.weights, &[false, false]).unwrap();
        let mut first = Optimizer::from_json(json, parameters.slots()).unwrap();
        for t in 1..=3 {
            set_dense(&mut gradients, 0, &gradient(t));
            first.apply(&mut parameters, &mut gradients).unwrap();
        }
        let saved = parameters.get(0).unwrap().to_vec();
        let mut state = first.state().unwrap();
        state.reverse();
        let mut finish = |optimizer: &mut Optimizer| {
            parameters.set(0, &saved).unwrap();
            for t in 4..=6 {
                set_dense(&mut gradients, 0, &gradient(t));
                optimizer.apply(&mut parameters, &mut gradients).unwrap();
            }
            parameters.get(0).unwrap().to_vec()
        };
        let mut second = Optimizer::from_json(json, first.slots.as_slice()).unwrap();
        second.restore(3, &state).unwrap();
        assert_eq!(finish(&mut first), finish(&mut second), "{json}");
        second.restore(u64::MAX, &state).unwrap();
        assert!(finish(&mut second).iter().all(|w| w.is_finite()));
        if let Some(last) = state.pop() {
            assert_eq!(second.restore(3, &state).unwrap_err().code, Code::Format);
            state.push(StateTensor { data: vec![0.0; 3], ..last.clone() });
            assert_eq!(second.restore(3, &state).unwrap_err().code, Code::Format);
            state.pop();
            state.extend([last.clone(), last]);
            assert_eq!(second.restore(3, &state).unwrap_err().code, Code::Format);
        }
    }
}

#[test]
fn learning_rates() {
    let mut sgd = Optimizer::from_json(r#"{"kind":"sgd"}"#, &[]).unwrap();
    assert_eq!(sgd.learning_rate(), 0.01);
    sgd.set_learning_rate(0.5).unwrap();
    assert_eq!(sgd.learning_rate(), 0.5);
    assert_eq!(sgd.set_learning_rate(f64::NAN).unwrap_err().code, Code::Option);
    assert_eq!(sgd.set_rates(vec![1.0]).unwrap_err().code, Code::State);
    sgd.set_schedule(r#"{"kind":"function"}"#).unwrap();
    assert!(sgd.learning_rate().is_nan());
    sgd.set_rates(vec![0.25, 0.125]).unwrap();
    assert_eq!(sgd.learning_rate(), 0.25);
    assert_eq!(sgd.set_learning_rate(0.5).unwrap_err().code, Code::State);
    assert_eq!(sgd.set_schedule(r#"{"kind":"magic"}"#).unwrap_err().code, Code::Option);
}

fn three_weights() -> GraphSpec {
    spec(&[("dense/kernel", &[2, 3], true), ("table", &[50, 4], true), ("dense/bias", &[3], true)])
}

/// The gradients of batch `t`, with two rows of the table.
fn give(gradients: &mut Gradients<f32>, t: usize) {
    gradients.clear();
    set_dense(gradients, 0, &std::array::from_fn::<f32, 6, _>(|i| ((i + t) as f32).cos()));
    set_dense(gradients, 2, &[0.5, t as f32, -1.0]);
    let values: Vec<f32> = (0..8).map(|i| ((i * t) as f32).sin() + 0.1).collect();
    gradients.add_rows(1, 2, |position| Some((7 * t + position * 3) % 50), &values).unwrap();
}

/// A weight and a table, with the table's gradient as a list of rows or dense, after `steps` batches.
fn trained(json: &str, row_list: bool, steps: usize) -> (Optimizer, Parameters<f32>) {
    let spec = three_weights();
    let mut parameters = Parameters::zeros(&spec).unwrap();
    for weight in 0..3 {
        let values = parameters.get_mut(weight).unwrap();
        values.iter_mut().enumerate().for_each(|(i, value)| *value = (i as f32 * 0.37 + 1.0).sin());
    }
    let mut gradients = Gradients::new(&spec.weights, &[false, row_list, false]).unwrap();
    let mut optimizer = Optimizer::from_json(json, parameters.slots()).unwrap();
    for t in 1..=steps {
        give(&mut gradients, t);
        optimizer.apply(&mut parameters, &mut gradients).unwrap();
    }
    (optimizer, parameters)
}

/// Options that every optimizer has.
const COMMON: [&str; 5] = [
    r#","gradientAccumulationSteps":3"#,
    r#","useEma":true,"emaMomentum":0.8,"emaOverwriteFrequency":4"#,
    r#","lookahead":{"syncPeriod":2,"slowStepSize":0.25}"#,
    r#","weightDecay":0.3,"excludeFromWeightDecay":["bias","table"]"#,
    r#","weightDecay":0.3,"useEma":true,"lookahead":{},"gradientAccumulationSteps":2,"globalClipNorm":0.5"#,
];

#[test]
fn common_options_treat_rows_as_dense_gradients_and_go_on_exactly() {
    for (Entry { name, .. }, common) in ENTRIES.iter().flat_map(|entry| COMMON.map(|common| (entry, common)))
    {
        let json = format!(r#"{{"kind":"{name}"{common}}}"#);
        let (rows, weights) = trained(&json, true, 7);
        let (dense, same) = trained(&json, false, 7);
        assert_eq!(weights.arena(), same.arena(), "{json}");
        assert_eq!(rows.state().unwrap(), dense.state().unwrap(), "{json}");
        // The state is all that another optimizer needs.
        let (mut first, mut parameters) = trained(&json, true, 5);
        let mut second = Optimizer::from_json(&json, first.slots.as_slice()).unwrap();
        second.restore(first.step_count(), &first.state().unwrap()).unwrap();
        let mut copy = Parameters::zeros(&three_weights()).unwrap();
        for weight in 0..3 {
            copy.set(weight, parameters.get(weight).unwrap()).unwrap();
        }
        let mut gradients = Gradients::new(&three_weights().weights, &[false, true, false]).unwrap();
        for _ in 0..4 {
            for (optimizer, parameters) in [(&mut first, &mut parameters), (&mut second, &mut copy)] {
                gradients.clear();
                set_dense(&mut gradients, 0, &[0.25; 6]);
                gradients.add_rows(1, 1, |_| Some(9), &[0.5; 4]).unwrap();
                optimizer.apply(parameters, &mut gradients).unwrap();
            }
        }
        assert_eq!(parameters.arena(), copy.arena(), "{json}");
    }
}

/// The table alone: after every batch of the dense update, rows that the step did not list are put back.
fn put_back_rows(json: &str, steps: usize, batches: usize) -> (Vec<StateTensor>, Parameters<f32>) {
    let spec = three_weights();
    let (mut optimizer, mut parameters) = trained(json, true, 0);
    let mut gradients = Gradients::new(&spec.weights, &[false, true, false]).unwrap();
    let mut listed = Vec::new();
    for t in 1..=steps {
        let (table, before) = (parameters.get(1).unwrap().to_vec(), optimizer.state().unwrap());
        give(&mut gradients, t);
        listed.extend([(7 * t) % 50, (7 * t + 3) % 50]);
        optimizer.apply(&mut parameters, &mut gradients).unwrap();
        if t % batches != 0 {
            continue;
        }
        let mut after = optimizer.state().unwrap();
        for row in (0..50).filter(|row| !listed.contains(row)) {
            let row = 4 * row..4 * row + 4;
            parameters.get_mut(1).unwrap()[row.clone()].copy_from_slice(&table[row.clone()]);
            for (after, before) in after.iter_mut().zip(&before) {
                if after.name.starts_with("table/") && !after.name.ends_with("/gradient") {
                    after.data[row.clone()].copy_from_slice(&before.data[row.clone()]);
                }
            }
        }
        listed.clear();
        optimizer.restore(optimizer.step_count(), &after).unwrap();
    }
    (optimizer.state().unwrap(), parameters)
}

#[test]
fn sparse_updates_leave_rows_without_a_gradient_as_they_are() {
    let all = ENTRIES.iter().map(|entry| entry.name);
    for name in all.filter(|name| !["adafactor", "ftrl", "lamb", "muon"].contains(name)) {
        for (batches, options) in [
            (1, ""),
            (1, r#","globalClipNorm":0.1"#),
            (1, r#","clipValue":0.2"#),
            // Optimizers with a decay of their own have it there, too.
            (1, r#","weightDecay":0.3"#),
            (3, r#","gradientAccumulationSteps":3,"weightDecay":0.1,"clipNorm":0.5"#),
        ] {
            let dense = format!(r#"{{"kind":"{name}"{options}}}"#);
            let sparse = format!(r#"{{"kind":"{name}","sparse":true{options}}}"#);
            let (found, weights) = trained(&sparse, true, 12);
            let (expected, same) = put_back_rows(&dense, 12, batches);
            assert_eq!(weights.arena(), same.arena(), "{sparse}");
            assert_eq!(found.state().unwrap(), expected, "{sparse}");
        }
    }
}

#[test]
fn what_changes_every_row_is_refused_beside_sparse() {
    for (json, reason) in [
        (r#"{"kind":"muon","sparse":true}"#, "as a whole"),
        (r#"{"kind":"lamb","sparse":true}"#, "as a whole"),
        (r#"{"kind":"ftrl","sparse":true}"#, "as a whole"),
        (r#"{"kind":"adafactor","sparse":true}"#, "as a whole"),
        (r#"{"kind":"adam","sparse":true,"useEma":true}"#, "useEma"),
        (r#"{"kind":"adam","sparse":true,"lookahead":{}}"#, "lookahead"),
    ] {
        let error = Optimizer::from_json(json, &[]).unwrap_err();
        assert_eq!(error.code, Code::Unsupported, "{json}");
        assert!(error.message.contains(reason), "{error}");
    }
    assert!(Optimizer::from_json(r#"{"kind":"adam","sparse":false,"useEma":true}"#, &[]).is_ok());
}

#[test]
fn a_multiplier_is_a_learning_rate_of_ones_own() {
    let rated = |kind: &str, rate: f64, multipliers: [f64; 2]| {
        let mut graph = spec(&[("a", &[2, 3], true), ("b", &[2, 3], true)]);
        for (weight, multiplier) in graph.weights.iter_mut().zip(multipliers) {
            weight.learning_rate_multiplier = multiplier;
        }
        let mut parameters = Parameters::<f32>::zeros(&graph).unwrap();
        for weight in 0..2 {
            parameters.set(weight, &[0.5, -0.25, 0.125, 2.0, -1.0, 0.75]).unwrap();
        }
        let json = json!({ "kind": kind, "learningRate": rate, "weightDecay": 0.1 }).to_string();
        let mut optimizer = Optimizer::from_json(&json, parameters.slots()).unwrap();
        let mut gradients = Gradients::new(&graph.weights, &[false, false]).unwrap();
        for t in 1..4 {
            for weight in 0..2 {
                let [a, b, c, d] = gradient(t);
                set_dense(&mut gradients, weight, &[a, b, c, d, 0.4, -0.1]);
            }
            optimizer.apply(&mut parameters, &mut gradients).unwrap();
        }
        [parameters.get(0).unwrap().to_vec(), parameters.get(1).unwrap().to_vec()]
    };
    for entry in ENTRIES {
        let [whole, quarter] = rated(entry.name, 0.02, [1.0, 0.25]);
        let [same, _] = rated(entry.name, 0.02, [1.0, 1.0]);
        let [_, slower] = rated(entry.name, 0.005, [1.0, 1.0]);
        let [_, also] = rated(entry.name, 0.005, [4.0, 1.0]);
        assert_eq!(whole, same, "{}", entry.name);
        assert_eq!(quarter, slower, "{}", entry.name);
        assert_eq!(also, slower, "{}", entry.name);
        let [_, still] = rated(entry.name, 0.02, [1.0, 0.0]);
        assert_eq!(still, [0.5, -0.25, 0.125, 2.0, -1.0, 0.75], "{}", entry.name);
    }
    // Nor does the mean of a weight that no step changes differ from it, in any bit.
    let mut graph = spec(&[("a", &[100], true)]);
    graph.weights[0].learning_rate_multiplier = 0.0;
    let mut parameters = Parameters::<f32>::zeros(&graph).unwrap();
    let first: Vec<f32> = (1..=100).map(|at| 1.0 / at as f32).collect();
    parameters.set(0, &first).unwrap();
    let json = r#"{"kind":"adam","useEma":true,"emaMomentum":0.9,"emaOverwriteFrequency":1}"#;
    let mut optimizer = Optimizer::from_json(json, parameters.slots()).unwrap();
    let mut gradients = Gradients::new(&graph.weights, &[false]).unwrap();
    for _ in 0..20 {
        set_dense(&mut gradients, 0, &[0.3; 100]);
        optimizer.apply(&mut parameters, &mut gradients).unwrap();
    }
    assert_eq!(parameters.get(0).unwrap(), first);
    let mut graph = spec(&[("a", &[2], true)]);
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        graph.weights[0].learning_rate_multiplier = wrong;
        let parameters = Parameters::<f32>::zeros(&graph).unwrap();
        let error = Optimizer::from_json(r#"{"kind":"adam"}"#, parameters.slots()).unwrap_err();
        assert_eq!(error.code, Code::Option);
        assert!(error.to_string().contains("learningRateMultiplier of 'a'"), "{error}");
    }
}

#[test]
fn decay_leaves_out_what_is_excluded_and_comes_before_the_step() {
    let plain = trained(r#"{"kind":"sgd","learningRate":0}"#, true, 1).1;
    let rate = r#"{"kind":"sgd","learningRate":0.5,"weightDecay":0.2,"excludeFromWeightDecay":["bias"]}"#;
    let (_, decayed) = trained(rate, true, 1);
    let (_, stepped) = trained(r#"{"kind":"sgd","learningRate":0.5}"#, true, 1);
    for (weight, keep) in [(0, 0.9), (1, 0.9), (2, 1.0)] {
        let [before, found, without] = [&plain, &decayed, &stepped].map(|all| all.get(weight).unwrap());
        for ((before, found), without) in before.iter().zip(found).zip(without) {
            assert!((found - (without + (keep - 1.0) * before)).abs() < 1e-6);
        }
    }
}

#[test]
fn the_mean_of_weights_is_exchanged_and_ends_a_training() {
    let (mut optimizer, parameters) = trained(r#"{"kind":"sgd","useEma":true,"emaMomentum":0.5}"#, true, 3);
    let mut parameters = Arc::new(parameters);
    let before = parameters.arena().to_vec();
    optimizer.swap_average(Arc::get_mut(&mut parameters).unwrap()).unwrap();
    let mean = parameters.arena().to_vec();
    let each = [1, 2, 3].map(|steps| trained(r#"{"kind":"sgd"}"#, true, steps).1);
    for (place, found) in mean.iter().enumerate() {
        let [one, two, three] = each.each_ref().map(|parameters| parameters.arena()[place]);
        assert!((found - (0.25 * one + 0.25 * two + 0.5 * three)).abs() < 1e-6);
    }
    optimizer.swap_average(Arc::get_mut(&mut parameters).unwrap()).unwrap();
    assert_eq!(parameters.arena(), before);
    optimizer.finish(&mut parameters).unwrap();
    assert_eq!(parameters.arena(), mean);
    let (mut none, mut parameters) = trained(r#"{"kind":"sgd"}"#, true, 1);
    assert_eq!(none.swap_average(&mut parameters).unwrap_err().code, Code::State);
}

#[test]
fn wrong_options_are_refused() {
    for json in [
        "[]",
        "{}",
        r#"{"kind":"magic"}"#,
        r#"{"kind":"sgd","beta1":0.9}"#,
        r#"{"kind":"sgd","learningRate":"fast"}"#,
        r#"{"kind":"sgd","learningRate":-1}"#,
        r#"{"kind":"adam","beta1":1}"#,
        r#"{"kind":"adam","epsilon":0}"#,
        r#"{"kind":"adam","amsgrad":1}"#,
        r#"{"kind":"adamw","decoupled":false}"#,
        r#"{"kind":"adagrad","rate":1}"#,
        r#"{"kind":"rmsprop","rho":1.5}"#,
        r#"{"kind":"rmsprop","formula":"paper"}"#,
        r#"{"kind":"adam","clipNorm":0}"#,
        r#"{"kind":"adam","clipNorm":1,"clipValue":1}"#,
        r#"{"kind":"adam","weightDecay":1e300}"#,
        r#"{"kind":"adam","excludeFromWeightDecay":"bias"}"#,
        r#"{"kind":"adam","gradientAccumulationSteps":0}"#,
        r#"{"kind":"adam","useEma":true,"emaMomentum":2}"#,
        r#"{"kind":"adam","lookahead":{"period":3}}"#,
        r#"{"kind":"adam","sparse":1}"#,
        r#"{"kind":"muon","nsSteps":1000}"#,
        r#"{"kind":"ftrl","learningRatePower":1}"#,
    ] {
        assert_eq!(Optimizer::from_json(json, &[]).unwrap_err().code, Code::Option, "{json}");
    }
}

#[test]
fn adafactor_keeps_the_means_of_matrices_alone() {
    let spec = spec(&[("w", &[3, 40, 50], true), ("b", &[50], true)]);
    let mut parameters = Parameters::zeros(&spec).unwrap();
    let json = r#"{"kind":"adafactor","useEma":true}"#;
    let mut optimizer = Optimizer::from_json(json, parameters.slots()).unwrap();
    let sizes: Vec<usize> = optimizer.state().unwrap().iter().map(|state| state.data.len()).collect();
    assert_eq!(sizes, [3 * 90, 6000, 50, 50]);
    assert!(optimizer.memory() < size_of::<f32>() * (3 * 90 + 6000 + 2 * 50 + 4 * SLOT_ALIGNMENT));
    let mut gradients = Gradients::new(&spec.weights, &[false, false]).unwrap();
    set_dense(&mut gradients, 0, &(0..6000).map(|at| (at as f32).sin()).collect::<Vec<_>>());
    set_dense(&mut gradients, 1, &[1.0; 50]);
    for _ in 0..3 {
        optimizer.apply(&mut parameters, &mut gradients).unwrap();
    }
    // As earlier versions kept them: in the first places of each matrix.
    let now = optimizer.state().unwrap();
    let mut long = now.clone();
    long[0].data = now[0].data.chunks(90).flat_map(|means| [means, &[0.0; 1910]].concat()).collect();
    let mut restored = Optimizer::from_json(json, parameters.slots()).unwrap();
    restored.restore(3, &long).unwrap();
    assert_eq!(restored.state().unwrap(), now);
}
