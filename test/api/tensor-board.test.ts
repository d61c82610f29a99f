import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PNG } from 'pngjs'
import { callbacks, layers, sequential } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const python = process.env.SEQLOOM_TENSORBOARD ?? process.env.SEQLOOM_PYTHON ?? 'python3'
const isThere = spawnSync(python, ['-c', 'import tensorboard']).status === 0
if (!isThere) {
  console.warn('no TensorBoard: its test is skipped; name a Python that has it by SEQLOOM_TENSORBOARD')
}

const folder = mkdtempSync(join(tmpdir(), 'seqloom-tensorboard-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const x = [
  [0, 1],
  [1, 0],
  [1, 1],
  [0, 0],
]
const y = [0, 1, 1, 0]

function small() {
  const model = sequential([layers.dense({ units: 2, inputShape: [2], activation: 'softmax' })], { seed: 1 })
  model.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] })
  return model
}

type Found = Readonly<
  Record<string, Readonly<Record<string, readonly (readonly [number, readonly (number | string)[]])[]>>>
>

/** What TensorBoard reads in a folder. */
function read(path: string): Found {
  const program = fileURLToPath(new URL('../helpers/programs/readEvents.py', import.meta.url))
  const { status, stdout, stderr } = spawnSync(python, [program, path], { encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout)
}

describe('callbacks.tensorBoard', () => {
  it.skipIf(!isThere)('writes what TensorBoard reads: numbers, histograms, images, texts', async () => {
    const logDir = join(folder, 'run')
    const weights: Float32Array[] = []
    const { history } = await small().fit(x, y, {
      ...{ epochs: 3, batchSize: 2, validationData: [x, y] },
      callbacks: [
        callbacks.tensorBoard({
          ...{ logDir, updateFreq: 'batch', pictureFreq: 1, confusion: { x, y } },
          attention: () => ({
            rows: ['a', 'b'],
            columns: ['c', 'd', 'e'],
            weights: [
              [1, 0, 0],
              [0, 0.5, 0.5],
            ],
          }),
          samples: () => ({ prompt: 'p', text: 'once\nupon' }),
        }),
        {
          onEpochEnd: (_, __, { model }) => {
            weights.push(model.namedWeights()['dense/kernel']?.data as Float32Array)
          },
        },
      ],
    })
    expect(readdirSync(logDir).sort()).toEqual(['train', 'validation'])
    const [train, validation] = [read(join(logDir, 'train')), read(join(logDir, 'validation'))]
    const curve = (name: string) => history[name]?.map((value, at) => [at + 1, [Math.fround(value)]])
    expect(train.scalars?.epoch_loss).toEqual(curve('loss'))
    expect(train.scalars?.epoch_accuracy).toEqual(curve('accuracy'))
    expect(train.scalars?.['gradient_norm/dense']).toEqual(curve('gradient_norm/dense'))
    expect(train.scalars?.epoch_learning_rate?.map(([, [value]]) => value)).toEqual([0.01, 0.01, 0.01].map(Math.fround))
    expect(validation.scalars?.epoch_loss).toEqual(curve('val_loss'))
    expect(train.scalars?.batch_loss?.at(-1)?.[0]).toBe(6)
    // [left, right, count] of each bucket.
    const kernels = train.histograms?.['dense/kernel/histogram'] ?? []
    expect(kernels.map(([step]) => step)).toEqual([1, 2, 3])
    for (const [at, [, values]] of kernels.entries()) {
      const kernel = weights[at] as Float32Array
      expect(values[0]).toBeCloseTo(Math.min(...kernel), 5)
      expect(values.at(-2)).toBeCloseTo(Math.max(...kernel), 5)
      expect(values.filter((_, place) => place % 3 === 2).reduce((sum: number, each) => sum + Number(each), 0)).toBe(4)
    }
    expect(train.histograms?.['dense/kernel/gradient/histogram']).toHaveLength(3)
    for (const [tag, shape] of [
      ['attention', [96, 64]],
      ['confusion', [64, 64]],
    ] as const) {
      const [width, height, png] = (train.images?.[tag]?.[0]?.[1] ?? []) as [string, string, string]
      expect([Number(width), Number(height)], tag).toEqual(shape)
      expect(PNG.sync.read(Buffer.from(png, 'latin1'))).toMatchObject({ width: shape[0], height: shape[1] })
    }
    expect(train.text?.sample?.[0]).toEqual([1, ['**p**\n\n    once\n    upon']])
    expect(train.text?.model?.[0]?.[1][0]).toContain('dense (Dense)')
  })

  it('refuses wrong options, and folders that it cannot write before anything is trained', async () => {
    expect(() => callbacks.tensorBoard({ histogramFreq: 1 } as never)).toThrow(coded('ERR_UNSUPPORTED', /pictureFreq/))
    expect(() => callbacks.tensorBoard({ logDir: 'x', updateFreq: 0 })).toThrow(coded('ERR_OPTION', /updateFreq/))
    expect(() => callbacks.tensorBoard({ logDir: 'x', writeGraph: true } as never)).toThrow(coded('ERR_UNSUPPORTED'))
    const file = join(folder, 'file')
    writeFileSync(file, '')
    let ended = 0
    const fit = small().fit(x, y, {
      callbacks: [callbacks.tensorBoard({ logDir: file }), { onEpochEnd: () => void ended++ }],
    })
    await expect(fit).rejects.toThrow(coded('ERR_IO'))
    expect(ended).toBe(0)
  })
})
