//! Chains on vectors.

use super::compute::{Numbers, Sum, Total, accumulate, accumulates, compute, in_vectors};
use super::{
    Additive, Chain, ChainOperands, Function, MAX_DIMS, NONE, Output, Rectangle, Source, Split, Step, Sweep,
    View, split,
};
use crate::gemm::with_buffer;
use crate::simd::{Detected, Kernel, Simd, dispatch};
use crate::{pool, reference};

/// Elements that go through all steps together. A register is 2 KB, so that a dozen fit in the near cache.
pub(super) const RUN: usize = 512;
/// Elements times steps below which a chain is not worth waking a thread for.
const PARALLEL: usize = 1 << 15;
/// Columns handed out together; a multiple of every vector.
const GRANULE: usize = 64;

/// Runs a chain.
pub(crate) fn run(level: Detected, chain: &Chain, operands: ChainOperands<'_, '_, f32>) {
    operands.check(chain);
    let dims = operands.dims;
    if dims.contains(&0) {
        return;
    }
    if repeats(chain, &operands) {
        return reference::run_chain(chain, operands);
    }
    let how = split(dims, operands.writes);
    let sweep = Sweep { starts: &[0, 1], steps: 0..1, reversed: false, reads: &[], writes: &[] };
    run_split(level, chain, operands, &sweep, how);
}

/// Runs a chain step by step; `operands` are those of the first step.
pub(crate) fn run_sweep(
    level: Detected,
    chain: &Chain,
    operands: ChainOperands<'_, '_, f32>,
    sweep: &Sweep<'_>,
) {
    if sweep.steps.is_empty() || operands.dims.contains(&0) {
        return;
    }
    if repeats(chain, &operands) {
        return reference::run_sweep(chain, operands, sweep);
    }
    let how = sweep.check(chain, &operands);
    run_split(level, chain, operands, sweep, how);
}

/// Whether elements receive several results, of which the last one stays: computing by runs cannot do that.
fn repeats(chain: &Chain, operands: &ChainOperands<'_, '_, f32>) -> bool {
    let outer = operands.dims.len() - 1;
    let repeats =
        |step: &Step| matches!(step.output, Output::Store(view) if operands.writes[view].strides[outer] == 0);
    operands.dims[outer] > 1 && chain.steps().iter().any(repeats)
}

/// Runs a checked chain.
fn run_split(
    level: Detected,
    chain: &Chain,
    operands: ChainOperands<'_, '_, f32>,
    sweep: &Sweep<'_>,
    how: Split,
) {
    // A pass over time may read what it writes.
    let one = sweep.reads.is_empty() && sweep.writes.is_empty();
    let additive = chain.additive.filter(|_| one).and_then(|additive| additive.fitted(&operands));
    let ChainOperands { dims, reads, writes, sources, targets } = operands;
    let outer = dims.len() - 1;
    let mut pointers = [std::ptr::null_mut(); BUFFERS];
    assert!(targets.len() <= BUFFERS, "too many buffers");
    assert!(chain.reads <= READS && chain.writes <= WRITES, "too many views");
    for (pointer, target) in pointers.iter_mut().zip(targets) {
        *pointer = target.as_mut_ptr();
    }
    let job = Job { chain, additive, dims, reads, writes, sources, targets: pointers, sweep };
    let elements = dims.iter().fold(sweep.steps.len(), |elements, &dim| elements.saturating_mul(dim));
    let large = elements.saturating_mul(chain.steps.len()) >= PARALLEL;
    let how = if large { how } else { Split::Nothing };
    pool::in_parts(how != Split::Nothing, |part| {
        let whole = Rectangle { rows: 0..if outer > 0 { dims[0] } else { 1 }, columns: 0..dims[outer] };
        let rectangle = match how {
            Split::Rows => Rectangle { rows: part.split(dims[0], 1), ..whole },
            Split::Columns => Rectangle { columns: part.split(dims[outer], GRANULE), ..whole },
            Split::Nothing => whole,
        };
        if !rectangle.rows.is_empty() && !rectangle.columns.is_empty() {
            dispatch(level, Share { job: &job, rectangle });
        }
    });
}

/// The most buffers that a chain writes.
const BUFFERS: usize = 32;
/// The most views that it reads and writes.
const READS: usize = 64;
const WRITES: usize = 32;

