//! What the fused recurrent cells take: their description, weights, and the arguments of one call.

use std::fmt;
use std::sync::atomic::AtomicBool;

use crate::{Activation, CellInput, Int8Matrix, RowOrder};

/// The recurrence of a fused cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellKind {
    /// h = act(x·W + h'·U + b) (Elman 1990).
    Rnn,
    /// Long short-term memory with a forget gate (Gers et al. 2000), gates in the order i, f, c, o.
    Lstm,
    /// Gated recurrent unit (Cho et al. 2014), gates in the order z, r, h.
    Gru {
        /// Whether the reset gate multiplies h'·U_h + b (cuDNN, the default of Keras), rather than h' itself.
        reset_after: bool,
    },
}

/// A fused cell: its recurrence, sizes and activations. Only [`CellSpec::new`] makes one, so that no product of its
/// sizes overflows:
///
/// ```compile_fail
/// # use seqloom_kernels::{Activation, CellKind, CellSpec};
/// let spec = CellSpec::new(CellKind::Rnn, 1, 1, Activation::Tanh, Activation::Tanh).unwrap();
/// let wrong = CellSpec { input: usize::MAX, ..spec };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellSpec {
    kind: CellKind,
    input: usize,
    hidden: usize,
    activation: Activation,
    recurrent_activation: Activation,
}

/// Why there is no such cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecError {
    /// The derivative of this activation is not a function of its output, which the fused cells need.
    Activation(Activation),
    /// A size is zero or too large for any machine.
    Size {
        /// The input size asked for.
        input: usize,
        /// The hidden size asked for.
        hidden: usize,
    },
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Activation(activation) => write!(
                f,
                "activation {activation:?} is not available in a fused recurrent cell; use Linear, Relu, Sigmoid, \
                 Tanh, HardSigmoid, HardSigmoidKeras2, Softsign, Elu, Selu, Exponential, Relu6 or LeakyRelu"
            ),
            Self::Size { input, hidden } => {
                write!(f, "a cell with {input} inputs and {hidden} units is empty or too large")
            }
        }
    }
}

impl std::error::Error for SpecError {}

impl CellSpec {
    /// Describes a cell.
    ///
    /// # Errors
    /// [`SpecError`] if an activation has no derivative from its output, or a size is zero or absurdly large.
    pub fn new(
        kind: CellKind,
        input: usize,
        hidden: usize,
        activation: Activation,
        recurrent_activation: Activation,
    ) -> Result<Self, SpecError> {
        for kind in [activation, recurrent_activation] {
            if !kind.derives_from_output() {
                return Err(SpecError::Activation(kind));
            }
        }
        // Keeps every product of two sizes and a small factor far from overflow.
        let limit = 1usize << (usize::BITS / 2 - 6);
        if input == 0 || hidden == 0 || input > limit || hidden > limit {
            return Err(SpecError::Size { input, hidden });
        }
        Ok(Self { kind, input, hidden, activation, recurrent_activation })
    }

    /// The recurrence.
    pub const fn kind(&self) -> CellKind {
        self.kind
    }

    /// Features of one input step, at least 1.
    pub const fn input(&self) -> usize {
        self.input
    }

    /// Units of the state, at least 1.
    pub const fn hidden(&self) -> usize {
        self.hidden
    }

    /// Activation of the candidate (and of the LSTM's output).
    pub const fn activation(&self) -> Activation {
        self.activation
    }

    /// Activation of the gates; ignored by the simple RNN.
    pub const fn recurrent_activation(&self) -> Activation {
        self.recurrent_activation
    }

    /// Number of gates: 1 for the simple RNN, 4 for the LSTM, 3 for the GRU.
    pub const fn gates(&self) -> usize {
        match self.kind {
            CellKind::Rnn => 1,
            CellKind::Lstm => 4,
            CellKind::Gru { .. } => 3,
        }
    }

