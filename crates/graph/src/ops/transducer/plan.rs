//! Which places of the grid the alignments of a batch go through.

use super::super::unaligned::target_of;
use super::grid::Cell;
use crate::error::{Error, Result};
use crate::mask::SequenceMask;
use crate::memory;
use seqloom_kernels::OutOfMemory;

/// What a plan is made from.
pub(super) struct Given<'a> {
    /// Rows, steps, and places of the predictor.
    pub(super) dims: [usize; 3],
    /// Of steps and places.
    pub(super) masks: [Option<&'a SequenceMask>; 2],
    pub(super) targets: &'a [i32],
    /// Of each row's target with what fills it up.
    pub(super) length: usize,
    pub(super) symbols: usize,
    pub(super) blank: usize,
    pub(super) zero_infinity: bool,
}

/// The numbers of a row's places, and its loss.
pub(super) struct Part<'a, T> {
    pub(super) blanks: &'a mut [T],
    pub(super) labels: &'a mut [T],
    pub(super) steps: usize,
    pub(super) loss: Result<f64, OutOfMemory>,
}

/// The places of a batch whose alignments write its targets, row after row.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) rows: Vec<Row>,
    /// The valid steps of all rows, and the places of their labels, as rows of the values of encoder and predictor.
    steps: Vec<usize>,
    places: Vec<usize>,
    /// What each place writes next, the blank after a row's last label.
    pub(super) next: Vec<i32>,
}

/// Where a row's parts begin, and how many they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    step: usize,
    steps: usize,
    place: usize,
    places: usize,
    cell: usize,
}

impl Row {
    fn cells(&self) -> usize {
        self.steps * self.places
    }
}

impl Plan {
    fn clear(&mut self, [batch, time, labels]: [usize; 3]) -> Result<()> {
        let what = "The places of the loss";
        let many =
            |size: Option<usize>| size.ok_or_else(|| Error::memory("the places of the loss are too many"));
        let (steps, places) = (many(batch.checked_mul(time))?, many(batch.checked_mul(labels))?);
        memory::refill(&mut self.steps, steps, 0, what)?;
        memory::refill(&mut self.places, places, 0, what)?;
        memory::refill(&mut self.next, places, 0, what)?;
        memory::refill(&mut self.rows, batch, Row { step: 0, steps: 0, place: 0, places: 0, cell: 0 }, what)?;
        self.rows.clear();
        self.steps.clear();
        self.places.clear();
        self.next.clear();
        Ok(())
    }

    pub(super) fn cells(&self) -> usize {
        self.rows.last().map_or(0, |row| row.cell + row.cells())
    }

    /// Row, index of what it writes next, and place in the grid, for all places.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, usize, Cell)> + Clone + '_ {
        self.rows.iter().enumerate().flat_map(move |(index, row)| {
            let steps = &self.steps[row.step..row.step + row.steps];
            let places = row.place..row.place + row.places;
            steps.iter().flat_map(move |&step| {
                places.clone().map(move |at| (index, at, Cell { step, place: self.places[at] }))
            })
        })
    }

    /// Cuts numbers of all places into those of rows.
    pub(super) fn parts<'p, T>(
        &self,
        mut blanks: &'p mut [T],
        mut labels: &'p mut [T],
    ) -> Result<Vec<Part<'p, T>>> {
        let mut parts = Vec::new();
        memory::room_for(self.rows.len().saturating_mul(size_of::<Part<'_, T>>()), "The losses")?;
        for row in &self.rows {
            let own = [&mut blanks, &mut labels].map(|from| {
                let (own, rest) = std::mem::take(from).split_at_mut(row.cells());
                *from = rest;
                own
            });
            let [blanks, labels] = own;
            parts.push(Part { blanks, labels, steps: row.steps, loss: Ok(0.0) });
        }
        Ok(parts)
    }

    /// Reads targets and masks.
    pub(super) fn read(&mut self, given: Given<'_>) -> Result<()> {
        let Given { dims: [batch, time, labels], masks, targets, length, symbols, blank, zero_infinity } =
            given;
        self.clear([batch, time, labels])?;
        let mut cell = 0;
        for index in 0..batch {
            let target = target_of(index, &targets[index * length..(index + 1) * length], symbols, blank)?;
            let valid = |mask: Option<&SequenceMask>, at| mask.is_none_or(|mask| mask.is_valid(index, at));
            let (step, place) = (self.steps.len(), self.places.len());
            self.steps.extend((0..time).filter(|&at| valid(masks[0], at)).map(|at| index * time + at));
            let read = (0..labels).filter(|&at| valid(masks[1], at));
            self.places.extend(read.take(target.len() + 1).map(|at| index * labels + at));
            let (steps, places) = (self.steps.len() - step, self.places.len() - place);
            check(index, steps, places, target.len(), zero_infinity)?;
            self.next.extend(target.iter().copied().chain([blank as i32]));
            self.rows.push(Row { step, steps, place, places, cell });
            cell += steps * places;
        }
        Ok(())
    }
}

/// Refuses a row whose target has no alignment, or whose predictor has not read all of it.
fn check(row: usize, steps: usize, places: usize, length: usize, zero_infinity: bool) -> Result<()> {
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let message = if places <= length {
        format!(
            "the predictor reads {} of row {row}, whose target has {}: it must read one more, a symbol that stands for the \
             start (such as the blank) and then the target, none of them masked",
            counted(places, "symbol"),
            counted(length, "symbol"),
        )
    } else if steps == 0 && length > 0 && !zero_infinity {
        format!(
            "row {row} has no valid step, but a target of {}: its loss is infinite; leave the row out, or take zeroInfinity: true",
            counted(length, "symbol")
        )
    } else {
        return Ok(());
    };
    Err(Error::data(message).at_row(row))
}
