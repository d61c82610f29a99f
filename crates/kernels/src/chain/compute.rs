//! The functions of a chain on vectors, and what is done with their results.

use super::Function;
use crate::math::{apply, is_vectorised, sigmoid, slope, tanh};
use crate::simd::Simd;
use crate::{Activation, reference};

/// Numbers to read, `step` apart; a step of 0 reads one vector of equal numbers again and again.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    pub(super) pointer: *const f32,
    pub(super) step: usize,
}

impl Numbers {
    pub(super) const fn at(pointer: *const f32) -> Self {
        Self { pointer, step: 1 }
    }
}

/// What is done with the results of a step.
pub(super) trait Sink<S: Simd> {
    /// Takes the lanes of a vector, which are those of the elements from `i` on.
    ///
    /// # Safety
    /// The elements are those of the run.
    unsafe fn put(&mut self, s: S, i: usize, value: S::Vector);
    /// The same for the first `count` lanes.
    ///
    /// # Safety
    /// As for `put`.
    unsafe fn put_first(&mut self, s: S, i: usize, value: S::Vector, count: usize);
}

/// Replaces numbers.
struct Store(*mut f32);

impl<S: Simd> Sink<S> for Store {
    #[inline(always)]
    unsafe fn put(&mut self, s: S, i: usize, value: S::Vector) {
        // SAFETY: by the caller's promise, here and below.
        unsafe { s.store(self.0.add(i), value) }
    }

    #[inline(always)]
    unsafe fn put_first(&mut self, s: S, i: usize, value: S::Vector, count: usize) {
        // SAFETY: see above.
        unsafe { s.store_partial(self.0.add(i), value, count) }
    }
}

/// Adds to numbers.
pub(super) struct Sum(pub(super) *mut f32);

impl<S: Simd> Sink<S> for Sum {
    #[inline(always)]
    unsafe fn put(&mut self, s: S, i: usize, value: S::Vector) {
        // SAFETY: by the caller's promise, here and below.
        unsafe { s.store(self.0.add(i), s.add(s.load(self.0.add(i)), value)) }
    }

    #[inline(always)]
    unsafe fn put_first(&mut self, s: S, i: usize, value: S::Vector, count: usize) {
        // SAFETY: see above.
        unsafe {
            let sum = s.add(s.load_partial(self.0.add(i), count), value);
            s.store_partial(self.0.add(i), sum, count);
        }
    }
}

/// Sums all numbers, in an order that depends only on their count.
pub(super) struct Total<S: Simd> {
    /// Used alternately, so that an addition need not wait for the previous one.
    sums: [S::Vector; 2],
}

impl<S: Simd> Total<S> {
    #[inline(always)]
    pub(super) fn new(s: S) -> Self {
        Self { sums: [s.splat(0.0); 2] }
    }

    #[inline(always)]
    pub(super) fn finish(self, s: S) -> f32 {
        let lanes = s.to_lanes(s.add(self.sums[0], self.sums[1]));
        lanes[..S::LANES].iter().sum::<f32>()
    }
}

impl<S: Simd> Sink<S> for Total<S> {
    #[inline(always)]
    unsafe fn put(&mut self, s: S, _: usize, value: S::Vector) {
        self.sums = [self.sums[1], s.add(self.sums[0], value)];
    }

    #[inline(always)]
    unsafe fn put_first(&mut self, s: S, i: usize, value: S::Vector, count: usize) {
        let lanes = s.to_lanes(value);
        // SAFETY: `count` is less than the number of lanes; the sums' elements are nowhere in memory.
        unsafe { self.put(s, i, s.load_partial(lanes.as_ptr(), count)) }
    }
}

/// Computes an expression for every vector of `length` elements; the names stand for vectors of numbers.
macro_rules! each {
    ($s:expr, $length:expr, $out:expr, $value:expr $(, $x:ident = $p:expr)*) => {{
        let whole = $length - $length % S::LANES;
        let mut i = 0;
        while i < whole {
            $(let $x = $s.load($p.pointer.add(i * $p.step));)*
            $out.put($s, i, $value);
            i += S::LANES;
        }
        if i < $length {
            let left = $length - i;
            $(let $x = $s.load_partial($p.pointer.add(i * $p.step), left);)*
            $out.put_first($s, i, $value, left);
        }
    }};
}

/// The same number by number, for functions that the compiler vectorises or that have no vector code.
macro_rules! each_number {
    ($length:expr, $out:expr, $value:expr $(, $x:ident = $p:expr)*) => {{
        for i in 0..$length {
            $(let $x = *$p.pointer.add(i);)*
            *$out.0.add(i) = $value;
        }
    }};
}

/// Whether [`compute`] has vector code for a function; such code can read one vector of equal numbers again and again.
pub(super) const fn in_vectors(function: Function) -> bool {
    match function {
        Function::Activate(kind) => is_vectorised(kind),
        Function::Sqrt
        | Function::Log
        | Function::Maximum
        | Function::Minimum
        | Function::LessEqual
        | Function::Equal
        | Function::NotEqual
        | Function::Select
        | Function::Winner
        | Function::Derivative(_) => false,
        _ => true,
    }
}

/// Whether [`accumulate`] has a function: only those that gradients usually end with, since each is compiled once per
/// kind of sum.
pub(super) const fn accumulates(function: Function) -> bool {
    matches!(function, Function::Copy | Function::Multiply)
}

/// Adds f(a, b) for `n` numbers to `out`.
///
/// # Safety
/// The function is one that [`accumulates`]; its operands are readable for `n` numbers, and `out` takes as many.
#[inline(always)]
pub(super) unsafe fn accumulate<S: Simd>(
    s: S,
    function: Function,
    [a, b, _]: [Numbers; 3],
    out: &mut impl Sink<S>,
    n: usize,
) {
    // SAFETY: by the caller's promise.
    unsafe {
        match function {
            Function::Multiply => each!(s, n, out, s.mul(x, y), x = a, y = b),
            _ => each!(s, n, out, x, x = a),
        }
    }
}

/// Writes f(a, b, c) for `n` numbers to `out`.
///
/// # Safety
/// The operands that the function has are readable for `n` numbers, with steps of 1 unless the function is
/// [`in_vectors`]; `out` is writable for as many, and may be one of the operands, but not overlap them otherwise.
#[inline(always)]
pub(super) unsafe fn compute<S: Simd>(
    s: S,
    function: Function,
    [a, b, c]: [Numbers; 3],
    out: *mut f32,
    n: usize,
) {
    let out = &mut Store(out);
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
            Function::Derivative(kind) => {
                each_number!(n, out, x * reference::derivative(kind, y, z), x = a, y = b, z = c)
            }
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
