import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { defineLayer } from '../layers/defineLayer.js'
import { concatenate, dense, dropout } from '../layers/index.js'
import { input } from '../layers/input.js'
import type { SymbolicTensor } from '../layers/layer.js'
import type { TracedFunction } from '../losses/traced.js'
import { type Model, model } from '../model/index.js'
import type { Features } from './forecasterFeatures.js'
import { recurrentStack } from './recurrentStack.js'

/** The quantiles that are forecast: the interval's lower end, the median and the upper end. */
export const quantileCount = 3

function quantiles(interval: number): readonly number[] {
  return [(1 - interval) / 2, 0.5, (1 + interval) / 2]
}

/**
 * The model of a forecaster: at every step of `[batch, time, features]`, the quantiles of how much the value 1 … horizon steps later will differ from
 * its linear forecast, in units of that one's errors. Before training, nothing. Outputs are ordered by quantile, then by steps ahead, then by variable.
 *
 * Where something is known of steps to come, a second network, the same for every step ahead, reads that beside the recurrent layers' summary for that
 * step (the forking sequences of Wen et al. 2017, arXiv 1711.11053).
 */
export function forecasterModel(features: Features): Model {
  const { settings, inputWidth } = features
  const { variables, horizon, seed } = settings
  const steps = input({ shape: [null, inputWidth] })
  const drop = settings.dropout > 0 ? [dropout({ rate: settings.dropout })] : []
  const outputs = quantileCount * horizon * variables.length
  const recurrent = [...recurrentStack(settings, true), ...drop]
  const summarized = (value: SymbolicTensor) =>
    recurrent.reduce((state, layer) => layer.apply(state) as SymbolicTensor, value)
  if (features.aheadWidth === 0) {
    // The step itself is read once more beside the summary, so that linear forecasts can be undone.
    const read = concatenate().apply([summarized(steps), steps])
    return model({ inputs: [steps], outputs: dense({ units: outputs, kernelInitializer: 'zeros' }).apply(read), seed })
  }
  const state = summarized(presentOf(features)().apply(steps) as SymbolicTensor)
  return model({ inputs: [steps], outputs: decoder(features)().apply([state, steps]), seed })
}

const presentOf = ({ inputWidth, presentWidth }: Features) =>
  defineLayer({
    name: 'present',
    inputs: { x: ['time', inputWidth] },
    call: ({ x }) => x.slice(0, presentWidth),
  })

function decoder({ settings, inputWidth, presentWidth, comingWidth }: Features) {
  const { horizon, variables, units } = settings
  const size = units
  return defineLayer({
    name: 'decoder',
    inputs: { state: ['time', 'units'], x: ['time', inputWidth] },
    weights: {
      summary: ['units', horizon * size],
      summaryBias: [horizon * size],
      present: [presentWidth, size],
      ahead: [comingWidth, size],
      hidden: [size, size],
      hiddenBias: [size],
      quantiles: [
        { shape: [size, variables.length], initializer: 'zeros' },
        { shape: [size, variables.length], initializer: 'zeros' },
        { shape: [size, variables.length], initializer: 'zeros' },
      ],
      biases: [[variables.length], [variables.length], [variables.length]],
    },
    call({ state, x }, w) {
      const ahead = x.slice(presentWidth, inputWidth).reshape([null, horizon, comingWidth]).matmul(w.ahead)
      const present = x.slice(0, presentWidth).matmul(w.present).expandDims(2)
      const summary = state.matmul(w.summary).add(w.summaryBias).reshape([null, horizon, size])
      const seen = summary.add(ahead).add(present).relu()
      const hidden = seen.matmul(w.hidden).add(w.hiddenBias).relu()
      const [first, ...rest] = w.quantiles.map((kernel, index) =>
        hidden
          .matmul(kernel)
          .add(w.biases[index] as SymbolicValue)
          .reshape([null, horizon * variables.length]),
      ) as [SymbolicValue, ...SymbolicValue[]]
      return first.concat(...rest)
    },
  })
}

/**
 * The quantile loss (Koenker and Bassett 1978): an error above the forecast costs the quantile, one below costs 1 − the quantile. Targets are the
 * values, how much each counts, and zeros, each as many as there are steps ahead and variables. Of the lower and upper end, what is predicted is by how
 * much they differ from `reach` below and above.
 */
export function quantileLoss(interval: number, reach: number): TracedFunction {
  return (yTrue, yPred) => {
    const [value, counts] = yTrue.split(quantileCount)
    const predictions = yPred.split(quantileCount)
    const [first, ...rest] = quantiles(interval).map((q, index) => {
      const error = value.sub((predictions[index] as SymbolicValue).add((index - 1) * reach))
      return error.mul(q).maximum(error.mul(q - 1))
    }) as [SymbolicValue, ...SymbolicValue[]]
    return rest.reduce((sum, next) => sum.add(next), first).mul(counts)
  }
}
