import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PNG } from 'pngjs'
import { AbortError, tasks, tensor } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

const side = 8
const colours = { red: [255, 0, 0], green: [0, 255, 0], blue: [0, 0, 255], white: [255, 255, 255] } as const
const names = Object.keys(colours) as (keyof typeof colours)[]

interface Scene {
  readonly image: { data: Uint8Array; width: number; height: number }
  readonly caption: string
}

/** Four noisy squares, two above two, and their colours as one reads: the decoder must look at each word's square. */
function scenes(count: number, start: number): Scene[] {
  let state = start
  const next = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  return Array.from({ length: count }, () => {
    const squares = Array.from({ length: 4 }, () => names[next(4)] as keyof typeof colours)
    const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
      const [x, y] = [Math.floor(i / 3) % side, Math.floor(i / 3 / side)]
      const square = squares[2 * Math.floor(y / 4) + Math.floor(x / 4)] as keyof typeof colours
      return Math.abs((colours[square][i % 3] as number) - next(60))
    })
    const [a, b, c, d] = squares
    return { image: { data, width: side, height: side }, caption: `${a} and ${b} above ${c} and ${d}` }
  })
}

const small = { patchSize: 4, annotationSize: 32, units: 32, embedding: 16, dropout: 0, seed: 1 }
const training = { epochs: 12, batchSize: 32, learningRate: 0.01, validationSplit: 0.1 }

