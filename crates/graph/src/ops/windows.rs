//! `windows`: for each place of a result the elements that a window along an axis covers, as convolutions and pooling
//! need them; with windows of one element, padding, cropping or every n-th element.

use super::activation::expect_float;
use super::axis::{Lines, axis_of, feature_axis};
use super::context::mask_of;
use super::{
    Backward, Entry, Forward, MaskRule, Op, Operation, Place, Recurrence, Site, State, Streamed, TimeAxes,
    made, recurrent_axes, stream,
};
use crate::error::{Error, Result};
use crate::mask::SequenceMask;
use crate::parallel::each_rows;
use crate::setting::settings;
use crate::shape::{ANY, Meta, Shape, product};
use seqloom_kernels::Scalar;
use std::sync::Arc;

settings! {
    struct Attributes {
        axis: i64;
        /// Elements of a window.
        size: usize [AT_LEAST_ONE];
        /// From a window to the next.
        stride: usize [AT_LEAST_ONE];
        /// From an element of a window to the next.
        dilation: usize [AT_LEAST_ONE];
        /// Elements to add before the first one, or, below 0, to leave out.
        before: i32 [SIGNED];
        /// The same behind the last one.
        after: i32 [SIGNED];
        /// Whether as many are added, in place of `before` and `after`, as give a window for each stride.
        same: bool;
        /// What is added.
        filler: f64;
        /// Whether a window's elements are one axis with the dimension behind them.
        flat: bool;
    }
}

/// Inputs: x `[batch, …, n, …]`, and optionally what comes before it in place of the elements added there. Outputs: the
/// windows, `[batch, …, places, size, …]`, or `flat` `[batch, …, places, size · m, …]` of `[batch, …, n, m, …]`; and the
/// last elements of x, as many as windows reach beyond their first one.
///
/// Along time, each row is cut as if it was alone: steps that are not valid are like those that are added, and as
/// many places are valid as its own length gives.
#[derive(Debug, Clone)]
pub(crate) struct Windows {
    settings: Arc<Attributes>,
    in_body: bool,
    /// Whether it begins with its second input.
    given: bool,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    inputs: 1..=2,
    outputs: 2..=2,
    settings: Attributes::SETTINGS,
    traced: Some("windows"),
    ..Entry::of("windows", |site| made(Windows::new(site)?))
}];

/// A bound for settings, so that sums of their products do not overflow.
const MOST: usize = 1 << 31;

impl Windows {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let settings = Attributes::read(site.attributes())?;
        let &Attributes { size, stride, dilation, .. } = &settings;
        if size.max(stride).max(dilation) > MOST || size.saturating_mul(dilation) > MOST {
            return Err(Error::option(format!("windows may reach over {MOST} elements at most")));
        }
        Ok(Self { settings: Arc::new(settings), in_body: site.in_body(), given: site.input_count() == 2 })
    }

    /// How far the last element of a window is from its first one.
    fn reach(&self) -> usize {
        (self.settings.size - 1) * self.settings.dilation
    }

    /// Elements before the first one, and the number of windows, in a line of so many elements.
    fn cut(&self, length: usize) -> (i64, usize) {
        let &Attributes { stride, before, after, same, .. } = &*self.settings;
        let span = self.reach() + 1;
        if length > 0 && same {
            let places = length.div_ceil(stride);
            return ((((places - 1) * stride + span).saturating_sub(length) / 2) as i64, places);
        }
        let room = length as i64 + i64::from(before) + i64::from(after) - span as i64;
        let places = if length == 0 || room < 0 { 0 } else { room as usize / stride + 1 };
        (i64::from(before), places)
    }

    fn is_time(&self) -> bool {
        self.settings.axis == 1 && !self.in_body
    }

    /// Whether its axis may be the time and every window ends where it stands.
    fn recurs(&self) -> bool {
        let &Attributes { stride, before, after, same, filler, .. } = &*self.settings;
        let reach = self.reach();
        let ends = !same && stride == 1 && after == 0 && i64::from(before) == reach as i64;
        self.is_time() && reach > 0 && ends && filler == 0.0
    }

    /// The lines of a value, and the mask of their elements where it has one.
    fn cutting<'m>(&self, shape: &Shape, mask: Option<&'m SequenceMask>) -> Result<Cutting<'m, '_>> {
        let lines = Lines::new(shape, axis_of(self.settings.axis, shape.rank()))?;
        let places = self.cut(lines.count).1;
        Ok(Cutting { windows: self, lines, places, mask: mask.filter(|_| self.is_time()) })
    }
}

