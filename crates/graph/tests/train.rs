//! Training, evaluation and prediction.

mod train_model;

use seqloom_graph::train::{Control, Event, Trainer};
use seqloom_graph::{Code, HostTensor, Sequence, TensorData};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use train_model::*;

fn fit(trainer: &mut Trainer, tensors: &[HostTensor], json: serde_json::Value) -> Vec<Event> {
    let mut events = Vec::new();
    trainer
        .fit(tensors, None, &options(json), &RUNNING, &mut |_, event| {
            events.push(event);
            Control::Continue
        })
        .unwrap();
    events
}

fn log(event: &Event, name: &str) -> f64 {
    let (Event::EpochEnd { logs, .. } | Event::BatchEnd { logs, .. }) = event else {
        panic!("{event:?} has no logs")
    };
    logs.iter().find(|(key, _)| key == name).unwrap_or_else(|| panic!("no {name} in {logs:?}")).1
}

#[test]
fn learns_and_reports() {
    let mut trainer = trainer(3, ADAM);
    let events = fit(
        &mut trainer,
        &data(100),
        json!({ "epochs": 40, "batchSize": 16, "validationSplit": 0.2, "seed": 1 }),
    );
    // 80 rows in batches of 16: five batches, a beginning and an end.
    assert_eq!(events.len(), 40 * 7);
    assert_eq!(events[0], Event::EpochBegin { epoch: 0 });
    let (first, last) = (&events[6], &events[events.len() - 1]);
    assert!(log(first, "loss") > 1.0 && log(last, "loss") < 0.1, "{first:?} {last:?}");
    assert!(log(last, "accuracy") > 0.97);
    assert!(log(last, "val_accuracy") > 0.6, "{last:?}");
    let Event::BatchEnd { epoch: 0, batch: 4, batches: 5, size: 16, .. } = events[5] else {
        panic!("{:?}", events[5])
    };
    assert_eq!(log(&events[5], "loss"), log(first, "loss"));
    assert_eq!(trainer.optimizer().unwrap().step_count(), 200);
}

#[test]
fn tells_of_batches_no_more_often_than_asked_for_and_of_the_last_of_an_epoch() {
    let options = json!({ "epochs": 2, "batchSize": 16, "gradientNorms": true, "batchEventSeconds": 1e9 });
    let events = fit(&mut trainer(3, ADAM), &data(80), options);
    let told = |event: &Event| match event {
        Event::BatchEnd { epoch, batch, .. } => Some((*epoch, *batch)),
        _ => None,
    };
    assert_eq!(events.iter().filter_map(told).collect::<Vec<_>>(), [(0, 0), (0, 4), (1, 4)]);
    let all =
        fit(&mut trainer(3, ADAM), &data(80), json!({ "epochs": 2, "batchSize": 16, "gradientNorms": true }));
    let logs = |events: &[Event]| match events.iter().rfind(|event| told(event).is_some()) {
        Some(Event::BatchEnd { logs, .. }) => logs.clone(),
        _ => panic!("no batch"),
    };
    assert_eq!(logs(&events), logs(&all));
}

#[test]
fn gradients_are_distributed_as_the_last_step_had_them() {
    let go = AtomicBool::new(false);
    let mut trainer = trainer(3, ADAM);
    assert!(trainer.gradient_histograms(9, &go).unwrap().is_empty());
    fit(&mut trainer, &data(80), json!({ "epochs": 1, "batchSize": 16 }));
    let squares: Vec<_> = trainer.optimizer().unwrap().gradient_squares().collect();
    let found = trainer.gradient_histograms(9, &go).unwrap();
    assert_eq!(found.len(), squares.len());
    for ((name, histogram), (weight, square)) in found.iter().zip(squares) {
        assert_eq!(name, weight);
        let count = histogram.counts.iter().sum::<u64>() as f64;
        let moment = (histogram.deviation.powi(2) + histogram.mean.powi(2)) * count;
        assert!((moment - square).abs() <= 1e-5 * square + 1e-12, "{name}: {moment} {square}");
    }
    assert_eq!(trainer.weight_histograms(1, &go).unwrap().len(), 1);
}

