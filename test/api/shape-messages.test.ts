import { input, layers, model, sequential } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

describe('a forgotten returnSequences', () => {
  it('is named as the cure, on the layer that lacks it, by the name that the model would give', async () => {
    const stack = (...flags: boolean[]) =>
      sequential([
        ...flags.map((returnSequences, at) =>
          layers.lstm({ units: 8, returnSequences, ...(at === 0 && { inputShape: [null, 5] }) }),
        ),
        layers.lstm({ units: 4 }),
      ])
    await expectCoded(
      () => stack(false),
      'ERR_SHAPE',
      /layer 'lstm_1'/,
      /\[batch, time, features\]/,
      /set returnSequences: true on 'lstm'$/,
    )
    await expectCoded(() => stack(true, false), 'ERR_SHAPE', /layer 'lstm_2'/, /set returnSequences: true on 'lstm_1'$/)
    expect(stack(true, true).layers).toHaveLength(4)
  })

  it.each([
    ['bidirectional', () => layers.bidirectional({ layer: layers.lstm({ units: 2 }) }), /layer 'bidirectional'/],
    [
      'timeDistributed',
      () => layers.timeDistributed({ layer: layers.dense({ units: 2 }) }),
      /layer 'time_distributed'/,
    ],
    ['pooling', () => layers.globalMaxPooling1d(), /layer 'global_max_pooling1d'/],
    ['masking', () => layers.masking(), /layer 'masking'/],
    ['lastStep', () => layers.lastStep(), /layer 'last_step'/],
    ['a second GRU', () => layers.gru({ units: 2 }), /layer 'gru_1'/],
  ] as const)('before %s', async (_name, next, label) => {
    const reader = () => layers.gru({ units: 3, inputShape: [null, 5] })
    await expectCoded(() => sequential([reader(), next()]), 'ERR_SHAPE', label, /set returnSequences: true on 'gru'$/)
    // Layers in between that treat every step alike do not hide it.
    const between = () => sequential([reader(), layers.dropout({ rate: 0.1 }), layers.dense({ units: 2 }), next()])
    await expectCoded(between, 'ERR_SHAPE', label, /on 'gru'$/)
  })

  it('is found in functional models and behind wrappers, by given names', async () => {
    const x = input({ shape: [null, 5] })
    const both = layers.bidirectional({ layer: layers.lstm({ units: 2 }), name: 'both' }).apply(x)
    await expectCoded(() => layers.gru({ units: 2 }).apply(both), 'ERR_SHAPE', /layer 'gru'/, /on 'both'$/)
    const sequence = layers.lstm({ units: 4, returnSequences: true }).apply(x)
    await expectCoded(() => layers.attention().apply([both, sequence]), 'ERR_SHAPE', /on 'both'$/)
  })

  it('is not blamed for what it would not cure', async () => {
    const error = await Promise.resolve()
      .then(() =>
        sequential([layers.lstm({ units: 3, inputShape: [null, 5] }), layers.reshape({ targetShape: [2, 2] })]),
      )
      .catch((caught: Error) => caught)
    expect(error).toMatchObject({ code: 'ERR_SHAPE' })
    expect((error as Error).message).not.toMatch(/returnSequences/)
    const x = input({ shape: [4] })
    await expectCoded(() => layers.lstm({ units: 3 }).apply(x), 'ERR_SHAPE', /got \[null, 4\]$/)
  })
})

describe('layers without names', () => {
  it('have in messages the name that they have in the model', async () => {
    const x = input({ shape: [null, 5] })
    const y = layers.lstm({ units: 8, returnSequences: true }).apply(x)
    const shared = layers.lstm({ units: 3, returnSequences: true })
    const m = model({ inputs: x, outputs: shared.apply(y) })
    expect(m.getLayer('lstm_1')).toBe(shared)
    await expectCoded(() => shared.apply(y, { initialState: x }), 'ERR_SHAPE', /layer 'lstm_1'/)
  })
})
