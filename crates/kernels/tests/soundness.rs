//! What safe code outside of the crate may ask for must touch nothing but what it was given. Best run by Miri,
//! which sees what assertions cannot: `cargo +nightly miri test -p seqloom-kernels --test soundness`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use seqloom_kernels::{
    Activation, AlignedVec, CellBackward, CellForward, CellInput, CellKind, CellSpec, CellWeights, Chain,
    ChainOperands, Function, MAX_DIMS, Matrix, MatrixMut, Output, Precision, RowOrder, Scalar, Source, Step,
    View, pool, reference,
};

/// Held by tests that set the number of threads.
fn serial(threads: usize) -> MutexGuard<'static, ()> {
    static SERIAL: Mutex<()> = Mutex::new(());
    let guard = SERIAL.lock().unwrap_or_else(PoisonError::into_inner);
    pool::set_threads(threads).unwrap();
    guard
}

fn view(offset: usize, strides: &[usize]) -> View {
    let mut all = [0; MAX_DIMS];
    all[..strides.len()].copy_from_slice(strides);
    View { buffer: 0, offset, strides: all }
}

fn step(function: Function, sources: [Source; 3], output: Output) -> Step {
    Step { function, sources, output }
}

/// The target after a chain, on the kernels and on the reference.
fn both(
    steps: &[Step],
    dims: &[usize],
    reads: &[View],
    writes: &[View],
    source: &[f32],
    target: &[f32],
) -> [Vec<f32>; 2] {
    let chain = Chain::new(steps.to_vec());
    let run = |run: fn(&Chain, ChainOperands<'_, '_, f32>)| {
        let mut target = target.to_vec();
        let operands = ChainOperands { dims, reads, writes, sources: &[source], targets: &mut [&mut target] };
        run(&chain, operands);
        target
    };
    [run(<f32 as Scalar>::chain), run(reference::run_chain)]
}

fn counted(length: usize) -> Vec<f32> {
    (0..length).map(|i| i as f32).collect()
}

#[test]
fn storing_into_a_repeated_element_writes_that_element_alone() {
    let _serial = serial(2);
    let source = counted(4 * 600);
    let copy = [Source::Read(0); 3];
    let stored = step(Function::Copy, copy, Output::Store(0));
    let doubled =
        step(Function::Add, [Source::Step(0), Source::Step(0), Source::Constant(0.0)], Output::Store(1));
    for (dims, strides) in [
        (&[600][..], &[0][..]),
        (&[1], &[0]),
        (&[3, 600], &[1, 0]),
        (&[3, 5], &[7, 0]),
        (&[4, 600], &[0, 0]),
        (&[2, 2, 600], &[2, 1, 0]),
    ] {
        let mut dense = vec![1; dims.len()];
        for axis in (0..dims.len() - 1).rev() {
            dense[axis] = dense[axis + 1] * dims[axis + 1];
        }
        let reads = [view(0, &dense)];
        let writes = [view(5, strides)];
        let [got, expected] = both(&[stored], dims, &reads, &writes, &source, &[-1.0; 2000]);
        assert!(got == expected, "{dims:?} {strides:?}");
        // A later step reads what was stored, element by element.
        let writes = [view(5, strides), view(100, &dense)];
        let [got, expected] = both(&[stored, doubled], dims, &reads, &writes, &source, &[-1.0; 4000]);
        assert!(got == expected, "{dims:?} {strides:?}");
    }
}

#[test]
fn threads_never_share_an_element_of_overlapping_rows() {
    let _serial = serial(2);
    // Rows that begin one element after each other: column c of row 1 is column c + 1 of row 0.
    let columns = if cfg!(miri) { 1 << 14 } else { 1 << 17 };
    let source = counted(3 * columns);
    for strides in [[1, 1], [columns - 1, 1], [63, 1]] {
        let target = vec![0.0; 4 * columns];
        for output in [Output::Add(0), Output::Store(0)] {
            let steps = [step(Function::Copy, [Source::Read(0); 3], output)];
            let reads = [view(0, &[columns, 1])];
            let [got, expected] = both(&steps, &[3, columns], &reads, &[view(0, &strides)], &source, &target);
            assert!(got == expected, "{strides:?} {output:?}");
        }
    }
}

