import { cells, input, layers, model, type SymbolicTensor, sequential, type Tensor, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

const [rows, time, steps, size, features] = [3, 4, 5, 6, 3] as const

/** Repeatable values. */
const wave = (count: number, phase = 0) => Float32Array.from({ length: count }, (_, i) => Math.sin(1.3 * i + phase))

const memory = tensor(wave(rows * steps * size), [rows, steps, size], { lengths: Uint32Array.of(5, 2, 4) })
const whole = tensor(memory.data, [rows, steps, size])
const sequence = tensor(wave(rows * time * features, 1), [rows, time, features])

/** One step of rows of sequences. */
const stepOf = ({ data, shape }: { data: ArrayLike<number>; shape: readonly number[] }, at: number) => {
  const [, count = 1, ...rest] = shape
  const width = rest.reduce((product, dim) => product * dim, 1)
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: width }, (_, i) => data[(row * count + at) * width + i] as number),
  )
}

interface Decoder {
  readonly inputs: Record<string, SymbolicTensor>
  readonly outputs: SymbolicTensor | readonly SymbolicTensor[]
}

const inputs = () => ({
  memory: input({ shape: [null, size], name: 'memory' }),
  x: input({ shape: [null, features], name: 'x' }),
})

const decoders: Record<string, () => Decoder> = {
  'Bahdanau, with an initial state from the memory': () => {
    const { memory, x } = inputs()
    const last = layers.gru({ units: 4 }).apply(memory)
    const decoder = layers.rnn({ cell: cells.bahdanau({ units: 4 }), returnSequences: true })
    const [output, alignment] = decoder.apply(x, { initialState: last, constants: { memory } })
    return { inputs: { memory, x }, outputs: [output, alignment] }
  },
  'Luong with input feeding': () => {
    const { memory, x } = inputs()
    const decoder = layers.rnn({ cell: cells.luong({ units: 4 }), returnSequences: true })
    return { inputs: { memory, x }, outputs: decoder.apply(x, { constants: { memory } }) }
  },
  'Show, Attend and Tell': () => {
    const { memory, x } = inputs()
    const decoder = layers.rnn({ cell: cells.showAttendTell({ units: 4 }), returnSequences: true })
    return { inputs: { memory, x }, outputs: decoder.apply(x, { constants: { annotations: memory } }) }
  },
  'a fused LSTM with given states, and attention behind it': () => {
    const { memory, x } = inputs()
    const read = layers.bidirectional({ layer: layers.gru({ units: 2, returnSequences: true }) }).apply(memory)
    const h = input({ shape: [4], name: 'h' })
    const c = layers.dense({ units: 4 }).apply(h)
    const own = layers.lstm({ units: 4, returnSequences: true }).apply(x, { initialState: [h, c] })
    const [context, scores] = layers.attention({ returnAttentionScores: true }).apply([own, read])
    const joined = layers.concatenate().apply([own, context])
    return {
      inputs: { memory, x, h },
      outputs: [layers.dense({ units: 2, activation: 'softmax' }).apply(joined), scores],
    }
  },
  'additive attention over a projected memory': () => {
    const { memory, x } = inputs()
    const own = layers.gru({ units: 4, returnSequences: true }).apply(x)
    const keys = layers.dense({ units: 4 }).apply(memory)
    return { inputs: { memory, x }, outputs: layers.additiveAttention().apply([own, keys]) }
  },
  'several heads': () => {
    const { memory, x } = inputs()
    const own = layers.lstm({ units: 4, returnSequences: true }).apply(x)
    const heads = layers.multiHeadAttention({ numHeads: 2, keyDim: 3, returnAttentionScores: true })
    const [output] = heads.apply([own, memory])
    return { inputs: { memory, x }, outputs: output }
  },
}

/** The model with values for each of its inputs. */
function built(name: string) {
  const { inputs, outputs } = (decoders[name] as () => Decoder)()
  const m = model({ inputs: Object.values(inputs), outputs: outputs as readonly SymbolicTensor[], seed: 4 })
  const data: Record<string, ReturnType<typeof tensor>> = {}
  for (const key of Object.keys(inputs)) {
    data[key] = key === 'memory' ? memory : key === 'x' ? sequence : tensor(wave(rows * 4, 2), [rows, 4])
  }
  const { x: _, ...constants } = data
  return { m, data, constants }
}

