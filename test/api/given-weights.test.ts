import { layers, loadModel, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

const vectors = [
  [0, 0],
  [1, 2],
  [3, 4],
]

describe('weights in the options', () => {
  it('of an embedding are its vectors, and say its sizes; frozen ones stay', async () => {
    for (const weights of [
      vectors,
      [vectors],
      tensor(vectors.flat(), [3, 2]),
      [tensor(vectors.flat(), [3, 2])],
    ] as const) {
      const m = sequential([
        layers.embedding({ weights: weights as never, trainable: false, maskZero: true, name: 'words' }),
        layers.lstm({ units: 2 }),
        layers.dense({ units: 1 }),
      ])
      expect(m.getLayer('words').getWeights()[0]?.array()).toEqual(vectors)
      m.compile({ optimizer: 'adam', loss: 'mse' })
      await m.fit([[1, 2], [2]], [1, 0], { epochs: 2 })
      expect(m.getLayer('words').getWeights()[0]?.array()).toEqual(vectors)
    }
  })

  it('train like any, are saved once, and are in clones', async () => {
    const m = sequential([layers.embedding({ weights: vectors, name: 'words' }), layers.globalAveragePooling1d()])
    expect(JSON.stringify(m)).not.toContain('weights')
    expect(
      m
        .clone()
        .predictSync([[1, 2]])
        .array(),
    ).toEqual([[2, 3]])
    m.compile({ optimizer: 'sgd', loss: 'mse' })
    await m.fit([[1]], [[0, 0]])
    expect(m.namedWeights()['words/embeddings']?.row(1).array()).not.toEqual([1, 2])
    expect(m.namedWeights()['words/embeddings']?.row(2).array()).toEqual([3, 4])
    expect((await loadModel(await m.toBytes())).namedWeights()).toEqual(m.namedWeights())
  })

  it('are those of any layer, in the order of getWeights', () => {
    const m = sequential([
      layers.dense({
        units: 2,
        inputShape: [2],
        weights: [
          [
            [1, 2],
            [3, 4],
          ],
          [10, 20],
        ],
      }),
    ])
    expect(m.predictSync([[1, 1]]).array()).toEqual([[14, 26]])
  })

  it('must fit', async () => {
    await expectCoded(
      () => layers.embedding({ weights: vectors, inputDim: 4 }),
      'ERR_SHAPE',
      /inputDim is 4/,
      /\[3, 2\]/,
    )
    await expectCoded(() => layers.embedding({ weights: [1, 2] as never }), 'ERR_SHAPE', /\[inputDim, outputDim\]/)
    await expectCoded(() => layers.embedding({} as never), 'ERR_OPTION', /inputDim/)
    const run = (weights: unknown) => () =>
      sequential([layers.dense({ units: 2, inputShape: [2], weights: weights as never })]).predictSync([[1, 1]])
    await expectCoded(
      run([
        [
          [1, 2],
          [3, 4],
        ],
      ]),
      'ERR_SHAPE',
      /dense/,
      /2 tensors/,
      /dense\/kernel, dense\/bias/,
    )
    await expectCoded(run([[[1, 2]], [1, 2]]), 'ERR_SHAPE', /dense\/kernel/)
    await expectCoded(
      run([
        [
          [1, Number.NaN],
          [3, 4],
        ],
        [1, 2],
      ]),
      'ERR_DATA',
      /dense\/kernel/,
    )
    await expectCoded(run('glorot'), 'ERR_OPTION', /weights/)
    const ragged = () => sequential([layers.embedding({ weights: [[1, 2], [3]] })]).predictSync([[1]])
    await expectCoded(ragged, ['ERR_SHAPE', 'ERR_DATA'], /embeddings/)
  })
})
