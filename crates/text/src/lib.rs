//! Tokenizers and vocabularies: text to token ids and back.
//!
//! A [`Tokenizer`] is trained here on characters or words ([`Tokenizer::train`]) or read from any Hugging Face
//! `tokenizer.json` ([`Tokenizer::from_json`]); both are written back in that format. Ids are ragged: the concatenated
//! ids of all texts, and the length of each text.
#![forbid(unsafe_code)]

mod cut;
mod encode;
mod error;
mod expressions;
mod ids;
mod parallel;
mod pipeline;
mod room;
mod stop;
mod subword;
mod tokenizer;
mod train;
mod words;

pub use encode::{EncodeOptions, Encoded};
pub use error::{Code, Error};
pub use room::Room;
pub use stop::Stop;
pub use tokenizer::{PADDING_TOKEN, Tokenizer, UNKNOWN_TOKEN};
pub use train::{TrainOptions, Unit};
