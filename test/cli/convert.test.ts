import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { layers, loadModel, sequential } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { seqloom } from '../helpers/cli.js'
import { wave } from '../helpers/models.js'
import { bytesOf, graphOf, modelOf, nodeOf, value } from '../helpers/onnxFiles.js'
import { torchFile } from '../helpers/torchFile.js'

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'seqloom-cli-convert-'))
const path = (...names: string[]) => join(folder, ...names)
const expected = JSON.parse(readFileSync(fixture('pytorch/expected.json'), 'utf8'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Values as nested arrays. */
const nested = ({ shape, data }: { shape: number[]; data: number[] }): unknown[] => {
  const [rows = 0, ...rest] = shape
  const size = data.length / rows
  return Array.from({ length: rows }, (_, row) => {
    const part = data.slice(row * size, (row + 1) * size)
    return rest.length > 0 ? nested({ shape: rest, data: part }) : part[0]
  })
}

describe('seqloom convert', () => {
  it('goes from PyTorch to a folder and back, and shows what became of each layer', async () => {
    const there = await seqloom(['convert', fixture('pytorch/checkpoint.pt'), path('tagger')])
    expect(there).toMatchObject({ code: 0, stderr: '' })
    expect(there.stdout).toMatch(/^from PyTorch +layer +parameters +to Seqloom$/m)
    expect(there.stdout).toMatch(/^module\.rnn\.l0 +Bidirectional +192 +module\.rnn\.l0$/m)
    expect(there.stdout).toMatch(/^largest difference from .*tagger, read again: 0$/m)
    const { x, y } = expected.checkpoint
    const { data } = await (await loadModel(path('tagger'))).predict(x)
    for (const [index, value] of y.data.entries()) expect(Math.abs((data[index] as number) - value)).toBeLessThan(3e-6)
    for (const name of ['back.pt', 'back.safetensors']) {
      const back = await seqloom(['convert', path('tagger'), path(name), '--json'])
      expect(back).toMatchObject({ code: 0, stderr: '' })
      const row = JSON.parse(back.stdout)
      expect(row).toMatchObject({ from: { format: 'Seqloom' }, to: { path: path(name), format: 'PyTorch' } })
      expect(row.layers[0]).toEqual({ from: 'module.tokens', type: 'Embedding', parameters: 44, to: 'module.tokens' })
      expect(row.differences).toEqual([{ what: `${path(name)}, read again`, difference: 0 }])
    }
  })

  it('goes from Keras to PyTorch', async () => {
    const ran = await seqloom(['convert', fixture('keras/lstm.keras'), path('lstm.pt')])
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/^lstm +LSTM +364 +lstm$/m) })
    const hdf5 = await seqloom(['convert', fixture('keras/keras2-sequential.h5'), path('keras2')])
    expect(hdf5).toMatchObject({ code: 0, stdout: expect.stringMatching(/^from Keras +layer/m) })
  })

  it('goes to tfjs and back, and to ONNX, where another runtime is compared', async () => {
    const tagger = fixture('pytorch/tagger.pt')
    expect((await seqloom(['convert', tagger, path('web', 'model.json')])).code).toBe(0)
    expect((await seqloom(['convert', tagger, path('web2'), '--format', 'tfjs'])).code).toBe(0)
    const again = await seqloom(['convert', tagger, path('web2'), '--format', 'tfjs'])
    expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/ERR_IO: .*web2' exists/) })
    const other = await seqloom(['convert', tagger, path('web', 'other.json')])
    expect(other).toMatchObject({ code: 2, stderr: expect.stringMatching(/must be called model\.json/) })
    for (const from of [path('web'), path('web2', 'model.json')]) {
      const back = await seqloom(['convert', from, path('web.pt'), '--force'])
      expect(back).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^from tfjs .*\n.*\nrnn\.l0 +Bidirectional/),
      })
    }
    const onnx = await seqloom(['convert', tagger, path('tagger.onnx'), '--json'])
    const { differences } = JSON.parse(onnx.stdout)
    expect(differences.map(({ what }: { what: string }) => what)).toEqual([
      `${path('tagger.onnx')}, read again`,
      expect.stringMatching(/tagger\.onnx by onnxruntime-/),
    ])
    for (const { difference } of differences) expect(difference).toBeLessThan(1e-5)
    const read = await seqloom(['convert', path('tagger.onnx'), path('fromOnnx')])
    expect(read).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^largest difference from .*tagger\.onnx by onnxruntime-/m),
    })
  })

  it('puts weights of PyTorch into a saved model', async () => {
    const linear = { 'a.weight': { shape: [2, 2], data: wave(4) }, 'b.weight': { shape: [2, 2], data: wave(4, 1) } }
    writeFileSync(path('two.safetensors'), torchFile(linear))
    const m = sequential([
      layers.dense({ units: 2, useBias: false, activation: 'tanh', name: 'one', inputShape: [2] }),
      layers.dense({ units: 2, useBias: false, name: 'two' }),
    ])
    await m.save(path('empty'))
    const convert = (...more: string[]) =>
      seqloom(['convert', path('two.safetensors'), path('filled'), '--model', path('empty'), ...more])
    expect(await convert()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/ERR_FORMAT.*say which by mapping/),
    })
    const ran = await convert('--mapping', 'one=b', '--mapping', 'two=a')
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/^b +Dense +4 +one\na +Dense +4 +two$/m) })
    const unused = await convert('--mapping', 'one=b', '--pooling', 'mean', '--force')
    expect(unused).toMatchObject({ code: 2, stderr: expect.stringMatching(/ERR_OPTION: .*pooling/) })
  })

  it('compares with given outputs before it writes', async () => {
    const { x, y } = expected.tagger
    const convert = (to: string, check: string, ...more: string[]) =>
      seqloom(['convert', fixture('pytorch/tagger.pt'), path(to), '--check', path(check), ...more])
    writeFileSync(path('right.json'), JSON.stringify({ x, y: nested(y) }))
    const right = await convert('checked', 'right.json')
    expect(right).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^largest difference from .*right\.json: [\d.]+e-7$/m),
    })
    const wrong = [...y.data]
    wrong[7] += 0.01
    writeFileSync(path('wrong.json'), JSON.stringify({ x, y: nested({ ...y, data: wrong }) }))
    const refused = await convert('unwritten', 'wrong.json')
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/ERR_DATA: --check: the outputs differ by up to 0\.0100 .*nothing was written/),
    })
    expect(existsSync(path('unwritten'))).toBe(false)
    expect((await convert('tolerated', 'wrong.json', '--tolerance', '0.1')).code).toBe(0)
    writeFileSync(path('short.json'), JSON.stringify({ x, y: nested(y).slice(1) }))
    expect((await convert('no', 'short.json')).stderr).toMatch(/ERR_DATA: --check: the outputs have another size/)
    for (const [text, message] of [
      ['{"x": [[1]]}', /has no output 'y'/],
      ['[1]', /no object with x and y/],
      ['{', /no JSON/],
      ['{"x": [[1], [2, 3]], "y": 1}', /different lengths/],
    ] as const) {
      writeFileSync(path('odd.json'), text)
      expect((await convert('no', 'odd.json')).stderr).toMatch(message)
    }
    const { x: steps, y: states } = expected.lstmCell
    const tensors = { 'x.0': { shape: [2, 5, 3], data: steps.flat(2) }, 'y.0': states }
    writeFileSync(path('check.safetensors'), torchFile(tensors))
    const cell = [
      'convert',
      fixture('pytorch/lstmCell.pt'),
      path('cell'),
      '--check',
      path('check.safetensors'),
      '--json',
    ]
    expect(JSON.parse((await seqloom(cell)).stdout).check.difference).toBeLessThan(1e-6)
  })

  it('fixes inputs of ONNX files, and sizes that they leave open', async () => {
    const fixtures = JSON.parse(gunzipSync(readFileSync(fixture('onnx/import.json.gz'))).toString())
    const { model } = fixtures.find(({ name }: { name: string }) => name === 'detector_16k')
    writeFileSync(path('detector.onnx'), Buffer.from(model, 'base64'))
    const convert = (...more: string[]) => seqloom(['convert', path('detector.onnx'), path('detector'), ...more])
    expect(await convert('--input-shapes', 'input=null,8')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/ERR_UNSUPPORTED.*'sr' has no dimensions/),
    })
    const given = ['--constants', 'sr=16000', '--input-shapes', 'input=[null, 8]', '--input-shapes', 'state=2,null,2']
    const ran = await convert(...given)
    expect(ran.code).toBe(0)
    const loaded = await loadModel(path('detector'))
    expect(loaded.inputs.map(({ shape }) => shape)).toEqual([
      [null, 8],
      [null, 2, 2],
    ])
    const wrong: [string[], RegExp][] = [
      [['--constants', 'sr'], /'--constants <input=value>' argument 'sr' is invalid.*sr=16000/],
      [['--constants', 'sr="16k"'], /argument 'sr="16k"' is invalid/],
      [['--constants', 'sr=0.5'], /ERR_OPTION.*'sr' is int64 in the file, and 0\.5 is none/],
      [['--constants', 'rate=1'], /ERR_OPTION.*there is no input 'rate'/],
      [['--input-shapes', 'input=null,0'], /argument 'input=null,0' is invalid.*x=null,576/],
      [['--input-shapes', 'input=null;8'], /argument 'input=null;8' is invalid/],
      [
        ['--constants', 'sr=16000', '--input-shapes', 'input=8'],
        /ERR_OPTION.*'input' is \[batch, sequence\] in the file/,
      ],
      [['--key', 'model'], /ERR_OPTION.*--key is for files of PyTorch; '.*detector\.onnx' is of ONNX/],
    ]
    for (const [more, message] of wrong) {
      expect(await convert('--force', ...more)).toMatchObject({ code: 2, stderr: expect.stringMatching(message) })
    }
    // The other runtime is given what was fixed.
    const inputs = [value('factors', [2]), value('x', ['batch', 2]), value('scale', [])]
    const nodes = [nodeOf('Mul', ['x', 'factors'], ['scaled']), nodeOf('Mul', ['scaled', 'scale'], ['y'])]
    writeFileSync(path('scaled.onnx'), await bytesOf(modelOf(graphOf(nodes, inputs, ['y']), 17)))
    const fixed = ['--constants', 'scale=0.5', '--constants', 'factors=[2, -3]']
    const scaled = await seqloom(['convert', path('scaled.onnx'), path('scaled'), ...fixed])
    expect(scaled).toMatchObject({
      ...{ code: 0, stderr: '' },
      stdout: expect.stringMatching(/^largest difference from .*scaled\.onnx by onnxruntime-.*: 0$/m),
    })
    const tagger = ['convert', fixture('pytorch/tagger.pt'), path('no'), '--constants', 'sr=16000']
    expect(await seqloom(tagger)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/ERR_OPTION.*--constants is for files of ONNX; '.*tagger\.pt' is of PyTorch/),
    })
  })

  it('replaces nothing without --force', async () => {
    writeFileSync(path('mine.pt'), 'mine')
    const to = (name: string, ...more: string[]) => seqloom(['convert', fixture('pytorch/gru.pt'), path(name), ...more])
    expect(await to('mine.pt')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/ERR_IO: .*mine\.pt' exists; --force/),
    })
    expect(readFileSync(path('mine.pt'), 'utf8')).toBe('mine')
    expect((await to('mine.pt', '--force')).code).toBe(0)
    expect((await to('gru')).code).toBe(0)
    expect(await to('gru')).toMatchObject({ code: 1, stderr: expect.stringMatching(/ERR_IO: .*gru' exists/) })
    expect((await to('gru', '--force')).code).toBe(0)
    // A model.json of somebody else stays even then.
    mkdirSync(path('theirs'))
    writeFileSync(path('theirs', 'model.json'), '{"modelTopology": {}}')
    expect((await to('theirs', '--force')).code).toBe(1)
    expect(readFileSync(path('theirs', 'model.json'), 'utf8')).toBe('{"modelTopology": {}}')
  })

  it('says what it does not know', async () => {
    writeFileSync(path('text.txt'), 'just a text that is no model')
    const cases: [string[], number, RegExp][] = [
      [
        [path('text.txt'), path('a')],
        1,
        /ERR_FORMAT: .*no model of a format that is read: Seqloom \(a folder\), .*PyTorch/,
      ],
      [[path('missing.pt'), path('a')], 1, /ERR_IO: cannot read .*missing\.pt/],
      [[folder, path('a')], 1, /ERR_FORMAT: .*is a folder that holds no model/],
      [[fixture('pytorch/gru.pt'), path('a.xyz')], 2, /ERR_OPTION: .*a\.xyz': what is written is Seqloom/],
      [[fixture('pytorch/gru.pt'), path('a'), '--format', 'caffe'], 2, /ERR_OPTION: --format caffe/],
      [[fixture('pytorch/module.pt'), path('a')], 1, /ERR_UNSUPPORTED: .*__main__\.Tagger/],
      [[fixture('pytorch/gru.pt'), path('a'), '--mapping', 'x'], 2, /ERR_OPTION/],
      [[fixture('pytorch/gru.pt')], 2, /ERR_OPTION: missing required argument 'to'/],
    ]
    for (const [args, code, message] of cases) {
      expect(await seqloom(['convert', ...args])).toMatchObject({ code, stderr: expect.stringMatching(message) })
    }
    expect(existsSync(path('a'))).toBe(false)
  })

  it('says what is wrong with a file for --check, and writes nothing', async () => {
    const model = fixture('keras/lstm.keras')
    const files = {
      'short.json': JSON.stringify({ x: [1, 2], y: [3] }),
      'text.txt': 'x and y',
      'mixed.json': JSON.stringify({ x: [[1, 2], [3]], y: [3] }),
    }
    const said = [
      /ERR_DATA: --check: what is in .*short\.json is no input: input /,
      /ERR_FORMAT: --check: .*text\.txt is neither JSON \(.*\) nor a file of tensors/,
      /ERR_DATA: --check: .*mixed\.json has arrays of different lengths/,
    ]
    for (const [at, [name, text]] of Object.entries(files).entries()) {
      writeFileSync(path(name), text)
      const ran = await seqloom(['convert', model, path('unwritten'), '--check', path(name)])
      expect(ran).toMatchObject({ code: 1, stderr: expect.stringMatching(said[at] as RegExp) })
    }
    expect(existsSync(path('unwritten'))).toBe(false)
  }, 60_000)

  it('replaces no folder by a file, and leaves the files of the user where they are', async () => {
    const model = fixture('keras/lstm.keras')
    mkdirSync(path('mine.onnx'))
    mkdirSync(path('mine'))
    writeFileSync(path('mine', 'config.json'), '{}')
    const folder = await seqloom(['convert', model, path('mine.onnx'), '--force'])
    expect(folder).toMatchObject({ code: 1, stderr: expect.stringMatching(/ERR_IO: '.*mine\.onnx' is a folder/) })
    const missing = await seqloom(['convert', model, path('nowhere', 'mine.onnx')])
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringMatching(/ERR_IO: .*there is no folder .*nowhere/) })
    const empty = await seqloom(['convert', path('mine'), path('other')])
    expect(empty).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/ERR_FORMAT: '.*mine' is a folder that holds no model/),
    })
    expect((await seqloom(['convert', model, path('mine')])).code).toBe(0)
    expect((await seqloom(['convert', model, path('mine'), '--force'])).code).toBe(0)
    expect(readFileSync(path('mine', 'config.json'), 'utf8')).toBe('{}')
  }, 60_000)
})