const asList = (result: Tensor | readonly Tensor[]): readonly Tensor[] =>
  Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor]

describe.each(Object.keys(decoders))('a session of %s', (name) => {
  it('gives step by step what predict gives at once', async () => {
    const { m, data, constants } = built(name)
    const whole = asList(await m.predict(data))
    using session = m.session({ constants })
    for (let round = 0; round < 2; round++) {
      for (let at = 0; at < time; at++) {
        const outputs = asList(session.step(stepOf(sequence, at)))
        expect(outputs).toHaveLength(whole.length)
        outputs.forEach((output, index) => {
          const expected = stepOf(whole[index] as Tensor, at)
          expect(output.shape).toEqual([rows, (expected[0] as number[]).length])
          for (const [i, value] of expected.flat().entries()) expect(output.data[i]).toBeCloseTo(value, 5)
        })
      }
      session.reset()
    }
  })

  it('reorders constants with the states, and is copied with them', () => {
    const { m, constants } = built(name)
    using session = m.session({ constants })
    session.step(stepOf(sequence, 0))
    using copy = session.clone()
    copy.reorder([2, 2, 0])
    const [next, order] = [stepOf(sequence, 1), [2, 2, 0]]
    const [plain] = asList(session.step(next)) as [Tensor]
    const [moved] = asList(copy.step(order.map((row) => next[row] as number[]))) as [Tensor]
    const width = plain.data.length / rows
    order.forEach((row, i) => {
      const expected = plain.data.slice(row * width, (row + 1) * width)
      expect(moved.data.slice(i * width, (i + 1) * width)).toEqual(expected)
    })
    // After a reset the rows are still in the new order, from their own beginnings.
    copy.reset()
    session.reset()
    const first = stepOf(sequence, 0)
    const [again] = asList(session.step(first)) as [Tensor]
    const [other] = asList(copy.step(order.map((row) => first[row] as number[]))) as [Tensor]
    expect(other.data.slice(0, width)).toEqual(again.data.slice(2 * width, 3 * width))
  })
})

describe('sessions with constants', () => {
  it('say which input is missing, unknown or of another size', async () => {
    const { m, constants } = built('Luong with input feeding')
    await expectCoded(() => m.session(), 'ERR_OPTION', /memory and x are not given/)
    await expectCoded(() => m.session({ constants: { ...constants, x: sequence } }), 'ERR_OPTION', /all are given/)
    await expectCoded(() => m.session({ constants: { memry: memory } }), 'ERR_OPTION', /no input 'memry'/)
    await expectCoded(() => m.session({ batchSize: 2, constants }), 'ERR_SHAPE', /3 rows.* 2 sequences/)
    await expectCoded(() => m.session({ constants: [memory] as never }), 'ERR_OPTION', /by input name/)
    await expectCoded(() => m.session({ constants: { memory: [[[1, 2]]] } }), 'ERR_SHAPE')
  })

  it('refuse what needs the whole sequence', async () => {
    const refused = async (outputs: (given: ReturnType<typeof inputs>) => unknown, ...patterns: RegExp[]) => {
      const given = inputs()
      const m = model({ inputs: Object.values(given), outputs: outputs(given) as SymbolicTensor })
      await expectCoded(() => m.session({ constants: { memory: whole } }), 'ERR_UNSUPPORTED', ...patterns)
    }
    const sequences = () => layers.gru({ units: 4, returnSequences: true })
    await refused(
      ({ memory, x }) =>
        layers
          .add()
          .apply([
            layers.attention().apply([sequences().apply(x), sequences().apply(x)]),
            layers.attention().apply([sequences().apply(x), sequences().apply(memory)]),
          ]),
      /attention.*whole sequence/,
    )
    await refused(
      ({ memory, x }) => layers.add().apply([x, layers.dense({ units: features }).apply(memory)]),
      /add.*whole sequence/,
    )
    await refused(
      ({ memory, x }) => [layers.gru({ units: 2 }).apply(memory), sequences().apply(x)],
      /output 0 does not depend on the input 'x'/,
    )
    const plain = sequential([layers.dense({ units: 1, inputShape: [3] } as never)])
    await expectCoded(() => plain.session(), 'ERR_UNSUPPORTED', /no sequence|has none/)
  })
})
