//! What a Rust program does with the crate: arrays in, arrays and errors out.

use ndarray::{Array, Array1, Array2, Array3, ArrayD, Axis, array, s};
use seqloom::{
    Cell, Code, Control, Direction, Event, FitOptions, InitializerKind, Input, Model, Network, Objective,
    Optimizer, Result, Value, json,
};

fn options(epochs: usize) -> FitOptions {
    FitOptions { epochs, ..FitOptions::default() }
}

/// Steps of a wave to the next one, with a GRU.
fn forecaster(seed: u64) -> Result<Model> {
    let mut network = Network::new();
    let x = network.input("x", &[None, Some(2)]);
    let memory = network.gru(x, 6)?;
    let y = network.dense(memory.steps, 1)?;
    let mut model = Model::new(network, &[y], seed)?;
    model.compile(&[Objective::mean_squared_error()], &Optimizer::adam(0.01))?;
    Ok(model)
}

fn waves(rows: usize, steps: usize, features: usize) -> Array3<f32> {
    Array::from_shape_fn((rows, steps, features), |(row, step, feature)| {
        (0.4 * (row * 3 + step) as f32 + feature as f32).sin()
    })
}

/// Which of three letters a sequence of tokens begins with; rows have lengths.
fn first_letters(rows: usize) -> (Array2<i32>, Vec<u32>, Array1<i32>) {
    let tokens =
        Array::from_shape_fn((rows, 7), |(row, step)| ((row * row + 5 * step * (row + 1)) % 3) as i32);
    let lengths = (0..rows).map(|row| 1 + (row % 7) as u32).collect();
    let labels = tokens.column(0).to_owned();
    (tokens, lengths, labels)
}

fn classifier() -> Result<Model> {
    let mut network = Network::new();
    let tokens = network.tokens("tokens", &[None]);
    let vectors = network.embedding(tokens, 4, 5)?;
    let vectors = network.dropout(vectors, 0.1)?;
    let forward = network.lstm(vectors, 8)?;
    let backward = network.recurrent(Cell::Lstm, Direction::Backward, vectors, 8)?;
    let both = network.concatenate(&[forward.last, backward.last])?;
    let scores = network.dense(both, 3)?;
    let probabilities = network.activation(scores, "softmax")?;
    let mut model = Model::new(network, &[probabilities], 3)?;
    model.compile(&[Objective::classification()], &Optimizer::adam(0.02).with("globalClipNorm", 1))?;
    Ok(model)
}

fn close(a: &ArrayD<f32>, b: &ArrayD<f32>) {
    assert_eq!(a.shape(), b.shape());
    assert!((a - b).iter().all(|difference| difference.abs() < 1e-6), "{a} {b}");
}

#[test]
fn sequences_with_lengths_are_classified() {
    let mut model = classifier().unwrap();
    let (tokens, lengths, labels) = first_letters(63);
    let data = || Input::from(&tokens).lengths(lengths.clone());
    let mut batches = 0;
    let history = model
        .fit_with(data(), &labels, &options(30), |event| {
            batches += usize::from(matches!(event, Event::BatchEnd { .. }));
            Control::Continue
        })
        .unwrap();
    assert_eq!((history.len(), batches), (30, 60));
    let scores = model.evaluate(data(), &labels).unwrap();
    assert_eq!(
        scores.iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
        ["loss", "sparseCategoricalAccuracy"]
    );
    assert!(scores[0].1 < 0.2 && scores[1].1 > 0.95, "{scores:?}");

    let probabilities = model.predict(data()).unwrap().remove(0);
    assert_eq!(probabilities.shape(), [63, 3]);
    assert!(probabilities.sum_axis(Axis(1)).iter().all(|sum| (sum - 1.0).abs() < 1e-5));
    // Padding does not matter, whether lengths or a mask say what it is.
    let mut other = tokens.clone();
    for (mut row, &length) in other.rows_mut().into_iter().zip(&lengths) {
        row.slice_mut(s![length as usize..]).fill(3);
    }
    let mask = Array::from_shape_fn((63, 7), |(row, step)| step < lengths[row] as usize);
    close(&model.predict(Input::from(&other).mask(mask.view())).unwrap()[0], &probabilities);
}

#[test]
fn sessions_give_what_predictions_give() {
    let mut model = forecaster(1).unwrap();
    let data = waves(4, 9, 2);
    let whole = model.predict(&data).unwrap().remove(0);
    let mut session = model.session(4).unwrap();
    for step in 0..9 {
        if step == 5 {
            session = session.duplicate().unwrap();
        }
        let outputs = session.step(data.slice(s![.., step, ..])).unwrap();
        close(&outputs[0].to_owned(), &whole.slice(s![.., step, ..]).to_owned().into_dyn());
    }
    session.reset();
    let again = session.step(data.slice(s![.., 0, ..])).unwrap()[0].to_owned();
    close(&again, &whole.slice(s![.., 0, ..]).to_owned().into_dyn());
}

