import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { callbacks, layers, loadModel, sequential, tasks, text } from 'seqloom'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { tokenClassifier } from '../helpers/models.js'

let folder = ''
const path = (...names: string[]) => join(folder, ...names)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'seqloom-folders-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** Files such as others leave: of a web bundler, of an editor, of a user. */
const strangers = ['index-0123456789abcdef.js', 'weights-0123456789abcdef.bin', '.notes.tmp', '.x.tmp', 'thesis.txt']

function leaveStrangers(inside: string): void {
  mkdirSync(inside, { recursive: true })
  for (const name of strangers) writeFileSync(join(inside, name), name)
}

function expectStrangers(inside: string): void {
  for (const name of strangers) expect(readFileSync(join(inside, name), 'utf8')).toBe(name)
}

const tokens = [[1, 2, 3]]
const labels = Int32Array.of(1)
const rows = Array.from({ length: 40 }, (_, i) => ({
  text: i % 2 ? 'fine and well' : 'sad and ill',
  label: i % 2 ? 'good' : 'bad',
}))
const small = { units: 4, embedding: 4 }

describe("saving and the user's files", () => {
  it('removes what an earlier save wrote and nothing else', async () => {
    leaveStrangers(folder)
    await tokenClassifier(1).save(folder)
    const first = readdirSync(folder)
    await tokenClassifier(2).save(folder)
    expectStrangers(folder)
    expect(readdirSync(folder)).toHaveLength(first.length)
    expect((await loadModel(folder)).predictSync(tokens)).toEqual(tokenClassifier(2).predictSync(tokens))
  })

  it.each([
    ['of another library', JSON.stringify({ modelTopology: {}, weightsManifest: [] })],
    ['that is no JSON', '{"format": "seql'],
    ['of a later version', JSON.stringify({ format: 'seqloom', formatVersion: 2 })],
  ])('does not replace a model.json %s', async (_, content) => {
    leaveStrangers(folder)
    writeFileSync(path('model.json'), content)
    const checkpoint = callbacks.modelCheckpoint({ path: folder, monitor: 'loss' })
    const backup = callbacks.backupAndRestore({ backupDir: folder })
    const classifier = new tasks.TextClassifier(small)
    await classifier.train(rows, { epochs: 1 })
    for (const write of [
      () => tokenClassifier().save(folder),
      () => tokenClassifier().fit(tokens, labels, { callbacks: checkpoint }),
      () => tokenClassifier().fit(tokens, labels, { callbacks: backup }),
      () => classifier.save(folder),
      () => classifier.save(folder, { overwrite: true }),
      () => classifier.train(rows, { epochs: 1, backupDir: folder }),
    ]) {
      await expectCoded(write, 'ERR_IO', /model\.json/)
    }
    expect(readFileSync(path('model.json'), 'utf8')).toBe(content)
    expectStrangers(folder)
    expect(readdirSync(folder)).toHaveLength(strangers.length + 1)
  })

  it('does not replace a model.json that is no file', async () => {
    mkdirSync(path('model.json'))
    await expectCoded(() => tokenClassifier().save(folder), 'ERR_IO', /model\.json/)
    mkdirSync(path('other'))
    writeFileSync(path('target.json'), '{}')
    symlinkSync(path('target.json'), path('other', 'model.json'))
    await expectCoded(() => tokenClassifier().save(path('other')), 'ERR_IO', /symbolic link/)
    expect(readFileSync(path('target.json'), 'utf8')).toBe('{}')
  })

  it("keeps a file that a stranger's description lists but that is another one", async () => {
    await tokenClassifier(1).save(folder)
    const listed = readdirSync(folder).find((name) => name.startsWith('weights-')) as string
    writeFileSync(path(listed), 'mine now')
    const description = JSON.parse(readFileSync(path('model.json'), 'utf8'))
    writeFileSync(path('thesis.txt'), 'years')
    description.files['thesis.txt'] = { sha256: '0'.repeat(64), bytes: 5 }
    description.files['../thesis-0000000000000000.txt'] = { sha256: '0'.repeat(64), bytes: 5 }
    writeFileSync(path('model.json'), JSON.stringify(description))
    await tokenClassifier(2).save(folder)
    expect(readFileSync(path(listed), 'utf8')).toBe('mine now')
    expect(readFileSync(path('thesis.txt'), 'utf8')).toBe('years')
  })

  it('refuses to write over a file with a name of ours that holds something else', async () => {
    await tokenClassifier(1).save(path('first'))
    const name = readdirSync(path('first')).find((file) => file.startsWith('weights-')) as string
    mkdirSync(path('second'))
    writeFileSync(path('second', name), 'mine')
    await expectCoded(() => tokenClassifier(1).save(path('second')), 'ERR_IO', /in the way/)
    expect(readdirSync(path('second'))).toEqual([name])
    expect(readFileSync(path('second', name), 'utf8')).toBe('mine')
  })

  it('removes what killed writes left, also with nothing to load', async () => {
    await tokenClassifier(1).save(path('other'))
    // A process that was killed before it renamed its description.
    mkdirSync(path('killed'))
    for (const name of readdirSync(path('other'))) {
      writeFileSync(path('killed', name === 'model.json' ? '.model.json.tmp' : name), readFileSync(path('other', name)))
    }
    writeFileSync(path('killed', '.seqloom.lock'), '')
    await tokenClassifier(2).save(path('killed'))
    expect(readdirSync(path('killed'))).toHaveLength(readdirSync(path('other')).length)
    expect((await loadModel(path('killed'))).predictSync(tokens)).toEqual(tokenClassifier(2).predictSync(tokens))
  })

  it('leaves nothing behind when it fails', async () => {
    await tokenClassifier(1).save(folder)
    const before = readdirSync(folder)
    const name = await tokenClassifier(2)
      .save(path('probe'))
      .then(() => readdirSync(path('probe')).find((file) => file.startsWith('weights-')) as string)
    rmSync(path('probe'), { recursive: true })
    mkdirSync(path(name))
    await expectCoded(() => tokenClassifier(2).save(folder), 'ERR_IO')
    rmSync(path(name), { recursive: true })
    expect(readdirSync(folder)).toEqual(before)
    expect((await loadModel(folder)).predictSync(tokens)).toEqual(tokenClassifier(1).predictSync(tokens))
  })

  it.skipIf(process.platform !== 'linux')('rejects where no folder can be made', async () => {
    await expectCoded(() => tokenClassifier().save('/proc/nope/model'), 'ERR_IO', /proc/)
    // A folder that nothing can be written to, whoever runs this.
    await expectCoded(() => tokenClassifier().save('/proc/self'), 'ERR_IO', /proc\/(self|\d+)\//)
    await expectCoded(() => tokenClassifier().save(path('x'.repeat(300))), 'ERR_IO')
  })
})

describe('backups', () => {
  it('leave everything else in their folder', async () => {
    leaveStrangers(path('backup'))
    mkdirSync(path('backup', 'photos'))
    const backup = callbacks.backupAndRestore({ backupDir: path('backup') })
    await tokenClassifier().fit(tokens, labels, { epochs: 2, callbacks: backup })
    expectStrangers(path('backup'))
    expect(readdirSync(path('backup'))).toHaveLength(strangers.length + 1)
    const classifier = new tasks.TextClassifier(small)
    await classifier.train(rows, { epochs: 1, backupDir: path('backup') })
    expectStrangers(path('backup'))
  })

  it('work in the folder of the process, and leave it', async () => {
    mkdirSync(path('empty'))
    const program = fileURLToPath(new URL('../helpers/programs/backupHere.mjs', import.meta.url))
    const child = spawn(process.execPath, [program], { cwd: path('empty'), stdio: ['ignore', 'ignore', 'inherit'] })
    expect(await once(child, 'close')).toEqual([0, null])
    expect(readdirSync(path('empty'))).toEqual([])
  })

  it('do not remove a finished model in their folder, nor replace it', async () => {
    await tokenClassifier(1).save(folder)
    const before = readdirSync(folder)
    const backup = callbacks.backupAndRestore({ backupDir: folder })
    for (const callback of [backup, callbacks.backupAndRestore({ backupDir: folder, resume: false })]) {
      await expectCoded(
        () => tokenClassifier(2).fit(tokens, labels, { callbacks: callback }),
        'ERR_STATE',
        /holds a model/,
      )
    }
    // One that is saved there while the training goes on stays, too.
    const later = path('later')
    const save = { onEpochEnd: () => tokenClassifier(1).save(later) }
    const steps = callbacks.backupAndRestore({ backupDir: later, saveMinutes: 1000 })
    await tokenClassifier(2).fit(tokens, labels, { callbacks: [save, steps] })
    expect(readdirSync(folder).sort()).toEqual([...before, 'later'].sort())
    expect((await loadModel(later)).predictSync(tokens)).toEqual(tokenClassifier(1).predictSync(tokens))
  })

  it('begin anew where that is asked for', async () => {
    const backupDir = path('backup')
    const kept = callbacks.backupAndRestore({ backupDir, deleteCheckpoint: false })
    await tokenClassifier().fit(tokens, labels, { epochs: 2, callbacks: kept })
    const anew = callbacks.backupAndRestore({ backupDir, resume: false })
    const { epoch } = await tokenClassifier().fit(tokens, labels, { epochs: 3, callbacks: anew })
    expect(epoch).toEqual([0, 1, 2])
    expect(existsSync(backupDir)).toBe(false)
  })
})

describe('what replaces what', () => {
  it('a task does not replace another one unless asked to, and says what is there', async () => {
    const classifier = new tasks.TextClassifier(small)
    await classifier.train(rows, { epochs: 1 })
    await classifier.save(folder)
    const forecaster = new tasks.Forecaster({ units: 4, window: 8 })
    await forecaster.train(
      Array.from({ length: 80 }, (_, t) => Math.sin(t / 3)),
      { epochs: 1 },
    )
    await expectCoded(() => forecaster.save(folder), 'ERR_IO', /holds a text classifier/, /a forecaster/, /overwrite/)
    expect((await tasks.TextClassifier.load(folder)).labels).toEqual(['bad', 'good'])
    await classifier.save(folder)
    await forecaster.save(folder, { overwrite: true })
    await expectCoded(
      () => tasks.TextClassifier.load(folder),
      'ERR_FORMAT',
      /is no text classifier: it holds a forecaster, which tasks\.Forecaster\.load loads/,
    )
    expect((await tasks.Forecaster.load(folder)).variables).toEqual(['value'])
  })

  it('a task whose training was interrupted does not replace one that was trained to the end', async () => {
    const classifier = new tasks.TextClassifier(small)
    await classifier.train(rows, { epochs: 1 })
    await classifier.save(folder)
    const before = readFileSync(path('model.json'), 'utf8')
    const controller = new AbortController()
    const stopped = new tasks.TextClassifier(small)
    const training = stopped.train(rows, { epochs: 50, signal: controller.signal, onEpoch: () => controller.abort() })
    await expect(training).rejects.toMatchObject({ name: 'AbortError' })
    await expectCoded(() => stopped.save(folder), 'ERR_IO', /holds a text classifier/, /has not ended/)
    expect(readFileSync(path('model.json'), 'utf8')).toBe(before)
    await stopped.save(path('stopped'))
    // Loaded, it still is what it was; trained to the end, it takes its place.
    const again = await tasks.TextClassifier.load(path('stopped'))
    await expectCoded(() => again.save(folder), 'ERR_IO', /has not ended/)
    await again.train(rows, { epochs: 1 })
    await again.save(folder)
    expect(readFileSync(path('model.json'), 'utf8')).not.toBe(before)
  })

  it('checkpoints replace checkpoints, not finished models', async () => {
    const checkpoint = callbacks.modelCheckpoint({ path: path('best'), monitor: 'loss' })
    await tokenClassifier().fit(tokens, labels, { epochs: 2, callbacks: checkpoint })
    await tokenClassifier().fit(tokens, labels, { epochs: 2, callbacks: checkpoint })
    await tokenClassifier(3).save(path('best'))
    const epochs: number[] = []
    const count = { onEpochBegin: (epoch: number) => void epochs.push(epoch) }
    await expectCoded(
      () => tokenClassifier().fit(tokens, labels, { callbacks: [checkpoint, count] }),
      'ERR_IO',
      /holds a model/,
    )
    expect(epochs).toEqual([])
    const over = callbacks.modelCheckpoint({ path: path('best'), monitor: 'loss', overwrite: true })
    await tokenClassifier().fit(tokens, labels, { callbacks: over })
  })

  it.each([
    ['TextGenerator', /text generator/],
    ['SequenceTagger', /sequence tagger/],
    ['QuestionAnswerer', /question answerer/],
    ['Translator', /translator/],
    ['Captioner', /captioner/],
    ['Forecaster', /forecaster/],
  ] as const)('%s says what it was given instead', async (name, kind) => {
    const classifier = new tasks.TextClassifier(small)
    await classifier.train(rows, { epochs: 1 })
    await classifier.save(folder)
    const instead = /it holds a text classifier, which tasks\.TextClassifier\.load loads/
    await expectCoded(() => tasks[name].load(folder), 'ERR_FORMAT', kind, instead)
  })
})

describe('saves at once', () => {
  it('follow each other within a process, however the folder is spelled', async () => {
    symlinkSync(folder, `${folder}-link`)
    try {
      const spellings = [path('m'), path('.', 'm', '..', 'm'), join(`${folder}-link`, 'm'), pathToFileURL(path('m'))]
      for (let round = 0; round < 5; round++) {
        await Promise.all(spellings.map((spelling, i) => tokenClassifier(10 * round + i).save(spelling)))
        const last = 10 * round + spellings.length - 1
        expect((await loadModel(path('m'))).predictSync(tokens)).toEqual(tokenClassifier(last).predictSync(tokens))
      }
      expect(readdirSync(path('m'))).toHaveLength(3)
    } finally {
      rmSync(`${folder}-link`)
    }
  })

  it('leave a whole model across processes, which loads at every moment', async () => {
    const program = fileURLToPath(new URL('../helpers/programs/saves.mjs', import.meta.url))
    await tokenClassifier(1).save(path('m'))
    const children = ['1', '2', '3'].map((seed) =>
      spawn(process.execPath, [program, path('m'), seed, '25'], { stdio: ['ignore', 'ignore', 'inherit'] }),
    )
    const ends = Promise.all(children.map((child) => once(child, 'close')))
    let running = true
    void ends.then(() => {
      running = false
    })
    while (running) (await loadModel(path('m'))).dispose()
    expect((await ends).map(([code]) => code)).toEqual([0, 0, 0])
    expect(readdirSync(path('m'))).toHaveLength(3)
    await loadModel(path('m'))
  }, 60_000)

  it('survive kills at any moment, and leave no more than a save does', async () => {
    const program = fileURLToPath(new URL('../helpers/programs/saves.mjs', import.meta.url))
    await tokenClassifier(1).save(path('m'))
    for (let kill = 0; kill < 6; kill++) {
      const child = spawn(process.execPath, [program, path('m'), '1', '1000'], { stdio: ['ignore', 'pipe', 'inherit'] })
      await once(child.stdout, 'data')
      setTimeout(() => child.kill('SIGKILL'), 7 * kill)
      await once(child, 'close')
      await loadModel(path('m'))
    }
    await tokenClassifier(5).save(path('m'))
    expect(readdirSync(path('m'))).toHaveLength(3)
  }, 60_000)
})

describe('paths', () => {
  it('mean what they do when they are given, wherever the process works afterwards', async () => {
    const before = process.cwd()
    mkdirSync(path('one'))
    mkdirSync(path('two'))
    try {
      process.chdir(path('one'))
      const saves = Promise.all([tokenClassifier(1).save('m'), tokenClassifier(2).save('m')])
      const checkpoint = callbacks.modelCheckpoint({ path: 'best', monitor: 'loss' })
      const backup = callbacks.backupAndRestore({ backupDir: 'backup', deleteCheckpoint: false })
      process.chdir(path('two'))
      await saves
      await tokenClassifier().fit(tokens, labels, { callbacks: [checkpoint, backup] })
      expect(readdirSync(path('two'))).toEqual([])
      expect(readdirSync(path('one')).sort()).toEqual(['backup', 'best', 'm'])
      process.chdir(path('one'))
      const loading = loadModel('m')
      process.chdir(path('two'))
      expect((await loading).predictSync(tokens)).toEqual(tokenClassifier(2).predictSync(tokens))
    } finally {
      process.chdir(before)
    }
  })

  it('of logs and tokenizers do, too', async () => {
    const before = process.cwd()
    mkdirSync(path('one'))
    mkdirSync(path('two'))
    const tokenizer = await text.charTokenizer(['abc'])
    try {
      process.chdir(path('one'))
      const log = callbacks.csvLogger({ file: 'logs/log.csv' })
      const saving = tokenizer.save('tokenizer.json')
      process.chdir(path('two'))
      await saving
      await tokenClassifier().fit(tokens, labels, { callbacks: log })
    } finally {
      process.chdir(before)
    }
    expect(readdirSync(path('two'))).toEqual([])
    expect(readdirSync(path('one')).sort()).toEqual(['logs', 'tokenizer.json'])
  })

  it.runIf(process.platform === 'linux')(
    'of a log where no folder can be made are refused',
    async () => {
      const log = callbacks.csvLogger({ file: '/proc/nope/log.csv' })
      await expectCoded(
        () => tokenClassifier().fit(tokens, labels, { callbacks: log }),
        'ERR_IO',
        /csvLogger: cannot write/,
      )
    },
    10_000,
  )

  it('may be file: URLs', async () => {
    const url = pathToFileURL(path('a model', 'ünï'))
    await tokenClassifier().save(url)
    expect(existsSync(path('a model', 'ünï', 'model.json'))).toBe(true)
    for (const given of [url, url.href, path('a model', 'ünï')]) await loadModel(given)
    const classifier = new tasks.TextClassifier(small)
    await classifier.train(rows, { epochs: 1, backupDir: pathToFileURL(path('backup')) })
    await classifier.save(pathToFileURL(path('intents')).href)
    await tasks.TextClassifier.load(pathToFileURL(path('intents')))
    const checkpoint = callbacks.modelCheckpoint({ path: pathToFileURL(path('best')), monitor: 'loss' })
    await tokenClassifier().fit(tokens, labels, { callbacks: checkpoint })
    await loadModel(path('best'))
    const tokenizer = await text.charTokenizer(['abc'])
    await tokenizer.save(pathToFileURL(path('tokenizer.json')).href as string)
    expect((await text.loadTokenizer(pathToFileURL(path('tokenizer.json')).href)).vocabularySize).toBe(5)
    expect(readdirSync(folder).sort()).toEqual(['a model', 'best', 'intents', 'tokenizer.json'])
  })

  it('of other kinds are refused', async () => {
    const wrong = [
      ...['http://example.com/m', 'https://example.com/m', 's3://bucket/m', 'data:application/json,{}', 'gs://b/m'],
      ...[new URL('https://example.com/m'), 'file://other-host/m', 'file:m', 'file:///a%2Fb', '', 'a\0b', 3, null],
      ...[undefined, {}, ['m']],
    ]
    for (const given of wrong as string[]) {
      await expectCoded(() => tokenClassifier().save(given), 'ERR_OPTION', /path/)
      await expectCoded(() => loadModel(given), 'ERR_OPTION', /path/)
      await expectCoded(() => tasks.TextClassifier.load(given), 'ERR_OPTION', /path/)
      await expectCoded(() => callbacks.modelCheckpoint({ path: given }), 'ERR_OPTION', /path/)
      await expectCoded(() => callbacks.backupAndRestore({ backupDir: given }), 'ERR_OPTION', /backupDir/)
      await expectCoded(() => text.loadTokenizer(given), 'ERR_OPTION', /path/)
    }
    expect(readdirSync('.')).not.toContain('file:')
  })

  it('with a colon or a drive are paths', async () => {
    const m = sequential([layers.dense({ units: 1, inputShape: [1] })])
    await m.save(path('model:v2'))
    await loadModel(path('model:v2'))
    await expectCoded(() => loadModel(`C:\\nowhere\\${Date.now()}`), 'ERR_IO')
    expect(statSync(path('model:v2')).isDirectory()).toBe(true)
  })
})
