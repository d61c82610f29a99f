//! Chains on vectors.

use super::{Chain, ChainOperands, Function, MAX_DIMS, NONE, Output, Part, Source, Split, View, split};
use crate::gemm::with_buffer;
use crate::math::{apply, is_vectorised, sigmoid, slope, tanh};
use crate::simd::{Kernel, Level, Simd, dispatch};
use crate::{Activation, pool, reference};

/// Elements that go through all steps before the next ones: a register is 2 KB, so that a dozen fit in the near cache.
const RUN: usize = 512;
/// Elements times steps below which a chain is not worth waking a thread for.
const PARALLEL: usize = 1 << 16;
/// Columns handed out together; a multiple of every vector.
const GRANULE: usize = 64;

/// Computes an expression for every vector of `length` elements; the names stand for vectors at the pointers.
macro_rules! each {
    ($s:expr, $length:expr, $out:expr, $value:expr $(, $x:ident = $p:expr)*) => {{
        let mut i = 0;
        while i < $length {
            let left = $length - i;
            $(let $x = $s.load_up_to($p.add(i), left);)*
            $s.store_up_to($out.add(i), $value, left);
            i += S::LANES;
        }
    }};
}

/// The same without vectors of its own, for functions that the compiler vectorises or that have no vector code.
macro_rules! each_number {
    ($length:expr, $out:expr, $value:expr $(, $x:ident = $p:expr)*) => {{
        for i in 0..$length {
            $(let $x = *$p.add(i);)*
            *$out.add(i) = $value;
        }
    }};
}

/// out = f(a, b, c) for `n` numbers.
///
/// # Safety
/// The operands that the function has are readable and `out` is writable for `n` numbers; `out` may be one of the operands, but
/// not overlap them otherwise.
#[inline(always)]
unsafe fn compute<S: Simd>(s: S, function: Function, [a, b, c]: [*const f32; 3], out: *mut f32, n: usize) {
    let zero = s.splat(0.0);
    let one = s.splat(1.0);
    // SAFETY: by the caller's promise.
    unsafe {
        match function {
            Function::Copy => each!(s, n, out, x, x = a),
            Function::Negate => each!(s, n, out, s.sub(zero, x), x = a),
            Function::Abs => each!(s, n, out, s.abs(x), x = a),
            Function::Sqrt => each_number!(n, out, x.sqrt(), x = a),
            Function::Log => each_number!(n, out, x.ln(), x = a),
            Function::Activate(Activation::Sigmoid) => each!(s, n, out, sigmoid(s, x), x = a),
            Function::Activate(Activation::Tanh) => each!(s, n, out, tanh(s, x), x = a),
            Function::Activate(kind) if is_vectorised(kind) => each!(s, n, out, apply(s, kind, x), x = a),
            Function::Activate(kind) => each_number!(n, out, reference::activate(kind, x), x = a),
            Function::Add => each!(s, n, out, s.add(x, y), x = a, y = b),
            Function::Subtract => each!(s, n, out, s.sub(x, y), x = a, y = b),
            Function::Multiply => each!(s, n, out, s.mul(x, y), x = a, y = b),
            Function::Divide => each!(s, n, out, s.div(x, y), x = a, y = b),
            Function::Maximum | Function::Minimum => {
                each_number!(n, out, reference::function(function, x, y, 0.0), x = a, y = b)
            }
            Function::Less => each!(s, n, out, s.select(s.less(x, y), one, zero), x = a, y = b),
            Function::LessEqual => each_number!(n, out, f32::from(x <= y), x = a, y = b),
            Function::Equal => each_number!(n, out, f32::from(x == y), x = a, y = b),
            Function::NotEqual => each_number!(n, out, f32::from(x != y), x = a, y = b),
            Function::Select => each_number!(n, out, if x != 0.0 { y } else { z }, x = a, y = b, z = c),
            Function::Slope(Activation::Sigmoid) => {
                each!(s, n, out, s.mul(x, slope(s, Activation::Sigmoid, y)), x = a, y = b)
            }
            Function::Slope(Activation::Tanh) => {
                each!(s, n, out, s.mul(x, slope(s, Activation::Tanh, y)), x = a, y = b)
            }
            Function::Slope(kind) => each!(s, n, out, s.mul(x, slope(s, kind, y)), x = a, y = b),
            Function::Signed => {
                each!(
                    s,
                    n,
                    out,
                    {
                        let below = s.select(s.less(y, zero), s.sub(zero, x), zero);
                        s.select(s.less(zero, y), x, below)
                    },
                    x = a,
                    y = b
                )
            }
            Function::Winner => {
                each_number!(n, out, reference::function(function, x, y, z), x = a, y = b, z = c)
            }
        }
    }
}

