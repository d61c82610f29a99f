import type { Dim, Shape } from '../../../graph/shape.js'
import type { SettingsOf, WireNode } from '../../../graph/wire.js'
import { elementTypes } from '../proto/messages.js'
import { laidOut, mergedMask } from './masks.js'
import { isUsed } from './parts.js'
import { neededFor, run } from './run.js'
import type { Place, Value } from './values.js'
import { valueInfo } from './writer.js'

/** One step as it is described. */
export interface Body {
  readonly inputs: readonly { readonly name: string; readonly shape: Shape }[]
  readonly nodes: readonly WireNode[]
  readonly outputs: readonly number[]
}

/** Writes a loop as `Scan`: one step is an inner graph, which sees weights and constants of the outer one. */
export function scan(place: Place, inputs: readonly Value[], settings: SettingsOf<'scan'>, node: WireNode): Value[] {
  const { writer, constants } = place
  const { sequences: count, stateShapes, outputs: stored, order, outputOrder, steps, zeroOutputForMask } = settings
  const body = settings.body as Body
  const backwards = order === 'backward'
  const sequences = inputs.slice(0, count)
  const flags = settings.initial ?? stateShapes.map(() => inputs.length === body.inputs.length)
  const given = inputs.slice(count, count + flags.filter(Boolean).length)
  const fixed = inputs.slice(count + given.length)
  const mask = mergedMask(place, sequences, sequences[0]?.shape ?? [])
  const batch = (inputs.find(({ batched }) => batched)?.shape[0] ?? null) as Dim
  const time = steps ?? sequences.reduce<Dim>((known, { shape }) => known ?? (shape[1] as Dim), null)

  // The step.
  const inner = place.inside(node.weights)
  const named = (name: string) => constants.names.unique(`${node.name}/${name}`)
  const values = new Map<number, Value>()
  const states = stateShapes.map((shape, state): Value => {
    const id = count + state
    const value = { name: named(body.inputs[id]?.name ?? 'state'), shape: [batch, ...shape], batched: true }
    values.set(id, value)
    return value
  })
  const perStep = sequences.map(({ shape }, id): Value => {
    const value = { name: named(body.inputs[id]?.name ?? 'x'), shape: [batch, ...shape.slice(2)], batched: true }
    values.set(id, value)
    return value
  })
  fixed.forEach(({ name, shape, batched, ones }, index) => {
    values.set(count + states.length + index, { name, shape, batched, ones: ones ?? false })
  })
  const valid = mask && named('valid')
  run(inner, neededFor(body.nodes, body.outputs), values)
  const results = body.outputs.map((id) => values.get(id) as Value)
  const ends = results.map(({ name, shape }, index) => {
    const state = states[index - stored]
    if (!state || !valid) return inner.writer.node('Identity', [name], name)
    // States carry over steps that are not valid.
    const axes = shape.slice(1).map((_, axis) => axis + 1)
    const wide = axes.length > 0 ? inner.writer.node('Unsqueeze', [valid, constants.ints(axes)], 'valid') : valid
    return inner.writer.node('Where', [wide, name, state.name], name)
  })
  const clock = count === 0 ? [named('step')] : []
  const graph = inner.writer.graph(
    node.name,
    [
      ...[...states, ...perStep].map(({ name, shape }) =>
        valueInfo(name, elementTypes.float32, [null, ...shape.slice(1)]),
      ),
      ...clock.map((name) => valueInfo(name, elementTypes.float32, [])),
      ...(valid ? [valueInfo(valid, elementTypes.bool, [null])] : []),
    ],
    [...ends.slice(stored), ...ends.slice(0, stored)].map((name) => valueInfo(name, elementTypes.float32)),
    [],
  )

  // The loop.
  let at = 0
  const initial = stateShapes.map((shape, state) => {
    const own = flags[state] ? given[at++] : undefined
    const value = isUsed(body, count + state) ? place.stateOf(node, state, [batch, ...shape], own) : own
    return value?.name ?? zeros(place, inputs.find(({ batched }) => batched) as Value, shape)
  })
  const ticks = steps ?? 0
  const clocks = clock.map(() => constants.floats(0, ticks))
  const scanned = [...sequences.map(({ name }) => name), ...clocks, ...(mask ? [mask.valid] : [])]
  const axes = [...sequences.map(() => 1), ...clocks.map(() => 0), ...(mask ? [1] : [])]
  const reversed = backwards && outputOrder === 'processing'
  const inTime = backwards && !(reversed && !mask)
  const likes = [
    ...states.map((_, index) => `${node.name}_state_${index}`),
    ...results.slice(0, stored).map(() => node.name),
  ]
  const ended = writer.results('Scan', [...initial, ...scanned], likes, {
    body: { graph },
    num_scan_inputs: { int: scanned.length },
    scan_input_axes: { ints: axes },
    scan_input_directions: { ints: axes.map(() => (backwards ? 1 : 0)) },
    scan_output_axes: { ints: results.slice(0, stored).map(() => 1) },
    scan_output_directions: { ints: results.slice(0, stored).map(() => (inTime ? 1 : 0)) },
  })
  const last = ended.slice(0, states.length)
  last.forEach((name, state) => {
    if (isUsed(body, count + state)) place.setState(node, state, name)
  })
  const kept = results.slice(0, stored).map(({ shape }, index): Value => {
    const whole = [batch, time, ...shape.slice(1)]
    const layout = { packed: false, reversed: reversed && mask !== undefined, repeat: !zeroOutputForMask }
    const name = ended[states.length + index] as string
    const written = laidOut(place, name, whole.length, mask, { ...layout, backwards: backwards && !reversed })
    return { name: written, shape: whole, batched: true, mask }
  })
  const finals = last.map(
    (name, state): Value => ({
      name,
      shape: [batch, ...(stateShapes[state] ?? [])],
      batched: true,
    }),
  )
  return [...kept, ...finals]
}

/** Zeros for each row of a value. */
function zeros({ writer, constants }: Place, rows: Value, shape: readonly number[]): string {
  const whole = writer.node('Shape', [rows.name], 'shape')
  const batch = writer.node('Slice', [whole, constants.ints([0]), constants.ints([1])], 'batch')
  const sizes = writer.node('Concat', [batch, constants.ints(shape)], 'sizes', { axis: { int: 0 } })
  return writer.node('ConstantOfShape', [sizes], 'zeros')
}
