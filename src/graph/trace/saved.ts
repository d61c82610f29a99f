import { SeqloomError } from '../../errors.js'
import { initializerCheck, resolveInitializer } from '../../initializers/initializer.js'
import { limits } from '../../limits.js'
import { checkOptions, isRecord } from '../../options.js'
import { declaredRules } from './declare.js'
import { Location } from './location.js'
import { operation } from './operation.js'
import { inferAt, type Program, type ProgramInput, type ProgramNode, type ProgramWeight } from './program.js'
import { canonical, isSize, maxRank, type Size, type TracedDim, type TracedShape } from './size.js'

/** A program as it stands in a saved model: its operations, nothing of the user's code. */
export interface SavedProgram {
  readonly inputs: readonly { readonly name: string; readonly shape: readonly TracedDim[] }[]
  readonly weights: readonly ProgramWeight[]
  readonly nodes: readonly Omit<ProgramNode, 'at'>[]
  readonly outputs: readonly number[]
}

/** The program as JSON. */
export function saveProgram({ inputs, weights, nodes, outputs }: Program): SavedProgram {
  return {
    inputs,
    weights,
    nodes: nodes.map(({ op, inputs: from, attributes }) => ({ op, inputs: from, attributes })),
    outputs,
  }
}

const malformed = (label: string, what: string): SeqloomError => new SeqloomError('ERR_FORMAT', `${label}: its ${what}`)

/**
 * A saved program, every part of it checked. `ERR_FORMAT`, `ERR_OPTION` or `ERR_SHAPE` for anything that `saveProgram`
 * did not write.
 */
export function loadProgram(label: string, saved: unknown): Program {
  if (!isRecord(saved)) throw malformed(label, 'operations are missing')
  const inputs = list(label, saved, 'inputs').map((entry): ProgramInput => {
    if (!isRecord(entry) || typeof entry.name !== 'string') throw malformed(label, 'inputs have no names')
    return { name: entry.name, shape: shapeOf(label, entry.shape, true) }
  })
  const weights = list(label, saved, 'weights').map((entry): ProgramWeight => {
    if (!isRecord(entry) || typeof entry.name !== 'string' || !initializerCheck.accepts(entry.initializer)) {
      throw malformed(label, 'weights have no names or initializers')
    }
    const initializer = resolveInitializer(entry.initializer as never)
    const rules = declaredRules(label, entry)
    return { name: entry.name, shape: shapeOf(label, entry.shape, false) as Size[], initializer, ...rules }
  })
  const shapes: TracedShape[] = [...inputs.map(({ shape }) => shape), ...weights.map(({ shape }) => shape)]
  const ids = (entry: unknown): number[] => {
    const known = (id: unknown): id is number =>
      Number.isInteger(id) && (id as number) >= 0 && (id as number) < shapes.length
    if (!Array.isArray(entry) || !entry.every(known)) throw malformed(label, 'operations use values that do not exist')
    return entry
  }
  const nodes = list(label, saved, 'nodes').map((entry, index): ProgramNode => {
    if (!isRecord(entry) || !isRecord(entry.attributes)) throw malformed(label, 'operations have no attributes')
    const { op, attributes } = entry
    const from = ids(entry.inputs)
    const rules = operation(op)
    if (from.length < rules.least || from.length > rules.most)
      throw malformed(label, `operation ${index} has ${from.length} inputs`)
    checkOptions(`${label}: operation ${index}, ${op}`, attributes, {
      accepted: { ...rules.attributes, ...rules.optional },
      required: Object.keys(rules.attributes),
    })
    const at = Location.of(`operation ${index}`)
    shapes.push(
      inferAt(
        label,
        op as string,
        from.map((id) => shapes[id] as TracedShape),
        attributes,
        at,
      ),
    )
    return { op: op as string, inputs: from, attributes, at }
  })
  return { label, inputs, weights, nodes, outputs: ids(saved.outputs) }
}

function list(label: string, saved: Record<string, unknown>, name: string): readonly unknown[] {
  const entries = saved[name]
  if (!Array.isArray(entries)) throw malformed(label, `${name} are no array`)
  if (entries.length > limits.tracedOperations)
    throw malformed(label, `${name} are more than ${limits.tracedOperations}`)
  return entries
}

function shapeOf(label: string, shape: unknown, open: boolean): TracedDim[] {
  const fits = (dim: unknown) => isSize(dim) || (open && dim === null)
  if (!Array.isArray(shape) || shape.length === 0 || shape.length > maxRank || !shape.every(fits)) {
    throw malformed(label, 'shapes are not what they should be')
  }
  return shape.map((dim) => (dim === null ? null : canonical(dim)))
}