    /// How many threads a step of so many sequences is worth.
    pub const fn worth_threads(&self, batch: usize) -> usize {
        /// Multiplications that take some six times as long as a thread more makes a barrier.
        const OF_ONE: usize = 1 << 14;
        batch.saturating_mul(self.gates() * self.hidden).saturating_mul(self.hidden + self.input) / OF_ONE
    }

    /// Elements of the input kernel: `input × gates·hidden`.
    pub const fn kernel_len(&self) -> usize {
        self.input * self.gates() * self.hidden
    }

    /// Elements of the recurrent kernel: `hidden × gates·hidden`.
    pub const fn recurrent_len(&self) -> usize {
        self.hidden * self.gates() * self.hidden
    }

    /// Elements of the bias: `gates·hidden`, twice that for the reset-after GRU.
    pub const fn bias_len(&self) -> usize {
        let one = self.gates() * self.hidden;
        if matches!(self.kind, CellKind::Gru { reset_after: true }) { 2 * one } else { one }
    }
}

/// A cell's weights in Keras's layout: `kernel` [input, gates·hidden], `recurrent` [hidden, gates·hidden], `bias`
/// [gates·hidden], or [2, 3·hidden] (input bias, then recurrent bias) for the reset-after GRU.
#[derive(Debug, Clone, Copy)]
pub struct CellWeights<'a, T> {
    /// Input kernel.
    pub kernel: &'a [T],
    /// Recurrent kernel.
    pub recurrent: &'a [T],
    /// Bias; `None` is zero.
    pub bias: Option<&'a [T]>,
}

impl<T> CellWeights<'_, T> {
    /// # Panics
    /// If a slice does not have the length that the cell needs.
    pub(crate) fn check(&self, spec: &CellSpec) {
        assert_eq!(self.kernel.len(), spec.kernel_len(), "length of the input kernel");
        assert_eq!(self.recurrent.len(), spec.recurrent_len(), "length of the recurrent kernel");
        assert!(self.bias.is_none_or(|b| b.len() == spec.bias_len()), "length of the bias");
    }
}

/// A matrix of a cell whose weights are integers, or some of them.
#[derive(Debug, Clone, Copy)]
pub enum CellMatrix<'a, T> {
    /// Floats, as in [`CellWeights`].
    Float(&'a [T]),
    /// Integers with a scale for each column.
    Int8(Int8Matrix<'a>),
}

impl<T> CellMatrix<'_, T> {
    fn is(&self, rows: usize, columns: usize) -> bool {
        match self {
            Self::Float(values) => values.len() == rows * columns,
            Self::Int8(matrix) => {
                matrix.check();
                matrix.rows == rows && matrix.columns == columns
            }
        }
    }
}

/// A cell's weights in the layout of [`CellWeights`], for inference.
#[derive(Debug, Clone, Copy)]
pub struct Int8CellWeights<'a, T> {
    /// Input kernel.
    pub kernel: CellMatrix<'a, T>,
    /// Recurrent kernel.
    pub recurrent: CellMatrix<'a, T>,
    /// Bias; `None` is zero.
    pub bias: Option<&'a [T]>,
}

impl<T> Int8CellWeights<'_, T> {
    /// # Panics
    /// If the weights are not of the sizes that the cell needs.
    pub(crate) fn check(&self, spec: &CellSpec) {
        let columns = spec.gates() * spec.hidden;
        assert!(self.kernel.is(spec.input, columns), "size of the input kernel");
        assert!(self.recurrent.is(spec.hidden, columns), "size of the recurrent kernel");
        assert!(self.bias.is_none_or(|b| b.len() == spec.bias_len()), "length of the bias");
    }
}

/// Numbers of elements of the buffers that one call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellSizes {
    /// What the forward pass of a training step keeps for the backward pass.
    pub stash: usize,
    /// Scratch of the forward pass, with or without a stash.
    pub forward_workspace: usize,
    /// Scratch of the backward pass.
    pub backward_workspace: usize,
}