#[test]
fn one_seed_one_result_for_any_number_of_threads() {
    let tensors = data(70);
    let run = |threads: usize, seed: u64| {
        seqloom_kernels::pool::set_threads(threads).unwrap();
        let mut trainer = trainer(seed, ADAM);
        let events = fit(&mut trainer, &tensors, json!({ "epochs": 3, "batchSize": 16, "seed": seed }));
        let losses: Vec<f64> = events
            .iter()
            .filter(|event| !matches!(event, Event::EpochBegin { .. }))
            .map(|event| log(event, "loss"))
            .collect();
        (weights(&trainer), losses)
    };
    let one = run(1, 5);
    assert_eq!(one, run(2, 5));
    assert_eq!(one, run(3, 5));
    assert_ne!(one.0, run(2, 6).0);
}

#[test]
fn padding_changes_nothing() {
    let tensors = data(40);
    let dense = vec![padded(&tensors[0]), tensors[1].clone()];
    let results = [&tensors, &dense].map(|tensors| {
        let mut trainer = trainer(3, ADAM);
        let step = trainer.train_on_batch(tensors, &RUNNING).unwrap();
        let scores = trainer.evaluate(tensors, 16, &RUNNING).unwrap();
        (step, scores, weights(&trainer), trainer.predict(&tensors[..1], 7, &RUNNING).unwrap())
    });
    assert_eq!(results[0], results[1]);
    let [_, (.., outputs)] = results;
    let Sequence::Lengths(lengths) = &outputs[1].sequence else { panic!("{:?}", outputs[1].sequence) };
    assert_eq!(outputs[1].shape, [40, 9, 8]);
    let Sequence::Lengths(expected) = &dense[0].sequence else { panic!("no lengths") };
    assert_eq!(lengths, expected);
    for (row, steps) in floats(&outputs[1]).chunks(9 * 8).enumerate() {
        let valid = lengths[row] as usize * 8;
        assert!(steps[..valid].iter().all(|&x| x != 0.0) && steps[valid..].iter().all(|&x| x == 0.0));
    }
}

#[test]
fn batches_do_not_change_predictions() {
    let tensors = data(33);
    let mut trainer = trainer(3, ADAM);
    let whole = trainer.predict(&tensors[..1], 100, &RUNNING).unwrap();
    let parts = trainer.predict(&tensors[..1], 8, &RUNNING).unwrap();
    assert_eq!(whole, parts);
    assert_eq!(whole[0].shape, [33, 3]);
    assert_eq!(whole[0].sequence, Sequence::Full);
    let loss = trainer.evaluate(&tensors, 100, &RUNNING).unwrap();
    let again = trainer.evaluate(&tensors, 8, &RUNNING).unwrap();
    assert!(loss.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-6), "{loss:?} {again:?}");
    assert_eq!(loss[0], trainer.test_on_batch(&tensors, &RUNNING).unwrap()[0]);
}

#[test]
fn a_gradient_follows_the_loss() {
    let tensors = data(6);
    let mut trainer = trainer(3, ADAM);
    let report = trainer.loss_gradients(&tensors, false, &RUNNING).unwrap();
    let before = trainer.test_on_batch(&tensors, &RUNNING).unwrap()[0];
    assert!((report.loss.unwrap() - before).abs() < 1e-6);
    assert_eq!(report.inputs, [None]);
    let start: Vec<Vec<f32>> =
        (0..9).map(|index| trainer.parameters().get(index).unwrap().to_vec()).collect();
    for weight in [0, 2, 7] {
        let element = report.weights[weight].iter().position(|g| g.abs() > 1e-4).unwrap();
        let mut shifted = |by: f32| {
            let mut weights = start.clone();
            weights[weight][element] += by;
            trainer.set_weights(&weights).unwrap();
            trainer.test_on_batch(&tensors, &RUNNING).unwrap()[0]
        };
        let slope = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
        let expected = f64::from(report.weights[weight][element]);
        assert!((slope - expected).abs() < 0.02 * expected.abs() + 1e-4, "{weight}: {slope} for {expected}");
    }
}

