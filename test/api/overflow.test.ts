import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layers, loadModel, optimizers, sequential, tensor } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { caught } from '../helpers/errors.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-overflow-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const huge = [
  optimizers.adam(),
  optimizers.adam({ amsgrad: true }),
  optimizers.adamw(),
  optimizers.nadam(),
  optimizers.rmsprop(),
  optimizers.rmsprop({ momentum: 0.9, centered: true }),
  optimizers.adagrad(),
  optimizers.adadelta(),
  optimizers.sgd({ learningRate: 1e38 }),
]

describe('finite data whose step would leave something infinite', () => {
  for (const optimizer of huge) {
    it(`are refused, and nothing has changed: ${optimizer.kind}`, async () => {
      const m = sequential([layers.dense({ units: 1, inputShape: [2], kernelInitializer: 'zeros' })], { seed: 1 })
      m.compile({ optimizer, loss: 'mae' })
      const [x, y] = [tensor(Float32Array.of(1, 2), [1, 2]), tensor(Float32Array.of(1), [1, 1])]
      if (optimizer.kind !== 'sgd') await m.trainOnBatch(x, y)
      const before = m.getWeights().map(({ data }) => [...data])
      const times = tensor(Float32Array.of(1.7e20, 2), [1, 2])
      const error = await caught(() => m.fit(times, y, { epochs: 1 }))
      expect(error).toMatchObject({ code: 'ERR_NUMERIC' })
      expect(error.message).toMatch(/step \d+ .*'dense\/kernel.* would become infinite/)
      expect(m.getWeights().map(({ data }) => [...data])).toEqual(before)
      const path = join(folder, `${optimizer.kind}-${huge.indexOf(optimizer)}`)
      await m.save(path)
      const again = await loadModel(path)
      await again.trainOnBatch(x, y)
    })
  }
})
