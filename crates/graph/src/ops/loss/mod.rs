//! `loss`: one number per position, averaged over the valid ones.

mod categorical;
mod elementwise;
mod target;

pub(super) use target::{Positions, Targets, check_target, check_weights, integer_targets};

use super::{
    Absorbed, ActivationKind, Backward, Entry, Forward, Op, Operands, Operation, Place, Site, Sizes, made,
};
use crate::error::{Error, Result};
use crate::memory;
use crate::parallel::each_rows;
use crate::setting::{names, settings};
use crate::shape::{Meta, Shape};
use categorical::Distribution;
use seqloom_kernels::{Activation, Scalar};

/// Probabilities closer to 0 or 1 are clipped to this distance, as in Keras.
const EPSILON: f64 = 1e-7;

names! {
    pub(crate) enum LossKind {
        SparseCategoricalCrossentropy,
        CategoricalCrossentropy,
        BinaryCrossentropy,
        MeanSquaredError,
        MeanAbsoluteError,
        Huber,
    }
}

settings! {
    struct Attributes {
        kind: LossKind;
        /// Whether predictions are logits, before softmax or sigmoid.
        from_logits: bool = false;
        /// Where squared differences become linear ones.
        delta: f64 [POSITIVE] = 1.0;
        /// The share of each target that is spread over all classes.
        label_smoothing: f64 [SHARE] = 0.0;
        class_weights: Vec<f64> [NON_NEGATIVE] = [];
        /// Positions with this label are left out, as if they were padding.
        ignore_class: Option<f64> = null;
    }
}

/// All settings.
#[cfg(test)]
pub(crate) const SETTINGS: &[crate::setting::Setting] = Attributes::SETTINGS;

impl LossKind {
    /// Which of the settings a user may choose.
    #[cfg(test)]
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Self::SparseCategoricalCrossentropy => &["from_logits", "ignore_class"],
            Self::CategoricalCrossentropy | Self::BinaryCrossentropy => &["from_logits", "label_smoothing"],
            Self::Huber => &["delta"],
            Self::MeanSquaredError | Self::MeanAbsoluteError => &[],
        }
    }
}

/// Σ sampleWeight · classWeight · loss / (number of valid positions), and that number. Inputs: prediction, targets,
/// sample weights `[batch]` or more of the prediction's dimensions but the last. Weights of classes count in training
/// only.
#[derive(Debug, Clone)]
pub(crate) struct Loss {
    kind: LossKind,
    from_logits: bool,
    delta: f64,
    smoothing: f64,
    /// The factor of each class's positions; empty for ones.
    class_weights: Vec<f64>,
    /// Whether they count, in the pass under way.
    weighs_classes: bool,
    ignored: Option<f64>,
    /// The losses of all positions, for the other losses than the categorical ones.
    losses: Vec<f64>,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    inputs: 2..=3,
    outputs: 2..=2,
    settings: Attributes::SETTINGS,
    in_body: false,
    ..Entry::of("loss", |site| made(Loss::new(site)?))
}];

