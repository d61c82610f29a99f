import { input, layers, model, type SymbolicTensor, tensor } from 'seqloom'
import { expect, it } from 'vitest'

const source = () => input({ shape: [null, 2] })
const gru = () => layers.gru({ units: 3, returnSequences: true })
const mask = [
  [true, false, true],
  [false, false, false],
]
const data = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i))
const withEmptyRow = tensor(data, [2, 3, 2], { mask })
const alone = tensor(data.slice(0, 6), [1, 3, 2], { mask: mask.slice(0, 1) })

const networks: Record<string, (x: SymbolicTensor) => SymbolicTensor> = {
  'the last state': (x) => layers.lstm({ units: 3 }).apply(x),
  'both directions': (x) => layers.bidirectional({ layer: layers.gru({ units: 3 }) }).apply(x),
  'the mean over steps': (x) => layers.globalAveragePooling1d().apply(gru().apply(x)),
  'the maximum over steps': (x) => layers.globalMaxPooling1d().apply(gru().apply(x)),
  'attention to itself': (x) => {
    const states = gru().apply(x)
    return layers.globalAveragePooling1d().apply(layers.attention().apply([states, states]))
  },
}

it.each(Object.keys(networks))('a row of a mask without any step counts as nothing: %s', async (name) => {
  const x = source()
  const network = model({ inputs: x, outputs: (networks[name] as (typeof networks)[string])(x), seed: 3 })
  network.compile({ loss: 'meanSquaredError', optimizer: 'sgd' })
  const { data: both, shape } = await network.predict(withEmptyRow)
  const width = shape[1] as number
  expect(both.slice(0, width)).toEqual((await network.predict(alone)).data)
  expect([...both.slice(width)]).toEqual(new Array(width).fill(0))
  const { history } = await network.fit(withEmptyRow, tensor(new Float32Array(2 * width), [2, width]), { epochs: 2 })
  expect(history.loss?.every(Number.isFinite)).toBe(true)
})

it('a row of a mask without any step adds nothing to a loss over steps', async () => {
  const x = source()
  const network = model({ inputs: x, outputs: gru().apply(x), seed: 3 })
  network.compile({ loss: 'meanSquaredError', optimizer: 'sgd' })
  const y = tensor(new Float32Array(18), [2, 3, 3])
  const loss = await network.evaluate(withEmptyRow, y)
  expect(loss).toEqual(await network.evaluate(alone, tensor(new Float32Array(9), [1, 3, 3])))
})