#[test]
fn gradients_by_cotangents() {
    let tensors = data(6);
    let mut trainer = trainer(3, ADAM);
    let mut cotangent =
        HostTensor { data: elements(&[1.0; 18]), shape: vec![6, 3], sequence: Sequence::Full };
    let report =
        trainer.output_gradients(&tensors[..1], &[Some(cotangent.clone()), None], false, &RUNNING).unwrap();
    // The sum of probabilities is constant.
    assert!(report.weights.iter().flat_map(|weight| weight.iter()).all(|g| g.abs() < 1e-5));
    assert_eq!(report.outputs[0].shape, [6, 3]);
    cotangent.data = elements(&[1.0, 0.0, 0.0].repeat(6));
    let report =
        trainer.output_gradients(&tensors[..1], &[Some(cotangent.clone()), None], false, &RUNNING).unwrap();
    assert!(report.weights.iter().all(|weight| weight.iter().any(|g| g.abs() > 1e-6)));
    cotangent.data = elements(&[1.0, f32::NAN, 0.0].repeat(6));
    let error = trainer
        .output_gradients(&tensors[..1], &[Some(cotangent.clone()), None], false, &RUNNING)
        .unwrap_err();
    assert_eq!(error.code, Code::Data);
    (cotangent.data, cotangent.shape) = (elements(&[1.0; 18]), vec![3, 6]);
    let error =
        trainer.output_gradients(&tensors[..1], &[Some(cotangent), None], false, &RUNNING).unwrap_err();
    assert_eq!(error.code, Code::Shape);
}

#[test]
fn callbacks_use_and_stop_the_model() {
    let tensors = data(40);
    let mut trainer = trainer(3, ADAM);
    let mut epochs = 0;
    let run = options(json!({ "epochs": 10, "batchSize": 16, "shuffle": false }));
    trainer
        .fit(&tensors, Some((&tensors).into()), &run, &RUNNING, &mut |trainer, event| match event {
            Event::EpochEnd { .. } => {
                epochs += 1;
                let scores = trainer.evaluate(&tensors, 16, &RUNNING).unwrap();
                assert!((scores[0] - log(&event, "val_loss")).abs() < 1e-9);
                trainer.optimizer_mut().unwrap().set_learning_rate(1e-3).unwrap();
                if epochs == 3 { Control::Stop } else { Control::Continue }
            }
            _ => Control::Continue,
        })
        .unwrap();
    assert_eq!((epochs, trainer.optimizer().unwrap().step_count()), (3, 9));
    assert_eq!(trainer.optimizer().unwrap().learning_rate(), 1e-3);
}

#[test]
fn an_abort_discards_the_unfinished_step() {
    let tensors = data(64);
    let mut trainer = trainer(3, ADAM);
    let cancel = AtomicBool::new(false);
    let mut last = Vec::new();
    let run = options(json!({ "epochs": 10, "batchSize": 16 }));
    let error = trainer
        .fit(&tensors, None, &run, &cancel, &mut |trainer, event| {
            if let Event::BatchEnd { batch: 2, .. } = event {
                last = weights(trainer);
                cancel.store(true, Ordering::Relaxed);
            }
            Control::Continue
        })
        .unwrap_err();
    assert_eq!(error.code, Code::Aborted);
    assert_eq!(weights(&trainer), last);
    assert_eq!(trainer.optimizer().unwrap().step_count(), 3);
    let error = trainer.predict(&tensors[..1], 16, &cancel).unwrap_err();
    assert_eq!(error.code, Code::Aborted);
}

