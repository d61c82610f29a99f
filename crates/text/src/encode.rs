use crate::error::{Code, Error};
use crate::parallel::map_blocks;
use crate::tokenizer::Tokenizer;

/// How [`Tokenizer::encode_batch`] encodes.
#[derive(Clone, Debug)]
pub struct EncodeOptions {
    /// Whether the special tokens of the tokenizer's post-processor, such as `[CLS]`, are added. Default true.
    pub special_tokens: bool,
    /// Whether a text without a single token becomes one unknown token (else padding, else id 0), since no model
    /// takes a sequence of length 0. Default false.
    pub fill_empty: bool,
    /// The most threads to use; 0 (default) for as many as the process may run at once.
    pub threads: usize,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self { special_tokens: true, fill_empty: false, threads: 0 }
    }
}

/// Ids of many texts, ragged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The ids of all texts, one after the other.
    pub ids: Vec<i32>,
    /// The number of ids of each text; their sum is `ids.len()`.
    pub lengths: Vec<u32>,
}

impl Tokenizer {
    /// Encodes many texts at once, in parallel. The result does not depend on the number of threads.
    ///
    /// # Errors
    /// `ERR_DATA` naming the first text that the tokenizer cannot encode.
    pub fn encode_batch<S: AsRef<str> + Sync>(
        &self,
        texts: &[S],
        options: &EncodeOptions,
    ) -> Result<Encoded, Error> {
        // Small enough to balance long and short texts, large enough that taking a block costs nothing.
        const BLOCK: usize = 32;
        let filler = self.unknown_id().or(self.padding_id()).unwrap_or(0);
        let blocks = map_blocks(texts, BLOCK, options.threads, |start, block| {
            let mut encoded = Encoded::default();
            for (offset, text) in block.iter().enumerate() {
                let encoding = self
                    .inner
                    .encode_fast(text.as_ref(), options.special_tokens)
                    .map_err(|error| Error::new(Code::Data, format!("text {}: {error}", start + offset)))?;
                let before = encoded.ids.len();
                for &id in encoding.get_ids() {
                    encoded.ids.push(signed(id)?);
                }
                if options.fill_empty && encoded.ids.len() == before {
                    encoded.ids.push(signed(filler)?);
                }
                let length = u32::try_from(encoded.ids.len() - before)
                    .map_err(|_| Error::new(Code::Data, format!("text {} is too long", start + offset)))?;
                encoded.lengths.push(length);
            }
            Ok(encoded)
        })?;
        let mut all = Encoded::default();
        all.ids.reserve_exact(blocks.iter().map(|block| block.ids.len()).sum());
        all.lengths.reserve_exact(texts.len());
        for block in blocks {
            all.ids.extend_from_slice(&block.ids);
            all.lengths.extend_from_slice(&block.lengths);
        }
        Ok(all)
    }
}

fn signed(id: u32) -> Result<i32, Error> {
    i32::try_from(id)
        .map_err(|_| Error::new(Code::Data, format!("id {id} is above the largest id, 2147483647")))
}
