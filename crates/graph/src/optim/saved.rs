//! An optimizer's state on its way to a file and back, without a second copy of all of it.

use super::arena::{Arena, StateValues, fill};
use super::optimizer::Optimizer;
use super::rule::Places;
use crate::error::{Error, Result};
use seqloom_kernels::first_not_finite;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// One state of one weight, for saving.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTensor {
    /// The weight's name and the state's: `lstm/kernel/mean`.
    pub name: String,
    /// The weight's dimensions, or a single one for a state of another size.
    pub shape: Vec<usize>,
    /// Its elements.
    pub data: Vec<f32>,
}

/// Where one state of one weight lies.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    name: String,
    /// The weight.
    weight: usize,
    arena: usize,
    range: Range<usize>,
    /// How many elements earlier versions kept, if that is more.
    long: Option<usize>,
}

/// An optimizer's state as it was at a step. It is shared: the optimizer makes a copy before it changes it.
#[derive(Debug)]
pub struct SavedState {
    arenas: Arc<Vec<Arena>>,
    places: Vec<Place>,
}

impl SavedState {
    /// The names of the states, as those of [`StateTensor`].
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(|place| place.name.as_str())
    }

    /// The elements of a state; none where there is no such state.
    pub fn get(&self, index: usize) -> StateValues<'_> {
        let none = StateValues::Float32(&[]);
        self.places.get(index).map_or(none, |place| self.arenas[place.arena].values(place.range.clone()))
    }

    /// Bytes of all states, unless an optimizer has them, too.
    pub fn own_bytes(&self) -> usize {
        if Arc::strong_count(&self.arenas) > 1 {
            return 0;
        }
        self.arenas.iter().map(Arena::bytes).sum()
    }
}

/// State for an optimizer that comes state after state, each piece by piece.
#[derive(Debug)]
pub struct NewState {
    arenas: Vec<Arena>,
    places: Vec<Place>,
    /// Which have not been announced.
    missing: BTreeMap<String, usize>,
    /// How many elements of each were written, and how many there will be.
    written: Vec<(usize, usize)>,
    /// Those that earlier versions kept longer.
    long: BTreeMap<usize, Vec<f32>>,
}

impl NewState {
    /// Announces a state of so many elements; gives the number by which [`Self::append`] knows it.
    ///
    /// # Errors
    /// `ERR_FORMAT` if the optimizer has no such state, it was announced before, or has another size.
    pub fn announce(&mut self, name: &str, len: usize) -> Result<usize> {
        let Some(index) = self.missing.remove(name) else {
            let known = self.places.iter().any(|place| place.name == name);
            return Err(Error::format(if known {
                format!("The optimizer's state '{name}' is there twice")
            } else {
                format!("The optimizer has no state '{name}'")
            }));
        };
        let place = &self.places[index];
        if place.long == Some(len) {
            self.long.insert(index, Vec::new());
        } else if place.range.len() != len {
            return Err(Error::format(format!(
                "The optimizer's state '{name}' has {len} elements, but there must be {}",
                place.range.len()
            )));
        }
        self.written[index].1 = len;
        Ok(index)
    }

    /// Appends elements that `fill` gives to a state that was announced. Where the optimizer has it in bfloat16, they are rounded
    /// to that.
    ///
    /// # Errors
    /// `ERR_FORMAT` for more elements than were announced, and for values that are not finite; `ERR_MEMORY`.
    pub fn append(&mut self, index: usize, count: usize, fill: impl FnOnce(&mut [f32])) -> Result<()> {
        let wrong = || Error::format("The optimizer's state has more elements than were announced");
        let (from, len) = self.written.get(index).copied().ok_or_else(wrong)?;
        let end = from.checked_add(count).filter(|&end| end <= len).ok_or_else(wrong)?;
        let place = &self.places[index];
        let fill = |into: &mut [f32]| {
            fill(into);
            match first_not_finite(into) {
                Some(_) => {
                    Err(Error::format(format!("The optimizer's state '{}' is not finite", place.name)))
                }
                None => Ok(()),
            }
        };
        match self.long.get_mut(&index) {
            Some(long) => {
                long.try_reserve(count).map_err(|_| Error::memory("no memory for the optimizer's state"))?;
                long.resize(end, 0.0);
                fill(&mut long[from..])?;
            }
            None => {
                let start = place.range.start;
                self.arenas[place.arena].write(start + from..start + end, fill)?;
            }
        }
        self.written[index].0 = end;
        Ok(())
    }

