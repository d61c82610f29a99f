//! `simpleRnn`, `lstm` and `gru`: fused cells over whole sequences.
//!
//! The valid steps of a batch are gathered into packed rows, the kernel runs over those, and its results are
//! scattered back, so padding and holes cost no arithmetic and never reach a state.

mod backward;
mod forward;
mod layout;
mod order;
mod states;

use super::activation::{elementwise, expect_float};
use super::{
    Absorbed, Backward, Described, Entry, Forward, Lookup, Op, Operands, Operation, Recurrence, Role, Site,
    Sizes, State, Streamed, TimeAxes, Weights, made, recurrent_axes, suits_int8,
};
use crate::error::{Error, Result};
use crate::params::Parameters;
use crate::setting::{names, settings};
use crate::shape::{Meta, Shape, fits};
use crate::tensor::StateGradient;
use crate::values::Channels;
pub(crate) use forward::{Prepared, Surroundings};
use layout::{BackwardLayout, ForwardLayout, InputPlan, fault};
pub(crate) use order::{StepOrder, gather, scatter_add};
use seqloom_kernels::{
    Activation, CellKind, CellMatrix, CellSizes, CellSpec, CellWeights, Int8CellWeights, Precision, Scalar,
};
use std::sync::Arc;

names! {
    /// Which step is processed first.
    pub(crate) enum Order {
        Forward,
        Backward,
    }
}

names! {
    /// Which step is written first.
    pub(crate) enum OutputOrder {
        Time,
        Processing,
    }
}

settings! {
    struct Attributes {
        units: usize;
        activation: String;
        recurrent_activation: Option<String> = null;
        reset_after: Option<bool> = null;
        order: Order;
        output_order: OutputOrder;
        zero_output_for_mask: bool;
    }
}

/// A fused cell as it is described.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    cell: CellSpec,
    has_bias: bool,
    reversed: bool,
    output_reversed: bool,
    zero_output_for_mask: bool,
    /// Whether the initial states are among its inputs.
    states_given: bool,
    /// Whether the kernel and the recurrent kernel are int8.
    int8: [bool; 2],
}

/// A fused cell. Inputs: x [batch, time, features], then optionally the initial h (and c) [batch, units]. Weights:
/// kernel, recurrent kernel, optionally bias. Outputs: every h [batch, time, units], the last h (and c)
/// [batch, units].
pub(crate) struct Recurrent<T: Scalar> {
    cell: CellSpec,
    has_bias: bool,
    reversed: bool,
    output_reversed: bool,
    zero_output_for_mask: bool,
    /// Whether the kernel and the recurrent kernel are int8.
    int8: [bool; 2],
    /// Where the input is rows of a table.
    lookup: Option<Lookup>,
    /// The token of each packed row, from the last forward pass with a lookup.
    ids: Vec<u32>,
    precision: Precision,
    /// Steps of a segment that the backward pass computes again; `None` keeps all gates.
    segment: Option<usize>,
    packed: Option<T::PackedCell>,
    /// The parameter version that `packed` was made from, and whether it serves the backward pass.
    packed_for: Option<(u64, bool)>,
    /// The gradient by h at every step, where the last backward pass was to keep it.
    states: Option<StateGradient<T>>,
}