pub(super) struct Job<'a> {
    chain: &'a Chain,
    additive: Option<Additive>,
    pub(super) dims: &'a [usize],
    pub(super) reads: &'a [View],
    pub(super) writes: &'a [View],
    sources: &'a [&'a [f32]],
    pub(super) targets: [*mut f32; BUFFERS],
    sweep: &'a Sweep<'a>,
}

impl Job<'_> {
    /// Where a buffer to read begins.
    #[inline(always)]
    pub(super) fn source(&self, buffer: usize) -> *const f32 {
        match buffer.checked_sub(self.sources.len()) {
            Some(target) => self.targets[target].cast_const(),
            None => self.sources[buffer].as_ptr(),
        }
    }
}

// SAFETY: the members of a team write disjoint elements, see `split`, and read only those of them that they write, see
// `Sweep::check`; the buffers are borrowed for the whole region.
unsafe impl Sync for Job<'_> {}

/// What one thread computes.
struct Share<'a> {
    job: &'a Job<'a>,
    rectangle: Rectangle,
}

/// Where the views of the current run begin.
pub(super) struct Cursor {
    index: [usize; MAX_DIMS],
}

impl Cursor {
    /// At the first run of a rectangle.
    pub(super) fn new(first: usize) -> Self {
        let mut index = [0; MAX_DIMS];
        index[0] = first;
        Self { index }
    }

    /// Element of a view where the run begins.
    #[inline(always)]
    pub(super) fn at(&self, view: &View, outer: usize, column: usize) -> usize {
        let mut offset = view.offset + column * view.strides[outer];
        for axis in 0..outer {
            offset += self.index[axis] * view.strides[axis];
        }
        offset
    }

    /// Advances to the next run; false after the last one.
    #[inline(always)]
    pub(super) fn advance(&mut self, dims: &[usize], rows: usize) -> bool {
        let outer = dims.len() - 1;
        let mut axis = outer;
        while axis > 0 {
            axis -= 1;
            self.index[axis] += 1;
            if self.index[axis] < if axis == 0 { rows } else { dims[axis] } {
                return true;
            }
            self.index[axis] = 0;
        }
        false
    }
}

impl Kernel for Share<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        if let Some(additive) = self.job.additive {
            if !pool::cancelled() {
                // SAFETY: the views were checked and are fitted; the members of a team write disjoint elements.
                unsafe { additive.run(s, self.job, &self.rectangle) }
            }
            return;
        }
        // Registers of steps, then one for each operand of a step that is not contiguous in memory, and one for a
        // summand.
        let count = self.job.chain.register_count + 4;
        with_buffer(count * RUN, |buffer| {
            // Entered anew, since the closure is not compiled for the instruction set.
            s.enter(Runs { share: &self, registers: buffer });
        });
    }
}

/// A thread's share together with its registers.
struct Runs<'a> {
    share: &'a Share<'a>,
    registers: &'a mut [f32],
}

