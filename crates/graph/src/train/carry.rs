//! States that go from batch to batch: a graph whose stateful layers take their first states as inputs and give their last ones
//! as outputs, and the states between two batches.

use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::memory;
use crate::params::element_count;
use crate::spec::{Dtype, GraphSpec, InputSpec, NodeSpec};
use crate::tensor::{BatchData, BatchInput, BatchSequence};

/// The states of a graph's stateful layers.
#[derive(Debug, Default)]
pub(super) struct Carry {
    /// Inputs and outputs of the graph that are not states.
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// By state, without rows.
    widths: Vec<Vec<usize>>,
    /// The same with rows; rows are 0 while there are no states.
    shapes: Vec<Vec<usize>>,
    states: Vec<Vec<f32>>,
    /// Those that the batch under way has ended with.
    next: Vec<Vec<f32>>,
}

impl Carry {
    /// Adds the states of stateful layers behind the inputs and outputs of a graph.
    ///
    /// # Errors
    /// `ERR_UNSUPPORTED` for stateful layers with initial states or from the end of the sequence.
    pub(super) fn new(spec: &GraphSpec) -> Result<(GraphSpec, Self)> {
        let (inputs, outputs) = (spec.inputs.len(), spec.outputs.len());
        let mut graph = spec.clone();
        let mut widths: Vec<Vec<usize>> = Vec::new();
        let mut last: Vec<usize> = Vec::new();
        for node in graph.nodes.iter_mut().filter(|node| node.stateful) {
            let Places { input, output, shapes } = places(node)?;
            // Until everything is numbered anew, ids that cannot exist stand for the new inputs.
            let ids = (0..shapes.len()).map(|state| usize::MAX - widths.len() - state);
            node.inputs.splice(input..input, ids.collect::<Vec<_>>());
            last.extend(node.outputs.iter().copied().skip(output).take(shapes.len()));
            for (state, shape) in shapes.into_iter().enumerate() {
                let rows = std::iter::once(None);
                graph.inputs.push(InputSpec {
                    name: format!("state {state} of {}", node.name),
                    dtype: Dtype::Float32,
                    shape: rows.chain(shape.iter().copied().map(Some)).collect(),
                });
                widths.push(shape);
            }
        }
        let added = widths.len();
        let moved = |id: &mut usize| {
            if usize::MAX - *id < added {
                *id = inputs + (usize::MAX - *id);
            } else if *id >= inputs {
                *id = id.saturating_add(added);
            }
        };
        graph.outputs.extend(last);
        let in_nodes =
            graph.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().chain(&mut node.outputs));
        in_nodes.chain(&mut graph.outputs).for_each(moved);
        let shapes = widths.iter().map(|width| [&[0], &width[..]].concat()).collect();
        let (states, next) = (vec![Vec::new(); added], vec![Vec::new(); added]);
        Ok((graph, Self { inputs, outputs, widths, shapes, states, next }))
    }

    /// Whether the graph has no stateful layers.
    pub(super) fn is_empty(&self) -> bool {
        self.widths.is_empty()
    }

    /// The outputs of the graph that are states.
    pub(super) fn state_outputs(&self) -> std::ops::Range<usize> {
        self.outputs..self.outputs + self.widths.len()
    }

    fn rows(&self) -> usize {
        self.shapes.first().map_or(0, |shape| shape[0])
    }

    /// Begins anew: the next batch starts with states of zero.
    pub(super) fn reset(&mut self) {
        self.shapes.iter_mut().for_each(|shape| shape[0] = 0);
    }

    /// Takes the states out, to be put back with [`Self::put`]; the next batch starts with zeros.
    pub(super) fn take(&mut self) -> Vec<Vec<f32>> {
        let taken = if self.rows() == 0 { Vec::new() } else { std::mem::take(&mut self.states) };
        self.states.resize(self.widths.len(), Vec::new());
        self.reset();
        taken
    }

    /// Puts states back; none for zeros.
    ///
    /// # Errors
    /// `ERR_FORMAT` if they are not the states of these layers.
    pub(super) fn put(&mut self, states: Vec<Vec<f32>>) -> Result<()> {
        self.reset();
        if states.is_empty() {
            return Ok(());
        }
        let wrong = || Error::format("The carried states are not those of the model's stateful layers");
        let width = |width: &[usize]| element_count(width).filter(|&width| width > 0).ok_or_else(wrong);
        let first = self.widths.first().ok_or_else(wrong)?;
        let rows = states.first().map_or(0, Vec::len) / width(first)?;
        let fits = |(state, shape): (&Vec<f32>, &Vec<usize>)| {
            width(shape).is_ok_and(|width| rows > 0 && rows.checked_mul(width) == Some(state.len()))
                && state.iter().all(|value| value.is_finite())
        };
        if states.len() != self.widths.len() || !states.iter().zip(&self.widths).all(fits) {
            return Err(wrong());
        }
        self.states = states;
        self.shapes.iter_mut().for_each(|shape| shape[0] = rows);
        Ok(())
    }

    /// The states, unless the next batch starts with zeros.
    pub(super) fn states(&self) -> &[Vec<f32>] {
        if self.rows() == 0 { &[] } else { &self.states }
    }

    /// Refuses rows that do not divide into batches of one size.
    ///
    /// # Errors
    /// `ERR_DATA`.
    pub(super) fn check_rows(&self, rows: usize, batch_size: usize) -> Result<()> {
        if self.is_empty() || rows <= batch_size || rows.is_multiple_of(batch_size) {
            return Ok(());
        }
        Err(Error::data(format!(
            "Stateful layers carry the states of a batch's rows to the next batch, so {rows} rows do not go into batches of \
             {batch_size}; leave out the last {}",
            rows % batch_size
        )))
    }

    /// Binds a batch, with the states that it begins with.
    pub(super) fn bind(
        &mut self,
        executor: &mut Executor<f32>,
        inputs: &[BatchInput<'_, f32>],
    ) -> Result<()> {
        if self.is_empty() {
            return executor.bind(inputs);
        }
        let rows = inputs.first().and_then(|input| input.shape.first()).copied().unwrap_or(0);
        let carried = self.rows();
        if carried == 0 {
            for ((state, width), shape) in self.states.iter_mut().zip(&self.widths).zip(&mut self.shapes) {
                let size = element_count(width).and_then(|width| width.checked_mul(rows));
                let size = size.ok_or_else(|| Error::memory("The states are too large to address"))?;
                memory::refill(state, size, 0.0, "The carried states")?;
                shape[0] = rows;
            }
        } else if carried != rows {
            return Err(Error::data(format!(
                "Stateful layers carry the states of {carried} rows, but the batch has {rows}; call resetStates() to begin anew"
            )));
        }
        let (states, shapes) = (&self.states, &self.shapes);
        executor.bind_each(self.inputs + states.len(), |index| match index.checked_sub(self.inputs) {
            None => inputs[index],
            Some(state) => BatchInput {
                data: BatchData::Float(&states[state]),
                shape: &shapes[state],
                sequence: BatchSequence::Full,
            },
        })
    }

    /// Notes the states that the forward pass has ended with.
    pub(super) fn note(&mut self, executor: &Executor<f32>) -> Result<()> {
        for (output, next) in (self.outputs..).zip(&mut self.next) {
            let last = executor.value(output)?.data;
            memory::refill(next, last.len(), 0.0, "The carried states")?;
            next.copy_from_slice(last);
        }
        Ok(())
    }

    /// Goes on from the states that were noted.
    pub(super) fn advance(&mut self) {
        std::mem::swap(&mut self.states, &mut self.next);
    }
}

