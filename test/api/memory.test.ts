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
