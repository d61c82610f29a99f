import { callNative, SeqloomError } from '../errors.js'
import { showShape } from '../graph/shape.js'
import type { SymbolicTensor } from '../layers/layer.js'
import { checkOptions, integer } from '../options.js'
import type { Engine } from './engine.js'
import { defaultBatchSize } from './runOptions.js'

/** Options of {@link Model.memory}. */
export interface MemoryOptions {
  /** Rows of a batch; default 32. */
  readonly batchSize?: number
  /** Steps of sequences, where the model leaves their number open; the longest of a batch counts. Else `ERR_OPTION`. */
  readonly time?: number
}

/** Bytes that a step takes. */
export interface MemoryUse {
  readonly weights: number
  /** The gradients of the weights; of a table that is looked up, those of the rows that a batch can use. */
  readonly gradients: number
  /** The optimizer's states. */
  readonly optimizer: number
  /** All that is computed, what is kept of it for the gradients, and the memory to compute it in. */
  readonly values: number
  /** The rows of a batch. */
  readonly inputs: number
  /** All together. */
  readonly total: number
}

/** `ERR_OPTION` for a number of steps where the model leaves none open, unless it is that of the model. */
function checkTime(time: number, inputs: readonly SymbolicTensor[]): void {
  const sizes = inputs.map(({ shape }) => shape.slice(1))
  if (sizes.some((each) => each.includes(null) || each[0] === time)) return
  const shapes = inputs.map(({ shape }) => showShape(shape)).join(', ')
  throw new SeqloomError('ERR_OPTION', `memory: time is ${time}, but the model has inputs of fixed sizes, ${shapes}`)
}

/** {@link Model.memory} */
export function memoryOf(engine: Engine, inputs: readonly SymbolicTensor[], options: MemoryOptions): MemoryUse {
  checkOptions('memory', options, { accepted: { batchSize: integer(1), time: integer(1) } })
  const { batchSize = defaultBatchSize, time } = options
  if (time !== undefined) checkTime(time, inputs)
  return engine.now('memory', 'callbacks', () => {
    const parts = callNative(() => engine.ready().bytesFor(batchSize, time))
    return { ...parts, total: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0) }
  })
}
