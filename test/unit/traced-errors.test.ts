import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { defineCell } from '../../src/cells/defineCell.js'
import * as cells from '../../src/cells/index.js'
import type { SymbolicValue } from '../../src/graph/trace/symbolic.js'
import { defineLayer } from '../../src/layers/defineLayer.js'
import * as layers from '../../src/layers/index.js'
import { input } from '../../src/layers/input.js'
import { caught, type ErrorCode } from '../helpers/errors.js'

const here = fileURLToPath(import.meta.url)

/** Plain JavaScript, as users without types write it. */
type Loose = Record<string, SymbolicValue>

/** A cell with one state of 8 and a step that the compiler does not check. */
const cell = (step: (values: Loose, w: Loose) => unknown, constants = {}) =>
  defineCell({
    name: 'mine',
    states: { h: 8 },
    constants,
    weights: { kernel: ['features', 8], recurrent: [8, 8] },
    step: step as never,
  })

/** The line of this file that a message names. */
const lineOf = (message: string) => Number(message.split(`${here}:`)[1]?.split(':')[0])

/** Asserts an error of a code, whose message names the line of `action`'s own source that `marked` finds. */
async function expectAt(action: () => unknown, code: ErrorCode, ...patterns: RegExp[]): Promise<void> {
  const error = await caught(action)
  expect(error.code, error.message).toBe(code)
  for (const pattern of patterns) expect(error.message).toMatch(pattern)
  expect(lineOf(error.message), `a line in: ${error.message}`).toBeGreaterThan(0)
}

