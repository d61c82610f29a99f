import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AbortError, callbacks, data, layers, optimizers, search, sequential, tasks } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const root = mkdtempSync(join(tmpdir(), 'seqloom-search-test-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let made = 0
const fresh = (): string => join(root, `search-${made++}`)

const x = Array.from({ length: 60 }, (_, row) =>
  Array.from({ length: 3 + (row % 4) }, (_, at) => (row * 7 + at * 5) % 9),
)
const y = Int32Array.from(x, ([first = 0]) => Number(first > 4))

const space = {
  cell: search.choice(['lstm', 'gru']),
  units: search.integer(2, 8),
  learningRate: search.logUniform(1e-3, 0.1),
}

function model({ cell, units, learningRate }: { cell: 'lstm' | 'gru'; units: number; learningRate: number }) {
  const made = sequential(
    [
      layers.embedding({ inputDim: 9, outputDim: 4 }),
      cell === 'lstm' ? layers.lstm({ units }) : layers.gru({ units }),
      layers.dense({ units: 2, activation: 'softmax' }),
    ],
    { seed: 5 },
  )
  made.compile({
    optimizer: optimizers.adam({ learningRate }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
  })
  return made
}

const subject = { space, model, x, y, fit: { epochs: 3, batchSize: 8, validationSplit: 0.25 }, seed: 4 }
const short = ({ epochs: _, ...fit } = subject.fit) => fit
/** What trials came to, without how long they took. */
const outcomes = (trials: readonly search.Trial<unknown>[]) => trials.map(({ seconds: _, ...rest }) => rest)

const letter = (at: number) => String.fromCharCode(97 + at)
const rows = Array.from({ length: 60 }, (_, at) => ({
  text: `${at % 2 === 0 ? 'the good' : 'a bad'} film of ${letter(at % 26)}${letter(at % 7)}`,
  label: at % 2 === 0 ? 'good' : 'bad',
}))

describe('search.random', () => {
  it('gives the same trials and the same weights for any number of workers; the best is trained anew', async () => {
    const [one, four] = await Promise.all([1, 4].map((workers) => search.random({ ...subject, trials: 5, workers })))
    expect(outcomes(one?.trials ?? [])).toEqual(outcomes(four?.trials ?? []))
    expect(one?.trials.map(({ number, state, values }) => [number, state, values.length])).toEqual(
      [1, 2, 3, 4, 5].map((number) => [number, 'complete', 3]),
    )
    const best = one?.trials.toSorted((a, b) => (a.value ?? 9) - (b.value ?? 9))[0]
    expect(one?.best).toEqual(best)
    expect(best?.value).toBe(Math.min(...(best?.values ?? [])))
    const weights = [one, four].map((found) => found?.refitted?.getWeights().map(({ data }) => data))
    expect(weights[0]).toEqual(weights[1])
    // It has the value that was compared.
    const held = 45
    const refitted = one?.refitted as ReturnType<typeof model>
    const [loss] = await refitted.evaluate(x.slice(held), y.slice(held), {
      batchSize: 8,
    })
    expect(loss).toBeCloseTo(one?.best.value as number, 5)
    const table = one?.table().split('\n') as string[]
    expect(table[0]).toMatch(/^trial +state +val_loss +epoch +seconds +cell +units +learningRate$/)
    expect(table[1]?.startsWith(String(one?.best.number))).toBe(true)
  })

  it('tries different options, all of a small space, and the first ones of a longer search first', async () => {
    const seen: number[] = []
    const found = await search.random({
      ...subject,
      space: { units: search.choice([2, 3, 4]) },
      model: ({ units }) => model({ cell: 'gru', units, learningRate: 0.01 }),
      fit: () => ({ ...subject.fit, epochs: 1, callbacks: callbacks.earlyStopping({ patience: 1 }) }),
      trials: 10,
      refit: false,
      onTrial: (trial, { done, trials }) => {
        expect(trials).toBe(3)
        seen.push(done)
        expect([2, 3, 4]).toContain(trial.options.units)
      },
    })
    expect(found.trials.map(({ options }) => options.units).toSorted()).toEqual([2, 3, 4])
    expect(seen).toEqual([1, 2, 3])
    expect(found.refitted).toBeUndefined()
    const drawn = async (trials: number) => (await search.random({ ...subject, trials, refit: false })).trials
    expect(outcomes(await drawn(2))).toEqual(outcomes((await drawn(3)).slice(0, 2)))
  })

  it('draws from what was declared', async () => {
    const options: object[] = []
    const wide = {
      a: search.uniform(-2, 3),
      b: search.logUniform(1e-5, 1e-1),
      c: search.integer(1, 1000, { log: true }),
      d: search.choice([null, true, 'x', 2]),
    }
    const trap = search.random({
      ...subject,
      space: wide,
      model: (given) => {
        options.push(given)
        throw new Error('no model')
      },
      trials: 400,
    })
    await expect(trap).rejects.toThrow(coded('ERR_DATA', /no trial came to its end; trial 1: no model/))
    const drawn = options as { a: number; b: number; c: number; d: unknown }[]
    expect(drawn.length).toBe(400)
    expect(drawn.every(({ a, b, c }) => a >= -2 && a < 3 && b >= 1e-5 && b < 0.1 && c >= 1 && c <= 1000)).toBe(true)
    // Half of the logarithms are below the middle one.
    for (const share of [
      drawn.filter(({ b }) => b < 1e-3),
      drawn.filter(({ c }) => c < 32),
      drawn.filter(({ a }) => a < 0.5),
    ])
      expect(Math.abs(share.length / 400 - 0.5)).toBeLessThan(0.1)
    expect(new Set(drawn.map(({ d }) => d)).size).toBe(4)
  })

  it('notes trials that fail with their errors, and goes on', async () => {
    const found = await search.random({
      ...subject,
      space: { units: search.choice([2, 3, 4, 5]) },
      model: ({ units }) => {
        if (units === 4) throw new TypeError('not four')
        return model({ cell: 'lstm', units: units === 3 ? -1 : units, learningRate: units === 5 ? 1e38 : 0.01 })
      },
    })
    const of = (units: number) => found.trials.find(({ options }) => options.units === units)
    expect(of(3)).toMatchObject({ state: 'failed', error: { code: 'ERR_OPTION' } })
    expect(of(4)).toMatchObject({ state: 'failed', error: { code: 'TypeError', message: 'not four' } })
    expect(of(5)).toMatchObject({ state: 'failed', error: { code: 'ERR_NUMERIC' } })
    expect(found.best.options.units).toBe(2)
    expect(found.table()).toContain('ERR_NUMERIC')
    expect(found.table()).toMatch(/^trial .* reason *$/m)
    expect(found.table()).toMatch(/TypeError .*not four *$/m)
  })

  it('adds nothing to a folder of other files', async () => {
    const folder = fresh()
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'trial-0001.json'), '{}')
    await expect(search.random({ ...subject, space, folder })).rejects.toEqual(
      coded('ERR_IO', /holds 'trial-0001\.json' and no search; name an empty folder/),
    )
    expect(readdirSync(folder)).toEqual(['trial-0001.json'])
    rmSync(join(folder, 'trial-0001.json'))
    writeFileSync(join(folder, '.hidden'), '')
    await search.random({ ...subject, space, trials: 1, folder })
    writeFileSync(join(folder, 'notes.txt'), '')
    await search.random({ ...subject, space, trials: 1, folder })
  })

  it('says to wait where another process searches in a folder', async () => {
    const folder = fresh()
    const both = [1, 2].map(() => search.random({ ...subject, space, trials: 1, folder }))
    const ends = await Promise.allSettled(both)
    const [refused, ...others] = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
    expect(refused).toEqual(coded('ERR_STATE', /another process has been writing.*; wait until it has ended/))
    expect(others).toEqual([])
  })

  it('keeps a file for each trial and goes on after a kill, with the same result', async () => {
    const folder = fresh()
    const program = fileURLToPath(new URL('../helpers/programs/search.mjs', import.meta.url))
    const whole = await import(program)
    const expected = await whole.run(undefined)
    for (let kill = 0; kill < 3; kill++) {
      const child = spawn(process.execPath, [program, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
      await new Promise<void>((resolve) => {
        let text = ''
        child.stdout.on('data', (piece) => {
          text += piece
          if (text.split('epoch').length > 8) child.kill('SIGKILL')
        })
        child.on('close', () => resolve())
      })
    }
    const files = readdirSync(folder).filter((name) => /^trial-\d{4}\.json$/.test(name))
    expect(files.length).toBeGreaterThan(0)
    const found = await whole.run(folder)
    expect(outcomes(found.trials)).toEqual(outcomes(expected.trials))
    expect(found.refitted.getWeights()).toEqual(expected.refitted.getWeights())
    // Nothing is trained again.
    const again = await whole.run(folder, false)
    expect(again.trials).toEqual(found.trials)
    expect(readdirSync(folder).filter((name) => !name.endsWith('.json'))).toEqual(['runs'])
  })

  it('refuses the folder of another search, or of other data, and damaged files; more trials go on', async () => {
    const folder = fresh()
    const own = { ...subject, folder, refit: false } as const
    const first = await search.random({ ...own, trials: 2 })
    const more = await search.random({ ...own, trials: 3 })
    expect(more.trials.slice(0, 2)).toEqual(first.trials)
    const other = (options: object) => search.random({ ...own, ...options })
    await expect(other({ seed: 5 })).rejects.toThrow(coded('ERR_STATE', /holds a search with seed 4, not 5/))
    await expect(other({ x: x.map((row) => row.toReversed()) })).rejects.toThrow(coded('ERR_STATE', /with data/))
    await expect(other({ monitor: 'val_accuracy' })).rejects.toThrow(coded('ERR_STATE', /with monitor/))
    const halving = search.halving({ ...own, fit: short(), epochs: 3 })
    await expect(halving).rejects.toThrow(coded('ERR_STATE', /with method 'random', not 'halving'/))
    writeFileSync(join(folder, 'trial-0002.json'), '{"number":2')
    await expect(other({})).rejects.toThrow(coded('ERR_FORMAT', /trial-0002\.json' is damaged/))
    const [a, b] = await Promise.allSettled([
      search.random({ ...own, folder: fresh() }),
      other({ folder: join(root, `search-${made - 1}`) }),
    ])
    expect([a?.status, b?.status].toSorted()).toEqual(['fulfilled', 'rejected'])
  })

  it('ends by its signal, and after its time', async () => {
    const controller = new AbortController()
    const folder = fresh()
    const own = { ...subject, fit: { ...subject.fit, epochs: 500 }, folder, trials: 6, workers: 2 }
    setTimeout(() => controller.abort(), 300)
    const began = performance.now()
    await expect(search.random({ ...own, signal: controller.signal })).rejects.toBeInstanceOf(AbortError)
    expect(performance.now() - began).toBeLessThan(5000)
    const limited = await search.random({ ...subject, trials: 1000, maxSeconds: 0.5, refit: false })
    expect(limited.trials.length).toBeLessThan(1000)
    expect(limited.trials.every(({ state }) => state === 'complete')).toBe(true)
  })

  it('shows its trials beside each other on a page, and keeps their records', async () => {
    const folder = fresh()
    let address = ''
    const onListening = (at: string) => {
      address = at
    }
    const own = { ...subject, fit: short(), folder, epochs: 3, trials: 3 }
    let page = ''
    const fit = () => ({
      ...short(),
      callbacks: {
        async onEpochEnd() {
          page = await (await fetch(address)).text()
        },
      },
    })
    await search.halving({ ...own, fit, dashboard: { onListening } })
    expect(page).toContain('<title>Seqloom</title>')
    await expect(fetch(address)).rejects.toThrow()
    const last = (name: string) =>
      JSON.parse(
        readFileSync(join(folder, 'runs', name, 'run.jsonl'), 'utf8')
          .trimEnd()
          .split('\n')
          .at(-1) as string,
      )
    const names = readdirSync(join(folder, 'runs')).toSorted()
    expect(names).toEqual(['refit', 'trial-0001', 'trial-0002', 'trial-0003'])
    expect(names.map((name) => last(name).state).toSorted()).toEqual(['done', 'done', 'pruned', 'pruned'])
  })

  it('takes rows that come one after another', async () => {
    const stream = data.from(x.map((row, at) => ({ x: row, y: y[at] as number })))
    const fit = { epochs: 2, batchSize: 8, validationData: [x, y] as const }
    const { y: _, ...own } = subject
    const found = await search.random({ ...own, x: stream, fit, trials: 2 })
    expect(found.trials.map(({ state }) => state)).toEqual(['complete', 'complete'])
  })

  it('finds options of a task', async () => {
    const found = await search.random({
      task: tasks.TextClassifier,
      data: rows,
      options: { bidirectional: false, seed: 2 },
      train: { epochs: 2, batchSize: 16, validationSplit: 0.4 },
      space: {
        units: search.integer(4, 8),
        cell: search.choice(['gru', 'lstm']),
        learningRate: search.logUniform(1e-3, 0.05),
      },
      monitor: 'val_accuracy',
      trials: 3,
    })
    expect(found.best.value).toBe(Math.max(...found.trials.map(({ value = 0 }) => value)))
    const [prediction] = await (found.refitted as tasks.TextClassifier).predict(['a good film'])
    expect(['good', 'bad']).toContain(prediction?.label)
    const all = await search.random({
      ...{ task: tasks.TextClassifier, data: rows, space: { units: search.choice([4]) } },
      ...{ train: { epochs: 2, validationSplit: 0.4 }, refit: 'all' },
    })
    expect(all.refitted?.ready).toBe(true)
  })

  it('refuses what cannot be searched', async () => {
    const rejects = async (options: object, message: RegExp, code = 'ERR_OPTION') =>
      await expect(search.random({ ...subject, ...options } as never)).rejects.toThrow(coded(code, message))
    await rejects({ space: {} }, /space must be an object of what search\.choice/)
    await rejects({ space: { units: [1, 2] } }, /'units' is an array|'units' is \[1, 2\]/)
    await rejects({ trails: 3 }, /no option 'trails'/)
    await rejects({ model: 3 }, /model must be a function/)
    await rejects({ model: () => 3 }, /model must return a compiled model, not 3/)
    await rejects(
      { model: () => sequential([layers.dense({ units: 1, inputShape: [2] })]) },
      /call compile first/,
      'ERR_STATE',
    )
    await rejects({ y: undefined }, /y is missing/)
    await rejects(
      { fit: { callbacks: callbacks.earlyStopping() } },
      /fit must be a function .* where there are callbacks/,
    )
    await rejects({ fit: { signal: new AbortController().signal } }, /fit cannot have signal/)
    await rejects({ monitor: 'val_f1' }, /there is no 'val_f1' to monitor/)
    await rejects({ fit: { epochs: 1 } }, /give validationData or validationSplit/)
    await rejects({ workers: 0 }, /workers must be/)
    expect(() => search.choice([])).toThrow(coded('ERR_OPTION', /search\.choice/))
    expect(() => search.choice([1, 1])).toThrow(coded('ERR_OPTION', /different/))
    expect(() => search.choice([{}] as never)).toThrow(coded('ERR_OPTION'))
    expect(() => search.uniform(1, 1)).toThrow(coded('ERR_OPTION', /the lower one first/))
    expect(() => search.logUniform(0, 1)).toThrow(coded('ERR_OPTION', /both above 0/))
    expect(() => search.integer(0, 4, { log: true })).toThrow(coded('ERR_OPTION'))
    expect(() => search.integer(0.5, 4)).toThrow(coded('ERR_OPTION', /two integers/))
    const ofTask = async (options: object, message: RegExp) => {
      const given = { task: tasks.TextClassifier, data: rows, space: { units: search.choice([4]) }, ...options }
      await expect(search.random(given as never)).rejects.toThrow(coded('ERR_OPTION', message))
    }
    await ofTask(
      { space: { unit: search.choice([4]) } },
      /TextClassifier has no option 'unit' that can be searched; it has .*units/,
    )
    await ofTask({ space: { units: search.choice([4, 0]) } }, /units must be an integer of at least 1, not 0/)
    await ofTask({ space: { dropout: search.uniform(0, 2) } }, /dropout must be/)
    await ofTask({ space: { resume: search.choice([true]) } }, /no option 'resume'/)
    await ofTask({ task: class {} }, /task must be a class of tasks/)
    await ofTask({ options: { bidirectionl: true } }, /no option 'bidirectionl'/)
    await ofTask({ train: { backupDir: 'x' } }, /train cannot have backupDir/)
  })
})

describe('search.halving', () => {
  it('compares after few epochs; what goes on has the bits of a training that never stopped', async () => {
    const own = { ...subject, fit: short(), epochs: 9, trials: 9 }
    const found = await search.halving({ ...own, workers: 3 })
    const epochs = found.trials.map(({ values }) => values.length)
    expect(epochs.toSorted((a, b) => a - b)).toEqual([1, 1, 1, 1, 1, 1, 3, 3, 9])
    expect(found.trials.map(({ state }) => state).toSorted()).toEqual([
      ...new Array(1).fill('complete'),
      ...new Array(8).fill('pruned'),
    ])
    const whole = await search.random({ ...subject, fit: { ...subject.fit, epochs: 9 }, trials: 9, refit: false })
    for (const [at, trial] of found.trials.entries()) {
      expect(trial.options).toEqual(whole.trials[at]?.options)
      expect(trial.values).toEqual(whole.trials[at]?.values.slice(0, trial.values.length))
    }
    // The best three after the first epoch went on.
    const after = (trial: { values: readonly number[] }) => trial.values[0] as number
    const third = found.trials.map(after).toSorted((a, b) => a - b)[2] as number
    for (const trial of found.trials) expect(trial.values.length > 1).toBe(after(trial) <= third)
    const again = await search.halving({ ...own, workers: 1 })
    expect(outcomes(again.trials)).toEqual(outcomes(found.trials))
    expect(again.refitted?.getWeights()).toEqual(found.refitted?.getWeights())
  })

  it('goes on where a folder ends, and leaves no backups', async () => {
    const expected = await search.halving({ ...subject, fit: short(), epochs: 4, factor: 2 })
    const folder = fresh()
    for (let ends = 1; ends < 6; ends++) {
      const controller = new AbortController()
      let seen = 0
      const partly = search.halving({
        ...{ ...subject, fit: short(), epochs: 4, factor: 2, folder, signal: controller.signal },
        onTrial: () => {
          if (++seen === 2) controller.abort()
        },
      })
      await partly.catch((error) => expect(error).toBeInstanceOf(AbortError))
    }
    const found = await search.halving({ ...subject, fit: short(), epochs: 4, factor: 2, folder })
    expect(outcomes(found.trials)).toEqual(outcomes(expected.trials))
    expect(readdirSync(folder).filter((name) => /^trial-\d+$/.test(name))).toEqual([])
  })

  it('takes tasks, whose trainings go on likewise', async () => {
    const own = { task: tasks.TextClassifier, data: rows, space: { units: search.integer(3, 9) }, options: { seed: 2 } }
    const found = await search.halving({ ...own, train: { batchSize: 16, validationSplit: 0.4 }, epochs: 4, factor: 2 })
    expect(found.trials.map(({ values }) => values.length).toSorted()).toEqual([1, 1, 2, 4])
    const whole = await search.random({
      ...own,
      train: { batchSize: 16, validationSplit: 0.4, epochs: 4 },
      trials: 4,
      refit: false,
    })
    for (const [at, trial] of found.trials.entries())
      expect(trial.values).toEqual(whole.trials[at]?.values.slice(0, trial.values.length))
    expect(found.refitted?.ready).toBe(true)
  })

  it('lets trials end early, and refuses epochs in two places', async () => {
    const found = await search.halving({
      ...{ ...subject, epochs: 9, trials: 3 },
      fit: () => ({
        ...short(),
        callbacks: { onEpochEnd: (epoch, _, training) => void (epoch === 1 && training.stop()) },
      }),
    })
    expect(found.trials.map(({ values }) => values.length).toSorted()).toEqual([1, 1, 2])
    expect(found.best.state).toBe('complete')
    const wrong = async (options: object, message: RegExp) =>
      await expect(search.halving({ ...subject, epochs: 3, ...options } as never)).rejects.toThrow(
        coded('ERR_OPTION', message),
      )
    await wrong({}, /epochs is an option of the search, not of fit/)
    await wrong({ fit: short(), epochs: undefined }, /epochs is missing/)
    await wrong({ fit: short(), minEpochs: 4 }, /minEpochs 4 must be at most epochs 3/)
    await wrong({ fit: short(), factor: 1 }, /factor must be/)
  })
})

describe('search.hyperband', () => {
  it('runs brackets of its paper', async () => {
    const found = await search.hyperband({ ...subject, fit: short(), epochs: 4, factor: 2, refit: false })
    // R = 4, eta = 2: brackets of 4 trials from one epoch on, 3 from two, 3 of four.
    expect(found.trials.length).toBe(10)
    const epochs = found.trials.map(({ values }) => values.length)
    expect(epochs.slice(0, 4).toSorted()).toEqual([1, 1, 2, 4])
    expect(epochs.slice(4, 7).toSorted()).toEqual([2, 2, 4])
    expect(epochs.slice(7)).toEqual([4, 4, 4])
    expect(existsSync('runs/trial-0001')).toBe(false)
  })
})
