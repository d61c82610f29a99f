//! `cumulativeSum`: at each place of an axis, the sum up to there.

use super::activation::expect_float;
use super::axis::{Lines, axis_of, feature_axis, without};
use super::context::mask_of;
use super::{
    Backward, Entry, Forward, Op, Operation, Place, Recurrence, Site, State, Streamed, TimeAxes, made,
    recurrent_axes, stream,
};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::mask::SequenceMask;
use crate::setting::settings;
use crate::shape::{Meta, Shape};
use seqloom_kernels::Scalar;
use std::sync::Arc;

settings! {
    struct Attributes {
        axis: i64;
        /// Whether to sum up from the end.
        reverse: bool = false;
    }
}

/// Inputs: x, and optionally what each line begins with, x without the axis. Outputs: the sums, in x's shape, and
/// the last ones, without the axis. Along time, steps that are not valid are left out, and have the sum 0.
#[derive(Debug, Clone)]
pub(crate) struct CumulativeSum {
    axis: i64,
    reverse: bool,
    in_body: bool,
    /// Whether it begins with its second input.
    given: bool,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    inputs: 1..=2,
    outputs: 2..=2,
    settings: Attributes::SETTINGS,
    traced: Some("cumulativeSum"),
    ..Entry::of("cumulativeSum", |site| made(CumulativeSum::new(site)?))
}];

impl CumulativeSum {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { axis, reverse } = Attributes::read(site.attributes())?;
        Ok(Self { axis, reverse, in_body: site.in_body(), given: site.input_count() == 2 })
    }

    /// Whether its axis may be the time.
    fn recurs(&self) -> bool {
        self.axis == 1 && !self.in_body
    }

    /// The lines of a value, and the mask of their elements where it has one.
    fn lines<'m>(&self, shape: &Shape, mask: Option<&'m SequenceMask>) -> Result<Sums<'m>> {
        let axis = axis_of(self.axis, shape.rank());
        let mask = mask.filter(|_| axis == 1 && !self.in_body);
        Ok(Sums { lines: Lines::new(shape, axis)?, elements: shape.elements()?, mask })
    }
}

/// What is summed up.
struct Sums<'m> {
    lines: Lines,
    elements: usize,
    mask: Option<&'m SequenceMask>,
}

impl Sums<'_> {
    /// The number of each line, with the indices of its elements, forwards or backwards, and whether each one
    /// counts.
    fn each(&self, backwards: bool) -> impl Iterator<Item = (usize, impl Iterator<Item = (usize, bool)>)> {
        let Lines { count, inner } = self.lines;
        self.lines.starts(self.elements).enumerate().map(move |(line, start)| {
            let elements = (0..count).map(move |k| {
                let k = if backwards { count - 1 - k } else { k };
                (start + k * inner, self.mask.is_none_or(|mask| mask.is_valid(line / inner, k)))
            });
            (line, elements)
        })
    }
}

impl Operation for CumulativeSum {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        if self.recurs() {
            let fits = inputs[0].time == Some(1) && inputs[1..].iter().all(|initial| !initial.moves);
            return fits.then(|| recurrent_axes(1, 1));
        }
        let axes = [axis_of(self.axis, inputs[0].rank())];
        Some([stream::along(inputs, &axes)?, stream::without(&inputs[..1], &axes)?].concat())
    }

    fn recurrence(&self) -> Option<Recurrence> {
        self.recurs().then(|| Recurrence {
            sequences: 1,
            outputs: 1,
            states: vec![State { shape: None, initial: self.given.then_some(1) }],
            reversed: self.reverse,
            given: Arc::new(Self { given: true, ..self.clone() }),
        })
    }
}

impl<T: Scalar> Op<T> for CumulativeSum {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        inputs.iter().try_for_each(expect_float)?;
        let axis = feature_axis(self.axis, &inputs[0])?;
        let last = without(&inputs[0].shape, &[axis], false)?;
        let differs =
            |initial: &&Meta| initial.batched != inputs[0].batched || initial.shape.unify(&last).is_none();
        if let Some(initial) = inputs.get(1).filter(differs) {
            return Err(Error::shape(format!(
                "the first sums must have shape {last}; got {}",
                initial.shape
            )));
        }
        outputs[0] = inputs[0];
        outputs[1] = Meta { shape: last, ..inputs[0] };
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let sums = self.lines(&frame.inputs[0].shape, mask_of(masks, &frame.inputs[0]))?;
        let initial = frame.inputs.get(1).map_or(Place::None, |initial| initial.place);
        let ([x, initial], [y, last]) = frame
            .buffers
            .carve([frame.inputs[0].place, initial], [frame.outputs[0].place, frame.outputs[1].place])?;
        for (line, elements) in sums.each(self.reverse) {
            let mut sum = initial.get(line).copied().unwrap_or(T::ZERO);
            for (at, valid) in elements {
                if valid {
                    sum += x[at];
                }
                if let Some(y) = y.get_mut(at) {
                    *y = if valid { sum } else { T::ZERO };
                }
            }
            if let Some(last) = last.get_mut(line) {
                *last = sum;
            }
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, masks, .. } = context;
        let sums = self.lines(&frame.inputs[0].shape, mask_of(masks, &frame.inputs[0]))?;
        let initial = frame.inputs.get(1).map_or(Place::None, |initial| initial.gradient);
        let ([dy, d_last], [dx, d_initial]) = frame.buffers.carve(
            [frame.outputs[0].gradient, frame.outputs[1].gradient],
            [frame.inputs[0].gradient, initial],
        )?;
        for (line, elements) in sums.each(!self.reverse) {
            let mut sum = d_last.get(line).copied().unwrap_or(T::ZERO);
            for (at, _) in elements.filter(|&(_, valid)| valid) {
                sum += dy.get(at).copied().unwrap_or(T::ZERO);
                if let Some(dx) = dx.get_mut(at) {
                    *dx += sum;
                }
            }
            if let Some(initial) = d_initial.get_mut(line) {
                *initial += sum;
            }
        }
        Ok(())
    }

    fn takes_unbatched(&self) -> bool {
        true
    }

    fn is_state(&self, output: usize) -> bool {
        output == 1
    }

    fn keeps_time(&self, output: usize) -> bool {
        output == 0
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        Form::sum(&known.iter().map(|known| known.form).collect::<Vec<Form>>())
    }
}