impl Kernel for Runs<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { share, registers } = self;
        let Job { chain, dims, reads, writes, sweep, .. } = *share.job;
        let outer = dims.len() - 1;
        let spread = chain.register_count;
        assert!(registers.len() >= (spread + 4) * RUN);
        let registers = registers.as_mut_ptr();
        let Rectangle { rows, columns } = &share.rectangle;
        let per_row = dims[0] / sweep.rows(sweep.steps.start);
        // Where each view is at the beginning of a step, and at that of a run.
        let (mut shown, mut moved) =
            ([std::ptr::null::<f32>(); READS], [std::ptr::null_mut::<f32>(); WRITES]);
        let (mut from, mut to) = ([std::ptr::null::<f32>(); READS], [std::ptr::null_mut::<f32>(); WRITES]);
        for step in sweep.order() {
            // Rows that end are the last ones.
            let first = per_row * sweep.rows(step);
            let (rows, columns) = if outer == 0 {
                (rows.clone(), columns.start..columns.end.min(first))
            } else {
                (rows.start..rows.end.min(first), columns.clone())
            };
            if rows.is_empty() || columns.is_empty() || pool::cancelled() {
                continue;
            }
            // SAFETY: the views were checked against their buffers.
            unsafe {
                for (index, pointer) in shown[..chain.reads].iter_mut().enumerate() {
                    let motion = sweep.reads.get(index).copied().unwrap_or_default();
                    let (buffer, shift) = sweep.shift(&reads[index], &motion, step);
                    *pointer = share.job.source(buffer).add(shift);
                }
                for (index, pointer) in moved[..chain.writes].iter_mut().enumerate() {
                    let motion = sweep.writes.get(index).copied().unwrap_or_default();
                    let (buffer, shift) = sweep.shift(&writes[index], &motion, step);
                    *pointer = share.job.targets[buffer].add(shift);
                }
            }
            let mut cursor = Cursor::new(rows.start);
            loop {
                let mut column = columns.start;
                while column < columns.end {
                    let length = RUN.min(columns.end - column);
                    // SAFETY: the views were checked against their buffers.
                    unsafe {
                        for ((pointer, view), shown) in from.iter_mut().zip(&reads[..chain.reads]).zip(shown)
                        {
                            *pointer = shown.add(cursor.at(view, outer, column));
                        }
                        for ((pointer, view), moved) in to.iter_mut().zip(&writes[..chain.writes]).zip(moved)
                        {
                            *pointer = moved.add(cursor.at(view, outer, column));
                        }
                    }
                    let place = |step: usize| match chain.steps[step].output {
                        Output::Store(view) => to[view],
                        _ => {
                            debug_assert_ne!(chain.registers[step], NONE);
                            // SAFETY: the buffer has so many registers.
                            unsafe { registers.add(chain.registers[step] * RUN) }
                        }
                    };
                    for (index, step) in chain.steps.iter().enumerate() {
                        let mut operands = [Numbers::at(std::ptr::null()); 3];
                        for (slot, source) in step.sources[..step.function.arity()].iter().enumerate() {
                            // SAFETY: the views were checked against their buffers, registers against the buffer's
                            // length above; a step is written before it is read.
                            operands[slot] = unsafe {
                                let register = registers.add((spread + slot) * RUN);
                                match *source {
                                    Source::Read(view) => {
                                        if reads[view].strides[outer] == 0 && length > 1 {
                                            repeat(s, register, *from[view], step.function, length)
                                        } else {
                                            Numbers::at(from[view])
                                        }
                                    }
                                    Source::Step(earlier) => Numbers::at(place(earlier)),
                                    Source::Constant(value) => {
                                        repeat(s, register, value as f32, step.function, length)
                                    }
                                }
                            };
                        }
                        // SAFETY: operands and targets hold `length` numbers, see above; a target may be an operand, which
                        // every function reads before it writes. The views were checked, and no other thread writes their
                        // elements.
                        unsafe {
                            let Output::Add(view) = step.output else {
                                compute(s, step.function, operands, place(index), length);
                                continue;
                            };
                            let (mut function, mut operands) = (step.function, operands);
                            let kept = chain.registers[index] != NONE;
                            if kept || !accumulates(function) {
                                let target =
                                    if kept { place(index) } else { registers.add((spread + 3) * RUN) };
                                compute(s, function, operands, target, length);
                                (function, operands) = (Function::Copy, [Numbers::at(target); 3]);
                            }
                            if writes[view].strides[outer] == 1 {
                                accumulate(s, function, operands, &mut Sum(to[view]), length);
                            } else {
                                let mut total = Total::new(s);
                                accumulate(s, function, operands, &mut total, length);
                                let sum = to[view];
                                *sum += total.finish(s);
                            }
                        }
                    }
                    column += length;
                }
                if !cursor.advance(dims, rows.end) {
                    break;
                }
            }
        }
    }
}

/// A number for each of `length` elements, in a register.
///
/// # Safety
/// The register is writable.
#[inline(always)]
unsafe fn repeat<S: Simd>(
    s: S,
    register: *mut f32,
    value: f32,
    function: Function,
    length: usize,
) -> Numbers {
    // SAFETY: by the caller's promise; a register holds several vectors.
    unsafe {
        if in_vectors(function) {
            s.store(register, s.splat(value));
            return Numbers { pointer: register, step: 0 };
        }
        std::slice::from_raw_parts_mut(register, length).fill(value);
    }
    Numbers::at(register)
}