describe('a mistake in a cell is an error where it is made', () => {
  it('names the very line', async () => {
    const first = lineOf(String(new Error('here').stack))
    const error = await caught(() =>
      cell(({ x, h }, w) => {
        const read = x?.matmul(w.kernel as never)
        return { h: read?.add(h?.split(2)[0] as never) }
      }),
    )
    expect(error.code).toBe('ERR_SHAPE')
    expect(error.message).toMatch(/^cell 'mine': add at .*the shapes \[batch, 8\] and \[batch, 4\] do not fit/)
    expect(lineOf(error.message)).toBe(first + 4)
  })

  it('shapes', async () => {
    const memory = { memory: ['steps', 8] }
    await expectAt(() => cell(({ h, memory: m }) => ({ h: h?.add(m as never) }), memory), 'ERR_SHAPE', /expandDims/)
    await expectAt(
      () => cell(({ h, memory: m }) => ({ h: h?.matmul(m as never) }), memory),
      'ERR_SHAPE',
      /mix the rows/,
    )
    await expectAt(
      () => cell((_, w) => ({ h: w.recurrent })),
      'ERR_SHAPE',
      /new state 'h' is \[8, 8\]; .* \[batch, 8\]/,
    )
    await expectAt(
      () => cell(({ h }) => ({ h: h?.reshape([3, 3]) })),
      'ERR_SHAPE',
      /cannot be given the shape \[3, 3\]/,
    )
    await expectAt(() => cell(({ h }) => ({ h: h?.softmax({ axis: 0 }) })), 'ERR_SHAPE', /is the batch/)
    await expectAt(() => cell(({ h }) => ({ h: h?.split(3)[0] })), 'ERR_SHAPE', /3 equal parts/)
    await expectAt(() => cell(({ h }) => ({ h: h?.slice(4, 9) })), 'ERR_SHAPE', /from 4 to 9/)
    await expectAt(() => cell(({ h }) => ({ h: h?.sum({ axis: 2 }) })), 'ERR_SHAPE', /no dimension 2/)
  })

  it('sizes that are known only where the cell is used', async () => {
    const wrong = cell(({ x }, w) => ({ h: x?.matmul(w.recurrent as never) }))
    const use = () => layers.rnn({ cell: wrong, name: 'reader' }).apply(input({ shape: [null, 5] }))
    await expectAt(use, 'ERR_SHAPE', /layer 'reader' \(RNN\): cell 'mine': matmul at .*inner sizes 5 and 8 differ/)
  })

  it('weights and values that are not declared', async () => {
    await expectAt(
      () => cell(({ x }, w) => ({ h: x?.matmul(w.kernal as never) })),
      'ERR_OPTION',
      /no weight 'kernal'; there are 'kernel'/,
    )
    await expectAt(() => cell(({ y }) => ({ h: y })), 'ERR_OPTION', /no input, state or constant 'y'/)
    await expectAt(() => cell(({ h }) => ({ h: h?.add(undefined as never) })), 'ERR_OPTION', /add at .*got undefined/)
    await expectAt(() => cell(({ h }) => ({ h: h?.softmax({ maks: h } as never) })), 'ERR_OPTION', /no option 'maks'/)
  })

  it('JavaScript’s operators, if, and loops on symbolic values', async () => {
    await expectAt(
      () => cell(({ h }) => (Number(h) > 0 ? { h } : { h })),
      'ERR_OPTION',
      /has no number yet.*condition\.where/,
    )
    await expectAt(() => cell(({ h }) => ({ h: (h as never as number) + 1 })), 'ERR_OPTION', /a\.add\(b\)/)
    await expectAt(() => cell(({ h }) => ({ h: `${h}` })), 'ERR_OPTION', /no number yet/)
    await expectAt(() => cell(({ h }) => ({ h: [...(h as never as [])] })), 'ERR_OPTION', /no array: use split/)
    const choose = ({ h }: Loose) => {
      if (h?.greater(0)) return { h }
      return { h: h?.neg() }
    }
    await expectAt(() => cell(choose), 'ERR_OPTION', /greater at .*never used.*'if'.*where\(a, b\)/)
    const endless = ({ h }: Loose) => {
      let value = h as SymbolicValue
      while (value.abs()) value = value.mul(0.5)
      return { h: value }
    }
    await expectAt(() => cell(endless), 'ERR_OPTION', /more than 10000 operations.*called once, on symbols/)
  })

  it('results that are none', async () => {
    await expectAt(() => cell(() => ({})), 'ERR_OPTION', /did not return the state 'h'/)
    await expectAt(
      () => cell(() => undefined),
      'ERR_OPTION',
      /must return an object of its new states, \{ h: … \}, not undefined/,
    )
    await expectAt(() => cell(({ h }) => h), 'ERR_OPTION', /not a SymbolicValue/)
    await expectAt(() => cell(() => ({ h: Number.NaN })), 'ERR_OPTION', /got NaN; NaN comes from arithmetic/)
    await expectAt(() => cell(() => ({ h: [1, 2] })), 'ERR_OPTION', /expected a symbolic value, got \[1, 2\]/)
    await expectAt(() => cell(async ({ h }) => ({ h })), 'ERR_OPTION', /must not be async/)
    await expectAt(
      () => cell(({ h }) => ({ h, hh: h })),
      'ERR_OPTION',
      /returned 'hh', which is neither a state nor an output/,
    )
  })

  it('values of another function, and values after the end', async () => {
    let kept: SymbolicValue | undefined
    cell(({ h }) => {
      kept = h
      return { h }
    })
    await expectAt(() => cell(({ h }) => ({ h: h?.add(kept as never) })), 'ERR_OPTION', /belongs to another function/)
    await expectAt(() => kept?.neg(), 'ERR_STATE', /has been traced/)
  })

  it('declarations that are none', async () => {
    const define = (definition: object) => () => defineCell({ step: ({ h }: Loose) => ({ h }), ...definition } as never)
    const expectOption = async (definition: object, pattern: RegExp) => {
      const error = await caught(define(definition))
      expect(error).toMatchObject({ code: 'ERR_OPTION', message: expect.stringMatching(pattern) })
    }
    await expectOption({}, /states is missing/)
    await expectOption({ states: {} }, /must be a state/)
    await expectOption({ states: { h: 0 } }, /shape of 'h'/)
    await expectOption({ states: { h: 8 }, inputs: { h: 8 } }, /declared twice/)
    await expectOption({ states: { h: 8 }, weights: { kernel: 8 } }, /weight 'kernel' must be an array of sizes/)
    await expectOption({ states: { h: 8 }, weights: { kernel: { shape: [8], init: 'ones' } } }, /no option 'init'/)
    await expectOption({ states: { h: 8 }, weights: { 'a/b': [8] } }, /is no name/)
    await expectOption({ states: { h: 8 }, cell: 1 }, /no option 'cell'/)
  })

  it('inputs, states and constants that a layer does not take', async () => {
    const x = input({ shape: [null, 4] })
    const rnn = () => layers.rnn({ cell: cells.lstm({ units: 3 }) })
    const one = await caught(() => rnn().apply(x, { initialState: input({ shape: [3] }) }))
    expect(one).toMatchObject({ code: 'ERR_SHAPE', message: expect.stringContaining('no initial state or 2 (h, c)') })
    const extra = await caught(() => rnn().apply(x, { constants: { memory: x } }))
    expect(extra).toMatchObject({ code: 'ERR_OPTION', message: expect.stringContaining("takes no constant 'memory'") })
    const missing = await caught(() =>
      layers.rnn({ cell: cells.bahdanau({ units: 3 }), returnSequences: true }).apply(x),
    )
    expect(missing).toMatchObject({ code: 'ERR_SHAPE', message: expect.stringContaining('constants memory') })
    const last = () => layers.rnn({ cell: cells.bahdanau({ units: 3 }) }).apply(x, { constants: { memory: x } })
    expect(await caught(last)).toMatchObject({
      code: 'ERR_SHAPE',
      message: expect.stringContaining('use returnSequences'),
    })
  })
})

describe('a mistake in a layer', () => {
  it('is an error where it is made', async () => {
    const layer = (call: unknown) =>
      defineLayer({ name: 'mine', weights: { kernel: ['features', 3] }, call: call as never })
    await expectAt(
      () => layer(({ x }: Loose, w: Loose) => x?.matmul(w.kernl as never)),
      'ERR_OPTION',
      /layer 'mine'.*no weight 'kernl'/,
    )
    await expectAt(() => layer(() => 3), 'ERR_OPTION', /the result.*got 3/)
    await expectAt(
      () => layer((_: Loose, w: Loose) => w.kernel),
      'ERR_SHAPE',
      /expected \[batch, …\], got \[features, 3\]/,
    )
  })
})