/// What is cut into windows: blocks of `lines.inner` lines, all of which are cut alike.
struct Cutting<'m, 'w> {
    windows: &'w Windows,
    lines: Lines,
    places: usize,
    mask: Option<&'m SequenceMask>,
}

/// Where an element of a window comes from: so many lines' elements from here on.
enum Source {
    Element(usize),
    Earlier(usize),
    Nowhere,
}

impl Cutting<'_, '_> {
    /// Elements of a block of windows.
    fn block(&self) -> usize {
        self.places * self.windows.settings.size * self.lines.inner
    }

    fn length(&self, row: usize) -> usize {
        self.mask.map_or(self.lines.count, |mask| mask.end(row))
    }

    fn source(&self, row: usize, length: usize, position: i64) -> Source {
        let reach = self.windows.reach() as i64;
        match usize::try_from(position) {
            Ok(at) if at < length && self.mask.is_none_or(|mask| mask.is_valid(row, at)) => {
                Source::Element(at)
            }
            Err(_) if position >= -reach => Source::Earlier((reach + position) as usize),
            _ => Source::Nowhere,
        }
    }

    /// Calls `visit` with the number of each element of a block's windows, how many that lie side by side begin with
    /// it, and where they come from.
    fn each(&self, row: usize, mut visit: impl FnMut(usize, usize, Source)) {
        let &Attributes { size, stride, dilation, .. } = &*self.windows.settings;
        let length = self.length(row);
        let (before, own) = self.windows.cut(length);
        for place in 0..own.min(self.places) {
            let start = (place * stride) as i64 - before;
            let whole = dilation == 1 && self.mask.is_none();
            if let (true, Ok(first)) = (whole && start + size as i64 <= length as i64, usize::try_from(start))
            {
                visit(place * size, size, Source::Element(first));
                continue;
            }
            for k in 0..size {
                let position = start + (k * dilation) as i64;
                visit(place * size + k, 1, self.source(row, length, position));
            }
        }
    }

    /// The same for the last elements of a block.
    fn each_last(&self, row: usize, mut visit: impl FnMut(usize, Source)) {
        let (reach, length) = (self.windows.reach(), self.length(row));
        for k in 0..reach {
            visit(k, self.source(row, length, (length + k) as i64 - reach as i64));
        }
    }
}

impl Operation for Windows {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        if self.recurs() {
            let fits = inputs[0].time == Some(1) && inputs[1..].iter().all(|initial| !initial.moves);
            return fits.then(|| recurrent_axes(1, 1));
        }
        let axis = axis_of(self.settings.axis, inputs[0].rank());
        let time = stream::common_time(inputs)?;
        let &Attributes { size, stride, before, after, same, flat, .. } = &*self.settings;
        let plain = size == 1 && stride == 1 && (same || (before == 0 && after == 0));
        let fits = time.is_none_or(|time| (time != axis && !(flat && time == axis + 1)) || plain);
        let moved = |time| if time > axis && !flat { time + 1 } else { time };
        fits.then(|| vec![time.map(moved), time])
    }

    fn recurrence(&self) -> Option<Recurrence> {
        self.recurs().then(|| Recurrence {
            sequences: 1,
            outputs: 1,
            states: vec![State { shape: None, initial: self.given.then_some(1) }],
            reversed: false,
            given: Arc::new(Self { given: true, ..self.clone() }),
        })
    }
}

