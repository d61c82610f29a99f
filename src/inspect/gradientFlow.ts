import type { DataSet } from '../data/tensor.js'
import { SeqloomError } from '../errors.js'
import type { Cotangents } from '../model/gradients.js'
import type { Model } from '../model/model.js'
import { abortSignal, checkOptions } from '../options.js'
import { type Displayed, displayed, jupyterDisplay, showsInTslab } from '../pictures/display.js'
import { lineCharts } from '../pictures/lines.js'
import { requireModel } from './model.js'
import { validSteps } from './steps.js'

/** How much of a loss's gradient reaches the states of earlier steps. */
export class GradientFlow {
  /**
   * For each state, by the layer's path and the state's name (`lstm/h`): the norm of the loss's gradient with respect
   * to it, by the number of steps before the last one of the row; the root of the mean square over the rows that are as
   * long.
   */
  readonly norms: Readonly<Record<string, readonly number[]>>

  /** @internal */
  constructor(norms: Readonly<Record<string, readonly number[]>>) {
    this.norms = norms
  }

  /** A picture (SVG): a line for each state over a logarithmic scale, the last step on the left. */
  svg(): string {
    const lines = Object.entries(this.norms).map(([label, values]) => ({ label, values }))
    const longest = lines.reduce((most, { values }) => Math.max(most, values.length), 0)
    const distances = Array.from({ length: longest }, (_, distance) => distance)
    return lineCharts([{ title: 'norm of dL/dh by steps before the end', lines, logarithmic: true }], distances)
  }

  /** What a notebook shows. */
  [jupyterDisplay](): Displayed {
    const words = Object.entries(this.norms).map(([name, norms]) => `${name} ${norms[0]} to ${norms.at(-1)}`)
    return displayed(this.svg(), words.join(', '))
  }

  static {
    showsInTslab(GradientFlow.prototype)
  }
}

/**
 * Vanishing and exploding gradients made visible: how the gradient of the loss with respect to the states of recurrent
 * layers shrinks or grows on its way back through time (Hochreiter 1991; Bengio, Simard and Frasconi 1994). `x` and
 * `target` are what `gradients` takes: targets of a compiled model, or `{ cotangents }`.
 *
 * ```ts
 * const flow = await inspect.gradientFlow(m, x, y)
 * flow.norms['lstm/h'] // at the last step, one step before it, …
 * ```
 *
 * Rejects with `ERR_OPTION` for a model whose loss depends on no state, and with what `gradients` rejects with.
 */
export async function gradientFlow(
  model: Model,
  x: DataSet,
  target: DataSet | Cotangents,
  options: { readonly signal?: AbortSignal } = {},
): Promise<GradientFlow> {
  requireModel('inspect.gradientFlow', model)
  checkOptions('inspect.gradientFlow', options, { accepted: { signal: abortSignal } })
  const { states } = await model.gradients(x, target, { ...options, states: true })
  const norms: Record<string, number[]> = {}
  for (const [name, gradient] of Object.entries(states)) {
    const [rows = 0, time = 0, ...rest] = gradient.shape
    const width = rest.reduce((product, size) => product * size, 1)
    const sums: { squares: number; rows: number }[] = []
    for (let row = 0; row < rows; row++) {
      for (const [distance, step] of validSteps(gradient, row, time).reverse().entries()) {
        const start = (row * time + step) * width
        const squares = gradient.data.subarray(start, start + width).reduce((sum, value) => sum + value * value, 0)
        const known = sums[distance] ?? { squares: 0, rows: 0 }
        sums[distance] = { squares: known.squares + squares, rows: known.rows + 1 }
      }
    }
    norms[name] = sums.map(({ squares, rows: counted }) => Math.sqrt(squares / counted))
  }
  if (Object.keys(norms).length === 0) {
    throw new SeqloomError(
      'ERR_OPTION',
      `inspect.gradientFlow: the loss of model '${model.name}' depends on no recurrent state`,
    )
  }
  return new GradientFlow(norms)
}
