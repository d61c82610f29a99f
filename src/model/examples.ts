import { runSliced } from '../data/index.js'
import type { DataSet } from '../data/tensor.js'
import { reading } from '../errors.js'
import type { NativeTensor } from '../native/index.js'
import type { TrainPlan } from './compile.js'
import type { Engine } from './engine.js'
import type { Scores } from './runOptions.js'
import { joinRanks, type SampleWeight, weightRanks } from './sampleWeight.js'
import { convertExamples, type Examples } from './slots.js'

/** Makes room for these weights of rows. */
export function needWeights(engine: Engine, what: string, sampleWeight: unknown): void {
  const ranks = weightRanks(engine.compiled(what).trained, sampleWeight)
  if (joinRanks(engine.weighted, ranks).join() === engine.weighted.join()) return
  engine.turns.check(`${what} with sampleWeight`, 'never')
  engine.need(ranks)
}

/** Examples as tensors. */
export async function convert(engine: Engine, examples: Examples, signal?: AbortSignal): Promise<NativeTensor[]> {
  return await runSliced(convertExamples(engine.topology, engine.compiled('fit'), examples, engine.weighted), signal)
}

/** The loss and the metrics by name. */
export const named = ({ metricNames }: TrainPlan, [loss = Number.NaN, ...metrics]: readonly number[]): Scores => ({
  loss,
  ...Object.fromEntries(metricNames.map((name, index) => [name, metrics[index] as number])),
})

/** What `validationData` holds in memory. */
export type GivenValidation = readonly [x: DataSet, y: DataSet, sampleWeight?: SampleWeight]

/** The examples of `validationData`. */
export function validationExamples(given: GivenValidation): Examples {
  const [x, y, sampleWeight] = reading('ERR_DATA', 'fit: validationData', () => [...given])
  return { x, y, sampleWeight, searched: true } as Examples
}