#[test]
fn sizes_of_a_chain_that_wrap_are_refused_or_right() {
    let copy = step(Function::Copy, [Source::Read(0); 3], Output::Store(0));
    let chain = Chain::new(vec![copy]);
    let (source, mut target) = ([1.0f32; 4], [0.0f32; 4]);
    for (dims, strides) in [
        (&[2, 1 << 40, 1 << 40][..], &[usize::MAX / 2 + 2, 0, 0][..]),
        (&[3, 2], &[usize::MAX, 1]),
        (&[2, 2], &[usize::MAX - 1, 1]),
        (&[usize::MAX], &[1]),
    ] {
        let refused = catch_unwind(AssertUnwindSafe(|| {
            let operands = ChainOperands {
                dims,
                reads: &[view(0, strides)],
                writes: &[view(0, strides)],
                sources: &[&source],
                targets: &mut [&mut target],
            };
            f32::chain(&chain, operands);
        }));
        assert!(refused.is_err(), "{dims:?}");
    }
    assert_eq!(target, [0.0; 4]);
    let beyond = Source::Read(usize::MAX);
    assert!(catch_unwind(|| Chain::new(vec![step(Function::Copy, [beyond; 3], Output::Nothing)])).is_err());
    let beyond = Output::Store(usize::MAX);
    assert!(catch_unwind(|| Chain::new(vec![step(Function::Copy, [Source::Read(0); 3], beyond)])).is_err());
}

/// A payload that panics again when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            resume_unwind(Box::new("dropped"));
        }
    }
}

#[test]
fn regions_end_whatever_their_members_panic_with() {
    let _serial = serial(3);
    for _ in 0..if cfg!(miri) { 2 } else { 50 } {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            pool::run(|team| {
                team.barrier();
                resume_unwind(Box::new(Bomb));
            });
        }));
        std::mem::forget(outcome.unwrap_err());
    }
    // The team is whole again, if it is not smaller because others use the cores.
    pool::set_threads(3).unwrap();
    let seen = Mutex::new(Vec::new());
    pool::run(|team| seen.lock().unwrap().push((team.index(), team.size())));
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    assert_eq!(seen, [(0, 3), (1, 3), (2, 3)]);
}

#[test]
fn blocks_of_any_length_are_handed_out_once() {
    let _serial = serial(3);
    // Elements without a size, as many as there can be.
    let mut many = vec![(); usize::MAX];
    let starts = Mutex::new(Vec::new());
    pool::each_block([&mut many], usize::MAX / 2, true, |start, [part]| {
        starts.lock().unwrap().push((start, part.len()));
    });
    let mut starts = starts.into_inner().unwrap();
    starts.sort_unstable();
    let half = usize::MAX / 2;
    assert_eq!(starts, [(0, half), (half, half), (2 * half, 1)]);
}

