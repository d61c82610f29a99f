//! Int8 weights in the order in which tiles read them.

use std::ops::Range;

use super::unit::Unit;
use super::{GROUP, Int8Matrix};
use crate::{AlignedVec, OutOfMemory, pool};

/// Panels of two vectors' width: for each group of [`GROUP`] rows of the matrix, the group's weights column by column.
#[derive(Debug)]
pub(crate) struct Panels {
    data: AlignedVec<i8>,
    /// Of each column; zero for columns that fill up a panel.
    scales: AlignedVec<f32>,
    /// What the sums contain besides the products: the offset of the rows' numbers times the weights of the column.
    excess: AlignedVec<i32>,
    width: usize,
    groups: usize,
}

/// Memory that the members of a team write in disjoint parts.
struct Targets {
    data: *mut i8,
    scales: *mut f32,
    excess: *mut i32,
}
// SAFETY: see `Panels::pack`.
unsafe impl Sync for Targets {}

impl Panels {
    /// Panels of columns of a matrix: `columns(panel)` are those of a panel.
    pub(crate) fn pack(
        unit: Unit,
        matrix: Int8Matrix<'_>,
        width: usize,
        count: usize,
        columns: impl Fn(usize) -> Range<usize> + Sync,
    ) -> Result<Self, OutOfMemory> {
        matrix.check();
        let groups = matrix.rows.div_ceil(GROUP);
        let overflow = OutOfMemory { bytes: None };
        let all = count.checked_mul(width).ok_or(overflow)?;
        let length = all.checked_mul(groups * GROUP).ok_or(overflow)?;
        let mut panels = Self {
            data: AlignedVec::try_new(length)?,
            scales: AlignedVec::try_new(all)?,
            excess: AlignedVec::try_new(all)?,
            width,
            groups,
        };
        let targets = Targets {
            data: panels.data.as_mut_ptr(),
            scales: panels.scales.as_mut_ptr(),
            excess: panels.excess.as_mut_ptr(),
        };
        let [row, column] = if matrix.transposed { [1, matrix.rows] } else { [matrix.columns, 1] };
        let size = groups * GROUP * width;
        pool::in_parts(length >= 1 << 15, |part| {
            let targets = &targets;
            for panel in part.split(count, 1) {
                // SAFETY: panel `panel` is inside the buffers, which are borrowed exclusively, and one part's.
                let (data, scales, excess) = unsafe {
                    (
                        std::slice::from_raw_parts_mut(targets.data.add(panel * size), size),
                        std::slice::from_raw_parts_mut(targets.scales.add(panel * width), width),
                        std::slice::from_raw_parts_mut(targets.excess.add(panel * width), width),
                    )
                };
                let columns = columns(panel);
                assert!(columns.len() <= width, "columns of a panel");
                scales[..columns.len()].copy_from_slice(&matrix.scales[columns.clone()]);
                for k in 0..matrix.rows {
                    let into = data[k / GROUP * GROUP * width + k % GROUP..].iter_mut().step_by(GROUP);
                    let from = matrix.values[k * row..].iter().skip(columns.start * column).step_by(column);
                    for ((into, &weight), excess) in into.zip(from.take(columns.len())).zip(&mut *excess) {
                        *into = weight;
                        *excess = excess.wrapping_add(i32::from(unit.offset()) * i32::from(weight));
                    }
                }
            }
        });
        Ok(panels)
    }

    pub(super) fn data(&self) -> &[i8] {
        &self.data
    }

    pub(super) fn scales(&self) -> &[f32] {
        &self.scales
    }

    pub(super) fn excess(&self) -> &[i32] {
        &self.excess
    }

    /// Groups of a column.
    pub(crate) const fn groups(&self) -> usize {
        self.groups
    }

    /// The number of panels.
    pub(crate) fn count(&self) -> usize {
        self.scales.len() / self.width
    }

    pub(super) const fn width(&self) -> usize {
        self.width
    }
}