impl Loss {
    /// The loss that a node describes.
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let attributes = Attributes::read(site.attributes())?;
        let categorical = matches!(
            attributes.kind,
            LossKind::SparseCategoricalCrossentropy | LossKind::CategoricalCrossentropy
        );
        let crossentropy = categorical || attributes.kind == LossKind::BinaryCrossentropy;
        if attributes.label_smoothing != 0.0 && !crossentropy {
            return Err(Error::option("labelSmoothing is for cross-entropy losses only"));
        }
        if !attributes.class_weights.is_empty() && !crossentropy {
            return Err(Error::option("classWeights are for cross-entropy losses only"));
        }
        if attributes.ignore_class.is_some() && attributes.kind != LossKind::SparseCategoricalCrossentropy {
            return Err(Error::option("ignoreClass is for labels only"));
        }
        if attributes.from_logits && !crossentropy {
            return Err(Error::option("fromLogits is for cross-entropy losses only"));
        }
        Ok(Self {
            kind: attributes.kind,
            from_logits: attributes.from_logits,
            delta: attributes.delta,
            smoothing: attributes.label_smoothing,
            class_weights: attributes.class_weights,
            weighs_classes: false,
            ignored: attributes.ignore_class,
            losses: Vec::new(),
        })
    }

    fn is_categorical(&self) -> bool {
        matches!(self.kind, LossKind::SparseCategoricalCrossentropy | LossKind::CategoricalCrossentropy)
    }

    fn is_sparse(&self) -> bool {
        self.kind == LossKind::SparseCategoricalCrossentropy
    }

    /// The positions that count.
    fn counted<'a, T: Scalar>(
        &'a self,
        targets: Targets<'a, T>,
        positions: &'a Positions<'a>,
    ) -> impl Iterator<Item = usize> + 'a {
        positions.valid().filter(move |&at| self.ignored.is_none_or(|class| targets.value(at) != class))
    }

    fn count<T: Scalar>(&self, targets: Targets<'_, T>, positions: &Positions<'_>) -> usize {
        if self.ignored.is_some() { self.counted(targets, positions).count() } else { positions.count() }
    }

    /// The target distribution of a position.
    fn distribution<'a, T: Scalar>(
        &self,
        targets: Targets<'a, T>,
        positions: &Positions<'_>,
        position: usize,
        classes: usize,
    ) -> Result<Distribution<impl Fn(usize) -> f64 + use<'a, T>>> {
        let label = if self.is_sparse() { Some(targets.class(position, classes, positions)?) } else { None };
        let values = move |class| targets.value(position * classes + class);
        Ok(Distribution { label, values, smoothing: self.smoothing, classes })
    }

    /// The weight of a position's class: its label, the most probable class, or 1 for a binary target from 0.5 on.
    fn class_weight<T: Scalar>(
        &self,
        targets: Targets<'_, T>,
        positions: &Positions<'_>,
        position: usize,
        columns: usize,
    ) -> Result<f64> {
        if !self.weighs_classes {
            return Ok(1.0);
        }
        let value = |class: usize| targets.value(position * columns + class);
        let class = match self.kind {
            LossKind::SparseCategoricalCrossentropy => targets.class(position, columns, positions)?,
            LossKind::BinaryCrossentropy => usize::from(value(0) >= 0.5),
            _ => (1..columns).fold(0, |best, class| if value(class) > value(best) { class } else { best }),
        };
        Ok(self.class_weights.get(class).copied().unwrap_or(1.0))
    }

    /// Targets of a binary loss are probabilities.
    fn check_binary<T: Scalar>(
        &self,
        targets: Targets<'_, T>,
        positions: &Positions<'_>,
        columns: usize,
    ) -> Result<()> {
        if self.kind != LossKind::BinaryCrossentropy {
            return Ok(());
        }
        for position in positions.valid() {
            let mut values = (position * columns..(position + 1) * columns).map(|index| targets.value(index));
            if let Some(t) = values.find(|t| !(0.0..=1.0).contains(t)) {
                let place = positions.describe(position);
                let message = format!("the target at {place} is {t}, but must be 0 to 1");
                return Err(Error::data(message).at_row(positions.row(position)));
            }
        }
        Ok(())
    }
}

impl Operation for Loss {}

