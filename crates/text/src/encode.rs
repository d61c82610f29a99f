use std::ops::Range;

use crate::error::{Code, Error};
use crate::parallel::map_blocks;
use crate::pipeline::{encode, keeps_end, signed};
use crate::room::{Held, Room};
use crate::stop::Stop;
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
    /// Where memory is asked for; by default of the allocator.
    pub room: Room,
    /// Ends the work early.
    pub stop: Stop,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            special_tokens: true,
            fill_empty: false,
            threads: 0,
            room: Room::default(),
            stop: Stop::default(),
        }
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

/// What a piece of work takes beside its text and its ids.
const BYTES_A_PIECE: usize = 128;

/// How long texts are cut for threads, and how often work looks whether to stop, in bytes.
const PART: usize = 1 << 14;

/// A part of a text, or all of it if it is short.
struct Work<'a> {
    text: usize,
    part: &'a str,
}

impl Tokenizer {
    /// Encodes many texts at once, in parallel. The result does not depend on the number of threads.
    ///
    /// # Errors
    /// `ERR_DATA` naming the first text that the tokenizer cannot encode, `ERR_MEMORY` if memory does not suffice.
    pub fn encode_batch<S: AsRef<str> + Sync>(
        &self,
        texts: &[S],
        options: &EncodeOptions,
    ) -> Result<Encoded, Error> {
        let max_length = self.max_length();
        let room = max_length.map(|most| self.pipeline.room(most, options.special_tokens));
        // A text that is truncated is read from its beginning, no further than needed.
        let whole = max_length.is_some();
        let pieces: usize = texts.iter().map(|text| text.as_ref().len() / PART + 1).sum();
        options.room.for_bytes(pieces * BYTES_A_PIECE, || format!("{} texts", texts.len()))?;
        let mut work = Vec::with_capacity(pieces);
        for (text, content) in texts.iter().enumerate() {
            let content = content.as_ref();
            let parts = if whole { vec![content] } else { self.pipeline.cut.parts(content, PART) };
            work.extend(parts.into_iter().map(|part| Work { text, part }));
        }
        let blocks = blocks(&work);
        let held = Held::of(options.room);
        let encoded = map_blocks(&blocks, 1, options.threads, |_, block| {
            let mut ids = Vec::new();
            let mut counts = Vec::new();
            for work in block.iter().flat_map(|range| &work[range.clone()]) {
                let before = ids.len();
                self.encode_part(work, room, options, &held, &mut ids)?;
                counts.push(ids.len() - before);
            }
            Ok((ids, counts))
        })?;
        let total: usize = encoded.iter().map(|(ids, _)| ids.len()).sum();
        let mut all = Encoded::default();
        let failed = |_| Error::new(Code::Memory, format!("encoding: no memory for {total} ids"));
        all.ids.try_reserve(total).map_err(failed)?;
        all.lengths.try_reserve_exact(texts.len()).map_err(failed)?;
        let mut runs = encoded.iter().flat_map(|(ids, counts)| {
            counts.iter().scan(0, move |end, count| {
                *end += count;
                Some(&ids[*end - count..*end])
            })
        });
        let mut next = work.iter().peekable();
        for text in 0..texts.len() {
            let own: Vec<&[i32]> = std::iter::from_fn(|| next.next_if(|each| each.text == text))
                .zip(&mut runs)
                .map(|(_, run)| run)
                .collect();
            self.finish(text, &own, options, &mut all)?;
        }
        Ok(all)
    }

    /// The ids of a part of a text.
    fn encode_part(
        &self,
        work: &Work<'_>,
        room: Option<usize>,
        options: &EncodeOptions,
        held: &Held,
        ids: &mut Vec<i32>,
    ) -> Result<(), Error> {
        let start = ids.len();
        let at_end = keeps_end(&self.inner);
        for part in self.pipeline.cut.parts(work.part, PART) {
            let left = room.filter(|_| !at_end).map(|room| room - (ids.len() - start).min(room));
            if left == Some(0) {
                break;
            }
            let more = held.during(work.text, part, || {
                encode(&self.inner, part, left, &options.stop).map_err(|error| match error.code {
                    Code::Aborted => error,
                    code => Error::new(code, format!("text {}: {}", work.text, error.message)),
                })
            })?;
            // They are put together with the others in the end.
            held.keep(more.len() * size_of::<i32>());
            let count = ids.len() + more.len();
            ids.try_reserve(more.len()).map_err(|_| {
                Error::new(Code::Memory, format!("text {}: no memory for {count} ids", work.text))
            })?;
            ids.extend(more);
        }
        if let Some(room) = room.filter(|_| at_end) {
            ids.drain(start..start + (ids.len() - start).saturating_sub(room));
        }
        Ok(())
    }

    fn finish(
        &self,
        text: usize,
        runs: &[&[i32]],
        options: &EncodeOptions,
        all: &mut Encoded,
    ) -> Result<(), Error> {
        let before = all.ids.len();
        self.pipeline.frame(runs, options.special_tokens, self.max_length(), &mut all.ids);
        if options.fill_empty && all.ids.len() == before {
            all.ids.push(signed(self.unknown_id().or(self.padding_id()).unwrap_or(0))?);
        }
        let length = u32::try_from(all.ids.len() - before)
            .map_err(|_| Error::new(Code::Data, format!("text {text} is too long")))?;
        all.lengths.push(length);
        Ok(())
    }
}

/// Work in blocks: small enough to balance long and short texts, large enough that taking one costs nothing.
fn blocks(work: &[Work<'_>]) -> Vec<Range<usize>> {
    const MOST: usize = 32;
    let mut blocks = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, each) in work.iter().enumerate() {
        bytes += each.part.len();
        if at + 1 - start == MOST || bytes >= PART {
            blocks.push(start..at + 1);
            (start, bytes) = (at + 1, 0);
        }
    }
    if start < work.len() {
        blocks.push(start..work.len());
    }
    blocks
}
