//! One state of all trainable weights: in float32, or in bfloat16 with half the bytes.

use super::rule::{MAX_STATES, ZEROS};
use crate::buffer::copy;
use crate::error::{Error, Result};
use crate::memory;
use crate::parallel::each_rows;
use seqloom_kernels::{AlignedVec, round_to_bits};
use std::ops::Range;
use std::sync::Arc;

/// So many elements in bfloat16 are widened at once where they are only read.
const PIECE: usize = ZEROS.len();

/// The same for a caller that exchanges them with others, to whom every piece is a message.
const LARGE_PIECE: usize = 1 << 20;

/// One state of all trainable weights.
#[derive(Debug)]
pub(super) enum Arena {
    Float32(AlignedVec<f32>),
    Bfloat16(AlignedVec<u16>),
}

/// Elements of a state.
#[derive(Debug, Clone, Copy)]
pub enum StateValues<'a> {
    /// Numbers as they are.
    Float32(&'a [f32]),
    /// The bits of bfloat16: the upper halves of float32.
    Bfloat16(&'a [u16]),
}

/// The number that bits of bfloat16 stand for.
#[inline(always)]
pub(super) fn widened(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The numbers that bits stand for.
#[inline(always)]
pub(super) fn widen(bits: &[u16], into: &mut [f32]) {
    into.iter_mut().zip(bits).for_each(|(value, &bits)| *value = widened(bits));
}

/// Rounds to the nearest.
fn narrow(values: &[f32], into: &mut [u16]) {
    into.iter_mut().zip(values).for_each(|(bits, &value)| *bits = round_to_bits(value));
}

impl Arena {
    /// Zeros.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub(super) fn new(len: usize, bfloat16: bool) -> Result<Self> {
        const WHAT: &str = "The state arenas of the optimizer";
        Ok(if bfloat16 {
            Self::Bfloat16(memory::aligned(len, WHAT)?)
        } else {
            Self::Float32(memory::aligned(len, WHAT)?)
        })
    }

    /// Zeros, as many and of the same kind.
    pub(super) fn alike(&self) -> Result<Self> {
        Self::new(self.len(), matches!(self, Self::Bfloat16(_)))
    }

    pub(super) fn copied(&self) -> Result<Self> {
        let mut new = self.alike()?;
        match (self, &mut new) {
            (Self::Float32(from), Self::Float32(into)) => copy(from, into),
            (Self::Bfloat16(from), Self::Bfloat16(into)) => into.copy_from_slice(from),
            _ => {}
        }
        Ok(new)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Float32(values) => values.len(),
            Self::Bfloat16(bits) => bits.len(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Float32(values) => size_of_val(&**values),
            Self::Bfloat16(bits) => size_of_val(&**bits),
        }
    }

    /// Makes all elements `value`.
    pub(super) fn fill(&mut self, value: f32) {
        let work = self.len();
        match self {
            Self::Float32(values) => each_rows(&mut values[..], 1, work, |_, part| part.fill(value)),
            Self::Bfloat16(bits) => bits.fill(round_to_bits(value)),
        }
    }

    /// All elements: those in float32, and those in bfloat16.
    pub(super) fn both_mut(&mut self) -> (&mut [f32], &mut [u16]) {
        match self {
            Self::Float32(values) => (values, &mut []),
            Self::Bfloat16(bits) => (&mut [], bits),
        }
    }

    /// All elements of a state that is always in float32.
    pub(super) fn floats(&self) -> &[f32] {
        match self {
            Self::Float32(values) => values,
            Self::Bfloat16(_) => &[],
        }
    }

    /// As [`Self::floats`].
    pub(super) fn floats_mut(&mut self) -> &mut [f32] {
        self.both_mut().0
    }

    pub(super) fn values(&self, range: Range<usize>) -> StateValues<'_> {
        match self {
            Self::Float32(values) => StateValues::Float32(&values[range]),
            Self::Bfloat16(bits) => StateValues::Bfloat16(&bits[range]),
        }
    }

    /// Writes elements that `fill` gives; those of bfloat16 are rounded to the nearest.
    pub(super) fn write<T>(
        &mut self,
        range: Range<usize>,
        fill: impl FnOnce(&mut [f32]) -> Result<T>,
    ) -> Result<T> {
        match self {
            Self::Float32(values) => fill(&mut values[range]),
            Self::Bfloat16(bits) => {
                let mut wide = memory::any(range.len(), "A piece of the optimizer's state")?;
                widen(&bits[range.clone()], &mut wide);
                let given = fill(&mut wide)?;
                narrow(&wide, &mut bits[range]);
                Ok(given)
            }
        }
    }

    /// Calls `body` with all elements, those of bfloat16 piece by piece, as [`Self::write`] does.
    pub(super) fn change(&mut self, mut body: impl FnMut(&mut [f32]) -> Result<()>) -> Result<()> {
        let (len, piece) =
            (self.len(), if matches!(self, Self::Float32(_)) { usize::MAX } else { LARGE_PIECE });
        (0..len)
            .step_by(piece)
            .try_for_each(|start| self.write(start..len.min(start.saturating_add(piece)), &mut body))
    }
}

impl StateValues<'_> {
    /// Calls `body` with the elements, those of bfloat16 piece by piece.
    pub(super) fn each(self, mut body: impl FnMut(&[f32])) {
        match self {
            Self::Float32(values) => body(values),
            Self::Bfloat16(bits) => {
                let mut wide = [0.0; PIECE];
                for bits in bits.chunks(PIECE) {
                    let wide = &mut wide[..bits.len()];
                    widen(bits, wide);
                    body(wide);
                }
            }
        }
    }
}

/// States that a step works on in float32, [`MAX_STATES`] of at most so many elements.
pub(super) type Wide = [[f32; PIECE]; MAX_STATES];

/// States for writing: from now on copies, where other optimizers have them, too.
pub(super) fn exclusive(states: &mut Arc<Vec<Arena>>) -> Result<&mut Vec<Arena>> {
    if Arc::get_mut(states).is_none() {
        *states = Arc::new(states.iter().map(Arena::copied).collect::<Result<_>>()?);
    }
    Arc::get_mut(states).ok_or_else(|| Error::native("The optimizer's state is in use"))
}

/// Gives new states, which are zero, their first values.
pub(super) fn fill(states: &mut [Arena], kinds: &[(&'static str, f32)]) {
    for (arena, &(_, first)) in states.iter_mut().zip(kinds).filter(|&(_, &(_, first))| first != 0.0) {
        arena.fill(first);
    }
}