/// Runs a chain.
pub(crate) fn run(level: Level, chain: &Chain, operands: ChainOperands<'_, '_, f32>) {
    operands.check(chain);
    let ChainOperands { dims, reads, writes, sources, targets } = operands;
    if dims.contains(&0) {
        return;
    }
    let mut pointers = [std::ptr::null_mut(); BUFFERS];
    assert!(targets.len() <= BUFFERS, "too many buffers");
    for (pointer, target) in pointers.iter_mut().zip(targets) {
        *pointer = target.as_mut_ptr();
    }
    let job = Job { chain, dims, reads, writes, sources, targets: pointers };
    let elements: usize = dims.iter().product();
    let last = dims.len() - 1;
    let large = elements.saturating_mul(chain.steps.len()) >= PARALLEL;
    let how = if large { split(dims, writes) } else { Split::Nothing };
    pool::run_if(how != Split::Nothing, |team| {
        let whole = Part { rows: 0..if last > 0 { dims[0] } else { 1 }, columns: 0..dims[last] };
        let part = match how {
            Split::Rows => Part { rows: team.split(dims[0], 1), ..whole },
            Split::Columns => Part { columns: team.split(dims[last], GRANULE), ..whole },
            Split::Nothing => whole,
        };
        if !part.rows.is_empty() && !part.columns.is_empty() {
            dispatch(level, Share { job: &job, part });
        }
    });
}

/// The most buffers that a chain writes.
const BUFFERS: usize = 32;

struct Job<'a> {
    chain: &'a Chain,
    dims: &'a [usize],
    reads: &'a [View],
    writes: &'a [View],
    sources: &'a [&'a [f32]],
    targets: [*mut f32; BUFFERS],
}

// SAFETY: the members of a team write disjoint elements, see `split`; the buffers are borrowed for the whole region.
unsafe impl Sync for Job<'_> {}

/// What one thread computes.
struct Share<'a> {
    job: &'a Job<'a>,
    part: Part,
}

/// Where the views of a run begin, advanced from run to run.
struct Cursor {
    index: [usize; MAX_DIMS],
}

impl Cursor {
    /// At the first run of a part.
    fn new(first: usize) -> Self {
        let mut index = [0; MAX_DIMS];
        index[0] = first;
        Self { index }
    }

    /// Element of a view where the run begins.
    #[inline(always)]
    fn at(&self, view: &View, outer: usize, column: usize) -> usize {
        let mut offset = view.offset + column * view.strides[outer];
        for axis in 0..outer {
            offset += self.index[axis] * view.strides[axis];
        }
        offset
    }

    /// Goes on to the next run; false after the last one.
    #[inline(always)]
    fn advance(&mut self, dims: &[usize], rows: usize) -> bool {
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
        // Registers of steps, then one for each operand of a step that is not in memory as it is needed.
        let count = self.job.chain.register_count + 3;
        with_buffer(count * RUN, |buffer| {
            // Entered anew, since the closure is not compiled for the instruction set.
            s.enter(Runs { share: &self, registers: buffer.as_mut_ptr() });
        });
    }
}

