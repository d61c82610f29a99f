//! `crfLoss`: −log of the probability of the true tags, averaged over the rows.

use super::super::loss::{Positions, Targets, check_target};
use super::super::{Backward, Forward, Frame, Op, Operation, Place, Site, made};
use super::chain::Chain;
use super::lattice::Lattice;
use super::{Emissions, Entry, Parts, ROWS, check_emissions, expect_float, tags_of};
use crate::error::{Error, Result};
use crate::setting::settings;
use crate::shape::{Meta, Shape};
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        /// Whether rows whose true tags are impossible have a loss of 0.
        zero_infinity: bool = false;
        /// The names of the tags, for messages.
        names: Vec<String> = [];
        /// Transitions that are impossible.
        forbidden: Vec<usize> = [];
    }
}

/// Σ weight · −log p / (number of rows with a valid step), and that number. Inputs: the scores of tags, the true tags
/// `[batch, time]`, sample weights `[batch]`.
#[derive(Debug, Clone)]
pub(super) struct CrfLoss {
    zero_infinity: bool,
    names: Vec<String>,
    chain: Chain,
    lattices: Parts<Lattice>,
}

pub(super) const ENTRY: Entry = Entry {
    inputs: 2..=3,
    weights: 3..=3,
    outputs: 2..=2,
    settings: Attributes::SETTINGS,
    in_body: false,
    ..Entry::of("crfLoss", |site| made(CrfLoss::new(site)?))
};

/// What the rows of a batch are compared with.
struct Batch<'a, T> {
    emissions: Emissions<'a, T>,
    labels: &'a [i32],
    weights: &'a [T],
}

impl<T: Scalar> Batch<'_, T> {
    /// The true tags of a row, with their steps.
    fn path(&self, row: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let time = self.emissions.time;
        self.emissions.steps(row).map(move |step| (step, self.labels[row * time + step] as usize))
    }

    /// The score of the true tags; 0 for a row without steps.
    fn score(&self, chain: &Chain, row: usize) -> f64 {
        let mut score = 0.0;
        let mut before = None;
        for (step, tag) in self.path(row) {
            score += match before {
                None => chain.start.logarithms[tag],
                Some(before) => chain.transitions.logarithms[before * chain.tags + tag],
            } + self.emissions.at(row, step)[tag].to_f64();
            before = Some(tag);
        }
        score + before.map_or(0.0, |tag| chain.end.logarithms[tag])
    }

    fn weight(&self, row: usize) -> f64 {
        self.weights.get(row).map_or(1.0, |weight| weight.to_f64())
    }

    /// Rows with a valid step.
    fn count(&self) -> usize {
        (0..self.emissions.rows).filter(|&row| self.emissions.steps(row).next().is_some()).count()
    }
}

impl CrfLoss {
    fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { zero_infinity, names, forbidden } = Attributes::read(site.attributes())?;
        let chain = Chain::new(tags_of(site)?, forbidden)?;
        Ok(Self { zero_infinity, names, chain, lattices: Parts::default() })
    }

    /// Takes the weights, and makes room for the rows of a batch.
    fn prepare<T: Scalar>(&mut self, frame: &Frame<'_, T>, counts: bool) -> Result<()> {
        let shape = &frame.inputs[0].shape;
        let (time, tags) = (shape.time(), shape.last());
        self.chain.set([0, 1, 2].map(|index| frame.weights.get(index)))?;
        self.lattices.prepare(shape.batch(), |lattice| lattice.prepare(time, tags, counts))
    }

    fn name(&self, tag: usize) -> String {
        self.names.get(tag).map_or_else(|| tag.to_string(), |name| format!("'{name}'"))
    }

    /// Refuses labels that are no tags, and paths that are forbidden unless they count nothing.
    fn check<T: Scalar>(&self, batch: &Batch<'_, T>, positions: &Positions<'_>, rows: usize) -> Result<()> {
        let targets = Targets::<T>::Ints(batch.labels);
        positions.valid().try_for_each(|at| targets.class(at, self.chain.tags, positions).map(drop))?;
        if self.zero_infinity {
            return Ok(());
        }
        for row in 0..rows {
            let Some((step, before, after)) = self.chain.fault(batch.path(row)) else { continue };
            let what = match (before, after) {
                (Some(before), Some(after)) => format!("{} after {}", self.name(after), self.name(before)),
                (None, Some(first)) => format!("{} as the first tag", self.name(first)),
                (last, None) => format!("{} as the last tag", self.name(last.unwrap_or(0))),
            };
            return Err(Error::data(format!(
                "the targets have {what} at row {row}, step {step}, which the constraints forbid"
            ))
            .at_row(row));
        }
        Ok(())
    }
}

