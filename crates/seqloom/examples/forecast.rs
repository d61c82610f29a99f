//! Learns two waves, forecasts what it has not seen, and goes on by itself:
//! `cargo run --release --example forecast -p seqloom`.
#![allow(clippy::print_stdout, reason = "a program that prints what it does")]

use ndarray::{Array, Array3, Axis, concatenate, s};
use seqloom::{Control, Event, FitOptions, Model, Network, Objective, Optimizer, Result};

/// `[rows, steps, 1]`: a slow and a fast wave, each row from another phase on.
fn waves(rows: usize, steps: usize, phase: f32) -> Array3<f32> {
    Array::from_shape_fn((rows, steps, 1), |(row, step, _)| {
        let time = 1.7 * row as f32 + step as f32 + phase;
        0.6 * (0.2 * time).sin() + 0.4 * (0.63 * time).sin()
    })
}

fn main() -> Result<()> {
    // From each step's value to the next one.
    let mut network = Network::new();
    let wave = network.input("wave", &[None, Some(1)]);
    let memory = network.lstm(wave, 24)?;
    let next = network.dense(memory.steps, 1)?;
    let mut model = Model::new(network, &[next], 7)?;
    let weights: usize = model.weights().map(|(_, weight)| weight.len()).sum();
    println!("a model of {weights} weights");

    let objective = Objective::mean_squared_error().metric("meanAbsoluteError");
    model.compile(&[objective], &Optimizer::adam(0.01).with("globalClipNorm", 1.0))?;
    let data = waves(256, 61, 0.0);
    let options = FitOptions { epochs: 30, validation_split: 0.2, ..FitOptions::default() };
    model.fit_with(data.slice(s![.., ..60, ..]), data.slice(s![.., 1.., ..]), &options, |event| {
        if let Event::EpochEnd { epoch, logs, .. } = event
            && (epoch + 1) % 10 == 0
        {
            let logs: Vec<String> = logs.iter().map(|(name, value)| format!("{name} {value:.5}")).collect();
            println!("epoch {:2}: {}", epoch + 1, logs.join(", "));
        }
        Control::Continue
    })?;

    // Rows that begin elsewhere.
    let unseen = waves(8, 61, 1000.3);
    let scores = model.evaluate(unseen.slice(s![.., ..60, ..]), unseen.slice(s![.., 1.., ..]))?;
    println!("unseen: {scores:.5?}");
    let predicted = model.predict(unseen.slice(s![.., ..60, ..]))?.remove(0);

    // The same, step by step; then it reads what it has written itself.
    let mut session = model.session(8)?;
    let mut value = unseen.slice(s![.., 0, ..]).to_owned();
    let mut streamed = Vec::new();
    for step in 0..60 {
        let read = unseen.slice(s![.., step, ..]);
        value.assign(&session.step(read)?[0]);
        streamed.push(value.clone().insert_axis(Axis(1)));
    }
    let views: Vec<_> = streamed.iter().map(|step| step.view()).collect();
    let difference = concatenate(Axis(1), &views).map(|streamed| {
        (&predicted - &streamed.into_dyn()).iter().fold(0.0_f32, |worst, x| worst.max(x.abs()))
    });
    println!("streaming differs from predicting by at most {:.1e}", difference.unwrap_or(f32::NAN));

    let mut line = value.row(0).to_owned();
    for _ in 0..12 {
        value = session.step(value.view())?[0].to_owned().into_dimensionality().unwrap_or(value);
        line = concatenate![Axis(0), line, value.row(0)];
    }
    let actual = waves(8, 74, 1000.3);
    println!("it goes on with   {:6.2}", line);
    println!("the wave would be {:6.2}", actual.slice(s![0, 60..73, 0]));
    Ok(())
}