/// A thread's share together with its registers.
struct Runs<'a> {
    share: &'a Share<'a>,
    registers: *mut f32,
}

impl Kernel for Runs<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { share, registers } = self;
        let Job { chain, dims, reads, .. } = *share.job;
        let outer = dims.len() - 1;
        let spread = chain.register_count;
        let mut cursor = Cursor::new(share.part.rows.start);
        loop {
            let mut column = share.part.columns.start;
            while column < share.part.columns.end {
                let length = RUN.min(share.part.columns.end - column);
                for (index, step) in chain.steps.iter().enumerate() {
                    let mut operands = [std::ptr::null::<f32>(); 3];
                    for (slot, source) in step.sources[..step.function.arity()].iter().enumerate() {
                        // SAFETY: the views were checked against their buffers, registers against the buffer's
                        // length above; a step is written before it is read.
                        operands[slot] = unsafe {
                            let register = registers.add((spread + slot) * RUN);
                            match *source {
                                Source::Read(view) => {
                                    let view = &reads[view];
                                    let data = share.job.sources[view.buffer].as_ptr();
                                    let pointer = data.add(cursor.at(view, outer, column));
                                    if view.strides[outer] == 0 && length > 1 {
                                        fill(s, register, *pointer, length)
                                    } else {
                                        pointer
                                    }
                                }
                                Source::Step(earlier) => share.place(earlier, &cursor, column, registers),
                                Source::Constant(value) => fill(s, register, value as f32, length),
                            }
                        };
                    }
                    let target = share.place(index, &cursor, column, registers).cast_mut();
                    // SAFETY: operands and target hold `length` numbers, see above; the target may be an operand,
                    // which every function reads before it writes.
                    unsafe { compute(s, step.function, operands, target, length) };
                    if let Output::Add(view) = step.output {
                        let view = &share.job.writes[view];
                        // SAFETY: the view was checked, and no other thread writes these elements.
                        unsafe {
                            let sum = share.job.targets[view.buffer].add(cursor.at(view, outer, column));
                            if view.strides[outer] == 1 {
                                each!(s, length, sum, s.add(x, y), x = sum, y = target);
                            } else {
                                *sum += total(s, target, length);
                            }
                        }
                    }
                }
                column += length;
            }
            if !cursor.advance(dims, share.part.rows.end) {
                break;
            }
        }
    }
}

/// Makes a register `length` copies of a number.
///
/// # Safety
/// It is writable.
#[inline(always)]
unsafe fn fill<S: Simd>(s: S, register: *mut f32, value: f32, length: usize) -> *const f32 {
    // SAFETY: by the caller's promise.
    unsafe { each!(s, length, register, s.splat(value)) };
    register
}

/// Σ of `length` numbers in an order that depends on `length` alone.
///
/// # Safety
/// They are readable.
#[inline(always)]
unsafe fn total<S: Simd>(s: S, x: *const f32, length: usize) -> f32 {
    let mut sums = s.splat(0.0);
    let mut i = 0;
    while i < length {
        // SAFETY: by the caller's promise.
        sums = s.add(sums, unsafe { s.load_up_to(x.add(i), length - i) });
        i += S::LANES;
    }
    s.to_lanes(sums)[..S::LANES].iter().sum()
}

impl Share<'_> {
    /// Where the result of a step lies: in the view that it is stored to, or in its register.
    #[inline(always)]
    fn place(&self, step: usize, cursor: &Cursor, column: usize, registers: *mut f32) -> *const f32 {
        let outer = self.job.dims.len() - 1;
        // SAFETY: as in `run`.
        unsafe {
            match self.job.chain.steps[step].output {
                Output::Store(view) => {
                    let view = &self.job.writes[view];
                    self.job.targets[view.buffer].add(cursor.at(view, outer, column))
                }
                _ => {
                    debug_assert_ne!(self.job.chain.registers[step], NONE);
                    registers.add(self.job.chain.registers[step] * RUN)
                }
            }
        }
    }
}