    /// `ERR_FORMAT` unless all states are there.
    pub(crate) fn check(&self) -> Result<()> {
        let cut = |&(_, &(done, all)): &(&Place, &(usize, usize))| done < all;
        let cut = self.places.iter().zip(&self.written).find(cut).map(|(place, _)| &place.name);
        match self.missing.keys().next().or(cut) {
            Some(name) => Err(Error::format(format!("The optimizer's state '{name}' is missing"))),
            None => Ok(()),
        }
    }
}

impl Optimizer {
    fn places(&self) -> Vec<Place> {
        let mut places = Places::new(&*self.rule);
        let whole = self.rule.whole().is_some();
        let trainable = self.slots.iter().enumerate().filter(|(_, slot)| slot.trainable);
        trainable
            .flat_map(|(weight, slot)| {
                let place = places.next(slot);
                self.kinds.iter().enumerate().map(move |(arena, (state, _))| {
                    let range = place.of(arena);
                    let long = Some(slot.len).filter(|&len| whole && len > range.len());
                    Place { name: format!("{}/{state}", slot.name), weight, arena, range, long }
                })
            })
            .collect()
    }

    /// A copy of the state of every trainable weight; with [`Self::step_count`] it is all that continuing needs.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub fn state(&self) -> Result<Vec<StateTensor>> {
        let copied = |Place { name, weight, arena, range, .. }: Place| {
            let slot = &self.slots[weight];
            let mut data: Vec<f32> = Vec::new();
            data.try_reserve_exact(range.len())
                .map_err(|_| Error::memory(format!("No memory to copy the optimizer's state '{name}'")))?;
            let shape = if range.len() == slot.len { slot.shape.clone() } else { vec![range.len()] };
            if self.begun {
                self.states[arena].values(range).each(|values| data.extend_from_slice(values));
            } else {
                data.resize(range.len(), self.kinds[arena].1);
            }
            Ok(StateTensor { name, shape, data })
        };
        self.places().into_iter().map(copied).collect()
    }

    /// What [`Self::state`] copies, not copied.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub fn saved_state(&mut self) -> Result<SavedState> {
        self.begin()?;
        Ok(SavedState { arenas: Arc::clone(&self.states), places: self.places() })
    }

    /// Memory for state that this optimizer will go on from.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub fn new_state(&self) -> Result<NewState> {
        let mut arenas = self.states.iter().map(Arena::alike).collect::<Result<Vec<_>>>()?;
        fill(&mut arenas, &self.kinds);
        let places = self.places();
        let missing = places.iter().enumerate().map(|(index, place)| (place.name.clone(), index)).collect();
        let written = vec![(0, 0); places.len()];
        Ok(NewState { arenas, places, missing, written, long: BTreeMap::new() })
    }

    /// Goes on from new state, after `step` batches.
    ///
    /// # Errors
    /// `ERR_FORMAT` if it is not all there, or that of another optimizer; this one stays as it is then.
    pub fn take_state(&mut self, step: u64, new: NewState) -> Result<()> {
        new.check()?;
        let NewState { mut arenas, places, long, .. } = new;
        if places != self.places() {
            return Err(Error::format("The state is that of another optimizer"));
        }
        for (index, data) in long {
            let place = &places[index];
            let whole = self.rule.whole().map(|whole| whole.shortened(&self.slots[place.weight], &data));
            let short = whole.filter(|short| short.len() == place.range.len());
            let short = short.ok_or_else(|| Error::format("The state is that of another optimizer"))?;
            arenas[place.arena].write(place.range.clone(), |into| {
                into.copy_from_slice(&short);
                Ok(())
            })?;
        }
        self.states = Arc::new(arenas);
        self.begun = true;
        self.renewed(step);
        Ok(())
    }

    /// Puts back what [`Self::state`] and [`Self::step_count`] gave, in any order; all or nothing.
    ///
    /// # Errors
    /// `ERR_FORMAT` when a state is missing, unknown, twice there, of another size, or not finite; `ERR_MEMORY`.
    pub fn restore(&mut self, step: u64, tensors: &[StateTensor]) -> Result<()> {
        let mut new = self.new_state()?;
        for StateTensor { name, data, .. } in tensors {
            let index = new.announce(name, data.len())?;
            new.append(index, data.len(), |into| into.copy_from_slice(data))?;
        }
        self.take_state(step, new)
    }
}
