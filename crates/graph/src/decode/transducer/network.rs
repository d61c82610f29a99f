//! The predictor and the joint network of a search, for many prefixes at once.

use super::super::session::Session;
use super::options::TransducerOptions;
use super::row::Row;
use crate::error::{Error, Result};
use crate::memory;
use crate::ops::activation::elementwise;
use crate::tensor::BatchData;
use seqloom_kernels::{Activation, Matrix, MatrixMut, Precision, Scalar};

/// The weights of the joint network: logits = activation(encoder + predictor)·kernel + bias.
#[derive(Debug, Clone)]
pub struct TransducerJoint {
    /// `[width, symbols]`
    pub kernel: Vec<f32>,
    /// `[symbols]`
    pub bias: Vec<f32>,
}

/// What gives the logits of places.
pub(super) struct Network {
    predictor: Session,
    /// The predictor's states at the beginning.
    first: Vec<Vec<f32>>,
    kernel: <f32 as Scalar>::PackedMatrix,
    bias: Vec<f32>,
    activation: Activation,
    width: usize,
    sums: Vec<f32>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("width", &self.width).finish_non_exhaustive()
    }
}

impl Network {
    pub(super) fn new(
        mut predictor: Session,
        TransducerJoint { kernel, bias }: TransducerJoint,
        options: &TransducerOptions,
    ) -> Result<Self> {
        predictor.select(&[0])?;
        predictor.reset();
        let shapes = predictor.output_shapes()?;
        let &[_, width] = shapes.first().map_or(&[][..], Vec::as_slice) else {
            return Err(Error::shape(
                "transducerDecode: the predictor must have one output, [batch, labels, width]",
            ));
        };
        let symbols = bias.len();
        if symbols == 0 || width.checked_mul(symbols) != Some(kernel.len()) {
            return Err(Error::shape(format!(
                "transducerDecode: the predictor gives {width} values, but the kernel has {} for {symbols} symbols",
                kernel.len()
            )));
        }
        if options.blank >= symbols {
            let blank = options.blank;
            return Err(Error::option(format!(
                "transducerDecode: blank is {blank}, but there are {symbols} symbols: it must be 0 to {}",
                symbols - 1
            )));
        }
        let mut packed = None;
        f32::pack_matrix(Matrix::new(&kernel, width, symbols), Precision::Float32, &mut packed)
            .map_err(|error| Error::memory(format!("transducerDecode: {error}")))?;
        let packed = packed.ok_or_else(|| Error::native("A matrix was not packed"))?;
        Ok(Self {
            first: predictor.states().to_vec(),
            predictor,
            kernel: packed,
            bias,
            activation: elementwise(&options.activation)?,
            width,
            sums: Vec::new(),
        })
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn symbols(&self) -> usize {
        self.bias.len()
    }

    /// Lets the predictor read what it has not read of the prefixes that are going.
    pub(super) fn predict(&mut self, rows: &mut [Row]) -> Result<()> {
        let mut new: Vec<(usize, usize)> = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let nodes = row.going.iter().map(|path| path.node);
            new.extend(nodes.filter(|&node| row.nodes[node].said.is_empty()).map(|node| (index, node)));
        }
        if new.is_empty() {
            return Ok(());
        }
        if self.predictor.batch_size() != new.len() {
            memory::room_for(new.len().saturating_mul(size_of::<u32>()), "The prefixes")?;
            self.predictor.select(&vec![0; new.len()])?;
        }
        let mut states: Vec<Vec<f32>> = vec![Vec::new(); self.first.len()];
        let mut tokens = Vec::with_capacity(new.len());
        for &(row, at) in &new {
            let nodes = &rows[row].nodes;
            let node = &nodes[at];
            let before = if at == 0 { &self.first } else { &nodes[node.parent].states };
            for (all, before) in states.iter_mut().zip(before) {
                all.extend_from_slice(before);
            }
            tokens.push(node.symbol);
        }
        self.predictor.set_states(&states)?;
        self.predictor.step_or_cancel(BatchData::Int(&tokens), None)?;
        let said = self.predictor.output(0)?;
        for (index, (said, (row, node))) in said.chunks_exact(self.width).zip(new).enumerate() {
            let own = self
                .predictor
                .states()
                .iter()
                .zip(&self.first)
                .map(|(all, first)| all[index * first.len()..(index + 1) * first.len()].to_vec());
            rows[row].say(node, said, own.collect());
        }
        Ok(())
    }

    /// The logits after all prefixes that are going, and what their softmax needs.
    pub(super) fn join(
        &mut self,
        rows: &[Row],
        logits: &mut Vec<f32>,
        statistics: &mut Vec<[f32; 2]>,
    ) -> Result<()> {
        let (width, symbols) = (self.width, self.symbols());
        let count: usize = rows.iter().map(|row| row.going.len()).sum();
        let size =
            |columns: usize| count.checked_mul(columns).ok_or_else(|| Error::memory("The beam is too large"));
        memory::refill(&mut self.sums, size(width)?, 0.0, "The sums of the joint network")?;
        memory::refill(logits, size(symbols)?, 0.0, "The logits")?;
        memory::refill(statistics, count, [0.0; 2], "The logits")?;
        let all = rows.iter().flat_map(|row| row.going.iter().map(move |path| (row, path)));
        for (sums, (row, path)) in self.sums.chunks_exact_mut(width).zip(all) {
            for ((sum, &a), &b) in sums.iter_mut().zip(row.step()).zip(&row.nodes[path.node].said) {
                *sum = a + b;
            }
        }
        f32::activation_in_place(self.activation, &mut self.sums);
        for logits in logits.chunks_exact_mut(symbols) {
            logits.copy_from_slice(&self.bias);
        }
        let sums = Matrix::new(&self.sums, count, width);
        f32::gemm_packed(sums, &self.kernel, MatrixMut::new(logits, count, symbols), true);
        if let Some(at) = logits.iter().position(|x| !x.is_finite()) {
            let logit = logits[at];
            return Err(Error::numeric(format!(
                "transducerDecode: the model's output is {logit}, not finite"
            )));
        }
        f32::softmax_statistics(logits, symbols, statistics);
        Ok(())
    }
}