#[test]
fn numbers_that_are_not_finite_stop_before_the_step() {
    let tensors = data(64);
    let mut trainer = trainer(3, r#"{"kind":"sgd","learningRate":1e38,"momentum":0.99}"#);
    let mut last = weights(&trainer);
    let run = options(json!({ "epochs": 100, "batchSize": 16 }));
    let error = trainer
        .fit(&tensors, None, &run, &RUNNING, &mut |trainer, event| {
            if let Event::BatchEnd { .. } = event {
                last = weights(trainer);
            }
            Control::Continue
        })
        .unwrap_err();
    assert_eq!(error.code, Code::Numeric);
    assert!(
        error.message.contains("In epoch")
            && error.message.contains("batch")
            && error.message.contains("step"),
        "{error}"
    );
    assert_eq!(weights(&trainer), last);
}

#[test]
fn training_continues_from_saved_state() {
    let tensors = data(48);
    let run = |epochs: usize, from: usize| json!({ "epochs": epochs, "initialEpoch": from, "batchSize": 16, "seed": 4 });
    let mut whole = trainer(3, ADAM);
    fit(&mut whole, &tensors, run(4, 0));
    let mut first = trainer(3, ADAM);
    fit(&mut first, &tensors, run(2, 0));
    let saved: Vec<Vec<f32>> = (0..9).map(|index| first.parameters().get(index).unwrap().to_vec()).collect();
    let optimizer = first.optimizer().unwrap();
    let mut second = trainer(3, ADAM);
    second.set_weights(&saved).unwrap();
    second.restore_optimizer(optimizer.step_count(), &optimizer.state().unwrap()).unwrap();
    fit(&mut second, &tensors, run(4, 2));
    assert_eq!(weights(&whole), weights(&second));
}

#[test]
fn errors_in_data_name_the_row_of_the_data() {
    let mut tensors = data(50);
    if let TensorData::I32(labels) = &mut tensors[1].data {
        labels[37] = CLASSES as i32;
    }
    let mut trainer = trainer(1, ADAM);
    let options = options(json!({ "epochs": 1, "batchSize": 8, "seed": 5 }));
    let error = trainer.fit(&tensors, None, &options, &RUNNING, &mut |_, _| Control::Continue).unwrap_err();
    assert!(error.message.contains("In epoch 1, batch"), "{error}");
    assert!(error.message.contains("row 37 is 3"), "{error}");
    let error = trainer.evaluate(&tensors, 8, &RUNNING).unwrap_err();
    assert!(error.message.contains("row 37 is 3"), "{error}");
}

#[test]
fn misuse_is_refused() {
    let tensors = data(10);
    let mut bare = Trainer::new(&graph(false).to_string(), 1).unwrap();
    assert_eq!(bare.train_on_batch(&tensors, &RUNNING).unwrap_err().code, Code::State);
    assert_eq!(bare.optimizer().unwrap_err().code, Code::State);
    let mut trainer = trainer(1, ADAM);
    let before = weights(&trainer);
    let mut refused = |tensors: &[HostTensor]| trainer.train_on_batch(tensors, &RUNNING).unwrap_err();
    let change = |index: usize, change: &dyn Fn(&mut HostTensor)| {
        let mut tensors = tensors.clone();
        change(&mut tensors[index]);
        tensors
    };
    assert_eq!(refused(&tensors[..1]).code, Code::Data);
    assert_eq!(refused(&change(1, &|t| t.shape = vec![])).code, Code::Shape);
    assert_eq!(refused(&change(1, &|t| t.shape = vec![5])).code, Code::Shape);
    assert_eq!(refused(&change(1, &|t| t.shape = vec![usize::MAX, usize::MAX])).code, Code::Shape);
    let error = refused(&change(1, &|t| (t.shape, t.data) = (vec![0], TensorData::I32(vec![]))));
    assert!(error.code == Code::Data && error.message.contains("label"), "{error}");
    assert_eq!(
        refused(&change(1, &|t| (t.shape, t.data) = (vec![9], TensorData::I32(vec![0; 9])))).code,
        Code::Data
    );
    assert_eq!(refused(&change(1, &|t| t.data = TensorData::I32(vec![3; 10]))).code, Code::Data);
    assert_eq!(refused(&change(1, &|t| t.data = elements(&[0.0; 10]))).code, Code::Data);
    let zero = |t: &mut HostTensor| {
        if let Sequence::Ragged(lengths) = &mut t.sequence {
            lengths[4] = 0;
        }
    };
    assert_eq!(refused(&change(0, &zero)).code, Code::Data);
    let outside = |t: &mut HostTensor| {
        if let TensorData::I32(tokens) = &mut t.data {
            tokens[3] = VOCABULARY as i32;
        }
    };
    let error = refused(&change(0, &outside));
    assert!(error.code == Code::Data && error.message.contains("embedding"), "{error}");
    assert_eq!(weights(&trainer), before);
    assert_eq!(trainer.evaluate(&tensors, 0, &RUNNING).unwrap_err().code, Code::Option);
    assert_eq!(trainer.set_weights::<Vec<f32>>(&[]).unwrap_err().code, Code::Shape);
    for json in [
        json!({ "epochs": -1 }),
        json!({ "batchSize": 0 }),
        json!({ "validationSplit": 1 }),
        json!({ "speed": 1 }),
    ] {
        let error = seqloom_graph::train::FitOptions::from_json(&json.to_string()).unwrap_err();
        assert_eq!(error.code, Code::Option, "{json}");
    }
    let one = options(json!({ "validationSplit": 0.01 }));
    let error = trainer.fit(&tensors, None, &one, &RUNNING, &mut |_, _| Control::Continue).err();
    assert_eq!(error, None, "floor(10 * 0.99) = 9 rows train, one validates");
    let all = options(json!({ "validationSplit": 0.99 }));
    let error = trainer.fit(&tensors, None, &all, &RUNNING, &mut |_, _| Control::Continue).unwrap_err();
    assert_eq!(error.code, Code::Option);
}

/// Trains to a checkpoint after so many steps, then goes on from there with another model.
fn interrupted(after: u64, run: &serde_json::Value) -> (Vec<Event>, Vec<f32>) {
    let tensors = data(70);
    let mut first = trainer(3, ADAM);
    let mut options_json = run.clone();
    options_json["checkpointSteps"] = json!(after);
    let mut saved = None;
    first
        .fit(&tensors, None, &options(options_json), &RUNNING, &mut |trainer, event| {
            let Event::Checkpoint { .. } = event else { return Control::Continue };
            let optimizer = trainer.optimizer().unwrap();
            let parameters = trainer.parameters();
            let weights: Vec<Vec<f32>> =
                (0..9).map(|index| parameters.get(index).unwrap().to_vec()).collect();
            let progress = trainer.progress().to_text().unwrap();
            saved = Some((weights, optimizer.step_count(), optimizer.state().unwrap(), progress));
            Control::Stop
        })
        .unwrap();
    let (weights_then, step, state, progress) = saved.expect("a checkpoint");
    assert_eq!(step, after);
    let mut second = trainer(3, ADAM);
    second.set_weights(&weights_then).unwrap();
    second.restore_optimizer(step, &state).unwrap();
    let mut options_json = run.clone();
    options_json["start"] = json!(progress);
    let events = fit(&mut second, &tensors, options_json);
    (events, weights(&second))
}

#[test]
fn training_goes_on_from_any_step() {
    let run = json!({ "epochs": 3, "batchSize": 16, "seed": 5, "validationSplit": 0.2 });
    let mut whole = trainer(3, ADAM);
    let expected = fit(&mut whole, &data(70), run.clone());
    let logs = |events: &[Event]| -> Vec<(usize, Vec<(String, f64)>)> {
        let ends = events.iter().filter_map(|event| match event {
            Event::EpochEnd { epoch, logs, .. } => Some((*epoch, logs.clone())),
            _ => None,
        });
        ends.collect()
    };
    // Four batches an epoch: inside of epochs, at the end of one, and after the last.
    for after in [1, 3, 4, 6, 11, 12] {
        let (events, last) = interrupted(after, &run);
        let rest: Vec<_> = logs(&expected).into_iter().skip((after as usize - 1) / 4).collect();
        assert_eq!(logs(&events), rest, "{after}");
        assert_eq!(last, weights(&whole), "{after}");
    }
    let mut other = trainer(3, ADAM);
    let wrong = options(json!({ "batchSize": 16, "start": r#"{"epoch":0,"batch":99,"sums":[]}"# }));
    let error = other.fit(&data(70), None, &wrong, &RUNNING, &mut |_, _| Control::Continue).unwrap_err();
    assert_eq!(error.code, Code::Format);
}

#[test]
fn a_schedule_decides_the_rate_of_every_step() {
    let adam = |rate: serde_json::Value| json!({ "kind": "adam", "learningRate": rate }).to_string();
    let schedule = json!({ "kind": "piecewiseConstantDecay", "boundaries": [1], "values": [0.01, 0.002] });
    let batch = data(16);
    let mut followed = trainer(3, &adam(schedule));
    let mut set = trainer(3, &adam(json!(0.01)));
    for step in 0..4 {
        let rate = if step <= 1 { 0.01 } else { 0.002 };
        assert_eq!(followed.optimizer().unwrap().learning_rate(), rate);
        set.optimizer_mut().unwrap().set_learning_rate(rate).unwrap();
        followed.train_on_batch(&batch, &RUNNING).unwrap();
        set.train_on_batch(&batch, &RUNNING).unwrap();
    }
    assert_eq!(weights(&followed), weights(&set));
    let error = followed.optimizer_mut().unwrap().set_learning_rate(0.1).unwrap_err();
    assert_eq!(error.code, Code::State);
}
