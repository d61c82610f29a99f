//! Recurrent networks on [`ndarray`]: describe, train, predict and stream.
//!
//! A [`Network`] is built of layers, or of any operation of the engine. A [`Model`] gives it weights, trains them
//! and predicts; arrays come in as views, batch first, and results are arrays. A [`Session`] reads sequences step
//! by step and gives what the whole sequence would.
//!
//! ```
//! use ndarray::{Array, s};
//! use seqloom::{FitOptions, Model, Network, Objective, Optimizer};
//!
//! # fn main() -> seqloom::Result<()> {
//! // Tells after every step of a wave what comes next.
//! let mut network = Network::new();
//! let wave = network.input("wave", &[None, Some(1)]);
//! let memory = network.lstm(wave, 8)?;
//! let next = network.dense(memory.steps, 1)?;
//! let mut model = Model::new(network, &[next], 1)?;
//! model.compile(&[Objective::mean_squared_error()], &Optimizer::adam(0.02))?;
//!
//! let data = Array::from_shape_fn((64, 21, 1), |(row, time, _)| (0.3 * (row + time) as f32).sin());
//! let (past, future) = (data.slice(s![.., ..20, ..]), data.slice(s![.., 1.., ..]));
//! let history = model.fit(past, future, &FitOptions { epochs: 3, ..FitOptions::default() })?;
//! assert!(history[2][0].1 < history[0][0].1);
//!
//! let predicted = &model.predict(past)?[0];
//! assert_eq!(predicted.shape(), [64, 20, 1]);
//!
//! let mut session = model.session(64)?;
//! let first = &session.step(past.slice(s![.., 0, ..]))?[0];
//! assert!((first - &predicted.slice(s![.., 0, ..])).iter().all(|difference| difference.abs() < 1e-6));
//! # Ok(())
//! # }
//! ```
//!
//! `cargo run --release --example forecast -p seqloom` shows more. Whatever is wrong with a shape, an option or
//! data is an [`Error`] with a [`Code`] and a sentence that says where and what would be right; nothing here panics
//! over it. Results depend on shapes and seeds, never on the number of threads.
#![forbid(unsafe_code)]

mod data;
mod layers;
mod model;
mod network;
mod objective;
mod session;

pub use data::{Input, Inputs};
pub use layers::{Cell, Direction, Recurrent};
pub use model::Model;
pub use network::{Network, Value, Weight};
pub use objective::{Objective, Optimizer};
pub use seqloom_graph as engine;
pub use seqloom_graph::train::{Control, Event, FitOptions, Logs};
pub use seqloom_graph::values::InitializerKind;
pub use seqloom_graph::{Code, Error, Result};
pub use serde_json::json;
pub use session::Session;
