import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { interop, layers, loadModel, sequential } from 'seqloom'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { tokenClassifier, weightValues } from '../helpers/models.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'seqloom-weights-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const rows = [[1, 2], [3]]
const labels = [0, 2]

describe('saveWeights and loadWeights', () => {
  it('carry all weights to a model with the same layers, whose training stays as it is', async () => {
    const [first, second] = [tokenClassifier(1), tokenClassifier(2)]
    await first.fit(rows, labels, { epochs: 2 })
    await second.fit(rows, labels)
    const file = join(folder, 'deep', 'weights.safetensors')
    await first.saveWeights(file)
    expect(readdirSync(join(folder, 'deep'))).toEqual(['weights.safetensors'])
    const steps = second.optimizer.iterations
    await second.loadWeights(pathToFileURL(file))
    expect(weightValues(second)).toEqual(weightValues(first))
    expect(second.optimizer.iterations).toBe(steps)
    await second.fit(rows, labels)
    await first.saveWeights(file)
    await second.loadWeights(file)
    expect(await second.predict(rows)).toEqual(await first.predict(rows))
  })

  it('take the folder of a saved model, within callbacks too', async () => {
    const [first, second] = [tokenClassifier(1), tokenClassifier(2)]
    await first.save(join(folder, 'model'))
    await second.loadWeights(join(folder, 'model'))
    expect(weightValues(second)).toEqual(weightValues(first))
    const file = join(folder, 'best.safetensors')
    await first.fit(rows, labels, {
      epochs: 3,
      callbacks: {
        onEpochEnd: async (epoch, _logs, { model }) => {
          if (epoch === 0) await model.saveWeights(file)
          if (epoch === 2) await model.loadWeights(file)
        },
      },
    })
    await second.loadWeights(file)
    expect(weightValues(second)).toEqual(weightValues(first))
  })

  it('share with models that have the layers', async () => {
    const reader = layers.gru({ units: 3, inputShape: [null, 2], name: 'reader' })
    const [a, b] = [sequential([reader]), sequential([reader, layers.dense({ units: 1 })])]
    await a.saveWeights(join(folder, 'a.safetensors'))
    const before = b.predictSync([[[1, 2]]]).data[0]
    a.setWeights(a.getWeights().map(({ data, shape }) => ({ data: data.map((value) => value + 1), shape })))
    expect(b.predictSync([[[1, 2]]]).data[0]).not.toBe(before)
    await a.loadWeights(join(folder, 'a.safetensors'))
    expect(b.predictSync([[[1, 2]]]).data[0]).toBe(before)
  })

  it('leave the model as it was where something does not fit', async () => {
    const m = tokenClassifier()
    const before = weightValues(m)
    const file = join(folder, 'other.safetensors')
    await sequential([layers.gru({ units: 3, inputShape: [null, 2], name: 'other' })]).saveWeights(file)
    await expectCoded(() => m.loadWeights(file), 'ERR_FORMAT', /other\.safetensors/)
    await m.saveWeights(file)
    const bytes = readFileSync(file)
    writeFileSync(file, bytes.subarray(0, bytes.length - 5))
    await expectCoded(() => m.loadWeights(file), 'ERR_FORMAT', /other\.safetensors/)
    writeFileSync(file, '')
    await expectCoded(() => m.loadWeights(file), 'ERR_FORMAT', /other\.safetensors/)
    writeFileSync(file, Buffer.concat([bytes, bytes]))
    await expectCoded(() => m.loadWeights(file), 'ERR_FORMAT', /other\.safetensors/)
    await expectCoded(() => m.loadWeights(join(folder, 'none.safetensors')), 'ERR_IO', /none/)
    expect(weightValues(m)).toEqual(before)
    m.dispose()
    await expectCoded(() => m.loadWeights(file), ['ERR_STATE', 'ERR_FORMAT'], /./)
  })

  it('say what reads and writes the files of others', async () => {
    const m = tokenClassifier()
    await expectCoded(() => m.saveWeights(join(folder, 'w.weights.h5')), 'ERR_OPTION', /toKeras/)
    await expectCoded(() => m.saveWeights(join(folder, 'w')), 'ERR_OPTION', /must end in \.safetensors/)
    writeFileSync(join(folder, 'w.pt'), 'x')
    await expectCoded(() => m.loadWeights(join(folder, 'w.pt')), 'ERR_OPTION', /loadPyTorch/)
    await expectCoded(() => m.saveWeights(3 as never), 'ERR_OPTION', /path/)
    const file = join(folder, 'w.safetensors')
    await m.saveWeights(file)
    const other = tokenClassifier(2)
    await interop
      .loadPyTorch(file, {
        model: other,
        mapping: Object.fromEntries(Object.keys(m.namedWeights()).map((name) => [name, name])),
      } as never)
      .catch((error: { code: string }) => expect(error.code).toMatch(/^ERR_/))
    const again = await loadModel(await m.toBytes())
    await again.loadWeights(file)
    expect(weightValues(again)).toEqual(weightValues(m))
  })
})
