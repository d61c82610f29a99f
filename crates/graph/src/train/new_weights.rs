//! New values for the weights of a model, collected piece by piece.

use crate::error::{Error, Result};
use crate::init;
use crate::memory::refill;
use crate::parallel::{each_rows, unless_cancelled, while_wanted};
use crate::params::{Parameters, Slot};
use crate::train::Trainer;
use crate::train::stored::{Stored, each_part};
use seqloom_kernels::{Placement, first_not_finite, scatter, turn};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How many elements of a page of memory are touched to have it: one.
const PAGE: usize = 1024;

/// Elements that are read and then moved to their places: few enough to stay in a cache, enough for all threads.
const READ_AT_ONCE: usize = 1 << 19;

const PIECES: &str = "Pieces of a weight";

/// New values for the weights of a model, which keeps its own until [`Trainer::take_weights`].
#[derive(Debug)]
pub struct NewWeights {
    parameters: Parameters<f32>,
    /// How many elements of each weight were written. Nobody writes one twice.
    written: Vec<usize>,
    /// What is put somewhere else than in its order.
    piece: Vec<f32>,
}

/// Consecutive elements of a box that go to their places in a weight.
#[derive(Debug)]
pub struct Piece {
    /// The weight's index.
    pub weight: usize,
    /// Where the elements of the box go.
    pub placement: Placement,
    /// The first element.
    pub from: usize,
    /// The number of elements.
    pub count: usize,
    /// Whether infinities become the largest numbers.
    pub clamps: bool,
}

impl NewWeights {
    /// Writes elements that `fill` gives.
    ///
    /// # Errors
    /// `ERR_SHAPE` if the weight has not all the places; `ERR_DATA` for values that are not finite; `ERR_MEMORY`.
    pub fn put(&mut self, piece: &Piece, fill: impl FnOnce(&mut [f32])) -> Result<()> {
        let name = self.room_for(piece)?;
        let &Piece { weight, ref placement, from, count, clamps } = piece;
        let into = self.parameters.get_mut(weight).unwrap_or_default();
        if let Some(target) = placement.contiguous(from, count, into) {
            fill(target);
            check(target, clamps, &name)?;
        } else {
            refill(&mut self.piece, count, 0.0, PIECES)?;
            fill(&mut self.piece);
            check(&mut self.piece, clamps, &name)?;
            scatter(&self.piece, from, placement, into);
        }
        self.count(weight, count);
        Ok(())
    }

    /// Reads elements of a file, on all threads: `read` fills memory with the bytes of the file from a place on, counted from the first
    /// element of the box.
    ///
    /// # Errors
    /// Those of [`Self::put`] and of `read`; `ABORTED`.
    pub fn read(
        &mut self,
        piece: &Piece,
        stored: Stored,
        cancel: &AtomicBool,
        read: impl Fn(usize, &mut [u8]) -> Result<()> + Sync,
    ) -> Result<()> {
        let name = self.room_for(piece)?;
        let &Piece { weight, ref placement, from, count, clamps } = piece;
        let into = self.parameters.get_mut(weight).unwrap_or_default();
        let read = |first: usize, part: &mut [f32]| {
            stored.read(part, first, &read)?;
            check(part, clamps, &name)
        };
        let fill =
            |target: &mut [f32], from: usize| each_part(target, |start, part| read(from + start, part));
        unless_cancelled(cancel, || {
            if let Some(target) = placement.contiguous(from, count, into) {
                return fill(target, from);
            }
            if let Some(done) = turn(placement, from, count, into, read) {
                return done;
            }
            let rows = (READ_AT_ONCE / placement.row()).max(1);
            let most = rows * placement.row();
            refill(&mut self.piece, most.min(count), 0.0, PIECES)?;
            for first in while_wanted((from..from + count).step_by(most)) {
                let here = most.min(from + count - first);
                fill(&mut self.piece[..here], first)?;
                scatter(&self.piece[..here], first, placement, into);
            }
            Ok(())
        })?;
        self.count(weight, count);
        Ok(())
    }

    /// The name of the weight that elements go to.
    fn room_for(&self, piece: &Piece) -> Result<String> {
        let &Piece { weight, ref placement, from, count, .. } = piece;
        let Some(slot) = self.parameters.slots().get(weight) else {
            return Err(Error::shape(format!("There is no weight {weight}")));
        };
        if placement.end() > slot.len || from.checked_add(count).is_none_or(|end| end > placement.count()) {
            return Err(Error::shape(format!(
                "The weight '{}' of shape {:?} has no place for elements {from} and {count} more",
                slot.name, slot.shape
            )));
        }
        if slot.int8.is_some() {
            return Err(Error::unsupported(format!(
                "The weight '{}' is int8; give float32 weights to the model that is quantized",
                slot.name
            )));
        }
        Ok(slot.name.clone())
    }

    fn count(&mut self, weight: usize, count: usize) {
        if let Some(written) = self.written.get_mut(weight) {
            *written += count;
        }
    }