#[test]
fn products_stay_inside_of_their_matrices() {
    let _serial = serial(2);
    let (a, b) = (counted(40), counted(40));
    // Without a depth: nothing is read, whatever the strides say.
    for (rows, columns) in [(300, 5), (2, 700), (120, 300)] {
        let far = usize::MAX / 2;
        let left = Matrix { data: &a[..0], rows, columns: 0, row_stride: far, column_stride: far };
        let right = Matrix { data: &b[..0], rows: 0, columns, row_stride: far, column_stride: far };
        let mut c = vec![1.0f32; rows * columns];
        f32::gemm(left, right, MatrixMut::new(&mut c, rows, columns), true);
        assert!(c.iter().all(|&c| c == 1.0));
        let bias = counted(columns);
        f32::gemm_bias(Precision::Float32, left, right, &bias, MatrixMut::new(&mut c, rows, columns));
        assert!(c.chunks_exact(columns).all(|row| row == bias));
        f32::gemm(left, right, MatrixMut::new(&mut c, rows, columns), false);
        assert!(c.iter().all(|&c| c == 0.0));
        let mut packed = None;
        f32::pack_matrix(right, Precision::Float32, &mut packed).unwrap();
        let left = Matrix { column_stride: 1, ..left };
        c.fill(1.0);
        f32::gemm_packed(left, packed.as_ref().unwrap(), MatrixMut::new(&mut c, rows, columns), true);
        assert!(c.iter().all(|&c| c == 1.0));
        f32::gemm_packed(left, packed.as_ref().unwrap(), MatrixMut::new(&mut c, rows, columns), false);
        assert!(c.iter().all(|&c| c == 0.0));
    }
    // Rows at the very end of their slices, whose strides lead beyond.
    for (depth, row_stride) in [(1, usize::MAX / 2), (2, 38), (3, 19)] {
        for columns in [1, 2] {
            let left = Matrix { data: &a, rows: 2, columns: depth, row_stride: 20, column_stride: 1 };
            let right = Matrix { data: &b, rows: depth, columns, row_stride, column_stride: 1 };
            let (mut got, mut expected) = (vec![0.0f32; 40], vec![0.0f32; 40]);
            let target = |data| MatrixMut { data, rows: 2, columns, row_stride: 40 - columns };
            f32::gemm(left, right, target(&mut got), false);
            reference::gemm(left, right, target(&mut expected), false);
            assert_eq!(got, expected);
        }
    }
    let wide = counted(64 * 3);
    let right = Matrix { data: &wide[..130], rows: 2, columns: 64, row_stride: 66, column_stride: 1 };
    let left = Matrix { data: &a, rows: 2, columns: 2, row_stride: 38, column_stride: 1 };
    let (mut got, mut expected) = (vec![0.0f32; 128], vec![0.0f32; 128]);
    f32::gemm(left, right, MatrixMut::new(&mut got, 2, 64), false);
    reference::gemm(left, right, MatrixMut::new(&mut expected, 2, 64), false);
    assert_eq!(got, expected);
}

#[test]
fn views_that_exceed_their_slices_are_refused() {
    let a = counted(16);
    let whole = Matrix::new(&a, 4, 4);
    for wrong in [
        Matrix { row_stride: 5, ..whole },
        Matrix { rows: 5, ..whole },
        Matrix { row_stride: usize::MAX, ..whole },
        Matrix { rows: usize::MAX, row_stride: usize::MAX, ..whole },
        Matrix { column_stride: usize::MAX / 3 + 1, ..whole },
    ] {
        let refused = |a: Matrix<'_, f32>, b: Matrix<'_, f32>| {
            let mut c = vec![0.0; 16];
            catch_unwind(AssertUnwindSafe(|| f32::gemm(a, b, MatrixMut::new(&mut c, 4, 4), false))).is_err()
        };
        assert!(refused(wrong, whole) && refused(whole, wrong), "{wrong:?}");
        assert!(catch_unwind(|| f32::pack_matrix(wrong, Precision::Float32, &mut None)).is_err());
    }
    let mut c = vec![0.0; 16];
    for (row_stride, rows) in [(3, 4), (usize::MAX, 4), (4, 5)] {
        let mut wrong = MatrixMut::new(&mut c, rows, 4);
        wrong.row_stride = row_stride;
        assert!(catch_unwind(AssertUnwindSafe(|| f32::gemm(whole, whole, wrong, false))).is_err());
    }
}

#[test]
fn cells_have_sizes_that_no_product_exceeds() {
    let new =
        |input, hidden| CellSpec::new(CellKind::Lstm, input, hidden, Activation::Tanh, Activation::Sigmoid);
    for (input, hidden) in [(0, 1), (1, 0), (usize::MAX, 1), (1, usize::MAX), (1 << 60, 1 << 60)] {
        assert!(new(input, hidden).is_err());
    }
    let most = 1 << (usize::BITS / 2 - 6);
    let spec = new(most, most).unwrap();
    assert_eq!((spec.input(), spec.hidden(), spec.gates()), (most, most, 4));
    assert_eq!(spec.kernel_len(), 4 * most * most);
    assert_eq!(f32::cell_sizes(&spec, usize::MAX / 2, 1), None);
    assert_eq!(f32::cell_sizes(&spec, 1, usize::MAX / 2), None);
    assert_eq!(f32::token_workspace(&spec, usize::MAX), None);
}

