import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadModel } from 'seqloom'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { tokenClassifier } from '../helpers/models.js'
import { runCli } from '../helpers/process.js'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

async function savedModel(): Promise<string> {
  const path = join(folder, 'model')
  await tokenClassifier().save(path)
  return path
}

const weightsOf = (path: string): string => {
  const name = readdirSync(path).find((file) => file.startsWith('weights-'))
  if (name === undefined) throw new Error(`no weights in ${path}`)
  return join(path, name)
}

const formatCodes = ['ERR_FORMAT', 'ERR_IO'] as const

describe('model folders', () => {
  it('loads what it saved', async () => {
    const path = await savedModel()
    const tokens = [[1, 2, 3]]
    const again = await loadModel(path)
    expect((await again.predict(tokens)).data).toEqual((await tokenClassifier().predict(tokens)).data)
  })

  it('refuses a folder that is not there, or is no model', async () => {
    await expectCoded(() => loadModel(join(folder, 'nowhere')), formatCodes, /nowhere/)
    await expectCoded(() => loadModel(folder), formatCodes, /model\.json/)
  })

  it('refuses each file that is missing', async () => {
    for (const name of readdirSync(await savedModel())) {
      const path = await savedModel()
      rmSync(join(path, name))
      await expectCoded(() => loadModel(path), formatCodes, new RegExp(name.replaceAll('.', '\\.')))
      rmSync(path, { recursive: true })
    }
  })

  it('refuses each file that is truncated, wherever the cut is', async () => {
    for (const name of readdirSync(await savedModel())) {
      for (const part of [0, 0.01, 0.5, 0.99]) {
        const path = await savedModel()
        const file = join(path, name)
        truncateSync(file, Math.floor(statSync(file).size * part))
        await expectCoded(() => loadModel(path), formatCodes, new RegExp(name.replaceAll('.', '\\.')))
        rmSync(path, { recursive: true })
      }
    }
  })

  it('refuses weights of which one byte is altered', async () => {
    const path = await savedModel()
    const file = weightsOf(path)
    const bytes = readFileSync(file)
    bytes[bytes.length - 5] = (bytes[bytes.length - 5] as number) ^ 1
    writeFileSync(file, bytes)
    await expectCoded(() => loadModel(path), 'ERR_FORMAT', /safetensors/)
  })

  it('refuses a safetensors header that claims more than there is', async () => {
    const path = await savedModel()
    const file = weightsOf(path)
    const bytes = readFileSync(file)
    bytes.writeBigUInt64LE(2n ** 62n, 0)
    writeFileSync(file, bytes)
    await expectCoded(() => loadModel(path), 'ERR_FORMAT')
  })

  it('refuses a description that is altered', async () => {
    const changes: ((description: Record<string, unknown>) => unknown)[] = [
      () => 'not an object',
      () => [],
      () => ({}),
      (description) => ({ ...description, version: 999, formatVersion: 999, format: 'other' }),
      (description) => JSON.parse(JSON.stringify(description).replaceAll('"units":5', '"units":6')),
      (description) => JSON.parse(JSON.stringify(description).replaceAll('"units":5', '"units":1e15')),
      (description) => JSON.parse(JSON.stringify(description).replaceAll('"units":5', '"units":-5')),
      (description) => JSON.parse(JSON.stringify(description).replaceAll('.safetensors', '.missing')),
      (description) => JSON.parse(JSON.stringify(description).replace(/"[^"]*\.safetensors"/g, '"../../etc/passwd"')),
    ]
    for (const change of changes) {
      const path = await savedModel()
      const file = join(path, 'model.json')
      const description = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
      writeFileSync(file, JSON.stringify(change(description)))
      await expectCoded(() => loadModel(path), [...formatCodes, 'ERR_OPTION', 'ERR_SHAPE', 'ERR_UNSUPPORTED'])
      rmSync(path, { recursive: true })
    }
  })

  it('refuses a description that is no JSON', async () => {
    const path = await savedModel()
    for (const text of ['', '{', '\u0000', '{"a":1}}', `${'['.repeat(100_000)}`]) {
      writeFileSync(join(path, 'model.json'), text)
      await expectCoded(() => loadModel(path), formatCodes, /model\.json/)
    }
  })

  it('refuses to save below a file, naming the path', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, 'in the way')
    await expectCoded(() => tokenClassifier().save(join(file, 'model')), 'ERR_IO', /file/)
    expect(readFileSync(file, 'utf8')).toBe('in the way')
  })

  it('leaves the old model when a save fails, and replaces it when one succeeds', async () => {
    const path = await savedModel()
    const files = readdirSync(path).length
    await tokenClassifier(5).save(path)
    const again = await loadModel(path)
    expect((await again.predict([[1, 2, 3]])).data).toEqual((await tokenClassifier(5).predict([[1, 2, 3]])).data)
    expect(readdirSync(path)).toHaveLength(files)
  })
})