/// A cell with so many states.
const fn entry(
    name: &'static str,
    states: usize,
    read: fn(&Site<'_>) -> Result<Arc<dyn Described>>,
) -> Entry {
    Entry {
        inputs: 1..=1 + states,
        weights: 2..=3,
        outputs: 1 + states..=1 + states,
        settings: Attributes::SETTINGS,
        in_body: false,
        ..Entry::of(name, read)
    }
}

pub(super) const OPERATIONS: &[Entry] = &[
    entry("simpleRnn", 1, |site| made(Description::new(CellKind::Rnn, site)?)),
    entry("lstm", 2, |site| made(Description::new(CellKind::Lstm, site)?)),
    entry("gru", 1, |site| made(Description::new(CellKind::Gru { reset_after: true }, site)?)),
];

impl Description {
    fn new(kind: CellKind, site: &Site<'_>) -> Result<Self> {
        let attributes = Attributes::read(site.attributes())?;
        let kind = match (kind, attributes.reset_after) {
            (CellKind::Gru { .. }, Some(reset_after)) => CellKind::Gru { reset_after },
            (CellKind::Gru { .. }, None) => return Err(Error::option("resetAfter is missing")),
            (_, Some(_)) => return Err(Error::option("resetAfter is an option of gru only")),
            (kind, None) => kind,
        };
        let activation = elementwise(&attributes.activation)?;
        let recurrent_activation = match (kind, &attributes.recurrent_activation) {
            (CellKind::Rnn, None) => Activation::Linear,
            (CellKind::Rnn, Some(_)) => return Err(Error::option("simpleRnn has no recurrentActivation")),
            (_, Some(name)) => elementwise(name)?,
            (_, None) => return Err(Error::option("recurrentActivation is missing")),
        };
        let [input, _] = site.matrix(0, "kernel")?;
        let cell = CellSpec::new(kind, input, attributes.units, activation, recurrent_activation)
            .map_err(|error| Error::unsupported(error.to_string()))?;
        let gates = cell.gates() * cell.hidden();
        site.expect_weight(0, "kernel", &[input, gates])?;
        site.expect_weight(1, "recurrent kernel", &[cell.hidden(), gates])?;
        let has_bias = site.weight_count() == 3;
        if has_bias {
            let both = [2, gates];
            let reset_after = kind == CellKind::Gru { reset_after: true };
            site.expect_weight(2, "bias", if reset_after { &both } else { &both[1..] })?;
        }
        let reversed = attributes.order == Order::Backward;
        Ok(Self {
            cell,
            has_bias,
            reversed,
            output_reversed: reversed && attributes.output_order == OutputOrder::Processing,
            zero_output_for_mask: attributes.zero_output_for_mask,
            states_given: site.input_count() > 1,
            int8: [0, 1].map(|index| site.int8(index).is_some()),
        })
    }
}

impl Operation for Description {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        let (sequence, states) = inputs.split_first()?;
        let fits = sequence.time == Some(1) && states.iter().all(|state| !state.moves);
        fits.then(|| recurrent_axes(1, self.state_count()))
    }

    fn recurrence(&self) -> Option<Recurrence> {
        let state = |index: usize| State {
            shape: Some(vec![self.cell.hidden()]),
            initial: self.states_given.then_some(1 + index),
        };
        Some(Recurrence {
            sequences: 1,
            outputs: 1,
            states: (0..self.state_count()).map(state).collect(),
            reversed: self.reversed,
            given: Arc::new(Self { states_given: true, ..self.clone() }),
        })
    }

    fn int8(&self) -> Vec<(usize, Option<Channels>)> {
        let depths = [self.cell.input(), self.cell.hidden()].into_iter().enumerate();
        depths
            .filter(|&(_, depth)| suits_int8(depth))
            .map(|(place, _)| (place, Some(Channels::Columns)))
            .collect()
    }

    fn role(&self) -> Role {
        Role::Cell
    }
}

impl Described for Description {
    fn single(&self) -> Result<Box<dyn Op<f32>>> {
        Ok(Box::new(Recurrent::new(self)))
    }

    #[cfg(feature = "double")]
    fn double(&self) -> Result<Box<dyn Op<f64>>> {
        Ok(Box::new(Recurrent::new(self)))
    }
}

impl Description {
    /// An LSTM has a cell state, too.
    fn state_count(&self) -> usize {
        if self.cell.kind() == CellKind::Lstm { 2 } else { 1 }
    }
}

impl<T: Scalar> Recurrent<T> {
    fn new(description: &Description) -> Self {
        Self {
            cell: description.cell,
            has_bias: description.has_bias,
            reversed: description.reversed,
            output_reversed: description.output_reversed,
            zero_output_for_mask: description.zero_output_for_mask,
            int8: description.int8,
            lookup: None,
            ids: Vec::new(),
            precision: Precision::default(),
            segment: None,
            packed: None,
            packed_for: None,
            states: None,
        }
    }

