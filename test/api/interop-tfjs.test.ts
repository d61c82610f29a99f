import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as seqloom from '../../dist/index.js'
import { cells, interop, layers, type Model, SeqloomError, sequential, tensor } from '../../dist/index.js'
import { kerasModels, sampleInputs, sampleWeights } from '../helpers/kerasModels.js'

// Made by TensorFlow.js: see make.mjs beside the files.
const fixture = (name: string) =>
  JSON.parse(
    gunzipSync(readFileSync(fileURLToPath(new URL(`../fixtures/tfjs/${name}.json.gz`, import.meta.url)))).toString(),
  )

interface Noted {
  readonly shape: number[]
  readonly data: number[]
}

interface Saved {
  readonly artifacts: interop.TfjsArtifacts
  readonly inputs: Noted[]
  readonly outputs: Noted[]
}

const saved: Record<string, Saved> = Object.fromEntries(
  Object.entries(fixture('read') as Record<string, Saved>).map(([name, each]) => {
    const bytes = Buffer.from(each.artifacts.weightData as unknown as string, 'base64')
    const weightData = new Uint8Array(bytes).buffer
    return [name, { ...each, artifacts: { ...each.artifacts, weightData } }]
  }),
)
const written: Record<string, { modelTopology: object; weightSpecs: object[]; outputs: Noted[] }> = fixture('written')
const models = kerasModels(seqloom as never).anywhere as unknown as Record<string, () => Model>

const folder = () => mkdtempSync(join(tmpdir(), 'seqloom-tfjs-'))

/** Puts a model as TensorFlow.js saves it into files of a few bytes each, in groups of some weights each. */
function putFiles(
  at: string,
  { weightData, weightSpecs, ...rest }: interop.TfjsArtifacts,
  perGroup: number,
  perFile: number,
) {
  const bytes = new Uint8Array(weightData as ArrayBuffer)
  const weightsManifest = []
  let offset = 0
  for (let from = 0; from < weightSpecs.length; from += perGroup) {
    const weights = weightSpecs.slice(from, from + perGroup)
    const size = 4 * weights.reduce((sum, { shape }) => sum + shape.reduce((product, each) => product * each, 1), 0)
    const paths = []
    for (let start = offset; start < offset + size; start += perFile) {
      paths.push(`group${from}-${start}.bin`)
      writeFileSync(join(at, paths.at(-1) as string), bytes.subarray(start, Math.min(start + perFile, offset + size)))
    }
    weightsManifest.push({ paths, weights })
    offset += size
  }
  writeFileSync(join(at, 'model.json'), JSON.stringify({ ...rest, weightsManifest }))
}

async function expectPredictions(model: Model, { inputs, outputs }: Pick<Saved, 'inputs' | 'outputs'>): Promise<void> {
  const given = model.inputs.map(({ dtype }, at) => {
    const { data, shape } = inputs[at] as Noted
    return tensor(dtype === 'int32' ? Int32Array.from(data) : Float32Array.from(data), shape)
  })
  const found = [await model.predict(given)].flat()
  expect(found.map(({ shape }) => shape)).toEqual(outputs.map(({ shape }) => shape))
  for (const [index, { data }] of found.entries()) {
    const expected = (outputs[index] as Noted).data
    const difference = Math.max(...data.map((value, at) => Math.abs(value - (expected[at] as number))))
    expect(difference).toBeLessThan(1e-5)
  }
}

