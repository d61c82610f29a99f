import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callbacks, inspect, layers, sequential } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-dashboard-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let made = 0
const fresh = (): string => join(folder, `runs-${made++}`)

function small() {
  const model = sequential([layers.dense({ units: 2, inputShape: [2], activation: 'softmax' })], { seed: 1 })
  model.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' })
  return model
}

const x = [
  [0, 1],
  [1, 0],
  [1, 1],
]
const y = [0, 1, 1]
const quiet = { onListening: () => undefined }

/** The events of the only run in a folder. */
function events(logDir: string): { type: string; [name: string]: unknown }[] {
  const [run, ...others] = readdirSync(logDir) as [string, ...string[]]
  expect(others).toEqual([])
  const lines = readFileSync(join(logDir, run, 'run.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
  return lines.map((line) => JSON.parse(line))
}

const types = (logDir: string) => events(logDir).map(({ type }) => type)

/** Looks at the page's server while a training waits. */
async function during(look: (address: string) => Promise<void>, logDir = fresh()): Promise<void> {
  let address = ''
  const onListening = (at: string) => {
    address = at
  }
  await small().fit(x, y, {
    epochs: 2,
    callbacks: [
      callbacks.dashboard({ logDir, onListening }),
      { onEpochEnd: (epoch) => (epoch === 1 ? look(address) : undefined) },
    ],
  })
}

function asked(address: string, options: object = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(address, options, resolve).on('error', reject).end()
  })
}

/** Reads server-sent events until a text has come. */
function stream(address: string, until: string, headers = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const call = get(`${address}events`, { headers }, (response) => {
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
        if (!text.includes(until)) return
        resolve(text)
        call.destroy()
      })
    })
    call.on('error', reject)
  })
}