    fn is_lstm(&self) -> bool {
        self.cell.kind() == CellKind::Lstm
    }

    /// What the kernel needs for so many packed rows, sequences and steps; `None` when a size overflows.
    fn cell_sizes(&self, [rows, batch, time]: [usize; 3], recording: bool) -> Option<CellSizes> {
        match self.segment.filter(|_| recording) {
            Some(segment) => T::segment_sizes(&self.cell, [rows, batch, time], segment),
            None => T::cell_sizes(&self.cell, rows, batch),
        }
    }

    /// Whether the kernel looks tokens up itself; that depends on the padded shape alone, which is known when
    /// memory is planned.
    fn input_plan(&self, shape: &Shape) -> Result<InputPlan> {
        let steps = shape.batch().saturating_mul(shape.time());
        match self.lookup {
            _ if self.int8[0] => {
                let workspace = T::int8_workspace(&self.cell, steps).ok_or_else(fault)?;
                Ok(InputPlan { vocabulary: None, workspace })
            }
            Some(Lookup { vocabulary, int8: false, .. }) if vocabulary <= steps / 2 => {
                let workspace = T::token_workspace(&self.cell, vocabulary).ok_or_else(fault)?;
                Ok(InputPlan { vocabulary: Some(vocabulary), workspace })
            }
            _ => Ok(InputPlan { vocabulary: None, workspace: 0 }),
        }
    }

    /// Packs the weights, some of which are int8, unless that has been done since they last changed.
    fn pack_int8(&mut self, weights: &Weights<'_, T>) -> Result<()> {
        let now = Some((weights.params.version(), false));
        if self.packed.is_some() && self.packed_for == now {
            return Ok(());
        }
        self.packed_for = None;
        let matrix =
            |index| weights.int8(index).map_or(CellMatrix::Float(weights.get(index)), CellMatrix::Int8);
        let packed = Int8CellWeights {
            kernel: matrix(0),
            recurrent: matrix(1),
            bias: self.has_bias.then_some(weights.get(2)),
        };
        T::pack_int8_cell(&self.cell, packed, &mut self.packed)
            .map_err(|error| Error::memory(format!("the packed weights do not fit: {error}")))?;
        self.packed_for = now;
        Ok(())
    }

    /// Packs the weights unless that has been done since they last changed.
    fn pack(&mut self, params: &Parameters<T>, weights: [&[T]; 3], backward: bool) -> Result<()> {
        let version = params.version();
        if self.packed.is_some()
            && matches!(self.packed_for, Some((same, both)) if same == version && (both || !backward))
        {
            return Ok(());
        }
        self.packed_for = None;
        let [kernel, recurrent, bias] = weights;
        let weights = CellWeights { kernel, recurrent, bias: self.has_bias.then_some(bias) };
        T::pack_cell(&self.cell, weights, backward, self.precision, &mut self.packed)
            .map_err(|error| Error::memory(format!("the packed weights do not fit: {error}")))?;
        self.packed_for = Some((version, backward));
        Ok(())
    }
}

impl<T: Scalar> Op<T> for Recurrent<T> {
    fn set_precision(&mut self, precision: Precision) {
        if precision != self.precision {
            (self.precision, self.packed_for) = (precision, None);
        }
    }