describe('interop.loadTfjs', () => {
  it.each(Object.keys(saved))('predicts as TensorFlow.js does: %s', async (name) => {
    const each = saved[name] as Saved
    const model = await interop.loadTfjs(each.artifacts)
    await expectPredictions(model, each)
    model.dispose()
  })

  it('reads folders with weights in several groups and files, and files by name', async () => {
    const each = saved.lstm as Saved
    const at = folder()
    putFiles(at, each.artifacts, 2, 100)
    expect(readdirSync(at).length).toBeGreaterThan(5)
    for (const path of [at, join(at, 'model.json'), pathToFileURL(join(at, 'model.json'))]) {
      const model = await interop.loadTfjs(path)
      await expectPredictions(model, each)
      model.dispose()
    }
  })

  it('reads what Python wrote, and weights in several buffers', async () => {
    const { artifacts, ...expected } = saved.gru as Saved
    const bytes = artifacts.weightData as ArrayBuffer
    const model = await interop.loadTfjs({
      ...artifacts,
      modelTopology: { keras_version: '2.15.0', backend: 'tensorflow', model_config: artifacts.modelTopology },
      weightData: [bytes.slice(0, 10), bytes.slice(10)],
    })
    await expectPredictions(model, expected)
    model.dispose()
  })

  it('takes what a description does not say as TensorFlow.js does', async () => {
    const { artifacts, ...expected } = saved.gru as Saved
    const text = JSON.stringify(artifacts.modelTopology).replace(/"(recurrent_activation|reset_after)":[^,}]+,/g, '')
    expect(text).not.toMatch(/reset_after|recurrent_activation/)
    const model = await interop.loadTfjs({ ...artifacts, modelTopology: JSON.parse(text) })
    await expectPredictions(model, expected)
    model.dispose()
  })

  it.each([
    ['uint8', Uint8Array, 0.01, -0.5],
    ['uint16', Uint16Array, 0.0001, -3],
  ] as const)('unpacks weights that are packed as %s', async (dtype, type, scale, min) => {
    const values = new type([0, 37, 74, 111, 148, 185])
    const spec = { name: 'd/kernel', shape: [2, 3], dtype: 'float32' as const, quantization: { dtype, scale, min } }
    const model = await interop.loadTfjs({ ...oneDense, weightSpecs: [spec], weightData: values.buffer })
    const expected = Float32Array.from(values, (value) => value * scale + min)
    expect(model.getWeights()[0]?.data).toEqual(expected)
    model.dispose()
  })

  it('unpacks weights that are packed as float16', async () => {
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x3555, 0x0001, 0x7bff, 0x8000)
    const spec = {
      name: 'd/kernel',
      shape: [2, 3],
      dtype: 'float32' as const,
      quantization: { dtype: 'float16' as const },
    }
    const model = await interop.loadTfjs({ ...oneDense, weightSpecs: [spec], weightData: halves.buffer })
    expect([...(model.getWeights()[0]?.data ?? [])]).toEqual([1, -2, 0.333251953125, 2 ** -24, 65504, -0])
    model.dispose()
  })

  it("passes over an optimizer's state, and takes weights in any order", async () => {
    const { artifacts, ...pairs } = saved.lstm as Saved
    const bytes = new Uint8Array(artifacts.weightData)
    const parts: { spec: object; data: Uint8Array }[] = []
    let offset = 0
    for (const spec of artifacts.weightSpecs) {
      const end = offset + 4 * spec.shape.reduce((product, size) => product * size, 1)
      const data = bytes.slice(offset, end)
      // As tf.train.adam names what it keeps.
      parts.unshift(
        { spec, data },
        { spec: { ...spec, name: `${spec.name}/m`, group: 'optimizer' }, data: new Uint8Array(data.length) },
      )
      offset = end
    }
    const weightData = new Uint8Array(Buffer.concat(parts.map(({ data }) => data))).buffer
    const given = { ...artifacts, weightSpecs: parts.map(({ spec }) => spec) as interop.TfjsWeightSpec[], weightData }
    const model = await interop.loadTfjs(given)
    await expectPredictions(model, pairs)
    model.dispose()
  })

  it('names everything that cannot be mapped, at once', async () => {
    const { artifacts } = saved.lstm as Saved
    const text = JSON.stringify(artifacts.modelTopology).replace('"LSTM"', '"ConvLSTM2D"').replace('"LSTM"', '"PReLU"')
    await expect(interop.loadTfjs({ ...artifacts, modelTopology: JSON.parse(text) })).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(/the ConvLSTM2D 'lstm_LSTM\d+'.*the PReLU 'lstm_LSTM\d+'/s),
    })
  })

  it.each(['constructor', 'toString', '__proto__'])(
    'takes no word of a description for more than a word: %s',
    async (word) => {
      const { artifacts } = saved.lstm as Saved
      for (const option of ['activation', 'units', 'return_sequences', 'use_bias']) {
        const modelTopology = structuredClone(artifacts.modelTopology)
        const change = (value: unknown): void => {
          if (typeof value !== 'object' || value === null) return
          for (const [key, inner] of Object.entries(value)) {
            if (key === option) (value as Record<string, unknown>)[key] = word
            else change(inner)
          }
        }
        change(modelTopology)
        await expect(interop.loadTfjs({ ...artifacts, modelTopology }), option).rejects.toMatchObject({
          code: expect.stringMatching(/^ERR_(UNSUPPORTED|FORMAT)$/),
        })
      }
    },
  )

  it('refuses graph models with a sentence', async () => {
    const given = {
      format: 'graph-model',
      modelTopology: { node: [] },
      weightSpecs: [],
      weightData: new ArrayBuffer(0),
    }
    await expect(interop.loadTfjs(given)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining('tensorflowjs_converter --output_format=tfjs_layers_model'),
    })
  })

  it('reads no file outside of the folder', async () => {
    const { artifacts } = saved.simpleRNN as Saved
    const outer = folder()
    const at = join(outer, 'model')
    mkdirSync(at)
    writeFileSync(join(outer, 'w.bin'), new Uint8Array(artifacts.weightData as ArrayBuffer))
    symlinkSync(join(outer, 'w.bin'), join(at, 'link.bin'))
    const { weightData: _, weightSpecs: weights, ...rest } = artifacts
    const paths = [
      '../w.bin',
      join(outer, 'w.bin'),
      './a/../../w.bin',
      'file:///etc/passwd',
      '..\\w.bin',
      '',
      'link.bin',
      '.',
    ]
    for (const path of paths) {
      writeFileSync(join(at, 'model.json'), JSON.stringify({ ...rest, weightsManifest: [{ paths: [path], weights }] }))
      await expect(interop.loadTfjs(at), path).rejects.toMatchObject({ code: 'ERR_FORMAT' })
    }
  })

  it('rejects what is no model with a code', async () => {
    const { artifacts } = saved.simpleRNN as Saved
    const at = folder()
    await expect(interop.loadTfjs(join(at, 'none'))).rejects.toMatchObject({ code: 'ERR_IO' })
    await expect(interop.loadTfjs(at)).rejects.toMatchObject({ code: 'ERR_IO' })
    for (const text of ['', '{', '[]', '{}', '"model"', '{"modelTopology":{}}']) {
      writeFileSync(join(at, 'model.json'), text)
      await expect(interop.loadTfjs(at), text).rejects.toMatchObject({ code: 'ERR_FORMAT' })
    }
    for (const given of [5, null, undefined]) {
      await expect(interop.loadTfjs(given as never)).rejects.toMatchObject({ code: 'ERR_OPTION' })
    }
    const { weightData } = artifacts
    const bad: object[] = [
      { weightData: 5 },
      { weightData: (weightData as ArrayBuffer).slice(4) },
      { weightSpecs: artifacts.weightSpecs.slice(1) },
      { weightSpecs: artifacts.weightSpecs.map((spec) => ({ ...spec, shape: [2 ** 52, 2 ** 52] })) },
      { weightSpecs: artifacts.weightSpecs.map((spec) => ({ ...spec, shape: [-1] })) },
    ]
    for (const each of bad) {
      await expect(interop.loadTfjs({ ...artifacts, ...each })).rejects.toMatchObject({ code: 'ERR_FORMAT' })
    }
    const strings = artifacts.weightSpecs.map((spec) => ({ ...spec, dtype: 'string' as const }))
    await expect(interop.loadTfjs({ ...artifacts, weightSpecs: strings })).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
    })
  })

  it('rejects places of values that are none', async () => {
    const { artifacts } = saved['shared layers'] as Saved
    for (const place of [['__proto__'], [{}], [[]], {}, 1n, Symbol('x'), () => 0, Object.create(null), null]) {
      for (const at of [0, 1, 2]) {
        const topology = structuredClone(artifacts.modelTopology) as { config: { output_layers: unknown[][] } }
        for (const output of topology.config.output_layers) output[at] = place
        const error = interop.loadTfjs({ ...artifacts, modelTopology: topology })
        const coded = { code: expect.stringMatching(/^ERR_(FORMAT|UNSUPPORTED)$/) }
        await expect(error, `${typeof place} at ${at}`).rejects.toMatchObject(coded)
      }
    }
  })

  it('gives a model or a coded error for damaged descriptions', async () => {
    const names = Object.keys(saved)
    const damage = fc.record({
      of: fc.nat(names.length - 1),
      edits: fc.array(fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), value: fc.anything() }), {
        minLength: 1,
        maxLength: 3,
      }),
    })
    await fc.assert(
      fc.asyncProperty(damage, async ({ of, edits }) => {
        const { artifacts } = saved[names[of] as string] as Saved
        const damaged = structuredClone(artifacts)
        for (const { at, value } of edits) setSomewhere(damaged, at, value)
        try {
          const model = await interop.loadTfjs(damaged)
          model.dispose()
        } catch (error) {
          if (!(error instanceof SeqloomError)) throw error
        }
      }),
      { numRuns: 400 },
    )
  })
})

