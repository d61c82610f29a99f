import type { Sliced } from '../../../data/index.js'
import { SeqloomError } from '../../../errors.js'
import type { Dim } from '../../../graph/shape.js'
import type { SettingsOf, WireNode } from '../../../graph/wire.js'
import { cellActivations } from './activations.js'
import { laidOut, lengthsOf, packed } from './masks.js'
import type { Place, Value } from './values.js'

/** Operators of ONNX, and for each of its gates (iofc, zrh) the place of ours. */
const kinds = {
  simpleRnn: { opType: 'RNN', gates: [0] },
  lstm: { opType: 'LSTM', gates: [0, 3, 1, 2] },
  gru: { opType: 'GRU', gates: [0, 1, 2] },
} as const

/** Writes a fused cell as the operator of its name. */
export function cell(
  place: Place,
  [x, ...given]: readonly [Value, ...Value[]],
  settings: SettingsOf<'lstm'>,
  node: WireNode,
): Value[] {
  const { writer, constants } = place
  const { units, order, outputOrder, zeroOutputForMask } = settings
  const { opType, gates } = kinds[node.op as keyof typeof kinds]
  const isLstm = node.op === 'lstm'
  const batch = x.shape[0] as Dim
  const backwards = order === 'backward'

  const sequence = x.mask ? packed(place, x.name, x.mask) : x.name
  const steps = writer.node('Transpose', [sequence], 'steps', { perm: { ints: [1, 0, 2] } })
  const initial = Array.from({ length: isLstm ? 2 : 1 }, (_, state) => {
    const value = place.stateOf(node, state, [batch, units], given[state])
    return value ? writer.node('Unsqueeze', [value.name, constants.ints([0])], 'initial') : ''
  })
  const stacked = [steps, ...weights(place, node, gates, units), x.mask ? lengthsOf(place, x.mask) : '', ...initial]
  const reads = node.outputs.map((id) => place.isRead(id) || place.keepsStates)
  const likes = [node.name, `${node.name}_h`, `${node.name}_c`].slice(0, node.outputs.length)
  const used = likes.map((like, index) => (reads[index] ? like : ''))
  const [all = '', ...last] = writer.results(opType, stacked, used, {
    hidden_size: { int: units },
    direction: { string: backwards ? 'reverse' : 'forward' },
    ...(node.op === 'gru' ? { linear_before_reset: { int: settings.resetAfter ? 1 : 0 } } : {}),
    ...activations(node.op, settings),
  })
  last.forEach((value, state) => {
    if (value !== '') last[state] = writer.node('Squeeze', [value, constants.ints([0])], value)
    if (value !== '') place.setState(node, state, last[state] as string)
  })
  return [
    { name: all === '' ? '' : sequenceOf(), shape: [batch, x.shape[1] as Dim, units], batched: true, mask: x.mask },
    ...last.map((name): Value => ({ name, shape: [batch, units], batched: true })),
  ]

  function sequenceOf(): string {
    const flat = writer.node('Squeeze', [all, constants.ints([1])], all)
    const rows = writer.node('Transpose', [flat], all, { perm: { ints: [1, 0, 2] } })
    const reversed = backwards && outputOrder === 'processing'
    return laidOut(place, rows, 3, x.mask, {
      packed: true,
      reversed,
      repeat: !zeroOutputForMask,
      backwards: backwards && !reversed,
    })
  }
}

/** Kernel, recurrent kernel and bias as ONNX has them: `[1, gates · units, …]`, gates in its order. */
function weights(place: Place, node: WireNode, gates: readonly number[], units: number): string[] {
  const [kernel, recurrent, bias] = node.weights.map((index) => place.weight(index))
  const width = gates.length * units
  const rows = Array.from(
    { length: width },
    (_, row) => (gates[Math.floor(row / units)] as number) * units + (row % units),
  )
  const transposed = (columns: number) =>
    function* (data: Float32Array): Sliced<Float32Array> {
      const result = new Float32Array(data.length)
      for (const [row, ours] of rows.entries()) {
        for (let column = 0; column < columns; column++) {
          result[row * columns + column] = data[column * width + ours] as number
        }
        yield
      }
      return result
    }
  const matrix = (weight: typeof kernel) => {
    const columns = weight?.shape[0] as number
    return weight?.as('rows', [1, width, columns], transposed(columns)) ?? ''
  }
  // One bias is that of the input; that of the state is zero then.
  const biases = bias?.as('both', [1, 2 * width], function* (data) {
    const result = new Float32Array(2 * width)
    for (let side = 0; side < data.length / width; side++) {
      for (const [row, ours] of rows.entries()) result[side * width + row] = data[side * width + ours] as number
      yield
    }
    return result
  })
  return [matrix(kernel), matrix(recurrent), biases ?? '']
}

function activations(op: WireNode['op'], { activation, recurrentActivation }: SettingsOf<'lstm'>) {
  const gate = recurrentActivation ?? 'sigmoid'
  const names = { simpleRnn: [activation], gru: [gate, activation], lstm: [gate, activation, activation] }
  const all = names[op as keyof typeof names].map((name) => {
    const found = cellActivations[name]
    if (found) return found
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `interop.toOnnx: ONNX has no recurrent layer with the activation '${name}'`,
    )
  })
  const numbers = (of: 'alpha' | 'beta') => all.flatMap((each) => each[of] ?? [])
  const parameters = numbers('alpha')
  return {
    activations: { strings: all.map(({ name }) => name) },
    ...(parameters.length > 0
      ? { activation_alpha: { floats: parameters }, activation_beta: { floats: numbers('beta') } }
      : {}),
  }
}