describe('callbacks.dashboard', () => {
  it('writes a record of the run: its start, its epochs, pictures and its end', async () => {
    const logDir = fresh()
    await small().fit(x, y, {
      epochs: 3,
      callbacks: callbacks.dashboard({
        ...{
          logDir,
          ...quiet,
          pictureFreq: 2,
          name: 'try',
          confusion: { x, y, labels: ['a', 'b'] },
        },
        samples: async () => ({ prompt: 'p', text: 't' }),
      }),
    })
    const found = events(logDir)
    expect(found.map(({ type }) => type).filter((type) => type !== 'batch')).toEqual([
      ...['start', 'epoch', 'epoch', 'confusion', 'sample', 'histograms', 'histograms', 'epoch', 'end'],
    ])
    const pictured = found.filter(({ type }) => type === 'histograms')
    expect(pictured.map(({ epoch, of }) => [epoch, of])).toEqual([
      [2, 'weights'],
      [2, 'gradients'],
    ])
    expect(found[0]).toMatchObject({ version: 1, name: readdirSync(logDir)[0], epochs: 3, steps: 1 })
    expect(readdirSync(logDir)[0]).toMatch(/^try-\d{4}-\d\d-\d\d-\d{6}$/)
    const epoch = found.find(({ type }) => type === 'epoch')
    expect(epoch).toMatchObject({ epoch: 1, learningRate: 0.01 })
    expect(Object.keys(epoch?.values as object)).toEqual(['loss', 'gradient_norm/dense'])
    const { counts } = found.find(({ type }) => type === 'confusion') as unknown as { counts: number[][] }
    expect(counts.map((row) => row.reduce((sum, count) => sum + count))).toEqual([1, 2])
    const weights = found.find(({ type }) => type === 'histograms') as unknown as { histograms: { counts: number[] }[] }
    expect(weights.histograms[0]?.counts.reduce((sum, count) => sum + count)).toBe(4)
    expect(found.at(-1)).toMatchObject({ state: 'done' })
  })

  it('shows how weights and the gradients of the last step are distributed, those of rows of a table that no token named, too', async () => {
    const model = sequential(
      [
        layers.embedding({ inputDim: 9, outputDim: 3 }),
        layers.gru({ units: 2 }),
        layers.dense({ units: 2, activation: 'softmax' }),
      ],
      { seed: 3 },
    )
    model.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' })
    const [rows, classes] = [[[4, 8, 1, 5]], [1]] as const
    const { weights: expected } = await model.gradients(rows as never, classes as never)
    const logDir = fresh()
    await model.fit(rows as never, classes as never, { callbacks: callbacks.dashboard({ logDir, ...quiet }) })
    const of = (what: string) =>
      (
        events(logDir).find(({ type, of }) => type === 'histograms' && of === what) as unknown as {
          histograms: { name: string; least: number; most: number; mean: number; deviation: number; counts: number[] }[]
        }
      ).histograms
    const compare = (histograms: ReturnType<typeof of>, tensors: Record<string, { data: ArrayLike<number> }>) => {
      expect(histograms.map(({ name }) => name)).toEqual(Object.keys(tensors))
      for (const { name, least, most, mean, deviation, counts } of histograms) {
        const values = Array.from(tensors[name]?.data as ArrayLike<number>)
        const average = values.reduce((sum, value) => sum + value, 0) / values.length
        const variance = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / values.length
        expect([least, most]).toEqual([Math.min(...values), Math.max(...values)])
        expect(mean).toBeCloseTo(average, 6)
        expect(deviation).toBeCloseTo(Math.sqrt(variance), 6)
        expect(counts.reduce((sum, count) => sum + count)).toBe(values.length)
      }
    }
    compare(of('weights'), model.namedWeights())
    compare(of('gradients'), expected)
  })

  it('changes nothing of what is learned', async () => {
    const watched = small()
    const options = { epochs: 3, seed: 4 }
    await watched.fit(x, y, {
      ...options,
      callbacks: callbacks.dashboard({ logDir: fresh(), ...quiet, pictureFreq: 1 }),
    })
    const alone = small()
    await alone.fit(x, y, options)
    expect(watched.namedWeights()).toEqual(alone.namedWeights())
  })

  it('tells how a run ended that did not come to its end', async () => {
    const stopped = fresh()
    const controller = new AbortController()
    const abort = { onEpochEnd: () => controller.abort() }
    const aborted = small().fit(x, y, {
      ...{ epochs: 9, signal: controller.signal },
      callbacks: [callbacks.dashboard({ logDir: stopped, ...quiet }), abort],
    })
    await expect(aborted).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
    expect(events(stopped).at(-1)).toMatchObject({ type: 'end', state: 'aborted' })
    const failed = fresh()
    const samples = () => {
      throw new Error('no text')
    }
    const failing = small().fit(x, y, { callbacks: callbacks.dashboard({ logDir: failed, ...quiet, samples }) })
    await expect(failing).rejects.toThrow('no text')
    expect(events(failed).at(-1)).toMatchObject({ type: 'end', state: 'failed', message: 'no text' })
  })

  it('goes on with the record of a training that is resumed from a backup', async () => {
    const [logDir, backupDir] = [fresh(), fresh()]
    const train = (...others: object[]) =>
      small().fit(x, y, {
        epochs: 4,
        callbacks: [callbacks.dashboard({ logDir, ...quiet }), callbacks.backupAndRestore({ backupDir }), ...others],
      })
    const stops = (epoch: number) => {
      if (epoch === 2) throw new Error('power cut')
    }
    await expect(train({ onEpochEnd: stops })).rejects.toThrow('power cut')
    await train()
    expect(types(logDir).filter((type) => ['start', 'continue', 'end'].includes(type))).toEqual([
      'start',
      'end',
      'continue',
      'end',
    ])
    const epochs = events(logDir).flatMap((event) => (event.type === 'epoch' ? [event.epoch] : []))
    expect(epochs).toEqual([1, 2, 3, 3, 4])
  })

  it('watches a training that is resumed although it was not watched before, and the other way round', async () => {
    for (const [first, second] of [
      [false, true],
      [true, false],
    ]) {
      const [logDir, backupDir] = [fresh(), fresh()]
      const train = (isWatched: boolean | undefined, ...others: object[]) =>
        small().fit(x, y, {
          epochs: 3,
          callbacks: [
            ...(isWatched ? [callbacks.dashboard({ logDir, ...quiet })] : []),
            callbacks.backupAndRestore({ backupDir }),
            ...others,
          ],
        })
      const stops = (epoch: number) => {
        if (epoch === 1) throw new Error('power cut')
      }
      await expect(train(first, { onEpochEnd: stops })).rejects.toThrow('power cut')
      const { epoch } = await train(second)
      expect(epoch.at(-1)).toBe(2)
      if (second) {
        const noted = events(logDir).flatMap((event) => (event.type === 'epoch' ? [event.epoch] : []))
        expect(noted).toEqual([2, 3])
      }
    }
  })

  it('listens at an address with a secret, on this computer, and answers nobody else', async () => {
    await during(async (address) => {
      const { hostname, port } = new URL(address)
      expect(hostname).toBe('127.0.0.1')
      const page = await asked(address)
      expect(page.statusCode).toBe(200)
      const policy = page.headers['content-security-policy'] as string
      expect(policy).toContain("default-src 'none'")
      expect(policy.match(/(?:https?:|\*|unsafe)/)).toBeNull()
      const statuses = await Promise.all([
        asked(`http://127.0.0.1:${port}/`),
        asked(`http://127.0.0.1:${port}/${'A'.repeat(22)}/`),
        asked(`${address}..%2f..%2fpackage.json`),
        asked(address, { headers: { host: `evil.example:${port}` } }),
        asked(address, { method: 'POST' }),
      ])
      expect(statuses.map(({ statusCode }) => statusCode)).toEqual([404, 404, 404, 403, 405])
    })
  })

  it('sends a page what it has missed, and what it missed alone', async () => {
    await during(async (address) => {
      const first = await stream(address, '"type":"epoch"')
      expect(first).toContain('"type":"start"')
      const id = /id: (.*)/.exec(first)?.[1] as string
      const rest = await stream(address, 'event: runs', { 'last-event-id': id })
      expect(rest).not.toContain('"type":"start"')
      const nonsense = await stream(address, '"type":"epoch"', { 'last-event-id': '%%%@9,../..@1' })
      expect(nonsense).toContain('"type":"start"')
    })
  })

  it('refuses a port in use, before anything is trained', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const logDir = fresh()
    const fit = small().fit(x, y, { callbacks: callbacks.dashboard({ port, logDir, ...quiet }) })
    await expect(fit).rejects.toThrow(coded('ERR_IO', /is in use; choose another one/))
    expect(existsSync(logDir)).toBe(false)
    server.close()
  })

  it('records the states of a layer that gives its last step alone, of both directions, as inspect.states gives them', async () => {
    const model = sequential(
      [
        layers.embedding({ inputDim: 9, outputDim: 3 }),
        layers.bidirectional({ layer: layers.gru({ units: 2 }) }),
        layers.dense({ units: 2, activation: 'softmax' }),
      ],
      { seed: 3 },
    )
    model.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' })
    const logDir = fresh()
    const row = [4, 8, 1, 5]
    await model.fit([row, [2, 3]], [0, 1], { callbacks: callbacks.dashboard({ logDir, ...quiet, states: { x: row } }) })
    const [ahead, back] = await inspect.states(model, [row])
    const step = (at: number) =>
      [ahead, back].flatMap((each) => Array.from(each?.values.h?.data.slice(2 * at, 2 * at + 2) ?? []))
    const { values } = events(logDir).find(({ type }) => type === 'states') as unknown as { values: number[][] }
    for (const at of row.keys()) {
      for (const [unit, value] of step(at).entries()) expect(values[at]?.[unit]).toBeCloseTo(value, 3)
    }
    expect(values.map((each) => each.length)).toEqual([4, 4, 4, 4])
  })

  it('refuses options and data that it cannot show, and folders that it cannot write', async () => {
    expect(() => callbacks.dashboard({ port: 70_000 })).toThrow(
      coded('ERR_OPTION', /port must be an integer from 0 to 65535/),
    )
    expect(() => callbacks.dashboard({ confusion: 3 as never })).toThrow(coded('ERR_OPTION', /\{ x, y \}/))
    expect(() => callbacks.dashboard({ prot: 1 } as never)).toThrow(coded('ERR_OPTION', /no option 'prot'/))
    const file = join(folder, 'file')
    writeFileSync(file, '')
    const train = (options: object) =>
      small().fit(x, y, { callbacks: callbacks.dashboard({ logDir: fresh(), ...quiet, ...options }) })
    await expect(train({ logDir: file })).rejects.toThrow(coded('ERR_IO'))
    await expect(train({ confusion: { x, y: [7, 7, 7] } })).rejects.toThrow(coded('ERR_DATA', /classes from 0 to 1/))
    await expect(train({ confusion: { x, y: [0] } })).rejects.toThrow(coded('ERR_SHAPE'))
    await expect(train({ states: { x: [1] } })).rejects.toThrow(coded('ERR_DATA', /no recurrent/))
    await expect(train({ attention: () => ({ rows: ['a'], columns: [], weights: [[1]] }) })).rejects.toThrow(
      coded('ERR_DATA', /a weight for every row and column/),
    )
  })
})

describe('history.plot', () => {
  it('draws losses and metrics, those of validation dashed', async () => {
    const history = await small().fit(x, y, { epochs: 3, validationSplit: 0.4, callbacks: callbacks.gradientNorms() })
    const picture = history.plot()
    expect(picture).toMatch(/^<svg [\s\S]*<\/svg>\n$/)
    expect(picture).toContain('>loss<')
    expect(picture).toContain('>norm of gradients<')
    expect(picture.match(/<path /g)).toHaveLength(3)
    expect(picture.match(/<path [^>]*stroke-dasharray/g)).toHaveLength(1)
    expect(history.plot({ width: 300 })).toContain('width="300"')
    expect(() => history.plot({ width: 'wide' as never })).toThrow(coded('ERR_OPTION', /width/))
    const forms = (history as unknown as Record<symbol, () => Record<string, string>>)[
      Symbol.for('Jupyter.display')
    ]?.()
    expect(forms?.['image/svg+xml']).toBe(picture)
  })
})
