import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  cells,
  defineLayer,
  input,
  layers,
  loadModel,
  type Model,
  model,
  modelFromJSON,
  sequential,
  tensor,
} from 'seqloom'
import { describe, expect, it } from 'vitest'
import { caught, expectCoded } from '../helpers/errors.js'
import { tokenClassifier, wave } from '../helpers/models.js'

const [tokens, labels] = [
  [[1, 2, 3], [4], [5, 6]],
  [0, 1, 2],
]

describe('toBytes', () => {
  it('gives a model that predicts and trains on as this one does', async () => {
    const m = tokenClassifier()
    await m.fit(tokens, labels, { epochs: 3 })
    m.learningRate = 0.002
    const bytes = await m.toBytes()
    expect(bytes).toBeInstanceOf(Uint8Array)
    const again = await loadModel(bytes)
    expect(again.toJSON()).toEqual(m.toJSON())
    expect(again.learningRate).toBe(m.learningRate)
    expect(again.predictSync(tokens)).toEqual(m.predictSync(tokens))
    expect((await again.fit(tokens, labels)).history).toEqual((await m.fit(tokens, labels)).history)
    expect(again.namedWeights()).toEqual(m.namedWeights())
  })

  it('is the same for the same model, and is read from a Buffer, a part of one, and an ArrayBuffer', async () => {
    const m = tokenClassifier()
    const bytes = await m.toBytes()
    expect(Buffer.compare(bytes, await m.clone().toBytes())).toBe(0)
    const part = Buffer.concat([Buffer.from('abc'), bytes, Buffer.from('def')]).subarray(3, 3 + bytes.length)
    for (const given of [Buffer.from(bytes), part, bytes.slice().buffer as ArrayBuffer]) {
      expect((await loadModel(given)).predictSync(tokens)).toEqual(m.predictSync(tokens))
    }
  })

  it('is an archive that tar unpacks to a model folder', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
    try {
      const m = tokenClassifier()
      writeFileSync(join(folder, 'model.tar'), await m.toBytes())
      execFileSync('tar', ['-xf', 'model.tar'], { cwd: folder })
      expect((await loadModel(folder)).predictSync(tokens)).toEqual(m.predictSync(tokens))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('may be called in a callback of fit', async () => {
    const m = tokenClassifier()
    const kept: Uint8Array[] = []
    await m.fit(tokens, labels, {
      epochs: 2,
      callbacks: { onEpochEnd: async () => void kept.push(await m.toBytes()) },
    })
    const last = await loadModel(kept[1] as Uint8Array)
    expect(last.namedWeights()).toEqual(m.namedWeights())
    expect((await loadModel(kept[0] as Uint8Array)).namedWeights()).not.toEqual(m.namedWeights())
  })
})

describe('loadModel of bytes', () => {
  it('refuses what is no archive of ours, cut archives and altered ones, naming what is wrong', async () => {
    const bytes = await tokenClassifier().toBytes()
    await expectCoded(() => loadModel(new Uint8Array(0)), 'ERR_FORMAT', /toBytes/, /model\.json/)
    await expectCoded(() => loadModel(Buffer.from('PK'.repeat(600))), 'ERR_FORMAT', /at byte 0/)
    for (const at of [1, 511, 512, 700, 5000, bytes.length - 3000]) {
      await expectCoded(() => loadModel(bytes.slice(0, at)), 'ERR_FORMAT')
    }
    const step = 37
    for (let at = 0; at < bytes.length; at += step) {
      const altered = bytes.slice()
      altered[at] = (altered[at] as number) ^ 0x41
      const result = await loadModel(altered).then(
        (m) => m,
        (error: unknown) => error,
      )
      if (result instanceof Error) expect(result, `byte ${at}`).toMatchObject({ code: 'ERR_FORMAT' })
      // Only padding and what says nothing about the layers may change without notice.
      else expect((result as Model).countParams()).toBe(tokenClassifier().countParams())
    }
  })

  it('refuses sizes beyond the bytes, files that are listed twice, links, and names that are missing', async () => {
    const bytes = await tokenClassifier().toBytes()
    const head = (change: (header: Buffer) => void) => {
      const altered = Buffer.from(bytes)
      const header = altered.subarray(0, 512)
      change(header)
      header.write('        ', 148, 'latin1')
      const sum = header.reduce((total, byte) => total + byte, 0)
      header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
      return altered
    }
    await expectCoded(() => loadModel(head((h) => h.write('77777777777', 124))), 'ERR_FORMAT', /ends within/)
    await expectCoded(() => loadModel(head((h) => h.write('2', 156))), 'ERR_FORMAT', /at byte 0/)
    await expectCoded(() => loadModel(head((h) => h.write('nodel', 0))), 'ERR_FORMAT', /no 'model\.json'/)
    const twice = Buffer.concat([bytes.subarray(0, bytes.length - 1024), bytes])
    await expectCoded(() => loadModel(twice), 'ERR_FORMAT', /twice/)
  })

  it.each([[undefined], [null], [5], [{}], [[1, 2]], [new Float32Array(4)]])('of %s is ERR_OPTION', async (given) => {
    await expectCoded(() => loadModel(given as never), 'ERR_OPTION', /folder/, /toBytes/)
  })
})

describe('modelFromJSON', () => {
  const x = tensor(wave(6 * 4 * 3), [6, 4, 3])

  it('makes a model of the same layers with first weights of the same seed, of an object or its text', () => {
    const m = tokenClassifier(9)
    for (const json of [m.toJSON(), JSON.stringify(m), JSON.parse(JSON.stringify(m.toJSON()))]) {
      const again = modelFromJSON(json)
      expect(again.toJSON()).toEqual(m.toJSON())
      expect(again.seed).toBe(9)
      expect(again.namedWeights()).toEqual(m.namedWeights())
      expect(again.predictSync(tokens)).toEqual(m.predictSync(tokens))
    }
  })

  it('is not compiled, and trains once it is', async () => {
    const again = modelFromJSON(tokenClassifier().toJSON())
    expect(await caught(() => again.fit(tokens, labels))).toMatchObject({ code: 'ERR_STATE' })
    again.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' })
    expect((await again.fit(tokens, labels)).history.loss).toHaveLength(1)
  })

  it('keeps layers that are used twice, traced layers and cells, several outputs', () => {
    const a = input({ shape: [null, 3], name: 'a' })
    const scaled = defineLayer({
      inputs: { x: ['time', 'features'] },
      weights: { scale: ['features'] },
      call: ({ x: value }, w) => value.mul(w.scale).add(1),
    })
    const shared = layers.bidirectional({ layer: layers.rnn({ cell: cells.peepholeLSTM({ units: 2 }) }) })
    const b = scaled().apply(a)
    const m = model({ inputs: a, outputs: [shared.apply(a), shared.apply(b), layers.lastStep().apply(b)], seed: 4 })
    const again = modelFromJSON<never>(JSON.stringify(m)) as Model as typeof m
    expect(again.countParams()).toBe(m.countParams())
    expect(again.toJSON()).toEqual(m.toJSON())
    expect(again.predictSync(x)).toEqual(m.predictSync(x))
  })

  it('refuses a stranger’s JSON, saying what is wrong', async () => {
    const good = JSON.parse(JSON.stringify(tokenClassifier())) as { config: { layers: { config: object }[] } }
    const with_ = (change: (json: typeof good) => void) => {
      const json = structuredClone(good)
      change(json)
      return json
    }
    await expectCoded(() => modelFromJSON('{'), 'ERR_FORMAT', /no JSON/)
    await expectCoded(() => modelFromJSON('[]'), 'ERR_FORMAT', /className/)
    await expectCoded(() => modelFromJSON({}), 'ERR_FORMAT', /className/)
    await expectCoded(() => modelFromJSON({ class_name: 'Sequential', config: [] }), 'ERR_FORMAT', /className/)
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    await expectCoded(() => modelFromJSON(cyclic), 'ERR_FORMAT')
    await expectCoded(() => modelFromJSON({ a: 1n }), 'ERR_FORMAT')
    await expectCoded(() => modelFromJSON(5 as never), 'ERR_OPTION', /toJSON/)
    await expectCoded(
      () => modelFromJSON(with_((json) => void Object.assign(json.config.layers[2]?.config ?? {}, { units: -1 }))),
      'ERR_FORMAT',
      /units/,
    )
    await expectCoded(
      () => modelFromJSON(with_((json) => void Object.assign(json.config.layers[2] ?? {}, { className: 'Evil' }))),
      'ERR_FORMAT',
      /Evil/,
    )
    await expectCoded(
      () => modelFromJSON(with_((json) => void Object.assign(json.config, { outputLayers: [['nobody', 0, 0]] }))),
      'ERR_FORMAT',
      /nobody/,
    )
  })

  it('finds at once what does not fit together: one layer over two widths', async () => {
    const m = sequential([
      layers.dense({ units: 2, name: 'd', inputShape: [3] }),
      layers.dense({ units: 3, name: 'e' }),
    ])
    const json = JSON.parse(JSON.stringify(m))
    const [first, second] = json.config.layers.slice(1)
    first.inboundNodes = [...first.inboundNodes, ...second.inboundNodes]
    json.config.layers.pop()
    json.config.outputLayers = [['d', 1, 0]]
    await expectCoded(() => modelFromJSON(json), 'ERR_FORMAT', /d\/kernel/)
  })
})