impl<T: Scalar> Op<T> for Windows {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        inputs.iter().try_for_each(expect_float)?;
        let axis = feature_axis(self.settings.axis, &inputs[0])?;
        let input = inputs[0].shape;
        let count = input.dims()[axis];
        let places = if count == ANY { ANY } else { self.cut(count).1 };
        if places == 0 {
            let span = self.reach() + 1;
            return Err(Error::shape(format!(
                "windows over {span} elements do not fit into axis {axis} of a value of shape {input}"
            )));
        }
        let &Attributes { size, flat, .. } = &*self.settings;
        let mut shape = Shape::SCALAR;
        for (at, &dim) in input.dims().iter().enumerate() {
            shape = match at {
                _ if at == axis && flat => shape.pushed(places)?,
                _ if at == axis => shape.pushed(places)?.pushed(size)?,
                _ if at == axis + 1 && flat && dim != ANY => shape
                    .pushed(product(&[dim, size]).ok_or_else(|| Error::memory("Windows are too large"))?)?,
                _ => shape.pushed(dim)?,
            };
        }
        if flat && axis + 1 == input.rank() {
            return Err(Error::shape(format!("there is no axis behind {axis} in a value of shape {input}")));
        }
        let mut last = input;
        last.dims_mut()[axis] = self.reach().max(1);
        if let Some(earlier) = inputs.get(1).filter(|earlier| earlier.shape.unify(&last).is_none()) {
            return Err(Error::shape(format!(
                "what comes before must have shape {last}; got {}",
                earlier.shape
            )));
        }
        outputs[0] = Meta::float(shape);
        outputs[1] = Meta::float(last);
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let (input, output, last) = (frame.inputs[0], frame.outputs[0], frame.outputs[1]);
        let masked = self.is_time() && mask_of(masks, &input).is_some();
        if let Some(index) = output.mask.filter(|_| masked) {
            let mut mask = std::mem::take(&mut masks[index]);
            let source = mask_of(masks, &input);
            let (batch, time) = (output.shape.batch(), output.shape.time());
            let own = |row: usize| source.map_or(time, |source| self.cut(source.end(row)).1);
            let result = mask.set(batch, time, |row, step| step < own(row));
            masks[index] = mask;
            result?;
        }
        let cutting = self.cutting(&input.shape, mask_of(masks, &input))?;
        let inner = cutting.lines.inner;
        let earlier = frame.inputs.get(1).map_or(Place::None, |earlier| earlier.place);
        let ([x, earlier], [y, last]) =
            frame.buffers.carve([input.place, earlier], [output.place, last.place])?;
        let filler = T::from_f64(self.settings.filler);
        let (block, reach) = (cutting.block(), self.reach());
        let copy = |row: usize, y: &mut [T], source| {
            let from = match source {
                Source::Element(at) => x.get((row * cutting.lines.count + at) * inner..),
                Source::Earlier(at) => earlier.get((row * reach + at) * inner..),
                Source::Nowhere => None,
            };
            match from.and_then(|from| from.get(..y.len())) {
                Some(from) => y.copy_from_slice(from),
                None => y.fill(filler),
            }
        };
        let work = y.len();
        each_rows(y, block, work, |first, y| {
            for (row, y) in y.chunks_exact_mut(block).enumerate() {
                if cutting.mask.is_some() {
                    y.fill(T::ZERO);
                }
                cutting.each(first + row, |at, count, source| {
                    copy(first + row, &mut y[at * inner..(at + count) * inner], source);
                });
            }
        });
        // Windows of one element look back to nothing, and so leave none for later.
        last.fill(filler);
        for (row, last) in last.chunks_exact_mut((reach * inner).max(1)).enumerate() {
            cutting.each_last(row, |at, source| copy(row, &mut last[at * inner..(at + 1) * inner], source));
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, masks, .. } = context;
        let cutting = self.cutting(&frame.inputs[0].shape, mask_of(masks, &frame.inputs[0]))?;
        let inner = cutting.lines.inner;
        let (block, reach, width) = (cutting.block(), self.reach() * inner, cutting.lines.block());
        let add = |sums: &mut [T], from: usize, values: &[T]| {
            if let Some(sums) = sums.get_mut(from * inner..).and_then(|sums| sums.get_mut(..values.len())) {
                sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value);
            }
        };
        let element: fn(Source) -> Option<usize> =
            |source| if let Source::Element(at) = source { Some(at) } else { None };
        let before: fn(Source) -> Option<usize> =
            |source| if let Source::Earlier(at) = source { Some(at) } else { None };
        let earlier = frame.inputs.get(1).map_or(Place::None, |earlier| earlier.gradient);
        // One after the other: both inputs may be one value.
        for (gradient, width, wanted) in
            [(frame.inputs[0].gradient, width, element), (earlier, reach, before)]
        {
            let grads = [frame.outputs[0].gradient, frame.outputs[1].gradient];
            let ([dy, d_last], [sums]) = frame.buffers.carve(grads, [gradient])?;
            let work = dy.len().max(sums.len());
            each_rows(sums, width, work, |first, sums| {
                for (row, sums) in sums.chunks_exact_mut(width.max(1)).enumerate() {
                    let row = first + row;
                    if let Some(dy) = dy.get(row * block..(row + 1) * block) {
                        cutting.each(row, |at, count, source| {
                            if let Some(from) = wanted(source) {
                                add(sums, from, &dy[at * inner..(at + count) * inner]);
                            }
                        });
                    }
                    if let Some(d_last) = d_last.get(row * reach..(row + 1) * reach) {
                        cutting.each_last(row, |at, source| {
                            if let Some(from) = wanted(source) {
                                add(sums, from, &d_last[at * inner..(at + 1) * inner]);
                            }
                        });
                    }
                }
            });
        }
        Ok(())
    }

    fn is_state(&self, output: usize) -> bool {
        output == 1
    }

    fn mask_rule(&self) -> MaskRule {
        if self.is_time() { MaskRule::Own } else { MaskRule::First }
    }
}