/// Few rows, split among more threads than there are blocks of units: the part of a member may lie beyond the rows
/// of a step.
#[test]
fn cells_stay_inside_of_their_buffers() {
    let _serial = serial(2);
    let (batch, input, hidden) = (6, 330, 16);
    for kind in [
        CellKind::Rnn,
        CellKind::Lstm,
        CellKind::Gru { reset_after: true },
        CellKind::Gru { reset_after: false },
    ] {
        let spec = CellSpec::new(kind, input, hidden, Activation::Tanh, Activation::Sigmoid).unwrap();
        let (kernel, recurrent) = (vec![0.001; spec.kernel_len()], vec![0.01; spec.recurrent_len()]);
        let weights = CellWeights { kernel: &kernel, recurrent: &recurrent, bias: None };
        let mut packed = None;
        f32::pack_cell(&spec, weights, true, Precision::Float32, &mut packed).unwrap();
        let packed = packed.unwrap();
        let steps = [0, 6, 9, 9];
        let rows = 9;
        let sizes = f32::cell_sizes(&spec, rows, batch).unwrap();
        let buffer = |length: usize| AlignedVec::<f32>::try_new(length).unwrap();
        let x = vec![0.5; rows * input];
        let (mut y, mut stash) = (vec![0.0; rows * hidden], buffer(sizes.stash));
        let mut workspace = buffer(sizes.forward_workspace.max(sizes.backward_workspace));
        f32::cell_forward(
            &spec,
            &packed,
            CellForward {
                steps: &steps,
                x: CellInput::Rows(&x),
                x_order: RowOrder::Packed,
                h0: None,
                c0: None,
                y: &mut y,
                y_order: RowOrder::Packed,
                c_last: None,
                stash: Some(&mut stash),
                segment: None,
                workspace: &mut workspace,
                cancel: None,
            },
        );
        let (mut dx, mut d_kernel, mut d_recurrent) =
            (x.clone(), vec![0.0; kernel.len()], vec![0.0; recurrent.len()]);
        let (dy, mut dh0) = (vec![1.0; y.len()], vec![0.0; batch * hidden]);
        f32::cell_backward(
            &spec,
            &packed,
            CellBackward {
                steps: &steps,
                x: CellInput::Rows(&x),
                h0: None,
                c0: None,
                y: &y,
                stash: &mut stash,
                segment: None,
                dy: &dy,
                dc_last: None,
                dx: Some(&mut dx),
                dh0: Some(&mut dh0),
                dc0: None,
                d_kernel: &mut d_kernel,
                d_recurrent: &mut d_recurrent,
                d_bias: None,
                workspace: &mut workspace,
                cancel: None,
            },
        );
        // Equal rows have equal gradients, whichever member computed them.
        for rows in [&dh0[..3 * hidden], &dh0[3 * hidden..]] {
            assert!(rows.chunks_exact(hidden).all(|row| row == &rows[..hidden]), "{kind:?}");
        }
        assert!(dx.iter().chain(&d_kernel).chain(&d_recurrent).all(|value| value.is_finite()));
    }
}

// Miri ends where it has no memory.
#[test]
#[cfg_attr(miri, ignore)]
fn buffers_of_any_size_are_refused_or_whole() {
    for length in [usize::MAX, usize::MAX / 4 + 1, isize::MAX as usize / 4 + 1, 1 << 60] {
        assert!(AlignedVec::<f32>::try_new(length).is_err());
        assert!(AlignedVec::<f32>::try_any(length).is_err());
        let mut buffer = AlignedVec::<f32>::try_new(3).unwrap();
        assert!(buffer.try_grow(length).is_err() && buffer.len() == 3);
    }
}
