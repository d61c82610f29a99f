//! Fused recurrent cells for `f32`: a whole sequence, forward or backward, in one region of the pool.
//!
//! Units are handled in *blocks* of a panel's width (two vectors), the last one padded with zeros. Gates are stored
//! as *planes*: all rows of one gate of one block, dense (see `layout`). So every matrix product reads and writes
//! them in place: the input projection of a chunk of time writes planes, a step adds the recurrent part and applies
//! the gates, the backward step overwrites gates with their gradients, and the products that end the backward pass
//! take the planes as their panels.
//!
//! If the rows suffice, the members of the team take groups of them from a queue, each through a chunk of time after
//! another, and never wait for one another (see `row_groups`). Otherwise the blocks are split among them, and a step
//! ends with one barrier, since the next one reads the whole state.

mod activations;
mod backward;
mod backward_gates;
mod each_vector;
mod few_rows;
mod forward;
mod forward_gates;
mod gradients;
mod input_projection;
mod int8;
mod layout;
mod pack;
mod pass;
mod recurrent_product;
mod row_groups;
mod segments;
mod share;

#[cfg(test)]
mod int8_tests;
#[cfg(test)]
mod tests;
mod tokens;
mod weight_gradients;

pub(crate) use forward::cell_forward;
pub(crate) use int8::{int8_workspace, pack_int8_cell};
pub(crate) use layout::{cell_sizes, segment_sizes};
pub use pack::PackedCell;
pub(crate) use pack::pack_cell;
pub(crate) use segments::cell_backward;
pub(crate) use tokens::token_workspace;
