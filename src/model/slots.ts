import {
  convertAll,
  convertUnstaged,
  requireSameRows,
  runSync,
  type Sliced,
  type Slot,
  type Staged,
} from '../data/index.js'
import { type DataSet, Tensor } from '../data/tensor.js'
import type { DType } from '../graph/shape.js'
import type { NativeTensor } from '../native/index.js'
import type { ClassFactors } from './classWeight.js'
import type { TrainPlan } from './compile.js'
import { preprocessed } from './preprocessed.js'
import { convertWeights, type SampleWeight } from './sampleWeight.js'
import { outputNames, type Topology } from './topology.js'

/** The slots of what a model's graph reads: its inputs, or what layers before the graph make of them. */
export function inputSlots(topology: Topology): Slot[] {
  return topology.before.fed.map(({ call, dtype, shape }) => {
    const name = topology.names.get(call.layer) as string
    return { where: `input '${name}'`, name, dtype: dtype as DType, shape, looseLast: true, checkedNatively: true }
  })
}

/** Converts a model's inputs to what its graph reads, as `slots` say; layers before the graph run here. */
export function* convertInputs(
  topology: Topology,
  x: DataSet,
  slots: readonly Slot[] = inputSlots(topology),
  convert: (slots: readonly Slot[], given: unknown, what: string) => Sliced<Staged[]> = convertAll,
): Sliced<Staged[]> {
  const read = topology.before.calls.length === 0 ? x : yield* preprocessed(topology, x)
  return yield* convert(slots, read, 'input')
}

/** {@link convertInputs} for a synchronous call. */
export function inputsAtOnce(topology: Topology, x: DataSet): Staged[] {
  return runSync(convertInputs(topology, x, inputSlots(topology), convertUnstaged))
}

/** The slots of the gradients of a model's outputs. */
export function cotangentSlots(topology: Topology): Slot[] {
  const names = outputNames(topology)
  return topology.outputs.map(({ shape }, index) => {
    const name = names[index] as string
    return { where: `cotangent of '${name}'`, name, dtype: 'float32', shape, looseLast: false, checkedNatively: true }
  })
}

/** The data of a training or evaluation. */
export interface Examples {
  readonly x: DataSet
  readonly y: DataSet
  /** Factors of rows or steps, or undefined for ones when the graph needs weights. */
  readonly sampleWeight: SampleWeight | undefined
  /** Factors of classes that become those of rows or steps. */
  readonly classFactors?: ClassFactors | undefined
  /**
   * Whether to search everything for NaN and infinities first, not batch by batch, so that nothing is trained on a part
   * of bad data.
   */
  readonly searched?: boolean
}

/** Converts inputs, targets and, if the graph takes them, sample weights. */
export function* convertExamples(
  topology: Topology,
  plan: TrainPlan,
  { x, y, sampleWeight, classFactors, searched = false }: Examples,
  ranks: readonly number[],
): Sliced<Staged[]> {
  const suited = (slot: Slot): Slot => ({ ...slot, checkedNatively: !searched })
  const inputs = inputSlots(topology).map(suited)
  const targets = plan.targets.map(suited)
  const slots = [...inputs, ...targets]
  const converted = yield* convertInputs(topology, x, inputs)
  let factors: readonly (Float32Array | undefined)[] = []
  const goals = yield* convertAll(targets, y, 'target', (given) => {
    factors = classFactors?.(given) ?? []
  })
  converted.push(...goals)
  const weights = yield* convertWeights(plan.trained, goals, ranks, sampleWeight, factors)
  slots.push(...weights.slots)
  converted.push(...weights.converted)
  requireSameRows(slots, converted)
  return converted
}

/** Turns a tensor of the engine into one for users. */
export function asTensor({ data, shape, lengths, mask }: NativeTensor): Tensor {
  const steps = { ...(lengths && { lengths }), ...(mask && { mask }) }
  return new Tensor(data as Float32Array, [...shape], steps)
}
