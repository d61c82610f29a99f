//! The Node.js addon: conversion, threads and errors. It holds no mathematics.
//!
//! Every exported function reads its arguments by hand and returns coded errors; none lets a panic out. Long work runs
//! on threads of its own and settles promises; tearing down an environment cancels its work and waits for it.

mod access;
mod argument;
mod array;
pub mod backend;
pub mod cancel;
pub mod compute;
pub mod ctc;
mod descriptor;
pub mod error;
mod feed;
mod file_reader;
mod fit;
pub mod generator;
mod heap;
pub mod histogram;
mod holder;
mod job;
pub mod lock;
pub mod model;
pub mod mpi;
pub mod new_state;
mod new_weights;
pub mod safetensors;
pub mod saved;
pub mod search;
mod session;
mod staged;
pub mod tensor;
mod thread;
pub mod tokenizer;
pub mod transducer;
mod whole_file;
