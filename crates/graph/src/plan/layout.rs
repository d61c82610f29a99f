//! Where values, gradients, stashes and workspaces lie in the executor's block: those whose lifetimes do not overlap
//! share memory.

use super::Program;
use super::program::Life;
use crate::error::{Error, Result};
use crate::ir::Checked;
use crate::ops::{Operands, Place};
use crate::params::SLOT_ALIGNMENT;
use crate::shape::Meta;
use seqloom_kernels::Scalar;

/// Where a value and its gradient are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ValuePlaces {
    pub(crate) value: Place,
    pub(crate) gradient: Place,
}

/// Where a node's other buffers are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NodePlaces {
    pub(crate) stash: Place,
    pub(crate) forward: Place,
    pub(crate) backward: Place,
}

#[derive(Debug, Clone, Copy)]
enum Owner {
    Value(usize),
    Gradient(usize),
    Stash(usize),
    Forward(usize),
    Backward(usize),
}

#[derive(Debug, Clone, Copy)]
struct Request {
    len: usize,
    life: Life,
    owner: Owner,
}

/// Offsets of everything that a program touches, for one set of shapes. Its lists are reused, so that planning the same
/// program for other sizes allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// Elements of the block.
    pub(crate) total: usize,
    pub(crate) values: Vec<ValuePlaces>,
    /// By position in the program.
    pub(crate) nodes: Vec<NodePlaces>,
    /// The same: whether the node's forward pass may run beside that of the next one.
    pub(crate) beside: Vec<bool>,
    /// Number of graph inputs, the first values.
    pub(crate) inputs: usize,
    requests: Vec<Request>,
    /// Placed requests by rising offset.
    placed: Vec<(usize, Request)>,
    input_metas: Vec<Meta>,
    output_metas: Vec<Meta>,
}

impl Layout {
    /// Places everything `program` needs for values of known shapes.
    pub(crate) fn plan<T: Scalar>(
        &mut self,
        checked: &mut Checked<T>,
        program: &Program,
        metas: &[Meta],
    ) -> Result<()> {
        self.collect(checked, program, metas)?;
        self.place()
    }

    fn collect<T: Scalar>(
        &mut self,
        checked: &mut Checked<T>,
        program: &Program,
        metas: &[Meta],
    ) -> Result<()> {
        self.inputs = checked.graph.inputs.len();
        self.requests.clear();
        self.values.clear();
        self.values.resize(metas.len(), ValuePlaces::default());
        self.nodes.clear();
        self.nodes.resize(program.nodes.len(), NodePlaces::default());
        self.pair(checked, program, metas);
        for (value, meta) in metas.iter().enumerate().filter(|&(value, _)| !checked.absent[value]) {
            let input = value < self.inputs;
            if input && meta.dtype == crate::values::Dtype::Float32 {
                self.values[value].value = Place::Input { index: value, len: meta.shape.elements()? };
            } else if let (false, Some(life)) = (input, program.lives[value]) {
                let life = self.paired(life);
                self.requests.push(Request { len: meta.shape.elements()?, life, owner: Owner::Value(value) });
            }
            if let Some(life) = program.gradient_lives[value] {
                self.requests.push(Request {
                    len: meta.shape.elements()?,
                    life,
                    owner: Owner::Gradient(value),
                });
            }
        }
        for (position, &index) in program.nodes.iter().enumerate() {
            let node = &mut checked.nodes[index];
            self.input_metas.clear();
            self.input_metas.extend(node.inputs.iter().map(|&value| metas[value]));
            self.output_metas.clear();
            self.output_metas.extend(node.outputs.iter().map(|&value| metas[value]));
            let recording = program.backward[position];
            let operands = Operands { inputs: &self.input_metas, outputs: &self.output_metas, recording };
            let sizes = match node.op.sizes(operands) {
                Ok(sizes) => sizes,
                Err(error) => return Err(node.explain(error)),
            };
            let back = program.backward_time(position);
            let at = |time| Life { first: time, last: time };
            let requests = [
                (recording, sizes.stash, Life { first: position, last: back }, Owner::Stash(position)),
                (true, sizes.forward, at(position), Owner::Forward(position)),
                (recording, sizes.backward, at(back), Owner::Backward(position)),
            ];
            for (wanted, len, life, owner) in requests {
                if wanted && len > 0 {
                    let life = self.paired(life);
                    self.requests.push(Request { len, life, owner });
                }
            }
        }
        Ok(())
    }

    /// Finds the nodes that may run side by side: equal cells that do not need each other, such as the directions of a
    /// bidirectional layer.
    fn pair<T: Scalar>(&mut self, checked: &Checked<T>, program: &Program, metas: &[Meta]) {
        self.beside.clear();
        self.beside.resize(program.nodes.len(), false);
        for position in 1..program.nodes.len() {
            let [a, b] = [position - 1, position].map(|position| &checked.nodes[program.nodes[position]]);
            let shape = |inputs: &[usize]| inputs.first().map(|&value| metas[value].shape);
            let (Some(shape), Some(other)) = (shape(&a.inputs), shape(&b.inputs)) else { continue };
            let suits = shape == other && a.op.side_by_side(&shape).is_some();
            let equal = suits && a.op.side_by_side(&shape) == b.op.side_by_side(&shape);
            let free = position < 2 || !self.beside[position - 2];
            self.beside[position - 1] =
                equal && free && b.inputs.iter().all(|input| !a.outputs.contains(input));
        }
    }

    /// The life of what one of two nodes that may run side by side reads or writes: the time of both is the same.
    fn paired(&self, Life { first, last }: Life) -> Life {
        let begins_with = first.checked_sub(1).filter(|&before| self.beside.get(before) == Some(&true));
        let ends_with = self.beside.get(last) == Some(&true);
        Life { first: begins_with.unwrap_or(first), last: last + usize::from(ends_with) }
    }

    /// Largest first, each at the lowest offset that is free throughout its lifetime (Pisarchyk and Lee, "Efficient
    /// memory management for deep neural net inference", 2020: greedy by size).
    fn place(&mut self) -> Result<()> {
        let too_large = || Error::memory("The batch needs more memory than can be addressed");
        // The result must not depend on how the sort orders equal sizes.
        self.requests.sort_unstable_by_key(|request| {
            (std::cmp::Reverse(request.len), request.life.first, request.life.last)
        });
        self.placed.clear();
        self.total = 0;
        for index in 0..self.requests.len() {
            let request = self.requests[index];
            let size = request.len.checked_next_multiple_of(SLOT_ALIGNMENT).ok_or_else(too_large)?;
            let mut offset = 0_usize;
            for &(start, other) in &self.placed {
                if other.life.first > request.life.last || request.life.first > other.life.last {
                    continue;
                }
                if offset.checked_add(size).ok_or_else(too_large)? <= start {
                    break;
                }
                offset = offset.max(start + other.len.next_multiple_of(SLOT_ALIGNMENT));
            }
            let end = offset.checked_add(size).ok_or_else(too_large)?;
            self.total = self.total.max(end);
            let position = self.placed.partition_point(|&(start, _)| start <= offset);
            self.placed.insert(position, (offset, request));
            let place = Place::Block { start: offset, len: request.len };
            match request.owner {
                Owner::Value(value) => self.values[value].value = place,
                Owner::Gradient(value) => self.values[value].gradient = place,
                Owner::Stash(node) => self.nodes[node].stash = place,
                Owner::Forward(node) => self.nodes[node].forward = place,
                Owner::Backward(node) => self.nodes[node].backward = place,
            }
        }
        Ok(())
    }
}