    /// Writes integers of an int8 weight that `fill` gives, from one of them on.
    ///
    /// # Errors
    /// `ERR_SHAPE` if it has no place for them; `ERR_DATA` for −128, which no weight is.
    pub fn put_integers(&mut self, weight: usize, from: usize, fill: &[u8]) -> Result<()> {
        let name = self.slots().get(weight).map_or_else(String::new, |slot| slot.name.clone());
        let into = self.parameters.int8_mut(weight).map(|(integers, _)| integers);
        let into = into.and_then(|into| into.get_mut(from..from.checked_add(fill.len())?));
        let into = into.ok_or_else(|| no_place(&name))?;
        for (into, &byte) in into.iter_mut().zip(fill) {
            if byte == i8::MIN.cast_unsigned() {
                return Err(Error::data(format!(
                    "An element of the int8 weight '{name}' is -128; they go from -127 to 127"
                )));
            }
            *into = byte.cast_signed();
        }
        self.count(weight, fill.len());
        Ok(())
    }

    /// Writes scales of an int8 weight, from one of them on.
    ///
    /// # Errors
    /// `ERR_SHAPE` if it has no place for them; `ERR_DATA` for those that are negative or not finite.
    pub fn put_scales(&mut self, weight: usize, from: usize, fill: &[f32]) -> Result<()> {
        let name = self.slots().get(weight).map_or_else(String::new, |slot| slot.name.clone());
        let into = self.parameters.int8_mut(weight).map(|(_, scales)| scales);
        let into = into.and_then(|into| into.get_mut(from..from.checked_add(fill.len())?));
        let into = into.ok_or_else(|| no_place(&name))?;
        if let Some(bad) = fill.iter().find(|scale| !scale.is_finite() || **scale < 0.0) {
            return Err(Error::data(format!(
                "A scale of the int8 weight '{name}' would be {bad}; it must be at least 0"
            )));
        }
        into.copy_from_slice(fill);
        self.count(weight, fill.len());
        Ok(())
    }

    /// Names, shapes and places of the weights.
    pub fn slots(&self) -> &[Slot] {
        self.parameters.slots()
    }
}

fn no_place(name: &str) -> Error {
    Error::shape(format!("The weight '{name}' has no place for these int8 elements"))
}

fn check(values: &mut [f32], clamps: bool, name: &str) -> Result<()> {
    let Some(mut at) = first_not_finite(values) else { return Ok(()) };
    if clamps {
        values.iter_mut().for_each(|value| *value = value.clamp(f32::MIN, f32::MAX));
        match first_not_finite(values) {
            Some(still) => at = still,
            None => return Ok(()),
        }
    }
    let value = values[at];
    Err(Error::data(format!("An element of the weight '{name}' would be {value}; weights must be finite")))
}

impl Trainer {
    /// Memory for new weights. It is had at once, on all threads, so that no piece has to wait for the system.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub fn new_weights(&self) -> Result<NewWeights> {
        let mut parameters = Parameters::zeros(self.graph())?;
        let arena = parameters.arena_mut();
        let work = arena.len();
        each_rows(arena, PAGE, work, |_, part| {
            part.iter_mut().step_by(PAGE).for_each(|element| *element = 0.0);
        });
        let written = vec![0; parameters.slots().len()];
        Ok(NewWeights { parameters, written, piece: Vec::new() })
    }

    /// Replaces the weights that were written as a whole; the others keep their values, or are drawn now.
    ///
    /// # Errors
    /// `ERR_SHAPE` if they are those of another model, or a weight was written in part; `ERR_MEMORY`; `ABORTED`. The
    /// model has its weights of before then.
    pub fn take_weights(&mut self, new: NewWeights, cancel: &AtomicBool) -> Result<()> {
        let NewWeights { mut parameters, written, .. } = new;
        self.check_places(&parameters)?;
        let missing = |(slot, &written): (&Slot, &usize)| slot.int8.is_some() && written == 0;
        if parameters.slots().iter().zip(&written).any(missing) {
            self.draw(cancel)?;
        }
        for (index, (weight, &written)) in self.graph().weights.iter().zip(&written).enumerate() {
            let Some(slot) = parameters.slots().get(index) else { continue };
            let all = slot.len + slot.int8.as_ref().map_or(0, |scales| scales.len);
            if written == all {
                continue;
            }
            if written > 0 {
                return Err(Error::shape(format!(
                    "The weight '{}' got {written} of its {all} elements",
                    weight.name
                )));
            }
            if slot.int8.is_some() {
                if let Some(values) = self.parameters().values(index)? {
                    parameters.set(index, &values)?;
                }
                continue;
            }
            let values = parameters.get_mut(index).unwrap_or_default();
            match self.parameters().get(index) {
                Some(current) if index < self.drawn => values.copy_from_slice(current),
                _ => unless_cancelled(cancel, || {
                    init::fill(&weight.initializer, &weight.shape, self.seed(), index, values)
                })?,
            }
        }
        self.replace(Arc::new(parameters));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
