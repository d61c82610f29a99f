//! `elementwise`: a function of one, two or three values, element by element, with broadcasting.

mod broadcast;
mod kind;

pub(crate) use broadcast::{Extent, broadcast, repeated, strides};
pub(crate) use kind::{ElementwiseKind, Emitter};

use super::activation::expect_float;
use super::context::mask_of;
use super::{
    Backward, Entry, Forward, MaskRule, Op, Operation, Place, Role, Site, Streamed, TimeAxes, made, stream,
};
use crate::error::Result;
use crate::form::{Form, Known};
use crate::mask::SequenceMask;
use crate::setting::settings;
use crate::shape::{Meta, Shape};
use seqloom_kernels::{Chain, ChainOperands, Output, Scalar, Source, View};

settings! {
    struct Attributes {
        kind: ElementwiseKind;
    }
}

/// Applies a function to every element.
#[derive(Debug, Clone)]
pub(crate) struct Elementwise {
    kind: ElementwiseKind,
    forward: Chain,
    /// For every set of inputs that want a gradient, as bits.
    backward: [Option<Chain>; 8],
}

const READS: [Source; 3] = [Source::Read(0), Source::Read(1), Source::Read(2)];
/// The views that follow those of the inputs in the backward pass.
const Y: usize = 3;
const DY: usize = 4;

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    inputs: 1..=3,
    settings: Attributes::SETTINGS,
    traced: Some("elementwise"),
    ..Entry::of("elementwise", |site| made(Elementwise::new(site)?))
}];

impl Elementwise {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { kind } = Attributes::read(site.attributes())?;
        site.expect_inputs(kind.arity())?;
        Ok(Self::of(kind))
    }

    /// The operation for one function.
    pub(crate) fn of(kind: ElementwiseKind) -> Self {
        let mut steps = Emitter::default();
        let value = kind.value(READS, &mut steps);
        steps.output(value, Output::Store(0));
        Self { kind, forward: Chain::new(steps.steps), backward: [const { None }; 8] }
    }
}

/// The chain that adds the gradients of the `wanted` inputs, one view after another.
fn backward_chain(kind: ElementwiseKind, wanted: usize) -> Chain {
    let mut steps = Emitter::default();
    for (view, index) in (0..kind.arity()).filter(|index| wanted >> index & 1 == 1).enumerate() {
        let gradient = kind.derivative(index, READS, Source::Read(Y), Source::Read(DY), &mut steps);
        steps.output(gradient, Output::Add(view));
    }
    Chain::new(steps.steps)
}

/// Calls `visit(shape of the part, row, step)` for everything at once or, where steps are missing, for each run of
/// valid ones: what a function makes of padding could be infinite.
fn for_each_part(
    mask: Option<&SequenceMask>,
    shape: &Shape,
    mut visit: impl FnMut(Shape, usize, usize) -> Result<()>,
) -> Result<()> {
    let Some(mask) = mask else { return visit(*shape, 0, 0) };
    let time = shape.time();
    for row in 0..shape.batch() {
        let mut step = 0;
        while step < time {
            let length = (step..time).take_while(|&step| mask.is_valid(row, step)).count();
            if length > 0 {
                let mut part = *shape;
                if let [batch, steps, ..] = part.dims_mut() {
                    (*batch, *steps) = (1, length);
                }
                visit(part, row, step)?;
            }
            step += length.max(1);
        }
    }
    Ok(())
}

/// The same view from a step of a row on.
fn view_from(view: View, row: usize, step: usize) -> View {
    View { offset: view.offset + row * view.strides[0] + step * view.strides[1], ..view }
}

impl Operation for Elementwise {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        stream::elements(inputs)
    }

    fn role(&self) -> Role {
        Role::Elementwise(self.kind)
    }
}