impl<T: Scalar> Op<T> for Loss {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        check_target(self.is_sparse(), &inputs[0], &inputs[1])?;
        let classes = if self.is_categorical() { inputs[0].shape.last() } else { 2 };
        let binary_columns = inputs[0].shape.last();
        if !self.class_weights.is_empty()
            && (self.class_weights.len() != classes || !(self.is_categorical() || binary_columns == 1))
        {
            return Err(Error::option(format!(
                "classWeights has {} entries; an output of {binary_columns} values has {classes} classes",
                self.class_weights.len()
            )));
        }
        check_weights(&inputs[0].shape, inputs.get(2))?;
        outputs.fill(Meta::float(Shape::SCALAR));
        Ok(())
    }

    fn sizes(&mut self, operands: Operands<'_>) -> Result<Sizes> {
        if !(self.is_categorical() && self.from_logits) {
            return Ok(Sizes::default());
        }
        let shape = operands.inputs[0].shape;
        let positions = shape.elements()? / shape.last().max(1);
        // The statistics of the softmax, and scales for the backward pass.
        let too_large = || Error::memory(format!("a prediction of shape {shape} is too large to address"));
        let size = |each: usize| positions.checked_mul(each).ok_or_else(too_large);
        Ok(if operands.recording {
            Sizes { stash: size(2)?, backward: positions, ..Sizes::default() }
        } else {
            Sizes { forward: size(2)?, ..Sizes::default() }
        })
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        self.weighs_classes = frame.run.training && !self.class_weights.is_empty();
        let (prediction, target) = (frame.inputs[0], frame.inputs[1]);
        let weights = frame.inputs.get(2).map_or(Place::None, |weights| weights.place);
        let integers = integer_targets(frame)?;
        let positions = Positions::new(masks, &prediction, &target)?;
        let columns = prediction.shape.last();
        let statistics_place = if frame.stash == Place::None { frame.workspace } else { frame.stash };
        let ([x, floats, weights], [mean, count, statistics]) = frame.buffers.carve(
            [prediction.place, target.place, weights],
            [frame.outputs[0].place, frame.outputs[1].place, statistics_place],
        )?;
        let targets = Targets::of(integers, floats);
        if self.is_categorical() && self.from_logits {
            T::softmax_statistics(x, columns, statistics.as_chunks_mut().0);
        } else if !self.is_categorical() {
            self.check_binary(targets, &positions, columns)?;
            let mut losses = std::mem::take(&mut self.losses);
            memory::refill(&mut losses, x.len() / columns, 0.0, "The losses")?;
            each_rows(&mut losses, 1, x.len(), |first, losses| {
                for (position, loss) in
                    (first..).zip(losses).filter(|&(position, _)| positions.is_valid(position))
                {
                    let span = position * columns..(position + 1) * columns;
                    *loss = self.row_loss(&x[span.clone()], targets.part(span)) / columns as f64;
                }
            });
            self.losses = losses;
        }
        let statistics = statistics.as_chunks().0;
        let mut sum = 0.0;
        for position in self.counted(targets, &positions) {
            let span = position * columns..(position + 1) * columns;
            let loss = if self.is_categorical() {
                let target = self.distribution(targets, &positions, position, columns)?;
                if self.from_logits {
                    target.of_logits(&x[span], statistics[position])
                } else {
                    target.of_probabilities(&x[span])
                }
            } else {
                self.losses[position]
            };
            sum += loss
                * positions.weight(weights, position)
                * self.class_weight(targets, &positions, position, columns)?;
        }
        let valid = self.count(targets, &positions);
        if let Some(mean) = mean.first_mut() {
            *mean = T::from_f64(if valid == 0 { 0.0 } else { sum / valid as f64 });
        }
        if let Some(count) = count.first_mut() {
            *count = T::from_usize(valid);
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, masks, .. } = context;
        let (prediction, target) = (frame.inputs[0], frame.inputs[1]);
        let weights = frame.inputs.get(2).map_or(Place::None, |weights| weights.place);
        let integers = integer_targets(frame)?;
        let positions = Positions::new(masks, &prediction, &target)?;
        let columns = prediction.shape.last();
        let ([x, floats, weights, statistics, d_mean], [dx, scales]) = frame.buffers.carve(
            [prediction.place, target.place, weights, frame.stash, frame.outputs[0].gradient],
            [prediction.gradient, frame.workspace],
        )?;
        let targets = Targets::of(integers, floats);
        let d_mean = d_mean.first().map_or(0.0, |gradient| gradient.to_f64());
        let share = d_mean / self.count(targets, &positions).max(1) as f64;
        let scale = |position: usize| {
            share
                * positions.weight(weights, position)
                // The forward pass has refused labels that are no classes.
                * self.class_weight(targets, &positions, position, columns).unwrap_or(1.0)
        };
        if !self.is_categorical() {
            each_rows(dx, columns, x.len(), |first, dx| {
                let rows = (first..).zip(dx.chunks_exact_mut(columns));
                for (position, dx) in rows.filter(|&(position, _)| positions.is_valid(position)) {
                    let span = position * columns..(position + 1) * columns;
                    let scale = scale(position) / columns as f64;
                    self.add_row_gradient(&x[span.clone()], targets.part(span), scale, dx);
                }
            });
            return Ok(());
        }
        if !self.from_logits {
            for position in self.counted(targets, &positions) {
                let span = position * columns..(position + 1) * columns;
                let target = self.distribution(targets, &positions, position, columns)?;
                target.probabilities_gradient(&x[span.clone()], scale(position), &mut dx[span]);
            }
            return Ok(());
        }
        scales.fill(T::ZERO);
        for position in self.counted(targets, &positions) {
            let target = self.distribution(targets, &positions, position, columns)?;
            scales[position] = T::from_f64(scale(position) * target.sum());
        }
        T::scaled_softmax_rows(x, columns, statistics.as_chunks().0, scales, !prediction.fresh, dx);
        for position in self.counted(targets, &positions) {
            let target = self.distribution(targets, &positions, position, columns)?;
            target.subtract_targets(scale(position), &mut dx[position * columns..(position + 1) * columns]);
        }
        Ok(())
    }

    fn writes_gradient(&self, index: usize) -> bool {
        index == 0 && self.is_categorical() && self.from_logits
    }

    fn keeps_input(&self, _index: usize) -> bool {
        true
    }

    fn differentiable(&self, input: usize, output: usize) -> bool {
        input == 0 && output == 0
    }

    fn absorb(&mut self, source: Absorbed) -> bool {
        let fits = match source {
            Absorbed::Activation(ActivationKind::Softmax) => self.is_categorical(),
            Absorbed::Activation(ActivationKind::Elementwise(Activation::Sigmoid)) => {
                self.kind == LossKind::BinaryCrossentropy
            }
            _ => false,
        };
        let fuse = fits && !self.from_logits;
        self.from_logits |= fuse;
        fuse
    }
}
