import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { callbacks, data, layers, sequential } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-surroundings-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

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

/** The events of every run in a folder. */
const records = (logDir: string): Record<string, unknown>[][] =>
  readdirSync(logDir).map((run) =>
    readFileSync(join(logDir, run, 'run.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  )

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

describe('callbacks.dashboard', () => {
  it('keeps the records of trainings apart that run at once, and the page of one shows them all', async () => {
    const logDir = join(folder, 'at-once')
    const addresses: string[] = []
    const lists: string[] = []
    const train = () =>
      small().fit(x, y, {
        epochs: 2,
        callbacks: [
          callbacks.dashboard({ logDir, name: 'same', onListening: (address) => void addresses.push(address) }),
          {
            async onEpochEnd(epoch) {
              if (epoch === 0) return void (await pause(400))
              const response = await fetch(`${addresses[0]}events`)
              const reader = (response.body as ReadableStream<Uint8Array>).getReader()
              let text = ''
              while (!/event: runs\ndata: .*\n/.test(text)) {
                text += new TextDecoder().decode((await reader.read()).value)
              }
              lists.push(/event: runs\ndata: (.*)\n/.exec(text)?.[1] as string)
              await reader.cancel()
            },
          },
        ],
      })
    await Promise.all([train(), train(), train()])
    expect(new Set(addresses).size).toBe(3)
    expect(JSON.parse(lists[0] as string)).toHaveLength(3)
    const found = records(logDir)
    expect(found).toHaveLength(3)
    for (const events of found) {
      expect(events.filter(({ type }) => type === 'epoch').map(({ epoch }) => epoch)).toEqual([1, 2])
      expect(events.at(-1)).toMatchObject({ type: 'end', state: 'done' })
    }
  })

  it('does not pretend to know how long the first epoch of a stream is', async () => {
    const logDir = join(folder, 'stream')
    const rows = data.from(async function* () {
      for (let row = 0; row < 16; row++) {
        yield { x: [row % 2, 1], y: row % 2 }
        if (row % 8 === 7) await pause(400)
      }
    })
    await small().fit(rows.batch(4), {
      epochs: 2,
      callbacks: callbacks.dashboard({ logDir, onListening: () => undefined }),
    })
    const batches = (records(logDir)[0] ?? []).filter(({ type }) => type === 'batch')
    const known = (epoch: number) => new Set(batches.filter((each) => each.epoch === epoch).map((each) => each.batches))
    expect([known(1), known(2)]).toEqual([new Set([0]), new Set([4])])
  })

  it('works in a worker thread', async () => {
    const logDir = join(folder, 'worker')
    const program = `
      const { workerData, parentPort } = require('node:worker_threads')
      const { callbacks, layers, sequential } = require('seqloom')
      const model = sequential([layers.dense({ units: 1, inputShape: [1] })])
      model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
      let address
      model.fit([[1], [2]], [[1], [2]], {
        epochs: 2,
        callbacks: [
          callbacks.dashboard({ logDir: workerData, onListening: (at) => { address = at } }),
          { onEpochEnd: async () => { parentPort.postMessage((await fetch(address)).status) } },
        ],
      })`
    const statuses: number[] = []
    await new Promise<void>((resolve, reject) => {
      const worker = new Worker(program, { eval: true, workerData: logDir })
      worker.on('message', (status) => statuses.push(status))
      worker.on('error', reject)
      worker.on('exit', () => resolve())
    })
    expect(statuses).toEqual([200, 200])
    expect(records(logDir)[0]?.at(-1)).toMatchObject({ type: 'end', state: 'done' })
  })
})
