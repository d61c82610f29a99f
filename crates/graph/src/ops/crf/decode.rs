//! `crf`: the most probable paths of tags, and how probable tags are.

use super::super::{Backward, Forward, Op, Operation, Site, made};
use super::best::Best;
use super::chain::Chain;
use super::lattice::Lattice;
use super::{Emissions, Entry, Parts, ROWS, check_emissions, tags_of};
use crate::error::Result;
use crate::form::{Form, Known};
use crate::setting::settings;
use crate::shape::{Meta, Shape};
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        /// How many paths the last outputs have.
        n_best: usize [AT_LEAST_ONE] = 1;
        /// Transitions that are impossible.
        forbidden: Vec<usize> = [];
    }
}

/// Outputs: the tags of the most probable path `[batch, time]`, the same as ones among zeros `[batch, time, tags]`, the
/// probabilities of tags of the same shape, the most probable paths `[batch, time, n]`, and the logarithms of their
/// probabilities `[batch, n]`, −∞ where there are fewer paths.
#[derive(Debug, Clone)]
pub(super) struct Crf {
    n_best: usize,
    chain: Chain,
    lattices: Parts<Lattice>,
    best: Parts<Best>,
}

pub(super) const ENTRY: Entry = Entry {
    weights: 3..=3,
    outputs: 5..=5,
    settings: Attributes::SETTINGS,
    in_body: false,
    ..Entry::of("crf", |site| made(Crf::new(site)?))
};

impl Crf {
    fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { n_best, forbidden } = Attributes::read(site.attributes())?;
        let chain = Chain::new(tags_of(site)?, forbidden)?;
        Ok(Self { n_best, chain, lattices: Parts::default(), best: Parts::default() })
    }
}

impl Operation for Crf {}

impl<T: Scalar> Op<T> for Crf {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        check_emissions(&inputs[0], self.chain.tags)?;
        let shape = inputs[0].shape.with_last(self.chain.tags);
        let [batch, time] = [shape.batch(), shape.time()];
        outputs[0] = Meta::float(Shape::new(&[batch, time])?);
        outputs[1] = Meta::float(shape);
        outputs[2] = Meta::float(shape);
        outputs[3] = Meta::float(shape.with_last(self.n_best));
        outputs[4] = Meta::float(Shape::new(&[batch, self.n_best])?);
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let input = frame.inputs[0];
        self.chain.set([0, 1, 2].map(|index| frame.weights.get(index)))?;
        let places = [0, 1, 2, 3, 4].map(|output| frame.outputs[output].place);
        let ([x], outputs) = frame.buffers.carve([input.place], places)?;
        let [path, ones, marginals, paths, scores] = outputs;
        let emissions = Emissions::new(x, &input, masks);
        let dims @ [rows, time, tags] = emissions.dims();
        let (chain, wants_marginals) = (&self.chain, !marginals.is_empty());
        if wants_marginals || !scores.is_empty() {
            self.lattices.prepare(rows, |lattice| lattice.prepare(time, tags, wants_marginals))?;
            self.lattices.each(dims, |lattice, rows| {
                for row in rows {
                    lattice.found[row % ROWS] = lattice.total(chain, &emissions, row);
                    if wants_marginals {
                        lattice.count(chain, row % ROWS, 1.0);
                    }
                }
            });
            let tagged = self.lattices.first(rows).iter().flat_map(|lattice| &lattice.tagged);
            for (marginal, &share) in marginals.iter_mut().zip(tagged) {
                *marginal = T::from_f64(share);
            }
        }
        let count = if paths.is_empty() && scores.is_empty() { 1 } else { self.n_best };
        if path.is_empty() && ones.is_empty() && paths.is_empty() && scores.is_empty() {
            return Ok(());
        }
        self.best.prepare(rows, |best| best.prepare(time, tags, count))?;
        self.best.each(dims, |best, rows| {
            for row in rows {
                best.find(chain, &emissions, row, row % ROWS);
            }
        });
        for output in [&mut *path, &mut *ones, &mut *paths] {
            output.fill(T::ZERO);
        }
        for row in 0..rows {
            let best = &self.best.first(rows)[row / ROWS];
            let totals = &best.totals[row % ROWS * count..][..count];
            let found = &best.paths[row % ROWS * count * time..][..count * time];
            for step in emissions.steps(row) {
                let at = row * time + step;
                if let Some(tag) = path.get_mut(at) {
                    *tag = T::from_usize(found[step]);
                }
                if let Some(one) = ones.get_mut(at * tags + found[step]) {
                    *one = T::ONE;
                }
                for (rank, tag) in paths.iter_mut().skip(at * count).take(count).enumerate() {
                    *tag = T::from_usize(found[rank * time + step]);
                }
            }
            if !scores.is_empty() {
                let all = self.lattices.first(rows)[row / ROWS].found[row % ROWS];
                for (score, &total) in scores[row * count..][..count].iter_mut().zip(totals) {
                    let possible = total > f64::NEG_INFINITY;
                    *score = T::from_f64(if possible { total - all } else { f64::NEG_INFINITY });
                }
            }
        }
        Ok(())
    }

    fn backward(&mut self, _context: &mut Backward<'_, T>) -> Result<()> {
        Ok(())
    }

    fn keeps_time(&self, output: usize) -> bool {
        output == 0
    }

    fn differentiable(&self, _input: usize, _output: usize) -> bool {
        false
    }

    fn form(&self, _known: &[Known], output: usize) -> Form {
        match output {
            // Masked steps are zero.
            1 | 2 => Form::UnitInterval,
            0 | 3 => Form::NonNegative,
            _ => Form::Unknown,
        }
    }
}