describe('Captioner', () => {
  let folder: string
  const captioner = new tasks.Captioner(small)
  const epochs: tasks.TaskEpoch[] = []
  const held = scenes(100, 99)
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
    await captioner.train(scenes(600, 1), { ...training, onEpoch: (epoch) => void epochs.push(epoch) })
  }, 60_000)
  afterAll(() => rmSync(folder, { recursive: true }))

  it('learns, and reports how it goes', async () => {
    expect(epochs).toHaveLength(12)
    expect(epochs.at(-1)).toMatchObject({
      epoch: 12,
      epochs: 12,
      loss: expect.any(Number),
      valLoss: expect.any(Number),
    })
    const result = await captioner.evaluate(held)
    expect(result.exactMatch).toBeGreaterThan(0.9)
    expect(result.bleu.score).toBeGreaterThan(90)
    expect(result.perplexity).toBeCloseTo(Math.exp(result.loss), 10)
    expect(result.count).toBe(100)
  })

  it('shows where it looks for each word', async () => {
    expect(captioner.patches).toEqual({ size: 4, stride: 4, rows: 2, columns: 2 })
    expect(captioner.imageSize).toEqual({ height: 8, width: 8, channels: 3 })
    const captions = await captioner.caption(
      held.map(({ image }) => image),
      { alignments: true },
    )
    const [first] = captions as [tasks.Caption]
    expect(first.attention?.map(({ token }) => token)).toEqual(first.tokens)
    for (const { weights, peak } of first.attention ?? []) {
      expect(weights.map((row) => row.length)).toEqual([2, 2])
      expect(weights.flat().reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 4)
      expect(weights[peak.row]?.[peak.column]).toBe(Math.max(...weights.flat()))
      expect(peak).toMatchObject({ x: 4 * peak.column + 2, y: 4 * peak.row + 2 })
    }
    // Words 0, 2, 4 and 6 name the squares one after the other.
    const right = captions.flatMap(({ attention = [] }) =>
      [0, 1, 2, 3].map((square) => {
        const { row, column } = attention[2 * square]?.peak ?? {}
        return row === Math.floor(square / 2) && column === square % 2
      }),
    )
    expect(right.filter(Boolean).length / right.length).toBeGreaterThan(0.9)
  })

  it('draws where it looks', async () => {
    const [{ image }] = held as [Scene]
    const [caption] = (await captioner.caption([image], { alignments: true })) as [tasks.Caption]
    const picture = await captioner.attentionPicture(image, caption)
    expect(picture).toMatch(/^<svg [\s\S]*<\/svg>\n$/)
    expect(picture.match(/<use /g)).toHaveLength(caption.tokens.length)
    expect(picture.match(/fill-opacity/g)).toHaveLength(4 * caption.tokens.length)
    for (const token of caption.tokens) expect(picture).toContain(`>${token}</text>`)
    const { data, width, height } = PNG.sync.read(Buffer.from(/base64,([^"]+)"/.exec(picture)?.[1] as string, 'base64'))
    expect([width, height]).toEqual([8, 8])
    expect([...data.subarray(0, 3)]).toEqual([...image.data.subarray(0, 3)])
    const [plain] = (await captioner.caption([image])) as [tasks.Caption]
    await expectCoded(() => captioner.attentionPicture(image, plain), 'ERR_OPTION', /alignments: true/)
  })

  it('takes images as tensors, and gives alternatives', async () => {
    const [{ image, caption }] = held as [Scene]
    const bytes = tensor(image.data, [side, side, 3])
    const floats = tensor(
      Float32Array.from(image.data, (byte) => byte / 255),
      [side, side, 3],
    )
    const numbers = { data: [...floats.data], width: side, height: side, channels: 3 }
    const foreign = { shape: [side, side, 3], dataSync: () => Int32Array.from(image.data) }
    const found = await captioner.caption([image, bytes, floats, numbers, foreign], { nBest: 2 })
    for (const { text, alternatives } of found) {
      expect(text).toBe(caption)
      expect(alternatives).toHaveLength(1)
    }
    expect(found[0]?.alternatives?.[0]?.score).toBeLessThan(found[0]?.score as number)
    expect(found.map(({ logProbability }) => logProbability)).toEqual(found.map(() => found[0]?.logProbability))
  })

  it('counts every caption of an image as a reference', async () => {
    const [{ image, caption }] = held as [Scene]
    const copy = { ...image, data: image.data.slice() }
    const result = await captioner.evaluate([
      { image, caption: 'something else' },
      { image: copy, caption },
    ])
    expect(result).toMatchObject({ count: 1, exactMatch: 1, errorRate: 0 })
  })

  it('is saved and loaded', async () => {
    const path = join(folder, 'model')
    await captioner.save(path)
    const again = await tasks.Captioner.load(path)
    const images = held.slice(0, 3).map(({ image }) => image)
    expect(await again.caption(images, { alignments: true })).toEqual(
      await captioner.caption(images, { alignments: true }),
    )
    const description = JSON.parse(readFileSync(join(path, 'model.json'), 'utf8'))
    for (const [metadata, why] of [
      [{ ...description.metadata, image: [8, 13, 3] }, /does not read image of \[8, 13, 3\]/],
      [{ ...description.metadata, patchSize: 0 }, /no patches/],
      [{ maxLength: 3, longestTarget: 3 }, /does not say/],
    ]) {
      writeFileSync(join(path, 'model.json'), JSON.stringify({ ...description, metadata }))
      await expectCoded(() => tasks.Captioner.load(path), 'ERR_FORMAT', /no captioner/, why as RegExp)
    }
  })

  it('goes on from where it was', async () => {
    const history = await captioner.train(scenes(200, 5), { epochs: 1, learningRate: 0.001 })
    expect(history.history.loss?.[0]).toBeLessThan(0.2)
  })

  it('says what is wrong with images', async () => {
    const { image } = held[0] as Scene
    const fresh = new tasks.Captioner(small)
    const train = (...images: unknown[]) => fresh.train(images.map((each) => ({ image: each, caption: 'a' })) as never)
    await expectCoded(() => fresh.caption([image]), 'ERR_STATE')
    await expectCoded(() => fresh.train([]), 'ERR_DATA', /no rows/)
    await expectCoded(() => fresh.train([{ image, text: 'a' } as never]), 'ERR_DATA', /row 0 must be \{ image, caption/)
    await expectCoded(() => train(image, 'cat.png'), 'ERR_DATA', /row 1: the image must be/)
    await expectCoded(() => train({ ...image, width: 0 }), 'ERR_DATA', /row 0: the image must be/)
    await expectCoded(() => train({ ...image, data: image.data.slice(1) }), 'ERR_DATA', /row 0.*8 x 8.*191/)
    await expectCoded(() => train({ ...image, channels: 1 }), 'ERR_DATA', /needs 64 numbers, got 192/)
    await expectCoded(
      () => train(image, { ...image, width: 4, height: 16 }),
      'ERR_DATA',
      /row 1: the image \[16, 4, 3\] differs.*\[8, 8, 3\].*one size/,
    )
    const numbers = Float32Array.from(image.data).fill(Number.NaN, 5, 6)
    await expectCoded(() => train(image, { ...image, data: numbers }), 'ERR_DATA', /row 1: the image has NaN at 5/)
    const wide = Int32Array.from(image.data).fill(256, 7, 8)
    await expectCoded(() => train({ ...image, data: wide }), 'ERR_DATA', /row 0: the image has 256 at 7.*0 to 255/)
    await expectCoded(() => train(tensor(new Float32Array(4), [4])), 'ERR_DATA', /row 0/)
    await expectCoded(
      () => captioner.caption([{ data: new Uint8Array(12), width: 2, height: 2 }]),
      'ERR_DATA',
      /image 0.*the model was trained on/,
    )
    await expectCoded(() => captioner.caption([]), 'ERR_DATA', /no rows/)
    await expectCoded(() => captioner.caption(image as never), 'ERR_DATA', /array of images/)
  })

  it('says what is wrong with captions and options, and stops when asked', async () => {
    const { image } = held[0] as Scene
    const fresh = new tasks.Captioner(small)
    await expectCoded(
      () =>
        fresh.train([
          { image, caption: ['a'] },
          { image, caption: 'a' },
        ]),
      'ERR_DATA',
      /caption of row 1 is a text, that of row 0 an array/,
    )
    await expectCoded(() => fresh.train([{ image, caption: 3 as never }]), 'ERR_DATA', /row 0/)
    await expectCoded(() => fresh.train(held, { epochs: 0 }), 'ERR_OPTION', /epochs/)
    await expectCoded(() => new tasks.Captioner({ patchSize: 8, patchStride: 3 }), 'ERR_OPTION', /multiple/)
    await expectCoded(() => new tasks.Captioner({ attentionPenalty: -1 }), 'ERR_OPTION', /attentionPenalty/)
    await expectCoded(() => captioner.caption([image], { nBest: 5 }), 'ERR_OPTION', /nBest/)
    const controller = new AbortController()
    const stopped = fresh.train(held, {
      ...{ epochs: 50, signal: controller.signal },
      onEpoch: () => controller.abort(),
    })
    await expect(stopped).rejects.toBeInstanceOf(AbortError)
    expect(fresh.ready).toBe(true)
    await expect(captioner.caption([image], { signal: controller.signal })).rejects.toBeInstanceOf(AbortError)
    await expectCoded(() => fresh.train([{ annotations: [[1]], caption: 'a' }]), 'ERR_DATA', /row 0 must be \{ image/)
  })
})

it('overlapping patches, images that are no multiple of them, and the penalty', async () => {
  const captioner = new tasks.Captioner({ ...small, patchSize: 4, patchStride: 2, attentionPenalty: 0.1 })
  const rows = scenes(300, 3).map(({ image, caption }) => {
    const data = new Uint8Array(9 * 8 * 3)
    for (let y = 0; y < side; y++) data.set(image.data.subarray(y * side * 3, (y + 1) * side * 3), y * 9 * 3)
    return { image: { data, width: 9, height: 8 }, caption }
  })
  const losses: number[] = []
  const { history } = await captioner.train(rows, {
    ...{ ...training, epochs: 6, scheduledSampling: 0.2 },
    onEpoch: ({ loss }) => void losses.push(loss),
  })
  expect(captioner.patches).toEqual({ size: 4, stride: 2, rows: 3, columns: 4 })
  expect(losses.at(-1)).toBeLessThan(0.8 * (losses[0] as number))
  // What is reported is the loss of the words, without the penalty.
  expect(losses[0]).toBeLessThan(history.loss?.[0] as number)
})

it('learns from annotation vectors', async () => {
  const rows = scenes(700, 7).map(({ caption }) => {
    const words = caption.split(' ')
    const annotations = [0, 2, 4, 6].map((word, place) => [
      ...names.map((name) => Number(name === words[word])),
      ...[0, 1, 2, 3].map((other) => Number(other === place)),
    ])
    return { annotations, caption: words }
  })
  const captioner = new tasks.Captioner(small)
  await captioner.train(rows.slice(50), training)
  const { exactMatch } = await captioner.evaluate(rows.slice(0, 50))
  expect(exactMatch).toBeGreaterThan(0.9)
  const one = tensor(Float32Array.from(rows[0]?.annotations.flat() ?? []), [4, 8])
  const [first] = (await captioner.caption([one], { alignments: true })) as [tasks.Caption]
  expect(first.tokens).toEqual(rows[0]?.caption)
  expect(first.attention?.map(({ weights }) => weights.map((row) => row.length))).toEqual(first.tokens.map(() => [4]))
  expect(first.attention?.[4]?.peak).toEqual({ row: 0, column: 2 })
  const wrong = (annotations: unknown) => captioner.caption([annotations as never])
  await expectCoded(() => wrong([[1, 2], [3]]), 'ERR_DATA', /row 0: the annotations must be a tensor/)
  await expectCoded(() => wrong([[1, 2]]), 'ERR_DATA', /\[1, 2\] differs in shape from \[4, 8\]/)
  await expectCoded(() => wrong(Array(4).fill(Array(8).fill(Number.NaN))), 'ERR_DATA', /has NaN at 0/)
})