#[test]
fn views_may_have_any_strides() {
    let mut model = forecaster(1).unwrap();
    let data = waves(6, 8, 2);
    let expected = model.predict(&data).unwrap().remove(0);
    let turned = data.view().permuted_axes([2, 1, 0]).as_standard_layout().into_owned();
    close(&model.predict(turned.view().permuted_axes([2, 1, 0])).unwrap()[0], &expected);
    let backwards = data.slice(s![..;-1, .., ..]).to_owned();
    close(&model.predict(backwards.slice(s![..;-1, .., ..])).unwrap()[0], &expected);
}

#[test]
fn a_seed_and_weights_determine_results() {
    let data = waves(40, 8, 2);
    let targets = data.slice(s![.., .., ..1]);
    let train = |seed| {
        let mut model = forecaster(seed).unwrap();
        let history = model.fit(&data, targets, &options(2)).unwrap();
        (model, history)
    };
    let ((mut first, history), (second, again), (mut third, other)) = (train(5), train(5), train(6));
    assert_eq!(history, again);
    assert_ne!(history, other);
    assert!(history[1][0].1 < history[0][0].1);
    let names: Vec<&str> = second.weights().map(|(name, _)| name).collect();
    assert_eq!(names, ["gru/kernel", "gru/recurrent_kernel", "gru/bias", "dense/kernel", "dense/bias"]);
    third.set_weights(&second.weights().map(|(_, weight)| weight).collect::<Vec<_>>()).unwrap();
    assert_eq!(first.predict(&data).unwrap(), third.predict(&data).unwrap());
}

/// A sequence and a vector that shifts all of its steps, to a sequence and to its last state.
fn shifted() -> Result<(Model, Value)> {
    let mut network = Network::new();
    let x = network.input("x", &[None, Some(2)]);
    let shift = network.input("shift", &[Some(3)]);
    let memory = network.simple_rnn(x, 3)?;
    let bias = network.weight("scale", &[3], InitializerKind::Ones {});
    let scale = network.node("parameter", &[], &[bias], 1, json!({}))?[0];
    let scaled = network.elementwise("multiply", &[shift, scale])?;
    let row = network.node("reshape", &[scaled], &[], 1, json!({ "shape": [1, 3] }))?[0];
    let steps = network.elementwise("add", &[memory.steps, row])?;
    let mut model = Model::new(network, &[steps, memory.last], 2)?;
    let second = Objective::new("huber").with("delta", 0.5).weight(0.5).metric("meanAbsoluteError");
    model.compile(&[Objective::mean_squared_error(), second], &Optimizer::sgd(0.1))?;
    Ok((model, x))
}

#[test]
fn several_inputs_and_outputs() {
    let (mut model, x) = shifted().unwrap();
    let (data, shift) = (waves(5, 4, 2), array![[0.1_f32, 0.2, 0.3]].broadcast((5, 3)).unwrap().to_owned());
    let inputs = || [Input::from(&data), Input::from(&shift)];
    let outputs = model.predict(inputs()).unwrap();
    assert_eq!(outputs.iter().map(ArrayD::shape).collect::<Vec<_>>(), [&[5, 4, 3][..], &[5, 3]]);
    let targets = (Array3::<f32>::zeros((5, 4, 3)), Array2::<f32>::zeros((5, 3)));
    let targets = || [Input::from(&targets.0), Input::from(&targets.1)];
    let history = model.fit(inputs(), targets(), &options(3)).unwrap();
    assert_eq!(
        history[0].iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
        ["loss", "1/meanAbsoluteError"]
    );
    assert!(history[2][0].1 < history[0][0].1);

    let outputs = model.predict(inputs()).unwrap();
    let mut session = model.session_over(x, 5, &shift).unwrap();
    for step in 0..4 {
        let got = session.step(data.slice(s![.., step, ..])).unwrap();
        close(&got[0].to_owned(), &outputs[0].slice(s![.., step, ..]).to_owned().into_dyn());
    }
}

/// The code of what went wrong.
fn code<V>(result: Result<V>) -> Option<Code> {
    result.err().map(|error| error.code)
}