/// Where a recurrent node has its states: the first of its inputs and outputs, and the shapes of their rows.
struct Places {
    input: usize,
    output: usize,
    shapes: Vec<Vec<usize>>,
}

fn places(node: &NodeSpec) -> Result<Places> {
    let malformed = || Error::format(format!("Layer '{}' is not a complete recurrent layer", node.name));
    let number = |key: &str| {
        node.attributes.get(key).and_then(|value| usize::try_from(value.as_u64()?).ok()).ok_or_else(malformed)
    };
    if node.attributes.get("order").and_then(|order| order.as_str()) != Some("forward") {
        return Err(Error::unsupported(format!(
            "Layer '{}' reads its sequence from the end, so it cannot be stateful",
            node.name
        )));
    }
    let fused = |states: usize| {
        let shapes = vec![vec![number("units")?]; states];
        Ok(Places { input: 1, output: 1, shapes })
    };
    let places = match node.op.as_str() {
        "simpleRnn" | "gru" => fused(1)?,
        "lstm" => fused(2)?,
        _ => {
            return Err(Error::unsupported(format!(
                "Layer '{}' ({}) cannot be stateful",
                node.name, node.op
            )));
        }
    };
    if node.inputs.len() != 1 {
        return Err(Error::unsupported(format!(
            "Layer '{}' has an initial state of its own, so it cannot be stateful",
            node.name
        )));
    }
    if node.outputs.len() != 1 + places.shapes.len() {
        return Err(malformed());
    }
    Ok(places)
}