/** A model of a single layer. */
const oneDense = {
  modelTopology: {
    class_name: 'Sequential',
    config: {
      name: 's',
      layers: [{ class_name: 'Dense', config: { name: 'd', units: 3, use_bias: false, batch_input_shape: [null, 2] } }],
    },
  },
}

/** Replaces one of the values inside of an object. */
function setSomewhere(object: object, share: number, value: unknown): void {
  const places: [Record<string, unknown>, string][] = []
  const visit = (each: unknown) => {
    if (typeof each !== 'object' || each === null || each instanceof ArrayBuffer) return
    for (const [key, inner] of Object.entries(each)) {
      places.push([each as Record<string, unknown>, key])
      visit(inner)
    }
  }
  visit(object)
  const [owner, key] = places[Math.floor(share * (places.length - 1))] as [Record<string, unknown>, string]
  owner[key] = value
}

describe('interop.toTfjs', () => {
  it.each(Object.keys(written))('writes what TensorFlow.js reads and predicts alike: %s', async (name) => {
    const model = (models[name] as () => Model)()
    sampleWeights(model as never, tensor as never)
    const { modelTopology, weightSpecs, outputs } = written[name] as (typeof written)[string]
    const artifacts = await interop.toTfjs(model)
    // The description that TensorFlow.js read.
    expect({ modelTopology: artifacts.modelTopology, weightSpecs: artifacts.weightSpecs }).toEqual({
      modelTopology,
      weightSpecs,
    })
    const inputs = sampleInputs(model as never, tensor as never) as never
    await expectPredictions(model, { inputs, outputs })
    model.dispose()
  })

  it.each(Object.keys(written))('loses no bit on the way there and back: %s', async (name) => {
    const model = (models[name] as () => Model)()
    const back = await interop.loadTfjs(await interop.toTfjs(model))
    // Its hard sigmoid is another one, for which weights are divided by 1.2.
    if (!/activations|stacked cells/.test(name)) expect(back.getWeights()).toEqual(model.getWeights())
    for (const each of [model, back]) each.dispose()
  })

  it.each(['lstm of Keras', 'lstm', 'gru'])('loses no bit of what TensorFlow.js saved: %s', async (name) => {
    const { artifacts } = saved[name] as Saved
    const model = await interop.loadTfjs(artifacts)
    if (name !== 'lstm of Keras')
      expect(JSON.stringify(model.toJSON())).toContain('"recurrentActivation":"hardSigmoidKeras2"')
    const back = await interop.toTfjs(model)
    expect(back.weightSpecs).toEqual(artifacts.weightSpecs)
    expect(back.weightData).toEqual(artifacts.weightData)
    model.dispose()
  })

  it('writes a folder, and replaces its own', async () => {
    const at = join(folder(), 'model')
    const model = sequential([layers.lstm({ units: 300, inputShape: [null, 1000] })])
    await interop.toTfjs(model, at)
    const first = readdirSync(at)
    expect(first.filter((name) => /^group1-shard\dof2-[0-9a-f]{16}\.bin$/.test(name))).toHaveLength(2)
    expect(first).toHaveLength(3)
    model.setWeights(
      model.getWeights().map(({ data, shape }) =>
        tensor(
          data.map((value) => value + 1),
          shape,
        ),
      ),
    )
    await interop.toTfjs(model, pathToFileURL(at))
    const second = readdirSync(at)
    expect(second).toHaveLength(3)
    expect(second.filter((name) => first.includes(name))).toEqual(['model.json'])
    const back = await interop.loadTfjs(at)
    const bytes = (each: Model) => each.getWeights().map(({ data }) => Buffer.from(data.buffer))
    // Vitest compares millions of numbers one by one.
    for (const [index, weight] of bytes(model).entries()) expect(weight.equals(bytes(back)[index] as Buffer)).toBe(true)
    for (const each of [model, back]) each.dispose()
  })

  it.each([
    ['between elements', 4000],
    ['within elements', 4001],
    ['for every few bytes', 97],
  ])('reads weights whose files are cut %s', async (_, size) => {
    const at = folder()
    const whole = sequential([layers.lstm({ units: 16, inputShape: [null, 20] }), layers.dense({ units: 3 })])
    await interop.toTfjs(whole, at)
    const path = join(at, 'model.json')
    const description = JSON.parse(readFileSync(path, 'utf8'))
    const [group] = description.weightsManifest
    const bytes = Buffer.concat(group.paths.map((name: string) => readFileSync(join(at, name))))
    group.paths = []
    for (let from = 0; from < bytes.length; from += size) {
      group.paths.push(`part${group.paths.length}.bin`)
      writeFileSync(join(at, group.paths.at(-1)), bytes.subarray(from, from + size))
    }
    writeFileSync(path, JSON.stringify(description))
    const back = await interop.loadTfjs(at)
    expect(back.getWeights()).toEqual(whole.getWeights())
    // A number that no weight may be, in the second file.
    bytes.writeFloatLE(Number.NaN, size - (size % 4) + 4)
    writeFileSync(join(at, 'part1.bin'), bytes.subarray(size, 2 * size))
    if (size > 100) await expect(interop.loadTfjs(at)).rejects.toMatchObject({ code: 'ERR_DATA' })
    for (const each of [whole, back]) each.dispose()
  })

  it('replaces and removes nothing that is not its own', async () => {
    const model = sequential([layers.dense({ units: 2, inputShape: [3] })])
    for (const text of [
      '{"format":"layers-model","generatedBy":"TensorFlow.js tfjs-layers v4.22.0"}',
      '{}',
      'no JSON',
      '',
    ]) {
      const at = folder()
      writeFileSync(join(at, 'model.json'), text)
      await expect(interop.toTfjs(model, at)).rejects.toMatchObject({ code: 'ERR_IO' })
      expect(readdirSync(at)).toEqual(['model.json'])
      expect(readFileSync(join(at, 'model.json'), 'utf8')).toBe(text)
    }
    const own = folder()
    await model.save(own)
    await expect(interop.toTfjs(model, own)).rejects.toMatchObject({ code: 'ERR_IO' })
    const at = folder()
    writeFileSync(join(at, 'notes.txt'), 'mine')
    await interop.toTfjs(model, at)
    const [shard] = readdirSync(at).filter((name) => name.endsWith('.bin'))
    const description = JSON.parse(readFileSync(join(at, 'model.json'), 'utf8'))
    description.weightsManifest[0].paths.push('notes.txt', '../else.bin')
    writeFileSync(join(at, 'model.json'), JSON.stringify(description))
    model.setWeights([tensor(new Float32Array(6), [3, 2]), tensor(new Float32Array(2), [2])])
    await interop.toTfjs(model, at)
    expect(readdirSync(at)).toContain('notes.txt')
    expect(readdirSync(at)).not.toContain(shard)
    // A name of a new file that something else has.
    const [taken] = readdirSync(at).filter((name) => name.endsWith('.bin'))
    const other = folder()
    writeFileSync(join(other, taken as string), 'mine')
    await expect(interop.toTfjs(model, other)).rejects.toMatchObject({ code: 'ERR_IO' })
    expect(readFileSync(join(other, taken as string), 'utf8')).toBe('mine')
    model.dispose()
  })

  it('names everything that TensorFlow.js has not, at once', async () => {
    const model = sequential([
      layers.embedding({ inputDim: 5, outputDim: 2, maskZero: true, name: 'words' }),
      layers.gru({ units: 2, returnSequences: true }),
      layers.rnn({ cell: cells.peepholeLSTM({ units: 2 }), returnSequences: true }),
      layers.rootMeanSquareNormalization(),
      layers.simpleRNN({ units: 2, goBackwards: true, returnSequences: true }),
      layers.globalAveragePooling1d(),
      layers.dense({ units: 5, tiedTo: 'words', activation: 'exponential' }),
    ])
    const lines = [
      "'gru' (GRU): the reset gate can only act before the product there (resetAfter: false)",
      "'rnn' (RNN): there is no such cell as 'peepholeLSTM'",
      "'rms_normalization' (RMSNormalization): there is no such layer",
      "'dense' (Dense): its kernel is tied to another layer",
      "'simple_rnn' (SimpleRNN): going backwards over padded sequences, its outputs stand at other steps there",
      "'global_average_pooling1d' (GlobalAveragePooling1D): padded steps count there",
    ]
    await expect(interop.toTfjs(model)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: `interop.toTfjs: what TensorFlow.js has not:\n${lines.map((line) => `- ${line}`).join('\n')}`,
    })
    model.dispose()
  })

  it('takes models and paths only', async () => {
    await expect(interop.toTfjs({} as never)).rejects.toMatchObject({ code: 'ERR_OPTION' })
    const model = sequential([layers.dense({ units: 2, inputShape: [3] })])
    await expect(interop.toTfjs(model, 'https://example.org/model')).rejects.toMatchObject({ code: 'ERR_OPTION' })
    model.dispose()
  })
})