fn add<'a, T: Scalar>(sum: &mut [T], values: impl IntoIterator<Item = &'a f64>) {
    for (sum, &value) in sum.iter_mut().zip(values) {
        *sum += T::from_f64(value);
    }
}

impl Operation for CrfLoss {}

impl<T: Scalar> Op<T> for CrfLoss {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        check_emissions(&inputs[0], self.chain.tags)?;
        check_target(true, &inputs[0], &inputs[1])?;
        if let Some(weights) = inputs.get(2) {
            expect_float(weights)?;
            let rows = Shape::new(&inputs[0].shape.dims()[..1])?;
            if rows.unify(&weights.shape).is_none() {
                let got = weights.shape;
                return Err(Error::shape(format!("the sample weights must have shape {rows}; got {got}")));
            }
        }
        outputs.fill(Meta::float(Shape::SCALAR));
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let input = frame.inputs[0];
        let labels = frame.integers(1)?;
        let positions = Positions::new(masks, &input, &frame.inputs[1])?;
        self.prepare(frame, false)?;
        let weights = frame.inputs.get(2).map_or(Place::None, |weights| weights.place);
        let ([x, weights], [mean, count]) =
            frame.buffers.carve([input.place, weights], [frame.outputs[0].place, frame.outputs[1].place])?;
        let batch = Batch { emissions: Emissions::new(x, &input, masks), labels, weights };
        let rows = batch.emissions.rows;
        self.check(&batch, &positions, rows)?;
        let (chain, zero_infinity) = (&self.chain, self.zero_infinity);
        self.lattices.each(batch.emissions.dims(), |lattice, rows| {
            for row in rows {
                let score = batch.score(chain, row);
                lattice.found[row % ROWS] = match score == f64::NEG_INFINITY {
                    true if zero_infinity => 0.0,
                    true => f64::INFINITY,
                    false => lattice.total(chain, &batch.emissions, row) - score,
                };
            }
        });
        let valid = batch.count();
        let losses = self.lattices.first(rows).iter().flat_map(|lattice| &lattice.found);
        let sum: f64 = (0..rows).zip(losses).map(|(row, loss)| batch.weight(row) * loss).sum();
        if let Some(mean) = mean.first_mut() {
            *mean = T::from_f64(if valid == 0 { 0.0 } else { sum / valid as f64 });
        }
        if let Some(count) = count.first_mut() {
            *count = T::from_usize(valid);
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, masks, gradients } = context;
        let input = frame.inputs[0];
        let labels = frame.integers(1)?;
        self.prepare(frame, true)?;
        let mut own = gradients.dense(frame.weights.indices([0, 1, 2]))?;
        let weights = frame.inputs.get(2).map_or(Place::None, |weights| weights.place);
        let ([x, weights, d_mean], [dx]) =
            frame.buffers.carve([input.place, weights, frame.outputs[0].gradient], [input.gradient])?;
        let batch = Batch { emissions: Emissions::new(x, &input, masks), labels, weights };
        let d_mean = d_mean.first().map_or(0.0, |gradient| gradient.to_f64());
        let share = d_mean / batch.count().max(1) as f64;
        let chain = &self.chain;
        self.lattices.each(batch.emissions.dims(), |lattice, rows| {
            for row in rows {
                // Where it is impossible, the forward pass has given a loss of 0 or infinity.
                if batch.score(chain, row) == f64::NEG_INFINITY {
                    continue;
                }
                let weight = share * batch.weight(row);
                lattice.total(chain, &batch.emissions, row);
                lattice.count(chain, row % ROWS, weight);
                lattice.count_path(batch.path(row), row % ROWS, -weight);
            }
            lattice.finish(chain);
        });
        let lattices = self.lattices.first(batch.emissions.rows);
        for lattice in lattices.iter() {
            let sums = [&lattice.start, &lattice.end, &lattice.transitions];
            for (gradient, sum) in own.iter_mut().zip(sums) {
                add(gradient, sum);
            }
        }
        add(dx, lattices.iter().flat_map(|lattice| &lattice.tagged));
        Ok(())
    }

    fn keeps_input(&self, _index: usize) -> bool {
        true
    }

    fn differentiable(&self, input: usize, output: usize) -> bool {
        input == 0 && output == 0
    }
}
