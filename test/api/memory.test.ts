import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { layers, sequential } from 'seqloom'
import { expect, it } from 'vitest'
import { runProgram } from '../helpers/process.js'

it('keeps resident memory within 10% over 2,000 steps and 500 models built and dropped', async () => {
  const { before, after } = await runProgram<{ before: number; after: number }>(
    'memory.mjs',
    ['100', '50', '2000', '500'],
    // V8's young generation and the code that it compiles while it warms up would grow by some megabytes of their own.
    { nodeOptions: ['--expose-gc', '--max-semi-space-size=1', '--jitless'] },
  )
  expect(after / before).toBeLessThan(1.1)
}, 300_000)

it.each([
  ['sessions', 200],
  ['models', 150],
])(
  'frees %s that are dropped in a loop without a turn of the event loop',
  async (kind, count) => {
    // Each takes about ten megabytes; what the garbage collector has not found yet may be some hundred.
    const few = await runProgram<{ most: number }>('dropped.mjs', [kind, '4', '512'])
    const many = await runProgram<{ most: number }>('dropped.mjs', [kind, String(count), '512'])
    expect((many.most - few.most) / 2 ** 20).toBeLessThan(800)
  },
  60_000,
)

/** Where the address space can be limited. */
const limits = process.platform === 'linux'

it
  .runIf(limits)
  .each([
    ...['predict', 'predict for a row', 'predictSync for a row', 'step', 'save', 'toBytes'],
    ...['encode words', 'encode a few words', 'encodeSync words', 'encodeSync a few words'],
  ])(
  'near a memory limit %s is refused with ERR_MEMORY, and the process goes on',
  async (kind) => {
    const program = fileURLToPath(new URL('../helpers/programs/near-limit.mjs', import.meta.url))
    const kilobytes = '1800000'
    const command = 'ulimit -v "$2" && exec "$0" "$1" "$3" "$2"'
    const { stdout } = await promisify(execFile)('sh', ['-c', command, process.execPath, program, kilobytes, kind])
    expect(JSON.parse(stdout)).toEqual({ code: 'ERR_MEMORY', kept: true })
  },
  60_000,
)

it.runIf(limits).each([
  ['lstm', 64, 200],
  ['gru', 64, 200],
  ['convolution', 64, 500],
  ['traced', 32, 200],
  ['wide', 256, 1],
  ['halved', 256, 1],
  ['checkpointed', 32, 1000],
])(
  'tells what a step takes within 10% of the measured peak: %s',
  async (...args) => {
    const { said, measured } = await runProgram<{ said: { total: number }; measured: number }>(
      'peak.mjs',
      args.map(String),
    )
    expect(Math.abs(said.total / measured - 1)).toBeLessThan(0.1)
  },
  180_000,
)

it('tells what a prediction takes before compile, and asks for the number of steps', () => {
  const m = sequential([layers.lstm({ units: 8, inputShape: [null, 4] }), layers.dense({ units: 1 })])
  const { weights, gradients, optimizer, values, inputs, total } = m.memory({ batchSize: 4, time: 10 })
  expect([weights, gradients, optimizer]).toEqual([4 * m.countParams(), 0, 0].map((n) => expect.closeTo(n, -3)))
  expect(total).toBe(weights + gradients + optimizer + values + inputs)
  m.compile({ optimizer: 'adam', loss: 'mse' })
  expect(m.memory({ batchSize: 4, time: 10 }).total).toBeGreaterThan(total)
  expect(() => m.memory({ batchSize: 4 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  expect(() => m.memory({ time: 0 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  expect(() => m.memory({ batchSize: 2 ** 30, time: 2 ** 30 })).toThrow(/ERR_|large|address|memory/)
})

it('refuses steps where the model has none open', () => {
  const fixed = sequential([layers.gru({ units: 3, inputShape: [10, 2] }), layers.dense({ units: 1 })])
  fixed.compile({ loss: 'meanSquaredError', optimizer: 'adam' })
  const { total } = fixed.memory({ batchSize: 4 })
  expect(fixed.memory({ batchSize: 4, time: 10 }).total).toBe(total)
  expect(() => fixed.memory({ batchSize: 4, time: 20 })).toThrow(
    expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(/time is 20.*fixed sizes.*10, 2/) }),
  )
  const plain = sequential([layers.dense({ units: 1, inputShape: [5] })])
  plain.compile({ loss: 'meanSquaredError', optimizer: 'adam' })
  expect(() => plain.memory({ time: 7 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
})