    fn set_checkpoints(&mut self, every: Option<usize>) -> Result<bool> {
        self.segment = every;
        Ok(true)
    }

    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        for meta in inputs {
            expect_float(meta)?;
        }
        let shape = inputs[0].shape;
        let &[batch, time, features] = shape.dims() else {
            return Err(Error::shape(format!(
                "the input must have shape [batch, time, features]; got {shape}"
            )));
        };
        if !fits(features, self.cell.input()) {
            return Err(Error::shape(format!(
                "the input must have {} features per step; got shape {shape}",
                self.cell.input()
            )));
        }
        if self.is_lstm() && inputs.len() == 2 {
            return Err(Error::format("an lstm takes both initial states or none"));
        }
        let state = Shape::new(&[batch, self.cell.hidden()])?;
        for (meta, name) in inputs[1..].iter().zip(["h", "c"]) {
            if state.unify(&meta.shape).is_none() {
                return Err(Error::shape(format!(
                    "the initial state {name} must have shape {state}; got {}",
                    meta.shape
                )));
            }
        }
        outputs.fill(Meta::float(state));
        outputs[0] = Meta::float(Shape::new(&[batch, time, self.cell.hidden()])?);
        Ok(())
    }

    fn sizes(&mut self, operands: Operands<'_>) -> Result<Sizes> {
        let shape = operands.inputs[0].shape;
        let too_large = || Error::memory(format!("a batch of shape {shape} is too large to address"));
        let rows = shape.batch().checked_mul(shape.time()).ok_or_else(too_large)?;
        let extent = [rows, shape.batch(), shape.time()];
        let cell = self.cell_sizes(extent, operands.recording).ok_or_else(too_large)?;
        let input = self.input_plan(&shape)?;
        let forward = ForwardLayout::new(
            &self.cell,
            rows,
            shape.batch(),
            operands.inputs.len() - 1,
            operands.recording,
            input,
            &cell,
        )
        .ok_or_else(too_large)?;
        let backward =
            BackwardLayout::new(&self.cell, rows, shape.batch(), input, &cell).ok_or_else(too_large)?;
        Ok(if operands.recording {
            Sizes { stash: forward.kept_total, forward: forward.scratch_total, backward: backward.total }
        } else {
            let both = forward.kept_total.checked_add(forward.scratch_total).ok_or_else(too_large)?;
            Sizes { stash: 0, forward: both, backward: 0 }
        })
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        self.run_forward(context)
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        self.run_backward(context)
    }

    fn side_by_side(&self, shape: &Shape) -> Option<CellSpec> {
        let weight = if self.int8[1] { size_of::<i8>() } else { size_of::<T>() };
        let fits = self.cell.recurrent_len().saturating_mul(weight) <= NEAR_CACHE;
        (fits && shape.batch() < MOST_SIDE_BY_SIDE).then_some(self.cell)
    }

    fn as_cell(&mut self) -> Option<&mut Self> {
        Some(self)
    }

    fn absorb(&mut self, source: Absorbed) -> bool {
        if let Absorbed::Lookup(lookup) = source {
            self.lookup = Some(lookup);
        }
        self.lookup.is_some()
    }

    fn writes_gradient(&self, index: usize) -> bool {
        index == 0
    }

    fn repeats_steps(&self) -> Option<bool> {
        Some(!self.zero_output_for_mask)
    }

    fn memory(&self) -> usize {
        self.packed_for.map_or(0, |(_, backward)| Op::<T>::packed_memory(self, backward))
    }

    fn packed_memory(&self, training: bool) -> usize {
        let [input, recurrent] = self.int8.map(|int8| if int8 { 1 } else { size_of::<T>() });
        let weights = self.cell.kernel_len() * input + self.cell.recurrent_len() * recurrent;
        // The backward pass has its own form of them.
        if training { 2 * weights } else { weights }
    }

    fn take_state_gradients(&mut self) -> Vec<StateGradient<T>> {
        self.states.take().into_iter().collect()
    }
}

impl<T: Scalar> std::fmt::Debug for Recurrent<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recurrent")
            .field("cell", &self.cell)
            .field("reversed", &self.reversed)
            .finish_non_exhaustive()
    }
}

/// Bytes of recurrent weights that stay in the near cache of one core while a step reads all of them.
const NEAR_CACHE: usize = 1 << 19;
/// From so many sequences on, the threads share a cell without meeting at every step.
const MOST_SIDE_BY_SIDE: usize = 32;

/// The indices of the weights in their node.
const WEIGHTS: [usize; 3] = [0, 1, 2];