#[test]
fn networks_refuse_what_does_not_fit_and_stay_as_they_were() {
    let mut network = Network::new();
    let tokens = network.tokens("tokens", &[None]);
    let x = network.input("x", &[None, Some(3)]);
    let unknown = network.input("unknown", &[None, None]);
    assert_eq!(code(network.dense(unknown, 2)), Some(Code::Shape));
    assert_eq!(code(network.lstm(tokens, 2)), Some(Code::Shape));
    assert_eq!(code(network.activation(x, "tahn")), Some(Code::Unsupported));
    assert_eq!(code(network.dropout(x, 1.5)), Some(Code::Option));
    assert_eq!(code(network.node("dnese", &[x], &[], 1, json!({}))), Some(Code::Unsupported));
    assert_eq!(code(network.node("reshape", &[x], &[], 1, json!([3]))), Some(Code::Format));
    assert_eq!(code(network.node("lastStep", &[x], &[], usize::MAX, json!({}))), Some(Code::Option));
    assert!(network.gru(x, 0).is_err() && network.lstm(x, usize::MAX).is_err());
    assert!(network.embedding(x, 3, 2).is_err() && network.concatenate(&[]).is_err());
    let other = Network::new().input("far", &[Some(1)]);
    assert!(network.elementwise("add", &[x, tokens]).is_err());
    let y = network.dense(x, 2).unwrap();
    assert_eq!(network.shape(y).unwrap(), [None, None, Some(2)]);
    assert_eq!(Network::new().shape(other).map_err(|error| error.code), Err(Code::Format));
    let model = Model::new(network, &[y], 1).unwrap();
    let names: Vec<&str> = model.weights().map(|(name, _)| name).collect();
    assert_eq!(names, ["dense/kernel", "dense/bias"]);
}

#[test]
fn models_refuse_what_does_not_fit() {
    let mut model = forecaster(1).unwrap();
    let data = waves(6, 8, 2);
    let targets = data.slice(s![.., .., ..1]);
    assert_eq!(code(model.predict(data.slice(s![.., 0, ..]))), Some(Code::Shape));
    assert_eq!(code(model.predict(waves(6, 8, 3).view())), Some(Code::Shape));
    assert_eq!(code(model.predict(&Array3::<i32>::zeros((2, 3, 2)))), Some(Code::Data));
    assert_eq!(code(model.predict(&Array3::<f32>::zeros((0, 3, 2)))), Some(Code::Data));
    assert_eq!(code(model.predict([])), Some(Code::Data));
    assert_eq!(code(model.predict(Input::from(&data).lengths([1]))), Some(Code::Shape));
    assert!(model.predict(ndarray::arr0(1.0_f32).view()).is_err());
    let mut broken = data.clone();
    broken[[1, 2, 0]] = f32::NAN;
    assert_eq!(code(model.predict(&broken)), Some(Code::Data));

    assert_eq!(code(model.fit(&data, data.slice(s![..3, .., ..1]), &options(1))), Some(Code::Data));
    assert_eq!(code(model.fit(&data, &data, &options(1))), Some(Code::Shape));
    for wrong in [
        FitOptions { batch_size: 0, ..options(1) },
        FitOptions { validation_split: 1.5, ..options(1) },
        FitOptions { validation_split: f64::NAN, ..options(1) },
        FitOptions { validation_split: -1.0, ..options(1) },
    ] {
        assert_eq!(code(model.fit(&data, targets, &wrong)), Some(Code::Option), "{wrong:?}");
    }
    assert_eq!(code(model.compile(&[], &Optimizer::adam(0.1))), Some(Code::Option));
    for optimizer in [Optimizer::new("adma"), Optimizer::adam(0.1).with("beta", 1), Optimizer::adam(-1.0)] {
        assert_eq!(code(model.compile(&[Objective::mean_squared_error()], &optimizer)), Some(Code::Option));
    }
    assert!(model.compile(&[Objective::new("mse")], &Optimizer::adam(0.1)).is_err());
    // What was compiled before then stays.
    model.fit(&data, targets, &options(1)).unwrap();
    let zero = ArrayD::<f32>::zeros(vec![2]);
    assert_eq!(code(model.set_weights(&[zero.view()])), Some(Code::Shape));

    let mut session = model.session(2).unwrap();
    assert_eq!(code(session.step(Array2::<f32>::zeros((3, 2)).view())), Some(Code::Shape));
    assert_eq!(code(session.step(Array2::<f32>::zeros((2, 3)).view())), Some(Code::Shape));
    assert_eq!(code(session.step_tokens(Array2::<i32>::zeros((2, 2)).view())), Some(Code::Data));
    assert_eq!(code(model.session(0)), Some(Code::Option));
    assert_eq!(code(classifier().unwrap().session(1)), Some(Code::Unsupported));
}

#[test]
fn training_needs_compiling() {
    let mut network = Network::new();
    let x = network.input("x", &[Some(2)]);
    let y = network.dense(x, 1).unwrap();
    let mut model = Model::new(network, &[y], 1).unwrap();
    let data = Array2::<f32>::zeros((3, 2));
    assert_eq!(code(model.fit(&data, &data, &options(1))), Some(Code::State));
    assert_eq!(code(model.evaluate(&data, &data)), Some(Code::State));
    assert_eq!(model.predict(&data).unwrap()[0].shape(), [3, 1]);
}
