//! The reference cells' gradients against finite differences in float64.

use crate::tests::noise;
use crate::{
    Activation, CellBackward, CellForward, CellInput, CellKind, CellSpec, CellWeights, Precision, RowOrder,
    Scalar,
};

/// Kernel, recurrent kernel, bias, x, h0, c0: what the loss is a function of.
type Variables = [Vec<f64>; 6];

struct Check {
    spec: CellSpec,
    steps: Vec<usize>,
    dy: Vec<f64>,
    dc_last: Vec<f64>,
}

impl Check {
    fn packed(&self, variables: &Variables) -> <f64 as Scalar>::PackedCell {
        let mut packed = None;
        let [kernel, recurrent, bias, ..] = variables;
        let weights = CellWeights { kernel, recurrent, bias: Some(bias) };
        f64::pack_cell(&self.spec, weights, true, Precision::Float32, &mut packed).unwrap();
        packed.unwrap()
    }

    /// (y, c_last), filling the stash.
    fn forward(&self, variables: &Variables, stash: &mut [f64]) -> (Vec<f64>, Vec<f64>) {
        let [.., x, h0, c0] = variables;
        let (mut y, mut c_last) = (vec![0.0; self.dy.len()], vec![0.0; self.dc_last.len()]);
        let sizes = self.sizes();
        f64::cell_forward(
            &self.spec,
            &self.packed(variables),
            CellForward {
                steps: &self.steps,
                x: CellInput::Rows(x),
                x_order: RowOrder::Packed,
                h0: Some(h0),
                c0: Some(c0),
                y: &mut y,
                y_order: RowOrder::Packed,
                c_last: Some(&mut c_last),
                stash: Some(stash),
                segment: None,
                workspace: &mut vec![0.0; sizes.forward_workspace],
                cancel: None,
            },
        );
        (y, c_last)
    }

    fn sizes(&self) -> crate::CellSizes {
        f64::cell_sizes(&self.spec, *self.steps.last().unwrap(), self.steps[1]).unwrap()
    }

    fn loss(&self, variables: &Variables) -> f64 {
        let (y, c_last) = self.forward(variables, &mut vec![0.0; self.sizes().stash]);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        dot(&y, &self.dy) + dot(&c_last, &self.dc_last)
    }

    fn gradients(&self, variables: &Variables) -> Variables {
        let sizes = self.sizes();
        let mut stash = vec![0.0; sizes.stash];
        let (y, _) = self.forward(variables, &mut stash);
        let mut gradients = variables.clone().map(|v| vec![0.0; v.len()]);
        let [d_kernel, d_recurrent, d_bias, dx, dh0, dc0] = &mut gradients;
        let [.., x, h0, c0] = variables;
        f64::cell_backward(
            &self.spec,
            &self.packed(variables),
            CellBackward {
                steps: &self.steps,
                x: CellInput::Rows(x),
                h0: Some(h0),
                c0: Some(c0),
                y: &y,
                stash: &mut stash,
                segment: None,
                dy: &self.dy,
                dc_last: Some(&self.dc_last),
                dx: Some(dx),
                dh0: Some(dh0),
                dc0: Some(dc0),
                d_kernel,
                d_recurrent,
                d_bias: Some(d_bias),
                workspace: &mut vec![0.0; sizes.backward_workspace],
                cancel: None,
            },
        );
        gradients
    }
}

#[test]
fn cells_match_finite_differences() {
    let kinds = [
        CellKind::Rnn,
        CellKind::Lstm,
        CellKind::Gru { reset_after: true },
        CellKind::Gru { reset_after: false },
    ];
    let wide = |seed, length| noise(seed, length).into_iter().map(f64::from).collect::<Vec<_>>();
    for kind in kinds {
        for (state, gate) in
            [(Activation::Tanh, Activation::Sigmoid), (Activation::Softsign, Activation::Tanh)]
        {
            let spec = CellSpec::new(kind, 3, 4, state, gate).unwrap();
            let steps = vec![0, 3, 5, 7, 8];
            let check = Check { spec, steps, dy: wide(1, 8 * 4), dc_last: wide(2, 3 * 4) };
            let mut variables: Variables = [
                wide(3, spec.kernel_len()),
                wide(4, spec.recurrent_len()),
                wide(5, spec.bias_len()),
                wide(6, 8 * 3),
                wide(7, 3 * 4),
                wide(8, 3 * 4),
            ];
            let exact = check.gradients(&variables);
            let step = 1e-5;
            for which in 0..variables.len() {
                for i in 0..variables[which].len() {
                    let value = variables[which][i];
                    let losses = [value + step, value - step].map(|moved| {
                        variables[which][i] = moved;
                        check.loss(&variables)
                    });
                    variables[which][i] = value;
                    let numeric = (losses[0] - losses[1]) / (2.0 * step);
                    let exact = exact[which][i];
                    assert!(
                        (numeric - exact).abs() < 1e-7 * exact.abs().max(1.0),
                        "{kind:?} variable {which}[{i}]: {numeric} {exact}"
                    );
                }
            }
        }
    }
}
