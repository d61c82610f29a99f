import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { best } from '../helpers/loopDelay.js'

const program = fileURLToPath(new URL('../helpers/programs/terminated.mjs', import.meta.url))

/** The longest that the end of a worker may take, in milliseconds: the work itself takes many seconds. */
const bound = 1000

it.each(['subword', 'encode', 'fit'])(
  'a worker ends at once while long work goes on: %s',
  async (kind) => {
    const taken = await best(bound, async () => {
      const messages: string[] = []
      const worker = new Worker(program, { workerData: kind })
      worker.on('message', (message) => messages.push(message))
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
      await sleep(200)
      const start = performance.now()
      await worker.terminate()
      const taken = performance.now() - start
      expect(messages).toEqual(['under way'])
      return taken
    })
    expect(taken).toBeLessThan(bound)
  },
  120_000,
)
