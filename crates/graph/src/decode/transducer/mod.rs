//! What an RNN transducer writes: the most probable symbol of each place, or a beam search that goes through the steps
//! one after another (time-synchronous decoding of Saon, Tüske and Audhkhasi 2020), with a bound on the symbols of a step.

mod network;
mod options;
mod row;

use super::ctc::{Transcript, check_scores};
use super::session::Session;
use crate::error::{Error, Result};
use crate::parallel::each_rows;
use network::Network;
pub use network::TransducerJoint;
pub use options::TransducerOptions;
use row::Row;
use seqloom_kernels::pool;

/// A search that takes steps of an encoder as they come, and can stop before every symbol to ask for the scores of what
/// may come next.
#[derive(Debug)]
pub struct TransducerSearch {
    options: TransducerOptions,
    network: Network,
    rows: Vec<Row>,
    /// The logits of a level.
    logits: Vec<f32>,
    statistics: Vec<[f32; 2]>,
}

impl TransducerSearch {
    /// A search for `rows` rows. The predictor's session reads one symbol at a time and gives its values, as many as the
    /// kernel has rows; it is used from its beginning.
    ///
    /// # Errors
    /// `ERR_OPTION` if the blank is no symbol; `ERR_SHAPE` for contradictory sizes; `ERR_MEMORY`.
    pub fn new(
        options: TransducerOptions,
        predictor: Session,
        joint: TransducerJoint,
        rows: usize,
    ) -> Result<Self> {
        let network = Network::new(predictor, joint, &options)?;
        crate::memory::room_for(rows.saturating_mul(size_of::<Row>()), "The rows of the search")?;
        let rows = (0..rows).map(|_| Row::new(&options, network.width())).collect();
        Ok(Self { options, network, rows, logits: Vec::new(), statistics: Vec::new() })
    }

    /// Takes further steps of the encoder's values, `[rows, time, width]`, of which the first ones of each row count.
    ///
    /// # Errors
    /// `ERR_SHAPE` for contradictory sizes; `ERR_NUMERIC` for values that are not finite; `ERR_MEMORY`.
    pub fn feed(&mut self, encoded: &[f32], shape: [usize; 3], lengths: &[u32]) -> Result<()> {
        let [batch, time, width] = shape;
        let size = time.checked_mul(width);
        let fits = batch == self.rows.len()
            && width == self.network.width()
            && lengths.len() == batch
            && lengths.iter().all(|&length| length as usize <= time)
            && size.and_then(|size| size.checked_mul(batch)) == Some(encoded.len());
        if !fits {
            return Err(Error::shape(format!(
                "transducerDecode: the encoder's values do not have shape [{}, time, {}] with these lengths; got {shape:?}",
                self.rows.len(),
                self.network.width()
            )));
        }
        for (index, (row, &length)) in self.rows.iter_mut().zip(lengths).enumerate() {
            let given = &encoded[index * time * width..][..length as usize * width];
            if given.iter().any(|x| !x.is_finite()) {
                return Err(Error::numeric(format!(
                    "transducerDecode: a value of the encoder for row {index} is not finite"
                )));
            }
            row.feed(given)?;
        }
        Ok(())
    }

    /// Whether the given steps are all done.
    pub fn is_done(&self) -> bool {
        self.rows.iter().all(Row::is_done)
    }

    /// The prefixes whose followers' scores [`Self::step`] needs, row after row.
    pub fn missing(&self) -> Vec<Vec<i32>> {
        self.wanted().into_iter().map(|(row, node)| self.rows[row].prefix(node)).collect()
    }

    fn wanted(&self) -> Vec<(usize, usize)> {
        let rows = self.rows.iter().enumerate().filter(|_| self.options.scored);
        rows.flat_map(|(index, row)| row.unscored(&self.options).map(move |node| (index, node))).collect()
    }

    /// Lets every row that is not done write a symbol or go on to its next step, with the scores of each symbol after
    /// each of [`Self::missing`].
    ///
    /// # Errors
    /// `ERR_DATA` for another number of scores, or NaN; `ERR_NUMERIC`; `ERR_MEMORY`.
    pub fn step(&mut self, scores: &[f32]) -> Result<()> {
        let (wanted, symbols) = (self.wanted(), self.network.symbols());
        check_scores("transducerDecode", wanted.len(), symbols, scores)?;
        for ((row, node), scores) in wanted.into_iter().zip(scores.chunks_exact(symbols)) {
            self.rows[row].score(node, scores);
        }
        let Self { options, network, rows, logits, statistics } = self;
        rows.iter_mut().for_each(Row::begin);
        network.predict(rows)?;
        network.join(rows, logits, statistics)?;
        let (mut all, mut norms) = (logits.as_slice(), statistics.as_slice());
        let mut parts = Vec::with_capacity(rows.len());
        for row in rows.iter_mut() {
            let (own, rest) = all.split_at(row.going.len() * symbols);
            let (norm, others) = norms.split_at(row.going.len());
            (all, norms) = (rest, others);
            parts.push((row, own, norm));
        }
        let work = logits.len();
        each_rows(&mut parts, 1, work, |_, some| {
            for (row, logits, norms) in some {
                row.advance(options, logits, norms);
            }
        });
        Ok(())
    }

    /// Goes through all given steps that are left, without scores to ask for, unless the work is cancelled.
    ///
    /// # Errors
    /// `ERR_STATE` if there are scores to ask for; `ERR_NUMERIC`; `ERR_MEMORY`.
    pub fn run(&mut self) -> Result<()> {
        while !self.is_done() && !pool::cancelled() {
            if self.options.scored {
                return Err(Error::state("transducerDecode: the search needs scores"));
            }
            self.step(&[])?;
        }
        Ok(())
    }

    /// The transcripts of each row, the best one first, after [`Self::run`]; without what [`Self::settle`] gave.
    ///
    /// # Errors
    /// See there.
    pub fn transcripts(&mut self) -> Result<Vec<Vec<Transcript>>> {
        self.run()?;
        Ok(self.rows.iter().map(|row| row.transcripts(&self.options)).collect())
    }

    /// What is final of what has been written since the last call, row by row, after [`Self::run`]: what all prefixes in
    /// the beam have in common. It is forgotten then. Scores are those of the best prefixes as a whole.
    ///
    /// # Errors
    /// See there.
    pub fn settle(&mut self) -> Result<Vec<Vec<Transcript>>> {
        self.run()?;
        Ok(self.rows.iter_mut().map(|row| vec![row.settle(&self.options)]).collect())
    }
}
