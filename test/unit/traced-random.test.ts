import fc from 'fast-check'
import { expect, it } from 'vitest'
import { defineCell } from '../../src/cells/defineCell.js'
import { tensor } from '../../src/data/tensor.js'
import * as ops from '../../src/graph/trace/ops.js'
import type { SymbolicValue } from '../../src/graph/trace/symbolic.js'
import * as layers from '../../src/layers/index.js'
import { input } from '../../src/layers/input.js'
import { model } from '../../src/model/index.js'
import { modelGraph } from '../../src/model/lower.js'
import { relativeError } from '../helpers/compare.js'
import { build, evaluate, type Nd } from '../helpers/interpreter.js'
import { wave } from '../helpers/models.js'

const [rows, time, features, units, steps, size] = [3, 4, 5, 6, 3, 4]

type Weights = Readonly<Record<'kernel' | 'recurrent' | 'key' | 'wide' | 'bias' | 'gamma', SymbolicValue>>

/** One operation: what is chosen for it, a number from 0 for each choice. */
type Choice = readonly [operation: number, first: number, second: number, third: number]

/** A value `[batch, units]` of values of that shape, by one operation or a few that belong together. */
function grow(
  [operation, ...picks]: Choice,
  values: readonly SymbolicValue[],
  memory: SymbolicValue,
  w: Weights,
): SymbolicValue {
  const [a, b, c] = picks.map((pick) => values[pick % values.length]) as [SymbolicValue, SymbolicValue, SymbolicValue]
  const rules: readonly (() => SymbolicValue)[] = [
    () => a.add(b),
    () => a.sub(b).mul(0.5),
    () => a.tanh().mul(b.sigmoid()),
    () => a.div(b.square().add(1)),
    () => a.maximum(b).minimum(c.add(0.25)),
    // Continuous where a = b, so that rounding cannot choose another branch with another value.
    () => a.greater(b).where(a.sub(b), b.sub(a).mul(0.5)).add(c.softsign().abs().neg()),
    () => a.softplus().log().add(w.bias),
    () => a.matmul(w.recurrent).mul(0.3),
    () => a.tanh().matmul(w.recurrent).add(b),
    () => {
      const [x, y, z] = a.matmul(w.wide).split(3)
      return x.sigmoid().mul(y.tanh()).add(z.relu())
    },
    () => a.slice(0, 2).concat(b.slice(2, units)),
    () => a.softmax().add(b.layerNorm({ epsilon: 0.1 }).mul(w.gamma)),
    () => a.sum({ keepDims: true }).mul(0.1).add(b),
    () => ops.concat(a.split(2).toReversed()),
    () => {
      const scores = a.expandDims(1).matmul(memory.matmul(w.key), { transposeB: true }).squeeze(1)
      return scores.softmax().expandDims(1).matmul(memory.matmul(w.key)).squeeze(1)
    },
    () => ops.stack([a, b, c]).max({ axis: 1 }),
    () => ops.stack([a, b]).transpose([0, 2, 1]).mean(),
    () => ops.div(1, a.exp().add(1)).mul(b.reshape([2, 3]).reshape([units])),
  ]
  return (rules[operation % rules.length] as () => SymbolicValue)()
}

const nd = (shape: readonly number[], phase: number): Nd => {
  const length = shape.reduce((product, dim) => product * dim, 1)
  return { data: Array.from(wave(length, phase), (value) => 0.7 * value), shape }
}

/** The steps `[batch, time, units]` from last to first. */
const reversedInTime = (values: Nd): Nd =>
  build(
    values.shape,
    ([row = 0, at = 0, unit = 0]) => values.data[(row * time + time - 1 - at) * units + unit] as number,
  )

const asTensor = ({ data, shape }: Nd) => tensor(Float32Array.from(data), [...shape])

it('random cells compute what their operations mean', async () => {
  const choice = fc.tuple(fc.nat(17), fc.nat(20), fc.nat(20), fc.nat(20))
  const program = fc.record({
    choices: fc.array(choice, { minLength: 1, maxLength: 12 }),
    all: fc.boolean(),
    back: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(program, async ({ choices, all, back }) => {
      const cell = defineCell({
        states: { h: units, c: units },
        constants: { memory: ['steps', 'size'] },
        weights: {
          kernel: ['features', units],
          recurrent: [units, units],
          key: ['size', units],
          wide: [units, 3 * units],
          bias: [units],
          gamma: [units],
        },
        step({ x, h, c, memory }, w) {
          const values = [h, c, x.matmul(w.kernel), x.matmul(w.kernel).add(w.bias)]
          for (const each of choices) values.push(grow(each, values, memory, w))
          const [last, before] = [values.at(-1) as SymbolicValue, values.at(-2) as SymbolicValue]
          return { h: last.tanh(), c: before.mul(0.5), output: last.add(before) }
        },
      })
      const [x, memory] = [input({ shape: [null, features] }), input({ shape: [null, size] })]
      const rnn = layers.rnn({ cell, returnSequences: all, returnState: true, goBackwards: back, name: 'rnn' })
      const m = model({ inputs: [x, memory], outputs: rnn.apply(x, { constants: { memory } }) })
      const data = [nd([rows, time, features], 1), nd([rows, steps, size], 2)]
      const weights = Object.values(m.namedWeights()).map(({ shape }, index) => nd(shape, index + 3))
      m.setWeights(weights.map(asTensor))
      const actual = await m.predict(data.map(asTensor))
      m.dispose()
      const expected = evaluate(modelGraph(m.topology()), data, weights)
      expected.forEach((values, index) => {
        const wanted = index === 0 && all && back ? reversedInTime(values) : values
        expect(actual[index]?.shape).toEqual(wanted.shape)
        expect(relativeError(actual[index]?.data ?? [], wanted.data)).toBeLessThan(2e-4)
      })
    }),
    { numRuns: 150, seed: 20_150_706 },
  )
})
