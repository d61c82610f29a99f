//! Arrays on their way into the engine and out of it.

use ndarray::{Array, ArrayD, ArrayView, ArrayView2, ArrayViewD, ArrayViewMutD, Dimension, IxDyn};
use seqloom_graph::{Buffer, Error, HostTensor, Result, Sequence, TensorData};

#[derive(Debug, Clone)]
enum Values<'a> {
    Float(ArrayViewD<'a, f32>),
    Int(ArrayViewD<'a, i32>),
}

/// The rows of one input, or what an output is trained towards: a borrowed array, batch first, of `f32` values or
/// of `i32` tokens or labels.
///
/// Steps of a sequence that are padding are named by [`Self::lengths`] or [`Self::mask`].
#[derive(Debug, Clone)]
pub struct Input<'a> {
    values: Values<'a>,
    sequence: Sequence,
}

impl Input<'_> {
    /// The first `lengths[row]` steps of each row hold data; the rest is padding.
    #[must_use]
    pub fn lengths(self, lengths: impl Into<Vec<u32>>) -> Self {
        Self { sequence: Sequence::Lengths(lengths.into()), ..self }
    }

    /// The steps that are true in `mask`, `[batch, time]`, hold data.
    #[must_use]
    pub fn mask(self, mask: ArrayView2<'_, bool>) -> Self {
        Self { sequence: Sequence::Mask(mask.iter().map(|&valid| u8::from(valid)).collect()), ..self }
    }

    fn tensor(&self) -> Result<HostTensor> {
        let (data, shape) = match &self.values {
            Values::Float(view) => {
                let copied = Buffer::build(view.len(), "The data", |target| {
                    ArrayViewMutD::from_shape(view.raw_dim(), target).map_err(fault)?.assign(view);
                    Ok(())
                })?;
                (TensorData::F32(copied), view.shape())
            }
            Values::Int(view) => {
                let mut copied = Vec::new();
                let no_memory = |_| Error::memory(format!("No memory for {} tokens or labels", view.len()));
                copied.try_reserve_exact(view.len()).map_err(no_memory)?;
                copied.extend(view);
                (TensorData::I32(copied), view.shape())
            }
        };
        Ok(HostTensor { data, shape: shape.to_vec(), sequence: self.sequence.clone() })
    }
}

/// One array for each input of a model, or for each of its outputs: made from one array, or from a list of [`Input`].
#[derive(Debug, Clone, Default)]
pub struct Inputs<'a>(Vec<Input<'a>>);

impl Inputs<'_> {
    pub(crate) fn tensors(&self) -> Result<Vec<HostTensor>> {
        self.0.iter().map(Input::tensor).collect()
    }
}

macro_rules! from_arrays {
    ($($number:ty => $variant:ident),*) => {$(
        impl<'a, D: Dimension> From<ArrayView<'a, $number, D>> for Input<'a> {
            fn from(view: ArrayView<'a, $number, D>) -> Self {
                Self { values: Values::$variant(view.into_dyn()), sequence: Sequence::Full }
            }
        }

        impl<'a, D: Dimension> From<&'a Array<$number, D>> for Input<'a> {
            fn from(array: &'a Array<$number, D>) -> Self {
                array.view().into()
            }
        }

        impl<'a, D: Dimension> From<ArrayView<'a, $number, D>> for Inputs<'a> {
            fn from(view: ArrayView<'a, $number, D>) -> Self {
                Self(vec![view.into()])
            }
        }

        impl<'a, D: Dimension> From<&'a Array<$number, D>> for Inputs<'a> {
            fn from(array: &'a Array<$number, D>) -> Self {
                array.view().into()
            }
        }
    )*};
}
from_arrays!(f32 => Float, i32 => Int);

impl<'a> From<Input<'a>> for Inputs<'a> {
    fn from(input: Input<'a>) -> Self {
        Self(vec![input])
    }
}

impl<'a> From<Vec<Input<'a>>> for Inputs<'a> {
    fn from(inputs: Vec<Input<'a>>) -> Self {
        Self(inputs)
    }
}

impl<'a, const N: usize> From<[Input<'a>; N]> for Inputs<'a> {
    fn from(inputs: [Input<'a>; N]) -> Self {
        Self(inputs.into())
    }
}

/// A result as an array.
pub(crate) fn array(tensor: &HostTensor) -> Result<ArrayD<f32>> {
    match &tensor.data {
        TensorData::F32(data) => view(&tensor.shape, data).map(|view| view.to_owned()),
        TensorData::I32(_) => Err(Error::native("A result is not of floating-point numbers")),
    }
}

/// Elements in an array's order as an array.
pub(crate) fn view<'a>(shape: &[usize], data: &'a [f32]) -> Result<ArrayViewD<'a, f32>> {
    ArrayViewD::from_shape(IxDyn(shape), data).map_err(fault)
}

fn fault(error: ndarray::ShapeError) -> Error {
    Error::native(format!("An array has another shape than its elements: {error}"))
}
