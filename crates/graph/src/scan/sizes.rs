//! Sizes of the step's values that are not known before there is a batch: which of them must be equal.

use crate::error::Result;
use crate::ir::Call;
use crate::shape::{ANY, Meta, Shape};
use seqloom_kernels::Scalar;
use std::collections::HashSet;

/// Stand-ins for unknown sizes: numbers that no size, nor a sum or product of a few, is likely to be.
const STAND_INS: std::ops::RangeFrom<usize> = 10_007..;

/// The shapes of all values, with a stand-in for each unknown size after the batch dimension. Equal stand-ins are the
/// same size for every batch, as far as the operations tell; an operation that accepts only equal sizes makes them
/// equal.
pub(super) fn proven_shapes<T: Scalar>(nodes: &mut [Call<T>], metas: &[Meta], inputs: usize) -> Vec<Shape> {
    let known: HashSet<usize> = metas.iter().flat_map(|meta| meta.shape.dims()).copied().collect();
    let mut numbers = STAND_INS.step_by(1009).filter(|number| !known.contains(number));
    let mut stand_ins = Vec::new();
    let mut given: Vec<Meta> = metas[..inputs].to_vec();
    for meta in &mut given {
        for axis in 0..meta.shape.rank() {
            if !(meta.batched && axis == 0) && meta.shape.dims()[axis] == ANY {
                let number = numbers.next().unwrap_or(ANY);
                meta.shape.dims_mut()[axis] = number;
                stand_ins.push(number);
            }
        }
    }
    // Every round unites two sizes, or is the last.
    loop {
        let mut all = metas.to_vec();
        all[..inputs].copy_from_slice(&given);
        match nodes.iter_mut().try_for_each(|node| infer(node, &mut all, &stand_ins)) {
            Ok(()) => return all.iter().map(|meta| meta.shape).collect(),
            Err(Some((stand_in, size))) => {
                for dim in given.iter_mut().flat_map(|meta| meta.shape.dims_mut()) {
                    if *dim == stand_in {
                        *dim = size;
                    }
                }
            }
            // Shapes that are not understood stay as declared.
            Err(None) => return metas.iter().map(|meta| meta.shape).collect(),
        }
    }
}

/// Infers what a node defines; if it rejects its inputs, says which stand-in must be which size for it to accept them.
fn infer<T: Scalar>(
    node: &mut Call<T>,
    all: &mut [Meta],
    stand_ins: &[usize],
) -> std::result::Result<(), Option<(usize, usize)>> {
    let inputs: Vec<Meta> = node.inputs.iter().map(|&value| all[value]).collect();
    if let Ok(outputs) = inferred(node, &inputs) {
        node.outputs.iter().zip(outputs).for_each(|(&value, meta)| all[value] = meta);
        return Ok(());
    }
    let sizes: Vec<usize> = inputs.iter().flat_map(|meta| meta.shape.dims()).copied().collect();
    for &stand_in in sizes.iter().filter(|size| stand_ins.contains(size)) {
        for &size in sizes.iter().filter(|&&size| size != stand_in && size != ANY) {
            let mut changed = inputs.clone();
            for dim in changed.iter_mut().flat_map(|meta| meta.shape.dims_mut()) {
                if *dim == stand_in {
                    *dim = size;
                }
            }
            if inferred(node, &changed).is_ok() {
                return Err(Some((stand_in, size)));
            }
        }
    }
    Err(None)
}

fn inferred<T: Scalar>(node: &mut Call<T>, inputs: &[Meta]) -> Result<Vec<Meta>> {
    let mut outputs = vec![Meta::float(Shape::SCALAR); node.outputs.len()];
    node.op.infer(inputs, &mut outputs)?;
    Meta::derive_batch(inputs, &mut outputs);
    Ok(outputs)
}