impl<T: Scalar> Op<T> for Elementwise {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        inputs.iter().try_for_each(expect_float)?;
        outputs[0] = Meta::float(broadcast(inputs)?);
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let shape = frame.outputs[0].shape;
        let mut views = [View::default(); 3];
        let mut places = [Place::None; 3];
        for (index, input) in frame.inputs.iter().enumerate() {
            views[index] = View { buffer: index, offset: 0, strides: strides(&shape, &input.shape) };
            places[index] = input.place;
        }
        let target = [View { strides: strides(&shape, &shape), ..View::default() }];
        let mask = mask_of(masks, &frame.outputs[0]);
        let count = frame.inputs.len();
        let (sources, mut targets) = frame.buffers.carve(places, [frame.outputs[0].place])?;
        if mask.is_some() {
            targets[0].fill(T::ZERO);
        }
        for_each_part(mask, &shape, |part, row, step| {
            let mut reads = views.map(|view| view_from(view, row, step));
            let mut writes = target.map(|view| view_from(view, row, step));
            let reads = &mut reads[..count];
            let extent = Extent::merged(&part, reads, &mut writes)?;
            let operands = ChainOperands {
                dims: extent.dims(),
                reads,
                writes: &writes,
                sources: &sources,
                targets: &mut targets,
            };
            T::chain(&self.forward, operands);
            Ok(())
        })
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, masks, .. } = context;
        let output = frame.outputs[0];
        let shape = output.shape;
        // What is not needed is not in memory any more; its view is that of the gradient, which is.
        let whole = View { buffer: DY, offset: 0, strides: strides(&shape, &shape) };
        let mut reads = [whole; 5];
        let mut places = [Place::None; 5];
        (places[Y], places[DY]) = (output.place, output.gradient);
        let needs = self.kind.needs();
        if needs.output {
            reads[Y].buffer = Y;
        }
        let mut writes = [View::default(); 3];
        let mut gradients = [Place::None; 3];
        let (mut wanted, mut count) = (0, 0);
        for (index, input) in frame.inputs.iter().enumerate() {
            let view = View { buffer: index, offset: 0, strides: strides(&shape, &input.shape) };
            if needs.inputs[index] {
                (reads[index], places[index]) = (view, input.place);
            }
            if self.kind.differentiable(index) && input.gradient.is_some() {
                wanted |= 1 << index;
                // One value twice has one gradient.
                let buffer = gradients.iter().position(|&place| place == input.gradient).unwrap_or(index);
                gradients[buffer] = input.gradient;
                writes[count] = View { buffer, ..view };
                count += 1;
            }
        }
        if wanted == 0 {
            return Ok(());
        }
        let (sources, mut targets) = frame.buffers.carve(places, gradients)?;
        let chain = self.backward[wanted].get_or_insert_with(|| backward_chain(self.kind, wanted));
        for_each_part(mask_of(masks, &output), &shape, |part, row, step| {
            let mut reads = reads.map(|view| view_from(view, row, step));
            let mut writes = writes.map(|view| view_from(view, row, step));
            let writes = &mut writes[..count];
            let extent = Extent::merged(&part, &mut reads, writes)?;
            let (dims, targets) = (extent.dims(), &mut targets);
            T::chain(chain, ChainOperands { dims, reads: &reads, writes, sources: &sources, targets });
            Ok(())
        })
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Merge
    }

    fn keeps_time(&self, _output: usize) -> bool {
        true
    }

    fn takes_unbatched(&self) -> bool {
        true
    }

    fn keeps_input(&self, index: usize) -> bool {
        self.kind.needs().inputs.get(index).copied().unwrap_or(false)
    }

    fn keeps_output(&self, _index: usize) -> bool {
        self.kind.needs().output
    }

    fn differentiable(&self, input: usize, _output: usize) -> bool {
        self.kind.differentiable(input)
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        let forms: Vec<Form> = known.iter().map(|known| known.form).collect();
        let itself = known.len() == 2 && known[0].value == known[1].value;
        self.kind.form(&forms, itself)
    }
}
