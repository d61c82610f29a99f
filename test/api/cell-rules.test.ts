import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Cell,
  cells,
  constraints,
  defineCell,
  interop,
  layers,
  loadModel,
  type Model,
  regularizers,
  sequential,
  type Tensor,
} from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { waves } from '../helpers/waves.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-cell-rules-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const x = waves([2, 4, 3])
const y = waves([2, 5])
const squares = (values: Iterable<number>) => [...values].reduce((sum, value) => sum + value * value, 0)

describe('regularizers and constraints of layers.rnn', () => {
  const modelOf = (options: object, cell: Cell): Model => {
    const m = sequential([layers.rnn({ cell, inputShape: [null, 3], ...options })], { seed: 3 })
    m.compile({ optimizer: 'sgd', loss: 'meanSquaredError', metrics: ['meanSquaredError'] })
    return m
  }
  const penaltyOf = async (m: Model) => {
    const [loss, error] = (await m.testOnBatch(x, y)) as number[]
    return (loss as number) - (error as number)
  }
  const named = (m: Model, name: RegExp): Tensor[] =>
    Object.entries(m.namedWeights()).flatMap(([key, value]) => (name.test(key) ? [value] : []))
  const sum = (list: readonly Tensor[]) => list.reduce((total, { data }) => total + squares(data), 0)

  it('are for the weights of any cell by what options call them', async () => {
    for (const cell of [cells.minGRU({ units: 5 }), cells.qrnn({ units: 5 }), cells.lstm({ units: 5 })]) {
      const m = modelOf({ kernelRegularizer: regularizers.l2(0.1), biasRegularizer: regularizers.l2(0.5) }, cell)
      expect(await penaltyOf(m)).toBeCloseTo(0.1 * sum(named(m, /\/kernel(s_\d)?$/)) + 0.5 * sum(named(m, /bias$/)), 4)
      m.dispose()
    }
  })

  it('are for each cell of a stack, in both directions, unless a weight has one of its own', async () => {
    const own = cells.gru({ units: 5, recurrentRegularizer: regularizers.l2(1) })
    const m = sequential([
      layers.bidirectional({
        layer: layers.rnn({ cell: [own, cells.gru({ units: 5 })], recurrentRegularizer: regularizers.l2(0.1) }),
        mergeMode: 'sum',
        inputShape: [null, 3],
      }),
    ])
    m.compile({ optimizer: 'sgd', loss: 'meanSquaredError', metrics: ['meanSquaredError'] })
    const found = named(m, /recurrent_kernel$/)
    expect(found).toHaveLength(4)
    const expected = found.reduce((total, { data }, at) => total + (at % 2 === 0 ? 1 : 0.1) * squares(data), 0)
    expect(await penaltyOf(m)).toBeCloseTo(expected, 3)
    m.dispose()
  })

  it('hold after every step, are saved, copied and written for Keras', async () => {
    const m = modelOf({ kernelConstraint: constraints.nonNeg() }, cells.lstm({ units: 5 }))
    await m.fit(x, y, { epochs: 2 })
    await m.save(join(folder, 'saved'))
    await interop.toKeras(m, join(folder, 'model.keras'))
    for (const again of [
      m,
      m.clone(),
      await loadModel(join(folder, 'saved')),
      await interop.loadKeras(join(folder, 'model.keras')),
    ]) {
      again.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
      await again.fit(x, y, { epochs: 1 })
      const [kernel] = again.getWeights() as [Tensor]
      expect(Math.min(...kernel.data)).toBe(0)
      again.dispose()
    }
  })

  it('are refused where the cell has no such weight', async () => {
    const make = () => layers.rnn({ cell: cells.minGRU({ units: 5 }), recurrentRegularizer: 'l2' })
    await expectCoded(
      make,
      'ERR_OPTION',
      /recurrentRegularizer is for .*recurrent_kernel; those of cell 'minGRU' are kernel, bias/,
    )
    const cell = defineCell({ states: { h: 2 }, step: ({ x, h }) => ({ h: h.add(x) }) })
    await expectCoded(() => layers.rnn({ cell, kernelConstraint: 'nonNeg' }), 'ERR_OPTION', /has no weights/)
  })

  it('and dropout are told where they belong', async () => {
    const cell = cells.minGRU({ units: 5 })
    const told: [() => unknown, RegExp][] = [
      [() => layers.rnn({ cell, dropout: 0.2 } as never), /layers\.rnn: dropout 0\.2 .*spatialDropout1d/],
      [() => layers.rnn({ cell, recurrentDropout: 0.2 } as never), /cells\.zoneout/],
      [() => layers.rnn({ cell, zoneout: 0.2 } as never), /cells\.zoneout/],
      [() => cells.mamba({ units: 4, dropout: 0.2 } as never), /cells\.mamba: dropout .*spatialDropout1d/],
      [() => cells.rwkv({ units: 4, recurrentDropout: 0.2 } as never), /cells\.zoneout/],
      [
        () => cells.gruD({ units: 4, kernelRegularizer: 'l2' } as never),
        /layers\.rnn\(\{ cell, kernelRegularizer \}\)/,
      ],
    ]
    for (const [make, words] of told) await expectCoded(make, 'ERR_UNSUPPORTED', words)
    layers.rnn({
      cell: cells.sru({ units: 4, dropout: 0, kernelRegularizer: null } as never),
      recurrentDropout: 0,
    } as never)
  })
})