/// The arguments of a forward pass over packed rows.
///
/// Packed rows are PyTorch's packed sequence: step t's rows are `steps[t]..steps[t + 1]`, their counts never grow
/// with t, and row j of step t continues row j of step t − 1. `steps` has time + 1 entries and starts at 0.
#[derive(Debug)]
pub struct CellForward<'a, T> {
    /// First row of each step, then the number of rows.
    pub steps: &'a [usize],
    /// Input of each row.
    pub x: CellInput<'a, T>,
    /// Where the rows of x lie; other than packed only where the input kernel is int8.
    pub x_order: RowOrder,
    /// Initial state [batch, hidden]; `None` is zero.
    pub h0: Option<&'a [T]>,
    /// Initial cell state [batch, hidden] of an LSTM; `None` is zero. Ignored by other cells.
    pub c0: Option<&'a [T]>,
    /// Output [rows, hidden]: the state h after each row.
    pub y: &'a mut [T],
    /// Where the rows of y lie; other than packed only in inference.
    pub y_order: RowOrder,
    /// Cell state [batch, hidden] of an LSTM after each row's last step. Ignored by other cells.
    pub c_last: Option<&'a mut [T]>,
    /// Kept for the backward pass, of [`CellSizes::stash`] elements; `None` in inference.
    pub stash: Option<&'a mut [T]>,
    /// Steps of a segment, if only the states before each segment are kept, and the backward pass computes the gates
    /// again, one segment after another. At least 1. Without effect without a stash.
    pub segment: Option<usize>,
    /// Scratch of [`CellSizes::forward_workspace`] elements, plus [`crate::Scalar::token_workspace`] for tokens, with
    /// any contents. Fastest when 64-byte aligned.
    pub workspace: &'a mut [T],
    /// Polled once per chunk of time; when it is set the call returns early and all outputs are undefined.
    pub cancel: Option<&'a AtomicBool>,
}

/// The arguments of a backward pass over packed rows (see [`CellForward`]).
#[derive(Debug)]
pub struct CellBackward<'a, T> {
    /// First row of each step, then the number of rows.
    pub steps: &'a [usize],
    /// Input of the forward pass.
    pub x: CellInput<'a, T>,
    /// Initial state of the forward pass.
    pub h0: Option<&'a [T]>,
    /// Initial cell state of the forward pass.
    pub c0: Option<&'a [T]>,
    /// Output [rows, hidden] of the forward pass.
    pub y: &'a [T],
    /// The forward pass's stash; overwritten.
    pub stash: &'a mut [T],
    /// That of the forward pass.
    pub segment: Option<usize>,
    /// Gradient of the output [rows, hidden], including the gradients of last states.
    pub dy: &'a [T],
    /// Gradient of the last cell states [batch, hidden] of an LSTM; `None` is zero.
    pub dc_last: Option<&'a [T]>,
    /// Gradient of the input [rows, input] or of the table [vocabulary, input], overwritten; `None` if it is not
    /// needed.
    pub dx: Option<&'a mut [T]>,
    /// Gradient of the initial state [batch, hidden], overwritten.
    pub dh0: Option<&'a mut [T]>,
    /// Gradient of an LSTM's initial cell state [batch, hidden], overwritten. Ignored by other cells.
    pub dc0: Option<&'a mut [T]>,
    /// Gradient of the input kernel, added to.
    pub d_kernel: &'a mut [T],
    /// Gradient of the recurrent kernel, added to.
    pub d_recurrent: &'a mut [T],
    /// Gradient of the bias, added to.
    pub d_bias: Option<&'a mut [T]>,
    /// Scratch of [`CellSizes::backward_workspace`] elements, plus [`crate::Scalar::token_workspace`] for tokens, with
    /// any contents. Fastest when 64-byte aligned.
    pub workspace: &'a mut [T],
    /// Polled once per chunk of time; when it is set the call returns early and all outputs are undefined.
    pub cancel: Option<&'a AtomicBool>,
}

