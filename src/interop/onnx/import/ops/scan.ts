import { type Call, dataOf, rankOf } from '../call.js'
import { type Atom, malformed, unsupported, type Value } from '../values.js'
import { rowsOf } from './products.js'
import { recurrence, type Sequence, Step, stateOf, stepsFirst } from './step.js'
import { hasLoops, inLoop, isFew, stepsOf, unrolledScan } from './unrolled.js'

/** A `Scan` as a traced cell that runs over sequences. */
export function scan(call: Call): readonly (Value | undefined)[] {
  const { node, builder, lowering } = call
  if (call.opset < 9) throw unsupported('the form of operator sets before 9')
  const reads = node.int('num_scan_inputs', 1)
  const carried = call.inputs.length - reads
  if (carried < 0 || reads < 1) throw malformed(`${reads} sequences among ${call.inputs.length} inputs`)
  const directions = node.ints('scan_input_directions') ?? []
  const axes = node.ints('scan_input_axes') ?? []
  const [outAxes, outDirections] = [node.ints('scan_output_axes') ?? [], node.ints('scan_output_directions') ?? []]
  const given = call.inputs.slice(carried).map((each, at) => {
    const value = dataOf(each as Value)
    return { value, axis: call.axis(axes[at] ?? 0, rankOf(value)), isReversed: directions[at] === 1 }
  })
  const known = stepsOf(given)
  if (builder.isStep || (hasLoops(node.graph('body')) && isFew(known))) {
    if (!isFew(known)) throw inLoop()
    return unrolledScan(call, known, given, (at, rank) => ({
      axis: call.axis(outAxes[at] ?? 0, rank),
      isReversed: outDirections[at] === 1,
    }))
  }
  // What is turned round is a layer, so that only values that are read later outlast it: states come behind.
  const sequences = given.map(({ value, axis, isReversed }): Sequence => {
    const rows = rowsOf(call, value)
    return { value: isReversed ? lowering.flipped(rows, axis) : rows, axis }
  })
  const states = call.inputs.slice(0, carried).map((value, at) => stateOf(call, `s${at}`, value as Value))
  const first = sequences.map((each) => stepsFirst(call, each))
  builder.tensors([...states.map(({ initial }) => initial), ...first.map(({ ref }) => ref)])
  const step = new Step(call, 'body')
  for (const [at, state] of states.entries()) {
    step.bind(at, step.declare(state.name, state.physical, state.logical))
  }
  const inputs = first.map(({ ref, part }, at) => {
    const { value, axis } = sequences[at] as Sequence
    const name = `x${at}`
    step.bind(
      carried + at,
      step.declare(name, [builder.batch, ...part], value.logical.toSpliced(axis, 1), value.integer),
    )
    return { name, ref }
  })
  const outputs = step.run()
  if (outputs === undefined) return []
  const made = recurrence(call, step, states, outputs.slice(0, carried), outputs.slice(carried), inputs, undefined)
  const steps = (first[0] as { steps: readonly Atom[] }).steps
  return [
    ...made.last.map(({ tensor, state }) => builder.computed(tensor, state.physical.slice(1), state.logical)),
    ...made.outputs.map(({ tensor, value }, at) => {
      const axis = call.axis(outAxes[at] ?? 0, value.logical.length + 1)
      const all = builder.computed(
        tensor,
        [steps, ...value.physical.slice(1)],
        value.logical.toSpliced(axis, 0, steps),
        value.integer,
      )
      return outDirections[at] === 1 ? lowering.flipped(all, axis) : all
    }),
  ]
}