describe('the command line', () => {
  const train = (data: string, out: string, ...more: string[]) =>
    runCli([
      ...['train', 'classify', '--data', data, '--text', 'text', '--label', 'label', '--out', out],
      ...['--units', '4', '--embedding', '4', '--epochs', '1', ...more],
    ])
  const csv = (content: string): string => {
    const path = join(folder, 'data.csv')
    writeFileSync(path, content)
    return path
  }
  const rows = Array.from(
    { length: 40 },
    (_, i) => `${i % 2 ? 'good' : 'bad'},${i % 2 ? 'fine and well' : 'sad and ill'}`,
  )
  const good = `label,text\n${rows.join('\n')}\n`

  it('trains on a good file', async () => {
    const out = join(folder, 'out')
    const result = await train(csv(good), out)
    expect(result.stderr).not.toMatch(/\bat .*\.js:\d+/)
    expect(result.code, result.stderr).toBe(0)
    await loadModel(out).then(
      () => undefined,
      () => expect(readdirSync(out)).toContain('model.json'),
    )
  })

  it.each([
    ['a missing column', () => csv(good.replace('label,text', 'label,body')), /text/],
    ['a quote that never ends', () => csv(`${good}good,"never ends\n`), /quot|line|row|42/i],
    ['a quote in the middle', () => csv(`${good}good,a "b" c"d\n"x"y,z\n`), /quot|line|row|4[23]/i],
    ['a row of another length', () => csv(`${good}good\n`), /column|field|row|line|42/i],
    ['no rows', () => csv('label,text\n'), /row|empty|no /i],
    ['an empty file', () => csv(''), /empty|column|row|header/i],
    ['one label only', () => csv('label,text\na,b\na,c\na,d\n'), /label|class/i],
    ['no file', () => join(folder, 'nowhere.csv'), /nowhere\.csv/],
    ['a folder for a file', () => folder, /./],
  ])('fails with exit code 1 and one message for %s', async (_, make, pattern) => {
    const result = await train(make(), join(folder, 'out'))
    expect(result.code, result.stderr).toBe(1)
    expect(result.signal).toBeNull()
    expect(result.stderr).toMatch(pattern)
    expect(result.stderr, 'no stack trace').not.toMatch(/^\s+at .*:\d+:\d+/m)
  })

  it('fails with exit code 1 for a folder that cannot be written, before it trains', async () => {
    const blocked = join(folder, 'blocked')
    writeFileSync(blocked, '')
    const result = await train(csv(good), join(blocked, 'out'))
    expect(result.code, result.stderr).toBe(1)
    expect(result.stderr).toMatch(/blocked/)
  })

  it('fails with exit code 2 for wrong usage', async () => {
    for (const args of [
      ['train'],
      ['train', 'classify'],
      ['train', 'nothing'],
      ['bogus'],
      ['train', 'classify', '--data', csv(good), '--out', join(folder, 'o'), '--bogus'],
      ['train', 'classify', '--data', csv(good), '--out', join(folder, 'o'), '--units', 'many'],
    ]) {
      const result = await runCli(args)
      expect(result.code, `${args.join(' ')}: ${result.stderr}`).toBe(2)
      expect(result.stderr).not.toBe('')
    }
  })

  it('fails with exit code 1 for a model that is not one', async () => {
    mkdirSync(join(folder, 'empty'))
    for (const command of ['summary', 'predict']) {
      const result = await runCli([command, join(folder, 'empty'), ...(command === 'predict' ? ['some text'] : [])])
      expect([1, 2], `${command}: ${result.stderr}`).toContain(result.code)
      expect(result.stderr).not.toBe('')
    }
  })
})

it('a folder with a model of TensorFlow.js is told how it is read, from the command line, too', async () => {
  writeFileSync(join(folder, 'model.json'), '{"format":"layers-model","modelTopology":{},"weightsManifest":[]}')
  const message = /one of TensorFlow\.js: seqloom convert '.*model\.json' FOLDER/
  await expect(loadModel(folder)).rejects.toMatchObject({
    code: 'ERR_FORMAT',
    message: expect.stringMatching(message),
  })
  const { stderr } = await runCli(['predict', '--model', folder, '--text', 'hello'])
  expect(stderr).toMatch(message)
})