/// The number of rows and the batch size of packed steps.
///
/// # Panics
/// If the steps do not start at 0, decrease, or a step has more rows than the one before.
pub(crate) fn check_steps(steps: &[usize]) -> (usize, usize) {
    assert_eq!(steps.first(), Some(&0), "packed steps start at 0");
    let mut last = usize::MAX;
    for pair in steps.windows(2) {
        let count = pair[1].checked_sub(pair[0]).expect("packed steps never decrease");
        assert!(count <= last, "a packed step has no more rows than the step before it");
        last = count;
    }
    (steps[steps.len() - 1], steps.get(1).copied().unwrap_or(0))
}

/// Checks the number of rows of x and y; gives the sizes of buffers, and the length of a state.
fn check_rows<T>(
    spec: &CellSpec,
    steps: &[usize],
    (x, y): (&CellInput<'_, T>, &[T]),
    sizes: impl FnOnce(usize, usize) -> Option<CellSizes>,
) -> (CellSizes, Option<usize>) {
    let (rows, batch) = check_steps(steps);
    x.check(rows, spec.input);
    assert_eq!(Some(y.len()), rows.checked_mul(spec.hidden), "length of y");
    let sizes = sizes(rows, batch).expect("the sizes of a cell's buffers overflow");
    (sizes, batch.checked_mul(spec.hidden))
}

fn is_len<T>(slice: Option<&[T]>, length: Option<usize>) -> bool {
    slice.is_none_or(|s| Some(s.len()) == length)
}

impl<T> CellForward<'_, T> {
    /// # Panics
    /// If a slice does not have the length that the cell and the steps imply, with `tokens` more elements of scratch.
    pub(crate) fn check(
        &self,
        spec: &CellSpec,
        tokens: usize,
        sizes: impl FnOnce(usize, usize) -> Option<CellSizes>,
    ) {
        let (sizes, state) = check_rows(spec, self.steps, (&self.x, &*self.y), sizes);
        self.x_order.check(self.steps);
        self.y_order.check(self.steps);
        assert!(
            self.y_order == RowOrder::Packed || self.stash.is_none(),
            "the backward pass reads packed rows"
        );
        assert!(is_len(self.h0, state), "length of h0");
        assert!(self.stash.as_ref().is_none_or(|s| s.len() >= sizes.stash), "length of the stash");
        assert!(self.workspace.len() >= sizes.forward_workspace + tokens, "length of the workspace");
        if spec.kind == CellKind::Lstm {
            assert!(is_len(self.c0, state), "length of c0");
            assert!(is_len(self.c_last.as_deref(), state), "length of c_last");
        }
    }
}

impl<T> CellBackward<'_, T> {
    /// # Panics
    /// If a slice does not have the length that the cell and the steps imply, with `tokens` more elements of scratch.
    pub(crate) fn check(
        &self,
        spec: &CellSpec,
        tokens: usize,
        sizes: impl FnOnce(usize, usize) -> Option<CellSizes>,
    ) {
        let (sizes, state) = check_rows(spec, self.steps, (&self.x, self.y), sizes);
        assert_eq!(self.dy.len(), self.y.len(), "length of dy");
        assert!(is_len(self.dx.as_deref(), Some(self.x.matrix().len())), "length of dx");
        assert!(is_len(self.h0, state) && is_len(self.dh0.as_deref(), state), "length of h0 or dh0");
        assert!(self.stash.len() >= sizes.stash, "length of the stash");
        assert!(self.workspace.len() >= sizes.backward_workspace + tokens, "length of the workspace");
        assert_eq!(self.d_kernel.len(), spec.kernel_len(), "length of d_kernel");
        assert_eq!(self.d_recurrent.len(), spec.recurrent_len(), "length of d_recurrent");
        assert!(is_len(self.d_bias.as_deref(), Some(spec.bias_len())), "length of d_bias");
        if spec.kind == CellKind::Lstm {
            assert!(is_len(self.c0, state) && is_len(self.dc_last, state), "length of c0 or dc_last");
            assert!(is_len(self.dc0.as_deref(), state), "length of dc0");
        }
    }
}
